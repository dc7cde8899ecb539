//! NATS against Debian's nats-server with JetStream.
//!
//! In: streams filled over the server's own text protocol. Out: a failure when a message is lost, doubled or misread. Not here: Kafka.

mod hand;

use super::drive::{Drive, Values, points};
use super::wire::{Weather, Wire};
use connectors::connection::Connection;
use connectors::live::{Link, Phase, Points, points_file};
use engine::domain::{Quantities, Timestamp};
use hand::{Hand, Server};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(40);
/// 2026-01-01, ms.
const BEGINS: i64 = 1_767_225_600_000;

const PLANT: &str = r#"
[[assets]]
id = "T01"
kind = "wind_turbine"
[[points]]
address = "plant.t01#/power"
asset = "T01"
quantity = "active_power"
unit = "MW"
[[points]]
address = "plant.t01#/wind/speed"
asset = "T01"
quantity = "wind_speed"
quality = "/wind/q"
[[points]]
address = "plant.t01.alarm"
asset = "T01"
event = "Gearbox hot"
"#;

fn connection(port: u16, more: &str) -> Connection {
    let text = format!("[nats]\nservers = [\"127.0.0.1:{port}\"]\nack_wait_s = 1\npayload.time = \"/t\"\n{more}");
    toml::from_str(&text).unwrap()
}

fn streamed(port: u16) -> Connection {
    connection(port, "stream = \"PLANT\"\n")
}

fn is_long() -> bool {
    std::env::var_os("CHERGUI_LONG").is_some()
}

/// Publishes values `from..to` of the power, one per second of the plant's time, and adds what must be kept.
fn publish(hand: &mut Hand, range: std::ops::Range<i64>, expected: &mut Values) {
    for n in range {
        let time = BEGINS + n * 1000;
        let power = 1.0 + n as f64 / 1024.0;
        hand.publish("plant.t01", &json!({"t": time, "power": power}).to_string());
        expected.insert(("T01".into(), "active_power".into(), time * 1000), power * 1000.0);
    }
}

fn has(expected: &Values) -> impl Fn(&Drive) -> bool {
    let last = expected.len();
    move |drive: &Drive| drive.kept.values.len() >= last
}

