//! The simulated plant, looked at with clients of other people's making: pymodbus, pysunspec2, asyncua, c104 (lib60870-C), paho.
//!
//! In: a plant on free ports, `peers/plant_client.py`. Out: a failure when a client reads something else than the plant shows. What
//! a client read is compared with what the plant shows a moment later: near, because the weather is slow.

use super::peer::{Peer, free_port};
use datasets::plant::{Plant, PlantOptions, Shown};
use datasets::simulate::FleetOptions;
use engine::domain::{Timestamp, micros, parse_time};
use serde_json::{Value, json};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Noon of a June day: sun and wind.
fn noon() -> Timestamp {
    parse_time("2026-06-10T12:00:00Z").unwrap()
}

fn options() -> PlantOptions {
    let fleet = FleetOptions { turbines: 2, inverters: 1, trackers: 1, feeders: 1, ..FleetOptions::moroccan(7) };
    PlantOptions { history_days: 2, start: Some(noon()), rate: 5.0, drill_every_s: 0.0, ..PlantOptions::loopback(fleet) }
}

async fn plant(options: PlantOptions) -> (Plant, Peer) {
    let plant = Plant::start(options, Timestamp::now).await.unwrap();
    (plant, Peer::python("plant_client.py", &[]).unwrap())
}

/// Asks the client while the plant goes on playing.
async fn ask(mut client: Peer, order: Value) -> (Peer, Value) {
    tokio::task::spawn_blocking(move || {
        let answer = client.ask(&order);
        (client, answer)
    })
    .await
    .unwrap()
}

fn shows(plant: &Plant, device: &str, quantity: &str) -> Shown {
    plant.shows(device, quantity).unwrap_or_else(|| panic!("{device} has no {quantity}"))
}

/// A reading in one second is near the one a moment before: noise is a thousandth, and the weather is slow.
fn near(read: &Value, shown: Shown, scale: f64, resolution: f64) {
    let (read, shown) = (read.as_f64().unwrap_or(f64::NAN), shown.value.unwrap() * scale);
    assert!((read - shown).abs() <= 0.005 * shown.abs() + resolution, "{read} is not {shown}");
}

macro_rules! needs_python {
    () => {
        if super::peer::python().is_none() {
            return;
        }
    };
}

