//! Civil time of every row of the grid and a horizon beyond: time of day, weekday, day of year, kind of day, offset, sunset.
//!
//! In: the grid, an asset (zone and place), the interval label. Out: [`Calendar`], one [`Moment`] per row, as it turned out or
//! as one could know it from an origin. Prior knowledge only: nothing here depends on data.

use super::{DayKind, FeatureError, HolidayCalendar};
use crate::domain::solar::zenith;
use crate::domain::{Asset, IntervalLabel, Location, Resolution, Timestamp, from_micros};
use jiff::SignedDuration;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Days between two computed sunsets; between them it moves evenly.
const SUNSET_DAYS: i64 = 8;
/// Zenith angle of the sun's centre when its upper edge sets: refraction 34′, radius 16′.
const SUNSET_ZENITH: f64 = 90.833;

/// Civil time of one row.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Moment {
    /// Minutes since local midnight.
    pub minute: u16,
    /// 0 = Monday … 6 = Sunday.
    pub weekday: u8,
    /// 1 … 366.
    pub day_of_year: u16,
    /// Seconds east of UTC.
    pub offset: i32,
    /// What kind of day it is.
    pub kind: DayKind,
    /// What kind of day the one before was.
    pub before: DayKind,
    /// Hours since sunset of the same civil day, negative before it; 0 where the sun does not set or the place is not known.
    pub after_sunset: f32,
    /// The clocks change on this day.
    pub clock_change: bool,
}

impl Moment {
    /// Angle of the time of day, radians.
    pub fn day_angle(&self) -> f64 {
        f64::from(self.minute) / 1440.0 * std::f64::consts::TAU
    }

    /// Angle of the season, radians.
    pub fn year_angle(&self) -> f64 {
        f64::from(self.day_of_year) / 365.25 * std::f64::consts::TAU
    }

    /// True on Saturday and Sunday.
    pub fn is_weekend(&self) -> bool {
        self.weekday >= 5
    }
}

#[derive(Debug, Clone, Copy)]
struct Row {
    day: u32,
    minute: u16,
    offset: i32,
}

#[derive(Debug, Clone)]
struct Day {
    date: Date,
    /// As long as no announcement is out.
    expected: DayKind,
    /// From each row on at which one is.
    announced: Vec<(usize, DayKind)>,
    /// Minutes of local standard sunset after midnight UTC of the date.
    sunset: f32,
    clock_change: bool,
}

/// Civil time of all rows.
#[derive(Debug, Clone)]
pub struct Calendar {
    rows: Vec<Row>,
    days: Vec<Day>,
}

impl Calendar {
    /// Computes `len` rows from `start` on, with the holidays of the asset's zone.
    ///
    /// # Errors
    /// [`FeatureError::TimeZone`].
    pub fn new(
        asset: &Asset,
        start: Timestamp,
        resolution: Resolution,
        label: IntervalLabel,
        len: usize,
    ) -> Result<Self, FeatureError> {
        Self::with_holidays(asset, start, resolution, label, len, &HolidayCalendar::of_zone(&asset.timezone))
    }

    /// The same with another table of holidays.
    ///
    /// # Errors
    /// [`FeatureError::TimeZone`].
    pub fn with_holidays(
        asset: &Asset,
        start: Timestamp,
        resolution: Resolution,
        label: IntervalLabel,
        len: usize,
        holidays: &HolidayCalendar,
    ) -> Result<Self, FeatureError> {
        let zone = crate::domain::time_zone(&asset.timezone)
            .map_err(|_| FeatureError::TimeZone { asset: asset.id.to_string(), zone: asset.timezone.clone() })?;
        let step = resolution.seconds();
        let back = if label == IntervalLabel::Ending { step } else { 0 };
        let mut calendar = Self { rows: Vec::with_capacity(len), days: Vec::new() };
        let mut sunsets = Sunsets { place: asset.location, held: None };
        for i in 0..len {
            let shift = step.saturating_mul(i as i64) - back;
            let time = start.saturating_add(SignedDuration::from_secs(shift)).unwrap_or(start);
            let offset = zone.to_offset(time);
            let local = offset.to_datetime(time);
            let date = local.date();
            if calendar.days.last().is_none_or(|day| day.date != date) {
                calendar.days.push(day(date, holidays, &zone, &mut sunsets, start, step));
            }
            let minute = local.hour() as u16 * 60 + local.minute() as u16;
            calendar.rows.push(Row { day: calendar.days.len() as u32 - 1, minute, offset: offset.seconds() });
        }
        Ok(calendar)
    }

