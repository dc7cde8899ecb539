//! Blade pitch against the pitch usual at that power: below rated power blades stand still at one angle.
//!
//! In: pitch and power of free rows. Out: residuals in either direction. Deliberately not here: a pitch offset the
//! encoder does not show; it shows in the power.

use super::fleet::Fleet;
use super::power::Curves;
use super::regression::centre_and_spread;
use super::regression::median;
use super::residual::Detector;
use super::residual::FittedDetector;
use super::residual::LEAST_ROWS;
use super::residual::Residual;
use super::residual::Side;
use super::residual::Signal;
use super::state::State;
use crate::domain::Quantity;
use std::ops::Range;
use std::sync::Arc;

/// Bins of power between 5 and 75 % of rated.
const BINS: usize = 14;
/// Spread below which a pitch residual costs no power worth an alarm, degrees.
const FLOOR: f64 = 1.0;

/// Learns pitch by power.
#[derive(Debug)]
pub(crate) struct Pitch {
    pub(crate) curves: Arc<Curves>,
}

#[derive(Debug)]
struct FittedPitch {
    signal: Signal,
    curves: Arc<Curves>,
    rated: f64,
    bins: [Option<(f64, f64)>; BINS],
}

impl Detector for Pitch {
    fn fit(&self, fleet: &Fleet, member: usize, learn: &Range<usize>) -> Option<Box<dyn FittedDetector>> {
        let pitch = fleet.column(member, &Quantity::BLADE_PITCH_ANGLE)?;
        let power = fleet.column(member, &Quantity::ACTIVE_POWER)?;
        let rated = fleet.rated(member, learn.end);
        let mut heaps: Vec<Vec<f64>> = vec![Vec::new(); BINS];
        let partial = partial(fleet, &self.curves, member, rated);
        for i in (learn.start..learn.end.min(fleet.len)).filter(|&i| partial[i] && pitch[i].is_finite()) {
            if let Some(bin) = bin(power[i] / rated) {
                heaps[bin].push(pitch[i]);
            }
        }
        if heaps.iter().map(Vec::len).sum::<usize>() < LEAST_ROWS {
            return None;
        }
        let mut bins = [None; BINS];
        for (slot, heap) in bins.iter_mut().zip(heaps) {
            if heap.len() >= 20 {
                let (centre, spread) = centre_and_spread(heap);
                *slot = Some((centre, spread.max(FLOOR)));
            }
        }
        let signal = Signal {
            name: Quantity::BLADE_PITCH_ANGLE.name().into(),
            quantity: Quantity::BLADE_PITCH_ANGLE,
            component: "pitch".into(),
            mode: "pitch_offset".into(),
            side: Side::Either,
            least: 0.8 / FLOOR,
        };
        Some(Box::new(FittedPitch { signal, curves: Arc::clone(&self.curves), rated, bins }))
    }
}

impl FittedDetector for FittedPitch {
    fn signal(&self) -> &Signal {
        &self.signal
    }

    fn unit(&self) -> f64 {
        median(self.bins.iter().flatten().map(|(_, spread)| *spread).collect())
    }

    fn score(&self, fleet: &Fleet, member: usize) -> Residual {
        let nan = || vec![f64::NAN; fleet.len];
        let (Some(pitch), Some(power)) =
            (fleet.column(member, &Quantity::BLADE_PITCH_ANGLE), fleet.column(member, &Quantity::ACTIVE_POWER))
        else {
            return Residual { observed: nan(), expected: nan(), score: nan(), steps: Vec::new() };
        };
        let partial = partial(fleet, &self.curves, member, self.rated);
        let usual = |i: usize| bin(power[i] / self.rated).filter(|_| partial[i]).and_then(|bin| self.bins[bin]);
        Residual {
            observed: pitch.to_vec(),
            expected: (0..fleet.len).map(|i| usual(i).map_or(f64::NAN, |(centre, _)| centre)).collect(),
            score: (0..fleet.len).map(|i| usual(i).map_or(f64::NAN, |(centre, spread)| (pitch[i] - centre) / spread)).collect(),
            steps: Vec::new(),
        }
    }
}

/// Free rows whose wind asks for partial load too: a machine held back in strong wind pitches for a reason.
fn partial(fleet: &Fleet, curves: &Curves, member: usize, rated: f64) -> Vec<bool> {
    let drive = curves.drive(fleet, member);
    let calm = |i: usize| drive.as_ref().is_none_or(|d| d.curve_power[i] < 0.8 * rated);
    (0..fleet.len).map(|i| fleet.states[member][i] == State::Free && calm(i)).collect()
}

fn bin(share: f64) -> Option<usize> {
    (0.05..0.75).contains(&share).then(|| (((share - 0.05) * 20.0) as usize).min(BINS - 1))
}
