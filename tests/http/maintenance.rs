//! The maintenance plan over HTTP, in SQL and as a calendar: from open alerts to visits, and what is refused.

use super::site::{Site, problem};
use api::Services;
use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema};
use engine::alert::Severity;
use engine::domain::{Asset, AssetId, AssetKind, Forecast, Quantile, Quantity, Table, Timestamp, Unit, micros, timestamp_type};
use engine::store::ledger::Role;
use icalendar::{Calendar, CalendarComponent, Component};
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::sync::Arc;

const PATH: &str = "/api/v1/maintenance/plan";
/// A Monday; Morocco is at UTC.
const FROM: &str = "2027-01-04T00:00:00Z";

fn after(hours: i64) -> Timestamp {
    FROM.parse::<Timestamp>().unwrap() + SignedDuration::from_hours(hours)
}

/// An alert of an asset that has cost nothing so far; returns its id.
async fn alert(site: &Site, asset: &str, mode: &str) -> String {
    let mut found = super::finding(mode);
    found.asset_id = AssetId::parse(asset).unwrap();
    found.energy_lost_kwh = 0.0;
    let asset = Asset { name: format!("Turbine {asset}"), ..Asset::new(found.asset_id.clone(), AssetKind::WindTurbine) };
    site.state.alerts.raise(&found, &asset, site.state.now()).await.unwrap().0.id
}

/// 1000 kW, but 50 kW in the hours `calm`.
async fn forecast(site: &Site, asset: &str, calm: std::ops::Range<i64>) {
    let row = |hour: i64| vec![0.5, 1.0, 1.5].into_iter().map(|f| f * if calm.contains(&hour) { 50.0 } else { 1000.0 }).collect();
    let forecast = Forecast {
        asset_id: AssetId::parse(asset).unwrap(),
        quantity: Quantity::ACTIVE_POWER,
        issue_time: site.state.now() - SignedDuration::from_mins(1),
        valid_times: (0..168).map(after).collect(),
        quantiles: [0.1, 0.5, 0.9].map(|p| Quantile::new(p).unwrap()).to_vec(),
        values: (0..168).map(row).collect(),
        model: "ridge".into(),
        model_version: "1".into(),
        notes: Vec::new(),
    };
    site.state.store.append_table(Table::Forecasts, forecast.to_batch().unwrap()).await.unwrap();
}

/// Wind of an asset, m/s by hour.
async fn wind(site: &Site, asset: &str, speed: impl Fn(i64) -> f64) {
    site.state.store.declare("wind_speed_100m", Unit::parse("m/s").unwrap()).await.unwrap();
    let known = micros(site.state.now() - SignedDuration::from_hours(1));
    let time = |of: &dyn Fn(i64) -> i64| {
        Arc::new(TimestampMicrosecondArray::from_iter_values((0..168).map(of)).with_timezone("UTC")) as ArrayRef
    };
    let text = |value: &str| Arc::new(StringArray::from(vec![value; 168])) as ArrayRef;
    let mut fields: Vec<Field> = ["source", "init_time", "available_at", "valid_time", "asset_id"]
        .map(|name| {
            Field::new(name, if name.contains("time") || name.contains("_at") { timestamp_type() } else { DataType::Utf8 }, false)
        })
        .to_vec();
    fields.push(Field::new("wind_speed_100m", DataType::Float64, true));
    let speeds: ArrayRef = Arc::new(Float64Array::from_iter_values((0..168).map(speed)));
    let columns = vec![
        text("nwp"),
        time(&|_| known - 3_600_000_000),
        time(&|_| known),
        time(&|hour| micros(after(hour))),
        text(asset),
        speeds,
    ];
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
    site.state.store.append_table(Table::WeatherForecast, batch).await.unwrap();
}

/// A site whose playbook says hours and people of a mode.
async fn site_with(mode: &str, hours: f64, people: u32) -> (tempfile::TempDir, Site) {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("playbook.toml");
    std::fs::write(&file, format!("[[work]]\nmode = \"{mode}\"\nhours = {hours:?}\npeople = {people}\n")).unwrap();
    let site = Site::start_with(|config| config.playbook.file = Some(file), Services::default()).await;
    (home, site)
}

