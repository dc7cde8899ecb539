//! The watch over the grid: quiet within the code, right about depth, minutes and severity outside, the same for any cut.

use super::super::Incident;
use super::super::Severity;
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

fn frame(seconds: i64, quantity: Quantity, values: Vec<f64>) -> Frame {
    let asset = Asset::new(AssetId::parse("B1").unwrap(), AssetKind::Bus);
    let known = (0..values.len() as i64).map(|i| (i + 1) * seconds * 1_000_000).collect();
    let resolution = Resolution::from_seconds(seconds).unwrap();
    Frame::new(asset, from_micros(0), resolution, known, BTreeMap::from([(quantity, values)]))
}

/// 400 rows of training, then `more`.
fn found(seconds: i64, quantity: &Quantity, usual: f64, more: &[f64]) -> Vec<Incident> {
    let wobble = |i: usize| usual * (1.0 + 1e-4 * ((i * 37 % 19) as f64 / 9.0 - 1.0));
    let values: Vec<f64> = (0..400).map(wobble).chain(more.iter().copied()).collect();
    let frames = [frame(seconds, quantity.clone(), values)];
    let until = frames[0].time(400);
    let watch = Watch::fit(&frames, until, &WatchOptions::default()).unwrap();
    let whole = watch.scan(&frames, until);
    assert_eq!(whole.points.len(), more.len());
    for cut in [410, 430, 445] {
        let known = [frames[0].known_at(frames[0].time(cut))];
        let part = watch.scan(&known, until);
        assert_eq!(part.points[..], whole.points[..part.points.len()], "cut at {cut}");
    }
    whole.incidents
}

#[test]
fn minutes_outside_are_counted_against_the_code() {
    let mut more = vec![50.02; 20];
    more.extend(vec![48.8; 10]);
    more.extend(vec![48.3; 25]);
    more.extend(vec![50.0; 10]);
    let short = found(60, &Quantity::FREQUENCY, 50.0, &more);
    assert_eq!(short.len(), 1, "{short:?}");
    let one = &short[0];
    assert_eq!((one.component.as_str(), one.mode.as_str(), one.severity), ("grid", "frequency_excursion", Severity::Critical));
    assert_eq!(one.evidence[0].observed, Some(48.3));
    assert_eq!((one.evidence[1].observed, one.evidence[1].expected), (Some(35.0), Some(30.0)), "35 minutes, 30 must be borne");
    assert_eq!(one.opened_at, from_micros(420 * 60_000_000));
    assert!(one.closed_at.is_some());
    let brief = found(60, &Quantity::FREQUENCY, 50.0, &[vec![50.0; 20], vec![48.8; 12], vec![50.0; 30]].concat());
    assert_eq!(brief[0].severity, Severity::Warning, "12 of 30 minutes");
    let deep = found(60, &Quantity::FREQUENCY, 50.0, &[vec![50.0; 20], vec![47.2; 1], vec![50.0; 30]].concat());
    assert_eq!(deep[0].severity, Severity::Critical, "nobody must bear 47.2 Hz");
    assert_eq!(found(60, &Quantity::FREQUENCY, 50.0, &vec![49.1; 60]), [], "49.1 Hz is normal operation");
}

#[test]
fn the_level_decides_what_a_voltage_may_be() {
    let high = |nominal: f64| [vec![nominal; 20], vec![1.08 * nominal; 15], vec![nominal; 20]].concat();
    let extra_high = found(60, &Quantity::VOLTAGE, 400_000.0, &high(400_000.0));
    assert_eq!((extra_high.len(), extra_high[0].mode.as_str()), (1, "voltage_excursion"));
    assert_eq!(extra_high[0].evidence[1].expected, Some(20.0));
    assert_eq!(found(60, &Quantity::VOLTAGE, 225_000.0, &high(225_000.0)), [], "225 kV bears 1.118 pu for ever");
    assert_eq!(found(60, &Quantity::VOLTAGE, 22_000.0, &high(22_000.0)), []);
}

#[test]
fn a_rate_is_seen_where_rows_are_close_and_gaps_are_no_rate() {
    let fall = [vec![50.0; 20], vec![49.7, 48.0, 48.0], vec![49.9; 30]].concat();
    let modes = |seconds: i64, more: &[f64]| -> Vec<String> {
        let mut modes: Vec<String> = found(seconds, &Quantity::FREQUENCY, 50.0, more).into_iter().map(|one| one.mode).collect();
        modes.sort();
        modes
    };
    assert_eq!(modes(1, &fall), ["frequency_excursion", "rate_of_change"].map(String::from));
    assert_eq!(modes(10, &fall), ["frequency_excursion"].map(String::from));
    let mut gap = vec![50.0; 40];
    gap[10..30].fill(f64::NAN);
    gap[30..].fill(49.2);
    assert!(modes(1, &gap).is_empty());
}
