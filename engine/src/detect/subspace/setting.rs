//! The operating point: what a sensor should read follows from wind, load and weather of the past hours.
//!
//! In: rows one after the other, in blocks. Out: feature columns of a block, carried state for the next. Parts are first-order thermal bodies,
//! so exponential averages of load and of its square stand for their heat (Schlechtingen & Santos 2011, MSSP 25(5), linear case).

use super::BLOCK;
use super::Column;
use super::channels::Sorted;

/// Time constants of the averages of load, hours.
const LOAD_HOURS: [f64; 3] = [0.5, 2.0, 8.0];
/// Time constants of the averages of ambient temperature, hours.
const AIR_HOURS: [f64; 2] = [3.0, 18.0];
/// Wind knots, as quantiles of the running rows.
const KNOTS: [f64; 8] = [0.0, 0.1, 0.25, 0.4, 0.55, 0.7, 0.85, 1.0];
/// Share of full power above which the machine runs.
const RUNS: f64 = 0.03;
/// From this knot on it should run: no power in such wind tells something too.
const SHOULD_RUN: usize = 3;

/// Where the features of one kind lie; `Setting::width` in all.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Setting {
    pub(super) sorted: Sorted,
    full: f64,
    knots: Vec<f64>,
    air: (f64, f64),
    load_steps: [f64; LOAD_HOURS.len()],
    air_steps: [f64; AIR_HOURS.len()],
    /// Number of features.
    pub(super) width: usize,
    /// The first this many know nothing of load: what power itself is judged by.
    pub(super) without_load: usize,
}

/// What is carried from row to row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Carried {
    load: f64,
    air: f64,
    heading: (f64, f64),
    loads: [f64; LOAD_HOURS.len()],
    squares: [f64; LOAD_HOURS.len()],
    airs: [f64; AIR_HOURS.len()],
}

impl Default for Carried {
    fn default() -> Self {
        let nothing = f64::NAN;
        Self {
            load: nothing,
            air: nothing,
            heading: (0.0, 0.0),
            loads: [nothing; LOAD_HOURS.len()],
            squares: [nothing; LOAD_HOURS.len()],
            airs: [nothing; AIR_HOURS.len()],
        }
    }
}

