//! Slow heat on top of a drift: is the oil of the last days warmer than its own last weeks can explain?
//!
//! In: one value per day, observed minus expected, NaN where a day is not known. Out: since when it is too warm, per day. A day's
//! excess is compared with the four weeks before through the likelihood ratio of a ramp, for every length from three to ten
//! days, under residuals that remember the day before. The spread is that of the last sixty known changes, so a restless year
//! does not hide faults of a calm one. Days of an incident are days that are not known: they teach neither a level nor
//! calmness, so that its end is not the beginning of the next. The limit is the level that the peaks of the training part say is
//! passed once in [`YEARS_APART`] years. Source: Basseville & Nikiforov (1993), Detection of Abrupt Changes, 7.2
//! (generalised likelihood ratio); the inverse covariance of an AR(1) process at uneven times is exact; peaks over a
//! threshold with an exponential tail: Coles (2001), An Introduction to Statistical Modeling of Extreme Values, 4.

use super::super::regression::median;

/// Days that are looked at.
const WINDOW: usize = 30;
/// Days of them that must be known.
const KNOWN: usize = 20;
/// Days that must be known before a ramp: a whole window has twenty before the longest one, the limit was learnt with these, and a
/// level told by fewer is less sure than it says.
const KNOWN_BEFORE: usize = 18;
/// How much of a day's residual the next one keeps.
const MEMORY: f64 = 0.7;
/// Lengths of the ramp, days.
const LENGTHS: std::ops::RangeInclusive<usize> = 3..=10;
/// Changes from day to day that say how restless the residual is.
const SPREAD_DAYS: usize = 60;
/// Years between two false alarms that are bearable: the budget.
const YEARS_APART: f64 = 2.0;
/// Smallest limit, in spreads of the change from day to day: what a process of that memory and nothing else passes once in two
/// years (200 simulated years: 0.9 times a year at 4, 0.51 at 4.25, 0.29 at 4.5).
const LEAST_LIMIT: f64 = 4.25;
/// Highest peaks the tail is drawn through, per year of training.
const PEAKS: f64 = 8.0;
/// Smallest excess worth a person's time, K.
const LEAST_EXCESS: f64 = 3.0;
/// Days after which heat that stays is the new normal: it has been reported.
const ACCEPTED: usize = 30;

/// What training says is still normal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Drift {
    limit: f64,
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
        let ratios: Vec<f64> = (1..=days.len()).map(|end| ratio(&days[..end]).0).collect();
        Some(Self { limit: rare(ratios).max(LEAST_LIMIT) })
    }

    /// The verdict of every day; day `t` depends on days up to `t`.
    pub(super) fn judge(&self, days: &[f64]) -> Vec<Day> {
        let held = held(days);
        let mut seen = days.to_vec();
        let mut out: Vec<Day> = Vec::with_capacity(days.len());
        let (mut level, mut peak) = (0.0, 0.0_f64);
        for at in 0..held.len() {
            let before = out.last().copied().unwrap_or_default();
            let recent = |from: usize| held[from..=at].iter().sum::<f64>() / (at + 1 - from) as f64;
            let (ratio, length) = ratio(&seen[..=at]);
            let mut day = Day { on: before.on, score: ratio / self.limit, since: before.since, excess: 0.0 };
            if before.on {
                day.excess = recent(at - 1) - level;
                peak = peak.max(day.excess);
                day.on = day.excess > peak / 3.0 && at - day.since < ACCEPTED;
                day.score = if day.on { day.score.max(1.0) } else { 0.0 };
            } else if ratio >= self.limit {
                day.since = at + 1 - length;
                level = median(seen[at + 1 - WINDOW..day.since].iter().copied().filter(|day| day.is_finite()).collect());
                day.excess = recent(at - 1) - level;
                day.on = day.excess >= LEAST_EXCESS;
                day.score = if day.on { day.score } else { 0.99 };
                peak = day.excess;
            }
            if day.on {
                // What is wrong teaches nothing about what is normal.
                seen[day.since..=at].fill(f64::NAN);
            }
            out.push(day);
        }
        out
    }
}

