//! The promises of the store, on a real directory: durable, once, merged, visible at once.

mod annotations;
mod care;
mod damage;
mod history;
mod late;
mod point;
mod power;
mod refusals;
mod traps;

use super::FEW_FILES;
use super::Receipt;
use super::Store;
use super::StoreError;
use super::StoreOptions;
use crate::domain::Asset;
use crate::domain::AssetId;
use crate::domain::AssetKind;
use crate::domain::Forecast;
use crate::domain::Quantile;
use crate::domain::Quantity;
use crate::domain::Readings;
use crate::domain::Resolution;
use crate::domain::Table;
use crate::domain::Unit;
use crate::domain::from_micros;
use arrow::array::AsArray;
use arrow::datatypes::Float64Type;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

const MINUTE: i64 = 60_000_000;
const KIND: AssetKind = AssetKind::WindTurbine;

async fn open(root: &Path) -> Store {
    Store::open(StoreOptions { buffer_rows: 1_000_000, file_rows: 1000, ..StoreOptions::new(root) }).await.unwrap()
}

fn rows(asset: &str, from: i64, to: i64, power: f64) -> Readings {
    let times: Vec<i64> = (from..to).map(|i| i * 10 * MINUTE).collect();
    let n = times.len();
    let known = times.iter().map(|t| t + 10 * MINUTE).collect();
    Readings::from_columns(KIND, times, vec![asset.to_owned(); n], known, vec![(Quantity::ACTIVE_POWER, vec![Some(power); n])])
        .unwrap()
}

fn turbine(id: &str) -> Asset {
    Asset::new(AssetId::parse(id).unwrap(), KIND)
}

async fn powers(store: &Store, asset: &str) -> Vec<f64> {
    let batch = store.readings(&turbine(asset), None, None, None).await.unwrap();
    batch["active_power"].as_primitive::<Float64Type>().iter().map(|v| v.unwrap_or(f64::NAN)).collect()
}

