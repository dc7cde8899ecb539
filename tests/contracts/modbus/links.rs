//! Links that fail: peers and we are killed, cables cut, pulled and lied on.
//!
//! In: a register that counts its reads, so that a value kept twice or out of order shows. Out: a failure. A register knows only now, so what
//! passed while the link was down is lost and nothing else is.

use super::super::drive::{Drive, Kept, points};
use super::super::far::{self, Far};
use super::super::peer::Peer;
use super::super::wire::{Weather, Wire};
use super::{SOON, server, server_at, settings};
use connectors::live::{Link, Phase, Protocol};
use engine::domain::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

const COUNTER: &str = r#"
[[assets]]
id = "m1"
kind = "meter"

[[assets]]
id = "inv"
kind = "pv_inverter"

[[points]]
address = "1/hr:0"
asset = "m1"
quantity = "active_energy"

[[points]]
address = "1/co:0"
asset = "m1"
event = "Door open"

[[points]]
address = "2/sunspec:103/W"
asset = "inv"
quantity = "active_power"
unit = "W"
"#;

fn is_long() -> bool {
    std::env::var_os("CHERGUI_LONG").is_some()
}

/// The counter from `first` on, the coil, the inverter.
fn orders(first: u16) -> Vec<Value> {
    vec![
        json!({ "put": { "unit": 1, "at": 0, "values": [first] } }),
        json!({ "count": { "unit": 1, "at": 0 } }),
        json!({ "put": { "unit": 1, "table": "co", "at": 0, "values": [0] } }),
        json!({ "sunspec": { "unit": 2, "models": [{ "ID": 103, "points": { "W": 500, "W_SF": 1 } }] } }),
    ]
}

fn prepare(peer: &mut Peer) {
    for order in orders(0) {
        peer.ask(&order);
    }
}

/// Each count once, later counts later.
fn assert_in_order(kept: &Kept) {
    let counts = kept.series("m1", "active_energy");
    assert!(counts.windows(2).all(|pair| pair[0].1 < pair[1].1), "out of order or twice: {counts:?}");
    assert_eq!(kept.arrivals, kept.values.len(), "a row came twice");
    assert!(kept.series("inv", "active_power").iter().all(|(_, value)| *value == 5.0));
}

fn count(drive: &Drive) -> usize {
    drive.kept.series("m1", "active_energy").len()
}

#[tokio::test]
async fn a_killed_device_is_missed_once_and_read_again() {
    let Some((mut peer, port)) = server() else { return };
    prepare(&mut peer);
    let (settings, points) = (settings(port, json!({})), points(COUNTER));
    let mut drive = Drive::open(&settings, &points);
    assert!(drive.until(SOON, |drive| count(drive) >= 5).await);
    peer.kill();
    assert!(drive.until(SOON, |drive| drive.link.status().phase == Phase::Waiting).await);
    assert!(drive.until(SOON, |drive| drive.kept.flags.len() >= 2).await, "{:?}", drive.kept.flags);
    assert_in_order(&drive.kept);
    let before = count(&drive);
    let _peer = server_at(port, &orders(10_000)).unwrap();
    assert!(drive.until(SOON, |drive| count(drive) >= before + 5).await, "{:?}", drive.link.status());
    assert_in_order(&drive.kept);
    let lost = |quantity: &str| drive.kept.flags.iter().filter(|flag| flag.1 == quantity && flag.4 == "comms_lost").count();
    assert_eq!((lost("active_energy"), lost("active_power")), (1, 1), "{:?}", drive.kept.flags);
    let status = drive.link.status();
    assert!(status.phase == Phase::Live && status.connects == 2 && status.failures >= 1, "{status:?}");
}

