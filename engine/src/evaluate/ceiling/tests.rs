//! Annotations from end to end: what they do to training and to forecasts, and what they must not do before they are known.

use crate::domain::{Annotation, AnnotationKind, AssetId, AssetKind, Frame, Quantile, Timestamp};
use crate::evaluate::{Backtest, BacktestRequest, GateRequest, backtest, gate};
use crate::features::{DayOverride, OperatorDay, Target, TargetKind, sample};
use jiff::SignedDuration;
use std::collections::BTreeMap;

const HORIZON: SignedDuration = SignedDuration::from_hours(48);

fn run(target: &Target, days: std::ops::Range<usize>) -> Backtest {
    let origins: Vec<Timestamp> = days.map(|day| sample::at(day * 24)).collect();
    backtest(target, &BacktestRequest { origins, horizon: HORIZON, quantiles: Quantile::deciles(), progress: &|_, _| {} }).unwrap()
}

fn note(kind: AnnotationKind, (from, to): (usize, usize), capacity_kw: Option<f64>, known: usize) -> Annotation {
    Annotation {
        asset: Some(AssetId::parse("sample").unwrap()),
        kind,
        start: sample::at(from),
        end: Some(sample::at(to)),
        capacity_kw,
        text: String::new(),
        available_at: sample::at(known),
        withdrawn: false,
        author: None,
    }
}

/// A wind plant held at 15 of 100 kW from day 60 to day 90, and what it would have given.
fn curtailed(days: usize) -> (Target, Vec<f64>) {
    let mut target = sample::wind(days);
    target.frame.asset.kind = AssetKind::WindPlant;
    let free = target.frame.column(&target.quantity).unwrap().to_vec();
    let held = free.iter().enumerate().map(|(i, v)| if (60 * 24..90 * 24).contains(&i) { v.min(15.0) } else { *v }).collect();
    let (frame, columns) = (&target.frame, BTreeMap::from([(target.quantity.clone(), held)]));
    target.frame = Frame::new(frame.asset.clone(), frame.start, frame.resolution, frame.available_at.clone(), columns);
    (target, free)
}

/// Mean error of the medians, and mean of truth minus median.
fn errors(backtest: &Backtest, truth: &[f64]) -> (f64, f64) {
    let (mut all, mut low, mut count) = (0.0, 0.0, 0.0);
    for issued in &backtest.forecasts {
        for (time, row) in issued.forecast.valid_times.iter().zip(&issued.forecast.values) {
            let hour = usize::try_from(time.duration_since(sample::start()).as_hours()).unwrap();
            all += (truth[hour] - row[4]).abs();
            low += truth[hour] - row[4];
            count += 1.0;
        }
    }
    (all / count, low / count)
}

#[test]
fn a_curtailed_month_does_not_lower_the_forecasts_after_it() {
    let (target, free) = curtailed(100);
    let mut told = target.clone();
    told.circumstances.annotations = vec![note(AnnotationKind::Curtailment, (60 * 24, 90 * 24), Some(15.0), 60 * 24)];
    let (plain, masked) = (errors(&run(&target, 91..95), &free), errors(&run(&told, 91..95), &free));
    assert!(masked.0 < 0.7 * plain.0, "{masked:?} against {plain:?}");
    assert!(masked.1.abs() < 3.0 && plain.1 > masked.1, "{masked:?} against {plain:?}");
}

#[test]
fn what_is_noted_after_the_issue_changes_nothing() {
    let (target, _) = curtailed(100);
    let plain = run(&target, 91..94);
    let mut told = target.clone();
    let known = 93 * 24 + 1;
    told.circumstances.annotations = vec![
        note(AnnotationKind::Curtailment, (60 * 24, 90 * 24), Some(15.0), known),
        note(AnnotationKind::PlannedOutage, (92 * 24, 96 * 24), None, known),
        note(AnnotationKind::Holiday, (92 * 24, 96 * 24), None, known),
    ];
    assert_eq!(plain, run(&told, 91..94));
    assert_ne!(run(&target, 94..95), run(&told, 94..95), "once it is known it counts");
}

