//! The page: files built from `api/dashboard`, embedded in the binary, served without a key. They hold no data.

use crate::error::Code;
use crate::error::Problem;
use crate::negotiate::etag;
use actix_web::http::{Method, header};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use rust_embed::Embed;
use std::borrow::Cow;

#[derive(Embed)]
#[folder = "dashboard/dist/"]
struct Files;

/// A file of the page; addresses without a dot are views of the page and get `index.html`.
pub(crate) async fn file(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let path = request.path().trim_start_matches('/');
    let nothing = || Problem::new(Code::NotFound, format!("there is nothing at /{path}; /openapi.json lists what there is"));
    if !matches!(*request.method(), Method::GET | Method::HEAD) || path.starts_with("api/") {
        return Err(nothing());
    }
    let is_view = !path.rsplit('/').next().unwrap_or_default().contains('.');
    let name = if is_view { "index.html" } else { path };
    let bytes = match Files::get(name).ok_or_else(nothing)?.data {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => Bytes::from(bytes),
    };
    let tag = etag(&bytes);
    let known = request.headers().get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok()).unwrap_or_default();
    // Vite puts a hash into the names below assets/, so those never change.
    let caching = if name.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut response = if known.contains(&tag) { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header((header::ETAG, tag.as_str())).insert_header((header::CACHE_CONTROL, caching));
    if known.contains(&tag) {
        return Ok(response.finish());
    }
    let kind = mime_guess::from_path(name).first_or_octet_stream();
    Ok(response.content_type(kind.as_ref()).body(bytes))
}