#[tokio::test(flavor = "multi_thread")]
async fn sunspec_devices_are_read_by_the_alliances_client() {
    needs_python!();
    let (plant, client) = plant(options()).await;
    let port = plant.addresses().modbus.unwrap().port();
    let (client, inverter) = ask(client, json!({"do": "sunspec", "port": port, "unit": 1})).await;
    let models = &inverter["models"];
    assert_eq!(models.as_object().unwrap().keys().collect::<Vec<_>>(), ["1", "103", "120"], "{models}");
    assert_eq!((&models["1"]["Mn"], &models["1"]["SN"]), (&json!("Chergui"), &json!("INV01")));
    near(&models["103"]["W"], shows(&plant, "INV01", "active_power"), 1000.0, 100.0);
    near(&models["103"]["DCV"], shows(&plant, "INV01", "voltage"), 1.0, 0.1);
    near(&models["103"]["DCA"], shows(&plant, "INV01", "current"), 1.0, 0.1);
    near(&models["103"]["TmpOt"], shows(&plant, "INV01", "temp_cell"), 1.0, 0.1);
    near(&models["103"]["WH"], shows(&plant, "INV01", "active_energy"), 1000.0, 500.0);
    assert_eq!((&models["103"]["St"], &models["103"]["Evt1"], &models["103"]["Hz"]), (&json!(4), &json!(0), &json!(50.0)));
    assert!(models["103"].get("TmpCab").is_none() && models["103"].get("VA").is_none(), "not implemented is no value: {models}");
    assert_eq!(models["120"]["WRtg"].as_f64(), Some(2_500_000.0));
    let (client, station) = ask(client, json!({"do": "sunspec", "port": port, "unit": 2})).await;
    let models = &station["models"];
    assert_eq!(models["1"]["SN"], "WS01", "{models}");
    for (model, point, quantity, resolution) in [
        ("302", "GHI", "ghi", 1.0),
        ("302", "POAI", "poa_global", 1.0),
        ("302", "DNI", "dni", 1.0),
        ("302", "DFI", "dhi", 1.0),
        ("303", "TmpBOM", "temp_module", 0.1),
        ("307", "TmpAmb", "temp_air", 0.1),
        ("307", "WndSpd", "wind_speed", 1.0),
        ("307", "RH", "relative_humidity", 1.0),
    ] {
        near(&models[model][point], shows(&plant, "WS01", quantity), 1.0, resolution);
    }
    let meter = 7;
    let (_, meter) = ask(client, json!({"do": "sunspec", "port": port, "unit": meter})).await;
    let models = &meter["models"];
    assert_eq!(models["1"]["SN"], "F1", "{models}");
    near(&models["203"]["W"], shows(&plant, "F1", "load"), 1000.0, 1000.0);
    plant.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn registers_are_read_and_never_written() {
    needs_python!();
    let (plant, client) = plant(options()).await;
    let port = plant.addresses().modbus.unwrap().port();
    let (_, read) = ask(client, json!({"do": "registers", "port": port, "unit": 3, "count": 14, "bits": 2})).await;
    let values = read["values"].as_array().unwrap();
    assert_eq!(values.len(), 14, "{read}");
    near(&values[0], shows(&plant, "WTG01", "active_power"), 1.0, 0.1);
    near(&values[1], shows(&plant, "WTG01", "wind_speed"), 1.0, 0.1);
    near(&values[8], shows(&plant, "WTG01", "gearbox_bearing_temp"), 1.0, 0.1);
    near(&values[13], shows(&plant, "WTG01", "active_energy"), 1.0, 1.0);
    assert_eq!(read["bits"], json!([false, false]));
    assert_eq!(read["writes"], json!([1, 1, 1, 1, 1, 1]), "ILLEGAL FUNCTION");
    assert_eq!((&read["beyond"], &read["nobody"]), (&json!(2), &json!(10)));
    plant.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn opc_ua_is_browsed_read_and_watched() {
    needs_python!();
    let (plant, client) = plant(options()).await;
    let url = format!("opc.tcp://{}/", plant.addresses().opcua.unwrap());
    let (client, seen) = ask(client, json!({"do": "browse", "url": url})).await;
    let devices = seen["devices"].as_object().unwrap();
    let signals: usize = devices.values().map(|device| device.as_object().unwrap().len()).sum();
    assert_eq!((devices.len(), signals), plant.size());
    let power = &devices["WTG01"]["ActivePower"];
    near(&power["value"], shows(&plant, "WTG01", "active_power"), 1.0, 0.1);
    assert_eq!((&power["unit"], &power["status"], &power["id"]), (&json!("kW"), &json!("Good"), &json!("WTG01.ActivePower")));
    assert_eq!((&devices["WTG01"]["Stopped"]["value"], &devices["WTG01"]["Stopped"]["unit"]), (&json!(false), &Value::Null));
    assert_eq!(devices["WS01"]["Ghi"]["unit"], "W/m2");
    let refused = ["BadNotWritable", "BadUserAccessDenied", "BadWriteNotSupported"];
    assert!(refused.contains(&seen["write"].as_str().unwrap()), "{}", seen["write"]);
    let before = micros(Timestamp::now());
    let (_, heard) = ask(client, json!({"do": "watch", "url": url, "name": "WTG01.WindSpeed", "changes": 6, "status": ""})).await;
    let heard = heard["heard"].as_array().unwrap();
    let times: Vec<i64> = heard
        .iter()
        .map(|entry| micros(parse_time(&format!("{}Z", entry[0].as_str().unwrap().trim_end_matches("+00:00"))).unwrap()))
        .collect();
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{heard:?}");
    assert!(times[0] > before - 1_000_000, "the first value is of now: {heard:?}");
    let values: std::collections::BTreeSet<u64> = heard.iter().map(|entry| entry[1].as_f64().unwrap().to_bits()).collect();
    assert!(values.len() >= 6, "a value for every moment: {heard:?}");
    plant.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn opc_ua_is_encrypted_when_it_has_a_certificate() {
    needs_python!();
    let folder = tempfile::tempdir().unwrap();
    let (plant, client) = plant(PlantOptions { pki: Some(folder.path().join("pki")), ..options() }).await;
    let url = format!("opc.tcp://{}/", plant.addresses().opcua.unwrap());
    let (client, read) = ask(client, json!({"do": "encrypted", "url": url, "folder": folder.path()})).await;
    near(&read["value"], shows(&plant, "WTG01", "active_power"), 1.0, 0.1);
    let (_, open) = ask(client, json!({"do": "watch", "url": url, "name": "WTG01.WindSpeed", "changes": 1, "status": ""})).await;
    assert_eq!(open["heard"][0][2], "Good", "without encryption it can be read as well");
    plant.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_sensor_is_seen_as_such() {
    needs_python!();
    // Every four seconds another sensor is broken for a third of that: the inverter's, then the turbines'.
    let (plant, client) = plant(PlantOptions { drill_every_s: 4.0, ..options() }).await;
    let url = format!("opc.tcp://{}/", plant.addresses().opcua.unwrap());
    let order = json!({"do": "watch", "url": url, "name": "INV01.TempCell", "changes": 0, "status": "BadSensorFailure"});
    let (client, heard) = ask(client, order).await;
    let bad = heard["heard"].as_array().unwrap().iter().find(|entry| entry[2] == "BadSensorFailure");
    let bad = bad.unwrap_or_else(|| panic!("{heard}"));
    assert_eq!(bad[1], Value::Null, "a broken sensor has no value");
    let port = plant.addresses().iec104.unwrap().port();
    let points = json!({"4": "M_ME_TF_1", "1002": "M_SP_TB_1"});
    let (_, heard) =
        ask(client, json!({"do": "listen", "port": port, "station": 1, "points": points, "address": 1002, "count": 2})).await;
    let heard = heard["heard"].as_array().unwrap();
    let alarms: Vec<(f64, i64)> = heard
        .iter()
        .filter(|entry| entry[0] == "M_SP_TB_1" && entry[2] == 1 && entry[3] == 1002)
        .map(|entry| (entry[4].as_f64().unwrap(), (entry[6].as_f64().unwrap() * 1e3) as i64))
        .collect();
    assert!(alarms.windows(2).all(|pair| pair[0].0 != pair[1].0 && pair[0].1 < pair[1].1), "raised and reset in turn: {alarms:?}");
    assert!(alarms.iter().any(|alarm| alarm.0 > 0.0), "{alarms:?}");
    let worth: Vec<&str> = heard
        .iter()
        .filter(|entry| entry[0] == "M_ME_TF_1" && entry[2] == 1 && entry[3] == 4)
        .filter_map(|entry| entry[5].as_str())
        .collect();
    assert!(worth.iter().any(|words| words.contains("Invalid")), "{worth:?}");
    plant.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn iec_104_answers_and_tells_of_changes() {
    needs_python!();
    let (plant, client) = plant(options()).await;
    let port = plant.addresses().iec104.unwrap().port();
    let points = json!({"1": "M_ME_NC_1", "1001": "M_SP_NA_1", "2001": "M_IT_NA_1"});
    let (client, first) = ask(client, json!({"do": "interrogate", "port": port, "station": 3, "points": points})).await;
    assert_eq!(first["answers"], json!([true, true]), "{first}");
    let entries = first["heard"].as_array().unwrap();
    let answered = |cause: &str, object: i64| {
        let is_it = |entry: &&Value| entry[1] == cause && entry[2] == 3 && entry[3] == object;
        entries.iter().rfind(is_it).unwrap_or_else(|| panic!("{cause} {object}: {first}"))
    };
    let power = answered("INTERROGATED_BY_STATION", 1);
    assert_eq!(power[0], "M_ME_NC_1");
    near(&power[4], shows(&plant, "WTG01", "active_power"), 1.0, 0.1);
    assert_eq!(answered("INTERROGATED_BY_STATION", 1001)[0], "M_SP_NA_1");
    let energy = answered("REQUESTED_BY_GENERAL_COUNTER", 2001);
    assert_eq!(energy[0], "M_IT_NA_1");
    near(&energy[4], shows(&plant, "WTG01", "active_energy"), 10.0, 5.0);
    let (_, more) =
        ask(client, json!({"do": "listen", "port": port, "station": 3, "points": {"1": "M_ME_TF_1"}, "address": 1, "count": 6}))
            .await;
    let told: Vec<(f64, f64)> = more["heard"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry[1] == "SPONTANEOUS" && entry[2] == 3 && entry[3] == 1)
        .map(|entry| (entry[6].as_f64().unwrap(), entry[4].as_f64().unwrap()))
        .collect();
    assert!(told.len() >= 5, "{more}");
    assert!(told.windows(2).all(|pair| pair[0].0 < pair[1].0), "times go on: {told:?}");
    let now = micros(Timestamp::now()) as f64 / 1e6;
    assert!(told.iter().all(|entry| (now - entry.0).abs() < 60.0), "times are the clock's, in UTC: {told:?} {now}");
    near(&json!(told.last().unwrap().1), shows(&plant, "WTG01", "active_power"), 1.0, 0.1);
    plant.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mqtt_messages_reach_a_broker_that_comes_late() {
    needs_python!();
    let mosquitto = "/usr/sbin/mosquitto";
    if !std::path::Path::new(mosquitto).exists() {
        eprintln!("skipped: {mosquitto} is not there; `make setup` installs it");
        return;
    }
    let port = free_port();
    let (plant, client) = plant(PlantOptions { mqtt: Some(("127.0.0.1".into(), port)), ..options() }).await;
    // The plant plays before the broker is there.
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("mosquitto.conf");
    std::fs::write(&config, format!("listener {port} 127.0.0.1\nallow_anonymous true\n")).unwrap();
    let mut broker = Command::new(mosquitto).arg("-c").arg(&config).stderr(Stdio::null()).spawn().unwrap();
    while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        assert!(broker.try_wait().unwrap().is_none(), "the broker runs");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (_, heard) = ask(client, json!({"do": "mqtt", "port": port, "topic": "plant/WTG02", "count": 3})).await;
    broker.kill().unwrap();
    broker.wait().unwrap();
    let heard = heard["heard"].as_array().unwrap();
    assert!(heard.len() >= 3, "{heard:?}");
    let (topic, last) = (&heard[2][0], &heard[2][1]);
    assert_eq!(topic, "plant/WTG02");
    near(&last["active_power"], shows(&plant, "WTG02", "active_power"), 1.0, 0.1);
    assert_eq!((&last["stopped"], &last["sensor_failed"]), (&json!(false), &json!(false)));
    let times: Vec<i64> = heard.iter().map(|entry| micros(parse_time(entry[1]["time"].as_str().unwrap()).unwrap())).collect();
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
    plant.stop().await;
}
