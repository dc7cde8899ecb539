//! The open store: lock, log, tables and caches, and the paths of a write through them.
//!
//! An append waits in a queue; whoever gets the turn writes all waiting appends as one log file, then applies them to their
//! tables. A turn runs in its own task, so a caller that goes away takes nobody's rows along.

use super::LatestRow;
use super::Receipt;
use super::StoreError;
use super::StoreStats;
use super::TableStats;
use super::delta::blocking;
use super::disk::RealDisk;
use super::lock;
use super::lock::StoreLock;
use super::log::Log;
use super::place::Place;
use super::read::Reader;
use super::registry;
use super::registry::Registry;
use super::table::TableState;
use super::view::View;
use crate::domain::Asset;
use crate::domain::AssetId;
use crate::domain::AssetKind;
use crate::domain::Forecast;
use crate::domain::Quantities;
use crate::domain::Quantity;
use crate::domain::Table;
use crate::domain::Timestamp;
use crate::domain::Unit;
use arrow::array::ArrayRef;
use arrow::array::Float64Array;
use arrow::array::RecordBatch;
use arrow::array::StringArray;
use arrow::error::ArrowError;
use datafusion::execution::context::SessionContext;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::RwLock;
use tokio::sync::oneshot;

/// Where and how to open a store.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// The data directory; created when absent.
    pub root: PathBuf,
    /// Rows a table may hold in memory before they are flushed to Delta.
    pub buffer_rows: usize,
    /// Bytes all tables together may hold in memory; beyond it writes wait, then are refused with [`StoreError::Busy`].
    pub buffer_bytes: usize,
    /// Rows of a Delta file; larger commits are split.
    pub file_rows: usize,
}

impl StoreOptions {
    /// The defaults: 1 000 000 buffered rows, 512 MiB of them, files of 1 000 000 rows.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), buffer_rows: 1_000_000, buffer_bytes: 512 << 20, file_rows: 1_000_000 }
    }
}

/// Forecasts kept ready for readers, dropped at the next write to `forecasts`.
const CACHED_FORECASTS: usize = 4096;

type ForecastKey = (AssetId, Quantity, Option<Timestamp>, bool);
type ForecastCache = (Option<Arc<View>>, HashMap<ForecastKey, Option<Forecast>>);
type LatestCache = BTreeMap<AssetKind, (Arc<View>, BTreeMap<AssetId, LatestRow>)>;

/// What [`super::Store`] is a handle to.
pub(super) struct Inner {
    options: StoreOptions,
    tables: BTreeMap<Table, tokio::sync::Mutex<TableState>>,
    views: RwLock<BTreeMap<Table, Arc<View>>>,
    log: Log,
    queue: Mutex<Vec<Request>>,
    turn: tokio::sync::Mutex<()>,
    registries: tokio::sync::Mutex<Registries>,
    small: RwLock<Small>,
    place: Place,
    reader: SessionContext,
    forecasts: Mutex<ForecastCache>,
    latest: Mutex<LatestCache>,
    _lock: StoreLock,
}

#[derive(Debug)]
struct Request {
    table: Table,
    rows: RecordBatch,
    reply: oneshot::Sender<Result<Receipt, StoreError>>,
}

#[derive(Debug)]
struct Registries {
    assets: Registry,
    quantities: Registry,
}