#[tokio::test]
async fn we_are_killed_and_an_alarm_that_ended_meanwhile_gets_its_end() {
    let Some((mut peer, port)) = server() else { return };
    prepare(&mut peer);
    let (settings, points) = (settings(port, json!({})), points(COUNTER));
    let mut drive = Drive::open(&settings, &points);
    assert!(drive.until(SOON, |drive| count(drive) >= 3).await);
    peer.ask(&json!({ "put": { "unit": 1, "table": "co", "at": 0, "values": [1] } }));
    assert!(drive.until(SOON, |drive| !drive.kept.events.is_empty()).await);
    let raised = drive.kept.events.clone();
    let kept = drive.crash();
    peer.ask(&json!({ "put": { "unit": 1, "table": "co", "at": 0, "values": [0] } }));
    let before = kept.series("m1", "active_energy").len();
    let mut drive = Drive::resume(&settings, &points, kept);
    assert!(drive.until(SOON, |drive| drive.kept.events.values().all(Option::is_some)).await, "{:?}", drive.kept.events);
    assert!(drive.kept.events.keys().eq(raised.keys()), "the same alarm, not a second one: {:?}", drive.kept.events);
    assert!(drive.until(SOON, |drive| count(drive) >= before + 3).await);
    let kept = drive.crash_before_cursor().await;
    let before = kept.series("m1", "active_energy").len();
    let mut drive = Drive::resume(&settings, &points, kept);
    assert!(drive.until(SOON, |drive| count(drive) >= before + 3).await);
    assert_in_order(&drive.kept);
    assert_eq!(drive.kept.events.len(), 1, "{:?}", drive.kept.events);
}

#[tokio::test]
async fn cut_after_cut_nothing_is_doubled_or_out_of_order() {
    let Some((mut peer, port)) = server() else { return };
    prepare(&mut peer);
    let wire = Wire::to(port).await;
    let (settings, points) = (settings(wire.port, json!({ "every_s": 0.05 })), points(COUNTER));
    let mut drive = Drive::open(&settings, &points);
    let cuts = if is_long() { 1000 } else { 20 };
    for cut in 0..cuts {
        let before = count(&drive);
        assert!(drive.until(SOON, |drive| count(drive) > before + cut % 3).await, "cut {cut}: {:?}", drive.link.status());
        wire.cut();
    }
    let before = count(&drive);
    assert!(drive.until(SOON, |drive| count(drive) > before + 2).await);
    assert_in_order(&drive.kept);
    let status = drive.link.status();
    assert!(status.connects > cuts as u64 / 2 && status.failures > cuts as u64 / 2, "{status:?}");
    assert_eq!(drive.kept.events.len(), 0);
}

#[tokio::test]
async fn silence_is_noticed_and_over_when_the_device_speaks() {
    let Some((mut peer, port)) = server() else { return };
    prepare(&mut peer);
    let wire = Wire::to(port).await;
    let (settings, points) = (settings(wire.port, json!({})), points(COUNTER));
    let mut drive = Drive::open(&settings, &points);
    assert!(drive.until(SOON, |drive| count(drive) >= 3).await);
    wire.set(Weather::Silent);
    assert!(drive.until(SOON, |drive| drive.link.status().phase == Phase::Waiting).await);
    let error = drive.link.status().last_error.unwrap();
    assert!(error.contains("no answer within 0.5 s") && error.contains("unit"), "{error}");
    let stretch = Duration::from_secs(if is_long() { 60 } else { 2 });
    assert!(!drive.until(stretch, |_| false).await);
    let before = count(&drive);
    wire.set(Weather::Fair);
    assert!(drive.until(Duration::from_secs(60), |drive| count(drive) > before + 3).await, "{:?}", drive.link.status());
    assert_in_order(&drive.kept);
}

