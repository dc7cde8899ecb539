//! The watch over a fleet: fit once on a training part, then scan.
//!
//! In: frames of any kinds and lengths, one resolution. Out: [`Detection`], [`Health`]. Here models, limits and
//! incidents meet; what each of them does stands in its own file. Deliberately not here: when to fit, when to scan.

use super::DetectError;
use super::Detection;
use super::Health;
use super::Point;
use super::attribution::Cause;
use super::attribution::PowerBalance;
use super::evidence::Limits;
use super::evidence::Trace;
use super::fleet::Fleet;
use super::frozen::Frozen;
use super::heading::Heading;
use super::health::assemble;
use super::incidents::Condition;
use super::neighbours::hold_back;
use super::neighbours::missing;
use super::pitch::Pitch;
use super::power::Consensus;
use super::power::Curves;
use super::power::Target;
use super::power::air;
use super::relief::relieve;
use super::residual::Detector;
use super::residual::FittedDetector;
use super::residual::LEAST_ROWS;
use super::residual::Residual;
use super::residual::Side;
use super::shortfall::Band;
use super::shortfall::Shortfall;
use super::state::State;
use super::temperature::Temperature;
use super::temperature::temperatures;
use crate::domain::AssetId;
use crate::domain::AssetKind;
use crate::domain::Frame;
use crate::domain::Quantity;
use crate::domain::TimeRange;
use crate::domain::Timestamp;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// Knobs of the watch; the defaults serve every fleet we measured.
#[derive(Debug, Clone, PartialEq)]
pub struct WatchOptions {
    /// Anomalous rows (less quiet ones) of ten minutes until an incident opens; other resolutions are scaled to the
    /// same time. CARE (Gück et al. 2024) uses 72, that is 12 hours.
    pub criticality: u32,
    /// False incidents an asset may raise in a year, all its signals together; not zero. Fewer mean later ones.
    pub false_alarms_per_asset_year: f64,
}

impl Default for WatchOptions {
    fn default() -> Self {
        Self { criticality: 72, false_alarms_per_asset_year: 0.5 }
    }
}

/// Share of power that must be missing beside the neighbours before anyone is called.
const LEAST_LOSS: f64 = 0.035;
/// Hours of running over which that share is taken.
const LOSS_HOURS: f64 = 24.0;

/// A heading beside the neighbours' that costs less than this share of power is an encoder, not a misalignment.
const HEADING_LOSS: f64 = 0.03;
/// Hours of running over which that share is taken.
const HEADING_HOURS: f64 = 60.0;

/// Days of rows over which the level of power is followed where nothing is wrong.
const RATIO_DAYS: f64 = 10.0;

/// Learns what is normal.
#[derive(Debug)]
pub struct Watch;

/// What is normal for each asset of a fleet.
#[derive(Debug)]
pub struct FittedWatch {
    until: Timestamp,
    criticality: u32,
    free: BTreeMap<AssetId, f64>,
    curves: Arc<Curves>,
    members: BTreeMap<AssetId, Member>,
}

#[derive(Debug)]
struct Member {
    models: Vec<(Box<dyn FittedDetector>, Vec<Limits>)>,
    frozen: Vec<Frozen>,
}

