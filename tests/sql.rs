//! Runs every file of `tests/slt` against a small store: functions, tables, refusals, `information_schema`.
//!
//! The store holds two turbines and one region, part in Delta, part in the buffer; see [`fill`]. `T01` has a forecast; see [`issue`].

use arrow::util::display::ArrayFormatter;
use arrow::util::display::FormatOptions;
use async_trait::async_trait;
use engine::domain::Asset;
use engine::domain::AssetId;
use engine::domain::AssetKind;
use engine::domain::Forecast;
use engine::domain::Location;
use engine::domain::Quantile;
use engine::domain::Quantity;
use engine::domain::Readings;
use engine::domain::Table;
use engine::domain::Timestamp;
use engine::pipeline::Pipeline;
use engine::pipeline::PipelineOptions;
use engine::pipeline::register_functions;
use engine::query::QueryError;
use engine::query::Session;
use engine::query::SessionOptions;
use engine::store::Store;
use engine::store::StoreOptions;
use jiff::SignedDuration;
use sqllogictest::AsyncDB;
use sqllogictest::DBOutput;
use sqllogictest::DefaultColumnType;
use sqllogictest::Runner;
use std::path::Path;

/// Ten-minute rows from 2026-06-21T00:00Z: `T01` a day with 1, 2, 3 … kW, `T02` six hours with 10 kW; the last hour of `T01` is buffered.
pub(crate) async fn fill(store: &Store) {
    const START: i64 = 1_782_000_000_000_000;
    let rows = |id: &str, from: i64, to: i64, power: fn(i64) -> f64| {
        let times: Vec<i64> = (from..to).map(|i| START + i * 600_000_000).collect();
        let known = times.iter().map(|t| t + 600_000_000).collect();
        let values = vec![(Quantity::ACTIVE_POWER, (from..to).map(|i| Some(power(i))).collect())];
        let ids = vec![id.to_owned(); times.len()];
        Readings::from_columns(AssetKind::WindTurbine, times, ids, known, values).expect("the rows are well formed")
    };
    let mut turbine = Asset::new(AssetId::parse("T01").expect("a valid id"), AssetKind::WindTurbine);
    turbine.capacity_kw = Some(200.0);
    turbine.location = Some(Location { latitude: 27.94, longitude: -12.92 });
    let region = Asset::new(AssetId::parse("casablanca").expect("a valid id"), AssetKind::Region);
    store.upsert_assets(vec![turbine, region]).await.expect("assets are stored");
    store.import(rows("T01", 0, 138, |i| (i + 1) as f64)).await.expect("rows are imported");
    store.import(rows("T02", 0, 36, |_| 10.0)).await.expect("rows are imported");
    store.append(rows("T01", 138, 144, |i| (i + 1) as f64)).await.expect("rows are appended");
}

/// A forecast of `T01` from six o'clock for three hours, every median 5 kW above what came, settled at the end of the day.
async fn issue(pipeline: &Pipeline) {
    let begin = Timestamp::from_microsecond(1_782_000_000_000_000).expect("a time of this century");
    let at = |step: i64| begin + SignedDuration::from_mins(10 * step);
    let forecast = Forecast {
        asset_id: AssetId::parse("T01").expect("a valid id"),
        quantity: Quantity::ACTIVE_POWER,
        issue_time: at(36),
        valid_times: (36..54).map(at).collect(),
        quantiles: [0.1, 0.5, 0.9].map(|p| Quantile::new(p).expect("a probability")).to_vec(),
        values: (36..54).map(|step| [-4.0, 5.0, 14.0].map(|gap| (step + 1) as f64 + gap).to_vec()).collect(),
        model: "ridge".into(),
        model_version: "1".into(),
        notes: Vec::new(),
    };
    let rows = forecast.to_batch().expect("the forecast is well formed");
    pipeline.store().append_table(Table::Forecasts, rows).await.expect("the forecast is stored");
    let settled = pipeline.verify(at(144)).await.expect("the store answers");
    assert!(settled.failures.is_empty(), "{:?}", settled.failures);
}

struct Database(Session);

#[async_trait]
impl AsyncDB for Database {
    type Error = QueryError;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, QueryError> {
        let result = self.0.sql(sql).await?;
        let types = vec![DefaultColumnType::Any; result.schema.fields().len()];
        let options = FormatOptions::default().with_null("NULL");
        let mut rows = Vec::new();
        for batch in &result.batches {
            let columns = batch.columns().iter().map(|column| ArrayFormatter::try_new(column.as_ref(), &options));
            let columns = columns.collect::<Result<Vec<_>, _>>()?;
            for row in 0..batch.num_rows() {
                let text = |column: &ArrayFormatter<'_>| {
                    let text = column.value(row).to_string();
                    if text.is_empty() { "(empty)".to_owned() } else { text }
                };
                rows.push(columns.iter().map(text).collect());
            }
        }
        Ok(DBOutput::Rows { types, rows })
    }

    async fn shutdown(&mut self) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn sql_files() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(StoreOptions::new(directory.path())).await.unwrap();
    fill(&store).await;
    let pipeline = Pipeline::new(store.clone(), PipelineOptions::default());
    issue(&pipeline).await;
    let session = Session::new(store, SessionOptions::default()).unwrap();
    register_functions(&session, &pipeline, || Timestamp::UNIX_EPOCH);
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/slt"));
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        let mut runner = Runner::new(|| async { Ok(Database(session.clone())) });
        if let Err(error) = runner.run_file_async(&file).await {
            panic!("{}", error.display(false));
        }
    }
}
