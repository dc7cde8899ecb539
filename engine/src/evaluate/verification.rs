//! Verification: how good forecasts turned out to be, per lead, as sums that can be stored, merged and read at any time.
//!
//! In: issued quantiles, the truth that has become known, what persistence and the best naive said. Out: [`Verification`], counts and
//! sums per bucket of leads; [`Verification::scores`] reads errors, calibration, sharpness and skill off it. Definitions are those
//! of the bench's `score.py`. Not here: which model is served (`verdict`), where sums are kept.

mod rows;

pub(super) use rows::ROW;

use super::metrics::pinball_of;
use crate::domain::Quantile;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// Why a step could not be taken in, or sums not be merged.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum VerificationError {
    /// A step without its quantiles.
    #[error("{values} values for {quantiles} quantiles: give the row as it was issued")]
    Row {
        /// Values given.
        values: usize,
        /// Quantiles of the verification.
        quantiles: usize,
    },
    /// Edges that do not rise, or quantiles that do not.
    #[error("lead buckets and quantiles must rise and not be empty: buckets end at {buckets:?} s, quantiles are {quantiles:?}")]
    Shape {
        /// Ends of the buckets, seconds.
        buckets: Vec<i64>,
        /// Probabilities.
        quantiles: Vec<f64>,
    },
    /// Sums over other buckets or quantiles.
    #[error(
        "sums over buckets {held:?} s and over {other:?} s, or of other quantiles, do not add up: start anew when either changes"
    )]
    Unlike {
        /// Ends of the buckets, seconds.
        held: Vec<i64>,
        /// Those of the other.
        other: Vec<i64>,
    },
}

/// One step of one issued forecast, and what came of it. All values in the stored unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VerifiedStep<'a> {
    /// From the issue time to the end of the step's interval.
    pub lead_end: SignedDuration,
    /// What happened; a NaN is not scored.
    pub truth: f64,
    /// One value per quantile.
    pub row: &'a [f64],
    /// Expected value, where the forecast states one that is more than the average of the quantiles.
    pub mean: Option<f64>,
    /// What persistence said: a row of quantiles, or a single value.
    pub persistence: Option<&'a [f64]>,
    /// What the best naive said, likewise.
    pub naive: Option<&'a [f64]>,
}

/// Sums of the steps at which a rival spoke too, ours beside its.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Duel {
    steps: u64,
    absolute: f64,
    rival_absolute: f64,
    pinball_steps: u64,
    pinball: f64,
    rival_pinball: f64,
}

/// Sums of a central band.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct BandSums {
    steps: u64,
    inside: u64,
    width: f64,
}

/// Sums of one bucket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Sums {
    steps: u64,
    magnitude: f64,
    absolute: f64,
    squares: f64,
    mean_squares: f64,
    deviation: f64,
    pinball: f64,
    half: BandSums,
    eighty: BandSums,
    persistence: Duel,
    naive: Duel,
}

/// Counts and sums per bucket of leads.
///
/// # Shape
/// Bucket `i` holds the steps that end after bucket `i − 1` does and no later than `buckets[i]`; a last one holds all steps.
/// Small (some 300 bytes a bucket) whatever the number of forecasts: keep one per asset, quantity, model and month.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verification {
    /// Ends of the buckets, seconds from the issue time.
    buckets: Vec<i64>,
    /// Probabilities.
    quantiles: Vec<f64>,
    sums: Vec<Sums>,
}

/// `1 − score / rival's score` over the steps both spoke for: positive is better than the rival. `None` where it said nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Skill {
    /// By absolute error of the median.
    pub mae: Option<f64>,
    /// By pinball loss; only against rivals that gave quantiles.
    pub pinball: Option<f64>,
}

