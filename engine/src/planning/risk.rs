//! How likely a machine fails while it waits for a crew.
//!
//! In: the outlook of an incident (when a worsening signal reaches its limit, as a band), or only its severity. Out: the probability
//! of having failed before each slot. Reaching the limit counts as failing: there the machine is stopped or breaks.

use crate::detect::Outlook;
use crate::detect::Severity;
use crate::domain::Timestamp;

/// Days until half of the machines with an alert of that severity have failed, where no trend says more: a critical alert means act
/// today, a warning plan a look. An assumption of ours, to put urgency into kWh; a trend to a limit takes its place.
pub const DAYS_TO_FAILURE: [(Severity, f64); 2] = [(Severity::Critical, 30.0), (Severity::Warning, 365.0)];

/// The band of an outlook holds in nine of ten cases at either end: it runs from this probability to one minus it.
const EDGE: f64 = 0.1;

/// An outlook that does not say when has its median beyond these days.
const BEYOND_DAYS: f64 = 90.0;

/// Probability of having failed before each of `slots` hours after `from` (one entry more than slots), by severity alone: a constant
/// hazard.
pub fn failure_curve(severity: Severity, slots: usize) -> Vec<f64> {
    let days = DAYS_TO_FAILURE.iter().find(|(of, _)| *of == severity).map_or(f64::INFINITY, |(_, days)| *days);
    (0..=slots).map(|slot| 1.0 - 0.5_f64.powf(slot as f64 / 24.0 / days)).collect()
}

/// The same by an outlook: straight lines from 0 now through the edges of its band and its median, given that it has not failed by
/// `from`.
pub fn failure_curve_of(outlook: &Outlook, from: Timestamp, slots: usize) -> Vec<f64> {
    let hours = |time: Timestamp| (time.duration_since(from).as_secs_f64() / 3600.0).max(0.0);
    let earliest = hours(outlook.earliest);
    let median = outlook.median.map_or(BEYOND_DAYS * 24.0, hours).max(earliest);
    let latest = outlook.latest.map_or((BEYOND_DAYS * 24.0).max(2.0 * median), hours).max(median);
    let corners = [(0.0, 0.0), (earliest, EDGE), (median, 0.5), (latest, 1.0 - EDGE)];
    let at = |hour: f64| {
        let after = corners.iter().position(|corner| corner.0 > hour);
        match after {
            Some(next) if next > 0 => {
                let ((x0, y0), (x1, y1)) = (corners[next - 1], corners[next]);
                y0 + (y1 - y0) * (hour - x0) / (x1 - x0)
            }
            Some(_) => 0.0,
            // Past the band: the last edge, and slowly on.
            None => 1.0 - EDGE * 0.5_f64.powf((hour - latest) / (latest - median).max(24.0)),
        }
    };
    let now = at(0.0);
    (0..=slots).map(|slot| ((at(slot as f64) - now) / (1.0 - now)).clamp(0.0, 1.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::Outlook;
    use super::Severity;
    use super::failure_curve;
    use super::failure_curve_of;
    use crate::domain::Quantity;
    use crate::domain::parse_time;

    #[test]
    fn severity_is_a_constant_hazard() {
        let critical = failure_curve(Severity::Critical, 24 * 30);
        assert!((critical[0], (critical[720] - 0.5).abs() < 1e-12) == (0.0, true), "{}", critical[720]);
        assert!(critical.windows(2).all(|pair| pair[1] > pair[0]));
        assert!(failure_curve(Severity::Warning, 24)[24] < critical[24]);
        assert!(failure_curve(Severity::Info, 24).iter().all(|p| *p == 0.0));
    }

    #[test]
    fn a_trend_goes_through_its_band() {
        let outlook = |median: Option<&str>, latest: Option<&str>| Outlook {
            quantity: Quantity::ACTIVE_POWER,
            limit: 90.0,
            level: 80.0,
            earliest: parse_time("2026-11-24T00:00:00Z").unwrap(),
            median: median.map(|time| parse_time(time).unwrap()),
            latest: latest.map(|time| parse_time(time).unwrap()),
        };
        let from = parse_time("2026-11-23T00:00:00Z").unwrap();
        let curve = failure_curve_of(&outlook(Some("2026-11-26T00:00:00Z"), Some("2026-11-28T00:00:00Z")), from, 168);
        assert!(curve[0] == 0.0 && (curve[24] - 0.1).abs() < 1e-12 && (curve[72] - 0.5).abs() < 1e-12, "{curve:?}");
        assert!((curve[12] - 0.05).abs() < 1e-12 && (curve[120] - 0.9).abs() < 1e-12 && curve[168] > 0.9);
        assert!(curve.windows(2).all(|pair| pair[1] >= pair[0]) && curve.iter().all(|p| (0.0..=1.0).contains(p)));
        let open = failure_curve_of(&outlook(None, None), from, 168);
        assert!((open[24] - 0.1).abs() < 1e-12 && open[168] < 0.15, "{}", open[168]);
        let past = failure_curve_of(&outlook(Some("2026-11-26T00:00:00Z"), None), parse_time("2026-12-20T00:00:00Z").unwrap(), 24);
        assert!(past[0] == 0.0 && past[24].is_finite());
    }
}
