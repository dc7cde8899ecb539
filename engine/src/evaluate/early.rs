//! How well odd rows are found in labelled windows: early is better, and rows outside cost little each.
//!
//! In: scores of the rows of several series, their windows, the rows that do not count, one threshold for all. Out: a
//! figure that is 0 for silence and 100 for the first row of every window and nothing else. Source: Lavin & Ahmad (2015),
//! ICMLA, standard profile (a find 1, a miss −1, a false row 0.11 at most).

/// What a false row costs at most.
const FALSE_ROW: f64 = 0.11;

/// One series.
#[derive(Debug, Clone, PartialEq)]
pub struct Windowed {
    /// Score of every row.
    pub scores: Vec<f64>,
    /// First and last row of every window, in order and apart.
    pub windows: Vec<(usize, usize)>,
    /// Rows at the beginning that do not count.
    pub probation: usize,
}

/// The figure at a threshold: rows with a score of at least that are finds. NaN without windows.
pub fn early(series: &[Windowed], threshold: f64) -> f64 {
    let windows: usize = series.iter().map(|one| counted(one).count()).sum();
    let sum: f64 = series.iter().map(|one| plain(one, threshold)).sum();
    100.0 * (sum + windows as f64) / (2.0 * windows as f64)
}

/// The best figure over thresholds of two decimals, and that threshold.
pub fn early_at_best(series: &[Windowed]) -> (f64, f64) {
    let tried = (1..=100).map(|step| f64::from(step) / 100.0).map(|threshold| (early(series, threshold), threshold));
    tried.fold((f64::NEG_INFINITY, 1.0), |best, one| if one.0 > best.0 { one } else { best })
}

fn counted(one: &Windowed) -> impl Iterator<Item = &(usize, usize)> {
    one.windows.iter().filter(|(_, last)| *last >= one.probation)
}

/// Finds, misses and false rows of one series, weighed.
fn plain(one: &Windowed, threshold: f64) -> f64 {
    let mut sum = 0.0;
    let finds: Vec<usize> = (one.probation..one.scores.len()).filter(|&row| one.scores[row] >= threshold).collect();
    for (first, last) in counted(one) {
        let width = (last - first + 1) as f64;
        let find = finds.iter().find(|row| (first..=last).contains(row));
        sum += find.map_or(-1.0, |row| sigmoid(-((last - row + 1) as f64) / width) / sigmoid(-1.0));
    }
    for row in finds.iter().filter(|row| !one.windows.iter().any(|(first, last)| (first..=last).contains(row))) {
        let before = one.windows.iter().rev().find(|(_, last)| last < row);
        sum += FALSE_ROW * before.map_or(-1.0, |(first, last)| sigmoid((row - last) as f64 / (last - first).max(1) as f64));
    }
    sum
}

/// 1 far before the end of a window, 0 at it, −1 far behind.
fn sigmoid(place: f64) -> f64 {
    if place > 3.0 { -1.0 } else { 2.0 / (1.0 + (5.0 * place).exp()) - 1.0 }
}

#[cfg(test)]
mod tests {
    use super::{Windowed, early, early_at_best};

    fn one(finds: &[usize]) -> Windowed {
        let mut scores = vec![0.1; 100];
        finds.iter().for_each(|&row| scores[row] = 0.9);
        Windowed { scores, windows: vec![(40, 49), (80, 89)], probation: 15 }
    }

    #[test]
    fn worked_by_hand() {
        let at = |finds: &[usize]| early(&[one(finds)], 0.5);
        assert_eq!(at(&[]), 0.0);
        assert!((at(&[40, 80]) - 100.0).abs() < 1e-9);
        assert_eq!(at(&[40, 80, 3]), at(&[40, 80]), "probation does not count");
        assert_eq!(at(&[40, 45, 80]), at(&[40, 80]), "only the first find of a window counts");
        // One miss: (1 − 1 + 2) / 4.
        assert!((at(&[40]) - 50.0).abs() < 1e-9);
        // A false row before any window: −0.11 of 4.
        assert!((at(&[20, 40, 80]) - (100.0 - 11.0 / 4.0)).abs() < 1e-9);
        // The sixth of ten rows: half the window is left, place −0.5: (2/(1+e^−2.5) − 1) / (2/(1+e^−5) − 1) = 0.8483636/0.9866143.
        assert!((at(&[45]) - 100.0 * (0.848_283_6 / 0.986_614_3 - 1.0 + 2.0) / 4.0).abs() < 1e-4, "{}", at(&[45]));
        // Nine rows behind a window ten wide: place 1, 2/(1+e^5) − 1 = −0.9866143.
        assert!((at(&[40, 58]) - 100.0 * (2.0 - 0.11 * 0.986_614_3) / 4.0).abs() < 1e-4);
        // More than three windows behind: the full price.
        let far = Windowed { windows: vec![(40, 49)], ..one(&[40, 99]) };
        assert!((early(&[far], 0.5) - 100.0 * (2.0 - 0.11) / 2.0).abs() < 1e-9);
        assert_eq!(early_at_best(&[one(&[40, 80])]).1, 0.11);
    }
}
