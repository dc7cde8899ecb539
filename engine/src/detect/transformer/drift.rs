//! Slow heat on top of a drift: is the oil of the last days warmer than its own last weeks can explain?
//!
//! In: one value per day, observed minus expected. Out: since when it is too warm, per day. A day's excess is compared with the
//! four weeks before through the likelihood ratio of a ramp, for every length from three to ten days, under residuals that
//! remember the day before. The spread is that of the last sixty days, so a restless year does not hide faults of a calm
//! one. The level moves with the window, and stands still while something is wrong. Source: Basseville & Nikiforov (1993),
//! Detection of Abrupt Changes, 7.2 (generalised likelihood ratio); the inverse covariance of an AR(1) process is exact.

use super::super::regression::median;

/// Days that are looked at.
const WINDOW: usize = 30;
/// How much of a day's residual the next one keeps.
const MEMORY: f64 = 0.7;
/// Lengths of the ramp, days.
const LENGTHS: std::ops::RangeInclusive<usize> = 3..=10;
/// Days that say how restless the residual is.
const SPREAD_DAYS: usize = 60;
/// Smallest limit, in spreads of the change from day to day.
const LEAST_LIMIT: f64 = 4.0;
/// Limit over the largest value of the training part.
const MARGIN: f64 = 1.02;
/// Smallest excess worth a person's time, K.
const LEAST_EXCESS: f64 = 3.0;
/// Days after which heat that stays is the new normal: it has been reported.
const ACCEPTED: usize = 30;

/// What training says is still normal.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Drift {
    limit: f64,
    filters: Vec<(usize, Vec<f64>)>,
}

/// The verdict at the end of one day.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Day {
    /// True while too warm.
    pub(super) on: bool,
    /// Likelihood ratio over its limit; 1 and more when raised.
    pub(super) score: f64,
    /// First day of the present episode.
    pub(super) since: usize,
    /// Mean excess of the last two days over the level before, K.
    pub(super) excess: f64,
}

impl Drift {
    /// Learns from the days of the training part; `None` with fewer than two windows.
    pub(super) fn fit(days: &[f64]) -> Option<Self> {
        if days.iter().filter(|day| day.is_finite()).count() < 2 * WINDOW {
            return None;
        }
        let mut drift = Self { limit: f64::INFINITY, filters: LENGTHS.map(|length| (length, filter(length))).collect() };
        let top = drift.watch(days).into_iter().map(|(ratio, _)| ratio).fold(0.0, f64::max);
        drift.limit = (MARGIN * top).max(LEAST_LIMIT);
        Some(drift)
    }

    /// Ratio and length of every day, without memory of alarms.
    fn watch(&self, days: &[f64]) -> Vec<(f64, usize)> {
        let held = held(days);
        (0..held.len()).map(|at| self.ratio(&held[..=at])).collect()
    }

    /// The largest likelihood ratio on the last day of a stretch, in spreads, and the length of its ramp.
    fn ratio(&self, days: &[f64]) -> (f64, usize) {
        if days.len() < WINDOW || days[days.len() - WINDOW].is_nan() {
            return (0.0, 0);
        }
        let last = &days[days.len() - WINDOW..];
        let spread = restlessness(&days[days.len().saturating_sub(SPREAD_DAYS + 1)..]);
        let ratio = |filter: &[f64]| filter.iter().zip(last).map(|(f, day)| f * day).sum::<f64>() / spread;
        let ratios = self.filters.iter().map(|(length, filter)| (ratio(filter), *length));
        ratios.fold((0.0, 0), |best, one| if one.0 > best.0 { one } else { best })
    }

    /// The verdict of every day; day `t` depends on days up to `t`.
    pub(super) fn judge(&self, days: &[f64]) -> Vec<Day> {
        let held = held(days);
        let mut seen = held.clone();
        let mut out: Vec<Day> = Vec::with_capacity(days.len());
        let (mut level, mut peak) = (0.0, 0.0_f64);
        for at in 0..held.len() {
            let before = out.last().copied().unwrap_or_default();
            let recent = |from: usize| held[from..=at].iter().sum::<f64>() / (at + 1 - from) as f64;
            let (ratio, length) = self.ratio(&seen[..=at]);
            let mut day = Day { on: before.on, score: ratio / self.limit, since: before.since, excess: 0.0 };
            if before.on {
                day.excess = recent(at - 1) - level;
                peak = peak.max(day.excess);
                day.on = day.excess > peak / 3.0 && at - day.since < ACCEPTED;
                day.score = if day.on { day.score.max(1.0) } else { 0.0 };
            } else if ratio >= self.limit {
                day.since = at + 1 - length;
                level = median(seen[at + 1 - WINDOW..day.since].to_vec());
                day.excess = recent(at - 1) - level;
                day.on = day.excess >= LEAST_EXCESS;
                day.score = if day.on { day.score } else { 0.99 };
                peak = day.excess;
            }
            if day.on {
                // What is wrong teaches nothing about what is normal.
                seen[day.since..=at].fill(level);
            }
            out.push(day);
        }
        out
    }
}

