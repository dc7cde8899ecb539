//! Log files with other bytes than were written: with a wrong sum they are named, with a right sum the store opens or says why not.
//!
//! In: the bytes of a log file. Out: a panic when a promise of `engine::store` does not hold.

use engine::domain::AssetKind;
use engine::domain::Quantity;
use engine::domain::Readings;
use engine::store::Store;
use engine::store::StoreError;
use engine::store::StoreOptions;
use std::path::Path;
use xxhash_rust::xxh3::xxh3_64;

/// Opens a new store whose log is one file with these bytes, by a name with their sum and by a name with another one.
pub fn log_reader(data: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        match open(data, xxh3_64(data)).await {
            Ok(rows) => assert_eq!(open(data, xxh3_64(data)).await.ok(), Some(rows), "the same bytes opened twice"),
            Err(StoreError::Stopped { action, cause }) => panic!("{action} stopped the thread: {cause}"),
            Err(error) => assert!(!error.to_string().is_empty(), "an error says why"),
        }
        match open(data, xxh3_64(data) ^ 1).await {
            Err(error @ StoreError::DamagedLog { .. }) => assert!(error.to_string().contains("sum"), "{error}"),
            other => panic!("a wrong sum must be said, not {other:?}"),
        }
    });
}

/// What a store with one append wrote to its log.
pub fn written() -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(StoreOptions::new(directory.path())).await.expect("the store opens");
        let times: Vec<i64> = (0..6).map(|i| 1_782_000_000_000_000 + i * 600_000_000).collect();
        let ids = vec!["T01".to_owned(); times.len()];
        let values = vec![(Quantity::ACTIVE_POWER, (0..6).map(|i| (i != 3).then_some(f64::from(i))).collect())];
        let readings =
            Readings::from_columns(AssetKind::WindTurbine, times.clone(), ids, times, values).expect("the rows are well formed");
        store.append(readings).await.expect("the rows are taken");
        drop(store);
        let log = std::fs::read_dir(directory.path().join("log")).expect("the log is there").next();
        std::fs::read(log.expect("the log has a file").expect("its entry is read").path()).expect("the file is read")
    })
}

/// Rows in memory after a start with this log.
async fn open(data: &[u8], sum: u64) -> Result<usize, StoreError> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    put(directory.path(), data, sum);
    let store = Store::open(StoreOptions::new(directory.path())).await?;
    Ok(store.stats().tables.iter().map(|table| table.buffered_rows).sum())
}

fn put(root: &Path, data: &[u8], sum: u64) {
    let log = root.join("log");
    std::fs::create_dir_all(&log).expect("a directory for the log");
    std::fs::write(log.join(format!("{:020}.{sum:016x}.arrows", 1)), data).expect("the file is written");
}
