//! Forecasts of the weather asked for over HTTP: every run once, at the places of the assets, known from when it came.
//!
//! In: `peers/polled_server.py`, which answers as Open-Meteo does. Out: a failure when a value is lost, doubled, of the wrong run, or when
//! anything but GET is sent. Not here: the variables of the answer (`connectors/src/weather/tests.rs`).

use super::drive::{Drive, points};
use super::peer::{Peer, free_port};
use connectors::live::{Link, Phase, Points, Protocol};
use connectors::weather::service::Settings;
use engine::domain::{Quantities, Timestamp};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(10);
const S: i64 = 1_000_000;
const HOUR: i64 = 3600 * S;

const SITE: &str = r#"
[[assets]]
id = "tarfaya"
kind = "wind_plant"
latitude = 27.93
longitude = -12.91

[[assets]]
id = "t1"
kind = "wind_turbine"
parent_id = "tarfaya"

[[assets]]
id = "noor"
kind = "pv_plant"
latitude = 30.99
longitude = -6.86
"#;

/// A service in a process of its own.
struct Service {
    peer: Peer,
    port: u16,
    keep: tempfile::TempDir,
}

impl Service {
    fn start() -> Option<Self> {
        let (port, keep) = (free_port(), tempfile::tempdir().unwrap());
        let peer = Self::peer(port, &keep)?;
        Some(Self { peer, port, keep })
    }

    fn peer(port: u16, keep: &tempfile::TempDir) -> Option<Peer> {
        Peer::python("polled_server.py", &[&port.to_string(), keep.path().join("state.json").to_str().unwrap()])
    }

    /// A forecast of four hours: the wind of two places; `more` is added to every value.
    fn say(&mut self, begins: i64, more: f64) {
        let place = |latitude: f64, longitude: f64, speed: f64| {
            let times: Vec<i64> = (0..4).map(|step| (begins + step * HOUR) / S).collect();
            let speeds: Vec<f64> = (0..4).map(|step| speed + more + f64::from(step)).collect();
            json!({
                "latitude": latitude, "longitude": longitude, "utc_offset_seconds": 0, "generationtime_ms": 0.01 * speed,
                "hourly_units": {"time": "unixtime", "wind_speed_100m": "km/h", "shortwave_radiation": "W/m²"},
                "hourly": {"time": times, "wind_speed_100m": speeds, "shortwave_radiation": [0, 100, 200, null]},
            })
        };
        self.peer.ask(&json!({"weather": [place(27.94, -12.9, 36.0), place(31.0, -6.875, 18.0)]}));
    }

    /// What is said of the newest run: its start, and when it could be had.
    fn announce(&mut self, init: i64, available: i64) {
        self.peer.ask(&json!({"meta": {"last_run_initialisation_time": init / S, "last_run_availability_time": available / S}}));
    }

    fn requests(&mut self, path: &str) -> Vec<String> {
        let answer = self.peer.ask(&json!({"requests": true}));
        let all: Vec<String> =
            answer["requests"].as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned()).collect();
        assert!(all.iter().all(|line| line.starts_with("GET ")), "only GET is ever sent: {all:?}");
        all.into_iter().filter(|line| line.contains(path)).collect()
    }

    fn settings(&self, more: &Value) -> Settings {
        let url = format!(
            "http://127.0.0.1:{}/v1/forecast?latitude={{latitude}}&longitude={{longitude}}&hourly=wind_speed_100m,shortwave_radiation&timeformat=unixtime",
            self.port
        );
        let mut all = json!({"url": url, "every_s": 0.1, "timeout_s": 2.0, "source": "dwd", "settle_s": 0});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(all).unwrap()
    }

    fn with_runs(&self) -> Settings {
        self.settings(&json!({"run_url": format!("http://127.0.0.1:{}/data/icon/static/meta.json", self.port)}))
    }
}

/// The points file as the server completes it.
fn site(settings: &Settings) -> Arc<Points> {
    let standard = Quantities::standard();
    Arc::new(settings.complete(Points::parse(SITE, "plant.toml", &standard).unwrap(), &standard).unwrap())
}

fn this_hour() -> i64 {
    Timestamp::now().as_microsecond().div_euclid(HOUR) * HOUR
}

/// Valid hours after the start of the run, and values.
fn series(drive: &Drive, init: i64, asset: &str, quantity: &str) -> Vec<(i64, f64)> {
    let is_it = |key: &(String, i64, String, String, i64)| key.0 == "dwd" && key.1 == init && key.2 == asset && key.3 == quantity;
    drive.kept.weather.iter().filter(|(key, _)| is_it(key)).map(|(key, (value, _))| ((key.4 - init) / HOUR, *value)).collect()
}

