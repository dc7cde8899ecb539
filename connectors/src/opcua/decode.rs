//! A data value becomes a sample: number, time of the source, quality.
//!
//! In: [`DataValue`]s (IEC 62541-4, 7.11). Out: [`Sample`]s, or why one is none. Good* is good, Uncertain* questionable, Bad* missing, each
//! with the name of its status. Not here: units and ranges.

use crate::live::Sample;
use engine::domain::Quality;
use opcua::types::{DataValue, DateTime, StatusCode, Variant};

/// 1601-01-01, where OPC UA begins to count, in microseconds before 1970.
const EPOCH: i64 = 11_644_473_600_000_000;

/// Microseconds since 1970; `None` for the times that mean none.
pub(super) fn micros(time: &DateTime) -> Option<i64> {
    let ticks = time.checked_ticks();
    (ticks > 0 && ticks < i64::MAX).then(|| ticks / 10 - EPOCH)
}

/// The time as OPC UA counts it.
pub(super) fn date_time(micros: i64) -> DateTime {
    DateTime::from(micros.saturating_add(EPOCH).saturating_mul(10).max(0))
}

/// Name of a status, without the bits that only inform.
pub(super) fn name(status: StatusCode) -> &'static str {
    status.sub_code().name()
}

/// A sample, or the name of a type that is no number.
pub(super) fn sample(point: u32, value: &DataValue) -> Result<Sample, &'static str> {
    let time = value.source_timestamp.as_ref().and_then(micros).or_else(|| value.server_timestamp.as_ref().and_then(micros));
    let status = value.status.unwrap_or(StatusCode::Good);
    if status.is_bad() {
        return Ok(Sample::missing(point, time, name(status)));
    }
    let number = match value.value.as_ref().map(number) {
        None | Some(Ok(None)) => return Ok(Sample::missing(point, time, "no_value")),
        Some(Ok(Some(number))) => number,
        Some(Err(kind)) => return Err(kind),
    };
    if number.is_nan() {
        return Ok(Sample::missing(point, time, "not_a_number"));
    }
    if status.is_uncertain() {
        return Ok(Sample::of(point, time, number, Quality::Questionable, name(status)));
    }
    Ok(Sample::good(point, time, number))
}

/// The number in a value; an array of one is its element. `Ok(None)`: empty. `Err`: what it is instead.
pub(super) fn number(value: &Variant) -> Result<Option<f64>, &'static str> {
    Ok(Some(match value {
        Variant::Empty => return Ok(None),
        Variant::Boolean(value) => f64::from(u8::from(*value)),
        Variant::SByte(value) => f64::from(*value),
        Variant::Byte(value) => f64::from(*value),
        Variant::Int16(value) => f64::from(*value),
        Variant::UInt16(value) => f64::from(*value),
        Variant::Int32(value) => f64::from(*value),
        Variant::UInt32(value) => f64::from(*value),
        Variant::Int64(value) => *value as f64,
        Variant::UInt64(value) => *value as f64,
        Variant::Float(value) => f64::from(*value),
        Variant::Double(value) => *value,
        Variant::Variant(value) if !matches!(**value, Variant::Variant(_) | Variant::Array(_)) => return number(value),
        Variant::Array(array) => match array.values.as_slice() {
            [value] if !matches!(value, Variant::Variant(_) | Variant::Array(_)) => return number(value),
            _ => return Err("an array of more or fewer than one"),
        },
        Variant::String(_) | Variant::LocalizedText(_) | Variant::XmlElement(_) => return Err("a text"),
        Variant::DateTime(_) => return Err("a time"),
        Variant::ExtensionObject(_) => return Err("a structure"),
        _ => return Err("no number"),
    }))
}
