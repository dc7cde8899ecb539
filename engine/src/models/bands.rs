//! Conformal bands: quantiles around any path from the errors of past forecasts.
//!
//! In: [`Residual`]s of forecasts whose truth is known. Out: [`Bands`], which turn a step's path value into quantiles. Errors
//! are pooled by lead and by the forecast's own state (time of day for loads, level for wind, clear-sky index for solar), newer
//! ones weigh more. Split conformal prediction (Vovk et al. 2005) with recency weights (Barber et al. 2023).

use crate::domain::Quantile;
use crate::features::{TargetKind, View, envelope};

/// Days after which an error weighs half: loads calm down and stir within weeks, weather within seasons.
fn half_life_days(kind: TargetKind) -> f64 {
    if kind == TargetKind::Load { 20.0 } else { 45.0 }
}

/// Points of the state at which quantiles are tabulated.
const POINTS: usize = 10;
/// Fewest errors behind a tabulated point.
const LEAST: usize = 150;

/// Error of one step of a past forecast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Residual {
    /// Lead in steps.
    pub lead: usize,
    /// Grid index of the step, for its age.
    pub index: usize,
    /// State of the forecast, see [`Spread`].
    pub state: f64,
    /// `(truth − path) / scale`.
    pub error: f64,
}

/// What the error of a step should be compared by, and in units of what.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Time of day in `[0, 1)`, level, or clear-sky index.
    pub state: f64,
    /// kW of one unit of error; 0 where there can be none (night).
    pub scale: f64,
}

