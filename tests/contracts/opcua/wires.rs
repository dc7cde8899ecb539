//! The line is cut, silent, or in somebody's hands.
//!
//! In: a wire between us and the server. Out: a failure when a value of a variable *without* a history is lost over a cut, when silence goes
//! unnoticed, or when rubbish stops us.

use super::super::drive::Drive;
use super::super::far::{self, Far};
use super::super::wire::{Weather, Wire};
use super::plant::{Plant, T, enough, right_points, settings};
use connectors::live::Phase;
use serde_json::json;
use std::time::Duration;

fn is_long() -> bool {
    std::env::var_os("CHERGUI_LONG").is_some()
}

/// Has no history: only the server's queue and its messages once more can mend a cut.
fn rotor(count: i64) -> Vec<serde_json::Value> {
    (0..count).map(|number| json!({"node": "RotorSpeed", "value": number as f64 / 1000.0, "time": T + number * 1000})).collect()
}

#[tokio::test]
async fn a_line_cut_many_times_loses_and_doubles_nothing() {
    let Some(mut plant) = Plant::start(&[]) else { return };
    let wire = Wire::to(plant.port).await;
    let settings = settings(wire.port, "timeout_s = 3");
    let mut drive = Drive::open(&settings, &right_points());
    assert!(drive.until(enough(), |drive| drive.link.status().phase == Phase::Live).await, "{:?}", drive.link.status());
    let cuts = if is_long() { 1000 } else { 20 };
    let total = cuts * 40;
    plant.ask(&json!({"do": "stream", "values": rotor(total), "every_ms": 10}));
    let mut random = 88_172_645_463_325_252_u64;
    for _ in 0..cuts {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let until = Duration::from_millis(random % 700);
        drive.until(until, |_| false).await;
        wire.cut();
    }
    let whole = |drive: &Drive| drive.kept.series("t01", "rotor_speed").len() >= total as usize;
    let reached = drive.until(Duration::from_secs(40 + total as u64 / 50), whole).await;
    let series = drive.kept.series("t01", "rotor_speed");
    let missing: Vec<i64> = (0..total).filter(|number| !series.iter().any(|(time, _)| *time == T + number * 1000)).collect();
    assert!(reached && missing.is_empty(), "missing {missing:?}; {:?}", drive.link.status());
    for (number, (time, value)) in series.iter().enumerate() {
        assert_eq!((*time, *value), (T + number as i64 * 1000, number as f64 / 1000.0));
    }
    let status = drive.link.status();
    assert!(status.failures >= 5 && wire.connections() > 5, "{status:?}");
}

#[tokio::test]
async fn silence_is_noticed_and_healed() {
    let Some(mut plant) = Plant::start(&[]) else { return };
    let wire = Wire::to(plant.port).await;
    let settings = settings(wire.port, "watchdog_s = 1\ntimeout_s = 1");
    let mut drive = Drive::open(&settings, &right_points());
    plant.write(&rotor(1));
    assert!(drive.until(enough(), |drive| drive.kept.series("t01", "rotor_speed").len() == 1).await, "{:?}", drive.link.status());
    wire.set(Weather::Silent);
    plant.write(&rotor(3)[1..]);
    let noticed = |drive: &Drive| drive.link.status().failures >= 1 && drive.link.status().phase == Phase::Waiting;
    assert!(drive.until(enough(), noticed).await, "{:?}", drive.link.status());
    if is_long() {
        drive.until(Duration::from_secs(60), |_| false).await;
    }
    wire.set(Weather::Fair);
    let series = |drive: &Drive| drive.kept.series("t01", "rotor_speed").last().copied() == Some((T + 2000, 0.002));
    assert!(drive.until(enough(), series).await, "{:?}", drive.link.status());
}

#[tokio::test]
async fn rubbish_on_the_line_is_survived() {
    let Some(mut plant) = Plant::start(&[]) else { return };
    let wire = Wire::to(plant.port).await;
    let settings = settings(wire.port, "watchdog_s = 1\ntimeout_s = 1");
    let mut drive = Drive::open(&settings, &right_points());
    plant.write(&rotor(1));
    assert!(drive.until(enough(), |drive| drive.kept.series("t01", "rotor_speed").len() == 1).await, "{:?}", drive.link.status());
    let seeds = if is_long() { 100 } else { 5 };
    for seed in 1..=seeds {
        wire.seed(seed * 7919);
        wire.set(Weather::Hostile);
        let end = tokio::time::Instant::now() + Duration::from_millis(1500);
        // An error here is one a person is told; the source goes on when it is asked again.
        while let Ok(stepped) = tokio::time::timeout_at(end, drive.step()).await {
            if let Err(error) = stepped {
                assert!(error.to_string().contains("127.0.0.1"), "{error}");
            }
        }
        wire.set(Weather::Fair);
        wire.cut();
        let number = i64::try_from(seed).unwrap();
        plant.write(&rotor(number + 1)[number as usize..]);
        let end = tokio::time::Instant::now() + enough();
        let arrived = |drive: &Drive| drive.kept.series("t01", "rotor_speed").iter().any(|(time, _)| *time == T + number * 1000);
        while !arrived(&drive) {
            assert!(tokio::time::Instant::now() < end, "seed {seed}: {:?}", drive.link.status());
            drop(tokio::time::timeout_at(end, drive.step()).await);
        }
    }
    let status = drive.link.status();
    assert!(status.last_error.is_some() && status.failures >= 1, "{status:?}");
}

#[tokio::test]
async fn a_server_that_stands_still_is_noticed() {
    let Some(mut plant) = Plant::start(&[]) else { return };
    let settings = settings(plant.port, "watchdog_s = 1\ntimeout_s = 1");
    let mut drive = Drive::open(&settings, &right_points());
    plant.write(&rotor(1));
    assert!(drive.until(enough(), |drive| drive.kept.series("t01", "rotor_speed").len() == 1).await, "{:?}", drive.link.status());
    plant.signal("-STOP");
    let noticed = drive.until(enough(), |drive| drive.link.status().failures >= 1).await;
    plant.signal("-CONT");
    assert!(noticed, "{:?}", drive.link.status());
    plant.write(&rotor(2)[1..]);
    assert!(drive.until(enough(), |drive| drive.kept.series("t01", "rotor_speed").len() == 2).await, "{:?}", drive.link.status());
}

#[tokio::test]
async fn a_network_that_is_cut_is_outlived() {
    let Some(mut plant) = Plant::start(&[]) else { return };
    let Some(far) = Far::to(plant.port).await else { return };
    let settings = far.through(&settings(far.port, "watchdog_s = 1\ntimeout_s = 1"));
    let mut drive = Drive::open(&settings, &right_points());
    plant.write(&rotor(1));
    assert!(drive.until(enough(), |drive| drive.kept.series("t01", "rotor_speed").len() == 1).await, "{:?}", drive.link.status());
    far.cut();
    plant.write(&rotor(3)[1..]);
    drive.until(far::stretch(), |_| false).await;
    assert!(drive.link.status().failures > 0, "{:?}", drive.link.status());
    far.mend();
    let all: Vec<(i64, f64)> = (0..3).map(|number| (T + number * 1000, number as f64 / 1000.0)).collect();
    let whole = |drive: &Drive| drive.kept.series("t01", "rotor_speed") == all;
    assert!(drive.until(Duration::from_secs(60), whole).await, "{:?}", drive.link.status());
    assert!(far.connections() > 1);
}
