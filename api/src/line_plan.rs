//! The plan by which lines of the Influx line protocol are read: compiled at start, and again when quantities are declared.

use connectors::line::{LineMapping, LinePlan};
use engine::domain::Quantities;
use engine::source::SourceError;
use std::sync::{Arc, PoisonError, RwLock};

/// The plan in force. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct CurrentPlan {
    mappings: Arc<[LineMapping]>,
    plan: Arc<RwLock<Arc<LinePlan>>>,
}

impl CurrentPlan {
    /// Checks the mappings against the quantities of the site.
    ///
    /// # Errors
    /// [`SourceError`] that names the key of the configuration.
    pub(crate) fn compile(mappings: &[LineMapping], known: &Quantities) -> Result<Self, SourceError> {
        let plan = LinePlan::new(mappings, known)?;
        Ok(Self { mappings: mappings.into(), plan: Arc::new(RwLock::new(Arc::new(plan))) })
    }

    /// The plan.
    pub(crate) fn get(&self) -> Arc<LinePlan> {
        Arc::clone(&self.plan.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes newly declared quantities in.
    ///
    /// # Errors
    /// [`SourceError`]; the plan in force stays.
    pub(crate) fn renew(&self, known: &Quantities) -> Result<(), SourceError> {
        let plan = LinePlan::new(&self.mappings, known)?;
        *self.plan.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(plan);
        Ok(())
    }
}
