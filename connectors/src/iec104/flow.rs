//! The link layer's state (IEC 60870-5-104, 5.1 to 5.5): sequence numbers, windows, timers; who may send what, and when.
//!
//! In: frames and the time. Out: frames to send, ASDUs that are in order, or why the link is over. It acknowledges only what it was told is
//! stored: the number in every S and I frame we send is that of [`Flow::store`], never that of the last frame received. Not here: sockets.

use super::apci::Broken;
use super::apci::Control;
use super::apci::Frame;
use super::apci::SEQUENCE;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// Windows and timers of a link (IEC 60870-5-104, table 6 and 5.5).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Timing {
    /// Frames of ours that may be open.
    pub(super) k: u16,
    /// Frames of the station after which an acknowledgement is due.
    pub(super) w: u16,
    /// To connect.
    pub(super) t0: Duration,
    /// To be answered.
    pub(super) t1: Duration,
    /// To acknowledge, if the store keeps up.
    pub(super) t2: Duration,
    /// Idle until a test frame.
    pub(super) t3: Duration,
}

/// One link from connect to close.
#[derive(Debug)]
pub(super) struct Flow {
    timing: Timing,
    is_started: bool,
    /// Our next number, and the first of ours that is open.
    next: u16,
    open: u16,
    open_since: VecDeque<Instant>,
    /// The number expected next, what of it is stored, and what the station was told.
    received: u16,
    stored: u16,
    told: u16,
    /// Since when something received waits for its acknowledgement; whether t2 was found passed.
    waiting_since: Option<(Instant, bool)>,
    /// STARTDT or STOPDT, and TESTFR, waiting for their con.
    asked: Option<(Control, Instant)>,
    tested: Option<Instant>,
    heard: Instant,
}

/// What a frame means for those above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard<'a> {
    /// Nothing.
    Nothing,
    /// An ASDU, in order.
    Asdu(&'a [u8]),
    /// STARTDT con: values will come.
    Started,
    /// STOPDT con.
    Stopped,
    /// TESTFR con.
    Alive,
}

const fn distance(from: u16, to: u16) -> u16 {
    to.wrapping_sub(from) & SEQUENCE
}

impl Flow {
    /// A link made at `now`, stopped.
    pub(super) const fn new(timing: Timing, now: Instant) -> Self {
        Self {
            timing,
            is_started: false,
            next: 0,
            open: 0,
            open_since: VecDeque::new(),
            received: 0,
            stored: 0,
            told: 0,
            waiting_since: None,
            asked: None,
            tested: None,
            heard: now,
        }
    }

    /// Sends STARTDT act or STOPDT act.
    pub(super) fn ask(&mut self, control: Control, now: Instant, out: &mut Vec<u8>) {
        self.asked = Some((control, now));
        Frame::Control(control).write(out);
    }

    /// Sends an ASDU; false: the window is full, or the link is stopped.
    pub(super) fn send(&mut self, asdu: &[u8], now: Instant, out: &mut Vec<u8>) -> bool {
        if !self.is_started || distance(self.open, self.next) >= self.timing.k {
            return false;
        }
        Frame::Data { sent: self.next, received: self.stored, asdu }.write(out);
        self.acknowledged(now);
        self.next = self.next.wrapping_add(1) & SEQUENCE;
        self.open_since.push_back(now);
        true
    }

    /// Everything before number `until` is stored: acknowledges it.
    pub(super) fn store(&mut self, until: u16, now: Instant, out: &mut Vec<u8>) {
        if distance(self.stored, until) > distance(self.stored, self.received) {
            return;
        }
        self.stored = until;
        if self.told != self.stored {
            Frame::Ack { received: self.stored }.write(out);
            self.acknowledged(now);
        }
    }

    fn acknowledged(&mut self, now: Instant) {
        self.told = self.stored;
        self.waiting_since = (self.told != self.received).then_some((now, false));
    }

    /// The number the station sends next: what is below it was received.
    pub(super) const fn received(&self) -> u16 {
        self.received
    }

