//! The day from which a series lies higher or lower for good: a capacity, a transformer ratio, a feeder moved to another meter.
//!
//! In: daily means, NaN = missing. Out: first days of a new level. Seasons, week and trend are fitted together with the step, so
//! that neither takes the place of the other: least squares with two harmonics of the year, the weekdays and a line; the step that
//! explains most is taken while it explains more than chance (Bai and Perron 1998, Econometrica 66; the noise is taken from means
//! of four weeks, because weather lasts). Deliberately not here: slow drift (`evaluate`), machines (`watch`).

use super::super::regression::median;

/// Fewest known days: a year and what a season needs to be told from a step.
const LEAST_DAYS: usize = 500;
/// Days a level must have lasted, on either side.
const LASTING: usize = 30;
/// A step explains more than this many variances of the noise, times ln(days).
const PENALTY: f64 = 6.0;
/// Smallest step, as a share of the usual size of the values.
const LEAST_STEP: f64 = 0.15;
/// Days on either side in which the noise is looked up too: a series at a higher level is noisier.
const NEAR: usize = 140;
/// Days over which noise is averaged.
const BLOCK: usize = 28;
/// Days on either side between which the step must be seen, and how much of it.
const SIDE: usize = 21;
const ABRUPT: std::ops::RangeInclusive<f64> = 0.6..=1.6;
/// Most steps of one series.
const MOST: usize = 12;

/// First days of a new level, in order; `epoch` is the day since 1970 of the first value.
pub(super) fn level_shifts(days: &[f64], epoch: i64) -> Vec<usize> {
    let known: Vec<usize> = (0..days.len()).filter(|&d| days[d].is_finite()).collect();
    let n = known.len();
    if n < LEAST_DAYS {
        return Vec::new();
    }
    let mut y: Vec<f64> = known.iter().map(|&d| days[d]).collect();
    let size = median(y.iter().map(|v| v.abs()).collect());
    if size <= 0.0 {
        return Vec::new();
    }
    let mut basis = Basis::default();
    for column in seasons(&known, epoch) {
        basis.add(&column);
    }
    let mut found = Vec::new();
    while found.len() < MOST {
        let Some(step) = best_step(&basis, &y) else { break };
        let near = step.at.saturating_sub(NEAR)..(step.at + NEAR).min(n);
        let noise = variance_of_blocks(&step.left).max(variance_of_blocks(&step.left[near]));
        let lasting = found.iter().all(|&k: &usize| k.abs_diff(step.at) >= LASTING);
        let steep = abruptness(&step);
        let explains = step.gain > PENALTY * noise * (n as f64).ln();
        if !explains || !lasting || step.size.abs() < LEAST_STEP * size || !ABRUPT.contains(&steep) {
            break;
        }
        // A level scales seasons and weather with it, where there is a level on either side; else it is only added.
        let before = (y.iter().sum::<f64>() - step.size * (n - step.at) as f64) / n as f64;
        let scale = before / (before + step.size);
        if scale.is_finite() && scale > 0.0 {
            y[step.at..].iter_mut().for_each(|v| *v *= scale);
        } else {
            basis.add(&(0..n).map(|i| f64::from(u8::from(i >= step.at))).collect::<Vec<f64>>());
        }
        found.push(step.at);
    }
    found.sort_unstable();
    found.into_iter().map(|at| known[at]).collect()
}

/// The columns beside the steps: one, a line, two harmonics of the year, the weekdays.
fn seasons(known: &[usize], epoch: i64) -> Vec<Vec<f64>> {
    let day = |&d: &usize| epoch + d as i64;
    let year = |d: &usize| std::f64::consts::TAU * day(d) as f64 / 365.2425;
    let last = known.last().map_or(1.0, |&d| d as f64).max(1.0);
    let mut out = vec![vec![1.0; known.len()], known.iter().map(|&d| d as f64 / last).collect()];
    for k in [1.0, 2.0] {
        out.push(known.iter().map(|d| (k * year(d)).cos()).collect());
        out.push(known.iter().map(|d| (k * year(d)).sin()).collect());
    }
    out.extend((0..6).map(|w| known.iter().map(|d| f64::from(u8::from(day(d).rem_euclid(7) == w))).collect()));
    out
}

/// Columns made orthonormal, by Gram and Schmidt.
#[derive(Default)]
struct Basis(Vec<Vec<f64>>);

