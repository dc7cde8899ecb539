//! The watch as a whole, on a small farm made here: quiet when healthy, right when not, the same for any cut.

use super::Incident;
use super::OperatingState;
use super::Watch;
use super::WatchOptions;
use crate::domain::Asset;
use crate::domain::AssetId;
use crate::domain::AssetKind;
use crate::domain::Frame;
use crate::domain::Quantity;
use crate::domain::Resolution;
use crate::domain::TimeRange;
use crate::domain::Timestamp;
use crate::domain::from_micros;
use std::collections::BTreeMap;

const DAY: usize = 144;
const TRAIN: usize = 60 * DAY;
const LEN: usize = 100 * DAY;
const FAULT: std::ops::Range<usize> = 70 * DAY..80 * DAY;

/// Numbers in (-1, 1) without a crate: a linear congruential generator (Knuth's MMIX constants).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / f64::from(1_u32 << 30) - 1.0
    }
}

/// Three turbines in one wind; `spoil` changes the columns of the first.
fn farm(spoil: impl Fn(usize, &mut BTreeMap<Quantity, f64>)) -> Vec<Frame> {
    farm_of(|turbine, i, row| {
        if turbine == 0 {
            spoil(i, row);
        }
    })
}

/// The same, with `spoil` told whose row it is.
fn farm_of(spoil: impl Fn(u64, usize, &mut BTreeMap<Quantity, f64>)) -> Vec<Frame> {
    let mut weather = Noise(1);
    let mut level = 8.0;
    let wind: Vec<f64> = (0..LEN)
        .map(|_| {
            level += 0.02 * (8.0 - level) + 0.5 * weather.next();
            f64::clamp(level, 3.0, 16.0)
        })
        .collect();
    (0..3_u64)
        .map(|turbine| {
            let mut noise = Noise(100 + turbine);
            let mut bearing = 40.0;
            let mut columns: BTreeMap<Quantity, Vec<f64>> = BTreeMap::new();
            for (i, wind) in wind.iter().enumerate() {
                let own = wind + 0.2 * noise.next();
                let power = (2.6 * own.powi(3) + 20.0 * noise.next()).clamp(25.0, 2000.0);
                bearing += 0.1 * (30.0 + 35.0 * power / 2000.0 - bearing);
                let mut row = BTreeMap::from([
                    (Quantity::WIND_SPEED, own + 0.1 * noise.next()),
                    (Quantity::ACTIVE_POWER, power),
                    (Quantity::TEMP_AIR, 12.0 + 4.0 * (i as f64 / 144.0 * std::f64::consts::TAU).sin()),
                    (Quantity::GEARBOX_BEARING_TEMP, bearing + 0.8 * noise.next()),
                    (Quantity::BLADE_PITCH_ANGLE, -1.0 + 0.1 * noise.next()),
                    (Quantity::TURBINE_STATUS, 0.0),
                ]);
                spoil(turbine, i, &mut row);
                for (quantity, value) in row {
                    columns.entry(quantity).or_default().push(value);
                }
            }
            let mut asset = Asset::new(AssetId::parse(&format!("T{turbine}")).unwrap(), AssetKind::WindTurbine);
            asset.parent_id = Some(AssetId::parse("farm").unwrap());
            asset.capacity_kw = Some(2000.0);
            let resolution = Resolution::parse("PT10M").unwrap();
            let known = (0..LEN as i64).map(|i| (i + 1) * 600_000_000).collect();
            Frame::new(asset, from_micros(0), resolution, known, columns)
        })
        .collect()
}

fn at(row: usize) -> Timestamp {
    from_micros(row as i64 * 600_000_000)
}

fn alarms(frames: &[Frame]) -> Vec<Incident> {
    let watch = Watch::fit(frames, at(TRAIN), &WatchOptions::default()).unwrap();
    watch.scan(frames, at(TRAIN)).incidents.into_iter().filter(|i| !i.is_information()).collect()
}

