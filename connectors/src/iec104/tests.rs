//! Frames, windows, ASDUs, times and settings, without a peer.

mod chance;
mod slips;

use super::apci::*;
use super::asdu::*;
use super::clock::*;
use super::decode::*;
use super::element::*;
use super::flow::*;
use super::questions::*;
use super::*;
use engine::domain::Quality;
use engine::domain::Quantities;
use engine::domain::Timestamp;
use tokio::time::Instant;

const TIMING: Timing = Timing {
    k: 12,
    w: 8,
    t0: Duration::from_secs(30),
    t1: Duration::from_secs(15),
    t2: Duration::from_secs(10),
    t3: Duration::from_secs(20),
};
const WIDTHS: Widths = Widths { cause: 2, common: 2, object: 3 };

const POINTS: &str = r#"
[[assets]]
id = "t01"
kind = "wind_turbine"

[[points]]
address = "13/4001"
asset = "t01"
quantity = "active_power"

[[points]]
address = "13/4002"
asset = "t01"
event = "Door open"
bit = 3
"#;

fn points() -> Points {
    Points::parse(POINTS, "plant.toml", &Quantities::standard()).unwrap()
}

fn settings(extra: &str) -> Settings {
    toml::from_str(&format!("links = [\"10.0.0.5\"]\n{extra}")).unwrap()
}

fn at(text: &str) -> Told {
    Told::At(text.parse::<Timestamp>().unwrap().as_microsecond())
}

fn clock(zone: &str) -> Clock {
    Clock::new(engine::domain::time_zone(zone).unwrap())
}

/// Type, qualifier, cause, station 13, body.
fn asdu(code: u8, qualifier: u8, cause: u8, body: &[u8]) -> Vec<u8> {
    [&[code, qualifier, cause, 0, 13, 0], body].concat()
}

fn objects(octets: &[u8]) -> Result<Vec<Object>, Malformed> {
    let (head, body) = Head::read(WIDTHS, octets)?;
    let mut out = Vec::new();
    head.objects(WIDTHS, &clock("UTC"), 0, body, |_, object| out.push(object))?;
    Ok(out)
}

fn started(now: Instant) -> Flow {
    let (mut flow, mut out) = (Flow::new(TIMING, now), Vec::new());
    flow.ask(Control::StartAct, now, &mut out);
    assert_eq!(out, [0x68, 4, 7, 0, 0, 0]);
    let heard = flow.hear(Frame::Control(Control::StartCon), now, &mut out).unwrap();
    assert_eq!(heard, Heard::Started);
    flow
}

fn frames(mut octets: &[u8]) -> Vec<Frame<'_>> {
    let mut all = Vec::new();
    while let Some((frame, length)) = split(octets).unwrap() {
        all.push(frame);
        octets = &octets[length..];
    }
    assert!(octets.is_empty());
    all
}

#[test]
fn frames_are_written_as_they_are_read() {
    let all = [
        Frame::Data { sent: 32_767, received: 258, asdu: &[100, 1, 6] },
        Frame::Ack { received: 8 },
        Frame::Control(Control::TestAct),
        Frame::Control(Control::StopCon),
    ];
    let mut octets = Vec::new();
    all.iter().for_each(|frame| frame.write(&mut octets));
    assert_eq!(frames(&octets), all);
    // A frame that is not whole yet is waited for.
    assert!((0..9).all(|length| split(&octets[..length]).unwrap().is_none()));
    for (octets, problem) in [
        (&[0x69, 4][..], "0x69 instead of 0x68"),
        (&[0x68, 3], "3 octets long"),
        (&[0x68, 254], "254 octets long"),
        (&[0x68, 4, 0x0F, 0, 0, 0], "mean nothing"),
        (&[0x68, 4, 0, 0, 0, 0], "mean nothing"),
        (&[0x68, 5, 1, 0, 0, 0, 0], "mean nothing"),
    ] {
        let error = split(octets).unwrap_err().to_string();
        assert!(error.contains(problem), "{octets:02x?}: {error}");
    }
}

