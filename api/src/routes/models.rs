//! The register of forecast models: what serves, what it was made of, how good it was, why it was fitted.

use crate::error::Problem;
use crate::negotiate;
use crate::openapi::ProblemResponse;
use crate::request;
use crate::state::AppState;
use actix_web::{HttpRequest, HttpResponse, web};
use engine::domain::Timestamp;
use engine::store::ledger::ModelRow;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

/// Fits by asset and quantity, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelList {
    models: Vec<Model>,
}

/// One fit.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Model {
    /// Digest of all the model knows: the same data and settings give the same id.
    model_id: String,
    asset_id: String,
    quantity: String,
    /// What forecasts of this model carry as `model_version`.
    version: String,
    #[schema(value_type = String, format = DateTime)]
    fitted_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    trained_from: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    trained_to: Timestamp,
    /// Rows with a value in that time.
    rows: u64,
    /// Features of a row that the trees are grown on.
    features: u64,
    /// Names of the inputs they are made from.
    inputs: Vec<String>,
    seed: u64,
    /// Name of what serves: the aggregate or a naive model.
    model: String,
    /// Mean pinball loss on the past, in the quantity's unit; null while nothing could be scored.
    score: Option<f64>,
    best_naive: Option<String>,
    best_naive_score: Option<f64>,
    /// What is served at which leads, and the scores there.
    #[schema(value_type = Vec<Object>)]
    buckets: Value,
    /// `first`, `scheduled`, `drift` or `asked`.
    reason: &'static str,
    served: bool,
}

impl From<ModelRow> for Model {
    fn from(row: ModelRow) -> Self {
        Self {
            model_id: row.model_id,
            asset_id: row.asset_id.to_string(),
            quantity: row.quantity.to_string(),
            version: row.version,
            fitted_at: row.fitted_at,
            trained_from: row.trained_from,
            trained_to: row.trained_to,
            rows: row.rows,
            features: row.features,
            inputs: row.inputs,
            seed: row.seed,
            model: row.model,
            score: row.score,
            best_naive: row.best_naive,
            best_naive_score: row.best_naive_score,
            buckets: serde_json::from_str(&row.buckets).unwrap_or(Value::Null),
            reason: row.reason.name(),
            served: row.served,
        }
    }
}

/// Of which forecasts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ModelQuery {
    /// Whose; all when absent.
    asset_id: Option<String>,
    /// Of what; all when absent.
    quantity: Option<String>,
}

/// Models that serve and served.
#[utoipa::path(get, path = "/api/v1/models", tag = "forecasts", params(ModelQuery),
    responses((status = 200, body = ModelList), (status = 304, description = "Nothing has changed"), (status = 400, response = ProblemResponse),
        (status = 401, response = ProblemResponse), (status = 404, response = ProblemResponse)))]
pub(crate) async fn list_models(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let query: ModelQuery = request::query(&request)?;
    let asset = query.asset_id.as_deref().map(|id| request::asset(&state, id)).transpose()?;
    let quantity = match &query.quantity {
        Some(name) => Some(state.store.quantities().get(name)?.0.clone()),
        None => None,
    };
    let rows = state.ledger.models(asset.as_ref().map(|asset| &asset.id), quantity.as_ref()).await?;
    negotiate::tagged_json(&request, &ModelList { models: rows.into_iter().map(Model::from).collect() })
}
