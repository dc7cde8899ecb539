//! Reading requests: bounded bodies, JSON with the place of a fault, query strings, and the names in them.

use crate::error::Code;
use crate::error::Problem;
use crate::state::AppState;
use actix_web::HttpRequest;
use actix_web::dev::Decompress;
use actix_web::http::header;
use actix_web::web;
use engine::domain::Asset;
use engine::domain::AssetId;
use engine::domain::AssetKind;
use engine::domain::Quantity;
use engine::domain::TimeRange;
use engine::domain::Timestamp;
use engine::domain::nearest;
use engine::domain::parse_time;
use engine::store::Store;
use futures::StreamExt;
use jiff::SignedDuration;
use serde::de::DeserializeOwned;

/// The whole body, decompressed, at most `limit_mib` MiB.
pub(crate) async fn body(request: &HttpRequest, payload: web::Payload, limit_mib: usize) -> Result<web::BytesMut, Problem> {
    let limit = limit_mib.saturating_mul(1 << 20);
    let mut chunks = Decompress::from_headers(payload, request.headers());
    let mut whole = web::BytesMut::new();
    let mut seen = 0_usize;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| Problem::new(Code::BadRequest, format!("the body broke off: {error}")))?;
        seen = seen.saturating_add(chunk.len());
        if seen <= limit {
            whole.extend_from_slice(&chunk);
        } else if seen > limit.saturating_mul(2) {
            break; // Up to twice the limit is read and dropped, so that a client which is still sending hears the answer.
        }
    }
    if seen > limit {
        let remedy = "send the rows in several requests";
        return Err(
            Problem::new(Code::TooLarge, format!("the body is larger than {limit_mib} MiB; {remedy}")).with("limit_bytes", limit)
        );
    }
    Ok(whole)
}

/// A JSON body of a small request.
pub(crate) async fn json<T: DeserializeOwned>(
    request: &HttpRequest,
    payload: web::Payload,
    state: &AppState,
) -> Result<T, Problem> {
    expect_json(request)?;
    let bytes = body(request, payload, state.config.limits.body_mib).await?;
    parse_json(if bytes.is_empty() { b"{}" } else { &bytes })
}

/// Refuses a body that says it is something else.
pub(crate) fn expect_json(request: &HttpRequest) -> Result<(), Problem> {
    let Some(kind) = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()) else { return Ok(()) };
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if kind.is_empty() || kind == "application/json" || kind.ends_with("+json") {
        return Ok(());
    }
    Err(Problem::new(Code::UnsupportedMediaType, format!("{kind:?} is not taken here; send application/json")))
}

pub(crate) fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes)
        .map_err(|error| Problem::new(Code::BadJson, format!("{error}")).with("line", error.line()).with("column", error.column()))
}

/// The query string as a struct that refuses unknown names.
pub(crate) fn query<T: DeserializeOwned>(request: &HttpRequest) -> Result<T, Problem> {
    web::Query::<T>::from_query(request.query_string()).map(web::Query::into_inner).map_err(|error| {
        let problem = error.to_string();
        let mut named = problem.split('`').skip(1).step_by(2);
        let wrong = named.next().filter(|_| problem.contains("unknown field"));
        let near = wrong.and_then(|wrong| nearest(wrong, named)).map(|n| format!("; nearest is {n:?}")).unwrap_or_default();
        Problem::new(Code::BadRequest, format!("query string: {problem}{near}"))
    })
}

/// A known asset; otherwise a problem with the nearest name.
pub(crate) fn asset(state: &AppState, id: &str) -> Result<Asset, Problem> {
    let found = AssetId::parse(id).ok().and_then(|id| state.store.asset(&id));
    found.ok_or_else(|| {
        let known = state.store.assets();
        let near = nearest(id, known.iter().map(|a| a.id.as_str()));
        unknown_asset(id, near)
    })
}

/// Id and kind of a known asset; the nearest name is looked for only where that is wanted.
pub(crate) fn kind_of(store: &Store, id: &str, near: bool) -> Result<(AssetId, AssetKind), Problem> {
    let found = AssetId::parse(id).ok().and_then(|id| store.asset(&id));
    found.map(|asset| (asset.id, asset.kind)).ok_or_else(|| {
        let known = if near { store.assets() } else { Vec::new() };
        unknown_asset(id, nearest(id, known.iter().map(|asset| asset.id.as_str())))
    })
}

/// Readings later than this are from the future.
pub(crate) fn latest(state: &AppState) -> Timestamp {
    let ahead = SignedDuration::from_mins(i64::from(state.config.limits.future_minutes));
    state.now().saturating_add(ahead).unwrap_or(Timestamp::MAX)
}

pub(crate) fn unknown_asset(id: &str, near: Option<&str>) -> Problem {
    let hint =
        near.map_or_else(|| "add it to assets.csv and import it, or list /api/v1/assets".into(), |n| format!("nearest is {n:?}"));
    Problem::new(Code::UnknownAsset, format!("asset {id:?} is not known; {hint}")).with("nearest", near)
}

/// Known quantities from a comma-separated list; `None` for an absent list.
pub(crate) fn quantities(state: &AppState, list: Option<&str>) -> Result<Option<Vec<Quantity>>, Problem> {
    let Some(list) = list else { return Ok(None) };
    let known = state.store.quantities();
    let names = list.split(',').map(str::trim).filter(|name| !name.is_empty());
    Ok(Some(names.map(|name| known.get(name).map(|(quantity, _)| quantity.clone())).collect::<Result<_, _>>()?))
}

/// A time of the query string.
pub(crate) fn time(text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    // A "+" of an offset that was not percent-encoded arrives as a space.
    Ok(text.map(|text| parse_time(&text.trim().replace(' ', "+"))).transpose()?)
}

/// `start` and `end` of the query string, the missing one far away; `None` when both are missing.
pub(crate) fn range(start: Option<&str>, end: Option<&str>) -> Result<Option<TimeRange>, Problem> {
    let (start, end) = (time(start)?, time(end)?);
    if start.is_none() && end.is_none() {
        return Ok(None);
    }
    Ok(Some(TimeRange::new(start.unwrap_or(Timestamp::MIN), end.unwrap_or(Timestamp::MAX))?))
}

/// A limit of the query string, checked against the most a page may hold.
pub(crate) fn limit(asked: Option<usize>, default: usize, most: usize) -> Result<usize, Problem> {
    match asked {
        None => Ok(default.min(most)),
        Some(n) if (1..=most).contains(&n) => Ok(n),
        Some(n) => Err(Problem::new(Code::BadRequest, format!("limit is {n}; it must be 1 to {most}"))),
    }
}
