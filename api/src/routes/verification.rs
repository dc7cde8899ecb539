//! The track record of forecasts: how they did at each lead, with the naives beside them.

use crate::error::Problem;
use crate::negotiate::{self, Format};
use crate::openapi::ProblemResponse;
use crate::request;
use crate::state::AppState;
use actix_web::{HttpRequest, HttpResponse, web};
use engine::domain::Timestamp;
use engine::evaluate::LeadScore;
use engine::pipeline::record_batch;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// How the forecasts of an asset and quantity did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VerificationBody {
    asset_id: String,
    quantity: String,
    unit: &'static str,
    /// First issue time asked for, else the first there is; null without any.
    #[schema(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// First issue time no longer asked for, else the last there is.
    #[schema(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// Forecasts of which a step was scored.
    issues: usize,
    /// The naive forecast that did best over all of them.
    best_naive: Option<&'static str>,
    /// By lead, rising; only those of which a step was scored.
    buckets: Vec<LeadRecord>,
    /// All leads; null before anything could be scored.
    all: Option<LeadRecord>,
}

/// Scores of some leads, in the unit of the quantity.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LeadRecord {
    /// The steps end later than this after the issue time …
    from_minutes: i64,
    /// … and no later than this.
    to_minutes: i64,
    /// Steps scored.
    steps: u64,
    /// Mean absolute error of the median.
    mae: f64,
    /// Root mean squared error of the median.
    rmse: f64,
    /// Mean of median − truth: positive is too high.
    bias: f64,
    /// Σ|error| / Σ|truth|; null when all truth is zero.
    wape: Option<f64>,
    /// Mean pinball loss over steps and quantiles.
    pinball: f64,
    /// Share of truth between the 0.25 and 0.75 quantiles.
    coverage_50: Option<f64>,
    /// Share of truth between the 0.1 and 0.9 quantiles.
    coverage_80: Option<f64>,
    /// Mean width of that band.
    width_80: Option<f64>,
    /// 1 − own mean absolute error / that of persistence, made of what was known at the issue times.
    skill_persistence: Option<f64>,
    /// The same against the best naive.
    skill_naive: Option<f64>,
}

/// Of which forecasts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct VerificationQuery {
    /// Whose.
    asset_id: String,
    /// Of what.
    quantity: String,
    /// Issued at this time or later.
    from: Option<String>,
    /// Issued before this time.
    to: Option<String>,
}

/// How forecasts did, by lead.
#[utoipa::path(get, path = "/api/v1/forecasts/verification", tag = "forecasts", params(VerificationQuery),
    responses((status = 200, content((VerificationBody = "application/json"), (String = "text/csv"), (Vec<u8> = "application/vnd.apache.arrow.stream"))),
        (status = 304, description = "Nothing has changed"), (status = 400, response = ProblemResponse), (status = 401, response = ProblemResponse),
        (status = 404, response = ProblemResponse), (status = 406, response = ProblemResponse)))]
pub(crate) async fn verification(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let query: VerificationQuery = request::query(&request)?;
    let format = negotiate::format(&request)?;
    let asset = request::asset(&state, &query.asset_id)?;
    let (quantity, unit) = {
        let known = state.store.quantities();
        let (quantity, info) = known.get(&query.quantity)?;
        (quantity.clone(), info.unit.name())
    };
    let issued = request::range(query.from.as_deref(), query.to.as_deref())?;
    let record = state.pipeline.track_record(&asset.id, &quantity, issued).await?;
    if format != Format::Json {
        let batch = record_batch(&[(asset.id.as_str(), quantity.name(), &record)])?;
        return negotiate::columnar(format, &batch.schema(), std::slice::from_ref(&batch), None);
    }
    let (from, to) = (request::time(query.from.as_deref())?, request::time(query.to.as_deref())?);
    let last = record.buckets.last().and_then(|score| score.until);
    let body = VerificationBody {
        asset_id: asset.id.to_string(),
        quantity: quantity.name().into(),
        unit,
        from: from.or(record.issued.map(|issued| issued.0)),
        to: to.or(record.issued.map(|issued| issued.1)),
        issues: record.issues,
        best_naive: record.best_naive,
        all: record.all.as_ref().map(|score| lead_record(score, last)),
        buckets: record.buckets.iter().map(|score| lead_record(score, last)).collect(),
    };
    negotiate::tagged_json(&request, &body)
}

/// `last` is where the leads of all of them end.
fn lead_record(score: &LeadScore, last: Option<i64>) -> LeadRecord {
    LeadRecord {
        from_minutes: score.after / 60,
        to_minutes: score.until.or(last).unwrap_or_default() / 60,
        steps: score.steps,
        mae: score.mae,
        rmse: score.rmse,
        bias: score.bias,
        wape: score.wape,
        pinball: score.pinball,
        coverage_50: score.coverage_50,
        coverage_80: score.coverage_80,
        width_80: score.width_80,
        skill_persistence: score.persistence.mae,
        skill_naive: score.naive.mae,
    }
}
