//! What a series reads at this time of the day or the week, learnt as it goes.
//!
//! In: times and values of a series. Out: the usual value of a slot, known only from earlier days (weeks). The slots of a
//! day are not smoothed: a job that starts at three starts at three.

/// A cycle of slots.
#[derive(Debug, Clone)]
pub(super) struct Season {
    period: i64,
    memory: f64,
    mean: Vec<f64>,
    visits: Vec<f64>,
    slot: usize,
    sum: f64,
    count: f64,
}

impl Season {
    /// `period` in seconds; at most `slots` slots, each remembering about `memory` cycles. `None` where fewer than four rows
    /// of `spacing` seconds make a cycle.
    pub(super) fn new(period: i64, spacing: i64, slots: i64, memory: f64) -> Option<Self> {
        let slots = usize::try_from((period / spacing.max(1)).min(slots)).ok().filter(|slots| *slots >= 4)?;
        let (mean, visits) = (vec![0.0; slots], vec![0.0; slots]);
        Some(Self { period, memory, mean, visits, slot: usize::MAX, sum: 0.0, count: 0.0 })
    }

    fn slot(&self, second: i64) -> usize {
        (second.rem_euclid(self.period) * self.mean.len() as i64 / self.period) as usize
    }

    /// The usual value at a time; `None` before the slot was seen in an earlier cycle.
    pub(super) fn expect(&self, second: i64) -> Option<f64> {
        let slot = self.slot(second);
        (self.visits[slot] > 0.0).then(|| self.mean[slot])
    }

    /// Takes a value in; it counts once its slot is over.
    pub(super) fn learn(&mut self, second: i64, value: f64) {
        let slot = self.slot(second);
        if slot != self.slot {
            if self.count > 0.0 {
                let (mean, visits) = (&mut self.mean[self.slot], &mut self.visits[self.slot]);
                *visits = (*visits + 1.0).min(self.memory);
                *mean += (self.sum / self.count - *mean) / *visits;
            }
            (self.slot, self.sum, self.count) = (slot, 0.0, 0.0);
        }
        self.sum += value;
        self.count += 1.0;
    }
}

#[cfg(test)]
mod tests {
    use super::Season;

    #[test]
    fn a_slot_is_known_from_the_day_before_on() {
        let mut day = Season::new(86_400, 3600, 96, 8.0).unwrap();
        for hour in 0..24 {
            assert_eq!(day.expect(hour * 3600), None);
            day.learn(hour * 3600, hour as f64);
        }
        assert_eq!(day.expect(86_400 + 5 * 3600), Some(5.0));
        day.learn(86_400, 10.0);
        assert_eq!(day.expect(86_400), Some(0.0), "not before the slot is over");
        day.learn(86_400 + 3600, 1.0);
        assert_eq!(day.expect(2 * 86_400), Some(5.0));
        assert!(Season::new(86_400, 40_000, 96, 8.0).is_none());
    }
}
