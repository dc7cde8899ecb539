//! Clocks: the text of a time and the zone it was written in become microseconds UTC.
//!
//! In: a checked `[time]` table and one cell. Out: an instant, or why there is none. RFC 3339 and its look-alikes are read
//! by hand (the bulk of all files); other patterns go through jiff's strptime. Not here: which column holds the time.

use super::spec::TimeSpec;
use engine::domain::nearest;
use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::AmbiguousOffset;
use jiff::tz::TimeZone;
use jiff::tz::TimeZoneDatabase;

/// A checked way to read times.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    form: Form,
    zone: Zone,
    ignore_offset: bool,
    ambiguous: Ambiguous,
}

#[derive(Debug, Clone)]
enum Form {
    /// RFC 3339; also with a space for the `T`, without seconds, without offset.
    Iso,
    EpochSeconds,
    EpochMillis,
    Pattern(String),
}

#[derive(Debug, Clone)]
enum Zone {
    Unknown,
    Fixed(i64),
    Named(TimeZone),
}

#[derive(Debug, Clone, Copy)]
enum Ambiguous {
    Earlier,
    Later,
    Reject,
}

/// Why a text is no instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeFault {
    /// Not in the declared format, or no such date.
    Unreadable,
    /// No offset in the text and no zone in the mapping.
    NoOffset,
    /// The clock jumped over this local time.
    Skipped,
    /// The clock showed this local time twice.
    Twice,
}

impl TimeFault {
    /// What to tell people.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Unreadable => "is not in the format of the mapping, or no such date",
            Self::NoOffset => "has no offset; give time.zone in the mapping",
            Self::Skipped => "does not exist on this clock (it jumped over it in spring); is time.zone right?",
            Self::Twice => "occurs twice on this clock (autumn); set time.ambiguous to earlier or later",
        }
    }
}

impl Clock {
    /// Checks format, zone and choice; the error is a sentence without the key's place.
    pub(crate) fn new(spec: &TimeSpec) -> Result<Self, String> {
        let form = match spec.format.as_str() {
            "rfc3339" | "%Y-%m-%d %H:%M:%S" | "%Y-%m-%dT%H:%M:%S" | "%Y-%m-%d %H:%M" | "%Y-%m-%dT%H:%M" => Form::Iso,
            "epoch_s" => Form::EpochSeconds,
            "epoch_ms" => Form::EpochMillis,
            pattern if pattern.contains('%') => Form::Pattern(checked(pattern)?),
            other => {
                let near = nearest(other, ["rfc3339", "epoch_s", "epoch_ms"]).unwrap_or("rfc3339");
                return Err(format!(
                    "format {other:?} is not known, nearest is {near:?}; or write a pattern such as \"%d/%m/%Y %H:%M\""
                ));
            }
        };
        if spec.zone.is_some() && spec.wall_clock.is_some() {
            return Err("give zone or wall_clock, not both".into());
        }
        let zone = match spec.wall_clock.as_ref().or(spec.zone.as_ref()) {
            None => Zone::Unknown,
            Some(name) => zone(name)?,
        };
        if let (Form::Pattern(pattern), Zone::Unknown) = (&form, &zone)
            && !["%z", "%:z", "%s", "%Q"].iter().any(|directive| pattern.contains(directive))
        {
            return Err("this format has no offset; give zone = \"UTC\", a fixed offset such as \"+01:00\", or an IANA zone".into());
        }
        let ambiguous = match spec.ambiguous.as_str() {
            "earlier" => Ambiguous::Earlier,
            "later" => Ambiguous::Later,
            "reject" => Ambiguous::Reject,
            other => return Err(format!("ambiguous {other:?} is not known; use earlier, later or reject")),
        };
        Ok(Self { form, zone, ignore_offset: spec.wall_clock.is_some(), ambiguous })
    }

    /// Microseconds UTC of a text.
    pub(crate) fn read(&self, text: &str) -> Result<i64, TimeFault> {
        let text = text.trim();
        match &self.form {
            Form::Iso => {
                let (wall, offset) = iso(text.as_bytes()).ok_or(TimeFault::Unreadable)?;
                match offset {
                    Some(offset) if !self.ignore_offset => Ok(wall - offset * 1_000_000),
                    _ => self.wall(wall),
                }
            }
            Form::EpochSeconds => epoch(text, 1e6),
            Form::EpochMillis => epoch(text, 1e3),
            Form::Pattern(pattern) => {
                let parsed = strtime::parse(pattern, text).map_err(|_| TimeFault::Unreadable)?;
                if let (Ok(instant), false) = (parsed.to_timestamp(), self.ignore_offset) {
                    return Ok(instant.as_microsecond());
                }
                let wall = parsed.to_datetime().map_err(|_| TimeFault::Unreadable)?;
                let utc = wall.to_zoned(TimeZone::UTC).map_err(|_| TimeFault::Unreadable)?;
                self.wall(utc.timestamp().as_microsecond())
            }
        }
    }

