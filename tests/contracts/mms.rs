//! IEC 61850 MMS against libiec61850: values, qualities, buffered reports over cuts, kills and crashes, silence, a hostile wire.
//!
//! In: `peers/mms_ied.py`, a turbine's controller. Out: a failure when something told is lost, doubled or changed. What we send is looked
//! through in `mms/monitor.rs`. Not here: decoding without a controller (unit tests of `connectors::mms`).

mod found;
mod monitor;

use super::drive::{Drive, Kept, points};
use super::far::{self, Far};
use super::peer::{Peer, free_port};
use super::wire::{Weather, Wire};
use connectors::live::{Phase, Points};
use connectors::mms::Settings;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// When the first value holds.
const T: i64 = 1_760_000_000_000_000;
const SECOND: i64 = 1_000_000;
const LIMIT: Duration = Duration::from_secs(30);
const BUFFERED: &str = "reports = [\"WINDWTG01/LLN0$BR$brcbA01\"]";

fn plant() -> Arc<Points> {
    points(
        r#"
[[assets]]
id = "t01"
kind = "wind_turbine"

[[points]]
address = "WINDWTG01/WTUR1.W.mag.f[MX]"
asset = "t01"
quantity = "active_power"
unit = "kW"

[[points]]
address = "WINDWTG01/WROT1.RotSpd.mag.f[MX]"
asset = "t01"
quantity = "rotor_speed"

[[points]]
address = "WINDWTG01/WGEN1.Spd.mag.f[MX]"
asset = "t01"
quantity = "generator_speed"

[[points]]
address = "WINDWTG01/WMET1.HorWdSpd.mag.f[MX]"
asset = "t01"
quantity = "wind_speed"

[[points]]
address = "WINDWTG01/WTRM1.TmpGbxOil.mag.f[MX]"
asset = "t01"
quantity = "gearbox_oil_temp"
unit = "degC"
scale = 0.5

[[points]]
address = "WINDWTG01/WTUR1.TurSt.stVal[ST]"
asset = "t01"
quantity = "turbine_status"

[[points]]
address = "WINDWTG01/GGIO1.Ind1.stVal[ST]"
asset = "t01"
event = "Gearbox oil too hot"
"#,
    )
}

fn settings(port: u16, more: &str) -> Settings {
    toml::from_str(&format!("host = \"127.0.0.1\"\nport = {port}\nkeepalive_s = 1.0\ntimeout_s = 1.0\n{more}")).unwrap()
}

/// A controller whose values are all 0 and good at [`T`].
fn controller(port: u16) -> Option<Peer> {
    let mut peer = Peer::python("mms_ied.py", &[&port.to_string()])?;
    peer.ask(&json!({"do": "all", "time_us": T}));
    Some(peer)
}

fn set(peer: &mut Peer, reference: &str, value: f64, second: i64, q: u16, clock: &str) {
    let order = json!({"do": "set", "ref": reference, "value": value, "time_us": T + second * SECOND, "q": q, "clock": clock});
    peer.ask(&order);
}

/// Power `first`, `first + 1`, … at the seconds of the same number.
fn burst(peer: &mut Peer, first: i64, count: i64) {
    let time = T + first * SECOND;
    peer.ask(&json!({"do": "burst", "ref": "WTUR1.W", "first": first, "count": count, "time_us": time, "step_us": SECOND}));
}

fn power(kept: &Kept) -> Vec<(i64, f64)> {
    kept.series("t01", "active_power")
}

/// Power `1` to `count - 1`, each at its second. The 0 at [`T`] is no change to the controller: only an interrogation tells it.
fn told(count: i64) -> Vec<(i64, f64)> {
    (1..count).map(|number| (T + number * SECOND, number as f64)).collect()
}

/// Power as it changed.
fn changes(kept: &Kept) -> Vec<(i64, f64)> {
    power(kept).into_iter().filter(|value| *value != (T, 0.0)).collect()
}

async fn until_told(drive: &mut Drive, count: i64) {
    let expected = told(count);
    let came = drive.until(LIMIT, |drive| changes(&drive.kept) == expected).await;
    let kept = changes(&drive.kept);
    let missing: Vec<_> = expected.iter().filter(|value| !kept.contains(value)).collect();
    let extra: Vec<_> = kept.iter().filter(|value| !expected.contains(value)).collect();
    assert!(came, "missing {missing:?}, too many {extra:?}, {:?}", drive.link.status());
}

