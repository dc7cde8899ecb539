//! The doors of InfluxDB, so that Telegraf and the official clients write to us as they are: `/api/v2/write`, `/write`, `/ping`, `/health`.
//!
//! In: line protocol, with an API key as the token, the password, or `p`. Out: 204, or an error in the shape of that version. Good lines of
//! a body with bad ones are stored. Queries are answered with where to ask instead. A session of the page does not open these doors.

use crate::auth::Caller;
use crate::error::Code;
use crate::error::Problem;
use crate::ingest::Door;
use crate::ingest::body;
use crate::ingest::letters::clip;
use crate::ingest::lines::{self, Taken};
use crate::request;
use crate::state::AppState;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, ResponseError, web};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use connectors::line::Precision;
use engine::domain::Timestamp;
use engine::store::ledger::Role;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

/// Lines of which an error tells the story.
const MOST_TOLD: usize = 5;
const VERSION: &str = concat!("chergui-", env!("CARGO_PKG_VERSION"));

/// Whose errors are to be spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    V1,
    V2,
}

/// What clients add to a write; `org`, `bucket`, `db` and the rest are taken and not needed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct LineQuery {
    /// Unit of the times: ns (default), us, ms, s; `/write` also takes n, u, m, h.
    precision: Option<String>,
}

/// An error as InfluxDB 2 writes it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InfluxError {
    /// `invalid`, `unauthorized`, `forbidden`, `request too large`, `too many requests`, `unavailable`, ….
    code: &'static str,
    message: String,
    /// First line that was not stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
}

/// Stores line protocol, as InfluxDB 2 does. Good lines are stored also when others are not (400).
#[utoipa::path(post, path = "/api/v2/write", tag = "influx", request_body(content = String, content_type = "text/plain"), params(LineQuery),
    responses((status = 204, description = "Stored"), (status = 400, body = InfluxError), (status = 401, body = InfluxError), (status = 403, body = InfluxError),
        (status = 413, body = InfluxError), (status = 429, body = InfluxError), (status = 503, body = InfluxError)))]
pub(crate) async fn write_v2(state: web::Data<AppState>, request: HttpRequest, payload: web::Payload) -> HttpResponse {
    write(&state, &request, payload, Dialect::V2).await
}

/// Stores line protocol, as InfluxDB 1 does: key in `p`, in basic authentication, or as a token.
#[utoipa::path(post, path = "/write", tag = "influx", request_body(content = String, content_type = "text/plain"), params(LineQuery),
    responses((status = 204, description = "Stored"), (status = 400, description = "`{\"error\": …}`"), (status = 401, description = "`{\"error\": …}`"),
        (status = 413, description = "`{\"error\": …}`"), (status = 429, description = "`{\"error\": …}`"), (status = 503, description = "`{\"error\": …}`")))]
pub(crate) async fn write_v1(state: web::Data<AppState>, request: HttpRequest, payload: web::Payload) -> HttpResponse {
    write(&state, &request, payload, Dialect::V1).await
}

/// Says that the door is open, as InfluxDB does.
#[utoipa::path(get, path = "/ping", tag = "influx", responses((status = 204, description = "Open")), security(()))]
pub(crate) async fn ping() -> HttpResponse {
    HttpResponse::NoContent().insert_header(("X-Influxdb-Version", VERSION)).insert_header(("X-Influxdb-Build", "OSS")).finish()
}

/// Says that the door is open, as InfluxDB 2 does; ours are `/health/live` and `/health/ready`.
#[utoipa::path(get, path = "/health", tag = "influx", responses((status = 200, description = "Open", body = Object), (status = 503, description = "Not ready", body = Object)), security(()))]
pub(crate) async fn health_of_door(state: web::Data<AppState>) -> HttpResponse {
    let reason = if state.stopping.is_cancelled() { Some("stopping".into()) } else { (state.services.not_ready)() };
    let (mut response, status) = match reason {
        None => (HttpResponse::Ok(), "pass"),
        Some(_) => (HttpResponse::ServiceUnavailable(), "fail"),
    };
    let message = reason.unwrap_or_else(|| "ready for queries and writes".into());
    response.json(json!({ "name": "influxdb", "message": message, "status": status, "checks": [], "version": VERSION }))
}

/// Flux is not spoken here.
pub(crate) async fn query_v2() -> HttpResponse {
    told(&elsewhere(), Dialect::V2)
}

/// InfluxQL is not spoken here, but for `CREATE DATABASE`, which Telegraf sends before it writes: there is nothing to create.
pub(crate) async fn query_v1(state: web::Data<AppState>, request: HttpRequest, payload: web::Payload) -> HttpResponse {
    let asked = async {
        admit(&state, &request).await?;
        let in_address = form_value(request.query_string(), "q");
        if in_address.is_some() {
            return Ok(in_address);
        }
        let sent = request::body(&request, payload, state.config.limits.body_mib).await?;
        Ok::<_, Problem>(form_value(&String::from_utf8_lossy(&sent), "q"))
    };
    match asked.await {
        Ok(Some(statement)) if statement.trim_start().to_ascii_uppercase().starts_with("CREATE DATABASE") => {
            HttpResponse::Ok().json(json!({ "results": [{ "statement_id": 0 }] }))
        }
        Ok(_) => told(&elsewhere(), Dialect::V1),
        Err(problem) => told(&problem, Dialect::V1),
    }
}