fn log_files(root: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(root.join("log")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_row_survives_without_a_flush_and_is_there_once() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    let receipt = store.append(rows("T01", 0, 10, 5.0)).await.unwrap();
    assert_eq!(receipt, Receipt { rows: 10, inserted: 10, changed: 0, unchanged: 0 });
    assert_eq!(powers(&store, "T01").await, [5.0; 10]);
    drop(store);

    let store = open(directory.path()).await;
    assert_eq!(powers(&store, "T01").await, [5.0; 10]);
    assert_eq!(store.append(rows("T01", 0, 10, 5.0)).await.unwrap().unchanged, 10);
    assert_eq!(store.append(rows("T01", 5, 12, 6.0)).await.unwrap(), Receipt { rows: 7, inserted: 2, changed: 5, unchanged: 0 });
    store.flush().await.unwrap();
    assert!(log_files(directory.path()).is_empty());
    let expected = [vec![5.0; 5], vec![6.0; 7]].concat();
    assert_eq!(powers(&store, "T01").await, expected);
    drop(store);

    let store = open(directory.path()).await;
    assert_eq!(powers(&store, "T01").await, expected);
    // Everything again, now against Delta: nothing changes, no file is written.
    let before = store.stats();
    assert_eq!(store.append(rows("T01", 5, 12, 6.0)).await.unwrap().unchanged, 7);
    assert_eq!(store.import(rows("T01", 0, 5, 5.0)).await.unwrap().unchanged, 5);
    assert_eq!(store.stats().tables, before.tables);
    // A late change is merged into Delta.
    assert_eq!(store.append(rows("T01", 0, 1, 9.0)).await.unwrap().changed, 1);
    assert_eq!(powers(&store, "T01").await[..2], [9.0, 5.0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_commit_and_log_deletion_doubles_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    store.append(rows("T01", 0, 10, 5.0)).await.unwrap();
    let log = log_files(directory.path()).remove(0);
    let bytes = fs::read(&log).unwrap();
    store.flush().await.unwrap();
    store.import(rows("T01", 0, 1, 7.0)).await.unwrap();
    drop(store);
    fs::write(&log, bytes).unwrap();

    let store = open(directory.path()).await;
    // The old log must not be applied again: it would turn the 7 back into a 5.
    assert_eq!(powers(&store, "T01").await, [vec![7.0], vec![5.0; 9]].concat());
    assert_eq!(store.stats().tables[0].buffered_rows, 0);
    assert!(log_files(directory.path()).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn torn_files_are_ignored_and_damaged_ones_named() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    store.append(rows("T01", 0, 10, 5.0)).await.unwrap();
    store.append(rows("T01", 10, 20, 6.0)).await.unwrap();
    drop(store);
    fs::write(directory.path().join("log/next.tmp"), b"torn").unwrap();
    let store = open(directory.path()).await;
    assert_eq!(powers(&store, "T01").await.len(), 20);
    assert_eq!(log_files(directory.path()).len(), 2);
    drop(store);

    let last = log_files(directory.path()).remove(1);
    let bytes = fs::read(&last).unwrap();
    fs::write(&last, &bytes[..bytes.len() / 2]).unwrap();
    let options = StoreOptions::new(directory.path());
    let error = Store::open(options).await.unwrap_err();
    assert!(matches!(error, StoreError::DamagedLog { .. }), "{error}");
    assert!(error.to_string().contains(last.to_str().unwrap()), "{error}");
    fs::remove_file(&last).unwrap();
    assert_eq!(powers(&open(directory.path()).await, "T01").await, [5.0; 10]);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_appends_share_the_log_and_lose_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    let sends = (0..64).map(|i| {
        let store = store.clone();
        tokio::spawn(async move { store.append(rows(&format!("T{:02}", i % 8), i, i + 1, i as f64)).await.unwrap() })
    });
    for send in sends.collect::<Vec<_>>() {
        assert_eq!(send.await.unwrap().inserted, 1);
    }
    drop(store);
    let store = open(directory.path()).await;
    for asset in 0..8 {
        assert_eq!(powers(&store, &format!("T{asset:02}")).await, (0..8).map(|i| f64::from(asset + 8 * i)).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn imports_split_overlap_and_gain_columns() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    assert_eq!(store.import(rows("T01", 0, 2500, 1.0)).await.unwrap().inserted, 2500);
    assert_eq!(store.stats().tables[0].files, 3);
    assert_eq!(store.import(rows("T02", 0, 100, 2.0)).await.unwrap().inserted, 100);
    // Half old, half new, one of them changed.
    let receipt = store.import(rows("T01", 2499, 2501, 3.0)).await.unwrap();
    assert_eq!(receipt, Receipt { rows: 2, inserted: 1, changed: 1, unchanged: 0 });
    let wind =
        Readings::from_columns(KIND, vec![0], vec!["T01".into()], vec![1], vec![(Quantity::WIND_SPEED, vec![Some(8.0)])]).unwrap();
    assert_eq!(store.append(wind).await.unwrap().changed, 1);
    assert_eq!(powers(&store, "T01").await, [vec![1.0; 2499], vec![3.0; 2]].concat());
    let frames = store.frames(&[turbine("T02"), turbine("T01")], None, Resolution::parse("PT10M").unwrap(), None).await.unwrap();
    assert_eq!(frames.iter().map(|f| (f.asset.id.as_str(), f.len)).collect::<Vec<_>>(), [("T02", 100), ("T01", 2501)]);
    assert_eq!(frames[1].column(&Quantity::WIND_SPEED).unwrap()[0], 8.0);
    assert_eq!(frames[1].column(&Quantity::ACTIVE_POWER).unwrap()[2500], 3.0);
    let latest = store.latest(KIND).await.unwrap();
    assert_eq!(latest[&AssetId::parse("T01").unwrap()].values[&Quantity::ACTIVE_POWER], 3.0);
    assert_eq!(store.extent(&turbine("T02")).await.unwrap(), Some((from_micros(0), from_micros(990 * MINUTE))));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_small_flushes_become_few_files() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    for i in 0..40 {
        store.append(rows("T01", i, i + 1, i as f64)).await.unwrap();
        store.flush().await.unwrap();
    }
    assert!(store.stats().tables[0].files <= FEW_FILES + 2, "{:?}", store.stats());
    store.compact().await.unwrap();
    assert_eq!(store.stats().tables[0].files, 1);
    assert_eq!(powers(&store, "T01").await, (0..40).map(f64::from).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn assets_quantities_and_forecasts_come_back() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    let mut asset = turbine("T01");
    asset.attributes.insert("hub_height".into(), "80".into());
    asset.capacity_kw = Some(2050.0);
    assert_eq!(store.upsert_assets(vec![asset.clone()]).await.unwrap(), 1);
    assert_eq!(store.upsert_assets(vec![asset.clone()]).await.unwrap(), 0);
    store.declare("vane_angle", Unit::parse("deg").unwrap()).await.unwrap();
    assert!(store.declare("wind_speed", Unit::parse("kW").unwrap()).await.is_err());
    let forecast = |issue: i64, value: f64| Forecast {
        asset_id: asset.id.clone(),
        quantity: Quantity::LOAD,
        issue_time: from_micros(issue * MINUTE),
        valid_times: vec![from_micros((issue + 60) * MINUTE), from_micros((issue + 120) * MINUTE)],
        quantiles: vec![Quantile::new(0.1).unwrap(), Quantile::new(0.5).unwrap()],
        values: vec![vec![value, value + 1.0]; 2],
        model: "ridge".into(),
        model_version: "1".into(),
    };
    for issue in [0, 60, 120] {
        store.append_table(Table::Forecasts, forecast(issue, issue as f64).to_batch().unwrap()).await.unwrap();
        if issue == 60 {
            store.flush().await.unwrap();
        }
    }
    drop(store);
    let store = open(directory.path()).await;
    assert_eq!(store.asset(&asset.id).unwrap(), asset);
    assert_eq!(store.quantities().get("vane_angle").unwrap().1.unit.name(), "deg");
    let at = |minute: i64| Some(from_micros(minute * MINUTE));
    let read = async |as_of| store.forecast(&asset.id, &Quantity::LOAD, as_of).await.unwrap();
    assert_eq!(read(None).await, Some(forecast(120, 120.0)));
    assert_eq!(read(at(119)).await, Some(forecast(60, 60.0)));
    assert_eq!(read(at(-1)).await, None);
    assert_eq!(store.forecast_issued(&asset.id, &Quantity::LOAD, from_micros(0)).await.unwrap(), Some(forecast(0, 0.0)));
    assert_eq!(store.issues(&asset.id, &Quantity::LOAD, 2).await.unwrap(), [from_micros(120 * MINUTE), from_micros(60 * MINUTE)]);
    assert_eq!(store.forecast_quantities().await.unwrap()[&asset.id], [Quantity::LOAD]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_cannot_be_written_says_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, b"").unwrap();
    let error = Store::open(StoreOptions::new(file.join("below"))).await.unwrap_err().to_string();
    assert!(error.contains("below") && error.contains("check"), "{error}");
}
