//! The real outbox against a real receiver that fails twice: one message, one id on every try, signed, and a restart in between.

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use connectors::webhook::Webhook;
use engine::alert::{AlertBook, AlertRules, Notifier, Outbox, RetryPolicy, Severity, Subscription};
use engine::detect::Incident;
use engine::domain::{Asset, AssetId, AssetKind, Timestamp};
use engine::store::ledger::Ledger;
use jiff::SignedDuration;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqrTwg=";

/// One try as the receiver saw it.
#[derive(Debug, Clone)]
struct Try {
    id: String,
    signed: bool,
    body: Value,
}

type Tries = Arc<Mutex<Vec<Try>>>;

async fn receive(tries: web::Data<Mutex<Vec<Try>>>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let text = |name: &str| request.headers().get(name).unwrap().to_str().unwrap().to_owned();
    let (id, time) = (text("webhook-id"), text("webhook-timestamp"));
    let signature = standardwebhooks::Webhook::new(SECRET).unwrap().sign(&id, time.parse().unwrap(), &body).unwrap();
    let signed = signature == text("webhook-signature");
    let mut tries = tries.lock().unwrap();
    tries.push(Try { id, signed, body: serde_json::from_slice(&body).unwrap() });
    if tries.len() <= 2 { HttpResponse::ServiceUnavailable().finish() } else { HttpResponse::NoContent().finish() }
}

/// Starts the receiver; its address and what it saw.
fn receiver() -> (String, Tries) {
    let tries = Tries::default();
    let shared = web::Data::from(tries.clone());
    let server = HttpServer::new(move || App::new().app_data(shared.clone()).route("/hook", web::post().to(receive)))
        .workers(1)
        .disable_signals()
        .bind("127.0.0.1:0")
        .unwrap();
    let address = server.addrs()[0];
    tokio::spawn(server.run());
    (format!("http://{address}/hook?token=t"), tries)
}

/// A freshly opened outbox, as after a restart.
async fn outbox(home: &Path, url: &str) -> (Ledger, Outbox) {
    let ledger = Ledger::open(home).await.unwrap();
    let webhook = Webhook::new(url, SECRET, Duration::from_secs(10), jiff::Timestamp::now).unwrap();
    let notifiers: BTreeMap<String, Arc<dyn Notifier>> = BTreeMap::from([("crew".into(), Arc::new(webhook) as Arc<dyn Notifier>)]);
    (ledger.clone(), Outbox::new(ledger, notifiers, RetryPolicy::default()))
}

fn finding(now: Timestamp) -> Incident {
    let new = Incident::new(AssetId::parse("T01").unwrap(), "gearbox", "bearing_overheat", now, now);
    Incident { severity: Severity::Critical, score: 2.0, energy_lost_kwh: 1.0, ..new }
}

#[tokio::test]
async fn a_message_gets_through_under_one_id_and_survives_a_restart() {
    let home = tempfile::tempdir().unwrap();
    let (url, tries) = receiver();
    let now = Timestamp::now();
    let hour = SignedDuration::from_hours(1);
    let (ledger, first) = outbox(home.path(), &url).await;
    let subscriptions =
        vec![Subscription { channel: "crew".into(), events: vec!["alert.opened".into()], min_severity: Severity::Warning }];
    let book = AlertBook::new(ledger.clone(), AlertRules { subscriptions, ..AlertRules::default() });
    let alert =
        book.raise(&finding(now), &Asset::new(AssetId::parse("T01").unwrap(), AssetKind::WindTurbine), now).await.unwrap().0;
    assert_eq!(first.deliver_due(now, || 0.5).await.unwrap().postponed, 1);
    assert_eq!(first.deliver_due(now, || 0.5).await.unwrap().sent, 0, "waits before it tries again");
    ledger.close().await;

    let (_ledger, second) = outbox(home.path(), &url).await;
    assert_eq!(second.deliver_due(now + hour, || 0.5).await.unwrap().postponed, 1);
    assert_eq!(second.deliver_due(now + hour + hour, || 0.5).await.unwrap().sent, 1);
    assert_eq!(second.next_due().await.unwrap(), None);
    assert_eq!(second.deliver_due(now + hour + hour + hour, || 0.5).await.unwrap().sent, 0, "sent is sent");

    let tries = tries.lock().unwrap().clone();
    assert_eq!(tries.len(), 3);
    assert!(tries.iter().all(|one| one.signed && one.id == tries[0].id), "{tries:?}");
    assert_eq!(tries[2].body["type"], "alert.opened");
    assert_eq!(tries[2].body["data"]["id"], alert.id.as_str());
    assert!(second.dead_letters().await.unwrap().is_empty());
}
