//! The calendar of Casablanca: civil clock, holidays and Ramadan.
//!
//! In: seconds since 1970. Out: local date, hour and kind of day. Clock rules come from jiff's bundled tz database (UTC+01 with
//! UTC+00 in Ramadan until 2026, permanent UTC+00 from 2026-09-20). Religious days are a table, 2024 to 2028; other years have none.

use engine::domain::{Timestamp, from_micros};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::tz::TimeZoneDatabase;

/// First day of Ramadan, Aid al-Fitr, Aid al-Adha, 1 Muharram, Aid al-Mawlid as `(month, day)`.
///
/// 2024 and 2025 as announced by the Ministry of Habous; later years are the Umm al-Qura date plus one day, which is what
/// Morocco's own sighting has usually given. A day's error is realistic for whoever forecasts them.
const RELIGIOUS: [(i16, [(i8, i8); 5]); 5] = [
    (2024, [(3, 12), (4, 10), (6, 17), (7, 8), (9, 16)]),
    (2025, [(3, 2), (3, 31), (6, 7), (6, 27), (9, 5)]),
    (2026, [(2, 19), (3, 21), (5, 28), (6, 17), (8, 26)]),
    (2027, [(2, 9), (3, 10), (5, 17), (6, 7), (8, 16)]),
    (2028, [(1, 29), (2, 27), (5, 6), (5, 26), (8, 4)]),
];

/// National holidays `(month, day)`; 31 October is one since 2025, 14 January since 2024.
const NATIONAL: [(i8, i8); 11] =
    [(1, 1), (1, 11), (1, 14), (5, 1), (7, 30), (8, 14), (8, 20), (8, 21), (10, 31), (11, 6), (11, 18)];

/// What a day is like for those who use electricity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum DayKind {
    /// Monday to Thursday.
    Working,
    /// Friday, with the long midday prayer.
    Friday,
    Saturday,
    Sunday,
    /// A national holiday or a minor religious one.
    Holiday,
    /// Aid al-Fitr or Aid al-Adha and the day after.
    Feast,
}

/// A moment on Casablanca's wall clock.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Civil {
    pub(super) date: Date,
    /// Hours since local midnight.
    pub(super) hour: f64,
    /// Local clock minus UTC, hours.
    pub(super) offset: f64,
    pub(super) kind: DayKind,
    pub(super) ramadan: bool,
}

/// Reads Casablanca's calendar.
#[derive(Debug)]
pub(super) struct Calendar {
    zone: TimeZone,
}

impl Calendar {
    /// With the clock rules of `Africa/Casablanca` from the bundled database: `TimeZone::get` would ask the machine's own first,
    /// which may be older than the change of 2026-09-20, and the same seed must give the same bytes everywhere.
    pub(super) fn new() -> Self {
        let bundled = TimeZoneDatabase::bundled();
        Self { zone: bundled.get("Africa/Casablanca").expect("the bundled database has Casablanca; a test reads it") }
    }

    /// The civil moment of an instant.
    pub(super) fn civil(&self, seconds: i64) -> Civil {
        let local = from_micros(seconds.saturating_mul(1_000_000)).to_zoned(self.zone.clone());
        let date = local.date();
        let hour = f64::from(local.hour()) + f64::from(local.minute()) / 60.0 + f64::from(local.second()) / 3600.0;
        Civil { date, hour, offset: f64::from(local.offset().seconds()) / 3600.0, kind: day_kind(date), ramadan: is_ramadan(date) }
    }

    /// Start and end of a local day as instants.
    pub(super) fn day(&self, date: Date) -> (Timestamp, Timestamp) {
        let midnight = |date: Date| date.to_zoned(self.zone.clone()).map_or(Timestamp::MIN, |zoned| zoned.timestamp());
        (midnight(date), midnight(date.tomorrow().unwrap_or(date)))
    }
}

fn day_kind(date: Date) -> DayKind {
    use jiff::civil::Weekday;
    if let Some([_, fitr, adha, muharram, mawlid]) = religious(date.year()) {
        for feast in [fitr, adha] {
            if date == feast || Some(date) == feast.tomorrow().ok() {
                return DayKind::Feast;
            }
        }
        if date == muharram || date == mawlid {
            return DayKind::Holiday;
        }
    }
    if NATIONAL.contains(&(date.month(), date.day())) && (date.year() >= 2025 || date.month() != 10) {
        return DayKind::Holiday;
    }
    match date.weekday() {
        Weekday::Friday => DayKind::Friday,
        Weekday::Saturday => DayKind::Saturday,
        Weekday::Sunday => DayKind::Sunday,
        _ => DayKind::Working,
    }
}

fn is_ramadan(date: Date) -> bool {
    religious(date.year()).is_some_and(|[ramadan, fitr, ..]| ramadan <= date && date < fitr)
}

fn religious(year: i16) -> Option<[Date; 5]> {
    let (_, days) = RELIGIOUS.iter().find(|(y, _)| *y == year)?;
    Some(days.map(|(month, day)| Date::new(year, month, day).unwrap_or(Date::ZERO)))
}

#[cfg(test)]
mod tests {
    use super::{Calendar, DayKind};
    use engine::domain::parse_time;

    #[test]
    fn clock_and_days_are_those_of_casablanca() {
        let calendar = Calendar::new();
        let at = |text: &str| calendar.civil(parse_time(text).unwrap().as_second());
        assert_eq!(at("2026-07-01T12:00:00Z").offset, 1.0);
        assert_eq!(at("2026-03-01T12:00:00Z").offset, 0.0);
        assert!(at("2026-03-01T12:00:00Z").ramadan && !at("2026-03-25T12:00:00Z").ramadan);
        assert_eq!(at("2026-10-01T12:00:00Z").offset, 0.0, "permanent UTC+00 since 2026-09-20");
        assert_eq!(at("2026-07-30T12:00:00Z").kind, DayKind::Holiday);
        assert_eq!(at("2026-03-21T12:00:00Z").kind, DayKind::Feast);
        assert_eq!(at("2026-10-02T12:00:00Z").kind, DayKind::Friday);
    }
}
