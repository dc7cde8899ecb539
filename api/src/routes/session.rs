//! Sessions of the page: a key in, a cookie out.

use crate::auth::COOKIE;
use crate::auth::token_in;
use crate::error::Problem;
use crate::openapi::ProblemResponse;
use crate::request;
use crate::state::AppState;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use engine::domain::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An API key.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyBody {
    key: String,
}

/// Who is logged in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionBody {
    name: String,
    /// `viewer`, `operator` or `admin`.
    role: &'static str,
}

/// Starts a session.
#[utoipa::path(post, path = "/api/v1/session", tag = "session", request_body = KeyBody, security(()),
    responses((status = 204, description = "A cookie was set"), (status = 400, response = ProblemResponse), (status = 401, response = ProblemResponse)))]
pub(crate) async fn login(
    state: web::Data<AppState>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let sent: KeyBody = request::json(&request, payload, &state).await?;
    let token = state.authority.start_session(sent.key.trim(), Timestamp::now()).await?;
    let seconds = state.authority.session().as_secs();
    let secure = if request.connection_info().scheme() == "https" { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
    Ok(HttpResponse::NoContent().insert_header((header::SET_COOKIE, cookie)).finish())
}

/// Who is logged in.
#[utoipa::path(get, path = "/api/v1/session", tag = "session",
    responses((status = 200, body = SessionBody), (status = 401, response = ProblemResponse)))]
pub(crate) async fn show_session(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let authorization = request.headers().get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let caller = state.authority.caller(authorization, token(&request), Timestamp::now()).await?;
    Ok(HttpResponse::Ok().json(SessionBody { name: caller.name, role: caller.role.name() }))
}

/// Ends the session.
#[utoipa::path(delete, path = "/api/v1/session", tag = "session", responses((status = 204, description = "The cookie is gone")), security(()))]
pub(crate) async fn logout(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    if let Some(token) = token(&request) {
        state.authority.end_session(token).await?;
    }
    let gone = format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    Ok(HttpResponse::NoContent().insert_header((header::SET_COOKIE, gone)).finish())
}

fn token(request: &HttpRequest) -> Option<&str> {
    request.headers().get(header::COOKIE).and_then(|v| v.to_str().ok()).and_then(token_in)
}
