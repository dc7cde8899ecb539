//! Days of the Hijri calendar where months begin with a sighting: the Umm al-Qura date, or a day later, until announced.
//!
//! In: a date, announced first days of months, the local time of looking. Out: the shares of a [`DayKind`].

use super::{DayKind, WINDOW, days};
use icu_calendar::{Date as Iso, cal::Hijri};
use jiff::civil::{Date, DateTime, time};

/// Probability that a month begins on the Umm al-Qura date, and a day later: of the announcements in [`super::morocco`] four
/// were on the date and three a day later.
const SHIFTS: [(i64, f32); 2] = [(0, 0.5), (1, 0.5)];
/// Days around an announced first day for which the announcement holds.
const REACH: i32 = 20;
/// Days between two announced first days of one month, at most.
const SAME_MONTH: i32 = 5;
/// Hour of the evening at which the announcement is out.
const EVENING: i8 = 20;

/// A month whose first day is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Announced {
    first: Date,
    /// Days after the Umm al-Qura date.
    shift: i64,
    /// When it was said, if not on the evening before.
    said_at: Option<DateTime>,
}

impl Announced {
    pub(super) fn new(month: u8, first: Date) -> Self {
        let is_first = |shift: &i64| first.checked_sub(days(*shift)).is_ok_and(|d| hijri(d) == Some((month, 1)));
        Self { first, shift: [0, 1, -1, 2, -2].into_iter().find(is_first).unwrap_or(0), said_at: None }
    }

    /// Says when it was said; `None` is the evening before.
    pub(super) fn known_from(&mut self, said_at: Option<DateTime>) {
        self.said_at = said_at;
    }

    /// True when both are about one month: their first days are close.
    pub(super) fn is_same_month(&self, other: &Self) -> bool {
        (self.first - other.first).get_days().abs() <= SAME_MONTH
    }

    pub(super) fn announced_at(&self) -> DateTime {
        let evening = || self.first.yesterday().unwrap_or(self.first).to_datetime(time(EVENING, 0, 0, 0));
        self.said_at.unwrap_or_else(evening)
    }
}

pub(super) fn announced(rows: &[(u8, Date)]) -> Vec<Announced> {
    rows.iter().map(|&(month, first)| Announced::new(month, first)).collect()
}

/// The announced month that `date` hangs on: the nearest first day, at equal distance the first in the list.
pub(super) fn governing(months: &[Announced], date: Date) -> Option<&Announced> {
    let distance = |month: &Announced| (date - month.first).get_days().abs();
    months.iter().filter(|month| distance(month) <= REACH).min_by_key(|month| distance(month))
}

/// Shares of a date; months announced by `from` are certain.
pub(super) fn day(months: &[Announced], date: Date, from: DateTime) -> DayKind {
    let known = governing(months, date).filter(|month| month.announced_at() <= from);
    let mut kind = DayKind::default();
    match known {
        Some(month) => kind.add(1.0, &shifted(date, month.shift)),
        None => SHIFTS.iter().for_each(|&(shift, share)| kind.add(share, &shifted(date, shift))),
    }
    kind
}

/// (month, day) of the Umm al-Qura calendar.
pub(super) fn hijri(date: Date) -> Option<(u8, u8)> {
    let iso = Iso::try_new_iso(i32::from(date.year()), date.month() as u8, date.day() as u8).ok()?;
    let hijri = iso.to_calendar(Hijri::new_umm_al_qura());
    Some((hijri.month().ordinal, hijri.day_of_month().0))
}

/// The day if months begin `shift` days after the Umm al-Qura date.
fn shifted(date: Date, shift: i64) -> DayKind {
    let at = |back: i64| date.checked_sub(days(shift + back)).ok().and_then(hijri);
    let mut kind = DayKind::default();
    let Some((month, day)) = at(0) else { return kind };
    // 1 Muharram; 12 and 13 Rabi al-awwal (Mawlid); Eids below.
    kind.holiday = super::share(matches!((month, day), (1, 1) | (3, 12 | 13)));
    kind.ramadan = super::share(month == 9);
    for (slot, offset) in (-WINDOW..=WINDOW).enumerate() {
        match at(offset) {
            Some((10, 1)) => kind.fitr[slot] = 1.0,
            Some((12, 10)) => kind.adha[slot] = 1.0,
            _ => {}
        }
    }
    kind.holiday = kind.holiday.max(kind.eid());
    kind
}
