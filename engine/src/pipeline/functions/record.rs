//! The track record of forecasts in SQL: `forecast_verification(...)`.
//!
//! In: a pattern of assets and a stretch of issue times. Out: a row of scores per asset and bucket of leads, and one of all leads.

use super::forecast::targets;
use super::named::Named;
use super::table_batch_of;
use crate::domain::DomainError;
use crate::domain::TimeRange;
use crate::domain::Timestamp;
use crate::evaluate::LeadScore;
use crate::evaluate::TrackRecord;
use crate::pipeline::Pipeline;
use crate::query::Arguments;
use crate::query::QueryError;
use crate::query::Session;
use arrow::array::Array;
use arrow::array::Float64Array;
use arrow::array::RecordBatch;
use arrow::array::StringArray;
use arrow::datatypes::Field;
use futures::FutureExt;
use std::sync::Arc;

/// How `forecast_verification` is called.
const VERIFICATION: &str = "forecast_verification(asset => 'tarfaya/*' [, quantity => 'active_power', from => '2026-01-01T00:00:00Z', \
                            to => '2026-02-01T00:00:00Z'])";

pub(super) fn register(session: &Session, pipeline: &Pipeline) {
    let shared = pipeline.clone();
    let verification = move |arguments: Arguments| {
        let pipeline = shared.clone();
        async move { verification_rows(&pipeline, &arguments).await }.boxed()
    };
    session.register_computed("forecast_verification", VERIFICATION, Arc::new(verification));
}

async fn verification_rows(pipeline: &Pipeline, arguments: &Arguments) -> Result<RecordBatch, QueryError> {
    let read = Named::read("forecast_verification", VERIFICATION, &["asset", "quantity", "from", "to"], arguments)?;
    let (from, to) = (read.time("from")?, read.time("to")?);
    let range = TimeRange::new(from.unwrap_or(Timestamp::MIN), to.unwrap_or(Timestamp::MAX));
    let range = range.map_err(|error| read.refuse(&error.to_string()))?;
    let mut found = Vec::new();
    for (asset, quantity) in targets(pipeline, &read)? {
        let record = pipeline.track_record(&asset.id, &quantity, Some(range)).await;
        let record = record.map_err(|error| read.refuse(&error.to_string()))?;
        found.push((asset.id.to_string(), quantity.name().to_owned(), record));
    }
    let rows: Vec<_> = found.iter().map(|(asset, quantity, record)| (asset.as_str(), quantity.as_str(), record)).collect();
    record_batch(&rows).map_err(|error| read.refuse(&error.to_string()))
}

/// Track records as rows: asset, quantity, record. `to_minutes` is null in the row of all leads.
///
/// # Errors
/// [`DomainError::Column`] when Arrow refuses the columns.
pub fn record_batch(records: &[(&str, &str, &TrackRecord)]) -> Result<RecordBatch, DomainError> {
    let mut rows: Vec<(&str, &str, &TrackRecord, &LeadScore)> = Vec::new();
    for &(asset, quantity, record) in records {
        rows.extend(record.buckets.iter().chain(&record.all).map(|score| (asset, quantity, record, score)));
    }
    let real = |of: &dyn Fn(&LeadScore) -> Option<f64>| {
        Arc::new(rows.iter().map(|row| of(row.3)).collect::<Float64Array>()) as Arc<dyn Array>
    };
    let text = |values: Vec<Option<&str>>| Arc::new(StringArray::from(values)) as Arc<dyn Array>;
    let issues = Arc::new(Float64Array::from_iter_values(rows.iter().map(|row| row.2.issues as f64)));
    let columns: Vec<(&str, Arc<dyn Array>)> = vec![
        ("asset_id", text(rows.iter().map(|row| Some(row.0)).collect())),
        ("quantity", text(rows.iter().map(|row| Some(row.1)).collect())),
        ("from_minutes", real(&|score| Some(score.after as f64 / 60.0))),
        ("to_minutes", real(&|score| score.until.map(|end| end as f64 / 60.0))),
        ("issues", issues),
        ("steps", real(&|score| Some(score.steps as f64))),
        ("mae", real(&|score| Some(score.mae))),
        ("rmse", real(&|score| Some(score.rmse))),
        ("bias", real(&|score| Some(score.bias))),
        ("wape", real(&|score| score.wape)),
        ("pinball", real(&|score| Some(score.pinball))),
        ("coverage_50", real(&|score| score.coverage_50)),
        ("coverage_80", real(&|score| score.coverage_80)),
        ("width_80", real(&|score| score.width_80)),
        ("skill_persistence", real(&|score| score.persistence.mae)),
        ("skill_naive", real(&|score| score.naive.mae)),
        ("best_naive", text(rows.iter().map(|row| row.2.best_naive).collect())),
    ];
    let nullable = |name: &str| !matches!(name, "asset_id" | "quantity");
    let fields = columns.iter().map(|(name, column)| Field::new(*name, column.data_type().clone(), nullable(name))).collect();
    table_batch_of("forecast_verification", fields, columns.into_iter().map(|(_, column)| column).collect())
}
