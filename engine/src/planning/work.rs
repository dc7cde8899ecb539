//! What kinds of work take: hours, people, whether the machine stands and whether somebody climbs, and how long it is down when the
//! part fails before anybody came. One table, by component and mode.
//!
//! All of them are planning values of ours, for a crew that knows the machine and has the parts; the days are of the order that surveys
//! report (Faulstich, Hahn, Tavner 2011, "Wind turbine downtime and its importance for offshore deployment": about a week for
//! gearbox and generator, one to three days for most else). A site knows better.

/// What a piece of work takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Work {
    /// Hours at the machine, access among them.
    pub hours: usize,
    /// People.
    pub people: u32,
    /// The machine stands meanwhile.
    pub stops: bool,
    /// Somebody climbs.
    pub climbs: bool,
    /// Days the machine is down when the part fails.
    pub days_down: f64,
}

const fn work(hours: usize, people: u32, stops: bool, climbs: bool, days_down: f64) -> Work {
    Work { hours, people, stops, climbs, days_down }
}

/// A mode and what it takes.
const BY_MODE: &[(&str, Work)] = &[
    ("icing", work(2, 2, true, false, 0.5)),
    ("pitch_offset", work(4, 2, true, true, 3.0)),
    ("yaw_misalignment", work(3, 2, true, true, 2.5)),
    ("wind_speed_drift", work(2, 2, true, true, 0.0)),
    ("power_derate", work(4, 2, true, true, 1.5)),
    ("frozen_value", work(2, 2, true, true, 0.0)),
    ("soiling", work(8, 2, false, false, 0.0)),
    ("tracker_stuck", work(3, 2, false, false, 1.0)),
    ("downtime", work(3, 2, true, true, 0.0)),
    ("comms_loss", work(2, 1, false, false, 0.0)),
    ("clock_error", work(1, 1, false, false, 0.0)),
    ("inverter_trip", work(2, 2, true, false, 1.0)),
    ("string_outage", work(2, 2, false, false, 0.0)),
];

/// A part and what it takes, where the mode says nothing.
const BY_COMPONENT: &[(&str, Work)] = &[
    ("gearbox", work(8, 2, true, true, 6.0)),
    ("generator", work(6, 2, true, true, 7.0)),
    ("main_bearing", work(8, 2, true, true, 6.0)),
    ("converter", work(4, 2, true, true, 1.5)),
    ("hydraulics", work(4, 2, true, true, 1.0)),
    ("yaw", work(4, 2, true, true, 2.5)),
    ("pitch", work(4, 2, true, true, 3.0)),
    ("rotor", work(6, 2, true, true, 3.0)),
    ("transformer", work(6, 2, true, false, 5.0)),
    ("inverter", work(3, 2, true, false, 1.0)),
    ("tracker", work(3, 2, false, false, 1.0)),
    ("pyranometer", work(1, 1, false, false, 0.0)),
];

/// What anything else takes.
const OTHER: Work = work(3, 2, true, false, 1.0);

/// What work on that part with that fault takes, unless the site knows better. On a wind turbine what has no line of its own needs a
/// climb.
pub fn usual_work(component: &str, mode: &str, is_turbine: bool) -> Work {
    let line = |table: &[(&str, Work)], word: &str| table.iter().find(|(of, _)| *of == word).map(|(_, work)| *work);
    let found = line(BY_MODE, mode).or_else(|| line(BY_COMPONENT, component)).unwrap_or(Work { climbs: is_turbine, ..OTHER });
    Work { climbs: found.climbs && is_turbine, ..found }
}

#[cfg(test)]
mod tests {
    use super::usual_work;

    #[test]
    fn the_mode_speaks_first_then_the_part() {
        assert_eq!(usual_work("gearbox", "bearing_overheat", true).days_down, 6.0);
        assert_eq!(usual_work("gearbox", "frozen_value", true).hours, 2);
        assert!(!usual_work("inverter", "frozen_value", false).climbs, "nobody climbs an inverter");
        assert!(usual_work("nacelle", "howling", true).climbs && !usual_work("cabinet", "howling", false).climbs);
    }
}
