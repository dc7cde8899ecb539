//! Weather model runs, indexed so that "what did each source's newest run say at t about v" is cheap.
//!
//! In: [`WeatherForecasts`] and a [`WeatherLayout`]. Out: values per quantity at any valid time, linear between hours, and all runs
//! about it. A run counts when it was [`known`]: the one leak filter of the house for weather; nothing else looks at `available_at`.
//! With several sources a row is their mean, how far they are apart, and the newest; with one it is that source's alone.

mod layout;
mod reach;
mod several;
#[cfg(test)]
mod tests;

pub use layout::WeatherLayout;

use crate::domain::{WeatherForecasts, WeatherRow, micros};

/// Longest gap between two valid times that is interpolated, in microseconds (3 h).
const WIDEST: i64 = 3 * 3_600_000_000;

/// Whether a run that could first be used at `available_at` was known at `issue`, both in microseconds.
fn known(available_at: i64, issue: i64) -> bool {
    available_at <= issue
}

/// The runs of all sources of a layout.
#[derive(Debug, Clone, Default)]
pub struct WeatherIndex {
    layout: WeatherLayout,
    sources: Vec<Source>,
}

/// Rows of one source, sorted by valid time, newest run first.
#[derive(Debug, Clone, Default)]
struct Source {
    valid: Vec<i64>,
    ranges: Vec<(u32, u32)>,
    /// Start and first use of each run.
    runs: Vec<(i64, i64)>,
    /// Row-major, one per quantity of the layout.
    values: Vec<f64>,
}

impl WeatherIndex {
    /// Sorts the rows of the layout's sources; others are left out, as are quantities that are not in it.
    pub fn new(weather: &WeatherForecasts, layout: &WeatherLayout) -> Self {
        let columns: Vec<Option<usize>> =
            layout.quantities().iter().map(|name| weather.quantities.iter().position(|held| held == name)).collect();
        let width = weather.quantities.len();
        let sources = layout.sources().iter().filter_map(|name| {
            let at = weather.sources.iter().position(|held| held == name)?;
            let rows = weather.rows.iter().filter(|row| row.source == at && row.values.len() == width);
            let rows: Vec<(&WeatherRow, Vec<f64>)> = rows
                .map(|row| (row, columns.iter().map(|c| c.map_or(f64::NAN, |c| row.values[c])).collect()))
                .filter(|(_, values): &(_, Vec<f64>)| values.iter().any(|v| v.is_finite()))
                .collect();
            (!rows.is_empty()).then(|| Source::new(rows))
        });
        Self { sources: sources.collect(), layout: layout.clone() }
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// Sources and quantities that are looked at.
    pub fn layout(&self) -> &WeatherLayout {
        &self.layout
    }

    /// Numbers in a row of [`WeatherIndex::newest`]: one per quantity, and with several sources two more of each.
    pub fn width(&self) -> usize {
        let quantities = self.layout.quantities().len();
        if self.layout.is_several() { 3 * quantities } else { quantities }
    }

    /// Column of a quantity.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.layout.quantities().iter().position(|q| q.name() == name)
    }

    /// Values of all columns at `valid` as known at `issue` (microseconds), and hours since the run started; `None` where no
    /// known run speaks of that time. With several sources each one's newest run is heard: the first columns are their mean,
    /// then come their standard deviations (NaN where only one speaks), then the values of the newest; the age is the newest's.
    pub fn newest(&self, valid: i64, issue: i64) -> Option<(Vec<f64>, f64)> {
        let width = self.layout.quantities().len();
        let mut said = self.sources.iter().filter_map(|source| source.newest(width, valid, issue));
        let first = said.next()?;
        if !self.layout.is_several() {
            return Some(first);
        }
        let all: Vec<(Vec<f64>, f64)> = std::iter::once(first).chain(said).collect();
        Some(several::together(self.layout.quantities(), &all))
    }