#[test]
fn only_what_is_stored_is_acknowledged() {
    let now = Instant::now();
    let (mut flow, mut out) = (started(now), Vec::new());
    for sent in 0..10 {
        let heard = flow.hear(Frame::Data { sent, received: 0, asdu: &[1] }, now, &mut out).unwrap();
        assert_eq!((heard, flow.is_due()), (Heard::Asdu(&[1]), sent >= 7));
    }
    assert!(out.is_empty(), "nothing is stored yet");
    assert!(flow.send(&[100], now, &mut out));
    assert_eq!(frames(&out), [Frame::Data { sent: 0, received: 0, asdu: &[100] }]);
    out.clear();
    flow.store(6, now, &mut out);
    flow.store(6, now, &mut out);
    flow.store(20, now, &mut out);
    assert_eq!(frames(&out), [Frame::Ack { received: 6 }], "once, and never what was not received");
    out.clear();
    assert!(flow.send(&[100], now, &mut out));
    assert_eq!(frames(&out), [Frame::Data { sent: 1, received: 6, asdu: &[100] }]);
    let error = flow.hear(Frame::Data { sent: 11, received: 0, asdu: &[1] }, now, &mut out).unwrap_err().to_string();
    assert!(error.contains("frame 11 came where 10 was due"), "{error}");
    let error = flow.hear(Frame::Ack { received: 3 }, now, &mut out).unwrap_err().to_string();
    assert!(error.contains("acknowledges our frame 3"), "{error}");
}

#[test]
fn our_own_window_holds_k_frames() {
    let now = Instant::now();
    let (mut flow, mut out) = (started(now), Vec::new());
    let sent = (0..20).filter(|_| flow.send(&[100], now, &mut out)).count();
    assert_eq!(sent, 12);
    flow.hear(Frame::Ack { received: 5 }, now, &mut out).unwrap();
    assert_eq!((0..20).filter(|_| flow.send(&[100], now, &mut out)).count(), 5);
    let mut stopped = Flow::new(TIMING, now);
    assert!(!stopped.send(&[100], now, &mut out));
    let early = stopped.hear(Frame::Data { sent: 0, received: 0, asdu: &[1] }, now, &mut out).unwrap_err();
    assert!(matches!(early, Broken::NotStarted));
}

#[test]
fn timers_test_an_idle_link_and_give_up_a_dead_one() {
    let now = Instant::now();
    let after = |seconds| now + Duration::from_secs(seconds);
    let (mut flow, mut out) = (started(now), Vec::new());
    assert_eq!(flow.deadline(), after(20));
    assert!(!flow.tick(after(19), &mut out).unwrap() && out.is_empty());
    flow.tick(after(20), &mut out).unwrap();
    assert_eq!(frames(&out), [Frame::Control(Control::TestAct)]);
    assert_eq!(flow.deadline(), after(35));
    let dead = flow.tick(after(35), &mut out).unwrap_err().to_string();
    assert!(dead.contains("TESTFR act within t1 = 15 s"), "{dead}");
    assert_eq!(flow.hear(Frame::Control(Control::TestCon), after(35), &mut out).unwrap(), Heard::Alive);
    assert_eq!(flow.deadline(), after(55));
    // The store is slower than t2: said once, and the link stays.
    flow.hear(Frame::Data { sent: 0, received: 0, asdu: &[1] }, after(36), &mut out).unwrap();
    assert_eq!(flow.deadline(), after(46));
    assert!(flow.tick(after(46), &mut out).unwrap() && !flow.tick(after(47), &mut out).unwrap());
    // An interrogation that is not acknowledged, and a peer that tests us.
    out.clear();
    flow.hear(Frame::Control(Control::TestAct), after(50), &mut out).unwrap();
    assert_eq!(frames(&out), [Frame::Control(Control::TestCon)]);
    assert!(flow.send(&[100], after(50), &mut out));
    assert!(flow.tick(after(65), &mut out).unwrap_err().to_string().contains("no acknowledgement"));
}

