//! The score board of one candidate: sums of losses per bucket of leads, fading with time.
//!
//! In: a forecast row and its truth, one step at a time. Out: the row of the verdict's table, and the score of each bucket. A step
//! costs the same however long the record is.

use super::metrics::pinball_of;
use super::verdict::ScoreRow;
use crate::domain::Quantile;
use serde::{Deserialize, Serialize};

/// Days after which a score weighs half.
const SCORE_HALF_LIFE_DAYS: f64 = 21.0;

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Sums {
    pinball: f64,
    absolute: f64,
    squared: f64,
    covered: f64,
    total: f64,
    covered_lit: f64,
    lit: f64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Board {
    buckets: Vec<Sums>,
    steps: usize,
    day: f64,
}

/// What all steps of a board are judged by: the quantiles, and where in them the middle and the 80 % band are.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Yardstick {
    probabilities: Vec<f64>,
    middle: usize,
    band: Option<(usize, usize)>,
}

impl Yardstick {
    pub(super) fn new(quantiles: &[Quantile]) -> Self {
        let find = |p: f64| quantiles.iter().position(|q| (q.value() - p).abs() < 1e-9);
        let probabilities: Vec<f64> = quantiles.iter().map(|q| q.value()).collect();
        let middle = probabilities.partition_point(|p| *p < 0.5).min(probabilities.len().saturating_sub(1));
        Self { probabilities, middle, band: find(0.1).zip(find(0.9)) }
    }

    pub(super) fn probabilities(&self) -> &[f64] {
        &self.probabilities
    }

    pub(super) fn width(&self) -> usize {
        self.probabilities.len()
    }

    /// Index of the median, or of the quantile next above it.
    pub(super) fn middle(&self) -> usize {
        self.middle
    }
}

impl Board {
    pub(super) fn new(buckets: usize) -> Self {
        Self { buckets: vec![Sums::default(); buckets], steps: 0, day: 0.0 }
    }

    /// Lets scores of before `day` weigh less.
    pub(super) fn fade(&mut self, day: f64) {
        let factor = 0.5_f64.powf((day - self.day).max(0.0) / SCORE_HALF_LIFE_DAYS);
        self.day = self.day.max(day);
        for sums in &mut self.buckets {
            for sum in [&mut sums.pinball, &mut sums.absolute, &mut sums.squared, &mut sums.covered] {
                *sum *= factor;
            }
            for sum in [&mut sums.total, &mut sums.covered_lit, &mut sums.lit] {
                *sum *= factor;
            }
        }
    }

    /// Scores one step; `lit` where the truth could have been anything but zero.
    pub(super) fn score(&mut self, bucket: usize, truth: f64, row: &[f64], by: &Yardstick, lit: bool) {
        let sums = &mut self.buckets[bucket];
        let losses: f64 = row.iter().zip(&by.probabilities).map(|(f, p)| pinball_of(truth, *f, *p)).sum();
        let gap = truth - row[by.middle];
        sums.pinball += losses / row.len() as f64;
        sums.absolute += gap.abs();
        sums.squared += gap * gap;
        if let Some((low, high)) = by.band {
            let inside = if truth >= row[low] && truth <= row[high] { 1.0 } else { 0.0 };
            sums.covered += inside;
            sums.covered_lit += if lit { inside } else { 0.0 };
        }
        sums.lit += if lit { 1.0 } else { 0.0 };
        sums.total += 1.0;
        self.steps += 1;
    }

    /// Mean pinball loss of a bucket.
    pub(super) fn bucket(&self, bucket: usize) -> Option<f64> {
        let sums = &self.buckets[bucket];
        (sums.total > 0.0).then(|| sums.pinball / sums.total)
    }

    /// Steps scored.
    pub(super) fn steps(&self) -> usize {
        self.steps
    }

    pub(super) fn row(&self, model: &str, naive: bool, by: &Yardstick) -> Option<ScoreRow> {
        let sum = |f: &dyn Fn(&Sums) -> f64| self.buckets.iter().map(f).sum::<f64>();
        let (total, lit) = (sum(&|s| s.total), sum(&|s| s.lit));
        (total > 0.0).then(|| ScoreRow {
            model: model.to_owned(),
            naive,
            score: sum(&|s| s.pinball) / total,
            mae: sum(&|s| s.absolute) / total,
            rmse: (sum(&|s| s.squared) / total).sqrt(),
            coverage_80: by.band.map(|_| sum(&|s| s.covered) / total),
            coverage_80_daylight: by.band.filter(|_| lit > 0.0).map(|_| sum(&|s| s.covered_lit) / lit),
            steps: self.steps,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Board, Yardstick};
    use crate::domain::Quantile;

    #[test]
    fn scores_fade_and_daylight_is_told_apart() {
        let by = Yardstick::new(&Quantile::deciles());
        let mut board = Board::new(2);
        let row: Vec<f64> = (1..10).map(f64::from).collect();
        board.fade(1.0);
        board.score(0, 20.0, &row, &by, true);
        board.fade(22.0);
        board.score(0, 5.0, &row, &by, true);
        board.score(1, 5.0, &row, &by, false);
        let scored = board.row("a", false, &by).unwrap();
        assert_eq!((scored.steps, scored.coverage_80, scored.coverage_80_daylight), (3, Some(0.8), Some(1.0 / 1.5)));
        assert!((scored.mae - 0.5 * 15.0 / 2.5).abs() < 1e-12);
        assert!(board.bucket(0).unwrap() > board.bucket(1).unwrap());
        assert!(Board::new(1).row("b", true, &by).is_none());
    }
}
