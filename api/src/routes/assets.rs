//! Assets: who is there, how they are doing now, how healthy one of them is.

use crate::error::Code;
use crate::error::Problem;
use crate::negotiate::tagged_json;
use crate::openapi::ProblemResponse;
use crate::request;
use crate::services::AssetHealth;
use crate::state::AppState;
use actix_web::{HttpRequest, HttpResponse, web};
use engine::domain::Asset;
use engine::domain::AssetKind;
use engine::domain::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::{IntoParams, ToSchema};

/// An asset.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AssetBody {
    id: String,
    kind: &'static str,
    parent_id: Option<String>,
    name: String,
    latitude: Option<f64>,
    longitude: Option<f64>,
    capacity_kw: Option<f64>,
    timezone: String,
    attributes: BTreeMap<String, String>,
    #[serde(flatten)]
    now: Option<NowBody>,
}

/// How an asset is doing; only with `include=latest`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NowBody {
    latest: Option<LatestBody>,
    /// Alerts nobody has decided.
    open_alerts: u64,
    forecast_quantities: Vec<String>,
}

/// Newest row of an asset.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LatestBody {
    #[schema(value_type = String, format = DateTime)]
    time: Timestamp,
    /// By quantity, in stored units.
    values: BTreeMap<String, f64>,
}

/// Assets, by id.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AssetList {
    assets: Vec<AssetBody>,
}

/// Which assets, and what about them.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// Only this kind.
    kind: Option<String>,
    /// `latest` adds the newest row, open alerts and forecast quantities.
    include: Option<String>,
}

impl AssetBody {
    fn new(asset: Asset, now: Option<NowBody>) -> Self {
        Self {
            id: asset.id.into(),
            kind: asset.kind.name(),
            parent_id: asset.parent_id.map(Into::into),
            name: asset.name,
            latitude: asset.location.map(|l| l.latitude),
            longitude: asset.location.map(|l| l.longitude),
            capacity_kw: asset.capacity_kw,
            timezone: asset.timezone,
            attributes: asset.attributes,
            now,
        }
    }
}

/// Assets.
#[utoipa::path(get, path = "/api/v1/assets", tag = "assets", params(ListQuery),
    responses((status = 200, body = AssetList), (status = 304, description = "Nothing has changed"), (status = 400, response = ProblemResponse),
        (status = 401, response = ProblemResponse)))]
pub(crate) async fn list_assets(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let query: ListQuery = request::query(&request)?;
    let kind = query.kind.as_deref().map(AssetKind::parse).transpose()?;
    let mut assets = state.store.assets();
    assets.retain(|asset| kind.is_none_or(|kind| asset.kind == kind));
    let bodies = match query.include.as_deref() {
        None | Some("") => assets.into_iter().map(|asset| AssetBody::new(asset, None)).collect(),
        Some("latest") => with_latest(&state, assets).await?,
        Some(other) => return Err(Problem::new(Code::BadRequest, format!("include={other} is not known; write include=latest"))),
    };
    tagged_json(&request, &AssetList { assets: bodies })
}

async fn with_latest(state: &AppState, assets: Vec<Asset>) -> Result<Vec<AssetBody>, Problem> {
    let kinds: BTreeSet<AssetKind> = assets.iter().map(|asset| asset.kind).collect();
    let mut latest = BTreeMap::new();
    for kind in kinds {
        latest.append(&mut state.store.latest(kind).await?);
    }
    let alerts = state.alerts.living_by_asset().await?;
    let mut forecasts = state.store.forecast_quantities().await?;
    let body = |asset: Asset| {
        let now = NowBody {
            latest: latest.remove(&asset.id).map(|row| LatestBody {
                time: row.time,
                values: row.values.into_iter().map(|(quantity, value)| (quantity.name().into(), value)).collect(),
            }),
            open_alerts: alerts.get(asset.id.as_str()).copied().unwrap_or(0),
            forecast_quantities: forecasts.remove(&asset.id).unwrap_or_default().iter().map(|q| q.name().into()).collect(),
        };
        AssetBody::new(asset, Some(now))
    };
    Ok(assets.into_iter().map(body).collect())
}

/// One asset.
#[utoipa::path(get, path = "/api/v1/assets/{id}", tag = "assets", params(("id" = String, Path)),
    responses((status = 200, body = AssetBody), (status = 304, description = "Nothing has changed"), (status = 401, response = ProblemResponse),
        (status = 404, response = ProblemResponse)))]
pub(crate) async fn show_asset(
    state: web::Data<AppState>,
    id: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let asset = request::asset(&state, &id)?;
    tagged_json(&request, &AssetBody::new(asset, None))
}

/// From when to when.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RangeQuery {
    /// First time, RFC 3339.
    start: Option<String>,
    /// First time after the range, RFC 3339.
    end: Option<String>,
}

/// Expected against observed, for a watched asset.
#[utoipa::path(get, path = "/api/v1/assets/{id}/health", tag = "assets", params(("id" = String, Path), RangeQuery),
    responses((status = 200, body = AssetHealth), (status = 400, response = ProblemResponse), (status = 401, response = ProblemResponse),
        (status = 404, response = ProblemResponse)))]
pub(crate) async fn health(
    state: web::Data<AppState>,
    id: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let query: RangeQuery = request::query(&request)?;
    let asset = request::asset(&state, &id)?;
    let range = request::range(query.start.as_deref(), query.end.as_deref())?;
    let health = (state.services.health)(asset.id.clone(), range).await;
    let health = health.map_err(|error| Problem::new(Code::Unavailable, error.to_string()))?;
    let unwatched = || format!("asset {} has no fitted watch; it needs telemetry of a training period first", asset.id);
    tagged_json(&request, &health.ok_or_else(|| Problem::new(Code::NotWatched, unwatched()))?)
}
