//! Bands: quantiles around any path from the errors of past forecasts, learnt as they come.
//!
//! In: errors of forecasts whose truth is known, one by one. Out: [`Bands`], which turn a step's path value into quantiles.
//! Errors are pooled by lead and by the forecast's own state (time of day for loads, level for wind, clear-sky index for solar),
//! newer ones weigh more: split conformal prediction (Vovk et al. 2005) with recency weights (Barber et al. 2023). They are kept
//! as counts in fixed classes of error, so that an error costs two additions and no error is ever sorted again.

use super::ground::{Ground, state};
use crate::domain::Quantile;
use crate::features::TargetKind;
use serde::{Deserialize, Serialize};

/// Days after which an error weighs half: loads calm down and stir within weeks, weather within seasons.
fn half_life_days(kind: TargetKind) -> f64 {
    if kind == TargetKind::Load { 20.0 } else { 45.0 }
}

/// States at which errors are counted; between them they count for both neighbours.
const TIMES: [f64; 12] = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0];
const LEVELS: [f64; 13] = [0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0];
const INDICES: [f64; 12] = [0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95, 1.05, 1.2];
/// Least weight of errors (in errors of today) behind the quantiles of a state; fewer are pooled with the states beside it.
const LEAST: f64 = 60.0;
/// Classes of error on either side of zero, wider outwards: class `i` is about `FINEST × sinh(i × GROWTH)`.
const CLASSES: usize = 64;
const GROWTH: f64 = 0.115;
const FINEST: f64 = 0.001;
/// Lead buckets of the bands.
const LEADS: usize = 34;

/// Quantile offsets by lead and state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bands {
    kind: TargetKind,
    hour: usize,
    probabilities: Vec<f64>,
    /// `[lead][state][class]`, weights in units of `today`.
    counts: Vec<f64>,
    totals: Vec<f64>,
    /// Weight of an error of today: it grows instead of the others shrinking.
    today: f64,
    day: f64,
    /// `[lead][state][probability]` offsets; the last lead stands for all.
    tables: Vec<Option<Vec<f64>>>,
}

fn nodes(kind: TargetKind) -> &'static [f64] {
    match kind {
        TargetKind::Load => &TIMES,
        TargetKind::Wind => &LEVELS,
        TargetKind::Solar => &INDICES,
    }
}

/// Lead bucket: three in the first hour, hours up to 6, then blocks of 3 h to a day, 6 h to two days, then days.
fn bucket(lead: usize, hour: usize) -> usize {
    match lead / hour {
        0 if lead == 0 => 0,
        0 => {
            if 2 * lead < hour {
                1
            } else {
                2
            }
        }
        h @ 1..6 => 2 + h,
        h @ 6..24 => 8 + (h - 6) / 3,
        h @ 24..48 => 14 + (h - 24) / 6,
        h => (18 + (h - 48) / 24).min(LEADS - 2),
    }
}

/// The two states beside `state` and the share of the second.
fn beside(kind: TargetKind, state: f64) -> (usize, usize, f64) {
    let nodes = nodes(kind);
    let n = nodes.len();
    if kind == TargetKind::Load {
        let place = state.rem_euclid(1.0) * n as f64;
        let low = (place as usize).min(n - 1);
        return (low, (low + 1) % n, place - low as f64);
    }
    let high = nodes.partition_point(|&node| node <= state);
    if high == 0 || high == n {
        let at = high.min(n - 1);
        return (at, at, 0.0);
    }
    (high - 1, high, (state - nodes[high - 1]) / (nodes[high] - nodes[high - 1]))
}

fn class(error: f64) -> usize {
    let place = (error / FINEST).asinh() / GROWTH;
    (place.round().clamp(-(CLASSES as f64), CLASSES as f64) + CLASSES as f64) as usize
}

/// Lower edge of a class.
fn lower(class: usize) -> f64 {
    FINEST * ((class as f64 - CLASSES as f64 - 0.5) * GROWTH).sinh()
}

impl Bands {
    /// Nothing learnt yet.
    pub fn new(kind: TargetKind, hour: usize, quantiles: &[Quantile]) -> Self {
        let cells = LEADS * nodes(kind).len();
        Self {
            kind,
            hour,
            probabilities: quantiles.iter().map(|q| q.value()).collect(),
            counts: vec![0.0; cells * (2 * CLASSES + 1)],
            totals: vec![0.0; cells],
            today: 1.0,
            day: f64::NAN,
            tables: vec![None; LEADS],
        }
    }

    /// Lets errors of before `day` (days since any start) weigh less.
    pub fn fade(&mut self, day: f64) {
        if day > self.day {
            self.today *= 2.0_f64.powf((day - self.day) / half_life_days(self.kind));
        }
        self.day = self.day.max(day);
        if self.today > 1e12 {
            let shrink = 1.0 / self.today;
            self.counts.iter_mut().chain(&mut self.totals).for_each(|cell| *cell *= shrink);
            self.today = 1.0;
        }
    }

