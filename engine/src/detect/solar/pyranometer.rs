//! Two light sensors that drift apart.
//!
//! In: a day's ratio of the plane's sensor to what the horizontal one says, rows with the trackers nearly flat. Out: openings, closings,
//! and the factor that puts the plane's sensor right. Dirt and age make a sensor read low, so the lower of the two is not believed.
//! Deliberately not here: QCRad limits (`quality`).

use super::outage::Change;
use super::statistics::median;
use std::collections::VecDeque;

/// Days whose median is judged; days in a row on either side of the limit.
const WINDOW: usize = 15;
const ROW: u32 = 3;
/// Smallest drift worth a visit, and how many scatters of a day it must be.
const LEAST: f64 = 0.012;
const SCATTERS: f64 = 3.0;

/// Memory of the pair.
#[derive(Debug, Clone, Default)]
pub(super) struct Sensors {
    days: VecDeque<f64>,
    beyond: u32,
    within: u32,
    open: bool,
    /// Latest day's log ratio against training.
    pub(super) latest: f64,
    /// Median of the window.
    pub(super) drift: f64,
}

impl Sensors {
    /// One day on. Drift over its limit, and what it changed.
    pub(super) fn day(&mut self, ratio: Option<f64>, normal: (f64, f64)) -> (f64, Option<Change>) {
        let limit = LEAST.max(SCATTERS * normal.1);
        let Some(ratio) = ratio else { return (self.drift.abs() / limit, None) };
        self.latest = ratio.ln() - normal.0;
        self.days.push_back(self.latest);
        if self.days.len() > WINDOW {
            self.days.pop_front();
        }
        if self.days.len() < WINDOW / 2 {
            return (0.0, None);
        }
        self.drift = median(self.days.iter().copied().collect());
        let score = self.drift.abs() / limit;
        (self.beyond, self.within) =
            if score >= 1.0 { (self.beyond + 1, 0) } else { (0, if score < 0.6 { self.within + 1 } else { 0 }) };
        if !self.open && self.beyond >= ROW {
            self.open = true;
            return (score, Some(Change::Open(WINDOW)));
        }
        if self.open && self.within >= ROW {
            self.open = false;
            return (score, Some(Change::Close));
        }
        (score, None)
    }

    /// What the plane's sensor must be multiplied by: more than 1 when it reads low, 1 when the other one does.
    pub(super) fn correction(&self) -> f64 {
        let low = (-self.latest).max(0.0);
        low.min(0.3).exp()
    }
}
