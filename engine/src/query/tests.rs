//! SQL against a real store: one snapshot, limits that speak, tables computed from above.

use super::Arguments;
use super::QueryError;
use super::Session;
use super::SessionOptions;
use crate::domain::AssetKind;
use crate::domain::Quantity;
use crate::domain::Readings;
use crate::store::Store;
use crate::store::StoreOptions;
use arrow::array::AsArray;
use arrow::array::Int64Array;
use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use arrow::datatypes::Field;
use arrow::datatypes::Int64Type;
use arrow::datatypes::Schema;
use futures::FutureExt;
use std::sync::Arc;
use std::time::Duration;

async fn session(root: &std::path::Path, options: SessionOptions) -> (Store, Session) {
    let store = Store::open(StoreOptions::new(root)).await.unwrap();
    (store.clone(), Session::new(store, options).unwrap())
}

fn rows(from: i64, to: i64) -> Readings {
    let times: Vec<i64> = (from..to).map(|i| i * 600_000_000).collect();
    let ids = vec!["T01".to_owned(); times.len()];
    let power = vec![Some(1.0); times.len()];
    Readings::from_columns(AssetKind::WindTurbine, times.clone(), ids, times, vec![(Quantity::ACTIVE_POWER, power)]).unwrap()
}

async fn count(session: &Session, text: &str) -> i64 {
    let result = session.sql(text).await.unwrap();
    result.batches[0].column(0).as_primitive::<Int64Type>().value(0)
}

