//! The source: asks window after window, waits between polls, and stays away where it is told to.
//!
//! In: calls for pages. Out: pages within the patience of a live source, however slow the server: a request goes on while empty pages are
//! handed out. Not here: what is asked for and read.

use super::Settings;
use super::ask::Answer;
use super::ask::Asker;
use super::client::Client;
use super::client::Refusal;
use super::rounds::Lengths;
use super::rounds::Rounds;
use super::rounds::Window;
use crate::live::Assembly;
use crate::live::Link;
use crate::live::PATIENCE;
use crate::live::Phase;
use crate::live::Points;
use crate::live::Retry;
use crate::live::Sample;
use crate::live::Target;
use async_trait::async_trait;
use engine::domain::micros;
use engine::source::Cursor;
use engine::source::Page;
use engine::source::Source;
use engine::source::SourceError;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio::time::sleep_until;
use tokio::time::timeout_at;

/// An address being polled.
#[derive(Debug)]
pub(super) struct Polled {
    name: String,
    settings: Settings,
    points: Arc<Points>,
    link: Link,
    client: Client,
    asker: Arc<Asker>,
    assembly: Assembly,
    lengths: Lengths,
    rounds: Rounds,
    is_begun: bool,
    /// The cursor of the page handed out last.
    last: Option<Cursor>,
    /// Up to when the poll under way asks.
    until: Option<i64>,
    /// The group that is next, and where its answer was cut.
    next: (usize, Option<i64>),
    work: Option<(JoinHandle<Result<Answer, Refusal>>, Window)>,
    next_ask: Instant,
    retry: Retry,
    /// Newest time of each point that is an event: what is looked at again is not raised again.
    told: HashMap<u32, i64>,
}

impl Drop for Polled {
    fn drop(&mut self) {
        if let Some((work, _)) = &self.work {
            work.abort();
        }
    }
}

impl Polled {
    pub(super) fn new(settings: &Settings, points: Arc<Points>, link: Link) -> Result<Self, SourceError> {
        Ok(Self {
            name: link.name().into(),
            settings: settings.clone(),
            client: Client::new(&settings.access())?,
            asker: Arc::new(Asker::new(settings, &points)?),
            assembly: Assembly::new(points.clone(), link.clone()),
            points,
            link,
            lengths: Lengths::new(settings),
            rounds: Rounds::new(0),
            is_begun: false,
            last: None,
            until: None,
            next: (0, None),
            work: None,
            next_ask: Instant::now(),
            retry: Retry::default(),
            told: HashMap::new(),
        })
    }

    fn stand_after(&mut self, after: Option<Cursor>) -> Result<(), SourceError> {
        let window = i64::try_from(self.settings.window_s).unwrap_or(i64::MAX).saturating_mul(1_000_000);
        let start = || self.settings.start.map_or_else(|| self.link.now_micros().saturating_sub(window), micros);
        self.rounds = match &after {
            Some(cursor) => Rounds::read(cursor, &self.settings.place())?,
            None => Rounds::new(start()),
        };
        if let Some((work, _)) = self.work.take() {
            work.abort();
        }
        (self.last, self.is_begun, self.until, self.next) = (after, true, None, (0, None));
        Ok(())
    }

    /// The window that is asked for now.
    fn window(&mut self) -> Window {
        let now = *self.until.get_or_insert_with(|| self.link.now_micros());
        match self.settings.has_window() {
            true => self.rounds.next(now, self.lengths),
            false => Window { from: now, to: now },
        }
    }

    /// One request, or `None` when the time was up before its answer.
    async fn ask(&mut self, end: Instant) -> Option<(Result<Answer, Refusal>, Window)> {
        if self.work.is_none() {
            if !matches!(self.link.status().phase, Phase::Live | Phase::Backfilling) {
                self.link.enter(Phase::Connecting);
            }
            let window = self.window();
            let (client, asker, (group, more)) = (self.client.clone(), self.asker.clone(), self.next);
            let part = Window { from: more.unwrap_or(window.from), to: window.to };
            let work = tokio::spawn(async move { asker.ask(&client, part, group).await });
            self.work = Some((work, window));
        }
        let (work, window) = self.work.as_mut()?;
        let window = *window;
        let answered = timeout_at(end, work).await.ok()?;
        self.work = None;
        let broken = |problem: String| {
            let place = self.settings.origin();
            Refusal { place, problem, away: None, is_too_much: false, is_about_one: false }
        };
        Some((answered.unwrap_or_else(|error| Err(broken(format!("reading the answer broke off: {error}")))), window))
    }

