//! Levels of the days gone by, to say how large a step was once some days lie behind it.
//!
//! In: the plant's movement and every inverter's level, day by day. Out: the share that a step took, by all pairs of days before and
//! after it, the plant's movement between them taken out. Deliberately not here: whether there was a step (`strings`).

use super::normal::InverterNormal;
use super::statistics::median;
use super::strings::Move;

/// Days before and after a step that are compared.
const BEFORE: usize = 5;
const AFTER: usize = 8;
/// Days with a level among which a step is looked for.
const LOOK: usize = 9;

/// One entry per day.
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    days: Vec<(Move, Vec<Option<f64>>)>,
    /// Inverters that were washed on that day, or came back into sight washed: no step leads across it.
    washed: Vec<Vec<bool>>,
}

impl History {
    /// One day on.
    pub(super) fn push(&mut self, how: Move, seen: Vec<Option<f64>>, washed: Vec<bool>) {
        self.days.push((how, seen));
        self.washed.push(washed);
    }

    /// Share that inverter `k` lost on day `step`, as of day `now`; `None` before it can be told.
    pub(super) fn share(&self, k: usize, step: usize, now: usize, normal: &InverterNormal) -> Option<f64> {
        let last = now.min(step + AFTER).min(self.days.len().checked_sub(1)?);
        let mut found = Vec::new();
        for before in step.saturating_sub(BEFORE)..step {
            let Some(mut level) = self.days[before].1[k] else { continue };
            for day in before + 1..=last {
                let (how, seen) = &self.days[day];
                if self.washed[day][k] {
                    break;
                }
                level = how.apply(level, normal.exposure);
                if let Some(seen) = seen[k].filter(|_| day > step) {
                    found.push(1.0 - (seen - level).exp());
                }
            }
        }
        (found.len() >= 3).then(|| median(found)).filter(|share| (0.01..0.9).contains(share))
    }

    /// The largest step of inverter `k` on the last days up to `now`, down or up (`sign`): a step within a day shows on that day and
    /// the next.
    pub(super) fn step(&self, k: usize, now: usize, sign: f64, normal: &InverterNormal) -> Option<Step> {
        let mut days: Vec<usize> =
            (0..=now.min(self.days.len().checked_sub(1)?)).rev().filter(|d| self.days[*d].1[k].is_some()).take(LOOK).collect();
        days.reverse();
        let moved = |from: usize, to: usize| -> Option<f64> {
            let start = self.days[from].1[k].filter(|_| !self.washed[from + 1..=to].iter().any(|day| day[k]))?;
            let expected = (from + 1..=to).fold(start, |level, day| self.days[day].0.apply(level, normal.exposure));
            Some(self.days[to].1[k]? - expected)
        };
        let pairs = days.iter().enumerate().flat_map(|(n, from)| days[n + 1..].iter().take(2).map(move |to| (*from, *to)));
        let steps = pairs.filter_map(|(from, to)| Some(Step { from, to, before: self.days[from].1[k]?, size: moved(from, to)? }));
        steps.filter(|s| s.size * sign > 0.0).max_by(|a, b| (a.size * sign).total_cmp(&(b.size * sign)))
    }
}

/// A level that changed between two days.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    /// Last day before and first day after it.
    pub(super) from: usize,
    pub(super) to: usize,
    /// Level of the former.
    pub(super) before: f64,
    /// By how much, log, the plant's movement taken out.
    pub(super) size: f64,
}

#[cfg(test)]
mod tests {
    use super::History;
    use crate::detect::solar::normal::InverterNormal;
    use crate::detect::solar::strings::Move;

    #[test]
    fn a_step_is_measured_through_dust_and_rain() {
        let normal = InverterNormal::clean_one();
        let mut history = History::default();
        let mut dirt: f64 = -0.05;
        for day in 0..14_usize {
            let how = if day == 9 { Move::Rain(0.5) } else { Move::Dust(0.003) };
            dirt = how.apply(dirt, normal.exposure);
            let gone = if day > 6 { (1.0_f64 - 2.0 / 24.0).ln() } else { 0.0 };
            if day == 12 {
                dirt = -0.008;
            }
            history.push(how, vec![(day != 4).then_some(dirt + gone)], vec![day == 12]);
        }
        let share = history.share(0, 6, 13, &normal).unwrap();
        assert!((share - 2.0 / 24.0).abs() < 1e-6, "{share}");
        assert_eq!(history.share(0, 0, 13, &normal), None);
        let step = history.step(0, 13, -1.0, &normal).unwrap();
        assert!(step.from <= 6 && step.to >= 7 && (step.size - (1.0_f64 - 2.0 / 24.0).ln()).abs() < 1e-6, "{step:?}");
    }
}
