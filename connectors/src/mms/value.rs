//! What MMS values mean: numbers, the quality of IEC 61850-7-3, the time stamp of IEC 61850-8-1.
//!
//! In: decoded MMS values. Out: a [`Sample`]. Not here: which value belongs to which point.

use crate::live::Sample;
use engine::domain::Quality;
use iec61850_model::MmsValue;
use std::borrow::Cow;

/// Details of a quality, bit 2 to 9 of its bit string (IEC 61850-7-3, 6.2.3).
const DETAILS: [&str; 8] =
    ["overflow", "outOfRange", "badReference", "oscillatory", "failure", "oldData", "inconsistent", "inaccurate"];

/// One value of one point. `fallback` is the time where the value carries none, microseconds.
pub(super) fn sample(
    point: u32,
    value: &MmsValue,
    quality: Option<&MmsValue>,
    time: Option<&MmsValue>,
    fallback: Option<i64>,
) -> Sample {
    let (time, clock) = time.and_then(stamp).map_or((fallback, ""), |(time, clock)| (Some(time), clock));
    let (mut worth, mut reason) = quality.map_or((Quality::Good, Cow::Borrowed("")), judged);
    if worth == Quality::Good && !clock.is_empty() {
        (worth, reason) = (Quality::Questionable, Cow::Borrowed(clock));
    }
    match number(value) {
        Some(number) if number.is_finite() => Sample::of(point, time, number, worth, reason),
        _ if !reason.is_empty() => Sample::missing(point, time, reason),
        Some(_) => Sample::missing(point, time, "not_a_number"),
        None => Sample::missing(point, time, "no_value"),
    }
}

/// The number in a value: booleans are 0 and 1, coded enumerations (`Dbpos`) count from their first bit.
pub(super) fn number(value: &MmsValue) -> Option<f64> {
    match value {
        MmsValue::Boolean(value) => Some(f64::from(u8::from(*value))),
        MmsValue::Integer(value) => Some(*value as f64),
        MmsValue::Unsigned(value) => Some(*value as f64),
        MmsValue::Float32(value) => Some(f64::from(*value)),
        MmsValue::Float64(value) => Some(*value),
        MmsValue::BitString { padding, data } if data.len() <= 4 && *padding < 8 => {
            let all = data.iter().fold(0_u64, |held, byte| (held << 8) | u64::from(*byte));
            Some((all >> padding) as f64)
        }
        _ => None,
    }
}

/// Validity, details and source, in our words. The reasons are the standard's.
pub(super) fn judged(quality: &MmsValue) -> (Quality, Cow<'static, str>) {
    let MmsValue::BitString { data, .. } = quality else { return (Quality::Good, Cow::Borrowed("")) };
    let bits = (u16::from(data.first().copied().unwrap_or(0)) << 8) | u16::from(data.get(1).copied().unwrap_or(0));
    let is_set = |bit: u16| bits & (0x8000 >> bit) != 0;
    let details: Vec<&str> = DETAILS.iter().zip(2..).filter(|(_, bit)| is_set(*bit)).map(|(name, _)| *name).collect();
    let told = |otherwise: &'static str| match details.as_slice() {
        [] => Cow::Borrowed(otherwise),
        names => Cow::Owned(names.join(",")),
    };
    match (is_set(0), is_set(1)) {
        (false, true) => (Quality::Invalid, told("invalid")),
        (true, true) => (Quality::Questionable, told("questionable")),
        (true, false) => (Quality::Questionable, told("reserved")),
        // Test and blocked values are not what the machine does now, however good they are.
        (false, false) if is_set(11) => (Quality::Questionable, Cow::Borrowed("test")),
        (false, false) if is_set(10) => (Quality::Estimated, Cow::Borrowed("substituted")),
        (false, false) if is_set(12) => (Quality::Questionable, Cow::Borrowed("operatorBlocked")),
        (false, false) => (Quality::Good, Cow::Borrowed("")),
    }
}

/// Microseconds since 1970 and what speaks against the clock. Seconds, a binary fraction of 24 bits, quality bits (IEC 61850-8-1, 8.1.3.7).
pub(super) fn stamp(time: &MmsValue) -> Option<(i64, &'static str)> {
    let MmsValue::UtcTime([a, b, c, d, f1, f2, f3, flags]) = time else { return None };
    let seconds = i64::from(u32::from_be_bytes([*a, *b, *c, *d]));
    let fraction = i64::from(u32::from_be_bytes([0, *f1, *f2, *f3]));
    let micros = (fraction * 1_000_000 + (1 << 23)) >> 24;
    let clock = match (flags & 0x40 != 0, flags & 0x20 != 0) {
        (true, _) => "clockFailure",
        (false, true) => "clockNotSynchronized",
        (false, false) => "",
    };
    Some((seconds * 1_000_000 + micros, clock))
}