async fn ask(site: &Site, body: &Value) -> Value {
    let answer: Value = site.post(PATH, body).send().await.unwrap().json().await.unwrap();
    assert!(answer["visits"].is_array(), "{answer}");
    answer
}

#[tokio::test]
async fn an_open_alert_becomes_a_visit_in_the_calm_hours_and_a_line_in_a_calendar() {
    let (_home, site) = site_with("icing", 2.0, 2).await;
    let id = alert(&site, "T01", "icing").await;
    forecast(&site, "T01", 34..38).await;
    let plan = ask(&site, &json!({ "from": FROM, "price_per_mwh": 500.0 })).await;
    assert_eq!((&plan["from"], &plan["to"]), (&json!(FROM), &json!("2027-01-11T00:00:00Z")));
    let visit = &plan["visits"][0];
    assert_eq!((&visit["alert_id"], &visit["alert_ids"], &visit["asset_name"]), (&json!(id), &json!([id]), &json!("Turbine T01")));
    assert_eq!((&visit["crew"], &visit["people"], &visit["mode"]), (&json!("A"), &json!(2), &json!("icing")));
    let start: Timestamp = visit["start"].as_str().unwrap().parse().unwrap();
    assert!(start >= after(34) && start <= after(36), "two calm hours of Tuesday: {visit}");
    assert_eq!(visit["end"], (start + SignedDuration::from_hours(2)).to_string());
    assert_eq!(plan["as_soon_as_possible"][0]["start"], after(7).to_string(), "Monday at seven");
    let number = |of: &Value, name: &str| of[name].as_f64().unwrap_or_else(|| panic!("{name}: {of}"));
    assert!((number(visit, "production_lost_kwh") - 100.0).abs() < 1e-6 && number(visit, "waiting_loss_kwh") == 0.0, "{visit}");
    let cost = &plan["cost"];
    let saving = number(cost, "as_soon_as_possible_kwh") - number(cost, "plan_kwh");
    // 1900 kWh less standing still and a tenth of half of that again, less the risk of a day and more of waiting.
    assert!((number(cost, "saving_kwh") - saving).abs() < 1e-9 && saving > 1800.0 && saving < 1995.0, "{cost}");
    assert!((number(cost, "saving") - saving / 2.0).abs() < 1e-9 && cost["currency"] == "MAD", "500 MAD per MWh: {cost}");
    assert!(number(cost, "plan_kwh") - number(cost, "risk_plan") - 100.0 < 1e-6, "{cost}");
    assert_eq!((&plan["solver"]["status"], &plan["solver"]["gap"]), (&json!("optimal"), &json!(0.0)));
    let reason = &visit["reason"];
    assert!(
        reason["en"].as_str().unwrap().contains("04/01 07:00") && reason["fr"].as_str().unwrap().contains("première heure"),
        "{reason}"
    );
    assert!(reason["ar"].as_str().unwrap().contains("أول ساعة"), "{reason}");

    let sql = format!("SELECT alert_id, crew, start, production_lost_kwh FROM maintenance_plan(days => 7, from => '{FROM}')");
    assert_eq!(site.rows(&sql).await, json!([[id, "A", visit["start"], visit["production_lost_kwh"]]]));

    let viewer = site.state.authority.create("screen", Role::Viewer, site.state.now()).await.unwrap();
    let request = site.client.post(format!("{}{PATH}", site.base)).bearer_auth(&viewer).json(&json!({ "from": FROM }));
    let answer = request.header("accept", "text/calendar").header("accept-language", "fr-MA, en;q=0.5").send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["content-type"]),
        (200, &"text/calendar; charset=utf-8".parse().unwrap())
    );
    let text = answer.text().await.unwrap();
    assert!(text.lines().all(|line| line.len() <= 75), "{text}");
    assert!(text.split("\r\n").count() > 10 && !text.replace("\r\n", "").contains('\n'), "{text}");
    let read: Calendar = text.parse().unwrap();
    assert_eq!(read.components.len(), 1);
    let CalendarComponent::Event(event) = &read.components[0] else { panic!("{text}") };
    assert_eq!(event.get_uid(), Some(format!("{id}@chergui").as_str()));
    assert_eq!(event.property_value("DTSTART"), Some(start.strftime("%Y%m%dT%H%M%SZ").to_string().as_str()));
    assert_eq!(event.get_summary(), Some("A · Turbine T01: Givre sur les pales"));
    assert!(event.get_description().unwrap().contains("risque de chute de glace. Lancer"), "{text}");

    let done = json!({ "outcome": "fixed" });
    assert_eq!(site.post(&format!("/api/v1/alerts/{id}/resolve"), &done).send().await.unwrap().status(), 200);
    let plan = ask(&site, &json!({ "from": FROM })).await;
    assert_eq!((&plan["visits"], &plan["cost"]["plan_kwh"], &plan["cost"]["saving"]), (&json!([]), &json!(0.0), &Value::Null));
    site.stop().await;
}

