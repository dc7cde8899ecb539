//! Sessions of the page: a key in, a cookie out.

use crate::auth::COOKIE;
use crate::error::Problem;
use crate::openapi::ProblemResponse;
use crate::request;
use crate::state::AppState;
use actix_web::cookie::{Cookie, SameSite, time::Duration};
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
pub(crate) async fn login(state: web::Data<AppState>, request: HttpRequest, payload: web::Payload) -> Result<HttpResponse, Problem> {
    let sent: KeyBody = request::json(&request, payload, &state).await?;
    let token = state.authority.start_session(sent.key.trim(), Timestamp::now()).await?;
    let cookie = Cookie::build(COOKIE, token)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(request.connection_info().scheme() == "https")
        .max_age(Duration::seconds(state.authority.session().as_secs()))
        .finish();
    Ok(HttpResponse::NoContent().cookie(cookie).finish())
}

/// Who is logged in.
#[utoipa::path(get, path = "/api/v1/session", tag = "session",
    responses((status = 200, body = SessionBody), (status = 401, response = ProblemResponse)))]
pub(crate) async fn show_session(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let authorization = request.headers().get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let cookie = request.cookie(COOKIE);
    let caller = state.authority.caller(authorization, cookie.as_ref().map(Cookie::value), Timestamp::now()).await?;
    Ok(HttpResponse::Ok().json(SessionBody { name: caller.name, role: caller.role.name() }))
}

/// Ends the session.
#[utoipa::path(delete, path = "/api/v1/session", tag = "session", responses((status = 204, description = "The cookie is gone")), security(()))]
pub(crate) async fn logout(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    if let Some(cookie) = request.cookie(COOKIE) {
        state.authority.end_session(cookie.value()).await?;
    }
    let mut gone = Cookie::build(COOKIE, "").path("/").http_only(true).same_site(SameSite::Strict).finish();
    gone.make_removal();
    Ok(HttpResponse::NoContent().cookie(gone).finish())
}