    /// Learns from a forecast `value` of a step and its truth.
    pub fn push(&mut self, lead: usize, ground: Ground, value: f64, truth: f64) {
        let error = (truth - value) / ground.scale;
        if ground.scale <= 0.0 || !error.is_finite() {
            return;
        }
        let (low, high, share) = beside(self.kind, state(self.kind, ground, value));
        let (states, width) = (nodes(self.kind).len(), 2 * CLASSES + 1);
        let class = class(error);
        for lead in [bucket(lead, self.hour), LEADS - 1] {
            for (node, share) in [(low, 1.0 - share), (high, share)] {
                let cell = lead * states + node;
                self.counts[cell * width + class] += share * self.today;
                self.totals[cell] += share * self.today;
            }
        }
    }

    /// Makes offsets of what was learnt.
    pub fn tabulate(&mut self) {
        let states = nodes(self.kind).len();
        for lead in 0..LEADS {
            let total: f64 = self.totals[lead * states..(lead + 1) * states].iter().sum();
            self.tables[lead] =
                (total >= 20.0 * self.today).then(|| (0..states).flat_map(|node| self.offsets(lead, node)).collect());
        }
    }

    fn offsets(&self, lead: usize, node: usize) -> Vec<f64> {
        let (states, width) = (nodes(self.kind).len(), 2 * CLASSES + 1);
        let mut members = vec![node];
        let mut total = self.totals[lead * states + node];
        for reach in 1..states {
            if total >= LEAST * self.today {
                break;
            }
            let below =
                if self.kind == TargetKind::Load { Some((node + states - reach) % states) } else { node.checked_sub(reach) };
            let above = if self.kind == TargetKind::Load { Some((node + reach) % states) } else { Some(node + reach) };
            for other in [below, above.filter(|&other| other < states)].into_iter().flatten() {
                if !members.contains(&other) {
                    members.push(other);
                    total += self.totals[lead * states + other];
                }
            }
        }
        let count = |class: usize| members.iter().map(|m| self.counts[(lead * states + m) * width + class]).sum::<f64>();
        let (mut found, mut below, mut class) = (Vec::with_capacity(self.probabilities.len()), 0.0, 0);
        let mut held = count(0);
        for &probability in &self.probabilities {
            while class + 1 < width && below + held < probability * total {
                below += held;
                class += 1;
                held = count(class);
            }
            let share = if held > 0.0 { ((probability * total - below) / held).clamp(0.0, 1.0) } else { 0.5 };
            found.push(lower(class) + share * (lower(class + 1) - lower(class)));
        }
        found
    }

    /// True once there were errors to learn from.
    pub fn is_fitted(&self) -> bool {
        self.tables[LEADS - 1].is_some()
    }

    /// Drops the counts: what is left can forecast but not learn.
    pub fn settle(&mut self) {
        self.counts = Vec::new();
        self.totals = Vec::new();
    }

    /// Appends the quantiles of one step to `row`: never crossing.
    pub fn quantiles(&self, lead: usize, value: f64, ground: Ground, row: &mut Vec<f64>) {
        let table = self.tables[bucket(lead, self.hour)].as_ref().or(self.tables[LEADS - 1].as_ref());
        let Some(table) = table.filter(|_| ground.scale > 0.0) else {
            row.extend(self.probabilities.iter().map(|_| value));
            return;
        };
        let (low, high, share) = beside(self.kind, state(self.kind, ground, value));
        let q = self.probabilities.len();
        let offset = |i: usize| table[low * q + i] + share * (table[high * q + i] - table[low * q + i]);
        row.extend((0..q).map(|i| value + ground.scale * offset(i)));
    }
}

#[cfg(test)]
mod tests {
    use super::{Bands, class, lower};
    use crate::domain::Quantile;
    use crate::features::{TargetKind, sample};
    use crate::models::{Ground, Rarity};

    #[test]
    fn classes_hold_their_errors() {
        for error in [-2.0, -0.3, -0.0004, 0.0, 0.0001, 0.02, 0.5] {
            let class = class(error);
            assert!(class == 0 || class == 128 || (lower(class) <= error && error <= lower(class + 1)), "{error}");
        }
    }

    #[test]
    fn cover_what_they_learnt_and_forget_it() {
        let ground = Ground { phase: 0.0, scale: 10.0, rarity: Rarity::Usual, doubt: 0.0 };
        let mut bands = Bands::new(TargetKind::Wind, 1, &Quantile::deciles());
        let row = |bands: &Bands, value: f64| {
            let mut row = Vec::new();
            bands.quantiles(5, value, ground, &mut row);
            row
        };
        assert!(!bands.is_fitted());
        for i in 0..20_000 {
            bands.push(i % 48, ground, 5.0 + 4.0 * sample::noise(i + 9), 5.0 + 4.0 * sample::noise(i + 9) + sample::noise(i));
        }
        bands.tabulate();
        let first = row(&bands, 5.0);
        assert!(bands.is_fitted() && (first[0] - 4.2).abs() < 0.1 && (first[8] - 5.8).abs() < 0.1, "{first:?}");
        assert!(first.windows(2).all(|w| w[0] <= w[1]));
        bands.fade(0.0);
        bands.fade(450.0);
        for i in 0..20_000 {
            bands.push(i % 48, ground, 5.0, 5.0 + 3.0 * sample::noise(i));
        }
        bands.tabulate();
        let later = row(&bands, 5.0);
        assert!((later[0] - 2.6).abs() < 0.2 && (later[8] - 7.4).abs() < 0.2, "{later:?}");
    }
}
