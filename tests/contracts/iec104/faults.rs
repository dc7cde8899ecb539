//! Nothing acknowledged is lost and nothing is doubled: kills on either side, cuts, silence, a hostile wire, a slow store.

use super::super::drive::{Drive, Kept};
use super::super::far::{self, Far};
use super::super::wire::{Weather, Wire};
use super::rtu::Rtu;
use super::*;
use connectors::live::{Link, Phase, Protocol};

fn is_long() -> bool {
    std::env::var_os("CHERGUI_LONG").is_some()
}

/// A station that gives up after `seconds` without an acknowledgement.
async fn rtu(links: usize, seconds: u64) -> Rtu {
    Rtu::start(links, 12, Duration::from_secs(seconds)).await
}

#[tokio::test]
async fn a_frame_is_acknowledged_when_the_next_page_is_asked_for() {
    let rtu = rtu(1, 60).await;
    let (asdus, expected) = story(an_hour_ago(), 0..12);
    rtu.push(asdus);
    let mut drive = Drive::open(&settings(&rtu.ports, ""), &plant());
    while drive.kept.values.len() < expected.len() {
        drive.step().await.unwrap();
        // The page was handed out; asking is what acknowledges it, and time alone never does.
        let before = rtu.acknowledged();
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(rtu.acknowledged(), before);
        assert!(before < 12);
    }
    assert!(soon(&mut drive, |_| rtu.acknowledged() == 12).await);
    assert_eq!(drive.close().await.values, expected);
    rtu.check();
}

#[tokio::test]
async fn closing_acknowledges_what_was_stored() {
    let rtu = rtu(1, 60).await;
    let (asdus, expected) = story(an_hour_ago(), 0..5);
    rtu.push(asdus);
    let mut drive = Drive::open(&settings(&rtu.ports, ""), &plant());
    complete(&mut drive, &expected).await;
    let link = drive.link.clone();
    drive.close().await;
    assert_eq!((rtu.acknowledged(), link.status().phase), (5, Phase::Closed));
    rtu.check();
}

#[tokio::test]
async fn a_killed_station_sends_what_was_not_acknowledged() {
    let mut rtu = rtu(1, 60).await;
    let base = an_hour_ago();
    let (asdus, _) = story(base, 0..200);
    rtu.push(asdus);
    let mut drive = Drive::open(&settings(&rtu.ports, ""), &plant());
    for least in [60, 200, 300] {
        assert!(soon(&mut drive, |drive| drive.kept.values.len() >= least).await, "{:?}", drive.link.status());
        rtu.kill().await;
        rtu.listen(0).await;
    }
    rtu.push(story(base, 200..400).0);
    complete(&mut drive, &story(base, 0..400).1).await;
    assert!(soon(&mut drive, |_| rtu.acknowledged() == 400).await);
    assert!(drive.link.status().failures >= 3);
    rtu.check();
}

#[tokio::test]
async fn we_are_killed_and_nothing_is_lost_or_doubled() {
    let rtu = rtu(1, 60).await;
    let base = an_hour_ago();
    let (asdus, expected) = story(base, 0..300);
    rtu.push(asdus);
    let (settings, plant) = (settings(&rtu.ports, ""), plant());
    let mut kept = Kept::default();
    for round in 0..8 {
        let mut drive = Drive::resume(&settings, &plant, kept);
        let least = drive.kept.values.len() + 30;
        assert!(soon(&mut drive, |drive| drive.kept.values.len() >= least.min(600)).await, "{round}: {:?}", drive.link.status());
        let acknowledged = rtu.acknowledged() as usize;
        assert!(acknowledged * 2 <= drive.kept.values.len(), "{acknowledged} acknowledged, {} values", drive.kept.values.len());
        kept = if round % 2 == 0 { drive.crash() } else { drive.crash_before_cursor().await };
    }
    let mut drive = Drive::resume(&settings, &plant, kept);
    complete(&mut drive, &expected).await;
    rtu.check();
}

#[tokio::test]
async fn random_disconnects_lose_and_double_nothing() {
    let rtu = rtu(1, 60).await;
    let wire = Wire::to(rtu.ports[0]).await;
    let base = an_hour_ago();
    let cuts = if is_long() { 1000 } else { 20 };
    let mut drive = Drive::open(&settings(&[wire.port], ""), &plant());
    let mut written = 0;
    for cut in 0..cuts {
        let more = 20 + cut * 7 % 13;
        rtu.push(story(base - 86_400_000_000, written..written + more).0);
        written += more;
        let least = drive.kept.values.len() + 1 + (cut as usize * 5 % 17);
        assert!(soon(&mut drive, |drive| drive.kept.values.len() >= least).await, "{cut}: {:?}", drive.link.status());
        wire.cut();
    }
    complete(&mut drive, &story(base - 86_400_000_000, 0..written).1).await;
    assert!(soon(&mut drive, |_| rtu.acknowledged() == u64::from(written)).await);
    assert!(wire.connections() > u64::from(cuts) / 2);
    rtu.check();
}

