//! Annotations: every revision is kept, tables from before their newer columns are read and grow, flags come back.

use super::open;
use crate::domain::Annotation;
use crate::domain::AnnotationKind;
use crate::domain::AssetId;
use crate::domain::Quantity;
use crate::domain::Table;
use crate::domain::TimeRange;
use crate::domain::Timestamp;
use crate::store::delta::Change;
use crate::store::delta::DeltaFiles;
use crate::store::disk::RealDisk;
use crate::store::key_columns;
use crate::store::keys::clock;
use crate::store::place::Place;
use arrow::array::Float64Array;
use arrow::array::RecordBatch;
use arrow::array::StringArray;
use arrow::array::TimestampMicrosecondArray;
use std::path::Path;
use std::sync::Arc;

const TABLE: Table = Table::Annotations;

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn outage(asset: Option<&str>, known: &str) -> Annotation {
    Annotation {
        asset: asset.map(|id| AssetId::parse(id).unwrap()),
        kind: AnnotationKind::PlannedOutage,
        start: time("2026-03-10T06:00:00Z"),
        end: Some(time("2026-03-10T18:00:00Z")),
        capacity_kw: None,
        text: String::new(),
        available_at: time(known),
        withdrawn: false,
        author: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_revision_stays_and_is_found_by_asset_and_time() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    let first = outage(Some("T01"), "2026-03-01T00:00:00Z");
    let gone = Annotation { withdrawn: true, ..outage(Some("T01"), "2026-03-05T00:00:00Z") };
    let (other, site) = (outage(Some("T02"), "2026-03-02T00:00:00Z"), outage(None, "2026-03-03T00:00:00Z"));
    for row in [&gone, &other, &first, &site, &first] {
        store.append_table(TABLE, Annotation::to_batch(std::slice::from_ref(row)).unwrap()).await.unwrap();
    }
    let ids = [AssetId::parse("T01").unwrap()];
    let range = |start: &str, end: &str| Some(TimeRange::new(time(start), time(end)).unwrap());
    for flushed in [false, true] {
        if flushed {
            store.flush().await.unwrap();
        }
        let found = store.annotations(Some(&ids), range("2026-03-10T17:00:00Z", "2026-03-20T00:00:00Z")).await.unwrap();
        assert_eq!(found, [first.clone(), site.clone(), gone.clone()]);
        assert_eq!(store.annotations(None, None).await.unwrap().len(), 4);
        assert_eq!(store.annotations(None, range("2026-03-10T18:00:00Z", "2026-03-20T00:00:00Z")).await.unwrap(), []);
    }
}

/// A table as it was when annotations had five columns.
async fn five_columns(root: &Path) {
    let schema = Arc::new(TABLE.base_schema().project(&[0, 1, 2, 3, 4]).unwrap());
    let place = Place::local(&root.join("tables"), Arc::new(RealDisk)).unwrap();
    let mut old =
        DeltaFiles::open(TABLE.name(), &place, schema.as_ref().clone(), &key_columns(TABLE)[..3], clock(TABLE)).await.unwrap();
    let rows = Annotation::to_batch(&[outage(Some("T01"), "2026-03-01T00:00:00Z")]).unwrap().project(&[0, 1, 2, 3, 4]).unwrap();
    old.commit(Change { add: vec![rows], ..Change::default() }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_from_before_the_newer_columns_is_read_and_grows() {
    let directory = tempfile::tempdir().unwrap();
    five_columns(directory.path()).await;
    let store = open(directory.path()).await;
    // Nobody said when it became known: when it was over.
    let held = outage(Some("T01"), "2026-03-10T18:00:00Z");
    assert_eq!(store.annotations(None, None).await.unwrap(), std::slice::from_ref(&held));
    let again = outage(Some("T01"), "2026-03-11T00:00:00Z");
    store.append_table(TABLE, Annotation::to_batch(std::slice::from_ref(&again)).unwrap()).await.unwrap();
    store.flush().await.unwrap();
    store.compact().await.unwrap();
    drop(store);
    let store = open(directory.path()).await;
    assert_eq!(store.annotations(None, None).await.unwrap(), [held, again]);
}

#[tokio::test(flavor = "multi_thread")]
async fn flags_of_one_quantity_come_back_by_time() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    let micros = |text: &str| crate::domain::micros(time(text));
    let rows = RecordBatch::try_new(
        Arc::new(Table::QualityFlags.base_schema()),
        vec![
            Arc::new(
                TimestampMicrosecondArray::from(vec![micros("2026-01-02T00:00:00Z"), micros("2026-01-01T00:00:00Z"), 0])
                    .with_timezone("UTC"),
            ),
            Arc::new(StringArray::from(vec!["T01"; 3])),
            Arc::new(StringArray::from(vec!["active_power", "active_power", "wind_speed"])),
            Arc::new(StringArray::from(vec!["invalid", "questionable", "invalid"])),
            Arc::new(Float64Array::from(vec![None, Some(5.0), None])),
            Arc::new(StringArray::from(vec!["out_of_range", "stale", "gap"])),
            Arc::new(TimestampMicrosecondArray::from(vec![None, Some(micros("2026-01-01T18:00:00Z")), None]).with_timezone("UTC")),
        ],
    );
    store.import_table(Table::QualityFlags, rows.unwrap()).await.unwrap();
    let id = AssetId::parse("T01").unwrap();
    let found = store.flagged(&id, &Quantity::ACTIVE_POWER, None).await.unwrap();
    let words: Vec<(&str, &str)> = found.iter().map(|flag| (flag.quality.name(), flag.reason.as_str())).collect();
    assert_eq!(words, [("questionable", "stale"), ("invalid", "out_of_range")]);
    let range = TimeRange::new(time("2026-01-01T12:00:00Z"), time("2026-01-03T00:00:00Z")).unwrap();
    assert_eq!(store.flagged(&id, &Quantity::ACTIVE_POWER, Some(range)).await.unwrap().len(), 2, "a stretch that reaches into it");
    let range = TimeRange::new(time("2026-01-01T19:00:00Z"), time("2026-01-03T00:00:00Z")).unwrap();
    assert_eq!(store.flagged(&id, &Quantity::ACTIVE_POWER, Some(range)).await.unwrap().len(), 1);
}