impl Basis {
    fn add(&mut self, column: &[f64]) {
        let before = dot(column, column);
        let mut column = self.rest(&self.rest(column));
        let norm = dot(&column, &column).sqrt();
        if norm * norm > 1e-9 * before {
            column.iter_mut().for_each(|v| *v /= norm);
            self.0.push(column);
        }
    }

    /// What the columns do not explain.
    fn rest(&self, values: &[f64]) -> Vec<f64> {
        let mut out = values.to_vec();
        for column in &self.0 {
            let share = dot(&out, column);
            out.iter_mut().zip(column).for_each(|(v, c)| *v -= share * c);
        }
        out
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// A step: where, how large, how much of the squared error it explains, and what it leaves.
struct Step {
    at: usize,
    size: f64,
    gain: f64,
    left: Vec<f64>,
}

/// The step that, fitted together with the basis, explains most.
fn best_step(basis: &Basis, y: &[f64]) -> Option<Step> {
    let n = y.len();
    let rest = basis.rest(y);
    let mut tails = vec![0.0; basis.0.len()];
    let (mut with, mut best) = (0.0, None::<(usize, f64, f64)>);
    for at in (1..n).rev() {
        with += rest[at];
        for (tail, column) in tails.iter_mut().zip(&basis.0) {
            *tail += column[at];
        }
        let own = (n - at) as f64 - dot(&tails, &tails);
        if at < LASTING || n - at < LASTING || own < 1.0 {
            continue;
        }
        let gain = with * with / own;
        if best.is_none_or(|(_, _, most)| gain > most) {
            best = Some((at, with / own, gain));
        }
    }
    let (at, size, gain) = best?;
    let step = basis.rest(&(0..n).map(|i| f64::from(u8::from(i >= at))).collect::<Vec<_>>());
    let left = rest.iter().zip(&step).map(|(r, s)| r - size * s).collect();
    Some(Step { at, size, gain, left })
}

/// Variance of one value as it counts in long sums: that of the means of four weeks, times their length.
fn variance_of_blocks(left: &[f64]) -> f64 {
    let means: Vec<f64> = left.chunks_exact(BLOCK).map(|b| b.iter().sum::<f64>() / BLOCK as f64).collect();
    let long = means.iter().map(|m| m * m).sum::<f64>() / means.len().max(1) as f64 * BLOCK as f64;
    let short = dot(left, left) / left.len().max(1) as f64;
    long.max(short)
}

/// Share of the step that is seen between the weeks before and after it.
fn abruptness(step: &Step) -> f64 {
    let mean = |rows: std::ops::Range<usize>| median(step.left[rows].to_vec());
    1.0 + (mean(step.at..(step.at + SIDE).min(step.left.len())) - mean(step.at.saturating_sub(SIDE)..step.at)) / step.size
}

#[cfg(test)]
mod tests {
    use super::level_shifts;

    /// Days of a seasonal series with weather that lasts, like a load or a solar plant.
    fn days(n: usize) -> Vec<f64> {
        let mut weather = 0.0;
        let mut state = 7_u32;
        (0..n)
            .map(|d| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                weather = 0.7 * weather + f64::from(state >> 8) / f64::from(1 << 24) - 0.5;
                let season = (std::f64::consts::TAU * d as f64 / 365.2425).cos();
                100.0 - 30.0 * season + 12.0 * weather - if d % 7 < 2 { 8.0 } else { 0.0 }
            })
            .collect()
    }

    #[test]
    fn a_step_is_found_on_its_day_and_seasons_are_not() {
        assert!(level_shifts(&days(1500), 16_000).is_empty());
        for (n, at) in [(900, 420), (1500, 300), (2200, 2100)] {
            let mut stepped = days(n);
            stepped[at..].iter_mut().for_each(|v| *v *= 0.6);
            stepped[50] = f64::NAN;
            let found = level_shifts(&stepped, 16_000);
            assert!(found.len() == 1 && found[0].abs_diff(at) <= 1, "{n} {at}: {found:?}");
        }
    }

    #[test]
    fn slow_growth_and_a_short_outage_are_no_step() {
        let grown: Vec<f64> = days(1500).iter().enumerate().map(|(d, v)| v * (1.0 + 0.5 * d as f64 / 1500.0)).collect();
        assert!(level_shifts(&grown, 16_000).is_empty());
        let mut outage = days(1500);
        outage[700..712].fill(0.0);
        assert!(level_shifts(&outage, 16_000).is_empty());
        assert!(level_shifts(&days(200), 16_000).is_empty());
    }
}
