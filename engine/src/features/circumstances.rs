//! What people and checks say about a target beside its telemetry, and how much of its power that leaves at a time.
//!
//! In: annotations of the asset, of those above and directly below it, flags, the operator's days. Out: what was in force over an
//! interval as known at a time. What follows for the past is in [`super::mask`], for a forecast in [`super::ceiling`], for the
//! calendar in [`super::holidays`].

use super::{OperatorDay, Target};
use crate::domain::{Annotation, Asset, AssetId, FlaggedValue, IntervalLabel, Quantity, Timestamp, micros};

/// What people and checks say about a target. Nothing by default.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Circumstances {
    /// Every revision of what was noted about the asset, those above it, those directly below it, and the whole site.
    pub annotations: Vec<Annotation>,
    /// The assets above, nearest first.
    pub above: Vec<AssetId>,
    /// Producers directly below, with their rated power in kW.
    pub below: Vec<(AssetId, f64)>,
    /// What the quality check says about stored values of the target.
    pub flags: Vec<FlaggedValue>,
    /// The operator's table of days.
    pub days: Vec<OperatorDay>,
}

impl Circumstances {
    /// The circumstances of an asset among all of them, with nobody having said anything yet.
    pub fn of(asset: &Asset, all: &[Asset]) -> Self {
        let mut above: Vec<AssetId> = Vec::new();
        let mut next = asset.parent_id.clone();
        while let Some(id) = next.filter(|id| *id != asset.id && !above.contains(id)) {
            next = all.iter().find(|other| other.id == id).and_then(|other| other.parent_id.clone());
            above.push(id);
        }
        let rated = |other: &Asset| other.capacity_kw.filter(|rated| rated.is_finite() && *rated > 0.0);
        let under =
            |other: &&Asset| other.parent_id.as_ref() == Some(&asset.id) && other.kind.is_producer() && asset.kind.is_producer();
        let mut below: Vec<(AssetId, f64)> =
            all.iter().filter(under).filter_map(|other| Some((other.id.clone(), rated(other)?))).collect();
        below.sort_by(|a, b| a.0.cmp(&b.0));
        Self { above, below, ..Self::default() }
    }

    /// The assets whose annotations matter: `asset`, those above, those directly below.
    pub fn assets(&self, asset: &AssetId) -> Vec<AssetId> {
        let below = self.below.iter().map(|(id, _)| id);
        std::iter::once(asset).chain(&self.above).chain(below).cloned().collect()
    }
}

/// What is in force over one interval of the target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Force {
    /// Kind of an annotation that holds the target itself down: the first by asset, kind and start.
    pub(super) held_down: Option<&'static str>,
    /// Power that is left by what holds it down in the middle of the interval, kW; infinite where nobody said.
    pub(super) most: f64,
    /// Share of the rated power not below children that are wholly out of service in the middle of the interval.
    pub(super) share: f64,
}

/// True for the quantities whose values an outage or a curtailment changes.
pub(super) fn is_power(quantity: &Quantity) -> bool {
    [Quantity::ACTIVE_POWER, Quantity::LOAD].contains(quantity)
}

/// First instant and first beyond of the interval that `time` (microseconds) names on the target's grid; an instant is its own.
pub(super) fn interval(target: &Target, time: i64) -> (i64, i64) {
    let step = target.frame.resolution.seconds() * 1_000_000;
    match target.interval_label {
        IntervalLabel::Beginning => (time, time.saturating_add(step)),
        IntervalLabel::Ending => (time.saturating_sub(step), time),
        IntervalLabel::Instant => (time, time.saturating_add(1)),
    }
}

/// The known annotations that matter for the power of a target, ready to be asked about many intervals.
#[derive(Debug)]
pub(super) struct Forces<'a> {
    own: Vec<&'a Annotation>,
    /// With the child's rated power.
    below: Vec<(&'a Annotation, f64)>,
    /// Rated power of the target, or of all its children, kW.
    rated: f64,
}

impl<'a> Forces<'a> {
    /// Those known at `issue_time` that hold at some instant of `[from, to)`, microseconds; `None` when there are none.
    pub(super) fn known(target: &'a Target, issue_time: Timestamp, from: i64, to: i64) -> Option<Self> {
        let said = &target.circumstances;
        if said.annotations.is_empty() || !is_power(&target.quantity) {
            return None;
        }
        let here = |id: &AssetId| *id == target.frame.asset.id || said.above.contains(id);
        let rated = target.frame.asset.capacity_kw.filter(|rated| rated.is_finite() && *rated > 0.0);
        let mut forces = Self {
            own: Vec::new(),
            below: Vec::new(),
            rated: rated.unwrap_or_else(|| said.below.iter().map(|(_, rated)| rated).sum()),
        };
        for annotation in Annotation::known_at(&said.annotations, issue_time) {
            let Some(asset) = annotation.asset.as_ref().filter(|_| annotation.kind.holds_down() && annotation.meets(from, to))
            else {
                continue;
            };
            if here(asset) {
                forces.own.push(annotation);
            } else if let Some((_, rated)) = said.below.iter().find(|(id, _)| id == asset)
                && target.quantity == Quantity::ACTIVE_POWER
            {
                forces.below.push((annotation, *rated));
            }
        }
        (!forces.own.is_empty() || !forces.below.is_empty()).then_some(forces)
    }

    /// What is in force over `[from, to)`, microseconds.
    pub(super) fn over(&self, from: i64, to: i64) -> Force {
        let middle = from + (to - from) / 2;
        let own = self.own.iter().filter(|annotation| annotation.meets(from, to));
        let held_down = own.clone().map(|annotation| annotation.kind.name()).next();
        let limits = own.filter(|annotation| annotation.meets(middle, middle + 1));
        let mut most = limits.filter_map(|annotation| annotation.limit_kw()).fold(f64::INFINITY, f64::min);
        // Per child the hardest limit, so that two annotations of one child do not count twice.
        let (mut out, mut derated) = (0.0, 0.0);
        let mut children: Vec<(&AssetId, f64, f64)> = Vec::new();
        for (annotation, rated) in self.below.iter().filter(|(annotation, _)| annotation.meets(middle, middle + 1)) {
            let (Some(id), Some(limit)) = (&annotation.asset, annotation.limit_kw()) else { continue };
            match children.iter_mut().find(|(held, ..)| *held == id) {
                Some(held) => held.2 = held.2.min(limit),
                None => children.push((id, *rated, limit)),
            }
        }
        for (_, rated, limit) in children {
            match limit > 0.0 {
                true => derated += (rated - limit).max(0.0),
                false => out += rated,
            }
        }
        if derated > 0.0 {
            most = most.min((self.rated - out - derated).max(0.0));
        }
        let share = if out > 0.0 { (1.0 - out / self.rated).max(0.0) } else { 1.0 };
        Force { held_down, most, share }
    }
}

/// First microsecond of a grid row.
pub(super) fn row_time(target: &Target, row: usize) -> i64 {
    micros(target.frame.start)
        .saturating_add(target.frame.resolution.seconds().saturating_mul(1_000_000).saturating_mul(row as i64))
}