#[test]
fn every_type_says_what_it_means() {
    let (good, questionable) = (Quality::Good, Quality::Questionable);
    let cases: &[(u8, &[u8], f64, Quality, &str)] = &[
        (1, &[1], 1.0, good, ""),
        (1, &[0x80], 0.0, Quality::Invalid, "invalid"),
        (3, &[1], 0.0, good, ""),
        (3, &[0x12], 1.0, questionable, "blocked"),
        (3, &[0], f64::NAN, Quality::Invalid, "intermediate"),
        (3, &[3], f64::NAN, Quality::Invalid, "indeterminate"),
        (5, &[0x7F, 0], -1.0, good, ""),
        (5, &[0x85, 0], 5.0, questionable, "in_transit"),
        (5, &[0x40, 0], -64.0, good, ""),
        (7, &[1, 0, 0, 0x80, 0], 2_147_483_649.0, good, ""),
        (9, &[0, 0x80, 0], -1.0, good, ""),
        (9, &[0, 0x40, 0x01], 0.5, questionable, "overflow"),
        (11, &[0xFE, 0xFF, 0x40], -2.0, questionable, "not_topical"),
        (13, &[0, 0, 0x60, 0x40, 0x20], 3.5, Quality::Estimated, "substituted"),
        (13, &[0, 0, 0xC0, 0x7F, 0], f64::NAN, Quality::Invalid, "not_a_number"),
        (15, &[0xFF, 0xFF, 0xFF, 0xFF, 0x1F], -1.0, good, ""),
        (15, &[1, 0, 0, 0, 0x40], 1.0, questionable, "counter_adjusted"),
        (15, &[1, 0, 0, 0, 0x20], 1.0, questionable, "counter_carried"),
        (15, &[1, 0, 0, 0, 0xE0], 1.0, Quality::Invalid, "invalid"),
        (20, &[5, 1, 0xFF, 0xFF, 0], 261.0, good, ""),
        (21, &[0, 0xC0], -0.5, good, ""),
    ];
    for (code, element, value, quality, reason) in cases {
        let body = [&[0xA1, 0x0F, 0][..], element].concat();
        let read = objects(&asdu(*code, 1, 3, &body)).unwrap();
        let got = read[0].element;
        assert!(got.value == *value || (got.value.is_nan() && value.is_nan()), "{code} {element:02x?}: {got:?}");
        assert_eq!((read.len(), read[0].address, got.quality, got.reason), (1, 4001, *quality, *reason), "{code} {element:02x?}");
    }
    // Time-tagged twins have the element of the plain ones.
    for (plain, short, long) in
        [(1, 2, 30), (3, 4, 31), (5, 6, 32), (7, 8, 33), (9, 10, 34), (11, 12, 35), (13, 14, 36), (15, 16, 37)]
    {
        let shape = kind_of(plain).unwrap().shape;
        assert_eq!((kind_of(short).unwrap().shape, kind_of(short).unwrap().tag), (shape, Tag::Short));
        assert_eq!((kind_of(long).unwrap().shape, kind_of(long).unwrap().tag), (shape, Tag::Long));
    }
    let tagged = objects(&asdu(36, 1, 3, &[1, 0, 0, 0, 0, 0x60, 0x40, 0, 0x88, 0x13, 30, 12, 0x21, 6, 26])).unwrap();
    assert_eq!((tagged[0].element.value, tagged[0].told), (3.5, at("2026-06-01T12:30:05Z")));
    let protection = objects(&asdu(38, 1, 3, &[1, 0, 0, 2, 9, 0, 0x88, 0x13, 30, 12, 1, 6, 26])).unwrap();
    assert_eq!((protection[0].element.value, protection[0].told), (1.0, at("2026-06-01T12:30:05Z")));
}

#[test]
fn sequences_and_lengths() {
    let row = objects(&asdu(11, 0x83, 20, &[0xFF, 0, 0, 1, 0, 0, 2, 0, 0, 3, 0, 0])).unwrap();
    let seen: Vec<_> = row.iter().map(|object| (object.address, object.element.value)).collect();
    assert_eq!(seen, [(255, 1.0), (256, 2.0), (257, 3.0)]);
    let each = objects(&asdu(1, 2, 3, &[7, 0, 0, 1, 9, 0, 0, 0])).unwrap();
    assert_eq!((each[0].address, each[1].address), (7, 9));
    for (octets, problem) in [
        (asdu(11, 2, 3, &[7, 0, 0, 1, 0, 0]), "with 2 objects should have 12 octets"),
        (asdu(11, 1, 3, &[7, 0, 0, 1, 0, 0, 0]), "has 7"),
        (asdu(45, 1, 3, &[7, 0, 0, 1]), "type 45 (C_SC_NA_1) is not spoken"),
        (asdu(200, 1, 3, &[7]), "type 200 (not in the standard)"),
        (asdu(1, 1, 7, &[7, 0, 0, 1]), "cause 7"),
        (vec![1, 1, 3, 0, 13], "no whole head"),
    ] {
        let error = objects(&octets).unwrap_err().to_string();
        assert!(error.contains(problem), "{octets:02x?}: {error}");
    }
    let narrow = Widths { cause: 1, common: 1, object: 2 };
    let (head, body) = Head::read(narrow, &[1, 1, 0xC3, 13, 7, 1, 1]).unwrap();
    assert_eq!((head.common, head.cause, head.is_test, head.is_negative, body), (13, 3, true, true, &[7, 1, 1][..]));
    assert_eq!(question(narrow, 9, INTERROGATION, 13, 20), [100, 1, 6, 13, 0, 0, 20]);
    assert_eq!(question(WIDTHS, 9, COUNTERS, 258, 5), [101, 1, 6, 9, 2, 1, 0, 0, 0, 5]);
}

