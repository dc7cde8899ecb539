//! `GET /api/v1/connections`: how the live connections stand; `/connections/{name}/tail`: what one of them brings, as it comes.

use crate::error::Code;
use crate::error::Problem;
use crate::openapi::ProblemResponse;
use crate::plants::Plant;
use crate::state::AppState;
use crate::stream::carried;
use actix_web::web::Bytes;
use actix_web::{HttpResponse, web};
use connectors::live::Phase;
use engine::domain::{Timestamp, nearest};
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use utoipa::ToSchema;

const HEARTBEAT: Duration = Duration::from_secs(15);

/// All connections.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConnectionList {
    /// In the order of the configuration.
    connections: Vec<ConnectionBody>,
}

/// How one connection stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConnectionBody {
    name: String,
    /// `mqtt`, `modbus`, `opcua`, `iec104`, `mms`, `files`, `http`, `weather`, `nats`, `kafka`.
    protocol: &'static str,
    /// Address of the peer.
    peer: String,
    points: usize,
    assets: usize,
    /// `idle`, `connecting`, `backfilling`, `live`, `waiting` (tried again), `closed`, `stopped` (a person must see to it; tried again after five minutes).
    phase: &'static str,
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// Times the link was made.
    connects: u64,
    /// Times it was lost or could not be made.
    failures: u64,
    /// Values and events received since the start.
    values: u64,
    /// Of these not of good quality.
    bad: u64,
    /// What could not be read; see `/dead-letters`.
    rejects: u64,
    /// Rows stored, new or changed.
    stored: u64,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_received: Option<Timestamp>,
    /// Newest time by the source's clock.
    #[schema(value_type = Option<String>, format = DateTime)]
    newest: Option<Timestamp>,
    /// Since then.
    lag_s: Option<f64>,
    /// Clock of the source minus ours; positive: theirs is ahead.
    skew_s: Option<f64>,
    /// After how long without a value an alert is raised; 0: never.
    silence_s: u64,
    is_silent: bool,
    last_error: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_error_at: Option<Timestamp>,
}

impl ConnectionBody {
    fn new(plant: &Plant, now: Timestamp) -> Self {
        let (status, protocol) = (plant.link.status(), plant.config.from.protocol());
        let stopped = plant.stopped();
        Self {
            name: plant.config.name.clone(),
            protocol: protocol.name(),
            peer: protocol.peer(),
            points: plant.points.points().len(),
            assets: plant.points.assets().len(),
            phase: if stopped.is_some() { "stopped" } else { status.phase.name() },
            since: status.since,
            connects: status.connects,
            failures: status.failures,
            values: status.values,
            bad: status.bad,
            rejects: status.rejects,
            stored: plant.stored(),
            lag_s: Plant::lag_s(&status, now),
            last_received: status.last_received,
            newest: status.newest,
            skew_s: status.skew_s,
            silence_s: plant.config.silence_s(),
            is_silent: plant.is_silent(),
            last_error: stopped.or(status.last_error),
            last_error_at: status.last_error_at,
        }
    }
}

/// How every live connection stands.
#[utoipa::path(get, path = "/api/v1/connections", tag = "connections",
    responses((status = 200, body = ConnectionList), (status = 401, response = ProblemResponse)))]
pub(crate) async fn list_connections(state: web::Data<AppState>) -> HttpResponse {
    let now = Timestamp::now();
    let connections = state.plants.iter().map(|plant| ConnectionBody::new(plant, now)).collect();
    HttpResponse::Ok().json(ConnectionList { connections })
}

/// What a connection brings, as it comes: one line of text per value or change of state.
#[utoipa::path(get, path = "/api/v1/connections/{name}/tail", tag = "connections", params(("name" = String, Path, description = "Name of the connection")),
    responses((status = 200, description = "Server-sent events: lines; `lagged` where some were left out", content_type = "text/event-stream", body = String),
        (status = 401, response = ProblemResponse), (status = 404, response = ProblemResponse)))]
pub(crate) async fn tail_connection(state: web::Data<AppState>, name: web::Path<String>) -> Result<HttpResponse, Problem> {
    let Some(plant) = state.plants.get(&name).cloned() else {
        let names: Vec<&str> = state.plants.iter().map(|plant| plant.config.name.as_str()).collect();
        let near = nearest(&name, names.iter().copied()).map(|near| format!(", nearest is {near:?}")).unwrap_or_default();
        return Err(Problem::new(Code::NotFound, format!("there is no connection {:?}{near}; see /api/v1/connections", *name)));
    };
    let (to, from) = mpsc::channel::<Bytes>(256);
    actix_web::rt::spawn(carry(state.get_ref().clone(), plant, to));
    Ok(carried(from))
}

/// Ends when the listener has gone or the server stops.
async fn carry(state: AppState, plant: Arc<Plant>, to: mpsc::Sender<Bytes>) {
    let mut tail = plant.link.listen();
    let mut heartbeat = tokio::time::interval(HEARTBEAT);
    let mut chunk = Some(format!(": {} is {}\n\n", plant.config.name, phase(&plant)));
    loop {
        if let Some(chunk) = chunk.take()
            && to.send(Bytes::from(chunk)).await.is_err()
        {
            return;
        }
        tokio::select! {
            () = state.stopping.cancelled() => return,
            () = to.closed() => return,
            _ = heartbeat.tick() => chunk = Some(": still here\n\n".into()),
            line = tail.recv() => match line {
                Ok(line) => chunk = Some(format!("data: {}\n\n", line.replace(['\n', '\r'], " "))),
                Err(RecvError::Lagged(lines)) => chunk = Some(format!("event: lagged\ndata: {lines}\n\n")),
                Err(RecvError::Closed) => return,
            },
        }
    }
}

fn phase(plant: &Plant) -> &'static str {
    if plant.stopped().is_some() { "stopped" } else { Phase::name(plant.link.status().phase) }
}
