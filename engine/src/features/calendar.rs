//! Civil time of every row of the grid and a horizon beyond: time of day, weekday, day of year, kind of day, offset.
//!
//! In: the grid, a zone, the interval label. Out: [`Calendar`], one [`Moment`] per row. Prior knowledge only: nothing here
//! depends on data.

use super::{DayKind, FeatureError, day_kind};
use crate::domain::{Asset, IntervalLabel, Resolution, Timestamp};
use jiff::SignedDuration;

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
}

/// Civil time of all rows.
#[derive(Debug, Clone)]
pub struct Calendar {
    moments: Vec<Moment>,
}

impl Calendar {
    /// Computes `len` rows from `start` on.
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
        let zone = crate::domain::time_zone(&asset.timezone)
            .map_err(|_| FeatureError::TimeZone { asset: asset.id.to_string(), zone: asset.timezone.clone() })?;
        let back = if label == IntervalLabel::Ending { resolution.seconds() } else { 0 };
        let mut moments = Vec::with_capacity(len);
        let mut held: Option<(jiff::civil::Date, DayKind, DayKind, u8, u16)> = None;
        for i in 0..len {
            let shift = resolution.seconds().saturating_mul(i as i64) - back;
            let time = start.saturating_add(SignedDuration::from_secs(shift)).unwrap_or(start);
            let offset = zone.to_offset(time);
            let local = offset.to_datetime(time);
            let date = local.date();
            let (kind, before, weekday, day_of_year) = match held {
                Some((day, kind, before, weekday, year)) if day == date => (kind, before, weekday, year),
                _ => {
                    let kind = day_kind(date, &asset.timezone);
                    let before = date.yesterday().map_or(kind, |d| day_kind(d, &asset.timezone));
                    let weekday = date.weekday().to_monday_zero_offset() as u8;
                    held = Some((date, kind, before, weekday, date.day_of_year() as u16));
                    (kind, before, weekday, date.day_of_year() as u16)
                }
            };
            let minute = local.hour() as u16 * 60 + local.minute() as u16;
            moments.push(Moment { minute, weekday, day_of_year, offset: offset.seconds(), kind, before });
        }
        Ok(Self { moments })
    }

    /// Civil time of row `index`; the last one beyond the end.
    pub fn at(&self, index: usize) -> Moment {
        self.moments.get(index).or(self.moments.last()).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::Calendar;
    use crate::domain::{Asset, AssetId, AssetKind, IntervalLabel, Resolution};

    #[test]
    fn follows_the_zone() {
        let mut asset = Asset::new(AssetId::parse("a").unwrap(), AssetKind::Region);
        asset.timezone = "Africa/Casablanca".into();
        let start = "2017-07-01T23:00:00Z".parse().unwrap();
        let hour = Resolution::parse("PT1H").unwrap();
        let calendar = Calendar::new(&asset, start, hour, IntervalLabel::Beginning, 48).unwrap();
        assert_eq!(calendar.at(0).minute, 23 * 60);
        // The clocks went from UTC+0 to UTC+1 on 2 July 2017 at 02:00Z.
        assert_eq!((calendar.at(2).minute, calendar.at(3).minute), (60, 180));
        assert_eq!(calendar.at(24).weekday, 0);
        asset.timezone = "Mars/Base".into();
        assert!(Calendar::new(&asset, start, hour, IntervalLabel::Ending, 1).is_err());
    }
}
