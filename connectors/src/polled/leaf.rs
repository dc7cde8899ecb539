//! Values and times as JSON writes them.
//!
//! In: one JSON value. Out: a number, a time, or why it is none. Not here: where in an answer it stands.

use crate::live::Sample;
use engine::domain::micros;
use engine::domain::parse_time;
use jiff::civil::DateTime;
use serde_json::Value;

/// A number, a truth value (1 and 0), or a number written as a text.
pub(super) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::Bool(truth) => Some(f64::from(u8::from(*truth))),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
    .filter(|number| number.is_finite())
}

/// A sample of a value without a quality of its own.
pub(super) fn plain(point: u32, time: Option<i64>, value: &Value) -> Sample {
    match (number(value), value) {
        (Some(number), _) => Sample::good(point, time, number),
        (None, Value::Null) => Sample::missing(point, time, "no_data"),
        (None, _) => Sample::missing(point, time, "not_a_number"),
    }
}

/// Microseconds UTC: RFC 3339; seconds, milliseconds or microseconds since 1970, told apart by their size; a text without an offset is
/// `offset_s` east of UTC.
pub(super) fn time(value: &Value, offset_s: i64) -> Option<i64> {
    match value {
        Value::Number(number) => epoch(number.as_f64()?),
        Value::String(text) => {
            let text = text.trim();
            if let Ok(time) = parse_time(text) {
                return Some(micros(time));
            }
            let wall: DateTime = text.parse().ok()?;
            let utc = wall.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
            Some(utc.timestamp().as_microsecond().saturating_sub(offset_s.saturating_mul(1_000_000)))
        }
        _ => None,
    }
}

/// Seconds since 1970 reach 10^11 in the year 5138, milliseconds 10^14.
fn epoch(number: f64) -> Option<i64> {
    let micros = match number.abs() {
        size if size < 1e11 => number * 1e6,
        size if size < 1e14 => number * 1e3,
        _ => number,
    };
    // Beyond what a time can be; within, the number has no fraction that matters.
    (micros.abs() < 2.5e17).then_some(micros.round() as i64)
}

/// A word for `quality_flags.reason` from a text of the source: `I/O Timeout` → `i_o_timeout`.
pub(super) fn word(text: &str) -> String {
    let letters = text.chars().take(48).map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' });
    let word: String = letters.collect();
    let word = word.trim_matches('_');
    if word.is_empty() { "no_value".into() } else { word.into() }
}
