//! Producers that are said to take in what they give: a sign turned over.
//!
//! In: the power of a producer, NaN = missing. Out: rows. A machine at rest takes a few per cent of its rating from the grid, and a
//! single value may be anything; a stretch of the size of production cannot be negative. Where peers are given, they must be
//! producing at that time.

/// Share of the rated power that no machine at rest takes.
const SHARE: f64 = 0.1;
/// Rows in a row.
const LEAST: usize = 3;

/// Rows of stretches below minus a tenth of the rating. `peers` is what the others make, as a share of theirs, NaN where unknown.
pub(super) fn turned_over(values: &[f64], rated: f64, peers: impl Fn(usize) -> f64) -> Vec<bool> {
    let mut out = vec![false; values.len()];
    let resting = |row: usize| peers(row) <= SHARE / 2.0;
    let turned = |row: usize| values[row] < -SHARE * rated && !resting(row);
    let mut from = None;
    for row in 0..=values.len() {
        if row < values.len() && turned(row) {
            from = from.or(Some(row));
        } else if let Some(begin) = from.take()
            && row - begin >= LEAST
        {
            out[begin..row].fill(true);
        }
    }
    out
}

/// The rating: what is stated, else the size the series reaches, on either side of zero.
pub(super) fn rating(values: &[f64], stated: Option<f64>) -> Option<f64> {
    if let Some(capacity) = stated.filter(|capacity| *capacity > 0.0) {
        return Some(capacity);
    }
    let mut sizes: Vec<f64> = values.iter().filter(|v| v.is_finite()).map(|v| v.abs()).collect();
    let top = sizes.len().checked_sub(1)? * 99 / 100;
    let (_, size, _) = sizes.select_nth_unstable_by(top, f64::total_cmp);
    (*size > 0.0).then_some(*size)
}

#[cfg(test)]
mod tests {
    use super::{rating, turned_over};

    #[test]
    fn production_below_zero_is_flagged_rest_and_single_values_are_not() {
        let mut values: Vec<f64> = (0..200).map(|i| 50.0 + 40.0 * (f64::from(i) / 9.0).sin()).collect();
        values[20..26].fill(-2.0);
        values[40] = -60.0;
        values[100..120].iter_mut().for_each(|v| *v = -*v);
        let rated = rating(&values, None).unwrap();
        let hits: Vec<usize> = (0..200).filter(|&i| turned_over(&values, rated, |_| f64::NAN)[i]).collect();
        assert_eq!(hits, (100..120).collect::<Vec<_>>());
        assert!(!turned_over(&values, rated, |_| 0.0).contains(&true));
        assert_eq!((rating(&[], None), rating(&[1.0], Some(9.0))), (None, Some(9.0)));
    }
}