impl Watch {
    /// Learns from rows before `train_until`. Assets with too little to learn from are left out; see
    /// [`FittedWatch::watched`].
    ///
    /// # Errors
    /// [`DetectError::NoFrames`], [`DetectError::Resolution`]; [`DetectError::TooShort`] when no asset can be watched.
    pub fn fit(frames: &[Frame], train_until: Timestamp, options: &WatchOptions) -> Result<FittedWatch, DetectError> {
        let free = free_limits(frames, train_until);
        let fleet = Fleet::new(frames, &free)?;
        let until = fleet.rows_before(train_until);
        let fresh = rehearsal(&fleet, until);
        let curves = Arc::new(Curves::fit(&fleet, &(0..until)));
        let per_day = 24.0 / fleet.resolution.hours();
        let mut members = BTreeMap::new();
        for (member, frame) in fleet.frames.iter().enumerate() {
            let models: Vec<_> =
                detectors(&fleet, member, &(0..until), &curves).iter().filter_map(|d| d.fit(&fleet, member, &(0..until))).collect();
            let sides: usize = models.iter().map(|model| if model.signal().side == Side::Either { 2 } else { 1 }).sum();
            let allowed = options.false_alarms_per_asset_year / sides.max(1) as f64;
            let fitted = models.into_iter().filter_map(|model| {
                let score = model.score(&fleet, member).score;
                let signs: &[f64] = match model.signal().side {
                    Side::Above => &[1.0],
                    Side::Below => &[-1.0],
                    Side::Either => &[1.0, -1.0],
                };
                let fresh = fresh.get(&(member, model.signal().name.clone())).map_or(&[][..], Vec::as_slice);
                let known = &score[..until.min(score.len())];
                let fit = |sign: &f64| Limits::fit(known, fresh, *sign, model.signal().least, per_day, allowed);
                let limits: Option<Vec<Limits>> = signs.iter().map(fit).collect();
                Some((model, limits?))
            });
            let models: Vec<_> = fitted.collect();
            let watched = temperatures(&fleet, member);
            let frozen = watched.iter().filter_map(|q| Frozen::fit(&fleet, member, until, q)).collect();
            if !models.is_empty() {
                members.insert(frame.asset.id.clone(), Member { models, frozen });
            }
        }
        if members.is_empty() {
            return Err(too_short(&fleet, until, train_until));
        }
        let criticality = (f64::from(options.criticality) / 6.0 / fleet.resolution.hours()).round().clamp(6.0, 1e6) as u32;
        Ok(FittedWatch { until: train_until, criticality, free, curves, members })
    }
}

impl FittedWatch {
    /// End of the training part.
    pub const fn fitted_until(&self) -> Timestamp {
        self.until
    }

    /// Assets that have at least one model.
    pub fn watched(&self) -> impl Iterator<Item = &AssetId> {
        self.members.keys()
    }

    /// Verdicts for all rows at or after `from`. Memory (sums, counters) starts with the first row of `frames`, so give
    /// every call the same beginning; frames of another resolution than at the fit give nothing.
    pub fn scan(&self, frames: &[Frame], from: Timestamp) -> Detection {
        let mut out = Detection::default();
        let Ok(fleet) = Fleet::new(frames, &self.free) else { return out };
        let first = fleet.rows_before(from);
        for (member, frame) in fleet.frames.iter().enumerate() {
            let Some(condition) = self.condition(&fleet, member) else { continue };
            let anomalies = condition.anomalies(&fleet, member);
            for row in (first..fleet.len).filter(|&i| fleet.present(member, i)) {
                out.points.push(Point {
                    asset: frame.asset.id.clone(),
                    time: frame.time(row),
                    anomaly: anomalies[row],
                    score: condition.score(row),
                });
            }
            let since = fleet.rows_before(self.until).min(first);
            let incidents = condition.incidents(&fleet, member, self.criticality, since);
            out.incidents.extend(incidents.into_iter().filter(|i| i.closed_at.is_none_or(|closed| closed >= from)));
        }
        out.incidents.sort_by(|a, b| a.opened_at.cmp(&b.opened_at).then_with(|| a.asset_id.cmp(&b.asset_id)));
        out
    }

    /// What the asset page shows: power curve and signals within `range`. Peers help when their frames are given too.
    ///
    /// # Errors
    /// [`DetectError::NotWatched`].
    pub fn health(&self, asset: &AssetId, frames: &[Frame], range: TimeRange) -> Result<Health, DetectError> {
        let unknown = || DetectError::NotWatched { asset: asset.clone(), until: self.until };
        let fleet = Fleet::new(frames, &self.free)?;
        let member = fleet.position(asset).ok_or_else(unknown)?;
        let watch = self.members.get(asset).ok_or_else(unknown)?;
        let condition = self.condition(&fleet, member).ok_or_else(unknown)?;
        let rows = fleet.rows_before(range.start())..fleet.rows_before(range.end());
        let residuals: Vec<(&dyn FittedDetector, Residual)> =
            watch.models.iter().map(|(model, _)| (model.as_ref(), model.score(&fleet, member))).collect();
        let anomalies = condition.anomalies(&fleet, member);
        Ok(assemble(&fleet, member, self.curves.by_asset.get(asset), &residuals, &condition.causes, &anomalies, rows))
    }

