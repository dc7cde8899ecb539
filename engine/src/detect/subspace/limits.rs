//! Three statistics at one pace of smoothing, and the limits a healthy machine stays below.
//!
//! In: residuals of models that had not seen the rows. Out: [`Pace`]: smoothing step, scales, plane, limits. A limit is the larger of theory and of
//! what those rows reached. Deliberately not here: the rows to be judged.

use super::SubspaceOptions;
use super::plane::Plane;

/// Most rows a plane is learnt from.
const MOST_ROWS: usize = 12_000;

/// One pace.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pace {
    /// Weight of a new row.
    pub(super) step: f64,
    /// One over the level a sensor's smoothed residual reaches in a healthy machine, per sensor.
    pub(super) reach: Vec<f64>,
    /// One over its standard deviation, per sensor.
    pub(super) scale: Vec<f64>,
    pub(super) plane: Plane,
    /// Limit of the loudest sensor over its reach.
    pub(super) loudest: f64,
    /// Limit of T².
    pub(super) inside: f64,
    /// Limit of Q.
    pub(super) off: f64,
}

impl Pace {
    /// Learns from residuals, one vector per sensor, of equal length.
    pub(super) fn fit(residuals: &[Vec<f32>], tau: f64, hours: f64, options: &SubspaceOptions) -> Option<Self> {
        let width = residuals.len();
        let len = residuals.first()?.len();
        let step = if tau > 0.0 { 1.0 - (-hours / tau).exp() } else { 1.0 };
        let mut smoothed = vec![0.0_f32; width * len];
        let (mut reach, mut scale) = (Vec::with_capacity(width), Vec::with_capacity(width));
        for (j, residual) in residuals.iter().enumerate() {
            let mut mean = 0.0;
            let mut sizes = Vec::with_capacity(len);
            let mut energy = 0.0;
            for (i, value) in residual.iter().enumerate() {
                let value = f64::from(*value);
                if value.is_finite() {
                    mean += step * (value.clamp(-super::CLIP, super::CLIP) - mean);
                }
                smoothed[i * width + j] = mean as f32;
                sizes.push(mean.abs());
                energy += mean * mean;
            }
            let top = quantile(&mut sizes, options.beyond);
            reach.push(1.0 / top.max(1e-6));
            scale.push(1.0 / (energy / len.max(1) as f64).sqrt().max(1e-6));
        }
        let stride = len.div_ceil(MOST_ROWS).max(1);
        let moments = moments(&smoothed, &scale, stride);
        // Smoothed rows repeat each other; as many speak for themselves as there are time constants.
        let own = (len as f64 * step).max(2.0) as usize;
        let plane = Plane::fit(moments, width, own.max(width + 2))?;
        let mut pace = Self { step, reach, scale, plane, loudest: 1.0, inside: 1.0, off: 1.0 };
        let (mut loudest, mut inside, mut off) = (Vec::new(), Vec::new(), Vec::new());
        let mut row = vec![0.0; width];
        for values in smoothed.chunks_exact(width).step_by(stride) {
            let top = values.iter().zip(&pace.reach).map(|(v, r)| f64::from(v.abs()) * r).fold(0.0, f64::max);
            loudest.push(top);
            for ((slot, value), scale) in row.iter_mut().zip(values).zip(&pace.scale) {
                *slot = f64::from(*value) * scale;
            }
            let (t2, q) = pace.plane.statistics(&row);
            inside.push(t2);
            off.push(q);
        }
        let square = options.margin * options.margin;
        pace.loudest = options.margin * quantile(&mut loudest, options.beyond).max(1.0);
        pace.inside = (square * quantile(&mut inside, options.beyond)).max(finite(pace.plane.inside)).max(1e-9);
        pace.off = (square * quantile(&mut off, options.beyond)).max(finite(pace.plane.off)).max(1e-9);
        Some(pace)
    }
}

fn finite(limit: f64) -> f64 {
    if limit.is_finite() { limit } else { 0.0 }
}

/// Second moments of scaled rows, row-major, around zero.
fn moments(smoothed: &[f32], scale: &[f64], stride: usize) -> Vec<f64> {
    let width = scale.len();
    let mut sum = vec![0.0; width * width];
    let mut row = vec![0.0; width];
    let mut count = 0.0_f64;
    for values in smoothed.chunks_exact(width).step_by(stride) {
        count += 1.0;
        for ((slot, value), scale) in row.iter_mut().zip(values).zip(scale) {
            *slot = f64::from(*value) * scale;
        }
        for (a, x) in row.iter().enumerate() {
            for (slot, y) in sum[a * width..=a * width + a].iter_mut().zip(&row) {
                *slot += x * y;
            }
        }
    }
    for a in 0..width {
        for b in 0..=a {
            let value = sum[a * width + b] / count.max(1.0);
            sum[a * width + b] = value;
            sum[b * width + a] = value;
        }
    }
    sum
}

/// The value that a share `beyond` of them exceeds; 0 of nothing.
fn quantile(values: &mut [f64], beyond: f64) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let at = ((values.len() - 1) as f64 * (1.0 - beyond)).round() as usize;
    *values.select_nth_unstable_by(at.min(values.len() - 1), f64::total_cmp).1
}
