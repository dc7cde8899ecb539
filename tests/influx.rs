//! InfluxDB both ways: history pulled by the command line (killed in the middle) and by a server that looks for more; forecasts and
//! alerts written by a server.
//!
//! No InfluxDB 2 is at hand: what is read are fixtures, made here after the documentation of annotated CSV and served on loopback. What is
//! written goes to a real VictoriaMetrics where one is found (`CHERGUI_VICTORIA_METRICS`, `PATH`), else to a receiver on loopback.

mod loopback;
mod victoria;

use crate::program::{chergui, fail, succeed};
use api::Config;
use api::jobs::{Clock, Schedule, start};
use engine::detect::Incident;
use engine::domain::{Asset, AssetId, AssetKind, Forecast, Quantile, Quantity, Table, Timestamp};
use jiff::SignedDuration;
use loopback::{Loopback, Reply, Request};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};
use victoria::Receiver;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The stretch a query asks for.
fn range(request: &Request) -> (Timestamp, Timestamp) {
    let rest = request.body.split_once("range(start: ").unwrap().1;
    let (start, rest) = rest.split_once(", stop: ").unwrap();
    (at(start), at(rest.split_once(')').unwrap().0))
}

/// A fixture: pivoted rows of `T01` at the times in the range, one table; an empty line where there are none.
fn answer(times: &[Timestamp], (start, stop): (Timestamp, Timestamp)) -> Reply {
    if !times.iter().any(|time| (start..stop).contains(time)) {
        return Reply { status: 200, body: "\r\n".into() };
    }
    let mut text = String::from(
        "#datatype,string,long,dateTime:RFC3339,string,string,string,double,double\n#group,false,false,false,true,true,true,false,false\n\
         #default,_result,,,,,,,\n,result,table,_time,_measurement,asset_id,kind,wind_speed,oil_bar\n",
    );
    for time in times.iter().filter(|time| (start..stop).contains(*time)) {
        text.push_str(&format!(",,0,{time},scada,T01,wind,7.5,{}\n", time.as_second() % 100));
    }
    Reply { status: 200, body: text }
}

const MAPPING: &str = "[[line_protocol]]\nmeasurement = \"scada\"\nregister = true\ndeclare = true\nkind_tag = \"kind\"\nkinds = { wind = \"wind_turbine\" }\n";

fn config(url: &str, rest: &str) -> String {
    format!(
        "[[influx]]\nname = \"plant\"\nurl = \"{url}\"\norg = \"grid\"\nbucket = \"scada\"\ntoken = \"s3cret\"\n{rest}\n{MAPPING}"
    )
}

fn count(data: &Path) -> String {
    let sql = "SELECT count(*) AS n, count(DISTINCT time) AS d, count(oil_bar) AS oil FROM wind_turbine";
    succeed(["sql", sql, "--format", "csv", "--data-dir", data.to_str().unwrap()])
}

#[test]
fn a_killed_pull_goes_on_where_it_was_and_nothing_is_lost_or_doubled() {
    let times: Vec<Timestamp> = (0..288).map(|step| at("2026-01-01T00:00:00Z") + SignedDuration::from_mins(30 * step)).collect();
    let third = at("2026-01-03T00:00:00Z");
    let (told, asked_third) = mpsc::channel();
    let refuse = Arc::new(AtomicUsize::new(0));
    let refusing = refuse.clone();
    let server = Loopback::serve(move |request| {
        let range = range(request);
        if range.0 == third && refusing.fetch_add(1, Ordering::SeqCst) == 0 {
            told.send(()).unwrap();
            // The client is killed meanwhile.
            std::thread::sleep(Duration::from_secs(3));
        }
        if range.0 == third && refusing.load(Ordering::SeqCst) == 2 {
            return Reply { status: 503, body: "{\"message\":\"fixture: overloaded\"}".into() };
        }
        answer(&times, range)
    });
    let home = tempfile::tempdir().unwrap();
    let (data, file) = (home.path().join("data"), home.path().join("chergui.toml"));
    // Everything that will be there is within six days of the start; later windows are empty.
    let read = "[influx.read]\nstart = \"2026-01-01T00:00:00Z\"\npage_rows = 7\nmeasurements = [\"scada\"]\nwindow = \"P1D\"\n";
    std::fs::write(&file, config(&server.url, read)).unwrap();
    let arguments = ["import", "--influx", "plant", "--config", file.to_str().unwrap(), "--data-dir", data.to_str().unwrap()];
    let mut child = Command::new(chergui()).args(arguments).stderr(Stdio::null()).spawn().unwrap();
    asked_third.recv_timeout(Duration::from_secs(60)).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(count(&data), "n,d,oil\n96,96,96\n", "two windows of 48 were stored when the third was asked for");

    let (code, said) = fail(arguments);
    assert!(code == 1 && said.contains("fixture: overloaded") && said.contains("goes on"), "{said}");
    let before = server.requests().len();
    succeed(arguments);
    assert_eq!(count(&data), "n,d,oil\n288,288,288\n");
    let asked: Vec<Timestamp> = server.requests()[before..].iter().map(|request| range(request).0).collect();
    assert_eq!(asked[0], third, "what was stored is not asked for again");
    let request = server.requests()[0].clone();
    assert!(request.head.starts_with("POST /api/v2/query?org=grid "), "{}", request.head);
    assert!(request.headers.contains("authorization: Token s3cret\n"), "{}", request.headers);

    let again = Command::new(chergui()).args(arguments).arg("--again").output().unwrap();
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(again.status.success() && said.contains("new 0, changed 0, unchanged 288"), "{said}");
    assert_eq!(count(&data), "n,d,oil\n288,288,288\n");
    let shown = succeed(["check-config", file.to_str().unwrap()]);
    assert!(shown.contains("influx \"plant\": bucket \"scada\"") && !shown.contains("s3cret"), "{shown}");
    let (code, said) =
        fail(["import", "--influx", "plnt", "--config", file.to_str().unwrap(), "--data-dir", data.to_str().unwrap()]);
    assert!(code == 2 && said.contains("known: plant"), "{said}");
}

