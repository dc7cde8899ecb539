//! The book over a real ledger file: joining, hold-off, history, messages written with the change, retries, snapshots.

mod rounds;

use super::{
    Action, Alert, AlertBook, AlertError, AlertFilter, AlertRules, Notification, Notifier, NotifyError, Outbox, Outcome,
    RetryPolicy, Severity, State, Subscription,
};
use crate::detect::{Evidence, Incident};
use crate::domain::{Asset, AssetId, AssetKind, Quantity, Timestamp};
use crate::store::ledger::Ledger;
use async_trait::async_trait;
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

fn at(hours: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000).unwrap() + SignedDuration::from_hours(hours)
}

fn turbine(id: &str) -> Asset {
    let mut asset = Asset::new(AssetId::parse(id).unwrap(), AssetKind::WindTurbine);
    (asset.name, asset.capacity_kw) = ("Turbine 1".into(), Some(2000.0));
    asset
}

fn incident(opened: i64, closed: Option<i64>) -> Incident {
    let quantity = Quantity::GEARBOX_BEARING_TEMP;
    let evidence =
        Evidence { signal: "gearbox_bearing_temp".into(), quantity, observed: Some(81.0), expected: Some(70.0), share: 1.0 };
    Incident {
        closed_at: closed.map(at),
        score: 1.5,
        energy_lost_kwh: 10.0,
        evidence: vec![evidence],
        ..Incident::new(AssetId::parse("T01").unwrap(), "gearbox", "bearing_overheat", at(opened - 1), at(opened))
    }
}

async fn book(min_severity: Severity) -> (TempDir, Ledger, AlertBook) {
    let home = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(home.path()).await.unwrap();
    let subscriptions = vec![Subscription { channel: "crew".into(), events: vec![], min_severity }];
    let book = AlertBook::new(
        ledger.clone(),
        AlertRules { hold_off: SignedDuration::from_hours(12), subscriptions, ..AlertRules::default() },
    );
    (home, ledger, book)
}

async fn raise(book: &AlertBook, incident: &Incident, now: i64) -> (Alert, bool) {
    book.raise(incident, &turbine(incident.asset_id.as_str()), at(now)).await.unwrap()
}

fn kinds(events: &[super::AlertEvent]) -> Vec<&str> {
    events.iter().map(|e| e.kind.as_str()).collect()
}

/// Fails as often as told, then remembers what came.
#[derive(Debug, Default)]
struct Receiver {
    failures: Mutex<u32>,
    seen: Mutex<Vec<(String, String)>>,
}

#[async_trait]
impl Notifier for Receiver {
    async fn notify(&self, notification: &Notification) -> Result<(), NotifyError> {
        let mut failures = self.failures.lock().unwrap();
        if *failures > 0 {
            *failures -= 1;
            return Err(NotifyError::Refused { target: "crew".into(), status: 503 });
        }
        self.seen.lock().unwrap().push((notification.id.clone(), notification.event.clone()));
        Ok(())
    }
}

fn outbox(ledger: &Ledger, receiver: &Arc<Receiver>, most_attempts: u32) -> Outbox {
    let notifiers: BTreeMap<String, Arc<dyn Notifier>> = BTreeMap::from([("crew".into(), receiver.clone() as Arc<dyn Notifier>)]);
    Outbox::new(ledger.clone(), notifiers, RetryPolicy { most_attempts, ..RetryPolicy::default() })
}

#[tokio::test]
async fn one_alert_lives_per_asset_component_and_mode() {
    let (_home, _ledger, book) = book(Severity::Info).await;
    let (first, changed) = raise(&book, &incident(0, None), 0).await;
    assert!(changed && first.incident_open);
    assert!(!raise(&book, &incident(0, None), 1).await.1, "the same report changes nothing");
    let (closed, _) = raise(&book, &incident(0, Some(5)), 5).await;
    assert_eq!((closed.id.as_str(), closed.incident_open, closed.state), (first.id.as_str(), false, State::Open));
    let (again, _) = raise(&book, &incident(8, None), 8).await;
    assert_eq!((again.id.as_str(), again.occurrences, again.incident_open), (first.id.as_str(), 2, true));
    assert_eq!(again.energy_lost_kwh, 20.0);
    assert_eq!(again.started_at, at(-1));
    let mut other = incident(8, None);
    (other.mode, other.detector) = ("frozen_value".into(), "sensors");
    assert_ne!(raise(&book, &other, 8).await.0.id, first.id);
    let late = raise(&book, &incident(0, Some(6)), 9).await.0;
    assert!(late.incident_open, "news of the older incident does not close the newer one");
    assert_eq!(kinds(&book.events(&first.id).await.unwrap()), ["opened", "incident_closed", "recurred"]);
}