/// CP56Time2a of minute, hour, day, month of 2026.
fn tag(month: u8, day: u8, hour: u8, minute: u8, is_summer: bool) -> [u8; 7] {
    [0x10, 0x27, minute, hour | u8::from(is_summer) << 7, day | 0xE0, month, 26]
}

#[test]
fn local_times_on_both_sides_of_a_change() {
    let cases = [
        // Clocks go forward at 02:00 and back at 03:00.
        ("Europe/Paris", tag(3, 29, 1, 59, false), "2026-03-29T00:59:10Z"),
        ("Europe/Paris", tag(3, 29, 3, 0, true), "2026-03-29T01:00:10Z"),
        ("Europe/Paris", tag(3, 29, 2, 30, false), "2026-03-29T01:30:10Z"),
        ("Europe/Paris", tag(10, 25, 1, 30, true), "2026-10-24T23:30:10Z"),
        ("Europe/Paris", tag(10, 25, 2, 30, true), "2026-10-25T00:30:10Z"),
        ("Europe/Paris", tag(10, 25, 2, 30, false), "2026-10-25T01:30:10Z"),
        ("Europe/Paris", tag(10, 25, 3, 30, false), "2026-10-25T02:30:10Z"),
        // Ramadan: from +01 to +00 on 15 February at 03:00, back on 22 March at 02:00; +00 for good from 20 September.
        ("Africa/Casablanca", tag(2, 15, 1, 30, true), "2026-02-15T00:30:10Z"),
        ("Africa/Casablanca", tag(2, 15, 2, 30, true), "2026-02-15T01:30:10Z"),
        ("Africa/Casablanca", tag(2, 15, 2, 30, false), "2026-02-15T02:30:10Z"),
        ("Africa/Casablanca", tag(3, 22, 1, 30, false), "2026-03-22T01:30:10Z"),
        ("Africa/Casablanca", tag(3, 22, 3, 30, true), "2026-03-22T02:30:10Z"),
        ("Africa/Casablanca", tag(10, 1, 12, 0, false), "2026-10-01T12:00:10Z"),
        ("UTC", tag(10, 25, 2, 30, true), "2026-10-25T02:30:10Z"),
    ];
    for (zone, octets, expected) in cases {
        assert_eq!(clock(zone).long(octets), at(expected), "{zone} {octets:02x?}");
    }
    for octets in [tag(13, 1, 0, 0, false), tag(2, 30, 0, 0, false), tag(1, 1, 24, 0, false), tag(1, 1, 0, 0x80, false), [0xFF; 7]]
    {
        assert_eq!(clock("UTC").long(octets), Told::Unusable, "{octets:02x?}");
    }
}

#[test]
fn a_short_time_belongs_to_the_nearest_hour() {
    let cases = [
        ("UTC", "2026-06-01T12:00:02Z", 59, "2026-06-01T11:59:10Z"),
        ("UTC", "2026-06-01T11:59:58Z", 0, "2026-06-01T12:00:10Z"),
        ("UTC", "2026-06-01T12:30:00Z", 29, "2026-06-01T12:29:10Z"),
        ("Asia/Kolkata", "2026-06-01T12:31:00Z", 0, "2026-06-01T12:30:10Z"),
    ];
    for (zone, arrival, minute, expected) in cases {
        let arrival = arrival.parse::<Timestamp>().unwrap().as_microsecond();
        assert_eq!(clock(zone).short([0x10, 0x27, minute], arrival), at(expected), "{zone} {minute}");
        assert_eq!(clock(zone).short([0x10, 0x27, minute | 0x80], arrival), Told::Unusable);
        assert_eq!(clock(zone).short([0x60, 0xEA, minute], arrival), Told::Unusable);
    }
}

