//! Looks: who is there, what it offers, what is wrong with the settings; and that nothing is ever written.
//!
//! In: brokers with passwords and certificates. Out: failures. Not here: long runs.

use super::super::drive::Kept;
use super::super::drive::points;
use super::super::peer::{Peer, python};
use super::super::wire::Wire;
use super::{MANY_KINDS, Mosquitto, NOON, SOON, live, one_point, settings};
use connectors::live::{Link, Points, Protocol, points_file};
use engine::domain::{Quantities, Timestamp};
use serde_json::json;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

fn link() -> Link {
    Link::new("look", Timestamp::now)
}

/// Types of the MQTT packets in what a client sent, over several connections.
pub(super) fn packets(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut found = Vec::new();
    while let Some((&first, rest)) = bytes.split_first() {
        let (mut size, mut used) = (0_usize, 0);
        loop {
            let Some(&byte) = rest.get(used) else { return found };
            size |= usize::from(byte & 127) << (7 * used);
            used += 1;
            if byte < 128 {
                break;
            }
        }
        let Some(body) = rest.get(used..used + size) else { return found };
        found.push((first >> 4, body.to_vec()));
        bytes = &rest[used + size..];
    }
    found
}

/// CONNECT, PUBACK, SUBSCRIBE, UNSUBSCRIBE, PINGREQ, DISCONNECT (MQTT 5, 2.1.2); no PUBLISH.
pub(super) const READING: [u8; 6] = [1, 4, 8, 10, 12, 14];

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_published() {
    for version in ["5", "3.1.1"] {
        let Some(broker) = Mosquitto::open() else { return };
        let wire = Wire::to(broker.port).await;
        let mut publisher = broker.publisher();
        let settings = settings(wire.port, json!({"version": version, "discover_s": 1}));
        settings.discover(&link(), &|_| {}).await.unwrap();
        settings.probe(&one_point(), &link()).await.unwrap();
        let mut drive = live(&settings, &one_point(), Kept::default()).await;
        publisher.series(0, 30);
        assert!(drive.until(SOON, |drive| drive.kept.values.len() == 30).await);
        drop(drive.close().await);
        // The last word is on its way.
        let end = Instant::now() + SOON;
        let mut sent = packets(&wire.sent());
        while sent.iter().filter(|packet| packet.0 == 14).count() < 3 && Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(20)).await;
            sent = packets(&wire.sent());
        }
        let count = |kind: u8| sent.iter().filter(|packet| packet.0 == kind).count();
        assert!(
            sent.iter().all(|packet| READING.contains(&packet.0)),
            "{version}: {:?}",
            sent.iter().map(|p| p.0).collect::<Vec<_>>()
        );
        assert_eq!((count(1), count(14)), (3, 3), "{version}: three connections, each left in good order");
        assert!(count(4) >= 30, "{version}: {} acknowledged", count(4));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_discovered_reads_back() {
    let Some(broker) = Mosquitto::open() else { return };
    let mut publisher = broker.publisher();
    let document = format!(
        r#"{{"timestamp": {NOON}, "quality": "good", "ActivePower": {{"value": 1200.5, "unit": "kW"}}, "WindSpeed": 7.25, "door/open": false, "name": "x"}}"#
    );
    publisher.retain("tarfaya/WTG01/data", &document);
    publisher.retain("tarfaya/meteo/GHI", "812");
    publisher.retain("tarfaya/notes", "call Monday");
    let settings = settings(broker.port, json!({"discover_s": 1}));
    let found = settings.discover(&link(), &|_| {}).await.unwrap();
    let text = points_file(&settings.peer(), &found);
    let points =
        Arc::new(Points::parse(&text, "found.toml", &Quantities::standard()).unwrap_or_else(|error| panic!("{error}\n{text}")));
    for line in
        ["tarfaya/WTG01/data#/ActivePower/value", "tarfaya/WTG01/data#/door~1open", "tarfaya/meteo/GHI", "time = \"/timestamp\""]
    {
        assert!(text.contains(line), "{line}: {text}");
    }
    let ids: Vec<_> = points.assets().iter().map(|asset| asset.id.as_str()).collect();
    assert_eq!(ids, ["tarfaya/WTG01", "tarfaya/meteo"], "{text}");
    let mut drive = live(&settings, &points, Kept::default()).await;
    assert!(drive.until(SOON, |drive| drive.kept.arrivals == 3).await, "{text}\n{:?}", drive.kept);
    assert_eq!(drive.kept.series("tarfaya/WTG01", "active_power"), [(NOON * 1000, 1200.5)]);
    assert_eq!(drive.kept.series("tarfaya/WTG01", "wind_speed"), [(NOON * 1000, 7.25)]);
    assert_eq!(drive.kept.series("tarfaya/meteo", "ghi").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_says_who_is_there() {
    let Some(broker) = Mosquitto::open() else { return };
    broker.publisher().retain("plant/t01", r#"{"ts": 1780315200, "v": 1}"#);
    for version in ["5", "3.1.1"] {
        let probe = settings(broker.port, json!({"version": version})).probe(&one_point(), &link()).await.unwrap();
        assert!(probe.peer.starts_with("mosquitto version"), "{probe:?}");
        assert!(probe.says.contains(version) && probe.says.contains("1 of 1 topics of the points"), "{probe:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_settings_are_refused_with_the_remedy() {
    let files = "allow_anonymous false\npassword_file FOLDER/passwords\nacl_file FOLDER/acl\n";
    let made = |folder: &Path| {
        std::fs::write(folder.join("acl"), "user reader\ntopic read plant/#\ntopic read $SYS/#\n").unwrap();
        let made =
            Command::new("mosquitto_passwd").args(["-b", "-c"]).arg(folder.join("passwords")).args(["reader", "right"]).status();
        assert!(made.unwrap().success());
    };
    let Some(broker) = Mosquitto::start_with(files, made) else { return };
    let port = broker.port;
    let right = json!({"username": "reader", "password": "right"});
    let cases = [
        (settings(port, json!({"username": "reader", "password": "wrong"})), "correct username and password"),
        (settings(port, json!({"username": "reader", "password": "wrong", "version": "3.1.1"})), "correct username and password"),
        (settings(port, json!({})), "correct username and password"),
        (settings(super::free_port(), right.clone()), "refused"),
    ];
    for (settings, remedy) in cases {
        let error = settings.probe(&one_point(), &link()).await.unwrap_err().to_string();
        assert!(error.contains(remedy) && error.contains("127.0.0.1"), "{remedy}: {error}");
    }
    settings(port, right).probe(&one_point(), &link()).await.unwrap();
    // A running source says the same, after the third refusal, and goes on when asked again.
    let settings = settings(port, json!({"username": "reader", "password": "wrong"}));
    let link = link();
    let mut source = settings.open(one_point(), link.clone()).unwrap();
    for _ in 0..2 {
        let error = source.next_page(None).await.unwrap_err().to_string();
        assert!(error.contains("correct username and password"), "{error}");
    }
    assert!(link.status().failures >= 6, "{:?}", link.status());
    assert!(!format!("{settings:?}").contains("wrong"), "a password is never shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_checked_and_says_what_is_wrong() {
    if python().is_none() {
        return;
    }
    let [own, other] = [(); 2].map(|()| {
        let folder = tempfile::tempdir().unwrap();
        drop(Peer::python("certificates.py", &[&folder.path().display().to_string()]).unwrap());
        folder
    });
    let file = |folder: &tempfile::TempDir, name: &str| folder.path().join(name).display().to_string();
    let more = format!(
        "allow_anonymous true\ncafile {}\ncertfile {}\nkeyfile {}\nrequire_certificate true\n",
        file(&own, "ca.pem"),
        file(&own, "server.pem"),
        file(&own, "server.key")
    );
    let Some(broker) = Mosquitto::start(&more) else { return };
    let tls = |folder: &tempfile::TempDir| json!({"ca": file(&own, "ca.pem"), "certificate": file(folder, "client.pem"), "key": file(folder, "client.key")});
    for version in ["5", "3.1.1"] {
        let right = settings(broker.port, json!({"tls": tls(&own), "version": version}));
        assert!(right.peer().starts_with("mqtts://"));
        right.probe(&one_point(), &link()).await.unwrap();
        let mut strange = tls(&own);
        strange["ca"] = file(&other, "ca.pem").into();
        let mut named = tls(&own);
        named["server_name"] = "broker.example".into();
        let nobody = json!({"ca": file(&own, "ca.pem")});
        for (tls, remedy) in
            [(strange, "tls.ca"), (named, "tls.server_name"), (nobody, "tls.certificate"), (tls(&other), "tls.certificate")]
        {
            let settings = settings(broker.port, json!({"tls": tls, "version": version}));
            let error = settings.probe(&one_point(), &link()).await.unwrap_err().to_string();
            assert!(error.contains(remedy), "{version}: {remedy}: {error}");
        }
    }
}

#[test]
fn slips_in_addresses_are_refused_with_the_remedy() {
    let settings = settings(1883, json!({}));
    settings.check(&points(MANY_KINDS)).unwrap();
    for (from, to, remedy) in [
        ("plant/t01#/wind", "plant/+#/wind", "without `+`"),
        ("plant/t01#/wind", "plant/t01#wind", "begins with `/`"),
        ("Europe/Berlin", "Europe/Berlim", "timezone"),
        ("asset = \"w\"", "asset = \"w\"\ntime = \"/t\"", "plain payload"),
        ("good = [\"A\", 0]", "god = 1", "god"),
    ] {
        let error = settings.check(&points(&MANY_KINDS.replacen(from, to, 1))).unwrap_err().to_string();
        assert!(error.contains(remedy) && error.contains("points.toml: point"), "{to}: {error}");
    }
}
