//! Around every request: an id, the caller, security headers, the access log, the counts.

use crate::auth::Caller;
use crate::auth::token_in;
use crate::error::Code;
use crate::error::Problem;
use crate::state::AppState;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest, ResponseError, web};
use engine::domain::Timestamp;
use engine::store::ledger::Role;
use std::future::{Ready, ready};
use std::time::Instant;

/// What the page may load: its own files, nothing inline, nothing from elsewhere.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
    connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What is posted and changes nothing: questions too long for an address.
const ASKED: [&str; 2] = ["/api/v1/sql", "/api/v1/maintenance/plan"];

/// Id, headers, log, counts.
pub(crate) async fn observe(
    state: web::Data<AppState>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let id = request_id(&request);
    let (method, path) = (request.method().clone(), request.path().to_owned());
    let mut response = match next.call(request).await {
        Ok(response) => response.map_into_boxed_body(),
        Err(error) => return Err(error),
    };
    let route = response.request().match_pattern().unwrap_or_else(|| "unmatched".into());
    let status = response.status().as_u16();
    let took = started.elapsed();
    state.metrics.answered(method.as_str(), &route, status, took);
    let caller = response.request().extensions().get::<Caller>().map(|caller| caller.name.clone()).unwrap_or_default();
    tracing::info!(target: "access", %method, path, status, ms = took.as_secs_f64() * 1e3, caller, request_id = id.to_str().unwrap_or_default());
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id);
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if path.starts_with("/api/") && !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    Ok(response)
}

/// The caller's id if it is short and plain, else one of ours.
fn request_id(request: &ServiceRequest) -> HeaderValue {
    let theirs = request.headers().get(REQUEST_ID).filter(|value| {
        let bytes = value.as_bytes();
        (1..=64).contains(&bytes.len()) && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    });
    theirs.cloned().unwrap_or_else(|| {
        HeaderValue::from_str(&uuid::Uuid::new_v4().simple().to_string()).unwrap_or(HeaderValue::from_static("unknown"))
    })
}

/// Lets in who has a key or a session, and may do this.
pub(crate) async fn admit(
    state: web::Data<AppState>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    match check(&state, &request).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.call(request).await.map(ServiceResponse::map_into_boxed_body)
        }
        Err(problem) => Ok(request.into_response(problem.error_response())),
    }
}

async fn check(state: &AppState, request: &ServiceRequest) -> Result<Caller, Problem> {
    let authorization = request.headers().get(header::AUTHORIZATION).map(|v| v.to_str().unwrap_or_default());
    let cookie = request.headers().get(header::COOKIE).and_then(|v| v.to_str().ok()).and_then(token_in);
    let caller = state.authority.caller(authorization, cookie, Timestamp::now()).await?;
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) || ASKED.contains(&request.path());
    if !reads && authorization.is_none() {
        let site = request.headers().get("sec-fetch-site").and_then(|v| v.to_str().ok()).unwrap_or("same-origin");
        if !matches!(site, "same-origin" | "none") {
            return Err(Problem::new(
                Code::Forbidden,
                "a session may be used from the page itself only; other programs send an API key",
            ));
        }
    }
    if !reads && caller.role < Role::Operator {
        let (name, role) = (&caller.name, caller.role.name());
        return Err(Problem::new(
            Code::Forbidden,
            format!("key {name:?} has the role {role}; changing things needs operator or admin"),
        ));
    }
    Ok(caller)
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let found = request.extensions().get::<Self>().cloned();
        ready(found.ok_or_else(|| Problem::new(Code::Unauthorized, "this address needs an API key")))
    }
}