fn overheat(i: usize, row: &mut BTreeMap<Quantity, f64>) {
    if FAULT.contains(&i) {
        let load = row[&Quantity::ACTIVE_POWER] / 2000.0;
        *row.get_mut(&Quantity::GEARBOX_BEARING_TEMP).unwrap() += 12.0 * load.sqrt();
    }
}

#[test]
fn a_healthy_farm_is_quiet() {
    let frames = farm(|_, _| ());
    let watch = Watch::fit(&frames, at(TRAIN), &WatchOptions::default()).unwrap();
    let found = watch.scan(&frames, at(0));
    assert_eq!(found.points.len(), 3 * LEN);
    assert_eq!(found.points.iter().filter(|p| p.anomaly).count(), 0);
    assert_eq!(found.incidents, []);
}

#[test]
fn an_overheating_bearing_is_found_and_named() {
    let found = alarms(&farm(overheat));
    assert_eq!(found.len(), 1, "{found:?}");
    let incident = &found[0];
    assert_eq!((incident.component.as_str(), incident.mode.as_str()), ("gearbox", "bearing_overheat"));
    assert_eq!(incident.asset_id.as_str(), "T0");
    assert_eq!(incident.top_contributors()[0], "gearbox_bearing_temp");
    assert!(incident.started_at >= at(FAULT.start - 12) && incident.started_at <= incident.opened_at);
    assert!(incident.opened_at > at(FAULT.start + 71) && incident.opened_at < at(FAULT.start + DAY), "{}", incident.opened_at);
    assert!(incident.closed_at.is_some_and(|t| t > at(FAULT.end) && t < at(FAULT.end + 3 * DAY)));
    assert_eq!(incident.energy_lost_kwh, 0.0, "heat alone loses nothing");
    assert_eq!(incident.detector, "normal_behaviour");
    let heat = &incident.evidence[0];
    let (observed, expected) = (heat.observed.unwrap(), heat.expected.unwrap());
    assert!((4.0..12.0).contains(&(observed - expected)), "{observed} against {expected}");
    assert!((incident.evidence.iter().map(|e| e.share).sum::<f64>() - 1.0).abs() < 1e-9);
    assert_eq!(incident.outlook, None, "it is over");
}

/// What little is missing later would be let be at a machine that never was ill.
#[test]
fn a_fault_that_is_over_lowers_no_bar() {
    let loses = |ill: bool| {
        alarms(&farm(|i, row| {
            let power = row.get_mut(&Quantity::ACTIVE_POWER).unwrap();
            match i / DAY {
                64..72 if ill => *power = power.min(600.0),
                76..82 => *power *= 0.98,
                _ => {}
            }
        }))
    };
    assert_eq!(loses(false), []);
    let found = loses(true);
    assert!(found.len() == 1 && found[0].opened_at < at(72 * DAY), "{found:?}");
}

#[test]
fn heat_that_grows_has_an_outlook_while_it_is_open() {
    let frames = farm(|i, row| {
        if FAULT.contains(&i) {
            let days = (i - FAULT.start) as f64 / 144.0;
            *row.get_mut(&Quantity::GEARBOX_BEARING_TEMP).unwrap() += 4.0 + 1.5 * days;
        }
    });
    let watch = Watch::fit(&frames, at(TRAIN), &WatchOptions::default()).unwrap();
    let cut = FAULT.start + 6 * DAY;
    let known: Vec<Frame> = frames.iter().map(|f| f.known_at(at(cut))).collect();
    let found = watch.scan(&known, at(TRAIN)).incidents;
    let open = found.iter().find(|i| i.closed_at.is_none() && !i.is_information()).unwrap();
    let outlook = open.outlook.as_ref().unwrap();
    assert_eq!(outlook.quantity, Quantity::GEARBOX_BEARING_TEMP);
    assert!(outlook.earliest >= at(cut - 1) && outlook.median.is_none_or(|median| outlook.earliest <= median), "{outlook:?}");
    assert!(outlook.limit > 60.0 && outlook.level > 60.0, "{outlook:?}");
}

