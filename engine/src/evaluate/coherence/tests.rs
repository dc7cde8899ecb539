//! A cycle made coherent: sums hold, coverage stays, what cannot be added is left out and named.

use super::{CoherentCycle, CycleRequest, LeftOut, PastErrors, reconcile_cycle};
use crate::domain::{AssetId, Forecast, Quantile, Quantity, Timestamp};
use crate::evaluate::Issued;
use crate::models::{Hierarchy, Node, Series};
use jiff::SignedDuration;

const STEPS: usize = 24;

fn series(name: &str) -> Series {
    Series { asset_id: AssetId::parse(name).unwrap(), quantity: Quantity::ACTIVE_POWER }
}

fn start() -> Timestamp {
    "2026-11-22T00:00:00Z".parse().unwrap()
}

fn tree() -> Hierarchy {
    let node = |name: &str, parts: &[(&str, f64)], bounds| Node {
        series: series(name),
        parts: parts.iter().map(|(part, factor)| (series(part), *factor)).collect(),
        bounds,
    };
    let free = (f64::NEG_INFINITY, f64::INFINITY);
    let nodes = vec![
        node("net", &[("load", 1.0), ("wind", -1.0), ("pv", -1.0)], free),
        node("load", &[], (0.0, f64::INFINITY)),
        node("wind", &[("w1", 1.0), ("w2", 1.0)], (0.0, 100.0)),
        node("pv", &[], (0.0, 50.0)),
        node("w1", &[], (0.0, 60.0)),
        node("w2", &[], (0.0, 40.0)),
    ];
    Hierarchy::new(nodes).unwrap()
}

fn is_night(step: usize) -> bool {
    !(7..18).contains(&step)
}

/// A forecast around `middle`, deciles; PV is exactly zero at night.
fn issued(name: &str, middle: f64, width: f64, mean: bool) -> Issued {
    let valid_times: Vec<Timestamp> =
        (0..STEPS).map(|k| start().checked_add(SignedDuration::from_hours(k as i64)).unwrap()).collect();
    let row = |step: usize| -> Vec<f64> {
        let dark = name == "pv" && is_night(step);
        (1..10).map(|i| if dark { 0.0 } else { middle + width * (f64::from(i) - 5.0) + step as f64 / 10.0 }).collect()
    };
    let values: Vec<Vec<f64>> = (0..STEPS).map(row).collect();
    let mean = mean.then(|| values.iter().map(|row| row[4] + if row[4] > 0.0 { 0.2 } else { 0.0 }).collect());
    let forecast = Forecast {
        asset_id: AssetId::parse(name).unwrap(),
        quantity: Quantity::ACTIVE_POWER,
        issue_time: start(),
        valid_times,
        quantiles: Quantile::deciles(),
        values,
        model: "ridge".into(),
        model_version: "1".into(),
        notes: Vec::new(),
    };
    Issued { forecast, mean, ceiling: None }
}

fn cycle() -> Vec<Issued> {
    let rows =
        [("net", 60.0, 3.0), ("load", 120.0, 2.0), ("wind", 45.0, 3.0), ("pv", 20.0, 1.0), ("w1", 30.0, 2.0), ("w2", 10.0, 3.0)];
    rows.iter().map(|(name, middle, width)| issued(name, *middle, *width, *name == "wind")).collect()
}

fn past() -> Vec<PastErrors> {
    let issues: Vec<Timestamp> = (1..=90).map(|day| start().checked_sub(SignedDuration::from_hours(24 * day)).unwrap()).collect();
    let wave = |issue: usize, step: usize, at: f64| (issue as f64 * (1.3 + at) + step as f64 / 9.0).sin() * (1.0 + at);
    let of = |at: usize| -> Vec<Vec<f64>> {
        (0..90)
            .map(|issue| (0..STEPS).map(|step| wave(issue, step, 0.1 * at as f64) + 0.5 * wave(issue, step, 0.7)).collect())
            .collect()
    };
    let names = ["net", "load", "wind", "pv", "w1", "w2"];
    names.iter().enumerate().map(|(at, name)| PastErrors { series: series(name), issues: issues.clone(), errors: of(at) }).collect()
}

fn request() -> CycleRequest {
    CycleRequest { scenarios: 100, seed: 1, keep: ["net", "load", "wind", "pv", "w1", "w2"].map(series).to_vec() }
}

fn run(issued: &[Issued]) -> CoherentCycle {
    reconcile_cycle(issued, &tree(), &past(), &request()).unwrap()
}

fn means(cycle: &CoherentCycle, name: &str) -> Vec<f64> {
    let held = cycle.issued.iter().find(|i| i.forecast.asset_id.as_str() == name).unwrap();
    held.mean.clone().unwrap()
}

