//! Many devices at once: 500 inverters of 60 registers every second in the long form, 40 in the short.
//!
//! In: three servers, each with many units. Out: a failure where a device is left behind or a value is another's. Says on stderr how many values
//! a second came; asserts no speed, since the servers are the slow side. Not here: what a value means.

use super::super::drive::{Drive, points};
use super::super::peer::{Peer, free_port};
use super::{server_at, settings};
use serde_json::{Value, json};
use std::fmt::Write;
use std::time::{Duration, Instant};

const REGISTERS: u16 = 60;
const HOSTS: u16 = 3;

/// Value of a register of a unit of a host: tells all three.
fn value(host: u16, unit: u16, register: u16) -> u16 {
    host * 20_000 + unit * 80 + register
}

fn hosts(units: u16) -> Option<Vec<(Peer, u16)>> {
    let orders = |host: u16| -> Vec<Value> {
        let registers = |unit: u16| (0..REGISTERS).map(|register| value(host, unit, register)).collect::<Vec<_>>();
        (1..=units).map(|unit| json!({ "put": { "unit": unit, "at": 0, "values": registers(unit) } })).collect()
    };
    let start = |host| {
        let port = free_port();
        let mut peer = server_at(port, &[])?;
        for order in orders(host) {
            peer.ask(&order);
        }
        Some((peer, port))
    };
    (0..HOSTS).map(start).collect()
}

/// One series without a look at the others.
fn series(drive: &Drive, asset: &str, quantity: &str) -> Vec<f64> {
    let key = |time| (asset.to_owned(), quantity.to_owned(), time);
    drive.kept.values.range(key(i64::MIN)..=key(i64::MAX)).map(|(_, value)| *value).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_device_of_a_fleet_is_read_at_every_tick() {
    let is_long = std::env::var_os("CHERGUI_LONG").is_some();
    let (units, every, ticks) = if is_long { (167, 1.0, 30) } else { (14, 0.2, 5) };
    let Some(hosts) = hosts(units) else { return };
    let mut text = String::from("[quantities]\n");
    for register in 0..REGISTERS {
        writeln!(text, "q{register:02} = \"V\"").unwrap();
    }
    for (host, (_, port)) in hosts.iter().enumerate() {
        for unit in 1..=units {
            writeln!(text, "[[assets]]\nid = \"h{host}u{unit}\"\nkind = \"pv_inverter\"").unwrap();
            for register in 0..REGISTERS {
                writeln!(text, "[[points]]\naddress = \"127.0.0.1:{port}/{unit}/hr:{register}\"").unwrap();
                writeln!(text, "asset = \"h{host}u{unit}\"\nquantity = \"q{register:02}\"").unwrap();
            }
        }
    }
    let (settings, points) = (settings(502, json!({ "every_s": every, "connections": 4, "timeout_s": 3 })), points(&text));
    let mut drive = Drive::open(&settings, &points);
    let began = Instant::now();
    let last = format!("h{}u{units}", HOSTS - 1);
    let is_enough = |drive: &Drive| series(drive, &last, "q00").len() >= ticks;
    assert!(drive.until(Duration::from_secs(120), is_enough).await, "{:?}", drive.link.status());
    for host in 0..HOSTS {
        for unit in 1..=units {
            let asset = format!("h{host}u{unit}");
            for register in [0, 31, REGISTERS - 1] {
                let held = series(&drive, &asset, &format!("q{register:02}"));
                assert!(held.len() + 3 >= ticks / 2, "{asset} is left behind: {} of {ticks}", held.len());
                let expected = f64::from(value(host, unit, register));
                assert!(held.iter().all(|value| *value == expected), "{asset} q{register}: {held:?}");
            }
        }
    }
    assert_eq!((drive.kept.flags.len(), drive.kept.rejects.len()), (0, 0), "{:?}", drive.kept.flags.first());
    assert_eq!(drive.kept.arrivals, drive.kept.values.len(), "nothing twice");
    let (values, seconds) = (drive.kept.arrivals, began.elapsed().as_secs_f64());
    eprintln!("{} devices, {values} values in {seconds:.1} s: {:.0} values a second", HOSTS * units, values as f64 / seconds);
}
