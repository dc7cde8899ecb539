//! Rows planted in the future of an issue time: telemetry, relatives, a weather station, weather runs, all of wild values. Neither what
//! was learnt nor what is forecast may notice, to the last byte.

use crate::domain::{Asset, AssetId, AssetKind, Frame, Quantile, Quantity, WeatherRow, micros};
use crate::evaluate::{GateRequest, Issued, Served, gate};
use crate::features::{Target, TargetKind, sample};
use jiff::SignedDuration;

const DAYS: usize = 59;
/// Day of the issue time: eight weeks after the first row, when the normal of a load is due to be learnt anew.
const NOW: usize = 56;
/// Hours before the issue time whose rows are late.
const LATE: usize = 5;

fn reshaped(frame: &Frame, rows: usize, value: impl Fn(usize, f64) -> f64) -> Frame {
    let column = |name: &Quantity| frame.column(name).unwrap()[..rows].iter().enumerate().map(|(i, v)| value(i, *v)).collect();
    let columns = frame.quantities().map(|name| (name.clone(), column(name))).collect();
    Frame::new(frame.asset.clone(), frame.start, frame.resolution, frame.available_at[..rows].to_vec(), columns)
}

fn other(frame: &Frame, id: &str, kind: AssetKind, columns: &[(Quantity, f64)]) -> Frame {
    let mut asset = Asset::new(AssetId::parse(id).unwrap(), kind);
    asset.parent_id = Some(AssetId::parse("place").unwrap());
    let own = |scale: f64, shift: usize| (0..frame.len).map(|i| scale * (2.0 + sample::noise(i / 7 + shift))).collect();
    let columns = columns.iter().enumerate().map(|(at, (name, scale))| (name.clone(), own(*scale, 31 * at))).collect();
    Frame::new(asset, frame.start, frame.resolution, frame.available_at.clone(), columns)
}

/// A target with a relative, a weather station and weather runs: everything a forecast looks at.
fn surrounded(kind: TargetKind) -> Target {
    let mut target = match kind {
        TargetKind::Load => sample::load(DAYS),
        TargetKind::Wind => sample::wind(DAYS),
        TargetKind::Solar => sample::solar(DAYS),
    };
    let frame = target.frame.clone();
    let beside = [(target.quantity.clone(), 30.0), (Quantity::WIND_SPEED, 4.0), (Quantity::WIND_DIRECTION, 100.0)];
    let station = [(Quantity::TEMP_AIR, 9.0), (Quantity::RELATIVE_HUMIDITY, 25.0), (Quantity::GHI, 200.0)];
    target.observations =
        vec![other(&frame, "beside", frame.asset.kind, &beside), other(&frame, "station", AssetKind::WeatherStation, &station)];
    if target.weather.rows.is_empty() {
        let source = target.weather.source("sample");
        target.weather.quantities = vec![Quantity::TEMP_AIR, Quantity::GHI];
        for (run, lead) in (0..=DAYS).flat_map(|run| (0..50).map(move |lead| (run, lead))) {
            let (hour, init_time) = (24 * run + lead, sample::at(24 * run));
            let values = vec![15.0 + 5.0 * sample::noise(hour), 400.0 + 300.0 * sample::noise(hour + run)];
            let valid_time = sample::at(hour);
            target.weather.rows.push(WeatherRow { source, init_time, available_at: init_time, valid_time, values });
        }
    }
    target
}

/// What was there at the issue time and nothing else.
fn cut(target: &Target) -> Target {
    let now = sample::at(24 * NOW);
    let mut cut = target.clone();
    for frame in std::iter::once(&mut cut.frame).chain(&mut cut.observations) {
        *frame = reshaped(frame, frame.index_at(now), |_, value| value);
    }
    cut.weather.rows.retain(|row| row.available_at <= now);
    cut
}

/// The same, and a wild future: rows of later hours, a newer run about hours gone and to come and the half hours between, a run of a
/// source and with a quantity never heard of.
fn planted(target: &Target) -> Target {
    let first = 24 * NOW;
    let now = sample::at(first);
    let mut wild = target.clone();
    for frame in std::iter::once(&mut wild.frame).chain(&mut wild.observations) {
        *frame = reshaped(frame, frame.len, |i, value| if i >= first { 7e4 - 13.0 * i as f64 } else { value });
    }
    wild.weather.rows.retain(|row| row.available_at <= now);
    let soon = now + SignedDuration::from_secs(1);
    for source in ["sample", "another", "zealot"] {
        let source = wild.weather.source(source);
        for half_hours in 0..200 {
            let valid_time = sample::at(first - 48) + SignedDuration::from_mins(30 * half_hours);
            let values = vec![-900.0 + half_hours as f64; wild.weather.quantities.len()];
            let init_time = now - SignedDuration::from_mins(5);
            wild.weather.rows.push(WeatherRow { source, init_time, available_at: soon, valid_time, values });
        }
    }
    wild.weather.quantities.insert(0, Quantity::POA_GLOBAL);
    for row in &mut wild.weather.rows {
        row.values.insert(0, if row.available_at > now { 1e6 } else { f64::NAN });
    }
    wild
}

fn learnt(target: &Target) -> (Served, Issued) {
    let now = sample::at(24 * NOW);
    let horizon = SignedDuration::from_hours(48);
    let every = SignedDuration::from_hours(24);
    let served = gate(target, &GateRequest { now, horizon, quantiles: Quantile::deciles(), every }).unwrap();
    let issued = served.issue(target, now).unwrap();
    (served, issued)
}

/// The last hours of everything measured come after the issue time, and say what `value` says.
fn late(target: &Target, value: impl Fn(usize, f64) -> f64) -> Target {
    let (from, to) = (24 * NOW - LATE, 24 * NOW);
    let mut target = target.clone();
    for frame in std::iter::once(&mut target.frame).chain(&mut target.observations) {
        *frame = reshaped(frame, frame.len, |i, held| if (from..to).contains(&i) { value(i, held) } else { held });
        frame.available_at[from..to].fill(micros(sample::at(to)) + 1);
    }
    target
}

#[test]
fn what_is_planted_in_the_future_changes_neither_what_is_learnt_nor_what_is_forecast() {
    for (kind, is_late) in
        [(TargetKind::Load, false), (TargetKind::Load, true), (TargetKind::Wind, true), (TargetKind::Solar, true)]
    {
        let target = surrounded(kind);
        let (mut known, mut wild) = (cut(&target), planted(&target));
        if is_late {
            (known, wild) = (late(&known, |_, held| held), late(&wild, |i, _| 3e4 + i as f64));
        }
        let (fit, forecast) = learnt(&known);
        let (same_fit, same_forecast) = learnt(&wild);
        assert!(format!("{fit:?}") == format!("{same_fit:?}"), "{kind:?}, late {is_late}: the fit saw what was not known yet");
        assert!(forecast == same_forecast, "{kind:?}, late {is_late}: the forecast saw what was not known yet");
    }
}

#[test]
fn what_was_planted_is_not_harmless() {
    let target = surrounded(TargetKind::Wind);
    let mut early = planted(&target);
    early.weather.rows.iter_mut().for_each(|row| row.available_at = row.available_at.min(sample::at(24 * NOW)));
    assert!(learnt(&cut(&target)).1 != learnt(&early).1, "weather known in time is looked at");
}