/// Spreads of all steps of a path.
pub fn spread(view: &View<'_>, path: &[f64]) -> Vec<Spread> {
    let context = view.context;
    let step = |(k, &value): (usize, &f64)| (view.origin + k, value);
    match context.kind {
        TargetKind::Load => {
            let level = view.mean(7 * context.day, 0);
            let scale = if level.is_finite() && level.abs() > 0.0 { level.abs() } else { 1.0 };
            let state = |index| f64::from(context.calendar.at(index).minute) / 1440.0;
            path.iter().enumerate().map(step).map(|(index, _)| Spread { state: state(index), scale }).collect()
        }
        TargetKind::Wind => {
            let capacity = view.capacity();
            path.iter().map(|value| Spread { state: value / capacity, scale: capacity }).collect()
        }
        TargetKind::Solar => {
            let (sky, floor) = (envelope(view), 0.01 * view.capacity());
            let of = |(index, value): (usize, f64)| {
                let scale = sky.get(index % context.day).copied().unwrap_or(0.0);
                if scale > floor { Spread { state: value / scale, scale } } else { Spread { state: 0.0, scale: 0.0 } }
            };
            path.iter().enumerate().map(step).map(of).collect()
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
struct Table {
    states: Vec<f64>,
    offsets: Vec<Vec<f64>>,
}

/// Quantile offsets by lead and state.
#[derive(Debug, Clone, PartialEq)]
pub struct Bands {
    kind: TargetKind,
    hour: usize,
    median_share: f64,
    tables: Vec<Option<Table>>,
    pooled: Option<Table>,
    probabilities: Vec<f64>,
}

/// Lead bucket: hours up to 6, then blocks of 3 h to a day, 6 h to two days, then days.
fn bucket(lead: usize, hour: usize) -> usize {
    match lead / hour {
        h @ 0..6 => h,
        h @ 6..24 => 6 + (h - 6) / 3,
        h @ 24..48 => 12 + (h - 24) / 6,
        h => (16 + (h - 48) / 24).min(30),
    }
}

impl Bands {
    /// Learns offsets from errors known at grid index `now`.
    pub fn fit(view: &View<'_>, residuals: &[Residual], quantiles: &[Quantile]) -> Self {
        let (kind, hour) = (view.context.kind, view.context.hour);
        let probabilities: Vec<f64> = quantiles.iter().map(|q| q.value()).collect();
        let mut sorted: Vec<(usize, f64, f64, f64)> = residuals
            .iter()
            .filter(|r| r.error.is_finite() && r.state.is_finite())
            .map(|r| {
                let age = view.origin.saturating_sub(r.index) as f64 / view.context.day as f64;
                (bucket(r.lead, hour), r.state, r.error, 0.5_f64.powf(age / half_life_days(kind)))
            })
            .collect();
        sorted.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let mut tables: Vec<Option<Table>> = vec![None; 31];
        for (index, table) in tables.iter_mut().enumerate() {
            let from = sorted.partition_point(|r| r.0 < index);
            let to = sorted.partition_point(|r| r.0 <= index);
            *table = tabulate(&sorted[from..to], &probabilities, kind == TargetKind::Load);
        }
        let mut all = sorted;
        all.sort_by(|a, b| a.1.total_cmp(&b.1));
        let pooled = tabulate(&all, &probabilities, kind == TargetKind::Load);
        Self { kind, hour, median_share: median_share(kind), tables, pooled, probabilities }
    }

    /// True once there were errors to learn from.
    pub fn is_fitted(&self) -> bool {
        self.pooled.is_some()
    }

    /// Quantiles of one step: never crossing, within `bounds`.
    pub fn quantiles(&self, lead: usize, value: f64, spread: Spread, bounds: (f64, f64)) -> Vec<f64> {
        let table = self.tables[bucket(lead, self.hour)].as_ref().or(self.pooled.as_ref());
        let mut row: Vec<f64> = match table {
            Some(table) if spread.scale > 0.0 => {
                let offsets = table.at(spread.state, self.kind == TargetKind::Load);
                self.probabilities
                    .iter()
                    .zip(offsets)
                    .map(|(p, offset)| {
                        let share = if (p - 0.5).abs() < 1e-9 { self.median_share } else { 1.0 };
                        value + spread.scale * offset * share
                    })
                    .collect()
            }
            _ => vec![value; self.probabilities.len()],
        };
        let middle = self.probabilities.iter().position(|p| (p - 0.5).abs() < 1e-9).map(|i| row[i]);
        for (p, cell) in self.probabilities.iter().zip(&mut row) {
            if let Some(middle) = middle {
                *cell = if *p < 0.5 { cell.min(middle) } else { cell.max(middle) };
            }
            *cell = cell.clamp(bounds.0, bounds.1);
        }
        row.sort_by(f64::total_cmp);
        row
    }
}

/// How far the 0.5 quantile moves from the path (a mean) to the median of past errors. Squared error is judged on the 0.5
/// quantile too, so for skewed wind errors it stays at the mean.
fn median_share(kind: TargetKind) -> f64 {
    match kind {
        TargetKind::Load | TargetKind::Solar => 0.5,
        TargetKind::Wind => 0.0,
    }
}

/// Offsets at some states, from rows `(_, state, error, weight)` sorted by state.
fn tabulate(rows: &[(usize, f64, f64, f64)], probabilities: &[f64], circular: bool) -> Option<Table> {
    if rows.len() < 20 {
        return None;
    }
    let count = (rows.len() / 5).max(LEAST).min(rows.len());
    let (mut states, mut offsets) = (Vec::new(), Vec::new());
    for point in 0..POINTS {
        let share = (point as f64 + 0.5) / POINTS as f64;
        let center = if circular { share } else { rows[((rows.len() - 1) as f64 * share) as usize].1 };
        let place = rows.partition_point(|r| r.1 < center);
        let mut near: Vec<(f64, f64)> = if circular {
            let from = place + rows.len() - count / 2;
            (from..from + count).map(|i| rows[i % rows.len()]).map(|r| (r.2, r.3)).collect()
        } else {
            let from = place.saturating_sub(count / 2).min(rows.len() - count);
            rows[from..from + count].iter().map(|r| (r.2, r.3)).collect()
        };
        near.sort_by(|a, b| a.0.total_cmp(&b.0));
        states.push(center);
        offsets.push(probabilities.iter().map(|&p| weighted_quantile(&near, p)).collect());
    }
    Some(Table { states, offsets })
}

/// Quantile of sorted `(value, weight)`, linear between the middles of the weights.
fn weighted_quantile(sorted: &[(f64, f64)], probability: f64) -> f64 {
    let total: f64 = sorted.iter().map(|r| r.1).sum();
    let mut below = 0.0;
    let mut held: Option<(f64, f64)> = None;
    for &(value, weight) in sorted {
        let place = (below + 0.5 * weight) / total;
        if place >= probability {
            return match held {
                Some((place0, value0)) if place > place0 => value0 + (probability - place0) / (place - place0) * (value - value0),
                _ => value,
            };
        }
        held = Some((place, value));
        below += weight;
    }
    held.map_or(0.0, |h| h.1)
}

impl Table {
    fn at(&self, state: f64, circular: bool) -> Vec<f64> {
        let n = self.states.len();
        let after = self.states.partition_point(|&s| s <= state);
        let (low, high) = match (after, circular) {
            (0, false) => (0, 0),
            (a, false) if a == n => (n - 1, n - 1),
            (a, _) => ((a + n - 1) % n, a % n),
        };
        let gap = (self.states[high] - self.states[low]).rem_euclid(if circular { 1.0 } else { f64::MAX });
        let share = if gap > 0.0 {
            ((state - self.states[low]).rem_euclid(if circular { 1.0 } else { f64::MAX }) / gap).clamp(0.0, 1.0)
        } else {
            0.0
        };
        self.offsets[low].iter().zip(&self.offsets[high]).map(|(a, b)| a + share * (b - a)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::weighted_quantile;

    #[test]
    fn weights_move_quantiles() {
        let even: Vec<(f64, f64)> = (0..101).map(|i| (f64::from(i), 1.0)).collect();
        assert!((weighted_quantile(&even, 0.5) - 50.0).abs() < 1e-9);
        let heavy: Vec<(f64, f64)> = (0..101).map(|i| (f64::from(i), if i > 50 { 3.0 } else { 1.0 })).collect();
        assert!(weighted_quantile(&heavy, 0.5) > 60.0);
        assert_eq!(weighted_quantile(&[(7.0, 1.0)], 0.9), 7.0);
    }
}
