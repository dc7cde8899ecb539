//! The watch played on errors of known making: how long it is silent in control, how soon it finds a shift.

use super::{Drift, Watched, place, shared};
use crate::domain::{AssetId, Forecast, Quantile, Quantity, Timestamp, from_micros};
use crate::evaluate::IssuedErrors;
use crate::features::sample;

/// Standard normal numbers, the same for the same seed (Box and Muller 1958).
fn normal(seed: usize, i: usize) -> f64 {
    let unit = |j: usize| (sample::noise(seed.wrapping_mul(1_000_003).wrapping_add(j)) + 1.0) / 2.0;
    (-2.0 * unit(2 * i).max(1e-12).ln()).sqrt() * (std::f64::consts::TAU * unit(2 * i + 1)).cos()
}

/// Errors of hours that share `phi` with the hour before.
fn stream(seed: usize, phi: f64, hours: usize) -> Vec<f64> {
    let mut last = normal(seed, 0);
    let next = |i: usize| {
        last = phi * last + (1.0 - phi * phi).sqrt() * normal(seed, i + 1);
        last
    };
    (0..hours).map(next).collect()
}

fn alarms(watch: &mut Watched, places: &[f64]) -> Vec<(usize, Drift)> {
    places.iter().enumerate().filter_map(|(hour, place)| Some((hour, watch.push(hour as i64, *place)?))).collect()
}

#[test]
fn runs_for_more_than_a_year_in_control() {
    const YEAR: usize = 8760;
    for phi in [0.0, 0.8] {
        let runs: usize = (0..60).map(|seed| alarms(&mut Watched::new(phi), &stream(seed, phi, 2 * YEAR)).len()).sum();
        // 120 years, and no more than one alarm in four of them.
        assert!(runs <= 30, "{runs} false alarms in 120 years, errors sharing {phi}");
        assert!(runs > 0, "limits that never alarm find nothing either");
    }
}

#[test]
fn a_shift_of_one_deviation_is_found_within_two_days() {
    let delays: Vec<usize> = (0..200)
        .map(|seed| {
            let mut places = stream(seed, 0.0, 30 * 24);
            places[20 * 24..].iter_mut().for_each(|place| *place -= 1.0);
            let found = alarms(&mut Watched::new(0.0), &places);
            let (hour, what) = found.into_iter().find(|(hour, _)| *hour >= 20 * 24).unwrap();
            assert_eq!(what, Drift::Lower);
            hour - 20 * 24
        })
        .collect();
    let late = delays.iter().filter(|delay| **delay > 48).count();
    assert!(late <= 4, "{late} of 200 took longer than two days: {delays:?}");
}

#[test]
fn hours_that_share_much_hide_a_shift_for_days() {
    let found = |seed: usize| {
        let mut places = stream(seed, 0.8, 60 * 24);
        places[20 * 24..].iter_mut().for_each(|place| *place -= 1.0);
        alarms(&mut Watched::new(0.8), &places).into_iter().any(|(hour, _)| (20 * 24..35 * 24).contains(&hour))
    };
    assert!((0..100).filter(|seed| found(*seed)).count() >= 90);
}

#[test]
fn larger_errors_are_found_too() {
    let found = |seed: usize| {
        let mut places = stream(seed, 0.0, 40 * 24);
        places[20 * 24..].iter_mut().for_each(|place| *place *= 1.8);
        alarms(&mut Watched::new(0.0), &places).into_iter().any(|(hour, _)| (20 * 24..25 * 24).contains(&hour))
    };
    assert!((0..50).filter(|seed| found(*seed)).count() >= 45);
}

#[test]
fn what_hours_share_is_learnt_from_past_errors() {
    for phi in [0.0, 0.6, 0.9] {
        let errors = stream(7, phi, 200 * 48);
        let issues: Vec<IssuedErrors> = errors
            .chunks_exact(48)
            .map(|chunk| IssuedErrors { issue_time: Timestamp::UNIX_EPOCH, errors: chunk.iter().map(|e| 30.0 * e + 4.0).collect() })
            .collect();
        let learnt = shared(&issues, 1);
        assert!((learnt - phi).abs() < 0.08, "{learnt} of {phi}");
    }
    assert_eq!(shared(&[], 6), 0.0);
}

#[test]
fn places_are_those_of_the_quantiles() {
    let deciles = Quantile::deciles();
    let row: Vec<f64> = (1..10).map(f64::from).collect();
    assert!(place(&deciles, &row, 5.0).unwrap().abs() < 1e-9);
    assert!((place(&deciles, &row, 9.0).unwrap() - 1.281_551_6).abs() < 1e-6);
    assert!((place(&deciles, &row, 7.5).unwrap() + place(&deciles, &row, 2.5).unwrap()).abs() < 1e-9);
    assert!(place(&deciles, &row, 100.0).unwrap() <= 3.5 && place(&deciles, &row, -4.0).unwrap() < -1.8);
    // A calm that was as likely as not: half of what stands at zero.
    let calm = [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 4.0];
    assert!((place(&deciles, &calm, 0.0).unwrap() + 0.674_489_8).abs() < 1e-6);
    assert_eq!(place(&deciles, &[0.0; 9], 0.0), None);
    assert_eq!(place(&deciles, &row, f64::NAN), None);
}

#[test]
fn forecasts_wait_for_their_truth_and_a_watch_survives_its_text() {
    let hour = 3_600_000_000;
    let issue = |at: i64| Forecast {
        asset_id: AssetId::parse("A").unwrap(),
        quantity: Quantity::LOAD,
        issue_time: from_micros(at * hour),
        valid_times: (0..48).map(|k| from_micros((at + k) * hour)).collect(),
        quantiles: Quantile::deciles(),
        values: vec![(1..10).map(f64::from).collect(); 48],
        model: "m".into(),
        model_version: "1".into(),
        notes: Vec::new(),
    };
    let mut watch = Watched::new(0.0);
    for at in 0..60 {
        watch.expect(&issue(at));
        watch.expect(&issue(at));
        let text = serde_json::to_string(&watch).unwrap();
        watch = serde_json::from_str(&text).unwrap();
        let known = |time: i64| (time < at * hour).then_some(9.5);
        if let Some(found) = watch.settle(&Quantile::deciles(), known, from_micros(at * hour)) {
            assert_eq!((found, (30..40).contains(&at)), (Drift::Higher, true), "{at}");
            return;
        }
    }
    panic!("truth above nine deciles was not found");
}
