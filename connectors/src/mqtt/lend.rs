//! What message buses other than MQTT borrow: payloads and addresses are the same, `topic#/json/pointer`.
//!
//! In: messages with their topic, payload and the time the bus gave them. Out: pieces for the page; [`Found`] things. Not here: transports
//! ([`crate::nats`], [`crate::kafka`]).

use super::PayloadSpec;
use super::address::Plan;
use super::batch::Batch;
use super::broker::Message;
use super::decode::Decoder;
use super::offer::Offers;
use crate::live::Found;
use crate::live::Link;
use crate::live::Piece;
use crate::live::Points;
use engine::source::SourceError;
use std::sync::Arc;

/// Turns messages into pieces.
#[derive(Debug)]
pub(crate) struct Reader {
    plan: Arc<Plan>,
    decoder: Decoder,
    batch: Batch,
}

impl Reader {
    /// # Errors
    /// [`SourceError::Mapping`] naming the point, with the remedy.
    pub(crate) fn new(payload: &PayloadSpec, points: &Points, link: Link) -> Result<Self, SourceError> {
        let plan = Arc::new(Plan::of(payload, false, points)?);
        Ok(Self { decoder: Decoder::new(plan.clone(), link), plan, batch: Batch::default() })
    }

    /// One message; `stamp`: when the bus got it, µs, for payloads that have no time of their own.
    pub(crate) fn read(&mut self, topic: &str, payload: &[u8], stamp: Option<i64>) {
        if let Some(route) = self.plan.routes.get(topic) {
            self.decoder.route(topic, route, payload, (stamp, None), &mut self.batch);
        }
    }

    /// Something that could not be read.
    pub(crate) fn reject(&mut self, reason: &'static str, detail: String, raw: &[u8]) {
        self.batch.reject(reason, detail, raw);
    }

    /// What was read since the last call, in order.
    pub(crate) fn pieces<M>(&mut self) -> Vec<Piece<M>> {
        self.batch.pieces()
    }
}

/// The topics of the points, each once: the address up to `#`.
pub(crate) fn topics(points: &Points) -> std::collections::BTreeSet<&str> {
    points.points().iter().map(|point| point.address.split('#').next().unwrap_or_default()).collect()
}

/// What messages offer.
#[derive(Debug)]
pub(crate) struct Sight(Offers);

impl Sight {
    pub(crate) fn new() -> Self {
        Self(Offers::new(false))
    }

    /// One message.
    pub(crate) fn see(&mut self, topic: &str, payload: &[u8]) {
        // Dots part the levels of these buses' names, as slashes do those of MQTT.
        let topic = if topic.contains('/') { topic.to_owned() } else { topic.replace('.', "/") };
        let (topic, payload) = (topic.into_bytes().into(), payload.to_vec().into());
        // It answers only for Sparkplug.
        drop(self.0.see(&Message { topic, payload, id: 0, is_retained: false, is_again: false }));
    }

    /// What could not be listed, and why.
    pub(crate) fn complaints(&self) -> Vec<&'static str> {
        self.0.complaints()
    }

    /// Everything, under the names the bus has for it.
    pub(crate) fn found(self, known: impl Fn(&str) -> bool) -> Vec<Found> {
        let mut found = self.0.found();
        for thing in &mut found {
            let (topic, place) = match thing.address.split_once('#') {
                Some((topic, place)) => (topic, Some(place)),
                None => (thing.address.as_str(), None),
            };
            if known(topic) {
                continue;
            }
            let topic = topic.replace('/', ".");
            thing.address = place.map_or_else(|| topic.clone(), |place| format!("{topic}#{place}"));
        }
        found
    }
}
