//! The server of the tests, and what it holds.
//!
//! In: values to hold. Out: settings that reach it. Not here: what is asserted.

use super::super::drive::Values;
use super::super::peer::{Peer, free_port};
use connectors::live::Points;
use connectors::polled::Settings;
use engine::domain::Timestamp;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A second in microseconds.
pub(super) const S: i64 = 1_000_000;

/// Four streams: one by its path, one an alarm.
pub(super) const POINTS: &str = r#"
[[assets]]
id = "t1"
kind = "wind_turbine"
[[assets]]
id = "t2"
kind = "wind_turbine"
[[points]]
address = "A"
asset = "t1"
quantity = "active_power"
unit = "MW"
[[points]]
address = '\\SRV\T1.WindSpeed'
asset = "t1"
quantity = "wind_speed"
[[points]]
address = "C"
asset = "t2"
quantity = "active_power"
unit = "MW"
[[points]]
address = "D"
asset = "t1"
event = "Gearbox oil too hot"
"#;

pub(super) fn points(text: &str) -> Arc<Points> {
    super::super::drive::points(text)
}

/// A server in a process of its own; its values outlive it.
#[derive(Debug)]
pub(super) struct Historian {
    peer: Peer,
    pub(super) port: u16,
    keep: tempfile::TempDir,
    now: i64,
}

impl Historian {
    pub(super) fn start() -> Option<Self> {
        Self::with(|_| None)
    }

    /// A server with the certificate that `tls` writes into the folder.
    pub(super) fn with(tls: impl Fn(&Path) -> Option<PathBuf>) -> Option<Self> {
        let (port, keep) = (free_port(), tempfile::tempdir().unwrap());
        let pem = tls(keep.path());
        let peer = peer(port, &keep, pem.as_deref())?;
        // Whole seconds, so that every place writes the same instant.
        let now = Timestamp::now().as_second() * S;
        let mut historian = Self { peer, port, keep, now };
        historian.put(json!({"A": {}, "B": {"name": "T1.WindSpeed"}, "C": {}, "D": {}}));
        Some(historian)
    }

    /// So many seconds before the start.
    pub(super) fn ago(&self, seconds: i64) -> i64 {
        self.now - seconds * S
    }

    /// Quick polls.
    pub(super) fn settings(&self) -> Settings {
        let text =
            format!("url = \"http://127.0.0.1:{}/piwebapi\"\nshape = \"pi_web_api\"\nevery_s = 0.1\ntimeout_s = 2.0\n", self.port);
        toml::from_str(&text).unwrap()
    }

    pub(super) fn order(&mut self, order: &Value) -> Value {
        self.peer.ask(order)
    }

    pub(super) fn put(&mut self, streams: Value) {
        self.order(&Value::Object([("streams".to_owned(), streams)].into_iter().collect()));
    }

    /// Every request so far: method and address.
    pub(super) fn requests(&mut self) -> Vec<String> {
        let answer = self.order(&json!({"requests": true}));
        answer["requests"].as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned()).collect()
    }

    pub(super) fn kill(&mut self) {
        self.peer.kill();
    }

    pub(super) fn restart(&mut self) {
        self.peer = peer(self.port, &self.keep, None).unwrap();
    }
}

fn peer(port: u16, keep: &tempfile::TempDir, pem: Option<&Path>) -> Option<Peer> {
    let (port, values) = (port.to_string(), keep.path().join("values.json"));
    let mut arguments = vec![port.as_str(), values.to_str().unwrap()];
    arguments.extend(pem.and_then(Path::to_str));
    Peer::python("polled_server.py", &arguments)
}

/// `count` values of A and C over the last `seconds`, as the server holds them and as they must arrive.
pub(super) fn rows(historian: &Historian, seconds: i64, count: i64) -> (Value, Values) {
    let mut expected = Values::new();
    let mut held = Map::new();
    for (web_id, asset) in [("A", "t1"), ("C", "t2")] {
        let mut rows = Map::new();
        for number in 0..count {
            let time = historian.ago(seconds) + number * (seconds * S / count) + i64::from(web_id == "C") * 250_000;
            rows.insert(time.to_string(), json!({"Value": number as f64 / 8.0}));
            expected.insert((asset.into(), "active_power".into(), time), number as f64 * 125.0);
        }
        held.insert(web_id.into(), json!({"rows": rows}));
    }
    (Value::Object(held), expected)
}
