//! Instants, spans and labels. Everything is UTC inside; a zone appears only where people look.

use super::DomainError;
use jiff::{SignedDuration, Span};
use serde::{Deserialize, Serialize};
use std::fmt;

/// An instant in UTC.
pub type Timestamp = jiff::Timestamp;

/// Microseconds since 1970-01-01T00:00:00Z, as Arrow and Delta store a time.
pub fn micros(time: Timestamp) -> i64 {
    time.as_microsecond()
}

/// The instant of a stored time; clamps to the range jiff can print (years −9999 to 9999).
pub fn from_micros(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(if micros < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// Reads RFC 3339 with an offset.
///
/// # Errors
/// [`DomainError::Time`].
pub fn parse_time(text: &str) -> Result<Timestamp, DomainError> {
    text.trim().parse().map_err(|_| DomainError::Time { text: text.into() })
}

/// Reads a positive ISO 8601 duration; a day is 24 hours, a week 7 days.
///
/// # Errors
/// [`DomainError::Duration`] for other text, zero, negative spans, months and years.
pub fn parse_duration(text: &str) -> Result<SignedDuration, DomainError> {
    let bad = || DomainError::Duration { text: text.into() };
    let span: Span = text.trim().parse().map_err(|_| bad())?;
    let duration = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).map_err(|_| bad())?;
    if duration <= SignedDuration::ZERO { Err(bad()) } else { Ok(duration) }
}

/// Spacing of a regular grid, in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Resolution(i64);

impl Resolution {
    /// Reads `PT10M`, `PT1H`, `P1D`.
    ///
    /// # Errors
    /// [`DomainError::Duration`] also for spans below a second.
    pub fn parse(text: &str) -> Result<Self, DomainError> {
        let seconds = parse_duration(text)?.as_secs();
        Self::from_seconds(seconds).ok_or_else(|| DomainError::Duration { text: text.into() })
    }

    /// A resolution of that many seconds, if positive.
    pub fn from_seconds(seconds: i64) -> Option<Self> {
        (seconds > 0).then_some(Self(seconds))
    }

    /// Length in seconds.
    pub const fn seconds(self) -> i64 {
        self.0
    }

    /// Length in hours: kW times this is kWh.
    pub fn hours(self) -> f64 {
        self.0 as f64 / 3600.0
    }

    /// Steps in `duration`, rounded down.
    pub fn steps_in(self, duration: SignedDuration) -> usize {
        usize::try_from(duration.as_secs() / self.0).unwrap_or(0)
    }

    /// Steps in 24 hours, at least 1.
    pub fn steps_per_day(self) -> usize {
        usize::try_from(86_400 / self.0).unwrap_or(1).max(1)
    }
}

impl fmt::Display for Resolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            s if s % 86_400 == 0 => write!(f, "P{}D", s / 86_400),
            s if s % 3600 == 0 => write!(f, "PT{}H", s / 3600),
            s if s % 60 == 0 => write!(f, "PT{}M", s / 60),
            s => write!(f, "PT{s}S"),
        }
    }
}

/// Which end of its interval a time stamp names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntervalLabel {
    /// The house default.
    #[default]
    Beginning,
    /// Common for meters and in North America.
    Ending,
    /// No interval: a snapshot.
    Instant,
}

impl IntervalLabel {
    /// The word in `dataset.toml`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Beginning => "beginning",
            Self::Ending => "ending",
            Self::Instant => "instant",
        }
    }

    /// Reads the word.
    ///
    /// # Errors
    /// [`DomainError::Choice`].
    pub fn parse(text: &str) -> Result<Self, DomainError> {
        [Self::Beginning, Self::Ending, Self::Instant]
            .into_iter()
            .find(|label| label.name() == text)
            .ok_or_else(|| DomainError::Choice { field: "interval_label", text: text.into(), known: "beginning, ending, instant" })
    }

    /// Earliest instant at which a value of this label can be known: the end of its interval.
    pub fn available_at(self, time: Timestamp, resolution: Resolution) -> Timestamp {
        match self {
            Self::Beginning => time.saturating_add(SignedDuration::from_secs(resolution.seconds())).unwrap_or(time),
            Self::Ending | Self::Instant => time,
        }
    }
}

/// A half-open stretch of time `[start, end)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TimeRange {
    start: Timestamp,
    end: Timestamp,
}

impl TimeRange {
    /// A range that holds at least an instant.
    ///
    /// # Errors
    /// [`DomainError::EmptyRange`] when `end <= start`.
    pub fn new(start: Timestamp, end: Timestamp) -> Result<Self, DomainError> {
        if end <= start {
            return Err(DomainError::EmptyRange { start: start.to_string(), end: end.to_string() });
        }
        Ok(Self { start, end })
    }

    /// First instant inside.
    pub const fn start(&self) -> Timestamp {
        self.start
    }

    /// First instant outside.
    pub const fn end(&self) -> Timestamp {
        self.end
    }
}

#[cfg(test)]
mod tests {
    use super::{IntervalLabel, Resolution, TimeRange, parse_duration, parse_time};

    #[test]
    fn reads_what_the_contracts_write() {
        assert_eq!(parse_duration("PT48H").unwrap().as_hours(), 48);
        assert_eq!(parse_duration("P7D").unwrap().as_hours(), 168);
        assert!(parse_duration("P1M").is_err());
        assert!(parse_duration("-PT1H").is_err());
        assert_eq!(Resolution::parse("PT10M").unwrap().to_string(), "PT10M");
        assert_eq!(Resolution::parse("PT1H").unwrap().steps_per_day(), 24);
        assert!(parse_time("2017-01-01 00:00").is_err());
        let t = parse_time("2017-01-01T00:00:00+01:00").unwrap();
        assert_eq!(t.to_string(), "2016-12-31T23:00:00Z");
        assert!(TimeRange::new(t, t).is_err());
        let known = IntervalLabel::Beginning.available_at(t, Resolution::parse("PT10M").unwrap());
        assert_eq!(known.to_string(), "2016-12-31T23:10:00Z");
    }
}
