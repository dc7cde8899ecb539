//! History and writer against a server on loopback that answers with fixtures. No InfluxDB 2 was at hand.

mod annotated;
mod loopback;

use super::History;
use super::HistorySettings;
use super::InfluxError;
use super::Target;
use super::Writer;
use super::alert_line;
use crate::line::LineMapping;
use crate::line::LinePlan;
use crate::line::Lines;
use crate::line::Precision;
use engine::alert::Alert;
use engine::alert::InThreeLanguages;
use engine::alert::Severity;
use engine::alert::State;
use engine::domain::Asset;
use engine::domain::AssetId;
use engine::domain::AssetKind;
use engine::domain::Forecast;
use engine::domain::Quantile;
use engine::domain::Quantities;
use engine::domain::Quantity;
use engine::domain::Timestamp;
use engine::domain::micros;
use engine::source::Cursor;
use engine::source::Page;
use engine::source::Rows;
use engine::source::Source;
use engine::source::SourceError;
use loopback::Loopback;
use loopback::Reply;
use loopback::Request;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn target(url: &str) -> Target {
    Target { url: url.into(), org: "grid & co".into(), bucket: "scada".into(), token: "s3cret".into() }
}

/// The start of the window a request asks for.
fn window_of(request: &Request) -> Timestamp {
    let from = request.body.split("range(start: ").nth(1).unwrap();
    at(&from[..from.find(',').unwrap()])
}

/// Six pivoted rows of the window that starts at `start`: two turbines, three times, and an asset nobody knows.
fn answer(start: Timestamp) -> String {
    let mut text = String::from(
        "#datatype,string,long,dateTime:RFC3339,string,string,string,double,long,string\n#group,false,false,false,true,true,true,false,false,false\n\
         #default,_result,,,,,,,,\n,result,table,_time,_measurement,asset_id,si te,power_mw,turbine_status,note\n",
    );
    for (table, asset) in ["WT1", "WT2", "NONE"].into_iter().enumerate() {
        for step in 0..3 {
            let time = start + jiff::SignedDuration::from_mins(10 * step);
            text.push_str(&format!(
                ",,{table},{time},scada,{asset},\"S, 1\",{step}.5,{},\"a \"\"b\"\"\\\"\n",
                if step == 1 { "" } else { "4" }
            ));
        }
    }
    text
}

const MAPPING: &str = "measurement = \"scada\"\n[fields]\npower_mw = { quantity = \"active_power\", unit = \"MW\" }\n";

fn history(url: &str, page_rows: usize) -> History {
    let mapping: LineMapping = toml::from_str(MAPPING).unwrap();
    let plan = LinePlan::new(&[mapping], &Quantities::standard()).unwrap();
    let assets = ["WT1", "WT2"].map(|id| Asset::new(AssetId::parse(id).unwrap(), AssetKind::WindTurbine));
    let settings: HistorySettings = toml::from_str(
        "start = \"2026-01-01T00:00:00Z\"\nstop = \"2026-01-03T12:00:00Z\"\nmeasurements = [\"scada\"]\npage_rows = 1",
    )
    .unwrap();
    History::new(&target(url), &HistorySettings { page_rows, ..settings }, &plan, &assets).unwrap()
}

type Row = (String, i64, Option<f64>);

fn rows(page: &Page) -> Vec<Row> {
    let mut rows = Vec::new();
    for part in &page.rows {
        let Rows::Readings(readings) = part else { panic!("{part:?}") };
        let power = readings.values(&Quantity::ACTIVE_POWER).unwrap();
        for row in 0..readings.len() {
            assert_eq!(readings.available_at().value(row), readings.times().value(row));
            rows.push((readings.asset_ids().value(row).into(), readings.times().value(row), Some(power.value(row))));
        }
    }
    rows
}

async fn all(history: &mut History, mut after: Option<Cursor>) -> (Vec<Row>, Vec<Cursor>, usize) {
    let (mut found, mut cursors, mut rejects) = (Vec::new(), Vec::new(), 0);
    loop {
        let page = history.next_page(after).await.unwrap();
        found.extend(rows(&page));
        rejects += page.rejects.iter().filter(|reject| reject.reason == "unknown_asset").count();
        cursors.push(page.cursor.clone().unwrap());
        after = page.cursor;
        if page.done {
            return (found, cursors, rejects);
        }
    }
}

