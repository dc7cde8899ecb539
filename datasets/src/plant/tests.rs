//! The play is repeatable and true to the simulator's rows; points files are right; ports are taken and freed.

use super::board::Board;
use super::board::Reading;
use super::board::State;
use super::play::Player;
use super::points;
use super::{Addresses, Plant, PlantError, PlantOptions};
use crate::simulate::{FleetOptions, Simulator};
use connectors::live::Points;
use engine::domain::{AssetKind, Quantities, Quantity, Timestamp, from_micros, micros, parse_time};
use std::collections::BTreeMap;
use std::collections::BTreeSet;

fn small() -> FleetOptions {
    let fleet =
        FleetOptions { turbines: 2, inverters: 2, trackers: 1, feeders: 1, weather_forecasts: false, ..FleetOptions::moroccan(7) };
    fleet.ending(noon(), 3)
}

fn noon() -> Timestamp {
    parse_time("2026-06-10T12:00:00Z").unwrap()
}

fn after(seconds: f64) -> i64 {
    micros(noon()) + (seconds * 1e6) as i64
}

fn of(player: &Player, readings: &[Reading], device: &str, key: &str) -> Reading {
    let device = player.fleet.devices.iter().find(|held| held.name == device).unwrap();
    readings[player.fleet.find(device, key).unwrap()]
}

/// The simulator's own rows: (asset, quantity, time in s) → value.
fn rows(quantity: &Quantity, kind: AssetKind) -> BTreeMap<(String, i64), f64> {
    let mut simulator = Simulator::new(small()).unwrap();
    let until = noon().checked_add(jiff::SignedDuration::from_hours(6)).unwrap();
    let mut rows = BTreeMap::new();
    for readings in simulator.next_chunk(until).unwrap().readings.iter().filter(|readings| readings.kind() == kind) {
        let values = readings.values(quantity).unwrap();
        for row in 0..readings.len() {
            let key = (readings.asset_ids().value(row).to_owned(), readings.times().value(row) / 1_000_000);
            rows.insert(key, values.value(row));
        }
    }
    rows
}

#[test]
fn values_go_from_row_to_row() {
    let rows = rows(&Quantity::ACTIVE_POWER, AssetKind::PvInverter);
    let mut player = Player::new(small(), noon()).unwrap();
    let mut before = None;
    for second in [0.0, 1.0, 300.0, 599.0, 600.0, 4500.0] {
        let readings = player.picture(after(second), 42, (0.0, 0.0)).unwrap();
        let shown = of(&player, &readings, "INV01", "active_power");
        let start = noon().as_second() + (second as i64).div_euclid(600) * 600;
        let row = |time| rows[&("ouarzazate/INV01".to_owned(), time)];
        let part = second.rem_euclid(600.0) / 600.0;
        let wanted = row(start) * (1.0 - part) + row(start + 600) * part;
        assert!(wanted > 500.0, "the sun shines at noon: {wanted}");
        assert!((shown.value - wanted).abs() <= 0.0011 * wanted, "{second} s: {} is not {wanted}", shown.value);
        assert_eq!((shown.time, shown.state), (42, State::Good));
        assert_ne!(Some(shown.value), before, "every moment has its own value");
        before = Some(shown.value);
    }
}

#[test]
fn the_same_moments_give_the_same_readings() {
    let play = || {
        let mut player = Player::new(small(), noon()).unwrap();
        [0.0, 7.0, 1234.5].map(|second| player.picture(after(second), 0, (60.0, second)).unwrap()).concat()
    };
    let bits = |readings: Vec<Reading>| readings.iter().map(|r| (r.value.to_bits(), r.state)).collect::<Vec<_>>();
    assert_eq!(bits(play()), bits(play()));
}

