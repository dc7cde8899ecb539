//! A redundancy group fails over, and a link is as fast as its window lets it be.

use super::super::drive::Drive;
use super::rtu::Rtu;
use super::*;
use connectors::live::Phase;
use tokio::time::Instant;

#[tokio::test]
async fn the_other_link_takes_over_at_once() {
    let mut rtu = Rtu::start(2, 12, Duration::from_secs(60)).await;
    let base = an_hour_ago();
    // A dead link would only be noticed by the timers after minutes.
    let mut settings = settings(&rtu.ports, "");
    (settings.t1_s, settings.t2_s, settings.t3_s) = (120.0, 60.0, 240.0);
    rtu.push(story(base, 0..30).0);
    let mut drive = Drive::open(&settings, &plant());
    complete(&mut drive, &story(base, 0..30).1).await;
    assert!(soon(&mut drive, |_| rtu.connections() == 2).await, "both links are kept");
    for round in 1..=3 {
        let (first, last) = (round * 30, round * 30 + 30);
        // Whichever is started: the one that is killed comes back as the spare.
        rtu.push(story(base, first..last).0);
        rtu.kill_link(0).await;
        complete(&mut drive, &story(base, 0..last).1).await;
        assert!(soon(&mut drive, |drive| drive.link.status().phase == Phase::Live).await);
        rtu.ports.rotate_left(1);
        rtu.listen(1).await;
        let connections = rtu.connections();
        assert!(soon(&mut drive, |_| rtu.connections() > connections).await, "the spare link comes back");
    }
    assert!(soon(&mut drive, |_| rtu.acknowledged() == 120).await);
    assert!(drive.link.status().failures >= 1, "{:?}", drive.link.status());
    drive.close().await;
    rtu.check();
}

/// Values per second with a window of `k`, every page handed out counting as stored at once.
async fn rate(k: u16, frames: u32) -> f64 {
    let rtu = Rtu::start(1, k, Duration::from_secs(60)).await;
    let base = an_hour_ago();
    let mut settings = settings(&rtu.ports, &format!("k = {k}\nw = {}", k * 2 / 3));
    (settings.t1_s, settings.t2_s) = (60.0, 30.0);
    let asdu = |frame: u32| {
        let objects: Vec<_> =
            (0..16).map(|index| (4001 + index % 2, 1.0, base + i64::from(frame) * 8000 + i64::from(index / 2) * 1000)).collect();
        floats(&objects)
    };
    let count = frames as usize * 16;
    let mut drive = Drive::open(&settings, &plant());
    assert!(soon(&mut drive, |drive| drive.link.status().phase == Phase::Live).await);
    rtu.push((0..frames).map(asdu));
    let begun = Instant::now();
    let is_whole = drive.until(Duration::from_secs(60), |drive| drive.link.status().values >= count as u64).await;
    let rate = count as f64 / begun.elapsed().as_secs_f64();
    assert!(is_whole, "{:?}", drive.link.status());
    assert!(soon(&mut drive, |drive| drive.kept.values.len() == count).await);
    drive.close().await;
    rtu.check();
    rate
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_value_of_a_burst_is_kept() {
    let frames = if std::env::var_os("CHERGUI_LONG").is_some() { 20_000 } else { 500 };
    for k in [12, 120, 1200] {
        let rate = rate(k, frames).await;
        eprintln!("iec104: k = {k}: {rate:.0} values/s");
    }
}
