//! What every forecaster must keep: constants, order, too little data, same bytes.

use super::{Damped, candidates};
use crate::domain::Quantile;
use crate::features::{Context, TargetKind, View, sample};
use crate::models::Forecaster;

fn context(kind: TargetKind, days: usize, f: impl Fn(usize) -> f64) -> Context {
    Context::new(&sample::target(kind, days, f), 48, &[sample::at(days * 24)]).unwrap()
}

fn each(kind: TargetKind, view: &View<'_>, check: impl Fn(&'static str, &super::Outlook)) -> usize {
    let mut fitted = 0;
    for model in candidates(kind, false) {
        let learnt = model.fit(view).unwrap_or_else(|error| panic!("{}: {error}", model.name()));
        check(model.name(), &learnt.outlook(view, &Quantile::deciles()).unwrap_or_else(|e| panic!("{}: {e}", model.name())));
        fitted += 1;
    }
    fitted
}

#[test]
fn a_constant_series_gives_the_constant() {
    for kind in [TargetKind::Load, TargetKind::Wind, TargetKind::Solar] {
        let context = context(kind, 60, |_| 42.0);
        let count = each(kind, &context.view(60 * 24), |name, outlook| {
            assert_eq!(outlook.path.len(), 48);
            for value in &outlook.path {
                assert!((value - 42.0).abs() < 0.01, "{name} of {kind:?} says {value}");
            }
        });
        assert!(count >= 6);
    }
}

#[test]
fn own_quantiles_are_ordered_and_same_input_gives_same_bytes() {
    let target = sample::solar(80);
    let context = Context::new(&target, 48, &[sample::at(80 * 24)]).unwrap();
    let view = context.view(80 * 24);
    let run = || {
        let all = std::cell::RefCell::new(Vec::new());
        each(TargetKind::Solar, &view, |_, outlook| {
            for row in outlook.quantiles.iter().flatten() {
                assert!(row.windows(2).all(|w| w[0] <= w[1]));
            }
            all.borrow_mut().extend(outlook.path.iter().map(|v| v.to_bits()));
        });
        all.into_inner()
    };
    assert_eq!(run(), run());
}

#[test]
fn too_little_data_is_an_error() {
    for kind in [TargetKind::Load, TargetKind::Wind, TargetKind::Solar] {
        let context = context(kind, 1, |_| 1.0);
        let view = context.view(0);
        for model in candidates(kind, true) {
            let outcome = model.fit(&view).and_then(|fitted| fitted.outlook(&view, &Quantile::deciles()));
            assert!(outcome.is_err(), "{} of {kind:?} forecast from nothing", model.name());
        }
    }
}

#[test]
fn damped_persistence_returns_to_the_mean() {
    let context = context(TargetKind::Wind, 60, |i| 50.0 + 40.0 * sample::noise(i));
    let view = context.view(60 * 24);
    let path = Damped.fit(&view).unwrap().outlook(&view, &[]).unwrap().path;
    assert!((path[40] - 50.0).abs() < 8.0, "{}", path[40]);
}

/// Pinball loss, for the tests of this room.
pub(super) fn pinball(truth: f64, forecast: f64, p: f64) -> f64 {
    (p * (truth - forecast)).max((p - 1.0) * (truth - forecast))
}
