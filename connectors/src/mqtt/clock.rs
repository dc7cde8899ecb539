//! When a payload says its value held.
//!
//! In: a JSON value, how it is written. Out: microseconds UTC. Not here: where in the payload it is.

use crate::live::shown;
use engine::domain::micros;
use engine::domain::time_zone;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Longest text that may be a time.
const LONGEST: usize = 80;

/// How a payload writes time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// Text as in ISO 8601; a number by its size: seconds below 10^11 (until the year 5138), then milli-, micro- and nanoseconds.
    #[default]
    Auto,
    /// Seconds since 1970.
    UnixS,
    /// Milliseconds since 1970.
    UnixMs,
    /// Microseconds since 1970.
    UnixUs,
    /// Nanoseconds since 1970.
    UnixNs,
    /// Text as in ISO 8601.
    Iso8601,
}

/// How to read one payload's time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reader {
    clock: Clock,
    /// Zone of text without an offset.
    zone: Option<TimeZone>,
}

impl Reader {
    /// # Errors
    /// A time zone that there is not, with the remedy.
    pub(super) fn new(clock: Clock, zone: Option<&str>) -> Result<Self, String> {
        let zone = zone.map(time_zone).transpose().map_err(|error| format!("timezone: {error}"))?;
        Ok(Self { clock, zone })
    }

    /// Microseconds UTC.
    ///
    /// # Errors
    /// What is wrong, with the remedy.
    pub(super) fn read(&self, value: &Value) -> Result<i64, String> {
        let read = match value {
            Value::Number(number) => self.number(number.as_i64(), number.as_f64()),
            Value::String(text) => match text.trim().parse::<f64>() {
                Ok(number) if self.clock != Clock::Iso8601 => self.number(text.trim().parse().ok(), Some(number)),
                _ => return self.text(text.trim()),
            },
            _ => None,
        };
        read.ok_or_else(|| format!("{} is no time; set clock and time to what the payload has", shown(value)))
    }

    fn number(&self, whole: Option<i64>, number: Option<f64>) -> Option<i64> {
        let number = number.filter(|number| number.is_finite())?;
        // Per microsecond: a factor up, or a divisor down.
        let (up, down) = match self.clock {
            Clock::UnixS => (1_000_000, 1),
            Clock::UnixMs => (1_000, 1),
            Clock::UnixUs => (1, 1),
            Clock::UnixNs => (1, 1_000),
            Clock::Iso8601 => return None,
            Clock::Auto if number.abs() < 1e11 => (1_000_000, 1),
            Clock::Auto if number.abs() < 1e14 => (1_000, 1),
            Clock::Auto if number.abs() < 1e17 => (1, 1),
            Clock::Auto => (1, 1_000),
        };
        if let Some(whole) = whole {
            return whole.checked_mul(up).map(|scaled| scaled.div_euclid(down));
        }
        let scaled = number * up as f64 / down as f64;
        (scaled.abs() < 9e18).then(|| scaled.round() as i64)
    }

    fn text(&self, text: &str) -> Result<i64, String> {
        if text.len() > LONGEST {
            return Err(format!("a text of {} bytes is no time", text.len()));
        }
        if let Ok(time) = text.parse::<Timestamp>() {
            return Ok(micros(time));
        }
        let Ok(local) = text.parse::<DateTime>() else {
            return Err(format!("{text:?} is no time as in ISO 8601 (2026-06-01T12:00:00Z)"));
        };
        let Some(zone) = &self.zone else {
            return Err(format!("{text:?} has no offset from UTC; set timezone"));
        };
        let zoned = zone.to_ambiguous_zoned(local).compatible().map_err(|error| format!("{text:?}: {error}"))?;
        Ok(micros(zoned.timestamp()))
    }
}
