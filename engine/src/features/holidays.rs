//! Which days are not like others: Moroccan and United States holidays, Ramadan and the two Eids.
//!
//! In: a civil date and a time zone. Out: a [`DayKind`]. Announced Moroccan dates where known, else the Umm al-Qura calendar
//! (which may differ from the announcement by a day or so). Further countries are further rows here.

use icu_calendar::{Date, cal::Hijri};
use jiff::civil;

/// Character of a civil day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct DayKind {
    /// A public holiday.
    pub holiday: bool,
    /// One of the days of Eid al-Fitr or Eid al-Adha.
    pub eid: bool,
    /// Ramadan.
    pub ramadan: bool,
}

/// Announcements of the ministry of Habous: first and last day of Ramadan 1438, first days of the Eids of 1438.
const RAMADAN_1438: (civil::Date, civil::Date) = (civil::date(2017, 5, 27), civil::date(2017, 6, 25));
const EIDS_1438: [civil::Date; 2] = [civil::date(2017, 6, 26), civil::date(2017, 9, 1)];

/// Fixed Moroccan holidays, (month, day): New Year, Independence Manifesto, Labour Day, Throne Day, Oued Ed-Dahab,
/// Revolution of the King and the People, Youth Day, Green March, Independence Day. Dahir 2-77-169; Amazigh New Year since 2024.
const MOROCCO: [(i8, i8); 9] = [(1, 1), (1, 11), (5, 1), (7, 30), (8, 14), (8, 20), (8, 21), (11, 6), (11, 18)];

/// Character of `date` where the clocks follow `zone`.
pub fn day_kind(date: civil::Date, zone: &str) -> DayKind {
    match zone {
        "Africa/Casablanca" | "Africa/El_Aaiun" => moroccan(date),
        _ if zone.starts_with("America/") || zone.starts_with("US/") => {
            DayKind { holiday: united_states(date), ..DayKind::default() }
        }
        _ => DayKind { holiday: (date.month(), date.day()) == (1, 1), ..DayKind::default() },
    }
}

fn moroccan(date: civil::Date) -> DayKind {
    let (mut eid, mut ramadan) = (false, false);
    if date.year() == 2017 && date.month() >= 5 && date.month() <= 10 {
        ramadan = RAMADAN_1438.0 <= date && date <= RAMADAN_1438.1;
        eid = EIDS_1438.iter().any(|&first| first <= date && (date - first).get_days() < 2);
    } else if let Ok(iso) = Date::try_new_iso(i32::from(date.year()), date.month() as u8, date.day() as u8) {
        let hijri = iso.to_calendar(Hijri::new_umm_al_qura());
        let (month, day) = (hijri.month().ordinal, hijri.day_of_month().0);
        ramadan = month == 9;
        eid = (month == 10 && day <= 2) || (month == 12 && (day == 10 || day == 11));
    }
    let amazigh = date.year() >= 2024 && (date.month(), date.day()) == (1, 14);
    DayKind { holiday: eid || amazigh || MOROCCO.contains(&(date.month(), date.day())), eid, ramadan }
}

/// Federal holidays (5 U.S.C. 6103), with Saturday seen on Friday and Sunday on Monday, and the day after Thanksgiving.
fn united_states(date: civil::Date) -> bool {
    use jiff::civil::Weekday::{Friday, Monday, Saturday, Sunday, Thursday};
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

#[cfg(test)]
mod tests {
    use super::day_kind;
    use jiff::civil::date;

    #[test]
    fn announced_and_computed_days() {
        let zone = "Africa/Casablanca";
        assert!(day_kind(date(2017, 5, 27), zone).ramadan && !day_kind(date(2017, 5, 26), zone).ramadan);
        assert!(day_kind(date(2017, 6, 26), zone).eid && day_kind(date(2017, 9, 1), zone).eid);
        // Umm al-Qura: 1 Ramadan 1445 = 11 March 2024.
        assert!(day_kind(date(2024, 3, 12), zone).ramadan && !day_kind(date(2024, 3, 10), zone).ramadan);
        assert!(day_kind(date(2017, 11, 6), zone).holiday && !day_kind(date(2017, 11, 7), zone).holiday);
        let ny = "America/New_York";
        assert!(day_kind(date(2017, 11, 23), ny).holiday && day_kind(date(2018, 5, 28), ny).holiday);
        assert!(day_kind(date(2017, 1, 2), ny).holiday && !day_kind(date(2017, 11, 22), ny).holiday);
    }
}
