//! Ramps, reserves and scenarios of a stored forecast: numbers one can work out, other formats, wrong wishes.

use super::site::{Site, problem};
use engine::domain::{AssetId, Forecast, Quantile, Quantity, Table, Timestamp};
use jiff::SignedDuration;
use serde_json::{Value, json};

/// Level until three, then a jump of 100: deciles 0, 2, …, 16 around it.
async fn issue(site: &Site) {
    let issue_time: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let row = |step: i64| (0..9).map(|tenth| if step < 3 { 20.0 } else { 120.0 } + 2.0 * f64::from(tenth)).collect();
    let forecast = Forecast {
        asset_id: AssetId::parse("T01").unwrap(),
        quantity: Quantity::ACTIVE_POWER,
        issue_time,
        valid_times: (0..6).map(|step| issue_time + SignedDuration::from_mins(30 * step)).collect(),
        quantiles: Quantile::deciles(),
        values: (0..6).map(row).collect(),
        model: "ridge".into(),
        model_version: "1".into(),
        notes: Vec::new(),
    };
    site.state.store.append_table(Table::Forecasts, forecast.to_batch().unwrap()).await.unwrap();
}

async fn get(site: &Site, path: &str) -> Value {
    let body: Value = site.get(path).send().await.unwrap().json().await.unwrap();
    assert!(body["rows"].is_array(), "{path}: {body}");
    body
}

#[tokio::test]
async fn a_sure_jump_is_a_sure_ramp() {
    let site = Site::start().await;
    issue(&site).await;
    let of = "asset_id=T01&quantity=active_power";
    let body = get(&site, &format!("/api/v1/forecasts/ramps?{of}&threshold=60&within=PT1H")).await;
    assert_eq!(
        (&body["unit"], &body["within"], &body["joint"], &body["any"]),
        (&json!("kW"), &json!("PT1H"), &json!(false), &json!(1.0))
    );
    let rows = body["rows"].as_array().unwrap();
    let up: Vec<f64> = rows.iter().map(|row| row["up"].as_f64().unwrap()).collect();
    assert_eq!(up, [0.0, 1.0, 1.0, 0.0], "two steps of half an hour reach the jump from the second and the third");
    assert!(rows.iter().all(|row| row["down"] == 0.0 && row["either"] == row["up"]));
    assert_eq!(rows[1]["valid_time"], "2026-01-01T00:30:00Z");

    let body = get(&site, "/api/v1/forecasts/reserve?asset_id=T01&low=0.1&high=0.9").await;
    let row = &body["rows"][0];
    let number = |name: &str| row[name].as_f64().unwrap();
    assert!(
        (number("low") - 20.0).abs() < 0.1 && (number("high") - 36.0).abs() < 0.1 && (number("expected") - 28.0).abs() < 0.1,
        "{row}"
    );
    assert!((number("upward") - (number("high") - number("expected"))).abs() < 1e-9);
    assert!((number("downward") - (number("expected") - number("low"))).abs() < 1e-9);

    let body = get(&site, &format!("/api/v1/forecasts/scenarios?{of}&count=50")).await;
    assert_eq!((&body["scenarios"], body["rows"][5]["values"].as_array().unwrap().len()), (&json!(50), 50));
    assert_eq!(get(&site, &format!("/api/v1/forecasts/scenarios?{of}&count=50")).await, body, "the same each time");

    let sql = "SELECT valid_time, up, down FROM ramps('T*', threshold => 60, within => '1h') ORDER BY 1";
    assert_eq!(site.rows(sql).await[2], json!(["2026-01-01T01:00:00Z", 1.0, 0.0]));
    let sql = "SELECT count(*), max(high - expected - upward) < 1e-9 FROM reserve('T01', low => 0.1, high => 0.9)";
    assert_eq!(site.rows(sql).await[0], json!([6, true]));
    let sql = "SELECT count(DISTINCT scenario), count(*), avg(value) > 60 FROM scenarios('T01', count => 40)";
    assert_eq!(site.rows(sql).await[0], json!([40, 240, true]));
    let csv = site.get(&format!("/api/v1/forecasts/ramps?{of}&threshold=60")).header("accept", "text/csv").send().await.unwrap();
    let csv = csv.text().await.unwrap();
    assert!(csv.starts_with("asset_id,quantity,issue_time,valid_time,up,down,either\n") && csv.lines().count() == 5, "{csv}");
    site.stop().await;
}

#[tokio::test]
async fn wishes_that_make_no_sense_hear_the_remedy() {
    let site = Site::start().await;
    issue(&site).await;
    for (path, status, code, remedy) in [
        ("ramps?asset_id=T01&quantity=active_power&threshold=-5", 400, "bad_request", "positive"),
        ("ramps?asset_id=T01&quantity=active_power&threshold=5&within=PT10M", 400, "bad_request", "window of 1 step"),
        ("ramps?asset_id=T01&quantity=active_power&threshold=5&within=P9D", 400, "bad_request", "less than the forecast"),
        ("ramps?asset_id=T01&quantity=active_power&threshold=5&within=soon", 400, "bad_time", "soon"),
        ("ramps?asset_id=T01&quantity=active_power", 400, "bad_request", "threshold"),
        ("ramps?asset_id=T02&quantity=active_power&threshold=5", 404, "no_forecast", "/api/v1/forecasts/issues"),
        ("reserve?asset_id=T01&low=0.9&high=0.1", 400, "bad_request", "lower one first"),
        ("reserve?asset_id=T01&low=0&high=0.1", 400, "bad_request", "between 0 and 1"),
        ("scenarios?asset_id=T01&quantity=active_power&count=0", 400, "bad_request", "1 to 400"),
        ("scenarios?asset_id=T1&quantity=active_power", 404, "unknown_asset", "T01"),
    ] {
        let (got, body) = problem(site.get(&format!("/api/v1/forecasts/{path}")).send().await.unwrap()).await;
        assert_eq!((got, body["code"].as_str()), (status, Some(code)), "{path}: {body}");
        assert!(body["detail"].as_str().unwrap().contains(remedy), "{path}: {body}");
    }
    site.stop().await;
}
