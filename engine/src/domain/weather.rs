//! Weather model runs: what each run said about each hour, and from when we could have known it.

use super::{AssetId, Quantity, Timestamp};
use std::collections::BTreeMap;

/// One row of `weather_forecast` for one asset.
#[derive(Debug, Clone, PartialEq)]
pub struct WeatherRow {
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
    /// Names of the columns of `values`.
    pub quantities: Vec<Quantity>,
    /// Any order.
    pub rows: Vec<WeatherRow>,
}

impl WeatherForecasts {
    /// For each valid time the row of the newest run known at `issue_time`: `available_at <= issue_time`, latest
    /// `init_time` wins. **The** leak filter of the house for weather. Rows that are all NaN do not count.
    pub fn known_at(&self, issue_time: Timestamp) -> BTreeMap<Timestamp, &WeatherRow> {
        let mut newest: BTreeMap<Timestamp, &WeatherRow> = BTreeMap::new();
        for row in self.rows.iter().filter(|r| r.available_at <= issue_time && r.values.iter().any(|v| v.is_finite())) {
            let held = newest.entry(row.valid_time).or_insert(row);
            if row.init_time > held.init_time {
                *held = row;
            }
        }
        newest
    }
}

/// Weather forecasts by asset.
pub type WeatherByAsset = BTreeMap<AssetId, WeatherForecasts>;
