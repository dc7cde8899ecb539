//! Single values that stand out: a jump there and back, a value far from the series.
//!
//! In: a column, NaN = missing. Out: one mark per row. Sources: Hampel (1974), JASA 69, on increments in place of
//! levels so that ramps and nights do not count; pvanalytics 0.2, `quality.outliers.zscore`.

use super::super::regression::median;

/// Fewest values a judgement needs.
const LEAST: usize = 50;
/// More than this share of the values is the tail of the series, not a few bad ones.
const TAIL: f64 = 0.005;
/// Robust deviations of its increments by which a witness must move.
const SEEN: f64 = 1.5;

/// Rows that jump away from both neighbours, which agree, by more than `limit` robust deviations of the increments, and by more
/// than `floor`. A series that does so again and again swings by nature.
pub(crate) fn spikes(values: &[f64], limit: f64, floor: f64) -> Vec<bool> {
    let mut out = vec![false; values.len()];
    let moves: Vec<f64> = values.windows(2).map(|w| (w[1] - w[0]).abs()).filter(|d| d.is_finite() && *d > 0.0).collect();
    if moves.len() < LEAST {
        return out;
    }
    let known = moves.len() as f64;
    let line = floor.max(limit * 1.4826 * median(moves));
    for i in 1..values.len().saturating_sub(1) {
        let (there, back) = (values[i] - values[i - 1], values[i] - values[i + 1]);
        let base = (values[i + 1] - values[i - 1]).abs();
        out[i] = there * back > 0.0 && there.abs().min(back.abs()) > line && base < 0.25 * there.abs();
    }
    let hits = out.iter().filter(|hit| **hit).count();
    if hits > 3 && hits as f64 > 0.1 * TAIL * known { vec![false; values.len()] } else { out }
}

/// Of the `spikes`, those that `witness` did not see: a gust moves the anemometer with the power, and a cloud the pyranometer. Seen is
/// a jump there and back in the same row, of more than [`SEEN`] robust deviations of its increments.
pub(crate) fn unseen(mut spikes: Vec<bool>, witness: &[f64]) -> Vec<bool> {
    let moves: Vec<f64> = witness.windows(2).map(|w| (w[1] - w[0]).abs()).filter(|d| d.is_finite() && *d > 0.0).collect();
    if moves.len() < LEAST || !spikes.contains(&true) {
        return spikes;
    }
    let line = SEEN * 1.4826 * median(moves);
    for row in 1..spikes.len().min(witness.len()).saturating_sub(1) {
        let (there, back) = (witness[row] - witness[row - 1], witness[row] - witness[row + 1]);
        spikes[row] &= !(there * back > 0.0 && there.abs().min(back.abs()) > line);
    }
    spikes
}

/// Rows more than `limit` standard deviations from the mean, where they are few.
pub(crate) fn outliers(values: &[f64], limit: f64) -> Vec<bool> {
    let known: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    if known.len() < LEAST {
        return vec![false; values.len()];
    }
    let mean = known.iter().sum::<f64>() / known.len() as f64;
    let spread = (known.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / known.len() as f64).sqrt();
    few(values.iter().map(|v| spread > 0.0 && (v - mean).abs() > limit * spread).collect(), known.len(), 0.04 * TAIL)
}

/// Rows of power above `over` times the capacity, or as far below zero as `over` is above one: few, or the capacity is not what it
/// is said to be.
pub(crate) fn beyond(values: &[f64], capacity: f64, over: f64) -> Vec<bool> {
    let known = values.iter().filter(|v| v.is_finite()).count();
    few(values.iter().map(|v| *v > over * capacity || *v < (1.0 - over) * capacity).collect(), known, 2.0 * TAIL)
}

/// The marks where they are at most `share` of the known values (three always are), else none.
fn few(marks: Vec<bool>, known: usize, share: f64) -> Vec<bool> {
    let hits = marks.iter().filter(|hit| **hit).count();
    if hits > 3 && hits as f64 > share * known as f64 { vec![false; marks.len()] } else { marks }
}

#[cfg(test)]
mod tests {
    use super::{beyond, outliers, spikes, unseen};

    fn wave() -> Vec<f64> {
        (0..400).map(|i| 50.0 + 40.0 * (f64::from(i) / 20.0).sin() + 0.3 * f64::from(i * i % 7)).collect()
    }

    #[test]
    fn a_jump_there_and_back_is_a_spike_a_step_is_not() {
        let mut values = wave();
        values[100] += 80.0;
        for v in &mut values[200..] {
            *v += 60.0;
        }
        let hits: Vec<usize> = (0..400).filter(|&i| spikes(&values, 12.0, 0.0)[i]).collect();
        assert_eq!(hits, [100]);
        assert!(!spikes(&values, 12.0, 100.0).contains(&true));
        values[100] += 400.0;
        assert!(outliers(&values, 4.5)[100] && !outliers(&values, 4.5)[101]);
    }

    #[test]
    fn what_happens_all_the_time_is_no_outlier() {
        let mut values = wave();
        assert!(!beyond(&values, 100.0, 1.1).contains(&true));
        (values[7], values[90]) = (120.0, -20.0);
        let hits = beyond(&values, 100.0, 1.1);
        assert!(hits[7] && hits[90] && hits.iter().filter(|hit| **hit).count() == 2);
        // A capacity of half of what is made every day.
        assert!(!beyond(&values, 50.0, 1.1).contains(&true));
    }
    #[test]
    fn a_gust_that_the_anemometer_saw_is_no_spike() {
        let mut power = wave();
        let mut wind: Vec<f64> = wave().iter().map(|v| v / 10.0).collect();
        power[100] += 80.0;
        power[300] += 80.0;
        wind[100] += 3.0;
        let hits: Vec<usize> = (0..400).filter(|&i| unseen(spikes(&power, 12.0, 0.0), &wind)[i]).collect();
        assert_eq!(hits, [300]);
        // Who is away has seen nothing.
        assert_eq!(unseen(spikes(&power, 12.0, 0.0), &[f64::NAN; 400]).iter().filter(|hit| **hit).count(), 2);
    }
}
