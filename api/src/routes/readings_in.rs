//! `POST /api/v1/readings`: rows come in, each is checked at the door, good ones are stored, bad ones come back with the reason.
//!
//! JSON, NDJSON, CSV or an Arrow stream, packed or not; the rules are the same for all. A wrong unit, an unknown column or an unreadable
//! body refuses everything; a row that is wrong by itself (unknown asset, bad time, a time in the future, no number) refuses only that
//! row. All rows wrong is a problem. Sent twice, nothing changes.

use crate::auth::Caller;
use crate::error::Code;
use crate::error::Problem;
use crate::ingest::body::{self, Body};
use crate::ingest::rows::Checks;
use crate::ingest::units::{Conversions, conversions, listed};
use crate::ingest::{self, Decoded, Door, Rejected};
use crate::negotiate::ARROW;
use crate::openapi::ProblemResponse;
use crate::request;
use crate::state::AppState;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use engine::domain::Timestamp;
use engine::store::ledger::Claim;
use engine::store::ledger::StoredAnswer;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// Readings and the units they are in.
#[derive(Debug, ToSchema)]
#[allow(dead_code, reason = "describes the body that `ingest::json` reads row by row")]
pub(crate) struct ReadingsBody {
    /// Each with `asset_id`, `time` (RFC 3339) and one number or null per quantity.
    #[schema(value_type = Vec<Object>)]
    readings: Vec<Map<String, Value>>,
    /// Unit per quantity where it is not the stored one; values are converted.
    units: Option<BTreeMap<String, String>>,
}

/// What became of the rows.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReceiptBody {
    /// New or changed.
    accepted: usize,
    /// Already there.
    unchanged: usize,
    /// Not stored; the first thousand.
    rejected: Vec<RejectedRow>,
    /// How many were not stored, where `rejected` does not hold them all.
    #[serde(skip_serializing_if = "Option::is_none")]
    rejected_total: Option<usize>,
}

/// A row that was not stored.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct RejectedRow {
    /// Place among the rows, from 0.
    index: usize,
    /// Line of the body, from 1, for NDJSON and CSV.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    /// Stable word.
    code: &'static str,
    /// The story and the remedy.
    detail: String,
}

/// How rows are to be read.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WriteQuery {
    /// Units where they are not the stored ones: `active_power:MW,wind_speed:km/h`.
    units: Option<String>,
}

/// Stores readings.
#[utoipa::path(post, path = "/api/v1/readings", tag = "readings",
    request_body(content((ReadingsBody = "application/json"), (String = "application/x-ndjson"), (String = "text/csv"), (Vec<u8> = "application/vnd.apache.arrow.stream"))),
    params(WriteQuery, ("Idempotency-Key" = Option<String>, Header, description = "Sent twice, the request is done once and answered twice"),
        ("Content-Encoding" = Option<String>, Header, description = "gzip, zstd or deflate")),
    responses((status = 200, body = ReceiptBody), (status = 400, response = ProblemResponse), (status = 401, response = ProblemResponse),
        (status = 403, response = ProblemResponse), (status = 408, response = ProblemResponse), (status = 409, response = ProblemResponse),
        (status = 413, response = ProblemResponse), (status = 415, response = ProblemResponse), (status = 422, response = ProblemResponse),
        (status = 429, response = ProblemResponse), (status = 503, response = ProblemResponse)))]
pub(crate) async fn write(
    state: web::Data<AppState>,
    request: HttpRequest,
    payload: web::Payload,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    let door = door(&request)?;
    let query: WriteQuery = request::query(&request)?;
    let checks = checks(&state, query.units.as_deref())?;
    let body = body::read(&request, payload, &state.ingest).await?;
    state.ingest.figures.body(door, body.sent().len());
    let Some(key) = idempotency_key(&request)? else {
        return store(&state, door, body, checks).await.map(|receipt| HttpResponse::Ok().json(receipt));
    };
    let owner = &caller.name;
    let mut digest = Sha256::new();
    digest.update(body.sent());
    digest.update(query.units.unwrap_or_default());
    match state.ledger.claim_idempotent(owner, &key, &digest.finalize(), Timestamp::now()).await? {
        Claim::Done(answer) => return Ok(replayed(answer)),
        Claim::Running => {
            return Err(Problem::new(
                Code::KeyInUse,
                format!("a request with Idempotency-Key {key:?} is running; wait for its answer"),
            ));
        }
        Claim::Other => {
            return Err(Problem::new(Code::KeyReused, format!("Idempotency-Key {key:?} was used for other rows; use a new key")));
        }
        Claim::Mine => {}
    }
    let answer = match store(&state, door, body, checks).await {
        Ok(receipt) => {
            let body = serde_json::to_vec(&receipt).map_err(crate::negotiate::unwritable)?;
            StoredAnswer { status: 200, content_type: "application/json".into(), body }
        }
        Err(problem) if problem.status_code().is_client_error() && problem.retry_seconds().is_none() => {
            let (status, body) = (problem.status_code().as_u16(), problem.body().to_string().into_bytes());
            StoredAnswer { status, content_type: "application/problem+json".into(), body }
        }
        Err(problem) => {
            state.ledger.answer_idempotent(owner, &key, None).await?;
            return Err(problem);
        }
    };
    state.ledger.answer_idempotent(owner, &key, Some(&answer)).await?;
    Ok(answered(answer))
}

