//! What an alert rests on: its signals expected against observed beside the neighbours', its incidents, and the lines of the controller
//! log that were folded away under it.

use super::alert_body::{EvidenceBody, OutlookBody, unit};
use crate::error::{Code, Problem};
use crate::negotiate::tagged_json;
use crate::openapi::ProblemResponse;
use crate::request;
use crate::state::AppState;
use actix_web::{HttpRequest, HttpResponse, web};
use engine::alert::Alert;
use engine::detect::{AlarmLogOptions, BEFORE, alarm_log};
use engine::domain::{AssetId, LogLine, Quantity, TimeRange, Timestamp, from_micros, micros};
use engine::pipeline::SignalTrace;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::{IntoParams, ToSchema};

/// Hours shown when none are asked for: a week.
const HOURS: u32 = 168;
/// Most hours of one answer.
const MOST_HOURS: u32 = 24 * 60;
/// Lines of one page of the log.
const LINES: usize = 500;

/// What a neighbour measured.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NeighbourBody {
    asset_id: String,
    values: Vec<Option<f64>>,
}

/// One signal over the range.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TraceBody {
    signal: String,
    quantity: String,
    unit: String,
    #[schema(value_type = Vec<String>)]
    times: Vec<Timestamp>,
    observed: Vec<Option<f64>>,
    expected: Vec<Option<f64>>,
    /// Evidence over its limit; 1 is the alarm line.
    score: Vec<Option<f64>>,
    /// The nearest machines of the same kind and plant, nearest first.
    neighbours: Vec<NeighbourBody>,
}

/// One incident of the alert.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AlertIncidentBody {
    #[schema(value_type = String, format = DateTime)]
    opened_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    closed_at: Option<Timestamp>,
    energy_lost_kwh: f64,
}

/// How much of the controller log is under the alert.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LogCount {
    lines: usize,
    episodes: usize,
}

/// What an alert rests on.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EvidenceView {
    asset_id: String,
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    to: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    opened_at: Timestamp,
    signals: Vec<TraceBody>,
    evidence: Vec<EvidenceBody>,
    outlook: Option<OutlookBody>,
    incidents: Vec<AlertIncidentBody>,
    log: LogCount,
}

/// How much of it.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EvidenceQuery {
    /// Hours before the end of the data, or before a day after the incident's end; 168 when absent, up to 1440.
    hours: Option<u32>,
}

/// Expected against observed for the signals of an alert, with its neighbours, incidents and log.
#[utoipa::path(get, path = "/api/v1/alerts/{id}/evidence", tag = "alerts", params(("id" = String, Path), EvidenceQuery),
    responses((status = 200, body = EvidenceView), (status = 400, response = ProblemResponse), (status = 401, response = ProblemResponse),
        (status = 404, response = ProblemResponse)))]
pub(crate) async fn show_evidence(
    state: web::Data<AppState>,
    id: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let query: EvidenceQuery = request::query(&request)?;
    let hours = query.hours.unwrap_or(HOURS);
    if !(1..=MOST_HOURS).contains(&hours) {
        return Err(Problem::new(Code::BadRequest, format!("hours is {hours}; ask for 1 to {MOST_HOURS}")));
    }
    let alert = state.alerts.get(&id).await?;
    let asset = request::asset(&state, alert.asset_id.as_str())?;
    let newest = state.pipeline.end_of_data(&asset).await.map_err(unavailable)?.unwrap_or(state.now());
    let day = SignedDuration::from_hours(24);
    let after = alert.closed_at.and_then(|closed| closed.saturating_add(day).ok()).unwrap_or(Timestamp::MAX);
    let to = newest.min(after).max(alert.opened_at);
    let from = to.saturating_sub(SignedDuration::from_hours(i64::from(hours))).unwrap_or(Timestamp::MIN);
    let mut quantities: Vec<Quantity> = Vec::new();
    for evidence in &alert.evidence {
        if !quantities.contains(&evidence.quantity) {
            quantities.push(evidence.quantity.clone());
        }
    }
    let traces = state.pipeline.traces(&asset, TimeRange::new(from, to)?, &quantities).await.map_err(unavailable)?;
    let known = state.store.quantities();
    let trace = |trace: SignalTrace| {
        let SignalTrace { signal, neighbours } = trace;
        let named = alert.evidence.iter().find(|evidence| evidence.quantity == signal.quantity);
        TraceBody {
            signal: named.map_or_else(|| signal.quantity.to_string(), |evidence| evidence.signal.clone()),
            unit: unit(&signal.quantity, &known),
            quantity: signal.quantity.to_string(),
            times: signal.times,
            observed: some(signal.observed),
            expected: some(signal.expected),
            score: some(signal.score),
            neighbours: neighbours
                .into_iter()
                .map(|(asset, values)| NeighbourBody { asset_id: asset.into(), values: some(values) })
                .collect(),
        }
    };
    let incidents = state.alerts.incidents_of(&alert.id).await?;
    let log = count(&log_lines(&state, &alert).await?);
    let body = EvidenceView {
        from,
        to,
        opened_at: alert.opened_at,
        signals: traces.into_iter().map(trace).collect(),
        evidence: alert.evidence.iter().map(|evidence| EvidenceBody::new(evidence, &known)).collect(),
        outlook: alert.outlook.as_ref().map(|outlook| OutlookBody::new(outlook, &known)),
        incidents: incidents
            .into_iter()
            .map(|i| AlertIncidentBody { opened_at: i.opened_at, closed_at: i.closed_at, energy_lost_kwh: i.energy_lost_kwh })
            .collect(),
        log,
        asset_id: alert.asset_id.into(),
    };
    tagged_json(&request, &body)
}

