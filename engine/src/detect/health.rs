//! What an asset page shows about one machine: its power curve and, per watched signal, observed against expected.

use crate::domain::Quantity;
use crate::domain::Timestamp;

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
