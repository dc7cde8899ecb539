//! What a dispatcher reads off the newest forecast: scenarios, the risk of a ramp, the reserve to hold.

use crate::error::Code;
use crate::error::Problem;
use crate::negotiate::{self, Format};
use crate::openapi::ProblemResponse;
use crate::request;
use crate::state::AppState;
use actix_web::{HttpRequest, HttpResponse, web};
use engine::domain::Asset;
use engine::domain::Quantile;
use engine::domain::Quantity;
use engine::domain::Timestamp;
use engine::domain::parse_duration;
use engine::pipeline::Paths;
use engine::pipeline::{paths_batch, ramps_batch, reserve_batch};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Scenarios handed out unless asked for otherwise.
const USUAL: usize = 100;

/// Which forecast an answer is read off.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ScenarioSource {
    asset_id: String,
    quantity: String,
    unit: &'static str,
    #[schema(value_type = String, format = DateTime)]
    issue_time: Timestamp,
    /// Scenarios the answer is read off.
    scenarios: usize,
    /// True when they were drawn with the rest of the fleet and add up with it; false when from this forecast alone.
    joint: bool,
}

/// How likely ramps are.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RampsBody {
    #[serde(flatten)]
    source: ScenarioSource,
    /// A ramp is a change of more than this.
    threshold: f64,
    /// Within this long, ISO 8601.
    within: String,
    /// Probability of a ramp anywhere in the forecast.
    any: f64,
    rows: Vec<RampRow>,
}

/// Probabilities of a ramp that begins at a step.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RampRow {
    #[schema(value_type = String, format = DateTime)]
    valid_time: Timestamp,
    /// Of a rise.
    up: f64,
    /// Of a fall.
    down: f64,
    /// Of either.
    either: f64,
}

/// What reserve to hold.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReserveBody {
    #[serde(flatten)]
    source: ScenarioSource,
    /// Probability of the lower edge.
    low: f64,
    /// Probability of the upper edge.
    high: f64,
    rows: Vec<ReserveRow>,
}

/// The band of a step and what it asks for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReserveRow {
    #[schema(value_type = String, format = DateTime)]
    valid_time: Timestamp,
    /// Mean of the scenarios: what is scheduled.
    expected: f64,
    /// Lower edge.
    low: f64,
    /// Upper edge.
    high: f64,
    /// What must be able to rise: high − expected.
    upward: f64,
    /// What must be able to fall: expected − low.
    downward: f64,
}

/// Scenarios of one series.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ScenariosBody {
    #[serde(flatten)]
    source: ScenarioSource,
    rows: Vec<ScenarioRow>,
}

/// All scenarios at a step.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ScenarioRow {
    #[schema(value_type = String, format = DateTime)]
    valid_time: Timestamp,
    /// Entry `i` belongs to entry `i` of every other step, and of every other series that was drawn jointly.
    values: Vec<f64>,
}

/// Which ramps.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RampsQuery {
    /// Whose.
    asset_id: String,
    /// Of what.
    quantity: String,
    /// A change of more than this, in the unit of the quantity.
    threshold: f64,
    /// Within this long, ISO 8601; an hour when absent.
    within: Option<String>,
}

/// Which reserve.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReserveQuery {
    /// Whose.
    asset_id: String,
    /// Of what; the net load of a region and the main quantity of other assets when absent.
    quantity: Option<String>,
    /// Probability of the lower edge, 0.05 when absent.
    low: Option<f64>,
    /// Probability of the upper edge, 0.95 when absent.
    high: Option<f64>,
}

/// Which scenarios.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ScenariosQuery {
    /// Whose.
    asset_id: String,
    /// Of what.
    quantity: String,
    /// How many, 100 when absent.
    count: Option<usize>,
}

/// How likely the newest forecast makes a ramp, step by step.
#[utoipa::path(get, path = "/api/v1/forecasts/ramps", tag = "forecasts", params(RampsQuery),
    responses((status = 200, content((RampsBody = "application/json"), (String = "text/csv"), (Vec<u8> = "application/vnd.apache.arrow.stream"))),
        (status = 304, description = "Nothing has changed"), (status = 400, response = ProblemResponse), (status = 401, response = ProblemResponse),
        (status = 404, response = ProblemResponse), (status = 406, response = ProblemResponse)))]
pub(crate) async fn ramps(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let query: RampsQuery = request::query(&request)?;
    let format = negotiate::format(&request)?;
    let within = query.within.as_deref().unwrap_or("PT1H");
    let length = parse_duration(within)?;
    let paths = paths(&state, &query.asset_id, Some(&query.quantity)).await?;
    let found = paths.ramps(query.threshold, length)?;
    if format != Format::Json {
        let batch = ramps_batch(&paths, &found)?;
        return negotiate::columnar(format, &batch.schema(), std::slice::from_ref(&batch), None);
    }
    let row = |risk: &engine::models::RampRisk| RampRow {
        valid_time: paths.valid_times[risk.step],
        up: risk.up,
        down: risk.down,
        either: risk.either,
    };
    let body = RampsBody {
        threshold: query.threshold,
        within: within.to_owned(),
        any: found.any,
        rows: found.steps.iter().map(row).collect(),
        source: source(&state, &paths, paths.scenarios.count())?,
    };
    negotiate::tagged_json(&request, &body)
}

