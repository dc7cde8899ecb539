//! The watch over a transformer made here: quiet when loaded as allowed, right about heat and overload, the same for any cut.

use super::super::Detection;
use super::super::Severity;
use super::super::Watch;
use super::super::WatchOptions;
use super::thermal::Cooling;
use crate::domain::Asset;
use crate::domain::AssetId;
use crate::domain::AssetKind;
use crate::domain::Frame;
use crate::domain::Quantity;
use crate::domain::Resolution;
use crate::domain::from_micros;
use std::collections::BTreeMap;
use std::ops::Range;

const HOUR: i64 = 3_600_000_000;
const DAYS: usize = 120;
const TRAIN: usize = 80 * 24;

/// Rows of load factor, air and oil; `extra` is heat on top of the physics, K.
fn transformer(load: impl Fn(usize) -> f64, extra: impl Fn(usize) -> f64, air: bool) -> Frame {
    let characteristics = Cooling::Onan.characteristics();
    let mut state = 5_u64;
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / (1_u64 << 30) as f64 - 1.0
    };
    let mut now = characteristics.steady(0.5, 15.0);
    let mut columns: BTreeMap<Quantity, Vec<f64>> = BTreeMap::new();
    for row in 0..24 * DAYS {
        let day = row as f64 / 24.0 * std::f64::consts::TAU;
        let outside = 15.0 + 6.0 * day.sin() + 3.0 * (day / 11.0).sin();
        now = characteristics.after(now, load(row), outside, 60.0);
        columns.entry(Quantity::LOAD).or_default().push(40_000.0 * load(row));
        columns.entry(Quantity::TOP_OIL_TEMP).or_default().push(now.top_oil + extra(row) + 0.4 * noise());
        if air {
            columns.entry(Quantity::AMBIENT_TEMP).or_default().push(outside + 0.3 * noise());
        }
    }
    let mut asset = Asset::new(AssetId::parse("TR1").unwrap(), AssetKind::Transformer);
    asset.capacity_kw = Some(40_000.0);
    let known = (1..=24 * DAYS as i64).map(|row| row * HOUR).collect();
    Frame::new(asset, from_micros(0), Resolution::parse("PT1H").unwrap(), known, columns)
}

fn usual(row: usize) -> f64 {
    0.6 + 0.25 * ((row % 24) as f64 / 24.0 * std::f64::consts::TAU).cos() + 0.03 * ((row / 24 * 7 % 5) as f64 - 2.0)
}

fn scan(frame: &Frame) -> Detection {
    let until = frame.time(TRAIN);
    let frames = std::slice::from_ref(frame);
    let watch = Watch::fit(frames, until, &WatchOptions::default()).unwrap();
    let whole = watch.scan(frames, until);
    for cut in [TRAIN + 100, TRAIN + 410, TRAIN + 700] {
        let part = watch.scan(&[frame.known_at(frame.time(cut))], until);
        let held = part.points.len() - 1;
        assert_eq!(part.points[..held], whole.points[..held], "cut at {cut}");
    }
    whole
}

#[test]
fn loaded_as_allowed_it_is_quiet() {
    for air in [true, false] {
        let found = scan(&transformer(usual, |_| 0.0, air));
        assert_eq!(found.incidents, [], "air measured: {air}");
        assert_eq!(found.points.len(), 24 * DAYS - TRAIN);
    }
}

#[test]
fn a_failing_cooler_is_found_with_and_without_the_air() {
    let begin = TRAIN + 15 * 24;
    let fault: Range<usize> = begin..begin + 240;
    let heat = |row: usize| if fault.contains(&row) { 2.0 + 8.0 * (row - begin) as f64 / 240.0 } else { 0.0 };
    for air in [true, false] {
        let frame = transformer(usual, heat, air);
        let found = scan(&frame).incidents;
        assert_eq!(found.len(), 1, "air measured: {air}, {found:?}");
        let one = &found[0];
        assert_eq!((one.component.as_str(), one.mode.as_str()), ("cooling", "oil_overheat"));
        assert!(one.opened_at > frame.time(begin) && one.opened_at < frame.time(fault.end), "{air}: {}", one.opened_at);
        let evidence = &one.evidence[0];
        assert!(evidence.observed.unwrap() > evidence.expected.unwrap() + 1.5, "{evidence:?}");
    }
}

