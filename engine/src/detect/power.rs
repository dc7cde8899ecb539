//! Normal behaviour of power and wind speed: what a machine should make, from its own wind and from its neighbours.
//!
//! A smooth model beside the bins: own wind by the curve, its square and cube, air density and sector, moved by how far
//! each neighbour stands from what its own wind (and ours) lets expect. Those deviations are bounded, and nothing at all
//! beyond belief: a faulty neighbour moves little, a dead one nothing. Works for inverters with irradiance in place of
//! wind. Source: IEC 61400-12-1, bins and density correction (v·(ρ/ρ₀)^⅓); Huber (1981) for the bounds.

use super::curve::Curve;
use super::fleet::Fleet;
use super::regression::Ridge;
use super::regression::centre_and_spread;
use super::regression::median;
use super::residual::LEAST_ROWS;
use super::state::State;
use crate::domain::AssetId;
use crate::domain::Quantity;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// Which estimate is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Power,
    Wind,
}

/// Curves of the members of a fleet, shared by the models of all of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Curves {
    pub(crate) by_asset: BTreeMap<AssetId, MemberCurve>,
}

/// One member's curve and what drives it.
#[derive(Debug, Clone)]
pub(crate) struct MemberCurve {
    pub(crate) driver: Quantity,
    pub(crate) curve: Curve,
    pub(crate) rated: f64,
    /// Power, and driver, as the machine's own columns alone explain it.
    power: Option<Usual>,
    wind: Option<Usual>,
}

impl MemberCurve {
    fn alone(&self, target: Target) -> Option<&Usual> {
        match target {
            Target::Power => self.power.as_ref(),
            Target::Wind => self.wind.as_ref(),
        }
    }
}

/// Columns derived from one member for one scan.
#[derive(Debug)]
pub(crate) struct Drive {
    /// Power the member's own driver stands for, kW.
    pub(crate) curve_power: Vec<f64>,
    /// Driver the member's own power stands for.
    pub(crate) curve_driver: Vec<f64>,
}

impl Curves {
    /// Learns a curve for every member that has a driver.
    pub(crate) fn fit(fleet: &Fleet, learn: &Range<usize>) -> Self {
        let mut by_asset = BTreeMap::new();
        for (member, frame) in fleet.frames.iter().enumerate() {
            let drivers = [(Quantity::WIND_SPEED, 0.5), (Quantity::POA_GLOBAL, 25.0), (Quantity::GHI, 25.0)];
            let Some((driver, width)) = drivers.into_iter().find(|(q, _)| frame.column(q).is_some()) else { continue };
            let (Some(power), Some(values)) = (frame.column(&Quantity::ACTIVE_POWER), corrected(fleet, member, &driver)) else {
                continue;
            };
            let rows = |i: usize| learn.contains(&i) && fleet.states[member][i] == State::Free;
            if let Some(curve) = Curve::fit(&values, power, width, rows) {
                let rated = fleet.rated(member, learn.end);
                by_asset.insert(frame.asset.id.clone(), MemberCurve { driver, curve, rated, power: None, wind: None });
            }
        }
        let mut curves = Self { by_asset };
        for member in 0..fleet.frames.len() {
            let alone = |target| {
                let own = curves.own(fleet, member, target)?;
                Usual::fit(&own.features, &own.values, target, |i| learn.contains(&i) && own.steep[i])
            };
            let (power, wind) = (alone(Target::Power), alone(Target::Wind));
            if let Some(curve) = curves.by_asset.get_mut(&fleet.frames[member].asset.id) {
                (curve.power, curve.wind) = (power, wind);
            }
        }
        curves
    }

