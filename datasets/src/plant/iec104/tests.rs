//! Frames both ways, windows, refusals, and changes that wait for a master that was away.

use super::super::board::{Board, Reading, State};
use super::super::fleet::Fleet;
use super::frame;
use super::frame::{Frame, Function};
use engine::domain::{Asset, AssetId, AssetKind, Quantity, micros, parse_time};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

const BASE: i64 = 1_790_000_000_000_000;

fn board(devices: usize) -> Arc<Board> {
    let asset = |number| Asset::new(AssetId::parse(&format!("t/T{number:02}")).unwrap(), AssetKind::WindTurbine);
    let assets: Vec<Asset> = (1..=devices).map(asset).collect();
    let columns = BTreeMap::from([(AssetKind::WindTurbine, vec![Quantity::ACTIVE_POWER, Quantity::GEARBOX_BEARING_TEMP])]);
    let fleet = Fleet::new(&assets, &columns);
    let first = picture(&fleet, 0, |_| (0.0, State::Good));
    Arc::new(Board::new(fleet, first))
}

fn picture(fleet: &Fleet, time: i64, value: impl Fn(usize) -> (f64, State)) -> Vec<Reading> {
    let reading = |index| {
        let (value, state) = value(index);
        Reading { time: BASE + time * 1_000_000, value, state }
    };
    (0..fleet.signals.len()).map(reading).collect()
}

struct Served {
    board: Arc<Board>,
    address: std::net::SocketAddr,
    stop: CancellationToken,
}

async fn served(devices: usize) -> Served {
    let (board, stop) = (board(devices), CancellationToken::new());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(super::serve(listener, board.clone(), stop.clone()));
    Served { board, address, stop }
}

/// A master that does only what it is told.
struct Master {
    stream: TcpStream,
    bytes: Vec<u8>,
    sent: u16,
    received: u16,
}

impl Master {
    async fn started(served: &Served) -> Self {
        let stream = TcpStream::connect(served.address).await.unwrap();
        let mut master = Self { stream, bytes: Vec::new(), sent: 0, received: 0 };
        master.say(&Frame::Unnumbered(Function::StartAct)).await;
        assert_eq!(master.hear().await, Some(Frame::Unnumbered(Function::StartCon)));
        master
    }

    async fn say(&mut self, frame: &Frame) {
        let mut bytes = Vec::new();
        frame.write(&mut bytes);
        self.stream.write_all(&bytes).await.unwrap();
    }

    async fn ask(&mut self, asdu: &[u8]) {
        self.say(&Frame::Information { sent: self.sent, received: self.received, asdu: asdu.to_vec() }).await;
        self.sent += 1;
    }

    async fn acknowledge(&mut self) {
        self.say(&Frame::Supervisory { received: self.received }).await;
    }

