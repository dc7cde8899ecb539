//! `time_bucket`: the start of the interval a time falls into, in the clock of a place.
//!
//! In: a width, instants in microseconds, a time zone. Out: instants in microseconds. Hours and shorter count from midnight UTC
//! moved by the zone's offset; days from midnight there (weeks begin on Monday); months from the first of the month there.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::civil::date;
use jiff::tz::TimeZone;

/// Width of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    /// Microseconds.
    Fixed(i64),
    /// Civil days.
    Days(i64),
    /// Civil months.
    Months(i64),
}

impl Width {
    /// Takes a span of one kind: months and years, or days and weeks, or clock time.
    pub(super) fn new(months: i64, days: i64, micros: i64) -> Result<Self, String> {
        match (months, days, micros) {
            (m, 0, 0) if m > 0 => Ok(Self::Months(m)),
            (0, d, 0) if d > 0 => Ok(Self::Days(d)),
            (0, 0, us) if us > 0 => Ok(Self::Fixed(us)),
            _ => {
                Err("a bucket is a positive number of months, of days, or of hours, minutes and seconds, not a mixture".to_owned())
            }
        }
    }

    /// Reads `15 minutes`, `1 day`, `PT1H`, `P1M`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let span: jiff::Span = text
            .trim()
            .parse()
            .map_err(|_| format!("{text:?} is not an interval; write for example '15 minutes', '1 day' or 'PT1H'"))?;
        let months = i64::from(span.get_years()) * 12 + i64::from(span.get_months());
        let days = i64::from(span.get_weeks()) * 7 + i64::from(span.get_days());
        let clock = jiff::Span::new()
            .try_hours(span.get_hours())
            .and_then(|s| s.try_minutes(span.get_minutes()))
            .and_then(|s| s.try_seconds(span.get_seconds()))
            .and_then(|s| s.try_milliseconds(span.get_milliseconds()))
            .and_then(|s| s.try_microseconds(span.get_microseconds()));
        let micros = clock.and_then(|s| s.total(jiff::Unit::Microsecond)).map_err(|error| error.to_string())?;
        Self::new(months, days, micros as i64)
    }

    /// Start of the bucket that holds `micros`; `None` beyond the calendar.
    pub(super) fn start(self, micros: i64, zone: &TimeZone) -> Option<i64> {
        let time = Timestamp::from_microsecond(micros).ok()?;
        match self {
            Self::Fixed(width) => {
                let offset = i64::from(zone.to_offset(time).seconds()) * 1_000_000;
                Some((micros + offset).div_euclid(width) * width - offset)
            }
            Self::Days(width) => {
                let monday = date(2000, 1, 3);
                let day = zone.to_datetime(time).date();
                let since = i64::from((day - monday).get_days());
                let first = monday.checked_add(jiff::Span::new().try_days(since.div_euclid(width) * width).ok()?).ok()?;
                midnight(first, zone)
            }
            Self::Months(width) => {
                let day = zone.to_datetime(time).date();
                let month = (i64::from(day.year()) * 12 + i64::from(day.month()) - 1).div_euclid(width) * width;
                let first =
                    Date::new(i16::try_from(month.div_euclid(12)).ok()?, i8::try_from(month.rem_euclid(12) + 1).ok()?, 1).ok()?;
                midnight(first, zone)
            }
        }
    }
}

fn midnight(day: Date, zone: &TimeZone) -> Option<i64> {
    Some(day.to_zoned(zone.clone()).ok()?.timestamp().as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::Width;
    use jiff::Timestamp;
    use jiff::tz::TimeZone;

    fn bucket(width: &str, time: &str, zone: &str) -> String {
        let zone = TimeZone::get(zone).unwrap();
        let start = Width::parse(width).unwrap().start(time.parse::<Timestamp>().unwrap().as_microsecond(), &zone).unwrap();
        Timestamp::from_microsecond(start).unwrap().to_string()
    }

    #[test]
    fn buckets_follow_the_clock_of_the_place() {
        assert_eq!(bucket("15 minutes", "2026-11-22T10:44:59Z", "UTC"), "2026-11-22T10:30:00Z");
        // Until 2026-09-20 the clocks of Morocco were an hour ahead of UTC; from then on the day begins at 00:00Z.
        assert_eq!(bucket("1 day", "2026-06-21T23:30:00Z", "Africa/Casablanca"), "2026-06-21T23:00:00Z");
        assert_eq!(bucket("1 day", "2026-11-22T23:30:00Z", "Africa/Casablanca"), "2026-11-22T00:00:00Z");
        // Kolkata is half an hour off the hour.
        assert_eq!(bucket("PT1H", "2026-11-22T10:44:00Z", "Asia/Kolkata"), "2026-11-22T10:30:00Z");
        assert_eq!(bucket("1 week", "2026-11-22T10:44:00Z", "UTC"), "2026-11-16T00:00:00Z");
        assert_eq!(bucket("3 months", "2026-11-22T10:44:00Z", "UTC"), "2026-10-01T00:00:00Z");
        assert_eq!(bucket("1 day", "2026-03-29T12:00:00Z", "Europe/Paris"), "2026-03-28T23:00:00Z");
        assert!(Width::parse("1 month 1 day").is_err());
        assert!(Width::parse("0 days").is_err());
        assert!(Width::parse("soon").unwrap_err().contains("15 minutes"));
    }
}
