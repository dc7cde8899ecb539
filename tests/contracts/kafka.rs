//! Kafka against librdkafka's mock cluster, a broker that speaks the real protocol (`peers/bus_kafka.py`).
//!
//! In: topics filled by its producer. Out: a failure when a record is lost, doubled or misread. The mock does not sign in and writes no ends of
//! transactions: these are not tested. Not here: NATS.

use super::drive::{Drive, Values, points};
use super::peer::{Peer, free_port};
use super::wire::{Weather, Wire};
use connectors::connection::Connection;
use connectors::live::{Link, Phase, Points, points_file};
use engine::domain::{Quantities, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);
/// 2026-01-01, ms.
const BEGINS: i64 = 1_767_225_600_000;

const PLANT: &str = r#"
[[assets]]
id = "T01"
kind = "wind_turbine"
[[assets]]
id = "T02"
kind = "wind_turbine"
[[points]]
address = "scada[T01]#/power"
asset = "T01"
quantity = "active_power"
unit = "MW"
time = "/t"
[[points]]
address = "scada[T01]#/wind/speed"
asset = "T01"
quantity = "wind_speed"
time = "/t"
quality = "/wind/q"
[[points]]
address = "scada[T02]#/power"
asset = "T02"
quantity = "active_power"
unit = "MW"
time = "/t"
[[points]]
address = "alarms"
asset = "T01"
event = "Gearbox hot"
"#;

struct Broker {
    port: u16,
    peer: Peer,
    folder: tempfile::TempDir,
}

impl Broker {
    fn start() -> Option<Self> {
        let (port, folder) = (free_port(), tempfile::tempdir().unwrap());
        let peer = Self::run(port, &folder)?;
        let mut broker = Self { port, peer, folder };
        // Topics are made by the first record; this one is of nobody.
        broker.publish(&[json!(["scada", "nobody", "{}", 3, BEGINS]), json!(["alarms", null, "0", 0, BEGINS])]);
        Some(broker)
    }

    fn run(port: u16, folder: &tempfile::TempDir) -> Option<Peer> {
        let journal = folder.path().join("journal");
        Peer::python("bus_kafka.py", &[&port.to_string(), journal.to_str().unwrap()])
    }

    fn restart(&mut self) {
        self.peer = Self::run(self.port, &self.folder).expect("there was one before");
    }

    fn publish(&mut self, records: &[Value]) {
        self.peer.ask(&json!({"publish": records}));
    }

    /// Clients are sent to this port from now on.
    fn advertise(&mut self, port: u16) {
        self.peer.ask(&json!({"advertise": port}));
    }

    /// Values `from..to` of both turbines, in partitions of their own.
    fn values(&mut self, range: std::ops::Range<i64>, expected: &mut Values) {
        let mut records = Vec::new();
        for n in range {
            let (time, asset) = (BEGINS + n * 1000, if n % 2 == 0 { "T01" } else { "T02" });
            let power = 1.0 + n as f64 / 1024.0;
            records.push(json!(["scada", asset, json!({"t": time, "power": power}).to_string(), n % 2, time]));
            expected.insert((asset.into(), "active_power".into(), time * 1000), power * 1000.0);
        }
        self.publish(&records);
    }
}

fn connection(port: u16, more: &str) -> Connection {
    toml::from_str(&format!("[kafka]\nbrokers = [\"127.0.0.1:{port}\"]\n{more}")).unwrap()
}

fn is_long() -> bool {
    std::env::var_os("CHERGUI_LONG").is_some()
}

fn has(expected: &Values) -> impl Fn(&Drive) -> bool {
    let last = expected.len();
    move |drive: &Drive| drive.kept.values.len() >= last
}

