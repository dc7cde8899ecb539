//! What a false-alarm budget buys: how soon a lasting shift of a signal is expected to raise an incident.
//!
//! In: the fitted charts of a signal. Out: delays by size of shift, in hours of calendar time. A shift of `d` spreads
//! fills a chart with reference `k` and limit `h` in `h / (d - k)` informative rows (the straight-line part of Siegmund's
//! approximation, 1985, which is on the safe side); machines do not tell something in every row, and an incident needs its
//! count of anomalous rows on top. Deliberately not here: how the limits came about (`budget`, `evidence`).

use super::evidence::Limits;
use super::neighbours::HORIZONS;
use super::residual::Signal;
use crate::domain::AssetId;
use crate::domain::Quantity;

/// How soon shifts of one signal of one asset are expected to be found.
#[derive(Debug, Clone, PartialEq)]
pub struct DetectionPower {
    /// Whose signal.
    pub asset: AssetId,
    /// Name of the signal: the quantity, or the quantity and a remark.
    pub signal: String,
    /// The quantity watched.
    pub quantity: Quantity,
    /// The part it speaks for.
    pub component: String,
    /// False alarms a year each side of this signal may raise.
    pub false_alarms_per_year: f64,
    /// By growing size of the shift.
    pub delays: Vec<DetectionDelay>,
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DetectionDelay {
    /// Size of a lasting shift in the bad direction, stored unit of the quantity.
    pub shift: f64,
    /// Expected hours until an incident is raised; `None` where such a shift is let be.
    pub hours: Option<f64>,
}

/// What of a model decides how soon it speaks.
#[derive(Debug)]
pub(crate) struct Chart<'a> {
    pub(crate) signal: &'a Signal,
    pub(crate) limits: &'a [Limits],
    /// Stored units in a score of 1.
    pub(crate) unit: f64,
    /// Least missing shares by horizon.
    pub(crate) shares: [f64; HORIZONS.len()],
    /// Share of rows that tell something.
    pub(crate) duty: f64,
    /// Mean of what is expected in those rows, stored unit.
    pub(crate) typical: f64,
}

/// Delays for the shifts people ask about; `hours` a row, `criticality` anomalous rows until an incident.
pub(crate) fn detection_power(asset: &AssetId, chart: &Chart<'_>, allowed: f64, hours: f64, criticality: u32) -> DetectionPower {
    let is_power = chart.signal.quantity == Quantity::ACTIVE_POWER;
    let shifts: Vec<f64> = match &chart.signal.quantity {
        q if *q == Quantity::ACTIVE_POWER => [0.03, 0.05, 0.08, 0.12, 0.2, 0.4].map(|share| share * chart.typical).to_vec(),
        q if *q == Quantity::WIND_SPEED => vec![0.3, 0.5, 0.75, 1.0, 1.5, 2.0],
        q if *q == Quantity::BLADE_PITCH_ANGLE => vec![0.5, 1.0, 1.5, 2.0, 3.0, 5.0],
        q if *q == Quantity::NACELLE_DIRECTION => vec![5.0, 8.0, 10.0, 15.0, 20.0, 30.0],
        q if q.name().ends_with("_temp") => vec![2.0, 3.0, 5.0, 8.0, 12.0, 20.0],
        _ => [1.0, 2.0, 3.0, 4.0, 6.0, 10.0].map(|times| times * chart.unit).to_vec(),
    };
    let informative = |shift: f64| {
        let quick = chart.limits.iter().filter_map(|limits| limits.rows_until(shift / chart.unit)).min_by(f64::total_cmp)?;
        if !is_power {
            return Some(quick);
        }
        let share = shift / chart.typical;
        // A running share creeps up on its level: 1 - exp(-rows / horizon).
        let reached = |(horizon, least): (&f64, &f64)| (share > *least).then(|| -(horizon / hours) * (1.0 - least / share).ln());
        let admitted = HORIZONS.iter().zip(&chart.shares).filter_map(reached).min_by(f64::total_cmp)?;
        Some(quick.max(admitted))
    };
    let delay = |shift: f64| DetectionDelay {
        shift,
        hours: informative(shift).map(|rows| (rows / chart.duty.max(1e-3) + f64::from(criticality)) * hours),
    };
    DetectionPower {
        asset: asset.clone(),
        signal: chart.signal.name.clone(),
        quantity: chart.signal.quantity.clone(),
        component: chart.signal.component.clone(),
        false_alarms_per_year: allowed,
        delays: shifts.into_iter().map(delay).collect(),
    }
}
