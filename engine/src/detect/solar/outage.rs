//! Silence and standstill: no rows while others report, no power while others produce.
//!
//! In: one row of [`Ground`] after the other. Out: openings and closings. Deliberately not here: energy.

use super::ground::Ground;
use super::ground::NOTHING;
use super::ground::SUNNY;

/// Minutes of silence that are a loss of communication.
const SILENT: i64 = 30;
/// Minutes without power that are a trip when the inverter stopped from full swing.
const STOPPED: i64 = 15;
/// Minutes without power that are a trip when it never woke or faded away: a clock that is off looks like that for an hour.
const NEVER_WOKE: i64 = 75;

/// What a row changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Open, with the row of the onset.
    Open(usize),
    /// Close.
    Close,
}

/// Rows without rows.
#[derive(Debug, Clone, Default)]
pub(super) struct Silence {
    run: usize,
    open: bool,
}

impl Silence {
    /// `here`: the device reports; `others`: more than half of the others do.
    pub(super) fn row(&mut self, least: usize, here: bool, others: bool, row: usize) -> Option<Change> {
        if here {
            self.run = 0;
            return std::mem::take(&mut self.open).then_some(Change::Close);
        }
        self.run += usize::from(others || self.run > 0);
        if !self.open && self.run >= least && others {
            self.open = true;
            return Some(Change::Open(row + 1 - self.run));
        }
        None
    }

    pub(super) fn least(ground: &Ground<'_>) -> usize {
        ground.plant.rows(SILENT).max(2)
    }
}

/// Rows without power.
#[derive(Debug, Clone)]
pub(super) struct Standstill {
    run: usize,
    first: usize,
    sudden: bool,
    woke: bool,
    /// Share of the others' power before the stop, smoothed.
    share: f64,
    pub(super) open: bool,
}

impl Default for Standstill {
    fn default() -> Self {
        Self { run: 0, first: 0, sudden: false, woke: false, share: 1.0, open: false }
    }
}

impl Standstill {
    pub(super) fn new_day(&mut self) {
        self.woke = false;
        if !self.open {
            self.run = 0;
        }
    }

    pub(super) fn row(&mut self, ground: &Ground<'_>, k: usize, row: usize) -> Option<Change> {
        let inverter = &ground.plant.inverters[k];
        let share = inverter.power[row] / inverter.rated;
        let ordered = inverter.limit[row] < 2.0 * NOTHING * inverter.rated;
        if !share.is_finite() || ordered || ground.peers[row].is_nan() {
            return None;
        }
        if ground.peers[row] <= SUNNY {
            if share >= 0.5 * SUNNY && self.open {
                return self.back();
            }
            if !self.open {
                self.run = 0;
            }
            return None;
        }
        if share >= NOTHING {
            self.woke = true;
            self.share += 0.3 * (share / ground.peers[row] - self.share);
            self.run = 0;
            return if self.open { self.back() } else { None };
        }
        if self.run == 0 {
            (self.first, self.sudden) = (row, self.woke && self.share > 0.5);
        }
        self.run += 1;
        let least = ground.plant.rows(if self.sudden { STOPPED } else { NEVER_WOKE });
        if !self.open && self.run >= least.max(2) {
            self.open = true;
            return Some(Change::Open(self.first));
        }
        None
    }

    /// True while a sudden stop is not yet long enough.
    pub(super) const fn suspect(&self) -> bool {
        self.run > 0 && self.sudden
    }

    fn back(&mut self) -> Option<Change> {
        (self.open, self.run, self.share) = (false, 0, 1.0);
        Some(Change::Close)
    }
}