#[tokio::test(flavor = "multi_thread")]
async fn values_qualities_and_events_are_what_was_produced() {
    let Some(mut broker) = Broker::start() else { return };
    let t = |n: i64| BEGINS + n * 1000;
    let record = |key: &str, n: i64, body: Value| json!(["scada", key, body.to_string(), 0, t(n)]);
    broker.publish(&[
        record("T01", 0, json!({"t": t(0), "power": 1.5, "wind": {"speed": 7.25, "q": 192}})),
        record("T01", 1, json!({"t": t(1), "power": 1.25, "wind": {"speed": 8.0, "q": 64}})),
        record("T01", 2, json!({"t": t(2), "power": null, "wind": {"speed": 99.0, "q": 0}})),
        record("T02", 3, json!({"t": t(3), "power": 0.5})),
        record("T03", 4, json!({"t": t(4), "power": 0.5})),
        json!(["scada", "T01", "{no json", 0, t(5)]),
        json!(["scada", "T01", null, 0, t(5)]),
        json!(["alarms", null, "1", 0, t(6)]),
        json!(["alarms", null, "0", 0, t(7)]),
    ]);
    let protocol = connection(broker.port, "");
    let mut drive = Drive::open(protocol.protocol(), &points(PLANT));
    let is_done = |drive: &Drive| drive.kept.events.values().any(Option::is_some) && !drive.kept.rejects.is_empty();
    assert!(drive.until(LONG, is_done).await, "{:?} {:?}", drive.link.status(), drive.kept);
    let kept = drive.close().await;
    let key = |asset: &str, quantity: &str, n: i64| (asset.to_owned(), quantity.to_owned(), t(n) * 1000);
    let expected: Values = [
        (key("T01", "active_power", 0), 1500.0),
        (key("T01", "active_power", 1), 1250.0),
        (key("T02", "active_power", 3), 500.0),
        (key("T01", "wind_speed", 0), 7.25),
        (key("T01", "wind_speed", 1), 8.0),
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
    // Without a time in the payload the record's counts.
    let raised = ("T01".to_owned(), "Gearbox hot".to_owned(), t(6) * 1000);
    assert_eq!(kept.events, [(raised, Some(t(7) * 1000))].into());
    assert_eq!(kept.rejects.iter().map(|reject| reject.reason).collect::<Vec<_>>(), ["bad_json"]);
    assert_eq!(kept.arrivals, 5, "nothing twice");
    assert_eq!(kept.cursor.unwrap().0, r#"{"alarms":{"0":3,"1":0,"2":0,"3":0},"scada":{"0":7,"1":0,"2":0,"3":1}}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_killed_loses_and_doubles_nothing() {
    let Some(mut broker) = Broker::start() else { return };
    let mut expected = Values::new();
    let protocol = connection(broker.port, "");
    let mut drive = Drive::open(protocol.protocol(), &points(PLANT));
    broker.values(0..60, &mut expected);
    assert!(drive.until(LONG, |drive| drive.kept.values.len() >= 20).await, "{:?}", drive.link.status());
    broker.peer.kill();
    assert!(drive.until(LONG, |drive| drive.link.status().failures > 0).await, "{:?}", drive.link.status());
    broker.restart();
    broker.values(60..120, &mut expected);
    assert!(drive.until(LONG, has(&expected)).await, "{} of 120: {:?}", drive.kept.values.len(), drive.link.status());
    let kept = drive.close().await;
    assert_eq!((kept.values, kept.arrivals), (expected, 120));
}

#[tokio::test(flavor = "multi_thread")]
async fn we_may_be_killed_anywhere() {
    let Some(mut broker) = Broker::start() else { return };
    let mut expected = Values::new();
    let (protocol, points) = (connection(broker.port, "fetch_bytes = 1024\n"), points(PLANT));
    let mut drive = Drive::open(protocol.protocol(), &points);
    for round in 0..4 {
        broker.values(round * 30..round * 30 + 30, &mut expected);
        let before = drive.kept.values.len();
        assert!(drive.until(LONG, |drive| drive.kept.values.len() > before).await, "{:?}", drive.link.status());
        let kept = if round % 2 == 0 { drive.crash() } else { drive.crash_before_cursor().await };
        drive = Drive::resume(protocol.protocol(), &points, kept);
    }
    assert!(drive.until(LONG, has(&expected)).await, "{} of 120: {:?}", drive.kept.values.len(), drive.link.status());
    let kept = drive.close().await;
    assert_eq!(kept.values, expected);
    assert!((120..=180).contains(&kept.arrivals), "only pages without their cursor come again: {}", kept.arrivals);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_cut_again_and_again_loses_and_doubles_nothing() {
    let Some(mut broker) = Broker::start() else { return };
    let mut expected = Values::new();
    let wire = Wire::to(broker.port).await;
    broker.advertise(wire.port);
    let protocol = connection(wire.port, "");
    let mut drive = Drive::open(protocol.protocol(), &points(PLANT));
    for round in 0..if is_long() { 1000 } else { 20 } {
        broker.values(round * 10..round * 10 + 10, &mut expected);
        let (before, at) = (wire.connections(), expected.len() - 5);
        assert!(drive.until(LONG, |drive| drive.kept.values.len() >= at).await, "{round}: {:?}", drive.link.status());
        wire.cut();
        assert!(drive.until(LONG, |_| wire.connections() > before).await, "{round}: {:?}", drive.link.status());
    }
    assert!(drive.until(LONG, has(&expected)).await, "{} kept: {:?}", drive.kept.values.len(), drive.link.status());
    let kept = drive.close().await;
    assert_eq!(kept.arrivals, expected.len(), "nothing twice");
    assert_eq!(kept.values, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_line_is_noticed() {
    let Some(mut broker) = Broker::start() else { return };
    let mut expected = Values::new();
    let wire = Wire::to(broker.port).await;
    broker.advertise(wire.port);
    let protocol = connection(wire.port, "");
    let mut drive = Drive::open(protocol.protocol(), &points(PLANT));
    broker.values(0..10, &mut expected);
    assert!(drive.until(LONG, has(&expected)).await, "{:?}", drive.link.status());
    wire.set(Weather::Silent);
    assert!(drive.until(LONG, |drive| drive.link.status().failures > 0).await, "{:?}", drive.link.status());
    if is_long() {
        drive.until(Duration::from_secs(60), |_| false).await;
    }
    broker.values(10..20, &mut expected);
    wire.set(Weather::Fair);
    assert!(drive.until(LONG, has(&expected)).await, "{:?}", drive.link.status());
    assert_eq!(drive.link.status().phase, Phase::Live);
    let kept = drive.close().await;
    assert_eq!((kept.values, kept.arrivals), (expected, 20));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_line_is_survived() {
    let Some(mut broker) = Broker::start() else { return };
    let mut expected = Values::new();
    let wire = Wire::to(broker.port).await;
    broker.advertise(wire.port);
    let (protocol, points) = (connection(wire.port, ""), points(PLANT));
    for seed in 1..if is_long() { 40 } else { 4 } {
        wire.seed(seed * 7919);
        let mut drive = Drive::open(protocol.protocol(), &points);
        wire.set(Weather::Hostile);
        broker.values((seed as i64) * 20..(seed as i64) * 20 + 20, &mut expected);
        // Refusals read into spoiled answers are errors; a server asks again as this does.
        let (least, end) = (tokio::time::Instant::now() + Duration::from_secs(3), tokio::time::Instant::now() + LONG);
        while tokio::time::Instant::now() < if drive.link.status().last_error.is_some() { least } else { end } {
            let soon = tokio::time::Instant::now() + Duration::from_millis(250);
            drop(tokio::time::timeout_at(soon, drive.step()).await);
        }
        assert!(drive.link.status().last_error.is_some(), "{:?}", drive.link.status());
        wire.set(Weather::Fair);
        wire.cut();
        let end = tokio::time::Instant::now() + LONG;
        while drive.kept.values.len() < expected.len() && tokio::time::Instant::now() < end {
            drop(tokio::time::timeout_at(end, drive.step()).await);
        }
        // Records carry checksums: what is spoiled is not read.
        assert_eq!(drive.kept.values, expected, "seed {seed}: {:?}", drive.link.status());
        drop(drive.close().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_produced_or_committed() {
    let Some(mut broker) = Broker::start() else { return };
    let mut expected = Values::new();
    let wire = Wire::to(broker.port).await;
    broker.advertise(wire.port);
    let (protocol, points) = (connection(wire.port, ""), points(PLANT));
    broker.values(0..40, &mut expected);
    let link = Link::new("look", Timestamp::now);
    let probe = protocol.protocol().probe(&points, &link).await.unwrap();
    assert!(probe.says.contains("scada: 4 partitions, 41 records"), "{probe:?}");
    protocol.protocol().discover(&link, &|_| {}).await.unwrap();
    let mut drive = Drive::open(protocol.protocol(), &points);
    assert!(drive.until(LONG, has(&expected)).await, "{:?}", drive.link.status());
    drop(drive.close().await);
    // A request is its length, then the number of what is asked (Kafka protocol guide, "Request header").
    let (sent, mut asked) = (wire.sent(), BTreeSet::new());
    let mut rest = sent.as_slice();
    while let Some((size, after)) = rest.split_first_chunk::<4>() {
        let size = u32::from_be_bytes(*size) as usize;
        asked.insert(i16::from_be_bytes([after[0], after[1]]));
        rest = &after[size..];
    }
    const FETCH: i16 = 1;
    const LIST_OFFSETS: i16 = 2;
    const METADATA: i16 = 3;
    const API_VERSIONS: i16 = 18;
    assert_eq!(asked, [FETCH, LIST_OFFSETS, METADATA, API_VERSIONS].into());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_discovered_can_be_read() {
    let Some(mut broker) = Broker::start() else { return };
    let body = json!({"time": BEGINS, "active_power_kw": 1500.0, "wind_speed": 7.5}).to_string();
    broker.publish(&[json!(["plant.data", "WTG-7", body, 2, BEGINS])]);
    let protocol = connection(broker.port, "topics = [\"plant.data\"]\n");
    let link = Link::new("look", Timestamp::now);
    let found = protocol.protocol().discover(&link, &|_| {}).await.unwrap();
    let text = points_file("kafka", &found);
    assert!(text.contains("plant.data[WTG-7]#/wind_speed"), "{text}");
    let points = Arc::new(Points::parse(&text, "found.toml", &Quantities::standard()).unwrap());
    let mut drive = Drive::open(protocol.protocol(), &points);
    assert!(drive.until(LONG, |drive| !drive.kept.values.is_empty()).await, "{:?}", drive.link.status());
    let kept = drive.close().await;
    let is_it = |((_, quantity, time), value): (&(String, String, i64), &f64)| {
        quantity == "wind_speed" && *time == BEGINS * 1000 && *value == 7.5
    };
    assert!(kept.values.iter().any(is_it), "{kept:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_topic_is_told_with_the_remedy() {
    let Some(broker) = Broker::start() else { return };
    let protocol = connection(broker.port, "");
    let wrong = points(&PLANT.replace("scada[", "scadas["));
    let mut source = protocol.protocol().open(wrong, Link::new("wrong", Timestamp::now)).unwrap();
    let said = loop {
        if let Err(error) = source.next_page(None).await {
            break error.to_string();
        }
    };
    assert!(said.contains("no topic \"scadas\"") && said.contains("nearest is \"scada\""), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_read_from_now_on_is_that_after_a_restart_too() {
    let Some(mut broker) = Broker::start() else { return };
    let (protocol, points) = (connection(broker.port, "start = \"latest\"\n"), points(PLANT));
    let (mut before, mut expected) = (Values::new(), Values::new());
    broker.values(0..10, &mut before);
    let mut drive = Drive::open(protocol.protocol(), &points);
    let stands = |drive: &Drive| drive.kept.cursor.as_ref().is_some_and(|cursor| cursor.0.matches(':').count() >= 10);
    assert!(drive.until(LONG, stands).await, "{:?} {:?}", drive.link.status(), drive.kept.cursor);
    let kept = drive.crash();
    broker.values(10..20, &mut expected);
    let mut drive = Drive::resume(protocol.protocol(), &points, kept);
    assert!(drive.until(LONG, has(&expected)).await, "{:?}", drive.link.status());
    assert_eq!(drive.close().await.values, expected);
}