#[tokio::test]
async fn every_window_is_read_once_and_a_restart_at_any_page_goes_on_where_it_was() {
    let server = Loopback::serve(|request| Reply { gzip: true, ..Reply::new(200, answer(window_of(request))) });
    let (whole, _, rejects) = all(&mut history(&server.url, 1000), None).await;
    assert_eq!((whole.len(), rejects), (18, 9));
    assert_eq!(whole[1], ("WT1".into(), micros(at("2026-01-01T00:10:00Z")), Some(1500.0)));
    let asked = server.last();
    assert_eq!(asked.head, "POST /api/v2/query?org=grid+%26+co HTTP/1.1");
    assert!(asked.headers.contains("authorization: Token s3cret\n"), "{}", asked.headers);
    assert!(asked.body.contains("range(start: 2026-01-03T00:00:00Z, stop: 2026-01-03T12:00:00Z)"), "{}", asked.body);
    assert!(asked.body.contains("r._measurement == \\\"scada\\\""), "{}", asked.body);
    for page_rows in [1, 2, 4, 9] {
        let (found, cursors, _) = all(&mut history(&server.url, page_rows), None).await;
        assert_eq!(found, whole, "pages of {page_rows}");
        for (page, cursor) in cursors.iter().enumerate() {
            let (rest, _, _) = all(&mut history(&server.url, page_rows), Some(cursor.clone())).await;
            let mut before = history(&server.url, page_rows);
            let mut held = Vec::new();
            for _ in 0..=page {
                held.extend(rows(&before.next_page(None).await.unwrap()));
            }
            held.extend(rest);
            assert_eq!(held, whole, "pages of {page_rows}, restarted after page {page}");
        }
    }
}

#[tokio::test]
async fn a_window_that_has_changed_is_read_whole() {
    let late = Arc::new(Mutex::new(false));
    let seen = late.clone();
    let server = Loopback::serve(move |request| {
        let text = answer(window_of(request));
        Reply::new(200, if *seen.lock().unwrap() { text.replace(",0.5,", ",8.5,") } else { text })
    });
    let page = history(&server.url, 2).next_page(None).await.unwrap();
    *late.lock().unwrap() = true;
    let page = history(&server.url, 2).next_page(page.cursor).await.unwrap();
    assert_eq!(rows(&page)[0], ("WT1".into(), micros(at("2026-01-01T00:00:00Z")), Some(8500.0)));
}

