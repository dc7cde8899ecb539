//! What an alert asks of the planner: the one place where an alert becomes a job, or is left to others.
//!
//! In: alerts, the playbook, an asset and what it is expected to produce. Out: the alerts to plan, and a [`Job`] for each.

use super::MOST_ALERTS;
use super::expectation::Series;
use super::reasons;
use crate::alert::AHEAD;
use crate::alert::Alert;
use crate::alert::InThreeLanguages;
use crate::alert::Playbook;
use crate::alert::Work;
use crate::detect::Severity;
use crate::domain::Asset;
use crate::domain::AssetKind;
use crate::domain::Timestamp;
use crate::planning::Expected;
use crate::planning::Job;
use crate::planning::failure_curve;
use crate::planning::failure_curve_of;
use jiff::SignedDuration;

/// Production beside a loss is that of this time.
const LATELY: SignedDuration = SignedDuration::from_hours(24);

/// The alerts to plan, most urgent first (severity, then priority, then age), and those that no plan is made for, with the reason. What
/// only informs and needs nobody is in neither.
pub(super) fn sorted_out(mut alerts: Vec<Alert>, playbook: &Playbook) -> (Vec<Alert>, Vec<(Alert, InThreeLanguages)>) {
    let urgency = |a: &Alert, b: &Alert| b.severity.cmp(&a.severity).then(b.priority.total_cmp(&a.priority));
    alerts.sort_by(|a, b| urgency(a, b).then(a.opened_at.cmp(&b.opened_at)).then(a.id.cmp(&b.id)));
    let (mut planned, mut others) = (Vec::new(), Vec::new());
    for alert in alerts {
        if playbook.work(&alert.component, &alert.mode).visit {
            if planned.len() < MOST_ALERTS {
                planned.push(alert);
            } else {
                others.push((alert, reasons::less_urgent(MOST_ALERTS)));
            }
        } else if alert.severity != Severity::Info {
            others.push((alert, reasons::no_visit()));
        }
    }
    (planned, others)
}

/// The job of an alert for a plan from `from` on. Hours, people and what becomes of the machine are those of the playbook; the loss while
/// waiting is its present rate as a part of what the machine could produce, and nothing once the incident is over; failing follows the
/// trend to a limit where there is one, else the severity.
pub(super) fn job(
    alert: &Alert,
    asset: &Asset,
    work: &Work,
    expected: &Expected,
    past: &Series,
    (from, now): (Timestamp, Timestamp),
) -> Job {
    let slots = expected.mean.len();
    let mean = expected.mean.iter().sum::<f64>() / slots.max(1) as f64;
    let trend = alert.outlook.as_ref().filter(|_| alert.incident_open);
    Job {
        alert_id: alert.id.clone(),
        asset_id: asset.id.clone(),
        plant: asset.parent_id.as_ref().unwrap_or(&asset.id).as_str().to_owned(),
        hours: work.hours.ceil().max(1.0) as usize,
        people: work.people,
        stops: work.stops,
        climbs: work.climbs && asset.kind == AssetKind::WindTurbine,
        loss_share: if alert.incident_open { loss_share(alert, past, mean, now) } else { 0.0 },
        failure: trend.map_or_else(|| failure_curve(alert.severity, slots), |trend| failure_curve_of(trend, from, slots)),
        failure_kwh: work.days_down * 24.0 * mean,
    }
}

