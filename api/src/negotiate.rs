//! Answers: JSON, CSV or an Arrow stream, as `Accept` asks, and `304` when the caller has it already.

use crate::error::Code;
use crate::error::Problem;
use crate::table;
use actix_web::http::header;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// Media type of an Arrow IPC stream.
pub(crate) const ARROW: &str = "application/vnd.apache.arrow.stream";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Csv,
    Arrow,
}

/// What the caller wants; the first of its list we can serve, by its own weights.
pub(crate) fn format(request: &HttpRequest) -> Result<Format, Problem> {
    let accept = request.headers().get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or("*/*");
    choose(accept).ok_or_else(|| {
        let served = format!("application/json, text/csv or {ARROW}");
        Problem::new(Code::NotAcceptable, format!("cannot serve {accept:?}; accept {served}"))
    })
}

fn choose(accept: &str) -> Option<Format> {
    let weighed = accept.split(',').filter_map(|part| {
        let mut pieces = part.split(';').map(str::trim);
        let format = match pieces.next()? {
            "" | "*/*" | "application/*" | "application/json" => Format::Json,
            "text/csv" | "text/*" => Format::Csv,
            ARROW => Format::Arrow,
            _ => return None,
        };
        let weight: f64 = pieces.find_map(|p| p.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse().ok())?;
        (weight > 0.0).then_some((weight, format))
    });
    // `max_by` would keep the last of equals; the caller's first counts.
    weighed.reduce(|best, next| if next.0 > best.0 { next } else { best }).map(|(_, format)| format)
}

/// A batch answer as CSV or Arrow.
pub(crate) fn columnar(
    format: Format,
    schema: &Schema,
    batches: &[RecordBatch],
    next: Option<&str>,
) -> Result<HttpResponse, Problem> {
    let (kind, body) = match format {
        Format::Arrow => (ARROW, table::arrow_stream(schema, batches)?),
        Format::Csv | Format::Json => ("text/csv; charset=utf-8", table::csv(schema, batches)?),
    };
    let mut response = HttpResponse::Ok();
    if let Some(next) = next {
        response.insert_header(("next-cursor", next));
    }
    Ok(response.insert_header((header::VARY, "accept")).content_type(kind).body(body))
}

/// A JSON answer with a strong tag; `304` without a body when the caller's tag is the same.
pub(crate) fn tagged_json(request: &HttpRequest, body: &impl Serialize) -> Result<HttpResponse, Problem> {
    let json = Bytes::from(serde_json::to_vec(body).map_err(unwritable)?);
    let tag = etag(&json);
    Ok(tagged(request, json, &tag))
}

/// As [`tagged_json`], for a body that is ready.
pub(crate) fn tagged(request: &HttpRequest, json: Bytes, tag: &str) -> HttpResponse {
    let known = request.headers().get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok()).unwrap_or_default();
    // A compressing proxy, and our own compression, may have weakened the tag.
    let same = known.split(',').map(|one| one.trim().trim_start_matches("W/")).any(|one| one == tag || one == "*");
    let mut response = if same { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header((header::ETAG, tag)).insert_header((header::CACHE_CONTROL, "private, no-cache"));
    response.insert_header((header::VARY, "accept"));
    if same { response.finish() } else { response.content_type("application/json").body(json) }
}

/// A strong tag of these bytes, quoted.
pub(crate) fn etag(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err hands over")]
pub(crate) fn unwritable(error: serde_json::Error) -> Problem {
    Problem::new(Code::Internal, format!("cannot write the answer as JSON: {error}"))
}

#[cfg(test)]
mod tests {
    use super::{ARROW, Format, choose};

    #[test]
    fn the_callers_weights_count() {
        assert_eq!(choose("*/*"), Some(Format::Json));
        assert_eq!(choose("text/csv"), Some(Format::Csv));
        assert_eq!(choose(&format!("application/json;q=0.5, {ARROW}")), Some(Format::Arrow));
        assert_eq!(choose("text/html, application/xhtml+xml, */*;q=0.8"), Some(Format::Json));
        assert_eq!(choose("application/json, text/csv"), Some(Format::Json));
        assert_eq!(choose("image/png"), None);
        assert_eq!(choose("text/csv;q=0"), None);
    }
}
