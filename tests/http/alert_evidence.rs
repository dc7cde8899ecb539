//! What stands beside an alert: evidence with neighbours, its log page by page, money and work, the budget, and what is folded under it.

use super::site::{Site, finding, problem, turbine};
use api::{Config, Services};
use arrow::array::{ArrayRef, RecordBatch, StringArray, TimestampMicrosecondArray};
use engine::alert::PLANT_OUTAGE;
use engine::detect::{Incident, Outlook, Severity};
use engine::domain::{Asset, AssetId, AssetKind, Quantity, Table, Timestamp, micros};
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

fn id(text: &str) -> AssetId {
    AssetId::parse(text).unwrap()
}

/// A plant of `n` turbines, T01 first.
async fn plant(site: &Site, n: usize) -> Vec<Asset> {
    let mut assets = vec![Asset::new(id("farm"), AssetKind::WindPlant)];
    for number in 1..=n {
        let mut one = Asset::new(id(&format!("T{number:02}")), AssetKind::WindTurbine);
        (one.parent_id, one.capacity_kw) = (Some(id("farm")), Some(2000.0));
        assets.push(one);
    }
    site.state.store.upsert_assets(assets.clone()).await.unwrap();
    assets
}

async fn json_of(site: &Site, path: &str) -> Value {
    let answer = site.get(path).send().await.unwrap();
    let status = answer.status();
    let body: Value = answer.json().await.unwrap();
    assert_eq!(status, 200, "{path}: {body}");
    body
}

