//! The times of IEC 60870-5-4: seven octets with a date, or three octets within the hour.
//!
//! In: time tags and the station's time zone. Out: microseconds UTC. Not here: what becomes of a value whose time is of no use.

use jiff::civil::DateTime;
use jiff::tz::AmbiguousOffset;
use jiff::tz::TimeZone;

const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;

/// What a tag says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// There is no tag.
    Nothing,
    /// Microseconds UTC.
    At(i64),
    /// The station marks its time invalid, or it is no time of day.
    Unusable,
}

/// Reads the tags of one station.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    zone: TimeZone,
}

impl Clock {
    /// A station whose clock shows the time of `zone`.
    pub(super) const fn new(zone: TimeZone) -> Self {
        Self { zone }
    }

    /// CP56Time2a. An hour that comes twice is told apart by the summer-time bit.
    pub(super) fn long(&self, tag: [u8; 7]) -> Told {
        let [low, high, minute, hour, day, month, year] = tag;
        let milliseconds = u16::from_le_bytes([low, high]);
        if minute & 0x80 != 0 || milliseconds > 59_999 {
            return Told::Unusable;
        }
        let (second, sub) = (milliseconds / 1000, i32::from(milliseconds % 1000) * 1_000_000);
        let date = DateTime::new(
            2000 + i16::from(year & 0x7F),
            (month & 0x0F) as i8,
            (day & 0x1F) as i8,
            (hour & 0x1F) as i8,
            (minute & 0x3F) as i8,
            second as i8,
            sub,
        );
        let Ok(date) = date else { return Told::Unusable };
        let is_summer = hour & 0x80 != 0;
        let offset = match self.zone.to_ambiguous_timestamp(date).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            // Summer time is the larger offset, whatever a country calls its standard time.
            AmbiguousOffset::Gap { before, after } | AmbiguousOffset::Fold { before, after } => {
                if is_summer {
                    before.max(after)
                } else {
                    before.min(after)
                }
            }
        };
        offset.to_timestamp(date).map_or(Told::Unusable, |time| Told::At(time.as_microsecond()))
    }

    /// CP24Time2a: minute and second of the hour nearest to `arrival`.
    pub(super) fn short(&self, tag: [u8; 3], arrival: i64) -> Told {
        let [low, high, minute] = tag;
        let milliseconds = u16::from_le_bytes([low, high]);
        if minute & 0x80 != 0 || minute & 0x3F > 59 || milliseconds > 59_999 {
            return Told::Unusable;
        }
        let offset =
            jiff::Timestamp::from_microsecond(arrival).map_or(0, |now| i64::from(self.zone.to_offset(now).seconds()) * 1_000_000);
        let local = arrival + offset;
        let within = i64::from(minute & 0x3F) * MINUTE + i64::from(milliseconds) * 1000;
        let began = local - local.rem_euclid(HOUR);
        let near = [began - HOUR, began, began + HOUR].map(|hour| hour + within);
        near.into_iter().min_by_key(|time| (time - local).abs()).map_or(Told::Unusable, |time| Told::At(time - offset))
    }
}
