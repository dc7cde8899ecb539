//! Alerts over HTTP: the lifecycle with its history, what is refused, and the stream that hears it all.

use super::site::{Site, finding, problem, turbine};
use engine::alert::Alert;
use futures::StreamExt;
use reqwest::Response;
use serde_json::{Value, json};

async fn raised(site: &Site, mode: &str) -> Alert {
    site.state.alerts.raise(&finding(mode), &turbine(), site.state.now()).await.unwrap().0
}

async fn act(site: &Site, id: &str, action: &str, body: Value) -> Response {
    site.post(&format!("/api/v1/alerts/{id}/{action}"), &body).send().await.unwrap()
}

#[tokio::test]
async fn an_alert_goes_through_its_life_and_keeps_its_history() {
    let site = Site::start().await;
    let id = raised(&site, "bearing_overheat").await.id;
    let list: Value = site.get("/api/v1/alerts?state=open&asset_id=T01").send().await.unwrap().json().await.unwrap();
    let alert = &list["alerts"][0];
    assert_eq!((&alert["id"], &alert["asset_name"], &alert["severity"]), (&json!(id), &json!("Turbine 1"), &json!("warning")));
    for language in ["en", "fr", "ar"] {
        assert!(!alert["title"][language].as_str().unwrap().is_empty() && !alert["advice"][language].as_str().unwrap().is_empty());
    }
    let seen: Value = act(&site, &id, "acknowledge", json!({ "comment": "seen" })).await.json().await.unwrap();
    assert_eq!(seen["state"], "acknowledged");
    let twice = act(&site, &id, "acknowledge", json!({})).await;
    let (status, body) = problem(twice).await;
    assert_eq!((status, body["code"].as_str()), (409, Some("illegal_transition")));
    let given: Value = act(&site, &id, "assign", json!({ "assignee": "crew 2" })).await.json().await.unwrap();
    assert_eq!((&given["state"], &given["assignee"]), (&json!("assigned"), &json!("crew 2")));
    let until = (site.state.now() + jiff::SignedDuration::from_hours(4)).to_string();
    let shelved: Value = act(&site, &id, "shelve", json!({ "until": until, "reason": "no crane" })).await.json().await.unwrap();
    assert_eq!((&shelved["state"], shelved["shelved_until"].is_string()), (&json!("assigned"), true));
    let silent = act(&site, &id, "resolve", json!({ "outcome": "false_positive" })).await;
    assert_eq!(problem(silent).await.1["code"], "missing_field");
    let done = act(&site, &id, "resolve", json!({ "outcome": "false_positive", "reason": "loose plug" })).await;
    assert_eq!(done.json::<Value>().await.unwrap()["state"], "false_positive");
    assert_eq!(act(&site, &id, "comment", json!({ "comment": "plug replaced" })).await.status(), 200);
    let whole: Value = site.get(&format!("/api/v1/alerts/{id}")).send().await.unwrap().json().await.unwrap();
    let history: Vec<_> =
        whole["events"].as_array().unwrap().iter().map(|e| (e["kind"].as_str().unwrap(), e["by"].as_str().unwrap())).collect();
    let expected = [
        ("opened", "detector"),
        ("acknowledged", "admin"),
        ("assigned", "admin"),
        ("shelved", "admin"),
        ("false_positive", "admin"),
        ("commented", "admin"),
    ];
    assert_eq!(history, expected);
    assert_eq!(whole["events"][4]["note"], "loose plug");
    site.stop().await;
}

/// Reads events until one satisfies `wanted`; the text so far. The test's own time limit is the only one.
async fn hear(stream: &mut (impl futures::Stream<Item = reqwest::Result<impl AsRef<[u8]>>> + Unpin), wanted: &str) -> String {
    let mut text = String::new();
    while !(text.contains(wanted) && text.ends_with("\n\n")) {
        let chunk = stream.next().await.expect("the stream goes on").unwrap();
        text.push_str(std::str::from_utf8(chunk.as_ref()).unwrap());
    }
    text
}

#[tokio::test]
async fn the_stream_hears_changes_and_replays_what_was_missed() {
    let site = Site::start().await;
    let answer = site.get("/api/v1/alerts/stream").header("accept-encoding", "gzip").send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut stream = Box::pin(answer.bytes_stream());
    assert!(hear(&mut stream, "hello").await.starts_with("event: hello\ndata: {"));
    let first = raised(&site, "icing").await;
    let heard = hear(&mut stream, &first.id).await;
    assert!(heard.contains("event: alert"), "{heard}");
    let line = heard.lines().find_map(|l| l.strip_prefix("id: ")).unwrap().to_owned();
    let row = json!({ "asset_id": "T01", "time": "2026-01-01T00:00:00Z", "active_power": 1.0 });
    assert_eq!(site.send_row(row).await.status(), 200);
    hear(&mut stream, "event: telemetry").await;
    let forecast = (first.asset_id.clone(), engine::domain::Quantity::LOAD, site.state.now());
    site.state.forecast_stored(forecast.0, forecast.1, forecast.2);
    assert!(hear(&mut stream, "event: forecast").await.contains("\"quantity\":\"load\""));
    drop(stream);
    let second = raised(&site, "soiling").await;
    let back = site.get("/api/v1/alerts/stream").header("last-event-id", line).send().await.unwrap();
    let mut stream = Box::pin(back.bytes_stream());
    let replayed = hear(&mut stream, &second.id).await;
    assert!(!replayed.contains(&first.id), "only what was missed: {replayed}");
    site.stop().await;
    while let Some(chunk) = stream.next().await {
        assert!(chunk.is_ok(), "the stream ends in order when the server stops");
    }
}
