//! Grouping by runs says what grouping by hash says, on sorted rows, on shuffled rows and on rows that change from one to the other.

use super::GroupByRuns;
use crate::query::newest;
use arrow::array::ArrayRef;
use arrow::array::Float64Array;
use arrow::array::RecordBatch;
use arrow::array::StringViewArray;
use arrow::array::TimestampMicrosecondArray;
use arrow::util::pretty::pretty_format_batches;
use datafusion::datasource::MemTable;
use datafusion::execution::context::SessionContext;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::prelude::SessionConfig;
use std::sync::Arc;

/// Rows of 97 assets; `order` says which row comes at which place.
fn rows(count: usize, order: impl Fn(usize) -> usize) -> Vec<RecordBatch> {
    let index: Vec<usize> = (0..count).map(order).collect();
    let asset: StringViewArray = index.iter().map(|i| (i % 1013 != 7).then(|| format!("A{:02}", i / (count / 97 + 1)))).collect();
    let time: TimestampMicrosecondArray = index.iter().map(|&i| Some(i as i64 * 60_000_000)).collect();
    // Whole numbers, so that sums do not depend on their order.
    let value: Float64Array = index.iter().map(|i| (i % 17 != 3).then_some((i * 7919 % 1000) as f64)).collect();
    let columns: [(&str, ArrayRef); 3] =
        [("asset_id", Arc::new(asset)), ("time", Arc::new(time.with_timezone("UTC"))), ("v", Arc::new(value))];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    (0..count).step_by(8192).map(|start| batch.slice(start, 8192.min(count - start))).collect()
}

fn context(by_runs: bool, partitions: usize, batches: &[RecordBatch]) -> SessionContext {
    let mut builder =
        SessionStateBuilder::new().with_config(SessionConfig::new().with_target_partitions(partitions)).with_default_features();
    if by_runs {
        builder = builder.with_physical_optimizer_rule(Arc::new(GroupByRuns));
    }
    let context = SessionContext::new_with_state(builder.build());
    newest::register(&context);
    let (left, right) = batches.split_at(batches.len() / 2);
    let table = MemTable::try_new(batches[0].schema(), vec![left.to_vec(), right.to_vec()]).unwrap();
    context.register_table("t", Arc::new(table)).unwrap();
    context
}

async fn answer(context: &SessionContext, text: &str) -> String {
    pretty_format_batches(&context.sql(text).await.unwrap().collect().await.unwrap()).unwrap().to_string()
}

#[tokio::test]
async fn runs_and_hashes_agree() {
    let sorted = rows(60_000, |i| i);
    let shuffled = rows(60_000, |i| i * 7 % 60_000);
    let both = [sorted.clone(), shuffled.clone(), rows(100, |i| i)].concat();
    let statements = [
        "SELECT asset_id, count(*), sum(v), min(v), max(time), last(v, time), first(v, time) FROM t GROUP BY 1 ORDER BY 1",
        "SELECT asset_id, date_bin('1 hour', time) AS h, avg(v), count(v) FROM t WHERE v IS NULL OR v > 100 GROUP BY 1, 2 ORDER BY 1, 2",
        "SELECT time, sum(v) FROM t GROUP BY 1 ORDER BY 1",
        "SELECT v, count(DISTINCT asset_id), count(*) FILTER (WHERE time IS NOT NULL) FROM t GROUP BY 1 ORDER BY 1",
        "SELECT asset_id, v, count(*) FROM t GROUP BY ROLLUP (asset_id, v) ORDER BY 1, 2",
        "SELECT asset_id, sum(v) FROM t WHERE false GROUP BY 1",
        "SELECT DISTINCT asset_id FROM t ORDER BY 1",
    ];
    for batches in [&sorted, &shuffled, &both] {
        for partitions in [1, 3] {
            let (plain, runs) = (context(false, partitions, batches), context(true, partitions, batches));
            for text in statements {
                assert_eq!(answer(&runs, text).await, answer(&plain, text).await, "{text}");
            }
            let plan = answer(&runs, &format!("EXPLAIN {}", statements[0])).await;
            assert!(plan.contains("RunAggregateExec: gby=[asset_id"), "{plan}");
        }
    }
}

#[tokio::test]
async fn what_gathers_values_is_left_to_the_hash_aggregate() {
    let context = context(true, 1, &rows(1000, |_| 1));
    for (text, runs) in [("sum(v)", true), ("array_agg(v)", false), ("sum(v), median(v)", false)] {
        let plan = answer(&context, &format!("EXPLAIN SELECT asset_id, {text} FROM t GROUP BY 1")).await;
        assert_eq!(plan.contains("RunAggregateExec"), runs, "{plan}");
    }
}
