//! JSON over HTTP against a server of the documented shapes: values and qualities, corrections, cut answers, refusals, bad wires.
//!
//! In: `peers/polled_server.py`, which plays PI Web API, Open-Meteo and an interface of its own. Out: a failure when a value is lost, doubled
//! or wrong, when trouble is not told with its remedy, or when anything but GET is sent. Not here: real servers, which nobody gives away.

mod historian;
mod shapes;
mod troubles;

use super::drive::{Drive, Kept};
use connectors::live::{Link, Phase, Points, Protocol, points_file};
use engine::domain::{Quantities, Timestamp};
use historian::{Historian, POINTS, S, points, rows};
use serde_json::json;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(10);

#[tokio::test]
async fn values_times_and_qualities_are_those_of_the_historian() {
    let Some(mut historian) = Historian::start() else { return };
    let t = historian.ago(300);
    historian.put(json!({
        "A": {"rows": {
            t.to_string(): {"Value": 1.5},
            (t + S).to_string(): {"Value": 2.0, "Questionable": true},
            (t + 2 * S).to_string(): {"Value": 2.5, "Substituted": true},
            (t + 3 * S).to_string(): {"Value": 9.0, "Good": false},
            (t + 4 * S).to_string(): {"Value": {"Name": "I/O Timeout", "Value": 246, "IsSystem": true}, "Good": false},
            (t + 5 * S).to_string(): {"Value": {"Name": "No Data", "Value": 248, "IsSystem": true}, "Good": false},
            (t + 6 * S).to_string(): {"Value": "text"},
            (t + 7 * S).to_string(): {"Value": 1e12},
        }},
        "B": {"name": "T1.WindSpeed", "rows": {(t + 500_000).to_string(): {"Value": 8.25}}},
        "D": {"rows": {
            t.to_string(): {"Value": {"Name": "Normal", "Value": 0, "IsSystem": false}},
            (t + S).to_string(): {"Value": {"Name": "Alarm", "Value": 1, "IsSystem": false}},
            (t + 9 * S).to_string(): {"Value": {"Name": "Normal", "Value": 0, "IsSystem": false}},
        }},
    }));
    let settings = historian.settings();
    let mut drive = Drive::open(&settings, &points(POINTS));
    assert!(drive.until(SOON, |drive| drive.kept.values.len() >= 4 && drive.link.status().phase == Phase::Live).await);
    let power: Vec<_> = drive.kept.series("t1", "active_power").iter().map(|(time, value)| ((time - t) / S, *value)).collect();
    assert_eq!(power, [(0, 1500.0), (1, 2000.0), (2, 2500.0)]);
    assert_eq!(drive.kept.series("t1", "wind_speed"), [(t + 500_000, 8.25)], "found by its path");
    let flags: Vec<_> = drive.kept.flags.iter().map(|flag| ((flag.2 - t) / S, flag.3.as_str(), flag.4.as_str())).collect();
    let told = [
        (1, "questionable", "questionable"),
        (2, "estimated", "substituted"),
        (3, "invalid", "bad"),
        (4, "invalid", "i_o_timeout"),
        (5, "invalid", "no_data"),
        (6, "invalid", "not_a_number"),
        (7, "invalid", "out_of_range"),
    ];
    assert_eq!(flags, told);
    let alarm = ("t1".to_owned(), "Gearbox oil too hot".to_owned(), t + S);
    assert_eq!(drive.kept.events, [(alarm, Some(t + 9 * S))].into());
    // Looked at again and again, it is told once.
    assert!(drive.until(SOON, |drive| drive.kept.arrivals > 12).await);
    assert_eq!(drive.kept.events.len(), 1);
    let status = drive.link.status();
    assert_eq!((status.connects, status.failures), (1, 0), "{status:?}");
    assert_eq!(status.newest.map(|newest| newest.as_microsecond()), Some(t + 9 * S));
}

