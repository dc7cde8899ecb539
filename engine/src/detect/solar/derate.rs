//! Cooling lost: a heat sink hotter than air and load explain, and hotter than the other inverters' by the same measure.
//!
//! In: one row of [`Ground`] after the other. Out: openings and closings. A hot day warms all inverters and changes nothing here.
//! Deliberately not here: the model of the heat sink (`sink`).

use super::ground::Ground;
use super::outage::Change;

/// Least excess that is a fault, K, and how many typical errors of the model it must be.
const LEAST: f64 = 5.0;
const ERRORS: f64 = 8.0;
/// Load below which a lost fan hardly shows.
const LOADED: f64 = 0.3;
/// Minutes under load before opening and before closing.
const OPENING: i64 = 45;
const CLOSING: i64 = 90;

/// Excess heat of one inverter.
#[derive(Debug, Clone, Default)]
pub(super) struct Cooling {
    hot: usize,
    cool: usize,
    first: usize,
    pub(super) open: bool,
}

impl Cooling {
    /// True while the sink is too hot, long enough or not yet.
    pub(super) const fn hot(&self) -> bool {
        self.open || self.hot > 0
    }

    /// Excess over its limit, and what it changed.
    pub(super) fn row(&mut self, ground: &Ground<'_>, k: usize, row: usize) -> (f64, Option<Change>) {
        let inverter = &ground.plant.inverters[k];
        let (heat, load) = (ground.heat[k][row], inverter.power[row] / inverter.rated);
        let Some(sink) = ground.normal.inverters[k].sink.as_ref() else { return (0.0, None) };
        if !heat.is_finite() || load < LOADED || load.is_nan() || ground.limited[row] {
            return (0.0, None);
        }
        let limit = LEAST.max(ERRORS * sink.error);
        let score = heat / limit;
        if score >= 1.0 {
            if self.hot == 0 {
                self.first = row;
            }
            (self.hot, self.cool) = (self.hot + 1, 0);
        } else {
            self.cool += usize::from(score < 0.6);
            self.hot = if self.open { self.hot } else { 0 };
        }
        if !self.open && self.hot >= ground.plant.rows(OPENING).max(2) {
            self.open = true;
            return (score, Some(Change::Open(self.first)));
        }
        if self.open && self.cool >= ground.plant.rows(CLOSING).max(2) {
            *self = Self::default();
            return (score, Some(Change::Close));
        }
        (score, None)
    }
}
