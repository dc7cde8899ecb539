//! Who takes points in the test: VictoriaMetrics where its binary is found, else a loopback that keeps the lines.
//!
//! In: nothing. Out: an address nobody listens at until [`Receiver::listen`], then values by measurement and field.

use super::loopback::{Loopback, Reply};
use serde_json::Value;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub(super) struct Receiver {
    binary: Option<PathBuf>,
    address: String,
    home: tempfile::TempDir,
    running: Option<Running>,
}

enum Running {
    Victoria(Child),
    Loopback(Loopback),
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some(Running::Victoria(process)) = &mut self.running {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }
}

impl Receiver {
    /// Looks for the binary and takes a free port.
    pub(super) fn find() -> Self {
        let named = std::env::var_os("CHERGUI_VICTORIA_METRICS").map(PathBuf::from);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut on_path = std::env::split_paths(&path).map(|folder| folder.join("victoria-metrics"));
        let binary = named.or_else(|| on_path.find(|file| file.exists()));
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        Self { binary, address, home: tempfile::tempdir().unwrap(), running: None }
    }

    pub(super) fn name(&self) -> String {
        match &self.binary {
            Some(binary) => format!("VictoriaMetrics, {}", binary.display()),
            None => "a receiver on loopback; VictoriaMetrics was not found".into(),
        }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn listen(&mut self) {
        self.running = Some(match &self.binary {
            Some(binary) => Running::Victoria(
                Command::new(binary)
                    .arg(format!("-httpListenAddr={}", self.address))
                    .arg(format!("-storageDataPath={}", self.home.path().display()))
                    .stderr(Stdio::null())
                    .spawn()
                    .unwrap(),
            ),
            None => Running::Loopback(Loopback::serve_at(&self.address, |_| Reply { status: 204, body: String::new() })),
        });
    }

    /// Values of a field in the order of their times, once there are `count`.
    pub(super) async fn values(&self, measurement: &str, field: &str, count: usize) -> Vec<f64> {
        let began = Instant::now();
        loop {
            let values = match &self.running {
                Some(Running::Loopback(server)) => kept(server, measurement, field),
                _ => self.stored(measurement, field).await.unwrap_or_default(),
            };
            if values.len() >= count {
                return values;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "{measurement} {field}: {values:?} of {count} came");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// What VictoriaMetrics shows; it names a series `measurement_field` and keeps tags as labels.
    async fn stored(&self, measurement: &str, field: &str) -> Option<Vec<f64>> {
        let client = reqwest::Client::new();
        client.get(format!("{}/internal/force_flush", self.url())).send().await.ok()?;
        let series = format!("{measurement}_{field}%7Basset_id%3D%22T01%22%7D");
        let text = client.get(format!("{}/api/v1/export?match%5B%5D={series}", self.url())).send().await.ok()?.text().await.ok()?;
        let series: Value = serde_json::from_str(text.lines().next()?).ok()?;
        Some(series["values"].as_array()?.iter().filter_map(Value::as_f64).collect())
    }
}

fn kept(server: &Loopback, measurement: &str, field: &str) -> Vec<f64> {
    let mut found: Vec<(i64, f64)> = Vec::new();
    for request in server.requests().iter().filter(|request| request.head.starts_with("POST /api/v2/write?")) {
        for line in request.body.lines().filter(|line| line.starts_with(&format!("{measurement},asset_id=T01,"))) {
            let value = line.split([' ', ',']).find_map(|part| part.strip_prefix(&format!("{field}=")));
            let time = line.rsplit_once(' ').unwrap().1.parse().unwrap();
            if !found.iter().any(|(known, _)| *known == time) {
                found.push((time, value.unwrap().parse().unwrap()));
            }
        }
    }
    found.sort_by_key(|(time, _)| *time);
    found.into_iter().map(|(_, value)| value).collect()
}