#[tokio::test]
async fn history_is_read_window_by_window_and_a_kill_loses_nothing() {
    let Some(mut historian) = Historian::start() else { return };
    let (held, expected) = rows(&historian, 7200, 400);
    historian.put(held);
    let mut settings = historian.settings();
    settings.start = Some(engine::domain::from_micros(historian.ago(7300)));
    settings.window_s = 600;
    let points = points(POINTS);
    let mut kept = Kept::default();
    let mut pages = 0;
    while kept.values.len() < expected.len() {
        assert!(pages < 60, "{} of {}", kept.values.len(), expected.len());
        let mut drive = Drive::resume(&settings, &points, kept);
        for _ in 0..2 {
            drive.step().await.unwrap();
            pages += 1;
        }
        kept = if pages % 6 == 0 { drive.crash_before_cursor().await } else { drive.crash() };
    }
    assert_eq!(kept.values, expected);
    let windows = historian.requests().iter().filter(|line| line.contains("streamsets")).count();
    assert!((12..70).contains(&windows), "{windows} requests for twelve windows");
}

#[tokio::test]
async fn answers_cut_at_a_number_of_values_are_asked_on() {
    let Some(mut historian) = Historian::start() else { return };
    let (held, expected) = rows(&historian, 600, 100);
    historian.put(held);
    let mut settings = historian.settings();
    settings.max_count = 7;
    // One window.
    settings.start = Some(engine::domain::from_micros(historian.ago(500)));
    let mut drive = Drive::open(&settings, &points(POINTS));
    assert!(drive.until(SOON, |drive| drive.kept.cursor.is_some()).await);
    assert_eq!(drive.kept.values, expected, "the first cursor stands after everything");
}

#[tokio::test]
async fn what_is_corrected_or_comes_late_is_found() {
    let Some(mut historian) = Historian::start() else { return };
    let (old, late) = (historian.ago(1000), historian.ago(900));
    historian.put(json!({"A": {"rows": {old.to_string(): {"Value": 1.0}}}}));
    let mut settings = historian.settings();
    (settings.overlap_s, settings.late_s, settings.every_s) = (60, 3600, 0.02);
    let mut drive = Drive::open(&settings, &points(POINTS));
    assert!(drive.until(SOON, |drive| drive.kept.series("t1", "active_power") == [(old, 1000.0)]).await);
    historian.put(json!({
        "A": {"rows": {old.to_string(): {"Value": 2.0}}},
        "C": {"rows": {late.to_string(): {"Value": 3.0}}},
    }));
    assert!(drive.until(SOON, |drive| drive.kept.series("t1", "active_power") == [(old, 2000.0)]).await, "{:?}", drive.kept.values);
    assert!(drive.until(SOON, |drive| drive.kept.series("t2", "active_power") == [(late, 3000.0)]).await);
}

#[tokio::test]
async fn a_server_that_is_killed_and_restarted_is_read_on() {
    let Some(mut historian) = Historian::start() else { return };
    let (held, mut expected) = rows(&historian, 300, 20);
    historian.put(held);
    let settings = historian.settings();
    let mut drive = Drive::open(&settings, &points(POINTS));
    assert!(drive.until(SOON, |drive| drive.kept.values == expected).await);
    historian.kill();
    assert!(drive.until(SOON, |drive| drive.link.status().phase == Phase::Waiting).await);
    let told = drive.link.status().last_error.unwrap();
    assert!(told.contains("check url and the network"), "{told}");
    historian.restart();
    let t = historian.ago(100);
    historian.put(json!({"C": {"rows": {t.to_string(): {"Value": 4.0}}}}));
    expected.insert(("t2".into(), "active_power".into(), t), 4000.0);
    assert!(drive.until(SOON, |drive| drive.kept.values == expected).await);
    assert_eq!(drive.link.status().connects, 2);
}