async fn values_and_qualities(more: &str) {
    let port = free_port();
    let Some(mut peer) = controller(port) else { return };
    let mut drive = Drive::open(&settings(port, more), &plant());
    assert!(drive.until(LIMIT, |drive| power(&drive.kept).len() == 1 && drive.link.status().phase == Phase::Live).await);
    set(&mut peer, "WTUR1.W", 1500.5, 1, 0, "");
    set(&mut peer, "WROT1.RotSpd", 12.25, 2, 3 | 128, "");
    set(&mut peer, "WGEN1.Spd", 99.0, 3, 2 | 64, "");
    set(&mut peer, "WMET1.HorWdSpd", 7.5, 4, 1024, "");
    set(&mut peer, "WTRM1.TmpGbxOil", 120.5, 5, 0, "not_synchronized");
    set(&mut peer, "WTUR1.TurSt", 3.0, 6, 2048, "");
    set(&mut peer, "GGIO1.Ind1", 1.0, 7, 0, "");
    let has_event = |drive: &Drive, end: Option<i64>| {
        let key = ("t01".to_owned(), "Gearbox oil too hot".to_owned(), T + 7 * SECOND);
        drive.kept.events.get(&key) == Some(&end)
    };
    assert!(drive.until(LIMIT, |drive| has_event(drive, None)).await, "{:?} {:?}", drive.kept, drive.link.status());
    set(&mut peer, "GGIO1.Ind1", 0.0, 8, 0, "");
    let ended = |drive: &Drive| has_event(drive, Some(T + 8 * SECOND)) && drive.kept.series("t01", "turbine_status").len() == 2;
    assert!(drive.until(LIMIT, ended).await, "{:?}", drive.kept);
    let kept = drive.close().await;
    assert_eq!(power(&kept), [(T, 0.0), (T + SECOND, 1500.5)]);
    assert_eq!(kept.series("t01", "rotor_speed"), [(T, 0.0), (T + 2 * SECOND, 12.25)]);
    assert_eq!(kept.series("t01", "generator_speed"), [(T, 0.0)], "an invalid value is none");
    assert_eq!(kept.series("t01", "wind_speed"), [(T, 0.0), (T + 4 * SECOND, 7.5)]);
    assert_eq!(kept.series("t01", "gearbox_oil_temp"), [(T, 0.0), (T + 5 * SECOND, 60.25)]);
    assert_eq!(kept.series("t01", "turbine_status"), [(T, 0.0), (T + 6 * SECOND, 3.0)]);
    let flagged = [
        ("rotor_speed", 2, "questionable", "oldData"),
        ("generator_speed", 3, "invalid", "failure"),
        ("wind_speed", 4, "estimated", "substituted"),
        ("gearbox_oil_temp", 5, "questionable", "clockNotSynchronized"),
        ("turbine_status", 6, "questionable", "test"),
    ];
    for (quantity, second, quality, reason) in flagged {
        let wanted = ("t01".into(), quantity.into(), T + second * SECOND, quality.into(), reason.into());
        assert!(kept.flags.contains(&wanted), "{wanted:?}: {:?}", kept.flags);
    }
    assert!(kept.flags.iter().all(|flag| flag.1 != "active_power"), "{:?}", kept.flags);
    assert!(kept.rejects.is_empty(), "{:?}", kept.rejects);
}

