//! kill -9 while four writers send numbered rows, over and over: nothing acknowledged is lost or doubled, and it starts by itself.
//!
//! `TRUST_KILL_ROUNDS=1000` is the long form. SIGKILL leaves the page cache, so this tests the process; the disk is tested by
//! the simulated power cuts.

use super::numbered;
use super::server::{self, Server};
use reqwest::Client;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const WRITERS: usize = 4;
const BATCH: u64 = 64;

/// Ready after kill -9: two seconds, and one more per GB of log.
fn allowed(data: &Path) -> Duration {
    let files = std::fs::read_dir(data.join("log")).unwrap();
    let bytes: u64 = files.filter_map(|entry| entry.ok()?.metadata().ok()).map(|meta| meta.len()).sum();
    Duration::from_secs(2) + Duration::from_secs_f64(bytes as f64 / 1e9)
}

/// What one writer sent in one round.
#[derive(Default)]
struct Sent {
    acknowledged: BTreeSet<u64>,
    next: u64,
}

/// Sends batches until the server is gone or it is time to stop; every fourth batch comes twice.
async fn write(client: Client, base: String, key: String, writer: usize, from: u64, stop: Arc<AtomicBool>) -> Sent {
    let mut sent = Sent { next: from, ..Sent::default() };
    while !stop.load(Ordering::Relaxed) {
        let numbers = sent.next..sent.next + BATCH;
        sent.next = numbers.end;
        for _ in 0..1 + u32::from((numbers.start / BATCH).is_multiple_of(4)) {
            let rows = numbers.clone().map(|number| numbered::row(writer, number)).collect();
            match server::send(&client, &base, &key, rows).await {
                Ok(answer) if answer.status().is_success() => sent.acknowledged.extend(numbers.clone()),
                Ok(answer) => assert!(matches!(answer.status().as_u16(), 429 | 503), "{answer:?}"),
                Err(_) => return sent,
            }
        }
    }
    sent
}

/// A moment nobody chose: the clock's last digits, spread.
fn any(below: u64) -> Duration {
    let nanos = jiff::Timestamp::now().as_nanosecond().unsigned_abs() as u64;
    Duration::from_micros((nanos.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11) % (1000 * below))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_it_keeps_what_it_acknowledged() {
    let rounds = super::rounds("TRUST_KILL_ROUNDS", 4);
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let key = server::prepare(&data, &(0..WRITERS).map(numbered::asset).collect::<Vec<_>>());
    let (mut from, mut acknowledged, mut slowest, began) = (0, 0, Duration::ZERO, Instant::now());
    let mut present = [0; WRITERS];
    for round in 0..rounds {
        let client = Client::new();
        let mut running = Server::start(&data, &client).await;
        let stop = Arc::new(AtomicBool::new(false));
        let writers = (0..WRITERS)
            .map(|writer| tokio::spawn(write(client.clone(), running.base.clone(), key.clone(), writer, from, Arc::clone(&stop))));
        let writers: Vec<_> = writers.collect();
        tokio::time::sleep(Duration::from_millis(50) + any(450)).await;
        running.kill();
        stop.store(true, Ordering::Relaxed);
        let mut sent = Vec::new();
        for writer in writers {
            sent.push(writer.await.unwrap());
        }
        if round % 3 == 2 {
            server::kill_at_start(&data, any(60)).await;
        }
        let allowed = allowed(&data);
        let client = Client::new();
        let again = Server::start(&data, &client).await;
        assert!(again.ready_after < allowed, "round {round}: ready after {:?}, {allowed:?} are allowed", again.ready_after);
        slowest = slowest.max(again.ready_after);
        for (writer, sent) in sent.iter().enumerate() {
            let found: BTreeSet<u64> = numbered::read_back(&client, &again.base, &key, writer, from).await.into_iter().collect();
            let lost: Vec<&u64> = sent.acknowledged.difference(&found).collect();
            assert!(lost.is_empty(), "round {round}: writer {writer} lost {} acknowledged rows: {lost:?}", lost.len());
            assert!(found.iter().all(|number| (from..sent.next).contains(number)), "round {round}: rows nobody sent");
            acknowledged += sent.acknowledged.len();
            present[writer] += found.len();
        }
        from = sent.iter().map(|sent| sent.next).max().unwrap_or(from);
    }
    let client = Client::new();
    let last = Server::start(&data, &client).await;
    for (writer, expected) in present.iter().enumerate() {
        let count =
            format!("SELECT count(*), count(DISTINCT time) FROM wind_turbine WHERE asset_id = '{}'", numbered::asset(writer));
        let count = &server::sql(&client, &last.base, &key, &count).await[0];
        assert_eq!(count[..], [*expected, *expected].map(serde_json::Value::from), "rows of early rounds went or came");
    }
    assert!(acknowledged > 0, "no row was acknowledged, so nothing was tested");
    eprintln!(
        "kill -9: {rounds} rounds, {acknowledged} rows acknowledged, 0 lost, 0 doubled, ready after {slowest:?} at most, {:.2} s per round",
        began.elapsed().as_secs_f64() / f64::from(rounds.max(1))
    );
}
