//! Forecasts: the newest from memory, an older one *as known at* a time from the store.

use crate::error::Code;
use crate::error::Problem;
use crate::forecast_cache::Rendered;
use crate::negotiate::{self, Format};
use crate::openapi::ProblemResponse;
use crate::request;
use crate::services::Verdict;
use crate::state::AppState;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use engine::domain::Asset;
use engine::domain::Forecast;
use engine::domain::Quantity;
use engine::domain::Resolution;
use engine::domain::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// A forecast of one asset and quantity.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ForecastBody {
    asset_id: String,
    quantity: String,
    unit: &'static str,
    #[schema(value_type = String, format = DateTime)]
    issue_time: Timestamp,
    model: String,
    model_version: String,
    /// ISO 8601 duration between steps; null for a single step.
    resolution: Option<String>,
    /// `beginning`, `ending` or `instant`.
    interval_label: String,
    /// Rising probabilities.
    quantiles: Vec<f64>,
    rows: Vec<ForecastStep>,
    /// How the model did against the naive ones; null before the first evaluation.
    verdict: Option<Verdict>,
    /// What was amiss when it was made; empty when all was well.
    notes: Vec<NoteBody>,
}

/// Something that was amiss.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NoteBody {
    /// `telemetry_stale`, `weather_late`, `weather_missing`, `little_history` or `model_unavailable`.
    code: &'static str,
    /// Since when; null where that is not known.
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// What it means for the forecast.
    text: String,
}

/// One step.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ForecastStep {
    #[schema(value_type = String, format = DateTime)]
    valid_time: Timestamp,
    /// One per quantile, in the stored unit.
    values: Vec<f64>,
}

/// Which forecast.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ForecastQuery {
    /// Whose.
    asset_id: String,
    /// Of what.
    quantity: String,
    /// The newest one issued at or before this time.
    as_of: Option<String>,
    /// The one issued at exactly this time.
    issue_time: Option<String>,
    /// Only these, separated by commas; all when absent.
    quantiles: Option<String>,
}

/// The newest forecast, or the one known at a time.
#[utoipa::path(get, path = "/api/v1/forecasts", tag = "forecasts", params(ForecastQuery),
    responses((status = 200, content((ForecastBody = "application/json"), (String = "text/csv"), (Vec<u8> = "application/vnd.apache.arrow.stream"))),
        (status = 304, description = "Nothing has changed"), (status = 400, response = ProblemResponse), (status = 401, response = ProblemResponse),
        (status = 404, response = ProblemResponse), (status = 406, response = ProblemResponse)))]
pub(crate) async fn newest(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let query: ForecastQuery = request::query(&request)?;
    let format = negotiate::format(&request)?;
    let asset = request::asset(&state, &query.asset_id)?;
    let quantity = state.store.quantities().get(&query.quantity)?.0.clone();
    let (as_of, issue_time) = (request::time(query.as_of.as_deref())?, request::time(query.issue_time.as_deref())?);
    let rendered = match (issue_time, as_of) {
        (Some(_), Some(_)) => return Err(Problem::new(Code::BadRequest, "give as_of or issue_time, not both")),
        (Some(issue), None) => {
            let found = state.store.forecast_issued(&asset.id, &quantity, issue).await?;
            Arc::new(render(&state, &asset, &quantity, found).await?)
        }
        (None, Some(at)) => {
            let found = state.store.forecast(&asset.id, &quantity, Some(at)).await?;
            Arc::new(render(&state, &asset, &quantity, found).await?)
        }
        (None, None) => match state.forecasts.get(&asset.id, &quantity) {
            Ok(cached) => cached,
            Err(generation) => {
                let found = state.store.forecast(&asset.id, &quantity, None).await?;
                let rendered = Arc::new(render(&state, &asset, &quantity, found).await?);
                state.forecasts.put(&asset.id, &quantity, generation, &rendered);
                rendered
            }
        },
    };
    let Some(wanted) = query.quantiles.as_deref() else {
        if format == Format::Json {
            return Ok(negotiate::tagged(&request, rendered.json.clone(), &rendered.etag));
        }
        return columnar(format, &rendered.forecast);
    };
    let forecast = only(&rendered.forecast, wanted)?;
    match format {
        Format::Json => negotiate::tagged_json(&request, &body(&state, &asset, &forecast, rendered.verdict.clone())?),
        _ => columnar(format, &forecast),
    }
}

