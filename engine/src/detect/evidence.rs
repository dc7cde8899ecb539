//! From odd rows to an alarm: cumulative sums with limits from the training part, and a test for being well again.
//!
//! In: one residual score per row (NaN tells nothing). Out: alarm on or off per row, the score over its limit and since
//! when. Several charts run side by side: a small reference value finds small lasting shifts, a large one quick great
//! ones. Causal: row `t` depends on rows up to `t`. Source: Page (1954), Biometrika 41, 100-115; Hawkins & Olwell (1998).

use super::budget::STRETCH_DAYS;
use super::budget::limit;
use super::regression::centre_and_spread;

/// Reference values of the charts, in spreads of the residual's daily means: what a healthy machine wanders by itself.
const REFERENCES: [f64; 3] = [1.5, 2.5, 4.0];
/// Smallest reference value, in spreads of the residual, whatever the signal.
const LEAST_REFERENCE: f64 = 0.5;
/// Smallest limit, spreads × rows: four rows at the clip.
const LEAST_LIMIT: f64 = 12.0;
/// Scores beyond this count as this; one wild row must not raise an alarm.
const CLIP: f64 = 5.0;
/// Slow drift of a healthy machine may move the reference by this much, spreads.
const DRIFT: f64 = 1.5;
/// Days over which slow drift is followed.
const DRIFT_DAYS: f64 = 20.0;
/// Days of informative rows (a month or so by the calendar) after which a change still there becomes the new normal.
const ACCEPTED_DAYS: f64 = 16.0;
/// Days over which an accepted change is taken in.
const ACCEPT_DAYS: f64 = 2.0;
/// Days of rows after a service stop over which its effect is read.
const SETTLE_DAYS: f64 = 1.0;
/// Evidence of health that ends an alarm: log odds of 7 (a thousand to one) times 10 rows that tell the same story.
const WELL: f64 = 70.0;
/// Hours of healthy rows an alarm needs at least to end.
const WELL_HOURS: f64 = 4.0;

/// What training says is still normal.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Limits {
    sign: f64,
    centre: f64,
    spread: f64,
    charts: Vec<(f64, f64)>,
    rows_per_day: f64,
}

/// Alarm by row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Trace {
    pub(crate) on: Vec<bool>,
    /// Evidence over its limit; 1 and more while on.
    pub(crate) score: Vec<f64>,
    /// Row at which the present evidence began.
    pub(crate) onset: Vec<usize>,
}

impl Limits {
    /// Learns from `known`, the scores of the training part, and `fresh`, scores of rows the model had not seen when they
    /// were made: only those show how it errs on the morrow. `sign` is +1 where high is bad, -1 where low is; shifts below
    /// `least` are let be; the charts share `allowed` crossings a year.
    pub(crate) fn fit(known: &[f64], fresh: &[f64], sign: f64, least: f64, rows_per_day: f64, allowed: f64) -> Option<Self> {
        let finite: Vec<f64> = known.iter().copied().filter(|v| v.is_finite()).collect();
        if finite.len() < super::residual::LEAST_ROWS {
            return None;
        }
        let (centre, spread) = centre_and_spread(finite);
        let spread = spread.max(0.5);
        let seen = fresh.iter().filter(|v| v.is_finite()).count() >= super::residual::LEAST_ROWS;
        let training = if seen { fresh } else { known };
        let honest: Vec<f64> = training.iter().filter(|v| v.is_finite()).map(|v| (v - centre) / spread).collect();
        let halves = honest.chunks_exact((rows_per_day as usize / 2).max(4));
        let means: Vec<f64> =
            halves.map(|half| half.iter().map(|v| v.clamp(-CLIP, CLIP)).sum::<f64>() / half.len() as f64).collect();
        let least = LEAST_REFERENCE.max(least / spread) / REFERENCES[0];
        let wander = centre_and_spread(means).1;
        let slow = if wander > 1.5 { least.max(1.5) } else { least.max(wander) };
        let open = REFERENCES.map(|k| (k * slow, f64::INFINITY)).to_vec();
        let mut limits = Self { sign, centre, spread, charts: open, rows_per_day };
        let stretch = (STRETCH_DAYS * rows_per_day).max(1.0) as usize;
        let mut tops = vec![[0.0_f64; REFERENCES.len()]; training.len().div_ceil(stretch)];
        limits.run(training, &[], |row, sums| {
            if let Some(tops) = tops.get_mut(row / stretch) {
                for (top, sum) in tops.iter_mut().zip(sums) {
                    *top = top.max(*sum);
                }
            }
        });
        let per_year = 365.25 / STRETCH_DAYS;
        let share = allowed / REFERENCES.len() as f64;
        for (number, chart) in limits.charts.iter_mut().enumerate() {
            let maxima = tops.iter().map(|tops| tops[number]).collect();
            chart.1 = limit(maxima, per_year, share).max(LEAST_LIMIT);
        }
        Some(limits)
    }

