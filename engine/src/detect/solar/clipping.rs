//! Inverters at their rating: more sun than they are built for. It informs, since a flat noon looks like a fault.
//!
//! In: one row of [`Ground`] after the other. Out: openings and closings of one stretch for the plant. Deliberately not here: single
//! values held at a ceiling (`quality`), set-points (`scan`).

use super::ground::Ground;
use super::outage::Change;

/// Share of the rating from which an inverter gives all it can.
const TOP: f64 = 0.995;
/// Minutes at the rating that are told, and minutes below it after which the stretch is over: clouds come and go.
const LASTING: i64 = 60;

/// Rows in which most inverters are at their rating.
#[derive(Debug, Clone, Default)]
pub(super) struct Clipping {
    first: usize,
    run: usize,
    below: usize,
    open: bool,
}

impl Clipping {
    /// Most of the inverters that report give their rating, and no set-point is why.
    pub(super) fn row(&mut self, ground: &Ground<'_>, row: usize) -> Option<Change> {
        let (mut here, mut top) = (0, 0);
        for (inverter, normal) in ground.plant.inverters.iter().zip(&ground.normal.inverters).filter(|(i, _)| i.here[row]) {
            here += 1;
            top += usize::from(inverter.power[row] >= TOP * inverter.rated && !normal.limited(inverter.limit[row]));
        }
        self.step(2 * top > here, ground.plant.rows(LASTING).max(2), row)
    }

    fn step(&mut self, clipped: bool, least: usize, row: usize) -> Option<Change> {
        if clipped {
            if self.run == 0 {
                self.first = row;
            }
            (self.run, self.below) = (self.run + 1, 0);
            if !self.open && self.run >= least {
                self.open = true;
                return Some(Change::Open(self.first));
            }
            return None;
        }
        self.below += 1;
        if self.below < least {
            return None;
        }
        self.run = 0;
        std::mem::take(&mut self.open).then_some(Change::Close)
    }
}

#[cfg(test)]
mod tests {
    use super::{Change, Clipping};

    #[test]
    fn a_cloud_ends_no_stretch_and_a_gust_of_light_begins_none() {
        let mut clipping = Clipping::default();
        let clipped = |row: usize| matches!(row, 3..6 | 20..30 | 32..40);
        let told: Vec<(usize, Change)> = (0..60).filter_map(|row| Some((row, clipping.step(clipped(row), 4, row)?))).collect();
        assert_eq!(told, [(23, Change::Open(20)), (43, Change::Close)]);
    }
}
