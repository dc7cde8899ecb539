//! The live source: pages from the task that listens.
//!
//! In: calls for pages. Out: pages; with each call the acknowledgements of the page before. There is no cursor: what is not acknowledged the
//! broker keeps. Not here: the connection.

use super::Settings;
use super::address::Plan;
use super::batch::Acks;
use super::listen::Listener;
use crate::live::Assembly;
use crate::live::Inlet;
use crate::live::Link;
use crate::live::Phase;
use crate::live::Points;
use async_trait::async_trait;
use engine::source::Cursor;
use engine::source::Page;
use engine::source::Source;
use engine::source::SourceError;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Pieces between the task and the pages. A piece is at most a batch, so this bounds the memory.
const ROOM: usize = 32;
/// How long the task may take to end.
const ENDS_WITHIN: Duration = Duration::from_secs(6);

/// A live source of one broker.
#[derive(Debug)]
pub(super) struct MqttSource {
    settings: Settings,
    plan: Arc<Plan>,
    points: Arc<Points>,
    link: Link,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    inlet: Inlet<Acks>,
    /// Of the page that was handed out last.
    unacknowledged: Vec<Acks>,
    closing: CancellationToken,
    task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Running {
    fn acknowledge(&mut self) {
        for acks in self.unacknowledged.drain(..) {
            if !acks.client.acknowledge(&acks.ids) {
                tracing::debug!(messages = acks.ids.len(), "their connection is gone; the broker sends them again");
            }
        }
    }
}

impl MqttSource {
    pub(super) const fn new(settings: Settings, plan: Arc<Plan>, points: Arc<Points>, link: Link) -> Self {
        Self { settings, plan, points, link, running: None }
    }

    fn start(&self) -> Running {
        let (sender, inlet) = Inlet::new(Assembly::new(self.points.clone(), self.link.clone()), ROOM);
        let closing = CancellationToken::new();
        let listener = Listener {
            settings: self.settings.clone(),
            plan: self.plan.clone(),
            link: self.link.clone(),
            sender,
            closing: closing.clone(),
        };
        Running { inlet, unacknowledged: Vec::new(), closing, task: tokio::spawn(listener.run()) }
    }
}

#[async_trait]
impl Source for MqttSource {
    fn name(&self) -> &str {
        self.link.name()
    }

    async fn next_page(&mut self, _after: Option<Cursor>) -> Result<Page, SourceError> {
        let mut running = self.running.take().unwrap_or_else(|| self.start());
        running.acknowledge();
        let running = self.running.insert(running);
        let gathered = match running.inlet.gather().await {
            Ok(gathered) => gathered,
            // It ended after saying why; the next call begins anew.
            Err(error) => {
                self.running = None;
                return Err(error);
            }
        };
        if gathered.rows.is_empty() && gathered.marks.is_empty() && running.task.is_finished() {
            self.link.lost("the listening task ended without a word; it is started again");
            self.running = None;
        } else {
            running.unacknowledged = gathered.marks;
        }
        Ok(Page { rows: gathered.rows, rejects: gathered.rejects, cursor: None, bytes_read: 0, done: false })
    }

    async fn close(&mut self) {
        let Some(mut running) = self.running.take() else { return };
        running.acknowledge();
        running.closing.cancel();
        running.inlet.close();
        if timeout(ENDS_WITHIN, &mut running.task).await.is_err() {
            tracing::debug!(connection = self.link.name(), "the task did not end in time and is stopped");
        }
        self.link.enter(Phase::Closed);
    }
}