#[tokio::test(flavor = "multi_thread")]
async fn values_qualities_and_events_are_what_was_published() {
    let Some(server) = Server::start() else { return };
    let mut hand = server.stream();
    let t = |n: i64| BEGINS + n * 1000;
    hand.publish("plant.t01", &json!({"t": t(0), "power": 1.5, "wind": {"speed": 7.25, "q": "good"}}).to_string());
    hand.publish("plant.t01", &json!({"t": t(1), "power": 1.25, "wind": {"speed": 8.0, "q": "uncertain"}}).to_string());
    hand.publish("plant.t01", &json!({"t": t(2), "power": null, "wind": {"speed": 99.0, "q": "bad"}}).to_string());
    hand.publish("plant.t01", "{no json");
    hand.publish("plant.t02", &json!({"t": t(3), "power": 9.0}).to_string());
    hand.publish("plant.t01.alarm", "1");
    hand.publish("plant.t01.alarm", "0");
    let protocol = streamed(server.port);
    let mut drive = Drive::open(protocol.protocol(), &points(PLANT));
    let is_done = |drive: &Drive| drive.kept.events.values().any(Option::is_some) && !drive.kept.rejects.is_empty();
    assert!(drive.until(LONG, is_done).await, "{:?}", drive.link.status());
    let kept = drive.close().await;
    let key = |quantity: &str, n: i64| ("T01".to_owned(), quantity.to_owned(), t(n) * 1000);
    let expected: Values = [
        (key("active_power", 0), 1500.0),
        (key("active_power", 1), 1250.0),
        (key("wind_speed", 0), 7.25),
        (key("wind_speed", 1), 8.0),
    ]
    .into();
    assert_eq!(kept.values, expected);
    let flags: BTreeSet<_> = kept
        .flags
        .iter()
        .map(|(_, quantity, time, quality, why)| (quantity.as_str(), *time, quality.as_str(), why.as_str()))
        .collect();
    let flagged = [
        ("active_power", t(2) * 1000, "invalid", "null_value"),
        ("wind_speed", t(1) * 1000, "questionable", "uncertain"),
        ("wind_speed", t(2) * 1000, "invalid", "bad_quality"),
    ];
    assert_eq!(flags, flagged.into());
    let events: Vec<_> = kept
        .events
        .iter()
        .map(|((asset, message, time), reset)| (asset.as_str(), message.as_str(), reset >= &Some(*time)))
        .collect();
    assert_eq!(events, [("T01", "Gearbox hot", true)]);
    assert_eq!(kept.rejects.iter().map(|reject| reject.reason).collect::<Vec<_>>(), ["bad_json"]);
    assert_eq!(kept.arrivals, 4, "nothing twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_loses_nothing() {
    let Some(mut server) = Server::start() else { return };
    let (mut hand, mut expected) = (server.stream(), Values::new());
    let protocol = streamed(server.port);
    let mut drive = Drive::open(protocol.protocol(), &points(PLANT));
    publish(&mut hand, 0..200, &mut expected);
    assert!(drive.until(LONG, |drive| drive.kept.values.len() >= 50).await, "{:?}", drive.link.status());
    server.kill();
    assert!(drive.until(LONG, |drive| drive.link.status().failures > 0).await, "{:?}", drive.link.status());
    server.restart();
    let mut hand = server.hand();
    publish(&mut hand, 200..400, &mut expected);
    assert!(drive.until(LONG, has(&expected)).await, "{} of 400: {:?}", drive.kept.values.len(), drive.link.status());
    assert_eq!(drive.close().await.values, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn we_may_be_killed_anywhere() {
    let Some(server) = Server::start() else { return };
    let (mut hand, mut expected) = (server.stream(), Values::new());
    let (protocol, points) = (streamed(server.port), points(PLANT));
    let mut drive = Drive::open(protocol.protocol(), &points);
    for round in 0..4 {
        publish(&mut hand, round * 100..round * 100 + 100, &mut expected);
        let before = drive.kept.values.len();
        assert!(drive.until(LONG, |drive| drive.kept.values.len() > before).await, "{:?}", drive.link.status());
        let kept = if round % 2 == 0 { drive.crash() } else { drive.crash_before_cursor().await };
        drive = Drive::resume(protocol.protocol(), &points, kept);
    }
    assert!(drive.until(LONG, has(&expected)).await, "{} of 400: {:?}", drive.kept.values.len(), drive.link.status());
    let arrivals = drive.kept.arrivals;
    assert_eq!(drive.close().await.values, expected);
    assert!(arrivals <= 400 + 4 * 256 + 100, "only what was not acknowledged comes again: {arrivals}");
    // What was acknowledged at the end does not come again.
    let mut drive = Drive::open(protocol.protocol(), &points);
    let mut last = Values::new();
    publish(&mut hand, 400..401, &mut last);
    assert!(drive.until(LONG, has(&last)).await, "{:?}", drive.link.status());
    assert_eq!(drive.close().await.values, last);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_cut_again_and_again_loses_nothing() {
    let Some(server) = Server::start() else { return };
    let (mut hand, mut expected) = (server.stream(), Values::new());
    let wire = Wire::to(server.port).await;
    let protocol = streamed(wire.port);
    let mut drive = Drive::open(protocol.protocol(), &points(PLANT));
    for round in 0..if is_long() { 1000 } else { 20 } {
        publish(&mut hand, round * 20..round * 20 + 20, &mut expected);
        let before = drive.link.status().connects;
        let at = expected.len() - 10;
        assert!(drive.until(LONG, |drive| drive.kept.values.len() >= at).await, "{round}: {:?}", drive.link.status());
        wire.cut();
        let again = |drive: &Drive| drive.link.status().connects > before;
        assert!(drive.until(LONG, again).await, "{round}: {:?}", drive.link.status());
    }
    assert!(drive.until(LONG, has(&expected)).await, "{} kept: {:?}", drive.kept.values.len(), drive.link.status());
    assert_eq!(drive.close().await.values, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_line_is_noticed() {
    let Some(server) = Server::start() else { return };
    let (mut hand, mut expected) = (server.stream(), Values::new());
    let wire = Wire::to(server.port).await;
    let protocol = streamed(wire.port);
    let mut drive = Drive::open(protocol.protocol(), &points(PLANT));
    publish(&mut hand, 0..10, &mut expected);
    assert!(drive.until(LONG, has(&expected)).await, "{:?}", drive.link.status());
    wire.set(Weather::Silent);
    assert!(drive.until(LONG, |drive| drive.link.status().failures > 0).await, "{:?}", drive.link.status());
    if is_long() {
        drive.until(Duration::from_secs(60), |_| false).await;
    }
    publish(&mut hand, 10..20, &mut expected);
    wire.set(Weather::Fair);
    assert!(drive.until(LONG, has(&expected)).await, "{:?}", drive.link.status());
    assert_eq!(drive.link.status().phase, Phase::Live);
    assert_eq!(drive.close().await.values, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_line_is_survived() {
    let Some(server) = Server::start() else { return };
    let (mut hand, mut expected) = (server.stream(), Values::new());
    let wire = Wire::to(server.port).await;
    let (protocol, points) = (streamed(wire.port), points(PLANT));
    for seed in 1..if is_long() { 40 } else { 4 } {
        wire.seed(seed * 7919);
        let mut drive = Drive::open(protocol.protocol(), &points);
        wire.set(Weather::Hostile);
        publish(&mut hand, (seed as i64) * 100..(seed as i64) * 100 + 20, &mut Values::new());
        // Refusals read into spoiled answers are errors; a server asks again as this does.
        let (least, end) = (tokio::time::Instant::now() + Duration::from_secs(3), tokio::time::Instant::now() + LONG);
        while tokio::time::Instant::now() < if drive.link.status().last_error.is_some() { least } else { end } {
            let soon = tokio::time::Instant::now() + Duration::from_millis(250);
            drop(tokio::time::timeout_at(soon, drive.step()).await);
        }
        assert!(drive.link.status().last_error.is_some(), "{:?}", drive.link.status());
        wire.set(Weather::Fair);
        wire.cut();
        publish(&mut hand, (seed as i64) * 100 + 50..(seed as i64) * 100 + 60, &mut expected);
        let time = *expected.keys().map(|(_, _, time)| time).max().unwrap();
        let end = tokio::time::Instant::now() + LONG;
        while !drive.kept.values.keys().any(|key| key.2 == time) && tokio::time::Instant::now() < end {
            drop(tokio::time::timeout_at(end, drive.step()).await);
        }
        for (key, value) in expected.iter().filter(|(key, _)| key.2 > (BEGINS + seed as i64 * 100_000) * 1000) {
            assert_eq!(drive.kept.values.get(key), Some(value), "seed {seed}: {:?}", drive.link.status());
        }
        drop(drive.close().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_requests_and_acknowledgements_is_sent() {
    let Some(server) = Server::start() else { return };
    let (mut hand, mut expected) = (server.stream(), Values::new());
    let wire = Wire::to(server.port).await;
    let (protocol, points) = (streamed(wire.port), points(PLANT));
    publish(&mut hand, 0..300, &mut expected);
    let mut drive = Drive::open(protocol.protocol(), &points);
    assert!(drive.until(LONG, has(&expected)).await, "{:?}", drive.link.status());
    drop(drive.close().await);
    let link = Link::new("look", Timestamp::now);
    protocol.protocol().probe(&points, &link).await.unwrap();
    protocol.protocol().discover(&link, &|_| {}).await.unwrap();
    let published = hand::published(&wire.sent());
    let allowed = [
        "$JS.API.STREAM.INFO.",
        "$JS.API.CONSUMER.DURABLE.CREATE.",
        "$JS.API.CONSUMER.CREATE.",
        "$JS.API.CONSUMER.MSG.NEXT.",
        "$JS.API.STREAM.MSG.GET.",
        "$JS.API.DIRECT.GET.",
    ];
    let mut acknowledged = 0;
    for (subject, payload) in &published {
        if subject.starts_with("$JS.ACK.") {
            assert!(payload.is_empty(), "{subject} {payload}");
            acknowledged += 1;
        } else {
            assert!(allowed.iter().any(|prefix| subject.starts_with(prefix)), "{subject} {payload}");
        }
    }
    assert!(acknowledged >= 300, "{acknowledged} of 300 acknowledged, {} sent", published.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_discovered_can_be_read() {
    let Some(server) = Server::start() else { return };
    let mut hand = server.stream();
    hand.publish("plant.t01", &json!({"time": BEGINS, "active_power_kw": 1500.0, "wind_speed": 7.5}).to_string());
    let protocol = streamed(server.port);
    let link = Link::new("look", Timestamp::now);
    let found = protocol.protocol().discover(&link, &|_| {}).await.unwrap();
    let text = points_file("nats", &found);
    assert!(text.contains("plant.t01#/wind_speed"), "{text}");
    let points = Arc::new(Points::parse(&text, "found.toml", &Quantities::standard()).unwrap());
    let probe = protocol.protocol().probe(&points, &link).await.unwrap();
    assert!(probe.peer.starts_with("NATS 2.") && probe.says.contains("1 of 1 subjects"), "{probe:?}");
    let mut drive = Drive::open(protocol.protocol(), &points);
    assert!(drive.until(LONG, |drive| !drive.kept.values.is_empty()).await, "{:?}", drive.link.status());
    let kept = drive.close().await;
    assert!(
        kept.values.iter().any(|((_, quantity, time), value)| quantity == "wind_speed" && *time == BEGINS * 1000 && *value == 7.5),
        "{kept:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_stream_is_told_with_the_remedy() {
    let Some(server) = Server::start() else { return };
    let protocol = connection(server.port, "stream = \"PLANTS\"\n");
    let link = Link::new("look", Timestamp::now);
    let said = protocol.protocol().probe(&points(PLANT), &link).await.unwrap_err().to_string();
    assert!(said.contains("no stream \"PLANTS\"") && said.contains("nats stream ls"), "{said}");
    let mut source = protocol.protocol().open(points(PLANT), link).unwrap();
    let said = loop {
        if let Err(error) = source.next_page(None).await {
            break error.to_string();
        }
    };
    assert!(said.contains("no stream \"PLANTS\""), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_subjects_are_read_as_they_come() {
    let Some(server) = Server::start() else { return };
    let protocol = connection(server.port, "");
    let mut drive = Drive::open(protocol.protocol(), &points(PLANT));
    assert!(drive.until(LONG, |drive| drive.link.status().phase == Phase::Live).await, "{:?}", drive.link.status());
    let (mut hand, mut expected) = (server.hand(), Values::new());
    for n in 0..50 {
        let time = BEGINS + n * 1000;
        hand.shout("plant.t01", &json!({"t": time, "power": 1.0}).to_string());
        expected.insert(("T01".into(), "active_power".into(), time * 1000), 1000.0);
    }
    assert!(drive.until(LONG, has(&expected)).await, "{:?}", drive.link.status());
    assert_eq!(drive.close().await.values, expected);
}
