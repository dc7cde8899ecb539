//! Nacelle heading against the neighbours': a machine that stands beside the wind, or an encoder set anew.
//!
//! Neighbours a few hundred metres apart face nearly the same wind, up to a difference that depends on the sector. A
//! difference that jumps during a service visit is the encoder (northing), and becomes the new reference; one that
//! jumps while running is the vane (yaw misalignment). Source: Bromm et al. (2018), Wind Energy Science 3, 395-408.

use super::fleet::Fleet;
use super::regression::centre_and_spread;
use super::regression::median;
use super::residual::Detector;
use super::residual::FittedDetector;
use super::residual::LEAST_ROWS;
use super::residual::Residual;
use super::residual::Side;
use super::residual::Signal;
use super::state::State;
use super::state::stretches;
use crate::domain::AssetId;
use crate::domain::Quantity;
use std::collections::VecDeque;
use std::ops::Range;

/// Sectors of 15 degrees.
const SECTORS: usize = 24;
/// Rows after a visit that set the reference anew: 8 hours of running at ten minutes.
const PROBATION: usize = 48;
/// A move of the reference below this is weather, degrees.
const MOVE: f64 = 5.0;
/// Spread below which a heading residual is the pause of the yaw drive, degrees.
const FLOOR: f64 = 2.0;

/// A misalignment below this costs less than the power curve can show, degrees.
const LEAST: f64 = 7.0;

/// A machine this far from the wind makes no power worth the name: the encoder has failed, not the vane, degrees.
const MOST: f64 = 40.0;
/// In less wind than this share of rated power tells, machines turn when they like.
const TURNING: f64 = 0.05;

/// Learns heading differences to each neighbour.
#[derive(Debug)]
pub(crate) struct Heading;

#[derive(Debug)]
struct FittedHeading {
    signal: Signal,
    peers: Vec<(AssetId, [f64; SECTORS])>,
    spread: f64,
}

impl Detector for Heading {
    fn fit(&self, fleet: &Fleet, member: usize, learn: &Range<usize>) -> Option<Box<dyn FittedDetector>> {
        let mut peers = Vec::new();
        for peer in fleet.peers(member) {
            let Some(raw) = difference(fleet, member, peer) else { continue };
            let mut table = [0.0; SECTORS];
            // Sector differences and references depend on each other; two rounds settle them.
            for _ in 0..2 {
                let referred = refer(fleet, member, peer, &raw, &table).0;
                let mut heaps: Vec<Vec<f64>> = vec![Vec::new(); SECTORS];
                for (i, &value) in referred.iter().enumerate().take(learn.end).skip(learn.start) {
                    if let (true, Some(sector)) = (value.is_finite(), sector(fleet, peer, i)) {
                        heaps[sector].push(value);
                    }
                }
                for (slot, heap) in table.iter_mut().zip(heaps) {
                    *slot += if heap.len() >= 50 { median(heap) } else { 0.0 };
                }
            }
            let rows = raw.iter().take(learn.end).skip(learn.start).filter(|v| v.is_finite()).count();
            if rows >= LEAST_ROWS {
                peers.push((fleet.frames[peer].asset.id.clone(), table));
            }
        }
        if peers.len() < 2 {
            return None;
        }
        let signal = Signal {
            name: Quantity::NACELLE_DIRECTION.name().into(),
            quantity: Quantity::NACELLE_DIRECTION,
            component: "yaw".into(),
            mode: "yaw_misalignment".into(),
            side: Side::Either,
            least: 0.0,
        };
        let mut fitted = FittedHeading { signal, peers, spread: 1.0 };
        let residual = fitted.score(fleet, member).score;
        let training: Vec<f64> = residual.iter().take(learn.end).skip(learn.start).copied().filter(|v| v.is_finite()).collect();
        fitted.spread = centre_and_spread(training).1.max(FLOOR);
        fitted.signal.least = LEAST / fitted.spread;
        Some(Box::new(fitted))
    }
}

impl FittedDetector for FittedHeading {
    fn signal(&self) -> &Signal {
        &self.signal
    }

    fn unit(&self) -> f64 {
        self.spread
    }

    fn score(&self, fleet: &Fleet, member: usize) -> Residual {
        let mut pairs = Vec::new();
        let mut moves: Vec<(usize, f64)> = Vec::new();
        for (asset, table) in &self.peers {
            let Some(peer) = fleet.position(asset) else { continue };
            let Some(raw) = difference(fleet, member, peer) else { continue };
            let (referred, steps) = refer(fleet, member, peer, &raw, table);
            moves.extend(steps);
            pairs.push(referred);
        }
        let middle = |i: usize| {
            let now: Vec<f64> = pairs.iter().map(|p| p[i]).filter(|v| v.is_finite()).collect();
            if now.len() < 2 { f64::NAN } else { median(now) }
        };
        let residual: Vec<f64> = (0..fleet.len).map(middle).collect();
        let observed =
            fleet.column(member, &Quantity::NACELLE_DIRECTION).map_or_else(|| vec![f64::NAN; fleet.len], <[f64]>::to_vec);
        let expected = observed.iter().zip(&residual).map(|(o, r)| (o - r).rem_euclid(360.0)).collect();
        let score = residual.iter().map(|r| r / self.spread).collect();
        Residual { observed, expected, score, steps: agreed(moves, self.peers.len()) }
    }
}

