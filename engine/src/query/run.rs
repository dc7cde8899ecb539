//! One statement from text to rows: a snapshot of the store, computed tables, planning, and a run within its limits.
//!
//! In: text and what is registered. Out: at most `max_rows` rows. A run is its own task: it ends with the caller, with the
//! timeout, and a panic in it stays in it.

use super::Arguments;
use super::Computed;
use super::QueryError;
use super::QueryResult;
use super::SessionOptions;
use super::SnapshotTable;
use super::admission::Admission;
use super::asof;
use super::bounded;
use super::charged::Charged;
use super::functions;
use super::gapfill;
use super::guarded::GuardPlan;
use super::planner::Planner;
use super::runs::GroupByRuns;
use super::size;
use super::statement;
use super::statement::Call;
use super::storage;
use super::threads::Threads;
use super::vocabulary::Vocabulary;
use super::watch::Stop;
use super::watch::Watch;
use super::watchdog;
use super::width;
use crate::store::FOOTER_BYTES;
use crate::store::Store;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::ScalarValue;
use datafusion::datasource::MemTable;
use datafusion::error::DataFusionError;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::context::SessionContext;
use datafusion::execution::disk_manager::DiskManagerBuilder;
use datafusion::execution::disk_manager::DiskManagerMode;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::AggregateUDF;
use datafusion::prelude::SessionConfig;
use futures::StreamExt;
use futures::future::BoxFuture;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::time::Duration;
use std::time::Instant;
use tokio::task::JoinError;
use tokio::task::JoinSet;

/// Rows operators hand on at a time; DataFusion's default.
const BATCH_ROWS: usize = 8192;
/// Longest wait of a statement for its turn; who waits longer is better served by trying again.
const PATIENCE: Duration = Duration::from_secs(5);

