//! The live cycle on a simulated fleet: wholes are the sums of their parts, whoever is missing is named, and bands that were right stay so.
//!
//! The fleet has all levels: feeders of a substation, halves of a wind plant with losses on the way to its meter, plants of a region.

use datasets::simulate::{FleetOptions, Simulator};
use engine::domain::{
    Asset, AssetId, AssetKind, Forecast, Quantile, Quantities, Quantity, Readings, Resolution, TimeRange, Timestamp,
};
use engine::evaluate::LeftOut;
use engine::pipeline::ingest::Ingest;
use engine::pipeline::{Issue, Pipeline, PipelineOptions};
use engine::source::Rows;
use engine::store::{Store, StoreOptions};
use jiff::SignedDuration;
use std::collections::BTreeMap;
use tempfile::TempDir;

const HOURS: i64 = 3_600_000_000;

fn id(name: &str) -> AssetId {
    AssetId::parse(name).unwrap()
}

fn named(name: &str, kind: AssetKind, parent: &str, capacity: Option<f64>) -> Asset {
    let mut asset = Asset::new(id(name), kind);
    asset.parent_id = Some(id(parent));
    asset.capacity_kw = capacity;
    asset.timezone = "Africa/Casablanca".into();
    asset.attributes.insert("resolution".into(), "PT1H".into());
    asset
}

