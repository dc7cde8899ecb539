//! The solar watch as a whole, on a small plant made here: quiet under dust, storms, rain and washing, right when not, the same for
//! any cut.

use crate::detect::Detection;
use crate::detect::Incident;
use crate::detect::OperatingState;
use crate::detect::Watch;
use crate::detect::WatchOptions;
use crate::domain::Asset;
use crate::domain::AssetId;
use crate::domain::AssetKind;
use crate::domain::Frame;
use crate::domain::Location;
use crate::domain::Quantity;
use crate::domain::Resolution;
use crate::domain::TimeRange;
use crate::domain::Timestamp;
use crate::domain::from_micros;
use crate::domain::micros;
use crate::domain::pv::faiman;
use crate::domain::solar::position;
use std::collections::BTreeMap;

/// Quarter hours of a day.
const DAY: usize = 96;
const TRAIN: usize = 60 * DAY;
const DAYS: usize = 100;
const LEN: usize = DAYS * DAY;
const RATED: f64 = 200.0;
const INVERTERS: usize = 5;
/// First day of each round of the crew, two inverters a day; the days of rain; the day of a storm.
const ROUNDS: [usize; 4] = [12, 30, 48, 86];
const RAINS: [usize; 2] = [40, 97];
const STORM: usize = 66;
const PLACE: Location = Location { latitude: 30.93, longitude: -6.9 };

/// What goes wrong with one inverter's row: its number, the row, its columns.
type Spoil = fn(usize, usize, &mut BTreeMap<Quantity, f64>);

fn at(row: usize) -> Timestamp {
    let start: Timestamp = "2024-03-01T00:00:00Z".parse().unwrap();
    from_micros(micros(start) + row as i64 * 900_000_000)
}

fn row_of(time: Timestamp) -> usize {
    ((micros(time) - micros(at(0))) / 900_000_000) as usize
}

