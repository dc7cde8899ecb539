//! Scoring rows one after the other: a block at a time over a year, or one row per tick, with the same result to the last bit.
//!
//! In: columns, a range of rows, the state left by the row before. Out: one [`RowVerdict`] per row and the state after the last. Nothing is
//! allocated on the way; loops run down columns so that they vectorise. Deliberately not here: learning.

use super::BLOCK;
use super::CLIP;
use super::Column;
use super::FittedSubspace;
use super::SubspaceError;
use super::limits::Pace;
use super::setting::Carried;
use crate::detect::Evidence;
use crate::domain::Quantity;
use std::ops::Range;

/// The verdict on one row.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RowVerdict {
    /// Largest statistic over its limit; 1 is the alarm line. That of the last row that told something.
    pub score: f64,
    /// True from the alarm line until the score has fallen well below it.
    pub anomaly: bool,
}

/// What one machine's watch remembers from row to row: a few numbers per sensor.
#[derive(Debug, Clone, PartialEq)]
pub struct SubspaceState {
    carried: Carried,
    /// Smoothed residuals, pace after pace.
    means: Vec<f64>,
    /// Smoothed readings at the slowest pace, NaN until the first.
    readings: Vec<f64>,
    last: RowVerdict,
    /// Judged rows in a row with an anomaly.
    lasted: u32,
}

/// Room to work in; one serves any number of machines, one after the other.
#[derive(Debug, Clone, Default)]
pub struct Scratch {
    features: Vec<f64>,
    smoothed: Vec<f64>,
}

impl FittedSubspace {
    /// The state before the first row.
    pub fn begin(&self) -> SubspaceState {
        let width = self.sensors.len();
        SubspaceState {
            carried: Carried::default(),
            means: vec![0.0; width * self.paces.len()],
            readings: vec![f64::NAN; width],
            last: RowVerdict::default(),
            lasted: 0,
        }
    }