    /// Microseconds UTC of a wall clock given as microseconds since 1970-01-01T00:00 on that clock.
    pub(crate) fn wall(&self, wall: i64) -> Result<i64, TimeFault> {
        let zone = match &self.zone {
            Zone::Unknown => return Err(TimeFault::NoOffset),
            Zone::Fixed(offset) => return Ok(wall - offset * 1_000_000),
            Zone::Named(zone) => zone,
        };
        let instant = jiff::Timestamp::from_microsecond(wall).map_err(|_| TimeFault::Unreadable)?;
        let civil: DateTime = TimeZone::UTC.to_datetime(instant);
        let offset = match (zone.to_ambiguous_timestamp(civil).offset(), self.ambiguous) {
            (AmbiguousOffset::Unambiguous { offset }, _) => offset,
            (AmbiguousOffset::Gap { .. }, _) => return Err(TimeFault::Skipped),
            (AmbiguousOffset::Fold { .. }, Ambiguous::Reject) => return Err(TimeFault::Twice),
            (AmbiguousOffset::Fold { before, .. }, Ambiguous::Earlier) => before,
            (AmbiguousOffset::Fold { after, .. }, Ambiguous::Later) => after,
        };
        Ok(wall - i64::from(offset.seconds()) * 1_000_000)
    }
}

fn epoch(text: &str, scale: f64) -> Result<i64, TimeFault> {
    if let Ok(whole) = text.parse::<i64>() {
        return whole.checked_mul(scale as i64).ok_or(TimeFault::Unreadable);
    }
    let value: f64 = text.parse().map_err(|_| TimeFault::Unreadable)?;
    let micros = (value * scale).round();
    // Year 9999 in microseconds.
    if micros.abs() < 2.534e17 { Ok(micros as i64) } else { Err(TimeFault::Unreadable) }
}

/// A pattern that can print and read back a time.
fn checked(pattern: &str) -> Result<String, String> {
    let sample = jiff::Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
    let bad = |error: jiff::Error| format!("pattern {pattern:?}: {error}");
    let text = strtime::format(pattern, &sample).map_err(bad)?;
    let parsed = strtime::parse(pattern, text).map_err(bad)?;
    if parsed.to_datetime().is_err() && parsed.to_timestamp().is_err() {
        return Err(format!("pattern {pattern:?} does not hold a whole date and an hour"));
    }
    Ok(pattern.into())
}

/// The time zones that came with us: those of the system may be older than the law.
fn bundled() -> TimeZoneDatabase {
    TimeZoneDatabase::bundled()
}

fn zone(name: &str) -> Result<Zone, String> {
    if let Some(seconds) = fixed_offset(name) {
        return Ok(Zone::Fixed(seconds));
    }
    if let Ok(zone) = bundled().get(name) {
        return Ok(Zone::Named(zone));
    }
    let known: Vec<String> = bundled().available().map(|name| name.as_str().to_owned()).collect();
    let near = nearest(name, known.iter().map(String::as_str)).unwrap_or("UTC");
    Err(format!("zone {name:?} is not known, nearest is {near:?}; or write a fixed offset such as \"+01:00\""))
}

