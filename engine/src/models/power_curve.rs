//! Power curve on forecast wind speed: quantiles of power in thirty bins of the newest run's wind.
//!
//! In: a view with weather. Out: a path (the median) and quantiles. The bench's `power_curve`.

use super::state::{read, written};
use super::{FittedForecaster, Forecaster, ModelError, Outlook, reason};
use crate::domain::Quantile;
use crate::features::{Group, Shares, View, WindColumns, sorted_quantile, wind_columns};
use serde::{Deserialize, Serialize};

const BINS: usize = 30;

/// Empirical power curve.
#[derive(Debug, Clone, Copy)]
pub struct PowerCurve;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Curve {
    edges: Vec<f64>,
    bins: Vec<Vec<f64>>,
    everything: Vec<f64>,
    columns: WindColumns,
}

impl Curve {
    fn sorted(&self, speed: Option<f64>) -> &[f64] {
        let bin = speed.map(|s| &self.bins[self.edges.partition_point(|&e| e <= s)]);
        bin.filter(|b| b.len() >= 5).unwrap_or(&self.everything)
    }
}

/// Speed of the newest run at step `index`, if any run speaks of it.
fn speed(view: &View<'_>, index: usize, columns: WindColumns) -> Option<f64> {
    let (row, _) = view.weather(index, 0, 0)?;
    let (u, v) = columns.components(&row);
    let speed = u.hypot(v);
    speed.is_finite().then_some(speed)
}

impl Forecaster for PowerCurve {
    fn name(&self) -> &'static str {
        "power_curve"
    }

    fn is_naive(&self) -> bool {
        true
    }

    fn fit(&self, view: &View<'_>) -> Result<Box<dyn FittedForecaster>, ModelError> {
        let (asset, time) = (view.context.asset.id.to_string(), view.context.time(view.origin).to_string());
        let columns = wind_columns(&view.context.weather).ok_or_else(|| ModelError::NoWeather {
            model: "power_curve",
            asset: asset.clone(),
            time: time.clone(),
        })?;
        let mut pairs: Vec<(f64, f64)> = Vec::new();
        for origin in view.origins_back(view.edge(), view.context.day, 2000) {
            let past = view.at(origin);
            for k in 0..view.context.horizon.min(2 * view.context.day) {
                let power = view.value(origin + k);
                if power.is_finite()
                    && let Some(speed) = speed(&past, origin + k, columns)
                {
                    pairs.push((speed, power));
                }
            }
        }
        if pairs.len() < 20 * BINS {
            return Err(ModelError::NoWeather { model: "power_curve", asset, time });
        }
        let mut speeds: Vec<f64> = pairs.iter().map(|p| p.0).collect();
        speeds.sort_by(f64::total_cmp);
        let edges: Vec<f64> = (1..BINS).filter_map(|i| sorted_quantile(&speeds, i as f64 / BINS as f64)).collect();
        let (mut bins, mut everything) = (vec![Vec::new(); BINS], Vec::new());
        for (speed, power) in pairs {
            bins[edges.partition_point(|&e| e <= speed)].push(power);
            everything.push(power);
        }
        bins.iter_mut().chain([&mut everything]).for_each(|b| b.sort_by(f64::total_cmp));
        Ok(Box::new(Curve { edges, bins, everything, columns }))
    }

    fn restore(&self, state: &[u8]) -> Option<Box<dyn FittedForecaster>> {
        read::<Curve>(state).map(|fitted| -> Box<dyn FittedForecaster> { Box::new(fitted) })
    }
}

impl FittedForecaster for Curve {
    fn outlook(&self, view: &View<'_>, quantiles: &[Quantile]) -> Result<Outlook, ModelError> {
        let (mut path, mut all) = (Vec::new(), Vec::new());
        for k in 0..view.context.horizon {
            let sorted = self.sorted(speed(view, view.origin + k, self.columns));
            path.push(sorted_quantile(sorted, 0.5).unwrap_or(0.0));
            all.push(quantiles.iter().map(|q| sorted_quantile(sorted, q.value()).unwrap_or(0.0)).collect());
        }
        Ok(Outlook { path, quantiles: Some(all) })
    }

    fn state(&self) -> Vec<u8> {
        written(self)
    }

    fn reasons(&self, view: &View<'_>, said: &[f64]) -> Vec<Shares> {
        reason::from_usual(view, said, Group::Weather)
    }
}
