//! SunSpec models as pysunspec2 lays them out.
//!
//! In: register images of every model we know, filled by pysunspec2. Out: a failure where a point's place, type, factor, unit or value is
//! another. Not here: links.

use super::super::drive::{Drive, points};
use super::{SOON, server, settings};
use connectors::live::{Link, Points, Protocol, points_file};
use engine::domain::{Quantities, Timestamp};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

#[tokio::test]
async fn every_point_of_every_model_is_read_as_pysunspec2_means_it() {
    let Some((mut peer, port)) = server() else { return };
    let link = Link::new("plant", Timestamp::now);
    for seed in [0, 1, 5] {
        peer.ask(&json!({ "drop": { "unit": 1 } }));
        let answer = peer.ask(&json!({ "every": { "unit": 1, "seed": seed } }));
        let expected = answer["points"].as_object().unwrap();
        let settings = settings(port, json!({ "sunspec": { "units": [1] } }));
        let found = settings.discover(&link, &|_| {}).await.unwrap();
        let by_address: BTreeMap<&str, _> = found.iter().map(|thing| (thing.address.as_str(), thing)).collect();
        let mut checked = 0;
        for (address, told) in expected {
            let thing = by_address.get(address.as_str()).unwrap_or_else(|| panic!("{address} was not found: {told}"));
            checked += 1;
            if thing.options.contains_key("when") {
                continue;
            }
            let (ours, theirs) = (thing.value.as_deref().unwrap().parse::<f64>().unwrap(), told["value"].as_f64().unwrap());
            assert!((ours - theirs).abs() <= theirs.abs() * 1e-9, "{address}: {ours}, pysunspec2 says {theirs}");
            let unit = told["unit"].as_str().unwrap();
            assert!(thing.unit.is_some() || ["", "PF", "cos()"].contains(&unit), "{address}: unit {unit:?}");
        }
        assert_eq!((checked, found.len()), (expected.len(), expected.len()), "neither more nor less");
        assert!(checked > 900, "{checked}");
    }
}

const INVERTER: &str = r#"
[[assets]]
id = "inv"
kind = "pv_inverter"

[[assets]]
id = "string2"
kind = "pv_inverter"

[[points]]
address = "1/sunspec:103/W"
asset = "inv"
quantity = "active_power"
unit = "W"

[[points]]
address = "1/sunspec:103/WH"
asset = "inv"
quantity = "active_energy"
unit = "Wh"

[[points]]
address = "1/sunspec:103/Hz"
asset = "inv"
quantity = "frequency"

[[points]]
address = "1/sunspec:103/PhVphA"
asset = "inv"
quantity = "voltage"

[[points]]
address = "1/sunspec:103/VAr"
asset = "inv"
quantity = "reactive_power"
unit = "var"

[[points]]
address = "1/sunspec:160/DCW[2]"
asset = "string2"
quantity = "active_power"
unit = "W"

[[points]]
address = "1/sunspec:160/DCV[9]"
asset = "string2"
quantity = "voltage"

[[points]]
address = "1/sunspec:103/St"
asset = "inv"
event = "Inverter"
when = ["FAULT"]

[[points]]
address = "1/sunspec:103/Evt1"
asset = "inv"
event = "Inverter"
"#;

/// Model 103, and model 160 with two strings.
fn plant(state: u16, events: u32) -> serde_json::Value {
    let inverter = json!({
        "W": 512, "W_SF": 1, "WH": 123_456, "WH_SF": 2, "Hz": 4998, "Hz_SF": -2,
        "VAr": 77, "St": state, "Evt1": events, "V_SF": -1,
    });
    let strings =
        json!({ "ID": 160, "points": { "DCW_SF": 0, "DCV_SF": 0 }, "repeats": [{ "DCW": 100 }, { "DCW": 200, "DCV": 600 }] });
    json!({ "sunspec": { "unit": 1, "models": [{ "ID": 103, "points": inverter }, strings] } })
}

#[tokio::test]
async fn what_is_not_implemented_is_no_value_and_bits_have_names() {
    let Some((mut peer, port)) = server() else { return };
    peer.ask(&plant(4, 0));
    let (settings, points) = (settings(port, json!({})), points(INVERTER));
    let mut drive = Drive::open(&settings, &points);
    assert!(drive.until(SOON, |drive| drive.kept.series("string2", "active_power").len() >= 3).await, "{:?}", drive.link.status());
    let newest = |asset: &str, quantity: &str| drive.kept.series(asset, quantity).last().map(|(_, value)| *value);
    assert_eq!(newest("inv", "active_power"), Some(5.12));
    assert_eq!(newest("inv", "active_energy"), Some(12_345.6));
    assert_eq!(newest("inv", "frequency"), Some(49.98));
    assert_eq!(newest("string2", "active_power"), Some(0.2));
    // Never 6553.5 V, never 77 · 10^-32768 var.
    assert_eq!((newest("inv", "voltage"), newest("inv", "reactive_power")), (None, None));
    let reason = |asset: &str, quantity: &str| {
        drive.kept.flags.iter().find(|flag| flag.0 == asset && flag.1 == quantity).map(|flag| flag.4.clone()).unwrap_or_default()
    };
    assert_eq!(reason("inv", "voltage"), "not_implemented");
    assert_eq!(reason("inv", "reactive_power"), "no_scale_factor");
    assert_eq!(reason("string2", "voltage"), "no_such_model");
    assert!(drive.kept.rejects[0].detail.contains("2 repetitions"), "{:?}", drive.kept.rejects);
    assert!(drive.kept.events.is_empty(), "running is no event: {:?}", drive.kept.events);

    peer.ask(&plant(7, 0b1_0000_0001));
    assert!(drive.until(SOON, |drive| drive.kept.events.len() == 3).await, "{:?}", drive.kept.events);
    let named: Vec<&str> = drive.kept.events.keys().map(|key| key.1.as_str()).collect();
    assert_eq!(named, ["Inverter: FAULT", "Inverter: GROUND_FAULT", "Inverter: OVER_FREQUENCY"]);
    peer.ask(&plant(4, 0b1_0000_0000));
    let ended = |drive: &Drive| drive.kept.events.values().flatten().count() == 2;
    assert!(drive.until(SOON, ended).await, "{:?}", drive.kept.events);
    let still: Vec<&str> = drive.kept.events.iter().filter(|event| event.1.is_none()).map(|event| event.0.1.as_str()).collect();
    assert_eq!(still, ["Inverter: OVER_FREQUENCY"]);
}

