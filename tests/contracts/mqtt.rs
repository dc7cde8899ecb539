//! MQTT against mosquitto: what is published is kept, once, whatever happens on the way.
//!
//! In: Debian's broker in a process of its own, a publisher (paho-mqtt). Out: failures. Not here: Sparkplug and what goes wrong on the line, in
//! the folder beside this file.

mod faults;
mod looks;
mod sparkplug;
mod speed;

use super::drive::{Drive, Kept, Values, points};
use super::peer::{Peer, free_port};
use connectors::live::{Phase, Points, Protocol};
use connectors::mqtt::Settings;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const MOSQUITTO: &str = "/usr/sbin/mosquitto";
/// 2026-06-01T12:00:00Z.
const NOON: i64 = 1_780_315_200_000;
const SOON: Duration = Duration::from_secs(20);

/// A broker that keeps sessions on disk, as one in a plant would.
struct Mosquitto {
    port: u16,
    folder: TempDir,
    peer: Option<Peer>,
}

impl Mosquitto {
    /// `None`, after saying so, where there is no broker or no publisher.
    fn start(more: &str) -> Option<Self> {
        Self::start_with(more, |_| {})
    }

    /// With files of its own in its folder, `FOLDER` in `more`.
    fn start_with(more: &str, files: impl FnOnce(&Path)) -> Option<Self> {
        super::peer::python()?;
        if !Path::new(MOSQUITTO).exists() {
            assert!(std::env::var_os("CI").is_none(), "{MOSQUITTO} is missing; .ci/run installs it");
            eprintln!("skipped: no {MOSQUITTO}; `apt-get install mosquitto`");
            return None;
        }
        let (port, folder) = (free_port(), tempfile::tempdir().unwrap());
        let place = folder.path().display();
        let text = format!(
            "user root\nlistener {port} 127.0.0.1\npersistence true\npersistence_location {place}/\nautosave_on_changes true\n\
             autosave_interval 1\nmax_queued_messages 0\nlog_dest none\n{}",
            more.replace("FOLDER", &place.to_string())
        );
        std::fs::write(folder.path().join("mosquitto.conf"), text).unwrap();
        files(folder.path());
        let mut broker = Self { port, folder, peer: None };
        broker.run();
        Some(broker)
    }

    fn open() -> Option<Self> {
        Self::start("allow_anonymous true\n")
    }

    /// Starts it, and waits until it listens.
    fn run(&mut self) {
        let mut command = Command::new(MOSQUITTO);
        command.arg("-c").arg(self.folder.path().join("mosquitto.conf"));
        self.peer = Some(Peer::start(command));
        let end = Instant::now() + SOON;
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < end, "mosquitto listens");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn kill(&mut self) {
        self.peer = None;
    }

    fn publisher(&self) -> Publisher {
        Publisher(Peer::python("mqtt_publisher.py", &[&self.port.to_string()]).unwrap())
    }
}

struct Publisher(Peer);

impl Publisher {
    fn say(&mut self, topic: &str, text: &str) {
        self.0.ask(&json!({"do": "publish", "topic": topic, "text": text}));
    }

    fn retain(&mut self, topic: &str, text: &str) {
        self.0.ask(&json!({"do": "publish", "topic": topic, "text": text, "retain": true}));
    }

    fn series(&mut self, from: usize, to: usize) {
        self.0.ask(&json!({"do": "series", "topic": "plant/t01", "from": from, "to": to, "start_ms": NOON}));
    }

    fn wait(&mut self) {
        self.0.ask(&json!({"do": "wait"}));
    }
}

fn settings(port: u16, more: Value) -> Settings {
    let mut all = json!({"host": "127.0.0.1", "port": port, "client_id": "under-test", "keep_alive_s": 10});
    if let Value::Object(more) = more {
        all.as_object_mut().unwrap().extend(more);
    }
    serde_json::from_value(all).unwrap()
}

/// What `series` publishes, to the end.
fn expected(to: usize) -> Values {
    (0..to).map(|n| (("t01".into(), "active_power".into(), (NOON + n as i64 * 1000) * 1000), n as f64)).collect()
}

fn one_point() -> Arc<Points> {
    points(
        r#"
        assets = [{ id = "t01", kind = "wind_turbine" }]
        points = [{ address = "plant/t01#/v", asset = "t01", quantity = "active_power", time = "/ts" }]
        "#,
    )
}

/// As `until`, for states that change while no page comes.
async fn soon(drive: &mut Drive, enough: impl Fn(&Drive) -> bool) -> bool {
    let end = Instant::now() + SOON;
    while !drive.until(Duration::from_millis(50), &enough).await {
        if Instant::now() >= end {
            return false;
        }
    }
    true
}

/// Opens, and returns when the subscription stands.
async fn live(protocol: &dyn Protocol, points: &Arc<Points>, kept: Kept) -> Drive {
    let mut drive = Drive::resume(protocol, points, kept);
    assert!(soon(&mut drive, |drive| drive.link.status().phase == Phase::Live).await, "{:?}", drive.link.status());
    drive
}

const MANY_KINDS: &str = r#"
assets = [{ id = "t01", kind = "wind_turbine" }, { id = "w", kind = "weather_station" }]

[[points]]
address = "plant/t01#/power/value"
asset = "t01"
quantity = "active_power"
unit = "W"
scale = 10
time = "/ts"
quality = "/power/q"

[[points]]
address = "plant/t01#/wind"
asset = "t01"
quantity = "wind_speed"
time = "/at"
timezone = "Europe/Berlin"
quality = "/wq"
good = ["A", 0]

[[points]]
address = "plant/w/air"
asset = "w"
quantity = "temp_air"

