//! Forecasts: the newest from memory, an older one as known at a time, some quantiles, other formats.

use super::site::{Site, problem};
use engine::domain::{AssetId, Forecast, Quantile, Quantity, Table, Timestamp};
use jiff::SignedDuration;
use reqwest::StatusCode;
use serde_json::{Value, json};

const HALF: &str = "/api/v1/forecasts?asset_id=T01&quantity=active_power";

async fn issue(site: &Site, at: &str, value: f64) {
    let issue_time: Timestamp = at.parse().unwrap();
    let forecast = Forecast {
        asset_id: AssetId::parse("T01").unwrap(),
        quantity: Quantity::ACTIVE_POWER,
        issue_time,
        valid_times: (0..3).map(|h| issue_time + SignedDuration::from_hours(h)).collect(),
        quantiles: [0.1, 0.5, 0.9].map(|q| Quantile::new(q).unwrap()).to_vec(),
        values: vec![vec![value - 1.0, value, value + 1.0]; 3],
        model: "ridge".into(),
        model_version: "1".into(),
        notes: Vec::new(),
    };
    site.state.store.append_table(Table::Forecasts, forecast.to_batch().unwrap()).await.unwrap();
    site.state.forecast_stored(forecast.asset_id, forecast.quantity, issue_time);
}

#[tokio::test]
async fn the_newest_is_served_and_a_newer_one_replaces_it() {
    let site = Site::start().await;
    issue(&site, "2026-01-01T00:00:00Z", 10.0).await;
    let first = site.get(HALF).send().await.unwrap();
    let tag = first.headers()["etag"].to_str().unwrap().to_owned();
    let body: Value = first.json().await.unwrap();
    assert_eq!((&body["unit"], &body["resolution"], &body["interval_label"]), (&json!("kW"), &json!("PT1H"), &json!("beginning")));
    assert_eq!(body["rows"][1], json!({ "valid_time": "2026-01-01T01:00:00Z", "values": [9.0, 10.0, 11.0] }));
    assert_eq!(body["verdict"], Value::Null);
    let same = site.get(HALF).header("if-none-match", &tag).send().await.unwrap();
    assert_eq!(same.status(), StatusCode::NOT_MODIFIED);
    issue(&site, "2026-01-02T00:00:00Z", 20.0).await;
    let newer = site.get(HALF).header("if-none-match", &tag).send().await.unwrap();
    assert_eq!(newer.json::<Value>().await.unwrap()["issue_time"], "2026-01-02T00:00:00Z");
    let known: Value = site.get(&format!("{HALF}&as_of=2026-01-01T12:00:00Z")).send().await.unwrap().json().await.unwrap();
    assert_eq!(known["issue_time"], "2026-01-01T00:00:00Z");
    let exact = site.get(&format!("{HALF}&issue_time=2026-01-01T00:00:01Z")).send().await.unwrap();
    assert_eq!(problem(exact).await.1["code"], "no_forecast");
    let issues: Value =
        site.get("/api/v1/forecasts/issues?asset_id=T01&quantity=active_power").send().await.unwrap().json().await.unwrap();
    assert_eq!(issues["issues"], json!(["2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"]));
    site.stop().await;
}

#[tokio::test]
async fn quantiles_and_formats_can_be_chosen() {
    let site = Site::start().await;
    issue(&site, "2026-01-01T00:00:00Z", 10.0).await;
    let some: Value = site.get(&format!("{HALF}&quantiles=0.9,0.1")).send().await.unwrap().json().await.unwrap();
    assert_eq!((&some["quantiles"], &some["rows"][0]["values"]), (&json!([0.1, 0.9]), &json!([9.0, 11.0])));
    let absent = site.get(&format!("{HALF}&quantiles=0.25")).send().await.unwrap();
    assert!(problem(absent).await.1["detail"].as_str().unwrap().contains("0.1, 0.5, 0.9"));
    let csv = site.get(&format!("{HALF}&quantiles=0.5")).header("accept", "text/csv").send().await.unwrap().text().await.unwrap();
    assert_eq!(csv.lines().count(), 4, "{csv}");
    site.stop().await;
}
