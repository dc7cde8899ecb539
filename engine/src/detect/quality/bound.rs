//! From marks on rows to a bounded number of flags: what is wrong for long is one flag with an end.
//!
//! In: a reason per row. Out: stretches `[first, last]` of one reason, in the order of their first rows. Values are flagged one by
//! one while they are few; past [`MOST`] of one reason the stretches are; past [`MOST`] of these the longest of each day is.

use super::Reason;
use std::collections::BTreeMap;

/// Flags of one reason on one quantity of one asset in one look that are kept one by one.
pub(super) const MOST: usize = 5000;

/// Rows of one reason, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stretch {
    pub(super) first: usize,
    pub(super) reason: Reason,
    pub(super) last: usize,
}

/// Stretches of all marked rows; `per_day` is the number of rows of a day.
pub(super) fn stretches(marks: &[Option<Reason>], per_day: usize) -> Vec<Stretch> {
    let mut by_reason: BTreeMap<Reason, Vec<Stretch>> = BTreeMap::new();
    for (row, mark) in marks.iter().enumerate() {
        let Some(reason) = *mark else { continue };
        let held = by_reason.entry(reason).or_default();
        match held.last_mut() {
            Some(stretch) if stretch.last + 1 == row => stretch.last = row,
            _ => held.push(Stretch { first: row, reason, last: row }),
        }
    }
    let mut out = Vec::new();
    for (reason, runs) in by_reason {
        let rows: usize = runs.iter().map(|run| run.last - run.first + 1).sum();
        if reason.is_of_stretches() || rows > MOST {
            out.extend(if runs.len() > MOST { longest_of_days(runs, per_day) } else { runs });
        } else {
            let single = |run: Stretch| (run.first..=run.last).map(move |row| Stretch { first: row, reason, last: row });
            out.extend(runs.into_iter().flat_map(single));
        }
    }
    out.sort_unstable();
    out
}

fn longest_of_days(runs: Vec<Stretch>, per_day: usize) -> Vec<Stretch> {
    let mut days: BTreeMap<usize, Stretch> = BTreeMap::new();
    for run in runs {
        let held = days.entry(run.first / per_day.max(1)).or_insert(run);
        if run.last - run.first > held.last - held.first {
            *held = run;
        }
    }
    days.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::{MOST, Stretch, stretches};

    #[test]
    fn few_are_values_many_are_stretches_and_more_are_days() {
        let few = [None, Some(Reason::Stale), Some(Reason::Stale), None, Some(Reason::Gap), Some(Reason::Gap)];
        let found = stretches(&few, 144);
        let stretch = |first, reason, last| Stretch { first, reason, last };
        assert_eq!(found, [stretch(1, Reason::Stale, 1), stretch(2, Reason::Stale, 2), stretch(4, Reason::Gap, 5)]);
        let many: Vec<_> = (0..40 * MOST).map(|row| (row % 100 != 0).then_some(Reason::Stale)).collect();
        let found = stretches(&many, 144);
        assert_eq!((found.len(), found[1]), (40 * MOST / 100, stretch(101, Reason::Stale, 199)));
        let more: Vec<_> = (0..40 * MOST).map(|row| (row % 2 != 0).then_some(Reason::Spike)).collect();
        assert_eq!(stretches(&more, 144).len(), (40 * MOST).div_ceil(144));
    }
}
