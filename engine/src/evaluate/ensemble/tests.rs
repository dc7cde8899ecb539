//! The ensemble by itself: what quantiles stand for, and who speaks of a feast.

use super::{Ensemble, Gate, parts};
use crate::domain::Quantile;
use crate::features::TargetKind;
use crate::models::{Ground, Outlook, Rarity};

#[test]
fn on_a_feast_regressions_speak_alone_but_not_in_the_first_hours() {
    let outlook = |value: f64| Some(Outlook { path: vec![value; 24], quantiles: Some(vec![vec![value; 9]; 24]) });
    let ground = |k: usize| {
        let rarity = if k == 3 || k >= 12 { Rarity::Feast } else { Rarity::Usual };
        Ground { phase: k as f64 / 24.0, scale: 100.0, rarity, doubt: 0.0 }
    };
    let medians = |kind: TargetKind| {
        let ensemble = Ensemble::new(kind, &[false, true], 24, (1, 24), &Quantile::deciles(), 0.0);
        let outlooks = vec![outlook(100.0), outlook(60.0)];
        let said = ensemble.say(0, (0..24).map(ground).collect(), (0.0, 200.0), outlooks, &Gate::default());
        let served = ensemble.served(&said, &Gate::default()).unwrap();
        served.into_iter().map(|row| row[4]).collect::<Vec<f64>>()
    };
    let load = medians(TargetKind::Load);
    assert!(load[8] > 70.0 && load[3] > 70.0, "{load:?}");
    assert!(load[12..].iter().all(|median| (median - 60.0).abs() < 1e-9), "{load:?}");
    assert!(medians(TargetKind::Wind)[12..].iter().all(|median| *median > 70.0), "the wind keeps no feasts");
}

#[test]
fn quantiles_stand_for_what_is_nearest_to_them() {
    let parts_of = |probabilities: &[f64]| parts(probabilities).unwrap();
    let near = |a: &[f64], b: &[f64]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12);
    assert!(near(&parts_of(&[0.1, 0.5, 0.9]), &[0.3, 0.4, 0.3]));
    assert!(near(&parts_of(&[0.05, 0.25, 0.5, 0.8]), &[0.15, 0.225, 0.275, 0.35]));
    assert!(parts(&[0.9]).is_none() && parts(&[0.1, 0.5]).is_none() && parts(&[]).is_none());
}
