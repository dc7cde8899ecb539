//! Which days are not like others: public holidays, bridge days, Ramadan and the days around the two Eids, by country.
//!
//! In: a civil date and the local time it is looked at from. Out: a [`DayKind`] of shares: a day that hangs on a moon not yet
//! sighted is spread over the dates it may fall on, until the announcement. An operator's table goes before ours
//! ([`HolidayCalendar::with_overrides`]). Countries are data: [`morocco`], [`united_states`]; others know New Year.

mod lunar;
mod morocco;
mod united_states;

use jiff::civil::{Date, DateTime, Weekday};

/// Days either side of the first day of an Eid that have a place of their own.
const WINDOW: i64 = 3;

/// Character of a civil day; each share is the probability, between 0 and 1, that it is so.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DayKind {
    /// A public holiday, Eids included.
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
    overrides: Vec<DayOverride>,
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

    /// The same with an operator's table, whose rows go before ours.
    pub fn with_overrides(mut self, overrides: Vec<DayOverride>) -> Self {
        for row in &overrides {
            if let DayOverride::MonthBegins { month, first } = *row {
                self.months.insert(0, lunar::Announced::new(month, first));
            }
        }
        self.overrides = overrides;
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

    /// When the last word on `date` is spoken: the evening before the Hijri months begin that it hangs on; `None` where it
    /// hangs on none, or on one that nobody has announced.
    pub fn announced(&self, date: Date) -> Option<DateTime> {
        lunar::governing(&self.months, date).map(|month| month.announced_at())
    }

    fn plain(&self, date: Date, from: DateTime) -> DayKind {
        let mut kind = match self.country {
            Country::Morocco => morocco::day(&self.months, date, from),
            Country::UnitedStates => DayKind { holiday: share(united_states::is_holiday(date)), ..DayKind::default() },
            Country::Other => DayKind { holiday: share((date.month(), date.day()) == (1, 1)), ..DayKind::default() },
        };
        for row in &self.overrides {
            match *row {
                DayOverride::Holiday(day) if day == date => kind.holiday = 1.0,
                DayOverride::WorkingDay(day) if day == date => kind.holiday = 0.0,
                _ => {}
            }
        }
        kind
    }
}

fn share(on: bool) -> f32 {
    f32::from(u8::from(on))
}

#[cfg(test)]
mod tests;
