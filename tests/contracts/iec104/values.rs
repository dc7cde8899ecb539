//! What c104 says is what is kept: values, times, qualities, events; discovery, probing, wrong settings, TLS.

use super::super::drive::{Drive, points};
use super::super::peer::{Peer, free_port, python};
use super::super::wire::Wire;
use super::*;
use connectors::live::{Link, Phase, Protocol, points_file};
use serde_json::json;
use std::path::Path;
use std::process::Command;

const STATION: &str = r#"
[quantities]
step = "1"
flags = "1"
share = "1"
bare = "1"
packed = "1"

[[assets]]
id = "t01"
kind = "wind_turbine"

[[points]]
address = "13/1"
asset = "t01"
event = "Door open"

[[points]]
address = "13/2"
asset = "t01"
event = "Breaker closed"

[[points]]
address = "13/3"
asset = "t01"
quantity = "step"

[[points]]
address = "13/4"
asset = "t01"
quantity = "flags"
bit = 4

[[points]]
address = "13/5"
asset = "t01"
quantity = "share"

[[points]]
address = "13/6"
asset = "t01"
quantity = "temp_air"
scale = 0.1

[[points]]
address = "13/7"
asset = "t01"
quantity = "active_power"
unit = "MW"

[[points]]
address = "13/8"
asset = "t01"
quantity = "active_energy"
unit = "MWh"

[[points]]
address = "13/9"
asset = "t01"
quantity = "wind_speed"

[[points]]
address = "13/11"
asset = "t01"
quantity = "packed"

[[points]]
address = "13/12"
asset = "t01"
quantity = "bare"
"#;

/// Says a value with a time, in seconds.
fn say(peer: &mut Peer, object: u32, value: f64, qualities: &[&str], seconds: i64) {
    let said = peer.ask(&json!({"set": [object, value, qualities, seconds]}));
    assert_eq!(said["sent"], true, "{object}");
}

async fn live(drive: &mut Drive) {
    let is_live = soon(drive, |drive| drive.link.status().phase == Phase::Live).await;
    assert!(is_live, "{:?}", drive.link.status());
}

