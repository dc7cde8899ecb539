//! Everything people send wrong, and the answer that says what to do.

use super::site::{Site, problem};
use reqwest::Response;
use serde_json::{Value, json};

async fn rejected(answer: Response) -> (u16, String, String) {
    let (status, body) = problem(answer).await;
    assert_eq!(body["code"], "all_rejected", "{body}");
    let row = &body["rejected"][0];
    (status, row["code"].as_str().unwrap().into(), row["detail"].as_str().unwrap().into())
}

#[tokio::test]
async fn rows_that_are_wrong_come_back_with_reason_and_remedy() {
    let site = Site::start().await;
    let row = |asset: &str, time: &str, name: &str, value: Value| json!({ "asset_id": asset, "time": time, name: value });
    let past = "2026-01-01T00:00:00Z";
    let tomorrow = (site.state.now() + jiff::SignedDuration::from_hours(24)).to_string();
    let cases = [
        (row("T0l", past, "active_power", json!(1)), "unknown_asset", "T01"),
        (row("T01", past, "activ_power", json!(1)), "unknown_quantity", "active_power"),
        (row("T01", "2026-01-01 00:00", "active_power", json!(1)), "bad_time", "RFC 3339"),
        (row("T01", &tomorrow, "active_power", json!(1)), "bad_time", "clock"),
        (row("T01", past, "active_power", json!("NaN")), "not_finite", "T01: active_power at 2026-01-01T00:00:00Z"),
        (row("T01", past, "active_power", json!("much")), "bad_request", "null"),
    ];
    for (sent, code, hint) in cases {
        let (status, got, detail) = rejected(site.send_row(sent).await).await;
        assert_eq!((status, got.as_str()), (422, code), "{detail}");
        assert!(detail.contains(hint), "{detail}");
    }
    let mixed = json!({ "readings": [row("T01", past, "active_power", json!(1)), row("T09x", past, "active_power", json!(1))] });
    let answer: Value = site.post("/api/v1/readings", &mixed).send().await.unwrap().json().await.unwrap();
    assert_eq!((answer["accepted"].as_u64(), answer["rejected"][0]["index"].as_u64()), (Some(1), Some(1)));
    site.stop().await;
}

#[tokio::test]
async fn bodies_that_are_wrong_are_refused_whole() {
    let site = Site::start().await;
    let raw =
        |body: &'static str| site.client.post(format!("{}/api/v1/readings", site.base)).bearer_auth(&site.key).body(body).send();
    let (status, body) = problem(raw("{\"readings\": [\n  {oops}]}").await.unwrap()).await;
    assert_eq!(
        (status, body["code"].as_str(), body["line"].as_u64(), body["column"].as_u64()),
        (400, Some("bad_json"), Some(2), Some(4))
    );
    let nan = raw("{\"readings\":[{\"asset_id\":\"T01\",\"time\":\"2026-01-01T00:00:00Z\",\"active_power\":NaN}]}").await.unwrap();
    let (status, body) = problem(nan).await;
    let detail = body["detail"].as_str().unwrap();
    assert_eq!((status, body["code"].as_str()), (400, Some("not_finite")));
    assert!(detail.contains("T01") && detail.contains("2026-01-01T00:00:00Z"), "{detail}");
    let unit = json!({ "readings": [{ "asset_id": "T01", "time": "2026-01-01T00:00:00Z", "active_power": 1 }], "units": { "active_power": "degC" } });
    let (status, body) = problem(site.post("/api/v1/readings", &unit).send().await.unwrap()).await;
    assert_eq!((status, body["stored_unit"].as_str()), (400, Some("kW")));
    let xml = site.client.post(format!("{}/api/v1/readings", site.base)).bearer_auth(&site.key).header("content-type", "text/xml");
    assert_eq!(problem(xml.body("<a/>").send().await.unwrap()).await.0, 415);
    site.stop().await;
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let site = Site::start_with(|config| config.limits.readings_body_mib = 1, api::Services::default()).await;
    let large = format!("{{\"readings\":[{}]}}", " ".repeat(3 << 19));
    let request = site.client.post(format!("{}/api/v1/readings", site.base)).bearer_auth(&site.key);
    let (status, body) = problem(request.body(large.clone()).send().await.unwrap()).await;
    assert_eq!((status, body["code"].as_str(), body["limit_bytes"].as_u64()), (413, Some("too_large"), Some(1 << 20)));
    let sql = site.client.post(format!("{}/api/v1/sql", site.base)).bearer_auth(&site.key).body(large);
    assert_eq!(problem(sql.send().await.unwrap()).await.0, 413);
    site.stop().await;
}

