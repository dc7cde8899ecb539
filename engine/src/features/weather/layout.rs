//! Which sources and quantities of the weather a model is fitted on, and goes on looking at.
//!
//! In: weather forecasts and the first time a forecast is made. Out: [`WeatherLayout`]. What starts later is left out until the next
//! fit: it would move the columns under a model that has learnt them, and tell an earlier forecast what was still to come.

use super::known;
use crate::domain::{Quantity, Timestamp, WeatherForecasts, micros};
use serde::{Deserialize, Serialize};

/// Sources and quantities, in the order of their columns.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WeatherLayout {
    sources: Vec<String>,
    quantities: Vec<Quantity>,
}

impl WeatherLayout {
    /// Those with a value that was known at `issue_time`; all of them where nothing was known yet.
    pub fn known_at(weather: &WeatherForecasts, issue_time: Timestamp) -> Self {
        let mut spoke = vec![false; weather.sources.len()];
        let mut held = vec![false; weather.quantities.len()];
        for row in weather.rows.iter().filter(|row| known(micros(row.available_at), micros(issue_time))) {
            for (held, _) in held.iter_mut().zip(&row.values).filter(|(_, value)| value.is_finite()) {
                *held = true;
                if let Some(spoke) = spoke.get_mut(row.source) {
                    *spoke = true;
                }
            }
        }
        let everything = !held.contains(&true);
        let mut sources: Vec<String> =
            weather.sources.iter().zip(&spoke).filter(|(_, spoke)| **spoke || everything).map(|(name, _)| name.clone()).collect();
        sources.sort_unstable();
        let quantities = weather.quantities.iter().zip(&held).filter(|(_, held)| **held || everything);
        Self { sources, quantities: quantities.map(|(name, _)| name.clone()).collect() }
    }

    /// Names of the sources, sorted.
    pub fn sources(&self) -> &[String] {
        &self.sources
    }

    /// Names of the quantities.
    pub fn quantities(&self) -> &[Quantity] {
        &self.quantities
    }

    /// True with more than one source: rows then also hold how far they are apart, and the newest.
    pub fn is_several(&self) -> bool {
        self.sources.len() > 1
    }
}
