//! The routes, one file per resource. This file says what stands where, who may come in, and what answers elsewhere.

mod alert_body;
mod alert_evidence;
mod alerts;
mod annotations;
mod assets;
mod backup;
mod connections;
mod dashboard;
mod dead_letters;
mod explanations;
mod forecasts;
mod influx;
mod maintenance;
mod models;
mod operations;
mod products;
mod readings_in;
mod readings_out;
mod readings_step;
mod session;
mod sql;
mod verification;

pub(crate) use alert_body::AlertBody;

/// Handlers and their documentation, for the OpenAPI document.
pub(crate) mod documented {
    pub(crate) use super::alert_evidence::*;
    pub(crate) use super::alerts::*;
    pub(crate) use super::annotations::*;
    pub(crate) use super::assets::*;
    pub(crate) use super::backup::*;
    pub(crate) use super::connections::*;
    pub(crate) use super::dead_letters::*;
    pub(crate) use super::explanations::*;
    pub(crate) use super::forecasts::*;
    pub(crate) use super::influx::*;
    pub(crate) use super::maintenance::*;
    pub(crate) use super::models::*;
    pub(crate) use super::operations::*;
    pub(crate) use super::products::*;
    pub(crate) use super::readings_in::*;
    pub(crate) use super::readings_out::*;
    pub(crate) use super::session::*;
    pub(crate) use super::sql::*;
    pub(crate) use super::verification::*;
}

use crate::error::Code;
use crate::error::Problem;
use crate::guard;
use crate::metrics;
use crate::openapi;
use crate::stream;
use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig, delete, get, head, post};
use actix_web::{HttpRequest, Resource};

/// Puts everything in its place.
pub(crate) fn configure(config: &mut ServiceConfig) {
    config
        .service(resource("/ping").route(get().to(influx::ping)).route(head().to(influx::ping)))
        .service(resource("/health").route(get().to(influx::health_of_door)))
        .service(resource("/write").route(post().to(influx::write_v1)))
        .service(resource("/query").route(get().to(influx::query_v1)).route(post().to(influx::query_v1)))
        .service(resource("/api/v2/write").route(post().to(influx::write_v2)))
        .service(resource("/api/v2/query").route(post().to(influx::query_v2)))
        .service(resource("/health/live").route(get().to(operations::live)))
        .service(resource("/health/ready").route(get().to(operations::ready)))
        .service(resource("/metrics").route(get().to(metrics::scrape)))
        .service(resource("/openapi.json").route(get().to(openapi::serve)))
        .service(
            resource("/api/v1/session")
                .route(post().to(session::login))
                .route(delete().to(session::logout))
                .route(get().to(session::show_session)),
        )
        .service(
            web::scope("/api/v1")
                .wrap(from_fn(guard::admit))
                .service(resource("/assets").route(get().to(assets::list_assets)))
                .service(resource("/assets/{id:.+}/health").route(get().to(assets::health)))
                .service(resource("/assets/{id:.+}").route(get().to(assets::show_asset)))
                .service(resource("/readings").route(get().to(readings_out::read)).route(post().to(readings_in::write)))
                .service(resource("/connections").route(get().to(connections::list_connections)))
                .service(resource("/connections/{name}/tail").route(get().to(connections::tail_connection)))
                .service(resource("/dead-letters").route(get().to(dead_letters::list_dead_letters)))
                .service(resource("/forecasts").route(get().to(forecasts::newest)))
                .service(resource("/forecasts/explanation").route(get().to(explanations::explain)))
                .service(resource("/forecasts/issues").route(get().to(forecasts::issues)))
                .service(resource("/forecasts/verification").route(get().to(verification::verification)))
                .service(resource("/forecasts/ramps").route(get().to(products::ramps)))
                .service(resource("/forecasts/reserve").route(get().to(products::reserve)))
                .service(resource("/forecasts/scenarios").route(get().to(products::scenarios)))
                .service(resource("/models").route(get().to(models::list_models)))
                .service(resource("/alerts").route(get().to(alerts::list_alerts)))
                .service(resource("/alerts/stream").route(get().to(stream::events)))
                .service(resource("/alerts/budget").route(get().to(alerts::alert_budget)))
                .service(resource("/alerts/{id}/evidence").route(get().to(alert_evidence::show_evidence)))
                .service(resource("/alerts/{id}/log").route(get().to(alert_evidence::show_log)))
                .service(resource("/alerts/{id}").route(get().to(alerts::show_alert)))
                .service(resource("/alerts/{id}/acknowledge").route(post().to(alerts::acknowledge)))
                .service(resource("/alerts/{id}/assign").route(post().to(alerts::assign)))
                .service(resource("/alerts/{id}/resolve").route(post().to(alerts::resolve)))
                .service(resource("/alerts/{id}/shelve").route(post().to(alerts::shelve)))
                .service(resource("/alerts/{id}/comment").route(post().to(alerts::comment)))
                .service(
                    resource("/annotations").route(get().to(annotations::list_annotations)).route(post().to(annotations::annotate)),
                )
                .service(resource("/annotations/{id}").route(delete().to(annotations::withdraw_annotation)))
                .service(resource("/maintenance/plan").route(post().to(maintenance::plan)))
                .service(resource("/backup").route(post().to(backup::backup)))
                .service(resource("/sql").route(post().to(sql::run)))
                .default_service(web::to(nothing_here)),
        )
        .default_service(web::to(dashboard::file));
}

fn resource(path: &str) -> Resource {
    web::resource(path).default_service(web::to(wrong_method))
}

async fn wrong_method(request: HttpRequest) -> Result<&'static str, Problem> {
    let (method, path) = (request.method(), request.path());
    Err(Problem::new(Code::MethodNotAllowed, format!("{path} does not take {method}; /openapi.json lists what there is")))
}

async fn nothing_here(request: HttpRequest) -> Result<&'static str, Problem> {
    Err(Problem::new(Code::NotFound, format!("there is nothing at {}; /openapi.json lists what there is", request.path())))
}
