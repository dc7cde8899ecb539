//! What the naive gate decided, and why: a value to store and to show.

use crate::domain::{AssetId, Quantity, TimeRange, Timestamp};
use serde::{Deserialize, Serialize};

/// Score of one candidate over the evaluated window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoreRow {
    /// Candidate.
    pub model: String,
    /// True for a member of the naive family.
    pub naive: bool,
    /// Mean pinball loss, the target's unit, recent origins weighing more.
    pub score: f64,
    /// Mean absolute error of the median, same weights.
    pub mae: f64,
    /// Root mean squared error of the median, same weights.
    pub rmse: f64,
    /// Share of truth within the 0.1 and 0.9 quantiles; `None` when those were not asked for.
    pub coverage_80: Option<f64>,
    /// The same without the steps at which a plant is dark, whose truth every band holds.
    pub coverage_80_daylight: Option<f64>,
    /// Steps scored.
    pub steps: usize,
}

/// What is served in one bucket of leads, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BucketVerdict {
    /// First lead, steps; 0 is the step valid at the issue time.
    pub from: usize,
    /// First lead beyond, steps.
    pub to: usize,
    /// Served model: the aggregate, or the best naive where that was better.
    pub model: String,
    /// Best naive of these leads; `None` while none could be scored.
    pub best_naive: Option<String>,
    /// Mean pinball loss of the served model at these leads, the target's unit, recent origins weighing more.
    pub score: Option<f64>,
    /// The same of the best naive.
    pub naive_score: Option<f64>,
}

/// The verdict of the naive gate for one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Whose target.
    pub asset_id: AssetId,
    /// Of what.
    pub quantity: Quantity,
    /// Issue time the verdict was made for; only truth before it was used.
    pub evaluated_at: Timestamp,
    /// Served model.
    pub model: String,
    /// Best member of the naive family.
    pub best_naive: String,
    /// What `score` is: `pinball`.
    #[serde(skip_deserializing, default = "metric")]
    pub metric: &'static str,
    /// Score of the served model; `None` while no past forecast could be scored.
    pub score: Option<f64>,
    /// Score of the best naive.
    pub naive_score: Option<f64>,
    /// Past origins whose truth was used: first to last; `None` while there are none.
    pub window: Option<TimeRange>,
    /// All candidates, best first.
    pub table: Vec<ScoreRow>,
    /// What is served at which leads, from the shortest on; empty while no past forecast could be scored.
    pub buckets: Vec<BucketVerdict>,
}

/// The one metric there is.
pub(super) const fn metric() -> &'static str {
    "pinball"
}

impl Verdict {
    /// `1 − score / naive_score`: positive is better than the best naive.
    pub fn skill(&self) -> Option<f64> {
        let (score, naive) = (self.score?, self.naive_score?);
        (naive > 0.0).then(|| 1.0 - score / naive)
    }
}