/// Days without a value keep the last one.
fn held(days: &[f64]) -> Vec<f64> {
    let mut last = f64::NAN;
    let keep = |day: &f64| {
        if day.is_finite() {
            last = *day;
        }
        last
    };
    days.iter().map(keep).collect()
}

/// Root mean square of the change from day to day, each change at most three robust spreads.
fn restlessness(days: &[f64]) -> f64 {
    let changes: Vec<f64> = days.windows(2).map(|pair| (pair[1] - pair[0]).abs()).filter(|change| change.is_finite()).collect();
    let most = 3.0 * 1.4826 * median(changes.clone());
    let sum: f64 = changes.iter().map(|change| change.min(most).powi(2)).sum();
    (sum / changes.len().max(1) as f64).sqrt().max(0.1)
}

/// Weights of the days of a window: the ramp through the inverse covariance, free of the unknown level, of length one.
fn filter(length: usize) -> Vec<f64> {
    let ramp: Vec<f64> = (0..WINDOW)
        .map(|day| if day + length < WINDOW { 0.0 } else { 0.2 + 0.08 * ((day + length - WINDOW) as f64 + 0.5) })
        .collect();
    let flat = vec![1.0; WINDOW];
    let (a, b) = (precise(&ramp), precise(&flat));
    let share = a.iter().sum::<f64>() / b.iter().sum::<f64>();
    let free: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a - share * b).collect();
    let size = free.iter().zip(&ramp).map(|(f, r)| f * r).sum::<f64>().sqrt();
    free.into_iter().map(|f| f / size).collect()
}

/// The inverse covariance of an AR(1) process of unit variance, applied.
fn precise(values: &[f64]) -> Vec<f64> {
    let last = values.len() - 1;
    let row = |i: usize| {
        let own = if i == 0 || i == last { 1.0 } else { 1.0 + MEMORY * MEMORY };
        let before = if i > 0 { values[i - 1] } else { 0.0 };
        let after = if i < last { values[i + 1] } else { 0.0 };
        (own * values[i] - MEMORY * (before + after)) / (1.0 - MEMORY * MEMORY)
    };
    (0..=last).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::{Drift, MEMORY, WINDOW, precise};

    /// A year and a half of residuals that drift by −8 K and remember the day before.
    fn days() -> Vec<f64> {
        let (mut state, mut value) = (11_u64, 0.0);
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as f64 / (1_u64 << 30) as f64 - 1.0
        };
        (0..540)
            .map(|day| {
                value = MEMORY * value + (0..4).map(|_| next()).sum::<f64>() * 0.9;
                value - 8.0 * f64::from(day) / 540.0
            })
            .collect()
    }

    #[test]
    fn finds_a_ramp_on_a_drift_and_only_that() {
        let clean = days();
        let drift = Drift::fit(&clean[..365]).unwrap();
        assert!(drift.judge(&clean).iter().skip(365).all(|day| !day.on));
        let mut hot = clean.clone();
        for (k, day) in hot[450..460].iter_mut().enumerate() {
            *day += 2.0 + 0.8 * k as f64;
        }
        let found = drift.judge(&hot);
        let first = found.iter().position(|day| day.on).unwrap();
        assert!((452..460).contains(&first) && found[first].since.abs_diff(450) <= 5, "{first} since {}", found[first].since);
        assert!(!found[470].on && found[first].excess > 3.0);
        let cut = drift.judge(&hot[..456]);
        assert_eq!(cut, found[..456]);
        assert!(Drift::fit(&clean[..40]).is_none());
    }

    #[test]
    fn the_inverse_is_one() {
        let mut unit = vec![0.0; WINDOW];
        unit[4] = 1.0;
        let column = precise(&unit);
        for (i, one) in unit.iter().enumerate() {
            let product: f64 = (0..WINDOW).map(|k| MEMORY.powi(i.abs_diff(k) as i32) * column[k]).sum();
            assert!((product - one).abs() < 1e-12);
        }
    }
}
