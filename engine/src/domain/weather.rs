//! Weather model runs: what each run of each source said about each hour, and from when we could have known it.
//!
//! In: rows of `weather_forecast`. Out: [`WeatherForecasts`] of one asset. Not here: what of it is known at an issue time; the one
//! filter is in `features::weather`.

use super::{AssetId, Quantity, Timestamp};
use std::collections::BTreeMap;

/// One row of `weather_forecast` for one asset.
#[derive(Debug, Clone, PartialEq)]
pub struct WeatherRow {
    /// Whose run: position among the `sources` of the holder.
    pub source: usize,
    /// Start of the weather model run.
    pub init_time: Timestamp,
    /// When the run could first be used.
    pub available_at: Timestamp,
    /// What the row is about.
    pub valid_time: Timestamp,
    /// One value per quantity of the holder, `NaN` where the cell was empty.
    pub values: Vec<f64>,
}

/// The weather forecasts of one asset.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WeatherForecasts {
    /// Names of the sources, any order.
    pub sources: Vec<String>,
    /// Names of the columns of `values`.
    pub quantities: Vec<Quantity>,
    /// Any order.
    pub rows: Vec<WeatherRow>,
}

impl WeatherForecasts {
    /// Position of a source, which is added when it is new.
    pub fn source(&mut self, name: &str) -> usize {
        self.sources.iter().position(|held| held == name).unwrap_or_else(|| {
            self.sources.push(name.to_owned());
            self.sources.len() - 1
        })
    }
}

/// Weather forecasts by asset.
pub type WeatherByAsset = BTreeMap<AssetId, WeatherForecasts>;
