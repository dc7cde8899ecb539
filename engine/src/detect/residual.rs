//! The seam between models of normal behaviour and the one place that decides: observed, expected, and how odd.
//!
//! A [`Detector`] learns from rows before the training end, its [`FittedDetector`] scores every row on its own; neither
//! knows a threshold. Deliberately not here: smoothing, limits, alarms (`evidence`), incidents.

use super::fleet::Fleet;
use crate::domain::Quantity;
use std::ops::Range;

/// Which side of expected is bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Above,
    Below,
    Either,
}

/// What a model says about every row; three vectors of the fleet's length.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Residual {
    /// As measured, stored unit.
    pub(crate) observed: Vec<f64>,
    /// What the model expects, stored unit; NaN where it cannot say.
    pub(crate) expected: Vec<f64>,
    /// Observed minus expected over the usual spread; NaN where the row tells nothing about the part.
    pub(crate) score: Vec<f64>,
    /// Rows at which the reference itself was found to have moved (an encoder set anew), with the size of the move.
    pub(crate) steps: Vec<(usize, f64)>,
}

/// What a signal is about and how it is judged.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Signal {
    /// Name of the signal: the quantity, or the quantity and a remark.
    pub(crate) name: String,
    /// The quantity it watches.
    pub(crate) quantity: Quantity,
    /// The part it speaks for.
    pub(crate) component: String,
    /// What is wrong when it speaks alone.
    pub(crate) mode: String,
    /// Which side is bad.
    pub(crate) side: Side,
    /// Smallest lasting shift worth a person's time, in spreads of the residual.
    pub(crate) least: f64,
}

/// A model of normal behaviour that can be learnt for one member of a fleet.
pub(crate) trait Detector: std::fmt::Debug {
    /// Learns from rows `learn`; `None` where columns or rows are missing.
    fn fit(&self, fleet: &Fleet, member: usize, learn: &Range<usize>) -> Option<Box<dyn FittedDetector>>;
}

/// A learnt model.
pub(crate) trait FittedDetector: std::fmt::Debug + Send + Sync {
    /// What it is about.
    fn signal(&self) -> &Signal;
    /// What a score of 1 stands for where the machine usually runs, stored unit.
    fn unit(&self) -> f64;
    /// How odd every row is. Row `t` depends on rows up to `t` only.
    fn score(&self, fleet: &Fleet, member: usize) -> Residual;
}

/// Fewest training rows a model is worth learning from: a week of hours, three days of ten minutes.
pub(crate) const LEAST_ROWS: usize = 400;
