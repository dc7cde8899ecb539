//! The checks together, on series with planted faults, and what no check may say.

use super::{Quality, QualityOptions, Reason, history_flags, quality_flags};
use crate::domain::Asset;
use crate::domain::AssetId;
use crate::domain::AssetKind;
use crate::domain::Frame;
use crate::domain::Quantities;
use crate::domain::Quantity;
use crate::domain::Resolution;
use crate::domain::parse_time;
use std::collections::BTreeMap;

/// A frame of one inverter with these columns.
pub(super) fn frame_of(columns: Vec<(Quantity, Vec<f64>)>, resolution: &str, start: &str) -> Frame {
    let asset = Asset::new(AssetId::parse("I1").unwrap(), AssetKind::PvInverter);
    let len = columns[0].1.len();
    let columns: BTreeMap<Quantity, Vec<f64>> = columns.into_iter().collect();
    Frame::new(asset, parse_time(start).unwrap(), Resolution::parse(resolution).unwrap(), vec![0; len], columns)
}

/// The same with power alone.
pub(super) fn frame(values: &[f64], resolution: &str, start: &str) -> Frame {
    frame_of(vec![(Quantity::ACTIVE_POWER, values.to_vec())], resolution, start)
}

/// Ten days of a solar day with a little texture, nights at zero.
fn sunny() -> Vec<f64> {
    let day = |i: usize| ((i % 96) as f64 - 24.0) / 48.0;
    let sun = |i: usize| if (0.0..1.0).contains(&day(i)) { (day(i) * std::f64::consts::PI).sin() } else { 0.0 };
    (0..960).map(|i| 100.0 * sun(i) * (1.0 + 0.05 * ((i * i) as f64 * 0.7).sin())).collect()
}

fn reasons(values: &[f64]) -> Vec<(usize, Reason)> {
    let mut frame = frame(values, "PT15M", "1970-01-01T00:00:00Z");
    frame.asset.capacity_kw = Some(150.0);
    let flags = quality_flags(&frame, &Quantities::standard(), &QualityOptions::default());
    flags.into_iter().map(|f| (frame.index_at(f.time), f.reason)).collect()
}

#[test]
fn clean_days_and_nights_have_no_flags() {
    assert!(reasons(&sunny()).is_empty());
}

#[test]
fn planted_faults_are_found_where_they_are() {
    let mut values = sunny();
    let stale = values[40];
    values[41..48].fill(stale);
    values[140..142].fill(400.0);
    values[150] = 400.0;
    values[236..240].fill(f64::NAN);
    values[334] = -10.0;
    let step = (values[440] - values[430]) / 10.0;
    for i in 431..440 {
        values[i] = values[430] + step * (i - 430) as f64;
    }
    values[620..628].iter_mut().for_each(|v| *v = -*v);
    let found = reasons(&values);
    let of = |reason: Reason| found.iter().filter(|f| f.1 == reason).map(|f| f.0).collect::<Vec<_>>();
    assert_eq!(of(Reason::Stale), (40..48).collect::<Vec<_>>());
    assert_eq!(of(Reason::OutOfRange), [140, 141]);
    assert_eq!(of(Reason::Outlier), [150]);
    assert_eq!(of(Reason::Gap), [236]);
    assert_eq!(of(Reason::Spike), [334]);
    assert_eq!(of(Reason::Interpolated), (430..=440).collect::<Vec<_>>());
    assert_eq!(of(Reason::SignError), (620..628).collect::<Vec<_>>());
    assert_eq!(found.len(), 8 + 2 + 1 + 1 + 1 + 11 + 8, "{found:?}");
    assert_eq!(Reason::Interpolated.quality(), Quality::Estimated);
}

#[test]
fn a_gap_is_one_flag_with_its_end_and_a_sparse_column_has_none() {
    let mut values = sunny();
    values[236..240].fill(f64::NAN);
    let gappy = frame(&values, "PT15M", "1970-01-01T00:00:00Z");
    let flags = quality_flags(&gappy, &Quantities::standard(), &QualityOptions::default());
    assert_eq!((flags.len(), flags[0].time, flags[0].until), (1, gappy.time(236), Some(gappy.time(239))));
    assert!(flags[0].raw_value.is_nan());
    let hourly: Vec<f64> = values.iter().enumerate().map(|(i, v)| if i % 4 == 0 { *v } else { f64::NAN }).collect();
    assert!(
        quality_flags(&frame(&hourly, "PT15M", "1970-01-01T00:00:00Z"), &Quantities::standard(), &QualityOptions::default())
            .is_empty()
    );
}