/// A second load the oil depends on; it reads one value for `dead`.
fn with_feeder(dead: Range<usize>) -> Frame {
    let mut state = 9_u64;
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / (1_u64 << 30) as f64 - 1.0
    };
    let mut slow = 0.0;
    let truth: Vec<f64> = (0..24 * DAYS)
        .map(|row| {
            slow += (0.3 * noise() - slow) / 30.0;
            5.0 + 12.0 * slow + 1.5 * (row as f64 / 24.0 * std::f64::consts::TAU).sin() + 0.05 * noise()
        })
        .collect();
    let mut week = truth[0];
    let heat: Vec<f64> = truth
        .iter()
        .map(|load| {
            week += (load - week) * (1.0 - (-1.0_f64 / 168.0).exp());
            8.0 * (week - 5.0)
        })
        .collect();
    let frame = transformer(usual, |row| heat[row], false);
    let mut columns: BTreeMap<Quantity, Vec<f64>> =
        frame.quantities().map(|q| (q.clone(), frame.column(q).unwrap().to_vec())).collect();
    let mut read = truth;
    read[dead].fill(1.0);
    columns.insert(Quantity::CURRENT, read);
    Frame::new(frame.asset.clone(), frame.start, frame.resolution, frame.available_at.clone(), columns)
}

#[test]
fn a_dead_load_sensor_is_no_heat() {
    let begin = TRAIN + 12 * 24 + 5;
    assert_eq!(scan(&with_feeder(0..0)).incidents, []);
    for hours in [50, 141] {
        assert_eq!(scan(&with_feeder(begin..begin + hours)).incidents, [], "dead for {hours} hours");
    }
}

#[test]
fn an_overload_says_how_hot_how_old_and_how_long() {
    let begin = TRAIN + 20 * 24 + 9;
    let load = |row: usize| if (begin..begin + 5).contains(&row) { 1.6 } else { usual(row) };
    let frame = transformer(load, |_| 0.0, true);
    let found = scan(&frame).incidents;
    let one = found.iter().find(|one| one.mode == "transformer_overload").unwrap();
    assert_eq!(one.component, "transformer");
    assert_eq!(one.opened_at, frame.time(begin));
    assert_eq!(one.severity, Severity::Critical, "1.6 is above the 1.5 of a long-time emergency of medium power");
    let measure = |signal: &str| one.evidence.iter().find(|e| e.signal == signal).and_then(|e| e.observed).unwrap();
    assert!((measure("load_factor") - 1.6).abs() < 1e-9);
    assert!(measure("hot_spot_temp") > 110.0, "{}", measure("hot_spot_temp"));
    assert!(measure("life_lost_per_day") > 0.5, "{}", measure("life_lost_per_day"));
    let shorter = frame.known_at(frame.time(begin + 2));
    let open = scan_from(&shorter, &frame);
    let outlook = open.outlook.as_ref().unwrap();
    assert!(outlook.earliest > frame.time(begin + 1) && outlook.median.unwrap() > outlook.earliest);
    assert!(outlook.latest.is_none_or(|latest| latest > outlook.median.unwrap()));
    assert!(outlook.level < outlook.limit && open.closed_at.is_none());
}

#[test]
fn evenings_of_overload_are_one_episode() {
    let (first, last) = (TRAIN + 20 * 24, TRAIN + 25 * 24);
    let load = |row: usize| if (first..last).contains(&row) && row % 24 == 18 { 1.51 } else { usual(row) };
    let frame = transformer(load, |_| 0.0, true);
    let whole = scan(&frame);
    let found: Vec<_> = whole.incidents.iter().filter(|one| one.mode == "transformer_overload").collect();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].opened_at, frame.time(first + 18));
    let closed = found[0].closed_at.unwrap();
    assert!(closed > frame.time(last) && closed < frame.time(last + 36), "{closed}");
    let at = |row: usize| whole.points.iter().find(|point| point.time == frame.time(row)).unwrap();
    assert!(at(first + 18).anomaly && !at(first + 30).anomaly, "the night between is calm");
}

fn scan_from(known: &Frame, whole: &Frame) -> super::super::Incident {
    let until = whole.time(TRAIN);
    let watch = Watch::fit(std::slice::from_ref(whole), until, &WatchOptions::default()).unwrap();
    let found = watch.scan(std::slice::from_ref(known), until).incidents;
    found.into_iter().find(|one| one.mode == "transformer_overload").unwrap()
}
