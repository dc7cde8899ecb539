//! Ramadan and the days around the Eids as ratios to the normal, by time of day.
//!
//! In: ratios observed row by row. Out: the ratio at any civil time as learnt before an edge. Each table starts from a prior
//! and moves towards what is seen, so that the first fast of a history is not a surprise and the second day corrects the first.
//! Both Eids share their tables: the feast of June says most of what is known about that of September.

use super::Scale;
use crate::features::Moment;

/// Ramadan against the same hour without it, at hours counted so that the sun sets at 18. Nights rise: by almost 2 GW in the first
/// four hours of the Turkish day (Wattsight, "Ramadan effect included in consumption model", 2017), by our estimate some 7 %. The
/// rest is the order of the day (the meal before dawn, late and short working hours, tables at sunset, a long evening) with
/// sizes of at most that, rounded; what is seen soon outweighs it.
const RAMADAN: [(f64, f64); 13] = [
    (0.0, 1.05),
    (2.0, 1.07),
    (3.5, 1.07),
    (5.0, 1.0),
    (7.0, 0.94),
    (9.0, 0.94),
    (12.0, 0.97),
    (16.0, 0.98),
    (17.8, 0.94),
    (18.5, 0.95),
    (20.0, 1.02),
    (22.0, 1.05),
    (24.0, 1.05),
];
/// The seven days around the first day of an Eid against a Sunday (first and second day) or the same weekday (others). That a
/// feast lies below a Sunday, and the days beside it less so, is general knowledge; the sizes are rounded guesses that count
/// for half a day.
const EID: [f64; 7] = [1.0, 1.0, 0.99, 0.92, 0.94, 0.97, 1.0];
/// Minute of the day until which the night before lasts.
const NIGHT_ENDS: u16 = 300;
/// Days the prior counts for.
const PRIOR_RAMADAN: f64 = 1.5;
const PRIOR_EID: f64 = 0.5;
/// Days of Ramadan after which one weighs half.
const HALF_LIFE_DAYS: f64 = 10.0;

#[derive(Debug, Clone)]
struct Cell {
    /// `(row, value after it)`, rising.
    past: Vec<(usize, f64)>,
    value: f64,
    weight: f64,
}

impl Cell {
    fn new(value: f64, weight: f64) -> Self {
        Self { past: vec![(0, value)], value, weight }
    }

    fn at(&self, edge: usize) -> f64 {
        let after = self.past.partition_point(|(row, _)| *row < edge);
        self.past[after.saturating_sub(1)].1
    }

    fn learn(&mut self, row: usize, seen: f64, weight: f64, keep: f64) {
        self.weight *= keep;
        self.value = (self.value * self.weight + seen * weight) / (self.weight + weight);
        self.weight += weight;
        self.past.push((row, self.value));
    }
}

/// The tables.
#[derive(Debug, Clone)]
pub(super) struct Regimes {
    slots: usize,
    ramadan: Vec<Cell>,
    eid: Vec<Vec<Cell>>,
}

impl Regimes {
    pub(super) fn new(slots: usize) -> Self {
        let hour = |slot: usize| (slot as f64 + 0.5) * 24.0 / slots as f64;
        let ramadan = (0..slots).map(|slot| Cell::new(prior(hour(slot)), PRIOR_RAMADAN)).collect();
        let eid = EID.iter().map(|&ratio| vec![Cell::new(ratio, PRIOR_EID); slots]).collect();
        Self { slots, ramadan, eid }
    }

    /// Ratio at a civil time by rows before `edge`.
    pub(super) fn ratio(&self, moment: &Moment, edge: usize, scale: Scale) -> f64 {
        if scale == Scale::Absolute {
            return 1.0;
        }
        let mut ratio = self.ratio_of_ramadan(moment, edge);
        let slot = self.slot(moment);
        for (table, share) in self.eid.iter().zip(feast(moment)) {
            if share > 0.0 {
                ratio *= 1.0 + share * (table[slot].at(edge) - 1.0);
            }
        }
        ratio
    }

    /// Takes in what one row was against its normal without ratios.
    pub(super) fn learn(&mut self, moment: &Moment, row: usize, seen: f64) {
        let seen = seen.clamp(0.3, 3.0);
        let (slot, shares) = (self.slot(moment), feast(moment));
        let is_feast = shares.iter().any(|share| *share >= 0.5);
        if moment.kind.ramadan >= 0.5 && !is_feast {
            let (low, high, share) = self.anchored(moment);
            let place = if share < 0.5 { low } else { high };
            self.ramadan[place].learn(row, seen, 1.0, 0.5_f64.powf(1.0 / HALF_LIFE_DAYS));
        }
        if is_feast {
            let alone = seen / self.ratio_of_ramadan(moment, row);
            for (table, share) in self.eid.iter_mut().zip(shares) {
                if share >= 0.5 {
                    table[slot].learn(row, alone, 1.0, 1.0);
                }
            }
        }
    }

    /// The night after the last fast is a night of Ramadan still.
    fn ratio_of_ramadan(&self, moment: &Moment, edge: usize) -> f64 {
        let night = if moment.minute < NIGHT_ENDS { moment.before.ramadan } else { 0.0 };
        let fast = f64::from(moment.kind.ramadan.max(night));
        if fast == 0.0 {
            return 1.0;
        }
        let (low, high, share) = self.anchored(moment);
        let (a, b) = (self.ramadan[low].at(edge), self.ramadan[high].at(edge));
        1.0 + fast * (a + share * (b - a) - 1.0)
    }

    fn slot(&self, moment: &Moment) -> usize {
        (usize::from(moment.minute) * self.slots / 1440).min(self.slots - 1)
    }

    /// Slots either side of a time of day moved so that the sun sets at 18: afternoons and evenings with the sunset, the hours
    /// before dawn against it, mornings not at all.
    fn anchored(&self, moment: &Moment) -> (usize, usize, f64) {
        let hour = f64::from(moment.minute) / 60.0;
        let early = if moment.after_sunset == 0.0 { 0.0 } else { 18.0 - (hour - f64::from(moment.after_sunset)) };
        let follow = match hour {
            h if h < 4.0 => -1.0,
            h if h < 8.0 => -(8.0 - h) / 4.0,
            h if h < 11.0 => 0.0,
            h if h < 15.0 => (h - 11.0) / 4.0,
            _ => 1.0,
        };
        let place = (hour + follow * early).rem_euclid(24.0) / 24.0 * self.slots as f64;
        let low = (place as usize).min(self.slots - 1);
        (low, (low + 1) % self.slots, place - low as f64)
    }
}

/// Shares of the seven days around either Eid.
fn feast(moment: &Moment) -> [f64; 7] {
    std::array::from_fn(|i| f64::from(moment.kind.fitr[i] + moment.kind.adha[i]))
}

fn prior(hour: f64) -> f64 {
    let after = RAMADAN.iter().position(|(h, _)| *h > hour).unwrap_or(RAMADAN.len() - 1).max(1);
    let ((h0, a), (h1, b)) = (RAMADAN[after - 1], RAMADAN[after]);
    a + (b - a) * ((hour - h0) / (h1 - h0)).clamp(0.0, 1.0)
}
