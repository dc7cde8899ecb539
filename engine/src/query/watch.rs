//! One running statement: its deadline, whether it was told to stop and why, and its place among those that run.
//!
//! In: a deadline, a place. Out: a check that operators make between batches. Everything that works for a statement holds its
//! [`Watch`], so a statement is over when the last of them let go; the place is free from then on.

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use arrow::datatypes::Schema;
use datafusion::common::ScalarValue;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_plan::PhysicalExpr;
use std::fmt;
use std::hash::Hash;
use std::hash::Hasher;
use std::sync::Arc;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Instant;
use tokio::sync::OwnedSemaphorePermit;

/// Why a statement was told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[repr(u8)]
pub(super) enum Stop {
    /// Its time is over.
    #[error("the time of the statement is over")]
    Deadline = 1,
    /// Nobody waits for the answer any more.
    #[error("nobody waits for the answer")]
    Dropped = 2,
    /// The process holds too much memory.
    #[error("the process holds too much memory")]
    ProcessMemory = 3,
}

/// A running statement.
#[derive(Debug)]
pub(super) struct Watch {
    text: String,
    deadline: Instant,
    told: AtomicU8,
    reserved: Arc<AtomicUsize>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Watch {
    pub(super) fn new(text: &str, deadline: Instant, place: Option<OwnedSemaphorePermit>) -> Self {
        Self { text: text.to_owned(), deadline, told: AtomicU8::new(0), reserved: Arc::default(), _place: place }
    }

    /// The statement, shortened for a log line.
    pub(super) fn text(&self) -> String {
        self.text.chars().take(2000).collect()
    }

    /// When the statement must be over.
    pub(super) const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Bytes its operators have reserved, for the pool that counts them.
    pub(super) const fn reserved(&self) -> &Arc<AtomicUsize> {
        &self.reserved
    }

    /// Tells the statement to stop; the first reason stays.
    pub(super) fn stop(&self, why: Stop) {
        // A lost race means that another reason was there first.
        let _first = self.told.compare_exchange(0, why as u8, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Why it was told to stop, if it was.
    pub(super) fn stopped(&self) -> Option<Stop> {
        match self.told.load(Ordering::Relaxed) {
            0 => None,
            1 => Some(Stop::Deadline),
            2 => Some(Stop::Dropped),
            _ => Some(Stop::ProcessMemory),
        }
    }

    /// Fails when the statement must stop.
    pub(super) fn check(&self) -> Result<(), DataFusionError> {
        if self.stopped().is_none() && Instant::now() >= self.deadline {
            self.stop(Stop::Deadline);
        }
        match self.stopped() {
            None => Ok(()),
            Some(why) => Err(DataFusionError::External(Box::new(why))),
        }
    }
}

/// `true`, or an error once the statement must stop. Put before the condition of a join, it is asked for every batch of pairs,
/// also when no pair ever leaves the join.
#[derive(Debug)]
pub(super) struct Running(pub(super) Arc<Watch>);

impl PartialEq for Running {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Running {}

impl Hash for Running {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

impl fmt::Display for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("running")
    }
}

impl PhysicalExpr for Running {
    fn data_type(&self, _: &Schema) -> Result<DataType, DataFusionError> {
        Ok(DataType::Boolean)
    }

    fn nullable(&self, _: &Schema) -> Result<bool, DataFusionError> {
        Ok(false)
    }

    fn evaluate(&self, _: &RecordBatch) -> Result<ColumnarValue, DataFusionError> {
        self.0.check().map(|()| ColumnarValue::Scalar(ScalarValue::Boolean(Some(true))))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        Vec::new()
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>, DataFusionError> {
        Ok(self)
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