    /// Alarm of every row; `visits` are rows that follow a service stop, where a repair may have made things better.
    pub(crate) fn trace(&self, score: &[f64], visits: &[bool]) -> Trace {
        self.run(score, visits, |_, _| ())
    }

    /// Informative rows until a lasting shift of `shift` (in scores, in the bad direction) raises the alarm; `None` where
    /// it is let be.
    pub(crate) fn rows_until(&self, shift: f64) -> Option<f64> {
        let size = (shift.abs() / self.spread).min(self.clip());
        let full = self.charts.iter().filter(|(reference, _)| size > *reference);
        full.map(|(reference, limit)| limit / (size - reference)).min_by(f64::total_cmp)
    }

    /// A precise sensor may be asked for a shift of many spreads; the clip must leave room above it.
    fn clip(&self) -> f64 {
        CLIP.max(2.0 * self.charts.first().map_or(0.0, |chart| chart.0))
    }

    fn run(&self, score: &[f64], visits: &[bool], mut watch: impl FnMut(usize, &[f64])) -> Trace {
        let len = score.len();
        let mut trace = Trace { on: Vec::with_capacity(len), score: Vec::with_capacity(len), onset: Vec::with_capacity(len) };
        let mut sums = vec![0.0; self.charts.len()];
        let mut starts = vec![0; self.charts.len()];
        let (mut on, mut onset, mut level) = (false, 0, 0.0_f64);
        let (mut drift, mut size, mut well, mut age) = (0.0_f64, 0.0_f64, 0.0_f64, 0.0_f64);
        let clip = self.clip();
        let mut settling: Option<(f64, f64)> = None;
        let slow = 1.0 / (DRIFT_DAYS * self.rows_per_day);
        let day = 1.0 / self.rows_per_day;
        for (i, value) in score.iter().enumerate() {
            if visits.get(i) == Some(&true) {
                settling = (!on).then_some((0.0, 0.0));
            }
            if value.is_finite() {
                let plain = (self.sign * (value - self.centre) / self.spread).clamp(-clip, clip);
                if let Some((sum, rows)) = &mut settling {
                    (*sum, *rows) = (*sum + plain, *rows + 1.0);
                    if *rows >= SETTLE_DAYS * self.rows_per_day {
                        // A repair may set a better standard; it never excuses a worse one.
                        if *sum / *rows < drift - DRIFT && !on {
                            drift = *sum / *rows;
                            sums.fill(0.0);
                            starts.fill(i + 1);
                        }
                        settling = None;
                    }
                }
                let v = plain - drift;
                if on {
                    age += 1.0;
                    if age > ACCEPTED_DAYS * self.rows_per_day {
                        drift += day / ACCEPT_DAYS * (plain - drift);
                    }
                    size += day * (v - size);
                    let shift = size.max(2.0 * self.charts.first().map_or(0.0, |chart| chart.0));
                    well = (well + shift / 2.0 - v).max(0.0);
                    let rows = WELL_HOURS / 24.0 * self.rows_per_day;
                    level = (size / self.charts.first().map_or(1.0, |chart| chart.0)).max(1.0);
                    if well >= (rows * shift / 2.0).max(WELL / shift) {
                        on = false;
                        sums.fill(0.0);
                        starts.fill(i + 1);
                        level = 0.0;
                    }
                } else {
                    level = 0.0;
                    for ((sum, start), (reference, limit)) in sums.iter_mut().zip(&mut starts).zip(&self.charts) {
                        *sum = (*sum + v - reference).max(0.0);
                        if *sum <= 0.0 {
                            *start = i + 1;
                        }
                        if *sum / limit > level {
                            level = *sum / limit;
                            onset = *start;
                            size = reference + *sum / (i + 1 - *start).max(1) as f64;
                        }
                    }
                    watch(i, &sums);
                    if level >= 1.0 {
                        on = true;
                        (well, age) = (0.0, 0.0);
                    } else {
                        let bound = drift.abs().max(DRIFT);
                        drift = (drift + slow * (plain - drift)).clamp(-bound, bound);
                    }
                }
            }
            trace.on.push(on);
            trace.score.push(level);
            trace.onset.push(if level > 0.0 { onset.min(i) } else { i });
        }
        trace
    }
}

