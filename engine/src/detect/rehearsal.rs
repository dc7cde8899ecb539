//! How models err on rows they have not seen: each half of the training part judged by models of the other half.
//!
//! In: a fleet and the end of its training part. Out: scores, and shares of missing power, that limits are read from. A
//! model knows its own training rows too well; limits from those cry wolf on the morrow.

use super::budget::STRETCH_DAYS;
use super::budget::limit;
use super::fleet::Fleet;
use super::heading::Heading;
use super::neighbours::HORIZONS;
use super::neighbours::LEAST_LOSS;
use super::neighbours::missing;
use super::pitch::Pitch;
use super::power::Consensus;
use super::power::Curves;
use super::power::Target;
use super::residual::Detector;
use super::residual::Residual;
use super::shortfall::Band;
use super::shortfall::Shortfall;
use super::temperature::Temperature;
use super::temperature::temperatures;
use crate::domain::Quantity;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// Fewest stretches that tell how large a share goes missing by chance.
const LEAST_STRETCHES: usize = 6;

/// Residuals of the training part by member and signal, made by models that had not seen the row.
#[derive(Debug, Default)]
pub(crate) struct Rehearsal {
    until: usize,
    residuals: BTreeMap<(usize, String), Residual>,
}

impl Rehearsal {
    /// Learns twice the models of `machines`; leaves nothing remembered in `fleet`.
    pub(crate) fn new(fleet: &Fleet, machines: &[usize], until: usize) -> Self {
        let until = until.min(fleet.len);
        let half = until / 2;
        let mut residuals: BTreeMap<(usize, String), Residual> = BTreeMap::new();
        for (learn, judge) in [(half..until, 0..half), (0..half, half..until)] {
            let curves = Arc::new(Curves::fit(fleet, &learn));
            for &member in machines {
                for model in detectors(fleet, member, &learn, &curves).iter().filter_map(|d| d.fit(fleet, member, &learn)) {
                    let now = model.score(fleet, member);
                    let whole = residuals.entry((member, model.signal().name.clone())).or_insert_with(|| Residual {
                        observed: vec![f64::NAN; until],
                        expected: vec![f64::NAN; until],
                        score: vec![f64::NAN; until],
                        steps: Vec::new(),
                    });
                    whole.observed[judge.clone()].copy_from_slice(&now.observed[judge.clone()]);
                    whole.expected[judge.clone()].copy_from_slice(&now.expected[judge.clone()]);
                    whole.score[judge.clone()].copy_from_slice(&now.score[judge.clone()]);
                }
            }
            fleet.forget();
        }
        Self { until, residuals }
    }

    /// Scores of all training rows; empty where half a training part was too little.
    pub(crate) fn scores(&self, member: usize, signal: &str) -> &[f64] {
        self.residuals.get(&(member, signal.to_owned())).map_or(&[], |residual| residual.score.as_slice())
    }

    /// Per horizon, the share of power missing beside the neighbours that chance exceeds `allowed` times a year.
    pub(crate) fn shares(&self, fleet: &Fleet, member: usize, signal: &str, allowed: f64) -> [f64; HORIZONS.len()] {
        let known = |member: usize| self.residuals.get(&(member, signal.to_owned()));
        let Some(own) = known(member) else { return [LEAST_LOSS; HORIZONS.len()] };
        let others: Vec<&Residual> = fleet.peers(member).into_iter().filter_map(known).collect();
        let stretch = (STRETCH_DAYS * 24.0 / fleet.resolution.hours()).max(1.0) as usize;
        HORIZONS.map(|hours| {
            let shares = missing(own, &others, hours / fleet.resolution.hours(), &[]);
            let told = |i: usize| own.score[i].is_finite() && shares[i].is_finite();
            let largest = |first: usize| {
                let rows = (first..(first + stretch).min(self.until)).filter(|&i| told(i));
                rows.map(|i| shares[i]).max_by(f64::total_cmp)
            };
            let maxima: Vec<f64> = (0..self.until).step_by(stretch).filter_map(largest).collect();
            if maxima.len() < LEAST_STRETCHES {
                return LEAST_LOSS;
            }
            limit(maxima, 365.25 / STRETCH_DAYS, allowed).max(LEAST_LOSS)
        })
    }
}

/// Scores of the training part of one detector, each half by what the other half taught; NaN where that was too little.
pub(crate) fn unseen(detector: &dyn Detector, fleet: &Fleet, member: usize, until: usize) -> Vec<f64> {
    let until = until.min(fleet.len);
    let half = until / 2;
    let mut out = vec![f64::NAN; until];
    for (learn, judge) in [(half..until, 0..half), (0..half, half..until)] {
        if let Some(model) = detector.fit(fleet, member, &learn) {
            out[judge.clone()].copy_from_slice(&model.score(fleet, member).score[judge]);
        }
    }
    out
}

/// The models worth trying on a member; those without their columns fall out in `fit`.
pub(crate) fn detectors(fleet: &Fleet, member: usize, learn: &Range<usize>, curves: &Arc<Curves>) -> Vec<Box<dyn Detector>> {
    let consensus = |target| Consensus::fit(fleet, curves, member, learn, target).map(Arc::new);
    let (power, wind) = (consensus(Target::Power), consensus(Target::Wind));
    let shortfall = |target, band| {
        let consensus = if target == Target::Power { power.clone() } else { wind.clone() };
        Box::new(Shortfall { curves: Arc::clone(curves), consensus, target, band })
    };
    let mut out: Vec<Box<dyn Detector>> = vec![
        shortfall(Target::Power, Band::Partial),
        shortfall(Target::Power, Band::High),
        Box::new(Pitch { curves: Arc::clone(curves) }),
        Box::new(Heading),
    ];
    // Irradiance is borrowed from a station, so only wind can drift at one machine.
    if fleet.column(member, &Quantity::WIND_SPEED).is_some() {
        out.insert(2, shortfall(Target::Wind, Band::Partial));
    }
    for quantity in temperatures(fleet, member) {
        out.push(Box::new(Temperature { quantity }));
    }
    out
}