    /// What `of` makes of all runs of a source known at `issue` about `valid` (newest first, with their age in hours), linear
    /// between hours; one item per source that speaks of that time.
    pub fn runs<'a, const N: usize>(
        &'a self,
        valid: i64,
        issue: i64,
        of: impl Fn(Runs<'_>) -> Option<[f64; N]> + 'a,
    ) -> impl Iterator<Item = [f64; N]> + 'a {
        let width = self.layout.quantities().len();
        self.sources.iter().filter_map(move |source| {
            let at = |place: usize| {
                let (next, end) = source.ranges[place];
                of(Runs { source, width, issue, valid: source.valid[place], next, end })
            };
            Some(match source.around(valid, at)? {
                Around::At(found) => found,
                Around::Between { low: (_, a), high: (_, b), share } => std::array::from_fn(|i| a[i] + share * (b[i] - a[i])),
            })
        })
    }
}

/// What was found at a time, or either side of it with the valid times.
enum Around<T> {
    At(T),
    Between { low: (i64, T), high: (i64, T), share: f64 },
}

impl Source {
    fn new(mut rows: Vec<(&WeatherRow, Vec<f64>)>) -> Self {
        rows.sort_by_key(|(row, _)| (row.valid_time, std::cmp::Reverse(row.init_time), row.available_at));
        let mut source = Self::default();
        for (row, values) in rows {
            let (valid, at) = (micros(row.valid_time), source.runs.len() as u32);
            match source.ranges.last_mut().filter(|_| source.valid.last() == Some(&valid)) {
                Some(range) => range.1 = at + 1,
                None => {
                    source.valid.push(valid);
                    source.ranges.push((at, at + 1));
                }
            }
            source.runs.push((micros(row.init_time), micros(row.available_at)));
            source.values.extend_from_slice(&values);
        }
        source
    }

    /// What `look` finds at `valid`, else at the nearest valid times either side that have something. Places where `look` finds
    /// nothing count as if they were not there, or a run to come would show by its hours.
    fn around<T>(&self, valid: i64, look: impl Fn(usize) -> Option<T>) -> Option<Around<T>> {
        let mut after = self.valid.partition_point(|&v| v < valid);
        let before = after;
        if self.valid.get(after) == Some(&valid) {
            if let Some(found) = look(after) {
                return Some(Around::At(found));
            }
            after += 1;
        }
        let found = |place: usize| Some((self.valid[place], look(place)?));
        let low = (0..before).rev().take_while(|&p| valid - self.valid[p] < WIDEST).find_map(found)?;
        let high = (after..self.valid.len()).take_while(|&p| self.valid[p] - low.0 <= WIDEST).find_map(found)?;
        let share = (valid - low.0) as f64 / (high.0 - low.0) as f64;
        Some(Around::Between { low, high, share })
    }

    fn newest(&self, width: usize, valid: i64, issue: i64) -> Option<(Vec<f64>, f64)> {
        let row = |place: usize| {
            let (from, to) = self.ranges[place];
            let run = (from as usize..to as usize).find(|&run| known(self.runs[run].1, issue))?;
            Some((&self.values[run * width..(run + 1) * width], (self.valid[place] - self.runs[run].0) as f64 / 3.6e9))
        };
        Some(match self.around(valid, row)? {
            Around::At((values, age)) => (values.to_vec(), age),
            Around::Between { low: (from, (a, age)), high: (to, (b, _)), share } => {
                let mixed = a.iter().zip(b).map(|(a, b)| a + share * (b - a)).collect();
                (mixed, age + share * (to - from) as f64 / 3.6e9)
            }
        })
    }
}

/// The runs of a source about one valid time that were known at an issue, newest first: age in hours and values.
#[derive(Debug, Clone)]
pub struct Runs<'a> {
    source: &'a Source,
    width: usize,
    issue: i64,
    valid: i64,
    next: u32,
    end: u32,
}

impl<'a> Iterator for Runs<'a> {
    type Item = (f64, &'a [f64]);

    fn next(&mut self) -> Option<Self::Item> {
        while self.next < self.end {
            let run = self.next as usize;
            self.next += 1;
            let (init, first_use) = self.source.runs[run];
            if known(first_use, self.issue) {
                let age = (self.valid - init) as f64 / 3.6e9;
                return Some((age, &self.source.values[run * self.width..(run + 1) * self.width]));
            }
        }
        None
    }
}
