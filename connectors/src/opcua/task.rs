//! The task of one connection: makes the link, keeps it, makes it again.
//!
//! In: settings, points, where to go on. Out: pieces for the page. A cut line is mended with the same session, so that the server hands out
//! what it kept for us; a new session reads the server's history instead. Not here: what a message holds.

use super::address::Wanted;
use super::dial::{self, Events, Reached};
use super::events::Alarms;
use super::listen::{self, Asked, End};
use super::source::{Mark, Stored};
use super::subscribe::{self, Subscription};
use super::trouble::Trouble;
use super::{Settings, history};
use crate::live::{Link, Phase, Piece, Points, Retry};
use engine::source::Reject;
use opcua::client::Session;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc::{self, PermitIterator};
use tokio::sync::watch;
use tokio::time::Instant;

/// Failures in a row that a person must act on, after which the source says so with an error.
const PATIENCE_WITH_PEOPLE: u32 = 3;
/// Attempts in a row that nobody answers though the port is open, after which a new connection is made, with a new session. A pending
/// connection of before the cut goes on when the system tries it again, which can be half a minute later.
const STUCK_ATTEMPTS: u32 = 6;
/// How long a good-bye may take.
const GOODBYE: Duration = Duration::from_secs(2);

/// What the task is given.
pub(super) struct Task {
    pub(super) settings: Settings,
    pub(super) points: Arc<Points>,
    pub(super) wanted: Arc<[Wanted]>,
    pub(super) link: Link,
    pub(super) pieces: mpsc::Sender<Piece<Mark>>,
    pub(super) stored: Stored,
    pub(super) stopped: watch::Receiver<bool>,
}

/// No time.
const NONE: i64 = i64::MIN;

/// How far the values handed over reach, and from when on some are missing. Until history was read from there the cursor stays.
#[derive(Debug)]
pub(super) struct Progress {
    newest: AtomicI64,
    missing: AtomicI64,
}

impl Progress {
    /// What lies between the last run and this one is missing.
    pub(super) fn new(from: Option<i64>) -> Self {
        let from = from.unwrap_or(NONE);
        Self { newest: AtomicI64::new(from), missing: AtomicI64::new(from) }
    }

    /// A value of this source time was handed over; a clock ahead of ours counts as ours.
    pub(super) fn reached(&self, time: Option<i64>, now: i64) {
        if let Some(time) = time {
            self.newest.fetch_max(time.min(now), Ordering::Relaxed);
        }
    }

    /// Where to go on, if all before it was handed over.
    pub(super) fn cursor(&self) -> Option<i64> {
        time(&self.newest).filter(|_| self.missing().is_none())
    }

    /// From when on history must be read.
    pub(super) fn missing(&self) -> Option<i64> {
        time(&self.missing)
    }

    /// Something is missing from the newest value on, or from an older one already. To be told before anything newer is handed over.
    pub(super) fn lose(&self) {
        if self.missing().is_none() {
            self.missing.store(self.newest.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }

    /// History was read.
    pub(super) fn mended(&self) {
        self.missing.store(NONE, Ordering::Relaxed);
    }
}

fn time(held: &AtomicI64) -> Option<i64> {
    Some(held.load(Ordering::Relaxed)).filter(|time| *time != NONE)
}

/// A link that lasts.
struct Held<'a> {
    task: &'a Task,
    progress: &'a Progress,
    alarms: &'a mut Alarms,
    subscription: Option<Subscription>,
    /// When it listened last.
    served: Instant,
    /// It listened at least once since it was looked at last.
    has_served: bool,
}

/// Runs until told to stop, or until a person must act.
pub(super) async fn run(task: Task, from: Option<i64>) {
    let progress = Progress::new(from);
    let mut alarms = Alarms::default();
    let mut retry = Retry::default();
    let mut lasting = 0;
    let mut stopped = task.stopped.clone();
    let mut held = Held {
        task: &task,
        progress: &progress,
        alarms: &mut alarms,
        subscription: None,
        served: Instant::now(),
        has_served: false,
    };
    loop {
        task.link.enter(Phase::Connecting);
        let trouble = tokio::select! {
            dialled = dial::session(&task.settings) => match dialled {
                Ok((session, events)) => match held.keep(&session, events, &mut retry).await {
                    Some(trouble) => trouble,
                    None => return,
                },
                Err(trouble) => trouble,
            },
            () = told(&mut stopped) => return,
        };
        task.link.lost(&trouble.text);
        let before = if std::mem::take(&mut held.has_served) { 0 } else { lasting };
        lasting = if trouble.must_act { before + 1 } else { 0 };
        if lasting >= PATIENCE_WITH_PEOPLE {
            let error = trouble.error(&crate::live::Protocol::peer(&task.settings));
            // Nobody asks any more: then nobody needs the error.
            drop(task.pieces.send(Piece::Failed(error)).await);
            return;
        }
        if task.rest(retry.wait()).await {
            return;
        }
    }
}

/// Waits until told to stop, or until nobody is left to tell.
async fn told(stopped: &mut watch::Receiver<bool>) {
    drop(stopped.wait_for(|is_told| *is_told).await);
}

impl Task {
    /// Waits; true when told to stop.
    async fn rest(&self, wait: Duration) -> bool {
        let mut stopped = self.stopped.clone();
        tokio::time::timeout(wait, told(&mut stopped)).await.is_ok()
    }

    /// Hands a piece over; waits while the page is full.
    pub(super) async fn send(&self, piece: Piece<Mark>) {
        if self.pieces.send(piece).await.is_err() {
            // Nobody will ever ask again: the task is about to be ended.
            std::future::pending::<()>().await;
        }
    }