    /// Civil time of row `index` as it turned out; the last one beyond the end.
    pub fn at(&self, index: usize) -> Moment {
        self.seen(index, usize::MAX)
    }

    /// Civil time of row `index` as one could know it at row `origin`, before moons are sighted.
    pub fn seen(&self, index: usize, origin: usize) -> Moment {
        let Some(row) = self.rows.get(index).or(self.rows.last()) else { return Moment::default() };
        let kind = |at: usize| {
            let day = &self.days[at];
            let out = day.announced.iter().rev().find(|(row, _)| *row <= origin);
            out.map_or(day.expected, |(_, kind)| *kind)
        };
        let at = row.day as usize;
        let day = &self.days[at];
        let sunset = day.sunset + row.offset as f32 / 60.0;
        Moment {
            minute: row.minute,
            weekday: day.date.weekday().to_monday_zero_offset() as u8,
            day_of_year: day.date.day_of_year() as u16,
            offset: row.offset,
            kind: kind(at),
            before: kind(at.saturating_sub(1)),
            after_sunset: if sunset.is_finite() { (f32::from(row.minute) - sunset) / 60.0 } else { 0.0 },
            clock_change: day.clock_change,
        }
    }

    /// Number of the civil day of row `index`, counted from that of the first row.
    pub fn day_number(&self, index: usize) -> usize {
        self.rows.get(index).or(self.rows.last()).map_or(0, |row| row.day as usize)
    }
}

fn day(date: Date, holidays: &HolidayCalendar, zone: &TimeZone, sunsets: &mut Sunsets, start: Timestamp, step: i64) -> Day {
    let at = |time: jiff::civil::DateTime| zone.to_ambiguous_timestamp(time).compatible().ok();
    let far = date.checked_add(jiff::Span::new().days(60)).unwrap_or(date);
    let early = date.checked_sub(jiff::Span::new().days(400)).unwrap_or(date);
    let row = |time: Timestamp| usize::try_from((time.as_second() - start.as_second() + step - 1).div_euclid(step)).unwrap_or(0);
    let far = far.to_datetime(jiff::civil::Time::midnight());
    let said = holidays.announcements(date);
    let announced = said.iter().enumerate().filter_map(|(place, &time)| {
        let from = if place + 1 == said.len() { time.max(far) } else { time };
        Some((row(at(time)?), holidays.day(date, from)))
    });
    let offset = |day: Date| at(day.to_datetime(jiff::civil::Time::midnight())).map(|time| zone.to_offset(time).seconds());
    Day {
        date,
        expected: holidays.day(date, early.to_datetime(jiff::civil::Time::midnight())),
        announced: announced.collect(),
        sunset: sunsets.of(date),
        clock_change: date.tomorrow().is_ok_and(|next| offset(date) != offset(next)),
    }
}

/// Sunsets of a place, computed every few days.
struct Sunsets {
    place: Option<Location>,
    held: Option<(i64, f32, f32)>,
}

