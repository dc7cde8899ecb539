//! Sums as plain numbers, for a table, and back.
//!
//! In: a [`Verification`]. Out: a row of numbers per bucket of leads; of two such rows the sum is that of both forecasts.

use super::{BandSums, Duel, Sums, Verification};

/// Numbers of a row: those named by `domain::VERIFICATION_SUMS`, then own and rival's Σ|error| beside persistence, then beside the
/// best naive.
pub(crate) const ROW: usize = 17;

impl Verification {
    /// A row for each bucket that has a step, with the end of its leads in seconds. Steps beyond the last bucket are in none.
    pub fn rows(&self) -> Vec<(i64, [f64; ROW])> {
        let held = self.buckets.iter().zip(&self.sums).filter(|(_, sums)| sums.steps > 0);
        held.map(|(&end, sums)| (end, sums.row())).collect()
    }

    /// Adds a row to the bucket whose leads end at `end` seconds and to that of all leads; false when there is no such bucket.
    pub fn add_row(&mut self, end: i64, row: &[f64; ROW]) -> bool {
        let Some(place) = self.buckets.iter().position(|edge| *edge == end) else { return false };
        let (sums, all) = (Sums::of_row(row), self.buckets.len());
        self.sums[place].add(&sums);
        self.sums[all].add(&sums);
        true
    }
}

impl Sums {
    fn row(&self) -> [f64; ROW] {
        let [half, eighty] = [&self.half, &self.eighty].map(|band| [band.steps as f64, band.inside as f64, band.width]);
        [
            self.steps as f64,
            self.magnitude,
            self.absolute,
            self.squares,
            self.mean_squares,
            self.deviation,
            self.pinball,
            half[0],
            half[1],
            half[2],
            eighty[0],
            eighty[1],
            eighty[2],
            self.persistence.absolute,
            self.persistence.rival_absolute,
            self.naive.absolute,
            self.naive.rival_absolute,
        ]
    }

    /// Duels come back without their pinball loss, which points have none of.
    fn of_row(row: &[f64; ROW]) -> Self {
        let band = |at: usize| BandSums { steps: row[at] as u64, inside: row[at + 1] as u64, width: row[at + 2] };
        let duel = |at: usize| Duel { absolute: row[at], rival_absolute: row[at + 1], ..Duel::default() };
        Self {
            steps: row[0] as u64,
            magnitude: row[1],
            absolute: row[2],
            squares: row[3],
            mean_squares: row[4],
            deviation: row[5],
            pinball: row[6],
            half: band(7),
            eighty: band(10),
            persistence: duel(13),
            naive: duel(15),
        }
    }
}
