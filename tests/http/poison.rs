//! What must not break the doors: bombs, broken bytes, endless lines, wild numbers and clocks. Good rows beside them are stored.

use super::site::{Site, problem};
use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use std::io::Write;

const GOOD: &str = "wind,asset_id=T01 wind_speed=7 1767225600000000000";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

async fn send(site: &Site, kind: &str, body: impl Into<Vec<u8>>) -> Response {
    let request = site.client.post(format!("{}/api/v1/readings", site.base)).bearer_auth(&site.key);
    request.header("content-type", kind).body(body.into()).send().await.unwrap()
}

async fn packed(site: &Site, encoding: &str, body: Vec<u8>) -> Response {
    let request = site.client.post(format!("{}/api/v1/readings", site.base)).bearer_auth(&site.key);
    request.header("content-type", "text/csv").header("content-encoding", encoding).body(body).send().await.unwrap()
}

async fn lines(site: &Site, body: impl Into<Vec<u8>>) -> Response {
    let request = site.client.post(format!("{}/api/v2/write?org=o&bucket=b", site.base));
    request.header("authorization", format!("Token {}", site.key)).body(body.into()).send().await.unwrap()
}

async fn count(site: &Site) -> u64 {
    site.cell("SELECT count(*) FROM wind_turbine").await.as_u64().unwrap()
}

/// The next dead letter of these, which are written beside the answer.
async fn letters(site: &Site, at_least: usize) -> Vec<Value> {
    for _ in 0..200 {
        let page: Value = site.get("/api/v1/dead-letters?limit=1000").send().await.unwrap().json().await.unwrap();
        let letters = page["dead_letters"].as_array().unwrap().clone();
        if letters.len() >= at_least {
            return letters;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("fewer than {at_least} dead letters came");
}

#[tokio::test]
async fn one_bad_line_in_ten_thousand_costs_itself() {
    let site = Site::start().await;
    let mut csv = String::from("time,asset_id,wind_speed\n");
    let start = jiff::Timestamp::from_second(1_767_225_600).unwrap();
    for second in 0..10_000 {
        let time = start + jiff::SignedDuration::from_secs(second);
        let value = if second == 5000 { "oops".into() } else { second.to_string() };
        csv.push_str(&format!("{time},T01,{value}\n"));
    }
    let receipt: Value = send(&site, "text/csv", csv).await.json().await.unwrap();
    assert_eq!(receipt["accepted"], 9999, "{receipt}");
    assert_eq!((&receipt["rejected"][0]["index"], &receipt["rejected"][0]["line"]), (&json!(5000), &json!(5002)));
    let body: Vec<String> = (0..10_000)
        .map(|i| {
            if i == 77 {
                "wind,asset_id=T02".into()
            } else {
                format!("wind,asset_id=T02 wind_speed={i} {}000000000", 1_767_225_600 + i)
            }
        })
        .collect();
    let answer = lines(&site, body.join("\n")).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let error: Value = answer.json().await.unwrap();
    assert_eq!((&error["code"], &error["line"]), (&json!("invalid"), &json!(78)), "{error}");
    assert_eq!(count(&site).await, 2 * 9999);
    let kept = letters(&site, 2).await;
    let of = |door: &str| kept.iter().find(|letter| letter["door"] == door).unwrap();
    assert_eq!((&of("csv")["line"], &of("csv")["asset_id"]), (&json!(5002.0), &json!("T01")));
    assert!(of("csv")["raw"].as_str().unwrap().contains("oops"));
    assert_eq!(of("line_protocol")["raw"], "wind,asset_id=T02");
    assert_eq!(site.cell("SELECT count(*) FROM dead_letters").await, 2);
    let metrics = site.get("/metrics").send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("chergui_ingest_rows_total{door=\"csv\",outcome=\"accepted\"} 9999"), "{metrics}");
    assert!(metrics.contains("chergui_dead_letters_total{reason=\"bad_request\"} 1"), "{metrics}");
    site.stop().await;
}

#[tokio::test]
async fn a_line_of_a_megabyte_costs_itself() {
    let site = Site::start().await;
    let long = "x".repeat(1 << 20);
    let answer = lines(&site, format!("{GOOD}\nwind,asset_id={long} wind_speed=1\n{GOOD}1")).await;
    let error: Value = answer.json().await.unwrap();
    assert_eq!(error["line"], 2, "{error}");
    assert!(error["message"].as_str().unwrap().len() < 4000);
    let row = json!({ "asset_id": long, "time": "2026-01-01T00:00:00Z", "wind_speed": 1 }).to_string();
    let good = json!({ "asset_id": "T01", "time": "2026-01-01T00:00:00Z", "active_power": 1 }).to_string();
    let answer =
        send(&site, "application/x-ndjson", format!("{row}\n{good}\n{}", good.replace("\"active_power\"", &format!("\"{long}\""))))
            .await;
    let receipt: Value = answer.json().await.unwrap();
    let codes: Vec<_> = receipt["rejected"].as_array().unwrap().iter().map(|row| row["code"].as_str().unwrap()).collect();
    assert_eq!((receipt["accepted"].as_u64(), codes), (Some(1), vec!["unknown_asset", "unknown_quantity"]));
    assert!(receipt.to_string().len() < 4000, "what was sent is not said back whole");
    assert!(letters(&site, 3).await.iter().all(|letter| letter["raw"].as_str().unwrap().len() <= 4096));
    site.stop().await;
}

#[tokio::test]
async fn bombs_are_refused_at_the_limit() {
    let site = Site::start_with(|config| config.limits.readings_body_mib = 1, api::Services::default()).await;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let block = vec![b'0'; 1 << 20];
    (0..128).for_each(|_| encoder.write_all(&block).unwrap());
    let bomb = encoder.finish().unwrap();
    assert!(bomb.len() < 1 << 20, "{} bytes that unpack to 128 MiB", bomb.len());
    let (status, body) = problem(packed(&site, "gzip", bomb.clone()).await).await;
    assert_eq!((status, body["code"].as_str(), body["limit_bytes"].as_u64()), (413, Some("too_large"), Some(1 << 20)));
    let twice = gzip(&bomb);
    assert_eq!(problem(packed(&site, "gzip", twice).await).await.0, 400, "only one layer is unpacked");
    let request = site.client.post(format!("{}/api/v2/write", site.base)).header("authorization", format!("Token {}", site.key));
    let answer = request.header("content-encoding", "gzip").body(bomb).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.json::<Value>().await.unwrap()["code"], "request too large");
    site.stop().await;
}

