//! The open store: lock, log, tables and caches; opening them, and reading from memory what is asked most.
//!
//! In: options. Out: what [`super::Store`] is a handle to. How a write goes through it is in `write`.

use super::StoreError;
use super::StoreStats;
use super::TableStats;
use super::bucket::Storage;
use super::changes::Changes;
use super::delta::DeltaFiles;
use super::delta::blocking;
use super::disk::Disk;
use super::disk::RealDisk;
use super::keys::clock;
use super::keys::key_columns;
use super::layer::Run;
use super::lock;
use super::lock::StoreLock;
use super::log::Log;
use super::place::Place;
use super::read::Reader;
use super::recent::Newest;
use super::registry;
use super::registry::Registry;
use super::table::TableState;
use super::upkeep::Upkeep;
use super::view::View;
use super::write::Request;
use crate::domain::Asset;
use crate::domain::AssetId;
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
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use tokio::sync::Notify;

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
    /// Where the tables are.
    pub storage: Storage,
}

impl StoreOptions {
    /// The defaults: 1 000 000 buffered rows, 512 MiB of them, files of 1 000 000 rows.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), buffer_rows: 1_000_000, buffer_bytes: 512 << 20, file_rows: 1_000_000, storage: Storage::Local }
    }
}

/// Forecasts kept ready for readers, dropped at the next write to `forecasts`.
const CACHED_FORECASTS: usize = 4096;

type ForecastKey = (AssetId, Quantity, Option<Timestamp>, bool);
type ForecastCache = (Option<Arc<View>>, HashMap<ForecastKey, Option<Forecast>>);

/// What [`super::Store`] is a handle to.
pub(super) struct Inner {
    pub(super) options: StoreOptions,
    pub(super) tables: BTreeMap<Table, Slot>,
    views: RwLock<BTreeMap<Table, Arc<View>>>,
    pub(super) log: Log,
    /// Appends that wait for the next group.
    pub(super) queue: Mutex<Vec<Request>>,
    /// Their bytes.
    pub(super) waiting_bytes: AtomicUsize,
    /// Told whenever bytes went away.
    pub(super) room: Notify,
    /// Held by whoever writes a group.
    pub(super) turn: tokio::sync::Mutex<()>,
    pub(super) registries: tokio::sync::Mutex<Registries>,
    small: RwLock<Small>,
    place: Place,
    reader: SessionContext,
    forecasts: Mutex<ForecastCache>,
    pub(super) changes: Changes,
    _lock: Option<StoreLock>,
}

/// One table: who writes to it, and who keeps its files.
#[derive(Debug)]
pub(super) struct Slot {
    /// Held for as long as rows move in memory.
    pub(super) state: tokio::sync::Mutex<TableState>,
    /// Held for as long as a Delta commit takes; taken before `state`.
    pub(super) upkeep: tokio::sync::Mutex<Upkeep>,
    /// Bytes in memory.
    pub(super) bytes: AtomicUsize,
    /// Newest rows in the files; taken before `state`.
    pub(super) newest: tokio::sync::Mutex<Newest>,
    /// A flush is under way in the background.
    pub(super) flushing: AtomicBool,
}

impl Slot {
    fn new(state: TableState, upkeep: Upkeep) -> Self {
        let bytes = AtomicUsize::new(state.bytes());
        Self {
            state: tokio::sync::Mutex::new(state),
            upkeep: tokio::sync::Mutex::new(upkeep),
            bytes,
            newest: tokio::sync::Mutex::default(),
            flushing: AtomicBool::new(false),
        }
    }
}

