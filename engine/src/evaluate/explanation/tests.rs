//! Explanations of served forecasts: they add up, they name what moved, they repeat.

use super::{Explanation, Group};
use crate::domain::{Quantile, Quantity, Timestamp, WeatherRow};
use crate::evaluate::{GateRequest, Served, gate};
use crate::features::{HolidayCalendar, Target, TargetKind, sample};
use jiff::SignedDuration;
use jiff::civil::date;

fn served(target: &Target, now: Timestamp) -> Served {
    let (horizon, every) = (SignedDuration::from_hours(48), SignedDuration::from_hours(12));
    gate(target, &GateRequest { now, horizon, quantiles: Quantile::deciles(), every }).unwrap()
}

fn of(explanation: &Explanation, k: usize, group: Group) -> f64 {
    explanation.steps[k].contributions[group as usize]
}

#[test]
fn contributions_add_up_to_the_served_median_and_repeat() {
    for target in [sample::load(120), sample::wind(120), sample::solar(120)] {
        let now = sample::at(110 * 24);
        let served_now = served(&target, now);
        for at in [now, sample::at(112 * 24 + 7)] {
            let (explanation, issued) = (served_now.explain(&target, at).unwrap(), served_now.issue(&target, at).unwrap().forecast);
            assert_eq!((&explanation.model, explanation.issue_time), (&issued.model, issued.issue_time));
            assert_eq!(explanation.steps.len(), issued.values.len());
            let mut most: f64 = 0.0;
            for ((step, row), time) in explanation.steps.iter().zip(&issued.values).zip(&issued.valid_times) {
                assert_eq!((step.value, step.valid_time), (row[4], *time));
                assert!((step.contributions.iter().sum::<f64>() - step.value).abs() < 1e-6, "{step:?}");
                most = most.max(step.correction.abs());
            }
            // What no input explains stays small beside what is forecast.
            let largest = issued.values.iter().map(|row| row[4]).fold(0.0, f64::max);
            assert!(most < 0.25 * largest, "{:?}: {most} of {largest}", target.kind);
            assert_eq!(explanation, served_now.explain(&target, at).unwrap());
            let kept = explanation.clone().on_record(&issued);
            assert_eq!(explanation, kept, "nothing was done to it after the models");
        }
        assert_eq!(served_now.explain(&target, now).unwrap(), served(&target, now).explain(&target, now).unwrap());
    }
}

#[test]
fn reasons_of_a_sum_are_those_of_its_parts() {
    let [load, wind] = [sample::load(120), sample::wind(120)].map(|target| {
        let now = sample::at(110 * 24);
        served(&target, now).explain(&target, now).unwrap()
    });
    let mut short = wind.clone();
    short.steps.truncate(24);
    let (id, quantity) = (load.asset_id.clone(), Quantity::NET_LOAD);
    let net = Explanation::of_sum(id.clone(), quantity.clone(), "sum", &[(1.0, load.clone()), (-1.0, short)]).unwrap();
    assert_eq!((net.steps.len(), net.quantity.clone(), net.issue_time), (24, quantity.clone(), load.issue_time));
    for (k, step) in net.steps.iter().enumerate() {
        assert_eq!(step.value, load.steps[k].value - wind.steps[k].value);
        assert_eq!(of(&net, k, Group::Weather), of(&load, k, Group::Weather) - of(&wind, k, Group::Weather));
        assert!((step.contributions.iter().sum::<f64>() - step.value).abs() < 1e-6, "{step:?}");
    }
    assert_eq!(Explanation::of_sum(id, quantity, "sum", &[]), None);
}

