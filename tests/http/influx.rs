//! The doors of InfluxDB: what Telegraf and the official clients send, and the answers they understand.

use super::site::Site;
use connectors::line::LineMapping;
use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use std::io::Write;

fn mapped(config: &mut api::Config) {
    let mapping = "measurement = \"scada\"\nkind_tag = \"kind\"\nregister = true\ndeclare = true\n\
                   kinds = { wind = \"wind_turbine\", solar = \"pv_inverter\" }\n\
                   [fields]\npower_mw = { quantity = \"active_power\", unit = \"MW\" }\n";
    config.line_protocol = vec![toml::from_str::<LineMapping>(mapping).unwrap()];
}

fn v2(site: &Site, query: &str) -> RequestBuilder {
    let address = format!("{}/api/v2/write?org=o&bucket=b{query}", site.base);
    site.client.post(address).header("authorization", format!("Token {}", site.key))
}

#[tokio::test]
async fn both_versions_store_in_every_precision() {
    let site = Site::start().await;
    let times = [("ns", "1767225600000000000"), ("us", "1767225601000000"), ("ms", "1767225602000"), ("s", "1767225603")];
    for (precision, time) in times {
        let answer =
            v2(&site, &format!("&precision={precision}")).body(format!("wind,asset_id=T01 wind_speed=7 {time}")).send().await;
        assert_eq!(answer.unwrap().status(), StatusCode::NO_CONTENT, "{precision}");
    }
    for (precision, time) in [("n", "1767225604000000000"), ("u", "1767225605000000"), ("m", "29453761"), ("h", "490897")] {
        let address = format!("{}/write?db=d&precision={precision}&u=any&p={}", site.base, site.key);
        let answer = site.client.post(address).body(format!("wind,asset_id=T01 wind_speed=7 {time}")).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NO_CONTENT, "{precision}");
    }
    let times = site.rows("SELECT time FROM wind_turbine ORDER BY time").await;
    let expected =
        ["00:00", "00:01", "00:02", "00:03", "00:04", "00:05", "01:00"].map(|time| json!([format!("2026-01-01T00:{time}Z")]));
    assert_eq!(times.as_array().unwrap()[..7], expected);
    assert_eq!(times[7], json!(["2026-01-01T01:00:00Z"]));
    let wrong = v2(&site, "&precision=fortnight").body("wind,asset_id=T01 wind_speed=7").send().await.unwrap();
    assert_eq!(wrong.status(), StatusCode::BAD_REQUEST);
    assert!(wrong.json::<Value>().await.unwrap()["message"].as_str().unwrap().contains("ns, us, ms"));
    site.stop().await;
}

#[tokio::test]
async fn keys_come_in_every_way_and_others_stay_out() {
    let site = Site::start().await;
    let viewer = site.state.authority.create("viewer", engine::store::ledger::Role::Viewer, site.state.now()).await.unwrap();
    let post = |path: &str| site.client.post(format!("{}{path}", site.base)).body("wind,asset_id=T01 wind_speed=7 1");
    let ways = [
        post("/api/v2/write").header("authorization", format!("Token {}", site.key)),
        post("/api/v2/write").header("authorization", format!("Token user:{}", site.key)),
        post("/api/v2/write").bearer_auth(&site.key),
        post("/write").basic_auth("user", Some(&site.key)),
        post(&format!("/write?u=user&p={}", site.key)),
    ];
    for (index, way) in ways.into_iter().enumerate() {
        assert_eq!(way.send().await.unwrap().status(), StatusCode::NO_CONTENT, "way {index}");
    }
    let login = site.client.post(format!("{}/api/v1/session", site.base)).json(&json!({ "key": site.key })).send().await.unwrap();
    let cookie = login.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let refused = [
        post("/api/v2/write"),
        post("/api/v2/write").header("authorization", "Token nonsense"),
        post("/api/v2/write").header("authorization", "Digest x"),
        post("/api/v2/write").header("cookie", cookie),
        post("/api/v2/write?p=wrong"),
    ];
    for (index, way) in refused.into_iter().enumerate() {
        let answer = way.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "way {index}");
        assert_eq!(answer.json::<Value>().await.unwrap()["code"], "unauthorized");
    }
    let old = post("/write").basic_auth("user", Some("wrong")).send().await.unwrap();
    assert_eq!(old.status(), StatusCode::UNAUTHORIZED);
    assert!(old.json::<Value>().await.unwrap()["error"].is_string());
    let read_only = post("/api/v2/write").bearer_auth(viewer).send().await.unwrap();
    assert_eq!(
        (read_only.status(), read_only.json::<Value>().await.unwrap()["code"].clone()),
        (StatusCode::FORBIDDEN, json!("forbidden"))
    );
    site.stop().await;
}

