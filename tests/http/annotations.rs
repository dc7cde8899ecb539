//! Annotations over HTTP: noted, corrected, withdrawn, never erased; what is refused; and what a forecast makes of them.

use super::site::{Site, problem};
use engine::domain::{Asset, AssetId, AssetKind, Quantity, Readings, Timestamp, micros};
use engine::store::ledger::Role;
use jiff::SignedDuration;
use reqwest::Response;
use serde_json::{Value, json};

const PATH: &str = "/api/v1/annotations";

async fn post(site: &Site, body: &Value) -> Response {
    site.post(PATH, body).send().await.unwrap()
}

async fn list(site: &Site, query: &str) -> Vec<Value> {
    let answer: Value = site.get(&format!("{PATH}?{query}")).send().await.unwrap().json().await.unwrap();
    answer["annotations"].as_array().unwrap_or_else(|| panic!("{answer}")).clone()
}

async fn delete(site: &Site, id: &str) -> Response {
    site.client.delete(format!("{}{PATH}/{id}", site.base)).bearer_auth(&site.key).send().await.unwrap()
}

fn outage() -> Value {
    json!({ "asset_id": "T01", "start": "2027-03-10T06:00:00Z", "end": "2027-03-10T18:00:00Z", "kind": "planned_outage", "text": "gearbox" })
}

