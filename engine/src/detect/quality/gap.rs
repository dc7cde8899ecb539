//! Rows without a value: what is missing, and what is only silent.
//!
//! In: a frame and a column of it, NaN = missing. Out: one mark per row. A column with its own, longer spacing misses nothing between
//! two values, and a logger that an inverter feeds is silent each night. Deliberately not here: gaps of a whole site (`circumstances`).

use crate::domain::AssetKind;
use crate::domain::Frame;
use crate::domain::Quantity;

/// A column that is missing this often between two values has its own, longer spacing.
const SPARSE: f64 = 0.2;
/// Light and power below this share of their top are dusk.
const DUSK: f64 = 0.05;
/// Shortest and longest night, seconds, and on what share of the days, and on how many at the fewest, it is silent where that is a habit.
const SHORT_NIGHT: i64 = 2 * 3600;
const NIGHT: i64 = 20 * 3600;
const OFTEN: f64 = 0.5;
const LEAST: usize = 5;

/// Rows without a value after the first one, where there should be one.
pub(super) fn gaps(frame: &Frame, values: &[f64]) -> Vec<bool> {
    let mut out = vec![false; values.len()];
    let missing = missing(values);
    let known = values.iter().filter(|v| v.is_finite()).count();
    if known > 20 && missing.len() as f64 > SPARSE * known as f64 {
        return out;
    }
    let days = values.len() / frame.resolution.steps_per_day().max(1);
    let dusk = dusk(frame);
    // From dusk to dawn; the last night may not be over.
    let night = |&(first, end): &(usize, usize)| {
        let seconds = (end - first) as i64 * frame.resolution.seconds();
        let dawn = |dusk: &dyn Fn(usize) -> bool| end == values.len() || (dusk(end) && seconds >= SHORT_NIGHT);
        seconds <= NIGHT && dusk.as_ref().is_some_and(|dusk| dusk(first - 1) && dawn(dusk))
    };
    let nights = missing.iter().filter(|gap| night(gap)).count();
    let habit = nights >= LEAST && nights as f64 >= OFTEN * days as f64;
    for gap in missing.into_iter().filter(|gap| !(habit && night(gap))) {
        out[gap.0..gap.1].fill(true);
    }
    out
}

/// Runs `[first, end)` without a value after the first value.
fn missing(values: &[f64]) -> Vec<(usize, usize)> {
    let mut out: Vec<(usize, usize)> = Vec::new();
    let begin = values.iter().position(|v| v.is_finite()).unwrap_or(values.len());
    for row in (begin..values.len()).filter(|&row| values[row].is_nan()) {
        match out.last_mut() {
            Some(gap) if gap.1 == row => gap.1 = row + 1,
            _ => out.push((row, row + 1)),
        }
    }
    out
}

/// Whether a row is at dusk, by the light or the power of a solar asset; `None` for others.
fn dusk(frame: &Frame) -> Option<impl Fn(usize) -> bool> {
    let solar = matches!(frame.asset.kind, AssetKind::PvInverter | AssetKind::PvPlant);
    let light = [Quantity::POA_GLOBAL, Quantity::GHI].into_iter();
    let column = light.chain(solar.then_some(Quantity::ACTIVE_POWER)).find_map(|quantity| frame.column(&quantity))?;
    let mut lit: Vec<f64> = column.iter().copied().filter(|v| *v > 0.0).collect();
    let top = lit.len().checked_sub(1)? * 99 / 100;
    let line = DUSK * *lit.select_nth_unstable_by(top, f64::total_cmp).1;
    Some(move |row: usize| column[row] <= line)
}

#[cfg(test)]
mod tests {
    use super::super::tests::frame;
    use super::gaps;

    /// Twenty days of quarter hours of a PV inverter, silent from ten minutes after dusk on.
    fn silent_nights() -> Vec<f64> {
        let day = |i: usize| ((i % 96) as f64 - 24.0) / 48.0;
        (0..20 * 96)
            .map(|i| if (0.0..=1.0).contains(&day(i)) { 100.0 * (day(i) * std::f64::consts::PI).sin() } else { f64::NAN })
            .collect()
    }

    #[test]
    fn a_logger_that_sleeps_at_night_has_no_gaps_but_a_day_is_one() {
        let mut values = silent_nights();
        let marks = |values: &[f64]| gaps(&frame(values, "PT15M", "2026-01-01T00:00:00Z"), values);
        assert!(!marks(&values[..1900]).contains(&true));
        // An hour at noon, and an afternoon with the night after it.
        values[5 * 96 + 48..5 * 96 + 52].fill(f64::NAN);
        values[9 * 96 + 60..9 * 96 + 96].fill(f64::NAN);
        let found = marks(&values[..1900]);
        assert!(found[5 * 96 + 48..5 * 96 + 52].iter().all(|gap| *gap) && found[9 * 96 + 60..10 * 96 + 24].iter().all(|gap| *gap));
        assert_eq!(found.iter().filter(|gap| **gap).count(), 4 + 60);
    }

    #[test]
    fn one_silent_night_is_a_gap() {
        let awake: Vec<f64> = silent_nights().into_iter().map(|v| if v.is_nan() { 0.0 } else { v }).collect();
        let mut values = awake;
        values[6 * 96 + 80..7 * 96 + 20].fill(f64::NAN);
        let found = gaps(&frame(&values, "PT15M", "2026-01-01T00:00:00Z"), &values);
        assert_eq!(found.iter().filter(|gap| **gap).count(), 36);
    }
}