async fn write(state: &AppState, request: &HttpRequest, payload: web::Payload, dialect: Dialect) -> HttpResponse {
    let taken = async {
        admit(state, request).await?;
        let query = web::Query::<LineQuery>::from_query(request.query_string());
        let query = query.map_err(|error| Problem::new(Code::BadRequest, format!("query string: {error}")))?;
        let precision = query.precision.as_deref().filter(|text| !text.is_empty()).map(Precision::parse);
        let precision = precision.transpose()?.unwrap_or_default();
        let body = body::read(request, payload, &state.ingest).await?;
        state.ingest.figures.body(Door::Lines, body.sent().len());
        lines::take(state, body, precision).await
    };
    match taken.await {
        Ok(taken) if taken.lines == 0 => told(&Problem::new(Code::BadRequest, "writing requires points"), dialect),
        Ok(taken) if taken.lost == 0 => HttpResponse::NoContent().insert_header(("X-Influxdb-Version", VERSION)).finish(),
        Ok(taken) => told(&partial(&taken), dialect),
        Err(problem) => told(&problem, dialect),
    }
}

fn partial(taken: &Taken) -> Problem {
    let story = |row: &crate::ingest::Rejected| match row.line {
        Some(line) => format!("line {line}: {}", clip(&row.detail, 300)),
        None => clip(&row.detail, 300).to_owned(),
    };
    let told: Vec<String> = taken.rejected.iter().take(MOST_TOLD).map(story).collect();
    let more = if taken.lost > told.len() as u64 { "; more in dead_letters" } else { "" };
    let (lost, lines) = (taken.lost, taken.lines);
    let detail = format!("partial write: {lost} of {lines} lines were not stored: {}{more} dropped={lost}", told.join("; "));
    let problem = Problem::new(Code::BadRequest, detail);
    match taken.rejected.first().and_then(|row| row.line) {
        Some(line) => problem.with("line", line),
        None => problem,
    }
}

/// Lets in who has a key that may write.
async fn admit(state: &AppState, request: &HttpRequest) -> Result<(), Problem> {
    let key = key_of(request).map(|key| format!("Bearer {key}"));
    let caller: Caller = state.authority.caller(key.as_deref(), None, Timestamp::now()).await?;
    if caller.role < Role::Operator {
        let (name, role) = (&caller.name, caller.role.name());
        return Err(Problem::new(Code::Forbidden, format!("key {name:?} has the role {role}; writing needs operator or admin")));
    }
    request.extensions_mut().insert(caller);
    Ok(())
}

/// `Token KEY`, `Token user:KEY`, `Bearer KEY`, basic authentication with the key as password, or `?p=KEY`.
fn key_of(request: &HttpRequest) -> Option<String> {
    let Some(value) = request.headers().get(header::AUTHORIZATION) else {
        return form_value(request.query_string(), "p").filter(|key| !key.is_empty());
    };
    let (scheme, rest) = value.to_str().ok()?.trim().split_once(' ')?;
    let rest = rest.trim();
    match scheme.to_ascii_lowercase().as_str() {
        "token" => Some(rest.rsplit(':').next().unwrap_or(rest).to_owned()),
        "bearer" => Some(rest.to_owned()),
        "basic" => {
            let pair = String::from_utf8(STANDARD.decode(rest).ok()?).ok()?;
            pair.split_once(':').map(|(_, password)| password.to_owned())
        }
        _ => Some(String::new()),
    }
}

/// A value of `name=value&…`, decoded.
fn form_value(form: &str, name: &str) -> Option<String> {
    let pairs = web::Query::<Vec<(String, String)>>::from_query(form).ok()?.into_inner();
    pairs.into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

fn elsewhere() -> Problem {
    Problem::new(Code::NotSupported, "neither Flux nor InfluxQL is spoken here; send SQL to POST /api/v1/sql")
}

fn told(problem: &Problem, dialect: Dialect) -> HttpResponse {
    let status = problem.status_code();
    if status.is_server_error() {
        tracing::warn!(%problem, "lines were not taken");
    }
    let code = match status {
        StatusCode::BAD_REQUEST | StatusCode::UNSUPPORTED_MEDIA_TYPE => "invalid",
        StatusCode::UNAUTHORIZED => "unauthorized",
        StatusCode::FORBIDDEN => "forbidden",
        StatusCode::REQUEST_TIMEOUT => "timeout",
        StatusCode::PAYLOAD_TOO_LARGE => "request too large",
        StatusCode::UNPROCESSABLE_ENTITY => "unprocessable entity",
        StatusCode::TOO_MANY_REQUESTS => "too many requests",
        StatusCode::NOT_IMPLEMENTED => "not implemented",
        StatusCode::SERVICE_UNAVAILABLE => "unavailable",
        _ => "internal error",
    };
    let mut response = HttpResponse::build(status);
    if let Some(seconds) = problem.retry_seconds() {
        response.insert_header((header::RETRY_AFTER, seconds.to_string()));
    }
    let message = problem.detail().to_owned();
    match dialect {
        Dialect::V1 => {
            if status == StatusCode::UNAUTHORIZED {
                response.insert_header((header::WWW_AUTHENTICATE, "Basic realm=\"Chergui\""));
            }
            response.json(json!({ "error": message }))
        }
        Dialect::V2 => {
            response.insert_header(("X-Platform-Error-Code", code));
            let line = problem.body().get("line").and_then(Value::as_u64);
            response.json(InfluxError { code, message, line })
        }
    }
}
