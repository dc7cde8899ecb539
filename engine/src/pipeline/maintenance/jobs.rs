//! What an alert asks of the planner: the one place where an alert becomes a job.
//!
//! In: an alert, its asset, what the asset is expected to produce. Out: a [`Job`].

use super::expectation::Series;
use crate::alert::Alert;
use crate::domain::Asset;
use crate::domain::AssetKind;
use crate::domain::Timestamp;
use crate::planning::Expected;
use crate::planning::Job;
use crate::planning::failure_curve;
use crate::planning::usual_work;

/// The job of an alert. Hours and people are the usual ones of the mode; the loss while waiting is what the incident lost so far as a
/// part of what the machine would have produced, and nothing once the incident is over.
pub(super) fn job(alert: &Alert, asset: &Asset, expected: &Expected, past: &Series, now: Timestamp) -> Job {
    let slots = expected.mean.len();
    let work = usual_work(&alert.component, &alert.mode, asset.kind == AssetKind::WindTurbine);
    let mean = expected.mean.iter().sum::<f64>() / slots.max(1) as f64;
    Job {
        alert_id: alert.id.clone(),
        asset_id: asset.id.clone(),
        plant: asset.parent_id.as_ref().unwrap_or(&asset.id).as_str().to_owned(),
        hours: work.hours,
        people: work.people,
        stops: work.stops,
        climbs: work.climbs,
        loss_share: if alert.incident_open { loss_share(alert, past, now) } else { 0.0 },
        failure: failure_curve(alert.severity, slots),
        failure_kwh: work.days_down * 24.0 * mean,
    }
}

fn loss_share(alert: &Alert, past: &Series, now: Timestamp) -> f64 {
    let hours = now.duration_since(alert.started_at).as_secs_f64() / 3600.0;
    if !(alert.energy_lost_kwh > 0.0 && hours > 0.0) {
        return 0.0;
    }
    let (lost, produced) = (alert.energy_lost_kwh / hours, past.mean(alert.started_at, now));
    if lost + produced > 0.0 { lost / (lost + produced) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::State;
    use crate::alert::advice;
    use crate::alert::title;
    use crate::detect::Severity;
    use crate::domain::AssetId;
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

    #[test]
    fn the_loss_so_far_becomes_a_part_of_what_could_have_been_produced() {
        let asset = Asset::new(AssetId::parse("tarfaya/T01").unwrap(), AssetKind::WindTurbine);
        let flat = vec![1000.0; 48];
        let expected = Expected { mean: flat.clone(), high: flat, wind: vec![], usual: vec![], outage: vec![] };
        // 2400 kWh lost in a day is 100 kW, beside 300 kW that were produced.
        let begin = micros(time("2026-11-22T00:00:00Z"));
        let past = Series::new((0..24).map(|hour| (begin + hour * 3_600_000_000, 300.0)).collect());
        let now = time("2026-11-23T00:00:00Z");
        let job = |alert: &Alert| super::job(alert, &asset, &expected, &past, now);
        let found = job(&alert());
        assert!((found.loss_share - 0.25).abs() < 1e-12, "{}", found.loss_share);
        assert_eq!((found.hours, found.people, found.plant.as_str()), (8, 2, "tarfaya/T01"));
        assert!((found.failure_kwh - 6.0 * 24.0 * 1000.0).abs() < 1e-6 && found.failure.len() == 49);
        let over = Alert { incident_open: false, ..alert() };
        assert_eq!(job(&over).loss_share, 0.0);
        assert_eq!(job(&Alert { energy_lost_kwh: 0.0, ..alert() }).loss_share, 0.0);
    }
}
