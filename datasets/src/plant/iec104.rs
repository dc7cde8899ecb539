//! IEC 60870-5-104, the controlled station: every device is a station of its own behind one port, for several masters at once.
//!
//! In: the board. Out: answers to general and counter interrogations, and every change with its time (M_ME_TF_1, M_SP_TB_1). A change that
//! a master has not acknowledged when its connection ends waits, and is sent when a master comes back from the same address. Commands,
//! clock synchronisation and parameters are refused. Not here: one connection (`connection`), octets (`frame`).

mod connection;
mod frame;
#[cfg(test)]
mod tests;

use super::board::Board;
use super::board::Reading;
use super::board::State;
use super::fleet::Means;
use frame::Change;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Changes kept for one master; beyond it the oldest are lost.
const KEPT: usize = 200_000;
/// How long changes are kept for a master that has left.
const KEPT_FOR: Duration = Duration::from_secs(600);
/// Counters are sent in tenths of a kilowatt-hour.
pub(super) const COUNTS_PER_KWH: f64 = 10.0;

/// Serves until `stop`.
pub(super) async fn serve(listener: TcpListener, board: Arc<Board>, stop: CancellationToken) {
    let hub = Arc::new(Hub { board: board.clone(), sessions: Mutex::default() });
    let mut news = board.follow();
    let mut shown = board.now();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            heard = news.recv() => match heard {
                Ok(picture) => {
                    hub.spread(&changes(&board, &shown, &picture));
                    shown = picture;
                }
                Err(RecvError::Lagged(missed)) => tracing::warn!(missed, "the IEC 104 station is too slow for this rate"),
                Err(RecvError::Closed) => return,
            },
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let (hub, stop) = (hub.clone(), stop.clone());
                    tokio::spawn(async move {
                        tokio::select! {
                            () = stop.cancelled() => {}
                            () = connection::run(stream, peer.ip(), hub) => {}
                        }
                    });
                }
                Err(error) => tracing::debug!(%error, "an IEC 104 master was lost at the door"),
            },
        }
    }
}

/// What changed from one picture to the next; counters are only told when asked for.
fn changes(board: &Board, before: &[Reading], after: &[Reading]) -> Vec<Change> {
    let pairs = board.fleet.signals.iter().zip(before.iter().zip(after));
    pairs
        .filter(|(signal, (old, new))| {
            signal.means != Means::Energy
                && (old.state != new.state || (old.value as f32).to_bits() != (new.value as f32).to_bits())
        })
        .filter_map(|(signal, (_, new))| {
            let station = board.fleet.devices.get(signal.device)?.station;
            Some(Change { station, ioa: signal.ioa, is_alarm: signal.is_alarm(), ..change_of(new) })
        })
        .collect()
}

/// A reading's value, quality and time.
fn change_of(reading: &Reading) -> Change {
    let quality = match reading.state {
        State::Good => 0,
        State::SensorFailed => frame::INVALID,
        State::CommsLost => frame::INVALID | frame::NOT_TOPICAL,
    };
    let value = reading.good().unwrap_or(0.0) as f32;
    Change { station: 0, ioa: 0, is_alarm: false, value, quality, time: reading.time }
}

/// All masters.
#[derive(Debug)]
struct Hub {
    board: Arc<Board>,
    sessions: Mutex<Vec<Arc<Session>>>,
}

/// What one master is owed, whether it is there or not.
#[derive(Debug)]
struct Session {
    peer: IpAddr,
    owed: Mutex<Owed>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Owed {
    changes: VecDeque<Change>,
    /// Since when nobody is connected.
    left: Option<Instant>,
}

impl Hub {
    fn spread(&self, changes: &[Change]) {
        let mut sessions = lock(&self.sessions);
        sessions.retain(|session| lock(&session.owed).left.is_none_or(|left| left.elapsed() < KEPT_FOR));
        for session in sessions.iter() {
            let mut owed = lock(&session.owed);
            owed.changes.extend(changes);
            let surplus = owed.changes.len().saturating_sub(KEPT);
            if surplus > 0 {
                tracing::warn!(peer = %session.peer, surplus, "an IEC 104 master is too slow; its oldest changes are lost");
                owed.changes.drain(..surplus);
            }
            drop(owed);
            session.wake.notify_one();
        }
    }

    /// What a master from there is owed since it left, or a new account.
    fn session(&self, peer: IpAddr) -> Arc<Session> {
        let mut sessions = lock(&self.sessions);
        let waiting = sessions.iter().find(|session| session.peer == peer && lock(&session.owed).left.take().is_some());
        if let Some(session) = waiting {
            return session.clone();
        }
        let session = Arc::new(Session { peer, owed: Mutex::default(), wake: Notify::new() });
        sessions.push(session.clone());
        session
    }
}

impl Session {
    /// Some changes of one station and one type, as many as fit one ASDU.
    fn take(&self) -> Vec<Change> {
        let mut owed = lock(&self.owed);
        let Some(first) = owed.changes.front().copied() else { return Vec::new() };
        let most = frame::most_changes(first.is_alarm);
        let alike = |change: &&Change| change.station == first.station && change.is_alarm == first.is_alarm;
        let count = owed.changes.iter().take(most).take_while(alike).count();
        owed.changes.drain(..count).collect()
    }

    /// The master has left without acknowledging these.
    fn leave(&self, unacknowledged: impl DoubleEndedIterator<Item = Change>) {
        let mut owed = lock(&self.owed);
        unacknowledged.rev().for_each(|change| owed.changes.push_front(change));
        owed.left = Some(Instant::now());
    }
}

/// A lock whose holder cannot have left things half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