#[tokio::test]
async fn what_c104_says_is_kept() {
    let port = free_port();
    let Some(mut peer) = Peer::python("iec104_station.py", &[&port.to_string()]) else { return };
    // Without a time tag, before anybody listens: the interrogation has it.
    peer.ask(&json!({"set": [9, 7.5, [], null], "send": false}));
    let mut drive = Drive::open(&settings(&[port], ""), &points(STATION));
    let is_there = |drive: &Drive| !drive.kept.series("t01", "wind_speed").is_empty();
    assert!(soon(&mut drive, is_there).await, "{:?}", drive.link.status());
    let newest = drive.kept.series("t01", "wind_speed");
    assert!(newest[0].1 == 7.5 && (Timestamp::now().as_microsecond() - newest[0].0).abs() < 10_000_000, "{newest:?}");
    for (object, value) in [(11, f64::from(0x8001)), (12, -0.5)] {
        let said = peer.ask(&json!({"set": [object, value, [], null]}));
        assert_eq!(said["sent"], true, "{object}");
    }

    let base = an_hour_ago() / 1_000_000;
    let (good, none): (&[&str], i64) = (&[], base);
    say(&mut peer, 1, 1.0, good, none);
    say(&mut peer, 2, 2.0, good, base);
    say(&mut peer, 2, 0.0, good, base + 1);
    say(&mut peer, 2, 1.0, good, base + 2);
    say(&mut peer, 3, -7.0, good, base);
    say(&mut peer, 4, 16.0, good, base);
    say(&mut peer, 4, 15.0, good, base + 1);
    say(&mut peer, 5, 0.25, &["Substituted"], base);
    say(&mut peer, 6, -125.0, &["Overflow"], base);
    say(&mut peer, 7, 2.5, good, base);
    say(&mut peer, 7, 9.0, &["Invalid"], base + 1);
    say(&mut peer, 7, 2.0, &["NonTopical"], base + 2);
    say(&mut peer, 7, 1.0, &["Blocked"], base + 3);
    say(&mut peer, 8, 12_345.0, good, base);
    say(&mut peer, 8, 12_346.0, &["Carry"], base + 1);
    say(&mut peer, 1, 0.0, good, base + 60);
    let reset = Some((base + 60) * 1_000_000);
    let is_reset = |drive: &Drive| drive.kept.events.values().any(|at| *at == reset);
    assert!(soon(&mut drive, is_reset).await, "{:?} {:?}", drive.kept.events, drive.link.status());

    for (quantity, value) in [("packed", f64::from(0x8001)), ("bare", -0.5)] {
        assert_eq!(drive.kept.series("t01", quantity).last().map(|seen| seen.1), Some(value), "{quantity}");
    }

    let kept = drive.close().await;
    let at = |seconds: i64| (base + seconds) * 1_000_000;
    let series = |quantity: &str| {
        let old = kept.series("t01", quantity).into_iter().filter(|(time, _)| *time < at(600));
        old.map(|(time, value)| ((time - at(0)) / 1_000_000, value)).collect::<Vec<_>>()
    };
    assert_eq!(series("step"), [(0, -7.0)]);
    assert_eq!(series("flags"), [(0, 1.0), (1, 0.0)]);
    assert_eq!(series("share"), [(0, 0.25)]);
    assert_eq!(series("temp_air"), [(0, -12.5)]);
    assert_eq!(series("active_power"), [(0, 2500.0), (2, 2000.0), (3, 1000.0)]);
    assert_eq!(series("active_energy"), [(0, 12_345_000.0), (1, 12_346_000.0)]);
    let flag = |quantity: &str, seconds: i64| {
        let of = kept.flags.iter().find(|flag| flag.1 == quantity && flag.2 == at(seconds));
        of.map(|flag| (flag.3.as_str(), flag.4.as_str()))
    };
    assert_eq!(flag("active_power", 0), None);
    assert_eq!(flag("active_power", 1), Some(("invalid", "invalid")));
    assert_eq!(flag("active_power", 2), Some(("questionable", "not_topical")));
    assert_eq!(flag("active_power", 3), Some(("questionable", "blocked")));
    assert_eq!(flag("share", 0), Some(("estimated", "substituted")));
    assert_eq!(flag("temp_air", 0), Some(("questionable", "overflow")));
    assert_eq!(flag("active_energy", 1), Some(("questionable", "counter_carried")));
    let event = |message: &str, seconds: i64| kept.events.get(&("t01".into(), message.into(), at(seconds))).copied();
    assert_eq!(event("Door open", 0), Some(reset));
    assert_eq!(event("Breaker closed", 0), Some(Some(at(2))), "a position between off and on is neither");
    assert_eq!(kept.rejects, []);
}

