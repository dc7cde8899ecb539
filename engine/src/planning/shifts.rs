//! Working hours on the clock of the crew, as slots of the plan.
//!
//! In: hours from wall clock to wall clock, days of the week, a time zone. Out: [`Shift`]s. A slot is worked when all of it lies within
//! the hours; a day on which the clocks change is as long as it is.

use crate::domain::Timestamp;
use jiff::SignedDuration;
use jiff::civil::Time;
use jiff::tz::TimeZone;

/// Slots `from` until `to`, which is the first no longer worked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shift {
    /// First slot.
    pub from: usize,
    /// First slot beyond.
    pub to: usize,
}

/// When a crew works, by its own clock.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkingHours {
    /// First minute of the day.
    pub start: Time,
    /// First minute beyond; not after `start` means on the next day.
    pub end: Time,
    /// Days on which a shift begins, Monday is 1 and Sunday 7.
    pub weekdays: Vec<i8>,
    /// Whose clock.
    pub zone: TimeZone,
}

/// The shifts within `slots` hours after `from`. One that has begun before counts for the rest of it.
pub fn shifts(hours: &WorkingHours, from: Timestamp, slots: usize) -> Vec<Shift> {
    let hour = SignedDuration::from_hours(1).as_micros();
    let begin = crate::domain::micros(from);
    let slot = |time: Timestamp, up: bool| {
        let gap = i128::from(crate::domain::micros(time)) - i128::from(begin);
        let whole = gap.div_euclid(hour) + i128::from(up && gap.rem_euclid(hour) != 0);
        usize::try_from(whole.max(0)).unwrap_or(0).min(slots)
    };
    let mut found: Vec<Shift> = Vec::new();
    let Ok(mut date) = from.to_zoned(hours.zone.clone()).date().yesterday() else { return found };
    let days = slots / 24 + 4;
    for _ in 0..days {
        let Ok(next) = date.tomorrow() else { break };
        if hours.weekdays.contains(&date.weekday().to_monday_one_offset()) {
            let last = if hours.end > hours.start { date } else { next };
            let opens = date.to_datetime(hours.start).to_zoned(hours.zone.clone());
            let closes = last.to_datetime(hours.end).to_zoned(hours.zone.clone());
            if let (Ok(opens), Ok(closes)) = (opens, closes) {
                let (first, beyond) = (slot(opens.timestamp(), true), slot(closes.timestamp(), false));
                let first = found.last().map_or(first, |before| first.max(before.to));
                if beyond > first {
                    found.push(Shift { from: first, to: beyond });
                }
            }
        }
        date = next;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::Shift;
    use super::WorkingHours;
    use super::shifts;
    use crate::domain::parse_time;
    use crate::domain::time_zone;
    use jiff::civil::Time;

    fn hours(zone: &str) -> WorkingHours {
        let zone = time_zone(zone).unwrap();
        WorkingHours { start: Time::constant(7, 0, 0, 0), end: Time::constant(17, 0, 0, 0), weekdays: vec![1, 2, 3, 4, 5, 6], zone }
    }

    #[test]
    fn morocco_works_on_its_own_clock_before_and_after_september_2026() {
        // Friday 18 September 2026, still at UTC+01; Monday 21 September is at UTC+00. Sunday is free.
        let found = shifts(&hours("Africa/Casablanca"), parse_time("2026-09-18T00:00:00Z").unwrap(), 24 * 4);
        assert_eq!(found, [Shift { from: 6, to: 16 }, Shift { from: 30, to: 40 }, Shift { from: 79, to: 89 }]);
        let utc = shifts(&hours("UTC"), parse_time("2026-11-23T09:00:00Z").unwrap(), 24);
        assert_eq!(utc, [Shift { from: 0, to: 8 }, Shift { from: 22, to: 24 }], "what is left of a day counts, and what fits");
    }

    #[test]
    fn nights_half_hours_and_changing_clocks() {
        let night = WorkingHours { start: Time::constant(22, 0, 0, 0), end: Time::constant(6, 0, 0, 0), ..hours("UTC") };
        let found = shifts(&night, parse_time("2026-11-23T00:00:00Z").unwrap(), 48);
        assert_eq!(found, [Shift { from: 22, to: 30 }, Shift { from: 46, to: 48 }], "none begins on a Sunday");
        let half = WorkingHours { start: Time::constant(7, 30, 0, 0), end: Time::constant(16, 30, 0, 0), ..hours("UTC") };
        assert_eq!(shifts(&half, parse_time("2026-11-23T00:00:00Z").unwrap(), 24), [Shift { from: 8, to: 16 }]);
        // The clocks of Paris go back on 25 October 2026, a Sunday: a shift over that night is an hour longer.
        let paris = WorkingHours { weekdays: vec![6], ..hours("Europe/Paris") };
        let over = WorkingHours { start: Time::constant(22, 0, 0, 0), end: Time::constant(6, 0, 0, 0), ..paris };
        let found = shifts(&over, parse_time("2026-10-24T00:00:00Z").unwrap(), 72);
        assert_eq!(found, [Shift { from: 20, to: 29 }]);
    }
}
