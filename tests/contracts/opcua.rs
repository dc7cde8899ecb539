//! OPC UA against a server of asyncua: values, qualities, events, history, cuts, silence, certificates, and that nothing is ever written.
//!
//! In: `contracts/peers/opcua_server.py`. Out: a failure when a value, a time or a quality differs, is lost or is doubled. The server's
//! ActivePower and WindSpeed have a history; RotorSpeed, Temperature and DoorOpen have none. Not here: other protocols.

mod gaps;
mod plant;
mod restarts;
mod security;
mod services;
mod wires;

use super::drive::Drive;
use connectors::live::{Phase, Protocol};
use plant::{Plant, T, enough, minute, points, right_points, settings};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn values_times_qualities_and_events_are_the_servers() {
    let Some(mut plant) = Plant::start(&[]) else { return };
    let settings = settings(plant.port, "");
    let mut drive = Drive::open(&settings, &points());
    assert!(drive.until(enough(), |drive| drive.link.status().phase == Phase::Live).await, "{:?}", drive.link.status());
    plant.write(&[
        json!({"node": "ActivePower", "value": 1500.25, "time": T}),
        json!({"node": "WindSpeed", "value": 8.5, "time": T}),
        json!({"node": "Temperature", "value": 3131, "time": T}),
        json!({"node": "DoorOpen", "value": true, "time": T}),
    ]);
    assert!(drive.until(enough(), |drive| drive.kept.values.len() >= 3).await, "{:?}", drive.kept);
    plant.write(&[
        json!({"node": "ActivePower", "value": 1400.0, "time": T + 1_000_001, "status": "UncertainLastUsableValue"}),
        json!({"node": "WindSpeed", "value": null, "time": T + 1_000_000, "status": "BadSensorFailure"}),
        json!({"node": "DoorOpen", "value": false, "time": T + 5_000_000}),
    ]);
    plant.ask(&json!({"do": "event", "time": T + 1, "message": "Yaw started"}));
    plant.ask(&json!({"do": "alarm", "time": T + 2, "message": "Gearbox hot", "active": true}));
    plant.ask(&json!({"do": "alarm", "time": T + 3, "message": "Gearbox cool again", "active": false}));
    let all = |drive: &Drive| {
        let flags = &drive.kept.flags;
        drive.kept.events.values().filter(|reset| reset.is_some()).count() == 3
            && flags.iter().any(|flag| flag.3 == "questionable")
            && flags.iter().any(|flag| flag.4 == "BadSensorFailure")
    };
    assert!(drive.until(enough(), all).await, "{:?}", drive.kept);
    let kept = drive.close().await;
    assert_eq!(kept.series("t01", "active_power"), [(T, 1500.25), (T + 1_000_001, 1400.0)]);
    assert_eq!(kept.series("t01", "wind_speed"), [(T, 8.5)]);
    let scaled = kept.series("t01", "temp_air");
    assert!(scaled.len() == 1 && scaled[0].0 == T && (scaled[0].1 - 31.31).abs() < 1e-9, "{scaled:?}");
    let flag = |quality: &str, reason: &str, time| {
        kept.flags.iter().any(|flag| flag.3 == quality && flag.4 == reason && flag.2 == time && flag.0 == "t01")
    };
    assert!(flag("questionable", "UncertainLastUsableValue", T + 1_000_001), "{:?}", kept.flags);
    assert!(flag("invalid", "BadSensorFailure", T + 1_000_000), "{:?}", kept.flags);
    assert!(kept.flags.iter().any(|flag| flag.4 == "BadWaitingForInitialData"), "{:?}", kept.flags);
    let event = |message: &str, time| kept.events.get(&("t01".to_owned(), message.to_owned(), time)).copied().flatten();
    assert_eq!(event("Door open", T), Some(T + 5_000_000), "{:?}", kept.events);
    assert_eq!(event("WTG01: Yaw started", T + 1), Some(T + 1));
    assert_eq!(event("WTG01: Gearbox hot", T + 2), Some(T + 3));
    // A text is no number, and an address that is wrong does not stop the others.
    let rejects: Vec<_> = kept.rejects.iter().map(|reject| (reject.reason, reject.raw.as_str())).collect();
    assert_eq!(
        rejects,
        [("unknown_address", "nsu=urn:gone;s=X"), ("unknown_address", "ns=2;s=Gone"), ("bad_number", "ns=2;s=WTG01.Serial")]
    );
    assert!(kept.rejects[1].detail.contains("BadNodeIdUnknown"), "{}", kept.rejects[1].detail);
}

