//! Aggregates that gather say what DataFusion says, foresee their copy, and are refused when one group gathers too much.

use super::foreseen;
use crate::query::QueryError;
use crate::query::allowed::Allowed;
use crate::query::bounded::Limits;
use arrow::array::ArrayRef;
use arrow::array::Int64Array;
use arrow::array::RecordBatch;
use arrow::array::StringViewArray;
use arrow::datatypes::Schema;
use arrow::util::pretty::pretty_format_batches;
use datafusion::datasource::MemTable;
use datafusion::execution::context::SessionContext;
use datafusion::functions_aggregate::array_agg::array_agg_udaf;
use datafusion::functions_aggregate::median::median_udaf;
use datafusion::logical_expr::AggregateUDF;
use datafusion::logical_expr::EmitTo;
use datafusion::physical_expr::aggregate::AggregateExprBuilder;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::expressions::col;
use datafusion::prelude::SessionConfig;
use std::sync::Arc;

/// 1000 rows: a group, a number that counts, a text of four letters or, when `long`, of a hundred.
fn rows(long: bool) -> RecordBatch {
    let group: Int64Array = (0..1000).map(|i| Some(i % 7)).collect();
    let number: Int64Array = (0..1000).map(|i| (i % 11 != 3).then_some(i * 37 % 1000)).collect();
    let text: StringViewArray = (0..1000)
        .map(|i| (i % 13 != 5).then(|| if long { format!("{:0>100}", i % 50) } else { format!("t{:03}", i % 50) }))
        .collect();
    let columns: [(&str, ArrayRef); 3] = [("g", Arc::new(group)), ("n", Arc::new(number)), ("s", Arc::new(text))];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn limits(batch_bytes: usize) -> Limits {
    Limits { batch_bytes, row_bytes: 4096 }
}

/// The answer as a table; `most` is what one group may gather, `None` asks DataFusion as it is.
async fn answer(text: &str, partitions: usize, most: Option<usize>) -> Result<String, QueryError> {
    let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(partitions).with_batch_size(100));
    let batch = rows(false);
    let parts = (0..5).map(|part| vec![batch.slice(part * 200, 200)]).collect();
    context.register_table("t", Arc::new(MemTable::try_new(batch.schema(), parts).unwrap())).unwrap();
    let failed = |error| QueryError::from_engine(error, 0, &[]);
    let mut plan = context.state().create_logical_plan(text).await.map_err(failed)?;
    if let Some(most) = most {
        plan = Allowed::new([Vec::new(), Vec::new(), Vec::new()]).apply(plan, limits(most)).map_err(failed)?;
    }
    let batches = context.execute_logical_plan(plan).await.map_err(failed)?.collect().await.map_err(failed)?;
    Ok(pretty_format_batches(&batches).unwrap().to_string())
}

#[tokio::test]
async fn answers_are_those_of_datafusion() {
    let statements = [
        "SELECT g, array_agg(n ORDER BY n) FROM t GROUP BY g ORDER BY g",
        "SELECT g, array_agg(n ORDER BY n DESC), array_agg(s ORDER BY n, s) FROM t GROUP BY g ORDER BY g",
        "SELECT array_agg(n ORDER BY n, s DESC) FROM t WHERE n < 30",
        "SELECT g, array_agg(DISTINCT s ORDER BY s) FROM t GROUP BY g ORDER BY g",
        "SELECT array_agg(DISTINCT g ORDER BY g DESC) FROM t",
        "SELECT g, array_length(array_agg(n)), array_length(array_agg(s) FILTER (WHERE n > 500)) FROM t GROUP BY g ORDER BY g",
        "SELECT array_length(array_agg(n)), array_length(array_agg(s) FILTER (WHERE n > 500)), count(*) FROM t",
        "SELECT array_sort(array_agg(n)), array_agg(n) FILTER (WHERE false) FROM t WHERE n < 9",
        "SELECT g, array_agg(s) FILTER (WHERE false) FROM t GROUP BY g ORDER BY g",
        "SELECT array_length(array_agg(s) IGNORE NULLS), array_length(array_agg([n, g])) FROM t",
        "SELECT g, array_sort(array_agg(n)) AS l FROM t WHERE n < 90 GROUP BY g HAVING array_length(array_agg(n)) > 11 ORDER BY l",
        "SELECT g % 2, n % 2, array_length(array_agg(s)) FROM t GROUP BY ROLLUP (g % 2, n % 2) ORDER BY 1, 2",
        "SELECT g, string_agg(s, ', ' ORDER BY n, s) FROM t GROUP BY g ORDER BY g",
        "SELECT string_agg(DISTINCT s, '' ORDER BY s), length(string_agg(s, '--')) FROM t",
        "SELECT g, length(string_agg(s, ',')), length(string_agg(s, ',') FILTER (WHERE n < 100)) FROM t GROUP BY g ORDER BY g",
        "SELECT g, median(n), median(DISTINCT n), percentile_cont(0.25) WITHIN GROUP (ORDER BY n DESC) FROM t GROUP BY g ORDER BY g",
        "SELECT median(n), percentile_cont(0.25) WITHIN GROUP (ORDER BY n), percentile_cont(0.0) WITHIN GROUP (ORDER BY n), approx_distinct(s) FROM t",
        "SELECT g, nth_value(s, 2 ORDER BY n), approx_distinct(n) FROM t GROUP BY g ORDER BY g",
        "SELECT array_agg(n ORDER BY n)[3] FROM t",
        "SELECT n + (SELECT array_length(array_agg(s)) FROM t) FROM t WHERE n < 9 ORDER BY 1",
        "SELECT array_agg(n), string_agg(s, ',') FROM t WHERE false",
    ];
    for text in statements {
        for partitions in [1, 3] {
            let plain = answer(text, partitions, None).await.unwrap();
            assert_eq!(answer(text, partitions, Some(1 << 20)).await.unwrap(), plain, "{text}");
        }
    }
}

