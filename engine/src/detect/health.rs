//! What an asset page shows about one machine: its power curve and, per watched signal, observed against expected.

use super::attribution::Cause;
use super::fleet::Fleet;
use super::power::MemberCurve;
use super::residual::FittedDetector;
use super::residual::Residual;
use crate::domain::Quantity;
use crate::domain::Timestamp;
use std::ops::Range;

/// Condition of one asset over a range.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Health {
    /// The learnt power curve; empty where there is none.
    pub bins: Vec<CurveBin>,
    /// Rows of the range on that curve.
    pub points: Vec<CurvePoint>,
    /// One per watched signal.
    pub signals: Vec<HealthSignal>,
}

/// One bin of the power curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurveBin {
    /// Middle of the bin, m/s.
    pub wind_speed: f64,
    /// Median power, kW.
    pub expected_kw: f64,
    /// Robust standard deviation (1.4826 MAD), kW.
    pub spread_kw: f64,
    /// Training rows in the bin.
    pub count: usize,
}

/// One row on the power curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurvePoint {
    /// Time of the row.
    pub time: Timestamp,
    /// m/s.
    pub wind_speed: f64,
    /// kW.
    pub active_power: f64,
    /// The verdict of the row.
    pub anomalous: bool,
}

/// Observed against expected for one quantity; vectors of equal length, NaN where there is none.
#[derive(Debug, Clone, PartialEq)]
pub struct HealthSignal {
    /// The quantity.
    pub quantity: Quantity,
    /// The part it speaks for.
    pub component: String,
    /// Times of the rows.
    pub times: Vec<Timestamp>,
    /// As measured.
    pub observed: Vec<f64>,
    /// What the model expects.
    pub expected: Vec<f64>,
    /// Evidence over its limit; 1 is the alarm line.
    pub score: Vec<f64>,
}

/// Puts the page together from what the watch worked out, rows `rows` only.
pub(crate) fn assemble(
    fleet: &Fleet,
    member: usize,
    curve: Option<&MemberCurve>,
    residuals: &[(&dyn FittedDetector, Residual)],
    causes: &[Cause],
    anomalies: &[bool],
    rows: Range<usize>,
) -> Health {
    let frame = &fleet.frames[member];
    let mut health = Health::default();
    if let Some(own) = curve.filter(|c| c.driver == Quantity::WIND_SPEED) {
        health.bins.clone_from(&own.curve.bins);
        if let (Some(wind), Some(power)) = (frame.column(&Quantity::WIND_SPEED), frame.column(&Quantity::ACTIVE_POWER)) {
            let known = rows.clone().filter(|&i| wind[i].is_finite() && power[i].is_finite());
            health.points.extend(known.map(|i| CurvePoint {
                time: frame.time(i),
                wind_speed: wind[i],
                active_power: power[i],
                anomalous: anomalies[i],
            }));
        }
    }
    for ((model, residual), cause) in residuals.iter().zip(causes) {
        let signal = model.signal();
        if health.signals.iter().any(|known| known.quantity == signal.quantity) {
            continue;
        }
        health.signals.push(HealthSignal {
            quantity: signal.quantity.clone(),
            component: signal.component.clone(),
            times: rows.clone().map(|i| frame.time(i)).collect(),
            observed: residual.observed[rows.clone()].to_vec(),
            expected: residual.expected[rows.clone()].to_vec(),
            score: cause.score[rows.clone()].to_vec(),
        });
    }
    health
}