#[tokio::test]
async fn a_factor_that_changes_never_meets_a_value_from_before() {
    let Some((mut peer, port)) = server() else { return };
    peer.ask(&plant(4, 0));
    let start = peer.ask(&plant(4, 0))["starts"]["103"].as_u64().unwrap();
    peer.ask(&json!({ "flip": { "unit": 1, "value": start + 14, "factor": start + 15, "ten": 5 } }));
    let (settings, points) = (settings(port, json!({ "every_s": 0.05 })), points(INVERTER));
    let mut drive = Drive::open(&settings, &points);
    assert!(drive.until(SOON, |drive| drive.kept.series("inv", "active_power").len() >= 40).await);
    let values = drive.kept.series("inv", "active_power");
    assert!(values.iter().all(|(_, value)| *value == 0.05), "{values:?}");
}

#[tokio::test]
async fn a_map_that_moves_never_gives_a_value_of_something_else() {
    let Some((mut peer, port)) = server() else { return };
    peer.ask(&plant(4, 0));
    let (settings, points) = (settings(port, json!({ "every_s": 0.05 })), points(INVERTER));
    let mut drive = Drive::open(&settings, &points);
    let count = |drive: &Drive| drive.kept.series("inv", "active_power").len();
    for round in 0..4 {
        let before = count(&drive);
        assert!(drive.until(SOON, |drive| count(drive) > before + 3).await, "round {round}: {:?}", drive.link.status());
        let mut moved = plant(4, 0);
        if round % 2 == 0 {
            let rating = json!({ "ID": 120, "points": { "WRtg": 600, "WRtg_SF": 1 } });
            moved["sunspec"]["models"].as_array_mut().unwrap().insert(0, rating);
        }
        peer.ask(&json!({ "drop": { "unit": 1 } }));
        peer.ask(&moved);
    }
    let values = drive.kept.series("inv", "active_power");
    assert!(values.iter().all(|(_, value)| *value == 5.12), "{values:?}");
    assert!(drive.kept.flags.iter().any(|flag| flag.4 == "map_changed"), "{:?}", drive.kept.flags);
}

#[tokio::test]
async fn discovered_points_are_read_as_they_stand() {
    let Some((mut peer, port)) = server() else { return };
    for unit in [3, 4] {
        let points = json!({ "W": 5120, "W_SF": 0, "Hz": 5000, "Hz_SF": -2, "A": 12, "A_SF": 0, "TmpCab": 40, "Tmp_SF": 0, "St": 4, "Evt1": 0 });
        let rating = json!({ "ID": 120, "points": { "WRtg": 600, "WRtg_SF": 1 } });
        let models = json!([{ "ID": 103, "points": points }, rating]);
        let common = json!({ "unit": unit, "base": 0, "Mn": "Atlas", "Md": "X6", "SN": format!("000{unit}"), "models": models });
        peer.ask(&json!({ "sunspec": common }));
    }
    peer.ask(&json!({ "put": { "unit": 5, "at": 0, "values": vec![1; 101] } }));
    let settings = settings(port, json!({ "sunspec": { "units": [1, 3, 4, 5] } }));
    let link = Link::new("plant", Timestamp::now);
    let lines = Mutex::new(0);
    let found = settings.discover(&link, &|_| *lines.lock().unwrap() += 1).await.unwrap();
    assert!(*lines.lock().unwrap() > 0, "progress is told");
    let text = points_file("modbus", &found);
    let points =
        Arc::new(Points::parse(&text, "found.toml", &Quantities::standard()).unwrap_or_else(|error| panic!("{error}\n{text}")));
    let assets: Vec<(&str, &str, Option<f64>)> =
        points.assets().iter().map(|asset| (asset.id.as_str(), asset.kind.name(), asset.capacity_kw)).collect();
    let inverters = [("Atlas_X6_0003", "pv_inverter", Some(6.0)), ("Atlas_X6_0004", "pv_inverter", Some(6.0))];
    assert_eq!(assets[..2], inverters, "{text}");
    assert!(text.contains("holding registers 0 to"), "{text}");
    let mut drive = Drive::open(&settings, &points);
    assert!(drive.until(SOON, |drive| drive.kept.series("Atlas_X6_0004", "active_power").len() >= 2).await, "{text}");
    assert!(drive.kept.series("Atlas_X6_0003", "active_power").iter().all(|(_, value)| *value == 5.12));
    assert!(drive.kept.series("Atlas_X6_0003", "frequency").iter().all(|(_, value)| *value == 50.0));
    assert_eq!(drive.kept.rejects.len(), 0, "{:?}", drive.kept.rejects);
    let probe = settings.probe(&points, &link).await.unwrap();
    assert!(probe.peer.contains("Atlas X6 0003") && probe.peer.contains("Atlas X6 0004"), "{probe:?}");
    let all = format!("{0} of {0} points answer", points.points().len());
    assert!(probe.says.contains(&all), "{probe:?}");
}