fn unavailable(error: impl std::fmt::Display) -> Problem {
    Problem::new(Code::Unavailable, error.to_string())
}

fn some(values: Vec<f64>) -> Vec<Option<f64>> {
    values.into_iter().map(|value| value.is_finite().then_some(value)).collect()
}

/// Lines of the asset's log from a day before the alert began to its end.
async fn log_lines(state: &AppState, alert: &Alert) -> Result<Vec<LogLine>, Problem> {
    let from = alert.started_at.saturating_sub(BEFORE).unwrap_or(Timestamp::MIN);
    let end = alert.closed_at.filter(|_| !alert.incident_open).unwrap_or_else(|| state.now()).max(alert.opened_at);
    // The last instant belongs to it.
    let to = from_micros(micros(end).saturating_add(1));
    Ok(state.store.events(Some(std::slice::from_ref(&alert.asset_id)), Some(TimeRange::new(from, to)?)).await?)
}

/// Lines, and the episodes they make.
fn count(lines: &[LogLine]) -> LogCount {
    let rated: BTreeMap<AssetId, f64> = BTreeMap::new();
    let log = alarm_log(lines, &rated, &[], &AlarmLogOptions::default());
    let episodes: BTreeSet<usize> = log.lines.iter().map(|filed| filed.episode).collect();
    LogCount { lines: lines.len(), episodes: episodes.len() }
}

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LogQuery {
    /// `next` of the page before.
    cursor: Option<String>,
}

/// One line of a controller log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LogLineBody {
    #[schema(value_type = String, format = DateTime)]
    time: Timestamp,
    message: String,
    #[schema(value_type = Option<String>, format = DateTime)]
    reset_at: Option<Timestamp>,
}

/// A page of a log, oldest line first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LogPage {
    lines: Vec<LogLineBody>,
    next: Option<String>,
}

/// Controller log lines that were folded away under an alert, from a day before it began.
#[utoipa::path(get, path = "/api/v1/alerts/{id}/log", tag = "alerts", params(("id" = String, Path), LogQuery),
    responses((status = 200, body = LogPage), (status = 400, response = ProblemResponse), (status = 401, response = ProblemResponse),
        (status = 404, response = ProblemResponse)))]
pub(crate) async fn show_log(
    state: web::Data<AppState>,
    id: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let query: LogQuery = request::query(&request)?;
    let after = query.cursor.as_deref().map(parse_cursor).transpose()?;
    let alert = state.alerts.get(&id).await?;
    let lines = log_lines(&state, &alert).await?;
    let begin = after.map_or(0, |(time, given)| {
        let first = lines.partition_point(|line| micros(line.time) < time);
        first.saturating_add(given).min(lines.len())
    });
    let page = &lines[begin..begin.saturating_add(LINES).min(lines.len())];
    let next = page.last().filter(|_| begin + page.len() < lines.len()).map(|last| {
        let first = lines.partition_point(|line| line.time < last.time);
        format!("{}_{}", micros(last.time), begin + page.len() - first)
    });
    let lines = page.iter().map(|line| LogLineBody { time: line.time, message: line.message.clone(), reset_at: line.reset_at });
    tagged_json(&request, &LogPage { lines: lines.collect(), next })
}

/// Time of a line, and how many lines of that time were given.
fn parse_cursor(text: &str) -> Result<(i64, usize), Problem> {
    let parts = text.split_once('_').and_then(|(time, given)| Some((time.parse().ok()?, given.parse().ok()?)));
    parts.ok_or_else(|| Problem::new(Code::BadRequest, format!("cursor {text:?} is not one of ours; start again without a cursor")))
}
