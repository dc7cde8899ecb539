//! What the page of an inverter, a tracker or a station shows: measured beside expected.
//!
//! In: a finished [`Scan`] and a range of rows. Out: [`Health`] without a curve: light, not wind, drives these machines. Deliberately not
//! here: the verdicts.

use super::scan::Scan;
use crate::detect::Health;
use crate::detect::HealthSignal;
use crate::domain::AssetId;
use crate::domain::Quantity;
use std::ops::Range;

impl Scan<'_> {
    /// Signals of one asset of the plant within `rows`.
    pub(super) fn health(&self, asset: &AssetId, rows: Range<usize>) -> Health {
        let (ground, plant) = (&self.ground, self.ground.plant);
        let mut signals = Vec::new();
        let mut add =
            |name: &str, component: &str, observed: &dyn Fn(usize) -> f64, expected: &dyn Fn(usize) -> f64, score: &[f64]| {
                let known: Vec<usize> = rows.clone().filter(|&i| observed(i).is_finite()).collect();
                if let (Ok(quantity), false) = (Quantity::parse(name), known.is_empty()) {
                    signals.push(HealthSignal {
                        quantity,
                        component: component.to_owned(),
                        times: known.iter().map(|&i| plant.time(i)).collect(),
                        observed: known.iter().map(|&i| observed(i)).collect(),
                        expected: known.iter().map(|&i| expected(i)).collect(),
                        score: known.iter().map(|&i| score[i]).collect(),
                    });
                }
            };
        if let Some(k) = plant.inverters.iter().position(|i| i.asset.id == *asset) {
            let (inverter, score) = (&plant.inverters[k], &ground.score[k]);
            add("active_power", "inverter", &|i| inverter.power[i], &|i| ground.healthy(k, i), score);
            // Warmer than expected and than the others by `heat`.
            let sink = &inverter.sink;
            add("heat_sink_temp", "inverter_cooling", &|i| sink[i], &|i| sink[i] - ground.heat[k][i], score);
        }
        if let Some(tracker) = plant.trackers.iter().find(|t| t.asset.id == *asset)
            && let Some(k) = tracker.inverter
        {
            add("tracker_angle", "tracker", &|i| tracker.angle[i], &|i| tracker.goal[i], &ground.score[k]);
        }
        if plant.station.id == *asset {
            let expected = |i: usize| ground.light.plane(plant, i, ground.light.angle[i]);
            add("poa_global", "pyranometer", &|i| plant.station.poa[i], &expected, &self.station);
        }
        Health { signals, ..Health::default() }
    }
}
