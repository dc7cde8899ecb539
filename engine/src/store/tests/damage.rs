//! Damage by rot or by hand: log files cut at every byte, bits flipped in log and table files. Opening gives every acknowledged row or
//! names the damaged file and what to do; the sum in a table file's name shows the damage. Other rows never go unnoticed; never a panic.

use super::super::StoreError;
use super::super::disk::Disk;
use super::super::read::collect;
use super::super::simulated::Chance;
use super::super::simulated::SimulatedDisk;
use super::history::KINDS;
use super::history::Rows;
use super::history::gather_once;
use super::history::scan;
use super::power::Run;
use super::power::on_all_cores;
use super::power::open;
use super::power::runtime;
use crate::domain::AssetKind;
use crate::domain::Table;
use arrow::array::RecordBatch;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use xxhash_rust::xxh3::xxh3_64;

/// A store with these writes, closed; what a reader saw.
fn written(flush: bool) -> (SimulatedDisk, Rows) {
    runtime().block_on(async {
        let mut run = Run::new(11);
        let store = open(&run.disk).await.unwrap();
        for _ in 0..4 {
            let write = run.history.draw(&mut run.chance, 0);
            store.append(write.readings()).await.unwrap();
        }
        if flush {
            store.flush().await.unwrap();
        }
        let rows = scan(&store).await;
        drop(store);
        (run.disk.copy(), rows)
    })
}

fn files(disk: &SimulatedDisk, below: &str, ending: &str) -> Vec<PathBuf> {
    let files = disk.files_below(&super::power::below(below));
    files.into_iter().filter(|path| path.to_string_lossy().ends_with(ending)).collect()
}

/// Opens a store whose file at `path` holds `bytes`; the rows, or an error that names the file.
async fn found(disk: &SimulatedDisk, path: &Path, bytes: Vec<u8>) -> Result<Rows, String> {
    let damaged = Arc::new(disk.copy());
    damaged.overwrite(path, bytes);
    match open(&damaged).await {
        Ok(store) => Ok(scan(&store).await),
        Err(error @ StoreError::DamagedLog { .. }) => Err(error.to_string()),
        Err(other) => panic!("another error than the damaged log: {other}"),
    }
}

#[test]
fn a_log_cut_at_any_byte_is_whole_or_named() {
    let (disk, rows) = written(false);
    let logs = files(&disk, "log", "");
    assert!(logs.len() >= 4, "{logs:?}");
    for path in [&logs[0], &logs[logs.len() - 1]] {
        let bytes = disk.read(path).unwrap();
        on_all_cores("a log cut at every byte", 0..bytes.len() as u64, async |cut| {
            match found(&disk, path, bytes[..cut as usize].to_vec()).await {
                Ok(seen) => assert_eq!(seen, rows, "cut at byte {cut} of {}", path.display()),
                Err(said) => {
                    assert!(said.contains(path.to_str().unwrap()) && said.contains("backup"), "cut at byte {cut}: {said}");
                }
            }
        });
    }
}

#[test]
fn a_flipped_bit_in_the_log_is_named() {
    let (disk, rows) = written(false);
    let logs = files(&disk, "log", "");
    on_all_cores("a bit flipped in the log", 0..600, async |seed| {
        let mut chance = Chance::new(seed);
        let path = &logs[chance.below(logs.len() as u64) as usize];
        let mut bytes = disk.read(path).unwrap().to_vec();
        let bit = chance.below(8 * bytes.len() as u64);
        bytes[bit as usize / 8] ^= 1 << (bit % 8);
        match found(&disk, path, bytes).await {
            Ok(seen) => assert_eq!(seen, rows, "seed {seed}: bit {bit} of {}", path.display()),
            Err(said) => assert!(said.contains(path.to_str().unwrap()), "seed {seed}: {said}"),
        }
    });
}

#[test]
fn a_log_file_that_is_gone_is_not_taken_for_an_empty_one() {
    let (disk, rows) = written(false);
    let logs = files(&disk, "log", "");
    on_all_cores("a log file gone", 0..logs.len() as u64 - 1, async |gone| {
        let damaged = Arc::new(disk.copy());
        damaged.remove(&logs[gone as usize]).unwrap();
        // Moving a damaged file away is the remedy that is offered, so the others must still be read.
        let store = open(&damaged).await.unwrap();
        let seen = scan(&store).await;
        assert!(seen.len() < rows.len() || seen != rows, "{} held nothing", logs[gone as usize].display());
        assert!(seen.keys().all(|key| rows.contains_key(key)));
    });
}

fn rows_of(read: &[(AssetKind, RecordBatch)]) -> Rows {
    let mut rows = Rows::new();
    for (kind, batch) in read {
        gather_once(*kind, batch, &mut rows);
    }
    rows
}

/// Parquet's pages have no sum of their own, so a flipped bit may read as another value; the sum of the file is in its name, which is
/// what `chergui verify` compares.
#[test]
fn a_flipped_bit_in_a_table_file_is_an_error_or_shows_in_its_sum() {
    let (disk, rows) = written(true);
    let parts = files(&disk, "tables", ".parquet");
    assert!(parts.len() >= KINDS.len(), "{parts:?}");
    let (errors, panics, changed) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    on_all_cores("a bit flipped in a table file", 0..600, async |seed| {
        let mut chance = Chance::new(seed);
        let path = &parts[chance.below(parts.len() as u64) as usize];
        let mut bytes = disk.read(path).unwrap().to_vec();
        let named = |bytes: &[u8]| path.to_string_lossy().contains(&format!("{:016x}", xxh3_64(bytes)));
        assert!(named(&bytes), "{} does not hold the sum of its bytes", path.display());
        let bit = chance.below(8 * bytes.len() as u64);
        bytes[bit as usize / 8] ^= 1 << (bit % 8);
        assert!(!named(&bytes), "seed {seed}: the sum of {} does not show bit {bit}", path.display());
        let damaged = Arc::new(disk.copy());
        damaged.overwrite(path, bytes);
        // In a task of its own, as queries run: Parquet's reader panics on some of these, and that must cost the query only.
        let read = tokio::spawn(async move {
            let (store, mut read) = (open(&damaged).await.ok()?, Vec::new());
            for kind in KINDS {
                let reader = store.reader(Table::Telemetry(kind));
                let batches = collect(reader.context, reader.view.clone(), &[], &[]).await.ok()?;
                read.extend(batches.into_iter().map(|batch| (kind, batch)));
            }
            Some(read)
        });
        match read.await {
            Err(_) => panics.fetch_add(1, Ordering::Relaxed),
            Ok(None) => errors.fetch_add(1, Ordering::Relaxed),
            Ok(Some(read)) => {
                let seen: usize = read.iter().map(|(_, batch)| batch.num_rows()).sum();
                let same = seen == rows.len() && rows_of(&read) == rows;
                changed.fetch_add(u64::from(!same), Ordering::Relaxed)
            }
        };
    });
    let (errors, panics, changed) = (errors.into_inner(), panics.into_inner(), changed.into_inner());
    assert!(errors > 100, "{errors} of 600 flips were read as an error");
    eprintln!("600 flips in table files: {errors} errors, {panics} panics of a query, {changed} other values; the sum showed all");
}
