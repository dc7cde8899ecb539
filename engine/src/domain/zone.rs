//! Time zones by IANA name, from the tz database built into the binary: the host's may be years old.
//!
//! In: a name. Out: a zone, or the remedy. Morocco shows why: hosts before 2026c still put it at UTC+01 all year.

use super::DomainError;
use jiff::tz::TimeZone;
use jiff::tz::TimeZoneDatabase;
use std::sync::LazyLock;

static BUNDLED: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// The zone of that name.
///
/// # Errors
/// [`DomainError::Choice`] when the database has no such zone.
pub fn time_zone(name: &str) -> Result<TimeZone, DomainError> {
    BUNDLED.get(name).map_err(|_| DomainError::Choice {
        field: "time zone",
        text: name.into(),
        known: "the IANA names, for example Africa/Casablanca or UTC",
    })
}

#[cfg(test)]
mod tests {
    use super::time_zone;

    #[test]
    fn morocco_is_at_utc_since_september_2026() {
        let offset = |time: &str| time_zone("Africa/Casablanca").unwrap().to_offset(time.parse().unwrap()).seconds();
        assert_eq!(offset("2026-06-21T12:00:00Z"), 3600);
        assert_eq!(offset("2026-11-22T12:00:00Z"), 0);
        // Ramadan 1447 ran from 19 February to 20 March 2026: the clocks were at UTC+0 around it, at UTC+1 on both sides.
        let times = ["2026-02-14T12:00:00Z", "2026-02-16T12:00:00Z", "2026-03-21T12:00:00Z", "2026-03-23T12:00:00Z"];
        assert_eq!(times.map(offset), [3600, 0, 0, 3600]);
        assert_eq!((offset("2026-09-19T12:00:00Z"), offset("2026-09-21T12:00:00Z")), (3600, 0));
        assert!(time_zone("Africa/Casa").unwrap_err().to_string().contains("Africa/Casablanca"));
    }
}