/// A site with its jobs running.
struct Running {
    state: api::AppState,
    _home: tempfile::TempDir,
}

impl Running {
    async fn start(text: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut config: Config = toml::from_str(text).unwrap();
        config.data_dir = home.path().join("data");
        let opened = api::open(config.checked().unwrap()).await.unwrap();
        start(&opened.state, &opened.pipeline, &Clock::wall(), &Schedule::default(), Vec::new());
        Self { state: opened.state, _home: home }
    }

    async fn rows(&self) -> usize {
        let turbine = self.state.store.asset(&AssetId::parse("T01").unwrap());
        let Some(turbine) = turbine else { return 0 };
        self.state.store.readings(&turbine, None, None, None).await.unwrap().num_rows()
    }

    async fn wait_for(&self, rows: usize) {
        let began = Instant::now();
        while self.rows().await < rows {
            assert!(began.elapsed() < Duration::from_secs(60), "{} of {rows} rows came", self.rows().await);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.state.stopping.cancel();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_looks_for_more_and_survives_a_bad_answer() {
    let start = Timestamp::from_second(Timestamp::now().as_second() - 3600).unwrap();
    let times = Arc::new(Mutex::new((0..50).map(|step| start + SignedDuration::from_mins(step)).collect::<Vec<_>>()));
    let (held, asked) = (times.clone(), AtomicUsize::new(0));
    let server = Loopback::serve(move |request| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => Reply { status: 500, body: "fixture: broken".into() },
        _ => answer(&held.lock().unwrap(), range(request)),
    });
    let read = format!("[influx.read]\nstart = \"{start}\"\nevery = \"PT1S\"\nsettle = \"PT1S\"\npage_rows = 9\n");
    let site = Running::start(&config(&server.url, &read)).await;
    site.wait_for(50).await;
    let later = Timestamp::from_second(Timestamp::now().as_second() + 2).unwrap();
    times.lock().unwrap().push(later);
    site.wait_for(51).await;
    assert_eq!(site.rows().await, 51);
    assert!(site.state.store.quantities().get("oil_bar").is_ok(), "declared on the way");
    let ranges: Vec<_> = server.requests().iter().map(range).collect();
    assert_eq!(ranges[0].0, ranges[1].0, "what failed is asked for again");
    assert!(ranges[2].0 >= ranges[1].1, "what was read is not: {ranges:?}");
}

fn finding(now: Timestamp) -> Incident {
    let new = Incident::new(AssetId::parse("T01").unwrap(), "gearbox", "bearing_overheat", now, now);
    Incident { score: 1.75, energy_lost_kwh: 12.5, ..new }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forecasts_and_alerts_arrive_even_when_the_receiver_starts_late() {
    let mut receiver = Receiver::find();
    eprintln!("points go to {}", receiver.name());
    let site = Running::start(&config(&receiver.url(), "[influx.write]\n")).await;
    let asset = Asset::new(AssetId::parse("T01").unwrap(), AssetKind::WindTurbine);
    site.state.store.upsert_assets(vec![asset.clone()]).await.unwrap();
    let now = Timestamp::from_second(Timestamp::now().as_second() / 60 * 60).unwrap();
    let forecast = Forecast {
        asset_id: asset.id.clone(),
        quantity: Quantity::ACTIVE_POWER,
        issue_time: now,
        valid_times: (0..3).map(|step| now - SignedDuration::from_mins(10 * (3 - step))).collect(),
        quantiles: [0.1, 0.5, 0.9].map(|q| Quantile::new(q).unwrap()).to_vec(),
        values: vec![vec![410.0, 420.5, 430.0], vec![510.0, 520.5, 530.0], vec![610.0, 620.5, 630.0]],
        model: "ridge".into(),
        model_version: "1".into(),
        notes: Vec::new(),
    };
    site.state.store.append_table(Table::Forecasts, forecast.to_batch().unwrap()).await.unwrap();
    let began = Instant::now();
    site.state.forecast_stored(asset.id.clone(), Quantity::ACTIVE_POWER, now);
    site.state.alerts.raise(&finding(now), &asset, now).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(5), "nobody waits for a receiver that is not there");
    // The first tries fail: nobody listens yet.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    receiver.listen();
    assert_eq!(receiver.values("forecast", "p50", 3).await, [420.5, 520.5, 620.5]);
    assert_eq!(receiver.values("forecast", "p90", 3).await, [430.0, 530.0, 630.0]);
    assert_eq!(receiver.values("alert", "score", 1).await, [1.75]);
}