/// Lines of a controller log, one a minute from `begin` on.
async fn log(site: &Site, asset: &str, begin: Timestamp, lines: usize) {
    let times = (0..lines).map(|n| micros(begin) + 60_000_000 * n as i64);
    let messages: Vec<String> = (0..lines).map(|n| format!("Hot gearbox {}°C", 80 + n % 9)).collect();
    let resets: Vec<Option<i64>> = vec![None; lines];
    let columns: Vec<(&str, ArrayRef, bool)> = vec![
        ("time", Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC")), false),
        ("asset_id", Arc::new(StringArray::from(vec![asset; lines])), false),
        ("reset_at", Arc::new(TimestampMicrosecondArray::from(resets).with_timezone("UTC")), true),
        ("message", Arc::new(StringArray::from(messages)), true),
    ];
    let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    site.state.store.append_table(Table::Events, batch).await.unwrap();
}

#[tokio::test]
async fn an_alert_says_what_it_costs_what_to_do_and_where_it_leads() {
    let priced = |config: &mut Config| config.maintenance.price_per_mwh = Some(650.0);
    let site = Site::start_with(priced, Services::default()).await;
    let now = site.state.now();
    let mut hot = finding("bearing_overheat");
    hot.outlook = Some(Outlook {
        quantity: Quantity::GEARBOX_BEARING_TEMP,
        limit: 95.0,
        level: 81.0,
        earliest: now + SignedDuration::from_hours(24 * 8),
        median: Some(now + SignedDuration::from_hours(24 * 20)),
        latest: None,
    });
    let alert = site.state.alerts.raise(&hot, &turbine(), now).await.unwrap().0;
    let body = json_of(&site, &format!("/api/v1/alerts/{}", alert.id)).await;
    assert_eq!(
        body["evidence"][0],
        json!({ "signal": "gearbox_bearing_temp", "quantity": "gearbox_bearing_temp", "unit": "degC",
        "observed": 81.5, "expected": 70.0, "share": 1.0 })
    );
    assert_eq!(
        (&body["outlook"]["limit"], &body["outlook"]["unit"], &body["outlook"]["latest"]),
        (&json!(95.0), &json!("degC"), &Value::Null)
    );
    assert!(body["outlook"]["median"].is_string());
    assert_eq!((&body["money"]["lost"], &body["money"]["currency"]), (&json!(12.5 / 1000.0 * 650.0), &json!("MAD")));
    let expected = body["energy_expected_kwh"].as_f64().unwrap();
    assert!((body["money"]["expected"].as_f64().unwrap() - expected * 0.65).abs() < 1e-9 && expected > 0.0);
    assert!((0.0..=1.0).contains(&body["priority"].as_f64().unwrap()));
    assert_eq!((&body["parent_alert_id"], &body["children"]), (&Value::Null, &json!(0)));
    assert!(body["playbook"]["steps"].as_array().unwrap().len() >= 3 && body["playbook"]["hours"].as_f64().unwrap() > 0.0);
    for language in ["en", "fr", "ar"] {
        assert!(!body["playbook"]["steps"][0][language].as_str().unwrap().is_empty());
    }
    let rows = site.rows("SELECT asset_kind, outlook_limit, priority > 0, parent_alert_id, children FROM alerts").await;
    assert_eq!(rows, json!([["wind_turbine", 95.0, true, null, 0]]));
    let rows = site
        .rows("SELECT a.mode, e.signal, e.observed - e.expected FROM alert_evidence e JOIN alert_incidents a USING (alert_id)")
        .await;
    assert_eq!(rows, json!([["bearing_overheat", "gearbox_bearing_temp", 11.5]]));
    site.stop().await;
}

#[tokio::test]
async fn evidence_has_the_neighbours_beside_it_and_the_log_comes_page_by_page() {
    let site = Site::start().await;
    plant(&site, 3).await;
    let now = Timestamp::from_second(site.state.now().as_second() / 600 * 600).unwrap();
    for (turbine, level) in [("T01", 81.0), ("T02", 70.0), ("T03", 69.0)] {
        let rows: Vec<Value> = (1..=300)
            .map(|n| {
                let time = (now - SignedDuration::from_mins(10 * n)).to_string();
                json!({ "asset_id": turbine, "time": time, "gearbox_bearing_temp": level, "active_power": 900.0 })
            })
            .collect();
        let sent = site.post("/api/v1/readings", &json!({ "readings": rows })).send().await.unwrap();
        assert_eq!(sent.status(), 200);
    }
    let alert = site.state.alerts.raise(&finding("bearing_overheat"), &turbine(), site.state.now()).await.unwrap().0;
    log(&site, "T01", now - SignedDuration::from_hours(20), 700).await;
    log(&site, "T02", now - SignedDuration::from_hours(20), 5).await;
    log(&site, "T01", now - SignedDuration::from_hours(60), 5).await;

    let path = format!("/api/v1/alerts/{}/evidence", alert.id);
    let view = json_of(&site, &format!("{path}?hours=24")).await;
    let signal = &view["signals"][0];
    assert_eq!(
        (&signal["signal"], &signal["unit"], view["signals"].as_array().unwrap().len()),
        (&json!("gearbox_bearing_temp"), &json!("degC"), 1)
    );
    let rows = signal["times"].as_array().unwrap().len();
    assert!((140..=145).contains(&rows), "{rows}");
    for column in ["observed", "expected", "score"] {
        assert_eq!(signal[column].as_array().unwrap().len(), rows);
    }
    assert_eq!(
        (&signal["observed"][100], &signal["expected"][100]),
        (&json!(81.0), &Value::Null),
        "nothing is learnt after two days"
    );
    let beside: Vec<(&Value, &Value)> =
        signal["neighbours"].as_array().unwrap().iter().map(|n| (&n["asset_id"], &n["values"][100])).collect();
    assert_eq!(beside, [(&json!("T02"), &json!(70.0)), (&json!("T03"), &json!(69.0))]);
    assert_eq!((view["incidents"].as_array().unwrap().len(), &view["incidents"][0]["energy_lost_kwh"]), (1, &json!(12.5)));
    assert_eq!(view["log"], json!({ "lines": 700, "episodes": 1 }), "not those of the day before, not the neighbour's");
    assert_eq!(problem(site.get(&format!("{path}?hours=0")).send().await.unwrap()).await.0, 400);
    assert_eq!(problem(site.get("/api/v1/alerts/none/evidence").send().await.unwrap()).await.0, 404);

    let (mut path, mut seen) = (format!("/api/v1/alerts/{}/log", alert.id), BTreeSet::new());
    let base = path.clone();
    loop {
        let page = json_of(&site, &path).await;
        for line in page["lines"].as_array().unwrap() {
            assert!(line["message"].as_str().unwrap().starts_with("Hot gearbox") && line["reset_at"].is_null());
            assert!(seen.insert(line["time"].as_str().unwrap().to_owned()), "each line once");
        }
        let Some(next) = page["next"].as_str() else { break };
        path = format!("{base}?cursor={next}");
    }
    assert_eq!(seen.len(), 700);
    assert_eq!(problem(site.get(&format!("{base}?cursor=x")).send().await.unwrap()).await.0, 400);
    let filed = site.rows("SELECT count(*), count(DISTINCT template), bool_or(notified) FROM alarm_log(asset => 'T01')").await;
    assert_eq!(filed, json!([[705, 1, false]]), "what was folded away is there to be asked");
    site.stop().await;
}

#[tokio::test]
async fn an_outage_of_the_plant_is_one_alert_and_feedback_counts_against_the_budget() {
    let site = Site::start().await;
    let assets = plant(&site, 4).await;
    let now = Timestamp::from_second(site.state.now().as_second()).unwrap();
    let trip = |asset: &Asset| Incident::new(asset.id.clone(), "inverter", "inverter_trip", now, now);
    let incidents: Vec<Incident> = assets[1..].iter().map(trip).collect();
    let judged = assets[1..].iter().map(|asset| asset.id.clone()).collect();
    site.state.alerts.take_in_round(&incidents, &assets, &judged, now).await.unwrap();
    let list = json_of(&site, "/api/v1/alerts").await;
    let [parent] = &list["alerts"].as_array().unwrap()[..] else { panic!("{list}") };
    assert_eq!((&parent["asset_id"], &parent["mode"], &parent["children"]), (&json!("farm"), &json!(PLANT_OUTAGE), &json!(4)));
    let parent = parent["id"].as_str().unwrap();
    let below = json_of(&site, &format!("/api/v1/alerts?parent_alert_id={parent}")).await;
    assert!(below["alerts"].as_array().unwrap().iter().all(|child| child["parent_alert_id"] == parent));
    assert_eq!(below["alerts"].as_array().unwrap().len(), 4);

    let body = json!({ "outcome": "false_positive", "reason": "test of the breaker" });
    let done = site.post(&format!("/api/v1/alerts/{parent}/resolve"), &body).send().await.unwrap();
    assert_eq!(done.status(), 200);
    assert!(
        json_of(&site, "/api/v1/alerts?state=open&asset_id=T02").await["alerts"].as_array().unwrap().is_empty(),
        "decided with it"
    );
    let mut worse = finding("icing");
    worse.severity = Severity::Critical;
    // Of the same second as the trip of that machine, it comes from another detector.
    worse.detector = "ice";
    site.state.alerts.raise(&worse, &turbine(), now).await.unwrap();
    let budget = json_of(&site, "/api/v1/alerts/budget").await;
    assert_eq!((&budget["assets"], &budget["raised"], &budget["false_positives"]), (&json!(4), &json!(2), &json!(1)));
    assert_eq!(budget["budget_per_asset_year"], 0.5);
    assert!(budget["allowed"].as_f64().unwrap() >= 0.0 && budget["since"].is_string());
    let first = &budget["patterns"][0];
    assert_eq!(
        (&first["asset_kind"], &first["mode"], &first["priority"]),
        (&json!("wind_plant"), &json!(PLANT_OUTAGE), &json!(4.0 / 6.0))
    );
    site.stop().await;
}