    /// Verdicts of all rows from the first on; `counts` says where the status is normal, so that a verdict may change.
    ///
    /// # Errors
    /// [`SubspaceError::Columns`].
    pub fn score(&self, columns: &[Column<'_>], counts: &[bool]) -> Result<Vec<RowVerdict>, SubspaceError> {
        let mut out = vec![RowVerdict::default(); counts.len()];
        self.advance(&mut self.begin(), &mut Scratch::default(), columns, 0..counts.len(), counts, &mut out)?;
        Ok(out)
    }

    /// Verdicts of `rows` into the first slots of `out`, going on from `state`. Rows beyond the columns, `counts` or `out` are not there.
    ///
    /// # Errors
    /// [`SubspaceError::Columns`] when the columns are not those that were learnt.
    pub fn advance(
        &self,
        state: &mut SubspaceState,
        scratch: &mut Scratch,
        columns: &[Column<'_>],
        rows: Range<usize>,
        counts: &[bool],
        out: &mut [RowVerdict],
    ) -> Result<(), SubspaceError> {
        self.check(columns)?;
        let end = columns.iter().map(|c| c.values.len()).min().unwrap_or(0).min(counts.len()).min(rows.end);
        let rows = rows.start..end.min(rows.start.saturating_add(out.len()));
        let width = self.sensors.len();
        scratch.features.resize(self.setting.width * BLOCK, 0.0);
        scratch.smoothed.resize(width * self.paces.len() * BLOCK, 0.0);
        let mut judged = [false; BLOCK];
        let mut score = [0.0; BLOCK];
        let mut out = out.iter_mut();
        for from in rows.clone().step_by(BLOCK) {
            let count = BLOCK.min(rows.end - from);
            self.setting.block(columns, from, count, &mut state.carried, &mut scratch.features, &mut judged);
            for (judged, counts) in judged.iter_mut().zip(&counts[from..from + count]) {
                *judged &= counts;
            }
            self.smooth(state, scratch, columns, from, count, &judged);
            score[..count].fill(0.0);
            for (pace, smoothed) in self.paces.iter().zip(scratch.smoothed.chunks_exact_mut(width * BLOCK)) {
                pace.judge(smoothed, count, &mut score);
            }
            for ((judged, score), out) in judged.iter().zip(&score[..count]).zip(&mut out) {
                if *judged {
                    // What has lasted for long is let go slowly, a blip at once.
                    let release = if state.lasted > self.lasting { self.release.1 } else { self.release.0 };
                    let holds = state.last.anomaly && *score >= release;
                    state.last = RowVerdict { score: *score, anomaly: *score >= 1.0 || holds };
                    state.lasted = if state.last.anomaly { state.lasted.saturating_add(1) } else { 0 };
                }
                *out = state.last;
            }
        }
        Ok(())
    }

    /// The sensors that speak loudest in the state reached, at most `most`, with what was read and what was expected.
    pub fn evidence(&self, state: &SubspaceState, most: usize) -> Vec<Evidence> {
        let width = self.sensors.len();
        let Some((pace, means)) = self.paces.iter().zip(state.means.chunks_exact(width)).next_back() else { return Vec::new() };
        let row: Vec<f64> = means.iter().zip(&pace.scale).map(|(m, s)| m * s).collect();
        let (t2, q) = pace.plane.statistics(&row);
        let loud: Vec<f64> = means.iter().zip(&pace.reach).map(|(m, r)| m.abs() * r / pace.loudest).collect();
        let (off, inside) = ((q / pace.off).sqrt(), (t2 / pace.inside).sqrt());
        let top = loud.iter().copied().fold(0.0, f64::max);
        let parts: Vec<f64> = if top >= off.max(inside) {
            loud.iter().map(|v| v * v).collect()
        } else {
            pace.plane.by_sensor(&row, pace.inside, pace.off)
        };
        let all: f64 = parts.iter().sum();
        let mut order: Vec<usize> = (0..width).filter(|&j| parts[j] > 0.0).collect();
        order.sort_by(|&a, &b| parts[b].total_cmp(&parts[a]).then(a.cmp(&b)));
        let speak = order.into_iter().take(most).filter_map(|j| {
            let sensor = &self.sensors[j];
            let name = self.names.get(sensor.reading.column)?;
            let observed = Some(state.readings[j]).filter(|v| v.is_finite());
            let expected = observed.map(|v| v - sensor.centre - means[j] * sensor.spread);
            let raw = |v: f64| sensor.reading.raw(v);
            Some(Evidence {
                signal: name.clone(),
                quantity: Quantity::parse(&name.to_ascii_lowercase()).ok()?,
                observed: observed.map(raw),
                expected: expected.map(raw),
                share: parts[j] / all,
            })
        });
        speak.collect()
    }

    fn check(&self, columns: &[Column<'_>]) -> Result<(), SubspaceError> {
        let found = |place: usize| columns.get(place).map_or("nothing", |c| c.name);
        match self.names.iter().enumerate().find(|(place, name)| found(*place) != name.as_str()) {
            None => Ok(()),
            Some((place, expected)) => {
                Err(SubspaceError::Columns { place, expected: expected.clone(), found: found(place).to_owned() })
            }
        }
    }

    /// Residuals of a block, smoothed at every pace, sensor after sensor.
    fn smooth(
        &self,
        state: &mut SubspaceState,
        scratch: &mut Scratch,
        columns: &[Column<'_>],
        from: usize,
        count: usize,
        judged: &[bool; BLOCK],
    ) {
        let width = self.sensors.len();
        let slowest = self.paces.last().map_or(0.0, |pace| pace.step);
        let mut residual = [0.0; BLOCK];
        for (j, sensor) in self.sensors.iter().enumerate() {
            let values = &columns[sensor.reading.column].values[from..from + count];
            for (slot, value) in residual.iter_mut().zip(values) {
                *slot = sensor.reading.read(*value);
            }
            let mut level = state.readings[j];
            for (value, judged) in residual[..count].iter().zip(judged) {
                if *judged && value.is_finite() {
                    level = if level.is_nan() { *value } else { level + slowest * (value - level) };
                }
            }
            state.readings[j] = level;
            residual[..count].iter_mut().for_each(|r| *r -= sensor.centre);
            for (weight, feature) in sensor.weights.iter().zip(scratch.features.chunks_exact(BLOCK)) {
                for (slot, x) in residual[..count].iter_mut().zip(feature) {
                    *slot -= weight * x;
                }
            }
            let unit = 1.0 / sensor.spread;
            for (slot, judged) in residual[..count].iter_mut().zip(judged) {
                let value = (*slot * unit).clamp(-CLIP, CLIP);
                *slot = if *judged { value } else { f64::NAN };
            }
            for (p, pace) in self.paces.iter().enumerate() {
                let mut mean = state.means[p * width + j];
                let smoothed = &mut scratch.smoothed[(p * width + j) * BLOCK..(p * width + j) * BLOCK + count];
                for (slot, value) in smoothed.iter_mut().zip(&residual) {
                    mean = if value.is_nan() { mean } else { mean + pace.step * (value - mean) };
                    *slot = mean;
                }
                state.means[p * width + j] = mean;
            }
        }
    }
}

impl Pace {
    /// Raises `score` to the largest statistic of each row of a block over its limit. Leaves the rows scaled.
    fn judge(&self, smoothed: &mut [f64], count: usize, score: &mut [f64; BLOCK]) {
        let mut loudest = [0.0_f64; BLOCK];
        let mut off = [0.0_f64; BLOCK];
        let mut inside = [0.0_f64; BLOCK];
        for ((row, reach), scale) in smoothed.chunks_exact_mut(BLOCK).zip(&self.reach).zip(&self.scale) {
            for ((value, loudest), off) in row[..count].iter_mut().zip(&mut loudest).zip(&mut off) {
                *loudest = loudest.max(value.abs() * reach);
                *value *= scale;
                *off += *value * *value;
            }
        }
        for (direction, variance) in self.plane.directions.chunks_exact(self.plane.width).zip(&self.plane.variances) {
            let mut along = [0.0_f64; BLOCK];
            for (row, weight) in smoothed.chunks_exact(BLOCK).zip(direction) {
                for (sum, value) in along[..count].iter_mut().zip(row) {
                    *sum += weight * value;
                }
            }
            let unit = 1.0 / variance;
            for ((along, inside), off) in along[..count].iter().zip(&mut inside).zip(&mut off) {
                *inside += along * along * unit;
                *off -= along * along;
            }
        }
        let (per_loud, per_off, per_inside) = (1.0 / self.loudest, 1.0 / self.off, 1.0 / self.inside);
        for (i, score) in score[..count].iter_mut().enumerate() {
            let square = (off[i] * per_off).max(inside[i] * per_inside).max(0.0);
            *score = score.max(loudest[i] * per_loud).max(square.sqrt());
        }
    }
}
