//! InfluxDB 2 both ways: its history becomes readings, our forecasts and alerts become its points.
//!
//! In: an address, an organisation, a bucket, a token. Out: [`History`], a source of pages with a cursor; [`Writer`], which writes
//! points; [`AnnotatedCsv`], which turns the query API's answers into Arrow as they arrive. Tags and fields become assets and quantities
//! through [`crate::line`], the same rules as for lines sent to us. Not here: when to run, and when to try again.
//!
//! API: <https://docs.influxdata.com/influxdb/v2/api/>. Writing goes through the crate `influxdb2`; its queries do not, since they hold
//! whole answers in memory and panic on an empty `_value`.

mod annotated;
mod cells;
mod cursor;
mod flux;
mod history;
mod points;
mod rows;
mod target;
mod writer;

#[cfg(test)]
mod tests;

pub use annotated::{AnnotatedCsv, AnnotatedError, GROUP};
pub use history::{History, HistorySettings};
pub use points::{alert_line, forecast_lines};
pub use target::{InfluxError, Target};
pub use writer::Writer;