#[test]
fn what_the_whole_farm_misses_is_weather() {
    let frames = farm_of(|_, i, row| {
        if FAULT.contains(&i) {
            *row.get_mut(&Quantity::ACTIVE_POWER).unwrap() *= 0.88;
            row.insert(Quantity::GEARBOX_BEARING_TEMP, f64::NAN);
        }
    });
    assert_eq!(alarms(&frames), []);
    let alone = alarms(&farm(|i, row| {
        if FAULT.contains(&i) {
            *row.get_mut(&Quantity::ACTIVE_POWER).unwrap() *= 0.88;
            row.insert(Quantity::GEARBOX_BEARING_TEMP, f64::NAN);
        }
    }));
    assert_eq!(alone.len(), 1, "{alone:?}");
}

#[test]
fn a_set_point_is_a_state_and_no_alarm() {
    let frames = farm(|i, row| {
        // The status word says nothing of it. No temperature: this farm makes its heat from the power before the cap.
        let limit = if FAULT.contains(&i) { 500.0 } else { 2000.0 };
        let power = row.get_mut(&Quantity::ACTIVE_POWER).unwrap();
        *power = power.min(limit);
        row.insert(Quantity::ACTIVE_POWER_LIMIT, limit);
        row.insert(Quantity::GEARBOX_BEARING_TEMP, f64::NAN);
    });
    let watch = Watch::fit(&frames, at(TRAIN), &WatchOptions::default()).unwrap();
    let found = watch.scan(&frames, at(TRAIN)).incidents;
    assert_eq!(found.iter().map(|i| i.mode.as_str()).collect::<Vec<_>>(), ["curtailment"]);
    let rows = watch.operating(&frames, at(TRAIN));
    assert_eq!(rows.len(), 3 * (LEN - TRAIN));
    let held: Vec<_> = rows.iter().filter(|row| row.state == OperatingState::Curtailed).collect();
    assert_eq!(held.len(), FAULT.len());
    assert!(held.iter().all(|row| row.asset.as_str() == "T0" && row.time >= at(FAULT.start) && row.time < at(FAULT.end)));
}

#[test]
fn missing_power_in_the_cold_is_ice_and_a_state() {
    let frames = farm(|i, row| {
        if FAULT.contains(&i) {
            *row.get_mut(&Quantity::ACTIVE_POWER).unwrap() *= 0.6;
            row.insert(Quantity::TEMP_AIR, -6.0);
            row.insert(Quantity::GEARBOX_BEARING_TEMP, f64::NAN);
        }
    });
    // The air of a farm is the middle of its sensors: the others feel the cold too.
    let frames: Vec<Frame> = frames.iter().map(colder).collect();
    let found = alarms(&frames);
    assert_eq!(found.iter().map(|i| (i.component.as_str(), i.mode.as_str())).collect::<Vec<_>>(), [("rotor", "icing")]);
    let watch = Watch::fit(&frames, at(TRAIN), &WatchOptions::default()).unwrap();
    let iced = watch.operating(&frames, at(TRAIN)).into_iter().filter(|row| row.state == OperatingState::Icing).count();
    assert!(iced > FAULT.len() / 2 && iced < FAULT.len() + 2 * DAY, "{iced}");
}

/// The same frame in frost during the fault.
fn colder(frame: &Frame) -> Frame {
    let mut columns: BTreeMap<Quantity, Vec<f64>> = BTreeMap::new();
    for quantity in frame.quantities() {
        columns.insert(quantity.clone(), frame.column(quantity).unwrap().to_vec());
    }
    columns.get_mut(&Quantity::TEMP_AIR).unwrap()[FAULT].fill(-6.0);
    Frame::new(frame.asset.clone(), frame.start, frame.resolution, frame.available_at.clone(), columns)
}

