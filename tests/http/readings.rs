//! Readings in and out: round trip, pages, formats, steps, and requests sent twice.

use super::site::{Site, problem};
use reqwest::StatusCode;
use serde_json::{Value, json};

const HALF: &str = "/api/v1/readings?asset_id=T01&quantity=active_power,wind_speed";

fn rows() -> Value {
    let row = |minute: u32| json!({ "asset_id": "T01", "time": format!("2026-01-01T00:{minute:02}:00Z"), "active_power": f64::from(minute) / 10.0, "wind_speed": null });
    json!({ "readings": (0..6).map(|i| row(i * 10)).collect::<Vec<_>>(), "units": { "active_power": "MW" } })
}

#[tokio::test]
async fn what_goes_in_comes_out_in_stored_units() {
    let site = Site::start().await;
    let first: Value = site.post("/api/v1/readings", &rows()).send().await.unwrap().json().await.unwrap();
    assert_eq!(first, json!({ "accepted": 6, "unchanged": 0, "rejected": [] }));
    let again: Value = site.post("/api/v1/readings", &rows()).send().await.unwrap().json().await.unwrap();
    assert_eq!((again["accepted"].as_u64(), again["unchanged"].as_u64()), (Some(0), Some(6)));
    let page: Value = site.get("/api/v1/readings?asset_id=T01&quantity=active_power").send().await.unwrap().json().await.unwrap();
    assert_eq!(page["units"], json!({ "active_power": "kW" }));
    assert_eq!(page["rows"][5], json!({ "time": "2026-01-01T00:50:00Z", "active_power": 5000.0 }));
    let hourly: Value =
        site.get("/api/v1/readings?asset_id=T01&quantity=active_power&step=PT30M").send().await.unwrap().json().await.unwrap();
    assert_eq!(hourly["rows"][0], json!({ "time": "2026-01-01T00:00:00Z", "active_power": 1000.0 }));
    assert_eq!(hourly["rows"].as_array().unwrap().len(), 2);
    site.stop().await;
}

#[tokio::test]
async fn pages_are_whole_and_formats_agree() {
    let site = Site::start().await;
    site.post("/api/v1/readings", &rows()).send().await.unwrap();
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page: Value = site.get(&format!("{HALF}&limit=4{cursor}")).send().await.unwrap().json().await.unwrap();
        seen.extend(page["rows"].as_array().unwrap().iter().map(|row| row["time"].clone()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 6);
    let csv = site.get("/api/v1/readings?asset_id=T01&quantity=active_power").header("accept", "text/csv").send().await.unwrap();
    let csv = csv.text().await.unwrap();
    assert_eq!(csv.lines().count(), 7, "{csv}");
    assert!(csv.starts_with("time,asset_id,active_power\n2026-01-01T00:00:00Z,T01,0.0"), "{csv}");
    let arrow = "application/vnd.apache.arrow.stream";
    let answer = site.get("/api/v1/readings?asset_id=T01").header("accept", arrow).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], arrow);
    let bytes = answer.bytes().await.unwrap();
    let batches: Vec<_> = arrow::ipc::reader::StreamReader::try_new(bytes.as_ref(), None).unwrap().map(Result::unwrap).collect();
    assert_eq!(batches.iter().map(arrow::array::RecordBatch::num_rows).sum::<usize>(), 6);
    let none = site.get("/api/v1/readings?asset_id=T02").send().await.unwrap();
    assert_eq!(none.json::<Value>().await.unwrap()["rows"], json!([]));
    site.stop().await;
}

#[tokio::test]
async fn a_request_sent_twice_is_done_once_and_answered_twice() {
    let site = Site::start().await;
    let send = |body: Value| site.post("/api/v1/readings", &body).header("idempotency-key", "abc").send();
    let first: Value = send(rows()).await.unwrap().json().await.unwrap();
    let second = send(rows()).await.unwrap();
    assert_eq!(second.headers()["idempotency-replayed"], "true");
    assert_eq!(second.json::<Value>().await.unwrap(), first);
    assert_eq!(first["accepted"], 6, "the second answer is the first one, not a new count");
    let mut other = rows();
    other["readings"][0]["active_power"] = json!(9.0);
    assert_eq!(problem(send(other).await.unwrap()).await.1["code"], "idempotency_key_reused");
    site.stop().await;
}

#[tokio::test]
async fn what_has_not_changed_is_not_sent_again() {
    let site = Site::start().await;
    let first = site.get("/api/v1/assets?include=latest").send().await.unwrap();
    let tag = first.headers()["etag"].to_str().unwrap().to_owned();
    let same = site.get("/api/v1/assets?include=latest").header("if-none-match", &tag).send().await.unwrap();
    assert_eq!(same.status(), StatusCode::NOT_MODIFIED);
    assert!(same.bytes().await.unwrap().is_empty());
    site.post("/api/v1/readings", &rows()).send().await.unwrap();
    let changed = site.get("/api/v1/assets?include=latest").header("if-none-match", &tag).send().await.unwrap();
    assert_eq!(changed.status(), StatusCode::OK);
    let body: Value = changed.json().await.unwrap();
    assert_eq!(body["assets"][0]["latest"], json!({ "time": "2026-01-01T00:50:00Z", "values": { "active_power": 5000.0 } }));
    site.stop().await;
}