#[tokio::test]
async fn a_killed_c104_is_found_again() {
    let port = free_port();
    let Some(mut peer) = Peer::python("iec104_station.py", &[&port.to_string()]) else { return };
    let mut drive = Drive::open(&settings(&[port], ""), &points(STATION));
    live(&mut drive).await;
    let base = an_hour_ago() / 1_000_000;
    for second in 0..50 {
        say(&mut peer, 7, second as f64, &[], base + second);
    }
    let has = |count: usize| {
        move |drive: &Drive| {
            drive.kept.series("t01", "active_power").iter().filter(|v| v.0 < (base + 99) * 1_000_000).count() >= count
        }
    };
    assert!(soon(&mut drive, has(50)).await, "{:?}", drive.link.status());
    peer.kill();
    assert!(soon(&mut drive, |drive| drive.link.status().failures > 0).await);
    let mut peer = Peer::python("iec104_station.py", &[&port.to_string()]).unwrap();
    let is_back = soon(&mut drive, |drive| drive.link.status().connects == 2).await;
    assert!(is_back, "{:?}", drive.link.status());
    for second in 50..60 {
        say(&mut peer, 7, second as f64, &[], base + second);
    }
    assert!(soon(&mut drive, has(60)).await, "{:?}", drive.link.status());
    let kept = drive.close().await;
    let seen: Vec<_> = kept.series("t01", "active_power").into_iter().filter(|v| v.0 < (base + 99) * 1_000_000).collect();
    let expected: Vec<_> = (0..60).map(|second| ((base + second) * 1_000_000, second as f64 * 1000.0)).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_discovered_file_opens_and_a_probe_counts() {
    let port = free_port();
    let Some(mut peer) = Peer::python("iec104_station.py", &[&port.to_string()]) else { return };
    peer.ask(&json!({"set": [9, 7.5, [], null], "send": false}));
    let settings = settings(&[port], "");
    let link = Link::new("plant", Timestamp::now);
    let found = settings.discover(&link, &|_| {}).await.unwrap();
    let names: Vec<_> = found.iter().map(|thing| (thing.address.as_str(), thing.name.as_str(), thing.is_event)).collect();
    // What c104 answers an interrogation with has no time tag.
    assert!(names.contains(&("13/9", "M_ME_NC_1", false)), "{names:?}");
    assert!(names.contains(&("13/10", "M_SP_NA_1", true)), "{names:?}");
    let value = found.iter().find(|thing| thing.address == "13/9").and_then(|thing| thing.value.clone());
    assert_eq!(value.as_deref(), Some("7.5"));
    let text = points_file(&settings.peer(), &found);
    assert!(text.contains("13/9   M_ME_NC_1"), "{text}");
    let mut lines = text.clone();
    lines.push_str("\n[[points]]\naddress = \"13/9\"\nasset = \"station_13\"\nquantity = \"voltage\"\n");
    let read = points(&lines);
    let mut drive = Drive::open(&settings, &read);
    let has = |drive: &Drive| drive.kept.series("station_13", "voltage").first().is_some_and(|seen| seen.1 == 7.5);
    assert!(soon(&mut drive, has).await, "{text} {:?}", drive.link.status());
    drive.close().await;
    let probe = settings.probe(&read, &link).await.unwrap();
    assert!(probe.peer.contains("station 13"), "{probe:?}");
    let count = read.points().len();
    assert_eq!(probe.says, format!("{count} of {count} addresses answered the interrogation"));
}

#[tokio::test]
async fn wrong_settings_say_what_to_do() {
    let port = free_port();
    let Some(_peer) = Peer::python("iec104_station.py", &[&port.to_string()]) else { return };
    let link = Link::new("plant", Timestamp::now);
    // Nobody there.
    let error = settings(&[free_port()], "").probe(&plant(), &link).await.unwrap_err().to_string();
    assert!(error.contains("127.0.0.1") && error.contains("refused"), "{error}");
    // A common address the station does not have.
    let other = points(&POINTS.replace("13/", "14/"));
    let said = settings(&[port], "").probe(&other, &link).await.unwrap().says;
    assert!(said.contains("0 of 3") && said.contains("know the common address"), "{said}");
    // It is also told while running.
    let mut drive = Drive::open(&settings(&[port], ""), &other);
    assert!(soon(&mut drive, |drive| !drive.kept.rejects.is_empty()).await);
    let reject = &drive.kept.rejects[0];
    assert!(reject.reason == "refused" && reject.detail.contains("check the common address"), "{reject:?}");
    assert!(drive.link.status().last_error.unwrap().contains("station 14"));
    // No IEC 104 at all.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let web = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        tokio::time::sleep(SOON).await;
    });
    let error = settings(&[web], "").probe(&plant(), &link).await.unwrap_err().to_string();
    assert!(error.contains("0x48 instead of 0x68") && error.contains("no IEC 104 port"), "{error}");
    server.abort();
}

