//! `POST /api/v1/readings`: rows come in, each is checked at the door, good ones are stored, bad ones come back with the reason.
//!
//! A wrong unit or an unreadable body refuses everything; a row that is wrong by itself (unknown asset or quantity, bad time, a time
//! in the future, no number) refuses only that row. All rows wrong is a problem. Sent twice, nothing changes.

use crate::auth::Caller;
use crate::error::Code;
use crate::error::Problem;
use crate::openapi::ProblemResponse;
use crate::request;
use crate::routes::readings_rows::{Checked, check_rows, parse_body};
use crate::state::AppState;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use engine::domain::Readings;
use engine::domain::Timestamp;
use engine::domain::micros;
use engine::store::ledger::Claim;
use engine::store::ledger::StoredAnswer;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Readings and the units they are in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReadingsBody {
    /// Each with `asset_id`, `time` (RFC 3339) and one number or null per quantity.
    #[schema(value_type = Vec<Object>)]
    pub(crate) readings: Vec<Map<String, Value>>,
    /// Unit per quantity where it is not the stored one; values are converted.
    #[serde(default)]
    pub(crate) units: BTreeMap<String, String>,
}

/// What became of the rows.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReceiptBody {
    /// New or changed.
    accepted: usize,
    /// Already there.
    unchanged: usize,
    /// Not stored.
    rejected: Vec<RejectedRow>,
}

/// A row that was not stored.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct RejectedRow {
    /// Place in `readings`, from 0.
    pub(crate) index: usize,
    /// Stable word.
    pub(crate) code: &'static str,
    /// The story and the remedy.
    pub(crate) detail: String,
}

/// Stores readings.
#[utoipa::path(post, path = "/api/v1/readings", tag = "readings", request_body = ReadingsBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "Sent twice, the request is done once and answered twice")),
    responses((status = 200, body = ReceiptBody), (status = 400, response = ProblemResponse), (status = 401, response = ProblemResponse),
        (status = 403, response = ProblemResponse), (status = 409, response = ProblemResponse), (status = 413, response = ProblemResponse),
        (status = 415, response = ProblemResponse), (status = 422, response = ProblemResponse), (status = 503, response = ProblemResponse)))]
pub(crate) async fn write(
    state: web::Data<AppState>,
    request: HttpRequest,
    payload: web::Payload,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    request::expect_json(&request)?;
    let bytes = request::body(&request, payload, state.config.limits.readings_body_mib).await?;
    let Some(key) = idempotency_key(&request)? else {
        return store(&state, &bytes).await.map(|receipt| HttpResponse::Ok().json(receipt));
    };
    let owner = &caller.name;
    match state.ledger.claim_idempotent(owner, &key, &Sha256::digest(&bytes), Timestamp::now()).await? {
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
    let answer = match store(&state, &bytes).await {
        Ok(receipt) => {
            let body = serde_json::to_vec(&receipt).map_err(crate::negotiate::unwritable)?;
            StoredAnswer { status: 200, content_type: "application/json".into(), body }
        }
        Err(problem) if problem.status_code().is_client_error() => {
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

async fn store(state: &AppState, bytes: &[u8]) -> Result<ReceiptBody, Problem> {
    let body = parse_body(bytes)?;
    let sent = body.readings.len();
    if sent == 0 {
        return Err(Problem::new(Code::BadRequest, "readings is empty; send at least one row"));
    }
    let now = state.now();
    let latest = now.saturating_add(jiff::SignedDuration::from_mins(i64::from(state.config.limits.future_minutes)));
    let Checked { by_kind, rejected } =
        check_rows(body, &state.store.quantities(), |id| request::asset(state, id), latest.unwrap_or(Timestamp::MAX))?;
    state.metrics.readings(0, rejected.len());
    if rejected.len() == sent {
        let first = rejected.first().map(|row| row.detail.clone()).unwrap_or_default();
        let all = serde_json::to_value(&rejected).map_err(crate::negotiate::unwritable)?;
        return Err(Problem::new(Code::AllRejected, format!("none of the {sent} rows was stored; the first: {first}"))
            .with("rejected", all));
    }
    let mut receipt = ReceiptBody { accepted: 0, unchanged: 0, rejected };
    for (kind, rows) in by_kind {
        let available_at = vec![micros(now); rows.times.len()];
        let columns = rows.values.into_iter().collect();
        let readings = Readings::from_columns(kind, rows.times, rows.asset_ids, available_at, columns)?;
        let stored = crate::readings::accept(state, readings).await?;
        receipt.accepted += stored.inserted + stored.changed;
        receipt.unchanged += stored.unchanged;
    }
    Ok(receipt)
}
