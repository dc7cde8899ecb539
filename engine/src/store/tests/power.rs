//! Power cuts: a seeded run of writes, flushes and compactions on a simulated disk, the power cut in the middle, the store opened on
//! what the disk kept, again and again. Every acknowledged row is there once, unacknowledged writes are there whole or not at all.
//!
//! `TRUST_SEEDS=100000` is the long form, from `TRUST_FROM` on; `TRUST_SEED=4711` runs one seed. Threads share the seeds.

use super::super::Store;
use super::super::StoreError;
use super::super::StoreOptions;
use super::super::disk::Disk;
use super::super::open::Inner;
use super::super::simulated::Chance;
use super::super::simulated::SimulatedDisk;
use super::history::History;
use super::history::Write;
use super::history::ask;
use super::history::scan;
use crate::domain::Asset;
use crate::domain::AssetId;
use crate::domain::AssetKind;
use crate::domain::Table;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;
use tokio::runtime::Runtime;

/// The data directory. Delta's kernel asks the real disk whether a table's directory is there, so empty ones are.
static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
    let root = std::env::temp_dir().join("chergui-simulated-disk");
    for name in Table::all().map(|table| table.name().to_owned()).chain(["assets".into(), "quantities".into()]) {
        std::fs::create_dir_all(root.join("tables").join(name)).unwrap();
    }
    root.canonicalize().unwrap()
});

/// A path in the data directory.
pub(super) fn below(name: &str) -> PathBuf {
    ROOT.join(name)
}

/// A disk with an empty data directory that was made and synced before: whoever sets up the machine does that.
pub(super) fn disk() -> Arc<SimulatedDisk> {
    let disk = SimulatedDisk::default();
    disk.create_directory(&ROOT).unwrap();
    for path in ROOT.ancestors().skip(1) {
        disk.sync(path).unwrap();
    }
    Arc::new(disk)
}

/// Opens a store that flushes early and splits files small.
pub(super) async fn open(disk: &Arc<SimulatedDisk>) -> Result<Store, StoreError> {
    let options = StoreOptions { buffer_rows: 40, file_rows: 60, ..StoreOptions::new(ROOT.as_path()) };
    let disk: Arc<dyn Disk> = Arc::<SimulatedDisk>::clone(disk);
    Ok(Store { inner: Arc::new(Inner::open_on(options, disk, None).await?) })
}

/// Closes a store; what it does in the background may take a moment to end, as the lock of a real directory would wait for.
pub(super) async fn close(store: Store) {
    let inner = Arc::downgrade(&store.inner);
    drop(store);
    while inner.strong_count() > 0 {
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
}

/// One run on a disk that may go off at any change.
pub(super) struct Run {
    pub(super) disk: Arc<SimulatedDisk>,
    pub(super) history: History,
    pub(super) chance: Chance,
    assets: usize,
}

impl Run {
    pub(super) fn new(seed: u64) -> Self {
        Self { disk: disk(), history: History::default(), chance: Chance::new(seed), assets: 0 }
    }

    /// A result that may only be an error when the power is off; then there is none.
    fn heard<T>(&self, result: Result<T, StoreError>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(_) if self.disk.is_off() => None,
            Err(error) => panic!("refused with the power on: {error}"),
        }
    }

    /// Says what happens, when one seed is run by itself.
    fn tell(&self, what: std::fmt::Arguments<'_>) {
        if number("TRUST_SEED").is_some() {
            eprintln!("{:>4} {}: {what}", self.disk.changes(), if self.disk.is_off() { "off" } else { "on" });
        }
    }

    /// Writes one thing and notes what became of it.
    async fn write(&mut self, store: &Store, write: Write, import: bool) {
        let readings = write.readings();
        self.tell(format_args!("{} of write {}: {:?}", if import { "import" } else { "append" }, self.history.writes, write));
        let sent = if import { store.import(readings).await } else { store.append(readings).await };
        let acknowledged = self.heard(sent).is_some_and(|receipt| {
            assert_eq!(
                (receipt.rows, receipt.inserted + receipt.changed + receipt.unchanged),
                (write.rows.len(), write.rows.len())
            );
            true
        });
        self.tell(format_args!("acknowledged: {acknowledged}"));
        self.history.note(write, acknowledged);
    }

    /// One step of a life; `None` when the power went.
    async fn step(&mut self, store: Store) -> Option<Store> {
        match self.chance.below(20) {
            0..=9 => {
                let write = self.history.draw(&mut self.chance, 0);
                let twice = self.chance.one_in(4);
                self.write(&store, write.clone(), false).await;
                if twice && !self.disk.is_off() {
                    self.write(&store, write, false).await;
                }
            }
            10..=12 => {
                let writes = [1, 2, 3].map(|writer| self.history.draw(&mut self.chance, writer));
                self.tell(format_args!("three appends up to write {}: {writes:?}", self.history.writes));
                let sent = writes.clone().map(|write| store.append(write.readings()));
                for (write, sent) in writes.into_iter().zip(futures::future::join_all(sent).await) {
                    let acknowledged = self.heard(sent).is_some();
                    self.history.note(write, acknowledged);
                }
            }
            13..=14 => {
                let write = self.history.draw(&mut self.chance, 0);
                self.write(&store, write, true).await;
            }
            15..=16 => {
                self.tell(format_args!("flush"));
                self.heard(store.flush().await);
            }
            17 => {
                self.tell(format_args!("compaction"));
                self.heard(store.compact().await);
            }
            18 => {
                let asset = Asset::new(AssetId::parse(&format!("A{}", self.assets)).unwrap(), AssetKind::Meter);
                if self.heard(store.upsert_assets(vec![asset]).await).is_some() {
                    self.assets += 1;
                }
            }
            _ => {
                // A clean stop and start, with or without rows in the log.
                if self.chance.one_in(2) {
                    self.heard(store.flush().await);
                }
                self.tell(format_args!("stop and start"));
                close(store).await;
                let opened = open(&self.disk).await;
                return self.heard(opened);
            }
        }
        (!self.disk.is_off()).then_some(store)
    }

    /// The power returns: opens what the disk kept, perhaps losing power again on the way, and checks all of it.
    pub(super) async fn recover(&mut self) -> Store {
        loop {
            self.disk = Arc::new(self.disk.after_power_cut(&mut self.chance));
            if self.chance.one_in(4) {
                self.disk.cut_after(self.chance.below(12));
            }
            self.tell(format_args!("the power returns"));
            for path in self.disk.files_below(&ROOT.join("log")) {
                self.tell(format_args!("there is {}", path.display()));
            }
            let opened = open(&self.disk).await;
            let Some(store) = self.heard(opened) else { continue };
            self.tell(format_args!("open"));
            self.disk.cut_after(u64::MAX / 2);
            if self.disk.is_off() {
                continue;
            }
            self.check(&store, true).await;
            return store;
        }
    }

    /// Reads everything by several paths; `started` when nothing was written since the store was opened.
    pub(super) async fn check(&mut self, store: &Store, started: bool) {
        let seen = scan(store).await;
        self.history.settle(&seen, started);
        if self.chance.one_in(4) {
            assert_eq!(ask(store, &seen).await, seen, "asset by asset and one scan disagree");
        }
        let assets = store.assets().len();
        assert!((self.assets..=self.assets + 1).contains(&assets), "{} assets were acknowledged, {assets} are there", self.assets);
        self.assets = assets;
    }

    /// A life of that many steps or until the power goes.
    pub(super) async fn live(&mut self, mut store: Store, steps: u64) {
        for _ in 0..steps {
            match self.step(store).await {
                Some(open) => store = open,
                None => return,
            }
        }
        self.disk.cut_after(u64::MAX / 2);
        if !self.disk.is_off() {
            self.check(&store, false).await;
        }
    }
}

