//! The watch over a fleet: fit once on a training part, then scan.
//!
//! In: frames of any kinds and lengths, one resolution. Out: [`Detection`], [`Health`]. Here models, limits and
//! incidents meet; what each of them does stands in its own file. Deliberately not here: when to fit, when to scan.

use super::Degradation;
use super::DetectError;
use super::Detection;
use super::Health;
use super::Point;
use super::SoilingDay;
use super::attribution::Cause;
use super::attribution::PowerBalance;
use super::evidence::Limits;
use super::evidence::Trace;
use super::fleet::Fleet;
use super::frozen::Frozen;
use super::heading::Heading;
use super::health::assemble;
use super::incidents::Condition;
use super::pitch::Pitch;
use super::power::Curves;
use super::power::Target;
use super::power::air;
use super::residual::Detector;
use super::residual::FittedDetector;
use super::residual::LEAST_ROWS;
use super::residual::Residual;
use super::residual::Side;
use super::shortfall::Band;
use super::shortfall::Shortfall;
use super::solar::SolarWatch;
use super::specialist;
use super::specialist::Specialist;
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
use std::sync::Arc;

/// Knobs of the watch; the defaults serve every fleet we measured.
#[derive(Debug, Clone, PartialEq)]
pub struct WatchOptions {
    /// Anomalous rows (less quiet ones) of ten minutes until an incident opens; other resolutions are scaled to the
    /// same time. CARE (Gück et al. 2024) uses 72, that is 12 hours.
    pub criticality: u32,
}

impl Default for WatchOptions {
    fn default() -> Self {
        Self { criticality: 72 }
    }
}

/// A heading beside the neighbours' that costs less than this share of power is an encoder, not a misalignment.
const HEADING_LOSS: f64 = 0.025;

/// Hours of running over which that share is taken.
const HEADING_HOURS: f64 = 48.0;

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
    solar: SolarWatch,
}

#[derive(Debug)]
struct Member {
    models: Vec<(Box<dyn FittedDetector>, Vec<Limits>)>,
    frozen: Vec<Frozen>,
    specialists: Vec<Box<dyn Specialist>>,
}

impl Watch {
    /// Learns from rows before `train_until`. Assets with too little to learn from are left out; see
    /// [`FittedWatch::watched`].
    ///
    /// # Errors
    /// [`DetectError::NoFrames`], [`DetectError::Resolution`]; [`DetectError::TooShort`] when no asset can be watched.
    pub fn fit(frames: &[Frame], train_until: Timestamp, options: &WatchOptions) -> Result<FittedWatch, DetectError> {
        let solar = SolarWatch::fit(frames, train_until);
        let rest = others(frames, &solar);
        if rest.is_empty() && !solar.members().is_empty() {
            let (criticality, curves) = (options.criticality, Arc::default());
            return Ok(FittedWatch {
                until: train_until,
                criticality,
                free: BTreeMap::new(),
                curves,
                members: BTreeMap::new(),
                solar,
            });
        }
        let frames = rest.as_slice();
        let free = free_limits(frames, train_until);
        let fleet = Fleet::new(frames, &free)?;
        let until = fleet.rows_before(train_until);
        let curves = Arc::new(Curves::fit(&fleet, until));
        let per_day = 24.0 / fleet.resolution.hours();
        let mut members = BTreeMap::new();
        for (member, frame) in fleet.frames.iter().enumerate() {
            let specialists = specialist::specialists(&fleet, member, until);
            if !specialists.is_empty() {
                members.insert(frame.asset.id.clone(), Member { models: Vec::new(), frozen: Vec::new(), specialists });
                continue;
            }
            let fitted = detectors(&fleet, member, &curves).into_iter().filter_map(|detector| {
                let model = detector.fit(&fleet, member, until)?;
                let score = model.score(&fleet, member).score;
                let signs: &[f64] = match model.signal().side {
                    Side::Above => &[1.0],
                    Side::Below => &[-1.0],
                    Side::Either => &[1.0, -1.0],
                };
                let limits: Option<Vec<Limits>> =
                    signs.iter().map(|sign| Limits::fit(&score, until, *sign, model.signal().least, per_day)).collect();
                Some((model, limits?))
            });
            let models: Vec<_> = fitted.collect();
            let watched = temperatures(&fleet, member);
            let frozen = watched.iter().filter_map(|q| Frozen::fit(&fleet, member, until, q)).collect();
            if !models.is_empty() {
                members.insert(frame.asset.id.clone(), Member { models, frozen, specialists });
            }
        }
        // Beside machines with models a station or a meter only tells their story again.
        if members.is_empty() && solar.members().is_empty() {
            for (member, frame) in fleet.frames.iter().enumerate() {
                if let Some(one) = specialist::any_series(&fleet, member, until) {
                    let models = Member { models: Vec::new(), frozen: Vec::new(), specialists: vec![one] };
                    members.insert(frame.asset.id.clone(), models);
                }
            }
        }
        if members.is_empty() && solar.members().is_empty() {
            return Err(too_short(&fleet, until, train_until));
        }
        let criticality = (f64::from(options.criticality) / 6.0 / fleet.resolution.hours()).round().clamp(6.0, 1e6) as u32;
        Ok(FittedWatch { until: train_until, criticality, free, curves, members, solar })
    }
}

