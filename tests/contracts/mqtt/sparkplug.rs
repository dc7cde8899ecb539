//! Sparkplug B: births, data by alias, gaps, deaths, and the one command that may be sent.
//!
//! In: payloads that the publisher writes byte by byte, as a node would. Out: failures. Not here: JSON.

use super::super::drive::{Kept, points};
use super::super::wire::Wire;
use super::looks::{READING, packets};
use super::{Mosquitto, NOON, Publisher, SOON, live, settings};
use connectors::live::{Link, Points, Protocol, points_file};
use engine::domain::{Quantities, Timestamp};
use serde_json::{Value, json};
use std::sync::Arc;

const POINTS: &str = r#"
assets = [{ id = "i1", kind = "pv_inverter" }, { id = "m", kind = "meter" }]

[[points]]
address = "park/edge/inv1:AC/Power"
asset = "i1"
quantity = "active_power"

[[points]]
address = "park/edge/inv1:AC/Reactive"
asset = "i1"
quantity = "reactive_power"

[[points]]
address = "park/edge/inv1:Alarm"
asset = "i1"
event = "Isolation fault"

[[points]]
address = "park/edge:Meter/P"
asset = "m"
quantity = "active_power"
"#;

fn plug(more: Value) -> Value {
    Value::Object([("sparkplug".to_owned(), more)].into_iter().collect())
}

/// A node that counts its messages.
struct Edge(Publisher, u64);

impl Edge {
    fn send(&mut self, kind: &str, device: &str, seconds: i64, metrics: &Value) {
        let topic =
            if device.is_empty() { format!("spBv1.0/park/{kind}/edge") } else { format!("spBv1.0/park/{kind}/edge/{device}") };
        let mut order = json!({"do": "sparkplug", "topic": topic, "timestamp": NOON + seconds * 1000, "metrics": metrics});
        if kind != "NDEATH" {
            order["seq"] = (self.1 % 256).into();
            self.1 += 1;
        }
        self.0.0.ask(&order);
    }

    fn birth(&mut self, number: u64, seconds: i64) {
        self.1 = 0;
        let metrics = json!([
            {"name": "bdSeq", "type": "UInt64", "value": number},
            {"name": "Node Control/Rebirth", "type": "Boolean", "value": false},
            {"name": "Meter/P", "alias": 1, "type": "Double", "value": 50.5, "properties": {"engUnit": "kW"}},
        ]);
        self.send("NBIRTH", "", seconds, &metrics);
        let metrics = json!([
            {"name": "AC/Power", "alias": 2, "type": "Float", "value": 7.5},
            {"name": "AC/Reactive", "alias": 3, "type": "Int16", "value": -12},
            {"name": "Alarm", "alias": 4, "type": "Boolean", "value": false},
            {"name": "Serial", "alias": 5, "type": "String", "value": "x"},
        ]);
        self.send("DBIRTH", "inv1", seconds, &metrics);
    }

    fn death(&mut self, number: u64) {
        self.send("NDEATH", "", 0, &json!([{"name": "bdSeq", "type": "UInt64", "value": number}]));
    }

    fn power(&mut self, seconds: i64, value: f64) {
        self.send("DDATA", "inv1", seconds, &json!([{"alias": 2, "type": "Float", "value": value}]));
    }
}

fn second(n: i64) -> i64 {
    (NOON + n * 1000) * 1000
}