fn one(value: i64) -> RecordBatch {
    let schema = Schema::new(vec![Field::new("n", DataType::Int64, false)]);
    RecordBatch::try_new(Arc::new(schema), vec![Arc::new(Int64Array::from(vec![value]))]).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn buffered_and_stored_rows_are_seen_once() {
    let directory = tempfile::tempdir().unwrap();
    let (store, session) = session(directory.path(), SessionOptions::default()).await;
    assert_eq!(count(&session, "SELECT count(*) FROM wind_turbine").await, 0);
    store.append(rows(0, 100)).await.unwrap();
    store.flush().await.unwrap();
    store.append(rows(50, 150)).await.unwrap();
    store.append(rows(150, 200)).await.unwrap();
    assert_eq!(count(&session, "SELECT count(*) FROM wind_turbine").await, 200);
    assert_eq!(count(&session, "SELECT count(DISTINCT time) FROM wind_turbine WHERE active_power = 1").await, 200);
    assert_eq!(count(&session, "SELECT count(*) FROM wind_turbine WHERE time >= '1970-01-01T20:00:00Z'").await, 80);
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_say_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let options = SessionOptions {
        memory_limit_bytes: 4 << 20,
        timeout: Duration::from_millis(500),
        max_rows: 10,
        ..SessionOptions::default()
    };
    let (store, session) = session(directory.path(), options).await;
    store.append(rows(0, 2000)).await.unwrap();
    let cut = session.sql("SELECT * FROM wind_turbine").await.unwrap();
    assert_eq!((cut.rows(), cut.truncated), (10, true));
    let error =
        session.sql("SELECT a.time, b.time FROM wind_turbine a, wind_turbine b, wind_turbine c ORDER BY 1, 2").await.unwrap_err();
    assert!(matches!(error, QueryError::Memory { limit_mib: 4 } | QueryError::Timeout { .. }), "{error}");
    let sort = session
        .sql("SELECT a.time AS t, b.time AS u FROM wind_turbine a CROSS JOIN wind_turbine b ORDER BY u, t")
        .await
        .unwrap_err();
    assert!(matches!(sort, QueryError::Memory { limit_mib: 4 }) && sort.to_string().contains("raise the memory limit"), "{sort}");
    let endless =
        "SELECT sum(a.active_power * b.active_power * c.active_power) FROM wind_turbine a, wind_turbine b, wind_turbine c";
    let error = session.sql(endless).await.unwrap_err();
    assert!(matches!(error, QueryError::Timeout { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_windows_and_groups_gather_is_counted() {
    let directory = tempfile::tempdir().unwrap();
    let options = SessionOptions { memory_limit_bytes: 8 << 20, partitions: Some(2), ..SessionOptions::default() };
    let (store, session) = session(directory.path(), options).await;
    store.append(rows(0, 2000)).await.unwrap();
    let text = "SELECT sum(a.active_power) OVER () FROM wind_turbine a CROSS JOIN wind_turbine b";
    let error = session.sql(text).await.unwrap_err();
    assert!(matches!(error, QueryError::Memory { limit_mib: 8 }), "{error}");
    let text = "SELECT DISTINCT sum(active_power) OVER () FROM wind_turbine";
    assert_eq!(session.sql(text).await.unwrap().rows(), 1);
    let text = "SELECT array_agg(b.time) FROM wind_turbine a CROSS JOIN wind_turbine b GROUP BY a.active_power";
    let error = session.sql(text).await.unwrap_err();
    assert!(matches!(error, QueryError::Memory { limit_mib: 8 } | QueryError::TooLarge { .. }), "{error}");
    let text = "SELECT asset_id, array_agg(time ORDER BY time) AS times FROM wind_turbine GROUP BY asset_id";
    assert_eq!(session.sql(text).await.unwrap().rows(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_names_get_the_nearest() {
    let directory = tempfile::tempdir().unwrap();
    let (store, session) = session(directory.path(), SessionOptions::default()).await;
    store.append(rows(0, 2)).await.unwrap();
    let error = session.sql("SELECT * FROM wind_turbin").await.unwrap_err().to_string();
    assert!(error.contains("wind_turbine"), "{error}");
    let error = session.sql("SELECT activ_power FROM wind_turbine").await.unwrap_err().to_string();
    assert!(error.contains("\"active_power\""), "{error}");
    let error = session.sql("SELECT * FROM '/etc/passwd'").await.unwrap_err().to_string();
    assert!(error.contains("not there"), "{error}");
    let error = session.sql("SELECT time_bucket('soon', time) FROM wind_turbine").await.unwrap_err().to_string();
    assert!(error.contains("15 minutes"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn computed_and_snapshot_tables_answer() {
    let directory = tempfile::tempdir().unwrap();
    let (_store, session) = session(directory.path(), SessionOptions::default()).await;
    session.register_computed(
        "double",
        "double(n)",
        Arc::new(|arguments: Arguments| {
            async move {
                match arguments.as_slice() {
                    [(name, datafusion::scalar::ScalarValue::Int64(Some(n)))] if name.as_deref().is_none_or(|name| name == "n") => {
                        Ok(one(2 * n))
                    }
                    _ => Err(QueryError::Argument {
                        function: "double".into(),
                        problem: "n is missing".into(),
                        signature: "double(n)".into(),
                    }),
                }
            }
            .boxed()
        }),
    );
    let schema = one(0).schema();
    session.register_snapshot("alerts", schema, Arc::new(|| async { Ok(one(7)) }.boxed()));
    assert_eq!(count(&session, "SELECT n FROM double(n => 20 + 1)").await, 42);
    assert_eq!(count(&session, "SELECT d.n + e.n FROM double(1) AS d CROSS JOIN double(n => 2) AS e").await, 6);
    assert_eq!(count(&session, "WITH d AS (SELECT n FROM double(4)) SELECT double.n + d.n FROM double(1), d").await, 10);
    assert_eq!(count(&session, "SELECT n FROM alerts").await, 7);
    let error = session.sql("SELECT * FROM double(m => 1)").await.unwrap_err().to_string();
    assert!(error.contains("double: n is missing; write double(n)"), "{error}");
    let error = session.sql("SELECT * FROM duble(1)").await.unwrap_err().to_string();
    assert!(error.contains("\"double\""), "{error}");
    session.register_computed("boom", "boom()", Arc::new(|_| async { panic!("of our own making") }.boxed()));
    let error = session.sql("SELECT * FROM boom()").await.unwrap_err();
    assert!(matches!(&error, QueryError::Internal { cause } if cause == "of our own making"), "{error}");
}
