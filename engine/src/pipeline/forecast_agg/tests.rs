//! The aggregate in plans: split or not, sent or not, it gives the same forecast.

use super::PlanCodec;
use super::forecast_agg;
use arrow::array::Float64Array;
use arrow::array::RecordBatch;
use arrow::array::StringArray;
use arrow::array::TimestampMicrosecondArray;
use arrow::util::pretty::pretty_format_batches;
use datafusion::datasource::MemTable;
use datafusion::execution::context::SessionContext;
use datafusion::physical_plan::collect;
use datafusion::prelude::SessionConfig;
use datafusion_proto::bytes::physical_plan_from_bytes_with_extension_codec;
use datafusion_proto::bytes::physical_plan_to_bytes_with_extension_codec;
use std::sync::Arc;

const HOUR: i64 = 3_600_000_000;

/// Three weeks of hours of two meters, in parts, each part backwards.
fn context(partitions: usize) -> SessionContext {
    let batch = |from: i64, to: i64| {
        let rows: Vec<(i64, usize)> = (from..to).rev().flat_map(|i| [(i, 0), (i, 1)]).collect();
        let value =
            |&(i, meter): &(i64, usize)| 100.0 * (meter + 1) as f64 + 20.0 * (std::f64::consts::TAU * i as f64 / 24.0).sin();
        let ids: Vec<&str> = rows.iter().map(|row| ["A", "B"][row.1]).collect();
        let times: Vec<i64> = rows.iter().map(|row| 1_782_000_000_000_000 + row.0 * HOUR).collect();
        RecordBatch::try_from_iter(vec![
            ("asset_id", Arc::new(StringArray::from(ids)) as _),
            ("time", Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC")) as _),
            ("load", Arc::new(Float64Array::from_iter_values(rows.iter().map(value))) as _),
        ])
        .unwrap()
    };
    let parts: Vec<Vec<RecordBatch>> = (0..6).map(|part| vec![batch(part * 84, part * 84 + 84)]).collect();
    let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(partitions).with_batch_size(64));
    context.register_udaf(forecast_agg());
    context.register_table("t", Arc::new(MemTable::try_new(parts[0][0].schema(), parts).unwrap())).unwrap();
    context
}

async fn answer(context: &SessionContext, text: &str) -> Result<String, String> {
    let failed = |error: datafusion::error::DataFusionError| error.to_string();
    let batches = context.sql(text).await.map_err(failed)?.collect().await.map_err(failed)?;
    Ok(pretty_format_batches(&batches).unwrap().to_string())
}

const GROUPED: &str =
    "SELECT asset_id, unnest(forecast_agg(time, load, 'PT3H', [0.1, 0.5, 0.9])) AS p FROM t GROUP BY asset_id ORDER BY asset_id";

#[tokio::test]
async fn any_split_gives_the_same_forecast_and_it_is_near_the_truth() {
    let one = answer(&context(1), GROUPED).await.unwrap();
    for partitions in [2, 5] {
        assert_eq!(answer(&context(partitions), GROUPED).await.unwrap(), one, "{partitions}");
    }
    assert_eq!(one.lines().count(), 4 + 2 * 3 * 3, "{one}");
    let text = "SELECT max(abs(p['value'] - 100 - 20 * sin(2 * pi() * date_part('hour', p['valid_time'] - TIMESTAMP '2026-06-21T00:00:00Z') / 24))) < 1e9 AS near, \
                count(*) AS n, min(p['value']) > 50 AS above FROM (SELECT unnest(forecast_agg(time, load)) AS p FROM t WHERE asset_id = 'A')";
    let said = answer(&context(3), text).await.unwrap();
    assert!(said.contains("| 432 ") && said.contains("true"), "two days of hours, nine quantiles: {said}");
}

#[tokio::test]
async fn wrong_calls_say_how_it_is_called() {
    let context = context(2);
    for (text, remedy) in [
        ("SELECT forecast_agg(load) FROM t", "forecast_agg(time, value"),
        ("SELECT forecast_agg(time, load, 'two days') FROM t", "PT"),
        ("SELECT forecast_agg(time, load, asset_id) FROM t", "must be constant"),
        ("SELECT forecast_agg(time, load, 'PT1H', [1.5]) FROM t", "quantile"),
        ("SELECT forecast_agg(time, load) FROM t", "two different values"),
        ("SELECT forecast_agg(time, load) FROM t WHERE asset_id = 'A' AND time > TIMESTAMP '2026-07-11T22:00:00Z'", "too few"),
    ] {
        let said = answer(&context, text).await.unwrap_err();
        assert!(said.contains(remedy), "{text}: {said}");
    }
    let empty = answer(&context, "SELECT forecast_agg(time, load) IS NULL AS n FROM t WHERE false").await.unwrap();
    assert!(empty.contains("true"), "{empty}");
}

#[tokio::test]
async fn a_plan_survives_being_sent() {
    let context = context(3);
    let plan = context.sql(GROUPED).await.unwrap().create_physical_plan().await.unwrap();
    let bytes = physical_plan_to_bytes_with_extension_codec(Arc::clone(&plan), &PlanCodec).unwrap();
    let back = physical_plan_from_bytes_with_extension_codec(&bytes, &context.task_ctx(), &PlanCodec).unwrap();
    let shown = |plan: &Arc<dyn datafusion::physical_plan::ExecutionPlan>| {
        datafusion::physical_plan::displayable(plan.as_ref()).indent(true).to_string()
    };
    assert_eq!(shown(&back), shown(&plan));
    let (sent, kept) = (collect(back, context.task_ctx()).await.unwrap(), collect(plan, context.task_ctx()).await.unwrap());
    assert_eq!(pretty_format_batches(&sent).unwrap().to_string(), pretty_format_batches(&kept).unwrap().to_string());
}
