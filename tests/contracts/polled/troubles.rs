//! Trouble with the server and the wire: refusals, half answers, too long ones, cuts, silence, spoiled bytes. And that only GET is sent.

use super::super::drive::{Drive, Kept};
use super::super::far::{self, Far};
use super::super::wire::{Weather, Wire};
use super::historian::{Historian, POINTS, points, rows};
use super::{Phase, SOON};
use connectors::polled::Settings;
use serde_json::json;
use std::time::Duration;

fn rounds(short: usize, long: usize) -> usize {
    if std::env::var_os("CHERGUI_LONG").is_some() { long } else { short }
}

fn through(wire: &Wire, historian: &Historian) -> Settings {
    let url = format!("http://127.0.0.1:{}/piwebapi", wire.port);
    Settings { url, timeout_s: 1.0, ..historian.settings() }
}

#[tokio::test]
async fn every_trouble_is_told_with_its_remedy_and_passes() {
    let Some(mut historian) = Historian::start() else { return };
    let (held, expected) = rows(&historian, 300, 20);
    historian.put(held);
    let troubles = [
        (json!(401), "give token"),
        (json!(403), "have it allowed"),
        (json!(503), "it is busy"),
        (json!(429), "it is busy"),
        (json!(500), "broken there"),
        (json!(302), "write that address as url"),
        (json!("truncated"), "not JSON"),
        (json!("garbage"), "not JSON"),
        (json!("deep"), "not JSON"),
        (json!("broken"), "broke off after 11 bytes"),
        (json!("html"), "sign in"),
        (json!("huge"), "shorter window_s"),
    ];
    for (trouble, remedy) in troubles {
        historian.order(&json!({"trouble": [trouble]}));
        // Eighty MiB take their time.
        let settings = Settings { timeout_s: 20.0, ..historian.settings() };
        let mut drive = Drive::open(&settings, &points(POINTS));
        assert!(drive.until(3 * SOON, |drive| drive.kept.values == expected).await, "{trouble}: {:?}", drive.link.status());
        let status = drive.link.status();
        let told = status.last_error.unwrap_or_default();
        assert!(told.contains(remedy) && told.contains("/piwebapi"), "{trouble}: {told}");
        assert_eq!((status.failures, status.phase), (1, Phase::Live), "{trouble}");
    }
    // A shape that is JSON and nothing we know.
    historian.order(&json!({"trouble": ["wrong", "wrong"]}));
    let settings = historian.settings();
    let mut drive = Drive::open(&settings, &points(POINTS));
    assert!(drive.until(SOON, |drive| drive.kept.values == expected).await, "{:?}", drive.link.status());
}

#[tokio::test]
async fn one_address_that_is_not_known_costs_itself_and_is_named() {
    let Some(mut historian) = Historian::start() else { return };
    let (held, mut expected) = rows(&historian, 300, 20);
    historian.put(held);
    historian.order(&json!({"unknown": ["A"]}));
    expected.retain(|key, _| key.0 == "t2");
    let settings = historian.settings();
    let mut drive = Drive::open(&settings, &points(POINTS));
    assert!(drive.until(SOON, |drive| drive.kept.values == expected && !drive.kept.rejects.is_empty()).await);
    let reject = &drive.kept.rejects[0];
    assert_eq!((reject.reason, reject.raw.as_str()), ("stream_refused", "A"));
    assert!(reject.detail.contains("WebId"), "{}", reject.detail);
}

#[tokio::test]
async fn cuts_at_any_time_lose_nothing_and_only_get_is_ever_sent() {
    let Some(mut historian) = Historian::start() else { return };
    let wire = Wire::to(historian.port).await;
    let settings = through(&wire, &historian);
    let points = points(POINTS);
    let (mut kept, mut expected) = (Kept::default(), super::super::drive::Values::new());
    let mut dice = 7_u64;
    for round in 0..rounds(20, 1000) {
        let time = historian.ago(500) + round as i64 * 300_000;
        historian.put(json!({"A": {"rows": {time.to_string(): {"Value": round as f64}}}}));
        expected.insert(("t1".into(), "active_power".into(), time), round as f64 * 1000.0);
        let mut drive = Drive::resume(&settings, &points, kept);
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let before = Duration::from_millis(dice >> 58);
        assert!(!drive.until(before, |_| false).await);
        wire.cut();
        assert!(!drive.until(Duration::from_millis((dice >> 52) & 63), |_| false).await);
        kept = if round % 3 == 0 { drive.crash_before_cursor().await } else { drive.crash() };
    }
    let mut drive = Drive::resume(&settings, &points, kept);
    assert!(drive.until(SOON, |drive| drive.kept.values == expected).await, "{} of {}", drive.kept.values.len(), expected.len());
    let sent = String::from_utf8(wire.sent()).unwrap();
    let heads: Vec<&str> = sent.split("\r\n\r\n").filter(|head| !head.is_empty()).collect();
    assert!(heads.len() >= rounds(20, 1000));
    for head in heads {
        assert!(head.starts_with("GET /piwebapi/"), "{head}");
        assert!(!head.to_ascii_lowercase().contains("content-length"), "a request with a body: {head}");
    }
    assert!(historian.requests().iter().all(|line| line.starts_with("GET ")));
}

