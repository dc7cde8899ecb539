//! Controller logs in SQL: `alarm_log(...)`.
//!
//! In: an asset, a stretch of time. Out: a row per line with its template, its episode and the incident it belongs under: what was
//! folded away stays here to be asked.

use super::named::Named;
use super::table_batch_of;
use crate::detect::AlarmLog;
use crate::detect::FiledLine;
use crate::detect::LogEpisode;
use crate::domain::AssetId;
use crate::domain::Timestamp;
use crate::domain::micros;
use crate::pipeline::Pipeline;
use crate::query::Arguments;
use crate::query::QueryError;
use crate::query::Session;
use arrow::array::Array;
use arrow::array::BooleanArray;
use arrow::array::Float64Array;
use arrow::array::Int64Array;
use arrow::array::RecordBatch;
use arrow::array::StringArray;
use arrow::array::TimestampMicrosecondArray;
use arrow::datatypes::Field;
use futures::FutureExt;
use std::sync::Arc;

/// How `alarm_log` is called.
const SIGNATURE: &str = "alarm_log([asset => 'tarfaya/T01', from => '2026-01-01T00:00:00Z', to => '2026-02-01T00:00:00Z'])";

pub(super) fn register(session: &Session, pipeline: &Pipeline, now: impl Fn() -> Timestamp + Clone + Send + Sync + 'static) {
    let shared = pipeline.clone();
    let function = move |arguments: Arguments| {
        let (pipeline, now) = (shared.clone(), now());
        async move { rows(&pipeline, &arguments, now).await }.boxed()
    };
    session.register_computed("alarm_log", SIGNATURE, Arc::new(function));
}

async fn rows(pipeline: &Pipeline, arguments: &Arguments, now: Timestamp) -> Result<RecordBatch, QueryError> {
    let read = Named::read("alarm_log", SIGNATURE, &["asset", "from", "to"], arguments)?;
    let refuse = |problem: String| read.refuse(&problem);
    let asset = read.text("asset")?.map(|id| pipeline.asset(id)).transpose().map_err(|error| refuse(error.to_string()))?;
    let (from, to) = (read.time("from")?.unwrap_or(Timestamp::MIN), read.time("to")?.unwrap_or(now));
    let logs = pipeline.alarm_logs(asset.as_ref(), to).await.map_err(|error| refuse(error.to_string()))?;
    let mut lines = Vec::new();
    for log in &logs {
        lines.extend(wanted(log, asset.as_ref().map(|asset| &asset.id), from));
    }
    batch(&lines).map_err(|error| refuse(error.to_string()))
}

fn wanted<'a>(
    log: &'a AlarmLog,
    asset: Option<&AssetId>,
    from: Timestamp,
) -> impl Iterator<Item = (&'a FiledLine, &'a LogEpisode)> {
    let of = log.lines.iter().filter(move |filed| filed.line.time >= from && asset.is_none_or(|id| *id == filed.line.asset_id));
    of.filter_map(|filed| Some((filed, log.episodes.get(filed.episode)?)))
}

fn batch(lines: &[(&FiledLine, &LogEpisode)]) -> Result<RecordBatch, crate::domain::DomainError> {
    type Row<'a> = (&'a FiledLine, &'a LogEpisode);
    let text = |get: fn(&Row<'_>) -> String| Arc::new(StringArray::from_iter_values(lines.iter().map(get))) as Arc<dyn Array>;
    let time = |get: fn(&Row<'_>) -> Option<Timestamp>| {
        let times = lines.iter().map(|row| get(row).map(micros)).collect::<TimestampMicrosecondArray>();
        Arc::new(times.with_timezone("UTC")) as Arc<dyn Array>
    };
    let flag =
        |get: fn(&Row<'_>) -> bool| Arc::new(BooleanArray::from(lines.iter().map(get).collect::<Vec<_>>())) as Arc<dyn Array>;
    let columns: Vec<(&str, Arc<dyn Array>)> = vec![
        ("time", time(|row| Some(row.0.line.time))),
        ("asset_id", text(|row| row.0.line.asset_id.to_string())),
        ("message", text(|row| row.0.line.message.clone())),
        ("reset_at", time(|row| row.0.line.reset_at)),
        ("template", text(|row| row.0.template.clone())),
        ("repeats", Arc::new(Int64Array::from_iter_values(lines.iter().map(|row| i64::from(row.0.repeats))))),
        ("episode_opened_at", time(|row| Some(row.1.opened_at))),
        ("episode_closed_at", time(|row| row.1.closed_at)),
        ("notable", flag(|row| row.1.notable)),
        ("stopped", flag(|row| row.1.stopped)),
        ("rank", Arc::new(Float64Array::from_iter_values(lines.iter().map(|row| row.1.rank)))),
        ("notified", flag(|row| row.1.notified)),
        ("incident_opened_at", time(|row| row.0.incident)),
    ];
    let nullable = |name: &str| matches!(name, "reset_at" | "episode_closed_at" | "incident_opened_at");
    let fields = columns.iter().map(|(name, column)| Field::new(*name, column.data_type().clone(), nullable(name))).collect();
    table_batch_of("alarm_log", fields, columns.into_iter().map(|(_, column)| column).collect())
}
