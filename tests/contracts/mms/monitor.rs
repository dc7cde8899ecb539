//! Monitoring only: every byte we send is taken apart; nothing but questions and the attributes of report control blocks may be in it.
//!
//! In: what a [`Wire`] wrote down. Out: a failure at any other write. Parsed by hand, so that the client's own coder is no witness: TPKT
//! (RFC 1006), COTP (ISO 8073), session (ISO 8327), presentation (ISO 8823), MMS (ISO 9506-2). Not here: what is answered.

use super::super::drive::Drive;
use super::super::peer::free_port;
use super::super::wire::Wire;
use super::{BUFFERED, LIMIT, burst, controller, plant, settings, told};
use connectors::live::Protocol;
use std::collections::BTreeSet;

/// Attributes of a report control block that a subscription sets.
const OURS: [&str; 7] = ["RptEna", "EntryID", "GI", "Resv", "OptFlds", "TrgOps", "IntgPd"];
/// Services that only ask: names, reading, types, data set directories, identity.
const QUESTIONS: [u8; 5] = [0xa1, 0xa4, 0xa6, 0xac, 0x82];
const WRITE: u8 = 0xa5;

/// A BER element: its tag, its content, what follows.
fn element(bytes: &[u8]) -> (u8, &[u8], &[u8]) {
    let (tag, first) = (bytes[0], usize::from(bytes[1]));
    let (length, head) = match first {
        0..=127 => (first, 2),
        _ => (bytes[2..2 + (first & 127)].iter().fold(0, |held, byte| held << 8 | usize::from(*byte)), 2 + (first & 127)),
    };
    (tag, &bytes[head..head + length], &bytes[head + length..])
}

/// All visible strings below an element.
fn strings(mut bytes: &[u8], out: &mut Vec<String>) {
    while !bytes.is_empty() {
        let (tag, content, rest) = element(bytes);
        if tag == 0x1a {
            out.push(String::from_utf8(content.to_vec()).unwrap());
        } else if tag & 0x20 != 0 {
            strings(content, out);
        }
        bytes = rest;
    }
}

/// The services of all requests, and the names of all writes.
fn requests(mut bytes: &[u8]) -> (BTreeSet<u8>, Vec<String>) {
    let (mut services, mut written) = (BTreeSet::new(), Vec::new());
    while !bytes.is_empty() {
        assert_eq!(bytes[0], 3, "a TPKT");
        let length = usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
        let (packet, rest) = bytes.split_at(length);
        bytes = rest;
        if packet[5] != 0xf0 {
            assert!([0xe0, 0x80].contains(&packet[5]), "COTP {:#x}", packet[5]);
            continue;
        }
        assert_eq!(packet[6] & 0x80, 0x80, "requests are short; none is in pieces");
        let session = &packet[7..];
        if session[..2] != [1, 0] {
            assert!([0x0d, 0x09, 0x19].contains(&session[0]), "session {:#x}", session[0]);
            continue;
        }
        let (tag, list, _) = element(&session[4..]);
        assert_eq!(tag, 0x61, "fully encoded data");
        let (_, values, _) = element(list);
        let (_, _, data) = element(values);
        let (_, mms, _) = element(data);
        let (kind, request, _) = element(mms);
        match kind {
            0xa0 => {
                let (_, _, service) = element(request);

                let (tag, content, _) = element(service);
                services.insert(tag);
                if tag == WRITE {
                    let (_, variables, _) = element(content);
                    let mut names = Vec::new();
                    strings(variables, &mut names);
                    written.extend(names.chunks(2).map(|name| name.join("/")));
                }
            }
            // Conclude.
            0x8b => {}
            other => panic!("an MMS PDU of kind {other:#x}"),
        }
    }
    (services, written)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_but_report_control_blocks() {
    let port = free_port();
    let Some(mut peer) = controller(port) else { return };
    let wire = Wire::to(port).await;
    let both = "reports = [\"WINDWTG01/LLN0$BR$brcbA02\", \"WINDWTG01/LLN0$RP$urcbC01\"]\nevery_s = 0.2\nintegrity_s = 1.0";
    for more in [BUFFERED, both] {
        let settings = settings(wire.port, more);
        let mut drive = Drive::open(&settings, &plant());
        burst(&mut peer, 1, 9);
        let last = told(10)[8];
        assert!(drive.until(LIMIT, |drive| super::power(&drive.kept).contains(&last)).await, "{:?}", drive.link.status());
        drive.close().await;
    }
    let settings = settings(wire.port, "");
    let link = connectors::live::Link::new("mms", engine::domain::Timestamp::now);
    settings.probe(&plant(), &link).await.unwrap();
    settings.discover(&link, &|_| ()).await.unwrap();
    let (services, written) = requests(&wire.sent());
    assert!(services.iter().all(|service| QUESTIONS.contains(service) || *service == WRITE), "{services:x?}");
    assert!(services.contains(&WRITE) && services.contains(&0xa4) && services.contains(&0xa1), "{services:x?}");
    assert!(written.len() > 6, "{written:?}");
    for name in &written {
        let parts: Vec<&str> = name.split('$').collect();
        let is_ours = parts.len() == 4 && ["BR", "RP"].contains(&parts[1]) && OURS.contains(&parts[3]);
        assert!(is_ours, "written: {name}");
    }
}
