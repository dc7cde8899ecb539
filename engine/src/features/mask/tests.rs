//! What is masked, from when on, and that it does not reach training.

use super::{BAD, judged, masked, masked_rows};
use crate::domain::{Annotation, AnnotationKind, AssetId, AssetKind, FlaggedValue, Frame, Quality, Quantity, from_micros, micros};
use crate::features::{Context, Target, TargetKind, sample};
use std::collections::BTreeMap;

fn note(asset: &str, kind: AnnotationKind, (from, to): (usize, usize), known: usize) -> Annotation {
    Annotation {
        asset: Some(AssetId::parse(asset).unwrap()),
        kind,
        start: sample::at(from),
        end: Some(sample::at(to)),
        capacity_kw: None,
        text: String::new(),
        available_at: sample::at(known),
        withdrawn: false,
        author: None,
    }
}

fn wind(annotations: Vec<Annotation>) -> Target {
    let mut target = sample::target(TargetKind::Wind, 10, |i| 20.0 + i as f64 / 4.0);
    target.frame.asset.kind = AssetKind::WindPlant;
    target.circumstances.annotations = annotations;
    target
}

/// Rows that are missing to a forecast at hour `origin`.
fn missing(target: &Target, origin: usize) -> Vec<usize> {
    let context = Context::new(target, 24, &[sample::at(200)]).unwrap();
    let view = context.view(origin);
    (0..origin).filter(|&row| view.value(row).is_nan()).collect()
}

fn counted(target: &Target, hour: usize) -> Vec<(String, usize)> {
    masked_rows(target, sample::at(hour)).into_iter().collect()
}

#[test]
fn an_annotation_counts_from_when_it_was_known() {
    let target = wind(vec![note("sample", AnnotationKind::Curtailment, (50, 53), 0)]);
    assert_eq!(missing(&target, 52), [50, 51]);
    assert_eq!(missing(&target, 60), [50, 51, 52]);
    assert_eq!(counted(&target, 60), [("curtailment".to_owned(), 3)]);
    let left = judged(&target, sample::at(60));
    assert!(left[49].is_finite() && left[50..53].iter().all(|value| value.is_nan()) && left[53].is_finite());
    let late = wind(vec![note("sample", AnnotationKind::Curtailment, (50, 53), 70)]);
    assert_eq!((missing(&late, 69), missing(&late, 70)), (vec![], vec![50, 51, 52]));
    assert_eq!((counted(&late, 69).len(), counted(&late, 70).len()), (0, 1));
    let future = wind(vec![note("sample", AnnotationKind::Curtailment, (50, 53), 300)]);
    let bare = wind(Vec::new());
    let column = bare.frame.column(&bare.quantity).unwrap();
    assert_eq!(masked(&bare, column, &[1; 240]), (column.to_vec(), Vec::new()));
    assert!(missing(&future, 240).is_empty());
}

#[test]
fn a_correction_and_a_withdrawal_give_rows_back() {
    let first = note("sample", AnnotationKind::PlannedOutage, (50, 60), 0);
    let shorter = Annotation { end: Some(sample::at(52)), available_at: sample::at(80), ..first.clone() };
    let gone = Annotation { withdrawn: true, available_at: sample::at(90), ..shorter.clone() };
    let target = wind(vec![gone, first, shorter]);
    assert_eq!((missing(&target, 79).len(), missing(&target, 80), missing(&target, 90)), (10, vec![50, 51], vec![]));
}

#[test]
fn what_is_noted_above_masks_and_what_is_said_of_others_does_not() {
    let mut target = wind(vec![
        note("park", AnnotationKind::Maintenance, (20, 22), 0),
        note("sample", AnnotationKind::Event, (30, 32), 0),
        note("sample", AnnotationKind::Holiday, (32, 34), 0),
        note("stranger", AnnotationKind::PlannedOutage, (40, 42), 0),
    ]);
    target.circumstances.above = vec![AssetId::parse("park").unwrap()];
    assert_eq!(missing(&target, 100), [20, 21]);
}

