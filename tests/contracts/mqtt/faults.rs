//! What goes wrong on the way: brokers and we are killed, lines are cut, silent, hostile.
//!
//! In: a wire between us and the broker. Out: failures when a value is lost or doubled, or a state is not told. Not here: good days.

use super::super::drive::{Drive, Kept};
use super::super::far::{self, Far};
use super::super::wire::{Weather, Wire};
use super::{Mosquitto, SOON, expected, live, one_point, settings, soon};
use connectors::live::Phase;
use serde_json::json;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_killed_and_comes_back_loses_and_doubles_nothing() {
    let Some(mut broker) = Mosquitto::open() else { return };
    let (mut publisher, points) = (broker.publisher(), one_point());
    let mut drive = live(&settings(broker.port, json!({})), &points, Kept::default()).await;
    publisher.series(0, 100);
    publisher.wait();
    assert!(drive.until(SOON, |drive| drive.kept.values.len() >= 40).await);
    broker.kill();
    // The publisher keeps what is not acknowledged, and says it again.
    publisher.series(100, 150);
    assert!(soon(&mut drive, |drive| drive.link.status().phase == Phase::Waiting).await);
    broker.run();
    assert!(drive.until(SOON, |drive| drive.kept.values.len() == 150).await, "{}", drive.kept.values.len());
    assert_eq!(drive.close().await.values, expected(150));
}

