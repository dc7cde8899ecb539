//! SQL over everything the store holds: read-only, with limits on memory, time and rows.
//!
//! In: a [`Store`] and text. Out: record batches, or an error that says what to change. Each statement sees one consistent
//! snapshot of all tables, buffered rows included, each row once. Tables computed from above are registered here. What a
//! statement may cost, and how that is held, is in `docs/sql-limits.md`.

mod admission;
mod allowed;
mod asof;
mod bounded;
mod bucket;
mod charged;
mod error;
mod functions;
mod gapfill;
mod guarded;
mod newest;
mod planner;
mod run;
mod runs;
mod size;
mod statement;
mod storage;
#[cfg(test)]
mod tests;
mod threads;
mod vocabulary;
mod watch;
mod watchdog;
mod width;

pub use error::QueryError;
pub use watchdog::LastLine;

use crate::store::Store;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::logical_expr::AggregateUDF;
use datafusion::scalar::ScalarValue;
use futures::future::BoxFuture;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Limits of one session.
#[derive(Debug, Clone)]
pub struct SessionOptions {
    /// Memory for all running statements together.
    pub memory_limit_bytes: usize,
    /// Longest run of one statement.
    pub timeout: Duration,
    /// Most rows of one answer; more are cut and `truncated` is set.
    pub max_rows: usize,
    /// Most bytes of one answer, as columns in memory; more are cut and `truncated` is set.
    pub max_bytes: usize,
    /// Statements that run at once.
    pub concurrency: usize,
    /// Statements that may wait for their turn, a few seconds; more are refused with [`QueryError::Busy`].
    pub queue: usize,
    /// Threads that run statements, named `sql-0`, `sql-1`, …; 0: one per core.
    pub threads: usize,
    /// What watches over the process; `None`: nothing, as in tests and short commands.
    pub last_line: Option<LastLine>,
    /// Where sorts and joins may spill when memory is short; `None`: they fail instead.
    pub spill_directory: Option<PathBuf>,
    /// Parts of a statement that may run side by side; `None`: as many as there are cores.
    pub partitions: Option<usize>,
}

impl Default for SessionOptions {
    /// 1 GiB, 30 s, 100 000 rows or 256 MiB, 8 at once and 16 waiting, all cores, no spilling, no last line.
    fn default() -> Self {
        Self {
            memory_limit_bytes: 1 << 30,
            timeout: Duration::from_secs(30),
            max_rows: 100_000,
            max_bytes: 256 << 20,
            concurrency: 8,
            queue: 16,
            threads: 0,
            last_line: None,
            spill_directory: None,
            partitions: None,
        }
    }
}

/// Answer to one statement.
#[derive(Debug, Clone)]
pub struct QueryResult {
    /// Columns.
    pub schema: SchemaRef,
    /// Rows, in order.
    pub batches: Vec<RecordBatch>,
    /// There were more rows than `max_rows`, or more bytes than `max_bytes`.
    pub truncated: bool,
    /// The memory of the rows, counted against the limit of the session until the answer is let go.
    held: Arc<MemoryReservation>,
}

impl QueryResult {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// Bytes the rows hold, counted against the memory of the session.
    pub fn bytes(&self) -> usize {
        self.held.size()
    }
}

/// Arguments of a table function as written: name (`asset => …`) or `None` when positional, and the value.
pub type Arguments = Vec<(Option<String>, ScalarValue)>;

/// A table function computed elsewhere.
pub type Computed = Arc<dyn Fn(Arguments) -> BoxFuture<'static, Result<RecordBatch, QueryError>> + Send + Sync>;

/// A small table kept elsewhere, read anew by every statement that names it.
pub type SnapshotTable = Arc<dyn Fn() -> BoxFuture<'static, Result<RecordBatch, QueryError>> + Send + Sync>;

/// Runs statements on a store. Clones share limits and registrations.
#[derive(Debug, Clone)]
pub struct Session {
    inner: Arc<run::Inner>,
}

impl Session {
    /// A session on a store.
    ///
    /// # Errors
    /// [`QueryError`] when the spill directory cannot be used.
    pub fn new(store: Store, options: SessionOptions) -> Result<Self, QueryError> {
        Ok(Self { inner: Arc::new(run::Inner::new(store, options)?) })
    }

    /// Runs one read-only statement.
    ///
    /// # Errors
    /// [`QueryError`], with what to change.
    pub async fn sql(&self, text: &str) -> Result<QueryResult, QueryError> {
        run::Inner::sql(&self.inner, text).await
    }

    /// Statements at work now; one that was stopped counts until it has let go of its last thread.
    pub fn running(&self) -> usize {
        self.inner.running()
    }

    /// Registers a table function, callable as `name(a => 1, b => 'x')` or by position. The batch it returns may have any schema;
    /// `signature` is what errors show, for example `forecast(asset, quantity, as_of)`. It is computed before the rest of the
    /// statement is planned, within the same timeout.
    pub fn register_computed(&self, name: &str, signature: &str, function: Computed) {
        self.inner.register_computed(name, signature, function);
    }

    /// Registers a function of a group, callable in every statement from now on.
    pub fn register_aggregate(&self, function: AggregateUDF) {
        self.inner.register_aggregate(function);
    }

    /// Registers a table that is read anew by each statement that names it.
    pub fn register_snapshot(&self, name: &str, schema: SchemaRef, read: SnapshotTable) {
        self.inner.register_snapshot(name, schema, read);
    }
}