#[test]
fn a_smaller_budget_buys_fewer_alarms_and_later_ones() {
    // A part that wanders by itself: only then is there anything to trade.
    let frames = farm(|i, row| {
        let slow = (i as f64 / 300.0).sin() * (i as f64 / 1900.0).cos();
        *row.get_mut(&Quantity::GEARBOX_BEARING_TEMP).unwrap() += 4.0 * slow;
    });
    let table = |budget: f64| {
        let options = WatchOptions { false_alarms_per_asset_year: budget, ..WatchOptions::default() };
        Watch::fit(&frames, at(TRAIN), &options).unwrap().detection_power()
    };
    let (loose, strict) = (table(2.0), table(0.02));
    let signals: Vec<&str> = loose.iter().filter(|row| row.asset.as_str() == "T0").map(|row| row.signal.as_str()).collect();
    assert_eq!(signals, ["active_power", "active_power at high wind", "wind_speed", "blade_pitch_angle", "gearbox_bearing_temp"]);
    let mut later = 0;
    for (loose, strict) in loose.iter().zip(&strict) {
        assert!(strict.false_alarms_per_year < loose.false_alarms_per_year);
        for (soon, late) in loose.delays.iter().zip(&strict.delays) {
            assert_eq!(soon.shift, late.shift);
            match (soon.hours, late.hours) {
                (Some(soon), Some(late)) => {
                    assert!(soon >= 12.0 && late >= soon - 1e-9, "{} {soon} {late}", strict.signal);
                    later += usize::from(late > soon);
                }
                (soon, late) => assert!(late.is_none() || soon.is_some()),
            }
        }
        let known: Vec<f64> = loose.delays.iter().filter_map(|delay| delay.hours).collect();
        assert!(!known.is_empty() && known.windows(2).all(|pair| pair[1] <= pair[0]), "greater shifts come sooner: {known:?}");
    }
    assert!(later > 0, "the budget makes a difference somewhere");
}

#[test]
fn a_derate_is_named_and_its_energy_counted() {
    let lost = std::cell::Cell::new(0.0);
    let frames = farm(|i, row| {
        // No temperature here: this farm makes its heat from the power before the cap.
        row.insert(Quantity::GEARBOX_BEARING_TEMP, f64::NAN);
        let power = row.get_mut(&Quantity::ACTIVE_POWER).unwrap();
        if FAULT.contains(&i) && *power > 700.0 {
            lost.set(lost.get() + (*power - 700.0) / 6.0);
            *power = 700.0;
        }
    });
    let found = alarms(&frames);
    let claimed: f64 = found.iter().filter(|i| i.mode == "power_derate").map(|i| i.energy_lost_kwh).sum();
    assert!(found.iter().any(|i| i.component == "converter" && i.mode == "power_derate"), "{found:?}");
    assert!((claimed / lost.get() - 1.0).abs() < 0.1, "claimed {claimed}, lost {}", lost.get());
}

#[test]
fn pitch_and_frozen_sensors_are_named() {
    let pitch = alarms(&farm(|i, row| {
        if FAULT.contains(&i) {
            *row.get_mut(&Quantity::BLADE_PITCH_ANGLE).unwrap() += 2.5;
        }
    }));
    assert!(pitch.iter().all(|i| i.mode == "pitch_offset") && pitch.len() == 1, "{pitch:?}");
    let frozen = alarms(&farm(|i, row| {
        if FAULT.contains(&i) {
            row.insert(Quantity::GEARBOX_BEARING_TEMP, 51.0);
        }
    }));
    let named: Vec<_> = frozen.iter().map(|i| (i.component.as_str(), i.mode.as_str())).collect();
    assert_eq!(named, [("gearbox_bearing_sensor", "frozen_value")]);
}

