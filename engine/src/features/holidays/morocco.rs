//! Holidays of Morocco.
//!
//! In: a date. Out: a [`DayKind`]. Dahir 1-77-169 and its changes; the Hijri ones are those of [`lunar`].

use super::{DayKind, lunar};
use jiff::civil::{Date, DateTime, date};

/// (month, first day) as announced by the ministry of Habous: Ramadan, Shawwal and Dhu al-Hijja of 1438, Shawwal of 1441, Ramadan
/// and Shawwal of 1444, Ramadan of 1445 (maroc.ma, MAP).
pub(super) const ANNOUNCED: [(u8, Date); 7] = [
    (9, date(2017, 5, 27)),
    (10, date(2017, 6, 26)),
    (12, date(2017, 8, 23)),
    (10, date(2020, 5, 24)),
    (9, date(2023, 3, 23)),
    (10, date(2023, 4, 22)),
    (9, date(2024, 3, 12)),
];

/// (month, day, first year): New Year, Independence Manifesto, Amazigh New Year, Labour Day, Throne Day, Oued Ed-Dahab, Revolution
/// of the King and the People, Youth Day, Unity Day, Green March, Independence Day.
const FIXED: [(i8, i8, i16); 11] = [
    (1, 1, 0),
    (1, 11, 0),
    (1, 14, 2024),
    (5, 1, 0),
    (7, 30, 1999),
    (8, 14, 0),
    (8, 20, 0),
    (8, 21, 0),
    (10, 31, 2025),
    (11, 6, 0),
    (11, 18, 0),
];

pub(super) fn day(months: &[lunar::Announced], date: Date, from: DateTime) -> DayKind {
    let mut kind = lunar::day(months, date, from);
    if FIXED.iter().any(|&(month, day, since)| (date.month(), date.day()) == (month, day) && date.year() >= since) {
        kind.holiday = 1.0;
    }
    kind
}
