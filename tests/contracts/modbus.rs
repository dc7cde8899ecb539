//! Modbus TCP and SunSpec against pymodbus and pysunspec2.
//!
//! In: registers the peer was told to hold. Out: a failure where a value, a time, a reason or an event differs. Not here: links that fail
//! (`modbus/links.rs`), models (`modbus/models.rs`).

mod fleet;
mod links;
mod models;

use super::drive::{Drive, points};
use super::peer::{Peer, free_port};
use connectors::live::{Link, Phase, Protocol};
use connectors::modbus::Settings;
use engine::domain::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

/// Bound of a wait.
const SOON: Duration = Duration::from_secs(20);

/// A server and its port, or `None` where there is no interpreter.
fn server() -> Option<(Peer, u16)> {
    let port = free_port();
    server_at(port, &[]).map(|peer| (peer, port))
}

/// One that has these registers from the beginning.
fn server_at(port: u16, orders: &[Value]) -> Option<Peer> {
    let words: Vec<String> = std::iter::once(port.to_string()).chain(orders.iter().map(Value::to_string)).collect();
    Peer::python("modbus_server.py", &words.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Ten polls a second, short waits, and what else is told.
fn settings(port: u16, more: Value) -> Settings {
    let mut all = json!({ "host": "127.0.0.1", "port": port, "every_s": 0.1, "timeout_s": 0.5 });
    if let Value::Object(more) = more {
        all.as_object_mut().unwrap().extend(more);
    }
    serde_json::from_value(all).unwrap()
}

const PLAIN: &str = r#"
[[assets]]
id = "m1"
kind = "meter"

[[assets]]
id = "ws"
kind = "weather_station"

[[points]]
address = "1/hr:100"
asset = "m1"
quantity = "active_power"
unit = "W"
scale = 10

[[points]]
address = "1/4x00102"
asset = "m1"
quantity = "reactive_power"
type = "i16"

[[points]]
address = "1/hr:102"
asset = "m1"
quantity = "active_energy"
type = "u32"
word_order = "little"

[[points]]
address = "1/ir:7"
asset = "m1"
quantity = "frequency"
type = "f32"

[[points]]
address = "1/hr:104"
asset = "ws"
quantity = "temp_air"
type = "i16"
scale = 0.1
invalid = [-32768]

[[points]]
address = "1/hr:105"
asset = "ws"
quantity = "ghi"
byte_order = "little"

[[points]]
address = "1/hr:300"
asset = "ws"
quantity = "dhi"

[[points]]
address = "1/co:5"
asset = "m1"
event = "Door open"

[[points]]
address = "1/di:9"
asset = "m1"
event = "Fuse blown"

[[points]]
address = "1/hr:106"
asset = "m1"
event = "Over temperature"
bit = 3
"#;

fn fill(peer: &mut Peer) {
    let frequency = 49.97_f32.to_bits();
    let words = [1234_u16, (-5_i16).cast_unsigned(), 0x5678, 0x0001, 215, 0x2003, 0];
    peer.ask(&json!({ "put": { "unit": 1, "at": 100, "values": words } }));
    peer.ask(&json!({ "put": { "unit": 1, "table": "ir", "at": 7, "values": [frequency >> 16, frequency & 0xFFFF] } }));
    peer.ask(&json!({ "put": { "unit": 1, "table": "co", "at": 0, "values": [0, 0, 0, 0, 0, 0] } }));
    peer.ask(&json!({ "put": { "unit": 1, "table": "di", "at": 9, "values": [0] } }));
}

#[tokio::test]
async fn values_times_reasons_and_events_are_the_devices() {
    let Some((mut peer, port)) = server() else { return };
    fill(&mut peer);
    let (settings, points) = (settings(port, json!({})), points(PLAIN));
    let began = Timestamp::now().as_microsecond();
    let mut drive = Drive::open(&settings, &points);
    assert!(drive.until(SOON, |drive| drive.kept.series("m1", "active_power").len() >= 3).await, "{:?}", drive.link.status());
    let newest = |drive: &Drive, asset: &str, quantity: &str| drive.kept.series(asset, quantity).last().map(|(_, value)| *value);
    let expected = [
        ("m1", "active_power", 12.34),
        ("m1", "reactive_power", -5.0),
        ("m1", "active_energy", f64::from(0x0001_5678)),
        ("m1", "frequency", f64::from(49.97_f32)),
        ("ws", "temp_air", 21.5),
        ("ws", "ghi", f64::from(0x0320)),
    ];
    for (asset, quantity, value) in expected {
        let held = newest(&drive, asset, quantity).unwrap_or(f64::NAN);
        assert!((held - value).abs() < 1e-9, "{quantity}: {held}, not {value}");
    }
    for (time, _) in drive.kept.series("m1", "active_power") {
        assert!(time % 100_000 == 0 && time > began, "{time} is a whole tenth of a second, after the beginning");
    }
    let (power, air) = (drive.kept.series("m1", "active_power"), drive.kept.series("ws", "temp_air"));
    assert!(power.iter().zip(&air).all(|(one, other)| one.0 == other.0), "rows of one poll have one time");
    // A wrong address silences itself only, and says what to do.
    assert!(newest(&drive, "ws", "dhi").is_none());
    let flag = drive.kept.flags.iter().find(|flag| flag.1 == "dhi").expect("a reason");
    assert_eq!((flag.3.as_str(), flag.4.as_str()), ("invalid", "illegal_address"));
    let told: Vec<&str> = drive.kept.rejects.iter().map(|reject| reject.detail.as_str()).collect();
    assert_eq!(told.len(), 1, "once: {told:?}");
    for part in ["points.toml", "1/hr:300", "exception 2", "4x00101 is hr:100"] {
        assert!(told[0].contains(part), "{part}: {told:?}");
    }
    assert!(drive.kept.events.is_empty(), "normal is no event");

    peer.ask(&json!({ "put": { "unit": 1, "table": "co", "at": 5, "values": [1] } }));
    peer.ask(&json!({ "put": { "unit": 1, "table": "di", "at": 9, "values": [1] } }));
    peer.ask(&json!({ "put": { "unit": 1, "at": 104, "values": [0x8000, 0x2003, 0x000C] } }));
    assert!(drive.until(SOON, |drive| drive.kept.events.len() == 3).await, "{:?}", drive.kept.events);
    let named: Vec<&str> = drive.kept.events.keys().map(|key| key.1.as_str()).collect();
    assert_eq!(named, ["Door open", "Fuse blown", "Over temperature"]);
    assert!(drive.kept.events.values().all(Option::is_none));
    assert!(drive.kept.flags.iter().any(|flag| flag.1 == "temp_air" && flag.4 == "invalid_value"), "{:?}", drive.kept.flags);
    peer.ask(&json!({ "put": { "unit": 1, "table": "co", "at": 5, "values": [0] } }));
    peer.ask(&json!({ "put": { "unit": 1, "table": "di", "at": 9, "values": [0] } }));
    peer.ask(&json!({ "put": { "unit": 1, "at": 106, "values": [4] } }));
    assert!(drive.until(SOON, |drive| drive.kept.events.values().all(Option::is_some)).await, "{:?}", drive.kept.events);
    assert!(drive.kept.events.iter().all(|(key, reset)| reset.unwrap() > key.2), "reset after raised");
    assert_eq!(drive.kept.arrivals, drive.kept.values.len(), "nothing twice");
    let link = drive.link.clone();
    assert_eq!(link.status().phase, Phase::Live);
    drive.close().await;
    assert_eq!(link.status().phase, Phase::Closed);
}

#[tokio::test]
async fn one_poll_is_few_requests_and_a_bad_address_is_narrowed_down() {
    let Some((mut peer, port)) = server() else { return };
    peer.ask(&json!({ "put": { "unit": 1, "at": 0, "values": vec![7; 60] } }));
    peer.ask(&json!({ "refuse": [{ "unit": 1, "table": "hr", "from": 33, "to": 33, "code": 2 }] }));
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    let assets: String = names.iter().map(|name| format!("[[assets]]\nid = \"{name}\"\nkind = \"meter\"\n")).collect();
    let one =
        |(index, name)| format!("[[points]]\naddress = \"1/hr:{}\"\nasset = \"{name}\"\nquantity = \"voltage\"\n", index * 3 + 6);
    let text = assets + &names.iter().enumerate().map(one).collect::<String>();
    let (settings, points) = (settings(port, json!({})), points(&text));
    let mut drive = Drive::open(&settings, &points);
    assert!(drive.until(SOON, |drive| drive.kept.series("a", "voltage").len() >= 5).await);
    for name in names {
        // hr:33 is that of "j".
        assert_eq!(drive.kept.series(name, "voltage").len() >= 4, name != "j", "{name}");
    }
    assert_eq!(drive.kept.rejects.len(), 1, "{:?}", drive.kept.rejects);
    peer.ask(&json!({ "requests": true }));
    let before = drive.kept.series("a", "voltage").len();
    assert!(drive.until(SOON, |drive| drive.kept.series("a", "voltage").len() >= before + 5).await);
    let requests = peer.ask(&json!({ "requests": true }))["requests"].as_array().unwrap().len();
    let polls = drive.kept.series("a", "voltage").len() - before + 2;
    // Ten points: halves, quarters … of the request, until the bad one stands alone.
    assert!(requests <= polls * 4, "{requests} requests for {polls} polls");
}

#[tokio::test]
async fn what_a_gateway_cannot_reach_does_not_stall_the_others() {
    let Some((mut peer, port)) = server() else { return };
    let dead = free_port();
    for unit in [1, 2, 3] {
        peer.ask(&json!({ "put": { "unit": unit, "at": 0, "values": [unit] } }));
    }
    peer.ask(&json!({ "silent": [2] }));
    let point = |address: String, asset: &str| {
        format!(
            "[[assets]]\nid = \"{asset}\"\nkind = \"meter\"\n[[points]]\naddress = \"{address}\"\nasset = \"{asset}\"\nquantity = \"voltage\"\n"
        )
    };
    let text = [
        point("1/hr:0".into(), "one"),
        point("2/hr:0".into(), "silent"),
        point("3/hr:0".into(), "three"),
        point("9/hr:0".into(), "absent"),
        point(format!("127.0.0.1:{dead}/1/hr:0"), "dead"),
    ]
    .concat();
    let (settings, points) = (settings(port, json!({ "timeout_s": 0.2 })), points(&text));
    let mut drive = Drive::open(&settings, &points);
    assert!(drive.until(SOON, |drive| drive.kept.series("three", "voltage").len() >= 20).await, "{:?}", drive.link.status());
    assert!(drive.kept.series("one", "voltage").len() >= 19);
    let reasons =
        |asset: &str| drive.kept.flags.iter().filter(|flag| flag.0 == asset).map(|flag| flag.4.clone()).collect::<Vec<_>>();
    assert_eq!(reasons("silent"), ["no_response"], "once");
    assert_eq!(reasons("absent"), ["gateway_no_response"]);
    assert_eq!(reasons("dead"), ["comms_lost"]);
    let status = drive.link.status();
    assert!(status.phase == Phase::Live && status.failures >= 1, "{status:?}");
    assert!(status.last_error.as_deref().is_some_and(|error| error.contains(&dead.to_string())), "{status:?}");
    // The silent one wakes up.
    peer.ask(&json!({ "silent": [] }));
    assert!(drive.until(SOON, |drive| !drive.kept.series("silent", "voltage").is_empty()).await);
}

#[tokio::test]
async fn slips_are_told_with_their_remedy() {
    let link = Link::new("plant", Timestamp::now);
    let file = |body: &str| points(&format!("[[assets]]\nid = \"i\"\nkind = \"pv_inverter\"\n[[points]]\nasset = \"i\"\n{body}"));
    let slips = [
        ("address = \"hr:1\"\nquantity = \"voltage\"", "1/hr:100"),
        ("address = \"1/40001\"\nquantity = \"voltage\"", "4x00001"),
        ("address = \"1/xr:1\"\nquantity = \"voltage\"", "hr: holding registers"),
        ("address = \"300/hr:1\"\nquantity = \"voltage\"", "0 to 255"),
        ("address = \"1/hr:1\"\nquantity = \"voltage\"\ntype = \"u8\"", "u16"),
        ("address = \"1/hr:1\"\nquantity = \"voltage\"\nbit = 16", "0 to 15"),
        ("address = \"1/hr:65535\"\nquantity = \"voltage\"\ntype = \"u32\"", "65535"),
        ("address = \"1/co:1\"\nevent = \"e\"\ntype = \"u16\"", "leave out type"),
        ("address = \"1/sunspec:103/W\"\nquantity = \"active_power\"", "unit = \"W\""),
        ("address = \"1/sunspec:103/W\"\nquantity = \"temp_air\"", "no unit of temp_air"),
        ("address = \"1/sunspec:103/TmpCap\"\nquantity = \"temp_air\"", "nearest is \"TmpCab\""),
        ("address = \"1/sunspec:160/DCW\"\nquantity = \"active_power\"\nunit = \"W\"", "DCW[1]"),
        ("address = \"1/sunspec:103/Evt1\"\nevent = \"e\"\nwhen = [\"GROUND_FALT\"]", "GROUND_FAULT"),
        ("address = \"1/sunspec:9/W\"\nquantity = \"active_power\"", "not among those"),
    ];
    for (body, remedy) in slips {
        let error = settings(502, json!({})).check(&file(body)).unwrap_err().to_string();
        assert!(error.contains(remedy) && error.contains("points.toml"), "{body}: {error}");
    }
    let good = file("address = \"1/sunspec:103/W\"\nquantity = \"active_power\"\nunit = \"W\"");
    for (key, value) in [("every_s", json!(0)), ("timeout_s", json!(0)), ("max_registers", json!(126)), ("connections", json!(0))] {
        let error = settings(502, json!({ key: value })).check(&good).unwrap_err().to_string();
        assert!(error.contains(key), "{error}");
    }
    assert!(settings(502, json!({ "host": "" })).check(&good).unwrap_err().to_string().contains("host"));
    let nobody = settings(free_port(), json!({}));
    let error = nobody.probe(&good, &link).await.unwrap_err().to_string();
    assert!(error.contains("127.0.0.1") && error.contains("port"), "{error}");
}