#[tokio::test]
async fn every_run_is_asked_for_once_and_stands_where_the_assets_are() {
    let Some(mut service) = Service::start() else { return };
    let (first, second) = (this_hour() - 6 * HOUR, this_hour());
    service.announce(first, first + 3 * HOUR);
    service.say(first, 0.0);
    let settings = service.with_runs();
    let before = Timestamp::now().as_microsecond();
    let mut drive = Drive::open(&settings, &site(&settings));
    assert!(drive.until(SOON, |drive| !drive.kept.weather.is_empty()).await, "{:?}", drive.link.status());
    assert_eq!(series(&drive, first, "tarfaya", "wind_speed_100m").first(), Some(&(0, 10.0)));
    assert_eq!(
        series(&drive, first, "t1", "wind_speed_100m"),
        series(&drive, first, "tarfaya", "wind_speed_100m"),
        "it stands where its plant does"
    );
    let noor: Vec<_> = [18.0, 19.0, 20.0, 21.0].iter().zip(0..).map(|(speed, hour)| (hour, speed / 3.6)).collect();
    let told = series(&drive, first, "noor", "wind_speed_100m");
    assert!(told.iter().zip(&noor).all(|(a, b)| a.0 == b.0 && (a.1 - b.1).abs() < 1e-9) && told.len() == 4, "{told:?}");
    assert_eq!(series(&drive, first, "noor", "ghi"), [(0, 100.0), (1, 200.0)], "a mean stands at the beginning of its hour");
    assert!(drive.kept.weather.values().all(|(_, known)| *known >= before), "nothing was known before it came");
    // Looked at again and again, it is asked for once.
    let (arrivals, looks) = (drive.kept.arrivals, service.requests("meta.json").len());
    assert!(drive.until(SOON, |drive| drive.link.status().phase == Phase::Live).await);
    for _ in 0..5 {
        drive.step().await.unwrap();
    }
    assert!(service.requests("meta.json").len() > looks);
    let asked = service.requests("/v1/forecast");
    assert_eq!((drive.kept.arrivals, asked.len()), (arrivals, 1));
    assert!(asked[0].contains("latitude=27.9300,30.9900&longitude=-12.9100,-6.8600"), "{asked:?}");
    // The next run, and a restart in between.
    service.say(second, 36.0);
    service.announce(second, second);
    let mut drive = Drive::resume(&settings, &site(&settings), drive.crash());
    assert!(drive.until(SOON, |drive| drive.kept.weather.keys().any(|key| key.1 == second)).await);
    assert_eq!(series(&drive, second, "tarfaya", "wind_speed_100m").first(), Some(&(0, 20.0)));
    assert_eq!(series(&drive, first, "tarfaya", "wind_speed_100m").first(), Some(&(0, 10.0)), "the old run is kept");
    assert_eq!(service.requests("/v1/forecast").len(), 2);
}

#[tokio::test]
async fn a_run_is_waited_for_until_all_of_it_is_there() {
    let Some(mut service) = Service::start() else { return };
    let (first, second) = (this_hour() - 6 * HOUR, this_hour() - HOUR);
    service.announce(first, first);
    service.say(first, 0.0);
    let settings = Settings { settle_s: 2, ..service.with_runs() };
    let mut drive = Drive::open(&settings, &site(&settings));
    assert!(drive.until(SOON, |drive| !drive.kept.weather.is_empty()).await);
    let available = Timestamp::now().as_second() * S;
    service.say(second, 1.0);
    service.announce(second, available);
    assert!(drive.until(SOON, |drive| drive.kept.weather.keys().any(|key| key.1 == second)).await);
    let known = drive.kept.weather.iter().find(|(key, _)| key.1 == second).map(|(_, (_, known))| *known);
    assert!(known.unwrap() >= available + 2 * S, "{known:?} {available}");
}

