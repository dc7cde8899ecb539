//! Weather model runs, indexed so that "newest run known at t about v" is cheap.
//!
//! In: [`WeatherForecasts`]. Out: values per quantity at any valid time, linear between hours. The filter is the one of
//! [`WeatherForecasts::known_at`]: `available_at <= issue_time`, latest `init_time` wins; a test holds the two together.

mod reach;

use crate::domain::{Quantity, WeatherForecasts, micros};

/// Longest gap between two valid times that is interpolated, in microseconds (3 h).
const WIDEST: i64 = 3 * 3_600_000_000;

/// Rows sorted by valid time, newest run first.
#[derive(Debug, Clone, Default)]
pub struct WeatherIndex {
    quantities: Vec<Quantity>,
    valid: Vec<i64>,
    ranges: Vec<(u32, u32)>,
    runs: Vec<(i64, i64)>,
    values: Vec<f64>,
}

impl WeatherIndex {
    /// Sorts the rows.
    pub fn new(weather: &WeatherForecasts) -> Self {
        let width = weather.quantities.len();
        let usable = |row: &crate::domain::WeatherRow| row.values.len() == width && row.values.iter().any(|v| v.is_finite());
        let mut order: Vec<usize> = (0..weather.rows.len()).filter(|&i| usable(&weather.rows[i])).collect();
        order.sort_by_key(|&i| {
            let row = &weather.rows[i];
            (row.valid_time, std::cmp::Reverse(row.init_time), row.available_at, i)
        });
        let mut index = Self { quantities: weather.quantities.clone(), ..Self::default() };
        for i in order {
            let row = &weather.rows[i];
            let (valid, at) = (micros(row.valid_time), index.runs.len() as u32);
            if index.valid.last() == Some(&valid) {
                if let Some(range) = index.ranges.last_mut() {
                    range.1 = at + 1;
                }
            } else {
                index.valid.push(valid);
                index.ranges.push((at, at + 1));
            }
            index.runs.push((micros(row.init_time), micros(row.available_at)));
            index.values.extend_from_slice(&row.values);
        }
        index
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Names of the columns.
    pub fn quantities(&self) -> &[Quantity] {
        &self.quantities
    }

    /// Column of a quantity.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.quantities.iter().position(|q| q.name() == name)
    }

    /// Values of all columns at `valid` as known at `issue` (microseconds), and hours since the run started; `None` where no
    /// known run speaks of that time.
    pub fn newest(&self, valid: i64, issue: i64) -> Option<(Vec<f64>, f64)> {
        let after = self.valid.partition_point(|&v| v < valid);
        if self.valid.get(after) == Some(&valid) {
            return self.row(after, issue);
        }
        let before = after.checked_sub(1)?;
        let (low, high) = (self.valid[before], *self.valid.get(after)?);
        if high - low > WIDEST {
            return None;
        }
        let share = (valid - low) as f64 / (high - low) as f64;
        let ((a, age), (b, _)) = (self.row(before, issue)?, self.row(after, issue)?);
        let mixed = a.iter().zip(&b).map(|(a, b)| a + share * (b - a)).collect();
        Some((mixed, age + share * (high - low) as f64 / 3.6e9))
    }

    /// What `of` makes of all runs known at `issue` about `valid` (newest first, with their age in hours), linear between hours.
    pub fn runs<const N: usize>(&self, valid: i64, issue: i64, of: impl Fn(Runs<'_>) -> Option<[f64; N]>) -> Option<[f64; N]> {
        let at = |place: usize| {
            of(Runs { index: self, issue, valid: self.valid[place], next: self.ranges[place].0, end: self.ranges[place].1 })
        };
        let after = self.valid.partition_point(|&v| v < valid);
        if self.valid.get(after) == Some(&valid) {
            return at(after);
        }
        let before = after.checked_sub(1)?;
        let (low, high) = (self.valid[before], *self.valid.get(after)?);
        if high - low > WIDEST {
            return None;
        }
        let share = (valid - low) as f64 / (high - low) as f64;
        let (a, b) = (at(before)?, at(after)?);
        Some(std::array::from_fn(|i| a[i] + share * (b[i] - a[i])))
    }

    fn row(&self, at: usize, issue: i64) -> Option<(Vec<f64>, f64)> {
        let (from, to) = self.ranges[at];
        let run = (from as usize..to as usize).find(|&i| self.runs[i].1 <= issue)?;
        let width = self.quantities.len();
        let values = self.values[run * width..(run + 1) * width].to_vec();
        Some((values, (self.valid[at] - self.runs[run].0) as f64 / 3.6e9))
    }
}

/// The runs about one valid time that were known at an issue, newest first: age in hours and values.
#[derive(Debug, Clone)]
pub struct Runs<'a> {
    index: &'a WeatherIndex,
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
            let (init, known) = self.index.runs[run];
            if known <= self.issue {
                let width = self.index.quantities.len();
                let age = (self.valid - init) as f64 / 3.6e9;
                return Some((age, &self.index.values[run * width..(run + 1) * width]));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::WeatherIndex;
    use crate::domain::{Quantity, WeatherForecasts, WeatherRow, micros};

    #[test]
    fn agrees_with_the_filter_of_the_domain() {
        let time = |text: &str| text.parse().unwrap();
        let row = |init: &str, known: &str, valid: &str, value: f64| WeatherRow {
            init_time: time(init),
            available_at: time(known),
            valid_time: time(valid),
            values: vec![value],
        };
        let weather = WeatherForecasts {
            quantities: vec![Quantity::GHI],
            rows: vec![
                row("2020-01-01T00:00:00Z", "2020-01-01T06:00:00Z", "2020-01-02T00:00:00Z", 1.0),
                row("2020-01-01T12:00:00Z", "2020-01-01T18:00:00Z", "2020-01-02T00:00:00Z", 2.0),
                row("2020-01-01T12:00:00Z", "2020-01-01T18:00:00Z", "2020-01-02T01:00:00Z", 4.0),
            ],
        };
        let index = WeatherIndex::new(&weather);
        for issue in ["2020-01-01T05:00:00Z", "2020-01-01T06:00:00Z", "2020-01-01T17:59:59Z", "2020-01-01T18:00:00Z"] {
            let issue = time(issue);
            let known = weather.known_at(issue);
            for valid in ["2020-01-02T00:00:00Z", "2020-01-02T01:00:00Z"] {
                let expected = known.get(&time(valid)).map(|row| row.values.clone());
                assert_eq!(index.newest(micros(time(valid)), micros(issue)).map(|found| found.0), expected);
            }
        }
        let count = |issue: &str| {
            let told = index.runs(micros(time("2020-01-02T00:00:00Z")), micros(time(issue)), |runs| Some([runs.count() as f64]));
            told.unwrap()[0]
        };
        assert_eq!((count("2020-01-01T06:00:00Z"), count("2020-01-01T18:00:00Z")), (1.0, 2.0));
        let between = index.newest(micros(time("2020-01-02T00:30:00Z")), micros(time("2020-01-01T18:00:00Z"))).unwrap();
        assert_eq!(between.0, [3.0]);
    }
}
