//! Power below what wind, sun and neighbours promise, and a wind sensor that reads below what the power proves.
//!
//! In: a [`Consensus`] estimate. Out: residuals over the usual spread at that level of power. Deliberately not here:
//! why the power is missing (`attribution`).

use super::fleet::Fleet;
use super::power::Consensus;
use super::power::Curves;
use super::power::Target;
use super::power::air;
use super::power::observed;
use super::regression::centre_and_spread;
use super::regression::median;
use super::residual::Detector;
use super::residual::FittedDetector;
use super::residual::Residual;
use super::residual::Side;
use super::residual::Signal;
use super::state::State;
use crate::domain::AssetKind;
use crate::domain::Quantity;
use std::ops::Range;
use std::sync::Arc;

/// Levels of power with a spread of their own.
const LEVELS: usize = 12;

/// Below this a cup or a sonic may carry ice and read low for hours: such rows tell nothing about calibration, °C.
const FROST: f64 = 2.0;

/// A wind sensor that reads low by less than this is within what calibrations differ, m/s.
const LEAST_WIND: f64 = 0.45;

/// Which rows are asked, by expected share of rated power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Band {
    /// Where the curve is steep: small losses show.
    Partial,
    /// Where much is expected: a cap shows here and nowhere else.
    High,
}

/// Learns power below expectation.
#[derive(Debug)]
pub(crate) struct Shortfall {
    pub(crate) curves: Arc<Curves>,
    /// What is expected, shared by the bands of one target; `None` where nothing could be learnt.
    pub(crate) consensus: Option<Arc<Consensus>>,
    pub(crate) target: Target,
    pub(crate) band: Band,
}

#[derive(Debug)]
struct FittedShortfall {
    signal: Signal,
    curves: Arc<Curves>,
    target: Target,
    band: Band,
    consensus: Arc<Consensus>,
    /// Usual error and spread by level of power.
    usual: [(f64, f64); LEVELS],
    rated: f64,
}

impl Detector for Shortfall {
    fn fit(&self, fleet: &Fleet, member: usize, learn: &Range<usize>) -> Option<Box<dyn FittedDetector>> {
        let asset = &fleet.frames[member].asset;
        let own = self.curves.by_asset.get(&asset.id)?;
        if self.target == Target::Wind && own.driver != Quantity::WIND_SPEED {
            return None;
        }
        let consensus = self.consensus.clone()?;
        let mut fitted = FittedShortfall {
            signal: signal(self.target, self.band, asset.kind),
            curves: Arc::clone(&self.curves),
            target: self.target,
            band: self.band,
            consensus,
            usual: [(0.0, f64::INFINITY); LEVELS],
            rated: own.rated,
        };
        let (observed, expected, level) = fitted.columns(fleet, member)?;
        let mut heaps: Vec<Vec<f64>> = vec![Vec::new(); LEVELS];
        for i in (learn.start..learn.end.min(fleet.len)).filter(|&i| fleet.states[member][i] == State::Free) {
            let error = observed[i] - expected[i];
            if let (true, Some(bin)) = (error.is_finite(), bin(level[i])) {
                heaps[bin].push(error);
            }
        }
        let floor = if self.target == Target::Power { 0.01 * own.rated } else { 0.1 };
        for (usual, heap) in fitted.usual.iter_mut().zip(heaps) {
            if heap.len() >= 30 {
                let (centre, spread) = centre_and_spread(heap);
                *usual = (centre, spread.max(floor));
            }
        }
        if self.target == Target::Wind {
            let known: Vec<f64> = fitted.usual.iter().map(|u| u.1).filter(|s| s.is_finite()).collect();
            fitted.signal.least = LEAST_WIND / median(known).max(floor);
        }
        Some(Box::new(fitted))
    }
}

impl FittedShortfall {
    /// Observed, expected and the level of power (share of rated) that decides the spread.
    fn columns(&self, fleet: &Fleet, member: usize) -> Option<(Vec<f64>, Vec<f64>, Vec<f64>)> {
        let observed = observed(fleet, &self.curves, member, self.target)?;
        let expected = self.consensus.estimate(fleet, &self.curves, member)?;
        let level = match self.target {
            Target::Power => expected.iter().map(|p| p / self.rated).collect(),
            Target::Wind => fleet.column(member, &Quantity::ACTIVE_POWER)?.iter().map(|p| p / self.rated).collect(),
        };
        Some((observed, expected, level))
    }
}

impl FittedDetector for FittedShortfall {
    fn signal(&self) -> &Signal {
        &self.signal
    }

    fn unit(&self) -> f64 {
        median(self.usual.iter().map(|usual| usual.1).filter(|spread| spread.is_finite()).collect())
    }

    fn score(&self, fleet: &Fleet, member: usize) -> Residual {
        let nothing = || vec![f64::NAN; fleet.len];
        let Some((observed, mut expected, level)) = self.columns(fleet, member) else {
            return Residual { observed: nothing(), expected: nothing(), score: nothing(), steps: Vec::new() };
        };
        let (low, high) = match (self.target, self.band) {
            (Target::Power, Band::Partial) => (0.07, 0.88),
            (Target::Power, Band::High) => (0.45, 1.2),
            (Target::Wind, _) => (0.05, 0.85),
        };
        // What the straight model misses at the bends of the curve is known from training.
        for (expected, level) in expected.iter_mut().zip(&level) {
            *expected += bin(*level).map_or(0.0, |bin| self.usual[bin].0);
        }
        let air = air(fleet, member);
        let judge = |i: usize| {
            let thawed = self.target == Target::Power || air[i] > FROST;
            let asked = thawed && fleet.states[member][i] == State::Free && level[i] >= low && level[i] <= high;
            match bin(level[i]).filter(|_| asked) {
                Some(bin) => (observed[i] - expected[i]) / self.usual[bin].1,
                None => f64::NAN,
            }
        };
        let score = (0..fleet.len).map(judge).map(|z| if z.is_finite() { z } else { f64::NAN }).collect();
        Residual { observed, expected, score, steps: Vec::new() }
    }
}

fn bin(level: f64) -> Option<usize> {
    level.is_finite().then(|| ((level.max(0.0) * 10.0) as usize).min(LEVELS - 1))
}

fn signal(target: Target, band: Band, kind: AssetKind) -> Signal {
    let (name, quantity, component, mode) = match (target, band, kind) {
        (Target::Wind, _, _) => ("wind_speed", Quantity::WIND_SPEED, "anemometer", "wind_speed_drift"),
        (_, Band::High, AssetKind::WindTurbine) => {
            ("active_power at high wind", Quantity::ACTIVE_POWER, "converter", "power_derate")
        }
        (_, Band::High, AssetKind::PvInverter) => ("active_power at high sun", Quantity::ACTIVE_POWER, "inverter", "power_derate"),
        (_, Band::High, _) => ("active_power at high resource", Quantity::ACTIVE_POWER, "converter", "power_derate"),
        (_, Band::Partial, AssetKind::WindTurbine) => ("active_power", Quantity::ACTIVE_POWER, "pitch", "pitch_offset"),
        (_, Band::Partial, AssetKind::PvInverter) => ("active_power", Quantity::ACTIVE_POWER, "modules", "underperformance"),
        (_, Band::Partial, _) => ("active_power", Quantity::ACTIVE_POWER, "plant", "underperformance"),
    };
    // A cap takes much; what little is missing shows in the other band.
    let least = if band == Band::High { 1.5 } else { 0.0 };
    Signal { name: name.into(), quantity, component: component.into(), mode: mode.into(), side: Side::Below, least }
}