    /// Waits for room for so many pieces, at most [`super::source::ROOM`]. What is handed over with it cannot be cut off half-way.
    pub(super) async fn room(&self, pieces: usize) -> PermitIterator<'_, Piece<Mark>> {
        match self.pieces.reserve_many(pieces).await {
            Ok(room) => room,
            // As in `send`.
            Err(_) => std::future::pending().await,
        }
    }

    /// Hands over what could not be read.
    pub(super) async fn reject(&self, point: u32, reason: &'static str, problem: &str) {
        if let Some(piece) = self.refusal(point, reason, problem) {
            self.send(piece).await;
        }
    }

    /// What could not be read, to be handed over.
    pub(super) fn refusal(&self, point: u32, reason: &'static str, problem: &str) -> Option<Piece<Mark>> {
        let known = self.points.points().get(point as usize)?;
        let detail = format!("{}: {}: {problem}", known.place, self.points.asset_of(point));
        Some(Piece::Reject(Reject { line: None, reason, detail, raw: known.address.clone() }))
    }
}

impl Held<'_> {
    /// Keeps a session through cuts of the line. `None`: told to stop.
    async fn keep(&mut self, session: &Arc<Session>, mut events: Events, retry: &mut Retry) -> Option<Trouble> {
        let task = self.task;
        let mut stopped = task.stopped.clone();
        let mut stuck = 0;
        loop {
            let connected = tokio::select! {
                connected = dial::connected(&task.settings, &mut events) => connected,
                () = told(&mut stopped) => return None,
            };
            let trouble = match connected {
                Ok(Reached::Stuck) => {
                    // While nobody can be reached the old session is waited for: with it comes what the server kept.
                    stuck += u32::from(dial::reach(&task.settings).await.is_ok());
                    dial::no_answer(&task.settings)
                }
                Ok(reached) => {
                    stuck = 0;
                    if reached == Reached::New {
                        self.lose(false);
                    } else if self.subscription.as_ref().is_some_and(|held| held.may_have_overflown(task.settings.timeout())) {
                        self.lose(true);
                    }
                    let (trouble, is_cut) = tokio::select! {
                        biased;
                        trouble = dial::carry(&task.settings, &mut events) => (trouble, true),
                        trouble = self.serve(session, retry) => (trouble, false),
                        () = told(&mut stopped) => {
                            leave(session, &task.settings, &mut events, true).await;
                            return None;
                        }
                    };
                    if self.has_served {
                        self.served = Instant::now();
                    }
                    if !is_cut {
                        leave(session, &task.settings, &mut events, self.subscription.is_none()).await;
                    }
                    trouble
                }
                Err(trouble) => trouble,
            };
            // Without a subscription there is nothing to save; after a while the server has forgotten it.
            let is_forgotten =
                self.subscription.is_none() || self.served.elapsed() > Duration::from_millis(dial::SESSION_KEPT.into());
            if is_forgotten || stuck >= STUCK_ATTEMPTS || trouble.must_act {
                self.lose(false);
                return Some(trouble);
            }
            task.link.lost(&trouble.text);
            if task.rest(retry.wait()).await {
                return None;
            }
            task.link.enter(Phase::Connecting);
        }
    }

    /// Subscribes if need be, listens, and subscribes again when the subscription dies.
    async fn serve(&mut self, session: &Session, retry: &mut Retry) -> Trouble {
        let task = self.task;
        let mut deaths = 0;
        let mut asked = Asked::new();
        loop {
            if let Some(subscription) = &mut self.subscription {
                match listen::catch_up(task, session, subscription, self.progress, self.alarms).await {
                    Ok(true) => {}
                    Ok(false) => self.lose(false),
                    Err(trouble) => return trouble,
                }
            }
            let subscription = match &mut self.subscription {
                Some(subscription) => subscription,
                None => match subscribe::subscribe(task, session).await {
                    Ok(made) => self.subscription.insert(made),
                    Err(trouble) => return trouble,
                },
            };
            retry.succeeded();
            (self.served, self.has_served) = (Instant::now(), true);
            task.link.enter(if self.progress.missing().is_some() { Phase::Backfilling } else { Phase::Live });
            let fill = history::fill(
                task,
                session,
                subscription.historic(),
                self.progress.missing(),
                subscription.server_now(),
                subscription.history_per_call,
            );
            let end = listen::listen(task, session, &mut asked, subscription, self.progress, self.alarms, fill).await;
            match end {
                // Noted before anything newer was handed over; now history is read.
                End::Gap => {}
                End::Dead(why) => {
                    task.link.lost(&why);
                    deaths += 1;
                    if deaths > 3 {
                        return Trouble::passing(why);
                    }
                    // A line that is dead is not the subscription's end: it is kept, and with it what the server has for us.
                    if !subscribe::answers(session).await {
                        return Trouble::passing(why);
                    }
                    subscribe::delete(session, &mut self.subscription).await;
                    self.lose(false);
                    task.link.enter(Phase::Connecting);
                }
                End::Broken(trouble) => return trouble,
            }
        }
    }

    /// Something is missing from the newest value on; the subscription too, unless it is kept.
    fn lose(&mut self, keeps_subscription: bool) {
        if !keeps_subscription {
            self.subscription = None;
        }
        self.progress.lose();
    }
}

/// Closes the channel, or the whole session, while the events are still carried.
async fn leave(session: &Session, settings: &Settings, events: &mut Events, for_good: bool) {
    let goodbye = async {
        if for_good {
            // A server that does not answer has left already.
            drop(session.disconnect().await);
        } else {
            session.channel().close_channel().await;
            std::future::pending::<()>().await;
        }
    };
    let both = async {
        tokio::select! {
            () = goodbye => {}
            _ = dial::carry(settings, events) => {}
        }
    };
    drop(tokio::time::timeout(GOODBYE, both).await);
}