/// The small tables in memory.
#[derive(Debug, Clone)]
pub(super) struct Small {
    pub(super) assets: BTreeMap<AssetId, Asset>,
    pub(super) assets_rows: RecordBatch,
    pub(super) quantities: Quantities,
    pub(super) quantities_rows: RecordBatch,
    declared: BTreeMap<Quantity, Unit>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Inner {
    pub(super) async fn open(mut options: StoreOptions) -> Result<Self, StoreError> {
        let root = options.root.clone();
        options.root = blocking("opening the store", move || {
            std::fs::create_dir_all(&root).and_then(|()| std::fs::canonicalize(&root)).map_err(|cause| StoreError::Io {
                action: "create",
                path: root,
                cause,
            })
        })
        .await?;
        let root = options.root.as_path();
        let held = lock::take(root).await?;
        let place = Place::local(&root.join("tables"), Arc::new(RealDisk))?;
        let reader = SessionContext::new();
        place.register(&reader.runtime_env());
        let (log, logged) = Log::open(root.join("log")).await?;
        let opening = Table::all().map(|table| TableState::open(table, &place, options.file_rows, reader.clone()));
        let mut tables = BTreeMap::new();
        for (table, state) in Table::all().zip(futures::future::try_join_all(opening).await?) {
            log.continue_after(state.applied());
            tables.insert(table, state);
        }
        for entry in logged {
            let Some(state) = tables.get_mut(&entry.table) else { continue };
            if entry.sequence <= state.applied() || state.apply(&entry.rows, entry.sequence).await?.1 {
                log.done(entry.table, entry.sequence)?;
            }
        }
        let assets_schema = registry::assets_schema();
        let (assets, asset_rows) = Registry::open("assets", &place, assets_schema, &["id"], &reader).await?;
        let quantities_schema = registry::quantities_schema();
        let (quantities, quantity_rows) = Registry::open("quantities", &place, quantities_schema, &["name"], &reader).await?;
        let (known, declared) = registry::read_quantities(&quantity_rows)?;
        let small = Small::new(registry::read_assets(&asset_rows)?, known, declared)?;
        let views = tables.iter().map(|(table, state)| (*table, Arc::new(state.view()))).collect();
        Ok(Self {
            options,
            tables: tables.into_iter().map(|(table, state)| (table, tokio::sync::Mutex::new(state))).collect(),
            views: RwLock::new(views),
            log,
            queue: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            registries: tokio::sync::Mutex::new(Registries { assets, quantities }),
            small: RwLock::new(small),
            place,
            reader,
            forecasts: Mutex::default(),
            latest: Mutex::default(),
            _lock: held,
        })
    }

    /// Joins the next group commit and waits for the receipt.
    pub(super) async fn append(this: &Arc<Self>, table: Table, rows: RecordBatch) -> Result<Receipt, StoreError> {
        let (reply, receipt) = oneshot::channel();
        this.queue.lock().unwrap_or_else(PoisonError::into_inner).push(Request { table, rows, reply });
        tokio::spawn(Self::take_turn(Arc::clone(this)));
        receipt.await.map_err(|cause| StoreError::Stopped { action: "an append", cause: cause.to_string() })?
    }

    async fn take_turn(this: Arc<Self>) {
        let _turn = this.turn.lock().await;
        let group = std::mem::take(&mut *this.queue.lock().unwrap_or_else(PoisonError::into_inner));
        if group.is_empty() {
            return;
        }
        let written = this.log.write(group.iter().map(|r| (r.table, r.rows.clone())).collect()).await;
        let mut full = Vec::new();
        for request in group {
            let receipt = match &written {
                Ok(sequence) => this.apply(&request, *sequence, &mut full).await,
                Err(error) => Err(error.repeat()),
            };
            if request.reply.send(receipt).is_err() {
                tracing::debug!(table = %request.table, "the sender of an append left before its receipt");
            }
        }
        for table in full {
            if let Err(error) = this.tidy_table(table, super::FEW_FILES).await {
                tracing::error!(%table, %error, "cannot flush; the rows stay in the log and in memory");
            }
        }
    }

    async fn apply(&self, request: &Request, sequence: u64, full: &mut Vec<Table>) -> Result<Receipt, StoreError> {
        let Some(state) = self.tables.get(&request.table) else { return Ok(Receipt::default()) };
        let mut state = state.lock().await;
        let applied = state.apply(&request.rows, sequence).await;
        self.publish(request.table, &state);
        if state.buffered() > self.options.buffer_rows && !full.contains(&request.table) {
            full.push(request.table);
        }
        let (receipt, _) = applied?;
        Ok(receipt)
    }

    /// Straight to Delta; runs in its own task so that a caller that goes away leaves no half-known state.
    pub(super) async fn import(this: &Arc<Self>, table: Table, rows: RecordBatch) -> Result<Receipt, StoreError> {
        let inner = Arc::clone(this);
        let work = tokio::spawn(async move {
            let Some(state) = inner.tables.get(&table) else { return Ok(Receipt::default()) };
            let mut state = state.lock().await;
            let receipt = state.import(&rows).await;
            inner.publish(table, &state);
            receipt
        });
        work.await.map_err(|cause| StoreError::Stopped { action: "an import", cause: cause.to_string() })?
    }

    /// Flushes every table and joins files where at least `least` are small.
    pub(super) async fn tidy(this: &Arc<Self>, least: usize) -> Result<usize, StoreError> {
        let inner = Arc::clone(this);
        let work = tokio::spawn(async move {
            let _turn = inner.turn.lock().await;
            let mut gone = 0;
            for table in Table::all() {
                gone += inner.tidy_table(table, least).await?;
            }
            Ok(gone)
        });
        work.await.map_err(|cause| StoreError::Stopped { action: "a flush", cause: cause.to_string() })?
    }

    async fn tidy_table(&self, table: Table, least: usize) -> Result<usize, StoreError> {
        let Some(state) = self.tables.get(&table) else { return Ok(0) };
        let mut state = state.lock().await;
        let flushed = state.flush().await;
        self.publish(table, &state);
        flushed?;
        self.log.done(table, state.applied())?;
        let gone = state.compact(least).await;
        self.publish(table, &state);
        gone
    }

    fn publish(&self, table: Table, state: &TableState) {
        self.views.write().unwrap_or_else(PoisonError::into_inner).insert(table, Arc::new(state.view()));
    }

    pub(super) const fn place(&self) -> &Place {
        &self.place
    }

    pub(super) fn views(&self) -> BTreeMap<Table, Arc<View>> {
        self.views.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn view(&self, table: Table) -> Arc<View> {
        let views = self.views.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(views.get(&table).expect("open publishes every table"))
    }

    pub(super) fn reader(&self, table: Table) -> Reader<'_> {
        Reader { context: &self.reader, table, view: self.view(table).as_ref().clone() }
    }

    pub(super) fn small(&self) -> std::sync::RwLockReadGuard<'_, Small> {
        self.small.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn upsert_assets(&self, changes: Vec<Asset>) -> Result<usize, StoreError> {
        let mut registries = self.registries.lock().await;
        let mut assets = self.small().assets.clone();
        let mut changed = 0;
        for asset in changes {
            if assets.get(&asset.id) != Some(&asset) {
                assets.insert(asset.id.clone(), asset);
                changed += 1;
            }
        }
        if changed > 0 {
            registries.assets.replace(registry::assets_batch(&assets)).await?;
            let old = self.small().clone();
            let new = Small::new(assets, old.quantities, old.declared)?;
            *self.small.write().unwrap_or_else(PoisonError::into_inner) = new;
        }
        Ok(changed)
    }

    pub(super) async fn declare(&self, name: &str, unit: Unit) -> Result<Quantity, StoreError> {
        let mut registries = self.registries.lock().await;
        let Small { assets, mut quantities, mut declared, .. } = self.small().clone();
        let known = quantities.get(name).is_ok();
        let quantity = quantities.declare(name, unit)?;
        if !known {
            declared.insert(quantity.clone(), unit);
            registries.quantities.replace(registry::quantities_batch(&declared)).await?;
            let new = Small::new(assets, quantities, declared)?;
            *self.small.write().unwrap_or_else(PoisonError::into_inner) = new;
        }
        Ok(quantity)
    }

    pub(super) async fn forecast(
        &self,
        asset: &AssetId,
        quantity: &Quantity,
        at: Option<Timestamp>,
        exact: bool,
    ) -> Result<Option<Forecast>, StoreError> {
        let view = self.view(Table::Forecasts);
        let key = (asset.clone(), quantity.clone(), at, exact);
        {
            let cache = self.forecasts.lock().unwrap_or_else(PoisonError::into_inner);
            if let (Some(held), Some(found)) = (&cache.0, cache.1.get(&key))
                && Arc::ptr_eq(held, &view)
            {
                return Ok(found.clone());
            }
        }
        let reader = Reader { context: &self.reader, table: Table::Forecasts, view: view.as_ref().clone() };
        let found = reader.forecast(asset, quantity, at, exact).await?;
        let mut cache = self.forecasts.lock().unwrap_or_else(PoisonError::into_inner);
        if !cache.0.as_ref().is_some_and(|held| Arc::ptr_eq(held, &view)) || cache.1.len() >= CACHED_FORECASTS {
            *cache = (Some(view), HashMap::new());
        }
        cache.1.insert(key, found.clone());
        Ok(found)
    }

    pub(super) async fn latest(&self, kind: AssetKind) -> Result<BTreeMap<AssetId, LatestRow>, StoreError> {
        let view = self.view(Table::Telemetry(kind));
        if let Some((held, rows)) = self.latest.lock().unwrap_or_else(PoisonError::into_inner).get(&kind)
            && Arc::ptr_eq(held, &view)
        {
            return Ok(rows.clone());
        }
        let reader = Reader { context: &self.reader, table: Table::Telemetry(kind), view: view.as_ref().clone() };
        let rows = reader.latest().await?;
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).insert(kind, (view, rows.clone()));
        Ok(rows)
    }

