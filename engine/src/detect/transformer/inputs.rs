//! What may be believed of the signals of a transformer: a load that stands still for days is a dead sensor, not a load.
//!
//! In: one member. Out: its loads, every row filled (a dead or silent one does what it did a week before), and its oil, NaN where
//! it is dead. How long a value may repeat itself is learnt from the training part; a row is judged by the rows up to it. An
//! average over a week takes a week to forget a dead sensor, and the oil looks too warm or too cold all that time.

use super::super::fleet::Fleet;
use super::super::quality::stuck_from;
use crate::domain::Quantity;

/// Fewest equal values in a row that are a dead sensor.
const LEAST_RUN: usize = 6;
/// Hours for which the last value stands in.
const HELD_HOURS: f64 = 6.0;
const WEEK_HOURS: f64 = 168.0;

/// The believable signals, by what training showed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Inputs {
    loads: Vec<(Quantity, usize)>,
    oil: usize,
}

impl Inputs {
    /// Learns from rows before `until`.
    pub(super) fn fit(fleet: &Fleet, member: usize, until: usize) -> Self {
        let frame = &fleet.frames[member];
        let standard = [Quantity::ACTIVE_POWER, Quantity::REACTIVE_POWER, Quantity::LOAD, Quantity::CURRENT];
        let longest = |q: &Quantity| frame.column(q).map_or(LEAST_RUN, |all| stuck_from(&all[..until.min(all.len())], LEAST_RUN));
        let is_load = |q: &&Quantity| standard.contains(q) || q.name().contains("load");
        let loads = frame.quantities().filter(is_load).map(|q| (q.clone(), longest(q))).collect();
        Self { loads, oil: longest(&Quantity::TOP_OIL_TEMP) }
    }

    /// Columns that are loads, whatever they are called.
    pub(super) fn loads(&self, fleet: &Fleet, member: usize) -> Vec<Vec<f64>> {
        let rows = |hours: f64| (hours / fleet.resolution.hours()).round().max(1.0) as usize;
        let (hold, week) = (rows(HELD_HOURS), rows(WEEK_HOURS));
        let known = self.loads.iter().filter_map(|(quantity, longest)| Some((fleet.column(member, quantity)?, *longest)));
        known.map(|(values, longest)| carried(&alive(values, longest), hold, week)).collect()
    }

    /// The oil.
    pub(super) fn oil(&self, fleet: &Fleet, member: usize) -> Vec<f64> {
        fleet.column(member, &Quantity::TOP_OIL_TEMP).map_or_else(|| vec![f64::NAN; fleet.len], |oil| alive(oil, self.oil))
    }
}

/// NaN from the row on that makes a run of equal values too long. Zeros are no fault.
fn alive(values: &[f64], longest: usize) -> Vec<f64> {
    let (mut last, mut run) = (f64::NAN, 0_usize);
    let judge = |value: &f64| {
        run = if *value == last && *value != 0.0 { run + 1 } else { 1 };
        last = *value;
        if run >= longest { f64::NAN } else { *value }
    };
    values.iter().map(judge).collect()
}

/// The last value stands in for `hold` rows, then what was `week` rows before; nought before the first.
fn carried(values: &[f64], hold: usize, week: usize) -> Vec<f64> {
    let mut out: Vec<f64> = Vec::with_capacity(values.len());
    let mut silent = 0;
    for (row, value) in values.iter().enumerate() {
        silent = if value.is_finite() { 0 } else { silent + 1 };
        out.push(match row.checked_sub(week).filter(|_| silent > hold) {
            _ if silent == 0 => *value,
            Some(before) => out[before],
            None => out.last().copied().unwrap_or(0.0),
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{alive, carried};

    #[test]
    fn a_dead_sensor_is_not_believed_from_the_row_that_tells() {
        let nan = f64::NAN;
        let found = alive(&[1.0, 3.0, 3.0, 3.0, 3.0, 2.0, 0.0, 0.0, 0.0, 0.0], 3);
        let wanted = [1.0, 3.0, 3.0, nan, nan, 2.0, 0.0, 0.0, 0.0, 0.0];
        assert!(found.iter().zip(wanted).all(|(a, b)| a.total_cmp(&b).is_eq() || (a.is_nan() && b.is_nan())), "{found:?}");
    }

    #[test]
    fn silence_is_filled_from_the_week_before() {
        let nan = f64::NAN;
        let values = [nan, 1.0, 2.0, 3.0, nan, nan, nan, 7.0];
        assert_eq!(carried(&values, 1, 3), [0.0, 1.0, 2.0, 3.0, 3.0, 2.0, 3.0, 7.0]);
        assert_eq!(carried(&values, 4, 3), [0.0, 1.0, 2.0, 3.0, 3.0, 3.0, 3.0, 7.0]);
    }
}
