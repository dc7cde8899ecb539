//! Which days are not like others: public holidays, bridge days, Ramadan and the days around the two Eids, by country.
//!
//! In: a civil date and the local time it is looked at from. Out: a [`DayKind`] of shares: a day that hangs on a moon not yet
//! sighted is spread over the dates it may fall on, until the announcement. What an operator says goes before ours
//! ([`HolidayCalendar::with_overrides`], [`HolidayCalendar::with_announcements`]); where it comes from is in [`operator`]. Countries are data: [`morocco`], [`united_states`]; others know New Year.

mod lunar;
mod morocco;
mod operator;
mod united_states;

pub use operator::OperatorDay;

use jiff::civil::{Date, DateTime, Weekday};

/// Days either side of the first day of an Eid that have a place of their own.
const WINDOW: i64 = 3;

/// Character of a civil day; each share is the probability, between 0 and 1, that it is so.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DayKind {
    /// A public holiday, Eids included; less than 1 where only some employers close.
    pub holiday: f32,
    /// A working day between a holiday and a weekend, or between Christmas and New Year where that is quiet.
    pub bridge: f32,
    /// Ramadan.
    pub ramadan: f32,
    /// Three days before the first day of Eid al-Fitr to three after; the first day is at 3.
    pub fitr: [f32; 7],
    /// The same around Eid al-Adha (Aid al-Kabir).
    pub adha: [f32; 7],
}

impl DayKind {
    /// Share of the two public holidays of an Eid.
    pub fn eid(&self) -> f32 {
        let first = WINDOW as usize;
        self.fitr[first] + self.fitr[first + 1] + self.adha[first] + self.adha[first + 1]
    }

    /// True where both days are in the same regime: Ramadan or not, feast or not, holiday or not.
    pub fn is_like(&self, other: &Self) -> bool {
        let same = |a: f32, b: f32| (a >= 0.5) == (b >= 0.5);
        same(self.ramadan, other.ramadan) && same(self.holiday, other.holiday) && same(self.eid(), other.eid())
    }

    fn add(&mut self, share: f32, other: &Self) {
        self.holiday = (self.holiday + share * other.holiday).min(1.0);
        self.ramadan += share * other.ramadan;
        for i in 0..7 {
            self.fitr[i] += share * other.fitr[i];
            self.adha[i] += share * other.adha[i];
        }
    }
}

/// What an operator knows better than the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DayOverride {
    /// The Hijri month of that number (9 Ramadan, 10 Shawwal, 12 Dhu al-Hijja) nearest to `first` begins on `first`.
    MonthBegins {
        /// 1 to 12.
        month: u8,
        /// Its first day.
        first: Date,
    },
    /// A holiday our tables do not have, such as a day of mourning.
    Holiday(Date),
    /// A working day although our tables call it a holiday.
    WorkingDay(Date),
}