fn answered(answer: StoredAnswer) -> HttpResponse {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    HttpResponse::build(status).content_type(answer.content_type).body(answer.body)
}

fn replayed(answer: StoredAnswer) -> HttpResponse {
    let mut response = answered(answer);
    response.headers_mut().insert(HeaderName::from_static("idempotency-replayed"), HeaderValue::from_static("true"));
    response
}

fn idempotency_key(request: &HttpRequest) -> Result<Option<String>, Problem> {
    let Some(value) = request.headers().get("idempotency-key") else { return Ok(None) };
    let text = value.to_str().ok().map(str::trim).filter(|text| (1..=255).contains(&text.len()));
    text.map(|text| Some(text.into()))
        .ok_or_else(|| Problem::new(Code::BadRequest, "Idempotency-Key must be 1 to 255 plain characters"))
}

/// What the body says it is; JSON when it says nothing.
fn door(request: &HttpRequest) -> Result<Door, Problem> {
    let said = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    match said.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "" | "application/json" => Ok(Door::Json),
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Ok(Door::Ndjson),
        "text/csv" => Ok(Door::Csv),
        ARROW => Ok(Door::Arrow),
        json if json.ends_with("+json") => Ok(Door::Json),
        other => {
            let taken = format!("application/json, application/x-ndjson, text/csv or {ARROW}; line protocol goes to /api/v2/write");
            Err(Problem::new(Code::UnsupportedMediaType, format!("{other:?} is not taken here; send {taken}")))
        }
    }
}

fn checks(state: &AppState, units: Option<&str>) -> Result<Checks, Problem> {
    let known = state.store.quantities();
    let units = match units {
        Some(units) => conversions(listed(units)?, &known)?,
        None => Conversions::new(),
    };
    let store = state.store.clone();
    let find = move |id: &str, near: bool| request::kind_of(&store, id, near);
    Ok(Checks { known, units, find: Arc::new(find), now: state.now(), latest: request::latest(state) })
}

async fn store(state: &AppState, door: Door, body: Body, checks: Checks) -> Result<ReceiptBody, Problem> {
    let limit = state.ingest.body_limit();
    let reader = move |bytes: Bytes, share: &mut _| match door {
        Door::Ndjson => ingest::json::read_lines(&bytes, &checks),
        Door::Csv => ingest::csv::read(&bytes, &checks),
        Door::Arrow => ingest::ipc::read(bytes, &checks, limit, share),
        _ => ingest::json::read(&bytes, checks),
    };
    // Arrow always goes to another thread: what panics in its reader must not take a worker along.
    let (decoded, mut share) =
        if body.is_small() && door != Door::Arrow { body.decode_here(reader)? } else { body.decode(&state.ingest, reader).await? };
    if door != Door::Arrow {
        // Columns of an Arrow stream point into its body, which is counted already.
        share.resize(decoded.bytes()).await?;
    }
    let Decoded { readings, rows, rejected, rejected_total } = decoded;
    if rows == 0 {
        return Err(Problem::new(Code::BadRequest, "there are no readings in the body; send at least one row"));
    }
    let stored = if readings.is_empty() { Default::default() } else { ingest::store(state, door, readings).await? };
    ingest::reject(state, door, &rejected, rejected_total);
    let story = |row: Rejected| RejectedRow { index: row.index, line: row.line, code: row.code, detail: row.detail };
    let told: Vec<RejectedRow> = rejected.into_iter().map(story).collect();
    let total = (rejected_total > told.len()).then_some(rejected_total);
    if rejected_total == rows {
        let first = told.first().map(|row| row.detail.clone()).unwrap_or_default();
        let all = serde_json::to_value(&told).map_err(crate::negotiate::unwritable)?;
        let problem = Problem::new(Code::AllRejected, format!("none of the {rows} rows was stored; the first: {first}"));
        let problem = problem.with("rejected", all);
        return Err(if let Some(total) = total { problem.with("rejected_total", total) } else { problem });
    }
    let accepted = stored.inserted + stored.changed;
    Ok(ReceiptBody { accepted, unchanged: stored.unchanged, rejected: told, rejected_total: total })
}
