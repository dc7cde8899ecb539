//! Power missing beside the neighbours: what all of them miss at the same time is weather, not a fault of one.
//!
//! In: observed and expected power of a machine and of its neighbours, row by row. Out: the share of expected power that is
//! missing here and not there, over the last hours of running, and alarms held back until that share is worth a visit.
//! Causal. The middle neighbour counts: one with a trouble of its own moves nothing. Source: fleet comparison as in
//! Papatheou et al. (2015), IEEE Trans. Ind. Electron. 62(10), with medians.

use super::regression::median;
use super::residual::Residual;

/// Hours of running over which missing power is compared: a large share shows within a day, a small one takes three.
pub(crate) const HORIZONS: [f64; 2] = [24.0, 72.0];
/// Share of power below which nobody is called, whatever the training part allows.
pub(crate) const LEAST_LOSS: f64 = 0.03;

/// Fewest rows (after decay) in which both machines ran that make a comparison.
const LEAST_ROWS: f64 = 18.0;
/// Hours without an alarm after which its fault is over; one that comes back sooner is the same.
const OVER_HOURS: f64 = 24.0;

/// Running sums over rows in which two machines were judged.
#[derive(Debug, Clone, Copy, Default)]
struct Pair {
    own: (f64, f64),
    other: (f64, f64),
    rows: f64,
}

impl Pair {
    fn take(&mut self, keep: f64, own: (f64, f64), other: (f64, f64)) {
        let add = |sum: (f64, f64), now: (f64, f64)| (keep * sum.0 + now.0, keep * sum.1 + now.1);
        (self.own, self.other, self.rows) = (add(self.own, own), add(self.other, other), keep * self.rows + 1.0);
    }

    fn gap(&self) -> Option<f64> {
        let share = |(actual, expected): (f64, f64)| if expected > 0.0 { 1.0 - actual / expected } else { 0.0 };
        (self.rows >= LEAST_ROWS).then(|| share(self.own) - share(self.other))
    }

    /// Remembers the same hours as if no more had been missing here than there.
    fn forgive(&mut self) {
        let kept = if self.other.1 > 0.0 { self.other.0 / self.other.1 } else { 1.0 };
        self.own.0 = self.own.0.max(kept * self.own.1);
    }
}

/// Share of expected power missing here beyond what the middle neighbour misses, over the last `rows` informative rows or
/// so; with fewer than two neighbours to compare with, what is missing here. NaN until there is enough of either. At the
/// rows of `over` (none, or one per row) a fault has ended: what it took tells nothing of the next one.
pub(crate) fn missing(own: &Residual, others: &[&Residual], rows: f64, over: &[bool]) -> Vec<f64> {
    let keep = 1.0 - 1.0 / rows.max(2.0);
    let at = |of: &Residual, i: usize| of.score[i].is_finite().then(|| (of.observed[i], of.expected[i]));
    let mut alone = Pair::default();
    let mut pairs = vec![Pair::default(); others.len()];
    let mut last = f64::NAN;
    let step = |i: usize| {
        if over.get(i) == Some(&true) {
            pairs.iter_mut().for_each(Pair::forgive);
            alone.forgive();
        }
        if let Some(now) = at(own, i) {
            alone.take(keep, now, (0.0, 0.0));
            for (pair, other) in pairs.iter_mut().zip(others) {
                match at(other, i) {
                    Some(then) => pair.take(keep, now, then),
                    // One that has long been silent is forgotten.
                    None => pair.rows *= keep,
                }
            }
            let gaps: Vec<f64> = pairs.iter().filter_map(Pair::gap).collect();
            last = if gaps.len() >= 2 { median(gaps) } else { alone.gap().unwrap_or(f64::NAN) };
        }
        last
    };
    (0..own.score.len()).map(step).collect()
}

