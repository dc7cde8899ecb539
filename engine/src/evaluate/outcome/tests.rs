//! Outcomes against sums worked out by hand, and records that do not depend on the order or the pieces they come in.

use super::{Due, Outcome, naives, outcomes, track_record};
use crate::domain::{Asset, AssetId, AssetKind, Forecast, Frame, Quantile, Quantity, Resolution, Timestamp};
use crate::domain::{IntervalLabel, VERIFICATION_NAIVES, WeatherForecasts, micros};
use crate::features::{Circumstances, Target, TargetKind};
use crate::models::Forecaster;
use jiff::SignedDuration;
use std::collections::BTreeMap;

const DAYS: usize = 20;

fn hour(at: usize) -> Timestamp {
    "2026-03-02T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(at as i64)
}

/// A day that repeats with a slow rise and a bump that nobody foresees.
fn load(at: usize) -> f64 {
    100.0 + 20.0 * ((at % 24) as f64 / 24.0 * std::f64::consts::TAU).sin() + at as f64 / 50.0 + if at == 250 { 30.0 } else { 0.0 }
}

/// Hourly telemetry; each row known an hour later but for those of `late`.
fn target(late: &[(usize, i64)]) -> Target {
    let mut asset = Asset::new(AssetId::parse("casablanca").unwrap(), AssetKind::Region);
    asset.attributes.insert("resolution".into(), "PT1H".into());
    let mut known: Vec<i64> = (0..DAYS * 24).map(|at| micros(hour(at + 1))).collect();
    late.iter().for_each(|&(at, when)| known[at] = when);
    let columns = BTreeMap::from([(Quantity::LOAD, (0..DAYS * 24).map(load).collect())]);
    let frame = Frame::new(asset, hour(0), Resolution::parse("PT1H").unwrap(), known, columns);
    Target {
        frame,
        quantity: Quantity::LOAD,
        kind: TargetKind::Load,
        interval_label: IntervalLabel::Beginning,
        weather: WeatherForecasts::default(),
        observations: Vec::new(),
        circumstances: Circumstances::default(),
    }
}

/// Always three too high, band of eight.
fn forecast(issue: usize) -> Forecast {
    let row = |at: usize| vec![load(at) - 1.0, load(at) + 3.0, load(at) + 7.0];
    Forecast {
        asset_id: AssetId::parse("casablanca").unwrap(),
        quantity: Quantity::LOAD,
        issue_time: hour(issue),
        valid_times: (issue..issue + 24).map(hour).collect(),
        quantiles: [0.1, 0.5, 0.9].map(|p| Quantile::new(p).unwrap()).to_vec(),
        values: (issue..issue + 24).map(row).collect(),
        model: "ridge".into(),
        model_version: "1".into(),
        notes: Vec::new(),
    }
}

fn due(issue: usize, after: i64, until: i64) -> Due {
    Due { forecast: forecast(issue), after: SignedDuration::from_hours(after), until: SignedDuration::from_hours(until) }
}

fn sums(outcome: &Outcome, from: usize) -> (f64, f64) {
    (outcome.sums[from], outcome.sums[from + 1])
}

#[test]
fn naives_are_named_as_the_columns_are() {
    let names = naives().map(|naive: Box<dyn Forecaster>| naive.name());
    assert_eq!(names, VERIFICATION_NAIVES.map(|pair| pair[1]));
}

#[test]
fn sums_are_those_worked_out_by_hand() {
    let found = outcomes(&target(&[]), &[due(240, 0, 6)]).unwrap();
    let leads: Vec<i64> = found.iter().map(|outcome| outcome.lead_to.as_hours()).collect();
    assert_eq!(leads, [1, 3, 6], "the bucket to 12 h is not over yet");
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} is not {b}");
    let third = &found[2];
    // Leads of 4, 5 and 6 hours: the steps 243, 244 and 245.
    assert_eq!((third.sums[0], third.sums[2], third.sums[3], third.sums[5]), (3.0, 9.0, 27.0, 9.0));
    close(third.sums[1], load(243) + load(244) + load(245));
    assert_eq!((third.sums[10], third.sums[11]), (3.0, 3.0), "all inside the band");
    close(third.sums[12], 24.0);
    let rival = |of: fn(usize) -> f64| (243..246).map(|at| (of(at) - load(at)).abs()).sum::<f64>();
    for (place, expected) in [
        (13, rival(|_| load(239))),
        (17, rival(|at| load(at - 24))),
        (19, rival(|at| load(at - 168))),
        (21, rival(|at| 0.5 * load(at - 24) + 0.5 * load(at - 168))),
    ] {
        let (beside, naive) = sums(third, place);
        close(beside, 9.0);
        close(naive, expected);
    }
}

#[test]
fn naives_see_only_what_was_known_at_the_issue() {
    // The last two rows before the issue came a day late: persistence is the row before them.
    let late = [238, 239].map(|at| (at, micros(hour(264))));
    let found = outcomes(&target(&late), &[due(240, 0, 1)]).unwrap();
    let (_, persistence) = sums(&found[0], 13);
    assert!((persistence - (load(237) - load(240)).abs()).abs() < 1e-9, "{persistence}");
}

#[test]
fn pieces_and_order_make_no_difference() {
    let target = target(&[]);
    let whole = outcomes(&target, &[due(240, 0, 24), due(264, 0, 24)]).unwrap();
    let mut pieces = outcomes(&target, &[due(264, 6, 24), due(240, 0, 3)]).unwrap();
    pieces.extend(outcomes(&target, &[due(240, 3, 24), due(264, 0, 6)]).unwrap());
    let record = track_record(whole);
    assert_eq!(track_record(pieces), record);
    assert_eq!((record.issues, record.issued), (2, Some((hour(240), hour(264)))));
    let all = record.all.unwrap();
    assert_eq!((all.steps, all.mae, all.bias, all.coverage_80), (48, 3.0, 3.0, Some(1.0)));
    assert_eq!(record.buckets.iter().map(|b| b.steps).collect::<Vec<_>>(), [2, 4, 6, 12, 24]);
    // The slow rise is 0.48 a day: yesterday is off by that, a blend by half a day and half a week of it; the bump by more.
    assert_eq!(record.best_naive, Some("daily"));
    let daily: f64 = (240..288).map(|at| (load(at - 24) - load(at)).abs()).sum();
    assert!((all.naive.mae.unwrap() - (1.0 - 48.0 * 3.0 / daily)).abs() < 1e-12);
    assert!(all.persistence.mae.unwrap() > 0.5);
    assert_eq!(track_record(Vec::new()), super::TrackRecord::default());
}
