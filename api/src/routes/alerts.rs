//! Alerts and what people do with them.

use crate::auth::Caller;
use crate::error::Code;
use crate::error::Problem;
use crate::negotiate::tagged_json;
use crate::openapi::ProblemResponse;
use crate::request;
use crate::routes::alert_body::AlertBody;
use crate::state::AppState;
use actix_web::{HttpRequest, HttpResponse, web};
use engine::alert::Action;
use engine::alert::AlertEvent;
use engine::alert::AlertFilter;
use engine::alert::Outcome;
use engine::alert::State;
use engine::domain::AssetId;
use engine::domain::AssetKind;
use engine::domain::Timestamp;
use engine::domain::nearest;
use engine::domain::parse_time;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A page of alerts, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AlertList {
    alerts: Vec<AlertBody>,
    next_cursor: Option<String>,
}

/// A line of an alert's history.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventBody {
    id: i64,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// `opened`, `recurred`, `escalated`, `clarified`, `folded`, `unfolded`, `incident_closed`, `acknowledged`, `assigned`, `resolved`,
    /// `false_positive`, `shelved` or `commented`.
    kind: String,
    by: String,
    note: Option<String>,
}

impl From<AlertEvent> for EventBody {
    fn from(event: AlertEvent) -> Self {
        Self { id: event.id, at: event.at, kind: event.kind, by: event.by, note: event.note }
    }
}

/// An alert with its history.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AlertWithEvents {
    #[serde(flatten)]
    alert: AlertBody,
    events: Vec<EventBody>,
}

/// Which alerts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// States, separated by commas; all when absent.
    state: Option<String>,
    /// Of this asset, also those that are part of another alert.
    asset_id: Option<String>,
    /// Part of this alert. Without it and without an asset, alerts that are part of another are left out.
    parent_alert_id: Option<String>,
    /// At most this many, 100 when absent, up to 1000.
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Alerts, newest first.
#[utoipa::path(get, path = "/api/v1/alerts", tag = "alerts", params(ListQuery),
    responses((status = 200, body = AlertList), (status = 400, response = ProblemResponse), (status = 401, response = ProblemResponse)))]
pub(crate) async fn list_alerts(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let query: ListQuery = request::query(&request)?;
    let words = query.state.as_deref().unwrap_or_default().split(',').map(str::trim).filter(|word| !word.is_empty());
    let filter = AlertFilter {
        states: words.map(parse_state).collect::<Result<_, _>>()?,
        asset_id: query.asset_id.as_deref().map(AssetId::parse).transpose()?,
        parent_alert_id: query.parent_alert_id,
        cursor: query.cursor,
        limit: request::limit(query.limit, 100, 1000)?,
    };
    let page = state.alerts.list(&filter).await?;
    let body = AlertList {
        alerts: page.alerts.into_iter().map(|alert| AlertBody::new(alert, &state)).collect(),
        next_cursor: page.next_cursor,
    };
    tagged_json(&request, &body)
}

fn parse_state(word: &str) -> Result<State, Problem> {
    State::parse(word).ok_or_else(|| {
        let near = nearest(word, State::ALL.map(State::name)).map(|n| format!("; nearest is {n:?}")).unwrap_or_default();
        let known = State::ALL.map(State::name).join(", ");
        Problem::new(Code::BadRequest, format!("state {word:?} is not one of {known}{near}"))
    })
}

/// One alert with its history.
#[utoipa::path(get, path = "/api/v1/alerts/{id}", tag = "alerts", params(("id" = String, Path)),
    responses((status = 200, body = AlertWithEvents), (status = 401, response = ProblemResponse), (status = 404, response = ProblemResponse)))]
pub(crate) async fn show_alert(
    state: web::Data<AppState>,
    id: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let alert = state.alerts.get(&id).await?;
    let events = state.alerts.events(&id).await?.into_iter().map(Into::into).collect();
    tagged_json(&request, &AlertWithEvents { alert: AlertBody::new(alert, &state), events })
}

/// How alerts of one pattern fared.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PatternBody {
    asset_kind: Option<&'static str>,
    component: String,
    mode: String,
    raised: u64,
    false_positives: u64,
    /// How likely the next one is true by all that was ever judged, 0 to 1.
    priority: f64,
}

/// False alarms against what is allowed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BudgetBody {
    budget_per_asset_year: f64,
    /// Watched assets.
    assets: usize,
    /// Begin of the period, at most a year ago.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// False alarms allowed since then.
    allowed: f64,
    raised: u64,
    false_positives: u64,
    /// The one with most false positives first.
    patterns: Vec<PatternBody>,
}

