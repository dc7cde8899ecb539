//! The demo as a newcomer meets it: started, opened in a real Chromium, a gearbox incident walked from raised to resolved, the rest
//! clicked through, stopped by a signal.
//!
//! In: the binary, Chromium, playwright-core. Out: what the walks in `tests/browser` say. Deliberately not here: where they go.

use crate::program::chergui;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Stopped by its own process id even when the test fails.
struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        let gone = self.0.try_wait().is_ok_and(|ended| ended.is_some());
        if !gone && let Err(error) = self.0.kill() {
            eprintln!("the demo could not be stopped: {error}");
        }
    }
}

#[test]
fn the_demo_serves_its_dashboard() {
    let modules = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/browser/node_modules"));
    let chromium = PathBuf::from("/usr/bin/chromium");
    if !modules.exists() || !chromium.exists() {
        assert!(std::env::var_os("CI").is_none(), "Chromium or playwright-core is missing; `make setup` installs both");
        eprintln!("skipped: Chromium or playwright-core is not here; `make setup` installs both");
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("demo");
    let child = Command::new(chergui())
        .args([
            "demo",
            "--bind",
            "127.0.0.1:0",
            "--days",
            "90",
            "--turbines",
            "4",
            "--speed",
            "300",
            "--stop-after",
            "1800",
            "--data-dir",
        ])
        .arg(&data)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut demo = Demo(child);
    let (url, key) = address(&mut demo.0, Duration::from_secs(120));
    wait_for_alerts(&url, &key, Duration::from_secs(420));
    let shots = std::env::var_os("SCREENSHOT_DIR").map_or_else(|| home.path().join("shots"), PathBuf::from);
    // The incident first: the other walk takes whatever alert is on top.
    for script in ["incident.mjs", "dashboard.mjs"] {
        let output = Command::new("node")
            .arg(script)
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/browser"))
            .envs([("BASE_URL", url.as_str()), ("KEY", key.as_str()), ("PATIENCE_MS", "60000")])
            .env("SCREENSHOT_DIR", &shots)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{script}\n{said}\n{}", String::from_utf8_lossy(&output.stderr));
    }
    let signal = Command::new("kill").args(["-TERM", &demo.0.id().to_string()]).status().unwrap();
    assert!(signal.success());
    assert!(ended(&mut demo.0, Duration::from_secs(60)).success(), "SIGTERM ends it in good order");
}

/// Reads the address and key from the line that tells what to open.
fn address(child: &mut Child, patience: Duration) -> (String, String) {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (send, hear) = mpsc::channel();
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            if let Some((url, key)) = line.trim().split_once("/#key=") {
                drop(send.send((url.to_owned(), key.to_owned())));
            }
        }
    });
    hear.recv_timeout(patience).expect("the demo says what to open")
}

/// Waits for the gearbox incident of the show, another open alert beside it, and forecasts to look at.
fn wait_for_alerts(url: &str, key: &str, patience: Duration) {
    let began = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = reqwest::Client::new();
        let list = async |path: &str, name: &str| -> Vec<serde_json::Value> {
            let answer = client.get(format!("{url}/api/v1/{path}")).bearer_auth(key).send().await;
            let Ok(answer) = answer else { return Vec::new() };
            let body: serde_json::Value = answer.json().await.unwrap_or_default();
            body[name].as_array().cloned().unwrap_or_default()
        };
        loop {
            let open = list("alerts?state=open&limit=1000", "alerts").await;
            let gearbox = open.iter().any(|alert| alert["mode"] == "bearing_overheat");
            let issues = list("forecasts/issues?asset_id=casablanca&quantity=load", "issues").await.len();
            if gearbox && open.len() > 1 && issues > 1 {
                return;
            }
            let modes: Vec<_> = open.iter().map(|alert| alert["mode"].to_string()).collect();
            assert!(began.elapsed() < patience, "after {patience:?}: open alerts {modes:?}, {issues} forecasts of casablanca");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
}

fn ended(child: &mut Child, patience: Duration) -> std::process::ExitStatus {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(began.elapsed() < patience, "still running {patience:?} after SIGTERM");
        std::thread::sleep(Duration::from_millis(200));
    }
}