#[test]
fn flags_are_bounded_whatever_comes() {
    // A sensor that sticks for a week, again and again, and a saw-tooth.
    let lively = |i: u64| (i * i % 9973) as f64 * 0.01;
    let stuck: Vec<f64> = (0..60_000_u64).map(|i| if i % 3000 < 2000 { lively(i) } else { lively(i - i % 3000) + 1.0 }).collect();
    let flags = quality_flags(&frame(&stuck, "PT10M", "2020-01-01T00:00:00Z"), &Quantities::standard(), &QualityOptions::default());
    assert!(flags.iter().any(|f| f.reason == Reason::Stale && f.until.is_some()));
    assert!(flags.len() < 100, "{}", flags.len());
    let saw: Vec<f64> = (0..60_000).map(|i| f64::from(i % 100)).collect();
    let flags = quality_flags(&frame(&saw, "PT10M", "2020-01-01T00:00:00Z"), &Quantities::standard(), &QualityOptions::default());
    assert!(flags.len() < 100, "{}", flags.len());
}

#[test]
fn words_are_told_apart_and_a_short_frame_has_no_history() {
    let mut names: Vec<&str> = Reason::ALL.iter().map(|reason| reason.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Reason::ALL.len());
    assert!(Reason::ALL.is_sorted());
    assert!(history_flags(&frame(&sunny(), "PT15M", "2026-01-01T00:00:00Z")).is_empty());
}

/// Quantity, first and last row of the flags of one reason.
fn of_reason(frame: &Frame, reason: Reason) -> Vec<(String, usize, usize)> {
    let flags = quality_flags(frame, &Quantities::standard(), &QualityOptions::default());
    let of = flags.into_iter().filter(|flag| flag.reason == reason && flag.asset == frame.asset.id);
    of.map(|flag| (flag.quantity.name().to_owned(), frame.index_at(flag.time), frame.index_at(flag.until.unwrap_or(flag.time))))
        .collect()
}

#[test]
fn every_reason_comes_with_its_quantity_its_from_and_its_to() {
    let start = "2023-01-01T00:00:00Z";
    let flat: Vec<f64> = sunny().into_iter().map(|v| v.min(70.0)).collect();
    let clipped = of_reason(&frame(&flat, "PT15M", start), Reason::Clipped);
    assert_eq!(clipped.len(), flat.iter().filter(|v| **v == 70.0).count());

    let lively = |i: usize| 500.0 + 400.0 * (i as f64 / 9.0).sin() + (i * i % 13) as f64;
    let watts: Vec<f64> = (0..960).map(|i| lively(i) * if (480..720).contains(&i) { 1000.0 } else { 1.0 }).collect();
    assert_eq!(of_reason(&frame(&watts, "PT1H", start), Reason::UnitJump), [("active_power".to_owned(), 480, 719)]);

    let noise = |d: usize| ((d * d * 7919) % 1009) as f64 / 1009.0 - 0.5;
    let level = |d: usize| 100.0 - 30.0 * (std::f64::consts::TAU * d as f64 / 365.2425).cos() + 10.0 * noise(d);
    let lower: Vec<f64> = (0..900).map(|d| level(d) * if d < 420 { 1.0 } else { 0.6 }).collect();
    let shift = of_reason(&frame(&lower, "P1D", start), Reason::Shift);
    assert!(shift.len() == 1 && shift[0].1.abs_diff(420) <= 1, "{shift:?}");

    let count: Vec<f64> =
        (0..500).map(|i| 1000.0 + 3.0 * f64::from(if i < 300 { i } else { i - 600 }) + 0.1 * f64::from(i * i % 5)).collect();
    let register = frame_of(vec![(Quantity::ACTIVE_ENERGY, count)], "PT15M", start);
    assert_eq!(of_reason(&register, Reason::CounterReset), [("active_energy".to_owned(), 300, 300)]);

    let late: Vec<f64> =
        (0..60 * 96).map(|i| sunny()[(if (3000..4000).contains(&(i / 96 * 100)) { i - 4 } else { i }) % 960]).collect();
    let moved = of_reason(&frame(&late, "PT15M", start), Reason::TimeShift);
    assert!(moved.len() == 1 && moved[0].1.abs_diff(30 * 96) < 96 && moved[0].2.abs_diff(40 * 96) < 96, "{moved:?}");

    let light: Vec<f64> = (0..96).map(|i| if i == 50 { 3000.0 } else { 10.0 + (i % 7) as f64 }).collect();
    let mut sky = frame_of(vec![(Quantity::GHI, light)], "PT15M", "2023-06-01T00:00:00Z");
    sky.asset.location = Some(crate::domain::Location { latitude: 30.93, longitude: -6.9 });
    assert!(of_reason(&sky, Reason::Impossible).is_empty(), "beyond the range comes first");
    assert_eq!(of_reason(&sky, Reason::OutOfRange), [("ghi".to_owned(), 50, 50)]);
    let columns = vec![(Quantity::GHI, (0..96).map(|i| if i < 8 { 300.0 + i as f64 } else { 0.0 }).collect())];
    let mut night = frame_of(columns, "PT15M", "2023-06-01T00:00:00Z");
    night.asset.location = sky.asset.location;
    assert_eq!(of_reason(&night, Reason::Impossible).len(), 8);
}
