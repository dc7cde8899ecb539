//! A runner of sources as the server's is: asks for a page, keeps its rows, then the cursor; may be cut off between any two of these.
//!
//! In: a protocol and a points file. Out: what was kept, by asset, quantity and time, and how often a row came. Not here: peers.

use connectors::live::{Link, Points, Protocol};
use engine::domain::{ASSET_ID, Quantities, Readings, TIME, Table, Timestamp};
use engine::source::{Cursor, Reject, Rows, Source, SourceError};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// `(asset, quantity, time in µs)` → value.
pub(super) type Values = BTreeMap<(String, String, i64), f64>;

/// `(source, start of the run, asset, quantity, valid time)` → value, and when it was known.
pub(super) type Weather = BTreeMap<(String, i64, String, String, i64), (f64, i64)>;

/// What a store would hold, and what it was told on the way.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// Telemetry, later rows override, nulls never erase.
    pub(super) values: Values,
    /// Flags: asset, quantity, time, quality, reason.
    pub(super) flags: Vec<(String, String, i64, String, String)>,
    /// Events: (asset, message, time) → reset time.
    pub(super) events: BTreeMap<(String, String, i64), Option<i64>>,
    /// Forecasts of the weather.
    pub(super) weather: Weather,
    /// Every value that arrived, also the second time.
    pub(super) arrivals: usize,
    /// What could not be read.
    pub(super) rejects: Vec<Reject>,
    /// The saved place.
    pub(super) cursor: Option<Cursor>,
}

impl Kept {
    fn keep(&mut self, rows: &Rows) {
        match rows {
            Rows::Readings(readings) => self.readings(readings),
            Rows::Other(Table::QualityFlags, batch) => {
                let (times, text) = (
                    arrow::array::AsArray::as_primitive::<arrow::datatypes::TimestampMicrosecondType>(&batch[TIME]),
                    |name: &str, row: usize| arrow::array::AsArray::as_string::<i32>(&batch[name]).value(row).to_owned(),
                );
                for row in 0..batch.num_rows() {
                    let words = ["quantity", "quality", "reason"].map(|name| text(name, row));
                    let [quantity, quality, reason] = words;
                    self.flags.push((text(ASSET_ID, row), quantity, times.value(row), quality, reason));
                }
            }
            Rows::Other(Table::Events, batch) => {
                use arrow::array::{Array, AsArray};
                use arrow::datatypes::TimestampMicrosecondType;
                let times = batch[TIME].as_primitive::<TimestampMicrosecondType>();
                let resets = batch["reset_at"].as_primitive::<TimestampMicrosecondType>();
                for row in 0..batch.num_rows() {
                    let text = |name: &str| batch[name].as_string::<i32>().value(row).to_owned();
                    let reset = resets.is_valid(row).then(|| resets.value(row));
                    let held = self.events.entry((text(ASSET_ID), text("message"), times.value(row))).or_default();
                    *held = reset.or(*held);
                }
            }
            Rows::Other(Table::WeatherForecast, batch) => self.forecasts(batch),
            Rows::Other(..) | Rows::Assets(_) => {}
        }
    }

    fn readings(&mut self, readings: &Readings) {
        use arrow::array::{Array, AsArray};
        use arrow::datatypes::Float64Type;
        let batch = readings.batch();
        for (index, field) in batch.schema().fields().iter().enumerate().skip(3) {
            let column = batch.column(index).as_primitive::<Float64Type>();
            for row in (0..batch.num_rows()).filter(|&row| column.is_valid(row)) {
                let key = (readings.asset_ids().value(row).to_owned(), field.name().clone(), readings.times().value(row));
                self.values.insert(key, column.value(row));
                self.arrivals += 1;
            }
        }
    }

    fn forecasts(&mut self, batch: &arrow::array::RecordBatch) {
        use arrow::array::{Array, AsArray};
        use arrow::datatypes::{Float64Type, TimestampMicrosecondType};
        let time = |name: &str, row: usize| batch[name].as_primitive::<TimestampMicrosecondType>().value(row);
        let text = |name: &str, row: usize| batch[name].as_string::<i32>().value(row).to_owned();
        for (index, field) in batch.schema().fields().iter().enumerate() {
            let Some(column) = batch.column(index).as_primitive_opt::<Float64Type>() else { continue };
            for row in (0..batch.num_rows()).filter(|&row| column.is_valid(row)) {
                let key = (
                    text("source", row),
                    time("init_time", row),
                    text(ASSET_ID, row),
                    field.name().clone(),
                    time("valid_time", row),
                );
                self.weather.insert(key, (column.value(row), time("available_at", row)));
                self.arrivals += 1;
            }
        }
    }

    /// The values of one series, by time.
    pub(super) fn series(&self, asset: &str, quantity: &str) -> Vec<(i64, f64)> {
        let is_it = |key: &(String, String, i64)| key.0 == asset && key.1 == quantity;
        self.values.iter().filter(|(key, _)| is_it(key)).map(|(key, value)| (key.2, *value)).collect()
    }
}

/// A source being run.
#[derive(Debug)]
pub(super) struct Drive {
    pub(super) link: Link,
    pub(super) kept: Kept,
    source: Option<Box<dyn Source>>,
}

/// Reads a points file; a test's is right.
pub(super) fn points(text: &str) -> Arc<Points> {
    Arc::new(Points::parse(text, "points.toml", &Quantities::standard()).unwrap())
}

impl Drive {
    /// Opens a source from its beginning.
    pub(super) fn open(protocol: &dyn Protocol, points: &Arc<Points>) -> Self {
        Self::resume(protocol, points, Kept::default())
    }

    /// Opens it where an earlier run ended, however that ended: what was kept is there, and the cursor.
    pub(super) fn resume(protocol: &dyn Protocol, points: &Arc<Points>, kept: Kept) -> Self {
        let link = Link::new(protocol.name(), Timestamp::now);
        let source = protocol.open(points.clone(), link.clone()).unwrap();
        Self { link, kept, source: Some(source) }
    }

    /// One page: fetched, kept, its cursor saved.
    pub(super) async fn step(&mut self) -> Result<(), SourceError> {
        let source = self.source.as_mut().expect("not closed");
        let page = source.next_page(self.kept.cursor.clone()).await?;
        page.rows.iter().for_each(|rows| self.kept.keep(rows));
        self.kept.rejects.extend(page.rejects);
        self.kept.cursor = page.cursor.or(self.kept.cursor.take());
        Ok(())
    }

    /// Pages until `enough`, at most `limit`. False when the time was up.
    pub(super) async fn until(&mut self, limit: Duration, enough: impl Fn(&Self) -> bool) -> bool {
        let end = Instant::now() + limit;
        while !enough(self) {
            if Instant::now() >= end {
                return false;
            }
            match tokio::time::timeout_at(end, self.step()).await {
                Ok(stepped) => stepped.unwrap(),
                Err(_) => return enough(self),
            }
        }
        true
    }

    /// Ends well: acknowledged and closed.
    pub(super) async fn close(mut self) -> Kept {
        if let Some(mut source) = self.source.take() {
            source.close().await;
        }
        self.kept
    }

    /// Ends as under `kill -9`: the last page may be kept and its cursor saved, but nothing was acknowledged to the peer.
    pub(super) fn crash(self) -> Kept {
        self.kept
    }

    /// Ends between the rows and the cursor of a page: the rows are kept, the cursor is the one before.
    pub(super) async fn crash_before_cursor(mut self) -> Kept {
        let before = self.kept.cursor.clone();
        self.step().await.unwrap();
        self.kept.cursor = before;
        self.kept
    }
}
