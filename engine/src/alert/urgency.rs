//! How urgent an incident is: severity from energy lost and trend, and one number between 0 and 1 to sort by.
//!
//! In: an incident as its detector reports it, the rated power of its asset, its present rate of loss. Out: [`Stakes`]. Pure.
//! Deliberately not here: how often such alerts turned out true (`budget`), money (`api`).

use super::Severity;
use crate::detect::Incident;
use crate::domain::Timestamp;
use jiff::SignedDuration;

/// Hours of rated power lost above which an incident is critical.
const CRITICAL_HOURS: f64 = 4.0;
/// Hours of rated power expected to be lost within [`AHEAD`] above which it is critical: 7 % of what the asset could make.
const CRITICAL_HOURS_AHEAD: f64 = 12.0;
/// A limit reached as likely as not within these days makes it critical.
const CRITICAL_DAYS: f64 = 3.0;
/// How far ahead losses are counted.
pub const AHEAD: SignedDuration = SignedDuration::from_hours(24 * 7);
/// The rate of loss follows the last day or so.
const RATE_HOURS: f64 = 24.0;
/// No rate is taken over less than this.
const LEAST_HOURS: f64 = 6.0;
/// An outlook this far away weighs a third of one that is now, days.
const NEAR_DAYS: f64 = 14.0;

/// What is at stake in an incident.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stakes {
    /// At least that of the detector; raised by energy, trend and outlook. What informs stays information.
    pub severity: Severity,
    /// 0 to 1, for sorting.
    pub urgency: f64,
    /// Loss still to come within seven days at the present rate, kWh; `None` when it is over.
    pub energy_expected_kwh: Option<f64>,
}

/// Judges an incident as of `now`. `rated_kw` is that of its asset, `rate_kw` its present loss ([`loss_rate`]).
pub fn stakes(incident: &Incident, rated_kw: Option<f64>, rate_kw: f64, now: Timestamp) -> Stakes {
    let rated = rated_kw.filter(|kw| *kw > 0.0);
    let hours = |kwh: f64| rated.map_or(0.0, |kw| kwh / kw);
    let open = incident.closed_at.is_none();
    let expected = open.then(|| (rate_kw * AHEAD.as_secs_f64() / 3600.0).max(0.0));
    let days = incident.outlook.as_ref().filter(|_| open).and_then(|outlook| outlook.median).map(|limit| days(now, limit));
    let lost = hours(incident.energy_lost_kwh);
    let critical = lost > CRITICAL_HOURS
        || expected.is_some_and(|kwh| hours(kwh) > CRITICAL_HOURS_AHEAD)
        || days.is_some_and(|days| days <= CRITICAL_DAYS);
    let severity = match (incident.severity, critical) {
        (Severity::Info, _) => Severity::Info,
        (_, true) => Severity::Critical,
        (own, false) => own,
    };
    let base: f64 = match severity {
        Severity::Info => 0.1,
        Severity::Warning => 0.35,
        Severity::Critical => 0.6,
    };
    let by_energy = 0.5 * lost.max(0.0) / (lost.max(0.0) + CRITICAL_HOURS);
    let usual = incident.energy_lost_kwh / lasted(incident, now);
    let growth = if open && usual > 0.0 { (rate_kw / usual - 1.0).clamp(0.0, 1.0) } else { 0.0 };
    let by_trend = (0.2 * growth).max(days.map_or(0.0, |days| 0.4 * (-days.max(0.0) / NEAR_DAYS).exp()));
    let urgency = 1.0 - (1.0 - base) * (1.0 - by_energy) * (1.0 - by_trend);
    Stakes { severity, urgency, energy_expected_kwh: expected }
}

/// The present loss of an incident, kW: its mean at first, afterwards smoothed over the last day. `before` is energy (kWh), rate (kW)
/// and time of the report before.
pub fn loss_rate(incident: &Incident, before: Option<(f64, f64, Timestamp)>, now: Timestamp) -> f64 {
    let Some((energy, rate, at)) = before else {
        return (incident.energy_lost_kwh / lasted(incident, now)).max(0.0);
    };
    let hours = now.duration_since(at).as_secs_f64() / 3600.0;
    if hours <= 0.0 {
        return rate;
    }
    let lately = ((incident.energy_lost_kwh - energy) / hours).max(0.0);
    rate + (1.0 - (-hours / RATE_HOURS).exp()) * (lately - rate)
}