/// Numbers in (-1, 1) that depend on their place alone.
fn noise(stream: usize, row: usize) -> f64 {
    let mut x = (stream as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (row as u64).wrapping_mul(0xD1B5_4A32_D192_ED03);
    x = (x ^ (x >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 32)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (x >> 33) as f64 / f64::from(1_u32 << 30) - 1.0
}

fn asset(id: &str, kind: AssetKind) -> Asset {
    let mut asset = Asset::new(AssetId::parse(id).unwrap(), kind);
    asset.parent_id = Some(AssetId::parse("P").unwrap());
    asset.location = Some(PLACE);
    asset
}

fn frame(asset: Asset, rows: impl Fn(usize) -> BTreeMap<Quantity, f64>) -> Frame {
    let mut columns: BTreeMap<Quantity, Vec<f64>> = BTreeMap::new();
    for row in 0..LEN {
        for (quantity, value) in rows(row) {
            columns.entry(quantity).or_default().push(value);
        }
    }
    let known = (0..LEN).map(|row| micros(at(row + 1))).collect();
    Frame::new(asset, at(0), Resolution::parse("PT15M").unwrap(), known, columns)
}

/// Light in the plane, W/m²: clear days with a little haze.
fn light(row: usize) -> f64 {
    let sun = position(at(row).checked_add(jiff::SignedDuration::from_secs(450)).unwrap(), PLACE).unwrap();
    let height = sun.zenith.to_radians().cos().max(0.0);
    1050.0 * height.powf(1.15) * (1.0 - 0.1 * noise(7, row / DAY).abs())
}

/// Soiling ratio of an inverter on a day.
fn ratio(inverter: usize, day: usize) -> f64 {
    let exposure = 0.8 + 0.1 * inverter as f64;
    let mut ratio: f64 = 0.99;
    for d in 1..=day {
        ratio -= exposure * (0.003 + 0.001 * noise(11, d));
        if d == STORM {
            ratio -= 0.05 * exposure;
        }
        if RAINS.contains(&d) || ROUNDS.iter().any(|first| d == first + inverter / 2) {
            ratio = 0.992;
        }
    }
    ratio
}

/// A row of a healthy inverter.
fn healthy(inverter: usize, row: usize) -> BTreeMap<Quantity, f64> {
    let (poa, warmth) = (light(row), faiman(light(row), 22.0, 1.0, 25.0, 6.84) - 25.0);
    let clean = 1.2 * RATED * poa / 1000.0 * (1.0 - 0.0037 * warmth);
    let dc = clean * ratio(inverter, row / DAY) * (1.0 + 0.003 * noise(inverter, row));
    let volts = 700.0 - 2.5 * warmth;
    BTreeMap::from([
        (Quantity::ACTIVE_POWER, (0.97 * dc).min(RATED)),
        (Quantity::VOLTAGE, volts * if 0.97 * dc > RATED { 1.05 } else { 1.0 }),
        (Quantity::CURRENT, dc.min(RATED / 0.97) * 1000.0 / volts),
    ])
}

fn plant(spoil: Spoil) -> Vec<Frame> {
    let mut frames: Vec<Frame> = (0..INVERTERS)
        .map(|k| {
            let mut own = asset(&format!("I{k}"), AssetKind::PvInverter);
            own.capacity_kw = Some(RATED);
            own.attributes.insert("strings".into(), "24".into());
            frame(own, |row| {
                let mut columns = healthy(k, row);
                spoil(k, row, &mut columns);
                columns
            })
        })
        .collect();
    frames.push(frame(asset("W", AssetKind::WeatherStation), |row| {
        BTreeMap::from([
            (Quantity::POA_GLOBAL, light(row)),
            (Quantity::GHI, light(row)),
            (Quantity::TEMP_AIR, 22.0),
            (Quantity::PRECIPITATION, if row % DAY == 8 && RAINS.contains(&(row / DAY)) { 6.0 } else { 0.0 }),
        ])
    }));
    frames
}

fn scan(frames: &[Frame]) -> Detection {
    let watch = Watch::fit(frames, at(TRAIN), &WatchOptions::default()).unwrap();
    watch.scan(frames, at(TRAIN))
}

fn faults(found: &Detection) -> Vec<(&str, &str)> {
    let inform = |i: &&Incident| i.is_information() && i.mode != "comms_loss";
    found.incidents.iter().filter(|i| !inform(i)).map(|i| (i.asset_id.as_str(), i.mode.as_str())).collect()
}

/// Two of 24 strings of I1 gone on days 70 to 80, I2 stopped on day 75, I3 silent on day 78.
fn trouble(k: usize, row: usize, columns: &mut BTreeMap<Quantity, f64>) {
    let (day, quarter) = (row / DAY, row % DAY);
    match (k, day) {
        (1, 70..80) => {
            for quantity in [Quantity::ACTIVE_POWER, Quantity::CURRENT] {
                *columns.get_mut(&quantity).unwrap() *= 22.0 / 24.0;
            }
        }
        (2, 75) if (44..60).contains(&quarter) => {
            columns.insert(Quantity::ACTIVE_POWER, 0.0);
            columns.insert(Quantity::CURRENT, 0.0);
        }
        (3, 78) if (40..52).contains(&quarter) => columns.values_mut().for_each(|v| *v = f64::NAN),
        _ => {}
    }
}

#[test]
fn dust_storms_rain_and_washing_inform_and_the_ratio_is_right() {
    let found = scan(&plant(|_, _, _| ()));
    assert_eq!(faults(&found), []);
    assert!(found.incidents.iter().all(Incident::is_information));
    let (clipped, dust): (Vec<&Incident>, Vec<&Incident>) = found.incidents.iter().partition(|i| i.mode == "clipping");
    let modes: Vec<&str> = dust.iter().map(|i| i.mode.as_str()).collect();
    assert_eq!(modes, ["dust_storm", "soiling", "washing", "rain"]);
    assert!(dust[1].closed_at.is_some_and(|t| t > at(86 * DAY) && t <= at(90 * DAY)), "washed: {:?}", dust[1]);
    assert!(
        (at(98 * DAY)..at(98 * DAY + 8)).contains(&dust[3].opened_at) && dust.iter().all(|i| i.energy_lost_kwh == 0.0),
        "{:?}",
        dust[3]
    );
    assert!(!clipped.is_empty() && clipped.iter().all(|i| i.closed_at.is_some() && i.energy_lost_kwh == 0.0));
    let full = |i: &&&Incident| {
        (0..INVERTERS).filter(|k| healthy(*k, row_of(i.started_at))[&Quantity::ACTIVE_POWER] > 0.995 * RATED).count()
    };
    assert!(clipped.iter().all(|i| 2 * full(&i) > INVERTERS));
    assert_eq!(found.points.iter().filter(|p| p.anomaly).count(), 0);
    assert!(found.points.iter().all(|p| p.score.is_finite()));
    for (day, told) in (TRAIN / DAY..DAYS).zip(&found.soiling) {
        let truth = (0..INVERTERS).map(|k| ratio(k, day)).sum::<f64>() / INVERTERS as f64;
        assert!((told.ratio - truth).abs() < 0.012, "{}: {} for {truth}", told.date, told.ratio);
        assert!(told.low <= told.ratio && told.ratio <= told.high);
    }
    assert!(found.soiling.len() >= DAYS - TRAIN / DAY - 1);
    assert_eq!(found.degradation.len(), 1);
}

#[test]
fn strings_trips_and_silence_are_found_and_named() {
    let found = scan(&plant(trouble));
    assert_eq!(faults(&found), [("I1", "string_out"), ("I2", "inverter_trip"), ("I3", "comms_loss")]);
    let of = |mode: &str| found.incidents.iter().find(|i| i.mode == mode).unwrap();
    let string = of("string_out");
    assert!(string.opened_at <= at(73 * DAY + 4) && string.started_at <= at(71 * DAY), "{string:?}");
    assert!(string.closed_at.is_some_and(|t| t > at(80 * DAY) && t <= at(83 * DAY)), "{string:?}");
    let whole: f64 = (70 * DAY..80 * DAY).map(|row| (0.97 * light(row) * 0.24).min(RATED) / 4.0 * 2.0 / 24.0).sum();
    assert!((string.energy_lost_kwh / whole - 1.0).abs() < 0.25, "{} of about {whole}", string.energy_lost_kwh);
    let trip = of("inverter_trip");
    assert!(trip.opened_at <= at(75 * DAY + 47) && trip.started_at == at(75 * DAY + 44), "{trip:?}");
    assert!(trip.closed_at == Some(at(75 * DAY + 60)) && trip.energy_lost_kwh > 2.0 * RATED, "{trip:?}");
    assert_eq!(of("comms_loss").energy_lost_kwh, 0.0);
}

/// Silent through the round of the crew and back, washed and dusty again.
#[test]
fn washed_out_of_sight_is_no_lost_string() {
    let found = scan(&plant(|k, row, columns| {
        if k == 4 && (62 * DAY..95 * DAY).contains(&row) {
            columns.values_mut().for_each(|v| *v = f64::NAN);
        }
    }));
    assert_eq!(faults(&found), [("I4", "comms_loss")]);
}

/// Half an hour late for five days.
#[test]
fn a_wrong_clock_is_told_from_a_fault() {
    let found = scan(&plant(|k, row, columns| {
        if k == 2 && (70 * DAY + 40..75 * DAY + 40).contains(&row) {
            *columns = healthy(k, row - 2);
        }
    }));
    assert_eq!(faults(&found), [("I2", "clock_shift")]);
    let clock = found.incidents.iter().find(|i| i.mode == "clock_shift").unwrap();
    assert!(clock.opened_at <= at(72 * DAY) && clock.closed_at.is_some_and(|t| t < at(77 * DAY)), "{clock:?}");
    assert_eq!(clock.energy_lost_kwh, 0.0);
}

#[test]
fn a_cut_changes_no_earlier_verdict() {
    let frames = plant(trouble);
    let watch = Watch::fit(&frames, at(TRAIN), &WatchOptions::default()).unwrap();
    let whole = watch.scan(&frames, at(TRAIN));
    for cut in [TRAIN + 50, 67 * DAY, 72 * DAY + 30, 75 * DAY + 46, 78 * DAY + 50, 83 * DAY - 1, 87 * DAY + 48] {
        let known: Vec<Frame> = frames.iter().map(|f| f.known_at(at(cut))).collect();
        let part = watch.scan(&known, at(TRAIN));
        let points = |of: &Detection| -> Vec<_> {
            let before = of.points.iter().filter(|p| p.time < at(cut));
            before.map(|p| (p.asset.clone(), p.time, p.anomaly, p.score.to_bits())).collect()
        };
        assert_eq!(points(&part), points(&whole), "cut at row {cut}");
        let opened = |of: &Detection| -> Vec<_> {
            let before = of.incidents.iter().filter(|i| i.opened_at < at(cut));
            before.map(|i| (i.asset_id.clone(), i.mode.clone(), i.opened_at)).collect()
        };
        assert_eq!(opened(&part), opened(&whole), "cut at row {cut}");
        let days = part.soiling.len();
        assert_eq!(part.soiling, whole.soiling[..days], "cut at row {cut}");
    }
    let early: Vec<Frame> = frames.iter().map(|f| f.known_at(at(TRAIN))).collect();
    let alone = Watch::fit(&early, at(TRAIN), &WatchOptions::default()).unwrap();
    assert!(alone.scan(&frames, at(TRAIN)) == whole, "rows after the training end teach nothing");
}

#[test]
fn the_page_of_an_inverter_shows_expected_power() {
    let frames = plant(trouble);
    let watch = Watch::fit(&frames, at(TRAIN), &WatchOptions::default()).unwrap();
    let range = TimeRange::new(at(75 * DAY), at(76 * DAY)).unwrap();
    let page = watch.health(&AssetId::parse("I2").unwrap(), &frames, range).unwrap();
    let power = page.signals.iter().find(|s| s.quantity == Quantity::ACTIVE_POWER).unwrap();
    assert_eq!((power.times.len(), power.times[0]), (DAY, at(75 * DAY)));
    let noon = 50;
    assert!(power.observed[noon] == 0.0 && power.expected[noon] > 0.5 * RATED && power.score[noon] >= 1.0);
    let (days, ageing) = watch.solar(&frames);
    assert!(days.len() >= 39 && ageing.len() == 1);
}

#[test]
fn every_row_of_an_inverter_has_a_state() {
    let frames = plant(trouble);
    let watch = Watch::fit(&frames, at(TRAIN), &WatchOptions::default()).unwrap();
    let rows = watch.operating(&frames, at(75 * DAY));
    assert_eq!(rows.len(), INVERTERS * 25 * DAY);
    let state = |id: &str, row: usize| rows.iter().find(|r| r.asset.as_str() == id && r.time == at(row)).unwrap().state;
    let tripped = (state("I2", 75 * DAY + 50), state("I2", 75 * DAY + 62), state("I2", 76 * DAY));
    assert_eq!(tripped, (OperatingState::Down, OperatingState::Normal, OperatingState::Idle), "tripped, back, asleep");
    let silent = found_silent(&frames, "I3");
    assert_eq!(state("I3", silent), OperatingState::CommsLost);
}

/// The first row after day 75 that an asset did not send.
fn found_silent(frames: &[Frame], id: &str) -> usize {
    let frame = frames.iter().find(|f| f.asset.id.as_str() == id).unwrap();
    (75 * DAY..LEN).find(|&row| frame.column(&Quantity::ACTIVE_POWER).unwrap()[row].is_nan()).unwrap()
}

#[test]
fn a_plant_that_loses_an_inverter_is_watched_on() {
    let frames = plant(|_, _, _| ());
    let watch = Watch::fit(&frames, at(TRAIN), &WatchOptions::default()).unwrap();
    let rest: Vec<Frame> = frames.iter().filter(|f| f.asset.id.as_str() != "I0").cloned().collect();
    let found = watch.scan(&rest, at(TRAIN));
    // It was silent before the training end, which is old news.
    assert_eq!(faults(&found), []);
    assert!(found.soiling.len() >= DAYS - TRAIN / DAY - 1);
}
