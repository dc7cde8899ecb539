//! How far the weather known at a time reaches. In: an issue time. Out: when the newest run started, and the last time any run speaks of.

use super::{WeatherIndex, known};

impl WeatherIndex {
    /// Start of the newest run known at `issue` and the last valid time of all that were, microseconds; `None` while none was known.
    pub fn reach(&self, issue: i64) -> Option<(i64, i64)> {
        let mut found: Option<(i64, i64)> = None;
        for source in &self.sources {
            for (valid, (from, to)) in source.valid.iter().zip(&source.ranges) {
                for (init, _) in source.runs[*from as usize..*to as usize].iter().filter(|run| known(run.1, issue)) {
                    let held = found.unwrap_or((*init, *valid));
                    found = Some((held.0.max(*init), held.1.max(*valid)));
                }
            }
        }
        found
    }
}
