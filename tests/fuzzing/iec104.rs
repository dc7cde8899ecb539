//! What a station sends: a link of any octets ends with a reason, and good ASDUs around any others stay.
//!
//! In: octets, taken as a link and as a list of ASDUs, each behind its length. Out: a panic when a promise of `connectors::iec104` does not
//! hold.

use super::recorded::Held;
use super::recorded::held;
use super::recorded::link;
use super::recorded::points;
use connectors::iec104::Settings;
use connectors::live::Points;
use std::sync::Arc;
use std::sync::LazyLock;

const POINTS: &str = r#"
[[assets]]
id = "GOOD"
kind = "wind_turbine"
[[assets]]
id = "t01"
kind = "wind_turbine"
[[points]]
address = "9/1"
asset = "GOOD"
quantity = "wind_speed"
[[points]]
address = "13/4001"
asset = "t01"
quantity = "active_power"
[[points]]
address = "13/4002"
asset = "t01"
event = "Door open"
bit = 3
[[points]]
address = "13/4003"
asset = "t01"
quantity = "active_energy"
[[points]]
address = "13/4004"
asset = "t01"
quantity = "turbine_status"
[[points]]
address = "13/4005"
asset = "t01"
event = "Trip"
"#;
/// M_ME_TF_1, spontaneous, station 9, object 1: 7.5, at one and two seconds past the turn of the year to 2026.
const BEFORE: &[u8] = &[36, 1, 3, 0, 9, 0, 1, 0, 0, 0, 0, 0xF0, 0x40, 0, 0xE8, 0x03, 0, 0, 1, 1, 26];
const AFTER: &[u8] = &[36, 1, 3, 0, 9, 0, 1, 0, 0, 0, 0, 0xF0, 0x40, 0, 0xD0, 0x07, 0, 0, 1, 1, 26];
/// The longest ASDU.
const LONGEST: usize = 249;

static PLANT: LazyLock<(Vec<Settings>, Arc<Points>)> = LazyLock::new(|| {
    let settings = |keys: &str| toml::from_str(&format!("links = [\"station\"]\n{keys}")).expect("the settings are TOML");
    let small = "cause_octets = 1\ncommon_address_octets = 1\naddress_octets = 2\nzone = \"Africa/Casablanca\"";
    (vec![settings(""), settings(small)], points(POINTS))
});

/// Reads `data` as a link, and as ASDUs between two that are good.
pub fn iec104(data: &[u8]) {
    let (all, _) = &*PLANT;
    for settings in all {
        let alone = read(settings, data);
        assert_eq!(read(settings, data), alone, "the same octets read twice");
        if alone.broken.is_some() {
            let longer = [data, &[0x68, 4, 0x43, 0, 0, 0]].concat();
            assert_eq!(read(settings, &longer), alone, "a link that is given up is not read on");
        }
    }
    let asdus = asdus(data);
    let alone = read(&all[0], &framed(&asdus));
    let among = read(&all[0], &framed(&[&[BEFORE], &asdus[..], &[AFTER]].concat()));
    assert_eq!((&alone.broken, &among.broken), (&None, &None), "whatever an ASDU says, its link goes on");
    for second in [1, 2] {
        let key = ("GOOD".to_owned(), "wind_speed".to_owned(), 1_767_225_600_000_000 + second * 1_000_000);
        if !alone.values.contains_key(&key) {
            assert_eq!(among.values.get(&key), Some(&7.5_f64.to_bits()), "the ASDU at second {second}");
        }
    }
}

fn read(settings: &Settings, octets: &[u8]) -> Held {
    held(&settings.replay(PLANT.1.clone(), &link(), octets).expect("settings and points are valid"))
}

/// A length, and so many octets; what is left over at the end is one, too.
fn asdus(mut data: &[u8]) -> Vec<&[u8]> {
    let mut all = Vec::new();
    while let [length, rest @ ..] = data {
        let (asdu, behind) = rest.split_at(usize::from(*length).clamp(1, LONGEST).min(rest.len()));
        if !asdu.is_empty() {
            all.push(asdu);
        }
        data = behind;
    }
    all
}

/// As numbered frames.
fn framed(asdus: &[&[u8]]) -> Vec<u8> {
    let mut octets = Vec::new();
    for (number, asdu) in asdus.iter().enumerate() {
        let [low, high] = (((number % 32_768) << 1) as u16).to_le_bytes();
        octets.extend([0x68, 4 + asdu.len() as u8, low, high, 0, 0]);
        octets.extend(*asdu);
    }
    octets
}
