//! Values that stand still because nothing moves: nights, calms, a full machine, a set-point.
//!
//! In: a frame and a column of it. Out: whether a row's value may repeat itself. Deliberately not here: how often it does (`run`).

use crate::domain::Frame;
use crate::domain::Quantity;

/// Values nearer to zero than this are rest.
const ZERO: f64 = 1e-6;
/// Share of the capacity below which a machine rests, and within which it follows its set-point.
const REST: f64 = 0.005;
/// Share of the capacity from which a machine is full.
const FULL: f64 = 0.98;

/// Columns that stand still by nature: orders, codes, registers and positions.
const STEADY: [Quantity; 7] = [
    Quantity::TURBINE_STATUS,
    Quantity::ACTIVE_POWER_LIMIT,
    Quantity::ACTIVE_ENERGY,
    Quantity::PRECIPITATION,
    Quantity::BLADE_PITCH_ANGLE,
    Quantity::NACELLE_DIRECTION,
    Quantity::TRACKER_ANGLE,
];

/// True for columns in which runs mean nothing.
pub(super) fn is_steady(quantity: &Quantity) -> bool {
    STEADY.contains(quantity)
}

/// Rows that may stand still.
pub(super) fn resting<'a>(frame: &'a Frame, quantity: &Quantity, values: &'a [f64]) -> Box<dyn Fn(usize) -> bool + 'a> {
    let capacity = frame.asset.capacity_kw.filter(|capacity| *capacity > 0.0);
    let limit = frame.column(&Quantity::ACTIVE_POWER_LIMIT);
    match (quantity.name(), capacity) {
        ("active_power" | "available_power", Some(capacity)) => Box::new(move |row| {
            let value = values[row];
            let held = limit.is_some_and(|limit| (value - limit[row]).abs() < REST * capacity);
            value.abs() < REST * capacity || value >= FULL * capacity || held
        }),
        ("ghi" | "dni" | "dhi" | "poa_global", _) => Box::new(move |row| values[row] < 5.0),
        ("relative_humidity", _) => Box::new(move |row| values[row] >= 99.0 || values[row] < ZERO),
        // Cups stand still in a light wind and say the offset of their calibration.
        ("wind_speed", _) => Box::new(move |row| values[row] <= 0.6),
        _ => Box::new(move |row| values[row].abs() < ZERO),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::frame_of;
    use super::{is_steady, resting};
    use crate::domain::Quantity;

    #[test]
    fn nights_full_power_and_set_points_rest() {
        let power = vec![-0.06, 50.0, 99.5, 40.1];
        let limit = vec![100.0, 100.0, 100.0, 40.0];
        let columns = vec![(Quantity::ACTIVE_POWER, power.clone()), (Quantity::ACTIVE_POWER_LIMIT, limit)];
        let mut frame = frame_of(columns, "PT10M", "2026-01-01T00:00:00Z");
        frame.asset.capacity_kw = Some(100.0);
        let rests = resting(&frame, &Quantity::ACTIVE_POWER, &power);
        assert_eq!([0, 1, 2, 3].map(&rests), [true, false, true, true]);
        assert!(is_steady(&Quantity::TURBINE_STATUS) && !is_steady(&Quantity::WIND_SPEED));
    }
}