/// Two lives with a power cut after each, and a clean end.
async fn two_lives(seed: u64) {
    let mut run = Run::new(seed);
    run.disk.cut_after(run.chance.below(120));
    let opened = open(&run.disk).await;
    if let Some(store) = run.heard(opened) {
        run.live(store, 12).await;
    }
    for _ in 0..2 {
        let store = run.recover().await;
        run.disk.cut_after(run.chance.below(80));
        run.live(store, 8).await;
    }
    run.recover().await;
}

/// Says how to see a failure again.
struct Replay<'a>(&'a str, u64);

impl Drop for Replay<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {}: {}={} cargo test --workspace --lib store::tests::power", self.1, self.0, self.1);
        }
    }
}

/// How long a test shall be is asked of the environment.
#[allow(clippy::disallowed_methods, reason = "a test, not the engine, asks")]
pub(super) fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is not a number")))
}

/// One thread for tasks and one for the disk, so that a seed gives the same run again.
pub(super) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().max_blocking_threads(1).build().unwrap()
}

/// Runs `work` for each number, on all cores; each thread one at a time.
pub(super) fn on_all_cores<F: Future<Output = ()>>(what: &str, numbers: std::ops::Range<u64>, work: impl Fn(u64) -> F + Sync) {
    let (next, began, count) = (AtomicU64::new(numbers.start), Instant::now(), numbers.end - numbers.start);
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let runtime = runtime();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= numbers.end {
                        return;
                    }
                    if number > numbers.start && number.is_multiple_of(1000) {
                        eprintln!("{what}: {number} begins after {:.0?}", began.elapsed());
                    }
                    let _replay = Replay("TRUST_SEED", number);
                    runtime.block_on(work(number));
                }
            });
        }
    });
    let each = began.elapsed().as_secs_f64() * 1000.0 * threads as f64 / count.max(1) as f64;
    eprintln!("{what}: {count} runs, {each:.1} ms each on {threads} threads");
}

/// Seeds that once lost a row: a repeated append was in the files, its removal from the log was undone, and it was applied on top of an
/// import that came after it.
const FOUND: [u64; 1] = [27_856];

#[test]
fn acknowledged_rows_survive_power_cuts() {
    for seed in FOUND {
        on_all_cores("a power cut that was found", seed..seed + 1, two_lives);
    }
    let seeds = match number("TRUST_SEED") {
        Some(seed) => seed..seed + 1,
        None => {
            let from = number("TRUST_FROM").unwrap_or_default();
            from..from + number("TRUST_SEEDS").unwrap_or(200)
        }
    };
    on_all_cores("power cuts", seeds, two_lives);
}

/// A short life with everything in it.
async fn short_life(disk: Arc<SimulatedDisk>, chance: u64) -> Run {
    let mut run = Run { disk, ..Run::new(7) };
    let opened = open(&run.disk).await;
    if let Some(store) = run.heard(opened) {
        run.live(store, 14).await;
    }
    run.chance = Chance::new(chance);
    run
}

#[test]
fn a_cut_at_every_single_change_loses_nothing() {
    let disk = disk();
    let runtime = runtime();
    runtime.block_on(short_life(Arc::clone(&disk), 0));
    let changes = disk.changes();
    assert!(changes > 100, "{changes} changes are too few to have flushed and compacted");
    on_all_cores("a cut at every change", 0..changes, async |change| {
        let disk = self::disk();
        disk.cut_after(change);
        let mut run = short_life(disk, change).await;
        let store = run.recover().await;
        run.live(store, 1).await;
    });
}
