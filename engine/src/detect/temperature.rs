//! Normal behaviour of temperatures: what a part should read, given load and ambient of the past hours.
//!
//! A part is a small set of first-order thermal bodies, so its temperature is linear in exponential averages of load,
//! its square (copper losses) and ambient. In: any `*_temp` column. Out: a residual. Works for gearboxes, generators
//! and transformer oil alike. Source: Schlechtingen & Santos (2011), MSSP 25(5), full-signal reconstruction, linear case.

use super::fleet::Fleet;
use super::regression::Ridge;
use super::regression::centre_and_spread;
use super::residual::Detector;
use super::residual::FittedDetector;
use super::residual::LEAST_ROWS;
use super::residual::Residual;
use super::residual::Side;
use super::residual::Signal;
use super::state::State;
use crate::domain::AssetKind;
use crate::domain::Quantity;
use std::ops::Range;

/// Time constants of the averages, hours; machine parts settle within hours, transformer oil within a day.
const HOURS: [f64; 5] = [0.25, 0.75, 1.5, 4.0, 12.0];
/// Spread below which a residual is sensor noise, K.
const FLOOR: f64 = 0.3;

/// Heat that stays below this is no finding, K.
const LEAST: f64 = 3.0;

/// What heats a part, first found first.
const LOADS: [Quantity; 3] = [Quantity::ACTIVE_POWER, Quantity::LOAD, Quantity::CURRENT];
/// Share of rated load, over this many hours, from which a machine's heat tells something.
const LOADED: f64 = 0.2;
const LOADED_HOURS: f64 = 1.0;

/// Temperatures that are surroundings or follow the sun, not parts.
const SURROUNDINGS: [Quantity; 4] = [Quantity::TEMP_AIR, Quantity::AMBIENT_TEMP, Quantity::TEMP_MODULE, Quantity::TEMP_CELL];

/// Learns one temperature column.
#[derive(Debug)]
pub(crate) struct Temperature {
    pub(crate) quantity: Quantity,
}

#[derive(Debug)]
struct FittedTemperature {
    signal: Signal,
    ridge: Ridge,
    rated: f64,
    spread: f64,
}

/// Columns of a member that are temperatures of parts.
pub(crate) fn temperatures(fleet: &Fleet, member: usize) -> Vec<Quantity> {
    let is_part = |q: &&Quantity| q.name().ends_with("_temp") && !SURROUNDINGS.contains(q);
    fleet.frames[member].quantities().filter(is_part).cloned().collect()
}

impl Detector for Temperature {
    fn fit(&self, fleet: &Fleet, member: usize, learn: &Range<usize>) -> Option<Box<dyn FittedDetector>> {
        let rated = fleet.rated(member, learn.end);
        let features = features(fleet, member, rated)?;
        let target = fleet.column(member, &self.quantity)?;
        let ridge = Ridge::fit(&features, target, |i| learn.contains(&i) && learns(fleet, member, i), LEAST_ROWS)?;
        let fit = ridge.predict(&features, fleet.len);
        let rows = (learn.start..learn.end.min(fleet.len)).filter(|&i| learns(fleet, member, i));
        let residual: Vec<f64> = rows.map(|i| target[i] - fit[i]).filter(|r| r.is_finite()).collect();
        let spread = centre_and_spread(residual).1.max(FLOOR);
        Some(Box::new(FittedTemperature { signal: signal(&self.quantity, spread), ridge, rated, spread }))
    }
}

impl FittedDetector for FittedTemperature {
    fn signal(&self) -> &Signal {
        &self.signal
    }

    fn unit(&self) -> f64 {
        self.spread
    }

