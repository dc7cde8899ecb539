//! Where candidates stand before anything is learnt of them, and how long an ensemble remembers what it learns.
//!
//! In: a kind of target, a horizon, the models. Out: prior shares and half-lives.

use super::MIXTURES;
use crate::features::TargetKind;

/// Share of all weights the mixtures start with: what they say is weighed already; and of loads a week ahead, where what is known of
/// errors is old and shares that need not be learnt are worth more.
const MIXTURES_SHARE: f64 = 0.5;
const MIXTURES_SHARE_WEEK: f64 = 0.3;
/// How much more than others a regression of a load starts with, a week ahead.
const PROMISE_WEEK: f64 = 10.0;
/// Days after which what the weights know counts half.
const EXPERTS_HALF_LIFE_DAYS: f64 = 60.0;
/// The same of loads a week ahead, whose errors go together for days and become known late.
const EXPERTS_WEEK_DAYS: f64 = 400.0;
/// How much longer mixtures of loads remember a week ahead than a day ahead.
const MIXTURES_WEEK: f64 = 4.0;

/// Shares with sum one, of the models and then of the mixtures; `regressions` says which models are regressions on a long past.
pub(super) fn prior(regressions: &[bool], kind: TargetKind, days: f64) -> Vec<f64> {
    let weeks = weeks(kind, days).min(1.0);
    let mixtures = MIXTURES_SHARE + weeks * (MIXTURES_SHARE_WEEK - MIXTURES_SHARE);
    let part = |is_regression: &bool| if *is_regression { 1.0 + weeks * (PROMISE_WEEK - 1.0) } else { 1.0 };
    let all: f64 = regressions.iter().map(part).sum();
    let models = regressions.iter().map(|is_regression| (1.0 - mixtures) * part(is_regression) / all);
    models.chain([mixtures / MIXTURES.len() as f64; MIXTURES.len()]).collect()
}

/// How far beyond a day a horizon reaches, 1 for a week; 0 for what is not a load.
fn weeks(kind: TargetKind, days: f64) -> f64 {
    if kind == TargetKind::Load { ((days - 1.0) / 6.0).max(0.0) } else { 0.0 }
}

/// Half-life of the weights for horizons of that many days, days.
pub(super) fn experts_days(kind: TargetKind, days: f64) -> f64 {
    EXPERTS_HALF_LIFE_DAYS.max(EXPERTS_WEEK_DAYS * weeks(kind, days))
}

/// How much longer than for a day ahead mixtures remember.
pub(super) fn mixtures_factor(kind: TargetKind, days: f64) -> f64 {
    1.0 + (MIXTURES_WEEK - 1.0) * weeks(kind, days)
}

#[cfg(test)]
mod tests {
    use super::{experts_days, mixtures_factor, prior};
    use crate::features::TargetKind::{Load, Wind};
    use crate::models::candidates;

    #[test]
    fn regressions_of_loads_start_ahead_a_week_ahead() {
        for (kind, days, ahead) in [(Load, 7.0, 10.0), (Load, 1.0, 1.0), (Load, 0.25, 1.0), (Wind, 7.0, 1.0)] {
            let models = candidates(kind, false);
            let regressions: Vec<bool> = models.iter().map(|model| model.is_regression()).collect();
            let shares = prior(&regressions, kind, days);
            assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12 && shares.len() == models.len() + 2);
            let of = |name: &str| shares[models.iter().position(|model| model.name() == name).unwrap()];
            for name in ["boosted", "ridge"] {
                assert!((of(name) / of("persistence") - ahead).abs() < 1e-9, "{kind:?} {days} {name}");
            }
            assert_eq!(of("ridge_recent"), of("persistence"));
        }
    }

    #[test]
    fn what_is_known_late_is_kept_longer() {
        assert_eq!((experts_days(Load, 1.0), experts_days(Load, 7.0), experts_days(Wind, 7.0)), (60.0, 400.0, 60.0));
        assert_eq!((mixtures_factor(Load, 0.25), mixtures_factor(Load, 7.0), mixtures_factor(Wind, 2.0)), (1.0, 4.0, 1.0));
    }
}
