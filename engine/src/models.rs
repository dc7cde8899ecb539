//! Forecasters: the naive family, smoothing, ridge regression, boosted trees; and what turns a path into quantiles.
//!
//! In: a [`View`] of a target. Out: an [`Outlook`]: a path and, where the model knows it by itself, its quantiles. Models are
//! pure: same view, same bytes. Which of them is served is not decided here but in `evaluate`.

mod analogue;
mod bands;
mod boosted;
pub mod boosting;
mod climatology;
mod combine;
mod conformal;
mod experts;
mod ground;
mod leads;
mod linear;
mod naive;
pub mod panel;
mod physics;
mod power_curve;
mod products;
mod reason;
mod reconcile;
mod ridge;
mod scenario;
mod smart;
mod smoothing;
pub(crate) mod state;
mod waves;

pub use analogue::Analogue;
pub use bands::Bands;
pub use boosted::{Boosted, SEED};
pub use climatology::Climatology;
pub use combine::{Mixture, mixed_at, mixture};
pub use conformal::{Conformal, Round};
pub use experts::{Experts, slope};
pub use ground::{Ground, Rarity, ground};
pub use leads::Leads;
pub use linear::{Gram, LinearFit, Normal};
pub use naive::{CalendarBlend, Damped, Seasonal, seasonal};
pub use physics::Physics;
pub use power_curve::PowerCurve;
pub use products::{ProductError, RampRequest, RampRisk, Ramps, Reserve, combined, ramps, reserve};
pub use reconcile::{Covariance, Hierarchy, Layout, Node, Projection, ReconcileError, Series};
pub use ridge::Ridge;
pub use scenario::{Marginal, Sampler, ScenarioError, ScenarioRequest, Scenarios, quantile_of};
pub use smart::SmartPersistence;
pub use smoothing::{Ets, Mstl};
pub use waves::Waves;

use crate::domain::Quantile;
use crate::features::{Group, Shares, TargetKind, View};
use std::fmt::Debug;

/// What a model says about the steps after an origin.
#[derive(Debug, Clone, PartialEq)]
pub struct Outlook {
    /// One value per step: the middle of the forecast.
    pub path: Vec<f64>,
    /// `[step][quantile]`, for models that know their own distribution; others are given bands from their past errors.
    pub quantiles: Option<Vec<Vec<f64>>>,
}

/// A model that can learn from a view of the past.
pub trait Forecaster: Debug + Send + Sync {
    /// Short stable name, stored with every forecast.
    fn name(&self) -> &'static str;

    /// True for members of the naive family: the bar for all others.
    fn is_naive(&self) -> bool {
        false
    }

    /// True for regressions on a long past: of loads days ahead most likely the best, before anything is known.
    fn is_regression(&self) -> bool {
        false
    }

    /// Days between refits when `known` days are known, for models that cost more to fit than others; `None` for the usual.
    fn refit_days(&self, _known: usize) -> Option<usize> {
        None
    }

    /// Learns from what the view knows.
    ///
    /// # Errors
    /// [`ModelError`]: too little history, no usable input.
    fn fit(&self, view: &View<'_>) -> Result<Box<dyn FittedForecaster>, ModelError>;

    /// The fitted model whose [`FittedForecaster::state`] these bytes are; `None` when they are none of this model's.
    fn restore(&self, state: &[u8]) -> Option<Box<dyn FittedForecaster>>;
}

/// A model that has learnt.
pub trait FittedForecaster: Debug + Send + Sync {
    /// The steps `view.origin .. view.origin + horizon`.
    ///
    /// # Errors
    /// [`ModelError`] where the view lacks what the model needs.
    fn outlook(&self, view: &View<'_>, quantiles: &[Quantile]) -> Result<Outlook, ModelError>;

    /// What was learnt, as bytes: the same knowledge, the same bytes. Empty for a model that learns nothing.
    fn state(&self) -> Vec<u8>;

    /// What each group of inputs gives to each step of `said`, the middle of this model's outlook of the same view (the median where
    /// it knows its own quantiles, else the path), in its unit. Relative to the usual level; the sum is what is said but for clipping.
    /// Models that know no features only tell the usual level from the rest, which is what was seen lately.
    fn reasons(&self, view: &View<'_>, said: &[f64]) -> Vec<Shares> {
        reason::from_usual(view, said, Group::Recent)
    }
}

/// Why a model could not be fitted or used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ModelError {
    /// The history is too short.
    #[error("{model} for {asset} needs {needed} known values before {time}, there are {known}: import more history")]
    TooLittle {
        /// Which model.
        model: &'static str,
        /// Whose history.
        asset: String,
        /// The origin.
        time: String,
        /// Values needed.
        needed: usize,
        /// Values known.
        known: usize,
    },
    /// There are no weather forecasts for the asset.
    #[error("{model} for {asset} needs weather forecasts with wind, there are none known at {time}")]
    NoWeather {
        /// Which model.
        model: &'static str,
        /// Whose forecast.
        asset: String,
        /// The origin.
        time: String,
    },
    /// Linear algebra or a foreign library gave up.
    #[error("{model} for {asset} at {time} could not be solved: {reason}")]
    Unsolvable {
        /// Which model.
        model: &'static str,
        /// Whose forecast.
        asset: String,
        /// The origin.
        time: String,
        /// What the library said.
        reason: String,
    },
}

impl ModelError {
    pub(crate) fn too_little(model: &'static str, view: &View<'_>, needed: usize) -> Self {
        let time = view.context.time(view.origin).to_string();
        Self::TooLittle { model, asset: view.context.asset.id.to_string(), time, needed, known: view.known() }
    }

    pub(crate) fn unsolvable(model: &'static str, view: &View<'_>, reason: &dyn std::fmt::Display) -> Self {
        let (asset, time) = (view.context.asset.id.to_string(), view.context.time(view.origin).to_string());
        Self::Unsolvable { model, asset, time, reason: reason.to_string() }
    }
}

/// The candidates for a target of that kind, naives first; the first is served while nothing could be judged.
pub fn candidates(kind: TargetKind, has_weather: bool) -> Vec<Box<dyn Forecaster>> {
    let mut list: Vec<Box<dyn Forecaster>> = match kind {
        TargetKind::Load => vec![
            Box::new(Seasonal::blend()),
            Box::new(Seasonal::daily()),
            Box::new(Seasonal::weekly()),
            Box::new(Seasonal::persistence()),
            Box::new(Climatology::of_days(28)),
            Box::new(CalendarBlend),
            Box::new(Analogue),
            Box::new(Mstl),
        ],
        TargetKind::Wind => {
            vec![Box::new(Damped), Box::new(Seasonal::persistence()), Box::new(Climatology::of_everything()), Box::new(Ets)]
        }
        TargetKind::Solar => vec![
            Box::new(SmartPersistence),
            Box::new(Seasonal::daily()),
            Box::new(Seasonal::persistence()),
            Box::new(Climatology::of_season()),
            Box::new(Climatology::of_days(30)),
        ],
    };
    if kind == TargetKind::Wind && has_weather {
        list.push(Box::new(PowerCurve));
    }
    if kind != TargetKind::Load && has_weather {
        list.push(Box::new(Physics));
    }
    list.push(Box::new(Ridge::long(kind)));
    list.push(Box::new(Ridge::short(kind)));
    if kind == TargetKind::Wind && has_weather {
        list.push(Box::new(Waves));
    }
    list.push(Box::new(Boosted));
    list
}

#[cfg(test)]
mod tests;
