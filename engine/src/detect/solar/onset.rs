//! The row at which an inverter's level stepped.
//!
//! In: rows that hold the step, the level before and the size of the step (logs). Out: the row that splits them best. For the energy
//! of an incident only; whether there is a step is decided elsewhere (`strings`).

use super::ground::Ground;
use super::normal::usable;
use std::ops::Range;

/// First row after the step; `None` where no row speaks.
pub(super) fn onset(ground: &Ground<'_>, k: usize, rows: Range<usize>, before: f64, step: f64) -> Option<usize> {
    let (plant, light, normal) = (ground.plant, ground.light, &ground.normal.inverters[k]);
    let inverter = &plant.inverters[k];
    let mut best = None;
    let mut sum = 0.0;
    for row in rows.rev() {
        if !usable(plant, light, row) || ground.busy[k][row] || normal.held(inverter, light, row) {
            continue;
        }
        let value = (inverter.dc[row] / light.yield_of(plant, row, ground.normal.gamma)).ln() - normal.clean - before;
        if !value.is_finite() {
            continue;
        }
        // How much better this row fits after the step than before it, no row counting for more than the step.
        sum += (value.abs() - (value - step).abs()).clamp(-step.abs(), step.abs());
        if best.is_none_or(|(most, _)| sum > most) {
            best = Some((sum, row));
        }
    }
    best.filter(|(sum, _)| *sum > 0.0).map(|(_, row)| row)
}
