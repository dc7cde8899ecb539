//! The plant of these tests: a server, its points, its times.
//!
//! In: what the server is told. Out: a running server. Not here: assertions.

use super::super::drive;
use super::super::peer::{Peer, free_port, python};
use connectors::live::Points;
use connectors::opcua::Settings;
use engine::domain::Timestamp;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// A time in the past, µs.
pub(super) const T: i64 = 1_780_315_200_000_000;

/// Minutes after T.
pub(super) fn minute(number: i32) -> i64 {
    T + i64::from(number) * 60_000_000
}

/// Patience of a test with one thing, on a machine that is busy.
pub(super) const fn enough() -> Duration {
    Duration::from_secs(30)
}

/// µs since 1970.
pub(super) fn now() -> i64 {
    Timestamp::now().as_microsecond()
}

const POINTS: &str = r#"
[[assets]]
id = "t01"
kind = "wind_turbine"

[[points]]
address = "ns=2;s=WTG01.ActivePower"
asset = "t01"
quantity = "active_power"

[[points]]
address = "nsu=urn:plant;s=WTG01.WindSpeed"
asset = "t01"
quantity = "wind_speed"

[[points]]
address = "nsu=urn:plant;s=WTG01.Temperature"
asset = "t01"
quantity = "temp_air"
scale = 0.01

[[points]]
address = "nsu=urn:plant;s=WTG01.RotorSpeed"
asset = "t01"
quantity = "rotor_speed"

[[points]]
address = "nsu=urn:plant;s=WTG01.DoorOpen"
asset = "t01"
event = "Door open"

[[points]]
address = "nsu=urn:plant;s=WTG01"
asset = "t01"
event = "Events of the turbine"
events = true
"#;

const WRONG: &str = r#"
[[points]]
address = "ns=2;s=Gone"
asset = "t01"
quantity = "nacelle_direction"

[[points]]
address = "nsu=urn:gone;s=X"
asset = "t01"
quantity = "blade_pitch_angle"

[[points]]
address = "ns=2;s=WTG01.Serial"
asset = "t01"
quantity = "generator_speed"
"#;

/// All of the turbine, and three points that cannot be read.
pub(super) fn points() -> Arc<Points> {
    drive::points(&format!("{POINTS}{WRONG}"))
}

/// All of the turbine.
pub(super) fn right_points() -> Arc<Points> {
    drive::points(POINTS)
}

/// Settings with short intervals.
pub(super) fn settings(port: u16, more: &str) -> Settings {
    let text = format!("url = \"opc.tcp://127.0.0.1:{port}/plant\"\npublishing_interval_ms = 100\n{more}");
    toml::from_str(&text).unwrap()
}

/// A server and its journal.
pub(super) struct Plant {
    pub(super) port: u16,
    pub(super) folder: TempDir,
    peer: Peer,
}

impl Plant {
    /// Starts it; `None` where there is no interpreter for it.
    pub(super) fn start(more: &[&str]) -> Option<Self> {
        let (port, folder) = (free_port(), TempDir::new().unwrap());
        let peer = Self::peer(port, &folder, more)?;
        Some(Self { port, folder, peer })
    }

    fn peer(port: u16, folder: &TempDir, more: &[&str]) -> Option<Peer> {
        let (port, journal) = (port.to_string(), folder.path().join("journal.jsonl"));
        let mut arguments = vec!["--port", &port, "--journal", journal.to_str().unwrap()];
        arguments.extend_from_slice(more);
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("contracts/peers");
        // The test crate's own folder, wherever it was built from.
        let scripts = if own.exists() { own } else { Path::new(file!()).parent()?.parent()?.join("peers") };
        let mut command = Command::new(python()?);
        command.arg("-u").arg(scripts.join("opcua_server.py")).args(arguments);
        let peer = Peer::start(command);
        // It says now and then that it is still reading the standard's address space.
        while peer.answer()["ready"] != true {}
        Some(peer)
    }

    /// Killed and started again, with the history of what it was told.
    pub(super) fn restart(&mut self, more: &[&str]) {
        self.peer.kill();
        self.peer = Self::peer(self.port, &self.folder, more).unwrap();
    }

    /// One order.
    pub(super) fn ask(&mut self, order: &Value) -> Value {
        self.peer.ask(order)
    }

    /// Its variables say this now.
    pub(super) fn write(&mut self, values: &[Value]) {
        self.ask(&json!({"do": "write", "values": values}));
    }

    /// Values into history and journal only: what happened while nobody listened.
    pub(super) fn miss(&mut self, values: &[Value]) {
        self.ask(&json!({"do": "write", "values": values, "publish": false}));
    }

    /// Stops its process where it is (`-STOP`) or lets it go on (`-CONT`).
    pub(super) fn signal(&self, name: &str) {
        self.peer.signal(name);
    }
}
