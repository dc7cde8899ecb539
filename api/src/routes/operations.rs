//! For the people who run it: is it alive, is it ready.

use crate::state::AppState;
use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

/// Whether requests can be served.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReadyBody {
    ready: bool,
    /// Why not.
    reason: Option<String>,
}

/// The process answers.
#[utoipa::path(get, path = "/health/live", tag = "operations", responses((status = 200, description = "It lives", content_type = "text/plain", body = String)), security(()))]
pub(crate) async fn live() -> &'static str {
    "alive\n"
}

/// Whether requests can be served.
#[utoipa::path(get, path = "/health/ready", tag = "operations", responses((status = 200, body = ReadyBody), (status = 503, body = ReadyBody)), security(()))]
pub(crate) async fn ready(state: web::Data<AppState>) -> HttpResponse {
    let reason = if state.stopping.is_cancelled() { Some("stopping".into()) } else { (state.services.not_ready)() };
    let mut response = if reason.is_none() { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    response.json(ReadyBody { ready: reason.is_none(), reason })
}