    fn score(&self, fleet: &Fleet, member: usize) -> Residual {
        let observed = fleet.column(member, &self.signal.quantity).map_or_else(|| vec![f64::NAN; fleet.len], <[f64]>::to_vec);
        let expected = match features(fleet, member, self.rated) {
            Some(features) => self.ridge.predict(&features, fleet.len),
            None => vec![f64::NAN; fleet.len],
        };
        let loaded = loaded(fleet, member, self.rated);
        let asked = |i: usize| learns(fleet, member, i) && loaded[i];
        let judge = |i: usize| if asked(i) { (observed[i] - expected[i]) / self.spread } else { f64::NAN };
        let score = (0..fleet.len).map(judge).collect();
        Residual { observed, expected, score, steps: Vec::new() }
    }
}

/// A standing machine cools by itself; only a running one shows heat it should not have.
fn learns(fleet: &Fleet, member: usize, row: usize) -> bool {
    let state = fleet.states[member][row];
    state.runs() || (state == State::Idle && fleet.frames[member].asset.kind == AssetKind::Transformer)
}

/// Heat that should not be there grows with load: a part that has hardly worked of late shows little of it, and nothing of
/// its end. Transformers lose iron heat at any load.
fn loaded(fleet: &Fleet, member: usize, rated: f64) -> Vec<bool> {
    let load = LOADS.iter().find_map(|q| fleet.column(member, q));
    let Some(load) = load.filter(|_| fleet.frames[member].asset.kind != AssetKind::Transformer) else {
        return vec![true; fleet.len];
    };
    let share = held(load.iter().map(|p| (p / rated).abs().min(1.5)));
    let alpha = 1.0 - (-fleet.resolution.hours() / LOADED_HOURS).exp();
    average(&share, alpha).into_iter().map(|share| share >= LOADED).collect()
}

fn features(fleet: &Fleet, member: usize, rated: f64) -> Option<Vec<Vec<f64>>> {
    let load = LOADS.iter().find_map(|q| fleet.column(member, q))?;
    let share = held(load.iter().map(|p| (p / rated).abs().min(1.5)));
    let square: Vec<f64> = share.iter().map(|s| s * s).collect();
    let mut out = vec![vec![1.0; fleet.len], share.clone(), square.clone()];
    for hours in HOURS {
        let alpha = 1.0 - (-fleet.resolution.hours() / hours).exp();
        out.push(average(&share, alpha));
        out.push(average(&square, alpha));
    }
    let ambient = [Quantity::TEMP_AIR, Quantity::AMBIENT_TEMP].iter().find_map(|q| fleet.column(member, q));
    if let Some(ambient) = ambient {
        let ambient = held(ambient.iter().copied());
        for hours in [0.75, 4.0, 24.0] {
            out.push(average(&ambient, 1.0 - (-fleet.resolution.hours() / hours).exp()));
        }
        out.push(ambient);
    }
    Some(out)
}

/// The last value stands until the next one comes.
fn held(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut last = f64::NAN;
    let filled = values.map(|v| {
        if v.is_finite() {
            last = v;
        }
        last
    });
    filled.collect()
}

/// Causal exponential average; starts at the first value.
fn average(values: &[f64], alpha: f64) -> Vec<f64> {
    let mut level = f64::NAN;
    let follow = |v: &f64| {
        level = if level.is_nan() { *v } else { level + alpha * (v - level) };
        level
    };
    values.iter().map(follow).collect()
}

/// Component and mode of a temperature, in the words of the people who repair it.
fn signal(quantity: &Quantity, spread: f64) -> Signal {
    let (component, mode) = match quantity.name() {
        "gearbox_bearing_temp" => ("gearbox".into(), "bearing_overheat".into()),
        "gearbox_oil_temp" => ("gearbox".into(), "oil_overheat".into()),
        "generator_winding_temp" => ("generator".into(), "winding_overheat".into()),
        "generator_bearing_temp" => ("generator".into(), "bearing_overheat".into()),
        "top_oil_temp" => ("cooling".into(), "oil_overheat".into()),
        name => (name.trim_end_matches("_temp").into(), "overheat".into()),
    };
    Signal { name: quantity.name().into(), quantity: quantity.clone(), component, mode, side: Side::Above, least: LEAST / spread }
}
