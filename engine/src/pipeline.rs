//! The hall where the rooms meet: telemetry in, forecasts and findings out, one cycle at a time.
//!
//! `now` is an argument everywhere; the clock and the schedule live outside (in `api`). A model that fails for one asset is
//! recorded in the report of the cycle and skipped; it never stops the cycle for the others.

mod checking;
mod circumstances;
mod coherent;
mod evidence;
mod explaining;
mod forecast_agg;
mod forecasting;
mod functions;
mod hierarchy;
pub mod ingest;
mod learning;
mod maintenance;
mod products;
mod verify;
mod watching;

pub use evidence::SignalTrace;
pub use forecast_agg::{PlanCodec, forecast_agg};
pub use forecasting::{ForecastCycle, Issue, Missed};
pub use functions::{
    paths_batch, plan_batch, ramps_batch, record_batch, register_functions, register_maintenance, reserve_batch, scores_batch,
};
pub use maintenance::{CrewHours, MOST_ALERTS, MaintenancePlan, MaintenanceRequest};
pub use products::Paths;
pub use verify::Settled;
pub use watching::WatchCycle;

use crate::alert::AlertError;
use crate::detect::DetectError;
use crate::domain::Asset;
use crate::domain::AssetId;
use crate::domain::AssetKind;
use crate::domain::DomainError;
use crate::domain::IntervalLabel;
use crate::domain::Quantity;
use crate::domain::Resolution;
use crate::domain::Timestamp;
use crate::evaluate::CoherenceError;
use crate::evaluate::EvaluateError;
use crate::evaluate::Served;
use crate::features::OperatorDay;
use crate::features::TargetKind;
use crate::models::ProductError;
use crate::models::ReconcileError;
use crate::models::ScenarioError;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::ledger::Ledger;
use crate::store::ledger::LedgerError;
use forecasting::Prepared;
use forecasting::Serving;
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::RwLock;

/// How far back models look, how far ahead they speak.
#[derive(Debug, Clone, PartialEq)]
pub struct PipelineOptions {
    /// Longest lead of the live forecasts.
    pub horizon: SignedDuration,
    /// History that forecasters see.
    pub history: SignedDuration,
    /// Share of the history that the watch learns from at least, the earliest part; all but the newest 90 days.
    pub learning_share: f64,
    /// The watch needs at least this much to learn from.
    pub least_learning: SignedDuration,
    /// False alarms an asset may raise in a year: what the limits of the watch are set by. Not zero.
    pub false_alarms_per_asset_year: f64,
    /// Whether turbines and inverters are forecast unasked as well as plants, regions and meters.
    pub machines: bool,
    /// The operator's table of holidays and sighted days.
    pub days: Vec<OperatorDay>,
}

impl Default for PipelineOptions {
    fn default() -> Self {
        Self {
            horizon: SignedDuration::from_hours(48),
            history: SignedDuration::from_hours(24 * 400),
            learning_share: 0.6,
            least_learning: SignedDuration::from_hours(24 * 30),
            false_alarms_per_asset_year: 0.5,
            machines: false,
            days: Vec::new(),
        }
    }
}