#[test]
fn a_leap_finds_the_same_rows_as_steps() {
    let mut steps = Player::new(small(), noon()).unwrap();
    let mut leap = Player::new(small(), noon()).unwrap();
    let far = 3.0 * 86_400.0 + 333.0;
    for step in 0..500 {
        steps.picture(after(far * f64::from(step) / 500.0), 0, (0.0, 0.0)).unwrap();
    }
    let (a, b) = (steps.picture(after(far), 0, (0.0, 0.0)).unwrap(), leap.picture(after(far), 0, (0.0, 0.0)).unwrap());
    let value = |player: &Player, readings: &[Reading], key| of(player, readings, "WTG02", key).value;
    for key in ["active_power", "wind_speed", "wind_direction"] {
        assert_eq!(value(&steps, &a, key).to_bits(), value(&leap, &b, key).to_bits(), "{key}");
    }
}

#[test]
fn counters_count_what_was_made() {
    let mut player = Player::new(small(), noon()).unwrap();
    let mut made = 0.0;
    let mut shown = Vec::new();
    for second in 0..=3600 {
        let readings = player.picture(after(f64::from(second)), 0, (0.0, 0.0)).unwrap();
        if second > 0 {
            made += of(&player, &readings, "INV02", "active_power").value / 3600.0;
        }
        shown.push(of(&player, &readings, "INV02", "active_energy").value);
    }
    assert_eq!(shown[0], 1000.0);
    assert!(made > 500.0 && (shown[3600] - 1000.0 - made).abs() < 1e-6 * made, "{made} {shown:?}");
}

#[test]
fn sensors_break_in_turn_and_say_so() {
    let mut player = Player::new(small(), noon()).unwrap();
    let mut broken = Vec::new();
    for second in 0..300 {
        let readings = player.picture(after(f64::from(second)), 0, (60.0, f64::from(second))).unwrap();
        for (device, key) in [("INV01", "temp_cell"), ("INV02", "temp_cell"), ("WTG01", "gearbox_bearing_temp")] {
            let is_broken = of(&player, &readings, device, key).state == State::SensorFailed;
            assert_eq!(of(&player, &readings, device, "sensor_failed").value > 0.0, is_broken, "{device} at {second} s");
            if is_broken {
                broken.push((second, device));
            }
        }
    }
    let of_device = |device| broken.iter().filter(|(_, name)| *name == device).map(|(second, _)| *second).collect::<Vec<_>>();
    assert_eq!(of_device("INV01"), (60..80).collect::<Vec<_>>());
    assert_eq!(of_device("INV02"), (120..140).collect::<Vec<_>>());
    assert_eq!(of_device("WTG01"), (180..200).collect::<Vec<_>>());
}

#[test]
fn every_points_file_is_right_and_whole() {
    let mut player = Player::new(small(), noon()).unwrap();
    let first = player.picture(after(0.0), 0, (0.0, 0.0)).unwrap();
    let board = Board::new(player.fleet.clone(), first);
    let local = |port| Some(std::net::SocketAddr::from(([127, 0, 0, 1], port)));
    let addresses = Addresses { modbus: local(5020), opcua: local(4840), iec104: local(2404), mqtt: Some(("broker".into(), 1883)) };
    let files = points::files(&board, &addresses, 10.0);
    assert_eq!(
        files.iter().map(|file| file.0.as_str()).collect::<Vec<_>>(),
        ["modbus.toml", "opcua.toml", "iec104.toml", "mqtt.toml", "chergui.toml"]
    );
    let all = board.fleet.signals.len();
    let mut units = BTreeSet::new();
    for (name, text) in files.iter().filter(|file| file.0 != "chergui.toml") {
        let points = Points::parse(text, name, &Quantities::standard()).unwrap();
        let addresses: BTreeSet<_> = points.points().iter().map(|point| point.address.clone()).collect();
        assert_eq!(addresses.len(), points.points().len(), "{name}: an address twice");
        assert_eq!(points.assets().len(), board.fleet.devices.len());
        if name == "modbus.toml" {
            // The station's humidity and rain are there; SunSpec has no place for its soiling ratio and the inverters' sensor alarms.
            assert_eq!(points.points().len(), all - 3, "{text}");
            units = addresses;
        } else {
            assert_eq!(points.points().len(), all, "{name}");
        }
    }
    assert!(units.contains("1/sunspec:103/W") && units.contains("3/sunspec:302/GHI[1]") && units.contains("4/ir:0"), "{units:?}");
    let config: toml::Table = toml::from_str(&files[4].1).unwrap();
    assert_eq!(config["connection"].as_array().unwrap().len(), 4);
    assert_eq!(config["connection"][2]["from"]["iec104"]["links"][0].as_str(), Some("127.0.0.1:2404"));
    assert_eq!(config["connection"][1]["from"]["opcua"]["sampling_interval_ms"].as_float(), Some(100.0), "every change is sampled");
}