#[tokio::test]
async fn broken_bytes_are_refused_or_cost_their_line() {
    let site = Site::start().await;
    let csv = b"time,asset_id,wind_speed\n2026-01-01T00:00:00Z,T01,7\n";
    let whole = gzip(csv);
    for cut in [5, whole.len() / 2, whole.len() - 1] {
        let (status, body) = problem(packed(&site, "gzip", whole[..cut].to_vec()).await).await;
        assert_eq!((status, body["code"].as_str()), (400, Some("bad_request")), "{cut}: {body}");
    }
    assert_eq!(problem(packed(&site, "zstd", csv.to_vec()).await).await.0, 400);
    assert_eq!(problem(packed(&site, "br", csv.to_vec()).await).await.0, 415);
    assert_eq!(count(&site).await, 0, "nothing of a broken body is kept");
    let answer = lines(&site, [GOOD.as_bytes(), b"\nwind,asset_id=T\xff\xfe wind_speed=1\n"].concat()).await;
    assert_eq!(answer.json::<Value>().await.unwrap()["line"], 2);
    let row = b"{\"asset_id\":\"T\xff\",\"time\":\"2026-01-01T00:00:00Z\",\"wind_speed\":1}";
    assert_eq!(problem(send(&site, "application/x-ndjson", row).await).await.1["code"], "all_rejected");
    assert_eq!(problem(send(&site, "application/json", *b"\xff\xfe").await).await.1["code"], "bad_json");
    assert_eq!(count(&site).await, 1);
    site.stop().await;
}

#[tokio::test]
async fn json_that_is_a_hundred_levels_deep_is_refused() {
    let site = Site::start().await;
    let deep = format!("{{\"readings\":[{{\"asset_id\":\"T01\",\"x\":{}{}}}]}}", "[".repeat(100), "]".repeat(100));
    let (status, body) = problem(send(&site, "application/json", deep).await).await;
    assert_eq!((status, body["code"].as_str()), (400, Some("bad_json")));
    site.stop().await;
}

#[tokio::test]
async fn wild_numbers_and_clocks_cost_their_rows() {
    let site = Site::start().await;
    let tomorrow = (site.state.now() + jiff::SignedDuration::from_hours(24)).as_second();
    let body = format!(
        "{GOOD}\nwind,asset_id=T01 wind_speed=NaN 1\nwind,asset_id=T01 wind_speed=+Inf 2\nwind,asset_id=T01 wind_speed=1 {tomorrow}000000000\n\
         wind,asset_id=T01 wind_speed=1e999 3\nwind,asset_id=T01 wind_speed=1 99999999999999999999\nwind,asset_id=T0l wind_speed=1 4"
    );
    let error: Value = lines(&site, body).await.json().await.unwrap();
    assert!(error["message"].as_str().unwrap().contains("6 of 7"), "{error}");
    assert_eq!(letters(&site, 6).await.len(), 6);
    let csv = format!(
        "time,asset_id,wind_speed\n2026-01-01T00:10:00Z,T01,nan\n{},T01,1\n2026-01-01T00:10:00Z,T0l,1\n,T01,1\n",
        site.state.now() + jiff::SignedDuration::from_hours(24)
    );
    let (status, body) = problem(send(&site, "text/csv", csv).await).await;
    let codes: Vec<_> = body["rejected"].as_array().unwrap().iter().map(|row| row["code"].as_str().unwrap()).collect();
    assert_eq!((status, codes), (422, vec!["not_finite", "bad_time", "unknown_asset", "bad_time"]));
    assert!(body["rejected"][2]["detail"].as_str().unwrap().contains("T01"), "the nearest name is said");
    assert_eq!(count(&site).await, 1);
    site.stop().await;
}

