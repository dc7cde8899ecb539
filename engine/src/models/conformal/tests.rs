//! Coverage on streams that shift and stir, order, limits, night.

use super::Conformal;
use crate::domain::Quantile;
use crate::features::{TargetKind, sample};
use crate::models::{Ground, Leads, Rarity};

const BOUNDS: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);

fn ground(i: usize) -> Ground {
    Ground { phase: (i % 24) as f64 / 24.0, scale: 10.0, rarity: Rarity::Usual, doubt: 0.0 }
}

/// About a standard normal number.
fn normal(i: usize) -> f64 {
    (0..12).map(|j| sample::noise(12 * i + j)).sum::<f64>() / 2.0
}

/// Plays days of 24 steps; returns the coverage of the last `judged` days.
fn play(days: usize, judged: usize, truth: impl Fn(usize, usize) -> f64) -> f64 {
    let leads = Leads::new(24, 1);
    let quantiles = Quantile::deciles();
    let mut conformal = Conformal::new(TargetKind::Load, &leads, &quantiles);
    let raw = [-1.28, -0.84, -0.52, -0.25, 0.0, 0.25, 0.52, 0.84, 1.28];
    let (mut inside, mut steps) = (0, 0);
    for day in 0..days {
        conformal.fade(day as f64);
        for bucket in 0..leads.len() {
            let mut round = conformal.round();
            for k in leads.range(bucket).0..leads.range(bucket).1 {
                let mut row: Vec<f64> = raw.iter().map(|r| 50.0 + r).collect();
                conformal.correct(k, ground(k), &mut row, BOUNDS);
                assert!(row.windows(2).all(|w| w[0] <= w[1]));
                let y = truth(day, day * 24 + k);
                conformal.judge(&mut round, ground(k), &row, y);
                if day + judged >= days {
                    steps += 1;
                    inside += usize::from(row[0] <= y && y <= row[8]);
                }
            }
            conformal.learn(bucket, &round, 24);
        }
    }
    f64::from(inside as u32) / f64::from(steps)
}

#[test]
fn a_shifted_and_stirred_stream_keeps_its_coverage() {
    let shifted = play(300, 150, |_, i| 50.0 + 0.8 + normal(i));
    let stirred = play(300, 150, |_, i| 50.0 + 2.0 * normal(i));
    let calmed = play(300, 150, |_, i| 50.0 - 0.3 + 0.5 * normal(i));
    let turning = play(400, 300, |day, i| 50.0 + if (day / 60) % 2 == 0 { normal(i) } else { 0.5 + 2.0 * normal(i) });
    for (name, share) in [("shifted", shifted), ("stirred", stirred), ("calmed", calmed), ("turning", turning)] {
        assert!((share - 0.8).abs() <= 0.03, "{name}: {share}");
    }
}

#[test]
fn a_new_regime_widens_within_days() {
    let stirred = |day: usize, i: usize| 50.0 + if day >= 100 { 3.0 } else { 1.0 } * normal(i);
    let (before, first, later) = (play(100, 20, stirred), play(101, 1, stirred), play(106, 2, stirred));
    assert!((before - 0.8).abs() < 0.05 && first < 0.5 && later > first + 0.15, "{before} {first} {later}");
}

#[test]
fn rows_stay_within_limits_and_a_plant_is_dark_at_night() {
    let leads = Leads::new(24, 1);
    let conformal = Conformal::new(TargetKind::Solar, &leads, &Quantile::deciles());
    let mut row: Vec<f64> = (0..9).map(|i| f64::from(i) * 2.0 - 4.0).collect();
    conformal.correct(3, ground(3), &mut row, (0.0, 7.0));
    assert!(row[0] == 0.0 && row[8] <= 7.0 && row.windows(2).all(|w| w[0] <= w[1]), "{row:?}");
    conformal.correct(3, Ground { scale: 0.0, ..ground(3) }, &mut row, (0.0, 7.0));
    assert_eq!(row, vec![0.0; 9]);
}