#[test]
fn means_and_scenarios_add_up_and_quantiles_stay_in_order() {
    let made = run(&cycle());
    assert!(made.left_out.is_empty());
    let mut largest: f64 = 0.0;
    for step in 0..STEPS {
        let mean = |name| means(&made, name)[step];
        largest = largest.max((mean("net") - mean("load") + mean("wind") + mean("pv")).abs());
        largest = largest.max((mean("wind") - mean("w1") - mean("w2")).abs());
        for scenario in 0..100 {
            let of = |at| made.scenarios.at(at, step)[scenario];
            largest = largest.max((of(0) - of(1) + of(2) + of(3)).abs()).max((of(2) - of(4) - of(5)).abs());
            assert!((0.0..=60.0).contains(&of(4)) && (0.0..=40.0).contains(&of(5)));
        }
    }
    assert!(largest < 1e-6, "{largest}");
    for (before, after) in cycle().iter().zip(&made.issued) {
        assert!(after.forecast.values.iter().all(|row| row.is_sorted()));
        assert_eq!(after.forecast.values.len(), STEPS);
        let moved = before.forecast.values.iter().zip(&after.forecast.values).any(|(a, b)| (a[4] - b[4]).abs() > 0.01);
        assert!(moved, "{}", after.forecast.asset_id);
    }
    let pv = &made.issued[3].forecast;
    assert!((0..STEPS).filter(|k| is_night(*k)).all(|k| pv.values[k].iter().all(|v| *v == 0.0)), "PV is zero at night");
    assert_eq!(run(&cycle()), made, "same input and seed");
}

#[test]
fn sums_do_not_lift_a_plant_above_what_an_outage_leaves() {
    let mut cycle = cycle();
    // The region and the wind as a whole say more than their parts; the first plant is held at 25 from noon on.
    let wind = &mut cycle[2];
    for value in wind.forecast.values.iter_mut().flatten().chain(wind.mean.iter_mut().flatten()) {
        *value += 20.0;
    }
    let free = means(&run(&cycle), "w1");
    let most = |step: usize| if step < 12 { f64::INFINITY } else { 25.0 };
    for (step, row) in cycle[4].forecast.values.iter_mut().enumerate() {
        row.iter_mut().for_each(|value| *value = value.min(most(step)));
    }
    cycle[4].ceiling = Some((0..STEPS).map(most).collect());
    let held = run(&cycle);
    let plant = &held.issued[4];
    assert!(free.iter().all(|mean| *mean > 30.0), "{free:?}");
    for step in 12..STEPS {
        assert!(plant.forecast.values[step].iter().all(|value| *value <= 25.0), "{:?}", plant.forecast.values[step]);
        assert!((means(&held, "wind")[step] - means(&held, "w1")[step] - means(&held, "w2")[step]).abs() < 1e-6);
    }
    assert!(plant.forecast.values[5][4] > 30.0, "before noon nothing holds it down");
}

#[test]
fn a_sum_nobody_issued_is_the_sum_and_a_gap_is_left_out() {
    let whole = cycle();
    let no_net = run(&whole[1..]);
    assert!(no_net.left_out.is_empty());
    let net = &no_net.issued.last().unwrap().forecast;
    assert_eq!((net.asset_id.as_str(), net.model.as_str(), net.values.len()), ("net", "sum", STEPS));
    assert_eq!(net.valid_times, whole[0].forecast.valid_times);
    // Neither net load nor load: nothing says what they are, and the rest is still coherent.
    let made = run(&whole[2..]);
    assert_eq!(made.left_out, [LeftOut::NoForecast(series("net")), LeftOut::NoForecast(series("load"))]);
    assert!((means(&made, "wind")[5] - means(&made, "w1")[5] - means(&made, "w2")[5]).abs() < 1e-6);
    assert_eq!(made.issued.iter().find(|i| i.forecast.asset_id.as_str() == "pv"), Some(&whole[3]), "no sum speaks of it");
}

#[test]
fn other_grids_and_strangers_are_handed_back_as_they_came() {
    let mut forecasts = cycle();
    let stranger = issued("elsewhere", 5.0, 0.1, false);
    forecasts.push(stranger.clone());
    forecasts[5].forecast.issue_time = "2026-11-21T23:00:00Z".parse().unwrap();
    let made = run(&forecasts);
    assert_eq!(made.left_out, [LeftOut::OtherGrid(series("w2"))]);
    assert_eq!(made.issued[5], forecasts[5]);
    assert_eq!(made.issued[6], stranger);
    assert!((means(&made, "net")[9] - means(&made, "load")[9] + means(&made, "wind")[9] + means(&made, "pv")[9]).abs() < 1e-6);
}

#[test]
fn a_shorter_forecast_is_left_out_where_it_ends() {
    let mut forecasts = cycle();
    let (times, values) = (&mut forecasts[5].forecast.valid_times.clone(), &mut forecasts[5].forecast.values.clone());
    times.truncate(12);
    values.truncate(12);
    (forecasts[5].forecast.valid_times, forecasts[5].forecast.values) = (times.clone(), values.clone());
    let made = run(&forecasts);
    assert_eq!(made.issued[5].forecast.values.len(), 12);
    for step in 0..12 {
        assert!((means(&made, "wind")[step] - means(&made, "w1")[step] - means(&made, "w2")[step]).abs() < 1e-6);
    }
    assert!(means(&made, "w1")[20].is_finite());
}

