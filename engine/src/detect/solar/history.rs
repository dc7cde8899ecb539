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

/// One entry per day.
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    days: Vec<(Move, Vec<Option<f64>>)>,
}

impl History {
    /// One day on.
    pub(super) fn push(&mut self, how: Move, seen: Vec<Option<f64>>) {
        self.days.push((how, seen));
    }

    /// Share that inverter `k` lost on day `step`, as of day `now`; `None` before it can be told.
    pub(super) fn share(&self, k: usize, step: usize, now: usize, normal: &InverterNormal) -> Option<f64> {
        let last = now.min(step + AFTER).min(self.days.len().checked_sub(1)?);
        let mut found = Vec::new();
        for before in step.saturating_sub(BEFORE)..step {
            let Some(mut level) = self.days[before].1[k] else { continue };
            for day in before + 1..=last {
                let (how, seen) = &self.days[day];
                level = how.apply(level, normal.exposure);
                if let Some(seen) = seen[k].filter(|_| day > step) {
                    found.push(1.0 - (seen - level).exp());
                }
            }
        }
        (found.len() >= 3).then(|| median(found)).filter(|share| (0.01..0.9).contains(share))
    }
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
            history.push(how, vec![(day != 4).then_some(dirt + gone)]);
        }
        let share = history.share(0, 6, 13, &normal).unwrap();
        assert!((share - 2.0 / 24.0).abs() < 1e-6, "{share}");
        assert_eq!(history.share(0, 0, 13, &normal), None);
    }
}