#[test]
fn daylight_is_held_to_what_all_hours_promise() {
    let leads = Leads::new(24, 1);
    let mut conformal = Conformal::new(TargetKind::Solar, &leads, &Quantile::deciles());
    assert!((conformal.target(0.1) - 0.1).abs() < 1e-12, "without a night nothing is held back");
    for _ in 0..2000 {
        let mut round = conformal.round();
        for k in 0..24 {
            let dark = Ground { scale: if k < 10 { 0.0 } else { 10.0 }, ..ground(k) };
            conformal.judge(&mut round, dark, &[5.0; 9], 5.0);
        }
        conformal.learn(0, &round, 24);
    }
    let daylight = conformal.target(0.9) - conformal.target(0.1);
    assert!((daylight * 14.0 / 24.0 + 10.0 / 24.0 - super::ALL_HOURS).abs() < 0.01, "{daylight}");
    let targets: Vec<f64> = (1..10).map(|i| conformal.target(f64::from(i) / 10.0)).collect();
    assert!(targets.windows(2).all(|w| w[0] < w[1]) && (targets[4] - 0.5).abs() < 1e-9);
}

#[test]
fn a_feast_never_seen_widens_and_does_not_move_the_middle() {
    let leads = Leads::new(24, 1);
    let conformal = Conformal::new(TargetKind::Load, &leads, &Quantile::deciles());
    let row = |rarity: Rarity, doubt: f64| {
        let mut row: Vec<f64> = [-1.28, -0.84, -0.52, -0.25, 0.0, 0.25, 0.52, 0.84, 1.28].map(|z| 50.0 + z).into();
        conformal.correct(3, Ground { rarity, doubt, ..ground(3) }, &mut row, BOUNDS);
        row
    };
    let (usual, holiday, feast) = (row(Rarity::Usual, 0.0), row(Rarity::Holiday, 0.0), row(Rarity::Feast, 2.0));
    let width = |row: &[f64]| row[8] - row[0];
    assert!((width(&usual) - 2.56).abs() < 1e-9 && width(&holiday) > 1.2 * width(&usual));
    // The deviations of a row of one and of a doubt of two add up like independent ones.
    let one = width(&holiday) / 2.56;
    assert!((width(&feast) - 2.56 * one.hypot(2.0)).abs() < 0.03, "{feast:?}");
    assert!((feast[4] - 50.0).abs() < 1e-9 && feast.windows(2).all(|w| w[0] < w[1]));
}

#[test]
fn feasts_and_holidays_learn_apart() {
    let leads = Leads::new(24, 1);
    let mut conformal = Conformal::new(TargetKind::Load, &leads, &Quantile::deciles());
    let width = |conformal: &Conformal, rarity: Rarity| {
        let mut row: Vec<f64> = (0..9).map(|i| 46.0 + f64::from(i)).collect();
        conformal.correct(5, Ground { rarity, ..ground(5) }, &mut row, BOUNDS);
        row[8] - row[0]
    };
    let before = width(&conformal, Rarity::Holiday) / width(&conformal, Rarity::Usual);
    for bucket in 0..leads.len() {
        let mut round = conformal.round();
        for k in leads.range(bucket).0..leads.range(bucket).1 {
            let row: Vec<f64> = (0..9).map(|i| 46.0 + f64::from(i)).collect();
            conformal.judge(&mut round, Ground { rarity: Rarity::Feast, ..ground(k) }, &row, 90.0);
        }
        conformal.learn(bucket, &round, 24);
    }
    let usual = width(&conformal, Rarity::Usual);
    assert!((width(&conformal, Rarity::Holiday) / usual - before).abs() < 1e-9, "a feast says nothing of holidays");
    assert!(width(&conformal, Rarity::Feast) / usual > 1.1 * before, "a missed feast widens the next");
}
