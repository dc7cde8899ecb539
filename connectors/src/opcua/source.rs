//! The source: pages from the task that listens, and what the server is told about them.
//!
//! In: pieces of the task. Out: pages whose cursor is the newest source time they hold. A message of the server is acknowledged when its
//! page was stored; a task that ended is begun again. Not here: the link itself.

use super::Settings;
use super::address::Wanted;
use super::task::{self, Task};
use crate::live::Gathered;
use crate::live::{Assembly, Inlet, Link, Phase, Points};
use async_trait::async_trait;
use engine::source::Cursor;
use engine::source::Page;
use engine::source::Source;
use engine::source::SourceError;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Pieces between the task and the page; beyond it the server waits for our next question.
pub(super) const ROOM: usize = 16;

/// Nothing came.
const EMPTY: Page = Page { rows: Vec::new(), rejects: Vec::new(), cursor: None, bytes_read: 0, done: false };

/// Everything before it is in the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// Subscription and message to acknowledge.
    pub(super) acknowledge: Option<(u32, u32)>,
    /// Where to go on: source time, µs. `None`: not moved.
    pub(super) cursor: Option<i64>,
}

/// What was stored and may be acknowledged: subscription and message.
pub(super) type Stored = Arc<Mutex<Vec<(u32, u32)>>>;

/// A running task.
#[derive(Debug)]
struct Running {
    inlet: Inlet<Mark>,
    handle: JoinHandle<()>,
    stop: watch::Sender<bool>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.handle.abort();
    }
}

/// One connection.
#[derive(Debug)]
pub(super) struct OpcUa {
    name: String,
    settings: Settings,
    points: Arc<Points>,
    wanted: Arc<[Wanted]>,
    link: Link,
    running: Option<Running>,
    /// Of the page handed out last; acknowledged at the next question.
    handed: Vec<(u32, u32)>,
    stored: Stored,
}

impl OpcUa {
    pub(super) fn new(settings: Settings, points: Arc<Points>, wanted: Vec<Wanted>, link: Link) -> Self {
        let name = link.name().to_owned();
        let stored = Stored::default();
        Self { name, settings, points, wanted: wanted.into(), link, running: None, handed: Vec::new(), stored }
    }

    fn begin(&self, after: Option<&Cursor>) -> Running {
        let assembly = Assembly::new(self.points.clone(), self.link.clone());
        let (pieces, inlet) = Inlet::new(assembly, ROOM);
        let (stop, stopped) = watch::channel(false);
        let task = Task {
            settings: self.settings.clone(),
            points: self.points.clone(),
            wanted: self.wanted.clone(),
            link: self.link.clone(),
            pieces,
            stored: self.stored.clone(),
            stopped,
        };
        let from = after.and_then(|cursor| cursor.0.parse().ok());
        Running { inlet, handle: tokio::spawn(task::run(task, from)), stop }
    }
}

#[async_trait]
impl Source for OpcUa {
    fn name(&self) -> &str {
        &self.name
    }

    async fn next_page(&mut self, after: Option<Cursor>) -> Result<Page, SourceError> {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner).append(&mut self.handed);
        if self.running.is_none() {
            self.running = Some(self.begin(after.as_ref()));
        }
        let Some(running) = &mut self.running else { return Ok(EMPTY) };
        // A call that is dropped here loses nothing: the inlet keeps what it took.
        let gathered = running.inlet.gather().await;
        let is_empty = gathered.as_ref().is_ok_and(|page| page.rows.is_empty() && page.rejects.is_empty() && page.marks.is_empty());
        // A task that ended, for a reason told or untold, is begun again at the next question, once all it left was taken.
        if gathered.is_err() || (is_empty && running.handle.is_finished()) {
            self.running = None;
        }
        let Gathered { rows, rejects, marks } = gathered?;
        self.handed = marks.iter().filter_map(|mark| mark.acknowledge).collect();
        let cursor = marks.iter().rev().find_map(|mark| mark.cursor).map(|time| Cursor(time.to_string()));
        Ok(Page { rows, rejects, cursor, bytes_read: 0, done: false })
    }

    async fn close(&mut self) {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner).append(&mut self.handed);
        if let Some(mut running) = self.running.take() {
            running.inlet.close();
            running.stop.send_replace(true);
            drop(tokio::time::timeout(Duration::from_secs(5), &mut running.handle).await);
        }
        self.link.enter(Phase::Closed);
    }
}