impl Sunsets {
    /// Minutes after midnight UTC of the date at which the sun sets; NaN where it does not.
    fn of(&mut self, date: Date) -> f32 {
        let number = i64::from((date - jiff::civil::date(1970, 1, 1)).get_days());
        let block = number.div_euclid(SUNSET_DAYS);
        let (low, high) = match self.held {
            Some((held, low, high)) if held == block => (low, high),
            _ => (self.exact(block * SUNSET_DAYS), self.exact((block + 1) * SUNSET_DAYS)),
        };
        self.held = Some((block, low, high));
        low + (high - low) * (number.rem_euclid(SUNSET_DAYS) as f32 / SUNSET_DAYS as f32)
    }

    /// Bisection between solar noon and solar midnight.
    fn exact(&self, number: i64) -> f32 {
        let Some(place) = self.place else { return f32::NAN };
        let noon = 720.0 - 4.0 * place.longitude;
        let minutes = |m: f64| from_micros(number * 86_400_000_000 + (m * 60e6) as i64);
        let is_up = |m: f64| zenith(minutes(m), place) < SUNSET_ZENITH;
        let (mut low, mut high) = (noon, noon + 720.0);
        if !is_up(low) || is_up(high) {
            return f32::NAN;
        }
        while high - low > 0.5 {
            let middle = 0.5 * (low + high);
            if is_up(middle) { low = middle } else { high = middle }
        }
        low as f32
    }
}

#[cfg(test)]
mod tests {
    use super::Calendar;
    use crate::domain::{Asset, AssetId, AssetKind, IntervalLabel, Location, Resolution};

    fn tetouan() -> Asset {
        let mut asset = Asset::new(AssetId::parse("a").unwrap(), AssetKind::Region);
        asset.timezone = "Africa/Casablanca".into();
        asset.location = Some(Location { latitude: 35.57, longitude: -5.37 });
        asset
    }

    #[test]
    fn follows_the_zone() {
        let mut asset = tetouan();
        let start = "2017-07-01T23:00:00Z".parse().unwrap();
        let hour = Resolution::parse("PT1H").unwrap();
        let calendar = Calendar::new(&asset, start, hour, IntervalLabel::Beginning, 48).unwrap();
        assert_eq!(calendar.at(0).minute, 23 * 60);
        // The clocks went from UTC+0 to UTC+1 on 2 July 2017 at 02:00Z.
        assert_eq!((calendar.at(2).minute, calendar.at(3).minute), (60, 180));
        assert_eq!(calendar.at(24).weekday, 0);
        assert!(!calendar.at(0).clock_change && calendar.at(2).clock_change && !calendar.at(30).clock_change);
        asset.timezone = "Mars/Base".into();
        assert!(Calendar::new(&asset, start, hour, IntervalLabel::Ending, 1).is_err());
    }

    #[test]
    fn the_moon_is_sighted_on_the_evening_before() {
        let start = "2017-06-20T00:00:00Z".parse().unwrap();
        let hour = Resolution::parse("PT1H").unwrap();
        let calendar = Calendar::new(&tetouan(), start, hour, IntervalLabel::Beginning, 24 * 10).unwrap();
        let feast = 6 * 24 + 12;
        assert_eq!(calendar.at(feast).kind.fitr[3], 1.0);
        assert_eq!(calendar.seen(feast, 5 * 24 + 19).kind.fitr[3], 0.5);
        assert_eq!(calendar.seen(feast, 5 * 24 + 20).kind.fitr[3], 1.0);
    }

    #[test]
    fn sunset_is_that_of_the_almanac() {
        // Tetouan, 21 June 2017: sunset 19:45 UTC by NOAA's solar calculator to the minute or so; UTC+0 was civil time.
        let start = "2017-06-21T00:00:00Z".parse().unwrap();
        let hour = Resolution::parse("PT1H").unwrap();
        let calendar = Calendar::new(&tetouan(), start, hour, IntervalLabel::Beginning, 24).unwrap();
        let sunset = 20.0 - calendar.at(20).after_sunset;
        assert!((sunset - 19.72).abs() < 0.1, "{sunset}");
    }
}