#[tokio::test]
async fn a_broken_connection_can_be_asked_again_and_loses_nothing() {
    let whole = {
        let server = Loopback::serve(|request| Reply::new(200, answer(window_of(request))));
        all(&mut history(&server.url, 1000), None).await.0
    };
    let tries = Mutex::new(0);
    let server = Loopback::serve(move |request| {
        let mut tries = tries.lock().unwrap();
        *tries += 1;
        Reply { gzip: *tries % 4 == 1, breaks: (*tries % 2 == 1).then_some(150), ..Reply::new(200, answer(window_of(request))) }
    });
    let mut history = history(&server.url, 2);
    let (mut found, mut cursor, mut broken) = (Vec::new(), None, 0);
    loop {
        match history.next_page(cursor.clone()).await {
            Ok(page) => {
                found.extend(rows(&page));
                cursor = page.cursor;
                if page.done {
                    break;
                }
            }
            Err(SourceError::Io { place, .. }) => {
                assert!(place.contains("scada"), "{place}");
                broken += 1;
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((found, broken), (whole, 3));
}

#[tokio::test]
async fn refusals_are_named() {
    let cases: Vec<(Reply, &str, bool)> = vec![
        (Reply::new(401, "{\"message\":\"unauthorized access\"}"), "refuses the token", false),
        (Reply::new(404, "no org"), "create it or correct the names", false),
        (Reply::new(503, "starting"), "try again later", true),
        (Reply::new(400, "compilation failed"), "compilation failed", false),
        (Reply::new(200, include_bytes!("fixtures/fixture_error.csv").as_slice()), "memory limit", false),
        (Reply::new(200, ",result,table,v\n,_result,0,1\n"), "no _time", false),
        (Reply { gzip: true, ..Reply::new(200, "x") }, "annotated CSV", false),
    ];
    for (reply, part, passing) in cases {
        let server = Loopback::serve(move |_| reply.clone());
        let error = history(&server.url, 10).next_page(None).await.unwrap_err();
        assert_eq!(matches!(error, SourceError::Io { .. }), passing, "{error}");
        assert!(error.to_string().contains(part) && !format!("{error:?}").contains("s3cret"), "{error}");
    }
    let foreign = history("http://127.0.0.1:1", 10).next_page(Some(Cursor("3 pages of 5".into()))).await.unwrap_err();
    assert!(foreign.to_string().contains("not a cursor"), "{foreign}");
    assert!(matches!(history("http://127.0.0.1:1", 10).next_page(None).await, Err(SourceError::Io { .. })));
}

fn forecast() -> Forecast {
    Forecast {
        asset_id: AssetId::parse("tarfaya/T01").unwrap(),
        quantity: Quantity::ACTIVE_POWER,
        issue_time: at("2026-01-01T00:00:00Z"),
        valid_times: vec![at("2026-01-01T01:00:00Z"), at("2026-01-01T02:00:00Z"), at("2026-01-01T03:00:00Z")],
        quantiles: [0.1, 0.5, 0.975].map(|value| Quantile::new(value).unwrap()).into(),
        values: vec![vec![1.0, 2.5, 1e21], vec![-0.5, f64::NAN, 3.0], vec![f64::NAN; 3]],
        model: "back\\slash \"quoted\"\nline \\".into(),
        model_version: "1".into(),
        notes: Vec::new(),
    }
}

fn alert() -> Alert {
    let time = at("2026-01-01T00:00:00.000001Z");
    let text = |text: &str| InThreeLanguages { en: text.into(), fr: String::new(), ar: String::new() };
    Alert {
        id: "a1".into(),
        asset_id: AssetId::parse("T01").unwrap(),
        asset_name: "T 01".into(),
        component: "gear, box=\\".into(),
        mode: "over heat".into(),
        severity: Severity::ALL[0],
        state: State::Open,
        shelved_until: None,
        started_at: time,
        opened_at: time,
        updated_at: time,
        closed_at: None,
        score: f64::INFINITY,
        energy_lost_kwh: 12.5,
        top_contributors: vec!["oil".into(), "bear\"ing".into()],
        occurrences: 3,
        assignee: Some("crew \\ 7\\".into()),
        title: text("Gearbox, \"hot\""),
        advice: text(""),
        incident_open: true,
        asset_kind: None,
        evidence: Vec::new(),
        outlook: None,
        energy_expected_kwh: None,
        urgency: 0.5,
        priority: 0.4,
        parent_alert_id: None,
        children: 0,
    }
}

/// What our own reader makes of lines that were sent; every number is a declared quantity.
fn read_back(lines: &str) -> Lines {
    let mapping: LineMapping = toml::from_str("register = true\nkind = \"wind_turbine\"\ndeclare = true").unwrap();
    let plan = LinePlan::new(&[mapping], &Quantities::standard()).unwrap();
    let never = at("2100-01-01T00:00:00Z");
    plan.read(lines.as_bytes(), Precision::Nanoseconds, never, never, |_| None)
}

fn value(lines: &Lines, row: usize, quantity: &str) -> Option<f64> {
    let values = lines.readings[0].values(&Quantity::parse(quantity).unwrap())?;
    arrow::array::Array::is_valid(values, row).then(|| values.value(row))
}

#[tokio::test]
async fn forecasts_and_alerts_arrive_as_they_were_sent() {
    let server = Loopback::serve(|_| Reply::new(204, ""));
    let writer = Writer::new(&target(&server.url), Duration::from_secs(5)).unwrap();
    assert_eq!(writer.forecasts(&[forecast()]).await.unwrap(), 2);
    let sent = server.last();
    assert_eq!(sent.head, "POST /api/v2/write?bucket=scada&org=grid+%26+co&precision=ns HTTP/1.1");
    assert!(sent.headers.contains("authorization: Token s3cret\n"));
    let lines = read_back(&sent.body);
    assert_eq!((lines.lines, lines.rejected_total, lines.register[0].id.as_str()), (2, 0, "tarfaya/T01"));
    assert_eq!(lines.readings[0].times().values(), &[micros(at("2026-01-01T01:00:00Z")), micros(at("2026-01-01T02:00:00Z"))]);
    let p = |name: &str| [0, 1].map(|row| value(&lines, row, name));
    assert_eq!((p("p10"), p("p50")), ([Some(1.0), Some(-0.5)], [Some(2.5), None]));
    assert!(sent.body.contains("p97.5=1000000000000000000000 "), "{}", sent.body);
    assert_eq!(value(&lines, 0, "issue_time"), Some(1_767_225_600_000_000_000.0));

    assert_eq!(writer.alerts(&[alert(), alert()]).await.unwrap(), 2);
    let lines = read_back(&server.last().body);
    assert_eq!((lines.lines, lines.rejected_total), (2, 0), "{:?}", lines.rejects);
    assert_eq!(lines.readings[0].times().value(0), 1_767_225_600_000_001);
    let values = ["occurrences", "energy_lost_kwh", "incident_open", "score"].map(|name| value(&lines, 0, name));
    assert_eq!(values, [Some(3.0), Some(12.5), Some(1.0), None]);
    assert_eq!(
        alert_line(&alert()).unwrap(),
        "alert,asset_id=T01,component=gear\\,\\ box\\=,mode=over\\ heat assignee=\"crew \\\\ 7\\\\\",energy_lost_kwh=12.5,id=\"a1\",\
         incident_open=t,occurrences=3i,opened_at=1767225600000001000i,severity=\"info\",started_at=1767225600000001000i,state=\"open\",\
         title=\"Gearbox, \\\"hot\\\"\",top_contributors=\"oil;bear\\\"ing\" 1767225600000001000\n"
    );
}

#[tokio::test]
async fn what_the_writer_meets_is_named_with_its_remedy() {
    let refusal = |status: u16| async move {
        let server = Loopback::serve(move |_| Reply::new(status, "why"));
        let writer = Writer::new(&target(&server.url), Duration::from_secs(5)).unwrap();
        writer.alerts(&[alert()]).await.unwrap_err()
    };
    assert!(matches!(refusal(401).await, InfluxError::Unauthorized { .. }));
    assert!(matches!(refusal(404).await, InfluxError::NotFound { .. }));
    assert!(refusal(503).await.is_passing() && refusal(429).await.is_passing());
    assert!(!refusal(400).await.is_passing());
    let silent = Writer::new(&target("http://127.0.0.1:1"), Duration::from_secs(5)).unwrap();
    let error = silent.forecasts(&[forecast()]).await.unwrap_err();
    assert!(matches!(error, InfluxError::Unreachable { .. }) && error.to_string().contains("check the address"), "{error}");
    assert!(matches!(silent.health().await, Err(InfluxError::Unreachable { .. })));
    for (status, body, is_well) in [(200, "{\"name\":\"influxdb\",\"status\":\"pass\"}", true), (200, "OK", false)] {
        let server = Loopback::serve(move |_| Reply::new(status, body));
        let health = Writer::new(&target(&server.url), Duration::from_secs(5)).unwrap().health().await;
        assert!(matches!(health, Ok(()) | Err(InfluxError::Refused { .. })) && health.is_ok() == is_well, "{body}: {health:?}");
    }
    for url in ["not an address", "ftp://x", ""] {
        assert!(matches!(Writer::new(&target(url), Duration::from_secs(1)), Err(InfluxError::Address { .. })), "{url}");
    }
    assert!(!format!("{:?}", target("http://x")).contains("s3cret"));
    let mut ancient = forecast();
    ancient.valid_times[0] = at("1600-01-01T00:00:00Z");
    assert!(silent.forecasts(&[ancient]).await.unwrap_err().to_string().contains("tarfaya/T01"));
}
