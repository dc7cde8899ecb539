//! Trackers that report that they stand elsewhere than ordered.
//!
//! In: angle and set-point, row by row, at the tracker's own pace. Out: openings and closings. A stuck tracker meets its set-point twice
//! a day, so only having moved with it over a good stretch closes. Deliberately not here: trackers that report what they were
//! told (`shape`).

use super::outage::Change;

/// Minutes off the set-point that are a stall.
const OFF: i64 = 45;
/// Degrees the tracker must have moved while on its set-point.
const TRAVEL: f64 = 20.0;

/// Memory of one tracker.
#[derive(Debug, Clone, Default)]
pub(super) struct Following {
    off_since: Option<usize>,
    travel: f64,
    angle: Option<f64>,
    good: usize,
    pub(super) open: bool,
}

impl Following {
    /// Degrees off over the limit, and what it changed; nothing on rows without a report.
    pub(super) fn row(&mut self, angle: f64, goal: f64, limit: f64, least: usize, row: usize) -> Option<(f64, Option<Change>)> {
        if !angle.is_finite() || !goal.is_finite() {
            return None;
        }
        let score = (angle - goal).abs() / limit;
        let moved = self.angle.map_or(0.0, |before| (angle - before).abs());
        self.angle = Some(angle);
        if score > 1.0 {
            self.travel = 0.0;
            let since = *self.off_since.get_or_insert(row);
            if !self.open && row - since >= least {
                self.open = true;
                return Some((score, Some(Change::Open(self.good.min(since)))));
            }
            return Some((score, None));
        }
        // The jump back onto the set-point is the repair, not the following.
        self.travel += if self.off_since.take().is_some() { 0.0 } else { moved };
        if !self.open {
            self.good = row;
        } else if self.travel >= TRAVEL {
            (self.open, self.good) = (false, row);
            return Some((score, Some(Change::Close)));
        }
        Some((score, None))
    }

    /// True while the tracker stands elsewhere than ordered.
    pub(super) const fn off(&self) -> bool {
        self.off_since.is_some()
    }

    /// Rows that make the time off.
    pub(super) fn least(step: i64) -> usize {
        usize::try_from(OFF * 60 / step).unwrap_or(1).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::Change;
    use super::Following;

    #[test]
    fn a_crossing_is_no_recovery() {
        let mut tracker = Following::default();
        let mut changes = Vec::new();
        for row in 0..200_usize {
            let goal = -50.0 + row as f64 / 2.0;
            let angle = if (40..160).contains(&row) { 0.0 } else { goal };
            if let Some((_, Some(change))) = tracker.row(angle, goal, 5.0, 9, row) {
                changes.push((row, change));
            }
        }
        // Off from row 40 (goal -30), across the set-point near row 100, back on it from row 160 and 20° further at 200.
        assert_eq!(changes.first(), Some(&(49, Change::Open(39))), "{changes:?}");
        assert_eq!(changes.get(1).map(|c| c.1), Some(Change::Close), "{changes:?}");
        assert!(changes[1].0 >= 195 && changes.len() == 2, "{changes:?}");
    }
}
