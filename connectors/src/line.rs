//! InfluxDB line protocol, as Telegraf and the official clients write it: bytes of a body become checked readings.
//!
//! In: a body, the precision of its times, a way to look assets up. Out: [`Lines`]: readings by kind of asset, and a [`Reject`] for
//! each line that could not be read; good lines beside it are kept. Not here: HTTP, storing, and whether a value is plausible.
//!
//! Grammar: <https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/>. A backslash escapes a comma, an equals sign or a
//! space that follows it, in measurement, tags and field keys; in strings it escapes `"` and `\`; elsewhere it is itself.
//! A string may run over line ends if what results is a whole line; otherwise only the line it began on is refused.
//!
//! # Times
//! Stored as microseconds. Nanoseconds are floored, before 1970 too: -1 ns is -1 µs. A line without a time gets `now`. A row became
//! known at `now`.
//!
//! # Numbers
//! Floats, integers (`1i`), unsigned (`1u`) and booleans (1 and 0) become the nearest `f64`. Strings need `texts` in the mapping.
//!
//! # Reject reasons
//! `bad_line`, `too_long`, `no_asset`, `bad_asset`, `unknown_asset`, `unknown_kind`, `bad_number`, `not_finite`, `open_quote`, `bad_time`,
//! `in_future` and `no_known_field` cost the line; `unknown_field`, `text_field` and `unknown_text` cost one field and are said once per
//! measurement and field of a body.

mod body;
mod columns;
mod fault;
mod fields;
mod number;
mod plan;
mod scan;
mod series;
mod spec;

#[cfg(test)]
mod tests;

pub use plan::LinePlan;
pub use spec::{LineField, LineMapping};

use engine::domain::Asset;
use engine::domain::AssetKind;
use engine::domain::DomainError;
use engine::domain::Readings;
use engine::domain::Timestamp;
use engine::domain::Unit;
use engine::source::Reject;

/// Rejects kept of one body; all are counted.
pub const MOST_REJECTS: usize = 10_000;
/// Longest line taken unless the plan says otherwise, bytes.
pub const LONGEST_LINE: usize = 65_536;
/// New quantities one body may declare; further ones are `unknown_field`.
pub const MOST_DECLARED: usize = 64;

/// Unit of the times in a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "each variant is its own word")]
pub enum Precision {
    #[default]
    Nanoseconds,
    Microseconds,
    Milliseconds,
    Seconds,
    Minutes,
    Hours,
}

impl Precision {
    /// Reads the query argument `precision` of `/api/v2/write` (`ns us ms s`) or of `/write` (`n u ms s m h`).
    ///
    /// # Errors
    /// [`DomainError::Choice`].
    pub fn parse(text: &str) -> Result<Self, DomainError> {
        match text {
            "ns" | "n" => Ok(Self::Nanoseconds),
            "us" | "u" | "µs" | "µ" => Ok(Self::Microseconds),
            "ms" => Ok(Self::Milliseconds),
            "s" => Ok(Self::Seconds),
            "m" => Ok(Self::Minutes),
            "h" => Ok(Self::Hours),
            _ => Err(DomainError::Choice { field: "precision", text: text.into(), known: "ns, us, ms, s, m, h" }),
        }
    }

    /// A count of this unit in microseconds, floored; `None` outside what 64 bits of nanoseconds hold (years 1677 to 2262).
    fn micros(self, count: i64) -> Option<i64> {
        let micros = match self {
            Self::Nanoseconds => Some(count.div_euclid(1000)),
            Self::Microseconds => Some(count),
            Self::Milliseconds => count.checked_mul(1000),
            Self::Seconds => count.checked_mul(1_000_000),
            Self::Minutes => count.checked_mul(60_000_000),
            Self::Hours => count.checked_mul(3_600_000_000),
        };
        micros.filter(|micros| micros.unsigned_abs() <= i64::MAX.unsigned_abs() / 1000 + 1)
    }
}

/// What a body held.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Lines {
    /// Rows by kind of asset, in the order of the body within a kind; at most 65,536 rows each.
    pub readings: Vec<Readings>,
    /// What could not be read, the first [`MOST_REJECTS`].
    pub rejects: Vec<Reject>,
    /// Lines of which nothing was kept. `lines - rejected_total` is the number of rows.
    pub rejected_total: u64,
    /// Assets to add before the rows are stored; only with `register`.
    pub register: Vec<Asset>,
    /// Quantities to declare before the rows are stored; only with `declare`.
    pub declare: Vec<(String, Unit)>,
    /// Lines that are neither blank nor comments.
    pub lines: u64,
}

impl LinePlan {
    /// Reads a body. `now` is the time of lines without one and when every row became known; lines after `latest` are `in_future`;
    /// `find` tells the kind of a known asset and is asked once per set of tags. Takes any bytes; never fails as a whole.
    pub fn read(
        &self,
        body: &[u8],
        precision: Precision,
        now: Timestamp,
        latest: Timestamp,
        find: impl FnMut(&str) -> Option<AssetKind>,
    ) -> Lines {
        body::Body::new(self, body, precision, now, latest, find).read()
    }
}