#[tokio::test]
async fn one_group_that_gathers_too_much_is_refused() {
    for (text, name) in [
        ("SELECT array_agg(n) FROM t", "array_agg"),
        ("SELECT g % 2, array_agg(n) FROM t GROUP BY 1", "array_agg"),
        ("SELECT array_agg(n ORDER BY s) FROM t", "array_agg"),
        ("SELECT array_agg(DISTINCT n) FROM t", "array_agg"),
        ("SELECT g % 2, array_agg(DISTINCT n) FROM t GROUP BY 1", "array_agg"),
        ("SELECT array_agg(s) FILTER (WHERE n > 10) FROM t", "array_agg"),
        ("SELECT string_agg(s, '') FROM t", "string_agg"),
        ("SELECT g % 2, string_agg(s, ',') FROM t GROUP BY 1", "string_agg"),
        ("SELECT string_agg(DISTINCT CAST(n AS VARCHAR), ',') FROM t", "string_agg"),
        ("SELECT string_agg(s, ',' ORDER BY n) FROM t", "string_agg"),
    ] {
        for partitions in [1, 3] {
            let error = answer(text, partitions, Some(1500)).await.unwrap_err();
            let QueryError::TooLarge { what, limit, remedy } = &error else { panic!("{text}: {error}") };
            assert!(what.starts_with(&format!("{name} gathers ")) && what.ends_with(" bytes for one row"), "{text}: {error}");
            assert_eq!((limit.as_str(), *remedy), ("1500 bytes", "gather fewer rows or columns"), "{text}");
        }
    }
    // Only the letters of a text count: 923 times 4, and the commas.
    let text = "SELECT length(string_agg(s, ',')) FROM t";
    answer(text, 1, Some(5000)).await.unwrap();
    // Of a filtered column what passes.
    answer("SELECT array_agg(n) FILTER (WHERE n < 100) FROM t", 3, Some(1500)).await.unwrap();
    answer("SELECT g, array_agg(n) FILTER (WHERE n < 100) FROM t GROUP BY g", 3, Some(500)).await.unwrap();
}

fn built(function: Arc<AggregateUDF>, schema: &Arc<Schema>, column: &str) -> AggregateFunctionExpr {
    let argument = col(column, schema).unwrap();
    AggregateExprBuilder::new(function, vec![argument]).schema(Arc::clone(schema)).alias("a").build().unwrap()
}

#[test]
fn sizes_foresee_the_copy_and_see_texts_behind_views() {
    let batch = rows(true);
    let schema = batch.schema();
    let letters = 92_300;
    let plain = built(array_agg_udaf(), &schema, "s");
    let ours = built(foreseen(array_agg_udaf(), limits(1 << 20)), &schema, "s");
    assert!(ours.groups_accumulator_supported(), "many groups keep their fast way");
    let text = [Arc::clone(batch.column(2))];

    let (mut one, mut inner) = (ours.create_accumulator().unwrap(), plain.create_accumulator().unwrap());
    one.update_batch(&text).unwrap();
    inner.update_batch(&text).unwrap();
    assert!(inner.size() < letters, "DataFusion counts the texts: {}", inner.size());
    assert!(one.size() >= letters + 2 * 16 * 1000, "{}", one.size());

    let (mut many, mut inner) = (ours.create_groups_accumulator().unwrap(), plain.create_groups_accumulator().unwrap());
    let groups: Vec<usize> = (0..1000).map(|row| row % 10).collect();
    many.update_batch(&text, &groups, None, 10).unwrap();
    inner.update_batch(&text, &groups, None, 10).unwrap();
    assert!(inner.size() < letters, "DataFusion counts the texts: {}", inner.size());
    let full = many.size();
    assert!(full >= letters + 2 * 16 * 1000, "{full}");
    many.evaluate(EmitTo::First(5)).unwrap();
    assert!(many.size() < full * 3 / 4, "{} of {full}", many.size());
    many.evaluate(EmitTo::All).unwrap();
    assert!(many.size() < 1000, "{}", many.size());

    let median = built(foreseen(median_udaf(), limits(1 << 20)), &schema, "n");
    let mut one = median.create_accumulator().unwrap();
    one.update_batch(&[Arc::clone(batch.column(1))]).unwrap();
    assert!(median.groups_accumulator_supported() && one.size() >= 2 * 8 * 900, "{}", one.size());
}
