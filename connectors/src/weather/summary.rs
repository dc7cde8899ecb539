//! What an import of weather brought, in a few lines for people.
//!
//! In: rows as they pass. Out: per source its runs, hours and assets, and what was passed over.

use super::cells::Cells;
use arrow::array::Array;
use arrow::array::AsArray;
use arrow::array::RecordBatch;
use arrow::datatypes::TimestampMicrosecondType;
use engine::domain::from_micros;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// What was read of one source.
#[derive(Debug, Clone, Default, PartialEq)]
struct Told {
    runs: BTreeSet<i64>,
    assets: BTreeSet<String>,
    hours: Option<(i64, i64)>,
    delay: Option<(i64, i64)>,
}

/// What was read so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WeatherSummary {
    sources: BTreeMap<String, Told>,
    passed_over: BTreeMap<String, u64>,
}

impl WeatherSummary {
    pub(super) fn add(&mut self, cells: &Cells) {
        for (run, valid, asset) in cells.runs() {
            self.row(&run.source, run.init, run.known, valid, asset.as_str());
        }
    }

    pub(super) fn add_batch(&mut self, batch: &RecordBatch) {
        let time = |name: &str| batch[name].as_primitive::<TimestampMicrosecondType>();
        let (init, known, valid) = (time("init_time"), time("available_at"), time("valid_time"));
        let (sources, assets) = (batch["source"].as_string::<i32>(), batch["asset_id"].as_string::<i32>());
        for row in 0..sources.len() {
            self.row(sources.value(row), init.value(row), known.value(row), valid.value(row), assets.value(row));
        }
    }

    fn row(&mut self, source: &str, init: i64, known: i64, valid: i64, asset: &str) {
        let wider = |held: Option<(i64, i64)>, now: i64| Some(held.map_or((now, now), |(a, b)| (a.min(now), b.max(now))));
        if !self.sources.contains_key(source) {
            self.sources.insert(source.to_owned(), Told::default());
        }
        let Some(told) = self.sources.get_mut(source) else { return };
        told.runs.insert(init);
        if !told.assets.contains(asset) {
            told.assets.insert(asset.to_owned());
        }
        told.hours = wider(told.hours, valid);
        told.delay = wider(told.delay, known - init);
    }

    /// Something in a file that nobody wanted.
    pub(super) fn pass_over(&mut self, what: &str) {
        *self.passed_over.entry(what.to_owned()).or_default() += 1;
    }

    /// True when no row was read.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// One line per source, and one for what was passed over.
    pub fn lines(&self) -> Vec<String> {
        let hours = |micros: i64| micros as f64 / 3.6e9;
        let one = |(source, told): (&String, &Told)| {
            let span = |times: Option<(i64, i64)>| times.map_or((0, 0), |times| times);
            let ((from, to), (least, most)) = (span(told.hours), span(told.delay));
            let delay = match least == most {
                true => format!("{} h", (hours(least) * 10.0).round() / 10.0),
                false => format!("{:.1} to {:.1} h", hours(least), hours(most)),
            };
            let runs = match (told.runs.first(), told.runs.len()) {
                (Some(first), 1) => format!("the run of {}", from_micros(*first)),
                (_, count) => format!("{count} runs"),
            };
            format!(
                "{source}: {runs}, known {delay} after its start, {} to {}, {} assets",
                from_micros(from),
                from_micros(to),
                told.assets.len()
            )
        };
        let mut lines: Vec<String> = self.sources.iter().map(one).collect();
        if !self.passed_over.is_empty() {
            let what: Vec<String> = self.passed_over.iter().take(12).map(|(what, count)| format!("{what} ({count})")).collect();
            let more = if self.passed_over.len() > 12 { ", and others" } else { "" };
            lines.push(format!("passed over: {}{more}", what.join(", ")));
        }
        lines
    }
}
