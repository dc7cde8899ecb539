//! The live source: pages from the task that reads.
//!
//! In: calls for pages. Out: pages, each with the offsets after it as its cursor. Not here: the connection.

use super::Settings;
use super::listen::{Listener, Mark};
use super::places::Places;
use crate::bus::Running;
use crate::live::Link;
use crate::live::Points;
use async_trait::async_trait;
use engine::source::Cursor;
use engine::source::Page;
use engine::source::Source;
use engine::source::SourceError;
use std::sync::Arc;

/// A live source of one cluster.
#[derive(Debug)]
pub(super) struct KafkaSource {
    settings: Settings,
    points: Arc<Points>,
    link: Link,
    running: Option<(Running<Mark>, Places)>,
}

impl KafkaSource {
    pub(super) const fn new(settings: Settings, points: Arc<Points>, link: Link) -> Self {
        Self { settings, points, link, running: None }
    }

    fn start(&self, after: Option<&Cursor>) -> Result<(Running<Mark>, Places), SourceError> {
        let places = Places::of(after, &self.settings.address())?;
        let (settings, points, link, from) = (self.settings.clone(), self.points.clone(), self.link.clone(), places.clone());
        let running = Running::start(self.points.clone(), self.link.clone(), |task| {
            Listener { settings, points, link, task, places: from }.run()
        });
        Ok((running, places))
    }
}

#[async_trait]
impl Source for KafkaSource {
    fn name(&self) -> &str {
        self.link.name()
    }

    async fn next_page(&mut self, after: Option<Cursor>) -> Result<Page, SourceError> {
        let running = match self.running.take() {
            Some(running) => running,
            None => self.start(after.as_ref())?,
        };
        let (running, places) = self.running.insert(running);
        let gathered = match running.gather().await {
            Ok(gathered) => gathered,
            // It ended after saying why; the next call begins anew.
            Err(error) => {
                self.running = None;
                return Err(error);
            }
        };
        let is_empty = gathered.rows.is_empty() && gathered.marks.is_empty();
        for (partition, next) in gathered.marks {
            places.set(partition, next);
        }
        let cursor = places.cursor();
        if is_empty && running.is_over() {
            self.link.lost("the reading task ended without a word; it is started again");
            self.running = None;
        }
        Ok(Page { rows: gathered.rows, rejects: gathered.rejects, cursor, bytes_read: 0, done: false })
    }

    async fn close(&mut self) {
        if let Some((running, _)) = self.running.take() {
            running.close(&self.link).await;
        }
    }
}
