//! Forecasts and alerts as points of InfluxDB.
//!
//! In: our values. Out: line protocol, times in nanoseconds. Not here: sending.
//!
//! `forecast,asset_id=…,quantity=… p10=…,p50=…,p90=…,issue_time=…i,model="…" <valid_time>`: a later forecast of the same time takes the
//! place of the earlier one; `issue_time` is in nanoseconds.
//! `alert,asset_id=…,component=…,mode=… id="…",state="…",severity="…",… <updated_at>`: one point per change.

use super::target::InfluxError;
use engine::alert::Alert;
use engine::domain::Forecast;
use engine::domain::Timestamp;
use influxdb2::models::DataPoint;
use influxdb2::models::WriteDataPoint;
use influxdb2::models::data_point::DataPointBuilder;

/// The points of a forecast, one per step, each ended by a line end. Quantiles become fields `p10`, `p2.5`, …; values that are not finite are left out.
///
/// # Errors
/// [`InfluxError::Point`] for times before 1677 or after 2262.
pub fn forecast_lines(forecast: &Forecast) -> Result<Vec<String>, InfluxError> {
    let asset = forecast.asset_id.as_str();
    let issued = nanoseconds(asset, forecast.issue_time)?;
    let names: Vec<String> = forecast.quantiles.iter().map(|quantile| format!("p{}", percent(quantile.value()))).collect();
    let mut lines = Vec::new();
    for (&valid, step) in forecast.valid_times.iter().zip(&forecast.values) {
        let finite: Vec<_> = names.iter().zip(step).filter(|(_, value)| value.is_finite()).collect();
        if finite.is_empty() {
            continue;
        }
        let mut point = DataPoint::builder("forecast");
        point = tag(tag(point, "asset_id", asset), "quantity", forecast.quantity.name());
        for (name, &value) in finite {
            point = point.field(name.as_str(), value);
        }
        point = point.field("issue_time", issued).field("model", text(&forecast.model)).timestamp(nanoseconds(asset, valid)?);
        lines.push(written(asset, point)?);
    }
    Ok(lines)
}

/// The point of an alert as it stands.
///
/// # Errors
/// [`InfluxError::Point`] for times before 1677 or after 2262.
pub fn alert_line(alert: &Alert) -> Result<String, InfluxError> {
    let asset = alert.asset_id.as_str();
    let mut point = DataPoint::builder("alert");
    point = tag(tag(tag(point, "asset_id", asset), "component", &alert.component), "mode", &alert.mode);
    point = point
        .field("id", text(&alert.id))
        .field("state", alert.state.name())
        .field("severity", alert.severity.name())
        .field("title", text(&alert.title.en))
        .field("occurrences", i64::from(alert.occurrences))
        .field("incident_open", alert.incident_open)
        .field("started_at", nanoseconds(asset, alert.started_at)?)
        .field("opened_at", nanoseconds(asset, alert.opened_at)?);
    for (name, value) in [("score", alert.score), ("energy_lost_kwh", alert.energy_lost_kwh)] {
        if value.is_finite() {
            point = point.field(name, value);
        }
    }
    if let Some(closed) = alert.closed_at {
        point = point.field("closed_at", nanoseconds(asset, closed)?);
    }
    if let Some(assignee) = &alert.assignee {
        point = point.field("assignee", text(assignee));
    }
    if !alert.top_contributors.is_empty() {
        point = point.field("top_contributors", text(&alert.top_contributors.join(";")));
    }
    written(asset, point.timestamp(nanoseconds(asset, alert.updated_at)?))
}

/// Hundredths without the noise of binary fractions: 0.1 is 10, 0.025 is 2.5.
fn percent(quantile: f64) -> f64 {
    (quantile * 1e8).round() / 1e6
}

fn nanoseconds(asset: &str, time: Timestamp) -> Result<i64, InfluxError> {
    let problem = || format!("{time} does not fit in nanoseconds, use years 1677 to 2262");
    i64::try_from(time.as_nanosecond()).map_err(|_| InfluxError::Point { asset: asset.into(), problem: problem() })
}

/// Adds a tag unless it is empty. Tags hold no line ends, and a backslash at their end would hide what follows.
fn tag(point: DataPointBuilder, name: &str, value: &str) -> DataPointBuilder {
    let value = value.replace(['\n', '\r'], " ");
    match value.trim_end_matches('\\') {
        "" => point,
        value => point.tag(name, value),
    }
}

/// Text of a string field: the crate escapes quotes and leaves backslashes to us.
fn text(value: &str) -> String {
    value.replace('\\', "\\\\")
}

fn written(asset: &str, point: DataPointBuilder) -> Result<String, InfluxError> {
    let bad = |problem: String| InfluxError::Point { asset: asset.into(), problem };
    let mut bytes = Vec::new();
    point
        .build()
        .map_err(|error| bad(error.to_string()))?
        .write_data_point_to(&mut bytes)
        .map_err(|error| bad(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| bad(error.to_string()))
}