/// Sums of readings over groups of assets, where all of a group spoke.
fn sums(
    readings: &Readings,
    quantity: &Quantity,
    group: impl Fn(&str) -> Option<&'static str>,
    members: usize,
) -> BTreeMap<(&'static str, i64), f64> {
    let mut sums: BTreeMap<(&'static str, i64), (usize, f64)> = BTreeMap::new();
    let values = readings.values(quantity).unwrap();
    for row in 0..readings.len() {
        let (Some(name), true) = (group(readings.asset_ids().value(row)), arrow::array::Array::is_valid(values, row)) else {
            continue;
        };
        let sum = sums.entry((name, readings.times().value(row))).or_default();
        *sum = (sum.0 + 1, sum.1 + values.value(row));
    }
    sums.into_iter().filter(|(_, (count, _))| *count == members).map(|(key, (_, sum))| (key, sum)).collect()
}

fn rows(kind: AssetKind, quantity: Quantity, sums: &BTreeMap<(&'static str, i64), f64>) -> Rows {
    let times: Vec<i64> = sums.keys().map(|(_, time)| *time).collect();
    let known = times.iter().map(|time| time + HOURS).collect();
    let ids = sums.keys().map(|(name, _)| (*name).to_owned()).collect();
    let values = vec![(quantity, sums.values().map(|value| Some(*value)).collect())];
    Rows::Readings(Readings::from_columns(kind, times, ids, known, values).unwrap())
}

/// `days` of the fleet by the hour, with the levels between machines and the region.
async fn fleet(days: u32) -> (TempDir, Store, Timestamp) {
    let options = FleetOptions {
        resolution: Resolution::parse("PT1H").unwrap(),
        turbines: 4,
        inverters: 2,
        trackers: 0,
        feeders: 2,
        weather_forecasts: false,
        faults: false,
        ..FleetOptions::moroccan(3).ending("2026-06-01T00:00:00Z".parse().unwrap(), days)
    };
    let (mut simulator, end) = (Simulator::new(options.clone()).unwrap(), options.end);
    let chunk = simulator.next_chunk(end).unwrap();
    let of = |kind| chunk.readings.iter().find(|readings| readings.kind() == kind).unwrap();
    let half = |name: &str| match name {
        "tarfaya/T01" | "tarfaya/T02" => Some("tarfaya/east"),
        "tarfaya/T03" | "tarfaya/T04" => Some("tarfaya/west"),
        _ => None,
    };
    let halves = sums(of(AssetKind::WindTurbine), &Quantity::ACTIVE_POWER, half, 2);
    let substation = sums(of(AssetKind::Meter), &Quantity::LOAD, |_| Some("casablanca/substation"), 2);
    let mut assets: Vec<Asset> = simulator.assets().iter().filter(|asset| asset.kind != AssetKind::Transformer).cloned().collect();
    for asset in assets.iter_mut().filter(|asset| asset.kind == AssetKind::Meter) {
        asset.parent_id = Some(id("casablanca/substation"));
    }
    assets.push(named("casablanca/substation", AssetKind::Region, "casablanca", None));
    for half in ["tarfaya/east", "tarfaya/west"] {
        assets.push(named(half, AssetKind::WindPlant, "tarfaya", Some(4600.0)));
    }
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(StoreOptions::new(home.path())).await.unwrap();
    let mut ingest = Ingest::start(&store, &Quantities::standard()).await.unwrap();
    ingest.store(vec![Rows::Assets(assets)]).await.unwrap();
    let wanted = [AssetKind::Region, AssetKind::Meter, AssetKind::WindPlant, AssetKind::PvPlant];
    let own = chunk.readings.into_iter().filter(|readings| wanted.contains(&readings.kind())).map(Rows::Readings);
    ingest.store(own.collect()).await.unwrap();
    let more = [(AssetKind::WindPlant, Quantity::ACTIVE_POWER, &halves), (AssetKind::Region, Quantity::LOAD, &substation)];
    ingest.store(more.map(|(kind, quantity, sums)| rows(kind, quantity, sums)).into()).await.unwrap();
    ingest.finish().await.unwrap();
    (home, store, end)
}

/// A part of a sum and its factor.
type Part = (&'static str, &'static Quantity, f64);
/// A whole and its parts.
type Sum = (&'static str, &'static Quantity, &'static [Part]);

/// Every sum of the fleet.
const SUMS: [Sum; 5] = [
    (
        "tarfaya",
        &Quantity::ACTIVE_POWER,
        &[("tarfaya/east", &Quantity::ACTIVE_POWER, 0.98), ("tarfaya/west", &Quantity::ACTIVE_POWER, 0.98)],
    ),
    ("casablanca/substation", &Quantity::LOAD, &[("casablanca/F1", &Quantity::LOAD, 1.0), ("casablanca/F2", &Quantity::LOAD, 1.0)]),
    ("casablanca", &Quantity::WIND_POWER, &[("tarfaya", &Quantity::ACTIVE_POWER, 1.0)]),
    ("casablanca", &Quantity::SOLAR_POWER, &[("ouarzazate", &Quantity::ACTIVE_POWER, 1.0)]),
    (
        "casablanca",
        &Quantity::NET_LOAD,
        &[
            ("casablanca", &Quantity::LOAD, 1.0),
            ("casablanca", &Quantity::WIND_POWER, -1.0),
            ("casablanca", &Quantity::SOLAR_POWER, -1.0),
        ],
    ),
];

/// Largest gap of any sum at any step and scenario; the losses of the cables are the simulator's.
async fn largest_gap(pipeline: &Pipeline, sums: &[Sum]) -> f64 {
    let paths = async |name: &str, quantity: &Quantity| {
        let paths = pipeline.scenarios(&pipeline.asset(name).unwrap(), quantity).await.unwrap();
        assert!(paths.joint, "{name} {quantity}");
        paths
    };
    let mut largest: f64 = 0.0;
    for (whole, quantity, parts) in sums {
        let whole = paths(whole, quantity).await;
        assert_eq!(whole.scenarios.steps(), 48);
        let mut left: Vec<Vec<f64>> = (0..48).map(|step| whole.scenarios.at(0, step).to_vec()).collect();
        let mut share = f64::NAN;
        for (part, quantity, factor) in *parts {
            let part = paths(part, quantity).await;
            if factor.abs() < 1.0 && share.is_nan() {
                // What arrives was measured, not told: it is near what the simulator lets through, and one number at all steps.
                let other = paths(parts[1].0, parts[1].1).await;
                share = whole.scenarios.at(0, 0)[0] / (part.scenarios.at(0, 0)[0] + other.scenarios.at(0, 0)[0]);
                assert!((share - factor).abs() < 0.002, "{share}");
            }
            let factor = if factor.abs() < 1.0 { share } else { *factor };
            for (step, left) in left.iter_mut().enumerate() {
                left.iter_mut().zip(part.scenarios.at(0, step)).for_each(|(left, value)| *left -= factor * value);
            }
        }
        largest = left.iter().flatten().fold(largest, |largest, gap| largest.max(gap.abs()));
    }
    largest
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_cycle_adds_up_and_goes_out_without_who_is_missing() {
    let (_home, store, end) = fleet(40).await;
    let pipeline = Pipeline::new(store.clone(), PipelineOptions::default());
    let cycle = pipeline.forecast_cycle(end).await;
    assert!(cycle.failures.is_empty() && cycle.left_out.is_empty(), "{:?} {:?}", cycle.failures, cycle.left_out);
    let names: Vec<String> = cycle.issued.iter().map(|f| format!("{} {} {}", f.asset_id, f.quantity, f.model == "sum")).collect();
    assert_eq!(names.len(), 8 + 3, "{names:?}");
    for sum in ["wind_power", "solar_power", "net_load"] {
        assert!(names.contains(&format!("casablanca {sum} true")), "{names:?}");
    }
    let gap = largest_gap(&pipeline, &SUMS).await;
    assert!(gap < 1e-6, "{gap}");
    for forecast in &cycle.issued {
        let stored = store.forecast_issued(&forecast.asset_id, &forecast.quantity, forecast.issue_time).await.unwrap().unwrap();
        assert_eq!(stored.values, forecast.values, "what is stored is what is coherent");
        assert!(stored.values.iter().all(|row| row.is_sorted()) && stored.values.len() == 48);
    }
    let region = store.asset(&AssetId::parse("casablanca").unwrap()).unwrap();
    let net = cycle.issued.iter().find(|forecast| forecast.quantity == Quantity::NET_LOAD).unwrap();
    let told = pipeline.explain(&region, net).await.unwrap().expect("the models of all parts are in memory");
    assert_eq!((told.steps.len(), told.quantity.clone()), (48, Quantity::NET_LOAD));
    for (step, row) in told.steps.iter().zip(&net.values) {
        assert!(step.value == row[4] && (step.contributions.iter().sum::<f64>() - step.value).abs() < 1e-6, "{step:?}");
    }
    let calendar = told.summary().into_iter().find(|row| row.group.name() == "calendar").unwrap();
    assert!(calendar.share > 0.05, "a load in it follows the hours: {calendar:?}");
    let again = Pipeline::new(store.clone(), PipelineOptions::default()).forecast_cycle(end).await;
    assert_eq!(again.issued, cycle.issued, "same input and seed");

    // One plant's forecast fails: it and what needs it are named, the rest adds up and goes out.
    let (_home, store, end) = fleet(40).await;
    let mut young = named("young", AssetKind::PvPlant, "casablanca", Some(1000.0));
    young.name = "Commissioned today".into();
    store.upsert_assets(vec![young]).await.unwrap();
    let last = end.as_microsecond() - HOURS;
    // It reports its irradiance and has never reported power.
    let values = vec![(Quantity::POA_GLOBAL, vec![Some(1.0)])];
    store
        .append(Readings::from_columns(AssetKind::PvPlant, vec![last], vec!["young".into()], vec![last + HOURS], values).unwrap())
        .await
        .unwrap();
    let pipeline = Pipeline::new(store, PipelineOptions::default());
    let cycle = pipeline.forecast_cycle(end).await;
    assert_eq!(cycle.failures.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["young"]);
    let missing: Vec<String> = cycle
        .left_out
        .iter()
        .map(|left| match left {
            LeftOut::NoForecast(series) | LeftOut::OtherGrid(series) => series.to_string(),
        })
        .collect();
    assert_eq!(missing, ["net_load of casablanca", "solar_power of casablanca", "active_power of young"]);
    assert_eq!(cycle.issued.len(), 8 + 1);
    let gap = largest_gap(&pipeline, &SUMS[..3]).await;
    assert!(gap < 1e-6, "{gap}");
}

/// How many truths a band held.
#[derive(Debug, Default, Clone, Copy)]
struct Held {
    inside: f64,
    steps: f64,
}

impl Held {
    fn take(&mut self, forecast: &Forecast, truth: &BTreeMap<i64, f64>) {
        for (valid, row) in forecast.valid_times.iter().zip(&forecast.values) {
            if let Some(truth) = truth.get(&valid.as_microsecond()) {
                self.steps += 1.0;
                self.inside += f64::from(u8::from(row[0] <= *truth && *truth <= row[8]));
            }
        }
    }

    fn coverage(&self) -> f64 {
        self.inside / self.steps
    }
}

/// Measured values of a series by time; of a sum by definition those of its parts.
async fn truth(store: &Store, name: &str, quantity: &Quantity, range: TimeRange) -> BTreeMap<i64, f64> {
    if let Some((_, _, parts)) = SUMS
        .iter()
        .find(|(sum, of, _)| *sum == name && **of == *quantity && **of != Quantity::ACTIVE_POWER && **of != Quantity::LOAD)
    {
        let mut sum: BTreeMap<i64, (usize, f64)> = BTreeMap::new();
        for (part, of, factor) in *parts {
            for (time, value) in Box::pin(truth(store, part, of, range)).await {
                let held = sum.entry(time).or_default();
                *held = (held.0 + 1, held.1 + factor * value);
            }
        }
        return sum.into_iter().filter(|(_, (count, _))| *count == parts.len()).map(|(time, (_, sum))| (time, sum)).collect();
    }
    let asset = store.asset(&id(name)).unwrap();
    let frames =
        store.frames(&[asset], Some(range), Resolution::parse("PT1H").unwrap(), Some(std::slice::from_ref(quantity))).await;
    let frame = frames.unwrap().remove(0);
    let values = frame.column(quantity).unwrap().iter().enumerate();
    values.filter(|(_, value)| value.is_finite()).map(|(row, value)| (frame.time(row).as_microsecond(), *value)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn bands_keep_their_coverage_and_the_record_says_so() {
    const CYCLES: i64 = 36;
    let (_home, store, end) = fleet(110).await;
    let pipeline = Pipeline::new(store.clone(), PipelineOptions::default());
    let begin = end - SignedDuration::from_hours(24 * 24);
    let range = TimeRange::new(begin, end).unwrap();
    let mut before: BTreeMap<String, Held> = BTreeMap::new();
    let mut after = before.clone();
    let mut truths: BTreeMap<String, BTreeMap<i64, f64>> = BTreeMap::new();
    for cycle in 0..CYCLES {
        let at = begin + SignedDuration::from_hours(15 * cycle);
        let made = pipeline.forecast_cycle(at).await;
        assert!(made.failures.is_empty(), "{:?}", made.failures);
        for forecast in &made.issued {
            let key = format!("{} {}", forecast.asset_id, forecast.quantity);
            if !truths.contains_key(&key) {
                let found = truth(&store, forecast.asset_id.as_str(), &forecast.quantity, range).await;
                truths.insert(key.clone(), found);
            }
            after.entry(key.clone()).or_default().take(forecast, &truths[&key]);
            if forecast.model != "sum" {
                let asset = pipeline.asset(forecast.asset_id.as_str()).unwrap();
                let horizon = SignedDuration::from_hours(48);
                let issue = Issue { asset, quantity: forecast.quantity.clone(), at, horizon, quantiles: Quantile::deciles() };
                before.entry(key.clone()).or_default().take(&pipeline.issue(&issue).await.unwrap().0, &truths[&key]);
            }
        }
    }
    for (series, held) in &after {
        let (own, now) = (before.get(series).map(Held::coverage), held.coverage());
        eprintln!(
            "{series:32} 80 % band: {:>5} before, {now:.3} after, {} steps",
            own.map_or("-".into(), |own| format!("{own:.3}")),
            held.steps
        );
        assert!(held.steps > 1000.0);
        // The 24 days hold twelve stretches of two days that are about independent: only a gross miss shows against 80 %.
        assert!((now - 0.8).abs() <= 3.0 * (0.8 * 0.2 / 12.0_f64).sqrt(), "{series}: {now}");
        assert!(own.is_none_or(|own| (now - own).abs() <= 0.06), "{series}: {own:?} became {now}");
    }
    // A sum of one plant keeps the coverage of that plant.
    for (sum, part) in [("wind_power", "tarfaya"), ("solar_power", "ouarzazate")] {
        let (whole, own) = (&after[&format!("casablanca {sum}")], &before[&format!("{part} active_power")]);
        assert!((whole.coverage() - own.coverage()).abs() <= 0.03, "{sum}: {} of {}", whole.coverage(), own.coverage());
    }
    // The record of the net load, which nobody measures, is that of its parts.
    pipeline.verify(end).await.unwrap();
    let record = pipeline.track_record(&id("casablanca"), &Quantity::NET_LOAD, None).await.unwrap();
    let all = record.all.unwrap();
    assert_eq!(record.issues, CYCLES as usize);
    assert!((all.coverage_80.unwrap() - after["casablanca net_load"].coverage()).abs() < 0.02);
    assert!(all.naive.mae.unwrap() > 0.0, "{all:?}");
}