/// The level passed once in [`YEARS_APART`] years, by the exponential tail of the highest peaks; what is nearer to a peak than a
/// ramp is long belongs to it.
fn rare(mut ratios: Vec<f64>) -> f64 {
    let years = ratios.len() as f64 / 365.25;
    let mut peaks: Vec<f64> = Vec::new();
    let most = (PEAKS * years).round().max(4.0) as usize;
    // One below those that count is the threshold.
    while peaks.len() <= most {
        let Some((at, top)) = ratios.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).filter(|(_, top)| *top > 0.0)
        else {
            break;
        };
        peaks.push(top);
        let to = (at + LENGTHS.end()).min(ratios.len() - 1);
        ratios[at.saturating_sub(*LENGTHS.end())..=to].fill(0.0);
    }
    let Some(threshold) = peaks.pop().filter(|_| !peaks.is_empty()) else { return 0.0 };
    let count = peaks.len() as f64;
    let pace = peaks.iter().map(|peak| peak - threshold).sum::<f64>() / count;
    threshold + pace * (YEARS_APART * count / years).ln()
}

/// The largest likelihood ratio on the last day of a stretch, in spreads, and the length of its ramp.
fn ratio(days: &[f64]) -> (f64, usize) {
    let start = days.len().saturating_sub(WINDOW);
    let known: Vec<usize> = (0..days.len() - start).filter(|day| days[start + day].is_finite()).collect();
    if days.len() < WINDOW || known.len() < KNOWN || known.last() != Some(&(WINDOW - 1)) {
        return (0.0, 0);
    }
    let values: Vec<f64> = known.iter().map(|day| days[start + day]).collect();
    let spread = restlessness(days);
    let one = |length: usize| (dot(&filter(&known, length), &values) / spread, length);
    let told = |length: &usize| known.iter().filter(|day| **day + length < WINDOW).count() >= KNOWN_BEFORE;
    LENGTHS.filter(told).map(one).fold((0.0, 0), |best, one| if one.0 > best.0 { one } else { best })
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

/// Root mean square of the last changes from one known day to the next, each change at most three robust spreads.
fn restlessness(days: &[f64]) -> f64 {
    let changes = days.windows(2).rev().map(|pair| (pair[1] - pair[0]).abs()).filter(|change| change.is_finite());
    let changes: Vec<f64> = changes.take(SPREAD_DAYS).collect();
    let most = 3.0 * 1.4826 * median(changes.clone());
    let sum: f64 = changes.iter().map(|change| change.min(most).powi(2)).sum();
    (sum / changes.len().max(1) as f64).sqrt().max(0.1)
}

/// Weights of the known days of a window: the ramp through the inverse covariance, free of the unknown level, of length one.
fn filter(known: &[usize], length: usize) -> Vec<f64> {
    let height = |day: usize| if day + length < WINDOW { 0.0 } else { 0.2 + 0.08 * ((day + length - WINDOW) as f64 + 0.5) };
    let ramp: Vec<f64> = known.iter().map(|day| height(*day)).collect();
    let (a, b) = (precise(known, &ramp), precise(known, &vec![1.0; known.len()]));
    let share = a.iter().sum::<f64>() / b.iter().sum::<f64>();
    let free: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a - share * b).collect();
    let size = dot(&free, &ramp).sqrt();
    free.into_iter().map(|f| f / size).collect()
}