/// How forecasts did at some leads.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LeadScore {
    /// The bucket's leads end after this many seconds …
    pub after: i64,
    /// … and at this one at the latest; `None` for all leads.
    pub until: Option<i64>,
    /// Steps scored.
    pub steps: u64,
    /// Mean absolute error of the median, stored unit.
    pub mae: f64,
    /// Root mean squared error of the median, stored unit.
    pub rmse: f64,
    /// The same of the mean.
    pub rmse_mean: f64,
    /// Mean of median − truth, stored unit: positive is too high.
    pub bias: f64,
    /// Mean pinball loss over steps and quantiles, stored unit.
    pub pinball: f64,
    /// Twice that: the continuous ranked probability score, from the quantiles there are (Gneiting and Ranjan 2011, Journal of
    /// Business & Economic Statistics 29(3)).
    pub crps: f64,
    /// Σ|error| / Σ|truth|; `None` when all truth is zero.
    pub wape: Option<f64>,
    /// Share of truth between the 0.25 and 0.75 quantiles; `None` when the quantiles do not reach that far.
    pub coverage_50: Option<f64>,
    /// Share of truth between the 0.1 and 0.9 quantiles.
    pub coverage_80: Option<f64>,
    /// Sharpness: mean width from the 0.25 to the 0.75 quantile, stored unit.
    pub width_50: Option<f64>,
    /// Mean width from the 0.1 to the 0.9 quantile, stored unit.
    pub width_80: Option<f64>,
    /// Against persistence.
    pub persistence: Skill,
    /// Against the best naive.
    pub naive: Skill,
}

impl Verification {
    /// Nothing scored yet. Buckets are named by the ends of their leads, both they and the quantiles rise.
    ///
    /// # Errors
    /// [`VerificationError::Shape`].
    pub fn new(buckets: &[SignedDuration], quantiles: &[Quantile]) -> Result<Self, VerificationError> {
        let buckets: Vec<i64> = buckets.iter().map(|end| end.as_secs()).collect();
        let quantiles: Vec<f64> = quantiles.iter().map(|q| q.value()).collect();
        let rising = buckets.is_sorted_by(|a, b| a < b) && quantiles.is_sorted_by(|a, b| a < b);
        if !rising || buckets.first().is_some_and(|end| *end <= 0) || quantiles.is_empty() {
            return Err(VerificationError::Shape { buckets, quantiles });
        }
        let sums = vec![Sums::default(); buckets.len() + 1];
        Ok(Self { buckets, quantiles, sums })
    }

    /// Takes in a step; one whose truth, or any of whose quantiles, is not known changes nothing.
    ///
    /// # Errors
    /// [`VerificationError::Row`] when there is not one value per quantile.
    pub fn push(&mut self, step: &VerifiedStep<'_>) -> Result<(), VerificationError> {
        if step.row.len() != self.quantiles.len() {
            return Err(VerificationError::Row { values: step.row.len(), quantiles: self.quantiles.len() });
        }
        if !step.truth.is_finite() || step.row.iter().any(|value| !value.is_finite()) {
            return Ok(());
        }
        let added = self.sums_of(step);
        let end = step.lead_end.as_secs();
        let all = self.buckets.len();
        for place in [self.buckets.iter().position(|edge| end <= *edge), Some(all)].into_iter().flatten() {
            self.sums[place].add(&added);
        }
        Ok(())
    }

    fn sums_of(&self, step: &VerifiedStep<'_>) -> Sums {
        let (truth, row) = (step.truth, step.row);
        let middle = middle(row, &self.quantiles);
        let mean = step.mean.unwrap_or_else(|| row.iter().sum::<f64>() / row.len() as f64);
        let pinball = mean_pinball(truth, row, &self.quantiles);
        let error = middle - truth;
        let duel = |rival: Option<&[f64]>| {
            let mut duel = Duel::default();
            let Some(rival) = rival.filter(|rival| !rival.is_empty() && rival.iter().all(|v| v.is_finite())) else { return duel };
            if rival.len() == self.quantiles.len() {
                duel.pinball_steps = 1;
                duel.pinball = pinball;
                duel.rival_pinball = mean_pinball(truth, rival, &self.quantiles);
                duel.rival_absolute = (self::middle(rival, &self.quantiles) - truth).abs();
            } else {
                duel.rival_absolute = (rival[0] - truth).abs();
            }
            (duel.steps, duel.absolute) = (1, error.abs());
            duel
        };
        let band = |low: f64, high: f64| {
            let edges = quantile_at(row, &self.quantiles, low).zip(quantile_at(row, &self.quantiles, high));
            edges.map_or_else(BandSums::default, |(low, high)| BandSums {
                steps: 1,
                inside: u64::from(truth >= low && truth <= high),
                width: high - low,
            })
        };
        Sums {
            steps: 1,
            magnitude: truth.abs(),
            absolute: error.abs(),
            squares: error * error,
            mean_squares: (mean - truth) * (mean - truth),
            deviation: error,
            pinball,
            half: band(0.25, 0.75),
            eighty: band(0.1, 0.9),
            persistence: duel(step.persistence),
            naive: duel(step.naive),
        }
    }

