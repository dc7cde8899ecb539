//! Temperature of an inverter's heat sink: what the air and the load make of it.
//!
//! In: air temperature and load before the training end. Out: expected °C per row, by a first-order lag whose time constant is
//! tried over half a dozen values. Deliberately not here: when it is too hot (`derate`).

use super::plant::Inverter;
use super::plant::Plant;
use super::statistics::least_squares;
use super::statistics::median;

/// Time constants tried, minutes.
const LAGS: [f64; 6] = [5.0, 10.0, 20.0, 30.0, 45.0, 90.0];

/// Expected temperature = a + b·air + c·load + d·load², air and load lagged.
#[derive(Debug, Clone)]
pub(super) struct Sink {
    lag: f64,
    terms: [f64; 4],
    /// Typical absolute error in training, K.
    pub(super) error: f64,
}

impl Sink {
    /// Learns from the rows before `until` that no set-point held; `None` where the heat sink is not measured.
    pub(super) fn fit(plant: &Plant, inverter: &Inverter, until: usize, limited: impl Fn(usize) -> bool) -> Option<Self> {
        let lit: Vec<usize> = (0..until)
            .filter(|&i| inverter.power[i] > 0.02 * inverter.rated && inverter.sink[i].is_finite() && !limited(i))
            .collect();
        let tried = LAGS.iter().filter_map(|&lag| {
            let inputs = inputs(plant, inverter, lag, until);
            let terms = least_squares(lit.iter().map(|&i| (row(inputs[i]), inverter.sink[i])))?;
            let error = median(lit.iter().map(|&i| (inverter.sink[i] - dot(terms, row(inputs[i]))).abs()).collect());
            Some(Self { lag, terms, error })
        });
        tried.min_by(|a, b| a.error.total_cmp(&b.error))
    }

    /// Expected temperature of every row.
    pub(super) fn expected(&self, plant: &Plant, inverter: &Inverter) -> Vec<f64> {
        inputs(plant, inverter, self.lag, plant.len).into_iter().map(|input| dot(self.terms, row(input))).collect()
    }
}

fn row((air, load): (f64, f64)) -> [f64; 4] {
    [1.0, air, load, load * load]
}

fn dot(terms: [f64; 4], x: [f64; 4]) -> f64 {
    terms.iter().zip(x).map(|(a, b)| a * b).sum()
}

/// Air temperature and load behind a lag; a gap carries the last value on.
fn inputs(plant: &Plant, inverter: &Inverter, lag: f64, len: usize) -> Vec<(f64, f64)> {
    let weight = 1.0 - (-(plant.step as f64) / 60.0 / lag).exp();
    let (mut air, mut load) = (f64::NAN, 0.0);
    (0..len)
        .map(|i| {
            let now = plant.station.air[i];
            if now.is_finite() {
                air = if air.is_finite() { air + weight * (now - air) } else { now };
            }
            if inverter.power[i].is_finite() {
                load += weight * ((inverter.power[i] / inverter.rated).max(0.0) - load);
            }
            (air, load)
        })
        .collect()
}
