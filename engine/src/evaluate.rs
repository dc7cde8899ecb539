//! How good a forecast is, and which model may be served.
//!
//! In: a [`crate::features::Target`]. Out: scores ([`wape`], [`pinball`] and the like), forecasts of a rolling backtest ([`backtest`]), a served
//! model with its [`Verdict`] ([`gate`]). Everything is judged on the past of the origin it is used for; nothing is stored here.

mod amiss;
mod backtest;
mod board;
mod care;
mod ceiling;
mod coherence;
mod drift;
mod early;
mod ensemble;
mod explanation;
mod fallback;
mod gate;
mod metrics;
mod outcome;
mod served;
mod trial;
mod verdict;
mod verification;

pub use amiss::amiss;
pub use backtest::{Backtest, BacktestRequest, GateRequest, Served, backtest, gate};
pub use care::{CARE_CRITICALITY, CareRows, CareScore, EventScore, care_event, care_score};
pub(crate) use ceiling::lowered;
pub use coherence::{CoherenceError, CoherentCycle, CycleRequest, LeftOut, PastErrors, SUM, reconcile_cycle};
pub use drift::{Drift, Watched, place, shared};
pub use early::{Windowed, early, early_at_best};
pub use explanation::{ExplainedStep, Explanation, GroupShare};
pub use fallback::fallback;
pub use metrics::{MetricError, coverage, mae, mase, nmae, pinball, rmse, wape, wql};
pub use outcome::{Due, Outcome, TrackRecord, lead_ends, outcomes, track_record};
pub use served::{MODELS_VERSION, ModelCard};
pub use trial::{Issued, IssuedErrors};
pub use verdict::{BucketVerdict, ScoreRow, Verdict};
pub use verification::{LeadScore, Skill, Verification, VerificationError, VerifiedStep};

use crate::features::FeatureError;
use crate::models::ModelError;

/// Why a target could not be forecast or judged.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EvaluateError {
    /// Features could not be built.
    #[error(transparent)]
    Feature(#[from] FeatureError),
    /// No model could be fitted.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Sums of a verification could not be formed.
    #[error(transparent)]
    Verification(#[from] VerificationError),
    /// There are no origins, or no quantiles.
    #[error("nothing to forecast for {asset}: give at least one origin and one quantile")]
    Empty {
        /// Whose forecast.
        asset: String,
    },
    /// An issue time lies before the data or off the grid.
    #[error("issue time {time} of {asset} is not on its grid: choose a multiple of {resolution} after {start}")]
    OffGrid {
        /// Whose forecast.
        asset: String,
        /// The issue time.
        time: String,
        /// Spacing of the grid.
        resolution: String,
        /// First row.
        start: String,
    },
    /// Too little is known before an origin.
    #[error("{asset} has {known} known values of {quantity} before {time}, at least {needed} are needed: import more history")]
    TooLittle {
        /// Whose forecast.
        asset: String,
        /// Of what.
        quantity: String,
        /// The origin.
        time: String,
        /// Values known.
        known: usize,
        /// Values needed: two days.
        needed: usize,
    },
}

#[cfg(test)]
mod tests;
