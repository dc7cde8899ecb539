//! Looking after a store: what verify finds, what backups hold, what retention and vacuum take and what they leave.

use super::KIND;
use super::MINUTE;
use super::open;
use super::powers;
use super::rows;
use crate::domain::Table;
use crate::domain::from_micros;
use crate::store::Harm;
use crate::store::Storage;
use crate::store::Store;
use crate::store::StoreOptions;
use crate::store::Verified;
use crate::store::backup;
use crate::store::ledger::Ledger;
use crate::store::restore;
use crate::store::verify;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

const TABLE: Table = Table::Telemetry(KIND);

async fn look(root: &Path) -> Verified {
    verify(&StoreOptions::new(root), &|_| {}).await.unwrap()
}

fn files(root: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
    found.sort();
}

fn data_files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    files(&root.join("tables/wind_turbine"), &mut found);
    found.retain(|path| path.extension().is_some_and(|e| e == "parquet") && !path.to_string_lossy().contains("_delta_log"));
    found
}

/// A store with files, a checkpoint, and rows that are only in the log.
async fn fill(root: &Path) -> Vec<f64> {
    let store = open(root).await;
    for i in 0..105 {
        store.import(rows("T01", i, i + 1, i as f64)).await.unwrap();
    }
    store.compact().await.unwrap();
    store.import(rows("T02", 0, 50, 3.0)).await.unwrap();
    store.append(rows("T01", 105, 110, 9.0)).await.unwrap();
    powers(&store, "T01").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_is_found_or_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let expected = fill(root).await;
    let sound = look(root).await;
    assert!(!sound.is_damaged(), "{:?}", sound.findings);
    assert_eq!((sound.rows, sound.log_files), (155, 1));
    let mut all = Vec::new();
    files(&root.join("tables"), &mut all);
    files(&root.join("log"), &mut all);
    let needed: Vec<PathBuf> = {
        let unneeded: Vec<&str> = sound.findings.iter().map(|finding| finding.file.as_str()).collect();
        all.into_iter().filter(|path| !unneeded.contains(&path.to_str().unwrap())).collect()
    };
    assert!(needed.iter().any(|path| path.to_string_lossy().contains("checkpoint.parquet")), "{needed:?}");
    let (mut seed, mut found, mut harmless) = (20_261_122_u64, 0, 0);
    let mut chance = move |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    let (data, other): (Vec<_>, Vec<_>) = needed.into_iter().partition(|path| !path.to_string_lossy().contains("_delta_log"));
    for round in 0..160 {
        let group = if round % 2 == 0 { &data } else { &other };
        let path = &group[chance(group.len())];
        let bytes = fs::read(path).unwrap();
        let mut damaged = bytes.clone();
        let at = chance(bytes.len());
        damaged[at] ^= 1 << chance(8);
        fs::write(path, damaged).unwrap();
        let report = look(root).await;
        if report.findings.iter().any(|finding| finding.harm == Harm::Damage) {
            let named = report.findings.iter().any(|finding| path.to_str().unwrap().starts_with(&finding.file));
            assert!(named, "byte {at} of {}: {:?}", path.display(), report.findings);
            found += 1;
        } else {
            assert!(path.to_string_lossy().contains("_delta_log"), "byte {at} of {} was not found", path.display());
            let store = open(root).await;
            let (one, two) = (powers(&store, "T01").await, powers(&store, "T02").await);
            assert_eq!((one, two), (expected.clone(), vec![3.0; 50]), "byte {at} of {}", path.display());
            harmless += 1;
        }
        fs::write(path, bytes).unwrap();
    }
    assert!(found >= 80, "{found} found, {harmless} harmless");
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_names_what_is_missing_and_what_it_covered() {
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path()).await;
    let lost = data_files(directory.path()).into_iter().next_back().unwrap();
    fs::remove_file(&lost).unwrap();
    let report = look(directory.path()).await;
    let finding = &report.findings[0];
    assert!(report.is_damaged() && finding.file == lost.display().to_string(), "{:?}", report.findings);
    assert!(finding.covers.contains("T02") && finding.covers.contains("1970-01-01"), "{}", finding.covers);
    let store = open(directory.path()).await;
    let held = verify(&StoreOptions::new(directory.path()), &|_| {}).await.unwrap_err().to_string();
    assert!(held.contains("in use"), "{held}");
    drop(store);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_holds_what_was_acknowledged_and_comes_back() {
    let directory = tempfile::tempdir().unwrap();
    let (root, to, back) = (directory.path().join("data"), directory.path().join("copy"), directory.path().join("back"));
    let store = open(&root).await;
    let ledger = Ledger::open(&root).await.unwrap();
    store.import(rows("T01", 0, 2500, 1.0)).await.unwrap();
    store.append(rows("T01", 2500, 2600, 2.0)).await.unwrap();
    let expected = powers(&store, "T01").await;
    // Others go on writing meanwhile.
    let writer = {
        let store = store.clone();
        tokio::spawn(async move {
            for i in 0..50 {
                store.append(rows("T09", i, i + 1, 1.0)).await.unwrap();
            }
        })
    };
    let manifest = backup(&store, &ledger, &to, from_micros(5), &|_, _| {}).await.unwrap();
    writer.await.unwrap();
    assert_eq!(manifest.created_at, from_micros(5));
    assert!(manifest.files.iter().any(|file| file.path == "ledger.sqlite") && !to.with_extension("partial").exists());
    let again = backup(&store, &ledger, &to, from_micros(5), &|_, _| {}).await.unwrap_err().to_string();
    assert!(again.contains("there already"), "{again}");
    assert_eq!(restore(&to, &back, &Storage::Local, &|_, _| {}).await.unwrap(), manifest);
    let report = look(&back).await;
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    let restored = open(&back).await;
    assert_eq!(powers(&restored, "T01").await, expected);
    assert_eq!(restored.append(rows("T01", 2600, 2601, 4.0)).await.unwrap().inserted, 1);
    let full = restore(&to, &back, &Storage::Local, &|_, _| {}).await.unwrap_err().to_string();
    assert!(full.contains("not empty"), "{full}");
    // A damaged backup puts nothing in place.
    let victim = to.join(&manifest.files.iter().find(|file| file.path.ends_with(".parquet")).unwrap().path);
    let mut bytes = fs::read(&victim).unwrap();
    bytes[100] ^= 4;
    fs::write(&victim, bytes).unwrap();
    let other = directory.path().join("other");
    let error = restore(&to, &other, &Storage::Local, &|_, _| {}).await.unwrap_err().to_string();
    assert!(error.contains("damaged") && error.contains(victim.to_str().unwrap()) && !other.exists(), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn retention_cuts_at_the_time_and_vacuum_waits_for_readers() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    store.import(rows("T01", 0, 2500, 1.0)).await.unwrap();
    store.append(rows("T01", 2500, 2510, 2.0)).await.unwrap();
    let before = from_micros(1500 * 10 * MINUTE);
    let held = store.snapshot();
    let gone = store.retain(TABLE, before).await.unwrap();
    assert_eq!((gone.rows, gone.files), (1500, 2));
    assert_eq!(powers(&store, "T01").await, [vec![1.0; 1000], vec![2.0; 10]].concat());
    assert_eq!(store.retain(TABLE, before).await.unwrap().files, 0);
    let future = from_micros(i64::MAX / 4);
    let files = data_files(directory.path()).len();
    assert_eq!(store.vacuum(from_micros(0)).await.unwrap().files, 0, "nothing is that old");
    fs::write(directory.path().join("tables/wind_turbine/part-0.zstd.parquet#1.0"), b"torn").unwrap();
    fs::write(directory.path().join("tables/wind_turbine/part-of-a-crash.parquet"), b"never committed").unwrap();
    assert_eq!(store.vacuum(future).await.unwrap().files, 2, "what a view may read stays, what crashes left goes");
    assert_eq!(data_files(directory.path()).len(), files);
    drop(held);
    assert_eq!(store.vacuum(future).await.unwrap().files, 2);
    assert_eq!(data_files(directory.path()).len(), files - 2);
    drop(store);
    let store: Store = open(directory.path()).await;
    assert_eq!(powers(&store, "T01").await.len(), 1010);
}
