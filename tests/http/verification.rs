//! The track record: settled from stored forecasts and telemetry, served by lead, counted once whatever stops in between.
//!
//! What the server answers is compared with sums worked out here, step by step, from the same series.

use super::site::{Site, problem};
use engine::domain::{Asset, AssetId, AssetKind, Forecast, Quantile, Quantity, Readings, Table, Timestamp};
use engine::pipeline::{Pipeline, PipelineOptions};
use jiff::SignedDuration;
use serde_json::{Value, json};

const PATH: &str = "/api/v1/forecasts/verification?asset_id=casablanca&quantity=load";
const DAYS: usize = 40;

fn at(hour: usize) -> Timestamp {
    "2026-03-01T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(hour as i64)
}

/// Daily shape, a weekend, and a wobble nobody foresees.
fn load(hour: usize) -> f64 {
    let day = (hour % 24) as f64 / 24.0 * std::f64::consts::TAU;
    let weekend = if (hour / 24) % 7 < 2 { 0.8 } else { 1.0 };
    800.0 * weekend + 150.0 * day.sin() + 40.0 * ((hour * hour) as f64 / 97.0).sin()
}

/// A forecast that errs in a way of its own.
fn said(issue: usize, hour: usize, tenth: usize) -> f64 {
    load(hour) + 12.0 * ((issue * 31 + hour * 7) as f64).sin() + 8.0 * (tenth as f64 - 5.0)
}

fn forecast(issue: usize) -> Forecast {
    Forecast {
        asset_id: AssetId::parse("casablanca").unwrap(),
        quantity: Quantity::LOAD,
        issue_time: at(issue),
        valid_times: (issue..issue + 48).map(at).collect(),
        quantiles: Quantile::deciles(),
        values: (issue..issue + 48).map(|hour| (1..10).map(|tenth| said(issue, hour, tenth)).collect()).collect(),
        model: "ridge".into(),
        model_version: "1".into(),
        notes: Vec::new(),
    }
}

async fn import(site: &Site) {
    let mut region = Asset::new(AssetId::parse("casablanca").unwrap(), AssetKind::Region);
    region.attributes.insert("resolution".into(), "PT1H".into());
    site.state.store.upsert_assets(vec![region]).await.unwrap();
    let hours = 0..DAYS * 24;
    let micros = |hour: usize| at(hour).as_microsecond();
    let readings = Readings::from_columns(
        AssetKind::Region,
        hours.clone().map(micros).collect(),
        vec!["casablanca".into(); hours.len()],
        hours.clone().map(|hour| micros(hour + 1)).collect(),
        vec![(Quantity::LOAD, hours.map(|hour| Some(load(hour))).collect())],
    );
    site.state.store.import(readings.unwrap()).await.unwrap();
}

/// Issue times: every five hours over the last days before the end of the data, and some that reach beyond it.
fn issues() -> Vec<usize> {
    (30 * 24..DAYS * 24 - 10).step_by(5).collect()
}

/// Sums over the steps of the issues that end after `from` hours and by `to`, as far as telemetry reaches.
#[derive(Debug, Default)]
struct Sums {
    steps: f64,
    error: f64,
    absolute: f64,
    squares: f64,
    truth: f64,
    pinball: f64,
    inside: f64,
    width: f64,
    persistence: f64,
    naives: [f64; 3],
}

fn worked_out(issues: &[usize], from: usize, to: usize, known: usize) -> Sums {
    let mut sums = Sums::default();
    for &issue in issues {
        for k in (from..to.min(48)).filter(|k| issue + k < known) {
            let (hour, truth) = (issue + k, load(issue + k));
            let error = said(issue, hour, 5) - truth;
            sums.steps += 1.0;
            sums.error += error;
            sums.absolute += error.abs();
            sums.squares += error * error;
            sums.truth += truth.abs();
            for tenth in 1..10 {
                let (p, gap) = (tenth as f64 / 10.0, truth - said(issue, hour, tenth));
                sums.pinball += (p * gap).max((p - 1.0) * gap) / 9.0;
            }
            let (low, high) = (said(issue, hour, 1), said(issue, hour, 9));
            sums.inside += f64::from(u8::from(low <= truth && truth <= high));
            sums.width += high - low;
            sums.persistence += (load(issue - 1) - truth).abs();
            let (day, week) = (load(hour - 24 * (k / 24 + 1)), load(hour - 168));
            for (sum, naive) in sums.naives.iter_mut().zip([day, week, 0.5 * (day + week)]) {
                *sum += (naive - truth).abs();
            }
        }
    }
    sums
}

