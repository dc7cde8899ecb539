//! Normal behaviour of power and wind speed: what a machine should make, from its own wind and from its neighbours.
//!
//! Each neighbour gives its own estimate (power and wind there, own wind, air density, sector); the median of the
//! estimates stands, so one faulty neighbour moves nothing. Without neighbours the own curve stands. Works for
//! inverters with irradiance in place of wind. Source: IEC 61400-12-1 density correction (v·(ρ/ρ₀)^⅓).

use super::curve::Curve;
use super::fleet::Fleet;
use super::regression::Ridge;
use super::regression::median;
use super::residual::LEAST_ROWS;
use super::state::State;
use crate::domain::AssetId;
use crate::domain::Quantity;
use std::collections::BTreeMap;

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
    pub(crate) fn fit(fleet: &Fleet, until: usize) -> Self {
        let mut by_asset = BTreeMap::new();
        for (member, frame) in fleet.frames.iter().enumerate() {
            let drivers = [(Quantity::WIND_SPEED, 0.5), (Quantity::POA_GLOBAL, 25.0), (Quantity::GHI, 25.0)];
            let Some((driver, width)) = drivers.into_iter().find(|(q, _)| frame.column(q).is_some()) else { continue };
            let (Some(power), Some(values)) = (frame.column(&Quantity::ACTIVE_POWER), corrected(fleet, member, &driver)) else {
                continue;
            };
            let rows = |i: usize| i < until && fleet.states[member][i] == State::Free;
            if let Some(curve) = Curve::fit(&values, power, width, rows) {
                by_asset.insert(frame.asset.id.clone(), MemberCurve { driver, curve, rated: fleet.rated(member, until) });
            }
        }
        Self { by_asset }
    }

    /// Derived columns of one member.
    pub(crate) fn drive(&self, fleet: &Fleet, member: usize) -> Option<Drive> {
        let own = self.by_asset.get(&fleet.frames[member].asset.id)?;
        let values = corrected(fleet, member, &own.driver)?;
        let power = fleet.column(member, &Quantity::ACTIVE_POWER)?;
        Some(Drive {
            curve_power: values.iter().map(|v| own.curve.power(*v)).collect(),
            curve_driver: power.iter().map(|p| own.curve.driver(*p)).collect(),
        })
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

/// Estimates of one target for one member: its own, and one per neighbour.
#[derive(Debug, Clone)]
pub(crate) struct Consensus {
    target: Target,
    own: Ridge,
    peers: Vec<(AssetId, Ridge)>,
}

impl Consensus {
    /// Learns from rows before `until` where the machine is free and its curve is steep.
    pub(crate) fn fit(fleet: &Fleet, curves: &Curves, member: usize, until: usize, target: Target) -> Option<Self> {
        let asset = &fleet.frames[member].asset.id;
        let rated = curves.by_asset.get(asset)?.rated;
        let drive = curves.drive(fleet, member)?;
        let values = observed(fleet, curves, member, target)?;
        let power = fleet.column(member, &Quantity::ACTIVE_POWER)?;
        let rows = |i: usize| {
            let steep = if target == Target::Power { drive.curve_power[i] } else { power[i] };
            i < until && fleet.states[member][i] == State::Free && steep > 0.05 * rated && steep < 0.93 * rated
        };
        let sector = harmonics(fleet, member);
        let own_columns = own_features(&drive, target, rated, &sector, &air(fleet, member));
        let own = Ridge::fit(&own_columns, &values, rows, LEAST_ROWS)?;
        let mut peers = Vec::new();
        for peer in fleet.peers(member) {
            let Some(more) = peer_features(fleet, curves, peer, target, &sector) else { continue };
            let columns: Vec<Vec<f64>> = own_columns.iter().cloned().chain(more).collect();
            if let Some(ridge) = Ridge::fit(&columns, &values, rows, LEAST_ROWS) {
                peers.push((fleet.frames[peer].asset.id.clone(), ridge));
            }
        }
        Some(Self { target, own, peers })
    }

    /// The median estimate of every row; the own estimate where no neighbour has one.
    pub(crate) fn estimate(&self, fleet: &Fleet, curves: &Curves, member: usize) -> Option<Vec<f64>> {
        let rated = curves.by_asset.get(&fleet.frames[member].asset.id)?.rated;
        let drive = curves.drive(fleet, member)?;
        let sector = harmonics(fleet, member);
        let own_columns = own_features(&drive, self.target, rated, &sector, &air(fleet, member));
        let own = self.own.predict(&own_columns, fleet.len);
        let mut estimates = Vec::new();
        for (asset, ridge) in &self.peers {
            let Some(peer) = fleet.position(asset) else { continue };
            let Some(more) = peer_features(fleet, curves, peer, self.target, &sector) else { continue };
            let columns: Vec<Vec<f64>> = own_columns.iter().cloned().chain(more).collect();
            estimates.push(ridge.predict(&columns, fleet.len));
        }
        let pick = |i: usize| {
            let now: Vec<f64> = estimates.iter().map(|e| e[i]).filter(|v| v.is_finite()).collect();
            if now.is_empty() { own[i] } else { median(now) }
        };
        Some((0..fleet.len).map(pick).collect())
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
fn harmonics(fleet: &Fleet, member: usize) -> Vec<Vec<f64>> {
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
    out
}

fn peer_features(fleet: &Fleet, curves: &Curves, peer: usize, target: Target, sector: &[Vec<f64>]) -> Option<Vec<Vec<f64>>> {
    let rated = curves.by_asset.get(&fleet.frames[peer].asset.id)?.rated;
    let drive = curves.drive(fleet, peer)?;
    let power = fleet.column(peer, &Quantity::ACTIVE_POWER)?;
    let free = |i: usize| if fleet.states[peer][i] == State::Free { 1.0 } else { f64::NAN };
    let made: Vec<f64> = (0..fleet.len).map(|i| free(i) * power[i].max(0.0) / rated).collect();
    let (first, second) = match target {
        Target::Power => (made, drive.curve_power.iter().map(|p| p / rated).collect()),
        Target::Wind => (corrected(fleet, peer, &curves.by_asset.get(&fleet.frames[peer].asset.id)?.driver)?, made),
    };
    let mut out: Vec<Vec<f64>> = sector.iter().map(|s| times(&first, s)).collect();
    out.extend(sector.iter().map(|s| times(&second, s)));
    Some(out)
}