    /// True when w frames wait: the station may soon have to wait for us.
    pub(super) const fn is_due(&self) -> bool {
        distance(self.told, self.received) >= self.timing.w
    }

    /// Takes a frame.
    pub(super) fn hear<'a>(&mut self, frame: Frame<'a>, now: Instant, out: &mut Vec<u8>) -> Result<Heard<'a>, Broken> {
        self.heard = now;
        match frame {
            Frame::Data { sent, received, asdu } => {
                if !self.is_started {
                    return Err(Broken::NotStarted);
                }
                if sent != self.received {
                    return Err(Broken::Sequence { expected: self.received, got: sent });
                }
                self.confirm(received)?;
                let frames = distance(self.told, self.received);
                if frames >= SEQUENCE - 1 {
                    return Err(Broken::Window { frames });
                }
                self.received = self.received.wrapping_add(1) & SEQUENCE;
                self.waiting_since = self.waiting_since.or(Some((now, false)));
                return Ok(Heard::Asdu(asdu));
            }
            Frame::Ack { received } => self.confirm(received)?,
            Frame::Control(Control::TestAct) => Frame::Control(Control::TestCon).write(out),
            Frame::Control(Control::TestCon) => {
                self.tested = None;
                return Ok(Heard::Alive);
            }
            Frame::Control(con @ (Control::StartCon | Control::StopCon)) => {
                let (act, heard) = match con {
                    Control::StartCon => (Control::StartAct, Heard::Started),
                    _ => (Control::StopAct, Heard::Stopped),
                };
                if self.asked.is_none_or(|(asked, _)| asked != act) {
                    return Err(Broken::Unasked { got: con.name() });
                }
                self.asked = None;
                self.is_started = con == Control::StartCon;
                return Ok(heard);
            }
            Frame::Control(act) => return Err(Broken::Unasked { got: act.name() }),
        }
        Ok(Heard::Nothing)
    }

    fn confirm(&mut self, until: u16) -> Result<(), Broken> {
        let confirmed = distance(self.open, until);
        if confirmed > distance(self.open, self.next) {
            return Err(Broken::Acknowledged { got: until, first: self.open, last: self.next });
        }
        self.open_since.drain(..usize::from(confirmed).min(self.open_since.len()));
        self.open = until;
        Ok(())
    }

    /// When [`Flow::tick`] has something to do.
    pub(super) fn deadline(&self) -> Instant {
        let answers = [self.open_since.front().copied(), self.asked.map(|(_, at)| at), self.tested];
        let answer = answers.into_iter().flatten().min().map(|at| at + self.timing.t1);
        let test = self.tested.is_none().then_some(self.heard + self.timing.t3);
        let late = self.waiting_since.filter(|(_, is_noticed)| !is_noticed).map(|(at, _)| at + self.timing.t2);
        [answer, test, late].into_iter().flatten().min().unwrap_or(self.heard + self.timing.t3)
    }

    /// Does what time asks for. True: something received has waited t2 for the store, for the first time.
    pub(super) fn tick(&mut self, now: Instant, out: &mut Vec<u8>) -> Result<bool, Broken> {
        let is_over = |since: Option<Instant>| since.is_some_and(|since| now >= since + self.timing.t1);
        let silent = |what| Broken::Silent { what, seconds: self.timing.t1.as_secs_f64() };
        if let Some((control, since)) = self.asked
            && is_over(Some(since))
        {
            return Err(silent(control.name()));
        }
        if is_over(self.tested) {
            return Err(silent(Control::TestAct.name()));
        }
        if is_over(self.open_since.front().copied()) {
            return Err(silent("an interrogation (no acknowledgement)"));
        }
        if self.tested.is_none() && now >= self.heard + self.timing.t3 {
            self.tested = Some(now);
            Frame::Control(Control::TestAct).write(out);
        }
        if let Some((since, is_noticed)) = &mut self.waiting_since
            && !*is_noticed
            && now >= *since + self.timing.t2
        {
            *is_noticed = true;
            return Ok(true);
        }
        Ok(false)
    }
}
