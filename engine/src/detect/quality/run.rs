//! Runs of equal values and of equal increments: what a sensor does not do and a filler does.
//!
//! In: a column, NaN = missing, which ends a run, and how many rows in a row are too many. Out: one mark per row. A sensor that
//! shows whole degrees repeats itself by nature, and a saw-tooth rises by equal steps: from how often a run goes on at all
//! follows how long it may become by chance, and only longer ones count. Source: pvanalytics 0.2,
//! `quality.gaps.stale_values_diff` and `interpolation_diff`; the length of the longest run of chance after
//! Erdős and Rényi (1970), J. Analyse Math. 23.

/// Smallest difference between two values or two increments that counts as one.
const SAME: f64 = 1e-8;
/// Increments nearer to zero than this are rest, not a fault.
const REST: f64 = 1e-6;
/// Fewest runs from which their nature can be told.
const LEAST_RUNS: usize = 30;
/// Runs of chance are expected less often than this in the whole column.
const CHANCE: f64 = 0.01;

/// Rows of every run of more equal values than chance gives, `least` at the fewest. Values that `rests` holds of are no fault.
pub(crate) fn equal_runs(values: &[f64], least: usize, rests: impl Fn(usize) -> bool) -> Vec<bool> {
    let same = |i: usize| (values[i] - values[i - 1]).abs() < SAME && !rests(i) && !rests(i - 1);
    let counts = |i: usize| values[i].is_finite() && !rests(i);
    marks(values.len(), 1, least, same, counts)
}

/// Rows of every run of more equal increments away from zero than chance gives, `least` at the fewest.
pub(crate) fn linear_runs(values: &[f64], least: usize) -> Vec<bool> {
    let slope = |i: usize| values[i] - values[i - 1];
    let same = |i: usize| (slope(i) - slope(i - 1)).abs() < SAME && slope(i).abs() > REST;
    let counts = |i: usize| i > 0 && slope(i).abs() > REST;
    marks(values.len(), 2, least, same, counts)
}

/// How many equal values in a row are more than chance gives in `values`, `least` at the fewest: for those who must judge a later
/// value at once. Zeros are no fault.
pub(crate) fn stuck_from(values: &[f64], least: usize) -> usize {
    let rests = |i: usize| values[i].abs() < REST;
    let same = |i: usize| (values[i] - values[i - 1]).abs() < SAME && !rests(i);
    let (runs, able) = stretches(values.len(), 1, same, |i| values[i].is_finite() && !rests(i));
    least.max(chance(&runs, able) + 1)
}

/// Marks stretches where `same` holds, with the `lead` rows before them. `counts` are the rows that could belong to a run.
fn marks(len: usize, lead: usize, least: usize, same: impl Fn(usize) -> bool, counts: impl Fn(usize) -> bool) -> Vec<bool> {
    let mut out = vec![false; len];
    let (runs, able) = stretches(len, lead, same, counts);
    let least = least.saturating_sub(1).max(chance(&runs, able));
    for (begin, end) in runs.into_iter().filter(|(begin, end)| end - begin >= least) {
        out[begin - lead..end].fill(true);
    }
    out
}

/// Where `same` holds, and how many rows could have begun a run and did not.
fn stretches(
    len: usize,
    lead: usize,
    same: impl Fn(usize) -> bool,
    counts: impl Fn(usize) -> bool,
) -> (Vec<(usize, usize)>, usize) {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    let (mut start, mut able) = (None, 0_usize);
    for i in lead..=len {
        if i < len && same(i) {
            start = start.or(Some(i));
            continue;
        }
        if let Some(begin) = start.take() {
            runs.push((begin, i));
        }
        able += usize::from(i < len && counts(i));
    }
    (runs, able)
}

/// The shortest stretch of equal steps that chance is not expected to give. `others` are the rows that went their own way.
fn chance(runs: &[(usize, usize)], others: usize) -> usize {
    if runs.len() < LEAST_RUNS {
        return 0;
    }
    let at_least = |n: usize| runs.iter().filter(|(a, b)| b - a >= n).count() as f64;
    // How often a run begins, and how often one of some length goes on: the more stubborn of these is the nature of the series.
    let begins = runs.len() as f64 / (runs.len() + others) as f64;
    let goes_on = [1, 2, 4].into_iter().filter(|&n| at_least(n) >= LEAST_RUNS as f64);
    let stubborn = goes_on.map(|n| (at_least(2 * n) / at_least(n)).powf(1.0 / n as f64)).fold(begins, f64::max).min(0.999);
    (1.0 + (runs.len() as f64 / CHANCE).ln() / -stubborn.ln()).ceil() as usize
}

#[cfg(test)]
mod tests {
    use super::{equal_runs, linear_runs, stuck_from};

    #[test]
    fn runs_by_hand() {
        let f = false;
        let zero = |values: &'static [f64]| move |i: usize| values[i].abs() < 1e-6;
        const RUN: &[f64] = &[1.0, 2.0, 2.0, 2.0, 3.0, 0.0, 0.0, 0.0, 0.0];
        assert_eq!(equal_runs(RUN, 3, zero(RUN)), [f, true, true, true, f, f, f, f, f]);
        assert_eq!(equal_runs(&[2.0, 2.0, f64::NAN, 2.0, 2.0], 3, |_| false), [false; 5]);
        assert_eq!(linear_runs(&[5.0, 1.0, 2.0, 3.0, 4.0, 9.0], 3), [f, true, true, true, true, f]);
        assert!(equal_runs(&[], 3, |_| false).is_empty() && linear_runs(&[1.0], 3) == [false]);
    }

    #[test]
    fn what_repeats_by_nature_is_not_flagged_until_it_sticks() {
        // Whole degrees of a slow wave; then stuck for 300 rows.
        let mut whole: Vec<f64> =
            (0..6000).map(|i| (20.0 + 8.0 * (f64::from(i) / 23.0).sin() + f64::from(i * i % 7) * 0.3).round()).collect();
        assert!(!equal_runs(&whole, 6, |_| false).contains(&true));
        let from = stuck_from(&whole, 6);
        assert!(from > 6 && from < 60, "{from}");
        assert_eq!(stuck_from(&[1.0, 2.0, 0.0, 0.0, 0.0], 6), 6);
        whole[3000..3300].fill(21.0);
        let hits = equal_runs(&whole, 6, |_| false);
        assert!(hits[3000..3300].iter().all(|hit| *hit) && hits.iter().filter(|hit| **hit).count() < 310);
    }

    #[test]
    fn a_saw_tooth_is_not_filled_in() {
        let saw: Vec<f64> = (0..9000).map(|i| f64::from(i % 100)).collect();
        assert!(!linear_runs(&saw, 5).contains(&true));
    }
}
