//! One connection that polls its units at every tick, for ever.
//!
//! In: a host, its units, the clock of the link. Out: pieces for the inlet, and the state of the link, which all lanes share. A tick is a
//! whole multiple of the period in UTC, so that the rows of all devices line up; ticks that pass while a poll runs, or while the store is
//! slow, are left out. Not here: what is asked.

use super::address::Host;
use super::said::{Change, Out};
use super::unit::Unit;
use super::wire::{Trouble, Wire};
use crate::live::{Link, Phase, Piece, Retry};
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use tokio::sync::mpsc::Sender;

/// Units in a row, all of which answered before, that do not answer any more before the whole connection counts as lost.
const SILENT: usize = 3;
/// Samples handed over at once.
const BATCH: usize = 4096;

/// How many lanes hold; the link lives while one does.
#[derive(Debug)]
pub(super) struct Presence {
    link: Link,
    live: Mutex<usize>,
}

impl Presence {
    /// None holds yet.
    pub(super) const fn new(link: Link) -> Self {
        Self { link, live: Mutex::new(0) }
    }

    fn up(&self) {
        let mut live = self.live.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *live += 1;
        // Every connection made counts, also beside others that hold.
        self.link.enter(Phase::Connecting);
        self.link.enter(Phase::Live);
    }

    fn down(&self, was_up: bool, error: &str) {
        let mut live = self.live.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *live -= usize::from(was_up && *live > 0);
        self.link.lost(error);
        if *live > 0 {
            self.link.enter(Phase::Live);
        }
    }
}

/// A connection and its units.
#[derive(Debug)]
pub(super) struct Lane {
    /// To whom.
    pub(super) host: Host,
    /// Its units.
    pub(super) units: Vec<Unit>,
    /// Period, µs.
    pub(super) every: i64,
    /// How long an answer may take.
    pub(super) patience: Duration,
    /// The clock.
    pub(super) link: Link,
    /// Shared by all lanes.
    pub(super) presence: Arc<Presence>,
}

/// The first tick after `now`, µs.
pub(super) const fn next_tick(now: i64, every: i64) -> i64 {
    now.div_euclid(every).saturating_add(1).saturating_mul(every)
}

impl Lane {
    /// Polls until nobody takes what it brings.
    pub(super) async fn run(mut self, to: Sender<Piece<Change>>) {
        let (mut retry, mut out, mut wire, mut is_up) = (Retry::default(), Out::default(), None, false);
        loop {
            let now = self.link.now_micros();
            let tick = next_tick(now, self.every);
            let wait = u64::try_from(tick.saturating_sub(now)).unwrap_or(0);
            tokio::select! {
                () = tokio::time::sleep(Duration::from_micros(wait)) => {}
                () = to.closed() => return,
            }
            let polled = self.round(&mut wire, tick, &mut is_up, &mut out, &to).await;
            if let Err(error) = polled {
                wire = None;
                self.presence.down(is_up, &error);
                is_up = false;
                for unit in &mut self.units {
                    unit.cut_off(tick, &mut out);
                }
                if !out.send(&to).await {
                    return;
                }
                tokio::select! {
                    () = tokio::time::sleep(retry.wait()) => {}
                    () = to.closed() => return,
                }
            } else if is_up {
                retry.succeeded();
            }
            if !out.send(&to).await {
                return;
            }
        }
    }

    /// All units once. An error means that the connection, or all behind it, is gone.
    async fn round(
        &mut self,
        held: &mut Option<Wire>,
        tick: i64,
        is_up: &mut bool,
        out: &mut Out,
        to: &Sender<Piece<Change>>,
    ) -> Result<(), String> {
        // Who answered last time first: a unit that does not costs a whole patience.
        self.units.sort_by_key(|unit| (unit.failures(), unit.id));
        let due = self.units.iter().filter(|unit| unit.is_due()).count();
        let (mut silent, mut fell_silent, mut has_answered) = (0, 0, false);
        for unit in self.units.iter_mut().filter(|unit| unit.is_due()) {
            let wire = match held.as_mut() {
                Some(wire) => wire,
                None => {
                    let wire = Wire::dial(&self.host, self.patience).await;
                    held.insert(wire.map_err(|problem| format!("{}: {problem}", self.host))?)
                }
            };
            let was_well = unit.failures() == 0;
            match unit.poll(wire, tick, out).await {
                Ok(()) => {
                    (fell_silent, has_answered) = (0, true);
                    if !std::mem::replace(is_up, true) {
                        self.presence.up();
                    }
                }
                Err(Trouble::Silent) => {
                    *held = None;
                    silent += 1;
                    fell_silent += usize::from(was_well);
                    let error = format!("{} unit {}: no answer within {} s", self.host, unit.id, self.patience.as_secs_f64());
                    if fell_silent >= SILENT || (!has_answered && silent >= SILENT.min(due)) {
                        return Err(format!("{error}; is the device on, and is this its unit id?"));
                    }
                    tracing::warn!(connection = self.link.name(), error, "a device does not answer; the others are read");
                }
                Err(Trouble::Broken(error)) => return Err(format!("{}: {error}", self.host)),
                Err(Trouble::Exception(_)) => {}
            }
            if out.samples.len() >= BATCH && !out.send(to).await {
                break;
            }
        }
        Ok(())
    }
}
