//! The watch over a fleet: fit once on a training part, then scan.
//!
//! In: frames of any kinds and lengths, one resolution. Out: [`Detection`], [`Health`]. Here models, limits and
//! incidents meet; what each of them does stands in its own file. Deliberately not here: when to fit, when to scan.

use super::Degradation;
use super::DetectError;
use super::Detection;
use super::DetectionPower;
use super::Health;
use super::OperatingRow;
use super::Point;
use super::SoilingDay;
use super::fleet::Fleet;
use super::health::assemble;
use super::incidents::Condition;
use super::machine::Machine;
use super::operating::operating_states;
use super::power::Curves;
use super::rehearsal::Rehearsal;
use super::residual::FittedDetector;
use super::residual::LEAST_ROWS;
use super::residual::Residual;
use super::solar::SolarWatch;
use super::specialist;
use super::specialist::Specialist;
use super::state::State;
use crate::domain::AssetId;
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
    /// False incidents an asset may raise in a year, all its signals together; not zero. Fewer mean later ones.
    pub false_alarms_per_asset_year: f64,
}

impl Default for WatchOptions {
    fn default() -> Self {
        Self { criticality: 72, false_alarms_per_asset_year: 0.5 }
    }
}

/// Learns what is normal.
#[derive(Debug)]
pub struct Watch;

/// What is normal for each asset of a fleet.
#[derive(Debug)]
pub struct FittedWatch {
    until: Timestamp,
    criticality: u32,
    /// Hours of a row.
    hours: f64,
    free: BTreeMap<AssetId, f64>,
    curves: Arc<Curves>,
    members: BTreeMap<AssetId, Machine>,
    /// Watches that judge an asset as a whole; such an asset is no member.
    specialists: BTreeMap<AssetId, Vec<Box<dyn Specialist>>>,
    solar: SolarWatch,
}

impl Watch {
    /// Learns from rows before `train_until`. Assets with too little to learn from are left out; see
    /// [`FittedWatch::watched`].
    ///
    /// # Errors
    /// [`DetectError::NoFrames`], [`DetectError::Resolution`]; [`DetectError::TooShort`] when no asset can be watched.
    pub fn fit(frames: &[Frame], train_until: Timestamp, options: &WatchOptions) -> Result<FittedWatch, DetectError> {
        let solar = SolarWatch::fit(frames, train_until);
        let free = free_limits(frames, train_until);
        let rest = others(frames, &solar);
        if rest.is_empty() && !solar.members().is_empty() {
            return Ok(FittedWatch {
                until: train_until,
                criticality: options.criticality,
                hours: frames.first().map_or(1.0, |frame| frame.resolution.hours()),
                free,
                curves: Arc::default(),
                members: BTreeMap::new(),
                specialists: BTreeMap::new(),
                solar,
            });
        }
        let fleet = Fleet::new(&rest, &free)?;
        let until = fleet.rows_before(train_until);
        let mut specialists: BTreeMap<AssetId, Vec<Box<dyn Specialist>>> = BTreeMap::new();
        for (member, frame) in fleet.frames.iter().enumerate() {
            let own = specialist::specialists(&fleet, member, until);
            if !own.is_empty() {
                specialists.insert(frame.asset.id.clone(), own);
            }
        }
        let machines: Vec<usize> =
            (0..fleet.frames.len()).filter(|&m| !specialists.contains_key(&fleet.frames[m].asset.id)).collect();
        let rehearsal = Rehearsal::new(&fleet, &machines, until);
        let curves = Arc::new(Curves::fit(&fleet, &(0..until)));
        let mut members = BTreeMap::new();
        for member in machines {
            if let Some(machine) = Machine::fit(&fleet, member, until, &curves, &rehearsal, options.false_alarms_per_asset_year) {
                members.insert(fleet.frames[member].asset.id.clone(), machine);
            }
        }
        // Beside machines with models a station or a meter only tells their story again.
        if members.is_empty() && specialists.is_empty() && solar.members().is_empty() {
            for (member, frame) in fleet.frames.iter().enumerate() {
                if let Some(one) = specialist::any_series(&fleet, member, until) {
                    specialists.insert(frame.asset.id.clone(), vec![one]);
                }
            }
        }
        if members.is_empty() && specialists.is_empty() && solar.members().is_empty() {
            return Err(too_short(&fleet, until, train_until));
        }
        let hours = fleet.resolution.hours();
        let criticality = (f64::from(options.criticality) / 6.0 / hours).round().clamp(6.0, 1e6) as u32;
        Ok(FittedWatch { until: train_until, criticality, hours, free, curves, members, specialists, solar })
    }
}

impl FittedWatch {
    /// End of the training part.
    pub const fn fitted_until(&self) -> Timestamp {
        self.until
    }

    /// Assets that have at least one model.
    pub fn watched(&self) -> impl Iterator<Item = &AssetId> {
        self.members.keys().chain(self.specialists.keys()).chain(self.solar.members())
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
            if let Some(own) = self.specialists.get(&frame.asset.id) {
                specialist::report(own, &fleet, member, (since, first), &mut out);
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
        let rows = fleet.rows_before(range.start())..fleet.rows_before(range.end());
        if let Some(own) = self.specialists.get(asset) {
            let mut health = Health::default();
            specialist::compare(own, &fleet, member, rows, &mut health);
            return Ok(health);
        }
        let watch = self.members.get(asset).ok_or_else(unknown)?;
        let condition = self.condition(&fleet, member).ok_or_else(unknown)?;
        let residuals: Vec<(&dyn FittedDetector, Residual)> =
            watch.models.iter().map(|model| (model.fitted.as_ref(), model.fitted.score(&fleet, member))).collect();
        let anomalies = condition.anomalies(&fleet, member);
        Ok(assemble(&fleet, member, self.curves.by_asset.get(asset), &residuals, &condition.causes, &anomalies, rows))
    }

    /// What every watched machine was doing at or after `from`, row by row, by asset, then time. Ice is told from power,
    /// an idle inverter from the sun.
    pub fn operating(&self, frames: &[Frame], from: Timestamp) -> Vec<OperatingRow> {
        let mut out = self.solar.operating(frames, from);
        let rest = others(frames, &self.solar);
        let Ok(fleet) = Fleet::new(&rest, &self.free) else { return out };
        let first = fleet.rows_before(from);
        for (member, frame) in fleet.frames.iter().enumerate() {
            let Some(condition) = self.condition(&fleet, member) else { continue };
            let mut states = operating_states(frame, self.free.get(&frame.asset.id).copied());
            condition.mark_ice(&mut states, fleet.resolution.hours());
            let rows = states.into_iter().enumerate().skip(first);
            out.extend(rows.map(|(row, state)| OperatingRow { asset: frame.asset.id.clone(), time: frame.time(row), state }));
        }
        out
    }

    /// How soon lasting shifts of each signal are expected to raise an incident under the false-alarm budget of the fit.
    pub fn detection_power(&self) -> Vec<DetectionPower> {
        let of = |(asset, machine): (&AssetId, &Machine)| machine.detection_power(asset, self.hours, self.criticality);
        self.members.iter().flat_map(of).collect()
    }

    fn condition(&self, fleet: &Fleet, member: usize) -> Option<Condition> {
        let machine = self.members.get(&fleet.frames[member].asset.id)?;
        Some(machine.condition(fleet, member, &self.curves, &self.members))
    }
}

/// Frames that the solar watch does not take.
fn others<'a>(frames: &'a [Frame], solar: &SolarWatch) -> Vec<&'a Frame> {
    frames.iter().filter(|frame| !solar.members().contains(&frame.asset.id)).collect()
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
