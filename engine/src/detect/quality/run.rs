//! Runs of equal values and of equal increments: what a sensor does not do and a filler does.
//!
//! In: a column, NaN = missing, which ends a run. Out: one mark per row. Source: pvanalytics 0.2,
//! `quality.gaps.stale_values_diff` and `interpolation_diff`.

/// Smallest difference between two values or two increments that counts as one.
const SAME: f64 = 1e-8;
/// Values and increments nearer to zero than this are rest, not a fault.
const REST: f64 = 1e-6;

/// Rows of every run of at least `least` equal values away from zero.
pub(crate) fn equal_runs(values: &[f64], least: usize) -> Vec<bool> {
    let same = |i: usize| (values[i] - values[i - 1]).abs() < SAME && values[i].abs() > REST;
    let mut out = vec![false; values.len()];
    mark(&mut out, 1, 1, least.saturating_sub(1), same);
    out
}

/// Rows of every run of at least `least` equal increments away from zero.
pub(crate) fn linear_runs(values: &[f64], least: usize) -> Vec<bool> {
    let slope = |i: usize| values[i] - values[i - 1];
    let same = |i: usize| (slope(i) - slope(i - 1)).abs() < SAME && slope(i).abs() > REST;
    let mut out = vec![false; values.len()];
    mark(&mut out, 2, 2, least.saturating_sub(1), same);
    out
}

/// Marks stretches of at least `least` rows where `same` holds, from row `first` on, with the `lead` rows before them.
fn mark(out: &mut [bool], first: usize, lead: usize, least: usize, same: impl Fn(usize) -> bool) {
    let mut start = None;
    for i in first..=out.len() {
        if i < out.len() && same(i) {
            start = start.or(Some(i));
        } else if let Some(begin) = start.take()
            && i - begin >= least
        {
            out[begin - lead..i].fill(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{equal_runs, linear_runs};

    #[test]
    fn runs_by_hand() {
        let f = false;
        assert_eq!(equal_runs(&[1.0, 2.0, 2.0, 2.0, 3.0, 0.0, 0.0, 0.0, 0.0], 3), [f, true, true, true, f, f, f, f, f]);
        assert_eq!(equal_runs(&[2.0, 2.0, f64::NAN, 2.0, 2.0], 3), [false; 5]);
        assert_eq!(linear_runs(&[5.0, 1.0, 2.0, 3.0, 4.0, 9.0], 3), [f, true, true, true, true, f]);
        assert!(equal_runs(&[], 3).is_empty() && linear_runs(&[1.0], 3) == [false]);
    }
}
