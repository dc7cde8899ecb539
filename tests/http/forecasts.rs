//! Forecasts: the newest from memory, an older one as known at a time, some quantiles, other formats.

use super::site::{Site, problem};
use api::Services;
use api::services::{ExplainedStep, Explanation, GroupShare};
use engine::domain::{AssetId, Forecast, Quantile, Quantity, Table, Timestamp};
use jiff::SignedDuration;
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::sync::Arc;

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

/// Tells every forecast of model `ridge` as half usual, half weather.
fn telling() -> Services {
    Services {
        explanation: Arc::new(|_, forecast: Forecast| {
            let told = (forecast.model == "ridge").then(|| Explanation {
                model: forecast.model.clone(),
                groups: ["usual", "recent", "weather", "calendar"].map(str::to_owned).into(),
                rows: forecast
                    .valid_times
                    .iter()
                    .zip(&forecast.values)
                    .map(|(&valid_time, row)| told_step(valid_time, row[1]))
                    .collect(),
                summary: vec![GroupShare { group: "weather".into(), share: 1.0, mean: forecast.values[0][1] / 2.0 }],
            });
            Box::pin(async move { Ok(told) })
        }),
        ..Services::default()
    }
}

fn told_step(valid_time: Timestamp, value: f64) -> ExplainedStep {
    ExplainedStep { valid_time, value, contributions: vec![value / 2.0, 0.0, value / 2.0, 0.0], correction: 0.0 }
}

#[tokio::test]
async fn a_forecast_says_why_and_one_without_its_model_says_so() {
    let why = "/api/v1/forecasts/explanation?asset_id=T01&quantity=active_power";
    let site = Site::start_with(|_| {}, telling()).await;
    assert_eq!(problem(site.get(why).send().await.unwrap()).await.1["code"], "no_forecast");
    issue(&site, "2026-01-01T00:00:00Z", 10.0).await;
    issue(&site, "2026-01-02T00:00:00Z", 20.0).await;
    let newest = site.get(why).send().await.unwrap();
    let tag = newest.headers()["etag"].to_str().unwrap().to_owned();
    let body: Value = newest.json().await.unwrap();
    assert_eq!(
        (&body["unit"], &body["issue_time"], &body["model"]),
        (&json!("kW"), &json!("2026-01-02T00:00:00Z"), &json!("ridge"))
    );
    assert_eq!(body["groups"], json!(["usual", "recent", "weather", "calendar"]));
    assert_eq!(
        body["rows"][2],
        json!({ "valid_time": "2026-01-02T02:00:00Z", "value": 20.0, "contributions": [10.0, 0.0, 10.0, 0.0], "correction": 0.0 })
    );
    assert_eq!(body["summary"], json!([{ "group": "weather", "share": 1.0, "mean": 10.0 }]));
    let same = site.get(why).header("if-none-match", &tag).send().await.unwrap();
    assert_eq!(same.status(), StatusCode::NOT_MODIFIED);
    let older: Value = site.get(&format!("{why}&issue_time=2026-01-01T00:00:00Z")).send().await.unwrap().json().await.unwrap();
    assert_eq!(older["rows"][0]["value"], 10.0);
    let never = site.get(&format!("{why}&issue_time=2026-01-01T00:00:01Z")).send().await.unwrap();
    assert_eq!(problem(never).await.1["code"], "no_forecast");
    let wrong = site.get(&format!("{why}&issue=2026-01-01T00:00:00Z")).send().await.unwrap();
    assert_eq!(problem(wrong).await.0, 400);
    site.stop().await;
    // Without a model in memory there is a forecast but no reason.
    let site = Site::start().await;
    issue(&site, "2026-01-01T00:00:00Z", 10.0).await;
    let (status, body) = problem(site.get(why).send().await.unwrap()).await;
    assert_eq!((status, &body["code"]), (404, &json!("no_explanation")));
    assert!(body["detail"].as_str().unwrap().contains("T01") && body["detail"].as_str().unwrap().contains("2026-01-01T00:00:00Z"));
    site.stop().await;
}
