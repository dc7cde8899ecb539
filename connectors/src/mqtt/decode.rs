//! A message becomes samples of the points whose topic it has.
//!
//! In: messages, the plan. Out: samples, notices and rejects in a [`Batch`]. The hot path: one hash per message, one parse per document.
//! Not here: Sparkplug ([`super::nodes`]), connections.

use super::address::Known;
use super::address::{Plan, Route};
use super::batch::Batch;
use super::broker::Message;
use super::nodes::Nodes;
use super::nodes::Rebirth;
use super::payload::{self, Reading};
use crate::live::Link;
use crate::live::{Notice, Sample};
use engine::domain::Quality;
use hashbrown::HashMap;
use serde_json::Value;
use std::sync::Arc;

/// Turns messages into samples; remembers texts of events and births of nodes.
#[derive(Debug)]
pub(super) struct Decoder {
    plan: Arc<Plan>,
    link: Link,
    texts: Texts,
    nodes: Nodes,
}

/// The last text of each event that has texts.
#[derive(Debug)]
pub(super) struct Texts {
    said: HashMap<u32, String>,
    link: Link,
}

impl Decoder {
    pub(super) fn new(plan: Arc<Plan>, link: Link) -> Self {
        Self { nodes: Nodes::new(&plan), plan, texts: Texts { said: HashMap::new(), link: link.clone() }, link }
    }

    /// Decodes one message. Returns the node that must be born again to be understood, if any.
    pub(super) fn message(&mut self, message: &Message, batch: &mut Batch) -> Option<Rebirth> {
        let Ok(topic) = std::str::from_utf8(&message.topic) else {
            batch.reject("bad_topic", "a topic is not UTF-8; the broker must be mended".into(), &message.topic);
            return None;
        };
        let plan = self.plan.clone();
        if let Some(route) = plan.routes.get(topic) {
            // Without a time of its own a message that is not fresh says nothing about when.
            let unfresh = match (message.is_retained, message.is_again) {
                (true, _) => Some("retained"),
                (false, true) => Some("redelivered"),
                (false, false) => None,
            };
            self.route(topic, route, &message.payload, (None, unfresh), batch);
        }
        let rest = topic.strip_prefix("spBv1.0/").filter(|_| !plan.nodes.is_empty())?;
        self.nodes.message(&plan, &self.link, &mut self.texts, rest, message, batch)
    }

