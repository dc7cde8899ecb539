//! Rounds of detectors over a real ledger: identity, folding, news, feedback, what is over, and an older ledger.

use super::{at, book, incident, kinds, raise, turbine};
use crate::alert::{Action, Alert, AlertBook, AlertFilter, Outcome, PLANT_OUTAGE, Severity, State};
use crate::detect::{Incident, Outlook};
use crate::domain::{Asset, AssetId, AssetKind, Quantity};
use crate::store::ledger::Ledger;
use std::collections::BTreeSet;

fn farm(turbines: usize) -> Vec<Asset> {
    let mut assets = vec![Asset::new(AssetId::parse("farm").unwrap(), AssetKind::WindPlant)];
    for n in 1..=turbines {
        let mut one = turbine(&format!("T{n:02}"));
        one.parent_id = Some(assets[0].id.clone());
        assets.push(one);
    }
    assets
}

async fn round(book: &AlertBook, incidents: &[Incident], now: i64) -> Vec<Alert> {
    let assets = farm(5);
    let judged: BTreeSet<AssetId> = assets.iter().skip(1).map(|asset| asset.id.clone()).collect();
    let round = book.take_in_round(incidents, &assets, &judged, at(now)).await.unwrap();
    assert!(round.refused.is_empty(), "{:?}", round.refused);
    round.changed
}

fn on(asset: usize, mode: &str, opened: i64, closed: Option<i64>) -> Incident {
    let new = Incident::new(AssetId::parse(&format!("T{asset:02}")).unwrap(), "asset", mode, at(opened - 1), at(opened));
    Incident { closed_at: closed.map(at), severity: Severity::Info, score: 0.0, ..new }
}

async fn all(book: &AlertBook) -> Vec<Alert> {
    book.list(&AlertFilter::default()).await.unwrap().alerts
}

#[tokio::test]
async fn a_clearer_name_goes_on_in_the_same_alert() {
    let (_home, _ledger, book) = book(Severity::Info).await;
    let first = round(&book, &[incident(0, None)], 0).await.remove(0);
    let mut clearer = incident(0, None);
    (clearer.component, clearer.mode) = ("generator".into(), "winding_overheat".into());
    let renamed = round(&book, &[clearer.clone()], 1).await.remove(0);
    assert_eq!((&renamed.id, renamed.mode.as_str(), renamed.occurrences), (&first.id, "winding_overheat", 1));
    assert_eq!(renamed.title.en, "Generator winding too hot");
    assert_eq!(
        (all(&book).await.len(), book.open_incidents().await.unwrap().len()),
        (1, 1),
        "nothing is left open under the old name"
    );
    assert_eq!(kinds(&book.events(&first.id).await.unwrap()), ["opened", "clarified"]);
    // Two of one instant keep apart as long as both keep their names, and the one nobody else claims is the one that was renamed.
    let second = raise(&book, &Incident { component: "rotor".into(), mode: "icing".into(), ..clearer.clone() }, 2).await.0;
    assert_eq!(second.id, first.id, "alone it is the same incident");
    let both = [Incident { component: "rotor".into(), mode: "icing".into(), ..clearer.clone() }, clearer.clone()];
    round(&book, &both, 3).await;
    let modes: BTreeSet<String> = all(&book).await.into_iter().map(|alert| alert.mode).collect();
    assert_eq!(modes, BTreeSet::from(["icing".into(), "winding_overheat".into()]));
    assert!(round(&book, &both, 4).await.is_empty(), "the same round changes nothing");
}

#[tokio::test]
async fn an_incident_that_turns_out_to_be_another_alerts_goes_there() {
    let (_home, _ledger, book) = book(Severity::Info).await;
    let mut later = incident(3, None);
    (later.component, later.mode) = ("rotor".into(), "icing".into());
    round(&book, &[incident(0, Some(1)), later.clone()], 3).await;
    let [icing, bearing] = <[Alert; 2]>::try_from(all(&book).await).unwrap();
    assert_eq!((icing.mode.as_str(), bearing.mode.as_str()), ("icing", "bearing_overheat"));
    round(&book, &[incident(0, Some(1)), incident(3, None)], 4).await;
    let (icing, bearing) = (book.get(&icing.id).await.unwrap(), book.get(&bearing.id).await.unwrap());
    assert_eq!((icing.state, icing.parent_alert_id.as_deref()), (State::Resolved, Some(bearing.id.as_str())));
    assert_eq!((bearing.occurrences, bearing.energy_lost_kwh, bearing.incident_open), (2, 20.0, true));
    assert_eq!(book.incidents_of(&bearing.id).await.unwrap().len(), 2);
    assert_eq!(bearing.children, 1);
}

#[tokio::test]
async fn a_detector_fitted_anew_may_move_the_opening() {
    let (_home, _ledger, book) = book(Severity::Info).await;
    let first = round(&book, &[incident(10, None)], 10).await.remove(0);
    let moved = round(&book, &[incident(8, None)], 11).await.remove(0);
    assert_eq!((moved.id, moved.occurrences), (first.id.clone(), 1));
    assert_eq!(book.incidents_of(&first.id).await.unwrap()[0].opened_at, at(8));
}

