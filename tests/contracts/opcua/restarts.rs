//! Either side is killed and comes back.
//!
//! In: a server with a journal, a source that crashes. Out: a failure when history does not close the gap, or a row differs.

use super::super::drive::Drive;
use super::plant::{Plant, T, enough, minute, now, right_points, settings};
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn power(times: &[i64]) -> Vec<Value> {
    times.iter().map(|time| json!({"node": "ActivePower", "value": value(*time), "time": time})).collect()
}

/// A value that says its time.
fn value(time: i64) -> f64 {
    ((time / 1000) % 2_000_000) as f64 / 1000.0
}

fn expected(times: &[i64]) -> Vec<(i64, f64)> {
    times.iter().map(|time| (*time, value(*time))).collect()
}

#[tokio::test]
async fn a_killed_server_gives_from_its_history_what_was_missed() {
    // Few values per answer: continuation points are used.
    let Some(mut plant) = Plant::start(&["--page", "7"]) else { return };
    let settings = settings(plant.port, "timeout_s = 3");
    let mut drive = Drive::open(&settings, &right_points());
    let mut times: Vec<i64> = (0..20).map(|second| T + second * 1_000_000).collect();
    plant.write(&power(&times[..1]));
    assert!(drive.until(enough(), |drive| !drive.kept.values.is_empty()).await, "{:?}", drive.link.status());
    plant.write(&power(&times[1..]));
    // Killed while values are under way.
    plant.restart(&["--page", "7"]);
    let more: Vec<i64> = (20..60).map(|second| T + second * 1_000_000).collect();
    plant.miss(&power(&more));
    times.extend(more);
    let whole = |drive: &Drive| drive.kept.series("t01", "active_power").len() >= times.len();
    assert!(drive.until(enough(), whole).await, "{:?} {:?}", drive.kept.series("t01", "active_power").len(), drive.link.status());
    let kept = drive.close().await;
    assert_eq!(kept.series("t01", "active_power"), expected(&times));
    assert_eq!(kept.rejects, []);
}

#[tokio::test]
async fn we_are_killed_and_go_on_from_the_cursor() {
    let Some(mut plant) = Plant::start(&["--page", "100"]) else { return };
    let settings = settings(plant.port, "");
    let mut times: Vec<i64> = (0..10).map(minute).collect();
    let points = right_points();
    let mut drive = Drive::open(&settings, &points);
    plant.write(&power(&times[..1]));
    assert!(drive.until(enough(), |drive| drive.kept.cursor.is_some() && !drive.kept.values.is_empty()).await, "{:?}", drive.kept);
    plant.write(&power(&times[1..]));
    assert!(drive.until(enough(), |drive| drive.kept.series("t01", "active_power").len() == 10).await, "{:?}", drive.kept);
    // Killed after a page and its cursor.
    let kept = drive.crash();
    let missed: Vec<i64> = (10..500).map(minute).collect();
    plant.miss(&power(&missed));
    times.extend(missed);
    let mut drive = Drive::resume(&settings, &points, kept);
    // Killed between the rows of a page and its cursor, in the middle of history.
    assert!(drive.until(enough(), |drive| drive.kept.series("t01", "active_power").len() > 10).await, "{:?}", drive.link.status());
    let kept = drive.crash_before_cursor().await;
    let mut drive = Drive::resume(&settings, &points, kept);
    let whole = |drive: &Drive, count| drive.kept.series("t01", "active_power").len() >= count;
    assert!(drive.until(enough(), |drive| whole(drive, 500)).await, "{:?}", drive.kept.series("t01", "active_power").len());
    // And goes on as if nothing had been.
    times.push(minute(500));
    plant.write(&power(&[minute(500)]));
    assert!(drive.until(enough(), |drive| whole(drive, 501)).await, "{:?}", drive.link.status());
    let kept = drive.close().await;
    assert_eq!(kept.series("t01", "active_power"), expected(&times));
    let only: BTreeMap<_, _> = kept.values.iter().filter(|(key, _)| key.1 != "active_power").collect();
    assert!(only.is_empty(), "{only:?}");
}

#[tokio::test]
async fn history_can_be_left_alone() {
    let Some(mut plant) = Plant::start(&[]) else { return };
    let settings = settings(plant.port, "history = false");
    let points = right_points();
    let mut drive = Drive::open(&settings, &points);
    let begin = now() - 120_000_000;
    plant.write(&power(&[begin]));
    assert!(drive.until(enough(), |drive| drive.kept.values.len() == 1).await, "{:?}", drive.link.status());
    let kept = drive.crash();
    plant.miss(&power(&[begin + 1]));
    plant.write(&power(&[begin + 2]));
    let mut drive = Drive::resume(&settings, &points, kept);
    assert!(drive.until(enough(), |drive| drive.kept.values.len() == 2).await, "{:?}", drive.link.status());
    assert_eq!(drive.kept.series("t01", "active_power"), expected(&[begin, begin + 2]));
}