/// Beside what it produced lately, or, where nobody knows that, as a part of what is expected (`mean`, kW).
fn loss_share(alert: &Alert, past: &Series, mean: f64, now: Timestamp) -> f64 {
    let lasted = now.duration_since(alert.started_at).as_secs_f64() / 3600.0;
    let lost = match alert.energy_expected_kwh {
        Some(ahead) => ahead / AHEAD.as_hours() as f64,
        None if lasted > 0.0 => alert.energy_lost_kwh / lasted,
        None => 0.0,
    };
    if !(lost > 0.0 && lost.is_finite()) {
        return 0.0;
    }
    let since = now.saturating_sub(LATELY).unwrap_or(alert.started_at).max(alert.started_at).min(now);
    let whole = past.mean(since, now).map_or(mean, |produced| lost + produced);
    if whole > 0.0 { (lost / whole).min(1.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::State;
    use crate::alert::advice;
    use crate::alert::title;
    use crate::detect::Outlook;
    use crate::domain::AssetId;
    use crate::domain::Quantity;
    use crate::domain::micros;
    use crate::domain::parse_time;

    fn time(text: &str) -> Timestamp {
        parse_time(text).unwrap()
    }

    fn alert() -> Alert {
        Alert {
            id: "a".into(),
            asset_id: AssetId::parse("tarfaya/T01").unwrap(),
            asset_name: "T01".into(),
            component: "gearbox".into(),
            mode: "bearing_overheat".into(),
            severity: Severity::Critical,
            state: State::Open,
            shelved_until: None,
            started_at: time("2026-11-22T00:00:00Z"),
            opened_at: time("2026-11-22T06:00:00Z"),
            updated_at: time("2026-11-22T06:00:00Z"),
            closed_at: None,
            score: 2.0,
            energy_lost_kwh: 2400.0,
            top_contributors: vec![],
            occurrences: 1,
            assignee: None,
            title: title("gearbox", "bearing_overheat"),
            advice: advice("gearbox", "bearing_overheat"),
            incident_open: true,
            asset_kind: Some(AssetKind::WindTurbine),
            evidence: vec![],
            outlook: None,
            energy_expected_kwh: None,
            urgency: 0.5,
            priority: 0.5,
            parent_alert_id: None,
            children: 0,
        }
    }

    fn turbine() -> Asset {
        Asset::new(AssetId::parse("tarfaya/T01").unwrap(), AssetKind::WindTurbine)
    }

    fn flat() -> Expected {
        let flat = vec![1000.0; 48];
        Expected { mean: flat.clone(), high: flat, wind: vec![], usual: vec![], outage: vec![] }
    }

    fn job(alert: &Alert, asset: &Asset, playbook: &Playbook, past: &Series) -> Job {
        let now = time("2026-11-23T00:00:00Z");
        super::job(alert, asset, playbook.work(&alert.component, &alert.mode), &flat(), past, (now, now))
    }

    #[test]
    fn the_present_loss_becomes_a_part_of_what_could_be_produced() {
        // 16 800 kWh within seven days are 100 kW, beside 300 kW that are produced.
        let begin = micros(time("2026-11-22T00:00:00Z"));
        let past = Series::new((0..24).map(|hour| (begin + hour * 3_600_000_000, 300.0)).collect());
        let of = |alert: &Alert, past: &Series| job(alert, &turbine(), &Playbook::default(), past).loss_share;
        let losing = Alert { energy_expected_kwh: Some(16_800.0), ..alert() };
        assert!((of(&losing, &past) - 0.25).abs() < 1e-12, "{}", of(&losing, &past));
        assert!((of(&losing, &Series::default()) - 0.1).abs() < 1e-12, "of the 1000 kW expected");
        // An alert of a time when the rate was not kept: 2400 kWh in a day.
        assert!((of(&alert(), &past) - 0.25).abs() < 1e-12);
        assert_eq!(of(&Alert { incident_open: false, ..losing.clone() }, &past), 0.0);
        assert_eq!(of(&Alert { energy_expected_kwh: Some(0.0), ..alert() }, &past), 0.0, "nothing is lost any more");
        let begins_later = Alert { energy_lost_kwh: 0.0, started_at: time("2026-11-24T00:00:00Z"), ..alert() };
        assert_eq!(of(&begins_later, &past), 0.0);
    }

    #[test]
    fn hours_people_and_climbing_are_those_of_the_playbook() {
        let past = Series::default();
        let usual = job(&alert(), &turbine(), &Playbook::default(), &past);
        assert_eq!((usual.hours, usual.people, usual.climbs, usual.stops), (6, 2, true, true));
        assert!((usual.failure_kwh - 6.0 * 24.0 * 1000.0).abs() < 1e-6 && usual.failure.len() == 49);
        let site = "[[work]]\nmode = \"bearing_overheat\"\nhours = 9.5\npeople = 4\ndays_down = 2\nstops = false\n";
        let site = Playbook::edited(site, "site.toml").unwrap();
        let edited = job(&alert(), &turbine(), &site, &past);
        assert_eq!((edited.hours, edited.people, edited.climbs, edited.stops), (10, 4, true, false));
        assert!((edited.failure_kwh - 2.0 * 24.0 * 1000.0).abs() < 1e-6);
        let inverter = Asset::new(AssetId::parse("tarfaya/I1").unwrap(), AssetKind::PvInverter);
        assert!(!job(&alert(), &inverter, &site, &past).climbs, "nobody climbs an inverter");
    }

    #[test]
    fn a_trend_to_a_limit_says_more_than_a_severity() {
        let outlook = Outlook {
            quantity: Quantity::GEARBOX_BEARING_TEMP,
            limit: 95.0,
            level: 90.0,
            earliest: time("2026-11-23T12:00:00Z"),
            median: Some(time("2026-11-24T00:00:00Z")),
            latest: None,
        };
        let of = |alert: &Alert| job(alert, &turbine(), &Playbook::default(), &Series::default()).failure;
        let trending = Alert { outlook: Some(outlook), ..alert() };
        assert!((of(&trending)[24] - 0.5).abs() < 1e-12 && of(&alert())[24] < 0.05);
        assert_eq!(of(&Alert { incident_open: false, ..trending }), of(&alert()), "it is over");
    }

    #[test]
    fn thousands_of_alerts_are_all_accounted_for_the_most_urgent_planned() {
        let of = |n: usize| {
            let (severity, mode) = match n % 10 {
                0 => (Severity::Critical, "bearing_overheat"),
                1 => (Severity::Info, "curtailment"),
                2 => (Severity::Critical, "frequency_excursion"),
                _ => (Severity::Warning, "bearing_overheat"),
            };
            Alert { id: format!("{n:05}"), severity, mode: mode.into(), priority: (n % 7) as f64 / 7.0, ..alert() }
        };
        let (planned, others) = sorted_out((0..10_000).map(of).collect(), &Playbook::default());
        assert_eq!((planned.len(), others.len()), (MOST_ALERTS, 10_000 - 1000 - MOST_ALERTS));
        assert!(planned.iter().all(|alert| alert.severity == Severity::Critical && alert.mode == "bearing_overheat"));
        assert!(planned.windows(2).all(|pair| (pair[1].priority, &pair[0].id) <= (pair[0].priority, &pair[1].id)), "by priority");
        let told = |mode: &str| others.iter().filter(|(alert, _)| alert.mode == mode).map(|(_, why)| why).collect::<Vec<_>>();
        let (grid, later) = (told("frequency_excursion"), told("bearing_overheat"));
        assert_eq!((grid.len(), later.len()), (1000, 7700));
        assert!(grid[0].en.contains("Nobody has to go") && later[0].en.contains("300 more urgent"), "{later:?}");
        assert!(sorted_out(vec![], &Playbook::default()).0.is_empty());
    }
}
