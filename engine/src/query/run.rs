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
use super::functions;
use super::statement;
use super::statement::Call;
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
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::SessionConfig;
use futures::StreamExt;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::RwLock;
use tokio::task::JoinSet;

/// What [`super::Session`] is a handle to.
pub(super) struct Inner {
    store: Store,
    options: SessionOptions,
    runtime: Arc<RuntimeEnv>,
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
        let runtime = RuntimeEnvBuilder::new().with_memory_pool(pool).with_disk_manager_builder(disk).build_arc();
        let runtime = runtime.map_err(|error| QueryError::from_engine(error, limit, &[]))?;
        store.register(&runtime);
        Ok(Self { store, options, runtime, computed: RwLock::default(), snapshots: RwLock::default() })
    }

    pub(super) fn register_computed(&self, name: &str, signature: &str, function: Computed) {
        let mut computed = self.computed.write().unwrap_or_else(PoisonError::into_inner);
        computed.insert(name.to_owned(), (signature.to_owned(), function));
    }

    pub(super) fn register_snapshot(&self, name: &str, schema: SchemaRef, read: SnapshotTable) {
        self.snapshots.write().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), (schema, read));
    }

    pub(super) async fn sql(this: &Arc<Self>, text: &str) -> Result<QueryResult, QueryError> {
        let (inner, text) = (Arc::clone(this), text.to_owned());
        let mut task = JoinSet::new();
        task.spawn(async move { inner.run(&text).await });
        match tokio::time::timeout(this.options.timeout, task.join_next()).await {
            Err(_) => Err(QueryError::Timeout { limit: this.options.timeout }),
            Ok(Some(Ok(result))) => result,
            Ok(Some(Err(error))) => Err(QueryError::Internal { cause: panic_text(error) }),
            Ok(None) => Err(QueryError::Internal { cause: "the task is gone".to_owned() }),
        }
    }

    async fn run(&self, text: &str) -> Result<QueryResult, QueryError> {
        let computed = self.computed.read().unwrap_or_else(PoisonError::into_inner).clone();
        let prepared = statement::prepare(text, |name| computed.contains_key(name))?;
        let context = self.context()?;
        let snapshots = self.snapshots.read().unwrap_or_else(PoisonError::into_inner).clone();
        for (name, (schema, read)) in snapshots {
            let rows = if prepared.tables.contains(&name) { read().await? } else { RecordBatch::new_empty(schema) };
            self.register(&context, &name, rows)?;
        }
        for call in &prepared.calls {
            if let Some((signature, function)) = computed.get(&call.function) {
                let arguments = self.arguments(&context, call, signature).await?;
                self.register(&context, &call.table, function(arguments).await?)?;
            }
        }
        let mut names: Vec<String> =
            context.catalog("chergui").and_then(|c| c.schema("public")).map_or_else(Vec::new, |s| s.table_names());
        names.extend(computed.into_keys());
        let failed = |error| QueryError::from_engine(error, self.options.memory_limit_bytes, &names);
        let plan = context.state().statement_to_plan(prepared.statement).await.map_err(failed)?;
        let reads = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        reads.verify_plan(&plan).map_err(failed)?;
        let frame = context.execute_logical_plan(plan).await.map_err(failed)?;
        let mut stream = frame.execute_stream().await.map_err(failed)?;
        let (schema, mut batches, mut left, mut truncated) = (stream.schema(), Vec::new(), self.options.max_rows, false);
        while let Some(batch) = stream.next().await {
            let batch = batch.map_err(failed)?;
            if batch.num_rows() > left {
                batches.push(batch.slice(0, left));
                truncated = true;
                break;
            }
            left -= batch.num_rows();
            batches.push(batch);
        }
        batches.retain(|batch| batch.num_rows() > 0);
        Ok(QueryResult { schema, batches, truncated })
    }

    /// A context that sees the store as it is now.
    fn context(&self) -> Result<SessionContext, QueryError> {
        let config = SessionConfig::new()
            .with_information_schema(true)
            .with_default_catalog_and_schema("chergui", "public")
            .set_str("datafusion.execution.time_zone", "UTC");
        let context = SessionContext::new_with_config_rt(config, Arc::clone(&self.runtime));
        functions::register(&context);
        let snapshot = self.store.snapshot();
        for (table, view) in snapshot.views {
            context.register_table(table.name(), view).map_err(|error| self.failed(error))?;
        }
        self.register(&context, "assets", snapshot.assets)?;
        self.register(&context, "quantities", snapshot.quantities)?;
        Ok(context)
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
                let batches = context.sql(&format!("SELECT {text}")).await?.collect().await?;
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

fn panic_text(error: tokio::task::JoinError) -> String {
    match error.try_into_panic() {
        Ok(panic) => match panic.downcast::<String>() {
            Ok(text) => *text,
            Err(panic) => panic.downcast::<&'static str>().map_or_else(|_| "a panic".to_owned(), |text| (*text).to_owned()),
        },
        Err(error) => error.to_string(),
    }
}
