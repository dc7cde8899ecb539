//! Messages get lost on their way, or more happens during a cut than the server's queue holds.
//!
//! In: a server that sends some messages to nobody. Out: a failure when what it still has is not asked for again, when history is not read
//! from before the gap, or when a loss is not told. Times lie minutes apart, so that no overlap hides a gap. Not here: either side killed.

use super::super::drive::Drive;
use super::super::wire::{Weather, Wire};
use super::plant::{Plant, enough, minute, right_points, settings};
use connectors::live::Phase;
use serde_json::json;
use std::time::Duration;

/// Power and rotor speed of a minute; the rotor speed has no history.
fn say(plant: &mut Plant, number: i32) {
    plant.write(&["ActivePower", "RotorSpeed"].map(|node| json!({"node": node, "value": number, "time": minute(number)})));
}

fn expected(numbers: &[i32]) -> Vec<(i64, f64)> {
    numbers.iter().map(|number| (minute(*number), f64::from(*number))).collect()
}

fn power(drive: &Drive) -> Vec<(i64, f64)> {
    drive.kept.series("t01", "active_power")
}

fn rotor(drive: &Drive) -> Vec<(i64, f64)> {
    drive.kept.series("t01", "rotor_speed")
}

/// Listens while minutes are said, from `first` on, each in a message that is lost in its own way. Three at most: the fourth would take the
/// last request the server has to answer.
async fn lose(plant: &mut Plant, drive: &mut Drive, first: i32, fates: &[&str], refuse: u32) {
    plant.ask(&json!({"do": "lose", "messages": fates, "refuse": refuse}));
    for (number, left) in (first..).zip((0..fates.len()).rev()) {
        say(plant, number);
        let end = tokio::time::Instant::now() + enough();
        while plant.ask(&json!({"do": "losing"}))["left"] != left {
            assert!(tokio::time::Instant::now() < end, "no message was lost");
            drive.until(Duration::from_millis(20), |_| false).await;
        }
    }
}

async fn begun(plant: &mut Plant, port: u16, more: &str) -> Drive {
    let mut drive = Drive::open(&settings(port, more), &right_points());
    assert!(drive.until(enough(), |drive| drive.link.status().phase == Phase::Live).await, "{:?}", drive.link.status());
    say(plant, 0);
    assert!(drive.until(enough(), |drive| rotor(drive) == expected(&[0])).await, "{:?}", drive.link.status());
    drive
}

#[tokio::test]
async fn history_fills_a_gap_and_what_is_kept_is_asked_for_again() {
    let Some(mut plant) = Plant::start(&[]) else { return };
    let port = plant.port;
    let mut drive = begun(&mut plant, port, "").await;
    lose(&mut plant, &mut drive, 1, &["kept", "gone", "kept"], 0).await;
    say(&mut plant, 20);
    // Without a history only what the server kept.
    let whole = |drive: &Drive| power(drive) == expected(&[0, 1, 2, 3, 20]) && rotor(drive) == expected(&[0, 1, 3, 20]);
    assert!(drive.until(enough(), whole).await, "{:?} {:?} {:?}", power(&drive), rotor(&drive), drive.link.status());
    let told: Vec<_> = drive.kept.rejects.iter().map(|reject| (reject.reason, reject.raw.as_str())).collect();
    // Temperature, rotor speed, door and events have no history: told once per gap, with the first of them.
    assert_eq!(told, [("message_lost", "nsu=urn:plant;s=WTG01.Temperature")]);
    assert!(drive.kept.rejects[0].detail.contains("4 points"), "{}", drive.kept.rejects[0].detail);
    assert_eq!(drive.link.status().failures, 0, "the link was never given up: {:?}", drive.link.status());
    // And the place moves on.
    say(&mut plant, 21);
    let moved = |drive: &Drive| drive.kept.cursor.as_ref().is_some_and(|cursor| cursor.0 == minute(21).to_string());
    assert!(drive.until(enough(), moved).await, "{:?}", drive.kept.cursor);
}