impl Setting {
    /// Learns scales and knots.
    pub(super) fn fit(columns: &[Column<'_>], sorted: Sorted, learn: &[usize], hours: f64) -> Self {
        let values = |column: usize| -> Vec<f64> {
            let mut all: Vec<f64> = learn.iter().map(|&i| columns[column].values[i]).filter(|v| v.is_finite()).collect();
            all.sort_by(f64::total_cmp);
            all
        };
        let quantile = |all: &[f64], q: f64| all.get(((all.len().max(1) - 1) as f64 * q).round() as usize).copied().unwrap_or(0.0);
        let full = sorted.power.as_ref().map_or(1.0, |p| quantile(&values(p.column), 0.995)).max(1e-9);
        let mut knots: Vec<f64> = Vec::new();
        if let Some(wind) = &sorted.wind {
            let power = sorted.power.as_ref().map(|p| columns[p.column].values);
            let runs = |i: &&usize| power.is_none_or(|p| p[**i] > RUNS * full);
            let mut speeds: Vec<f64> =
                learn.iter().filter(runs).map(|&i| wind.read(columns[wind.column].values[i])).filter(|v| v.is_finite()).collect();
            speeds.sort_by(f64::total_cmp);
            for q in KNOTS {
                let at = quantile(&speeds, q);
                if knots.last().is_none_or(|last| at > last + 1e-6 * last.abs().max(1.0)) {
                    knots.push(at);
                }
            }
        }
        let air = sorted.ambient.as_ref().map_or((0.0, 0.0), |a| {
            let all = values(a.column);
            (quantile(&all, 0.0005), quantile(&all, 0.9995))
        });
        let heading = if sorted.heading.is_some() { 2 } else { 0 };
        let airs = if sorted.ambient.is_some() { 1 + AIR_HOURS.len() } else { 0 };
        let without_load = 1 + knots.len().saturating_sub(1) + airs + heading;
        let loads = if sorted.power.is_some() { 3 + 2 * LOAD_HOURS.len() } else { 0 };
        let step = |tau: f64| 1.0 - (-hours / tau).exp();
        let (load_steps, air_steps) = (LOAD_HOURS.map(step), AIR_HOURS.map(step));
        Self { sorted, full, knots, air, load_steps, air_steps, width: without_load + loads, without_load }
    }

    /// Features of rows `from..from + count` (at most [`BLOCK`]), column after column in `features`, and which rows can be judged.
    pub(super) fn block(
        &self,
        columns: &[Column<'_>],
        from: usize,
        count: usize,
        carried: &mut Carried,
        features: &mut [f64],
        judged: &mut [bool],
    ) {
        let rows = from..from + count;
        features[..count].fill(1.0);
        judged[..count].fill(true);
        let mut should_run = [false; BLOCK];
        let mut at = BLOCK;
        let mut air_at = None;
        if let Some(wind) = &self.sorted.wind {
            let values = &columns[wind.column].values[rows.clone()];
            let first = self.knots.first().copied().unwrap_or(0.0);
            let last = self.knots.last().copied().unwrap_or(0.0);
            for (i, value) in values.iter().enumerate() {
                let v = wind.read(*value).clamp(first, last);
                judged[i] &= v.is_finite();
                should_run[i] = self.knots.get(SHOULD_RUN).is_some_and(|knot| v > *knot);
                // Piecewise linear: each feature is the way gone between two knots.
                for (k, pair) in self.knots.windows(2).enumerate() {
                    let gone = (v.min(pair[1]) - pair[0]).max(0.0) / (pair[1] - pair[0]);
                    features[at + k * BLOCK + i] = gone;
                }
            }
            at += self.knots.len().saturating_sub(1) * BLOCK;
        }
        if let Some(ambient) = &self.sorted.ambient {
            let values = &columns[ambient.column].values[rows.clone()];
            let (low, high) = self.air;
            air_at = Some(at);
            for (i, value) in values.iter().enumerate() {
                let v = ambient.read(*value);
                if v.is_finite() {
                    carried.air = v.clamp(low, high);
                }
                judged[i] &= carried.air.is_finite();
                features[at + i] = carried.air / 10.0;
                for (k, (level, step)) in carried.airs.iter_mut().zip(self.air_steps).enumerate() {
                    follow(level, carried.air, step);
                    features[at + (k + 1) * BLOCK + i] = *level / 10.0;
                }
            }
            at += (1 + AIR_HOURS.len()) * BLOCK;
        }
        if let Some(heading) = self.sorted.heading {
            for (i, value) in columns[heading].values[rows.clone()].iter().enumerate() {
                if value.is_finite() {
                    carried.heading = value.to_radians().sin_cos();
                }
                (features[at + i], features[at + BLOCK + i]) = carried.heading;
            }
            at += 2 * BLOCK;
        }
        if let Some(power) = &self.sorted.power {
            let values = &columns[power.column].values[rows];
            for (i, value) in values.iter().enumerate() {
                let share = (value / self.full).clamp(-0.1, 1.1);
                judged[i] &= share.abs() > RUNS || (should_run[i] && share.is_finite());
                if share.is_finite() {
                    carried.load = share;
                }
                let load = carried.load;
                features[at + i] = load;
                features[at + BLOCK + i] = load * load;
                // The air of this row: what is carried is that of the last row of the block by now.
                features[at + 2 * BLOCK + i] = load * air_at.map_or(load * load, |air| features[air + i]);
                let mut slot = at + 3 * BLOCK + i;
                for k in 0..LOAD_HOURS.len() {
                    follow(&mut carried.loads[k], load, self.load_steps[k]);
                    follow(&mut carried.squares[k], load * load, self.load_steps[k]);
                    features[slot] = carried.loads[k];
                    features[slot + BLOCK] = carried.squares[k];
                    slot += 2 * BLOCK;
                }
            }
        }
    }
}

/// Causal exponential average; starts at the first value.
#[inline]
fn follow(level: &mut f64, value: f64, step: f64) {
    if value.is_finite() {
        *level = if level.is_nan() { value } else { *level + step * (value - *level) };
    }
}