fn close(found: &Value, wanted: f64) {
    let found = found.as_f64().unwrap();
    assert!((found - wanted).abs() <= 1e-9 * wanted.abs().max(1.0), "{found} is not {wanted}");
}

async fn record(site: &Site, more: &str) -> Value {
    site.get(&format!("{PATH}{more}")).send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn the_record_is_what_an_independent_reckoning_says() {
    let site = Site::start().await;
    import(&site).await;
    for issue in issues() {
        let batch = forecast(issue).to_batch().unwrap();
        site.state.store.append_table(Table::Forecasts, batch).await.unwrap();
    }
    assert_eq!(record(&site, "").await["all"], Value::Null, "nothing is settled before a round");
    // Ten days before the end: what lies beyond is not settled, though the store has it.
    let early = site.state.pipeline.verify(at(35 * 24)).await.unwrap();
    assert!(early.failures.is_empty() && early.rows > 0);
    let before = record(&site, "").await;
    let whole: Vec<usize> = issues().into_iter().filter(|issue| *issue < 35 * 24).collect();
    close(&before["buckets"][0]["steps"], whole.len() as f64);

    let end = DAYS * 24;
    site.state.pipeline.verify(at(end)).await.unwrap();
    let body = record(&site, "").await;
    let known = issues();
    assert_eq!((&body["asset_id"], &body["quantity"], &body["unit"]), (&json!("casablanca"), &json!("load"), &json!("kW")));
    assert_eq!(body["issues"], known.len());
    assert_eq!((&body["from"], &body["to"]), (&json!(at(known[0]).to_string()), &json!(at(*known.last().unwrap()).to_string())));
    let edges = [0, 1, 3, 6, 12, 24, 36, 48];
    let buckets = body["buckets"].as_array().unwrap();
    assert_eq!(buckets.len(), edges.len() - 1);
    let mut all = Sums::default();
    for (bucket, ends) in buckets.iter().zip(edges.windows(2)) {
        // A bucket is settled when telemetry has reached its end.
        let over: Vec<usize> = known.iter().copied().filter(|issue| issue + ends[1] <= end).collect();
        let sums = worked_out(&over, ends[0], ends[1], end);
        close(&bucket["from_minutes"], 60.0 * ends[0] as f64);
        close(&bucket["to_minutes"], 60.0 * ends[1] as f64);
        close(&bucket["steps"], sums.steps);
        close(&bucket["mae"], sums.absolute / sums.steps);
        close(&bucket["rmse"], (sums.squares / sums.steps).sqrt());
        close(&bucket["bias"], sums.error / sums.steps);
        close(&bucket["wape"], sums.absolute / sums.truth);
        close(&bucket["pinball"], sums.pinball / sums.steps);
        close(&bucket["coverage_80"], sums.inside / sums.steps);
        close(&bucket["width_80"], sums.width / sums.steps);
        close(&bucket["skill_persistence"], 1.0 - sums.absolute / sums.persistence);
        all.steps += sums.steps;
        all.absolute += sums.absolute;
        all.persistence += sums.persistence;
        all.naives.iter_mut().zip(sums.naives).for_each(|(all, sum)| *all += sum);
    }
    close(&body["all"]["steps"], all.steps);
    close(&body["all"]["mae"], all.absolute / all.steps);
    close(&body["all"]["skill_persistence"], 1.0 - all.absolute / all.persistence);
    let best = ["daily", "weekly", "blend"].into_iter().zip(all.naives).min_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
    assert_eq!(body["best_naive"], best.0);
    close(&body["all"]["skill_naive"], 1.0 - all.absolute / best.1);
    site.stop().await;
}

#[tokio::test]
async fn nothing_is_counted_twice_and_every_door_says_the_same() {
    let site = Site::start().await;
    import(&site).await;
    let issues = issues();
    for &issue in &issues[..20] {
        site.state.store.append_table(Table::Forecasts, forecast(issue).to_batch().unwrap()).await.unwrap();
    }
    let rounds = [31, 32, 33, DAYS];
    let mut rows = 0;
    for day in rounds {
        rows += site.state.pipeline.verify(at(day * 24)).await.unwrap().rows;
    }
    let body = record(&site, "").await;
    assert_eq!(site.cell("SELECT count(*) FROM verification_sums").await, rows);
    assert_eq!(site.state.pipeline.verify(at(DAYS * 24)).await.unwrap().rows, 0);
    // A process that died after writing and one that starts anew settle nothing again.
    let reborn = Pipeline::new(site.state.store.clone(), PipelineOptions::default());
    assert_eq!(reborn.verify(at(DAYS * 24)).await.unwrap().rows, 0);
    // Even a process that remembers nothing of what it wrote writes the same rows.
    let sums = site.rows("SELECT * FROM verification_sums ORDER BY issue_time, lead_to").await;
    let late = forecast(issues[20]);
    site.state.store.append_table(Table::Forecasts, late.to_batch().unwrap()).await.unwrap();
    let again = Pipeline::new(site.state.store.clone(), PipelineOptions::default());
    assert_eq!(again.verify(at(DAYS * 24)).await.unwrap().rows, 7, "seven buckets of the one that is new");
    let until = format!("&to={}", late.issue_time);
    assert_eq!(record(&site, &until).await["buckets"], body["buckets"]);
    let old = format!("SELECT * FROM verification_sums WHERE issue_time < '{}' ORDER BY issue_time, lead_to", late.issue_time);
    assert_eq!(site.rows(&old).await, sums);

    let sql = format!(
        "SELECT to_minutes, steps, mae, coverage_80, skill_naive, best_naive FROM forecast_verification('casablanca', to => '{}')",
        late.issue_time
    );
    let rows = site.rows(&sql).await;
    for (row, bucket) in rows.as_array().unwrap().iter().zip(body["buckets"].as_array().unwrap()) {
        close(&row[0], bucket["to_minutes"].as_f64().unwrap());
        for (cell, name) in [(1, "steps"), (2, "mae"), (3, "coverage_80"), (4, "skill_naive")] {
            close(&row[cell], bucket[name].as_f64().unwrap());
        }
        assert_eq!(row[5], body["best_naive"]);
    }
    assert_eq!(rows.as_array().unwrap().last().unwrap()[0], Value::Null, "the last row is of all leads");
    close(&site.cell("SELECT sum(absolute_error) / sum(steps) FROM verification_sums WHERE lead_to <= 60").await, {
        let sums = worked_out(&issues[..21], 0, 1, DAYS * 24);
        sums.absolute / sums.steps
    });
    let csv = site.get(PATH).header("accept", "text/csv").send().await.unwrap().text().await.unwrap();
    assert!(csv.starts_with("asset_id,quantity,from_minutes,to_minutes,issues,steps,mae") && csv.lines().count() == 9, "{csv}");
    let arrow = site.get(PATH).header("accept", "application/vnd.apache.arrow.stream").send().await.unwrap();
    assert_eq!(arrow.headers()["content-type"], "application/vnd.apache.arrow.stream");
    let tag = site.get(PATH).send().await.unwrap().headers()["etag"].to_str().unwrap().to_owned();
    assert_eq!(site.get(PATH).header("if-none-match", tag).send().await.unwrap().status().as_u16(), 304);
    for (path, status, code) in [
        ("/api/v1/forecasts/verification?asset_id=casablanca&quantity=lod", 400, "unknown_quantity"),
        ("/api/v1/forecasts/verification?asset_id=casablanc&quantity=load", 404, "unknown_asset"),
        ("/api/v1/forecasts/verification?asset_id=casablanca&quantity=load&from=yesterday", 400, "bad_time"),
        ("/api/v1/forecasts/verification?asset_id=casablanca&quantity=load&since=2026-01-01T00:00:00Z", 400, "bad_request"),
    ] {
        let (got, body) = problem(site.get(path).send().await.unwrap()).await;
        assert_eq!((got, body["code"].as_str()), (status, Some(code)), "{path}");
    }
    site.stop().await;
}