#[tokio::test]
async fn a_decided_alert_stays_decided_and_a_new_incident_opens_a_new_one() {
    let (_home, _ledger, book) = book(Severity::Info).await;
    let first = raise(&book, &incident(0, None), 0).await.0;
    let fixed = Action::Resolve { outcome: Outcome::Fixed, reason: None };
    book.act(&first.id, &fixed, "Amal", at(1)).await.unwrap();
    let same = raise(&book, &incident(0, Some(2)), 2).await.0;
    assert_eq!((same.id.as_str(), same.state), (first.id.as_str(), State::Resolved));
    let second = raise(&book, &incident(3, Some(4)), 4).await.0;
    assert_ne!(second.id, first.id);
    let dismissed = Action::Resolve { outcome: Outcome::FalsePositive, reason: Some("sensor was unplugged".into()) };
    book.act(&second.id, &dismissed, "Amal", at(5)).await.unwrap();
    let flapping = raise(&book, &incident(6, Some(7)), 7).await.0;
    assert_eq!((flapping.id.as_str(), flapping.state, flapping.occurrences), (second.id.as_str(), State::FalsePositive, 2));
    let much_later = raise(&book, &incident(40, None), 40).await.0;
    assert_ne!(much_later.id, second.id);
    let error = book.act(&first.id, &Action::Acknowledge { comment: None }, "Amal", at(8)).await.unwrap_err();
    assert!(matches!(error, AlertError::Illegal { state: "resolved", .. }), "{error}");
    assert!(matches!(book.get("nothing").await, Err(AlertError::NotFound { .. })));
}

#[tokio::test]
async fn history_and_listeners_hear_every_action() {
    let (_home, _ledger, book) = book(Severity::Critical).await;
    let mut heard = book.subscribe();
    let id = raise(&book, &incident(0, None), 0).await.0.id;
    book.act(&id, &Action::Acknowledge { comment: Some("seen".into()) }, "Amal", at(1)).await.unwrap();
    book.act(&id, &Action::Assign { assignee: "crew 2".into(), comment: None }, "Amal", at(2)).await.unwrap();
    let mut worse = incident(0, None);
    worse.severity = Severity::Critical;
    assert_eq!(raise(&book, &worse, 3).await.0.severity, Severity::Critical);
    let events = book.events(&id).await.unwrap();
    assert_eq!(kinds(&events), ["opened", "acknowledged", "assigned", "escalated"]);
    assert_eq!((events[1].by.as_str(), events[1].note.as_deref(), events[1].at), ("Amal", Some("seen"), at(1)));
    for event in &events {
        assert_eq!(heard.recv().await.unwrap().event_id, Some(event.id));
    }
    let missed = book.changes_after(events[1].id, 10).await.unwrap();
    assert_eq!((missed.len(), missed[0].event_id), (1, Some(events[3].id)));
    let (alerts, history) = (book.alerts_batch().await.unwrap(), book.alert_events_batch().await.unwrap());
    assert_eq!((alerts.num_rows(), history.num_rows()), (1, 4));
}

#[tokio::test]
async fn pages_are_newest_first_and_whole() {
    let (_home, _ledger, book) = book(Severity::Info).await;
    for n in 0..5 {
        let mut other = incident(n % 3, None);
        (other.mode, other.detector) = (format!("mode_{n}"), ["a", "b", "c", "d", "e"][n as usize]);
        raise(&book, &other, 10).await;
    }
    let mut filter = AlertFilter { limit: 2, states: vec![State::Open], ..AlertFilter::default() };
    let mut seen = Vec::new();
    loop {
        let page = book.list(&filter).await.unwrap();
        seen.extend(page.alerts);
        filter.cursor = page.next_cursor;
        if filter.cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 5);
    assert!(seen.windows(2).all(|pair| pair[0].opened_at >= pair[1].opened_at));
    filter.states = vec![State::Resolved];
    assert!(book.list(&filter).await.unwrap().alerts.is_empty());
    filter.cursor = Some("nonsense".into());
    assert!(matches!(book.list(&filter).await, Err(AlertError::Cursor { .. })));
}

