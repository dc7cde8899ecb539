//! How much power people use: the shape of a day in Casablanca, by clock, calendar, sunset and temperature.
//!
//! In: a civil moment, sunset, felt temperature. Out: a factor, 0.6 to 1.3. Ordinary evenings peak an hour after dark; in Ramadan the
//! day is quiet, demand dips at the breaking of the fast, peaks two hours later and stays high until the last meal before dawn.

use super::calendar::Civil;
use super::calendar::DayKind;

/// Who takes the power: weights of the parts of a day, and how the calendar and heat move them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Consumers {
    base: f64,
    work: f64,
    evening: f64,
    /// Share of work that goes on when others rest.
    rest: f64,
    cooling: f64,
    heating: f64,
}

impl Consumers {
    /// The whole city.
    pub(super) const CITY: Self = Self { base: 0.66, work: 0.30, evening: 0.30, rest: 0.55, cooling: 0.014, heating: 0.005 };
    /// Homes, works, shops and offices: the feeders in turn.
    pub(super) const FEEDERS: [Self; 3] = [
        Self { base: 0.52, work: 0.12, evening: 0.62, rest: 0.95, cooling: 0.015, heating: 0.010 },
        Self { base: 0.62, work: 0.58, evening: 0.05, rest: 0.35, cooling: 0.006, heating: 0.001 },
        Self { base: 0.45, work: 0.55, evening: 0.30, rest: 0.60, cooling: 0.022, heating: 0.004 },
    ];

    /// Demand; 1 is a busy hour in mild weather. `sunset` in hours of the local clock, `felt` in °C.
    pub(super) fn demand(&self, civil: &Civil, sunset: f64, felt: f64) -> f64 {
        let hour = civil.hour;
        let (work_share, evening_share) = match civil.kind {
            DayKind::Working => (1.0, 1.0),
            DayKind::Friday => (0.95 - 0.25 * hump(hour, 13.5, 0.9), 1.0),
            DayKind::Saturday => (0.45 + 0.55 * self.rest, 1.0),
            DayKind::Sunday => (self.rest, 0.97),
            DayKind::Holiday => (self.rest, 0.95),
            DayKind::Feast => (0.6 * self.rest, 0.88),
        };
        let shape = if civil.ramadan {
            self.base * (1.0 - 0.05 * hump(hour, 8.0, 3.0))
                + self.work * work_share * 0.8 * (hump(hour, 12.5, 2.8) + 0.6 * hump(hour, 16.0, 1.5)).min(1.0)
                + self.evening
                    * evening_share
                    * (1.05 * hump(hour, sunset + 2.2, 1.5) + 0.55 * hump(hour, 0.6, 2.2) + 0.35 * hump(hour, 3.6, 0.9)
                        - 0.45 * hump(hour, sunset + 0.15, 0.45))
        } else {
            let dark = (sunset + 1.2).clamp(19.0, 21.5);
            self.base * (1.0 - 0.10 * hump(hour, 4.5, 2.4))
                + self.work * work_share * (hump(hour, 11.0, 2.4) + 0.85 * hump(hour, 15.8, 2.3)).min(1.1)
                + self.evening * evening_share * (hump(hour, dark, 1.7) + 0.35 * hump(hour, 23.0, 1.6))
        };
        shape * (1.0 + self.cooling * soft_excess(felt - 23.0) + self.heating * soft_excess(15.0 - felt))
    }
}

/// A bell around an hour of the day.
fn hump(hour: f64, centre: f64, width: f64) -> f64 {
    let off = (hour - centre + 36.0).rem_euclid(24.0) - 12.0;
    (-0.5 * (off / width).powi(2)).exp()
}

/// `max(x, 0)` with a round corner about two kelvin wide.
fn soft_excess(x: f64) -> f64 {
    0.5 * (x + (x * x + 4.0).sqrt())
}

#[cfg(test)]
mod tests {
    use super::super::calendar::{Civil, DayKind};
    use super::Consumers;
    use jiff::civil::Date;

    fn at(hour: f64, kind: DayKind, ramadan: bool) -> f64 {
        let civil = Civil { date: Date::new(2026, 3, 3).unwrap(), hour, offset: 0.0, kind, ramadan };
        Consumers::CITY.demand(&civil, 18.4, 18.0)
    }

    #[test]
    fn ramadan_moves_demand_from_day_to_night() {
        let working = |hour, ramadan| at(hour, DayKind::Working, ramadan);
        let peak = |ramadan: bool| {
            let hours = (64..96).map(|q| f64::from(q) / 4.0);
            hours.max_by(|a, b| working(*a, ramadan).total_cmp(&working(*b, ramadan))).unwrap()
        };
        assert!(peak(true) > peak(false) + 0.5, "{} {}", peak(true), peak(false));
        assert!(working(2.0, true) > 1.08 * working(2.0, false));
        assert!(working(11.0, true) < 0.97 * working(11.0, false));
        assert!(working(18.5, true) < working(20.5, true) - 0.1, "the dip at the breaking of the fast");
        assert!(at(11.0, DayKind::Sunday, false) < 0.9 * working(11.0, false));
        assert!(at(11.0, DayKind::Feast, false) < at(11.0, DayKind::Sunday, false));
    }
}