#[tokio::test]
async fn where_nothing_says_when_runs_begin_a_changed_forecast_is_a_new_one() {
    let Some(mut service) = Service::start() else { return };
    let begins = this_hour();
    service.say(begins, 0.0);
    let settings = service.settings(&json!({"delay_s": 7200}));
    let mut drive = Drive::open(&settings, &site(&settings));
    assert!(drive.until(SOON, |drive| !drive.kept.weather.is_empty()).await, "{:?}", drive.link.status());
    let (init, known) = drive.kept.weather.iter().map(|(key, (_, known))| (key.1, *known)).next().unwrap();
    assert_eq!(init, (known - 2 * HOUR).div_euclid(HOUR) * HOUR);
    let (arrivals, asked) = (drive.kept.arrivals, service.requests("/v1/forecast").len());
    let mut drive = Drive::resume(&settings, &site(&settings), drive.crash());
    for _ in 0..5 {
        drive.step().await.unwrap();
    }
    assert!(service.requests("/v1/forecast").len() > asked, "it was looked at again");
    assert_eq!(drive.kept.arrivals, arrivals, "and nothing came twice, also after a restart");
    // The service is killed; it comes back with another forecast.
    service.peer.kill();
    assert!(drive.until(SOON, |drive| drive.link.status().phase == Phase::Waiting).await);
    assert!(drive.link.status().last_error.unwrap().contains("check url and the network"));
    service.peer = Service::peer(service.port, &service.keep).unwrap();
    service.say(begins, 36.0);
    assert!(drive.until(SOON, |drive| drive.kept.arrivals > arrivals).await);
    let newest = drive.kept.weather.values().map(|(_, known)| *known).max().unwrap();
    let newest: Vec<_> = drive.kept.weather.values().filter(|(_, known)| *known == newest).collect();
    assert!(newest.iter().any(|(value, _)| *value == 20.0), "{newest:?}");
}

#[tokio::test]
async fn bad_answers_are_told_and_outlived() {
    let Some(mut service) = Service::start() else { return };
    let begins = this_hour();
    service.say(begins, 0.0);
    let settings = service.settings(&json!({"delay_s": 0}));
    let mut drive = Drive::open(&settings, &site(&settings));
    service.peer.ask(&json!({"trouble": ["truncated", "html", "broken", 500]}));
    let left = async |service: &mut Service, drive: &mut Drive| {
        drive.step().await.unwrap();
        service.peer.ask(&json!({}))["trouble"].as_u64().unwrap()
    };
    let mut told = Vec::new();
    let end = tokio::time::Instant::now() + Duration::from_secs(60);
    loop {
        let count = left(&mut service, &mut drive).await;
        told.extend(drive.link.status().last_error);
        if count == 0 {
            break;
        }
        assert!(tokio::time::Instant::now() < end, "{told:?}");
    }
    assert!(drive.until(Duration::from_secs(20), |drive| !drive.kept.weather.is_empty()).await, "{:?}", drive.link.status());
    told.dedup();
    assert_eq!(told.len(), 4, "each trouble has its own text: {told:?}");
    assert_eq!(drive.link.status().phase, Phase::Live);
    // Places that are not ours.
    service.peer.ask(&json!({"weather": {"latitude": 50.0, "longitude": 8.0, "hourly_units": {"wind_speed_100m": "km/h"}, "hourly": {"time": [begins / S], "wind_speed_100m": [1.0]}}}));
    assert!(drive.until(SOON, |drive| drive.link.status().phase == Phase::Waiting).await);
    let told = drive.link.status().last_error.unwrap();
    assert!(told.contains("no asset is near any point") && told.contains("50.000 N"), "{told}");
}

#[tokio::test]
async fn check_config_says_what_it_would_bring_and_slips_are_refused() {
    let Some(mut service) = Service::start() else { return };
    let run = this_hour() - HOUR;
    service.say(run, 0.0);
    service.announce(run, run);
    let settings = service.with_runs();
    let link = Link::new("weather", Timestamp::now);
    let says = settings.probe(&site(&settings), &link).await.unwrap().says;
    assert!(says.starts_with("18 values; ") && says.contains("dwd") && says.contains("3 assets"), "{says}");
    let error = settings.discover(&link, &|_| {}).await.unwrap_err().to_string();
    assert!(error.contains("[[assets]]"), "{error}");
    let with = |url: &str| Settings { url: url.into(), ..settings.clone() };
    for (url, remedy) in [
        ("http://x/v1?latitude={latitude}&longitude=7&hourly=a", "write both"),
        ("http://x/v1?latitude={latitude}&longitude={longitude}", "&hourly="),
        ("ftp://x", "http://"),
        ("http://a:b@x/v1", "password"),
    ] {
        let error = with(url).check(&site(&settings)).unwrap_err().to_string();
        assert!(error.contains(remedy), "{url}: {error}");
    }
    let nowhere = points("[[assets]]\nid = \"t\"\nkind = \"wind_turbine\"\n");
    let error = settings.check(&nowhere).unwrap_err().to_string();
    assert!(error.contains("latitude and longitude"), "{error}");
}
