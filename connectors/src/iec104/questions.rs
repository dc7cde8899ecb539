//! Which interrogation is sent next: one at a time, to one station after the other, at the start and now and then.
//!
//! In: the stations, how often to ask, what they answer. Out: the next question, when it may be sent. Not here: frames, values.

use super::asdu::COUNTERS;
use super::asdu::INTERROGATION;
use super::decode::Said;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// A station that says nothing for this long has answered as far as it will.
const ANSWERS_WITHIN: Duration = Duration::from_secs(60);
/// QCC: read all counters, without freezing or resetting them (IEC 60870-5-101, 7.2.6.23).
const READ_ALL: u8 = 5;

/// What is asked, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) stations: Vec<u16>,
    /// The address of all stations.
    pub(super) broadcast: u16,
    /// QOI: 20 for all, 21 to 36 for a group.
    pub(super) qualifier: u8,
    pub(super) every: Option<Duration>,
    /// `None`: counters are never asked for. Zero: only at the start.
    pub(super) counters_every: Option<Duration>,
}

/// One question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) code: u8,
    pub(super) common: u16,
    pub(super) qualifier: u8,
}

/// The questions of one started link.
#[derive(Debug)]
pub(super) struct Questions {
    plan: Plan,
    queue: VecDeque<Question>,
    open: Option<(Question, Instant)>,
    general_at: Option<Instant>,
    counters_at: Option<Instant>,
}

impl Questions {
    /// Everything is asked at once, then as the plan says.
    pub(super) fn new(plan: Plan, now: Instant) -> Self {
        let counters_at = plan.counters_every.map(|_| now);
        Self { plan, queue: VecDeque::new(), open: None, general_at: Some(now), counters_at }
    }

    fn all(&mut self, code: u8) {
        let qualifier = if code == INTERROGATION { self.plan.qualifier } else { READ_ALL };
        for index in 0..self.plan.stations.len() {
            self.put(Question { code, common: self.plan.stations[index], qualifier });
        }
    }

    fn put(&mut self, question: Question) {
        if !self.queue.contains(&question) {
            self.queue.push_back(question);
        }
    }

    /// The question to send now; [`Questions::sent`] follows when it was.
    pub(super) fn next(&mut self, now: Instant) -> Option<Question> {
        let later = |every: Option<Duration>| every.filter(|every| !every.is_zero()).map(|every| now + every);
        if self.general_at.is_some_and(|at| now >= at) {
            self.general_at = later(self.plan.every);
            self.all(INTERROGATION);
        }
        if self.counters_at.is_some_and(|at| now >= at) {
            self.counters_at = later(self.plan.counters_every);
            self.all(COUNTERS);
        }
        if self.open.is_some_and(|(_, since)| now >= since + ANSWERS_WITHIN) {
            self.open = None;
        }
        if self.open.is_some() { None } else { self.queue.front().copied() }
    }

    /// The question went out.
    pub(super) fn sent(&mut self, now: Instant) {
        self.open = self.queue.pop_front().map(|question| (question, now));
    }

    /// What the station says about a question, or about itself.
    pub(super) fn heard(&mut self, said: Said, now: Instant) {
        match said {
            // A broadcast is answered by many; the first that ends makes way for the next question.
            Said::Ended { code, common } | Said::Refused { code, common, .. } => {
                let is_of = |open: Question| open.code == code && (open.common == common || open.common == self.plan.broadcast);
                self.open = self.open.filter(|(open, _)| !is_of(*open));
            }
            Said::Confirmed { .. } => {
                if let Some((_, since)) = &mut self.open {
                    *since = now;
                }
            }
            Said::Initialized { common } => {
                self.put(Question { code: INTERROGATION, common, qualifier: self.plan.qualifier });
            }
            Said::Values => {}
        }
    }

    /// True when everything asked was answered.
    pub(super) fn is_settled(&self) -> bool {
        self.queue.is_empty() && self.open.is_none()
    }

    /// When [`Questions::next`] may have something.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let open = self.open.map(|(_, since)| since + ANSWERS_WITHIN);
        [self.general_at, self.counters_at, open].into_iter().flatten().min()
    }
}
