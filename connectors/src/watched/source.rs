//! The source: turns of the desk on a thread for disks, and the wait between looks.
//!
//! In: calls for pages. Out: pages within the patience of a live source, however long the disk takes. A call that is dropped loses nothing:
//! the turn goes on and the next call has its page. Not here: what a turn does.

use super::Settings;
use super::desk::Desk;
use super::desk::Turn;
use super::open::Reader;
use crate::live::Link;
use crate::live::PATIENCE;
use crate::live::Phase;
use crate::live::Retry;
use async_trait::async_trait;
use engine::source::Cursor;
use engine::source::Page;
use engine::source::Source;
use engine::source::SourceError;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio::time::sleep_until;
use tokio::time::timeout_at;

/// A turn that takes longer is told: the disk may hang, or a long file is gone through to where it was left.
const LONG: Duration = Duration::from_secs(60);

/// A directory being watched.
#[derive(Debug)]
pub(super) struct Watched {
    name: String,
    settings: Settings,
    reader: Reader,
    link: Link,
    desk: Option<Desk>,
    work: Option<Work>,
    /// The cursor of the page handed out last.
    last: Option<Cursor>,
    is_begun: bool,
    next_look: Instant,
    retry: Retry,
}

#[derive(Debug)]
struct Work {
    turn: JoinHandle<(Desk, Turn)>,
    since: Instant,
    is_told: bool,
}

impl Watched {
    pub(super) fn new(settings: &Settings, reader: Reader, link: Link) -> Self {
        Self {
            name: link.name().into(),
            settings: settings.clone(),
            reader,
            link,
            desk: None,
            work: None,
            last: None,
            is_begun: false,
            next_look: Instant::now(),
            retry: Retry::default(),
        }
    }

    /// A desk that stands after `after`.
    fn stand_after(&mut self, after: Option<Cursor>) -> Result<(), SourceError> {
        let mut desk = self.desk.take().unwrap_or_else(|| Desk::new(&self.settings, &self.reader, &self.link));
        desk.go_to(after.as_ref())?;
        (self.desk, self.last, self.is_begun) = (Some(desk), after, true);
        Ok(())
    }

    /// One turn, or `None` when the time was up before it ended.
    async fn turn(&mut self, end: Instant) -> Result<Option<Turn>, SourceError> {
        if self.work.is_none() {
            if self.link.status().phase == Phase::Waiting {
                self.link.enter(Phase::Connecting);
            }
            let mut desk = self.desk.take().unwrap_or_else(|| Desk::new(&self.settings, &self.reader, &self.link));
            let now = Instant::now();
            let turn = tokio::task::spawn_blocking(move || {
                let turn = desk.turn(now);
                (desk, turn)
            });
            self.work = Some(Work { turn, since: now, is_told: false });
        }
        let Some(work) = &mut self.work else { return Ok(None) };
        let Ok(ended) = timeout_at(end, &mut work.turn).await else {
            if work.since.elapsed() >= LONG && !work.is_told {
                work.is_told = true;
                let place = self.settings.place();
                self.link.lost(&format!("{place} has not answered for a minute; look at the disk or the network it is on"));
            }
            return Ok(None);
        };
        self.work = None;
        match ended {
            Ok((desk, turn)) => {
                self.desk = Some(desk);
                Ok(Some(turn))
            }
            Err(error) => {
                self.is_begun = false;
                Err(SourceError::Format { place: self.settings.place(), problem: format!("reading broke off: {error}") })
            }
        }
    }
}

fn empty() -> Page {
    Page { rows: Vec::new(), rejects: Vec::new(), cursor: None, bytes_read: 0, done: false }
}

#[async_trait]
impl Source for Watched {
    fn name(&self) -> &str {
        &self.name
    }

    async fn next_page(&mut self, after: Option<Cursor>) -> Result<Page, SourceError> {
        let end = Instant::now() + PATIENCE;
        if !self.is_begun {
            self.link.enter(Phase::Connecting);
            self.stand_after(after)?;
        } else if after.is_some() && after != self.last {
            // The page before could not be stored: it is read again.
            if self.work.is_some() && self.turn(end).await?.is_none() {
                return Ok(empty());
            }
            self.stand_after(after)?;
        }
        loop {
            if self.work.is_none() {
                sleep_until(self.next_look.min(end)).await;
                if self.next_look > Instant::now() {
                    return Ok(empty());
                }
            }
            match self.turn(end).await? {
                None => return Ok(empty()),
                Some(Turn::Page(page)) => {
                    self.retry.succeeded();
                    self.last = page.cursor.clone().or(self.last.take());
                    return Ok(*page);
                }
                Some(quiet @ (Turn::Idle | Turn::Stirred)) => {
                    self.retry.succeeded();
                    self.next_look = Instant::now() + self.settings.every();
                    if matches!(quiet, Turn::Stirred) {
                        return Ok(empty());
                    }
                }
                Some(Turn::Lost(error)) => {
                    self.link.lost(&error);
                    self.next_look = Instant::now() + self.retry.wait();
                    return Ok(empty());
                }
            }
        }
    }
}