#[tokio::test]
async fn discover_writes_points_that_are_read_and_probe_says_who_is_there() {
    let Some(mut historian) = Historian::start() else { return };
    let t = historian.ago(60);
    historian.put(json!({
        "A": {"name": "TAR.WTG01.ActivePower", "unit": "MW", "says": "Active power", "rows": {t.to_string(): {"Value": 1.5}}},
        "B": {"name": "TAR.WTG01.WindSpeed", "unit": "m/s", "rows": {t.to_string(): {"Value": 7.5}}},
        "D": {"name": "TAR.WTG01.Door", "type": "Digital", "says": "Door open"},
    }));
    let settings = historian.settings();
    let link = Link::new("http", Timestamp::now);
    let found = settings.discover(&link, &|_| {}).await.unwrap();
    assert_eq!((found.len(), found[0].unit.as_deref(), found[0].device.as_str()), (4, Some("MW"), "TAR.WTG01"));
    let text = points_file(&settings.peer(), &found);
    let read = std::sync::Arc::new(Points::parse(&text, "found.toml", &Quantities::standard()).unwrap());
    let probe = settings.probe(&read, &link).await.unwrap();
    assert_eq!(probe.says, "3 points, 2 values in the last 3600 s", "{text}");
    let mut drive = Drive::open(&settings, &read);
    assert!(drive.until(SOON, |drive| drive.kept.values.len() == 2).await);
    assert_eq!(drive.kept.series("TAR.WTG01", "active_power"), [(t, 1500.0)]);
    // The key is wrong, then missing.
    historian.order(&json!({"token": "Bearer right"}));
    let error = settings.probe(&read, &link).await.unwrap_err().to_string();
    assert!(error.contains("give token"), "{error}");
    let with = |token: &str| connectors::polled::Settings { token: Some(token.into()), ..settings.clone() };
    let error = with("wrong").probe(&read, &link).await.unwrap_err().to_string();
    assert!(error.contains("check token") && !error.contains("wrong"), "{error}");
    assert!(with("right").probe(&read, &link).await.is_ok());
    historian.order(&json!({"token": "Basic dXNlcjpwYXNz"}));
    let basic = connectors::polled::Settings { user: Some("user".into()), password: Some("pass".into()), ..settings.clone() };
    assert!(basic.probe(&read, &link).await.is_ok());
    let elsewhere = connectors::polled::Settings { url: format!("{}/nowhere", basic.url), ..basic };
    let error = elsewhere.probe(&read, &link).await.unwrap_err().to_string();
    assert!(error.contains("check url"), "{error}");
}

/// A certificate for 127.0.0.1 and its key, in one file.
fn certificate(folder: &std::path::Path) -> Option<std::path::PathBuf> {
    let (key, certificate) = (folder.join("key.pem"), folder.join("certificate.pem"));
    let mut command = std::process::Command::new("openssl");
    command.args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=pi",
    ]);
    command.args(["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"]);
    command.arg("-keyout").arg(&key).arg("-out").arg(&certificate).stderr(std::process::Stdio::null());
    assert!(command.status().unwrap().success());
    let both = std::fs::read_to_string(&certificate).unwrap() + &std::fs::read_to_string(&key).unwrap();
    std::fs::write(folder.join("both.pem"), both).unwrap();
    Some(folder.join("both.pem"))
}

#[tokio::test]
async fn only_the_named_authority_is_trusted() {
    let (pems, others) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let Some(mut historian) = Historian::with(|_| certificate(pems.path())) else { return };
    let (held, expected) = rows(&historian, 300, 5);
    historian.put(held);
    certificate(others.path());
    let trusting = |ca: &std::path::Path| {
        let settings = historian.settings();
        let tls = toml::from_str(&format!("ca = {:?}", ca.join("certificate.pem"))).unwrap();
        connectors::polled::Settings { url: settings.url.replace("http:", "https:"), tls: Some(tls), ..settings }
    };
    let mut drive = Drive::open(&trusting(pems.path()), &points(POINTS));
    assert!(drive.until(SOON, |drive| drive.kept.values == expected).await, "{:?}", drive.link.status());
    let mut drive = Drive::open(&trusting(others.path()), &points(POINTS));
    assert!(drive.until(SOON, |drive| drive.link.status().failures > 0).await);
    let told = drive.link.status().last_error.unwrap();
    assert!(told.contains("certificate") && drive.kept.values.is_empty(), "{told}");
}
