//! The live source: pages from the task that listens.
//!
//! In: calls for pages. Out: pages; with each call the acknowledgements of the page before. There is no cursor: the server keeps our place.
//! An acknowledgement names the message, not the connection, so it waits for the next connection if this one is gone. Not here: the connection.

use super::Settings;
use super::listen::{Acks, Listener};
use crate::bus::Running;
use crate::live::Link;
use crate::live::Points;
use async_nats::Client;
use async_nats::Subject;
use async_trait::async_trait;
use engine::source::Cursor;
use engine::source::Page;
use engine::source::Source;
use engine::source::SourceError;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// How long handing acknowledgements to the client may take; its channel is full when the line is silent.
const SENDS_WITHIN: Duration = Duration::from_secs(1);

/// A live source of one server.
#[derive(Debug)]
pub(super) struct NatsSource {
    settings: Settings,
    points: Arc<Points>,
    link: Link,
    running: Option<Running<Acks>>,
    client: watch::Sender<Option<Client>>,
    /// Of pages handed out before.
    unacknowledged: Vec<Subject>,
}

impl NatsSource {
    pub(super) fn new(settings: Settings, points: Arc<Points>, link: Link) -> Self {
        let (client, unacknowledged) = (watch::channel(None).0, Vec::new());
        Self { settings, points, link, running: None, client, unacknowledged }
    }

    fn start(&self) -> Running<Acks> {
        let (settings, points, link, client) = (self.settings.clone(), self.points.clone(), self.link.clone(), self.client.clone());
        Running::start(self.points.clone(), self.link.clone(), |task| Listener { settings, points, link, task, client }.run())
    }

    async fn acknowledge(&mut self) {
        let Some(client) = self.client.borrow().clone() else { return };
        let mut sent = 0;
        let all = timeout(SENDS_WITHIN, async {
            for subject in &self.unacknowledged {
                if client.publish(subject.clone(), Default::default()).await.is_err() {
                    break;
                }
                sent += 1;
            }
        });
        if all.await.is_err() {
            tracing::debug!(connection = self.link.name(), sent, "the line is slow; the rest is acknowledged later");
        }
        self.unacknowledged.drain(..sent);
    }
}

#[async_trait]
impl Source for NatsSource {
    fn name(&self) -> &str {
        self.link.name()
    }

    async fn next_page(&mut self, _after: Option<Cursor>) -> Result<Page, SourceError> {
        self.acknowledge().await;
        let running = self.running.take().unwrap_or_else(|| self.start());
        let running = self.running.insert(running);
        let gathered = match running.gather().await {
            Ok(gathered) => gathered,
            // It ended after saying why; the next call begins anew.
            Err(error) => {
                self.running = None;
                return Err(error);
            }
        };
        if gathered.rows.is_empty() && gathered.marks.is_empty() && running.is_over() {
            self.link.lost("the listening task ended without a word; it is started again");
            self.running = None;
        }
        self.unacknowledged.extend(gathered.marks.into_iter().flatten());
        Ok(Page { rows: gathered.rows, rejects: gathered.rejects, cursor: None, bytes_read: 0, done: false })
    }

    async fn close(&mut self) {
        self.acknowledge().await;
        if let Some(running) = self.running.take() {
            running.close(&self.link).await;
        }
    }
}
