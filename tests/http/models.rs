//! Models, notes and hours made up for, over HTTP: a site that forecasts, stops, starts again, and whose telemetry stops.

use super::site::Site;
use engine::domain::{Asset, AssetId, AssetKind, Quantity, Readings, Timestamp, micros};
use engine::pipeline::{Pipeline, PipelineOptions};
use jiff::SignedDuration;
use serde_json::{Value, json};

const DAYS: i64 = 45;

fn at(hour: i64) -> Timestamp {
    "2026-01-05T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(hour)
}

async fn load(site: &Site, hours: std::ops::Range<i64>) {
    let times: Vec<i64> = hours.clone().map(|hour| micros(at(hour))).collect();
    let known = hours.clone().map(|hour| micros(at(hour + 1))).collect();
    let value = |hour: i64| Some(1000.0 + 200.0 * (hour as f64 / 24.0 * std::f64::consts::TAU).sin() + ((hour * 7919) % 41) as f64);
    let ids = vec!["city".to_owned(); times.len()];
    let values = vec![(Quantity::LOAD, hours.map(value).collect())];
    site.state.store.append(Readings::from_columns(AssetKind::Region, times, ids, known, values).unwrap()).await.unwrap();
}

fn pipeline(site: &Site) -> Pipeline {
    let options = PipelineOptions { horizon: SignedDuration::from_hours(30), ..PipelineOptions::default() };
    Pipeline::new(site.state.store.clone(), options).registered(site.state.ledger.clone())
}

async fn body(site: &Site, path: &str) -> Value {
    site.get(path).send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn a_forecast_says_which_model_made_it_and_what_was_amiss() {
    let site = Site::start().await;
    let mut city = Asset::new(AssetId::parse("city").unwrap(), AssetKind::Region);
    city.attributes.insert("resolution".into(), "PT1H".into());
    site.state.store.upsert_assets(vec![city]).await.unwrap();
    assert_eq!(body(&site, "/api/v1/models").await, json!({ "models": [] }));
    load(&site, 0..DAYS * 24).await;
    let newest = "/api/v1/forecasts?asset_id=city&quantity=load";
    let now = DAYS * 24;
    let cycle = pipeline(&site).forecast_cycle(at(now)).await;
    assert_eq!((cycle.issued.len(), cycle.failures.len()), (1, 0), "{cycle:?}");
    let fresh = body(&site, newest).await;
    assert_eq!(fresh["notes"], json!([]));
    let models = body(&site, "/api/v1/models?asset_id=city&quantity=load").await;
    let model = &models["models"][0];
    assert_eq!((&model["version"], &model["reason"], &model["served"]), (&fresh["model_version"], &json!("first"), &json!(true)));
    assert_eq!((&model["rows"], &model["trained_from"]), (&json!(DAYS * 24), &json!("2026-01-05T00:00:00Z")));
    assert!(model["features"].as_u64().unwrap() > 10 && model["inputs"][0] == "load" && model["buckets"][0]["to"].is_u64());
    let joined = "SELECT DISTINCT m.reason FROM forecasts AS f JOIN models AS m ON m.version = f.model_version WHERE m.served";
    assert_eq!(site.cell(joined).await, "first");
    // The program is down for six hours and telemetry comes to its end; then it starts.
    load(&site, now..now + 2).await;
    let again = pipeline(&site);
    let start = at(now + 7) + SignedDuration::from_mins(10);
    let cycle = again.forecast_cycle(start).await;
    assert!(cycle.verdicts.is_empty(), "the model of before serves");
    site.state.forecast_stored(AssetId::parse("city").unwrap(), Quantity::LOAD, at(now + 7));
    let missed = again.missed(start, SignedDuration::from_hours(1), SignedDuration::from_hours(48)).await.unwrap();
    for one in missed {
        again.make_up(one).await;
    }
    let issues = body(&site, "/api/v1/forecasts/issues?asset_id=city&quantity=load").await;
    assert_eq!(issues["issues"].as_array().unwrap().len(), 8, "{issues}");
    let stale = body(&site, newest).await;
    assert_eq!(stale["issue_time"], json!(at(now + 7)));
    assert_eq!((&stale["notes"][0]["code"], &stale["notes"][0]["since"]), (&json!("telemetry_stale"), &json!(at(now + 2))));
    assert!(stale["notes"][0]["text"].as_str().unwrap().contains("nothing was measured after 2026-02-19T02:00:00Z"), "{stale}");
    assert_eq!(stale["model_version"], fresh["model_version"]);
    let then = body(&site, &format!("{newest}&issue_time={}", at(now + 3))).await;
    assert_eq!(then["notes"], json!([]), "an hour after the last row nothing was amiss yet");
    let csv = site.get(newest).header("accept", "text/csv").send().await.unwrap().text().await.unwrap();
    assert!(csv.lines().next().unwrap().ends_with("model_version,notes") && csv.contains(",telemetry_stale@"), "{csv}");
    let stale = "SELECT count(DISTINCT issue_time) FROM forecasts WHERE notes LIKE '%telemetry_stale%'";
    assert_eq!(site.cell(stale).await, 1);
    let wrong = site.get("/api/v1/models?asset_id=nowhere").send().await.unwrap();
    assert_eq!(wrong.status().as_u16(), 404);
    site.stop().await;
}
