//! Rows of a frame grouped into days.
//!
//! In: a frame and the hour its days begin. Out: the rows of each whole day. Deliberately not here: what is asked of a day.

use crate::domain::Frame;
use crate::domain::micros;
use std::ops::Range;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// Whole days of a grid; a day of daily values is one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Days {
    /// First row of the first whole day.
    pub(super) first: usize,
    /// Rows of a day.
    pub(super) rows: usize,
    /// Number of whole days.
    pub(super) count: usize,
    /// Days since 1970 of the first day.
    pub(super) epoch: i64,
}

impl Days {
    /// Days that begin `offset` seconds after midnight UTC. `None` where a day is not a whole number of rows.
    pub(super) fn new(frame: &Frame, offset: i64) -> Option<Self> {
        let step = frame.resolution.seconds();
        if DAY % step != 0 {
            return None;
        }
        let rows = usize::try_from(DAY / step).ok()?;
        let start = micros(frame.start).div_euclid(1_000_000) - if rows == 1 { 0 } else { offset };
        let into = start.rem_euclid(DAY);
        let first = if rows == 1 { 0 } else { usize::try_from((DAY - into).rem_euclid(DAY) / step).ok()? };
        let epoch = start.div_euclid(DAY) + i64::from(first > 0);
        Some(Self { first, rows, count: frame.len.saturating_sub(first) / rows, epoch })
    }

    /// Rows of a day.
    pub(super) const fn of(&self, day: usize) -> Range<usize> {
        let from = self.first + day * self.rows;
        from..from + self.rows
    }

    /// Mean of each day; NaN where less than four fifths of its rows are there.
    pub(super) fn means(&self, column: &[f64]) -> Vec<f64> {
        let mean = |day: usize| {
            let (sum, n) = column[self.of(day)].iter().filter(|v| v.is_finite()).fold((0.0, 0_usize), |(s, n), v| (s + v, n + 1));
            if 5 * n >= 4 * self.rows { sum / n as f64 } else { f64::NAN }
        };
        (0..self.count).map(mean).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::frame;
    use super::Days;

    #[test]
    fn days_begin_where_they_are_told_to() {
        let hourly = frame(&vec![1.0; 100], "PT1H", "2026-03-01T05:00:00Z");
        let days = Days::new(&hourly, 0).unwrap();
        assert_eq!((days.first, days.rows, days.count), (19, 24, 3));
        assert_eq!(hourly.time(days.of(0).start).to_string(), "2026-03-02T00:00:00Z");
        let noon = Days::new(&hourly, 12 * 3600).unwrap();
        assert_eq!(hourly.time(noon.of(0).start).to_string(), "2026-03-01T12:00:00Z");
        let daily = Days::new(&frame(&[1.0; 9], "P1D", "2026-03-01T22:00:00Z"), 0).unwrap();
        assert_eq!((daily.first, daily.rows, daily.count), (0, 1, 9));
        assert_eq!(days.means(&vec![2.0; 100]), [2.0; 3]);
    }
}