#[test]
fn errors_that_were_not_known_yet_change_nothing() {
    let mut planted = past();
    for past in &mut planted {
        past.issues.push("2026-11-22T00:00:00Z".parse().unwrap());
        past.errors.push(vec![1e4; STEPS]);
        past.issues.push("2026-11-21T22:00:00Z".parse().unwrap());
        past.errors.push(vec![2.0; STEPS]);
    }
    let mut honest = past();
    for past in &mut honest {
        past.issues.push("2026-11-21T22:00:00Z".parse().unwrap());
        past.errors.push(vec![2.0, 2.0]);
    }
    let made = |errors: &[PastErrors]| reconcile_cycle(&cycle(), &tree(), errors, &request()).unwrap();
    assert_eq!(made(&planted), made(&honest));
    let mut odd = past();
    odd[2].errors.pop();
    assert!(reconcile_cycle(&cycle(), &tree(), &odd, &request()).unwrap_err().to_string().contains("89 rows"));
    let nothing = reconcile_cycle(&cycle(), &tree(), &[], &request()).unwrap();
    assert!(nothing.left_out.is_empty(), "a fleet of the first day is coherent too");
}

/// A small normal generator of the test's own.
struct Noise(u64);

impl Noise {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as f64 + 0.5) / (1_u64 << 31) as f64
    }

    /// Errors of the six forecasts over the day: slow, in part common, wider at noon for PV and later for wind. Nodes in order.
    fn errors(&mut self) -> Vec<Vec<f64>> {
        let mut states = [0.0; 7];
        let mut rows = vec![Vec::new(); 6];
        for step in 0..STEPS {
            for state in &mut states {
                let fresh = (-2.0 * self.unit().ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos();
                *state = if step == 0 { fresh } else { 0.9 * *state + 0.19_f64.sqrt() * fresh };
            }
            for (node, row) in rows.iter_mut().enumerate() {
                row.push(scale(node, step) * (0.6 * states[6] + 0.8 * states[node]));
            }
        }
        rows
    }
}

/// Standard deviation of a node's error.
fn scale(node: usize, step: usize) -> f64 {
    let late = 1.0 + step as f64 / 24.0;
    let noon = if is_night(step) { 0.0 } else { 1.0 - (step as f64 - 12.0).abs() / 6.0 };
    [5.0, 3.0, 2.5 * late, 4.0 * noon, 1.5 * late, 2.0 * late][node]
}

/// Bands that are right before are right afterwards, at all leads taken together, and means are nearer to the truth.
#[test]
fn a_whole_cycle_keeps_its_coverage() {
    const NORMAL: [f64; 9] = [-1.281_55, -0.841_62, -0.524_40, -0.253_35, 0.0, 0.253_35, 0.524_40, 0.841_62, 1.281_55];
    let (hierarchy, mut noise) = (tree(), Noise(11));
    let (mut inside, mut count, mut before, mut after) = ([0.0; 6], [0.0; 6], [0.0; 6], [0.0; 6]);
    let mut log = past();
    for round in 0..300 {
        if round % 20 == 0 {
            let drawn: Vec<Vec<Vec<f64>>> = (0..90).map(|_| noise.errors()).collect();
            for (node, past) in log.iter_mut().enumerate() {
                past.errors = drawn.iter().map(|errors| errors[node].clone()).collect();
            }
        }
        let bottoms = [150.0, 25.0, 30.0, 20.0].map(|middle: f64| middle + 5.0 * noise.unit());
        let truth = |node: usize, step: usize| {
            let parts = [bottoms[0], if is_night(step) { 0.0 } else { bottoms[1] }, bottoms[2], bottoms[3]];
            hierarchy.sums()[node].iter().zip(parts).map(|(a, b)| a * b).sum::<f64>()
        };
        let errors = noise.errors();
        let mut forecasts = cycle();
        for (node, issue) in forecasts.iter_mut().enumerate() {
            let base = |step: usize| truth(node, step) - errors[node][step];
            issue.forecast.values =
                (0..STEPS).map(|step| NORMAL.iter().map(|z| base(step) + z * scale(node, step)).collect()).collect();
            issue.mean = Some((0..STEPS).map(base).collect());
        }
        let request = CycleRequest { scenarios: 90, seed: round, keep: Vec::new() };
        let made = reconcile_cycle(&forecasts, &hierarchy, &log, &request).unwrap();
        for node in 0..6 {
            for step in (0..STEPS).filter(|step| node != 3 || !is_night(*step)) {
                let row = &made.issued[node].forecast.values[step];
                let mean = made.issued[node].mean.as_ref().unwrap()[step];
                inside[node] += f64::from(u8::from(truth(node, step) >= row[0] && truth(node, step) <= row[8]));
                count[node] += 1.0;
                before[node] += errors[node][step].powi(2);
                after[node] += (mean - truth(node, step)).powi(2);
            }
        }
    }
    for node in 0..6 {
        let coverage = inside[node] / count[node];
        assert!((0.77..=0.83).contains(&coverage), "node {node}: {coverage}");
        assert!(after[node] < before[node], "node {node}: {} was {}", after[node] / count[node], before[node] / count[node]);
    }
}
