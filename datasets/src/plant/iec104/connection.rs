//! One connection of one master: windows, timers, confirmations.
//!
//! In: a socket, the hub. Out: frames. Parameters are the standard's defaults (IEC 60870-5-104, 9.6): k 12, w 8, t1 15 s, t2 10 s, t3 20 s.

use super::COUNTS_PER_KWH;
use super::Hub;
use super::Session;
use super::change_of;
use super::frame;
use super::frame::Change;
use super::frame::Frame;
use super::frame::Function;
use super::frame::MODULO;
use crate::plant::fleet::Means;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// Frames sent and not acknowledged, at most; frames received after which we acknowledge at the latest.
const K: usize = 12;
const W: u16 = 8;
const T1: Duration = Duration::from_secs(15);
const T2: Duration = Duration::from_secs(10);
const T3: Duration = Duration::from_secs(20);
/// The common address that means all stations.
const EVERYBODY: u16 = 0xffff;
/// The qualifiers of interrogation we answer: the whole station, all counters.
const WHOLE_STATION: u8 = 20;
const ALL_COUNTERS: u8 = 5;

/// A frame in flight.
#[derive(Debug)]
struct Sent {
    number: u16,
    at: Instant,
    changes: Vec<Change>,
}

struct Connection {
    hub: Arc<Hub>,
    peer: IpAddr,
    /// What the master is owed, once it has started the transfer.
    session: Option<Arc<Session>>,
    is_started: bool,
    next_out: u16,
    next_in: u16,
    in_flight: VecDeque<Sent>,
    answers: VecDeque<Vec<u8>>,
    unconfirmed: u16,
    confirm_by: Option<Instant>,
    heard: Instant,
    tested: Option<Instant>,
    counter_readings: u8,
    out: Vec<u8>,
}

/// Why a connection ends: the master broke the rules, or is gone.
struct Ended;

/// Talks to one master until it leaves.
pub(super) async fn run(stream: TcpStream, peer: IpAddr, hub: Arc<Hub>) {
    let mut connection = Connection {
        hub,
        peer,
        session: None,
        is_started: false,
        next_out: 0,
        next_in: 0,
        in_flight: VecDeque::new(),
        answers: VecDeque::new(),
        unconfirmed: 0,
        confirm_by: None,
        heard: Instant::now(),
        tested: None,
        counter_readings: 0,
        out: Vec::new(),
    };
    // What waits is cut off by `stop`, too: then the drop below still keeps what was not acknowledged.
    drop(connection.talk(stream).await);
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            session.leave(self.in_flight.drain(..).flat_map(|sent| sent.changes).collect::<Vec<_>>().into_iter());
        }
    }
}