#[tokio::test]
async fn one_outage_of_a_plant_is_one_alert_and_its_children_stay_queryable() {
    let (_home, ledger, book) = book(Severity::Info).await;
    let early = [on(1, "comms_loss", 0, None)];
    let alone = round(&book, &early, 0).await.remove(0);
    assert_eq!((alone.parent_alert_id.as_deref(), alone.severity), (None, Severity::Info), "silence raises its own");
    let silent: Vec<Incident> = (1..=4).map(|n| on(n, "comms_loss", i64::from(n > 1), None)).collect();
    round(&book, &silent, 1).await;
    let shown = all(&book).await;
    assert_eq!((shown.len(), shown[0].asset_id.as_str(), shown[0].children), (1, "farm", 4));
    let below = AlertFilter { parent_alert_id: Some(shown[0].id.clone()), ..AlertFilter::default() };
    assert_eq!(book.list(&below).await.unwrap().alerts.len(), 4);
    let of_one = AlertFilter { asset_id: Some(AssetId::parse("T01").unwrap()), ..AlertFilter::default() };
    assert_eq!(book.list(&of_one).await.unwrap().alerts[0].id, alone.id);
    assert_eq!(kinds(&book.events(&alone.id).await.unwrap()), ["opened", "folded"]);
    let back: Vec<Incident> = (1..=4).map(|n| on(n, "comms_loss", i64::from(n > 1), Some(6))).collect();
    round(&book, &back, 6).await;
    let over = book.get(&shown[0].id).await.unwrap();
    assert_eq!((over.state, book.open_incidents().await.unwrap().len()), (State::Resolved, 0), "what only informs ends by itself");
    let messages: Vec<(String, String)> =
        sqlx::query_as("SELECT event, alert_id FROM outbox ORDER BY created_at, id").fetch_all(ledger.pool()).await.unwrap();
    let told: Vec<(&str, &str)> = messages.iter().map(|(event, id)| (event.as_str(), id.as_str())).collect();
    let farm = shown[0].id.as_str();
    assert_eq!(told, [("alert.opened", alone.id.as_str()), ("alert.opened", farm), ("alert.incident_closed", farm)]);
    let budget = book.budget(1.0, 5, at(10)).await.unwrap();
    assert_eq!((budget.raised, budget.false_positives), (1, 0), "children are not counted");
}

#[tokio::test]
async fn who_stays_down_after_the_others_speaks_for_itself_and_a_decision_reaches_the_children() {
    let (_home, _ledger, book) = book(Severity::Info).await;
    let trips = |last: Option<i64>| -> Vec<Incident> {
        let trip = |n: usize, closed| Incident { severity: Severity::Warning, ..on(n, "inverter_trip", 0, closed) };
        (1..=5).map(|n| trip(n, if n == 5 { None } else { last })).collect()
    };
    round(&book, &trips(None), 1).await;
    let parent = all(&book).await.remove(0);
    assert_eq!((parent.mode.as_str(), parent.children), (PLANT_OUTAGE, 5));
    round(&book, &trips(Some(3)), 9).await;
    let shown = all(&book).await;
    let own: BTreeSet<&str> = shown.iter().filter(|alert| alert.state.is_living()).map(|alert| alert.asset_id.as_str()).collect();
    assert_eq!((shown.len(), own), (2, BTreeSet::from(["T05", "farm"])));
    let alone = shown.iter().find(|alert| alert.asset_id.as_str() == "T05").unwrap();
    assert_eq!(kinds(&book.events(&alone.id).await.unwrap()), ["opened", "unfolded"]);

    round(&book, &(1..=5).map(|n| on(n, "downtime", 50, None)).collect::<Vec<_>>(), 50).await;
    let below = AlertFilter { parent_alert_id: Some(parent.id.clone()), states: vec![State::Open], ..AlertFilter::default() };
    assert_eq!(book.list(&below).await.unwrap().alerts.len(), 5, "the next outage joins the living alert");
    book.act(&parent.id, &Action::Resolve { outcome: Outcome::Fixed, reason: None }, "Amal", at(51)).await.unwrap();
    assert!(book.list(&below).await.unwrap().alerts.is_empty());
}

#[tokio::test]
async fn what_ended_while_nobody_watched_is_ended_and_old_news_stay_history() {
    let (_home, _ledger, book) = book(Severity::Info).await;
    let id = round(&book, &[incident(0, None)], 0).await.remove(0).id;
    let much_later = 24 * 40;
    let mut other = incident(5, Some(6));
    other.asset_id = AssetId::parse("T02").unwrap();
    let changed = round(&book, &[incident(0, Some(5)), other], much_later).await;
    assert_eq!(changed.len(), 1, "an incident that ended 39 days ago is no news");
    let closed = book.get(&id).await.unwrap();
    assert_eq!((closed.incident_open, closed.closed_at), (false, Some(at(5))), "but its alert hears of its end");
    let second = round(&book, &[incident(much_later, None)], much_later).await.remove(0);
    let gone = round(&book, &[], much_later + 1).await.remove(0);
    assert_eq!((gone.id, gone.incident_open, gone.energy_expected_kwh), (second.id, false, None), "nobody sees it any more");
}