    /// Adds the sums of another verification of the same buckets and quantiles.
    ///
    /// # Errors
    /// [`VerificationError::Unlike`].
    pub fn merge(&mut self, other: &Self) -> Result<(), VerificationError> {
        let alike = self.buckets == other.buckets && self.quantiles == other.quantiles && self.sums.len() == other.sums.len();
        if !alike {
            return Err(VerificationError::Unlike { held: self.buckets.clone(), other: other.buckets.clone() });
        }
        self.sums.iter_mut().zip(&other.sums).for_each(|(sums, more)| sums.add(more));
        Ok(())
    }

    /// The scores of every bucket that has a step, leads rising, and of all leads last.
    pub fn scores(&self) -> Vec<LeadScore> {
        let mut scores = Vec::new();
        for (place, sums) in self.sums.iter().enumerate().filter(|(_, sums)| sums.steps > 0) {
            let until = self.buckets.get(place).copied();
            let after = if until.is_none() || place == 0 { 0 } else { self.buckets[place - 1] };
            scores.push(sums.score(after, until));
        }
        scores
    }
}

impl Sums {
    fn add(&mut self, other: &Self) {
        self.steps += other.steps;
        self.magnitude += other.magnitude;
        self.absolute += other.absolute;
        self.squares += other.squares;
        self.mean_squares += other.mean_squares;
        self.deviation += other.deviation;
        self.pinball += other.pinball;
        for (band, more) in [(&mut self.half, &other.half), (&mut self.eighty, &other.eighty)] {
            band.steps += more.steps;
            band.inside += more.inside;
            band.width += more.width;
        }
        for (duel, more) in [(&mut self.persistence, &other.persistence), (&mut self.naive, &other.naive)] {
            duel.steps += more.steps;
            duel.absolute += more.absolute;
            duel.rival_absolute += more.rival_absolute;
            duel.pinball_steps += more.pinball_steps;
            duel.pinball += more.pinball;
            duel.rival_pinball += more.rival_pinball;
        }
    }

    fn score(&self, after: i64, until: Option<i64>) -> LeadScore {
        let n = self.steps as f64;
        let share = |above: f64, below: f64| (below > 0.0).then(|| above / below);
        let skill = |duel: &Duel| Skill {
            mae: share(duel.absolute, duel.rival_absolute).map(|ratio| 1.0 - ratio),
            pinball: share(duel.pinball, duel.rival_pinball).map(|ratio| 1.0 - ratio),
        };
        LeadScore {
            after,
            until,
            steps: self.steps,
            mae: self.absolute / n,
            rmse: (self.squares / n).sqrt(),
            rmse_mean: (self.mean_squares / n).sqrt(),
            bias: self.deviation / n,
            pinball: self.pinball / n,
            crps: 2.0 * self.pinball / n,
            wape: share(self.absolute, self.magnitude),
            coverage_50: share(self.half.inside as f64, self.half.steps as f64),
            coverage_80: share(self.eighty.inside as f64, self.eighty.steps as f64),
            width_50: share(self.half.width, self.half.steps as f64),
            width_80: share(self.eighty.width, self.eighty.steps as f64),
            persistence: skill(&self.persistence),
            naive: skill(&self.naive),
        }
    }
}

fn mean_pinball(truth: f64, row: &[f64], probabilities: &[f64]) -> f64 {
    row.iter().zip(probabilities).map(|(value, p)| pinball_of(truth, *value, *p)).sum::<f64>() / row.len() as f64
}

/// The median, or the average of the quantiles where they do not reach it.
fn middle(row: &[f64], probabilities: &[f64]) -> f64 {
    quantile_at(row, probabilities, 0.5).unwrap_or_else(|| row.iter().sum::<f64>() / row.len() as f64)
}

/// A quantile between those there are, on a straight line over probability; `None` outside them.
fn quantile_at(row: &[f64], probabilities: &[f64], wanted: f64) -> Option<f64> {
    if let Some(at) = probabilities.iter().position(|p| (p - wanted).abs() < 1e-9) {
        return Some(row[at]);
    }
    let high = probabilities.partition_point(|p| *p < wanted);
    let low = high.checked_sub(1).filter(|_| high < probabilities.len())?;
    let share = (wanted - probabilities[low]) / (probabilities[high] - probabilities[low]);
    Some((1.0 - share) * row[low] + share * row[high])
}

#[cfg(test)]
mod tests;