/// Why a cycle, or one asset of it, failed.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The forecast could not be made.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
    /// The watch could not be fitted.
    #[error(transparent)]
    Detect(#[from] DetectError),
    /// The register of models refused.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The alert book refused.
    #[error(transparent)]
    Alert(#[from] AlertError),
    /// A name or a time is wrong.
    #[error(transparent)]
    Domain(#[from] DomainError),
    /// The sums of the fleet are not sound.
    #[error(transparent)]
    Reconcile(#[from] ReconcileError),
    /// A cycle could not be made coherent.
    #[error(transparent)]
    Coherence(#[from] CoherenceError),
    /// Scenarios could not be drawn.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// A ramp or a reserve that makes no sense.
    #[error(transparent)]
    Product(#[from] ProductError),
    /// A plan that cannot be made.
    #[error("{field} is {given}, it must be {expected}")]
    PlanRequest {
        /// The field.
        field: &'static str,
        /// What stands there.
        given: String,
        /// What may stand there.
        expected: &'static str,
    },
    /// Nothing was issued yet.
    #[error(
        "no forecast of {quantity} of {asset} was issued yet; `chergui serve` issues one every hour, /api/v1/forecasts/issues lists those there are"
    )]
    NoForecast {
        /// Whose.
        asset: AssetId,
        /// Of what.
        quantity: Quantity,
    },
    /// The asset is not in the store.
    #[error("asset {asset:?} is not in the store{}; import it first, `SELECT id FROM assets` lists what is there", nearest.as_ref().map(|n| format!(", nearest is {n:?}")).unwrap_or_default())]
    UnknownAsset {
        /// The id asked for.
        asset: String,
        /// The closest known id.
        nearest: Option<String>,
    },
    /// The asset has no telemetry of that quantity.
    #[error("{asset} has no {quantity} before {time}; import telemetry or choose another quantity")]
    NoHistory {
        /// Whose.
        asset: AssetId,
        /// Of what.
        quantity: Quantity,
        /// The issue time.
        time: Timestamp,
    },
    /// A worker thread died; a fault of ours.
    #[error("the work for {asset} stopped unexpectedly: {cause}; please report it")]
    Worker {
        /// Whose work.
        asset: String,
        /// What the runtime said.
        cause: String,
    },
}

/// Fitted forecasters by target.
type ServedModels = Arc<RwLock<BTreeMap<(AssetId, Quantity), Arc<Served>>>>;

/// Models that are fitted and the store they work on. Clones share them.
#[derive(Debug, Clone)]
pub struct Pipeline {
    store: Store,
    options: PipelineOptions,
    ledger: Option<Ledger>,
    served: ServedModels,
    serving: Arc<Serving>,
    prepared: Arc<Prepared>,
    watches: Arc<RwLock<BTreeMap<String, learning::Learnt>>>,
    checked: Arc<checking::Checked>,
    coherence: Arc<coherent::Coherence>,
    open_forecasts: Arc<verify::OpenForecasts>,
}

impl Pipeline {
    /// A pipeline with nothing fitted yet.
    pub fn new(store: Store, options: PipelineOptions) -> Self {
        Self {
            store,
            options,
            ledger: None,
            served: Arc::default(),
            serving: Arc::default(),
            prepared: Arc::default(),
            watches: Arc::default(),
            checked: Arc::default(),
            coherence: Arc::default(),
            open_forecasts: Arc::default(),
        }
    }

    /// The same, with its models in the register of a ledger: they serve again after a restart.
    #[must_use]
    pub fn registered(mut self, ledger: Ledger) -> Self {
        self.ledger = Some(ledger);
        self
    }

    /// The store it works on.
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// The asset of that name.
    ///
    /// # Errors
    /// [`PipelineError::UnknownAsset`] with the nearest name.
    pub fn asset(&self, id: &str) -> Result<Asset, PipelineError> {
        let known = self.store.assets();
        known.iter().find(|asset| asset.id.as_str() == id).cloned().ok_or_else(|| PipelineError::UnknownAsset {
            asset: id.into(),
            nearest: crate::domain::nearest(id, known.iter().map(|asset| asset.id.as_str())).map(Into::into),
        })
    }
}

/// Spacing of an asset's telemetry: its attribute `resolution`, else ten minutes.
pub fn resolution(asset: &Asset) -> Resolution {
    let stated = asset.attributes.get("resolution").and_then(|text| Resolution::parse(text).ok());
    stated.or_else(|| Resolution::from_seconds(600)).expect("600 is positive")
}

/// Which end of its interval an asset's times name: its attribute `interval_label`, else the beginning.
pub fn interval_label(asset: &Asset) -> IntervalLabel {
    asset.attributes.get("interval_label").and_then(|text| IntervalLabel::parse(text).ok()).unwrap_or_default()
}

/// The quantity people ask an asset's forecast of, and its physics; `None` for assets that are not forecast by default.
pub fn main_quantity(kind: AssetKind) -> Option<(Quantity, TargetKind)> {
    match kind {
        AssetKind::Region | AssetKind::Meter | AssetKind::Bus => Some((Quantity::LOAD, TargetKind::Load)),
        AssetKind::Transformer => Some((Quantity::ACTIVE_POWER, TargetKind::Load)),
        AssetKind::WindPlant | AssetKind::WindTurbine => Some((Quantity::ACTIVE_POWER, TargetKind::Wind)),
        AssetKind::PvPlant | AssetKind::PvInverter => Some((Quantity::ACTIVE_POWER, TargetKind::Solar)),
        AssetKind::PvTracker | AssetKind::WeatherStation => None,
    }
}

/// The physics behind an asset's forecasts; an asset without a main quantity is treated as a load.
pub fn target_kind(kind: AssetKind) -> TargetKind {
    main_quantity(kind).map_or(TargetKind::Load, |(_, kind)| kind)
}

/// True for the assets whose forecasts are kept up to date without being asked: plants, regions and meters, and where `machines` are
/// wanted turbines and inverters.
pub fn is_forecast_unasked(asset: &Asset, machines: bool) -> bool {
    match asset.kind {
        AssetKind::Region | AssetKind::Meter | AssetKind::WindPlant | AssetKind::PvPlant => true,
        AssetKind::WindTurbine | AssetKind::PvInverter => machines,
        _ => false,
    }
}

/// The grid point at or before `time`.
pub fn grid_time(time: Timestamp, resolution: Resolution) -> Timestamp {
    let step = resolution.seconds() * 1_000_000;
    crate::domain::from_micros(crate::domain::micros(time).div_euclid(step) * step)
}

#[cfg(test)]
mod tests {
    use super::{Resolution, grid_time};
    use crate::domain::parse_time;

    #[test]
    fn issue_times_fall_on_the_grid() {
        let time = parse_time("2026-11-22T10:17:42Z").unwrap();
        assert_eq!(grid_time(time, Resolution::parse("PT10M").unwrap()).to_string(), "2026-11-22T10:10:00Z");
        assert_eq!(grid_time(time, Resolution::parse("PT1H").unwrap()).to_string(), "2026-11-22T10:00:00Z");
    }
}
