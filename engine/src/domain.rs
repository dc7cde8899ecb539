//! The vocabulary every other room speaks: assets, quantities and their units, time, tables, checked batches.
//!
//! Nothing here reads or writes anything. A value of one of these types is already checked; nothing downstream asks again.

mod annotation;
mod asset;
mod error;
mod forecast;
mod frame;
mod gather;
mod log_line;
mod note;
mod pattern;
pub mod pv;
mod quality;
mod quantity;
mod schema;
pub mod solar;
mod suggest;
mod time;
mod unit;
mod weather;
pub mod wind;
mod zone;

pub use annotation::{Annotation, AnnotationKind};
pub use asset::{Asset, AssetId, AssetKind, Location};
pub use error::DomainError;
pub use forecast::{Forecast, ForecastRow, Quantile};
pub use frame::{Frame, FrameBuilder};
pub use log_line::LogLine;
pub use note::{Note, NoteCode};
pub use pattern::matches;
pub use quality::{FlaggedValue, Quality};
pub use quantity::{Quantities, Quantity, QuantityInfo};
pub use schema::{ASSET_ID, AVAILABLE_AT, Readings, TIME, Table, VERIFICATION_NAIVES, VERIFICATION_SUMS, timestamp_type};
pub use suggest::nearest;
pub use time::{IntervalLabel, Resolution, TimeRange, Timestamp, from_micros, micros, parse_duration, parse_time};
pub use unit::Unit;
pub use weather::{WeatherByAsset, WeatherForecasts, WeatherRow};
pub use zone::time_zone;
