//! Values held at a ceiling: an inverter gives no more than its rating, however bright the sun; a machine no more than it is let.
//!
//! In: power, NaN = missing. Out: one mark per row. Source: the plateaus of pvanalytics 0.2, `features.clipping`, told from natural
//! noons by how values gather: the ceiling is as sharp as the meter, so the narrowest band that holds it is taken.

use std::collections::BTreeMap;

/// Half widths of the band tried, as shares of the ceiling: from a ceiling without noise to a regulator that hunts.
const WIDTHS: [f64; 4] = [0.001, 0.0025, 0.005, 0.01];
/// From this width on the ceiling must be the rating, within this share: a tracker's noons are flat, too.
const WIDE: f64 = 0.01;
const AT_RATING: f64 = 0.05;
/// Fewest rows at a ceiling; how many times as many as in the band below; and rows in a row that are held there.
const LEAST: usize = 12;
const GATHERED: usize = 3;
const IN_A_ROW: usize = 3;
/// Separate runs of one and the same value that are a limit, not a sensor that sticks.
const RUNS: usize = 3;

/// Rows in unbroken stretches at a ceiling that the series reaches often and hardly passes; `rating` where it is known.
pub(crate) fn clipped(values: &[f64], rating: Option<f64>) -> Vec<bool> {
    let mut out = vec![false; values.len()];
    let Some((low, high)) = ceiling(values, rating) else { return out };
    let mut from = None;
    for i in 0..=values.len() {
        if i < values.len() && (low..=high).contains(&values[i]) {
            from = from.or(Some(i));
        } else if let Some(begin) = from.take()
            && i - begin >= IN_A_ROW
        {
            out[begin..i].fill(true);
        }
    }
    out
}

/// The band of the ceiling: the narrowest that collects rows, in unbroken stretches, with few above it.
fn ceiling(values: &[f64], rating: Option<f64>) -> Option<(f64, f64)> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|v| v.is_finite() && *v > 0.0).collect();
    sorted.sort_by(f64::total_cmp);
    let top = *sorted.get(sorted.len().checked_sub(1)? * 999 / 1000)?;
    let upper = sorted.partition_point(|v| *v < 0.5 * top);
    let sorted = &sorted[upper..];
    WIDTHS.into_iter().find_map(|width| {
        let (mut first, mut best) = (0, (0, 0));
        for last in 0..sorted.len() {
            while sorted[first] < sorted[last] * (1.0 - 2.0 * width) {
                first += 1;
            }
            if last + 1 - first > best.1 - best.0 {
                best = (first, last + 1);
            }
        }
        let (low, high) = (*sorted.get(best.0)?, *sorted.get(best.1.checked_sub(1)?)?);
        let (at, above) = (best.1 - best.0, sorted.len() - best.1);
        let below = best.0 - sorted.partition_point(|v| *v < low * (1.0 - 2.0 * width));
        let inside = |v: f64| (low..=high).contains(&v);
        let pairs = values.windows(2).filter(|w| inside(w[0]) && inside(w[1])).count();
        let near_rating = width < WIDE || rating.is_some_and(|rating| (f64::midpoint(low, high) / rating - 1.0).abs() < AT_RATING);
        // A natural maximum is approached as often as it is reached; a ceiling collects rows, in unbroken stretches.
        let held = at >= LEAST && at > GATHERED * below && 2 * pairs > at && 20 * above <= at && near_rating;
        held.then_some((low, high * (1.0 + width)))
    })
}

/// Of rows in runs of equal values (`stuck`), those whose value comes back in run after run and is not passed within a day of them:
/// a limit, not a sensor that sticks. `per_day` is the number of rows of a day.
pub(crate) fn limited(values: &[f64], stuck: &[bool], per_day: usize) -> Vec<bool> {
    let mut runs: BTreeMap<u64, Vec<(usize, usize)>> = BTreeMap::new();
    let mut row = 0;
    while row < values.len() {
        let end = (row + 1..=values.len()).find(|&end| end == values.len() || !stuck[end] || values[end] != values[row]);
        let end = end.unwrap_or(values.len());
        if stuck[row] {
            runs.entry(values[row].to_bits()).or_default().push((row, end));
        }
        row = end;
    }
    let mut out = vec![false; values.len()];
    for held in runs.into_values().filter(|held| held.len() >= RUNS) {
        let passed = |&(first, end): &(usize, usize)| {
            let around = first.saturating_sub(per_day)..(end + per_day).min(values.len());
            values[around].iter().filter(|v| **v > values[first] * 1.001).count() > per_day / 10
        };
        if 2 * held.iter().filter(|run| passed(run)).count() < held.len() {
            held.into_iter().for_each(|(first, end)| out[first..end].fill(true));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::clipped;
    use super::limited;

    #[test]
    fn a_ceiling_collects_rows() {
        let wave: Vec<f64> = (0..400).map(|i| 50.0 + 40.0 * (f64::from(i) / 20.0).sin() + 0.3 * f64::from(i * i % 7)).collect();
        assert!(!clipped(&wave, None).contains(&true));
        let mut flat: Vec<f64> = wave.into_iter().map(|v| v.min(70.0)).collect();
        let held = flat.iter().filter(|v| **v == 70.0).count();
        assert_eq!(clipped(&flat, None).into_iter().filter(|c| *c).count(), held);
        // A spike does not lift the ceiling, and a touch is no plateau.
        let low = (1..399).find(|&i| flat[i - 1..=i + 1].iter().all(|v| *v < 40.0)).unwrap();
        flat[low] = 70.0;
        flat[low + 1] = 500.0;
        let hits = clipped(&flat, None);
        assert!(!hits[low] && !hits[low + 1] && hits.iter().filter(|c| **c).count() == held);
        // A regulator that hunts by half a per cent about its rating.
        let noisy: Vec<f64> = flat.iter().enumerate().map(|(i, v)| v + 0.3 * ((i * i) as f64 * 0.7).sin()).collect();
        let found = clipped(&noisy, Some(70.0)).into_iter().filter(|c| *c).count();
        assert!(found.abs_diff(held) < held / 5, "{found} of {held}");
        assert!(!clipped(&[], Some(70.0)).contains(&true));
    }

    #[test]
    fn a_limit_comes_back_a_stuck_sensor_does_not() {
        let mut values: Vec<f64> = (0..2000).map(|i| 50.0 + 40.0 * (f64::from(i) / 20.0).sin()).collect();
        let mut stuck = vec![false; 2000];
        values[100..150].fill(60.0);
        stuck[100..150].fill(true);
        for i in 1000..1600 {
            if values[i] > 55.0 {
                (values[i], stuck[i]) = (55.0, true);
            }
        }
        let hits = limited(&values, &stuck, 144);
        assert!(!hits[100..150].contains(&true));
        assert!((1000..1600).all(|i| hits[i] == stuck[i]));
    }
}