/// The rows at which the fault of an alarm is over: the first a day after its end.
pub(crate) fn over(on: &[bool], hours: f64) -> Vec<bool> {
    let enough = (OVER_HOURS / hours).max(1.0) as usize;
    let mut quiet = None;
    let ends = on.iter().map(|on| {
        quiet = if *on { Some(0) } else { quiet.map(|rows: usize| rows + 1) };
        quiet == Some(enough)
    });
    ends.collect()
}

/// Holds an alarm back until one of the `missing` shares has reached its `least`; then it stands until its own chart ends it.
pub(crate) fn hold_back(on: &mut [bool], score: &mut [f64], missing: &[Vec<f64>], least: &[f64]) {
    let mut admitted = false;
    for (i, (on, score)) in on.iter_mut().zip(score).enumerate() {
        admitted = *on && (admitted || missing.iter().zip(least).any(|(share, least)| share[i] >= *least));
        if !admitted {
            *on = false;
            *score = score.min(0.99);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{hold_back, missing, over};
    use crate::detect::residual::Residual;

    fn residual(share: impl Fn(usize) -> f64) -> Residual {
        let observed = (0..400).map(|i| 1000.0 * (1.0 - share(i))).collect();
        Residual { observed, expected: vec![1000.0; 400], score: vec![0.0; 400], steps: Vec::new() }
    }

    #[test]
    fn what_all_miss_is_weather() {
        let storm = residual(|i| if i >= 200 { 0.1 } else { 0.0 });
        let faulty = residual(|i| if i >= 200 { 0.2 } else { 0.0 });
        let broken = residual(|_| 0.9);
        let common = missing(&storm, &[&storm, &storm, &broken], 72.0, &[]);
        assert!(common.iter().skip(20).all(|m| m.abs() < 1e-9));
        let own = missing(&faulty, &[&storm, &storm, &broken], 72.0, &[]);
        assert!((own[399] - 0.1).abs() < 0.02, "{}", own[399]);
        let alone = missing(&faulty, &[&storm], 72.0, &[]);
        assert!((alone[399] - 0.2).abs() < 0.03, "one neighbour proves nothing: {}", alone[399]);
        assert!(own[5].is_nan());
    }

    #[test]
    fn a_fault_that_is_over_admits_no_other() {
        // A fifth is missing for 100 rows; then one in a hundred, as in any healthy week.
        let own = residual(|i| if (100..200).contains(&i) { 0.2 } else { 0.01 });
        let well = residual(|_| 0.0);
        let on: Vec<bool> = (0..400).map(|i| (110..180).contains(&i) || (190..205).contains(&i)).collect();
        let ends = over(&on, 1.0);
        assert_eq!((0..400).filter(|&i| ends[i]).collect::<Vec<_>>(), [228], "a day after the end of it, and a pause is no end");
        for others in [vec![&well; 3], Vec::new()] {
            let remembered = missing(&own, &others, 144.0, &[]);
            let forgiven = missing(&own, &others, 144.0, &ends);
            assert_eq!(remembered[20..228], forgiven[20..228], "while it lasts nothing is forgiven");
            assert!(remembered[260] > 0.05 && forgiven[228..].iter().all(|m| *m < 0.011), "{}", forgiven[260]);
        }
        // More power than expected stays in memory.
        let better = residual(|i| if (100..200).contains(&i) { -0.2 } else { 0.01 });
        assert_eq!(missing(&better, &[&well; 3], 144.0, &ends)[20..], missing(&better, &[&well; 3], 144.0, &[])[20..]);
    }

    #[test]
    fn an_alarm_waits_for_its_share_and_then_stands() {
        let mut on = vec![false, true, true, true, true, false, true];
        let mut score = vec![0.2, 1.0, 1.5, 1.5, 1.5, 0.1, 1.2];
        let shares = [vec![0.0, 0.0, f64::NAN, 0.05, 0.0, 0.05, 0.0], vec![0.0; 7]];
        hold_back(&mut on, &mut score, &shares, &[0.03, 0.02]);
        assert_eq!(on, [false, false, false, true, true, false, false]);
        assert_eq!(score, [0.2, 0.99, 0.99, 1.5, 1.5, 0.1, 0.99]);
    }
}