/// The band of the newest forecast and the reserve it asks for.
#[utoipa::path(get, path = "/api/v1/forecasts/reserve", tag = "forecasts", params(ReserveQuery),
    responses((status = 200, content((ReserveBody = "application/json"), (String = "text/csv"), (Vec<u8> = "application/vnd.apache.arrow.stream"))),
        (status = 304, description = "Nothing has changed"), (status = 400, response = ProblemResponse), (status = 401, response = ProblemResponse),
        (status = 404, response = ProblemResponse), (status = 406, response = ProblemResponse)))]
pub(crate) async fn reserve(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let query: ReserveQuery = request::query(&request)?;
    let format = negotiate::format(&request)?;
    let (low, high) = (Quantile::new(query.low.unwrap_or(0.05))?, Quantile::new(query.high.unwrap_or(0.95))?);
    let paths = paths(&state, &query.asset_id, query.quantity.as_deref()).await?;
    let needs = paths.reserve(low, high)?;
    if format != Format::Json {
        let batch = reserve_batch(&paths, &needs)?;
        return negotiate::columnar(format, &batch.schema(), std::slice::from_ref(&batch), None);
    }
    let row = |need: &engine::models::Reserve| ReserveRow {
        valid_time: paths.valid_times[need.step],
        expected: need.expected,
        low: need.low,
        high: need.high,
        upward: need.upward,
        downward: need.downward,
    };
    let body = ReserveBody {
        low: low.value(),
        high: high.value(),
        rows: needs.iter().map(row).collect(),
        source: source(&state, &paths, paths.scenarios.count())?,
    };
    negotiate::tagged_json(&request, &body)
}

/// Equally likely courses of the newest forecast.
#[utoipa::path(get, path = "/api/v1/forecasts/scenarios", tag = "forecasts", params(ScenariosQuery),
    responses((status = 200, content((ScenariosBody = "application/json"), (String = "text/csv"), (Vec<u8> = "application/vnd.apache.arrow.stream"))),
        (status = 304, description = "Nothing has changed"), (status = 400, response = ProblemResponse), (status = 401, response = ProblemResponse),
        (status = 404, response = ProblemResponse), (status = 406, response = ProblemResponse)))]
pub(crate) async fn scenarios(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let query: ScenariosQuery = request::query(&request)?;
    let format = negotiate::format(&request)?;
    let paths = paths(&state, &query.asset_id, Some(&query.quantity)).await?;
    let most = paths.scenarios.count();
    let count = query.count.unwrap_or(USUAL.min(most));
    if !(1..=most).contains(&count) {
        return Err(Problem::new(Code::BadRequest, format!("count is {count}; {most} scenarios are drawn, ask for 1 to {most}")));
    }
    if format != Format::Json {
        let batch = paths_batch(&paths, count)?;
        return negotiate::columnar(format, &batch.schema(), std::slice::from_ref(&batch), None);
    }
    let row = |(step, &valid_time): (usize, &Timestamp)| ScenarioRow {
        valid_time,
        values: paths.scenarios.at(0, step)[..count].to_vec(),
    };
    let body =
        ScenariosBody { rows: paths.valid_times.iter().enumerate().map(row).collect(), source: source(&state, &paths, count)? };
    negotiate::tagged_json(&request, &body)
}

async fn paths(state: &AppState, asset: &str, quantity: Option<&str>) -> Result<Paths, Problem> {
    let asset = request::asset(state, asset)?;
    let quantity = match quantity {
        Some(name) => state.store.quantities().get(name)?.0.clone(),
        None => balanced(state, &asset).await?,
    };
    Ok(state.pipeline.scenarios(&asset, &quantity).await?)
}

async fn balanced(state: &AppState, asset: &Asset) -> Result<Quantity, Problem> {
    let found = state.pipeline.balanced_quantity(asset).await?;
    found.ok_or_else(|| {
        let text = format!("{} is a {}; say which quantity, for example quantity=active_power", asset.id, asset.kind);
        Problem::new(Code::BadRequest, text)
    })
}

fn source(state: &AppState, paths: &Paths, scenarios: usize) -> Result<ScenarioSource, Problem> {
    Ok(ScenarioSource {
        asset_id: paths.asset_id.to_string(),
        quantity: paths.quantity.name().into(),
        unit: state.store.quantities().get(paths.quantity.name())?.1.unit.name(),
        issue_time: paths.issue_time,
        scenarios,
        joint: paths.joint,
    })
}
