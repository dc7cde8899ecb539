//! Sums of ranks per bin in packed words, and the best split they show.
//!
//! In: bins of the sampled rows and their packed ranks. Out: [`Histogram`]s and [`Split`]s. A word holds the number of rows, the
//! sum of ranks and the sum of distances from the middle rank in 21 bits each, so a row costs one addition, sums are exact, and a
//! sibling is its parent less its twin.

use super::bins::Bins;

const BITS: u32 = 21;
const MASK: u64 = (1 << BITS) - 1;

/// One row at `rank` of `most` (0 below all quantiles, `most` above all).
pub(super) fn packed(rank: usize, most: usize) -> u64 {
    1 | ((rank as u64) << BITS) | (((2 * rank).abs_diff(most) as u64) << (2 * BITS))
}

/// Number of rows, sum of ranks, sum of distances.
pub(super) fn unpacked(word: u64) -> (f64, f64, f64) {
    ((word & MASK) as f64, ((word >> BITS) & MASK) as f64, (word >> (2 * BITS)) as f64)
}

/// Sums of some columns, column after column, `stride` words each.
#[derive(Debug, Clone)]
pub(super) struct Histogram {
    words: Vec<u64>,
}

/// A cut of one column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Split {
    pub(super) gain: f64,
    pub(super) column: usize,
    /// The last bin that goes left.
    pub(super) bin: u8,
    /// Where missing values go.
    pub(super) missing_left: bool,
}

impl Histogram {
    /// Sums `words` over the rows `order`, which they are parallel to.
    pub(super) fn sum(bins: &Bins, columns: &[usize], stride: usize, order: &[u32], words: &[u64]) -> Self {
        let mut sums = vec![0u64; columns.len() * stride];
        for (&column, sums) in columns.iter().zip(sums.chunks_exact_mut(stride)) {
            let column = bins.column(column);
            for (&row, word) in order.iter().zip(words) {
                sums[usize::from(column[row as usize])] += word;
            }
        }
        Self { words: sums }
    }

    /// What is left of this one without `part`.
    pub(super) fn without(mut self, part: &Self) -> Self {
        self.words.iter_mut().zip(&part.words).for_each(|(whole, part)| *whole -= part);
        self
    }

    /// The cut with the greatest fall of squared deviations, with at least `least` rows a side; `spread` weighs the distances.
    pub(super) fn best(&self, columns: &[usize], stride: usize, least: f64, penalty: f64, spread: f64) -> Option<Split> {
        let mut best: Option<Split> = None;
        for (&column, words) in columns.iter().zip(self.words.chunks_exact(stride)) {
            let whole: u64 = words.iter().sum();
            let last = words.iter().rposition(|word| *word != 0).unwrap_or(0);
            let (rows, ranks, distances) = unpacked(whole);
            if rows < 2.0 * least {
                return None;
            }
            let (mean, wide) = (ranks / rows, distances / rows);
            let gain = |left: u64| {
                let (n, r, d) = unpacked(left);
                let m = rows - n;
                if n < least || m < least {
                    return 0.0;
                }
                let (shift, stretch) = (r - n * mean, d - n * wide);
                (shift * shift + spread * stretch * stretch) * (1.0 / (n + penalty) + 1.0 / (m + penalty))
            };
            let mut take = |left: u64, bin: usize, missing_left: bool| {
                let gain = gain(left);
                if gain > best.map_or(0.0, |held| held.gain) {
                    best = Some(Split { gain, column, bin: bin as u8, missing_left });
                }
            };
            let missing = words[0];
            let mut left = 0u64;
            for (bin, &word) in words.iter().enumerate().take(last).skip(1) {
                if word == 0 {
                    continue;
                }
                left += word;
                take(left, bin, false);
                if missing != 0 {
                    take(left + missing, bin, true);
                }
            }
            if missing != 0 {
                take(missing, 0, true);
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::{packed, unpacked};

    #[test]
    fn words_hold_three_sums() {
        let word: u64 = (0..100_000).map(|i| packed(i % 10, 9)).sum();
        assert_eq!(unpacked(word), (100_000.0, 450_000.0, 500_000.0));
        assert_eq!(unpacked(packed(15, 15) * 131_072), (131_072.0, 1_966_080.0, 1_966_080.0));
    }
}