#[tokio::test]
async fn resets_repeats_disorder_and_units_are_data() {
    let site = Site::start().await;
    // A counter that starts anew, a row sent twice, rows out of order.
    let csv = "time,asset_id,active_energy[MWh]\n2026-01-01T00:20:00Z,T01,0\n2026-01-01T00:00:00Z,T01,5\n2026-01-01T00:10:00Z,T01,6\n\
               2026-01-01T00:00:00Z,T01,5\n";
    let receipt: Value = send(&site, "text/csv", csv).await.json().await.unwrap();
    assert_eq!((receipt["accepted"].as_u64(), &receipt["rejected"]), (Some(3), &json!([])));
    // The same in another unit changes nothing.
    let csv = "time,asset_id,active_energy\n2026-01-01T00:00:00Z,T01,5000\n2026-01-01T00:10:00Z,T01,6000\n";
    let receipt: Value = send(&site, "text/csv", csv).await.json().await.unwrap();
    assert_eq!((receipt["accepted"].as_u64(), receipt["unchanged"].as_u64()), (Some(0), Some(2)));
    let listed = site.client.post(format!("{}/api/v1/readings?units=active_energy:Wh", site.base)).bearer_auth(&site.key);
    let listed = listed.header("content-type", "text/csv").body("time,asset_id,active_energy\n2026-01-01T00:10:00Z,T01,7000000\n");
    assert_eq!(listed.send().await.unwrap().json::<Value>().await.unwrap()["accepted"], 1);
    let energies = site.rows("SELECT active_energy FROM wind_turbine ORDER BY time").await;
    assert_eq!(energies, json!([[5000.0], [7000.0], [0.0]]));
    site.stop().await;
}

#[tokio::test]
async fn empty_and_foreign_bodies_are_refused() {
    let site = Site::start().await;
    let kinds = ["application/json", "application/x-ndjson", "text/csv", "application/vnd.apache.arrow.stream"];
    for kind in kinds {
        assert!([400, 422].contains(&problem(send(&site, kind, "").await).await.0), "{kind}");
    }
    for kind in ["text/xml", "application/octet-stream", "application/vnd.apache.arrow.file"] {
        let (status, body) = problem(send(&site, kind, "x").await).await;
        assert_eq!(status, 415);
        assert!(body["detail"].as_str().unwrap().contains("text/csv"), "{body}");
    }
    for kind in &kinds[1..] {
        assert!([400, 422].contains(&problem(send(&site, kind, "{\"readings\":[]}").await).await.0), "{kind}");
    }
    site.stop().await;
}

#[tokio::test]
async fn who_finds_no_room_or_sends_too_slowly_is_told_so() {
    let change = |config: &mut api::Config| {
        config.limits.readings_body_mib = 1;
        config.ingest.in_flight_mib = 2;
        config.ingest.wait_ms = 50;
        config.ingest.body_seconds = 2;
    };
    let site = Site::start_with(change, api::Services::default()).await;
    // Two senders who stop in the middle hold the room until their time is over; a third finds none.
    let half = bytes_then_nothing(900 << 10);
    let stalled = || {
        let request = site.client.post(format!("{}/api/v1/readings", site.base)).bearer_auth(&site.key);
        tokio::spawn(request.header("content-type", "text/csv").body(reqwest::Body::wrap_stream(half())).send())
    };
    let slow = [stalled(), stalled()];
    in_flight(&site, 1800 << 10).await;
    let third = stalled().await.unwrap().unwrap();
    let wait = third.headers()["retry-after"].to_str().unwrap().to_owned();
    let (status, body) = problem(third).await;
    assert_eq!((status, body["code"].as_str(), wait.as_str()), (429, Some("overloaded"), "1"));
    for sender in slow {
        assert_eq!(problem(sender.await.unwrap().unwrap()).await.1["code"], "request_timeout");
    }
    in_flight(&site, 0).await;
    let good = send(&site, "text/csv", "time,asset_id,wind_speed\n2026-01-01T00:00:00Z,T01,7\n").await;
    assert_eq!(good.status(), StatusCode::OK, "the room is free again");
    let metrics = site.get("/metrics").send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("chergui_ingest_refused_requests_total{reason=\"no_room\"} 1"), "{metrics}");
    site.stop().await;
}

/// Waits until so many bytes are on their way in.
async fn in_flight(site: &Site, bytes: usize) {
    let wanted = format!("chergui_ingest_in_flight_bytes {bytes}\n");
    let mut seen = String::new();
    for _ in 0..200 {
        seen = site.get("/metrics").send().await.unwrap().text().await.unwrap();
        if seen.contains(&wanted) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("never {wanted} in {seen}");
}

/// A body that begins and never ends.
fn bytes_then_nothing(bytes: usize) -> impl Fn() -> futures::stream::BoxStream<'static, Result<Vec<u8>, std::io::Error>> {
    use futures::StreamExt;
    move || futures::stream::iter([Ok(vec![b'x'; bytes])]).chain(futures::stream::pending()).boxed()
}