#[tokio::test(flavor = "multi_thread")]
async fn we_are_killed_and_come_back_and_nothing_is_lost_or_doubled() {
    for version in ["5", "3.1.1"] {
        let Some(broker) = Mosquitto::open() else { return };
        let (mut publisher, points) = (broker.publisher(), one_point());
        let settings = settings(broker.port, json!({"version": version}));
        let mut kept = live(&settings, &points, Kept::default()).await.close().await;
        for round in 0..6 {
            publisher.series(round * 20, round * 20 + 20);
            publisher.wait();
            let mut drive = live(&settings, &points, kept).await;
            kept = if round % 2 == 0 {
                // The rows of the page are stored, nothing else.
                drive.crash_before_cursor().await
            } else {
                let (before, goal) = (drive.kept.values.len(), round * 20 + 10);
                assert!(drive.until(SOON, |drive| drive.kept.values.len() >= goal.max(before)).await);
                drive.crash()
            };
        }
        let mut drive = Drive::resume(&settings, &points, kept);
        assert!(drive.until(SOON, |drive| drive.kept.values.len() == 120).await, "{version}: {}", drive.kept.values.len());
        assert_eq!(drive.close().await.values, expected(120), "{version}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cuts_at_any_time_lose_and_double_nothing() {
    let Some(broker) = Mosquitto::open() else { return };
    let cuts: usize = if std::env::var_os("CHERGUI_LONG").is_some() { 1000 } else { 20 };
    let wire = Wire::to(broker.port).await;
    let (mut publisher, points) = (broker.publisher(), one_point());
    let mut drive = live(&settings(wire.port, json!({})), &points, Kept::default()).await;
    let mut seed = 1_u64;
    for cut in 0..cuts {
        publisher.series(cut * 10, cut * 10 + 10);
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        // Before it is live again, while it subscribes, in the middle of messages, after them. Not always before: waits grow.
        if cut % 5 != 0 {
            let is_live = soon(&mut drive, |drive| drive.link.status().phase == Phase::Live).await;
            assert!(is_live, "{cut}: {:?}", drive.link.status());
        }
        let goal = cut * 10 + (seed % 10) as usize;
        assert!(drive.until(SOON, |drive| drive.kept.values.len() >= goal).await, "{cut}: {:?}", drive.link.status());
        let before = wire.connections();
        wire.cut();
        assert!(soon(&mut drive, |_| wire.connections() > before).await, "{cut}: {:?}", drive.link.status());
    }
    publisher.wait();
    let all = cuts * 10;
    assert!(drive.until(SOON, |drive| drive.kept.values.len() == all).await, "{}", drive.kept.values.len());
    assert!(drive.link.status().failures >= cuts as u64 - 1, "{:?}", drive.link.status());
    assert_eq!(drive.close().await.values, expected(all));
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_is_noticed_and_what_was_said_meanwhile_is_fetched() {
    for version in ["5", "3.1.1"] {
        let Some(broker) = Mosquitto::open() else { return };
        let wire = Wire::to(broker.port).await;
        let (mut publisher, points) = (broker.publisher(), one_point());
        let mut drive = live(&settings(wire.port, json!({"version": version, "keep_alive_s": 1})), &points, Kept::default()).await;
        publisher.series(0, 5);
        assert!(drive.until(SOON, |drive| drive.kept.values.len() == 5).await);
        let mut tail = drive.link.listen();
        wire.set(Weather::Silent);
        publisher.series(5, 20);
        publisher.wait();
        // A ping a second, and as long for its answer.
        let noticed = soon(&mut drive, |drive| drive.link.status().failures > 0).await;
        assert!(noticed, "{version}: {:?}", drive.link.status());
        let mut lines = std::iter::from_fn(|| tail.try_recv().ok());
        let said = lines.find(|line| line.starts_with("lost: ")).unwrap();
        assert!(said.contains("silent") && said.contains("127.0.0.1"), "{said}");
        if std::env::var_os("CHERGUI_LONG").is_some() {
            assert!(!drive.until(Duration::from_secs(60), |drive| drive.kept.values.len() > 5).await);
        }
        wire.set(Weather::Fair);
        assert!(drive.until(2 * SOON, |drive| drive.kept.values.len() == 20).await, "{version}: {:?}", drive.link.status());
        assert_eq!(drive.close().await.values, expected(20), "{version}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_wire_is_survived() {
    let Some(broker) = Mosquitto::open() else { return };
    let seeds: u64 = if std::env::var_os("CHERGUI_LONG").is_some() { 50 } else { 6 };
    for (version, seed) in (1..=seeds).map(|seed| (if seed % 2 == 0 { "5" } else { "3.1.1" }, seed)) {
        let wire = Wire::to(broker.port).await;
        let (mut publisher, points) = (broker.publisher(), one_point());
        let name = format!("hostile-{seed}");
        let settings = settings(wire.port, json!({"version": version, "client_id": name}));
        let mut drive = live(&settings, &points, Kept::default()).await;
        wire.seed(seed * 7919);
        wire.set(Weather::Hostile);
        let (first, before) = (seed as usize * 100, wire.connections());
        publisher.series(first, first + 40);
        publisher.wait();
        let is_hit = soon(&mut drive, |drive| wire.connections() > before && drive.link.status().failures > 0).await;
        assert!(is_hit, "seed {seed}: {:?}", drive.link.status());
        let said = drive.link.status().last_error.unwrap();
        assert!(said.contains("127.0.0.1") || said.contains("t01"), "seed {seed}: {said}");
        wire.set(Weather::Fair);
        wire.cut();
        publisher.series(first + 40, first + 60);
        publisher.wait();
        let last = expected(first + 60).into_iter().next_back().unwrap();
        let recovered = drive.until(2 * SOON, |drive| drive.kept.values.get(&last.0) == Some(&last.1)).await;
        assert!(recovered, "seed {seed}: {:?}", drive.link.status());
        drop(drive.close().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_is_cut_is_outlived() {
    let Some(broker) = Mosquitto::open() else { return };
    let Some(far) = Far::to(broker.port).await else { return };
    let (mut publisher, points) = (broker.publisher(), one_point());
    let settings = far.through(&settings(far.port, json!({"keep_alive_s": 1})));
    let mut drive = live(&settings, &points, Kept::default()).await;
    publisher.series(0, 5);
    assert!(drive.until(SOON, |drive| drive.kept.values.len() == 5).await);
    far.cut();
    publisher.series(5, 20);
    publisher.wait();
    assert!(!drive.until(far::stretch(), |drive| drive.kept.values.len() > 5).await);
    far.mend();
    assert!(drive.until(6 * SOON, |drive| drive.kept.values.len() == 20).await, "{:?}", drive.link.status());
    assert!(far.connections() > 1, "{:?}", drive.link.status());
    assert_eq!(drive.close().await.values, expected(20));
}