#[tokio::test]
async fn the_playbook_of_the_site_says_how_long_and_how_many() {
    let shape = |visit: &Value| {
        let time = |name: &str| visit[name].as_str().unwrap().parse::<Timestamp>().unwrap();
        (time("end").duration_since(time("start")).as_hours(), visit["people"].as_u64())
    };
    let usual = Site::start().await;
    alert(&usual, "T01", "pitch_offset").await;
    let plan = ask(&usual, &json!({ "from": FROM })).await;
    assert_eq!(shape(&plan["visits"][0]), (3, Some(2)), "{plan}");
    assert!(
        plan["visits"][0]["reason"]["en"].as_str().unwrap().contains("Nothing is known of its production"),
        "no forecast: {plan}"
    );
    usual.stop().await;

    let (_home, site) = site_with("pitch_offset", 4.5, 3).await;
    let id = alert(&site, "T01", "pitch_offset").await;
    let shown: Value = site.get(&format!("/api/v1/alerts/{id}")).send().await.unwrap().json().await.unwrap();
    assert_eq!((&shown["playbook"]["hours"], &shown["playbook"]["people"]), (&json!(4.5), &json!(3)), "the page says the same");
    let three = json!({ "from": FROM, "crews": [{ "name": "three", "people": 3 }] });
    let plan = ask(&site, &three).await;
    assert_eq!(shape(&plan["visits"][0]), (5, Some(3)), "{plan}");
    let plan = ask(&site, &json!({ "from": FROM })).await;
    assert_eq!(plan["left_out"][0]["reason"]["en"], "It takes 3 people, the largest crew has 2.");

    // Nobody is sent for what the grid does, and that is said; of what only informs nothing is said.
    let grid = alert(&site, "T02", "voltage_excursion").await;
    let mut told = super::finding("curtailment");
    (told.asset_id, told.severity) = (AssetId::parse("T02").unwrap(), Severity::Info);
    let asset = Asset::new(told.asset_id.clone(), AssetKind::WindTurbine);
    site.state.alerts.raise(&told, &asset, site.state.now()).await.unwrap();
    let plan = ask(&site, &three).await;
    let left = plan["left_out"].as_array().unwrap();
    assert_eq!((left.len(), &left[0]["alert_id"], plan["visits"].as_array().unwrap().len()), (1, &json!(grid), 1), "{plan}");
    assert!(left[0]["reason"]["en"].as_str().unwrap().contains("Nobody has to go"), "{plan}");
    site.stop().await;
}