#[tokio::test(flavor = "multi_thread")]
async fn buffered_reports_bring_values_times_and_qualities() {
    values_and_qualities(BUFFERED).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unbuffered_reports_do_too() {
    values_and_qualities("reports = [\"WINDWTG01/LLN0.RP.urcbB01\"]").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_does_too() {
    values_and_qualities("every_s = 0.1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_set_of_single_attributes_is_put_together() {
    let port = free_port();
    let Some(mut peer) = controller(port) else { return };
    let mut drive =
        Drive::open(&settings(port, "reports = [\"WINDWTG01/LLN0$RP$urcbC01\"]\nevery_s = 0.5\nintegrity_s = 0.5"), &plant());
    assert!(drive.until(LIMIT, |drive| power(&drive.kept).len() == 1).await, "{:?}", drive.link.status());
    set(&mut peer, "WTUR1.W", 7.0, 1, 0, "");
    // A change alone carries no time of its own; the integrity report has all three.
    let has = |drive: &Drive| power(&drive.kept).contains(&(T + SECOND, 7.0));
    assert!(drive.until(LIMIT, has).await, "{:?}", drive.kept.values);
    assert_eq!(drive.kept.series("t01", "rotor_speed"), [(T, 0.0)], "what no report carries is read");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_controller_is_found_again() {
    let port = free_port();
    let Some(mut peer) = controller(port) else { return };
    let mut drive = Drive::open(&settings(port, BUFFERED), &plant());
    burst(&mut peer, 1, 99);
    until_told(&mut drive, 100).await;
    peer.kill();
    assert!(drive.until(LIMIT, |drive| drive.link.status().failures > 0).await);
    let Some(mut peer) = controller(port) else { return };
    burst(&mut peer, 100, 50);
    until_told(&mut drive, 150).await;
    let lost = drive.kept.rejects.iter().filter(|reject| reject.reason == "buffer_lost").count();
    assert_eq!(lost, 1, "a controller that forgot what we had is told of: {:?}", drive.kept.rejects);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_while_the_line_is_down_comes_from_the_buffer() {
    let port = free_port();
    let Some(mut peer) = controller(port) else { return };
    let wire = Wire::to(port).await;
    let mut drive = Drive::open(&settings(wire.port, BUFFERED), &plant());
    burst(&mut peer, 1, 9);
    until_told(&mut drive, 10).await;
    wire.set(Weather::Closed);
    assert!(drive.until(LIMIT, |drive| drive.link.status().phase == Phase::Waiting).await);
    burst(&mut peer, 10, 190);
    wire.set(Weather::Fair);
    until_told(&mut drive, 200).await;
    assert!(drive.kept.rejects.is_empty(), "{:?}", drive.kept.rejects);
    // The tenth was known; asking the buffer from the right place brings it no second time but by the interrogation.
    assert!(drive.kept.arrivals < 2 * 200, "{}", drive.kept.arrivals);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_of_ours_loses_nothing() {
    let port = free_port();
    let Some(mut peer) = controller(port) else { return };
    let settings = settings(port, BUFFERED);
    let mut drive = Drive::open(&settings, &plant());
    burst(&mut peer, 1, 49);
    assert!(drive.until(LIMIT, |drive| power(&drive.kept).len() > 10).await);
    let kept = drive.crash();
    assert!(kept.cursor.is_some());
    burst(&mut peer, 50, 50);
    let mut drive = Drive::resume(&settings, &plant(), kept);
    until_told(&mut drive, 100).await;
    burst(&mut peer, 100, 50);
    let kept = drive.crash_before_cursor().await;
    burst(&mut peer, 150, 50);
    let mut drive = Drive::resume(&settings, &plant(), kept);
    until_told(&mut drive, 200).await;
    assert!(drive.kept.rejects.is_empty(), "{:?}", drive.kept.rejects);
}

/// A controller keeps the answer to the last interrogation only; what it answered before is no entry of its buffer any more.
#[tokio::test(flavor = "multi_thread")]
async fn an_interrogation_that_was_answered_anew_is_no_loss() {
    let port = free_port();
    let Some(mut peer) = controller(port) else { return };
    let settings = settings(port, BUFFERED);
    let mut drive = Drive::open(&settings, &plant());
    burst(&mut peer, 1, 9);
    until_told(&mut drive, 10).await;
    let mut cursor = None;
    for link in 0..2 {
        let mut again = Drive::resume(&settings, &plant(), drive.crash());
        let before = again.kept.arrivals;
        assert!(again.until(LIMIT, |drive| drive.link.status().phase == Phase::Live && drive.kept.arrivals > before).await);
        again.until(Duration::from_millis(500), |_| false).await;
        // The second answer came, and power failed before its place was saved.
        cursor = if link == 0 { again.kept.cursor.clone() } else { cursor };
        drive = again;
    }
    let mut kept = drive.crash();
    kept.cursor = cursor;
    burst(&mut peer, 10, 10);
    let mut drive = Drive::resume(&settings, &plant(), kept);
    until_told(&mut drive, 20).await;
    assert!(drive.kept.rejects.is_empty(), "{:?}", drive.kept.rejects);
}

/// No more cuts of one controller than its buffer of 64 KiB lasts for: libiec61850 1.6 forgets everything, also what was not sent yet, when it
/// begins its buffer anew and an answer to an interrogation stood at the start.
#[tokio::test(flavor = "multi_thread")]
async fn disconnects_at_any_moment_lose_nothing() {
    let (controllers, cuts) = if std::env::var_os("CHERGUI_LONG").is_some() { (10, 100) } else { (1, 20) };
    for _ in 0..controllers {
        cut_at_any_moment(cuts).await;
    }
}

async fn cut_at_any_moment(cuts: i64) {
    let port = free_port();
    let Some(mut peer) = controller(port) else { return };
    let wire = Wire::to(port).await;
    let mut drive = Drive::open(&settings(wire.port, BUFFERED), &plant());
    for cut in 0..cuts {
        burst(&mut peer, 1 + cut * 5, 5);
        // A different moment each time: while connecting, while reports come, after them.
        let moment = Duration::from_millis(137 * (cut as u64 % 7));
        drive.until(moment, |_| false).await;
        wire.cut();
    }
    until_told(&mut drive, 1 + cuts * 5).await;
    assert!(drive.link.status().failures > 5, "{:?}", drive.link.status());
    assert!(drive.kept.rejects.is_empty(), "{:?}", drive.kept.rejects);
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_is_noticed_and_ends() {
    let port = free_port();
    let Some(mut peer) = controller(port) else { return };
    let wire = Wire::to(port).await;
    let mut drive = Drive::open(&settings(wire.port, BUFFERED), &plant());
    burst(&mut peer, 1, 9);
    until_told(&mut drive, 10).await;
    wire.set(Weather::Silent);
    burst(&mut peer, 10, 10);
    assert!(drive.until(LIMIT, |drive| drive.link.status().failures > 0).await);
    let error = drive.link.status().last_error.unwrap_or_default();
    assert!(error.contains("no answer within 1 s"), "{error}");
    let long = if std::env::var_os("CHERGUI_LONG").is_some() { 60 } else { 3 };
    drive.until(Duration::from_secs(long), |_| false).await;
    wire.set(Weather::Fair);
    until_told(&mut drive, 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_is_cut_is_outlived() {
    let port = free_port();
    let Some(mut peer) = controller(port) else { return };
    let Some(far) = Far::to(port).await else { return };
    let mut drive = Drive::open(&far.through(&settings(far.port, BUFFERED)), &plant());
    burst(&mut peer, 1, 9);
    until_told(&mut drive, 10).await;
    far.cut();
    burst(&mut peer, 10, 10);
    drive.until(far::stretch(), |_| false).await;
    assert!(drive.link.status().failures > 0, "{:?}", drive.link.status());
    far.mend();
    drive.until(Duration::from_secs(60), |drive| drive.link.status().phase == Phase::Live).await;
    until_told(&mut drive, 20).await;
    assert!(far.connections() > 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_wire_is_survived() {
    let seeds = if std::env::var_os("CHERGUI_LONG").is_some() { 30 } else { 3 };
    for seed in 1..=seeds {
        let port = free_port();
        let Some(mut peer) = controller(port) else { return };
        let wire = Wire::to(port).await;
        wire.seed(seed);
        let mut drive = Drive::open(&settings(wire.port, BUFFERED), &plant());
        burst(&mut peer, 1, 9);
        until_told(&mut drive, 10).await;
        wire.set(Weather::Hostile);
        for round in 0..4 {
            burst(&mut peer, 10 + round * 5, 5);
            drive.until(Duration::from_millis(400), |_| false).await;
        }
        wire.set(Weather::Fair);
        burst(&mut peer, 30, 10);
        let is_there = |drive: &Drive| {
            let kept = power(&drive.kept);
            told(40).iter().skip(29).all(|value| kept.contains(value))
        };
        assert!(drive.until(LIMIT, is_there).await, "seed {seed}: {:?}", drive.link.status());
        assert!(drive.link.status().last_error.is_some(), "seed {seed}: nothing was noticed");
    }
}
