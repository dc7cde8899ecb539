//! The OpenAPI 3.1 document, made from the handlers and their types, so that it cannot drift from them.

use crate::error::Code;
use crate::metrics;
use crate::negotiate::{etag, tagged};
use crate::routes::documented as routes;
use crate::services;
use crate::stream;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::Value;
use std::sync::OnceLock;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi, ToResponse, ToSchema};

/// A problem (RFC 9457). `code` is stable; some problems have further members, for example `line` and `column`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
#[allow(dead_code, reason = "describes the body that `error::Problem` writes")]
pub(crate) struct ProblemBody {
    /// `urn:chergui:problem:` and the code.
    r#type: String,
    title: String,
    status: u16,
    /// What happened, to which asset and when, and what to do.
    detail: String,
    code: String,
}

/// What went wrong.
#[derive(Debug, ToResponse)]
#[response(description = "What went wrong and what to do", content_type = "application/problem+json")]
#[allow(dead_code, reason = "describes a response")]
pub(crate) struct ProblemResponse(#[to_schema] ProblemBody);

#[derive(Debug, OpenApi)]
#[openapi(
    info(title = "Chergui", description = "Forecasts, alerts and telemetry of wind, solar and load.", license(name = "Apache-2.0", identifier = "Apache-2.0")),
    paths(
        routes::list_assets, routes::show_asset, routes::health, routes::read, routes::write, routes::list_dead_letters, routes::list_connections, routes::tail_connection, routes::newest, routes::issues,
        routes::explain, routes::verification, routes::ramps, routes::reserve, routes::scenarios, routes::list_models,
        routes::list_alerts, routes::show_alert, routes::alert_budget, routes::show_evidence, routes::show_log, routes::acknowledge, routes::assign, routes::resolve, routes::shelve, routes::comment,
        routes::list_annotations, routes::annotate, routes::withdraw_annotation, routes::plan,
        stream::events, routes::run, routes::login, routes::show_session, routes::logout, routes::backup, routes::live, routes::ready, metrics::scrape,
        routes::write_v2, routes::write_v1, routes::ping, routes::health_of_door, serve
    ),
    components(responses(ProblemResponse), schemas(ProblemBody, services::AssetHealth, services::Verdict)),
    modifiers(&Keys),
    security(("key" = []), ("cookie" = []))
)]
struct Document;

struct Keys;

impl Modify for Keys {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("An API key")).build();
        components.add_security_scheme("key", SecurityScheme::Http(bearer));
        components.add_security_scheme("cookie", SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(crate::auth::COOKIE))));
    }
}

/// The document; every problem code stands in the schema of `Problem.code`.
pub fn document() -> Value {
    let mut document = serde_json::to_value(Document::openapi()).unwrap_or_default();
    let codes: Vec<Value> = Code::ALL.iter().map(|code| code.row().0.into()).collect();
    if let Some(code) = document.pointer_mut("/components/schemas/Problem/properties/code") {
        code["enum"] = codes.into();
    }
    document
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "operations", responses((status = 200, description = "OpenAPI 3.1", body = Object)), security(()))]
pub(crate) async fn serve(request: HttpRequest) -> HttpResponse {
    static WRITTEN: OnceLock<(Bytes, String)> = OnceLock::new();
    let (json, tag) = WRITTEN.get_or_init(|| {
        let json = Bytes::from(document().to_string());
        let tag = etag(&json);
        (json, tag)
    });
    tagged(&request, json.clone(), tag)
}