#[tokio::test]
async fn what_was_found_reads_back_and_gives_values() {
    let Some(mut plant) = Plant::start(&["--before", "2"]) else { return };
    let settings = settings(plant.port, "");
    let link = connectors::live::Link::new("opcua", engine::domain::Timestamp::now);
    let found = settings.discover(&link, &|_| {}).await.unwrap();
    let power = found.iter().find(|thing| thing.name == "WTG01/ActivePower").unwrap();
    assert_eq!((power.unit.as_deref(), power.device.as_str()), (Some("kW"), "WTG01"));
    assert_eq!(power.address, "nsu=urn:plant;s=WTG01.ActivePower");
    plant.write(&[
        json!({"node": "ActivePower", "value": 1.0, "time": minute(0)}),
        json!({"node": "DoorOpen", "value": true, "time": minute(0)}),
    ]);
    let found = settings.discover(&link, &|_| {}).await.unwrap();
    assert!(found.iter().any(|thing| thing.name == "WTG01/DoorOpen" && thing.is_event), "{found:?}");
    assert!(found.iter().any(|thing| thing.options.contains_key("events") && thing.device == "WTG01"), "{found:?}");
    let text = connectors::live::points_file(&settings.peer(), &found);
    let points = super::drive::points(&text);
    let mut drive = Drive::open(&settings, &points);
    let asset = points.assets()[0].id.to_string();
    assert!(
        drive.until(enough(), |drive| drive.kept.series(&asset, "active_power") == [(minute(0), 1.0)]).await,
        "{text}\n{:?}",
        drive.kept
    );
    let probe = settings.probe(&points, &link).await.unwrap();
    assert!(probe.peer.contains("Plant server") && probe.peer.contains("1.2.3"), "{probe:?}");
    assert!(probe.says.contains("points are good") && probe.says.contains("None None (anonymous"), "{probe:?}");
    drop(drive);
    // Another index after a restart: the name of the namespace counts.
    plant.restart(&[]);
    plant.write(&[json!({"node": "ActivePower", "value": 2.0, "time": minute(1)})]);
    let mut drive = Drive::open(&settings, &points);
    assert!(
        drive.until(enough(), |drive| drive.kept.series(&asset, "active_power") == [(minute(1), 2.0)]).await,
        "{:?}",
        drive.kept
    );
}

#[tokio::test]
async fn a_subscription_that_dies_in_silence_is_made_anew() {
    let Some(mut plant) = Plant::start(&[]) else { return };
    let settings = settings(plant.port, "watchdog_s = 1");
    let mut drive = Drive::open(&settings, &right_points());
    plant.write(&[json!({"node": "ActivePower", "value": 1.0, "time": minute(0)})]);
    assert!(drive.until(enough(), |drive| drive.kept.series("t01", "active_power").len() == 1).await, "{:?}", drive.kept);
    let forgotten = plant.ask(&json!({"do": "forget"}));
    assert_eq!(forgotten["forgotten"], 1);
    // Two values: what history has of the time between counts, not only the newest.
    plant.write(&[1, 2].map(|at| json!({"node": "ActivePower", "value": 1.0 + f64::from(at), "time": minute(at)})));
    let expected = [(minute(0), 1.0), (minute(1), 2.0), (minute(2), 3.0)];
    let whole = |drive: &Drive| drive.kept.series("t01", "active_power") == expected;
    assert!(drive.until(Duration::from_secs(20), whole).await, "{:?} {:?}", drive.kept, drive.link.status());
    let status = drive.link.status();
    assert!(
        status.failures >= 1 && status.last_error.as_deref().is_some_and(|error| error.contains("subscribing again")),
        "{status:?}"
    );
}
