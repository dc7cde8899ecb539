//! `GET /api/v1/alerts/stream`: server-sent events. `hello` first, then missed alert changes, then alerts, forecasts and
//! telemetry as they come, with a comment every 15 s so that proxies keep the line open.
//!
//! Only alert events carry an `id`: the id of the history line, which rises for ever. A client that comes back with
//! `Last-Event-ID` hears each alert that changed since, as it is now. One that falls behind is caught up the same way.

use crate::error::Problem;
use crate::hub::Event;
use crate::routes::AlertBody;
use crate::state::AppState;
use actix_web::http::header;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use engine::alert::AlertChange;
use serde::Serialize;
use serde_json::json;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;

const HEARTBEAT: Duration = Duration::from_secs(15);
/// Alerts of one replay; a client further behind should read the list.
const REPLAY: u32 = 1000;

/// Alerts, forecasts and telemetry as they happen.
#[utoipa::path(get, path = "/api/v1/alerts/stream", tag = "alerts",
    params(("Last-Event-ID" = Option<i64>, Header, description = "Replays alerts that changed after this event")),
    responses((status = 200, description = "Server-sent events: hello, alert, forecast, telemetry", content_type = "text/event-stream", body = String),
              (status = 401, response = crate::openapi::ProblemResponse)))]
pub(crate) async fn events(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let last = request.headers().get("last-event-id").and_then(|v| v.to_str().ok()).and_then(|v| v.trim().parse().ok());
    let (to, from) = mpsc::channel::<Bytes>(64);
    let state = state.get_ref().clone();
    actix_web::rt::spawn(async move {
        // The client has gone, or the server stops: either way the line ends here.
        if run(&state, last, &to).await.is_err() {
            tracing::debug!("an event stream ended");
        }
    });
    Ok(carried(from))
}

/// What comes from the other end as a body of server-sent events, which no cache or proxy holds back.
pub(crate) fn carried(from: mpsc::Receiver<Bytes>) -> HttpResponse {
    let body =
        futures::stream::unfold(from, |mut from| async move { from.recv().await.map(|chunk| (Ok::<_, Infallible>(chunk), from)) });
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::CONTENT_ENCODING, "identity"))
        .insert_header(("x-accel-buffering", "no"))
        .streaming(body)
}

/// The line is closed.
struct Closed;

async fn run(state: &AppState, last: Option<i64>, to: &mpsc::Sender<Bytes>) -> Result<(), Closed> {
    let (mut alerts, mut hub) = (state.alerts.subscribe(), state.hub.subscribe());
    send(to, "hello", None, &json!({ "now": state.now(), "version": env!("CARGO_PKG_VERSION") })).await?;
    let mut last = last;
    if let Some(seen) = last {
        last = Some(replay(state, seen, to).await?);
    }
    let mut heartbeat = tokio::time::interval(HEARTBEAT);
    heartbeat.tick().await;
    loop {
        tokio::select! {
            () = state.stopping.cancelled() => return Ok(()),
            () = to.closed() => return Err(Closed),
            _ = heartbeat.tick() => to.send(Bytes::from_static(b": still here\n\n")).await.map_err(|_| Closed)?,
            change = alerts.recv() => match change {
                Ok(change) if change.event_id.is_some_and(|id| last.is_some_and(|last| id <= last)) => {}
                Ok(change) => {
                    last = change.event_id.or(last);
                    send_change(state, to, &change).await?;
                }
                Err(RecvError::Lagged(_)) => last = Some(replay(state, last.unwrap_or(0), to).await?),
                Err(RecvError::Closed) => return Ok(()),
            },
            event = hub.recv() => match event {
                Ok(Event::Forecast { asset_id, quantity, issue_time }) => {
                    let data = json!({ "asset_id": asset_id, "quantity": quantity, "issue_time": issue_time });
                    send(to, "forecast", None, &data).await?;
                }
                Ok(Event::Telemetry { now }) => send(to, "telemetry", None, &json!({ "now": now })).await?,
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return Ok(()),
            },
        }
    }
}

/// Sends what happened after `seen`; the id of the last of it.
async fn replay(state: &AppState, seen: i64, to: &mpsc::Sender<Bytes>) -> Result<i64, Closed> {
    let missed = match state.alerts.changes_after(seen, REPLAY).await {
        Ok(missed) => missed,
        Err(error) => {
            tracing::error!(%error, "missed alerts could not be read");
            return Err(Closed);
        }
    };
    for change in &missed {
        send_change(state, to, change).await?;
    }
    Ok(missed.iter().filter_map(|change| change.event_id).max().unwrap_or(seen))
}

async fn send_change(state: &AppState, to: &mpsc::Sender<Bytes>, change: &AlertChange) -> Result<(), Closed> {
    send(to, "alert", change.event_id, &AlertBody::new(change.alert.clone(), state)).await
}

async fn send(to: &mpsc::Sender<Bytes>, event: &str, id: Option<i64>, data: &impl Serialize) -> Result<(), Closed> {
    let data = serde_json::to_string(data).map_err(|_| Closed)?;
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    to.send(Bytes::from(format!("{id}event: {event}\ndata: {data}\n\n"))).await.map_err(|_| Closed)
}