    /// What one member knows by itself about a target.
    fn own(&self, fleet: &Fleet, member: usize, target: Target) -> Option<Own> {
        let rated = self.by_asset.get(&fleet.frames[member].asset.id)?.rated;
        let drive = self.drive(fleet, member)?;
        let power = fleet.column(member, &Quantity::ACTIVE_POWER)?;
        let (scale, top) = if target == Target::Power {
            (rated, self.by_asset.get(&fleet.frames[member].asset.id)?.curve.top())
        } else {
            (1.0, f64::INFINITY)
        };
        let values = observed(fleet, self, member, target)?.into_iter().map(|v| v / scale).collect();
        let sector = harmonics(fleet, member);
        let name = if target == Target::Power { "features of power" } else { "features of wind" };
        let features = fleet.once(member, name, || own_features(&drive, target, rated, &sector, &air(fleet, member)));
        let steep = |i: usize| {
            let level = if target == Target::Power { drive.curve_power[i] } else { power[i] };
            fleet.states[member][i] == State::Free && level > 0.05 * rated && (target == Target::Power || level < 0.93 * rated)
        };
        Some(Own { values, features, sector, steep: (0..fleet.len).map(steep).collect(), scale, top, target })
    }

    /// Derived columns of one member.
    pub(crate) fn drive(&self, fleet: &Fleet, member: usize) -> Option<Drive> {
        let own = self.by_asset.get(&fleet.frames[member].asset.id)?;
        let values = corrected(fleet, member, &own.driver)?;
        let power = fleet.column(member, &Quantity::ACTIVE_POWER)?;
        let made = fleet.once(member, "drive", || {
            vec![values.iter().map(|v| own.curve.power(*v)).collect(), power.iter().map(|p| own.curve.driver(*p)).collect()]
        });
        Some(Drive { curve_power: made.first()?.clone(), curve_driver: made.get(1)?.clone() })
    }
}

/// The driver, wind corrected to standard air density; temperature is held over gaps, density is 1 without it.
pub(crate) fn corrected(fleet: &Fleet, member: usize, driver: &Quantity) -> Option<Vec<f64>> {
    let values = fleet.column(member, driver)?;
    if *driver != Quantity::WIND_SPEED {
        return Some(values.to_vec());
    }
    let air = air(fleet, member);
    Some(values.iter().zip(&air).map(|(v, t)| v * (288.15 / (273.15 + t)).cbrt()).collect())
}

/// Air temperature at a member, median of the farm, last value held; 15 °C where nobody measures it.
pub(crate) fn air(fleet: &Fleet, member: usize) -> Vec<f64> {
    fleet.once(member, "air", || vec![surroundings(fleet, member)])[0].clone()
}

fn surroundings(fleet: &Fleet, member: usize) -> Vec<f64> {
    let mut who = fleet.peers(member);
    who.push(member);
    let columns: Vec<&[f64]> = who.iter().filter_map(|&m| fleet.column(m, &Quantity::TEMP_AIR)).collect();
    let mut last = 15.0;
    (0..fleet.len)
        .map(|i| {
            let now: Vec<f64> = columns.iter().map(|c| c[i]).filter(|v| v.is_finite() && v.abs() < 60.0).collect();
            if !now.is_empty() {
                last = median(now);
            }
            last
        })
        .collect()
}

/// The estimate of one target for one member: its own columns, moved by how far its neighbours stand from theirs.
#[derive(Debug, Clone)]
pub(crate) struct Consensus {
    target: Target,
    ridge: Ridge,
    /// Per neighbour: how its main column usually follows ours.
    peers: Vec<(AssetId, Usual)>,
}

impl Consensus {
    /// Learns from rows `learn` where the machine is free and its curve is steep.
    pub(crate) fn fit(fleet: &Fleet, curves: &Curves, member: usize, learn: &Range<usize>, target: Target) -> Option<Self> {
        let own = curves.own(fleet, member, target)?;
        let rows = |i: usize| learn.contains(&i) && own.steep[i];
        let mut peers = Vec::new();
        for peer in fleet.peers(member) {
            let Some(other) = curves.own(fleet, peer, target) else { continue };
            if let Some(usual) = Usual::fit(&own.features, &other.main(fleet, peer), target, rows) {
                peers.push((fleet.frames[peer].asset.id.clone(), usual));
            }
        }
        let mut consensus = Self { target, ridge: Ridge::none(), peers };
        let columns = consensus.columns(fleet, curves, &own);
        consensus.ridge = Ridge::fit(&columns, &own.values, rows, LEAST_ROWS)?;
        Some(consensus)
    }