impl FittedWatch {
    /// End of the training part.
    pub const fn fitted_until(&self) -> Timestamp {
        self.until
    }

    /// Assets that have at least one model.
    pub fn watched(&self) -> impl Iterator<Item = &AssetId> {
        self.members.keys().chain(self.solar.members())
    }

    /// Verdicts for all rows at or after `from`. Memory (sums, counters) starts with the first row of `frames`, so give
    /// every call the same beginning; frames of another resolution than at the fit give nothing.
    pub fn scan(&self, frames: &[Frame], from: Timestamp) -> Detection {
        let mut out = Detection::default();
        self.solar.scan(frames, from, self.until.min(from), &mut out);
        let rest = others(frames, &self.solar);
        let Ok(fleet) = Fleet::new(&rest, &self.free) else { return out };
        let first = fleet.rows_before(from);
        for (member, frame) in fleet.frames.iter().enumerate() {
            let since = fleet.rows_before(self.until).min(first);
            if let Some(watch) = self.members.get(&frame.asset.id).filter(|watch| !watch.specialists.is_empty()) {
                specialist::report(&watch.specialists, &fleet, member, (since, first), &mut out);
                continue;
            }
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
            let incidents = condition.incidents(&fleet, member, self.criticality, since);
            out.incidents.extend(incidents.into_iter().filter(|i| i.closed_at.is_none_or(|closed| closed >= from)));
        }
        out.incidents.sort_by(|a, b| a.opened_at.cmp(&b.opened_at).then_with(|| a.asset_id.cmp(&b.asset_id)));
        out
    }

    /// Dust by day from the end of the training part on, and ageing, of the solar plants among `frames`.
    pub fn solar(&self, frames: &[Frame]) -> (Vec<SoilingDay>, Vec<Degradation>) {
        let mut out = Detection::default();
        self.solar.scan(frames, self.until, self.until, &mut out);
        (out.soiling, out.degradation)
    }

    /// What the asset page shows: power curve and signals within `range`. Peers help when their frames are given too.
    ///
    /// # Errors
    /// [`DetectError::NotWatched`].
    pub fn health(&self, asset: &AssetId, frames: &[Frame], range: TimeRange) -> Result<Health, DetectError> {
        if let Some(health) = self.solar.health(asset, frames, range) {
            return Ok(health);
        }
        let unknown = || DetectError::NotWatched { asset: asset.clone(), until: self.until };
        let fleet = Fleet::new(frames, &self.free)?;
        let member = fleet.position(asset).ok_or_else(unknown)?;
        let watch = self.members.get(asset).ok_or_else(unknown)?;
        let condition = self.condition(&fleet, member).ok_or_else(unknown)?;
        let rows = fleet.rows_before(range.start())..fleet.rows_before(range.end());
        let residuals: Vec<(&dyn FittedDetector, Residual)> =
            watch.models.iter().map(|(model, _)| (model.as_ref(), model.score(&fleet, member))).collect();
        let anomalies = condition.anomalies(&fleet, member);
        let curve = self.curves.by_asset.get(asset);
        let mut health = assemble(&fleet, member, curve, &residuals, &condition.causes, &anomalies, rows.clone());
        specialist::compare(&watch.specialists, &fleet, member, rows, &mut health);
        Ok(health)
    }

    fn condition(&self, fleet: &Fleet, member: usize) -> Option<Condition> {
        let frame = &fleet.frames[member];
        let watch = self.members.get(&frame.asset.id)?;
        let mut causes = Vec::new();
        let mut steps = Vec::new();
        let mut power = None;
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
            if is_power && power.is_none() {
                power = Some(self.balance(fleet, member, &residual));
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
        Some(Condition { causes, power, steps })
    }

    fn balance(&self, fleet: &Fleet, member: usize, residual: &Residual) -> PowerBalance {
        let rated = self.curves.by_asset.get(&fleet.frames[member].asset.id).map_or(f64::INFINITY, |c| c.rated);
        let free = |i: usize| fleet.states[member][i] == State::Free;
        let expected = (0..fleet.len).map(|i| if free(i) { residual.expected[i].clamp(0.0, rated) } else { f64::NAN });
        PowerBalance {
            actual: residual.observed.clone(),
            expected: expected.collect(),
            air: air(fleet, member),
            rated,
            is_turbine: fleet.frames[member].asset.kind == AssetKind::WindTurbine,
        }
    }
}

/// Frames that the solar watch does not take.
fn others(frames: &[Frame], solar: &SolarWatch) -> Vec<Frame> {
    frames.iter().filter(|frame| !solar.members().contains(&frame.asset.id)).cloned().collect()
}

/// The models worth trying on a member; those without their columns fall out in `fit`.
fn detectors(fleet: &Fleet, member: usize, curves: &Arc<Curves>) -> Vec<Box<dyn Detector>> {
    let shortfall = |target, band| Box::new(Shortfall { curves: Arc::clone(curves), target, band });
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
