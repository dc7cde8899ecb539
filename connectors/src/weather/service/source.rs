//! The source: asks in its rhythm, hands out each run once.
//!
//! In: calls for pages. Out: pages within the patience of a live source, however slow the service. The cursor is the run that was handed out
//! last, or a digest of its values. Not here: addresses.

use super::Settings;
use super::ask;
use super::ask::Answer;
use super::ask::Asker;
use super::ask::Run;
use crate::live::Link;
use crate::live::PATIENCE;
use crate::live::Phase;
use crate::live::Points;
use crate::live::Retry;
use crate::polled::Refusal;
use crate::weather;
use async_trait::async_trait;
use engine::domain::Timestamp;
use engine::source::Cursor;
use engine::source::Page;
use engine::source::Rows;
use engine::source::Source;
use engine::source::SourceError;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio::time::sleep_until;
use tokio::time::timeout_at;

/// What was handed out last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Last {
    /// Start of its run, where the service says it, µs.
    init: Option<i64>,
    /// Its values.
    digest: u64,
}

/// A service being asked.
#[derive(Debug)]
pub(super) struct Forecasts {
    name: String,
    every: Duration,
    place: String,
    points: Arc<Points>,
    link: Link,
    asker: Asker,
    last: Option<Last>,
    is_begun: bool,
    is_announced: bool,
    work: Option<JoinHandle<Result<Answer, Refusal>>>,
    next_ask: Instant,
    retry: Retry,
}

impl Drop for Forecasts {
    fn drop(&mut self) {
        if let Some(work) = &self.work {
            work.abort();
        }
    }
}

impl Forecasts {
    pub(super) fn new(settings: &Settings, points: Arc<Points>, link: Link) -> Result<Self, SourceError> {
        Ok(Self {
            name: format!("weather {}", link.name()),
            every: settings.every(),
            place: settings.place(),
            asker: Asker::new(settings, &points)?,
            points,
            link,
            last: None,
            is_begun: false,
            is_announced: false,
            work: None,
            next_ask: Instant::now(),
            retry: Retry::default(),
        })
    }

    fn stand_after(&mut self, after: Option<&Cursor>) -> Result<(), SourceError> {
        let read = |cursor: &Cursor| {
            serde_json::from_str(&cursor.0).map_err(|error| SourceError::Format {
                place: self.place.clone(),
                problem: format!("{:?} is not a place in forecasts of the weather: {error}", cursor.0),
            })
        };
        self.last = after.map(read).transpose()?;
        self.is_begun = true;
        Ok(())
    }

    /// The answer to one question, or `None` when the time was up before it came.
    async fn ask(&mut self, end: Instant) -> Option<Result<Answer, Refusal>> {
        let (asker, known, now) = (&self.asker, self.last.and_then(|last| last.init), self.link.now());
        if self.work.is_none() && self.link.status().phase != Phase::Live {
            self.link.enter(Phase::Connecting);
        }
        let work = self.work.get_or_insert_with(|| {
            let asker = asker.clone();
            tokio::spawn(async move { asker.ask(known, now).await })
        });
        let answered = timeout_at(end, work).await.ok()?;
        self.work = None;
        let broken =
            |error: tokio::task::JoinError| Refusal::new(self.place.clone(), format!("reading the answer broke off: {error}"));
        Some(answered.unwrap_or_else(|error| Err(broken(error))))
    }

    fn refused(&mut self, problem: &str, away: Option<Duration>) -> Page {
        self.link.lost(problem);
        self.next_ask = Instant::now() + self.retry.wait().max(away.unwrap_or(Duration::ZERO));
        empty()
    }

    /// Rows of a forecast; an empty page when it says what was said before.
    fn take(&mut self, document: &Value, run: Option<Run>, now: Timestamp) -> Result<Page, SourceError> {
        let last = Last { init: run.map(|run| run.init), digest: ask::digest(document) };
        if self.last.is_some_and(|before| before.digest == last.digest && before.init == last.init) {
            self.link.tell(|| "the forecast is the one that is known".into());
            return Ok(empty());
        }
        let read = weather::read_answer(document, &self.asker.place(), now, &self.asker.options(run, now))?;
        let mut rows = Vec::new();
        if !std::mem::replace(&mut self.is_announced, true) {
            rows.push(Rows::Assets(self.points.assets().to_vec()));
        }
        self.link.tell(|| format!("a forecast: {}", read.says()));
        self.link.received(read.values, 0, Some(ask::begun(run, now)));
        read.rejects.iter().for_each(|reject| self.link.rejected(&reject.detail));
        rows.extend(read.rows);
        let cursor = serde_json::to_string(&last)
            .map_err(|error| SourceError::Format { place: self.place.clone(), problem: error.to_string() })?;
        self.last = Some(last);
        Ok(Page { rows, rejects: read.rejects, cursor: Some(Cursor(cursor)), bytes_read: 0, done: false })
    }
}

/// One line of what a forecast brings.
pub(super) fn summary(asker: &Asker, answer: &Answer, now: Timestamp) -> Result<String, SourceError> {
    let Answer::Forecast { document, run, .. } = answer else { return Ok("no new run".into()) };
    let read = weather::read_answer(document, &asker.place(), now, &asker.options(*run, now))?;
    let refused = read.rejects.first().map_or_else(String::new, |reject| format!("; refused: {}", reject.detail));
    Ok(format!("{}{refused}", read.says()))
}

fn empty() -> Page {
    Page { rows: Vec::new(), rejects: Vec::new(), cursor: None, bytes_read: 0, done: false }
}

#[async_trait]
impl Source for Forecasts {
    fn name(&self) -> &str {
        &self.name
    }

    async fn next_page(&mut self, after: Option<Cursor>) -> Result<Page, SourceError> {
        if !self.is_begun {
            self.stand_after(after.as_ref())?;
        }
        let end = Instant::now() + PATIENCE;
        if self.work.is_none() && self.next_ask > Instant::now() {
            sleep_until(self.next_ask.min(end)).await;
            if self.next_ask > Instant::now() {
                return Ok(empty());
            }
        }
        let answer = match self.ask(end).await {
            None => return Ok(empty()),
            Some(Err(refusal)) => return Ok(self.refused(&refusal.to_string(), refusal.away)),
            Some(Ok(answer)) => answer,
        };
        let (page, wait) = match answer {
            Answer::NoNewRun => (empty(), self.every),
            Answer::Settling(left) => (empty(), Duration::try_from(left).unwrap_or(self.every)),
            Answer::Forecast { document, run, now } => match self.take(&document, run, now) {
                Ok(page) => (page, self.every),
                // What it says cannot be used: another day's answer may be.
                Err(error) => return Ok(self.refused(&error.to_string(), Some(self.every))),
            },
        };
        self.retry.succeeded();
        self.link.enter(Phase::Live);
        self.next_ask = Instant::now() + wait;
        Ok(page)
    }

    async fn close(&mut self) {
        self.link.tell(|| "closed; nothing is kept at the other end".into());
    }
}
