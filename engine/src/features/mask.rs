//! Past values of a target that say nothing about what it could give: held down, out of service, or bad.
//!
//! In: a [`Target`] with its circumstances. Out: the target's column without them, and what changes when somebody notes something
//! later. A masked value is missing to training, lags and scores alike. While children were wholly out of service the column is
//! brought to full strength (over the share that was left), as forecasts are brought down by [`super::ceiling`]; less than half left
//! is masked. Knowledge counts from its `available_at` on; a flag and a binding set-point from the row's own.

use super::Target;
use super::circumstances::{Forces, interval, is_power, row_time};
use crate::domain::{Annotation, FlaggedValue, Quality, Quantity, Timestamp, from_micros, micros};
use std::collections::BTreeMap;

/// Power this near to its set-point is held by it, as a share of the rated power.
const NEAR_LIMIT: f64 = 0.02;
/// A set-point from this share of the rated power on holds nothing down.
const NO_LIMIT: f64 = 0.95;
/// From this share of the rated power on, and nearer to zero than the other, equal values in a row are full power and standstill,
/// not a stale sensor.
const PLATEAU: f64 = 0.95;
const STANDSTILL: f64 = 0.02;
/// Least share left by children out of service at which what is left says how much all would have given.
const LEAST_SHARE: f64 = 0.5;
/// Reasons of questionable values that are not used; what is invalid is never used.
const BAD: [&str; 4] = ["stale", "spike", "outlier", "time_shift"];

/// A value that changes when knowledge comes in after the row itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Edit {
    /// First origin (grid index) that knows.
    pub(super) seen: u32,
    /// Row.
    pub(super) row: u32,
    /// The value from then on; NaN is masked.
    pub(super) value: f64,
}

/// Whether a flag speaks against using the value. `rated` is the rated power or the greatest value so far: plants give it, or nothing,
/// for hours.
fn is_bad(flag: &FlaggedValue, value: f64, rated: f64) -> bool {
    let steady = value >= PLATEAU * rated || value.abs() <= STANDSTILL * rated;
    !(steady && flag.reason == "stale") && (flag.quality == Quality::Invalid || BAD.contains(&flag.reason.as_str()))
}

/// Reason per row known with the row itself: `active_power_limit` or a flag's word.
fn at_once(target: &Target, column: &[f64]) -> BTreeMap<usize, String> {
    let frame = &target.frame;
    let rated = frame.asset.capacity_kw.filter(|rated| rated.is_finite() && *rated > 0.0);
    let mut found = BTreeMap::new();
    let set_points = frame.column(&Quantity::ACTIVE_POWER_LIMIT).filter(|_| target.quantity == Quantity::ACTIVE_POWER);
    if let (Some(set_points), Some(rated)) = (set_points, rated) {
        let binds = |row: &usize| set_points[*row] < NO_LIMIT * rated && column[*row] >= set_points[*row] - NEAR_LIMIT * rated;
        let held = (0..frame.len).filter(binds);
        found.extend(held.map(|row| (row, Quantity::ACTIVE_POWER_LIMIT.name().to_owned())));
    }
    if !target.circumstances.flags.is_empty() {
        let mut seen = 0.0_f64;
        // Only what came before: the greatest value of the whole column would tell of the future.
        let tops: Vec<f64> = column
            .iter()
            .map(|value| {
                seen = seen.max(*value);
                rated.unwrap_or(seen)
            })
            .collect();
        let step = frame.resolution.seconds() * 1_000_000;
        for flag in &target.circumstances.flags {
            let row_of = |time: Timestamp| (micros(time) - micros(frame.start)).div_euclid(step);
            let (first, last) = (row_of(flag.time).max(0), row_of(flag.until.unwrap_or(flag.time)).min(frame.len as i64 - 1));
            for row in (first..=last).filter_map(|row| usize::try_from(row).ok()) {
                if is_bad(flag, column[row], tops[row]) {
                    found.entry(row).or_insert_with(|| flag.reason.clone());
                }
            }
        }
    }
    found.retain(|row, _| column[*row].is_finite());
    found
}

/// Rows of the frame whose interval meets `[start, end)` of an annotation.
fn rows_of(target: &Target, annotation: &Annotation) -> std::ops::Range<usize> {
    let from = target.frame.index_at(annotation.start).saturating_sub(1);
    let to = annotation.end.map_or(target.frame.len, |end| (target.frame.index_at(end) + 2).min(target.frame.len));
    from..to.max(from)
}