#[cfg(test)]
mod tests {
    use super::Limits;

    fn noise(n: usize) -> Vec<f64> {
        let mut state = 7_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as f64 / (1_u64 << 31) as f64
        };
        (0..n).map(|_| (0..12).map(|_| next()).sum::<f64>() - 6.0).collect()
    }

    #[test]
    fn finds_a_shift_says_since_when_and_forgets_it() {
        let mut score = noise(6000);
        let limits = Limits::fit(&score[..4000], &[], 1.0, 0.0, 144.0, 0.1).unwrap();
        assert!(!limits.trace(&score, &[]).on.iter().any(|on| *on), "clean data stay quiet");
        for value in &mut score[4500..5000] {
            *value += 1.5;
        }
        let trace = limits.trace(&score, &[]);
        let first = trace.on.iter().position(|on| *on).unwrap();
        assert!((4500..4560).contains(&first), "{first}");
        assert!(trace.onset[first].abs_diff(4500) < 12, "{}", trace.onset[first]);
        assert!(trace.on[4999] && !trace.on[5150]);
        assert!(trace.score[4700] >= 1.0 && trace.score[5200] < 1.0);
        let cut = limits.trace(&score[..4700], &[]);
        assert_eq!(cut.on, trace.on[..4700]);
        assert_eq!(cut.score, trace.score[..4700]);
    }

    #[test]
    fn a_repair_sets_a_better_standard_and_a_visit_excuses_nothing() {
        let mut score = noise(6000);
        let limits = Limits::fit(&score[..3000], &[], 1.0, 0.0, 144.0, 0.1).unwrap();
        // Better by three spreads after a visit; then as bad as before the repair, which is worse than after it.
        for value in &mut score[3500..3900] {
            *value -= 3.0;
        }
        let mut visits = vec![false; 6000];
        visits[3500] = true;
        let rebased = limits.trace(&score, &visits);
        assert!(!rebased.on[3500..3900].iter().any(|on| *on));
        assert!(rebased.on[3950], "back where it was, but the repair had made it better");
        assert!(!limits.trace(&score, &[]).on[3950], "without a visit the old standard holds");
        let mut worse = noise(6000);
        for value in &mut worse[3500..] {
            *value += 2.0;
        }
        let excused = limits.trace(&worse, &visits);
        assert!(excused.on[3600], "a visit excuses nothing");
    }

    #[test]
    fn a_shift_is_found_as_soon_as_promised() {
        let score = noise(40_000);
        let limits = Limits::fit(&score[..20_000], &[], 1.0, 0.0, 144.0, 0.1).unwrap();
        for shift in [1.2, 2.0, 3.0] {
            let promised = limits.rows_until(shift).unwrap();
            let mut took = Vec::new();
            for start in (21_000..39_000).step_by(1500) {
                let mut shifted = score[20_000..start + 1000].to_vec();
                for value in &mut shifted[start - 20_000..] {
                    *value += shift;
                }
                let on = limits.trace(&shifted, &[]).on;
                took.push(on.iter().skip(start - 20_000).position(|on| *on).unwrap() as f64 + 1.0);
            }
            let mean = took.iter().sum::<f64>() / took.len() as f64;
            assert!(mean < 1.3 * promised + 2.0 && mean > 0.5 * promised - 2.0, "{shift}: promised {promised}, took {mean}");
        }
        assert_eq!(limits.rows_until(0.1), None, "such a shift is let be");
        let strict = Limits::fit(&score[..20_000], &[], 1.0, 0.0, 144.0, 0.001).unwrap();
        assert!(strict.rows_until(2.0) > limits.rows_until(2.0), "fewer false alarms are later ones");
    }

    #[test]
    fn silence_holds_the_verdict() {
        let mut score = noise(3000);
        let limits = Limits::fit(&score[..2000], &[], -1.0, 0.0, 144.0, 0.1).unwrap();
        for value in &mut score[2200..2400] {
            *value -= 4.0;
        }
        score[2400..].fill(f64::NAN);
        let trace = limits.trace(&score, &[]);
        assert!(trace.on[2399] && trace.on[2999]);
        assert!(Limits::fit(&score[..100], &[], 1.0, 0.0, 144.0, 0.1).is_none());
    }
}