#[tokio::test]
async fn wind_outages_and_crews_decide_the_hour() {
    let site = Site::start().await;
    let climb = alert(&site, "T01", "pitch_offset").await;
    let stop = alert(&site, "T02", "winding_overheat").await;
    forecast(&site, "T01", 0..0).await;
    forecast(&site, "T02", 0..0).await;
    wind(&site, "T01", |hour| if hour < 48 { 14.0 } else { 8.0 }).await;
    let outage =
        json!({ "asset_id": "T02", "kind": "planned_outage", "start": after(80).to_string(), "end": after(88).to_string() });
    assert_eq!(site.post("/api/v1/annotations", &outage).send().await.unwrap().status(), 201);
    let plan = ask(&site, &json!({ "from": FROM })).await;
    let of =
        |plan: &Value, id: &str| plan["visits"].as_array().unwrap().iter().find(|visit| visit["alert_id"] == id).unwrap().clone();
    let first = of(&plan, &climb);
    assert_eq!(
        (&first["start"], &first["wind_speed_max"]),
        (&json!(after(55).to_string()), &json!(8.0)),
        "Wednesday at seven: {first}"
    );
    assert!(first["reason"]["en"].as_str().unwrap().contains("8.0 m/s as forecast"), "{first}");
    let second = of(&plan, &stop);
    assert_eq!(
        (&second["start"], &second["production_lost_kwh"]),
        (&json!(after(80).to_string()), &json!(0.0)),
        "all within the outage"
    );
    assert!(second["reason"]["en"].as_str().unwrap().contains("4 h of it fall into a planned outage"), "{second}");
    assert!(second["wind_speed_max"].is_null() && second["reason"]["fr"].as_str().unwrap().contains("Pas de prévision de vent"));

    let strict = ask(&site, &json!({ "from": FROM, "wind_limit": 5.0 })).await;
    assert_eq!((&strict["left_out"][0]["alert_id"], strict["visits"].as_array().unwrap().len()), (&json!(climb), 1));
    assert!(strict["left_out"][0]["reason"]["ar"].as_str().unwrap().contains("5 م/ث"), "{strict}");
    let alone = json!({ "from": FROM, "crews": [{ "name": "solo", "people": 1 }] });
    let reason = &ask(&site, &alone).await["left_out"][1]["reason"]["en"];
    assert_eq!(reason, "It takes 2 people, the largest crew has 1.");
    let night = json!({ "start": "20:00", "end": "04:00", "timezone": "Europe/Paris", "weekdays": [1] });
    let plan = ask(&site, &json!({ "from": FROM, "days": 2, "crews": [{ "name": "night", "people": 2, "hours": night }] })).await;
    assert_eq!(
        (&plan["visits"][0]["start"], &plan["visits"][0]["crew"]),
        (&json!(after(19).to_string()), &json!("night")),
        "Paris is an hour ahead"
    );
    site.stop().await;
}

#[tokio::test]
async fn what_no_plan_can_be_made_of_is_refused_with_field_and_remedy() {
    let site = Site::start().await;
    let cases = [
        (json!({ "from": "monday" }), "bad_time", "RFC 3339"),
        (json!({ "days": 0 }), "bad_request", "days is 0, it must be 1 to 14"),
        (json!({ "days": 15 }), "bad_request", "1 to 14"),
        (json!({ "days": -1 }), "bad_json", "-1"),
        (json!({ "day": 7 }), "bad_json", "unknown field"),
        (json!({ "wind_limit": 0.0 }), "bad_request", "wind_limit is 0, it must be above 0"),
        (json!({ "price_per_mwh": -3.0 }), "bad_request", "price_per_mwh is -3, it must be 0 or more, in MAD per MWh"),
        (json!({ "crews": [] }), "bad_request", "1 to 20 crews"),
        (
            json!({ "crews": [{ "name": "B", "people": 0 }] }),
            "bad_request",
            "crews.people is \"0\" for crew \"B\", it must be at least 1",
        ),
        (json!({ "crews": [{ "hours": { "start": "7h" } }] }), "bad_request", "crews.hours.start is \"7h\""),
        (json!({ "crews": [{ "hours": { "timezone": "Casablanca" } }] }), "bad_request", "Africa/Casablanca"),
        (json!({ "crews": [{ "hours": { "weekdays": [8] } }] }), "bad_request", "1 (Monday) to 7 (Sunday)"),
    ];
    for (body, code, words) in cases {
        let (status, told) = problem(site.post(PATH, &body).send().await.unwrap()).await;
        assert_eq!((status, told["code"].as_str()), (400, Some(code)), "{told}");
        assert!(told["detail"].as_str().unwrap().contains(words), "{told}");
    }
    let answer = site.post(PATH, &json!({})).header("accept", "image/png").send().await.unwrap();
    assert_eq!(problem(answer).await.1["code"], "not_acceptable");
    let body: Value = site
        .post("/api/v1/sql", &json!({ "sql": "SELECT * FROM maintenance_plan(days => 99)" }))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert!(body["detail"].as_str().unwrap().contains("days is 99, it must be 1 to 14"), "{body}");
    assert_eq!(site.cell("SELECT count(*) FROM maintenance_plan()").await, 0);
    site.stop().await;
}