    /// The next frame; `None` when the station has closed.
    async fn hear(&mut self) -> Option<Frame> {
        loop {
            if let Some((frame, length)) = Frame::read(&self.bytes).unwrap() {
                self.bytes.drain(..length);
                if let Frame::Information { sent, .. } = frame {
                    assert_eq!(sent, self.received, "frames come in their order");
                    self.received += 1;
                }
                return Some(frame);
            }
            let read = tokio::time::timeout(Duration::from_secs(10), self.stream.read_buf(&mut self.bytes)).await;
            if read.expect("the station says something").unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    async fn asdu(&mut self) -> Vec<u8> {
        match self.hear().await {
            Some(Frame::Information { asdu, .. }) => asdu,
            other => panic!("{other:?}"),
        }
    }

    /// Asks for TESTFR: what the station had to say before has come when the answer is here.
    async fn frames_until_test(&mut self) -> Vec<Frame> {
        self.say(&Frame::Unnumbered(Function::TestAct)).await;
        let mut frames = Vec::new();
        loop {
            match self.hear().await.unwrap() {
                Frame::Unnumbered(Function::TestCon) => return frames,
                frame => frames.push(frame),
            }
        }
    }
}

fn request(kind: u8, cause: u8, station: u16, qualifier: u8) -> Vec<u8> {
    let [low, high] = station.to_le_bytes();
    vec![kind, 1, cause, 0, low, high, 0, 0, 0, qualifier]
}

/// Type, cause, station, and (address, value, quality) of a spontaneous measured value.
fn measured(asdu: &[u8]) -> Vec<(u32, f32, u8)> {
    let width = if asdu[0] == 36 { 15 } else { 8 };
    assert!(asdu[0] == 36 || asdu[0] == 13, "{asdu:?}");
    let object = |o: &[u8]| (u32::from_le_bytes([o[0], o[1], o[2], 0]), f32::from_le_bytes([o[3], o[4], o[5], o[6]]), o[7]);
    asdu[6..].chunks_exact(width).map(object).collect()
}

#[test]
fn frames_go_out_as_they_come_in() {
    let all = [
        Frame::Information { sent: 300, received: 32_767, asdu: vec![100, 1, 6, 0, 13, 0, 0, 0, 0, 20] },
        Frame::Supervisory { received: 129 },
        Frame::Unnumbered(Function::StartAct),
        Frame::Unnumbered(Function::TestCon),
    ];
    for frame in all {
        let mut bytes = Vec::new();
        frame.write(&mut bytes);
        for cut in 0..bytes.len() {
            assert_eq!(Frame::read(&bytes[..cut]).unwrap(), None);
        }
        assert_eq!(Frame::read(&bytes).unwrap(), Some((frame, bytes.len())));
    }
    assert_eq!(Frame::read(&[0x68, 4, 0x07, 0, 0, 0]).unwrap().unwrap().0, Frame::Unnumbered(Function::StartAct));
    for wrong in [&[0x69, 4][..], &[0x68, 3], &[0x68, 254], &[0x68, 4, 0xff, 0, 0, 0]] {
        assert!(Frame::read(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn times_are_the_standards() {
    let at = |text: &str| frame::time(micros(parse_time(text).unwrap()));
    // A Sunday, 59.999 s.
    assert_eq!(at("2026-11-22T23:07:59.999Z"), [0x5f, 0xea, 7, 23, 22 | (7 << 5), 11, 26]);
    assert_eq!(at("2026-11-23T00:00:00.001Z"), [1, 0, 0, 0, 23 | (1 << 5), 11, 26]);
}

#[tokio::test]
async fn interrogations_are_answered_in_their_order() {
    let served = served(2).await;
    served.board.show(picture(&served.board.fleet, 1, |index| match index {
        0 => (1234.5, State::Good),
        1 => (f64::NAN, State::SensorFailed),
        _ => (1.0, State::Good),
    }));
    let mut master = Master::started(&served).await;
    master.ask(&request(100, 6, 1, 20)).await;
    assert_eq!(master.asdu().await, [100, 1, 7, 0, 1, 0, 0, 0, 0, 20]);
    let values = master.asdu().await;
    assert_eq!((values[0], values[2]), (13, 20));
    assert_eq!(measured(&values), [(1, 1234.5, 0), (2, 0.0, 0x80)]);
    let alarms = master.asdu().await;
    assert_eq!(alarms, [1, 2, 20, 0, 1, 0, 0xe9, 3, 0, 1, 0xea, 3, 0, 1]);
    assert_eq!(master.asdu().await, [100, 1, 10, 0, 1, 0, 0, 0, 0, 20]);
    master.ask(&request(101, 6, 0xffff, 5)).await;
    for station in 1..=2 {
        assert_eq!(master.asdu().await[..6], [101, 1, 7, 0, station, 0]);
        assert_eq!(master.asdu().await[..13], [15, 1, 37, 0, station, 0, 0xd1, 7, 0, 10, 0, 0, 0]);
        assert_eq!(master.asdu().await[..6], [101, 1, 10, 0, station, 0]);
    }
}

#[tokio::test]
async fn nothing_can_be_commanded() {
    let served = served(1).await;
    let mut master = Master::started(&served).await;
    for kind in [45, 46, 47, 48, 49, 50, 51, 58, 63, 102, 103, 105, 110, 113, 120] {
        master.ask(&request(kind, 6, 1, 1)).await;
        assert_eq!(master.asdu().await, request(kind, 44 | 0x40, 1, 1), "type {kind}");
        master.acknowledge().await;
    }
    master.ask(&request(100, 6, 9, 20)).await;
    assert_eq!(master.asdu().await[2], 46 | 0x40, "no such station");
    master.ask(&request(100, 3, 1, 20)).await;
    assert_eq!(master.asdu().await[2], 45 | 0x40, "no such cause");
    master.ask(&request(100, 6, 1, 27)).await;
    assert_eq!(master.asdu().await[2], 7 | 0x40, "no such group");
}

#[tokio::test]
async fn twelve_frames_wait_for_an_acknowledgement() {
    let served = served(20).await;
    let mut master = Master::started(&served).await;
    served.board.show(picture(&served.board.fleet, 1, |index| (index as f64 + 0.5, State::Good)));
    let mut frames = 0;
    while frames < 12 {
        frames += usize::from(matches!(master.hear().await.unwrap(), Frame::Information { .. }));
    }
    assert_eq!(master.frames_until_test().await, [], "the window is 12");
    master.acknowledge().await;
    assert!(matches!(master.asdu().await[0], 30 | 36), "more comes");
}

#[tokio::test]
async fn what_was_not_acknowledged_comes_again() {
    let served = served(1).await;
    let fleet = &served.board.fleet;
    let mut master = Master::started(&served).await;
    for second in 1..=3 {
        served.board.show(picture(fleet, second, |index| (if index == 0 { second as f64 } else { 0.0 }, State::Good)));
        assert_eq!(measured(&master.asdu().await), [(1, second as f32, 0)]);
        if second == 1 {
            master.acknowledge().await;
        }
    }
    // The acknowledgement of 1 has been read when the test is answered.
    assert_eq!(master.frames_until_test().await, []);
    drop(master);
    served.board.show(picture(fleet, 4, |index| (if index == 0 { 4.0 } else { 0.0 }, State::Good)));
    let mut other = None;
    for second in 5..200 {
        // Until the station has noticed that the first master is gone, a new one gets an account of its own.
        let mut master = Master::started(&served).await;
        let mut heard = Vec::new();
        for frame in master.frames_until_test().await {
            let Frame::Information { asdu, .. } = frame else { continue };
            heard.extend(measured(&asdu).iter().map(|value| value.1));
        }
        if !heard.is_empty() {
            assert_eq!(heard[..3], [2.0, 3.0, 4.0], "in their order, with what happened meanwhile");
            other = Some(master);
            break;
        }
        served.board.show(picture(fleet, second, |_| (0.0, State::Good)));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(other.is_some(), "nothing came again");
}

#[tokio::test]
async fn several_masters_hear_the_same() {
    let served = served(1).await;
    let (mut one, mut two) = (Master::started(&served).await, Master::started(&served).await);
    served.board.show(picture(&served.board.fleet, 1, |index| (if index == 0 { 7.25 } else { 0.0 }, State::Good)));
    let (a, b) = (one.asdu().await, two.asdu().await);
    assert_eq!(measured(&a), [(1, 7.25, 0)]);
    assert_eq!(a, b);
    served.stop.cancel();
    assert_eq!(one.hear().await, None);
}

#[tokio::test]
async fn who_breaks_the_rules_is_left() {
    let served = served(1).await;
    let mut master = Master::started(&served).await;
    master.say(&Frame::Supervisory { received: 5 }).await;
    assert_eq!(master.hear().await, None, "acknowledges what was never sent");
    let mut master = Master::started(&served).await;
    master.sent = 3;
    master.ask(&request(100, 6, 1, 20)).await;
    assert_eq!(master.hear().await, None, "a number was left out");
    let mut master = Master::started(&served).await;
    master.stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    assert_eq!(master.hear().await, None, "no start octet");
}