#[tokio::test]
async fn silence_is_noticed_and_ends() {
    let Some(mut historian) = Historian::start() else { return };
    let wire = Wire::to(historian.port).await;
    let (held, mut expected) = rows(&historian, 300, 20);
    historian.put(held);
    let settings = through(&wire, &historian);
    let mut drive = Drive::open(&settings, &points(POINTS));
    assert!(drive.until(SOON, |drive| drive.kept.values == expected).await);
    wire.set(Weather::Silent);
    assert!(drive.until(SOON, |drive| drive.link.status().phase == Phase::Waiting).await);
    let told = drive.link.status().last_error.unwrap();
    assert!(told.contains("in time") && told.contains("timeout_s"), "{told}");
    let long = Duration::from_secs(if std::env::var_os("CHERGUI_LONG").is_some() { 60 } else { 1 });
    assert!(!drive.until(long, |_| false).await);
    let time = historian.ago(10);
    historian.put(json!({"C": {"rows": {time.to_string(): {"Value": 1.0}}}}));
    expected.insert(("t2".into(), "active_power".into(), time), 1000.0);
    wire.set(Weather::Fair);
    wire.cut();
    // Waits grow to half a minute while nobody answers.
    assert!(drive.until(4 * SOON, |drive| drive.kept.values == expected).await, "{:?}", drive.link.status());
}

#[tokio::test]
async fn a_network_that_is_cut_is_outlived() {
    let Some(mut historian) = Historian::start() else { return };
    let Some(far) = Far::to(historian.port).await else { return };
    let (held, mut expected) = rows(&historian, 300, 20);
    historian.put(held);
    let own = historian.settings();
    let settings = far.through(&Settings { url: own.url.replace(&historian.port.to_string(), &far.port.to_string()), ..own });
    let mut drive = Drive::open(&settings, &points(POINTS));
    assert!(drive.until(SOON, |drive| drive.kept.values == expected).await, "{:?}", drive.link.status());
    far.cut();
    let time = historian.ago(10);
    historian.put(json!({"C": {"rows": {time.to_string(): {"Value": 1.0}}}}));
    expected.insert(("t2".into(), "active_power".into(), time), 1000.0);
    assert!(!drive.until(far::stretch(), |drive| drive.kept.values == expected).await);
    assert!(drive.link.status().failures > 0, "{:?}", drive.link.status());
    far.mend();
    assert!(drive.until(6 * SOON, |drive| drive.kept.values == expected).await, "{:?}", drive.link.status());
}

#[tokio::test]
async fn a_hostile_wire_harms_nothing() {
    let Some(mut historian) = Historian::start() else { return };
    let (held, expected) = rows(&historian, 300, 20);
    historian.put(held);
    for seed in 1..=rounds(4, 40) {
        let wire = Wire::to(historian.port).await;
        wire.seed(seed as u64 * 0x9e37_79b9);
        wire.set(Weather::Hostile);
        let settings = through(&wire, &historian);
        let mut drive = Drive::open(&settings, &points(POINTS));
        assert!(!drive.until(Duration::from_millis(1500), |_| false).await);
        let status = drive.link.status();
        assert!(status.failures + status.rejects > 0 && status.last_error.is_some(), "seed {seed}: {status:?}");
        wire.set(Weather::Fair);
        wire.cut();
        let is_there = |drive: &Drive| expected.keys().all(|key| drive.kept.values.contains_key(key));
        assert!(drive.until(2 * SOON, is_there).await, "seed {seed}: {:?}", drive.link.status());
    }
}
