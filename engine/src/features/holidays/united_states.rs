//! Holidays of the United States.
//!
//! In: a date. Out: whether it is one. Federal holidays (5 U.S.C. 6103) and the day after Thanksgiving.

use jiff::civil::Date;
use jiff::civil::Weekday::{Friday, Monday, Saturday, Sunday, Thursday};

/// With Saturday seen on Friday and Sunday on Monday.
pub(super) fn is_holiday(date: Date) -> bool {
    let (month, day, weekday) = (date.month(), date.day(), date.weekday());
    let fixed = |m: i8, d: i8| {
        let exact = (month, day) == (m, d) && weekday != Saturday && weekday != Sunday;
        let tomorrow = date.tomorrow().is_ok_and(|t| (t.month(), t.day()) == (m, d)) && weekday == Friday;
        let yesterday = date.yesterday().is_ok_and(|t| (t.month(), t.day()) == (m, d)) && weekday == Monday;
        exact || tomorrow || yesterday
    };
    let nth = |m: i8, w, n: i8| month == m && weekday == w && (day - 1) / 7 + 1 == n;
    fixed(1, 1)
        || nth(1, Monday, 3)
        || nth(2, Monday, 3)
        || (month == 5 && weekday == Monday && day > 24)
        || (date.year() >= 2021 && fixed(6, 19))
        || fixed(7, 4)
        || nth(9, Monday, 1)
        || nth(10, Monday, 2)
        || fixed(11, 11)
        || nth(11, Thursday, 4)
        || (month == 11 && weekday == Friday && (23..=29).contains(&day))
        || fixed(12, 25)
}

/// From Christmas Eve to New Year's Eve offices and factories are half empty.
pub(super) fn is_quiet(date: Date) -> bool {
    date.month() == 12 && date.day() >= 24
}

/// Share of employers that are taken to be closed on a date: an estimate of ours without a source, for on Columbus Day a load is nearly
/// that of a working day, at Christmas it is not. Compared on PJM before August 2017, where daily errors on such days fell by half.
pub(super) fn closed(date: Date) -> f32 {
    if !is_holiday(date) {
        return 0.0;
    }
    match (date.month(), date.weekday()) {
        (1, Monday) if (15..=21).contains(&date.day()) => 0.35,
        (2 | 6, _) => 0.35,
        (10, _) => 0.15,
        (11, _) if date.day() < 15 => 0.2,
        (11, Friday) => 0.75,
        _ => 1.0,
    }
}
