//! A `chergui serve` that may be killed at any moment, and a client of it. Whatever happens, the process ends with the test.

use crate::program::{chergui, succeed};
use reqwest::{Client, Response};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running server.
pub(super) struct Server {
    child: Child,
    pub(super) base: String,
    /// From the start of the process to the first `ready`.
    pub(super) ready_after: Duration,
}

impl Server {
    /// Starts and waits until it is ready.
    pub(super) async fn start(data: &Path, client: &Client) -> Self {
        let began = Instant::now();
        let mut child = spawn(data);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = lines.next().and_then(Result::ok).unwrap_or_default();
        let base = said.rsplit(' ').next().unwrap_or_default().to_owned();
        let mut server = Self { child, base, ready_after: Duration::ZERO };
        assert!(server.base.starts_with("http://"), "the server did not come up: {said:?}, {:?}", server.child.wait());
        // What it says later must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        while !client.get(format!("{}/health/ready", server.base)).send().await.is_ok_and(|answer| answer.status().is_success()) {
            assert!(began.elapsed() < Duration::from_secs(60), "not ready after a minute");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        server.ready_after = began.elapsed();
        server
    }

    /// SIGKILL.
    pub(super) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Starts a server and kills it while it is starting.
pub(super) async fn kill_at_start(data: &Path, after: Duration) {
    let mut child = spawn(data);
    tokio::time::sleep(after).await;
    child.kill().unwrap();
    child.wait().unwrap();
}

fn spawn(data: &Path) -> Child {
    let mut command = Command::new(chergui());
    // The configuration refuses variables it does not know, and those of the long forms are not its own.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CHERGUI_")) {
        command.env_remove(name);
    }
    command.args(["serve", "--bind", "127.0.0.1:0", "--data-dir"]).arg(data);
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// Fills a data directory with these wind turbines; returns a key that may do everything.
pub(super) fn prepare(data: &Path, assets: &[String]) -> String {
    let set = tempfile::tempdir().unwrap();
    let toml = "name = \"numbered\"\nlicence = \"CC0-1.0\"\nsource = \"numbered rows\"\nresolution = \"PT1S\"\n";
    std::fs::write(set.path().join("dataset.toml"), toml).unwrap();
    let rows: String = assets.iter().map(|id| format!("{id},wind_turbine\n")).collect();
    std::fs::write(set.path().join("assets.csv"), format!("asset_id,kind\n{rows}")).unwrap();
    let data = data.to_str().unwrap();
    succeed(["import", set.path().to_str().unwrap(), "--data-dir", data]);
    let said = succeed(["key", "add", "trust", "--role", "admin", "--data-dir", data]);
    said.lines().next().unwrap().to_owned()
}

/// Sends readings; an error is a connection that broke.
pub(super) async fn send(client: &Client, base: &str, key: &str, rows: Vec<Value>) -> Result<Response, reqwest::Error> {
    client.post(format!("{base}/api/v1/readings")).bearer_auth(key).json(&json!({ "readings": rows })).send().await
}

/// The rows of a statement.
pub(super) async fn sql(client: &Client, base: &str, key: &str, statement: &str) -> Vec<Vec<Value>> {
    let answer =
        client.post(format!("{base}/api/v1/sql")).bearer_auth(key).json(&json!({ "sql": statement })).send().await.unwrap();
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["truncated"], false, "{statement}: {body}");
    body["rows"].as_array().unwrap().iter().map(|row| row.as_array().unwrap().clone()).collect()
}