#[tokio::test]
async fn addresses_and_parameters_that_are_wrong_are_named() {
    let site = Site::start().await;
    let cases = [
        ("/api/v1/assets/T0l", 404, "unknown_asset", "T01"),
        ("/api/v1/assets/T01/health", 404, "not_watched", "T01"),
        ("/api/v1/assets?kind=wind_turbin", 400, "bad_request", "wind_turbine"),
        ("/api/v1/assets?include=all", 400, "bad_request", "latest"),
        ("/api/v1/readings?asset=T01", 400, "bad_request", "asset_id"),
        ("/api/v1/readings?asset_id=T01&quantity=windspeed", 400, "unknown_quantity", "wind_speed"),
        ("/api/v1/readings?asset_id=T01&start=now", 400, "bad_time", "RFC 3339"),
        ("/api/v1/readings?asset_id=T01&start=2026-01-02T00:00:00Z&end=2026-01-01T00:00:00Z", 400, "bad_time", "not after"),
        ("/api/v1/readings?asset_id=T01&cursor=x", 400, "bad_cursor", "x"),
        ("/api/v1/readings?asset_id=T01&limit=0", 400, "bad_request", "limit"),
        ("/api/v1/forecasts?asset_id=T01&quantity=load", 404, "no_forecast", "T01"),
        ("/api/v1/alerts?state=opened", 400, "bad_request", "open"),
        ("/api/v1/alerts/nothing", 404, "unknown_alert", "nothing"),
        ("/api/v1/nothing", 404, "not_found", "openapi"),
        ("/nothing.js", 404, "not_found", "nothing.js"),
    ];
    for (path, status, code, hint) in cases {
        let (got, body) = problem(site.get(path).send().await.unwrap()).await;
        assert_eq!((got, body["code"].as_str()), (status, Some(code)), "{path}: {body}");
        assert!(body["detail"].as_str().unwrap().contains(hint), "{path}: {body}");
    }
    let delete = site.client.delete(format!("{}/api/v1/assets", site.base)).bearer_auth(&site.key).send().await.unwrap();
    assert_eq!(problem(delete).await.0, 405);
    let picture = site.get("/api/v1/readings?asset_id=T01").header("accept", "image/png").send().await.unwrap();
    assert_eq!(problem(picture).await.0, 406);
    site.stop().await;
}

#[tokio::test]
async fn sql_reads_and_does_not_write() {
    let site = Site::start().await;
    let run = |sql: &str| site.post("/api/v1/sql", &json!({ "sql": sql })).send();
    let answer: Value = run("SELECT 1 AS one, 'x' AS name").await.unwrap().json().await.unwrap();
    assert_eq!((&answer["rows"], answer["row_count"].as_u64()), (&json!([[1, "x"]]), Some(1)));
    assert_eq!(answer["columns"][0]["name"], "one");
    for sql in ["DROP TABLE assets", "DELETE FROM wind_turbine", "CREATE TABLE x AS SELECT 1", "INSERT INTO assets VALUES (1)"] {
        let (status, body) = problem(run(sql).await.unwrap()).await;
        assert_eq!((status, body["code"].as_str()), (403, Some("read_only")), "{sql}: {body}");
    }
    assert_eq!(problem(run("SELEC 1").await.unwrap()).await.1["code"], "bad_sql");
    assert_eq!(problem(run(" ").await.unwrap()).await.1["code"], "bad_sql");
    site.state.alerts.raise(&super::finding("icing"), &super::site::turbine(), site.state.now()).await.unwrap();
    let joined = run("SELECT a.mode, count(*) FROM alerts a JOIN alert_events e ON e.alert_id = a.id GROUP BY 1").await.unwrap();
    assert_eq!(joined.json::<Value>().await.unwrap()["rows"], json!([["icing", 1]]));
    site.stop().await;
}