    fn condition(&self, fleet: &Fleet, member: usize) -> Option<Condition> {
        let frame = &fleet.frames[member];
        let watch = self.members.get(&frame.asset.id)?;
        let mut causes = Vec::new();
        let mut steps = Vec::new();
        let mut power = None;
        let mut heading = Vec::new();
        let frozen: Vec<(&Frozen, Vec<f64>)> = watch.frozen.iter().map(|f| (f, f.score(fleet, member))).collect();
        for (model, limits) in &watch.models {
            let mut residual = model.score(fleet, member);
            let signal = model.signal();
            // A sensor that repeats itself says nothing about its part.
            if let Some((_, run)) = frozen.iter().find(|(f, _)| f.quantity == signal.quantity) {
                for (value, _) in residual.score.iter_mut().zip(run).filter(|(_, run)| **run >= 0.5) {
                    *value = f64::NAN;
                }
            }
            let Trace { mut on, mut score, onset } = together(limits.iter().map(|l| l.trace(&residual.score)).collect(), fleet.len);
            let is_power = signal.quantity == Quantity::ACTIVE_POWER;
            if is_power {
                let rows = LOSS_HOURS / fleet.resolution.hours();
                hold_back(&mut on, &mut score, &self.missing(fleet, member, &residual, &signal.name, rows), LEAST_LOSS);
            }
            if is_power && power.is_none() {
                power = Some(self.balance(fleet, member, &residual, &on));
            }
            if signal.quantity == Quantity::NACELLE_DIRECTION {
                let beside = |i: usize| {
                    if residual.score[i].is_finite() { turned(residual.observed[i] - residual.expected[i]) } else { f64::NAN }
                };
                heading = (0..fleet.len).map(beside).collect();
            }
            steps.extend(residual.steps.iter().map(|(row, _)| *row));
            if signal.quantity == Quantity::NACELLE_DIRECTION
                && let Some(power) = &power
            {
                let loses = power.loses(HEADING_LOSS, HEADING_HOURS / fleet.resolution.hours());
                for ((on, score), _) in on.iter_mut().zip(&mut score).zip(loses).filter(|(_, loses)| !loses) {
                    *on = false;
                    *score = score.min(0.99);
                }
            }
            let weight = if is_power { 1.0 } else { 2.0 };
            let (name, component, mode) = (signal.name.clone(), signal.component.clone(), signal.mode.clone());
            let quantity = signal.quantity.clone();
            causes.push(Cause { name, quantity, component, mode, on, score, onset, weight, is_power });
        }
        if let Some(power) = &power {
            let light = causes.iter().position(|cause| cause.is_power);
            let heavy = causes.iter().rposition(|cause| cause.is_power);
            if let (Some(light), Some(heavy)) = (light, heavy)
                && light < heavy
            {
                let partial = causes[light].on.clone();
                relieve(&mut causes[heavy].on, &partial, power);
            }
        }
        for (frozen, score) in frozen {
            causes.push(Cause {
                name: frozen.quantity.name().to_owned(),
                quantity: frozen.quantity.clone(),
                component: frozen.component(),
                mode: "frozen_value".to_owned(),
                on: score.iter().map(|s| *s >= 1.0).collect(),
                onset: (0..fleet.len).collect(),
                score: score.into_iter().map(|s| if s >= 1.0 { s.min(10.0) } else { 0.0 }).collect(),
                weight: 4.0,
                is_power: false,
            });
        }
        Some(Condition { causes, power, heading, steps })
    }

    /// Share of power missing beside the neighbours, as one signal of them sees it.
    fn missing(&self, fleet: &Fleet, member: usize, own: &Residual, signal: &str, rows: f64) -> Vec<f64> {
        let judged = |peer: usize| {
            let watch = self.members.get(&fleet.frames[peer].asset.id)?;
            let (model, _) = watch.models.iter().find(|(model, _)| model.signal().name == signal)?;
            Some(fleet.judged(peer, signal, || model.score(fleet, peer)))
        };
        let others: Vec<Arc<Residual>> = fleet.peers(member).into_iter().filter_map(judged).collect();
        missing(own, &others.iter().map(Arc::as_ref).collect::<Vec<_>>(), rows)
    }

