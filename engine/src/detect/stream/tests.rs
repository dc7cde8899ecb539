//! The watch over any series: a score between 0 and 1 for every row, events where something happens, the same for any cut.

use super::super::Detection;
use super::super::Watch;
use super::super::WatchOptions;
use crate::domain::Asset;
use crate::domain::AssetId;
use crate::domain::AssetKind;
use crate::domain::Frame;
use crate::domain::Quantity;
use crate::domain::Resolution;
use crate::domain::from_micros;
use std::collections::BTreeMap;

const STEP: i64 = 300;

fn noise(n: usize) -> Vec<f64> {
    let mut state = 3_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / (1_u64 << 30) as f64 - 1.0
    };
    (0..n).map(|_| (0..4).map(|_| next()).sum::<f64>()).collect()
}

/// A working day of a server, five minutes a row.
fn server(n: usize) -> Vec<f64> {
    let busy = |i: usize| if (96..216).contains(&(i % 288)) { 30.0 } else { 0.0 };
    noise(n).into_iter().enumerate().map(|(i, v)| 40.0 + busy(i) + v).collect()
}

fn frame(values: Vec<f64>) -> Frame {
    let asset = Asset::new(AssetId::parse("series").unwrap(), AssetKind::Meter);
    let known = values.iter().enumerate().map(|(i, v)| if v.is_nan() { i64::MAX } else { (i as i64 + 1) * STEP * 1_000_000 });
    let (known, columns) = (known.collect(), BTreeMap::from([(Quantity::parse("requests").unwrap(), values)]));
    Frame::new(asset, from_micros(0), Resolution::from_seconds(STEP).unwrap(), known, columns)
}

fn scan(frame: &Frame, train: usize) -> Detection {
    let frames = std::slice::from_ref(frame);
    let watch = Watch::fit(frames, frame.time(train), &WatchOptions::default()).unwrap();
    watch.scan(frames, frame.time(train))
}

#[test]
fn what_happens_is_an_event_and_the_rest_is_not() {
    let mut values = server(4000);
    values[2500..2504].iter_mut().for_each(|v| *v += 60.0);
    values[3100..3200].fill(40.0);
    let found = scan(&frame(values.clone()), 600);
    assert_eq!(found.points.len(), 3400);
    assert!(found.points.iter().all(|p| (0.0..=1.0).contains(&p.score) && p.anomaly == (p.score >= 0.5)));
    let events: Vec<usize> = (0..3400).filter(|&i| found.points[i].anomaly).map(|i| i + 600).collect();
    assert!(events.iter().any(|row| (2500..2504).contains(row)), "a spike: {events:?}");
    assert!(events.iter().any(|row| (3100..3150).contains(row)), "a flat line: {events:?}");
    assert!(events.len() <= 12, "{events:?}");
    let spike = found.incidents.iter().find(|one| one.opened_at == frame(values.clone()).time(2500)).unwrap();
    assert_eq!((spike.component.as_str(), spike.mode.as_str(), spike.detector), ("requests", "unusual_value", "surprise"));
    assert!(spike.evidence[0].observed.unwrap() > spike.evidence[0].expected.unwrap() + 40.0);
    assert!(spike.is_information() && spike.closed_at.is_some());
}

#[test]
fn a_cut_changes_no_earlier_verdict_and_short_and_ragged_series_are_judged() {
    let mut values = server(1127);
    for row in (0..1127).filter(|row| row % 7 == 3 || (400..430).contains(row)) {
        values[row] = f64::NAN;
    }
    // Half a week knows steps of 30 only: what is ten times as large is news, what is twice may be a step.
    values[900..905].iter_mut().for_each(|v| *v += 300.0);
    let whole = frame(values);
    let found = scan(&whole, 169);
    assert_eq!(found.points.len(), (169..1127).filter(|row| row % 7 != 3 && !(400..430).contains(row)).count());
    assert!(found.points.iter().any(|p| p.anomaly && p.time >= whole.time(900) && p.time < whole.time(905)));
    for cut in [300, 903, 1000] {
        let part = scan(&whole.known_at(whole.time(cut)), 169);
        assert_eq!(part.points[..], found.points[..part.points.len()], "cut at {cut}");
    }
    assert_eq!(scan(&whole, 169), found, "the same bytes again");
}

#[test]
fn any_unit_and_any_level_say_the_same() {
    let values = server(3000);
    let plain = scan(&frame(values.clone()), 500);
    let scaled = scan(&frame(values.iter().map(|v| 4096.0 * v).collect()), 500);
    for (a, b) in plain.points.iter().zip(&scaled.points) {
        assert!((a.score - b.score).abs() < 0.02, "{} and {}", a.score, b.score);
    }
    let nothing = scan(&frame(vec![0.0; 900]), 150);
    assert!(nothing.points.iter().all(|p| p.score == 0.0 && !p.anomaly));
    assert!(Watch::fit(&[frame(server(200))], frame(server(200)).time(20), &WatchOptions::default()).is_err());
}