#[test]
fn an_outage_known_at_the_issue_caps_every_quantile_and_the_mean_for_as_long_as_it_lasts() {
    let mut target = sample::wind(100);
    target.frame.asset.kind = AssetKind::WindPlant;
    let now = sample::at(90 * 24);
    let request = GateRequest { now, horizon: HORIZON, quantiles: Quantile::deciles(), every: SignedDuration::from_hours(6) };
    let served = gate(&target, &request).unwrap();
    let plain = served.issue(&target, now).unwrap();
    let from = 90 * 24 + 6;
    target.circumstances.annotations = vec![
        note(AnnotationKind::PlannedOutage, (from, from + 6), None, 90 * 24),
        note(AnnotationKind::Curtailment, (from + 6, from + 12), Some(12.5), 80 * 24),
    ];
    let told = served.issue(&target, now).unwrap();
    let (plain_mean, told_mean) = (plain.mean.unwrap(), told.mean.unwrap());
    for k in 0..48 {
        let most = if (6..12).contains(&k) {
            0.0
        } else if (12..18).contains(&k) {
            12.5
        } else {
            f64::INFINITY
        };
        let expected: Vec<f64> = plain.forecast.values[k].iter().map(|value| value.min(most)).collect();
        assert_eq!((&told.forecast.values[k], told_mean[k]), (&expected, plain_mean[k].min(most)), "step {k}");
    }
    assert!(plain.forecast.values[8][4] > 0.0 && plain.forecast.values[14][8] > 12.5, "it would have given more");
}

/// A load that drops by a third on holidays of Morocco, among them three feasts, before 2023-04.
fn feasts() -> Target {
    let mut target = sample::target(TargetKind::Load, 500, |i| {
        let day = i / 24;
        // 2021-05-13 and 14, 2021-07-21 and 22, and the fixed days of 2021 and 2022 that are a working day elsewhere.
        let off = [132, 133, 201, 202, 10, 210, 225, 231, 232, 309, 321, 365, 375].contains(&day);
        let level = 100.0 + 20.0 * (std::f64::consts::TAU * (i % 24) as f64 / 24.0).sin() + sample::noise(i);
        if off { level * 0.67 } else { level }
    });
    target.frame.asset.timezone = "Africa/Casablanca".into();
    target
}

#[test]
fn a_holiday_somebody_notes_lowers_the_load_of_its_day_and_no_other() {
    let target = feasts();
    // A Wednesday without a feast, 15 days after the newest of them.
    let day = 390;
    let median = |target: &Target| {
        let issued = run(target, day..day + 1).forecasts.remove(0).forecast;
        let mean = |hours: std::ops::Range<usize>| issued.values[hours].iter().map(|row| row[4]).sum::<f64>() / 24.0;
        (mean(0..24), mean(24..48))
    };
    let plain = median(&target);
    let mut noted = target.clone();
    noted.circumstances.annotations = vec![note(AnnotationKind::Holiday, (day * 24, day * 24 + 24), None, (day - 3) * 24)];
    let mut configured = target.clone();
    let date = jiff::civil::date(2022, 1, 26);
    configured.circumstances.days = vec![OperatorDay { country: Some("MA".into()), day: DayOverride::Holiday(date) }];
    for told in [median(&noted), median(&configured)] {
        assert!(told.0 < 0.96 * plain.0 && (told.1 - plain.1).abs() < 5.0, "{told:?} against {plain:?}");
    }
    configured.circumstances.days[0].country = Some("US".into());
    assert_eq!(median(&configured), plain);
}

#[test]
fn what_an_outage_takes_is_told_as_calendar() {
    let (mut target, now) = (sample::wind(100), sample::at(91 * 24));
    target.frame.asset.kind = AssetKind::WindPlant;
    let request = GateRequest { now, horizon: HORIZON, quantiles: Quantile::deciles(), every: SignedDuration::from_hours(12) };
    let served = gate(&target, &request).unwrap();
    let plain = served.explain(&target, now).unwrap();
    target.circumstances.annotations = vec![note(AnnotationKind::PlannedOutage, (92 * 24, 94 * 24), None, 91 * 24)];
    let (told, issued) = (served.explain(&target, now).unwrap(), served.issue(&target, now).unwrap().forecast);
    for ((step, before), row) in told.steps.iter().zip(&plain.steps).zip(&issued.values) {
        assert_eq!(step.value, row[4]);
        assert!((step.contributions.iter().sum::<f64>() - step.value).abs() < 1e-6);
        assert_eq!(step.contributions[..3], before.contributions[..3]);
    }
    assert!((30..40).all(|k| told.steps[k].value == 0.0) && (30..40).any(|k| told.steps[k].contributions[3] < -1.0));
}