    fn refused(&mut self, refusal: &Refusal) {
        self.link.lost(&refusal.to_string());
        if refusal.is_too_much {
            self.lengths.shorten();
            (self.until, self.next) = (None, (0, None));
        }
        self.next_ask = Instant::now() + self.retry.wait().max(refusal.away.unwrap_or(Duration::ZERO));
    }

    /// Takes an answer in; the cursor when its window is whole.
    fn take(&mut self, answer: Answer, window: Window) -> Option<Cursor> {
        self.retry.succeeded();
        let until = self.until.unwrap_or(window.to);
        self.link.enter(if window.to < until { Phase::Backfilling } else { Phase::Live });
        let mut samples = answer.samples;
        self.leave_out_told(&mut samples);
        self.assembly.take(&samples);
        answer.rejects.into_iter().for_each(|reject| self.assembly.reject(reject));
        self.next = match answer.more_from {
            Some(more) if more <= window.to => (self.next.0, Some(more)),
            _ => (self.next.0.saturating_add(1), None),
        };
        if self.next.0 < self.asker.groups() {
            return None;
        }
        self.next = (0, None);
        if self.rounds.ended(window, until) {
            self.until = None;
            self.next_ask = Instant::now() + self.settings.every();
        }
        Some(self.rounds.cursor())
    }

    /// An event is told once: what was looked at before is left out.
    fn leave_out_told(&mut self, samples: &mut Vec<Sample>) {
        samples.retain(|sample| {
            let is_event = matches!(self.points.points().get(sample.point as usize).map(|p| &p.target), Some(Target::Event { .. }));
            let known = self.told.get(&sample.point).copied();
            !is_event || sample.time.is_none_or(|time| known.is_none_or(|known| time > known))
        });
        for sample in samples.iter() {
            let is_event = matches!(self.points.points().get(sample.point as usize).map(|p| &p.target), Some(Target::Event { .. }));
            if let Some(time) = sample.time.filter(|_| is_event) {
                let newest = self.told.entry(sample.point).or_insert(time);
                *newest = time.max(*newest);
            }
        }
    }

    fn page(&mut self, cursor: Option<Cursor>) -> Result<Page, SourceError> {
        let (rows, rejects) = self.assembly.finish()?;
        Ok(Page { rows, rejects, cursor, bytes_read: 0, done: false })
    }
}

fn empty() -> Page {
    Page { rows: Vec::new(), rejects: Vec::new(), cursor: None, bytes_read: 0, done: false }
}

#[async_trait]
impl Source for Polled {
    fn name(&self) -> &str {
        &self.name
    }

    async fn next_page(&mut self, after: Option<Cursor>) -> Result<Page, SourceError> {
        if !self.is_begun || (after.is_some() && after != self.last) {
            self.stand_after(after)?;
        }
        let end = Instant::now() + PATIENCE;
        loop {
            if self.work.is_none() && self.next_ask > Instant::now() {
                sleep_until(self.next_ask.min(end)).await;
                if self.next_ask > Instant::now() {
                    return Ok(empty());
                }
            }
            match self.ask(end).await {
                None => return Ok(empty()),
                Some((Err(refusal), _)) => {
                    self.refused(&refusal);
                    return Ok(empty());
                }
                Some((Ok(answer), window)) => {
                    let cursor = self.take(answer, window);
                    if cursor.is_some() {
                        self.last.clone_from(&cursor);
                    }
                    if cursor.is_some() || !self.assembly.is_empty() {
                        return self.page(cursor);
                    }
                }
            }
        }
    }

    async fn close(&mut self) {
        self.link.tell(|| "closed; nothing is kept at the other end".into());
    }
}