#[test]
fn a_forecast_that_moves_with_the_weather_says_weather() {
    let mut target = sample::wind(120);
    let now = sample::at(110 * 24);
    let model = served(&target, now);
    let before = model.explain(&target, now).unwrap();
    // A newer run that sees four metres a second more from the second day on.
    let mut newer: Vec<WeatherRow> = target.weather.rows.iter().filter(|row| row.init_time == now).cloned().collect();
    assert!(newer.len() >= 48);
    for row in &mut newer {
        row.values[0] += if row.valid_time >= sample::at(111 * 24) { 4.0 } else { 0.0 };
    }
    target.weather.rows.retain(|row| row.init_time != now);
    target.weather.rows.extend(newer);
    let after = model.explain(&target, now).unwrap();
    let (mut moved, mut by_weather) = (0.0, 0.0);
    for k in 30..46 {
        moved += after.steps[k].value - before.steps[k].value;
        by_weather += of(&after, k, Group::Weather) - of(&before, k, Group::Weather);
    }
    assert!(moved > 16.0 * 3.0, "the plant gives more: {moved}");
    assert!((by_weather / moved - 1.0).abs() < 0.3, "{by_weather} of {moved}");
    assert_eq!(after.summary()[0].group, Group::Weather, "{:?}", after.summary());
    let shares: f64 = after.summary().iter().map(|row| row.share).sum();
    assert!((shares - 1.0).abs() < 1e-9);
}

#[test]
fn a_holiday_is_told_as_calendar() {
    // A zone with American holidays whose clock is UTC all year.
    let zone = "America/Danmarkshavn";
    let holidays = HolidayCalendar::of_zone(zone);
    let day_of = |i: usize| date(2021, 1, 1).checked_add(jiff::Span::new().days((i / 24) as i64)).unwrap();
    let is_off = |i: usize| holidays.day(day_of(i), day_of(i).to_datetime(jiff::civil::Time::midnight())).holiday > 0.5;
    let mut target = sample::target(TargetKind::Load, 555, |i| {
        let daily = (std::f64::consts::TAU * (i % 24) as f64 / 24.0).sin();
        let rest = if is_off(i) || (i / 24 + 4) % 7 >= 5 { -15.0 } else { 0.0 };
        100.0 + 20.0 * daily + rest + sample::noise(i)
    });
    target.frame.asset.timezone = zone.to_owned();
    let feast = 549 * 24;
    assert!(is_off(feast) && !is_off(feast + 24) && day_of(feast) == date(2022, 7, 4));
    let now = sample::at(feast - 6);
    let explanation = served(&target, now).explain(&target, now).unwrap();
    for hour in [9, 12, 15] {
        let (feast, after) = (&explanation.steps[6 + hour], &explanation.steps[30 + hour]);
        let calendar = Group::Calendar as usize;
        // A plain week lies 30 / 7 below a working day.
        assert!((feast.contributions[calendar] + 15.0 - 30.0 / 7.0).abs() < 4.0, "{feast:?}");
        assert!((after.contributions[calendar] - 30.0 / 7.0).abs() < 4.0, "{after:?}");
        assert!(feast.contributions[calendar].abs() > 2.0 * feast.contributions[Group::Recent as usize].abs(), "{feast:?}");
    }
    assert_eq!(explanation.summary()[0].group, Group::Calendar, "{:?}", explanation.summary());
}

#[test]
fn what_was_done_after_the_models_is_a_correction() {
    let target = sample::load(100);
    let now = sample::at(90 * 24);
    let model = served(&target, now);
    let explanation = model.explain(&target, now).unwrap();
    let mut stored = model.issue(&target, now).unwrap().forecast;
    stored.values.iter_mut().flatten().for_each(|value| *value += 3.0);
    stored.valid_times.pop();
    stored.values.pop();
    let kept = explanation.clone().on_record(&stored);
    assert_eq!(kept.steps.len(), 47);
    for (kept, plain) in kept.steps.iter().zip(&explanation.steps) {
        assert!((kept.value - plain.value - 3.0).abs() < 1e-9 && (kept.correction - plain.correction - 3.0).abs() < 1e-9);
        assert!((kept.contributions.iter().sum::<f64>() - kept.value).abs() < 1e-6);
        assert_eq!(kept.contributions[3], plain.contributions[3]);
    }
}
