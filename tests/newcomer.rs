//! A newcomer's way from nothing to values, with the commands of `docs/connectors.md`: a simulated plant, `discover`, `check-config
//! --connect`, `serve`, SQL, metrics, the live tail; then the plant falls silent, which is told once, and comes back.
//!
//! In: the built binary. Out: a failure where a command, a figure or an alert is not as the page says. Both processes are stopped by their ids.

use crate::program::{chergui, fail, succeed};
use reqwest::Client;
use serde_json::{Value, json};
use std::fmt::Write;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Protocols of the walk: name, and how the plant and the connection are told its port.
const PROTOCOLS: [&str; 3] = ["modbus", "opcua", "iec104"];

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(chergui());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CHERGUI_")) {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

/// The simulated plant at these ports; it listens when this returns.
fn plant(ports: [u16; 3], points: &Path) -> Running {
    let addresses = ports.map(|port| format!("127.0.0.1:{port}"));
    let mut arguments = vec!["simulate", "--serve", "--turbines", "2", "--seconds", "600", "--points", points.to_str().unwrap()];
    let flags = ["--modbus", "--opcua", "--iec104"];
    for (flag, address) in flags.iter().zip(&addresses) {
        arguments.extend([*flag, address.as_str()]);
    }
    let child = command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let running = Running(child);
    for address in &addresses {
        wait(&format!("the plant listens at {address}"), || TcpStream::connect(address).is_ok());
    }
    running
}

fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < end, "not within a minute: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

struct Site {
    base: String,
    key: String,
    client: Client,
    _server: Running,
}

impl Site {
    fn start(config: &str, key: String) -> Self {
        let mut child = command(&["serve", "--bind", "127.0.0.1:0", "--config", config]);
        let mut child = child.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = lines.next().and_then(Result::ok).unwrap_or_default();
        std::thread::spawn(move || lines.for_each(drop));
        let base = said.rsplit(' ').next().unwrap_or_default().to_owned();
        let server = Running(child);
        assert!(base.starts_with("http://"), "the server did not come up: {said:?}");
        Self { base, key, client: Client::new(), _server: server }
    }

    async fn get(&self, path: &str) -> String {
        let answer = self.client.get(format!("{}/{path}", self.base)).bearer_auth(&self.key).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.text().await.unwrap()
    }

    async fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.get(path).await).unwrap()
    }

    async fn sql(&self, statement: &str) -> Value {
        let request = self.client.post(format!("{}/api/v1/sql", self.base)).bearer_auth(&self.key);
        let body: Value = request.json(&json!({ "sql": statement })).send().await.unwrap().json().await.unwrap();
        body["rows"].clone()
    }

    /// Asks until the answer is as wished, at most a minute.
    async fn until(&self, what: &str, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let answer = self.json(path).await;
            if is_so(&answer) {
                return answer;
            }
            assert!(Instant::now() < end, "not within a minute: {what}: {answer}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// Discovers Modbus and OPC UA, takes the plant's own list for IEC 104 (which has no names), and writes the configuration.
fn configure(home: &Path, ports: [u16; 3]) -> String {
    let file = |name: &str| home.join(name).to_str().unwrap().to_owned();
    let [modbus, opcua, iec104] = ports;
    let url = format!("opc.tcp://127.0.0.1:{opcua}");
    let said = succeed(["discover", "opcua", &format!("url={url}"), "-o", &file("opcua.toml")]);
    assert!(said.contains("check-config --connect"), "{said}");
    succeed(["discover", "modbus", "host=127.0.0.1", &format!("port={modbus}"), "-o", &file("modbus.toml")]);
    let (code, again) = fail(["discover", "modbus", "host=127.0.0.1", &format!("port={modbus}"), "-o", &file("modbus.toml")]);
    assert!(code == 2 && again.contains("is there already"), "{again}");
    let mut text = format!("data_dir = {:?}\n", file("data"));
    let settings = [
        ("modbus", file("modbus.toml"), format!("host = \"127.0.0.1\"\nport = {modbus}")),
        ("opcua", file("opcua.toml"), format!("url = \"{url}\"")),
        ("iec104", file("points/iec104.toml"), format!("links = [\"127.0.0.1:{iec104}\"]")),
    ];
    for (name, points, settings) in settings {
        let head = format!("[[connection]]\nname = \"{name}\"\npoints = {points:?}\nsilence_s = 5\n");
        writeln!(text, "{head}[connection.from.{name}]\n{settings}").unwrap();
    }
    std::fs::write(file("chergui.toml"), text).unwrap();
    file("chergui.toml")
}

#[tokio::test(flavor = "multi_thread")]
async fn from_nothing_to_values_and_silence_is_told_once() {
    let home = tempfile::tempdir().unwrap();
    let ports = std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port());
    let points = home.path().join("points");
    let running = plant(ports, &points);
    let config = configure(home.path(), ports);
    let table = succeed(["check-config", "--connect", "--config", &config]);
    for name in PROTOCOLS {
        assert!(table.lines().any(|line| line.starts_with(name) && line.contains(" ok ")), "{name}: {table}");
    }
    let said = succeed(["key", "add", "newcomer", "--role", "admin", "--config", &config]);
    let site = Site::start(&config, said.lines().next().unwrap().to_owned());

    let all = |list: &Value, is_so: &dyn Fn(&Value) -> bool| list["connections"].as_array().unwrap().iter().all(is_so);
    let path = "api/v1/connections";
    // On a busy machine the first value may come after the first silence was told.
    let arrives = |one: &Value| one["stored"].as_u64() > Some(5) && one["is_silent"] == false;
    let list = site.until("values are stored", path, |list| all(list, &arrives)).await;
    assert!(all(&list, &|one| one["phase"] == "live" && one["rejects"] == 0), "{list}");
    let rows = site.sql("SELECT asset_id, count(*), max(active_power) FROM wind_turbine GROUP BY asset_id").await;
    assert!(rows.as_array().is_some_and(|rows| rows.len() >= 2), "{rows}");
    let inverters = site.sql("SELECT count(DISTINCT asset_id) FROM pv_inverter WHERE active_power IS NOT NULL").await;
    assert!(inverters[0][0].as_u64() > Some(0), "{inverters}");
    let metrics = site.get("metrics").await;
    for name in PROTOCOLS {
        let line = format!("chergui_connection_live{{connection=\"{name}\",protocol=\"{name}\"}} 1");
        assert!(metrics.contains(&line), "{line}");
    }
    let tail = succeed(["tail", "opcua", "--url", &site.base, "--key", &site.key, "--lines", "3"]);
    assert!(tail.lines().count() >= 3 && tail.contains("good"), "{tail}");

    drop(running);
    let silent = "api/v1/alerts?state=open,acknowledged";
    let is_told = |body: &Value| body["alerts"].as_array().unwrap().iter().any(|alert| alert["mode"] == "link_silent");
    let list = site.until("all are silent", path, |list| all(list, &|one| one["is_silent"] == true)).await;
    assert!(all(&list, &|one| one["last_error"].is_string()), "{list}");
    let told = site.until("the silence is told", silent, is_told).await;
    let running = plant(ports, &points);
    site.until("they are back", path, |list| all(list, &|one| one["phase"] == "live" && one["is_silent"] == false)).await;
    site.until("the silence is over", silent, |body| !is_told(body)).await;
    let opened =
        site.sql("SELECT asset_id, count(*) FROM alerts WHERE mode = 'link_silent' GROUP BY asset_id HAVING count(*) > 1").await;
    assert_eq!(opened.as_array().map(Vec::len), Some(0), "one alert per asset, told once: {told} {opened}");
    drop(running);
}