#[tokio::test]
async fn messages_are_retried_under_one_id_and_given_up_in_the_end() {
    let (home, ledger, book) = book(Severity::Info).await;
    let receiver = Arc::new(Receiver { failures: Mutex::new(2), ..Receiver::default() });
    raise(&book, &incident(0, None), 0).await;
    let first = outbox(&ledger, &receiver, 5);
    assert_eq!(first.deliver_due(at(0), || 0.0).await.unwrap().postponed, 1);
    assert_eq!(first.deliver_due(at(0), || 0.0).await.unwrap(), super::Delivered::default(), "not due yet");
    let waiting: String = sqlx::query_scalar("SELECT id FROM outbox").fetch_one(ledger.pool()).await.unwrap();
    ledger.close().await;
    let ledger = Ledger::open(home.path()).await.unwrap();
    let second = outbox(&ledger, &receiver, 5);
    assert_eq!(second.deliver_due(at(1), || 1.0).await.unwrap().postponed, 1);
    assert_eq!(second.deliver_due(at(2), || 1.0).await.unwrap().sent, 1);
    assert_eq!(*receiver.seen.lock().unwrap(), [(waiting, "alert.opened".into())]);
    let book = AlertBook::new(ledger.clone(), book.rules.clone());
    raise(&book, &incident(0, Some(3)), 3).await;
    *receiver.failures.lock().unwrap() = 99;
    let third = outbox(&ledger, &receiver, 2);
    assert_eq!(third.deliver_due(at(3), || 0.5).await.unwrap().postponed, 1);
    assert_eq!(third.deliver_due(at(4), || 0.5).await.unwrap().dead, 1);
    let dead = third.dead_letters().await.unwrap();
    assert_eq!((dead[0].event.as_str(), dead[0].attempts), ("alert.incident_closed", 2));
    assert!(dead[0].last_error.contains("503"));
    assert_eq!(third.next_due().await.unwrap(), None);
}

#[tokio::test]
async fn quiet_severities_shelved_alerts_and_held_off_incidents_send_nothing() {
    let (_home, ledger, book) = book(Severity::Warning).await;
    let receiver = Arc::new(Receiver::default());
    let mut minor = incident(0, None);
    (minor.mode, minor.severity, minor.detector) = ("curtailment".into(), Severity::Info, "states");
    raise(&book, &minor, 0).await;
    let id = raise(&book, &incident(0, None), 0).await.0.id;
    raise(&book, &incident(0, Some(1)), 1).await;
    raise(&book, &incident(2, Some(3)), 3).await;
    raise(&book, &incident(20, None), 20).await;
    book.act(&id, &Action::Shelve { until: at(50), reason: "no crane".into() }, "Amal", at(21)).await.unwrap();
    raise(&book, &incident(20, Some(30)), 30).await;
    outbox(&ledger, &receiver, 5).deliver_due(at(60), || 0.0).await.unwrap();
    let events: Vec<String> = receiver.seen.lock().unwrap().iter().map(|(_, event)| event.clone()).collect();
    assert_eq!(events, ["alert.opened", "alert.incident_closed", "alert.recurred"]);
}

#[test]
fn delays_double_up_to_a_limit() {
    let policy = RetryPolicy::default();
    let seconds = |attempts, jitter| policy.delay(attempts, jitter).as_secs_f64();
    assert_eq!([seconds(1, 1.0), seconds(2, 1.0), seconds(3, 1.0), seconds(3, 0.0)], [5.0, 10.0, 20.0, 10.0]);
    assert_eq!([seconds(40, 1.0), seconds(u32::MAX, 1.0)], [3600.0, 3600.0]);
}