#[tokio::test]
async fn the_place_stays_before_a_gap_until_history_was_read() {
    // Few values per answer and many to read: history takes a while.
    let Some(mut plant) = Plant::start(&["--page", "1"]) else { return };
    let port = plant.port;
    let points = right_points();
    let mut drive = begun(&mut plant, port, "").await;
    lose(&mut plant, &mut drive, 1, &["gone"], 0).await;
    say(&mut plant, 20);
    // Killed as soon as the message after the gap was stored, with whatever place that left.
    assert!(drive.until(enough(), |drive| rotor(drive).contains(&(minute(20), 20.0))).await, "{:?}", drive.link.status());
    let mut drive = Drive::resume(&settings(port, ""), &points, drive.crash());
    let whole = |drive: &Drive| power(drive) == expected(&[0, 1, 20]);
    assert!(drive.until(enough(), whole).await, "{:?} {:?}", power(&drive), drive.link.status());
}

#[tokio::test]
async fn a_sign_of_life_betrays_a_lost_message() {
    let Some(mut plant) = Plant::start(&[]) else { return };
    let port = plant.port;
    let mut drive = begun(&mut plant, port, "watchdog_s = 2").await;
    lose(&mut plant, &mut drive, 1, &["gone", "kept"], 0).await;
    let whole = |drive: &Drive| power(drive) == expected(&[0, 1, 2]) && rotor(drive) == expected(&[0, 2]);
    assert!(drive.until(enough(), whole).await, "{:?} {:?}", power(&drive), drive.link.status());
    assert_eq!(drive.kept.rejects.len(), 1, "{:?}", drive.kept.rejects);
}

#[tokio::test]
async fn a_message_that_cannot_be_had_now_is_asked_for_after_the_reconnect() {
    let Some(mut plant) = Plant::start(&[]) else { return };
    let port = plant.port;
    let mut drive = begun(&mut plant, port, "").await;
    lose(&mut plant, &mut drive, 1, &["kept", "kept"], 2).await;
    say(&mut plant, 20);
    let whole = |drive: &Drive| rotor(drive) == expected(&[0, 1, 2, 20]);
    assert!(drive.until(enough(), whole).await, "{:?} {:?}", rotor(&drive), drive.link.status());
    assert_eq!(power(&drive), expected(&[0, 1, 2, 20]));
    let status = drive.link.status();
    assert!(status.failures >= 1 && drive.kept.rejects.is_empty(), "{status:?} {:?}", drive.kept.rejects);
    assert_eq!(plant.ask(&json!({"do": "sessions"}))["sessions"], 1);
}

#[tokio::test]
async fn a_cut_in_which_more_happens_than_the_queue_holds_is_read_from_history() {
    let Some(mut plant) = Plant::start(&[]) else { return };
    let wire = Wire::to(plant.port).await;
    let mut drive = begun(&mut plant, wire.port, "timeout_s = 3\nqueue_size = 3").await;
    wire.set(Weather::Closed);
    let noticed = |drive: &Drive| drive.link.status().phase == Phase::Waiting;
    assert!(drive.until(enough(), noticed).await, "{:?}", drive.link.status());
    let all: Vec<i32> = (0..=20).collect();
    all[1..].iter().for_each(|number| say(&mut plant, *number));
    wire.set(Weather::Fair);
    let last = |drive: &Drive| rotor(drive).ends_with(&expected(&[18, 19, 20]));
    let whole = |drive: &Drive| power(drive) == expected(&all) && last(drive);
    assert!(drive.until(enough(), whole).await, "{:?} {:?} {:?}", power(&drive), rotor(&drive), drive.link.status());
    // The same session, and its queue was too short; or this test shows nothing.
    assert!(rotor(&drive).len() < all.len(), "{:?}", rotor(&drive));
    assert_eq!(plant.ask(&json!({"do": "sessions"}))["sessions"], 1);
    // What happens now is not held up, and the place moves on.
    say(&mut plant, 21);
    let moved = |drive: &Drive| drive.kept.cursor.as_ref().is_some_and(|cursor| cursor.0 == minute(21).to_string());
    assert!(
        drive.until(enough(), |drive| moved(drive) && drive.link.status().phase == Phase::Live).await,
        "{:?}",
        drive.kept.cursor
    );
}