    /// The estimate of every row; a neighbour that is silent, held or beyond belief says nothing.
    pub(crate) fn estimate(&self, fleet: &Fleet, curves: &Curves, member: usize) -> Option<Vec<f64>> {
        let own = curves.own(fleet, member, self.target)?;
        let name = if self.target == Target::Power { "estimate of power" } else { "estimate of wind" };
        let made = fleet.once(member, name, || {
            let estimate = self.ridge.predict(&self.columns(fleet, curves, &own), fleet.len);
            vec![estimate.into_iter().map(|v| (v * own.scale).clamp(0.0, own.top)).collect()]
        });
        made.first().cloned()
    }

    fn columns(&self, fleet: &Fleet, curves: &Curves, own: &Own) -> Vec<Vec<f64>> {
        let mut out = own.features.to_vec();
        for (asset, usual) in &self.peers {
            let peer = fleet.position(asset);
            let other = peer.and_then(|peer| Some((peer, curves.own(fleet, peer, self.target)?)));
            let alone = curves.by_asset.get(asset).and_then(|curve| curve.alone(self.target));
            let (gap, deviation) = match (other, alone) {
                (Some((peer, other)), Some(alone)) => {
                    let free = |i: usize| fleet.states[peer][i] == State::Free;
                    let values: Vec<f64> = (0..fleet.len).map(|i| if free(i) { other.values[i] } else { f64::NAN }).collect();
                    (usual.deviation(&own.features, &other.main(fleet, peer)), alone.deviation(&other.features, &values))
                }
                _ => (vec![0.0; fleet.len], vec![0.0; fleet.len]),
            };
            for column in [gap, deviation] {
                out.extend(own.sector.iter().take(3).map(|s| times(&column, s)));
            }
        }
        out
    }
}

/// One member's columns for one target, in shares of rated power or in m/s.
#[derive(Debug)]
pub(crate) struct Own {
    values: Vec<f64>,
    features: Arc<Vec<Vec<f64>>>,
    sector: Arc<Vec<Vec<f64>>>,
    /// Rows that are worth learning from: free, and on the steep part of the curve.
    steep: Vec<bool>,
    scale: f64,
    /// Nothing above this is ever expected, stored unit.
    top: f64,
    target: Target,
}

impl Own {
    /// The column that stands for the resource: power by the curve, or the driver by the curve where the machine is free.
    fn main(&self, fleet: &Fleet, member: usize) -> Vec<f64> {
        let told = |i: usize| self.target == Target::Power || fleet.states[member][i] == State::Free;
        (0..fleet.len).map(|i| if told(i) { self.features[1][i] } else { f64::NAN }).collect()
    }
}

/// A column as a linear function of others, with its usual spread by level.
#[derive(Debug, Clone)]
pub(crate) struct Usual {
    ridge: Ridge,
    spread: [f64; LEVELS],
    target: Target,
}

/// Levels with a spread of their own.
const LEVELS: usize = 12;
/// A deviation counts up to this many spreads,
const COUNTS: f64 = 2.5;
/// and not at all beyond this many: then the neighbour has a trouble of its own.
const BELIEVED: f64 = 4.0;

impl Usual {
    fn fit(features: &[Vec<f64>], values: &[f64], target: Target, rows: impl Fn(usize) -> bool) -> Option<Self> {
        let ridge = Ridge::fit(features, values, &rows, LEAST_ROWS)?;
        let mut usual = Self { ridge, spread: [f64::NAN; LEVELS], target };
        let expected = usual.ridge.predict(features, values.len());
        let mut heaps: Vec<Vec<f64>> = vec![Vec::new(); LEVELS];
        for i in (0..values.len()).filter(|&i| rows(i)) {
            let error = values[i] - expected[i];
            if error.is_finite() {
                heaps[usual.level(expected[i])].push(error);
            }
        }
        let floor = if target == Target::Power { 0.01 } else { 0.05 };
        for (spread, heap) in usual.spread.iter_mut().zip(heaps) {
            if heap.len() >= 30 {
                *spread = centre_and_spread(heap).1.max(floor);
            }
        }
        Some(usual)
    }

