//! Solar plants in SQL: `soiling_ratio(...)` by day, `degradation(...)` by plant.
//!
//! In: a plant or one of its machines, a stretch of time. Out: rows with a band. Deliberately not here: how they are estimated
//! (`detect/solar`), incidents (`anomalies`).

use super::named::Named;
use super::table_batch_of;
use crate::detect::Degradation;
use crate::detect::SoilingDay;
use crate::domain::DomainError;
use crate::domain::Timestamp;
use crate::pipeline::Pipeline;
use crate::pipeline::PipelineError;
use crate::query::Arguments;
use crate::query::QueryError;
use crate::query::Session;
use arrow::array::Array;
use arrow::array::Date32Array;
use arrow::array::Float64Array;
use arrow::array::Int64Array;
use arrow::array::RecordBatch;
use arrow::array::StringArray;
use arrow::datatypes::Field;
use futures::FutureExt;
use jiff::civil::date;
use std::sync::Arc;

/// How `soiling_ratio` is called.
const SOILING: &str = "soiling_ratio([asset => 'ouarzazate', from => '2026-01-01T00:00:00Z', to => '2026-02-01T00:00:00Z'])";
/// How `degradation` is called.
const DEGRADATION: &str = "degradation([asset => 'ouarzazate', until => '2026-01-01T00:00:00Z'])";

pub(super) fn register(session: &Session, pipeline: &Pipeline, now: impl Fn() -> Timestamp + Clone + Send + Sync + 'static) {
    let (shared, clock) = (pipeline.clone(), now.clone());
    let soiling = move |arguments: Arguments| {
        let (pipeline, now) = (shared.clone(), clock());
        async move { soiling_rows(&pipeline, &arguments, now).await }.boxed()
    };
    session.register_computed("soiling_ratio", SOILING, Arc::new(soiling));
    let shared = pipeline.clone();
    let ageing = move |arguments: Arguments| {
        let (pipeline, now) = (shared.clone(), now());
        async move { degradation_rows(&pipeline, &arguments, now).await }.boxed()
    };
    session.register_computed("degradation", DEGRADATION, Arc::new(ageing));
}

async fn soiling_rows(pipeline: &Pipeline, arguments: &Arguments, now: Timestamp) -> Result<RecordBatch, QueryError> {
    let read = Named::read("soiling_ratio", SOILING, &["asset", "from", "to"], arguments)?;
    let refuse = |error: PipelineError| read.refuse(&error.to_string());
    let asset = read.text("asset")?.map(|id| pipeline.asset(id)).transpose().map_err(refuse)?;
    let (from, to) = (read.time("from")?.unwrap_or(Timestamp::MIN), read.time("to")?.unwrap_or(now));
    let (mut days, _) = pipeline.solar(asset.as_ref(), to).await.map_err(refuse)?;
    let first = from.to_zoned(jiff::tz::TimeZone::UTC).date();
    days.retain(|day| day.date >= first);
    soiling_batch(&days).map_err(|error| read.refuse(&error.to_string()))
}

async fn degradation_rows(pipeline: &Pipeline, arguments: &Arguments, now: Timestamp) -> Result<RecordBatch, QueryError> {
    let read = Named::read("degradation", DEGRADATION, &["asset", "until"], arguments)?;
    let refuse = |error: PipelineError| read.refuse(&error.to_string());
    let asset = read.text("asset")?.map(|id| pipeline.asset(id)).transpose().map_err(refuse)?;
    let (_, plants) = pipeline.solar(asset.as_ref(), read.time("until")?.unwrap_or(now)).await.map_err(refuse)?;
    degradation_batch(&plants).map_err(|error| read.refuse(&error.to_string()))
}

fn soiling_batch(days: &[SoilingDay]) -> Result<RecordBatch, DomainError> {
    let real = |of: fn(&SoilingDay) -> f64| Arc::new(Float64Array::from_iter_values(days.iter().map(of))) as Arc<dyn Array>;
    let since = days.iter().map(|day| (day.date - date(1970, 1, 1)).get_days());
    rows(
        "soiling_ratio",
        vec![
            ("asset_id", Arc::new(StringArray::from_iter_values(days.iter().map(|day| day.asset_id.as_str())))),
            ("date", Arc::new(Date32Array::from_iter_values(since))),
            ("soiling_ratio", real(|day| day.ratio)),
            ("low", real(|day| day.low)),
            ("high", real(|day| day.high)),
        ],
    )
}

fn degradation_batch(plants: &[Degradation]) -> Result<RecordBatch, DomainError> {
    let real = |of: fn(&Degradation) -> f64| Arc::new(Float64Array::from_iter_values(plants.iter().map(of))) as Arc<dyn Array>;
    rows(
        "degradation",
        vec![
            ("asset_id", Arc::new(StringArray::from_iter_values(plants.iter().map(|plant| plant.asset_id.as_str())))),
            ("per_year", real(|plant| plant.per_year)),
            ("low", real(|plant| plant.low)),
            ("high", real(|plant| plant.high)),
            ("rounds", Arc::new(Int64Array::from_iter_values(plants.iter().map(|plant| plant.rounds as i64)))),
        ],
    )
}

fn rows(table: &str, columns: Vec<(&str, Arc<dyn Array>)>) -> Result<RecordBatch, DomainError> {
    let fields = columns.iter().map(|(name, column)| Field::new(*name, column.data_type().clone(), false)).collect();
    table_batch_of(table, fields, columns.into_iter().map(|(_, column)| column).collect())
}

#[cfg(test)]
mod tests {
    use super::{degradation_batch, soiling_batch};
    use crate::detect::{Degradation, SoilingDay};
    use crate::domain::AssetId;
    use arrow::array::AsArray;
    use arrow::datatypes::{Date32Type, Float64Type};

    #[test]
    fn days_and_plants_become_rows() {
        let asset_id = AssetId::parse("ouarzazate").unwrap();
        let day =
            SoilingDay { date: jiff::civil::date(2024, 2, 29), asset_id: asset_id.clone(), ratio: 0.95, low: 0.94, high: 0.96 };
        let batch = soiling_batch(&[day]).unwrap();
        assert_eq!(batch.column(1).as_primitive::<Date32Type>().value(0), 19_782, "days since 1970");
        assert_eq!(batch.column(2).as_primitive::<Float64Type>().value(0), 0.95);
        let aged = Degradation { asset_id, per_year: -0.006, low: -0.009, high: -0.003, rounds: 9 };
        let batch = degradation_batch(&[aged]).unwrap();
        assert_eq!((batch.num_rows(), batch.column(1).as_primitive::<Float64Type>().value(0)), (1, -0.006));
        assert_eq!(soiling_batch(&[]).unwrap().num_rows(), 0);
    }
}
