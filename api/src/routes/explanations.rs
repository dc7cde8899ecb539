//! Why a forecast says what it says: worked out when asked for, by the model that made it.

use crate::error::Code;
use crate::error::Problem;
use crate::negotiate;
use crate::openapi::ProblemResponse;
use crate::request;
use crate::services::ExplainedStep;
use crate::services::Explanation;
use crate::services::GroupShare;
use crate::state::AppState;
use actix_web::{HttpRequest, HttpResponse, web};
use engine::domain::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Why a forecast says what it says: what the usual level, the recent past, weather and calendar give to its median.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExplanationBody {
    asset_id: String,
    quantity: String,
    unit: &'static str,
    #[schema(value_type = String, format = DateTime)]
    issue_time: Timestamp,
    /// The model that made the forecast.
    model: String,
    /// Order of the contributions.
    groups: Vec<String>,
    rows: Vec<ExplainedStep>,
    /// What moves the forecast away from the usual level, the strongest first.
    summary: Vec<GroupShare>,
}

/// Of which forecast.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExplanationQuery {
    /// Whose.
    asset_id: String,
    /// Of what.
    quantity: String,
    /// The one issued at exactly this time; the newest when absent.
    issue_time: Option<String>,
}

/// Why a forecast says what it says.
#[utoipa::path(get, path = "/api/v1/forecasts/explanation", tag = "forecasts", params(ExplanationQuery),
    responses((status = 200, body = ExplanationBody), (status = 304, description = "Nothing has changed"),
        (status = 400, response = ProblemResponse), (status = 401, response = ProblemResponse), (status = 404, response = ProblemResponse)))]
pub(crate) async fn explain(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let query: ExplanationQuery = request::query(&request)?;
    let asset = request::asset(&state, &query.asset_id)?;
    let (quantity, unit) = {
        let known = state.store.quantities();
        let (quantity, info) = known.get(&query.quantity)?;
        (quantity.clone(), info.unit.name())
    };
    let found = match request::time(query.issue_time.as_deref())? {
        Some(issue) => state.store.forecast_issued(&asset.id, &quantity, issue).await?,
        None => state.store.forecast(&asset.id, &quantity, None).await?,
    };
    let missing = || {
        let remedy = "see /api/v1/forecasts/issues for those there are";
        Problem::new(Code::NoForecast, format!("asset {} has no such forecast of {quantity}; {remedy}", asset.id))
    };
    let forecast = found.ok_or_else(missing)?;
    let issue_time = forecast.issue_time;
    let told = (state.services.explanation)(asset.clone(), forecast).await;
    let told = told.map_err(|error| Problem::new(Code::Unavailable, error.to_string()))?;
    let gone = || {
        let text = format!(
            "the model behind the forecast of {quantity} of {} at {issue_time} is not in memory: it was replaced since, or is still \
             being fitted; ask for the newest forecast",
            asset.id
        );
        Problem::new(Code::NoExplanation, text)
    };
    let Explanation { model, groups, rows, summary } = told.ok_or_else(gone)?;
    let (asset_id, quantity) = (asset.id.to_string(), quantity.name().to_owned());
    negotiate::tagged_json(&request, &ExplanationBody { asset_id, quantity, unit, issue_time, model, groups, rows, summary })
}
