//! Small synthetic targets for the tests of the forecasting rooms.
//!
//! In: a shape. Out: a [`Target`] on an hourly grid from 2021-01-01 (a Friday), with a little repeatable noise.

use super::{Circumstances, Target, TargetKind};
use crate::domain::{
    Asset, AssetId, AssetKind, Frame, IntervalLabel, Quantity, Resolution, Timestamp, WeatherForecasts, WeatherRow, from_micros,
    micros,
};
use std::collections::BTreeMap;

/// First row of every sample.
pub(crate) fn start() -> Timestamp {
    "2021-01-01T00:00:00Z".parse().expect("a constant")
}

/// The time `hours` after the first row.
pub(crate) fn at(hours: usize) -> Timestamp {
    from_micros(micros(start()) + hours as i64 * 3_600_000_000)
}

/// A repeatable number in [−1, 1).
pub(crate) fn noise(i: usize) -> f64 {
    let mixed = (i as u64).wrapping_add(0x9E37_79B9).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (mixed >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}

/// `days` of hourly values of `f`.
pub(crate) fn target(kind: TargetKind, days: usize, f: impl Fn(usize) -> f64) -> Target {
    let mut asset = Asset::new(AssetId::parse("sample").expect("a constant"), AssetKind::Region);
    asset.capacity_kw = (kind != TargetKind::Load).then_some(100.0);
    let quantity = if kind == TargetKind::Load { Quantity::LOAD } else { Quantity::ACTIVE_POWER };
    let hour = Resolution::from_seconds(3600).expect("positive");
    let known = (0..days * 24).map(|i| micros(at(i + 1))).collect();
    let columns = BTreeMap::from([(quantity.clone(), (0..days * 24).map(f).collect())]);
    Target {
        frame: Frame::new(asset, start(), hour, known, columns),
        quantity,
        kind,
        interval_label: IntervalLabel::Beginning,
        weather: WeatherForecasts::default(),
        observations: Vec::new(),
        circumstances: Circumstances::default(),
    }
}

/// A load with a day and a week in it.
pub(crate) fn load(days: usize) -> Target {
    target(TargetKind::Load, days, |i| {
        let daily = (std::f64::consts::TAU * (i % 24) as f64 / 24.0).sin();
        let weekend = if (i / 24 + 4) % 7 >= 5 { -10.0 } else { 0.0 };
        100.0 + 20.0 * daily + weekend + 2.0 * noise(i)
    })
}

/// Wind power that follows forecast wind, issued every midnight for two days.
pub(crate) fn wind(days: usize) -> Target {
    let speed = |i: usize| 7.0 + 4.0 * (i as f64 / 17.0).sin() + 2.0 * (i as f64 / 5.3).sin();
    let mut target = target(TargetKind::Wind, days, |i| (5.0 * speed(i) - 10.0 + 3.0 * noise(i)).clamp(0.0, 100.0));
    target.weather.quantities = ["wind_u_100m", "wind_v_100m"].map(|n| Quantity::parse(n).expect("a constant")).into();
    for run in 0..=days {
        for lead in 0..50 {
            let i = run * 24 + lead;
            let values = vec![speed(i) + 0.3 * noise(i + 7 * run), 0.1];
            target.weather.rows.push(WeatherRow { init_time: at(run * 24), available_at: at(run * 24), valid_time: at(i), values });
        }
    }
    target
}

/// Solar power under changing clouds.
pub(crate) fn solar(days: usize) -> Target {
    target(TargetKind::Solar, days, |i| {
        let sky = (std::f64::consts::TAU * ((i % 24) as f64 - 6.0) / 24.0).sin().max(0.0);
        80.0 * sky * (0.7 + 0.3 * noise(i / 24))
    })
}
