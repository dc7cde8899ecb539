//! Frames of one fleet laid on a common grid, with the operating state of every row.
//!
//! In: frames as they come, of one resolution, starting and ending anywhere. Out: frames of equal length and who is
//! whose peer (same kind, same parent). Deliberately not here: any verdict.

use super::DetectError;
use super::residual::Residual;
use super::state::State;
use super::state::states;
use crate::domain::AssetId;
use crate::domain::AssetKind;
use crate::domain::Frame;
use crate::domain::Quantity;
use crate::domain::Resolution;
use crate::domain::Timestamp;
use crate::domain::micros;
use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;

/// Neighbours that are looked at: further ones cost as much and add little.
const MOST_PEERS: usize = 8;

/// Columns worked out once and lent to many.
type Columns = Arc<Vec<Vec<f64>>>;

/// Aligned frames; every column of every member has `len` rows.
#[derive(Debug)]
pub(crate) struct Fleet {
    pub(crate) frames: Vec<Frame>,
    pub(crate) states: Vec<Vec<State>>,
    pub(crate) resolution: Resolution,
    pub(crate) len: usize,
    memo: Mutex<BTreeMap<(usize, &'static str), Columns>>,
    judged: Mutex<BTreeMap<(usize, String), Arc<Residual>>>,
}

impl Fleet {
    /// Lays the frames on one grid. `free` holds the set-point that means "not limited" per asset.
    ///
    /// # Errors
    /// [`DetectError::NoFrames`], [`DetectError::Resolution`].
    pub(crate) fn new(frames: &[impl Borrow<Frame>], free: &BTreeMap<AssetId, f64>) -> Result<Self, DetectError> {
        let frames: Vec<&Frame> = frames.iter().map(Borrow::borrow).collect();
        let first = frames.first().ok_or(DetectError::NoFrames)?;
        if let Some(odd) = frames.iter().find(|f| f.resolution != first.resolution) {
            return Err(DetectError::Resolution {
                asset: odd.asset.id.clone(),
                found: odd.resolution.to_string(),
                expected: first.resolution.to_string(),
            });
        }
        let step = first.resolution.seconds() * 1_000_000;
        let start = frames.iter().map(|f| f.start).min().unwrap_or(first.start);
        let end = frames.iter().map(|f| f.time(f.len)).max().unwrap_or(first.start);
        let len = usize::try_from((micros(end) - micros(start)) / step).unwrap_or(0);
        let frames: Vec<Frame> = frames.iter().map(|f| padded(f, start, len, step)).collect();
        let frames: Vec<Frame> = frames.iter().map(|f| lent(f, &frames)).collect();
        let states = frames.iter().map(|f| states(f, free.get(&f.asset.id).copied())).collect();
        Ok(Self { frames, states, resolution: first.resolution, len, memo: Mutex::default(), judged: Mutex::default() })
    }

    /// Columns worked out once for these frames, under a name; `work` must give the same for the same member and name.
    pub(crate) fn once(&self, member: usize, name: &'static str, work: impl FnOnce() -> Vec<Vec<f64>>) -> Columns {
        if let Ok(memo) = self.memo.lock()
            && let Some(known) = memo.get(&(member, name))
        {
            return Arc::clone(known);
        }
        let made = Arc::new(work());
        if let Ok(mut memo) = self.memo.lock() {
            memo.insert((member, name), Arc::clone(&made));
        }
        made
    }

    /// The residual of a signal of a member, worked out once; its models must be the same ones as long as these frames live
    /// or until [`Fleet::forget`].
    pub(crate) fn judged(&self, member: usize, signal: &str, work: impl FnOnce() -> Residual) -> Arc<Residual> {
        let key = (member, signal.to_owned());
        if let Ok(judged) = self.judged.lock()
            && let Some(known) = judged.get(&key)
        {
            return Arc::clone(known);
        }
        let made = Arc::new(work());
        if let Ok(mut judged) = self.judged.lock() {
            judged.insert(key, Arc::clone(&made));
        }
        made
    }

    /// Drops what was worked out, before other models are learnt on the same frames.
    pub(crate) fn forget(&self) {
        if let Ok(mut memo) = self.memo.lock() {
            memo.clear();
        }
        if let Ok(mut judged) = self.judged.lock() {
            judged.clear();
        }
    }

    /// A column, or nothing.
    pub(crate) fn column(&self, member: usize, quantity: &Quantity) -> Option<&[f64]> {
        self.frames.get(member)?.column(quantity)
    }

    /// Where an asset stands in `frames`.
    pub(crate) fn position(&self, asset: &AssetId) -> Option<usize> {
        self.frames.iter().position(|f| f.asset.id == *asset)
    }