    pub(super) fn stats(&self) -> StoreStats {
        let (log_files, log_bytes) = self.log.length();
        let views = self.views();
        let tables = views.iter().filter(|(_, view)| !view.is_empty()).map(|(table, view)| TableStats {
            name: table.name().into(),
            version: view.version,
            files: view.files.len(),
            rows: view.files.iter().map(|file| file.rows).sum(),
            bytes: view.files.iter().map(|file| file.size).sum(),
            buffered_rows: view.buffered.iter().map(RecordBatch::num_rows).sum(),
            buffered_bytes: view.buffered.iter().map(RecordBatch::get_array_memory_size).sum(),
            lag: 0,
            newest: None,
        });
        StoreStats { tables: tables.collect(), log_files, log_bytes }
    }
}

impl Small {
    fn new(
        assets: BTreeMap<AssetId, Asset>,
        quantities: Quantities,
        declared: BTreeMap<Quantity, Unit>,
    ) -> Result<Self, StoreError> {
        let failed = |table: &str| {
            let table = table.to_owned();
            move |cause: ArrowError| StoreError::Arrow { table, cause }
        };
        let assets_rows = registry::assets_batch(&assets).map_err(failed("assets"))?;
        let rows: Vec<_> = quantities.iter().collect();
        let text = |values: Vec<&str>| Arc::new(StringArray::from(values)) as ArrayRef;
        let bound = |values: Vec<f64>| {
            Arc::new(values.into_iter().map(|v| v.is_finite().then_some(v)).collect::<Float64Array>()) as ArrayRef
        };
        let quantities_rows = RecordBatch::try_from_iter_with_nullable([
            ("name", text(rows.iter().map(|r| r.0.name()).collect()), false),
            ("unit", text(rows.iter().map(|r| r.1.unit.name()).collect()), false),
            ("lowest", bound(rows.iter().map(|r| r.1.range.0).collect()), true),
            ("highest", bound(rows.iter().map(|r| r.1.range.1).collect()), true),
            ("meaning", text(rows.iter().map(|r| r.1.meaning.as_str()).collect()), false),
        ])
        .map_err(failed("quantities"))?;
        Ok(Self { assets, assets_rows, quantities, quantities_rows, declared })
    }
}

impl StoreError {
    /// The same error once more, for each waiting append of a group.
    fn repeat(&self) -> Self {
        match self {
            Self::Io { action, path, cause } => {
                Self::Io { action, path: path.clone(), cause: std::io::Error::new(cause.kind(), cause.to_string()) }
            }
            other => Self::Stopped { action: "writing the log", cause: other.to_string() },
        }
    }
}