/// Own heading minus the peer's where both run, in (-180, 180].
fn difference(fleet: &Fleet, member: usize, peer: usize) -> Option<Vec<f64>> {
    let own = fleet.column(member, &Quantity::NACELLE_DIRECTION)?;
    let other = fleet.column(peer, &Quantity::NACELLE_DIRECTION)?;
    let turning = |m: usize| {
        let power = fleet.column(m, &Quantity::ACTIVE_POWER);
        let least = TURNING * fleet.frames[m].asset.capacity_kw.unwrap_or(0.0);
        move |i: usize| fleet.states[m][i] == State::Free && power.is_none_or(|p| p[i] > least)
    };
    let (own_turns, peer_turns) = (turning(member), turning(peer));
    let both = |i: usize| own_turns(i) && peer_turns(i);
    Some((0..fleet.len).map(|i| if both(i) { wrap(own[i] - other[i]) } else { f64::NAN }).collect())
}

fn sector(fleet: &Fleet, peer: usize, row: usize) -> Option<usize> {
    let heading = fleet.column(peer, &Quantity::NACELLE_DIRECTION)?[row];
    heading.is_finite().then(|| ((heading.rem_euclid(360.0) / 15.0) as usize).min(SECTORS - 1))
}

/// The difference less its sector's usual one and less the reference, which each service visit of either machine may
/// move; also the moves at visits of `member`. Rows of the probation tell nothing.
fn refer(fleet: &Fleet, member: usize, peer: usize, raw: &[f64], table: &[f64; SECTORS]) -> (Vec<f64>, Vec<(usize, f64)>) {
    let mut visit = vec![None; fleet.len];
    for machine in [peer, member] {
        for (_, end) in stretches(fleet.len, 2, |i| fleet.states[machine][i] == State::Service) {
            if end < fleet.len {
                visit[end] = Some(machine);
            }
        }
    }
    let mut reference = 0.0;
    let mut waiting: Option<Visit> = None;
    let mut recent: VecDeque<f64> = VecDeque::with_capacity(PROBATION);
    let mut beyond: Vec<f64> = Vec::new();
    let mut steps = Vec::new();
    let mut out = vec![f64::NAN; fleet.len];
    for i in 0..fleet.len {
        if let Some(machine) = visit[i] {
            let before = if recent.len() >= PROBATION / 4 { median(recent.iter().copied().collect()) } else { 0.0 };
            waiting = Some(Visit { machine, before, seen: Vec::new() });
            recent.clear();
        }
        let usual = sector(fleet, peer, i).map_or(f64::NAN, |s| table[s]);
        let value = wrap(raw[i] - usual - reference);
        if !value.is_finite() {
            continue;
        }
        if let Some(now) = &mut waiting {
            now.seen.push(value);
            if now.seen.len() >= PROBATION {
                let after = median(std::mem::take(&mut now.seen));
                // What stood beside the wind before the visit and still does was not moved by it.
                let moved = if now.before.abs() < MOVE { after } else { wrap(after - now.before) };
                if moved.abs() >= MOVE {
                    reference = wrap(reference + moved);
                    if now.machine == member {
                        steps.push((i, moved));
                    }
                }
                waiting = None;
            }
            continue;
        }
        if value.abs() > MOST {
            beyond.push(value);
            if beyond.len() >= PROBATION {
                reference = wrap(reference + median(std::mem::take(&mut beyond)));
            }
            continue;
        }
        beyond.clear();
        if recent.len() >= PROBATION {
            recent.pop_front();
        }
        recent.push_back(value);
        out[i] = value;
    }
    (out, steps)
}

/// A service visit whose effect is being watched.
#[derive(Debug)]
struct Visit {
    machine: usize,
    /// Difference in the hours before it.
    before: f64,
    seen: Vec<f64>,
}

/// Moves that at least half of the neighbours saw within a day, once each.
fn agreed(mut moves: Vec<(usize, f64)>, peers: usize) -> Vec<(usize, f64)> {
    moves.sort_by_key(|(row, _)| *row);
    let mut out: Vec<(usize, f64)> = Vec::new();
    let mut group: Vec<(usize, f64)> = Vec::new();
    for step in moves {
        if group.first().is_some_and(|first| step.0 > first.0 + 3 * PROBATION) {
            group.clear();
        }
        group.push(step);
        if group.len() == peers.div_ceil(2).max(2) {
            out.push(step);
        }
    }
    out
}

/// An angle in (-180, 180].
fn wrap(degrees: f64) -> f64 {
    let turned = degrees.rem_euclid(360.0);
    if turned > 180.0 { turned - 360.0 } else { turned }
}

#[cfg(test)]
mod tests {
    use super::{agreed, wrap};

    #[test]
    fn angles_and_agreement() {
        assert_eq!(wrap(350.0), -10.0);
        assert_eq!(wrap(-190.0), 170.0);
        assert_eq!(agreed(vec![(100, 8.0), (1000, 9.0), (1010, 9.0), (1020, 9.0)], 3), [(1010, 9.0)]);
    }
}
