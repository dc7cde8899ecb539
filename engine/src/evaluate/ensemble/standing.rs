//! Where candidates stand before anything is learnt of them, and how long an ensemble remembers what it learns.
//!
//! In: a kind of target, its horizon and history, the models. Out: prior shares and half-lives.

use super::MIXTURES;
use crate::features::TargetKind;

/// Share of all weights the mixtures start with: what they say is weighed already; and of loads a week ahead, where what is known of
/// errors is old and shares that need not be learnt are worth more.
const MIXTURES_SHARE: f64 = 0.5;
const MIXTURES_SHARE_WEEK: f64 = 0.3;
/// How much more than others a regression of a load starts with, a week ahead.
const PROMISE_WEEK: f64 = 10.0;
/// Days after which what the weights know counts half: loads change with the season, the worth of a learner of weather hardly does.
const EXPERTS_LOAD_DAYS: f64 = 60.0;
const EXPERTS_WEATHER_DAYS: f64 = 200.0;
/// The same of loads a week ahead, whose errors go together for days and become known late.
const EXPERTS_WEEK_DAYS: f64 = 400.0;
/// How much longer mixtures of loads remember a week ahead than a day ahead.
const MIXTURES_WEEK: f64 = 4.0;

/// How far beyond a day the forecasts of a load reach, 1 for a week; 0 for what is not a load, and where no more than a year is known,
/// for a young load changes faster than such weights follow. `days` is the horizon, `known` the history, days.
pub(in crate::evaluate) fn weeks(kind: TargetKind, days: f64, known: f64) -> f64 {
    let ripe = (known / 365.0 - 1.0).clamp(0.0, 1.0);
    if kind == TargetKind::Load { ripe * ((days - 1.0) / 6.0).max(0.0) } else { 0.0 }
}

/// Shares with sum one, of the models and then of the mixtures; `regressions` says which models are regressions on a long past.
pub(super) fn prior(regressions: &[bool], weeks: f64) -> Vec<f64> {
    let weeks = weeks.min(1.0);
    let mixtures = MIXTURES_SHARE + weeks * (MIXTURES_SHARE_WEEK - MIXTURES_SHARE);
    let part = |is_regression: &bool| if *is_regression { 1.0 + weeks * (PROMISE_WEEK - 1.0) } else { 1.0 };
    let all: f64 = regressions.iter().map(part).sum();
    let models = regressions.iter().map(|is_regression| (1.0 - mixtures) * part(is_regression) / all);
    models.chain([mixtures / MIXTURES.len() as f64; MIXTURES.len()]).collect()
}

/// Half-life of the weights, days.
pub(super) fn experts_days(kind: TargetKind, weeks: f64) -> f64 {
    match kind {
        TargetKind::Load => EXPERTS_LOAD_DAYS.max(EXPERTS_WEEK_DAYS * weeks),
        TargetKind::Wind | TargetKind::Solar => EXPERTS_WEATHER_DAYS,
    }
}

/// How much longer than for a day ahead mixtures remember.
pub(super) fn mixtures_factor(weeks: f64) -> f64 {
    1.0 + (MIXTURES_WEEK - 1.0) * weeks
}

#[cfg(test)]
mod tests {
    use super::{experts_days, mixtures_factor, prior, weeks};
    use crate::features::TargetKind::{Load, Wind};
    use crate::models::candidates;

    #[test]
    fn only_long_known_loads_reach_beyond_a_day() {
        assert_eq!((weeks(Load, 7.0, 800.0), weeks(Load, 1.0, 800.0), weeks(Load, 0.25, 800.0)), (1.0, 0.0, 0.0));
        assert_eq!((weeks(Load, 7.0, 365.0), weeks(Load, 4.0, 547.5), weeks(Wind, 7.0, 800.0)), (0.0, 0.25, 0.0));
        assert_eq!((experts_days(Load, 0.0), experts_days(Load, 1.0), experts_days(Wind, 0.0)), (60.0, 400.0, 200.0));
        assert_eq!((mixtures_factor(0.0), mixtures_factor(1.0)), (1.0, 4.0));
    }

    #[test]
    fn regressions_start_ahead_a_week_ahead() {
        let models = candidates(Load, false);
        let regressions: Vec<bool> = models.iter().map(|model| model.is_regression()).collect();
        for (weeks, ahead) in [(1.0, 10.0), (0.0, 1.0), (2.0, 10.0)] {
            let shares = prior(&regressions, weeks);
            assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12 && shares.len() == models.len() + 2);
            let of = |name: &str| shares[models.iter().position(|model| model.name() == name).unwrap()];
            for name in ["boosted", "ridge"] {
                assert!((of(name) / of("persistence") - ahead).abs() < 1e-9, "{weeks} {name}");
            }
            assert_eq!(of("ridge_recent"), of("persistence"));
        }
    }
}