/// How many alerts were called false, against the budget of `alerts.false_alarms_per_asset_year`.
#[utoipa::path(get, path = "/api/v1/alerts/budget", tag = "alerts",
    responses((status = 200, body = BudgetBody), (status = 401, response = ProblemResponse)))]
pub(crate) async fn alert_budget(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let per_year = state.config.alerts.false_alarms_per_asset_year;
    let watched = state.store.assets().iter().filter(|asset| is_watched(asset.kind)).count();
    let budget = state.alerts.budget(per_year, watched, state.now()).await?;
    let patterns = budget.patterns.into_iter().map(|pattern| PatternBody {
        asset_kind: pattern.asset_kind.map(AssetKind::name),
        component: pattern.component,
        mode: pattern.mode,
        raised: pattern.raised,
        false_positives: pattern.false_positives,
        priority: pattern.priority,
    });
    let body = BudgetBody {
        budget_per_asset_year: per_year,
        assets: watched,
        since: budget.since,
        allowed: budget.allowed,
        raised: budget.raised,
        false_positives: budget.false_positives,
        patterns: patterns.collect(),
    };
    tagged_json(&request, &body)
}

/// Machines; a station or a meter beside them is no asset of the budget.
const fn is_watched(kind: AssetKind) -> bool {
    matches!(kind, AssetKind::WindTurbine | AssetKind::PvInverter | AssetKind::PvTracker | AssetKind::Transformer)
}

/// "I have seen it."
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AcknowledgeBody {
    comment: Option<String>,
}

/// "This is for them."
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AssignBody {
    assignee: String,
    comment: Option<String>,
}

/// "Done."
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResolveBody {
    /// `fixed`, `no_action` or `false_positive`.
    outcome: String,
    /// Required for a false positive.
    reason: Option<String>,
}

/// "Not before then."
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShelveBody {
    /// RFC 3339, in the future.
    until: String,
    reason: String,
}

/// A line for the history.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommentBody {
    comment: String,
}

macro_rules! actions {
    ($($name:ident $path:literal $body:ident $doc:literal |$sent:ident| $action:expr;)+) => { $(
        #[doc = $doc]
        #[utoipa::path(post, path = $path, tag = "alerts", params(("id" = String, Path)), request_body = $body,
            responses((status = 200, body = AlertBody), (status = 400, response = ProblemResponse), (status = 401, response = ProblemResponse),
                (status = 403, response = ProblemResponse), (status = 404, response = ProblemResponse), (status = 409, response = ProblemResponse),
                (status = 422, response = ProblemResponse)))]
        pub(crate) async fn $name(
            state: web::Data<AppState>, id: web::Path<String>, request: HttpRequest, payload: web::Payload, caller: Caller,
        ) -> Result<HttpResponse, Problem> {
            let $sent: $body = request::json(&request, payload, &state).await?;
            act(&state, &id, $action, &caller).await
        }
    )+ };
}

actions! {
    acknowledge "/api/v1/alerts/{id}/acknowledge" AcknowledgeBody "Says that somebody has seen it." |sent| Action::Acknowledge { comment: sent.comment };
    assign "/api/v1/alerts/{id}/assign" AssignBody "Hands it to somebody." |sent| Action::Assign { assignee: sent.assignee, comment: sent.comment };
    resolve "/api/v1/alerts/{id}/resolve" ResolveBody "Decides it." |sent| Action::Resolve { outcome: parse_outcome(&sent.outcome)?, reason: sent.reason };
    shelve "/api/v1/alerts/{id}/shelve" ShelveBody "Quietens it for a while." |sent| Action::Shelve { until: parse_time(&sent.until)?, reason: sent.reason };
    comment "/api/v1/alerts/{id}/comment" CommentBody "Adds a line to its history." |sent| Action::Comment { comment: sent.comment };
}

async fn act(state: &AppState, id: &str, action: Action, caller: &Caller) -> Result<HttpResponse, Problem> {
    let alert = state.alerts.act(id, &action, &caller.name, state.now()).await?;
    Ok(HttpResponse::Ok().json(AlertBody::new(alert, state)))
}

fn parse_outcome(word: &str) -> Result<Outcome, Problem> {
    Outcome::parse(word)
        .ok_or_else(|| Problem::new(Code::BadRequest, format!("outcome {word:?} is not one of fixed, no_action, false_positive")))
}