impl Connection {
    async fn talk(&mut self, mut stream: TcpStream) -> Result<(), Ended> {
        stream.set_nodelay(true).map_err(|_| Ended)?;
        let mut bytes = Vec::new();
        loop {
            let mut read = 0;
            while let Some((frame, length)) = Frame::read(bytes.get(read..).unwrap_or_default()).map_err(|_| Ended)? {
                read += length;
                self.receive(frame)?;
            }
            bytes.drain(..read);
            self.timers()?;
            self.send();
            if !self.out.is_empty() {
                stream.write_all(&self.out).await.map_err(|_| Ended)?;
                self.out.clear();
            }
            let (session, has_room) = (self.session.clone(), self.is_started && self.in_flight.len() < K);
            let news = async {
                match session.filter(|_| has_room) {
                    Some(session) => session.wake.notified().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                got = stream.read_buf(&mut bytes) => if got.map_err(|_| Ended)? == 0 { return Err(Ended) },
                () = news => {}
                () = tokio::time::sleep_until(self.deadline()) => {}
            }
        }
    }

    fn receive(&mut self, frame: Frame) -> Result<(), Ended> {
        self.heard = Instant::now();
        match frame {
            Frame::Supervisory { received } => self.acknowledged(received)?,
            Frame::Information { sent, received, asdu } => {
                if sent != self.next_in || !self.is_started {
                    return Err(Ended);
                }
                self.next_in = (self.next_in + 1) % MODULO;
                self.acknowledged(received)?;
                self.unconfirmed += 1;
                self.confirm_by.get_or_insert(self.heard + T2);
                self.request(&asdu);
            }
            Frame::Unnumbered(function) => self.function(function),
        }
        Ok(())
    }

    fn function(&mut self, function: Function) {
        match function {
            Function::StartAct => {
                if self.session.is_none() {
                    self.session = Some(self.hub.session(self.peer));
                }
                self.is_started = true;
                Frame::Unnumbered(Function::StartCon).write(&mut self.out);
            }
            Function::StopAct => {
                self.is_started = false;
                self.confirm();
                Frame::Unnumbered(Function::StopCon).write(&mut self.out);
            }
            Function::TestAct => Frame::Unnumbered(Function::TestCon).write(&mut self.out),
            Function::TestCon => self.tested = None,
            Function::StartCon | Function::StopCon => {}
        }
    }

    /// Everything before `received` has arrived there.
    fn acknowledged(&mut self, received: u16) -> Result<(), Ended> {
        let oldest = self.in_flight.front().map_or(self.next_out, |sent| sent.number);
        let ahead = |from: u16, to: u16| (to + MODULO - from) % MODULO;
        if usize::from(ahead(oldest, received)) > self.in_flight.len() {
            return Err(Ended);
        }
        self.in_flight.drain(..usize::from(ahead(oldest, received)));
        Ok(())
    }

    /// Answers an ASDU of the master.
    fn request(&mut self, asdu: &[u8]) {
        let &[kind, _, cause, _, low, high, ..] = asdu else { return };
        let station = u16::from_le_bytes([low, high]);
        let qualifier = asdu.get(9).copied().unwrap_or(0);
        let refuse = |cause: u8| frame::mirrored(asdu, station, cause, true);
        if kind != frame::C_IC_NA && kind != frame::C_CI_NA {
            return self.answers.push_back(refuse(frame::UNKNOWN_TYPE));
        }
        if cause & 0x3f != frame::ACTIVATION {
            return self.answers.push_back(refuse(frame::UNKNOWN_CAUSE));
        }
        let board = self.hub.board.clone();
        let asked: Vec<_> = board.fleet.devices.iter().filter(|device| station == EVERYBODY || device.station == station).collect();
        if asked.is_empty() {
            return self.answers.push_back(refuse(frame::UNKNOWN_STATION));
        }
        let (wants_values, wants_counters) =
            (kind == frame::C_IC_NA && qualifier == WHOLE_STATION, kind == frame::C_CI_NA && qualifier & 0x3f == ALL_COUNTERS);
        if !wants_values && !wants_counters {
            return self.answers.push_back(refuse(frame::CONFIRMED));
        }
        let now = board.now();
        self.counter_readings = (self.counter_readings + 1) % 32;
        for device in asked {
            self.answers.push_back(frame::mirrored(asdu, device.station, frame::CONFIRMED, false));
            let mut changes = Vec::new();
            for (index, signal) in board.fleet.signals_of(device) {
                let Some(reading) = now.get(index) else { continue };
                if signal.means != Means::Energy {
                    changes.push(Change {
                        station: device.station,
                        ioa: signal.ioa,
                        is_alarm: signal.is_alarm(),
                        ..change_of(reading)
                    });
                } else if wants_counters {
                    let count = (reading.good().unwrap_or(0.0) * COUNTS_PER_KWH).clamp(0.0, f64::from(i32::MAX)) as i32;
                    // CY, CA and IV: the counter cannot be read while the device is silent.
                    let invalid = if reading.good().is_none() { frame::INVALID } else { 0 };
                    self.answers.push_back(frame::counter(device.station, signal.ioa, count, self.counter_readings, invalid));
                }
            }
            if wants_values {
                self.answers.extend(frame::answers(device.station, &changes));
            }
            self.answers.push_back(frame::mirrored(asdu, device.station, frame::TERMINATED, false));
        }
    }

    /// As many frames as the window allows: answers first, then changes in their order.
    fn send(&mut self) {
        while self.is_started && self.in_flight.len() < K {
            let (asdu, changes) = match self.answers.pop_front() {
                Some(asdu) => (asdu, Vec::new()),
                None => {
                    let changes = self.session.as_ref().map(|session| session.take()).unwrap_or_default();
                    if changes.is_empty() {
                        break;
                    }
                    (frame::spontaneous(&changes), changes)
                }
            };
            let frame = Frame::Information { sent: self.next_out, received: self.next_in, asdu };
            frame.write(&mut self.out);
            self.in_flight.push_back(Sent { number: self.next_out, at: Instant::now(), changes });
            self.next_out = (self.next_out + 1) % MODULO;
            (self.unconfirmed, self.confirm_by) = (0, None);
        }
        if self.unconfirmed >= W {
            self.confirm();
        }
    }

    fn confirm(&mut self) {
        if self.unconfirmed > 0 {
            Frame::Supervisory { received: self.next_in }.write(&mut self.out);
            (self.unconfirmed, self.confirm_by) = (0, None);
        }
    }

    fn timers(&mut self) -> Result<(), Ended> {
        let now = Instant::now();
        let is_late = |since: Option<Instant>| since.is_some_and(|since| now >= since + T1);
        if is_late(self.in_flight.front().map(|sent| sent.at)) || is_late(self.tested) {
            return Err(Ended);
        }
        if self.confirm_by.is_some_and(|by| now >= by) {
            self.confirm();
        }
        if now >= self.heard + T3 && self.tested.is_none() {
            self.tested = Some(now);
            Frame::Unnumbered(Function::TestAct).write(&mut self.out);
        }
        Ok(())
    }

    /// When `timers` has something to do.
    fn deadline(&self) -> Instant {
        let oldest = self.in_flight.front().map(|sent| sent.at + T1);
        let test = self.tested.map_or(self.heard + T3, |tested| tested + T1);
        [oldest, self.confirm_by].into_iter().flatten().fold(test, Instant::min)
    }
}