/// The inverse covariance of an AR(1) process of unit variance on the days that are known, applied.
fn precise(known: &[usize], values: &[f64]) -> Vec<f64> {
    let mut out = values.to_vec();
    for (i, pair) in known.windows(2).enumerate() {
        let kept = MEMORY.powi((pair[1] - pair[0]) as i32);
        let rest = 1.0 - kept * kept;
        out[i] += (kept * kept * values[i] - kept * values[i + 1]) / rest;
        out[i + 1] += (kept * kept * values[i + 1] - kept * values[i]) / rest;
    }
    out
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::{Day, Drift, MEMORY, WINDOW, precise, rare, ratio};

    /// A year and a half of residuals that drift by −8 K and remember the day before.
    fn days(seed: u64) -> Vec<f64> {
        let (mut state, mut value) = (seed, 0.0);
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

    fn ramp(mut days: Vec<f64>, at: usize) -> Vec<f64> {
        for (k, day) in days[at..at + 10].iter_mut().enumerate() {
            *day += 2.0 + 0.8 * k as f64;
        }
        days
    }

    /// Days after the training part on which an incident opens.
    fn openings(found: &[Day]) -> Vec<usize> {
        (365..found.len()).filter(|&day| found[day].on && !found[day - 1].on).collect()
    }

    #[test]
    fn finds_a_ramp_on_a_drift_and_only_that() {
        let clean = days(11);
        let drift = Drift::fit(&clean[..365]).unwrap();
        assert!(drift.judge(&clean).iter().skip(365).all(|day| !day.on));
        let hot = ramp(clean.clone(), 450);
        let found = drift.judge(&hot);
        let first = openings(&found)[0];
        assert!((452..460).contains(&first) && found[first].since.abs_diff(450) <= 5, "{first} since {}", found[first].since);
        assert!(!found[470].on && found[first].excess > 3.0);
        let cut = drift.judge(&hot[..456]);
        assert_eq!(cut, found[..456]);
        assert!(Drift::fit(&clean[..40]).is_none());
    }

    #[test]
    fn the_end_of_one_incident_is_not_the_beginning_of_the_next() {
        let (mut runs, mut hits, mut others) = (0, 0, Vec::new());
        for seed in 1..=12 {
            let clean = days(seed);
            let drift = Drift::fit(&clean[..365]).unwrap();
            let usual = openings(&drift.judge(&clean)).len();
            for at in [370, 400, 430, 460] {
                let opened = openings(&drift.judge(&ramp(clean.clone(), at)));
                let inside = opened.iter().filter(|day| (at..at + 10).contains(*day)).count();
                (runs, hits) = (runs + 1, hits + inside.min(1));
                others.push(opened.len().saturating_sub(inside + usual));
            }
        }
        assert!(hits * 10 >= runs * 8, "{hits} of {runs}");
        assert_eq!(others.iter().sum::<usize>(), 0, "{others:?}");
    }

    #[test]
    fn heat_that_stays_is_reported_once() {
        let mut hot = ramp(days(11), 400);
        hot[410..].iter_mut().for_each(|day| *day += 10.0);
        let drift = Drift::fit(&hot[..365]).unwrap();
        let found = drift.judge(&hot);
        assert_eq!(openings(&found).len(), 1, "{:?}", openings(&found));
        assert!(found[425].on && !found[440].on);
    }

    #[test]
    fn silence_teaches_no_calmness() {
        let clean = days(11);
        let drift = Drift::fit(&clean[..365]).unwrap();
        for at in (380..470).step_by(10) {
            let mut silent = clean.clone();
            silent[at..at + 30].fill(f64::NAN);
            assert_eq!(openings(&drift.judge(&silent)), [] as [usize; 0], "silent from {at}");
            // The whole window is known again, the same in both: only the spread can differ.
            let (before, after) = (ratio(&clean[..at + 62]).0, ratio(&silent[..at + 62]).0);
            assert!(after < 1.25 * before + 1e-9, "{at}: {after}, without the silence {before}");
        }
    }

    #[test]
    fn the_limit_is_passed_once_in_two_years() {
        // Ten years of exponential values above 1, one a month; the other days are calm.
        let value = |month: usize| 1.0 - 0.5 * (1.0 - (month as f64 + 0.5) / 120.0).ln();
        let mut ratios = vec![0.0; 3653];
        (0..120).for_each(|month| ratios[(month * 37 % 120) * 30 + 5] = value(month));
        let limit = rare(ratios.clone());
        let passed = ratios.iter().filter(|ratio| **ratio > limit).count();
        assert!((4..=6).contains(&passed), "{passed} times above {limit}");
        assert_eq!(rare(vec![0.0; 100]), 0.0);
    }

    #[test]
    fn the_inverse_is_one() {
        let known: Vec<usize> = (0..WINDOW).filter(|day| day % 7 != 3 && !(12..17).contains(day)).collect();
        let mut unit = vec![0.0; known.len()];
        unit[4] = 1.0;
        let column = precise(&known, &unit);
        for (i, one) in unit.iter().enumerate() {
            let product: f64 = (0..known.len()).map(|k| MEMORY.powi(known[i].abs_diff(known[k]) as i32) * column[k]).sum();
            assert!((product - one).abs() < 1e-12);
        }
    }
}
