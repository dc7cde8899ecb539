//! The watch in SQL: `operating_states(...)`, what each machine was doing, and `detection_power(...)`, what the budget of false alarms buys.
//!
//! In: a plant or a machine, a stretch of time. Out: rows. Deliberately not here: how states are told (`detect`), incidents (`anomalies`).

use super::named::Named;
use super::table_batch_of;
use crate::detect::DetectionDelay;
use crate::detect::DetectionPower;
use crate::detect::OperatingRow;
use crate::domain::DomainError;
use crate::domain::Timestamp;
use crate::domain::micros;
use crate::domain::timestamp_type;
use crate::pipeline::Pipeline;
use crate::pipeline::PipelineError;
use crate::query::Arguments;
use crate::query::QueryError;
use crate::query::Session;
use arrow::array::{Array, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field};
use futures::FutureExt;
use jiff::SignedDuration;
use std::sync::Arc;

/// How `operating_states` is called.
const STATES: &str = "operating_states([asset => 'tarfaya/T01', from => '2026-01-01T00:00:00Z', to => '2026-02-01T00:00:00Z'])";
/// How `detection_power` is called.
const POWER: &str = "detection_power([asset => 'tarfaya/T01'])";
/// Shown when nobody says from when.
const RECENT: SignedDuration = SignedDuration::from_hours(24 * 7);

pub(super) fn register(session: &Session, pipeline: &Pipeline, now: impl Fn() -> Timestamp + Clone + Send + Sync + 'static) {
    let (shared, clock) = (pipeline.clone(), now.clone());
    let states = move |arguments: Arguments| {
        let (pipeline, now) = (shared.clone(), clock());
        async move { state_rows(&pipeline, &arguments, now).await }.boxed()
    };
    session.register_computed("operating_states", STATES, Arc::new(states));
    let shared = pipeline.clone();
    let power = move |arguments: Arguments| {
        let (pipeline, now) = (shared.clone(), now());
        async move { power_rows(&pipeline, &arguments, now).await }.boxed()
    };
    session.register_computed("detection_power", POWER, Arc::new(power));
}

async fn state_rows(pipeline: &Pipeline, arguments: &Arguments, now: Timestamp) -> Result<RecordBatch, QueryError> {
    let read = Named::read("operating_states", STATES, &["asset", "from", "to"], arguments)?;
    let refuse = |error: PipelineError| read.refuse(&error.to_string());
    let asset = read.text("asset")?.map(|id| pipeline.asset(id)).transpose().map_err(refuse)?;
    let to = read.time("to")?.unwrap_or(now);
    let from = read.time("from")?.unwrap_or_else(|| to.saturating_sub(RECENT).unwrap_or(Timestamp::MIN));
    let rows = pipeline.operating(asset.as_ref(), from, to).await.map_err(refuse)?;
    states_batch(&rows).map_err(|error| read.refuse(&error.to_string()))
}

async fn power_rows(pipeline: &Pipeline, arguments: &Arguments, now: Timestamp) -> Result<RecordBatch, QueryError> {
    let read = Named::read("detection_power", POWER, &["asset"], arguments)?;
    let refuse = |error: PipelineError| read.refuse(&error.to_string());
    let asset = read.text("asset")?.map(|id| pipeline.asset(id)).transpose().map_err(refuse)?;
    let found = pipeline.detection_power(asset.as_ref(), now).await.map_err(refuse)?;
    power_batch(&found).map_err(|error| read.refuse(&error.to_string()))
}

fn states_batch(rows: &[OperatingRow]) -> Result<RecordBatch, DomainError> {
    let times = TimestampMicrosecondArray::from_iter_values(rows.iter().map(|row| micros(row.time))).with_timezone("UTC");
    let fields = vec![
        Field::new("asset_id", DataType::Utf8, false),
        Field::new("time", timestamp_type(), false),
        Field::new("state", DataType::Utf8, false),
    ];
    let columns: Vec<Arc<dyn Array>> = vec![
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.asset.as_str()))),
        Arc::new(times),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.state.name()))),
    ];
    table_batch_of("operating_states", fields, columns)
}

fn power_batch(found: &[DetectionPower]) -> Result<RecordBatch, DomainError> {
    let flat: Vec<(&DetectionPower, &DetectionDelay)> =
        found.iter().flat_map(|one| one.delays.iter().map(move |delay| (one, delay))).collect();
    let text = |of: fn(&DetectionPower) -> &str| {
        Arc::new(StringArray::from_iter_values(flat.iter().map(|(one, _)| of(one)))) as Arc<dyn Array>
    };
    let fields = ["asset_id", "signal", "component"].map(|name| Field::new(name, DataType::Utf8, false));
    let reals = [("shift", false), ("hours", true), ("false_alarms_per_year", false)];
    let fields = fields.into_iter().chain(reals.map(|(name, null)| Field::new(name, DataType::Float64, null))).collect();
    let columns: Vec<Arc<dyn Array>> = vec![
        text(|one| one.asset.as_str()),
        text(|one| &one.signal),
        text(|one| &one.component),
        Arc::new(Float64Array::from_iter_values(flat.iter().map(|(_, delay)| delay.shift))),
        Arc::new(flat.iter().map(|(_, delay)| delay.hours).collect::<Float64Array>()),
        Arc::new(Float64Array::from_iter_values(flat.iter().map(|(one, _)| one.false_alarms_per_year))),
    ];
    table_batch_of("detection_power", fields, columns)
}

#[cfg(test)]
mod tests {
    use super::{power_batch, states_batch};
    use crate::detect::{DetectionDelay, DetectionPower, OperatingRow, OperatingState};
    use crate::domain::{AssetId, Quantity, Timestamp};
    use arrow::array::{Array, AsArray};
    use arrow::datatypes::Float64Type;

    #[test]
    fn states_and_delays_become_rows() {
        let asset = AssetId::parse("T01").unwrap();
        let row = OperatingRow { asset: asset.clone(), time: Timestamp::UNIX_EPOCH, state: OperatingState::Curtailed };
        let batch = states_batch(&[row]).unwrap();
        assert_eq!(batch.column(2).as_string::<i32>().value(0), "curtailed");
        let delays = vec![DetectionDelay { shift: 2.0, hours: None }, DetectionDelay { shift: 5.0, hours: Some(30.0) }];
        let one = DetectionPower {
            asset,
            signal: "gearbox_bearing_temp".into(),
            quantity: Quantity::GEARBOX_BEARING_TEMP,
            component: "gearbox".into(),
            false_alarms_per_year: 0.05,
            delays,
        };
        let batch = power_batch(&[one]).unwrap();
        let hours = batch.column(4).as_primitive::<Float64Type>();
        assert_eq!((batch.num_rows(), hours.is_null(0), hours.value(1)), (2, true, 30.0));
        assert_eq!(states_batch(&[]).unwrap().num_rows() + power_batch(&[]).unwrap().num_rows(), 0);
    }
}