    /// The nearest members of the same kind under the same parent, in the order of the frames. Where no place is known, those that stand
    /// beside it in the frames.
    pub(crate) fn peers(&self, member: usize) -> Vec<usize> {
        let own = &self.frames[member].asset;
        let away = |other: usize| {
            let there = self.frames[other].asset.location;
            let kilometres = own.location.zip(there).map_or(f64::INFINITY, |(here, there)| here.distance_km(there));
            (kilometres, other.abs_diff(member))
        };
        let alike = |other: &usize| {
            let asset = &self.frames[*other].asset;
            *other != member && asset.kind == own.kind && asset.parent_id == own.parent_id && own.parent_id.is_some()
        };
        let mut peers: Vec<usize> = (0..self.frames.len()).filter(alike).collect();
        if peers.len() > MOST_PEERS {
            let mut near: Vec<((f64, usize), usize)> = peers.into_iter().map(|peer| (away(peer), peer)).collect();
            near.sort_by(|(a, _), (b, _)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            peers = near.into_iter().take(MOST_PEERS).map(|(_, peer)| peer).collect();
            peers.sort_unstable();
        }
        peers
    }

    /// Rows before `time`.
    pub(crate) fn rows_before(&self, time: Timestamp) -> usize {
        self.frames.first().map_or(0, |f| f.index_at(time))
    }

    /// Rated power: the stated capacity, else the largest training power.
    pub(crate) fn rated(&self, member: usize, until: usize) -> f64 {
        let stated = self.frames[member].asset.capacity_kw.filter(|kw| *kw > 0.0);
        stated.unwrap_or_else(|| {
            let power = self.column(member, &Quantity::ACTIVE_POWER).or_else(|| self.column(member, &Quantity::LOAD));
            let top = power.map_or(0.0, |p| p[..until.min(p.len())].iter().copied().filter(|v| v.is_finite()).fold(0.0, f64::max));
            if top > 0.0 { top } else { 1.0 }
        })
    }

    /// True where the asset has a row.
    pub(crate) fn present(&self, member: usize, row: usize) -> bool {
        self.frames[member].available_at[row] != i64::MAX
    }
}

/// An inverter or solar plant measures no sun of its own: it borrows that of the weather station beside it.
fn lent(frame: &Frame, all: &[Frame]) -> Frame {
    let solar = matches!(frame.asset.kind, AssetKind::PvInverter | AssetKind::PvPlant);
    let beside = |f: &&Frame| f.asset.kind == AssetKind::WeatherStation && f.asset.parent_id == frame.asset.parent_id;
    let Some(station) = all.iter().filter(|_| solar).find(beside) else { return frame.clone() };
    let borrowed = [Quantity::POA_GLOBAL, Quantity::GHI, Quantity::TEMP_AIR].into_iter().filter(|q| frame.column(q).is_none());
    let columns = frame.quantities().filter_map(|q| Some((q.clone(), frame.column(q)?.to_vec())));
    let columns = columns.chain(borrowed.filter_map(|q| Some((q.clone(), station.column(&q)?.to_vec()))));
    Frame::new(frame.asset.clone(), frame.start, frame.resolution, frame.available_at.clone(), columns.collect())
}

fn padded(frame: &Frame, start: Timestamp, len: usize, step: i64) -> Frame {
    let lead = usize::try_from((micros(frame.start) - micros(start)) / step).unwrap_or(0);
    let place = |values: &[f64]| {
        let mut out = vec![f64::NAN; len];
        for (slot, value) in out.iter_mut().skip(lead).zip(values) {
            *slot = *value;
        }
        out
    };
    let columns = frame.quantities().filter_map(|q| Some((q.clone(), place(frame.column(q)?)))).collect();
    let mut available_at = vec![i64::MAX; len];
    for (slot, value) in available_at.iter_mut().skip(lead).zip(&frame.available_at) {
        *slot = *value;
    }
    Frame::new(frame.asset.clone(), start, frame.resolution, available_at, columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Asset;
    use crate::domain::Location;

    #[test]
    fn the_nearest_eight_are_neighbours() {
        let frame = |number: usize, location: Option<Location>| {
            let mut asset = Asset::new(AssetId::parse(&format!("T{number:02}")).unwrap(), AssetKind::WindTurbine);
            (asset.parent_id, asset.location) = (Some(AssetId::parse("farm").unwrap()), location);
            let columns = BTreeMap::from([(Quantity::ACTIVE_POWER, vec![1.0; 3])]);
            Frame::new(asset, Timestamp::UNIX_EPOCH, Resolution::from_seconds(600).unwrap(), vec![0; 3], columns)
        };
        // Two rows of six, the second beside the first: T06 stands beside T00.
        let place = |n: usize| Location { latitude: (n % 6) as f64 / 100.0, longitude: (n / 6) as f64 / 200.0 };
        let known: Vec<Frame> = (0..12).map(|n| frame(n, Some(place(n)))).collect();
        let fleet = Fleet::new(&known, &BTreeMap::new()).unwrap();
        assert_eq!(fleet.peers(0), [1, 2, 3, 4, 6, 7, 8, 9]);
        let unknown: Vec<Frame> = (0..12).map(|n| frame(n, None)).collect();
        let fleet = Fleet::new(&unknown, &BTreeMap::new()).unwrap();
        assert_eq!(fleet.peers(11), [3, 4, 5, 6, 7, 8, 9, 10]);
        assert_eq!(Fleet::new(&known[..3], &BTreeMap::new()).unwrap().peers(1), [0, 2]);
    }
}