#[tokio::test]
async fn silence_is_noticed_and_recovered_from() {
    let rtu = rtu(1, 60).await;
    let wire = Wire::to(rtu.ports[0]).await;
    let base = an_hour_ago();
    rtu.push(story(base, 0..10).0);
    let mut drive = Drive::open(&settings(&[wire.port], HASTY), &plant());
    complete(&mut drive, &story(base, 0..10).1).await;
    wire.set(Weather::Silent);
    rtu.push(story(base, 10..20).0);
    let mut tail = drive.link.listen();
    let is_noticed = soon(&mut drive, |drive| drive.link.status().failures > 0).await;
    assert!(is_noticed, "{:?}", drive.link.status());
    let lines: Vec<_> = std::iter::from_fn(|| tail.try_recv().ok()).collect();
    let dead = "no answer to TESTFR act within t1 = 1 s";
    assert!(lines.iter().any(|line| line.contains(dead)), "{lines:?}");
    drive.until(Duration::from_secs(if is_long() { 60 } else { 2 }), |_| false).await;
    wire.set(Weather::Fair);
    complete(&mut drive, &story(base, 0..20).1).await;
    rtu.check();
}

#[tokio::test]
async fn a_hostile_wire_is_refused_and_survived() {
    let rtu = rtu(1, 60).await;
    let wire = Wire::to(rtu.ports[0]).await;
    let base = an_hour_ago();
    let mut errors = 0;
    for seed in 1..=if is_long() { 100 } else { 6 } {
        let mut drive = Drive::open(&settings(&[wire.port], HASTY), &plant());
        wire.seed(seed);
        wire.set(Weather::Hostile);
        rtu.push(story(base, 0..40).0);
        drive.until(Duration::from_millis(600), |_| false).await;
        errors += usize::from(drive.link.status().last_error.is_some());
        wire.set(Weather::Fair);
        // The station sends something new, and it arrives as it is.
        let time = base + 7_000_000_000 + seed as i64 * 1_000_000;
        rtu.push([floats(&[(4002, 11.5, time - 3_600_000_000)])]);
        let key = ("t01".to_owned(), "wind_speed".to_owned(), time - 3_600_000_000);
        let is_there = soon(&mut drive, |drive| drive.kept.values.get(&key) == Some(&11.5)).await;
        assert!(is_there, "seed {seed}: {:?}", drive.link.status());
        drive.close().await;
    }
    assert!(errors >= 3, "{errors}: the weather was hardly hostile");
}

#[tokio::test]
async fn a_store_that_is_too_slow_makes_the_station_send_again() {
    // The station gives a link up after half a second without an acknowledgement.
    let rtu = Rtu::start(1, 12, Duration::from_millis(500)).await;
    let base = an_hour_ago();
    let (asdus, expected) = story(base, 0..40);
    rtu.push(asdus);
    let mut drive = Drive::open(&settings(&rtu.ports, ""), &plant());
    drive.step().await.unwrap();
    while drive.kept.values.is_empty() {
        drive.step().await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(rtu.acknowledged(), 0);
    complete(&mut drive, &expected).await;
    assert!(soon(&mut drive, |_| rtu.acknowledged() == 40).await);
    assert!(rtu.connections() >= 2);
    rtu.check();
}

#[tokio::test]
async fn a_probe_leaves_events_in_the_station() {
    let rtu = rtu(1, 60).await;
    let (asdus, expected) = story(an_hour_ago(), 0..3);
    rtu.push(asdus);
    // M_SP_NA_1 of 13/4003, on, interrogated.
    rtu.answer(vec![vec![1, 1, 20, 0, 13, 0, 0xA3, 0x0F, 0, 1]]);
    let settings = settings(&rtu.ports, "");
    let link = Link::new("plant", Timestamp::now);
    let probe = settings.probe(&plant(), &link).await.unwrap();
    assert_eq!(probe.says, "3 of 3 addresses answered the interrogation");
    assert_eq!(rtu.acknowledged(), 0, "what nobody asked for is not the probe's to take");
    let mut drive = Drive::open(&settings, &plant());
    complete(&mut drive, &expected).await;
    assert!(soon(&mut drive, |drive| drive.kept.events.keys().any(|key| key.1 == "Gearbox oil too hot")).await);
    assert!(soon(&mut drive, |_| rtu.acknowledged() == 3).await);
    rtu.check();
}

#[tokio::test]
async fn a_network_that_is_cut_is_outlived() {
    let rtu = rtu(1, 60).await;
    let Some(far) = Far::to(rtu.ports[0]).await else { return };
    let base = an_hour_ago();
    rtu.push(story(base, 0..10).0);
    let mut drive = Drive::open(&far.through(&settings(&[far.port], HASTY)), &plant());
    complete(&mut drive, &story(base, 0..10).1).await;
    far.cut();
    rtu.push(story(base, 10..20).0);
    drive.until(far::stretch(), |_| false).await;
    assert!(drive.link.status().failures > 0, "{:?}", drive.link.status());
    far.mend();
    drive.until(Duration::from_secs(60), |drive| drive.link.status().phase == Phase::Live).await;
    complete(&mut drive, &story(base, 0..20).1).await;
    assert!(far.connections() > 1);
    rtu.check();
}
