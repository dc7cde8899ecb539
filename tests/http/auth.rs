//! Who gets in, what stands around every answer, and what needs no key.

use super::site::{Site, problem};
use reqwest::StatusCode;
use serde_json::{Value, json};

#[tokio::test]
async fn nothing_but_a_key_or_a_session_opens_the_door() {
    let site = Site::start().await;
    let bare = |path: &str| site.client.get(format!("{}{path}", site.base));
    assert_eq!(problem(bare("/api/v1/assets").send().await.unwrap()).await.0, 401);
    let wrong = bare("/api/v1/assets").bearer_auth("chg_00000000_no").send().await.unwrap();
    assert_eq!(wrong.headers()["www-authenticate"], "Bearer");
    assert_eq!(problem(wrong).await.1["code"], "unauthorized");
    assert_eq!(site.get("/api/v1/assets").send().await.unwrap().status(), StatusCode::OK);
    for path in ["/health/live", "/health/ready", "/metrics", "/openapi.json"] {
        assert_eq!(bare(path).send().await.unwrap().status(), StatusCode::OK, "{path}");
    }
    site.stop().await;
}

#[tokio::test]
async fn a_session_lasts_from_login_to_logout() {
    let site = Site::start().await;
    let address = format!("{}/api/v1/session", site.base);
    let refused = site.client.post(&address).json(&json!({ "key": "nonsense" })).send().await.unwrap();
    assert_eq!(problem(refused).await.0, 401);
    let login = site.client.post(&address).json(&json!({ "key": site.key })).send().await.unwrap();
    assert_eq!(login.status(), StatusCode::NO_CONTENT);
    let cookie = login.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let pair = cookie.split(';').next().unwrap().to_owned();
    let who: Value = site.client.get(&address).header("cookie", &pair).send().await.unwrap().json().await.unwrap();
    assert_eq!(who, json!({ "name": "admin", "role": "admin" }));
    let foreign = site.client.post(format!("{}/api/v1/alerts/x/acknowledge", site.base)).header("cookie", &pair);
    let foreign = foreign.header("sec-fetch-site", "cross-site").send().await.unwrap();
    assert_eq!(problem(foreign).await.1["code"], "forbidden");
    site.client.delete(&address).header("cookie", &pair).send().await.unwrap();
    assert_eq!(site.client.get(&address).header("cookie", &pair).send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    site.stop().await;
}

#[tokio::test]
async fn a_viewer_reads_and_changes_nothing() {
    let site = Site::start().await;
    let viewer = site.state.authority.create("screen", engine::store::ledger::Role::Viewer, site.state.now()).await.unwrap();
    let reads = site.client.get(format!("{}/api/v1/assets", site.base)).bearer_auth(&viewer).send().await.unwrap();
    assert_eq!(reads.status(), StatusCode::OK);
    let writes = site.client.post(format!("{}/api/v1/readings", site.base)).bearer_auth(&viewer).json(&json!({ "readings": [] }));
    assert_eq!(problem(writes.send().await.unwrap()).await.1["code"], "forbidden");
    site.stop().await;
}

#[tokio::test]
async fn every_answer_carries_an_id_and_the_security_headers() {
    let site = Site::start().await;
    for request in
        [site.get("/api/v1/assets"), site.get("/api/v1/nothing"), site.client.get(format!("{}/api/v1/assets", site.base))]
    {
        let answer = request.header("x-request-id", "mine-1").send().await.unwrap();
        let headers = answer.headers();
        assert_eq!(headers["x-request-id"], "mine-1");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"), "{policy}");
    }
    let forged = site.get("/api/v1/assets").header("x-request-id", "a b;c").send().await.unwrap();
    assert_ne!(forged.headers()["x-request-id"], "a b;c");
    site.stop().await;
}

#[tokio::test]
async fn the_document_names_every_route_and_the_metrics_count_them() {
    let site = Site::start().await;
    let document: Value = site.get("/openapi.json").send().await.unwrap().json().await.unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let v1 = [
        "assets",
        "assets/{id}",
        "assets/{id}/health",
        "readings",
        "forecasts",
        "forecasts/issues",
        "alerts",
        "alerts/{id}",
        "alerts/{id}/acknowledge",
        "alerts/{id}/assign",
        "alerts/{id}/resolve",
        "alerts/{id}/shelve",
        "alerts/{id}/comment",
        "alerts/stream",
        "sql",
        "session",
    ];
    for path in v1 {
        assert!(document["paths"][format!("/api/v1/{path}")].is_object(), "{path}");
    }
    let codes = document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"].as_array().unwrap();
    assert!(codes.contains(&json!("read_only")));
    site.get("/api/v1/assets/T01").send().await.unwrap();
    let metrics = site.get("/metrics").send().await.unwrap().text().await.unwrap();
    assert!(
        metrics.contains("chergui_http_requests_total{method=\"GET\",route=\"/api/v1/assets/{id:.+}\",status=\"200\"} 1"),
        "{metrics}"
    );
    assert!(metrics.contains("chergui_http_request_duration_seconds_bucket"));
    site.stop().await;
}