#[tokio::test(flavor = "multi_thread")]
async fn births_data_gaps_and_deaths() {
    let Some(broker) = Mosquitto::open() else { return };
    let wire = Wire::to(broker.port).await;
    let mut edge = Edge(broker.publisher(), 7);
    let mut drive = live(&settings(wire.port, plug(json!({}))), &points(POINTS), Kept::default()).await;
    // Not born yet as far as we know: by alias it cannot be named, by name it can.
    edge.power(-2, 1.0);
    edge.send("DDATA", "inv1", -1, &json!([{"name": "AC/Power", "type": "Float", "value": 2.0}]));
    edge.birth(3, 0);
    // Its type is that of the birth; its time may be its own; historical, null, stale and bad ones.
    let metrics = json!([
        {"alias": 3, "type": "Int16", "no_type": true, "value": -40, "timestamp": NOON + 1500},
        {"alias": 2, "type": "Float", "value": 3.0, "timestamp": NOON - 60_000, "historical": true},
        {"alias": 4, "type": "Boolean", "value": true},
    ]);
    edge.send("DDATA", "inv1", 1, &metrics);
    edge.send(
        "DDATA",
        "inv1",
        2,
        &json!([{"alias": 2, "type": "Float", "null": true}, {"alias": 4, "type": "Boolean", "value": false}]),
    );
    edge.send("DDATA", "inv1", 3, &json!([{"alias": 2, "type": "Float", "value": 8.0, "properties": {"Quality": 500}}]));
    edge.send("DDATA", "inv1", 4, &json!([{"alias": 2, "type": "Float", "value": 9.0, "properties": {"Quality": 0}}]));
    edge.send("NDATA", "", 4, &json!([{"alias": 1, "type": "Double", "value": 60.25, "properties": {"Quality": 192}}]));
    // One is lost.
    edge.1 += 1;
    edge.power(5, 10.0);
    edge.power(6, 11.0);
    // A will of an older connection, then the node is born again, and dies.
    edge.death(2);
    edge.birth(4, 7);
    edge.power(8, 12.0);
    edge.send("DDEATH", "inv1", 9, &json!([]));
    edge.death(4);
    let offline = |drive: &super::Drive, what: &str| drive.kept.events.keys().any(|key| key.1.contains(what));
    let all = drive.until(SOON, |drive| offline(drive, "node park/edge is offline")).await;
    assert!(all, "{:?}", drive.kept);
    let kept = drive.close().await;
    let power: Vec<_> =
        [(-60, 3.0), (-1, 2.0), (0, 7.5), (3, 8.0), (5, 10.0), (6, 11.0), (7, 7.5), (8, 12.0)].map(|(n, v)| (second(n), v)).into();
    assert_eq!(kept.series("i1", "active_power"), power);
    let reactive = [(second(0), -12.0), (second(1) + 500_000, -40.0), (second(7), -12.0)];
    assert_eq!(kept.series("i1", "reactive_power"), reactive);
    assert_eq!(kept.series("m", "active_power"), [(second(0), 50.5), (second(4), 60.25), (second(7), 50.5)]);
    let flags: Vec<_> = kept.flags.iter().filter(|flag| flag.0 == "i1" && flag.1 == "active_power").collect();
    let told: Vec<_> = flags.iter().map(|flag| (flag.2, flag.3.as_str(), flag.4.as_str())).collect();
    for flag in [
        (second(2), "invalid", "null_value"),
        (second(3), "questionable", "stale"),
        (second(4), "invalid", "bad_quality"),
        (second(5), "questionable", "sequence_gap"),
        (second(9), "invalid", "comms_lost"),
    ] {
        assert!(told.contains(&flag), "{flag:?}: {told:?}");
    }
    assert!(!told.iter().any(|flag| flag.0 >= second(7) && flag.2 == "sequence_gap"), "a birth ends it: {told:?}");
    assert!(kept.flags.iter().any(|flag| flag.0 == "m" && flag.4 == "comms_lost"), "{:?}", kept.flags);
    let alarm = kept.events.iter().find(|(key, _)| key.1 == "Isolation fault").unwrap();
    assert_eq!((alarm.0.2, *alarm.1), (second(1), Some(second(2))));
    assert!(kept.events.keys().any(|key| key.1.contains("device park/edge/inv1 is offline")), "{:?}", kept.events);
    let reasons: Vec<_> = kept.rejects.iter().map(|reject| reject.reason).collect();
    assert_eq!(reasons, ["unknown_alias", "sequence_gap"], "{:?}", kept.rejects);
    for (reject, remedy) in kept.rejects.iter().zip(["request_rebirth", "some were lost"]) {
        assert!(reject.detail.starts_with("park/edge: ") && reject.detail.contains(remedy), "{}", reject.detail);
    }
    assert!(packets(&wire.sent()).iter().all(|packet| READING.contains(&packet.0)), "nothing is published");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_switch_a_rebirth_is_asked_for_and_nothing_else() {
    for version in ["5", "3.1.1"] {
        let Some(broker) = Mosquitto::open() else { return };
        let wire = Wire::to(broker.port).await;
        let mut edge = Edge(broker.publisher(), 7);
        let more = json!({"sparkplug": {"request_rebirth": true}, "version": version});
        let mut drive = live(&settings(wire.port, more), &points(POINTS), Kept::default()).await;
        edge.power(-2, 1.0);
        edge.power(-1, 1.0);
        assert!(drive.until(SOON, |drive| drive.kept.rejects.len() == 2).await, "{:?}", drive.kept);
        edge.birth(3, 0);
        assert!(drive.until(SOON, |drive| drive.kept.values.len() == 3).await, "{:?}", drive.kept);
        drop(drive.close().await);
        let heard = edge.0.0.ask(&json!({"do": "commands"}));
        assert_eq!(heard["commands"], json!([{"topic": "spBv1.0/park/NCMD/edge", "names": ["Node Control/Rebirth"]}]), "{version}");
        let published = packets(&wire.sent()).iter().filter(|packet| packet.0 == 3).count();
        assert_eq!(published, 1, "{version}: once, though two messages wanted it");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn births_are_discovered() {
    let Some(broker) = Mosquitto::open() else { return };
    let mut edge = Edge(broker.publisher(), 0);
    let settings = settings(broker.port, json!({"sparkplug": {"group": "park"}, "discover_s": 2}));
    let link = Link::new("look", Timestamp::now);
    let looked = settings.clone();
    let looking = tokio::spawn(async move { looked.discover(&link, &|_| {}).await.unwrap() });
    while !looking.is_finished() {
        edge.birth(1, 0);
    }
    let found = looking.await.unwrap();
    let text = points_file(&settings.peer(), &found);
    let points =
        Arc::new(Points::parse(&text, "found.toml", &Quantities::standard()).unwrap_or_else(|error| panic!("{error}\n{text}")));
    for line in ["park/edge:Meter/P", "park/edge/inv1:AC/Power", "park/edge/inv1:Alarm"] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(!text.contains("Node Control") && !text.contains("bdSeq"), "{text}");
    let mut drive = live(&settings, &points, Kept::default()).await;
    edge.birth(2, 1);
    assert!(drive.until(SOON, |drive| drive.kept.values.values().any(|value| *value == 7.5)).await, "{text}\n{:?}", drive.kept);
}
