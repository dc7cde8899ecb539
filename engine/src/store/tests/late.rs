//! Rows that come late, twice, or while the store is busy with its files: merged, shown once, never in the way.

use super::MINUTE;
use super::open;
use super::powers;
use super::rows;
use super::turbine;
use crate::domain::AssetId;
use crate::domain::Quantity;
use crate::domain::Readings;
use crate::store::Receipt;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::StoreOptions;
use arrow::array::AsArray;
use arrow::datatypes::Float64Type;

fn wind(asset: &str, from: i64, to: i64, speed: f64) -> Readings {
    let times: Vec<i64> = (from..to).map(|i| i * 10 * MINUTE).collect();
    let n = times.len();
    let values = vec![(Quantity::WIND_SPEED, vec![Some(speed); n])];
    Readings::from_columns(super::KIND, times.clone(), vec![asset.to_owned(); n], times, values).unwrap()
}

async fn speeds(store: &Store, asset: &str) -> Vec<Option<f64>> {
    let batch = store.readings(&turbine(asset), None, None, None).await.unwrap();
    batch["wind_speed"].as_primitive::<Float64Type>().iter().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_replaces_one_in_delta_is_shown_once_before_and_after_the_flush() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    store.append(rows("T01", 0, 100, 1.0)).await.unwrap();
    store.append(rows("T02", 0, 100, 2.0)).await.unwrap();
    store.flush().await.unwrap();
    let files = store.stats().tables[0].files;
    // Half of it known, with another value; a column nobody had; the same again; rows before all others.
    let receipt = store.append(rows("T01", 50, 150, 5.0)).await.unwrap();
    assert_eq!(receipt, Receipt { rows: 100, inserted: 50, changed: 50, unchanged: 0 });
    assert_eq!(store.append(wind("T01", 90, 110, 8.0)).await.unwrap().changed, 20);
    assert_eq!(store.append(rows("T01", 50, 150, 5.0)).await.unwrap().unchanged, 100);
    assert_eq!(store.append(rows("T02", -3, 1, 2.0)).await.unwrap(), Receipt { rows: 4, inserted: 3, changed: 0, unchanged: 1 });
    assert_eq!(store.stats().tables[0].files, files, "late rows wait in memory");
    let expected = [vec![1.0; 50], vec![5.0; 100]].concat();
    let blown: Vec<Option<f64>> = (0..150).map(|i| (90..110).contains(&i).then_some(8.0)).collect();
    for round in 0..3 {
        assert_eq!(powers(&store, "T01").await, expected, "round {round}");
        assert_eq!(speeds(&store, "T01").await, blown, "round {round}");
        assert_eq!(powers(&store, "T02").await, vec![2.0; 103], "round {round}");
        let latest = store.latest(super::KIND).await.unwrap();
        assert_eq!(latest[&AssetId::parse("T01").unwrap()].values[&Quantity::ACTIVE_POWER], 5.0);
        assert_eq!(latest[&AssetId::parse("T02").unwrap()].time, crate::domain::from_micros(990 * MINUTE));
        match round {
            0 => store.flush().await.unwrap(),
            _ => drop(store.compact().await.unwrap()),
        }
    }
    let stats = store.stats().tables.remove(0);
    assert_eq!((stats.rows, stats.buffered_rows, stats.lag), (253, 0, 0));
    assert_eq!(stats.newest, Some(crate::domain::from_micros(1490 * MINUTE)));
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_come_one_by_one_fill_one_row() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    for i in 0..300 {
        let (asset, at) = (["A", "B", "C"][i % 3], (i / 30) as i64);
        let receipt = if i % 2 == 0 {
            store.append(rows(asset, at, at + 1, i as f64))
        } else {
            store.append(wind(asset, at, at + 1, i as f64))
        };
        receipt.await.unwrap();
        if i == 150 {
            store.flush().await.unwrap();
        }
    }
    for (which, asset) in ["A", "B", "C"].into_iter().enumerate() {
        let last = |parity: usize, ten: usize| {
            (ten * 30..ten * 30 + 30).rev().find(|i| i % 3 == which && i % 2 == parity).map(|i| i as f64)
        };
        assert_eq!(powers(&store, asset).await, (0..10).map(|ten| last(0, ten).unwrap()).collect::<Vec<_>>());
        assert_eq!(speeds(&store, asset).await, (0..10).map(|ten| last(1, ten)).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn appends_queries_flushes_and_imports_go_on_together() {
    let directory = tempfile::tempdir().unwrap();
    let options = StoreOptions { buffer_rows: 500, file_rows: 2000, ..StoreOptions::new(directory.path()) };
    let store = Store::open(options.clone()).await.unwrap();
    let writers = (0..4).map(|w| {
        let store = store.clone();
        tokio::spawn(async move {
            for step in 0..60_i64 {
                // Each writer repeats a little of what it sent before, some of which is in Delta by now.
                store.append(rows(&format!("W{w}"), step * 20 - 10, step * 20 + 20, f64::from(w))).await.unwrap();
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    let import = tokio::spawn({
        let store = store.clone();
        async move {
            for step in 0..10_i64 {
                store.import(wind("W1", step * 100, step * 100 + 150, 9.0)).await.unwrap();
                let seen = powers(&store, "W0").await;
                assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "every row of W0 has its value");
            }
        }
    });
    for writer in writers {
        writer.await.unwrap();
    }
    import.await.unwrap();
    store.compact().await.unwrap();
    for w in 0..4 {
        assert_eq!(powers(&store, &format!("W{w}")).await, vec![f64::from(w); 1210], "writer {w}");
    }
    assert_eq!(speeds(&store, "W1").await.iter().flatten().count(), 1050);
    drop(store);
    let store = Store::open(options).await.unwrap();
    assert_eq!(powers(&store, "W3").await, vec![3.0; 1210]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_without_room_says_when_to_come_back_and_takes_the_rows_then() {
    let directory = tempfile::tempdir().unwrap();
    let options = StoreOptions { buffer_bytes: 20_000, ..StoreOptions::new(directory.path()) };
    let store = Store::open(options).await.unwrap();
    // The tables' place cannot be written: nothing can be flushed.
    let tables = directory.path().join("tables");
    std::fs::remove_dir_all(&tables).ok();
    std::fs::write(&tables, b"in the way").unwrap();
    let mut taken = 0;
    let refused = loop {
        match store.append(rows("T01", taken * 100, taken * 100 + 100, 1.0)).await {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
        assert!(taken < 100, "memory is bounded");
    };
    assert!(matches!(refused, StoreError::Busy { .. }), "{refused}");
    assert_eq!(powers(&store, "T01").await.len(), taken as usize * 100, "reads go on");
    std::fs::remove_file(&tables).unwrap();
    let mut tries = 0;
    while let Err(error) = store.append(rows("T02", 0, 100, 2.0)).await {
        assert!(matches!(error, StoreError::Busy { .. }), "{error}");
        tries += 1;
        assert!(tries < 30, "it recovers by itself");
    }
    assert_eq!(powers(&store, "T01").await.len(), taken as usize * 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_append_whose_log_file_returns_after_a_power_cut_does_not_undo_an_import() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    store.append(rows("T01", 0, 10, 1.0)).await.unwrap();
    store.flush().await.unwrap();
    assert_eq!(store.append(rows("T01", 0, 10, 1.0)).await.unwrap().unchanged, 10);
    let logged =
        || -> Vec<_> { std::fs::read_dir(directory.path().join("log")).unwrap().map(|file| file.unwrap().path()).collect() };
    let files = logged();
    let [file] = &files[..] else { panic!("{files:?}") };
    let bytes = std::fs::read(file).unwrap();
    assert_eq!(store.import(rows("T01", 0, 10, 2.0)).await.unwrap().changed, 10);
    assert!(logged().is_empty(), "an import flushes first");
    drop(store);
    std::fs::write(file, bytes).unwrap();
    let store = open(directory.path()).await;
    assert_eq!(powers(&store, "T01").await, [2.0; 10]);
}

#[tokio::test(flavor = "multi_thread")]
async fn appends_of_one_group_stay_together_when_flushes_come_between() {
    for round in 0..5 {
        let directory = tempfile::tempdir().unwrap();
        let options = StoreOptions { buffer_rows: 5, ..StoreOptions::new(directory.path()) };
        let store = Store::open(options.clone()).await.unwrap();
        let flushes = tokio::spawn({
            let store = store.clone();
            async move {
                for _ in 0..15 {
                    store.flush().await.unwrap();
                    tokio::task::yield_now().await;
                }
            }
        });
        let senders = (0..8).map(|sender| {
            let store = store.clone();
            tokio::spawn(async move {
                for step in 0..20 {
                    store.append(rows(&format!("S{sender}"), step, step + 1, f64::from(sender))).await.unwrap();
                }
            })
        });
        for sender in senders.collect::<Vec<_>>() {
            sender.await.unwrap();
        }
        flushes.await.unwrap();
        drop(store);
        // What only memory held is gone; what was acknowledged is in the log or in Delta.
        let store = Store::open(options).await.unwrap();
        for sender in 0..8 {
            assert_eq!(powers(&store, &format!("S{sender}")).await, vec![f64::from(sender); 20], "round {round}, sender {sender}");
        }
    }
}
