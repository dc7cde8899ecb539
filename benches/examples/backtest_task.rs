//! Runs one task of `../shared/bench/forecast/tasks.toml` on a dataset directory and writes the contract's CSV.
//!
//! In: `backtest_task DATASETS_ROOT TASKS_TOML TASK OUTPUT.csv`. Out: forecasts, and verdicts and times on standard error.
//! A small reader for measuring; the product's importer is elsewhere. `CUT=<rfc3339>` drops everything known later (leak check),
//! `GATE=1` also times a live gate and an issue.
#![allow(clippy::unwrap_used, reason = "a tool for developers: a bad file may end it")]

use engine::domain::{
    Asset, AssetId, AssetKind, Frame, IntervalLabel, Location, Quantile, Quantity, Resolution, Timestamp, WeatherForecasts,
    WeatherRow, from_micros, micros, parse_duration, parse_time,
};
use engine::evaluate::{BacktestRequest, GateRequest, backtest, gate};
use engine::features::{Target, TargetKind};
use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::Path;

fn rows(path: &Path) -> (Vec<String>, Vec<csv::StringRecord>) {
    let file = std::fs::File::open(path).unwrap();
    let mut reader = csv::Reader::from_reader(flate2::read::GzDecoder::new(std::io::BufReader::new(file)));
    let names = reader.headers().unwrap().iter().map(str::to_owned).collect();
    (names, reader.records().map(|r| r.unwrap()).collect())
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [root, tasks, name, output] = args.as_slice() else { panic!("DATASETS_ROOT TASKS_TOML TASK OUTPUT.csv") };
    let tasks: toml::Table = std::fs::read_to_string(tasks).unwrap().parse().unwrap();
    let task = tasks["task"].as_array().unwrap().iter().find(|t| t["name"].as_str() == Some(name)).unwrap();
    let text = |key: &str| task[key].as_str().unwrap();
    let root = Path::new(root).join(text("dataset"));
    let meta: toml::Table = std::fs::read_to_string(root.join("dataset.toml")).unwrap().parse().unwrap();
    let resolution = Resolution::parse(meta["resolution"].as_str().unwrap()).unwrap();
    let label = IntervalLabel::parse(meta["interval_label"].as_str().unwrap()).unwrap();
    let mut assets: BTreeMap<String, Asset> = BTreeMap::new();
    for row in csv::Reader::from_path(root.join("assets.csv")).unwrap().records() {
        let row = row.unwrap();
        let mut asset = Asset::new(AssetId::parse(&row[0]).unwrap(), AssetKind::parse(&row[1]).unwrap());
        if let (Ok(latitude), Ok(longitude)) = (row[4].parse(), row[5].parse()) {
            asset.location = Some(Location { latitude, longitude });
        }
        asset.parent_id = AssetId::parse(&row[2]).ok();
        asset.capacity_kw = row[6].parse().ok();
        asset.timezone = row[7].to_owned();
        assets.insert(row[0].to_owned(), asset);
    }
    let cut: Option<Timestamp> = std::env::var("CUT").ok().map(|t| parse_time(&t).unwrap());
    let mut tables: BTreeMap<String, BTreeMap<Quantity, BTreeMap<i64, f64>>> = BTreeMap::new();
    let mut weather: BTreeMap<String, WeatherForecasts> = BTreeMap::new();
    let mut times: HashMap<String, Timestamp> = HashMap::new();
    for file in meta["file"].as_array().unwrap() {
        let (path, table) = (root.join(file["path"].as_str().unwrap()), file["table"].as_str().unwrap());
        if table == "weather_reanalysis" {
            continue;
        }
        let (names, records) = rows(&path);
        if table == "weather_forecast" {
            let quantities: Vec<Quantity> = names[5..].iter().map(|n| Quantity::parse(n).unwrap()).collect();
            for row in records {
                let mut time = |i: usize| *times.entry(row[i].to_owned()).or_insert_with(|| parse_time(&row[i]).unwrap());
                let (init_time, available_at, valid_time) = (time(1), time(2), time(3));
                if cut.is_some_and(|cut| available_at > cut) {
                    continue;
                }
                let values = (5..names.len()).map(|i| row[i].parse().unwrap_or(f64::NAN)).collect();
                let held = weather.entry(row[4].to_owned()).or_default();
                held.quantities.clone_from(&quantities);
                held.rows.push(WeatherRow { init_time, available_at, valid_time, values });
            }
            continue;
        }
        for row in records {
            let time = *times.entry(row[0].to_owned()).or_insert_with(|| parse_time(&row[0]).unwrap());
            if cut.is_some_and(|cut| time >= cut) {
                continue;
            }
            let held = tables.entry(row[1].to_owned()).or_default();
            for (i, name) in names.iter().enumerate().skip(2) {
                if let Ok(value) = row[i].parse::<f64>() {
                    held.entry(Quantity::parse(name).unwrap()).or_default().insert(micros(time), value);
                }
            }
        }
    }
    let step = resolution.seconds() * 1_000_000;
    let frame = |id: &str| -> Option<Frame> {
        let columns = tables.get(id)?;
        let first = columns.values().filter_map(|c| c.keys().next()).min()?;
        let last = columns.values().filter_map(|c| c.keys().next_back()).max()?;
        let len = ((last - first) / step) as usize + 1;
        let known = (0..len).map(|i| micros(label.available_at(from_micros(first + i as i64 * step), resolution))).collect();
        let dense = columns.iter().map(|(quantity, values)| {
            let mut column = vec![f64::NAN; len];
            for (time, value) in values {
                column[((time - first) / step) as usize] = *value;
            }
            (quantity.clone(), column)
        });
        Some(Frame::new(assets[id].clone(), from_micros(*first), resolution, known, dense.collect()))
    };
    let glob = |pattern: &str, id: &str| match pattern.strip_suffix('*') {
        Some(prefix) => id.starts_with(prefix),
        None => pattern == id,
    };
    let patterns: Vec<&str> = task["assets"].as_array().unwrap().iter().map(|p| p.as_str().unwrap()).collect();
    let quantity = Quantity::parse(text("quantity")).unwrap();
    let kind = match text("kind") {
        "load" => TargetKind::Load,
        "wind" => TargetKind::Wind,
        _ => TargetKind::Solar,
    };
    let (first, last, every) = (
        parse_time(text("first_origin")).unwrap(),
        parse_time(text("last_origin")).unwrap(),
        parse_duration(text("every")).unwrap(),
    );
    let mut origins = vec![first];
    while let Some(next) = origins.last().unwrap().checked_add(every).ok().filter(|t| *t <= last) {
        origins.push(next);
    }
    let quantiles: Vec<Quantile> =
        task["quantiles"].as_array().unwrap().iter().map(|q| Quantile::new(q.as_float().unwrap()).unwrap()).collect();
    let mut out = std::io::BufWriter::new(std::fs::File::create(output).unwrap());
    writeln!(out, "asset_id,quantity,issue_time,valid_time,quantile,value").unwrap();
    for id in assets.keys().filter(|id| patterns.iter().any(|p| glob(p, id))) {
        let begin = std::time::Instant::now();
        let parent = assets[id].parent_id.as_ref();
        let near = |other: &&String| {
            *other != id
                && (assets[*other].parent_id.as_ref() == parent || assets[*other].parent_id.as_ref() == Some(&assets[id].id))
        };
        let target = Target {
            frame: frame(id).unwrap(),
            quantity: quantity.clone(),
            kind,
            interval_label: label,
            weather: weather.get(id).cloned().unwrap_or_default(),
            observations: assets.keys().filter(near).filter_map(|o| frame(o)).collect(),
        };
        let request = BacktestRequest {
            origins: origins.clone(),
            horizon: parse_duration(text("horizon")).unwrap(),
            quantiles: quantiles.clone(),
            progress: &|_, _| {},
        };
        if std::env::var_os("GATE").is_some() {
            let (horizon, every) = (request.horizon, jiff::SignedDuration::from_hours(6));
            let served = gate(&target, &GateRequest { now: first, horizon, quantiles: quantiles.clone(), every }).unwrap();
            eprintln!("{name} {id}: gate {:.2} s, {}", begin.elapsed().as_secs_f64(), served.verdict().model);
            let begin = std::time::Instant::now();
            let issued = served.issue(&target, origins[1]).unwrap();
            eprintln!("  issue {:.3} s, {} steps", begin.elapsed().as_secs_f64(), issued.forecast.values.len());
        }
        let result = backtest(&target, &request).unwrap();
        eprintln!("{name} {id}: {:.1} s", begin.elapsed().as_secs_f64());
        for verdict in &result.verdicts {
            eprintln!(
                "  {} {} vs {} {:?}/{:?}",
                verdict.evaluated_at, verdict.model, verdict.best_naive, verdict.score, verdict.naive_score
            );
        }
        if let Some(verdict) = result.verdicts.last() {
            for row in &verdict.table {
                eprintln!(
                    "    {:18} {:.5} mae {:.5} rmse {:.5} cov {:.2} n {}",
                    row.model,
                    row.score,
                    row.mae,
                    row.rmse,
                    row.coverage_80.unwrap_or(0.0),
                    row.steps
                );
            }
        }
        for issued in &result.forecasts {
            let forecast = &issued.forecast;
            for (k, (valid, row)) in forecast.valid_times.iter().zip(&forecast.values).enumerate() {
                for (q, value) in forecast.quantiles.iter().zip(row) {
                    writeln!(out, "{id},{quantity},{},{valid},{},{value:.7}", forecast.issue_time, q.value()).unwrap();
                }
                if let Some(mean) = &issued.mean {
                    writeln!(out, "{id},{quantity},{},{valid},mean,{:.7}", forecast.issue_time, mean[k]).unwrap();
                }
            }
        }
    }
}
