//! A disk that fills up: writes are refused with the remedy, reads go on, and when space returns writes do too, without a restart.
//!
//! A small tmpfs stands for the disk, so root is needed; without it the test is skipped and says so. The same on a simulated disk,
//! with EIO and read-only, is beside the store. `TRUST_FULL_ROUNDS=200` is the long form.

use super::numbered;
use super::server::{self, Server};
use reqwest::Client;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// A mounted tmpfs; gone when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path, mib: u32) -> Option<Self> {
        fs::create_dir(at).unwrap();
        let done = Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs"]).arg(at).output();
        match done {
            Ok(done) if done.status.success() => Some(Self(at.to_owned())),
            refused => {
                eprintln!("SKIPPED: no small disk without root: {refused:?}");
                None
            }
        }
    }

    /// Fills all space that is left.
    fn fill(&self) {
        let mut ballast = File::create(self.ballast()).unwrap();
        let block = vec![1; 64 << 10];
        while ballast.write_all(&block).is_ok() {}
        while ballast.write_all(&[1]).is_ok() {}
    }

    fn free(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a server that is just being stopped may still hold it.
        let done = Command::new("umount").arg("-l").arg(&self.0).status();
        if !done.is_ok_and(|status| status.success()) {
            eprintln!("cannot unmount {}", self.0.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_writes_and_recovers_by_itself() {
    let rounds = super::rounds("TRUST_FULL_ROUNDS", 3);
    let home = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(&home.path().join("disk"), 64) else { return };
    let data = disk.0.join("data");
    let key = server::prepare(&data, &[numbered::asset(0)]);
    let client = Client::new();
    let server = Server::start(&data, &client).await;
    let first = (0..64).map(|number| numbered::row(0, number)).collect();
    assert!(server::send(&client, &server.base, &key, first).await.unwrap().status().is_success());
    let (mut next, mut acknowledged, mut refusals) = (64, BTreeSet::from_iter(0..64), 0);
    for round in 0..rounds {
        disk.fill();
        for attempt in 0.. {
            let numbers = next..next + 64;
            let rows = numbers.clone().map(|number| numbered::row(0, number)).collect();
            let answer = server::send(&client, &server.base, &key, rows).await.unwrap();
            next = numbers.end;
            if answer.status().is_success() {
                acknowledged.extend(numbers);
                assert!(attempt < 10_000, "round {round}: a full disk takes everything");
                continue;
            }
            assert!(matches!(answer.status().as_u16(), 503 | 507), "round {round}: {answer:?}");
            let problem: Value = answer.json().await.unwrap();
            assert!(problem["detail"].as_str().is_some_and(|text| text.contains("disk is full")), "round {round}: {problem}");
            refusals += 1;
            break;
        }
        let found: BTreeSet<u64> = numbered::read_back(&client, &server.base, &key, 0, 0).await.into_iter().collect();
        assert!(acknowledged.is_subset(&found), "round {round}: reads do not go on while the disk is full");
        disk.free();
        let freed = Instant::now();
        loop {
            let rows = (next..next + 64).map(|number| numbered::row(0, number)).collect();
            if server::send(&client, &server.base, &key, rows).await.unwrap().status().is_success() {
                break;
            }
            assert!(freed.elapsed() < Duration::from_secs(10), "round {round}: still refused 10 s after space returned");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        acknowledged.extend(next..next + 64);
        next += 64;
    }
    drop(server);
    let server = Server::start(&data, &client).await;
    let found: BTreeSet<u64> = numbered::read_back(&client, &server.base, &key, 0, 0).await.into_iter().collect();
    assert!(acknowledged.is_subset(&found), "lost: {:?}", acknowledged.difference(&found).collect::<Vec<_>>());
    eprintln!("disk full: {rounds} rounds, {refusals} writes refused, {} rows acknowledged, 0 lost", acknowledged.len());
}