/// What [`super::Session`] is a handle to.
pub(super) struct Inner {
    store: Store,
    options: SessionOptions,
    runtime: Arc<RuntimeEnv>,
    threads: Threads,
    cores: usize,
    vocabulary: RwLock<Arc<Vocabulary>>,
    admission: Admission,
    running: Arc<watchdog::Running>,
    limits: bounded::Limits,
    computed: RwLock<BTreeMap<String, (String, Computed)>>,
    snapshots: RwLock<BTreeMap<String, (SchemaRef, SnapshotTable)>>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Inner {
    pub(super) fn new(store: Store, options: SessionOptions) -> Result<Self, QueryError> {
        let limit = options.memory_limit_bytes;
        let (pool, mode): (Arc<dyn MemoryPool>, _) = match &options.spill_directory {
            Some(directory) => (Arc::new(FairSpillPool::new(limit)), DiskManagerMode::Directories(vec![directory.clone()])),
            None => (Arc::new(GreedyMemoryPool::new(limit)), DiskManagerMode::Disabled),
        };
        let disk = DiskManagerBuilder::default().with_mode(mode);
        let runtime = RuntimeEnvBuilder::new().with_memory_pool(pool).with_disk_manager_builder(disk);
        let runtime = runtime.with_metadata_cache_limit(FOOTER_BYTES).build_arc();
        let runtime = runtime.map_err(|error| QueryError::from_engine(error, limit, &[]))?;
        store.register(&runtime);
        let cores = match options.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        let running = Arc::new(watchdog::Running::default());
        if let Some(line) = &options.last_line {
            watchdog::start(&running, line.clone()).map_err(|cause| QueryError::Threads { cause })?;
        }
        Ok(Self {
            threads: Threads::new(cores)?,
            cores,
            vocabulary: RwLock::new(Arc::new(Vocabulary::new())),
            admission: Admission::new(options.concurrency, options.queue, PATIENCE),
            running,
            limits: bounded::Limits::new(limit, BATCH_ROWS),
            store,
            options,
            runtime,
            computed: RwLock::default(),
            snapshots: RwLock::default(),
        })
    }

    pub(super) fn running(&self) -> usize {
        self.running.count()
    }

    pub(super) fn register_computed(&self, name: &str, signature: &str, function: Computed) {
        let mut computed = self.computed.write().unwrap_or_else(PoisonError::into_inner);
        computed.insert(name.to_owned(), (signature.to_owned(), function));
    }

    pub(super) fn register_aggregate(&self, function: AggregateUDF) {
        let mut vocabulary = self.vocabulary.write().unwrap_or_else(PoisonError::into_inner);
        *vocabulary = Arc::new(vocabulary.with_aggregate(function));
    }

    fn vocabulary(&self) -> Arc<Vocabulary> {
        Arc::clone(&self.vocabulary.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn register_snapshot(&self, name: &str, schema: SchemaRef, read: SnapshotTable) {
        self.snapshots.write().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), (schema, read));
    }

    pub(super) async fn sql(this: &Arc<Self>, text: &str) -> Result<QueryResult, QueryError> {
        let place = this.admission.place().await?;
        if let Some(line) = &this.options.last_line {
            watchdog::settled(line).await;
        }
        let limit = this.options.timeout;
        let watch = Arc::new(Watch::new(text, Instant::now() + limit, Some(place)));
        this.running.add(&watch);
        let caller = Caller(Arc::clone(&watch));
        let (inner, text) = (Arc::clone(this), text.to_owned());
        // A set, because it ends its task when the caller goes away.
        let mut task = JoinSet::new();
        let work = async move {
            let answer = inner.run(&text, &watch).await;
            answer.map_err(|error| match watch.stopped() {
                Some(Stop::Deadline) => QueryError::Timeout { limit },
                Some(Stop::ProcessMemory) => QueryError::ProcessMemory {
                    limit_mib: inner.options.last_line.as_ref().map_or(0, |line| line.memory_limit_bytes >> 20),
                },
                _ => error,
            })
        };
        task.spawn_on(work, this.threads.handle());
        match tokio::time::timeout(limit, task.join_next()).await {
            Err(_) => {
                caller.0.stop(Stop::Deadline);
                Err(QueryError::Timeout { limit })
            }
            Ok(Some(Ok(result))) => result,
            Ok(Some(Err(error))) => Err(QueryError::Internal { cause: panic_text(error) }),
            Ok(None) => Err(QueryError::Internal { cause: "the task is gone".to_owned() }),
        }
    }

    async fn run(&self, text: &str, watch: &Arc<Watch>) -> Result<QueryResult, QueryError> {
        let computed = self.computed.read().unwrap_or_else(PoisonError::into_inner).clone();
        let prepared = statement::prepare(text, |name| computed.contains_key(name))?;
        let context = self.context((!prepared.explains).then_some(watch))?;
        if prepared.tables.contains("storage") || prepared.tables.contains("storage_log") {
            let stats = self.store.stats();
            self.replace(&context, "storage", storage::tables(&stats)?)?;
            self.replace(&context, "storage_log", storage::log(&stats)?)?;
        }
        let snapshots = self.snapshots.read().unwrap_or_else(PoisonError::into_inner).clone();
        for (name, (schema, read)) in snapshots {
            let rows = if prepared.tables.contains(&name) { read().await? } else { RecordBatch::new_empty(schema) };
            self.register(&context, &name, rows)?;
        }
        for call in &prepared.calls {
            if let Some((signature, function)) = computed.get(&call.function) {
                let arguments = self.arguments(&context, call, signature).await?;
                self.register(&context, &call.table, compute(function(arguments)).await?)?;
            }
        }
        let mut names: Vec<String> =
            context.catalog("chergui").and_then(|c| c.schema("public")).map_or_else(Vec::new, |s| s.table_names());
        names.extend(computed.into_keys());
        let failed = |error| match QueryError::from_engine(error, self.options.memory_limit_bytes, &names) {
            QueryError::Unknown { what: "function", name, .. } => {
                QueryError::Unknown { what: "function", nearest: self.vocabulary().allowed.nearest(&name), name }
            }
            other => other,
        };
        let plan = context.state().statement_to_plan(prepared.statement).await.map_err(failed)?;
        let plan = asof::plan(plan).and_then(|plan| gapfill::plan(plan, &context)).map_err(failed)?;
        let reads = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        reads.verify_plan(&plan).map_err(failed)?;
        size::unfolds(&plan).map_err(failed)?;
        let plan = self.vocabulary().allowed.apply(plan, self.limits).map_err(failed)?;
        let frame = context.execute_logical_plan(plan).await.map_err(failed)?;
        let mut stream = frame.execute_stream().await.map_err(failed)?;
        let held = MemoryConsumer::new("answer").register(&self.runtime.memory_pool);
        let (schema, mut batches, mut truncated) = (stream.schema(), Vec::new(), false);
        let (mut rows, mut bytes) = (self.options.max_rows, self.options.max_bytes);
        while let Some(batch) = stream.next().await {
            let batch = batch.map_err(failed)?;
            let fit = fitting(&batch, rows, bytes);
            let kept = batch.slice(0, fit);
            let size = width::batch(&kept);
            held.try_grow(size).map_err(failed)?;
            (rows, bytes) = (rows - fit, bytes.saturating_sub(size));
            batches.push(kept);
            if fit < batch.num_rows() {
                truncated = true;
                break;
            }
        }
        batches.retain(|batch| batch.num_rows() > 0);
        Ok(QueryResult { schema, batches, truncated, held: Arc::new(held) })
    }

    /// A context that sees the store as it is now.
    fn context(&self, guarded_by: Option<&Arc<Watch>>) -> Result<SessionContext, QueryError> {
        let config = SessionConfig::new()
            .with_information_schema(true)
            .with_target_partitions(self.options.partitions.unwrap_or(self.cores).max(1))
            .with_batch_size(BATCH_ROWS)
            .with_default_catalog_and_schema("chergui", "public")
            .set_str("datafusion.execution.time_zone", "UTC");
        let mut state = self.vocabulary().state().with_config(config).with_runtime_env(self.runtime_of(guarded_by)?);
        state = state.with_query_planner(Arc::new(Planner)).with_physical_optimizer_rule(Arc::new(GroupByRuns));
        if let Some(watch) = guarded_by {
            let guard = GuardPlan { watch: Arc::clone(watch), limits: self.limits, batch_rows: BATCH_ROWS };
            state = state.with_physical_optimizer_rule(Arc::new(guard));
        }
        let context = SessionContext::new_with_state(state.build());
        functions::register(&context);
        let snapshot = self.store.snapshot();
        for (table, view) in snapshot.views {
            context.register_table(table.name(), Arc::new(view.with_text_views())).map_err(|error| self.failed(error))?;
        }
        self.register(&context, "assets", snapshot.assets)?;
        self.register(&context, "quantities", snapshot.quantities)?;
        self.register(&context, "storage", RecordBatch::new_empty(storage::tables_schema()))?;
        self.register(&context, "storage_log", RecordBatch::new_empty(storage::log_schema()))?;
        Ok(context)
    }

    /// What a statement runs in: the shared memory, files and caches, its own part of the memory counted.
    fn runtime_of(&self, statement: Option<&Arc<Watch>>) -> Result<Arc<RuntimeEnv>, QueryError> {
        let Some(watch) = statement else { return Ok(Arc::clone(&self.runtime)) };
        let (pool, reserved) = (Arc::clone(&self.runtime.memory_pool), Arc::clone(watch.reserved()));
        let runtime = RuntimeEnvBuilder::from_runtime_env(&self.runtime).with_memory_pool(Arc::new(Charged { pool, reserved }));
        runtime.build_arc().map_err(|error| self.failed(error))
    }

    fn replace(&self, context: &SessionContext, name: &str, rows: RecordBatch) -> Result<(), QueryError> {
        context.deregister_table(name).map_err(|error| self.failed(error))?;
        self.register(context, name, rows)
    }

    fn register(&self, context: &SessionContext, name: &str, rows: RecordBatch) -> Result<(), QueryError> {
        let table = MemTable::try_new(rows.schema(), vec![vec![rows]]).map_err(|error| self.failed(error))?;
        let name = datafusion::common::TableReference::bare(name);
        context.register_table(name, Arc::new(table)).map(|_| ()).map_err(|error| self.failed(error))
    }

    /// Values of the arguments of a call; each may be any expression without tables.
    async fn arguments(&self, context: &SessionContext, call: &Call, signature: &str) -> Result<Arguments, QueryError> {
        let mut arguments = Vec::new();
        for (name, text) in &call.arguments {
            let value = async {
                let plan = context.state().create_logical_plan(&format!("SELECT {text}")).await?;
                let plan = self.vocabulary().allowed.apply(plan, self.limits)?;
                let batches = context.execute_logical_plan(plan).await?.collect().await?;
                match batches.iter().find(|batch| batch.num_rows() == 1 && batch.num_columns() == 1) {
                    Some(batch) => ScalarValue::try_from_array(batch.column(0), 0),
                    None => Err(DataFusionError::Plan("not one value".to_owned())),
                }
            };
            let value = value.await.map_err(|error| QueryError::Argument {
                function: call.function.clone(),
                problem: format!("the argument {text} has no value: {error}"),
                signature: signature.to_owned(),
            })?;
            arguments.push((name.clone(), value));
        }
        Ok(arguments)
    }

    fn failed(&self, error: DataFusionError) -> QueryError {
        QueryError::from_engine(error, self.options.memory_limit_bytes, &[])
    }
}

/// The caller of a statement. When it goes away, the statement stops.
struct Caller(Arc<Watch>);

impl Drop for Caller {
    fn drop(&mut self) {
        self.0.stop(Stop::Dropped);
    }
}

/// Rows of a batch that fit into an answer.
fn fitting(batch: &RecordBatch, rows: usize, bytes: usize) -> usize {
    let most = batch.num_rows().min(rows);
    if width::batch(batch) <= bytes {
        return most;
    }
    let mut left = bytes;
    (0..most)
        .take_while(|row| {
            let size: usize = batch.columns().iter().map(|column| width::rows(column, *row..row + 1)).sum();
            let fits = size <= left;
            left = left.saturating_sub(size);
            fits
        })
        .count()
}

/// Runs a computed table as a task of its own: it has no guards inside, and must not make the statement look stuck.
async fn compute(work: BoxFuture<'static, Result<RecordBatch, QueryError>>) -> Result<RecordBatch, QueryError> {
    let mut task = JoinSet::new();
    task.spawn(work);
    match task.join_next().await {
        Some(Ok(rows)) => rows,
        Some(Err(error)) => Err(QueryError::Internal { cause: panic_text(error) }),
        None => Err(QueryError::Internal { cause: "the task is gone".to_owned() }),
    }
}

fn panic_text(error: JoinError) -> String {
    match error.try_into_panic() {
        Ok(panic) => match panic.downcast::<String>() {
            Ok(text) => *text,
            Err(panic) => panic.downcast::<&'static str>().map_or_else(|_| "a panic".to_owned(), |text| (*text).to_owned()),
        },
        Err(error) => error.to_string(),
    }
}