#[test]
fn samples_of_our_points() {
    let noon = || "2026-06-01T12:00:00Z".parse().unwrap();
    let link = Link::new("plant", noon);
    let decoder = Decoder::new(&points(), WIDTHS, clock("UTC")).unwrap();
    let read = |octets: &[u8]| {
        let mut samples = Vec::new();
        let said = decoder.samples(octets, &link, &mut samples);
        (said, samples.iter().map(|s| (s.point, s.time.is_some(), s.value, s.quality, s.reason.to_string())).collect::<Vec<_>>())
    };
    let power = |cause, time: &[u8]| {
        let code = if time.is_empty() { 13 } else { 36 };
        asdu(code, 1, cause, &[&[0xA1, 0x0F, 0, 0, 0, 0x60, 0x40, 0], time].concat())
    };
    let good = (0, false, 3.5, Quality::Good, String::new());
    assert_eq!(read(&power(20, &[])), (Ok(Said::Values), vec![good.clone()]));
    // Sent at once, one second ago.
    assert_eq!(read(&power(3, &[0x78, 0xE6, 59, 11, 1, 6, 26])).1, [(0, true, 3.5, Quality::Good, String::new())]);
    assert_eq!(link.status().skew_s, Some(-1.0));
    assert_eq!(read(&power(3, &[0, 0, 0x80, 11, 1, 6, 26])).1, [(0, false, 3.5, Quality::Questionable, "time_invalid".into())]);
    assert_eq!(read(&power(0x83, &[])).1, [(0, false, 3.5, Quality::Invalid, "test".into())]);
    let door = |bits| read(&asdu(7, 1, 3, &[0xA2, 0x0F, 0, bits, 0, 0, 0, 0])).1;
    assert_eq!((door(8)[0].2, door(0xF7)[0].2), (1.0, 0.0));
    assert_eq!(read(&asdu(13, 1, 3, &[0xA2, 0x0F, 0, 0, 0, 0, 0, 0])).1[0].4, "no_such_bit");
    assert_eq!(read(&asdu(1, 1, 3, &[0xFF, 0x0F, 0, 1])).1, [], "nobody's address");
    assert_eq!(
        read(&asdu(100, 1, 0x47, &[0, 0, 0, 20])).0,
        Ok(Said::Refused { code: 100, common: 13, why: "it refuses; it may not know the common address" })
    );
    assert_eq!(read(&asdu(100, 1, 10, &[0, 0, 0, 20])).0, Ok(Said::Ended { code: 100, common: 13 }));
    assert_eq!(read(&asdu(70, 1, 4, &[0, 0, 0, 0])).0, Ok(Said::Initialized { common: 13 }));
    let reject = read(&asdu(46, 1, 3, &[0, 0, 0, 0])).0.unwrap_err();
    assert!(reject.reason == "unknown_type" && reject.detail.starts_with("plant: station 13: type 46 (C_DC_NA_1)"), "{reject:?}");
}

#[test]
fn questions_wait_for_their_answers() {
    let now = Instant::now();
    let every = Some(Duration::from_secs(600));
    let plan = Plan { stations: vec![1, 2], broadcast: 0xFFFF, qualifier: 20, every, counters_every: Some(Duration::ZERO) };
    let mut questions = Questions::new(plan, now);
    let mut asked = Vec::new();
    while let Some(question) = questions.next(now) {
        asked.push((question.code, question.common, question.qualifier));
        questions.sent(now);
        assert_eq!(questions.next(now), None);
        questions.heard(Said::Ended { code: 7, common: question.common }, now);
        assert_eq!(questions.next(now), None);
        questions.heard(Said::Ended { code: question.code, common: question.common }, now);
    }
    assert_eq!(asked, [(100, 1, 20), (100, 2, 20), (101, 1, 5), (101, 2, 5)]);
    assert!(questions.is_settled());
    questions.heard(Said::Initialized { common: 2 }, now);
    assert_eq!(questions.next(now).map(|question| (question.code, question.common)), Some((100, 2)));
    questions.sent(now);
    // No answer: a minute later the next one goes out.
    let later = now + Duration::from_secs(600);
    assert_eq!(questions.deadline(), Some(now + Duration::from_secs(60)));
    assert_eq!(questions.next(later).map(|question| question.common), Some(1));
}
