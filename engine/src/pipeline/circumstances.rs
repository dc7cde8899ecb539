//! What the store and the configuration say about an asset beside its telemetry, gathered for its forecast.
//!
//! In: an asset, a quantity, the stretch of history. Out: [`Circumstances`]. What was known when is decided in `features`.

use super::Pipeline;
use super::PipelineError;
use crate::domain::Asset;
use crate::domain::Quantity;
use crate::domain::TimeRange;
use crate::domain::Timestamp;
use crate::features::Circumstances;
use crate::features::Target;
use crate::features::masked_rows;

impl Pipeline {
    /// Annotations from the start of the history on, flags within it, and the operator's days.
    ///
    /// # Errors
    /// [`PipelineError::Store`].
    pub(super) async fn circumstances(
        &self,
        asset: &Asset,
        quantity: &Quantity,
        history: TimeRange,
    ) -> Result<Circumstances, PipelineError> {
        let near = Circumstances::of(asset, &self.store.assets());
        let from_then_on = TimeRange::new(history.start(), Timestamp::MAX)?;
        Ok(Circumstances {
            annotations: self.store.annotations(Some(&near.assets(&asset.id)), Some(from_then_on)).await?,
            flags: self.store.flagged(&asset.id, quantity, Some(history)).await?,
            days: self.options.days.clone(),
            ..near
        })
    }
}

/// Says how many past values a forecast at `at` does not use, and why.
pub(super) fn say_masked(target: &Target, at: Timestamp) {
    if tracing::enabled!(tracing::Level::DEBUG) {
        let masked = masked_rows(target, at);
        if !masked.is_empty() {
            tracing::debug!(asset = %target.frame.asset.id, quantity = %target.quantity, ?masked, "past values not used");
        }
    }
}
