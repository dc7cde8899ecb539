//! What the pipeline knows and the API shows: the health view of an asset, the verdict on a forecast model, why a
//! forecast says what it says, and what time it is.
//!
//! Plain closures, set once by the binary; the defaults know nothing. Shapes are those of the HTTP contract.

use engine::domain::Asset;
use engine::domain::AssetId;
use engine::domain::Forecast;
use engine::domain::Quantity;
use engine::domain::TimeRange;
use engine::domain::Timestamp;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use utoipa::ToSchema;

/// Why a service could not answer; the text goes to the caller.
#[derive(Debug, thiserror::Error)]
#[error("{service} of {asset_id}: {problem}")]
pub struct ServiceError {
    /// "health", "verdict" or "explanation".
    pub service: &'static str,
    /// Whose.
    pub asset_id: AssetId,
    /// What happened and what to do.
    pub problem: String,
}

/// Future of a service's answer.
pub type Answer<T> = BoxFuture<'static, Result<T, ServiceError>>;
/// Health of an asset over a range; `None` when nothing watches it.
pub type HealthView = Arc<dyn Fn(AssetId, Option<TimeRange>) -> Answer<Option<AssetHealth>> + Send + Sync>;
/// Verdict on the model that forecasts a quantity; `None` before the first evaluation.
pub type VerdictView = Arc<dyn Fn(AssetId, Quantity) -> Answer<Option<Verdict>> + Send + Sync>;
/// Why a forecast says what it says; `None` when the model that made it is not in memory.
pub type ExplanationView = Arc<dyn Fn(Asset, Forecast) -> Answer<Option<Explanation>> + Send + Sync>;

/// The closures.
#[derive(Clone)]
pub struct Services {
    /// `GET /assets/{id}/health`.
    pub health: HealthView,
    /// `verdict` of `GET /forecasts`.
    pub verdict: VerdictView,
    /// `GET /forecasts/explanation`.
    pub explanation: ExplanationView,
    /// What time it is for the site; the demo plays its own.
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Why the API is not ready, `None` when it is; asked by `/health/ready`.
    pub not_ready: Arc<dyn Fn() -> Option<String> + Send + Sync>,
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Services")
    }
}

impl Default for Services {
    fn default() -> Self {
        Self {
            health: Arc::new(|_, _| Box::pin(async { Ok(None) })),
            verdict: Arc::new(|_, _| Box::pin(async { Ok(None) })),
            explanation: Arc::new(|_, _| Box::pin(async { Ok(None) })),
            now: Arc::new(Timestamp::now),
            not_ready: Arc::new(|| None),
        }
    }
}

/// Health view of one asset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AssetHealth {
    /// Whose.
    pub asset_id: String,
    /// End of the stretch the watch was fitted on.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub fitted_until: Option<Timestamp>,
    /// Only for assets that have one.
    pub power_curve: Option<PowerCurve>,
    /// Watched signals.
    pub signals: Vec<Signal>,
}

/// Power over wind speed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PowerCurve {
    /// The fitted curve.
    pub bins: Vec<CurveBin>,
    /// What was measured.
    pub points: Vec<CurvePoint>,
}

/// One bin of the fitted curve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CurveBin {
    /// Middle of the bin, m/s.
    pub wind_speed: f64,
    /// Expected power, kW.
    pub expected_kw: f64,
    /// Usual spread, kW.
    pub spread_kw: f64,
    /// Rows in the bin.
    pub count: u64,
}

/// One measured point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CurvePoint {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub time: Timestamp,
    /// m/s.
    pub wind_speed: f64,
    /// kW.
    pub active_power: f64,
    /// The detector flagged it.
    pub anomalous: bool,
}

/// One watched signal over time; all lists have one entry per time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Signal {
    /// What is watched.
    pub quantity: String,
    /// Its stored unit.
    pub unit: String,
    /// Part of the asset it speaks for.
    pub component: String,
    /// When.
    #[schema(value_type = Vec<String>)]
    pub times: Vec<Timestamp>,
    /// Measured.
    pub observed: Vec<Option<f64>>,
    /// What normal behaviour would be.
    pub expected: Vec<Option<f64>>,
    /// Smoothed distance between them.
    pub score: Vec<Option<f64>>,
    /// Score from which it counts.
    pub limit: f64,
}

/// How the serving model did against the naive ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Verdict {
    /// The model that serves.
    pub model: String,
    /// The best naive model.
    pub best_naive: String,
    /// What was measured, lower is better.
    pub metric: String,
    /// Of the serving model.
    pub score: f64,
    /// Of the best naive model.
    pub naive_score: f64,
    /// `1 - score / naive_score`.
    pub skill: f64,
    /// When it was evaluated.
    #[schema(value_type = String, format = DateTime)]
    pub evaluated_at: Timestamp,
    /// Every model that was tried.
    pub table: Vec<VerdictRow>,
    /// What is served at which leads, from the shortest on: where the best naive was better, it is.
    pub buckets: Vec<VerdictBucket>,
}

/// What is served in one bucket of leads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VerdictBucket {
    /// First lead, steps; 0 is the step valid at the issue time.
    pub from: usize,
    /// First lead beyond, steps.
    pub to: usize,
    /// The model that serves.
    pub model: String,
    /// The best naive model there; null while none could be scored.
    pub best_naive: Option<String>,
    /// Of the serving model.
    pub score: Option<f64>,
    /// Of the best naive model.
    pub naive_score: Option<f64>,
}

/// One model that was tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VerdictRow {
    /// Its name.
    pub model: String,
    /// Its score.
    pub score: f64,
    /// Share of outcomes inside its 80 % band.
    pub coverage_80: Option<f64>,
}

/// Why a forecast says what it says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    /// The model that made the forecast.
    pub model: String,
    /// Order of the contributions: `usual`, `recent`, `weather`, `calendar`.
    pub groups: Vec<String>,
    /// Step by step.
    pub rows: Vec<ExplainedStep>,
    /// What moves the forecast away from the usual level, the strongest first.
    pub summary: Vec<GroupShare>,
}

/// One step of an explanation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ExplainedStep {
    /// What the step is about.
    #[schema(value_type = String, format = DateTime)]
    pub valid_time: Timestamp,
    /// The median of the forecast, in the stored unit.
    pub value: f64,
    /// One per group; they sum to the value.
    pub contributions: Vec<f64>,
    /// The part of `recent` that no input gave: corrections learnt from the errors of the last weeks, and bounds.
    pub correction: f64,
}

/// What one group of inputs does to a whole forecast.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GroupShare {
    /// `recent`, `weather` or `calendar`.
    pub group: String,
    /// Its part of all that moves the forecast away from the usual level.
    pub share: f64,
    /// Mean of what it gives, in the stored unit.
    pub mean: f64,
}