#[test]
fn a_cut_changes_no_earlier_verdict() {
    let frames = farm(overheat);
    let watch = Watch::fit(&frames, at(TRAIN), &WatchOptions::default()).unwrap();
    let whole = watch.scan(&frames, at(TRAIN));
    for cut in [TRAIN + 5, 71 * DAY + 17, 76 * DAY, 85 * DAY + 1] {
        let known: Vec<Frame> = frames.iter().map(|f| f.known_at(at(cut + 1))).collect();
        let part = watch.scan(&known, at(TRAIN));
        let last = at(cut);
        let before: Vec<_> =
            whole.points.iter().filter(|p| p.time < last).map(|p| (p.time, p.anomaly, p.score.to_bits())).collect();
        let now: Vec<_> = part.points.iter().filter(|p| p.time < last).map(|p| (p.time, p.anomaly, p.score.to_bits())).collect();
        assert_eq!(now, before, "cut at row {cut}");
        let closed = |i: &&Incident| i.closed_at.is_some_and(|t| t < last);
        assert_eq!(
            part.incidents.iter().filter(closed).collect::<Vec<_>>(),
            whole.incidents.iter().filter(closed).collect::<Vec<_>>()
        );
        let states: Vec<_> = watch.operating(&frames, at(TRAIN)).into_iter().filter(|row| row.time < last).collect();
        let then: Vec<_> = watch.operating(&known, at(TRAIN)).into_iter().filter(|row| row.time < last).collect();
        assert_eq!(then, states, "states at row {cut}");
    }
    let again = Watch::fit(&frames, at(TRAIN), &WatchOptions::default()).unwrap();
    let early: Vec<Frame> = frames.iter().map(|f| f.known_at(at(TRAIN + 1))).collect();
    let alone = Watch::fit(&early, at(TRAIN), &WatchOptions::default()).unwrap();
    assert_eq!(again.scan(&frames, at(TRAIN)), whole, "the same bytes again");
    assert_eq!(alone.scan(&frames, at(TRAIN)), whole, "rows after the training end teach nothing");
}

#[test]
fn stops_and_orders_inform_and_gaps_harm_nobody() {
    let found = {
        let frames = farm(|i, row| {
            // No temperature here: this farm would not cool during the stop.
            row.insert(Quantity::GEARBOX_BEARING_TEMP, f64::NAN);
            match i / DAY {
                72 => {
                    row.insert(Quantity::TURBINE_STATUS, 3.0);
                    row.insert(Quantity::ACTIVE_POWER, -5.0);
                }
                75 => row.values_mut().for_each(|v| *v = f64::NAN),
                _ => {}
            }
        });
        let watch = Watch::fit(&frames, at(TRAIN), &WatchOptions::default()).unwrap();
        watch.scan(&frames, at(TRAIN)).incidents
    };
    let modes: Vec<&str> = found.iter().map(|i| i.mode.as_str()).collect();
    assert_eq!(modes, ["maintenance", "comms_loss"]);
    assert!(found.iter().all(Incident::is_information));
}

#[test]
fn the_asset_page_has_a_curve_and_signals() {
    let frames = farm(overheat);
    let watch = Watch::fit(&frames, at(TRAIN), &WatchOptions::default()).unwrap();
    let id = &frames[0].asset.id;
    let page = watch.health(id, &frames, TimeRange::new(at(FAULT.start), at(FAULT.end)).unwrap()).unwrap();
    assert!(page.bins.len() > 10 && page.points.len() == FAULT.len());
    assert!(page.points.iter().any(|p| p.anomalous));
    let bearing = page.signals.iter().find(|s| s.quantity == Quantity::GEARBOX_BEARING_TEMP).unwrap();
    assert_eq!(bearing.times.len(), FAULT.len());
    assert!(bearing.score.iter().any(|s| *s >= 1.0));
    let last = FAULT.len() - 1;
    assert!(bearing.observed[last] > bearing.expected[last]);
    let stranger = AssetId::parse("nobody").unwrap();
    let error = watch.health(&stranger, &frames, TimeRange::new(at(0), at(9)).unwrap()).unwrap_err();
    assert!(error.to_string().contains("nobody"));
}

#[test]
fn too_little_is_an_error_not_a_panic() {
    assert!(Watch::fit(&[], at(TRAIN), &WatchOptions::default()).is_err());
    let frames = farm(|_, _| ());
    let error = Watch::fit(&frames, at(50), &WatchOptions::default()).unwrap_err().to_string();
    assert!(error.contains("50 usable rows"), "{error}");
    let bare = Frame::new(
        Asset::new(AssetId::parse("X").unwrap(), AssetKind::Meter),
        at(0),
        frames[0].resolution,
        vec![0; 5],
        BTreeMap::new(),
    );
    assert!(Watch::fit(&[bare], at(TRAIN), &WatchOptions::default()).is_err());
}
