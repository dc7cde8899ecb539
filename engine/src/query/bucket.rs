//! `time_bucket`: the start of the interval a time falls into, in the clock of a place.
//!
//! In: a width, instants in microseconds, a time zone. Out: instants in microseconds. Hours and shorter count from midnight UTC
//! moved by the zone's offset; days from midnight there (weeks begin on Monday); months from the first of the month there.

use arrow::array::Array;
use arrow::array::TimestampMicrosecondArray;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::civil::date;
use jiff::tz::TimeZone;

/// Width of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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

    /// Starts of the buckets that hold `times`. Neighbours mostly share a bucket, so the last one is tried first.
    pub(super) fn starts(self, times: &TimestampMicrosecondArray, zone: &TimeZone) -> TimestampMicrosecondArray {
        let length = if zone == &TimeZone::UTC { self.length() } else { None };
        let (mut start, mut length_now) = (0, 0);
        let mut next = |micros: i64| {
            if micros.wrapping_sub(start) as u64 >= length_now {
                start = self.start(micros, zone)?;
                length_now = length.unwrap_or(0);
            }
            Some(start)
        };
        let known = |starts: Vec<i64>| TimestampMicrosecondArray::new(starts.into(), times.nulls().cloned()).with_timezone("UTC");
        let starts: Option<Vec<i64>> = times
            .values()
            .iter()
            .enumerate()
            .map(|(row, &micros)| if times.is_null(row) { Some(0) } else { next(micros) })
            .collect();
        match starts {
            Some(starts) => known(starts),
            None => {
                times.iter().map(|micros| self.start(micros?, zone)).collect::<TimestampMicrosecondArray>().with_timezone("UTC")
            }
        }
    }

    /// Start of the bucket after the one that starts at `start`, in UTC; `None` beyond the calendar.
    pub(super) fn next(self, start: i64) -> Option<i64> {
        match self {
            Self::Months(width) => {
                let day = TimeZone::UTC.to_datetime(Timestamp::from_microsecond(start).ok()?).date();
                midnight(day.checked_add(jiff::Span::new().try_months(width).ok()?).ok()?, &TimeZone::UTC)
            }
            _ => start.checked_add(i64::try_from(self.length()?).ok()?),
        }
    }

    /// Microseconds of every bucket in UTC, `None` for months.
    pub(super) fn length(self) -> Option<u64> {
        match self {
            Self::Fixed(width) => u64::try_from(width).ok(),
            Self::Days(width) => u64::try_from(width.checked_mul(86_400_000_000)?).ok(),
            Self::Months(_) => None,
        }
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
    use crate::domain::time_zone;
    use arrow::array::TimestampMicrosecondArray;
    use jiff::Timestamp;

    fn bucket(width: &str, time: &str, zone: &str) -> String {
        let zone = time_zone(zone).unwrap();
        let start = Width::parse(width).unwrap().start(time.parse::<Timestamp>().unwrap().as_microsecond(), &zone).unwrap();
        Timestamp::from_microsecond(start).unwrap().to_string()
    }

    #[test]
    fn a_column_is_cut_like_each_of_its_times() {
        let times: TimestampMicrosecondArray = (-50..50_i64)
            .map(|i| (i % 7 != 3).then_some(i * 17_000_000_007))
            .chain([Some(i64::MAX), Some(5), Some(-5), None, Some(3_600_000_000), Some(3_599_999_999)])
            .collect();
        for (width, zone) in [("1 hour", "UTC"), ("1 week", "UTC"), ("1 month", "UTC"), ("1 day", "Africa/Casablanca")] {
            let (width, zone) = (Width::parse(width).unwrap(), time_zone(zone).unwrap());
            let each: Vec<Option<i64>> = times.iter().map(|micros| width.start(micros?, &zone)).collect();
            assert_eq!(width.starts(&times, &zone).iter().collect::<Vec<_>>(), each);
        }
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