    /// Decodes a payload. `stamp` is when it was published, if that is known, and what puts arrival as its time in doubt.
    pub(super) fn route(
        &mut self,
        topic: &str,
        route: &Route,
        payload: &[u8],
        (stamp, unfresh): (Option<i64>, Option<&'static str>),
        batch: &mut Batch,
    ) {
        let plan = self.plan.clone();
        if !route.whole.is_empty() {
            let text = String::from_utf8_lossy(payload);
            let reading = payload::of_text(&text);
            for &point in &route.whole {
                let sure = unfresh.map_or((Quality::Good, ""), |word| (Quality::Questionable, word));
                self.texts.put(&plan, point, stamp, reading.clone(), sure, topic, payload, batch);
            }
        }
        if route.inner.is_empty() {
            return;
        }
        let document: Value = match serde_json::from_slice(payload) {
            Ok(document) => document,
            Err(error) => {
                let asset =
                    route.inner.first().and_then(|inner| plan.points.get(inner.point as usize)).map(|known| known.asset.as_str());
                let asset = asset.unwrap_or_default();
                let remedy = "correct what publishes it, or read it as a plain payload: an address without `#`";
                batch.reject("bad_json", format!("{asset}: {topic} is no JSON: {error}; {remedy}"), payload);
                return;
            }
        };
        let times: Vec<Option<Result<i64, String>>> =
            route.times.iter().map(|(place, reader)| place.find(&document).map(|value| reader.read(value))).collect();
        if let (Some(Some(Ok(time))), None) = (times.first(), unfresh) {
            self.link.skewed(time.saturating_sub(self.link.now_micros()));
        }
        for inner in &route.inner {
            let Some(value) = inner.value.find(&document) else { continue };
            let (mut quality, mut reason) = match inner.quality.as_ref().and_then(|place| place.find(&document)) {
                Some(quality) => payload::quality(quality, inner.good.as_deref()),
                None => (Quality::Good, ""),
            };
            let time = match inner.time.and_then(|index| times.get(index)) {
                Some(Some(Ok(time))) => Some(*time),
                Some(Some(Err(problem))) => {
                    let known = plan.points.get(inner.point as usize);
                    let detail = known.map(|known| format!("{}: {}: {problem}", known.asset, known.address)).unwrap_or_default();
                    batch.reject("bad_time", detail, payload);
                    continue;
                }
                Some(None) | None => {
                    let doubt = unfresh.or_else(|| inner.time.is_some().then_some("no_time"));
                    if let (Some(doubt), Quality::Good) = (doubt, quality) {
                        (quality, reason) = (Quality::Questionable, doubt);
                    }
                    stamp
                }
            };
            let sure = (quality, reason);
            self.texts.put(&plan, inner.point, time, payload::of_json(value), sure, topic, payload, batch);
        }
    }
}

impl Texts {
    /// One reading of one point.
    #[allow(clippy::too_many_arguments, reason = "all of them are one value")]
    pub(super) fn put(
        &mut self,
        plan: &Plan,
        point: u32,
        time: Option<i64>,
        reading: Reading,
        (quality, reason): (Quality, &'static str),
        topic: &str,
        raw: &[u8],
        batch: &mut Batch,
    ) {
        let Some(known) = plan.points.get(point as usize) else { return };
        match (reading, &known.event) {
            (Reading::Number(number), event) => {
                if event.is_some() && number == 0.0 && quality != Quality::Invalid {
                    self.over(known, point, time, None, batch);
                }
                batch.sample(Sample::of(point, time, number, quality, reason));
            }
            (Reading::Missing("empty"), Some(_)) => self.over(known, point, time, None, batch),
            (Reading::Missing(why), _) => {
                let why = if quality == Quality::Invalid { reason } else { why };
                batch.sample(Sample::missing(point, time, why));
            }
            (Reading::Text(text), Some(_)) if quality != Quality::Invalid => self.text(known, point, time, &text, batch),
            (Reading::Text(_), Some(_)) => {}
            (Reading::Text(_) | Reading::Unreadable, _) => {
                let remedy = "give the address of a number, or make it an event";
                let detail = format!("{}: {} has a value at {topic} that is no number; {remedy}", known.asset, known.address);
                batch.reject("bad_number", detail, raw);
            }
        }
    }

    /// A text says what is the matter; one of these words, that nothing is.
    fn text(&mut self, known: &Known, point: u32, time: Option<i64>, text: &str, batch: &mut Batch) {
        const QUIET: &[&str] = &["ok", "normal", "no", "inactive", "cleared", "reset", "good", "closed"];
        if QUIET.iter().any(|word| word.eq_ignore_ascii_case(text)) {
            self.over(known, point, time, None, batch);
            // The point's own message may have been raised by a number.
            batch.sample(Sample::good(point, time, 0.0));
            return;
        }
        let message = format!("{}: {text}", known.event.as_deref().unwrap_or_default());
        if self.said.get(&point) == Some(&message) {
            return;
        }
        self.over(known, point, time, Some(&message), batch);
        self.said.insert(point, message.clone());
        batch.notice(Notice { point, time, message: Some(message), is_active: true });
    }

    /// What was said last is over, also what an earlier run heard; `now` is what is said instead.
    fn over(&mut self, known: &Known, point: u32, time: Option<i64>, now: Option<&str>, batch: &mut Batch) {
        let mut ended: Vec<String> = self.said.remove(&point).into_iter().collect();
        if ended.is_empty()
            && let Some(event) = &known.event
        {
            ended = self.link.raised_under(&known.asset, &format!("{event}: "));
        }
        for message in ended.into_iter().filter(|message| Some(message.as_str()) != now) {
            batch.notice(Notice { point, time, message: Some(message), is_active: false });
        }
    }
}