#[tokio::test]
async fn a_partial_write_names_its_lines_and_keeps_the_rest() {
    let site = Site::start().await;
    let body = "# a comment\nwind,asset_id=T01 wind_speed=7 1\n\nwind,asset_id=T99 wind_speed=7 1\nwind,asset_id=T02 wind_speed=8 1\nnonsense\n";
    let answer = v2(&site, "").body(body).send().await.unwrap();
    assert_eq!(
        (answer.status(), answer.headers()["x-platform-error-code"].to_str().unwrap()),
        (StatusCode::BAD_REQUEST, "invalid")
    );
    let error: Value = answer.json().await.unwrap();
    let message = error["message"].as_str().unwrap();
    assert_eq!((&error["code"], &error["line"]), (&json!("invalid"), &json!(4)), "{error}");
    assert!(
        message.starts_with("partial write: 2 of 4 lines") && message.contains("line 4") && message.contains("line 6"),
        "{message}"
    );
    let old = site.client.post(format!("{}/write?p={}", site.base, site.key)).body(body).send().await.unwrap();
    let error: Value = old.json().await.unwrap();
    assert!(error["error"].as_str().unwrap().ends_with("dropped=2"), "{error}");
    assert_eq!(
        site.rows("SELECT asset_id, wind_speed FROM wind_turbine ORDER BY asset_id").await,
        json!([["T01", 7.0], ["T02", 8.0]])
    );
    assert_eq!(v2(&site, "").body("").send().await.unwrap().status(), StatusCode::BAD_REQUEST);
    site.stop().await;
}

#[tokio::test]
async fn a_telegraf_batch_registers_assets_and_declares_quantities() {
    let site = Site::start_with(mapped, api::Services::default()).await;
    let line = |i: usize| {
        let (kind, name) = if i.is_multiple_of(2) { ("wind", "WT") } else { ("solar", "PV") };
        let time = 1_767_225_600 + i / 100;
        format!("scada,asset_id={name}{:03},kind={kind},host=edge power_mw={}.5,status={}i {time}000000000\n", i % 100, i, i % 4)
    };
    let body: String = (0..5000).map(line).collect();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body.as_bytes()).unwrap();
    let request = v2(&site, "&precision=ns").header("content-encoding", "gzip").header("user-agent", "Telegraf/1.30.0");
    let answer = request.header("content-type", "text/plain; charset=utf-8").body(encoder.finish().unwrap()).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    let sums = "SELECT count(*), count(DISTINCT asset_id), sum(active_power), sum(status) FROM ";
    let numbers = |odd: usize| (0..5000).filter(move |i| i % 2 == odd);
    for (table, odd) in [("wind_turbine", 0), ("pv_inverter", 1)] {
        let power: f64 = numbers(odd).map(|i| (i as f64 + 0.5) * 1000.0).sum();
        let status: f64 = numbers(odd).map(|i| (i % 4) as f64).sum();
        assert_eq!(site.rows(&format!("{sums}{table}")).await, json!([[2500, 50, power, status]]), "{table}");
    }
    assert_eq!(site.cell("SELECT count(*) FROM assets WHERE kind = 'pv_inverter'").await, 50);
    // The quantity is known now: a second batch needs no declaration, and JSON may use it.
    let again = v2(&site, "").body("scada,asset_id=WT000,kind=wind status=3i 1").send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NO_CONTENT);
    let json = site.send_row(json!({ "asset_id": "WT000", "time": "2026-01-01T00:00:00Z", "status": 9 })).await;
    assert_eq!(json.json::<Value>().await.unwrap()["accepted"], 1);
    site.stop().await;
}

#[tokio::test]
async fn a_wrong_mapping_is_refused_at_start() {
    let home = tempfile::tempdir().unwrap();
    let mut config = api::Config { data_dir: home.path().into(), ..api::Config::default() };
    let mapping = "measurement = \"x\"\n[fields]\np = { quantity = \"activ_power\" }\n";
    config.line_protocol = vec![toml::from_str::<LineMapping>(mapping).unwrap()];
    let error = api::open(config).await.unwrap_err().to_string();
    assert!(error.contains("configuration") && error.contains("active_power"), "{error}");
}

#[tokio::test]
async fn pings_health_and_queries_are_answered_as_clients_expect() {
    let site = Site::start().await;
    let bare = |path: &str| site.client.get(format!("{}{path}", site.base));
    for request in [bare("/ping"), site.client.head(format!("{}/ping", site.base))] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        assert!(answer.headers().contains_key("x-influxdb-version") && answer.headers().contains_key("x-influxdb-build"));
    }
    let health: Value = bare("/health").send().await.unwrap().json().await.unwrap();
    assert_eq!((&health["name"], &health["status"], &health["checks"]), (&json!("influxdb"), &json!("pass"), &json!([])));
    for path in ["/health/live", "/health/ready"] {
        assert_eq!(bare(path).send().await.unwrap().status(), StatusCode::OK);
    }
    let create = format!("/query?q=CREATE%20DATABASE%20%22telegraf%22&p={}", site.key);
    assert_eq!(bare(&create).send().await.unwrap().json::<Value>().await.unwrap(), json!({ "results": [{ "statement_id": 0 }] }));
    let form = site.client.post(format!("{}/query", site.base)).basic_auth("u", Some(&site.key)).body("q=CREATE+DATABASE+t");
    assert_eq!(form.send().await.unwrap().status(), StatusCode::OK);
    let select = bare(&format!("/query?q=SELECT%201&p={}", site.key)).send().await.unwrap();
    assert_eq!(select.status(), StatusCode::NOT_IMPLEMENTED);
    assert!(select.text().await.unwrap().contains("/api/v1/sql"));
    assert_eq!(bare("/query?q=SELECT%201").send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    let flux = site.client.post(format!("{}/api/v2/query", site.base)).send().await.unwrap();
    assert_eq!(flux.json::<Value>().await.unwrap()["code"], "not implemented");
    site.stop().await;
}
