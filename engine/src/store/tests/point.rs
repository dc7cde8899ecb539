//! The rows of one asset, read from the pages that hold them: the same as by a plan over the whole table.

use super::MINUTE;
use super::rows;
use super::turbine;
use crate::domain::Quantity;
use crate::domain::Readings;
use crate::domain::TimeRange;
use crate::domain::from_micros;
use crate::domain::micros;
use crate::store::Store;
use crate::store::StoreOptions;
use arrow::array::AsArray;
use arrow::array::RecordBatch;
use arrow::datatypes::Float64Type;
use arrow::datatypes::TimestampMicrosecondType;

const STEP: i64 = 10 * MINUTE;
/// More than a row group of the file: 131,072 rows.
const ROWS: i64 = 48_000;

fn speeds(rows: &RecordBatch) -> Vec<(i64, f64)> {
    let times = rows["time"].as_primitive::<TimestampMicrosecondType>().values();
    let speeds = rows["wind_speed"].as_primitive::<Float64Type>().values();
    times.iter().copied().zip(speeds.iter().copied()).collect()
}

fn wind(asset: &str, from: i64, to: i64, add: f64) -> Readings {
    let times: Vec<i64> = (from..to).map(|i| i * STEP).collect();
    let n = times.len();
    let values = vec![(Quantity::WIND_SPEED, (from..to).map(|i| Some(i as f64 / 1000.0 + add)).collect())];
    Readings::from_columns(super::KIND, times.clone(), vec![asset.to_owned(); n], times, values).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hour_of_one_asset_is_the_same_however_many_pages_and_files_hold_it() {
    let directory = tempfile::tempdir().unwrap();
    let options = StoreOptions { buffer_rows: 10_000_000, file_rows: 1_000_000, ..StoreOptions::new(directory.path()) };
    let store = Store::open(options).await.unwrap();
    // The third asset has a long name that begins as the second's: bounds of pages are cut short.
    let assets = ["A".to_owned(), "T02".to_owned(), format!("T02{}", "x".repeat(60)), "Z".to_owned()];
    for asset in &assets {
        store.append(wind(asset, 0, ROWS, 0.0)).await.unwrap();
    }
    store.flush().await.unwrap();
    // A second file, and rows in memory that replace some of both.
    store.append(wind("T02", ROWS, ROWS + 500, 0.0)).await.unwrap();
    store.append(rows("A", 0, 10, 7.0)).await.unwrap();
    store.flush().await.unwrap();
    store.append(wind("T02", ROWS - 100, ROWS + 100, 0.5)).await.unwrap();
    assert!(store.stats().tables[0].files >= 2);
    let value =
        |asset: &str, i: i64| i as f64 / 1000.0 + if asset == "T02" && (ROWS - 100..ROWS + 100).contains(&i) { 0.5 } else { 0.0 };
    let ends = [0, 1, 16_383, 16_384, 16_385, 32_768, 47_999, ROWS, ROWS + 499, ROWS + 1000];
    for asset in &assets {
        let count = if asset == "T02" { ROWS + 500 } else { ROWS };
        for (&from, &to) in ends.iter().flat_map(|from| ends.iter().map(move |to| (from, to))).filter(|(from, to)| from < to) {
            let range = TimeRange::new(from_micros(from * STEP), from_micros(to * STEP)).unwrap();
            let read = store.readings(&turbine(asset), Some(range), Some(&[Quantity::WIND_SPEED]), None).await.unwrap();
            let expected: Vec<(i64, f64)> = (from..to.min(count)).map(|i| (i * STEP, value(asset, i))).collect();
            assert_eq!(speeds(&read), expected, "{asset} {from}..{to}");
        }
        let page = store.readings(&turbine(asset), None, Some(&[Quantity::WIND_SPEED]), Some(17_000)).await.unwrap();
        assert_eq!(speeds(&page), (0..17_000).map(|i| (i * STEP, value(asset, i))).collect::<Vec<_>>(), "{asset}");
    }
    assert_eq!(store.readings(&turbine("B"), None, None, None).await.unwrap().num_rows(), 0);
    let newest = store.readings(&turbine("T02"), None, None, None).await.unwrap();
    let last = newest["time"].as_primitive::<TimestampMicrosecondType>().values().last().copied();
    assert_eq!(last, Some(micros(from_micros((ROWS + 499) * STEP))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_of_many_small_files_is_moved_to_the_tables_by_itself() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(StoreOptions { buffer_rows: 10_000_000, ..StoreOptions::new(directory.path()) }).await.unwrap();
    for i in 0..2300 {
        store.append(rows("T01", i, i + 1, 1.0)).await.unwrap();
    }
    for _ in 0..200 {
        if store.stats().log_files < 2000 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let stats = store.stats();
    assert!(stats.log_files < 2000 && stats.tables[0].files > 0, "{stats:?}");
    assert_eq!(super::powers(&store, "T01").await.len(), 2300);
}