[[points]]
address = "plant/t01#/alarms/0"
asset = "t01"
event = "Gearbox oil too hot"
time = "/ts"

[[points]]
address = "plant/t01/message"
asset = "t01"
event = "Controller"
"#;

async fn values_of(version: &str) {
    let Some(broker) = Mosquitto::open() else { return };
    let mut publisher = broker.publisher();
    publisher.retain("plant/w/air", "17.5");
    let points = points(MANY_KINDS);
    let mut drive = live(&settings(broker.port, json!({"version": version})), &points, Kept::default()).await;
    assert!(drive.until(SOON, |drive| drive.kept.arrivals == 1).await, "the retained value");
    let documents = [
        // good; 12:00:00 local is 10:00 UTC in summer
        r#"{"ts": 1780315200000, "power": {"value": 1000, "q": 192}, "wind": "7.5", "at": "2026-06-01 12:00:00", "wq": "a", "alarms": [true]}"#,
        // uncertain; bad by its own list
        r#"{"ts": 1780315201000, "power": {"value": 2000, "q": 64}, "wind": 8, "at": "2026-06-01T10:00:01Z", "wq": 192, "alarms": [true]}"#,
        // bad; missing; reset
        r#"{"ts": 1780315202.0e3, "power": {"value": 3000, "q": 0}, "wind": null, "at": 1780308002, "wq": 0, "alarms": [false]}"#,
        // no time; not a number; out of range
        r#"{"ts": "2026-06-01T12:00:03Z", "power": {"value": "much", "q": "good"}, "wind": 500, "at": 1780308003, "wq": 0}"#,
        r#"{"ts": 1780315204, "power": {"value": 4000}}"#,
        r#"{"ts": "yesterday", "power": {"value": 5000}}"#,
        "{",
    ];
    for document in documents {
        publisher.say("plant/t01", document);
    }
    for text in ["Pitch fault", "Pitch fault", "Yaw fault", "OK"] {
        publisher.say("plant/t01/message", text);
    }
    let all = |drive: &Drive| drive.kept.events.len() == 3 && drive.kept.events.values().all(Option::is_some);
    assert!(drive.until(SOON, all).await, "{:?}", drive.kept);
    let kept = drive.close().await;
    let second = |n: i64| (NOON + n * 1000) * 1000;
    assert_eq!(kept.series("t01", "active_power"), vec![(second(0), 10.0), (second(1), 20.0), (second(4), 40.0)]);
    // Two hours earlier: the text had no offset and its zone is Berlin's.
    let ten = |n: i64| second(n) - 7_200_000_000;
    assert_eq!(kept.series("t01", "wind_speed"), vec![(ten(0), 7.5)]);
    let told: Vec<_> = kept.flags.iter().map(|flag| (flag.1.as_str(), flag.2, flag.3.as_str(), flag.4.as_str())).collect();
    for flag in [
        ("active_power", second(1), "questionable", "uncertain"),
        ("active_power", second(2), "invalid", "bad_quality"),
        ("wind_speed", ten(1), "invalid", "bad_quality"),
        ("wind_speed", ten(2), "invalid", "null_value"),
        ("wind_speed", ten(3), "invalid", "out_of_range"),
    ] {
        assert!(told.contains(&flag), "{flag:?}: {told:?}");
    }
    let retained: Vec<_> = told.iter().filter(|flag| flag.0 == "temp_air").map(|flag| (flag.2, flag.3)).collect();
    assert_eq!(retained, [("questionable", "retained")]);
    assert_eq!(kept.series("w", "temp_air").iter().map(|row| row.1).collect::<Vec<_>>(), [17.5]);
    let event = |message: &str| kept.events.iter().find(|(key, _)| key.1 == message).map(|(key, reset)| (key.2, *reset));
    assert_eq!(event("Gearbox oil too hot"), Some((second(0), Some(second(2)))));
    assert!(event("Controller: Pitch fault").is_some() && event("Controller: Yaw fault").is_some(), "{:?}", kept.events);
    let reasons: Vec<_> = kept.rejects.iter().map(|reject| reject.reason).collect();
    assert_eq!(reasons, ["bad_number", "bad_time", "bad_json"], "{:?}", kept.rejects);
    assert!(kept.rejects[0].detail.starts_with("t01: plant/t01#/power/value"), "{}", kept.rejects[0].detail);
}

#[tokio::test(flavor = "multi_thread")]
async fn mqtt_5_keeps_values_times_and_qualities() {
    values_of("5").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mqtt_311_keeps_values_times_and_qualities() {
    values_of("3.1.1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_stored_is_acknowledged_and_does_not_come_again() {
    for version in ["5", "3.1.1"] {
        let Some(broker) = Mosquitto::open() else { return };
        let (mut publisher, points) = (broker.publisher(), one_point());
        let settings = settings(broker.port, json!({"version": version}));
        let mut drive = live(&settings, &points, Kept::default()).await;
        publisher.series(0, 50);
        assert!(drive.until(SOON, |drive| drive.kept.values.len() == 50).await);
        let kept = drive.close().await;
        assert_eq!(kept.arrivals, 50);
        // While we are away the broker keeps them.
        publisher.series(50, 80);
        publisher.wait();
        let mut drive = live(&settings, &points, kept).await;
        assert!(drive.until(SOON, |drive| drive.kept.values.len() == 80).await, "{version}: {}", drive.kept.values.len());
        let status = drive.link.status();
        let kept = drive.close().await;
        assert_eq!(kept.values, expected(80), "{version}");
        assert_eq!((kept.arrivals, status.failures), (80, 0), "{version}: {status:?}");
    }
}