/// What becomes of a row under the known annotations: masked by one of that kind, or divided by a share.
fn treatment(target: &Target, forces: Option<&Forces<'_>>, row: usize) -> Result<f64, &'static str> {
    let Some(forces) = forces else { return Ok(1.0) };
    let (from, to) = interval(target, row_time(target, row));
    let force = forces.over(from, to);
    match force.held_down {
        Some(kind) => Err(kind),
        None if force.share < LEAST_SHARE => Err("outage_below"),
        None => Ok(force.share),
    }
}

/// The target's column as it may be used, and its later edits, by when they are seen. `first_seen` is the first origin that may use
/// each row.
pub(super) fn masked(target: &Target, column: &[f64], first_seen: &[u32]) -> (Vec<f64>, Vec<Edit>) {
    let mut base = column.to_vec();
    for row in at_once(target, column).into_keys() {
        base[row] = f64::NAN;
    }
    let said = &target.circumstances.annotations;
    if said.is_empty() || !is_power(&target.quantity) {
        return (base, Vec::new());
    }
    let usable = base.clone();
    let mut order: Vec<&Annotation> = said.iter().filter(|annotation| annotation.kind.holds_down()).collect();
    order.sort_by_key(|annotation| annotation.available_at);
    let (start, step) = (micros(target.frame.start), target.frame.resolution.seconds() * 1_000_000);
    let mut now: BTreeMap<usize, f64> = BTreeMap::new();
    let mut edits = Vec::new();
    for annotation in order {
        let after = micros(annotation.available_at).saturating_sub(start);
        let seen = after.div_euclid(step) + i64::from(after.rem_euclid(step) != 0);
        let seen = u32::try_from(seen.max(0)).unwrap_or(u32::MAX);
        // An earlier revision may have held at rows that this one leaves free.
        let earlier = said
            .iter()
            .filter(|other| (&other.asset, other.kind, other.start) == (&annotation.asset, annotation.kind, annotation.start));
        let rows = earlier
            .map(|other| rows_of(target, other))
            .fold(rows_of(target, annotation), |a, b| a.start.min(b.start)..a.end.max(b.end));
        if rows.is_empty() {
            continue;
        }
        let (from, to) = (interval(target, row_time(target, rows.start)).0, interval(target, row_time(target, rows.end - 1)).1);
        let forces = Forces::known(target, annotation.available_at, from, to);
        for row in rows.filter(|&row| usable[row].is_finite()) {
            let share = treatment(target, forces.as_ref(), row).unwrap_or(f64::NAN);
            let held = now.insert(row, share).unwrap_or(1.0);
            if held.to_bits() == share.to_bits() {
                continue;
            }
            let value = strengthened(usable[row], share, target.frame.asset.capacity_kw);
            match seen <= first_seen[row] {
                true => base[row] = value,
                false => edits.push(Edit { seen, row: row as u32, value }),
            }
        }
    }
    edits.sort_by_key(|edit| edit.seen);
    (base, edits)
}

/// What all would have given where a share of them gave `value`; NaN for a share of NaN.
fn strengthened(value: f64, share: f64, rated: Option<f64>) -> f64 {
    if share == 1.0 || (value <= 0.0 && !share.is_nan()) {
        return value;
    }
    let most = rated.filter(|rated| rated.is_finite() && *rated > 0.0).unwrap_or(f64::INFINITY);
    let whole = value / share;
    if whole.is_nan() { whole } else { whole.min(most.max(value)) }
}

/// How many past values are not used at `issue_time`, by reason: kinds of annotations, `outage_below` for less than half of a plant
/// left, `active_power_limit` for a binding set-point, and the words of `quality_flags.reason`. Each row counts once.
pub fn masked_rows(target: &Target, issue_time: Timestamp) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for (_, reason) in barred(target, issue_time) {
        *counts.entry(reason).or_default() += 1;
    }
    counts
}

/// The target's column as forecasts are judged by it, NaN where it says nothing about them: held down, less than half of a plant left,
/// or a bad value, as known at `at`.
pub fn judged(target: &Target, at: Timestamp) -> Vec<f64> {
    let mut column = target.frame.column(&target.quantity).unwrap_or(&[]).to_vec();
    for (row, _) in barred(target, at) {
        column[row] = f64::NAN;
    }
    column
}

/// Rows that are not used at `at`, and why.
fn barred(target: &Target, at: Timestamp) -> Vec<(usize, String)> {
    let Some(column) = target.frame.column(&target.quantity) else { return Vec::new() };
    let rows = target.frame.index_at(at);
    let at_once = at_once(target, column);
    let forces = Forces::known(target, at, micros(target.frame.start), micros(at));
    let known = (0..rows).filter(|&row| column[row].is_finite() && from_micros(target.frame.available_at[row]) <= at);
    let reason = |row: usize| match (treatment(target, forces.as_ref(), row), at_once.get(&row)) {
        (Err(kind), _) => Some((row, kind.to_owned())),
        (Ok(_), Some(reason)) => Some((row, reason.clone())),
        (Ok(_), None) => None,
    };
    known.filter_map(reason).collect()
}

#[cfg(test)]
mod tests;