#[test]
fn a_plant_is_brought_to_full_strength_while_a_turbine_stands() {
    let mut target =
        wind(vec![note("T1", AnnotationKind::PlannedOutage, (20, 22), 0), note("T2", AnnotationKind::PlannedOutage, (30, 32), 0)]);
    target.circumstances.below = vec![(AssetId::parse("T1").unwrap(), 20.0), (AssetId::parse("T2").unwrap(), 80.0)];
    let view = Context::new(&target, 24, &[sample::at(100)]).unwrap().view(100).past(0).to_vec();
    assert_eq!((view[19], view[20], view[22]), (24.75, 25.0 / 0.8, 25.5));
    assert!(view[30].is_nan() && view[31].is_nan() && !view[32].is_nan(), "a fifth of it says little about the rest");
    assert_eq!(counted(&target, 100), [("outage_below".to_owned(), 2)]);
}

#[test]
fn a_set_point_that_binds_masks_its_rows() {
    let mut target = wind(Vec::new());
    let power: Vec<f64> = target.frame.column(&Quantity::ACTIVE_POWER).unwrap().to_vec();
    let mut limits = vec![100.0; power.len()];
    // Row 40 gives 30 of 100 kW: held at 31 by less than two percent of the rated power, free below 33; row 42 has no set-point.
    (limits[40], limits[41], limits[42]) = (31.0, 33.0, f64::NAN);
    let columns = BTreeMap::from([(Quantity::ACTIVE_POWER, power), (Quantity::ACTIVE_POWER_LIMIT, limits)]);
    let frame = &target.frame;
    target.frame = Frame::new(frame.asset.clone(), frame.start, frame.resolution, frame.available_at.clone(), columns);
    assert_eq!((missing(&target, 100), counted(&target, 100)), (vec![40], vec![("active_power_limit".to_owned(), 1)]));
    target.frame.asset.capacity_kw = None;
    assert!(missing(&target, 100).is_empty(), "without a rated power nobody knows what binds");
}

#[test]
fn bad_values_are_masked_and_clipped_filled_or_full_ones_are_not() {
    let mut target = wind(Vec::new());
    let flag =
        |row: usize, quality, reason: &str| FlaggedValue { time: sample::at(row), until: None, quality, reason: reason.into() };
    target.circumstances.flags = vec![
        flag(10, Quality::Invalid, "out_of_range"),
        flag(11, Quality::Invalid, "anything"),
        flag(20, Quality::Questionable, "clipped"),
        flag(21, Quality::Estimated, "interpolated"),
        FlaggedValue { time: from_micros(micros(sample::at(0)) - 1), until: None, quality: Quality::Invalid, reason: "gap".into() },
    ];
    target.circumstances.flags.extend(BAD.iter().zip(30..).map(|(reason, row)| flag(row, Quality::Questionable, reason)));
    let mut full = target.clone();
    full.circumstances.flags = vec![
        flag(0, Quality::Questionable, "stale"),
        flag(30, Quality::Questionable, "stale"),
        flag(31, Quality::Questionable, "spike"),
    ];
    full.frame.asset.capacity_kw = Some(28.0);
    assert_eq!(missing(&target, 100), [10, 11, 30, 31, 32, 33]);
    assert_eq!(missing(&full, 100), [0, 31], "a plateau at rated power is no stale sensor");
    full.frame.asset.capacity_kw = Some(1000.0);
    assert_eq!(missing(&full, 100), [30, 31], "nor is standstill");
    let (whole, left) = (target.frame.column(&target.quantity).unwrap(), judged(&target, sample::at(200)));
    let out: Vec<usize> = (0..100).filter(|&row| left[row].is_nan() && whole[row].is_finite()).collect();
    assert_eq!(out, [10, 11, 30, 31, 32, 33], "nor are forecasts judged by them");
    let counts = masked_rows(&target, sample::at(31));
    assert_eq!(counts.values().sum::<usize>(), 3, "{counts:?}");
    target.circumstances.flags = vec![FlaggedValue { until: Some(sample::at(14)), ..flag(12, Quality::Questionable, "stale") }];
    assert_eq!(missing(&target, 100), [12, 13, 14], "a stretch is all its rows");
}