fn columnar(format: Format, forecast: &Forecast) -> Result<HttpResponse, Problem> {
    let batch = forecast.to_batch()?;
    negotiate::columnar(format, &batch.schema(), std::slice::from_ref(&batch), None)
}

async fn render(state: &AppState, asset: &Asset, quantity: &Quantity, found: Option<Forecast>) -> Result<Rendered, Problem> {
    let missing = || {
        let text =
            format!("asset {} has no such forecast of {quantity}; see /api/v1/forecasts/issues for those there are", asset.id);
        Problem::new(Code::NoForecast, text)
    };
    let forecast = found.ok_or_else(missing)?;
    let verdict = (state.services.verdict)(asset.id.clone(), quantity.clone()).await;
    let verdict = verdict.map_err(|error| Problem::new(Code::Unavailable, error.to_string()))?;
    let body = body(state, asset, &forecast, verdict.clone())?;
    let json = Bytes::from(serde_json::to_vec(&body).map_err(negotiate::unwritable)?);
    Ok(Rendered { etag: negotiate::etag(&json), json, forecast, verdict })
}

fn body(state: &AppState, asset: &Asset, forecast: &Forecast, verdict: Option<Verdict>) -> Result<ForecastBody, Problem> {
    let step = forecast.valid_times.windows(2).map(|pair| pair[1].duration_since(pair[0]).as_secs()).min();
    let steps = forecast.valid_times.iter().zip(&forecast.values);
    Ok(ForecastBody {
        asset_id: forecast.asset_id.to_string(),
        quantity: forecast.quantity.name().into(),
        unit: state.store.quantities().get(forecast.quantity.name())?.1.unit.name(),
        issue_time: forecast.issue_time,
        model: forecast.model.clone(),
        model_version: forecast.model_version.clone(),
        resolution: step.and_then(Resolution::from_seconds).map(|r| r.to_string()),
        interval_label: asset.attributes.get("interval_label").cloned().unwrap_or_else(|| "beginning".into()),
        quantiles: forecast.quantiles.iter().map(|q| q.value()).collect(),
        rows: steps.map(|(&valid_time, values)| ForecastStep { valid_time, values: values.clone() }).collect(),
        verdict,
        notes: forecast.notes.iter().map(|n| NoteBody { code: n.code.name(), since: n.since, text: n.text() }).collect(),
    })
}

/// The forecast with some of its quantiles.
fn only(forecast: &Forecast, wanted: &str) -> Result<Forecast, Problem> {
    let held: Vec<f64> = forecast.quantiles.iter().map(|q| q.value()).collect();
    let mut places = Vec::new();
    for text in wanted.split(',').map(str::trim) {
        let place = text.parse::<f64>().ok().and_then(|value| held.iter().position(|q| (q - value).abs() < 1e-9));
        let missing = || format!("quantile {text:?} is not in this forecast; it has {held:?}");
        places.push(place.ok_or_else(|| Problem::new(Code::BadRequest, missing()))?);
    }
    places.sort_unstable();
    places.dedup();
    let mut kept = forecast.clone();
    kept.quantiles = places.iter().filter_map(|&p| forecast.quantiles.get(p).copied()).collect();
    kept.values = forecast.values.iter().map(|step| places.iter().filter_map(|&p| step.get(p).copied()).collect()).collect();
    Ok(kept)
}

/// Times at which forecasts were issued.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IssueList {
    /// Newest first.
    #[schema(value_type = Vec<String>)]
    issues: Vec<Timestamp>,
}

/// Of which forecasts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct IssueQuery {
    /// Whose.
    asset_id: String,
    /// Of what.
    quantity: String,
    /// At most this many, 200 when absent.
    limit: Option<usize>,
}

/// Issue times, newest first.
#[utoipa::path(get, path = "/api/v1/forecasts/issues", tag = "forecasts", params(IssueQuery),
    responses((status = 200, body = IssueList), (status = 400, response = ProblemResponse), (status = 401, response = ProblemResponse),
        (status = 404, response = ProblemResponse)))]
pub(crate) async fn issues(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let query: IssueQuery = request::query(&request)?;
    let asset = request::asset(&state, &query.asset_id)?;
    let quantity = state.store.quantities().get(&query.quantity)?.0.clone();
    let limit = request::limit(query.limit, 200, 10_000)?;
    let issues = state.store.issues(&asset.id, &quantity, limit).await?;
    negotiate::tagged_json(&request, &IssueList { issues })
}
