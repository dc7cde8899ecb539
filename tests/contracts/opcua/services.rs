//! Monitoring only: what we send, byte by byte.
//!
//! In: everything we sent over a wire without security. Out: a failure when any service but those of reading is among it.

use super::super::drive::Drive;
use super::super::wire::Wire;
use super::plant::{Plant, T, enough, right_points, settings};
use connectors::live::{Link, Protocol};
use engine::domain::Timestamp;
use serde_json::json;
use std::collections::BTreeSet;

/// Binary encoding ids of the requests we may send (IEC 62541-6, NodeIds.csv), with their names.
const ALLOWED: [(u32, &str); 17] = [
    (428, "GetEndpoints"),
    (446, "OpenSecureChannel"),
    (452, "CloseSecureChannel"),
    (461, "CreateSession"),
    (467, "ActivateSession"),
    (473, "CloseSession"),
    (527, "Browse"),
    (533, "BrowseNext"),
    (631, "Read"),
    (664, "HistoryRead"),
    (751, "CreateMonitoredItems"),
    (787, "CreateSubscription"),
    (826, "Publish"),
    (832, "Republish"),
    (847, "DeleteSubscriptions"),
    (781, "DeleteMonitoredItems"),
    (422, "FindServers"),
];

fn number(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
}

/// Ids of all requests in a stream of chunks (IEC 62541-6, 6.7.2). Every byte must belong to a chunk, or this fails.
fn requests(sent: &[u8]) -> Vec<u32> {
    let mut ids = Vec::new();
    let (mut at, mut is_continued) = (0, false);
    while at < sent.len() {
        let (kind, size) = (&sent[at..at + 3], number(sent, at + 4));
        let chunk = &sent[at..at + size];
        at += size;
        // Header 8, channel 4; security: token 4, or three strings with their lengths; then sequence and request number.
        let mut body = 12;
        match kind {
            b"HEL" => continue,
            b"OPN" => {
                for _ in 0..3 {
                    let length = number(chunk, body);
                    body += 4 + if length == u32::MAX as usize { 0 } else { length };
                }
            }
            b"MSG" | b"CLO" => body += 4,
            other => panic!("a chunk {other:?}"),
        }
        body += 8;
        if !is_continued {
            // A request's id is numeric in namespace 0, written in four bytes.
            assert_eq!(&chunk[body..body + 2], [1, 0], "{kind:?}");
            ids.push(u32::from(u16::from_le_bytes([chunk[body + 2], chunk[body + 3]])));
        }
        is_continued = chunk[3] == b'C';
    }
    ids
}

#[tokio::test]
async fn nothing_is_written_and_no_method_is_called() {
    let Some(mut plant) = Plant::start(&["--page", "3"]) else { return };
    let wire = Wire::to(plant.port).await;
    let settings = settings(wire.port, "watchdog_s = 1\ntimeout_s = 3");
    let points = right_points();
    let link = Link::new("opcua", Timestamp::now);
    settings.probe(&points, &link).await.unwrap();
    settings.discover(&link, &|_| {}).await.unwrap();
    let power = |count: i64| -> Vec<_> {
        (0..count).map(|at| json!({"node": "ActivePower", "value": at, "time": T + at * 1_000_000})).collect()
    };
    let mut drive = Drive::open(&settings, &points);
    plant.write(&power(1));
    assert!(drive.until(enough(), |drive| !drive.kept.values.is_empty()).await, "{:?}", drive.link.status());
    plant.ask(&json!({"do": "alarm", "time": T, "message": "Hot", "active": true}));
    let kept = drive.crash();
    plant.miss(&power(20)[1..]);
    let mut drive = Drive::resume(&settings, &points, kept);
    assert!(drive.until(enough(), |drive| drive.kept.series("t01", "active_power").len() == 20).await, "{:?}", drive.link.status());
    plant.ask(&json!({"do": "forget"}));
    let before = drive.link.status().failures;
    assert!(drive.until(enough(), |drive| drive.link.status().failures > before).await);
    plant.write(&[json!({"node": "WindSpeed", "value": 3.0, "time": T})]);
    assert!(drive.until(enough(), |drive| !drive.kept.series("t01", "wind_speed").is_empty()).await, "{:?}", drive.link.status());
    // Streams of several connections follow each other only when none is cut in the middle: closed, not dropped.
    drive.close().await;
    let ids: BTreeSet<u32> = requests(&wire.sent()).into_iter().collect();
    let unknown: Vec<_> = ids.iter().filter(|id| !ALLOWED.iter().any(|(known, _)| known == *id)).collect();
    assert!(unknown.is_empty(), "sent {unknown:?}; Write is 673, Call 712, HistoryUpdate 700");
    for name in ["Read", "HistoryRead", "Browse", "CreateSubscription", "CreateMonitoredItems", "Publish", "CloseSession"] {
        let id = ALLOWED.iter().find(|(_, known)| *known == name).unwrap().0;
        assert!(ids.contains(&id), "{name} was not sent; the test sees nothing: {ids:?}");
    }
}
