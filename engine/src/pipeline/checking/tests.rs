//! Checks on a real store: what an import brought is looked at, once, and a live cycle takes nothing back.

use super::Pipeline;
use crate::domain::{Asset, AssetId, AssetKind, FlaggedValue, Quantity, Readings, TimeRange, from_micros, micros, parse_time};
use crate::pipeline::PipelineOptions;
use crate::store::{Store, StoreOptions};
use std::collections::BTreeMap;
use tempfile::TempDir;

const STEP: i64 = 600_000_000;

struct Place {
    _home: TempDir,
    pipeline: Pipeline,
}

fn start() -> i64 {
    micros(parse_time("2026-03-01T00:00:00Z").unwrap())
}

fn range(rows: std::ops::Range<i64>) -> TimeRange {
    TimeRange::new(from_micros(start() + rows.start * STEP), from_micros(start() + rows.end * STEP)).unwrap()
}

/// Two turbines over twelve days; both stand at one value for an hour and a half of the third day and of the tenth.
async fn place() -> Place {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(StoreOptions::new(home.path().join("store"))).await.unwrap();
    let ids = ["T1", "T2"].map(|id| AssetId::parse(id).unwrap());
    store.upsert_assets(ids.iter().map(|id| Asset::new(id.clone(), AssetKind::WindTurbine)).collect()).await.unwrap();
    let rows = 12 * 144;
    let wind =
        |i: i64| if (300..309).contains(&i) || (1400..1409).contains(&i) { 7.77 } else { 8.0 + 3.0 * (i as f64 / 40.0).sin() };
    for id in &ids {
        let times: Vec<i64> = (0..rows).map(|i| start() + i * STEP).collect();
        let values = (0..rows).map(|i| Some(wind(i))).collect();
        let known = times.iter().map(|time| time + STEP).collect();
        let names = vec![id.to_string(); rows as usize];
        let batch = Readings::from_columns(AssetKind::WindTurbine, times, names, known, vec![(Quantity::WIND_SPEED, values)]);
        store.import(batch.unwrap()).await.unwrap();
    }
    Place { _home: home, pipeline: Pipeline::new(store, PipelineOptions::default()) }
}

async fn stale(place: &Place, id: &str) -> Vec<i64> {
    let id = AssetId::parse(id).unwrap();
    let held: Vec<FlaggedValue> = place.pipeline.store().flagged(&id, &Quantity::WIND_SPEED, None).await.unwrap();
    held.iter().filter(|flag| flag.reason == "stale").map(|flag| (micros(flag.time) - start()) / STEP).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_was_imported_is_looked_at_and_once_is_enough() {
    let place = place().await;
    let touched = BTreeMap::from([(AssetId::parse("T1").unwrap(), range(250..700))]);
    let found = place.pipeline.check_imported(&touched).await.unwrap();
    assert!(found >= 9, "{found}");
    assert_eq!(stale(&place, "T1").await, (300..309).collect::<Vec<_>>());
    assert_eq!(stale(&place, "T2").await, [0_i64; 0]);
    place.pipeline.check_imported(&touched).await.unwrap();
    assert_eq!(stale(&place, "T1").await.len(), 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_cycle_looks_at_two_days_and_takes_nothing_back() {
    let place = place().await;
    let now = |row: i64| from_micros(start() + row * STEP);
    place.pipeline.check_recent(now(1405)).await.unwrap();
    let first = stale(&place, "T2").await;
    place.pipeline.check_recent(now(1500)).await.unwrap();
    let second = stale(&place, "T2").await;
    assert_eq!(second, (1400..1409).collect::<Vec<_>>());
    assert!(first.iter().all(|row| second.contains(row)), "{first:?}");
    place.pipeline.check_recent(now(1728)).await.unwrap();
    assert_eq!(stale(&place, "T2").await, second);
}