    fn level(&self, value: f64) -> usize {
        let per = if self.target == Target::Power { 10.0 } else { 0.5 };
        ((value.max(0.0) * per) as usize).min(LEVELS - 1)
    }

    /// Value less expectation, bounded; 0 where nothing can be said.
    fn deviation(&self, features: &[Vec<f64>], values: &[f64]) -> Vec<f64> {
        let expected = self.ridge.predict(features, values.len());
        let bounded = |(value, expected): (&f64, &f64)| {
            let spread = self.spread[self.level(*expected)];
            let off = (value - expected) / spread;
            if off.abs() <= BELIEVED { off.clamp(-COUNTS, COUNTS) * spread } else { 0.0 }
        };
        values.iter().zip(&expected).map(bounded).collect()
    }
}

/// What is estimated: power, or the density-corrected driver.
pub(crate) fn observed(fleet: &Fleet, curves: &Curves, member: usize, target: Target) -> Option<Vec<f64>> {
    match target {
        Target::Power => Some(fleet.column(member, &Quantity::ACTIVE_POWER)?.to_vec()),
        Target::Wind => corrected(fleet, member, &curves.by_asset.get(&fleet.frames[member].asset.id)?.driver),
    }
}

/// 1, cos, sin, cos 2, sin 2 of the direction the farm faces; only the 1 where nobody measures it.
fn harmonics(fleet: &Fleet, member: usize) -> Arc<Vec<Vec<f64>>> {
    fleet.once(member, "sector", || directions(fleet, member))
}

fn directions(fleet: &Fleet, member: usize) -> Vec<Vec<f64>> {
    let mut who = fleet.peers(member);
    who.push(member);
    let columns: Vec<&[f64]> = who
        .iter()
        .filter_map(|&m| fleet.column(m, &Quantity::NACELLE_DIRECTION).or_else(|| fleet.column(m, &Quantity::WIND_DIRECTION)))
        .collect();
    if columns.is_empty() {
        return vec![vec![1.0; fleet.len]];
    }
    let mut out =
        vec![vec![1.0; fleet.len], vec![0.0; fleet.len], vec![0.0; fleet.len], vec![0.0; fleet.len], vec![0.0; fleet.len]];
    for i in 0..fleet.len {
        let (mut x, mut y) = (0.0, 0.0);
        for angle in columns.iter().map(|c| c[i].to_radians()).filter(|a| a.is_finite()) {
            x += angle.cos();
            y += angle.sin();
        }
        let size = x.hypot(y);
        if size > 1e-9 {
            let (c, s) = (x / size, y / size);
            (out[1][i], out[2][i], out[3][i], out[4][i]) = (c, s, c * c - s * s, 2.0 * c * s);
        }
    }
    out
}

fn times(column: &[f64], factor: &[f64]) -> Vec<f64> {
    column.iter().zip(factor).map(|(a, b)| a * b).collect()
}

fn own_features(drive: &Drive, target: Target, rated: f64, sector: &[Vec<f64>], air: &[f64]) -> Vec<Vec<f64>> {
    let main: Vec<f64> = match target {
        Target::Power => drive.curve_power.iter().map(|p| p / rated).collect(),
        Target::Wind => drive.curve_driver.clone(),
    };
    let mut out = vec![vec![1.0; main.len()]];
    out.extend(sector.iter().map(|s| times(&main, s)));
    out.push(main.iter().zip(air).map(|(m, t)| m * (t - 10.0) / 20.0).collect());
    out.push(main.iter().map(|m| m * m).collect());
    out.push(main.iter().map(|m| m * m * m).collect());
    out
}