#[test]
fn devices_keep_their_names_and_addresses() {
    let player = Player::new(small(), noon()).unwrap();
    let named: Vec<_> = player.fleet.devices.iter().map(|d| (d.name.as_str(), d.unit, d.station)).collect();
    assert_eq!(
        named[..7],
        [
            ("INV01", Some(1), 1),
            ("INV02", Some(2), 2),
            ("WS01", Some(3), 3),
            ("WTG01", Some(4), 4),
            ("WTG02", Some(5), 5),
            ("casablanca", Some(6), 6),
            ("TR1", Some(7), 7)
        ]
    );
}

#[tokio::test]
async fn wrong_wishes_are_answered_with_the_remedy() {
    let say = async |change: fn(&mut PlantOptions)| {
        let mut options = PlantOptions { history_days: 2, ..PlantOptions::loopback(small()) };
        change(&mut options);
        Plant::start(options, noon).await.err().unwrap().to_string()
    };
    assert!(say(|o| o.speed = 0.0).await.contains("1 is real time"));
    assert!(say(|o| o.rate = f64::NAN).await.contains("at most 1000"));
    assert!(say(|o| (o.modbus, o.opcua, o.iec104) = (None, None, None)).await.contains("at least one of"));
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut options = PlantOptions { history_days: 2, ..PlantOptions::loopback(small()) };
    options.iec104 = Some(taken.local_addr().unwrap());
    let error = Plant::start(options, noon).await.err().unwrap();
    assert!(matches!(error, PlantError::Bind { protocol: "IEC 104", .. }), "{error}");
    assert!(error.to_string().contains("give another address"), "{error}");
}

#[tokio::test]
async fn a_plant_frees_its_ports() {
    let options = PlantOptions { history_days: 2, ..PlantOptions::loopback(small()) };
    let plant = Plant::start(options, Timestamp::now).await.unwrap();
    let addresses = plant.addresses().clone();
    assert_eq!(plant.size(), (11, 80));
    plant.stop().await;
    for address in [addresses.modbus, addresses.opcua, addresses.iec104] {
        let again = tokio::net::TcpListener::bind(address.unwrap()).await;
        assert!(again.is_ok(), "{address:?}: {again:?}");
    }
}

#[test]
fn faults_are_told_by_the_clock_of_the_values() {
    let fleet = FleetOptions { weather_forecasts: false, ..FleetOptions::moroccan(1) }.ending(noon(), 60);
    let mut player = Player::new(fleet.clone(), noon()).unwrap();
    let options = PlantOptions { speed: 60.0, ..PlantOptions::loopback(fleet) };
    let pace = super::Pace { origin: after(0.0), begun: after(86_400.0), options };
    let faults = super::planned(&mut player, &pace);
    // The show: an inverter trips nine hours after the midnight that follows, which is 21 hours away.
    let trip = faults.iter().find(|fault| fault.device == "INV03" && fault.label.mode == "inverter_trip").unwrap();
    assert_eq!(trip.label.start, parse_time("2026-06-11T09:00:00Z").unwrap());
    assert_eq!(trip.begins, parse_time("2026-06-11T12:21:00Z").unwrap());
    assert!(faults.iter().any(|fault| fault.device == "WTG03"
        && fault.label.mode == "bearing_overheat"
        && fault.begins < from_micros(after(86_400.0))));
    assert!(faults.windows(2).all(|pair| pair[0].begins <= pair[1].begins));
}