#[tokio::test]
async fn only_interrogations_are_sent_to_c104() {
    let port = free_port();
    let Some(mut peer) = Peer::python("iec104_station.py", &[&port.to_string()]) else { return };
    let wire = Wire::to(port).await;
    let mut drive = Drive::open(&settings(&[wire.port], "interrogate_s = 0.3\ncounters_s = 0.3"), &points(STATION));
    live(&mut drive).await;
    for second in 0..40 {
        say(&mut peer, 7, 1.0, &[], an_hour_ago() / 1_000_000 + second);
    }
    let has = |drive: &Drive| drive.kept.series("t01", "active_power").len() >= 40;
    assert!(soon(&mut drive, has).await, "{:?}", drive.link.status());
    drive.until(Duration::from_secs(2), |_| false).await;
    drive.close().await;
    let sent = wire.sent();
    let (mut rest, mut codes, mut controls) = (&sent[..], std::collections::BTreeMap::new(), Vec::new());
    while let [0x68, length, tail @ ..] = rest {
        let (frame, next) = tail.split_at(usize::from(*length));
        match frame[0] & 3 {
            3 => controls.push(frame[0]),
            1 => {}
            _ => {
                assert_eq!((frame[5], frame[6] & 0x3F), (1, 6), "one object, activation: {frame:02x?}");
                *codes.entry(frame[4]).or_insert(0) += 1;
            }
        }
        rest = next;
    }
    assert!(rest.is_empty(), "whole frames");
    assert!(codes.keys().copied().eq([100, 101]) && codes.values().all(|count| *count >= 3), "{codes:?}");
    assert_eq!((controls.first(), controls.last()), (Some(&0x07), Some(&0x13)), "STARTDT first, STOPDT last");
    assert!(controls.iter().all(|control| [0x07, 0x13, 0x43, 0x83].contains(control)), "{controls:02x?}");
}

fn certificates(folder: &Path) {
    let run = |arguments: &str| {
        let ran = Command::new("openssl").current_dir(folder).args(arguments.split(' ')).output().unwrap();
        assert!(ran.status.success(), "{arguments}: {}", String::from_utf8_lossy(&ran.stderr));
    };
    run("req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=plant-ca");
    for name in ["station", "master"] {
        std::fs::write(folder.join("ext"), "subjectAltName=IP:127.0.0.1,DNS:localhost\n").unwrap();
        run(&format!("req -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}"));
        run(&format!("x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out {name}.pem -days 2 -extfile ext"));
    }
}

#[tokio::test]
async fn over_tls_with_certificates_on_both_sides() {
    if python().is_none() || Command::new("openssl").arg("version").output().is_err() {
        eprintln!("skipped: no openssl to make certificates with");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    certificates(folder.path());
    let file = |name: &str| folder.path().join(name).display().to_string();
    let port = free_port();
    let arguments = [&port.to_string(), &file("ca.pem"), &file("station.pem"), &file("station.key")];
    let Some(mut peer) = Peer::python("iec104_station.py", &arguments.map(String::as_str)) else { return };
    let spec = |ca: &str| {
        format!("tls = {{ ca = {:?}, certificate = {:?}, key = {:?} }}", file(ca), file("master.pem"), file("master.key"))
    };
    let mut drive = Drive::open(&settings(&[port], &spec("ca.pem")), &points(STATION));
    live(&mut drive).await;
    let base = an_hour_ago() / 1_000_000;
    say(&mut peer, 7, 2.5, &[], base);
    let has = |drive: &Drive| drive.kept.series("t01", "active_power").contains(&(base * 1_000_000, 2500.0));
    assert!(soon(&mut drive, has).await, "{:?}", drive.link.status());
    drive.close().await;
    let link = Link::new("plant", Timestamp::now);
    let error = settings(&[port], &spec("master.pem")).probe(&points(STATION), &link).await.unwrap_err().to_string();
    assert!(error.contains("certificate"), "{error}");
}