#[tokio::test]
async fn a_lying_wire_harms_nothing_for_long() {
    let Some((mut peer, port)) = server() else { return };
    prepare(&mut peer);
    let wire = Wire::to(port).await;
    let (settings, points) = (settings(wire.port, json!({ "every_s": 0.05, "timeout_s": 0.2 })), points(COUNTER));
    for seed in 1..=(if is_long() { 100 } else { 4 }) {
        let mut drive = Drive::open(&settings, &points);
        assert!(drive.until(SOON, |drive| count(drive) >= 2).await);
        wire.seed(seed * 7919);
        wire.set(Weather::Hostile);
        assert!(!drive.until(Duration::from_millis(1500), |_| false).await);
        let error = drive.link.status().last_error;
        assert!(error.as_deref().is_some_and(|error| error.contains("127.0.0.1")), "seed {seed}: {error:?}");
        wire.set(Weather::Fair);
        let now = Timestamp::now().as_microsecond();
        let is_back = |drive: &Drive| {
            let after =
                |quantity: &str, asset: &str| drive.kept.series(asset, quantity).iter().filter(|(time, _)| *time > now).count();
            after("active_energy", "m1") > 3 && after("active_power", "inv") > 3
        };
        assert!(drive.until(Duration::from_secs(40), is_back).await, "seed {seed}: {:?}", drive.link.status());
    }
}

#[tokio::test]
async fn only_reads_are_sent() {
    let Some((mut peer, port)) = server() else { return };
    prepare(&mut peer);
    peer.ask(&json!({ "put": { "unit": 1, "table": "di", "at": 3, "values": [1] } }));
    peer.ask(&json!({ "put": { "unit": 1, "table": "ir", "at": 3, "values": [1] } }));
    let wire = Wire::to(port).await;
    let settings = settings(wire.port, json!({ "sunspec": { "units": [1, 2, 3] } }));
    let more = "[[points]]\naddress = \"1/ir:3\"\nasset = \"m1\"\nquantity = \"voltage\"\n\
                [[points]]\naddress = \"1/di:3\"\nasset = \"m1\"\nevent = \"Fuse\"\n";
    let points = points(&format!("{COUNTER}{more}"));
    let link = Link::new("plant", Timestamp::now);
    settings.discover(&link, &|_| {}).await.unwrap();
    settings.probe(&points, &link).await.unwrap();
    let mut drive = Drive::open(&settings, &points);
    assert!(drive.until(SOON, |drive| count(drive) >= 5).await);
    wire.cut();
    let before = count(&drive);
    assert!(drive.until(SOON, |drive| count(drive) > before + 2).await);
    drive.close().await;
    let sent = wire.sent();
    let frames: Vec<&[u8]> = sent.chunks(12).collect();
    let mut functions = [0_usize; 256];
    for frame in &frames {
        assert_eq!(frame.len(), 12, "a frame is cut off: {frame:?}");
        assert_eq!(frame[2..6], [0, 0, 0, 6], "protocol 0, length of a read: {frame:?}");
        functions[usize::from(frame[7])] += 1;
    }
    let reads: usize = functions[1..=4].iter().sum();
    assert_eq!(reads, frames.len(), "only function codes 1 to 4");
    assert!(functions[1..=4].iter().all(|count| *count > 0), "all four were used: {:?}", &functions[1..=4]);
    let asked = peer.ask(&json!({ "requests": true }));
    assert!(asked["requests"].as_array().unwrap().iter().all(|request| (1..=4).contains(&request[0].as_u64().unwrap())));
}

#[tokio::test]
async fn a_network_that_is_cut_is_outlived() {
    let Some((mut peer, port)) = server() else { return };
    prepare(&mut peer);
    let Some(far) = Far::to(port).await else { return };
    let (settings, points) = (far.through(&settings(far.port, json!({}))), points(COUNTER));
    let mut drive = Drive::open(&settings, &points);
    assert!(drive.until(SOON, |drive| count(drive) >= 3).await);
    far.cut();
    assert!(drive.until(SOON, |drive| drive.link.status().phase == Phase::Waiting).await);
    let before = count(&drive);
    assert!(!drive.until(far::stretch(), |drive| count(drive) > before).await);
    far.mend();
    assert!(drive.until(6 * SOON, |drive| count(drive) > before + 3).await, "{:?}", drive.link.status());
    assert_in_order(&drive.kept);
}
