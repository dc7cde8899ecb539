//! A site for tests: a data directory, two turbines, a server on a free port, and a client that knows the key.

use api::{AppState, Config, Services, Stopper};
use engine::detect::{Evidence, Incident};
use engine::domain::{Asset, AssetId, AssetKind, Quantity, Timestamp};
use jiff::SignedDuration;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) struct Site {
    _home: TempDir,
    pub(crate) state: AppState,
    pub(crate) key: String,
    pub(crate) base: String,
    pub(crate) client: Client,
    stopper: Stopper,
}

impl Site {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}, Services::default()).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut Config), services: Services) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut config = Config { data_dir: home.path().join("data"), workers: 1, ..Config::default() };
        config.bind = "127.0.0.1:0".parse().unwrap();
        change(&mut config);
        let opened = api::open(config).await.unwrap();
        let mut state = opened.state;
        state.services = services;
        let assets = ["T01", "T02"].map(|id| Asset::new(AssetId::parse(id).unwrap(), AssetKind::WindTurbine));
        state.store.upsert_assets(assets.to_vec()).await.unwrap();
        let server = api::build(state.clone()).unwrap();
        let (base, stopper) = (format!("http://{}", server.address()), server.stopper());
        tokio::spawn(server.run());
        Self { _home: home, state, key: opened.first_key.unwrap_or_default(), base, client: Client::new(), stopper }
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.base)).bearer_auth(&self.key)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.base)).bearer_auth(&self.key).json(body)
    }

    pub(crate) async fn send_row(&self, row: Value) -> Response {
        self.post("/api/v1/readings", &json!({ "readings": [row] })).send().await.unwrap()
    }

    /// Rows of a statement, as lists of cells.
    pub(crate) async fn rows(&self, sql: &str) -> Value {
        let answer: Value = self.post("/api/v1/sql", &json!({ "sql": sql })).send().await.unwrap().json().await.unwrap();
        assert!(answer["rows"].is_array(), "{sql}: {answer}");
        answer["rows"].clone()
    }

    /// The only cell of a statement.
    pub(crate) async fn cell(&self, sql: &str) -> Value {
        self.rows(sql).await[0][0].clone()
    }

    pub(crate) async fn stop(self) {
        self.stopper.stop().await;
    }
}

/// Status and body of an answer that must be a problem.
pub(crate) async fn problem(answer: Response) -> (u16, Value) {
    let status = answer.status().as_u16();
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["status"], status);
    assert!(body["title"].is_string() && body["detail"].is_string() && body["type"].is_string(), "{body}");
    (status, body)
}

/// An incident of `T01` that opened just now.
pub(crate) fn finding(mode: &str) -> Incident {
    let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap();
    let began = now - SignedDuration::from_hours(2);
    let quantity = Quantity::GEARBOX_BEARING_TEMP;
    let evidence =
        Evidence { signal: "gearbox_bearing_temp".into(), quantity, observed: Some(81.5), expected: Some(70.0), share: 1.0 };
    let new = Incident::new(AssetId::parse("T01").unwrap(), "gearbox", mode, began, now);
    // Asset and opening name an incident, so a second one of the same instant comes from another detector.
    let detector = if mode == "soiling" { "soiling" } else { new.detector };
    Incident { score: 1.7, energy_lost_kwh: 12.5, evidence: vec![evidence], detector, ..new }
}

/// The turbine it is about.
pub(crate) fn turbine() -> Asset {
    let mut asset = Asset::new(AssetId::parse("T01").unwrap(), AssetKind::WindTurbine);
    asset.name = "Turbine 1".into();
    asset
}