/// Hours it has lasted.
fn lasted(incident: &Incident, now: Timestamp) -> f64 {
    let end = incident.closed_at.unwrap_or(now).max(incident.opened_at);
    (end.duration_since(incident.started_at).as_secs_f64() / 3600.0).max(LEAST_HOURS)
}

fn days(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64() / 86_400.0
}

#[cfg(test)]
mod tests {
    use super::{loss_rate, stakes};
    use crate::alert::Severity;
    use crate::detect::{Incident, Outlook};
    use crate::domain::{AssetId, Quantity, Timestamp};
    use jiff::SignedDuration;

    fn at(hours: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours)
    }

    fn incident(energy: f64) -> Incident {
        let new = Incident::new(AssetId::parse("T01").unwrap(), "gearbox", "bearing_overheat", at(0), at(10));
        Incident { energy_lost_kwh: energy, ..new }
    }

    #[test]
    fn energy_trend_and_outlook_make_it_urgent_and_only_then() {
        let calm = stakes(&incident(0.0), Some(2000.0), 0.0, at(20));
        assert_eq!((calm.severity, calm.energy_expected_kwh), (Severity::Warning, Some(0.0)));
        let lost = stakes(&incident(9000.0), Some(2000.0), 0.0, at(20));
        assert_eq!(lost.severity, Severity::Critical, "more than four hours of rated power");
        let losing = stakes(&incident(100.0), Some(2000.0), 200.0, at(20));
        assert_eq!((losing.severity, losing.energy_expected_kwh), (Severity::Critical, Some(200.0 * 168.0)));
        let mut hot = incident(0.0);
        let outlook = |days: i64| Outlook {
            quantity: Quantity::GEARBOX_BEARING_TEMP,
            limit: 95.0,
            level: 80.0,
            earliest: at(24),
            median: Some(at(20 + 24 * days)),
            latest: None,
        };
        hot.outlook = Some(outlook(30));
        let far = stakes(&hot, Some(2000.0), 0.0, at(20));
        hot.outlook = Some(outlook(2));
        let near = stakes(&hot, Some(2000.0), 0.0, at(20));
        assert_eq!((far.severity, near.severity), (Severity::Warning, Severity::Critical));
        assert!(calm.urgency < far.urgency && far.urgency < near.urgency && near.urgency <= 1.0);
        hot.closed_at = Some(at(19));
        let over = stakes(&hot, Some(2000.0), 500.0, at(20));
        assert_eq!((over.severity, over.energy_expected_kwh), (Severity::Warning, None), "what is over leads nowhere");
        let mut told = incident(9000.0);
        told.severity = Severity::Info;
        assert_eq!(stakes(&told, Some(2000.0), 200.0, at(20)).severity, Severity::Info);
        assert_eq!(stakes(&incident(1e9), None, 1e6, at(20)).severity, Severity::Warning, "nothing is known of the rated power");
    }

    #[test]
    fn the_rate_of_loss_follows_the_last_day() {
        let first = loss_rate(&incident(100.0), None, at(10));
        assert_eq!(first, 10.0);
        assert_eq!(loss_rate(&incident(12.0), None, at(1)), 1.2, "ten hours passed until it opened");
        let same = loss_rate(&incident(110.0), Some((100.0, 10.0, at(10))), at(11));
        assert!((same - 10.0).abs() < 1e-9);
        let mut rate = 10.0;
        for hour in 0..72 {
            let before = 100.0 + 50.0 * f64::from(hour);
            let now = at(11 + i64::from(hour));
            rate = loss_rate(&incident(before + 50.0), Some((before, rate, now - SignedDuration::from_hours(1))), now);
        }
        assert!((45.0..50.0).contains(&rate), "{rate}");
        assert_eq!(loss_rate(&incident(5.0), Some((9.0, 0.0, at(10))), at(12)), 0.0, "a figure that was corrected is no gain");
    }
}