/// `UTC`, `Z`, `+01:00`, `-0330`, `+01` in seconds.
fn fixed_offset(text: &str) -> Option<i64> {
    if matches!(text, "UTC" | "Z" | "Etc/UTC") {
        return Some(0);
    }
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits: String = text[1..].chars().filter(|c| *c != ':').collect();
    if !digits.bytes().all(|b| b.is_ascii_digit()) || !matches!(digits.len(), 2 | 4) {
        return None;
    }
    let hours: i64 = digits[..2].parse().ok()?;
    let minutes: i64 = if digits.len() == 4 { digits[2..].parse().ok()? } else { 0 };
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

/// `YYYY-MM-DD(T| )HH:MM[:SS[.fraction]][Z|±HH:MM]` → wall clock in microseconds, offset in seconds.
fn iso(text: &[u8]) -> Option<(i64, Option<i64>)> {
    let two = |at: usize| -> Option<i64> {
        let (a, b) = (*text.get(at)?, *text.get(at + 1)?);
        (a.is_ascii_digit() && b.is_ascii_digit()).then(|| i64::from(a - b'0') * 10 + i64::from(b - b'0'))
    };
    let is = |at: usize, byte: u8| text.get(at) == Some(&byte);
    let year = two(0)? * 100 + two(2)?;
    let (month, day, hour, minute) = (two(5)?, two(8)?, two(11)?, two(14)?);
    let separated = is(4, b'-') && is(7, b'-') && (is(10, b'T') || is(10, b' ') || is(10, b't')) && is(13, b':');
    let mut at = 16;
    let mut second = 0;
    let mut micros = 0;
    if is(at, b':') {
        second = two(at + 1)?;
        at += 3;
        if is(at, b'.') {
            at += 1;
            let digits = text[at..].iter().take_while(|b| b.is_ascii_digit()).count();
            if digits == 0 {
                return None;
            }
            micros = (0..6).fold(0, |sum, i| sum * 10 + if i < digits { i64::from(text[at + i] - b'0') } else { 0 });
            at += digits;
        }
    }
    let offset = match text.get(at..)? {
        [] => None,
        b"Z" | b"z" => Some(0),
        rest => Some(fixed_offset(std::str::from_utf8(rest).ok()?)?),
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !separated || !(1..=last).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    Some((seconds * 1_000_000 + micros, offset))
}

/// Days since 1970-01-01 of a proleptic Gregorian date (H. Hinnant, "chrono-compatible low-level date algorithms").
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::{Clock, TimeFault, TimeSpec};

    fn clock(format: &str, zone: Option<&str>, wall: Option<&str>, ambiguous: &str) -> Result<Clock, String> {
        Clock::new(&TimeSpec {
            column: None,
            columns: Vec::new(),
            format: format.into(),
            zone: zone.map(Into::into),
            wall_clock: wall.map(Into::into),
            ambiguous: ambiguous.into(),
        })
    }

    fn read(clock: &Clock, text: &str) -> Result<String, TimeFault> {
        clock.read(text).map(|micros| jiff::Timestamp::from_microsecond(micros).unwrap().to_string())
    }

    #[test]
    fn the_hand_parser_agrees_with_jiff() {
        let clock = clock("rfc3339", None, None, "reject").unwrap();
        for text in [
            "2014-01-01T01:00:00+01:00",
            "2016-02-29T23:59:59.25Z",
            "1969-12-31T23:59:59.999999Z",
            "2000-03-01T00:00:00-03:30",
            "1900-03-01T00:00:00Z",
        ] {
            let expected: jiff::Timestamp = text.parse().unwrap();
            assert_eq!(clock.read(text), Ok(expected.as_microsecond()), "{text}");
        }
        for bad in [
            "",
            "2015-02-29T00:00:00Z",
            "2015-01-01T24:00:00Z",
            "2015-13-01T00:00:00Z",
            "2015-01-01T00:00:00Zx",
            "2015/01/01T00:00:00Z",
        ] {
            assert_eq!(clock.read(bad), Err(TimeFault::Unreadable), "{bad}");
        }
        assert_eq!(clock.read("2015-01-01T00:00:00"), Err(TimeFault::NoOffset));
    }

    #[test]
    fn clocks_read_walls_offsets_and_zones() {
        let wall = clock("rfc3339", None, Some("UTC"), "reject").unwrap();
        assert_eq!(read(&wall, "2014-07-01T02:00:00+02:00").unwrap(), "2014-07-01T02:00:00Z");
        let us = clock("%m/%d/%Y %H:%M", Some("+01:00"), None, "reject").unwrap();
        assert_eq!(read(&us, "1/1/2017 0:00").unwrap(), "2016-12-31T23:00:00Z");
        let paris = clock("%Y-%m-%d %H:%M", Some("Europe/Paris"), None, "later").unwrap();
        assert_eq!(read(&paris, "2014-10-26 02:30").unwrap(), "2014-10-26T01:30:00Z");
        assert_eq!(read(&paris, "2014-03-30 02:30"), Err(TimeFault::Skipped));
        let strict = clock("%Y-%m-%d %H:%M", Some("Europe/Paris"), None, "reject").unwrap();
        assert_eq!(read(&strict, "2014-10-26 02:30"), Err(TimeFault::Twice));
        let epoch = clock("epoch_ms", None, None, "reject").unwrap();
        assert_eq!(read(&epoch, "1500000000123").unwrap(), "2017-07-14T02:40:00.123Z");
        let morocco = clock("%d/%m/%Y %H:%M", Some("Africa/Casablanca"), None, "reject").unwrap();
        assert_eq!(read(&morocco, "01/12/2026 12:00").unwrap(), "2026-12-01T12:00:00Z");
    }

    #[test]
    fn wrong_clocks_are_refused_with_the_nearest_name() {
        let error = clock("%d/%m/%Y %H:%M", Some("Africa/Casablanka"), None, "reject").unwrap_err();
        assert!(error.contains("Africa/Casablanca"), "{error}");
        assert!(clock("%d/%m/%Y %H:%M", None, None, "reject").unwrap_err().contains("zone"));
        assert!(clock("rfc339", None, None, "reject").unwrap_err().contains("rfc3339"));
        assert!(clock("%d/%m", Some("UTC"), None, "reject").is_err());
    }
}