#[tokio::test]
async fn an_annotation_is_noted_corrected_and_withdrawn_and_every_word_stays() {
    let site = Site::start().await;
    let answer = post(&site, &outage()).await;
    assert_eq!(answer.status(), 201);
    let noted: Value = answer.json().await.unwrap();
    assert_eq!((&noted["by"], &noted["capacity_kw"], &noted["text"]), (&json!("admin"), &Value::Null, &json!("gearbox")));
    let again = post(&site, &outage()).await;
    assert_eq!((again.status().as_u16(), again.json::<Value>().await.unwrap()), (200, noted.clone()));
    assert_eq!(list(&site, "asset_id=T01").await, std::slice::from_ref(&noted));
    assert!(list(&site, "asset_id=T02").await.is_empty());
    assert!(list(&site, "start=2027-03-10T18:00:00Z").await.is_empty() && list(&site, "end=2027-03-10T06:00:00Z").await.is_empty());

    let mut longer = outage();
    longer["end"] = json!("2027-03-11T18:00:00Z");
    let corrected: Value = post(&site, &longer).await.json().await.unwrap();
    assert_eq!((&corrected["id"], &corrected["end"]), (&noted["id"], &longer["end"]));
    assert_eq!(list(&site, "start=2027-03-10T18:00:00Z").await, std::slice::from_ref(&corrected));
    let before = format!("as_of={}", noted["available_at"].as_str().unwrap());
    assert_eq!(list(&site, &before).await, std::slice::from_ref(&noted), "what was known then");

    let id = noted["id"].as_str().unwrap();
    assert_eq!(delete(&site, id).await.status(), 204);
    let (status, body) = problem(delete(&site, id).await).await;
    assert_eq!((status, body["code"].as_str()), (404, Some("unknown_annotation")));
    assert!(list(&site, "").await.is_empty());
    assert_eq!(list(&site, &before).await, [noted], "nothing is erased");
    let rows = site.rows("SELECT kind, state, author FROM annotations WHERE asset_id = 'T01' ORDER BY available_at").await;
    let row = |state: Value| json!(["planned_outage", state, "admin"]);
    assert_eq!(rows, json!([row(Value::Null), row(Value::Null), row(json!("withdrawn"))]));
    assert_eq!(post(&site, &outage()).await.status(), 201, "it may be noted again");
    assert_eq!(list(&site, "").await.len(), 1);
    site.stop().await;
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_the_remedy() {
    let site = Site::start().await;
    let mut rated = Asset::new(AssetId::parse("T03").unwrap(), AssetKind::WindTurbine);
    rated.capacity_kw = Some(2000.0);
    site.state.store.upsert_assets(vec![rated]).await.unwrap();
    let cases = [
        (json!({ "asset_id": "T011" }), 404, "unknown_asset", "\"T01\""),
        (json!({ "end": "2027-03-10T06:00:00Z" }), 400, "bad_time", "not after its start"),
        (json!({ "start": "tomorrow" }), 400, "bad_time", "RFC 3339"),
        (json!({ "kind": "outage" }), 400, "bad_request", "planned_outage"),
        (json!({ "kind": "curtailment", "asset_id": "T03", "capacity_kw": 2000.0 }), 400, "bad_request", "below the rated power"),
        (json!({ "kind": "curtailment", "capacity_kw": -1.0 }), 400, "bad_request", "T01"),
        (json!({ "kind": "holiday", "capacity_kw": 1.0 }), 400, "bad_request", "leave it out"),
        (json!({ "severity": 1 }), 400, "bad_json", "unknown field"),
        (json!({ "text": "x".repeat(2001) }), 400, "bad_request", "2000"),
    ];
    for (change, status, code, words) in cases {
        let mut body = outage();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let (found, told) = problem(post(&site, &body).await).await;
        assert_eq!((found, told["code"].as_str()), (status, Some(code)), "{told}");
        assert!(told["detail"].as_str().unwrap().contains(words), "{told}");
    }
    let viewer = site.state.authority.create("screen", Role::Viewer, site.state.now()).await.unwrap();
    let url = format!("{}{PATH}", site.base);
    let writes = site.client.post(&url).bearer_auth(&viewer).json(&outage()).send().await.unwrap();
    assert_eq!(problem(writes).await.1["code"], "forbidden");
    assert_eq!(site.client.get(&url).bearer_auth(&viewer).send().await.unwrap().status(), 200);
    assert!(list(&site, "").await.is_empty(), "nothing of it was kept");
    site.stop().await;
}

#[tokio::test]
async fn a_forecast_stands_still_while_the_machine_does() {
    let site = Site::start().await;
    let mut asset = Asset::new(AssetId::parse("T03").unwrap(), AssetKind::WindTurbine);
    asset.capacity_kw = Some(2000.0);
    asset.attributes.insert("resolution".into(), "PT1H".into());
    site.state.store.upsert_assets(vec![asset]).await.unwrap();
    let hour = SignedDuration::from_hours(1);
    let next = Timestamp::from_second((site.state.now().as_second() / 3600 + 1) * 3600).unwrap();
    let times: Vec<i64> = (1..=20 * 24).rev().map(|back| micros(next - hour * back)).collect();
    let power = times.iter().map(|t| Some(1000.0 + 400.0 * ((t / 3_600_000_000) as f64 / 9.0).sin())).collect();
    let known = times.iter().map(|t| t + 3_600_000_000).collect();
    let ids = vec!["T03".to_owned(); times.len()];
    let rows = Readings::from_columns(AssetKind::WindTurbine, times, ids, known, vec![(Quantity::ACTIVE_POWER, power)]).unwrap();
    site.state.store.import(rows).await.unwrap();
    let sql = format!(
        "SELECT valid_time >= TIMESTAMPTZ '{}' AND valid_time < TIMESTAMPTZ '{}' AS out, min(value), max(value) \
         FROM forecast(asset => 'T03', at => '{next}', horizon => 'PT12H') GROUP BY 1 ORDER BY 1",
        next + hour * 3,
        next + hour * 6
    );
    let plain = site.rows(&sql).await;
    assert!(plain[1][1].as_f64().unwrap() > 100.0, "{plain}");
    let (start, end) = ((next + hour * 3).to_string(), (next + hour * 6).to_string());
    let body = json!({ "asset_id": "T03", "kind": "planned_outage", "start": start, "end": end });
    assert_eq!(post(&site, &body).await.status(), 201);
    let told = site.rows(&sql).await;
    assert_eq!((&told[0], &told[1]), (&plain[0], &json!([true, 0.0, 0.0])), "{plain}");
    site.stop().await;
}