#[derive(Debug)]
pub(super) struct Registries {
    pub(super) assets: Registry,
    pub(super) quantities: Registry,
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
        let lock = lock::take(&options.root).await?;
        Self::open_on(options, Arc::new(RealDisk), Some(lock)).await
    }

    /// Opens on a disk that is known to be ours; replays the log.
    pub(super) async fn open_on(options: StoreOptions, disk: Arc<dyn Disk>, lock: Option<StoreLock>) -> Result<Self, StoreError> {
        let root = options.root.as_path();
        let place = Place::open(root, &options.storage, &disk).await?;
        let reader = SessionContext::new();
        place.register(&reader.runtime_env());
        let (log, logged) = Log::open(disk, root.join("log")).await?;
        let opening =
            Table::all().map(|table| DeltaFiles::open(table.name(), &place, table.base_schema(), key_columns(table), clock(table)));
        let mut tables = BTreeMap::new();
        for (table, delta) in Table::all().zip(futures::future::try_join_all(opening).await?) {
            log.continue_after(delta.applied());
            let upkeep = Upkeep::new(table, delta, options.file_rows.max(1), reader.clone());
            let state = TableState::new(table, upkeep.base(), upkeep.applied(), reader.clone());
            tables.insert(table, (state, upkeep));
        }
        for entry in logged {
            let Some((state, upkeep)) = tables.get_mut(&entry.table) else { continue };
            if entry.sequence <= upkeep.applied() {
                log.done(entry.table, entry.sequence).await?;
            } else {
                state.apply(&entry.rows, entry.sequence).await?;
            }
        }
        let assets_schema = registry::assets_schema();
        let (assets, asset_rows) = Registry::open("assets", &place, assets_schema, &["id"], &reader).await?;
        let quantities_schema = registry::quantities_schema();
        let (quantities, quantity_rows) = Registry::open("quantities", &place, quantities_schema, &["name"], &reader).await?;
        let (known, declared) = registry::read_quantities(&quantity_rows)?;
        let small = Small::new(registry::read_assets(&asset_rows)?, known, declared)?;
        let views = tables.iter().map(|(table, (state, _))| (*table, Arc::new(state.view()))).collect();
        let tables = tables.into_iter().map(|(table, (state, upkeep))| (table, Slot::new(state, upkeep))).collect();
        Ok(Self {
            options,
            tables,
            views: RwLock::new(views),
            log,
            queue: Mutex::default(),
            waiting_bytes: AtomicUsize::new(0),
            room: Notify::new(),
            turn: tokio::sync::Mutex::default(),
            registries: tokio::sync::Mutex::new(Registries { assets, quantities }),
            small: RwLock::new(small),
            place,
            reader,
            forecasts: Mutex::default(),
            changes: Changes::default(),
            _lock: lock,
        })
    }

    pub(super) fn publish(&self, table: Table, slot: &Slot, state: &TableState) {
        slot.bytes.store(state.bytes(), Ordering::Relaxed);
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

    /// What the store itself reads with.
    pub(super) const fn context(&self) -> &SessionContext {
        &self.reader
    }

    pub(super) fn reader(&self, table: Table) -> Reader<'_> {
        Reader { context: &self.reader, table, view: self.view(table).as_ref().clone() }
    }

    pub(super) fn small(&self) -> std::sync::RwLockReadGuard<'_, Small> {
        self.small.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// In its own task, as everything that commits: a caller that goes away leaves no half-known state.
    pub(super) async fn upsert_assets(this: &Arc<Self>, changes: Vec<Asset>) -> Result<usize, StoreError> {
        let inner = Arc::clone(this);
        let work = tokio::spawn(async move { inner.change_assets(changes).await });
        work.await.map_err(|cause| StoreError::Stopped { action: "adding assets", cause: cause.to_string() })?
    }

    async fn change_assets(&self, changes: Vec<Asset>) -> Result<usize, StoreError> {
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

    /// In its own task, too.
    pub(super) async fn declare(this: &Arc<Self>, name: &str, unit: Unit) -> Result<Quantity, StoreError> {
        let (inner, name) = (Arc::clone(this), name.to_owned());
        let work = tokio::spawn(async move { inner.change_quantities(&name, unit).await });
        work.await.map_err(|cause| StoreError::Stopped { action: "declaring a quantity", cause: cause.to_string() })?
    }

    async fn change_quantities(&self, name: &str, unit: Unit) -> Result<Quantity, StoreError> {
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

    pub(super) fn stats(&self) -> StoreStats {
        let (log_files, log_bytes) = self.log.length();
        let (views, newest_group) = (self.views(), self.log.newest());
        let tables = views.iter().filter(|(_, view)| !view.is_empty()).map(|(table, view)| {
            let buffered_rows = view.buffered.iter().map(Run::count).sum();
            TableStats {
                name: table.name().into(),
                version: view.version,
                files: view.files.len(),
                rows: view.files.iter().map(|file| file.rows).sum(),
                bytes: view.files.iter().map(|file| file.size).sum(),
                buffered_rows,
                buffered_bytes: self.tables.get(table).map_or(0, |slot| slot.bytes.load(Ordering::Relaxed)),
                lag: if buffered_rows > 0 { newest_group.saturating_sub(view.applied) } else { 0 },
                newest: view.newest(),
            }
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
    pub(super) fn repeat(&self) -> Self {
        match self {
            Self::Io { action, path, cause } => {
                Self::Io { action, path: path.clone(), cause: std::io::Error::new(cause.kind(), cause.to_string()) }
            }
            other => Self::Stopped { action: "writing the log", cause: other.to_string() },
        }
    }
}