#[tokio::test]
async fn false_positives_lower_their_pattern_and_count_against_the_budget() {
    let (_home, _ledger, book) = book(Severity::Info).await;
    let mut last = 1.0;
    for n in 0..3 {
        let alert = raise(&book, &incident(100 * n, Some(100 * n + 1)), 100 * n + 1).await.0;
        assert!(alert.priority < last && alert.priority > 0.0, "{} then {last}", alert.priority);
        assert!((alert.priority - alert.urgency * 4.0 / (5.0 + n as f64)).abs() < 1e-12);
        last = alert.priority;
        let dismissed = Action::Resolve { outcome: Outcome::FalsePositive, reason: Some("loose plug".into()) };
        book.act(&alert.id, &dismissed, "Amal", at(100 * n + 2)).await.unwrap();
    }
    let mut other = incident(400, None);
    (other.component, other.mode) = ("rotor".into(), "icing".into());
    assert!(raise(&book, &other, 400).await.0.priority > last, "other patterns keep theirs");
    let budget = book.budget(1.0, 5, at(24 * 365)).await.unwrap();
    assert_eq!((budget.raised, budget.false_positives, budget.since), (4, 3, at(1)));
    assert!((budget.allowed - 5.0).abs() < 0.01, "{}", budget.allowed);
    assert_eq!((budget.patterns[0].mode.as_str(), budget.patterns[0].priority), ("bearing_overheat", 0.5));
    assert_eq!(budget.patterns[0].asset_kind, Some(AssetKind::WindTurbine));
}

#[tokio::test]
async fn figures_follow_the_latest_incident_and_come_back_from_the_ledger() {
    let (_home, _ledger, book) = book(Severity::Info).await;
    let mut hot = incident(0, None);
    hot.outlook = Some(Outlook {
        quantity: Quantity::GEARBOX_BEARING_TEMP,
        limit: 95.0,
        level: 81.0,
        earliest: at(24),
        median: Some(at(36)),
        latest: None,
    });
    let first = raise(&book, &hot, 0).await.0;
    assert_eq!((first.outlook.as_ref(), &first.evidence), (hot.outlook.as_ref(), &hot.evidence));
    assert_eq!(
        (first.severity, first.energy_expected_kwh),
        (Severity::Critical, Some(10.0 / 6.0 * 168.0)),
        "a limit within three days"
    );
    hot.energy_lost_kwh = 60.0;
    let second = raise(&book, &hot, 10).await.0;
    assert!(second.energy_expected_kwh.unwrap() > first.energy_expected_kwh.unwrap());
    (hot.closed_at, hot.outlook) = (Some(at(20)), None);
    let over = raise(&book, &hot, 20).await.0;
    assert_eq!((over.energy_expected_kwh, over.outlook.as_ref(), over.severity), (None, None, Severity::Critical));
    assert_eq!(book.alert_evidence_batch().await.unwrap().num_rows(), 1);
    assert_eq!(book.alert_incidents_batch().await.unwrap().num_rows(), 1);
    assert_eq!(book.get(&first.id).await.unwrap(), over);
}

#[tokio::test]
async fn a_ledger_of_before_goes_on() {
    let home = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(home.path()).await.unwrap();
    // What the third version of the ledger held.
    sqlx::raw_sql(
        "DROP TABLE alert_events; DROP TABLE alert_incidents; DROP TABLE alerts; DROP TABLE outbox; DROP TABLE sessions; DROP TABLE api_keys; \
         DROP TABLE idempotency_keys; DROP TABLE watches; PRAGMA user_version = 0;",
    )
    .execute(ledger.pool())
    .await
    .unwrap();
    sqlx::raw_sql(include_str!("../../store/ledger/migrations/1.sql")).execute(ledger.pool()).await.unwrap();
    sqlx::raw_sql(
        "INSERT INTO alerts VALUES ('a', 'T01', 'Turbine 1', 'gearbox', 'bearing_overheat', 'warning', 'open', NULL, 0, 3600000000, 1, NULL, \
         1.5, 10.0, '[\"gearbox_bearing_temp\"]', 1, NULL, 1, NULL); \
         INSERT INTO alert_incidents VALUES ('T01', 'gearbox', 'bearing_overheat', 3600000000, NULL, 10.0, 'a'); PRAGMA user_version = 3;",
    )
    .execute(ledger.pool())
    .await
    .unwrap();
    ledger.close().await;
    let book = AlertBook::new(Ledger::open(home.path()).await.unwrap(), super::AlertRules::default());
    let old = book.get("a").await.unwrap();
    assert_eq!((old.asset_kind, old.children, old.evidence.len(), old.outlook.as_ref()), (None, 0, 0, None));
    let mut known = incident(0, None);
    (known.started_at, known.opened_at) = (jiff::Timestamp::UNIX_EPOCH, jiff::Timestamp::from_second(3600).unwrap());
    let told = raise(&book, &known, 0).await.0;
    assert_eq!((told.id.as_str(), told.asset_kind, told.evidence.len()), ("a", Some(AssetKind::WindTurbine), 1));
}