impl DayOverride {
    /// The day it is about, where it is about one.
    fn date(&self) -> Option<Date> {
        match *self {
            Self::Holiday(day) | Self::WorkingDay(day) => Some(day),
            Self::MonthBegins { .. } => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Country {
    Morocco,
    UnitedStates,
    Other,
}

/// The holidays of a country.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HolidayCalendar {
    country: Country,
    /// With the local time from when on it is known; `None` is always.
    overrides: Vec<(DayOverride, Option<DateTime>)>,
    months: Vec<lunar::Announced>,
}

impl HolidayCalendar {
    /// The calendar where clocks follow that IANA zone.
    pub fn of_zone(zone: &str) -> Self {
        let country = match zone {
            "Africa/Casablanca" | "Africa/El_Aaiun" => Country::Morocco,
            _ if zone.starts_with("America/") || zone.starts_with("US/") => Country::UnitedStates,
            _ => Country::Other,
        };
        let months = if country == Country::Morocco { lunar::announced(&morocco::ANNOUNCED) } else { Vec::new() };
        Self { country, overrides: Vec::new(), months }
    }

    /// ISO 3166 code of the country whose days these are, where we have them.
    pub fn country(&self) -> Option<&'static str> {
        match self.country {
            Country::Morocco => Some("MA"),
            Country::UnitedStates => Some("US"),
            Country::Other => None,
        }
    }

    /// The same with an operator's table, whose rows go before ours: days always known, months from the evening before.
    pub fn with_overrides(self, overrides: Vec<DayOverride>) -> Self {
        self.with_rows(overrides.into_iter().map(|row| (row, None)))
    }

    /// The same with what became known at a local time; later rows go before earlier ones.
    pub fn with_announcements(self, rows: Vec<(DayOverride, DateTime)>) -> Self {
        self.with_rows(rows.into_iter().map(|(row, from)| (row, Some(from))))
    }

    fn with_rows(mut self, rows: impl Iterator<Item = (DayOverride, Option<DateTime>)>) -> Self {
        for (row, from) in rows {
            match row {
                DayOverride::MonthBegins { month, first } => {
                    let mut announced = lunar::Announced::new(month, first);
                    announced.known_from(from);
                    self.months.retain(|held| !held.is_same_month(&announced));
                    self.months.insert(0, announced);
                }
                DayOverride::Holiday(_) | DayOverride::WorkingDay(_) => self.overrides.push((row, from)),
            }
        }
        self
    }

    /// Character of `date` as one can know it at the local time `from`.
    pub fn day(&self, date: Date, from: DateTime) -> DayKind {
        let mut kind = self.plain(date, from);
        let weekend = |weekday| matches!(weekday, Weekday::Saturday | Weekday::Sunday);
        if kind.holiday < 0.5 && !weekend(date.weekday()) {
            let beside = |near: Option<Date>, far: Option<Date>| match (near, far) {
                (Some(near), Some(far)) if weekend(far.weekday()) => self.plain(near, from).holiday,
                _ => 0.0,
            };
            let (before, after) = (date.yesterday().ok(), date.tomorrow().ok());
            let quiet = self.country == Country::UnitedStates && united_states::is_quiet(date);
            kind.bridge = beside(before, after).max(beside(after, before)).max(f32::from(u8::from(quiet)));
        }
        kind
    }

    /// When something is said about `date`, in that order: the evening before the Hijri month begins that it hangs on, and when
    /// somebody noted that it or a day beside it is a holiday. Empty where it hangs on nothing, or on a month nobody has announced.
    pub fn announcements(&self, date: Date) -> Vec<DateTime> {
        let month = lunar::governing(&self.months, date).map(|month| month.announced_at());
        let beside = |row: &DayOverride| row.date().is_some_and(|day| (date - day).get_days().abs() <= 1);
        let noted = self.overrides.iter().filter(|(row, _)| beside(row)).filter_map(|(_, from)| *from);
        let mut said: Vec<DateTime> = noted.chain(month).collect();
        said.sort_unstable();
        said.dedup();
        said
    }

    fn plain(&self, date: Date, from: DateTime) -> DayKind {
        let mut kind = match self.country {
            Country::Morocco => morocco::day(&self.months, date, from),
            Country::UnitedStates => DayKind { holiday: united_states::closed(date), ..DayKind::default() },
            Country::Other => DayKind { holiday: share((date.month(), date.day()) == (1, 1)), ..DayKind::default() },
        };
        for (row, _) in self.overrides.iter().filter(|(_, known)| known.is_none_or(|known| known <= from)) {
            match *row {
                DayOverride::Holiday(day) if day == date => kind.holiday = 1.0,
                DayOverride::WorkingDay(day) if day == date => kind.holiday = 0.0,
                _ => {}
            }
        }
        kind
    }
}

fn days(count: i64) -> jiff::Span {
    jiff::Span::new().days(count)
}

fn share(on: bool) -> f32 {
    f32::from(u8::from(on))
}

#[cfg(test)]
mod tests;