    /// `on` are rows of an alarm about power: meanwhile nothing is learnt.
    fn balance(&self, fleet: &Fleet, member: usize, residual: &Residual, on: &[bool]) -> PowerBalance {
        let rated = self.curves.by_asset.get(&fleet.frames[member].asset.id).map_or(f64::INFINITY, |c| c.rated);
        let free = |i: usize| fleet.states[member][i] == State::Free;
        let mut ratio = 1.0_f64;
        let keep = fleet.resolution.hours() / (24.0 * RATIO_DAYS);
        let expected = (0..fleet.len).map(|i| {
            let (expected, actual) = (residual.expected[i] * ratio, residual.observed[i]);
            if !free(i) {
                return f64::NAN;
            }
            if !on[i] && actual.is_finite() && (0.07 * rated..0.88 * rated).contains(&expected) {
                let odd = (actual / residual.expected[i]).clamp(0.8, 1.2);
                ratio += keep * 2.0 * expected / rated * (odd - ratio);
            }
            expected.clamp(0.0, rated)
        });
        PowerBalance {
            actual: residual.observed.clone(),
            expected: expected.collect(),
            air: air(fleet, member),
            rated,
            is_turbine: fleet.frames[member].asset.kind == AssetKind::WindTurbine,
        }
    }
}

/// Scores of every training row by models that learnt from the other half of them, by member and signal.
fn rehearsal(fleet: &Fleet, until: usize) -> BTreeMap<(usize, String), Vec<f64>> {
    let half = until / 2;
    let mut out: BTreeMap<(usize, String), Vec<f64>> = BTreeMap::new();
    for (learn, judge) in [(half..until, 0..half), (0..half, half..until)] {
        let curves = Arc::new(Curves::fit(fleet, &learn));
        for member in 0..fleet.frames.len() {
            for model in detectors(fleet, member, &learn, &curves).iter().filter_map(|d| d.fit(fleet, member, &learn)) {
                let score = model.score(fleet, member).score;
                let row = out.entry((member, model.signal().name.clone())).or_insert_with(|| vec![f64::NAN; until]);
                row[judge.clone()].copy_from_slice(&score[judge.clone()]);
            }
        }
        fleet.forget();
    }
    out
}

/// The models worth trying on a member; those without their columns fall out in `fit`.
fn detectors(fleet: &Fleet, member: usize, learn: &Range<usize>, curves: &Arc<Curves>) -> Vec<Box<dyn Detector>> {
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

/// An angle in (-180, 180].
fn turned(degrees: f64) -> f64 {
    180.0 - (180.0 - degrees).rem_euclid(360.0)
}

/// Alarms of one signal on either side, as one.
fn together(traces: Vec<Trace>, len: usize) -> Trace {
    let mut out = Trace { on: vec![false; len], score: vec![0.0; len], onset: (0..len).collect() };
    for trace in traces {
        for i in 0..len {
            out.on[i] |= trace.on[i];
            if trace.score[i] > out.score[i] {
                out.score[i] = trace.score[i];
                out.onset[i] = trace.onset[i];
            }
        }
    }
    out
}

/// The largest set-point of the training part: what "not limited" looks like.
fn free_limits(frames: &[Frame], until: Timestamp) -> BTreeMap<AssetId, f64> {
    let largest = |frame: &Frame| {
        let limit = frame.column(&Quantity::ACTIVE_POWER_LIMIT)?;
        let top = limit[..frame.index_at(until)].iter().copied().filter(|v| v.is_finite()).fold(f64::NEG_INFINITY, f64::max);
        let known = frame.asset.capacity_kw.map_or(top, |capacity| top.min(capacity));
        known.is_finite().then(|| (frame.asset.id.clone(), known))
    };
    frames.iter().filter_map(largest).collect()
}

fn too_short(fleet: &Fleet, until: usize, train_until: Timestamp) -> DetectError {
    let usable = |m: usize| (0..until.min(fleet.len)).filter(|&i| fleet.states[m][i] != State::NoData).count();
    let best = (0..fleet.frames.len()).max_by_key(|&m| usable(m)).unwrap_or(0);
    DetectError::TooShort { asset: fleet.frames[best].asset.id.clone(), rows: usable(best), until: train_until, needed: LEAST_ROWS }
}
