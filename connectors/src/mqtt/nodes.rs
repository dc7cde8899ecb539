//! Edge nodes of Sparkplug: births, data, deaths (Eclipse Sparkplug 3.0.0, sections 5 and 6).
//!
//! In: messages under `spBv1.0/`. Out: samples, notices and rejects in a [`Batch`]; the wish that a node be born again. A metric is known by
//! the alias its birth gave it. A missing number in the sequence means that messages were lost, maybe a birth: what follows is questionable
//! until the next birth. Not here: whether the wish may be sent.

use super::address::{Node, Plan};
use super::batch::Batch;
use super::broker::Message;
use super::decode::Texts;
use super::sparkplug::{self, Payload};
use crate::live::Link;
use crate::live::{Notice, Sample};
use engine::domain::Quality;
use hashbrown::HashMap;
use prost::Message as _;

/// Aliases of one node that are remembered, those of all its devices together; beyond them its data cannot be read.
const MOST_ALIASES: usize = 200_000;

/// A node that should be born again: its topic for commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rebirth {
    pub(super) topic: String,
}

/// All nodes that have points.
#[derive(Debug)]
pub(super) struct Nodes(Vec<State>);

/// What is known of a node since its birth.
#[derive(Debug, Default)]
struct State {
    is_born: bool,
    birth: Option<u64>,
    /// The number of its last message.
    seq: Option<u64>,
    is_torn: bool,
    /// Per alias the metric that is wanted, if it is.
    aliases: HashMap<u64, Option<usize>>,
    /// Per wanted metric its data type.
    datatypes: HashMap<usize, u32>,
}

/// One message of one node, on its way.
struct Step<'a> {
    plan: &'a Plan,
    link: &'a Link,
    node: &'a Node,
    device: &'a str,
    topic: &'a str,
    message: &'a Message,
}

impl Nodes {
    pub(super) fn new(plan: &Plan) -> Self {
        Self(plan.nodes.iter().map(|_| State::default()).collect())
    }

    /// One message; `rest` is its topic without the namespace.
    pub(super) fn message(
        &mut self,
        plan: &Plan,
        link: &Link,
        texts: &mut Texts,
        rest: &str,
        message: &Message,
        batch: &mut Batch,
    ) -> Option<Rebirth> {
        let mut levels = rest.split('/');
        let (group, kind, name, device) = (levels.next()?, levels.next()?, levels.next()?, levels.next().unwrap_or_default());
        let index = *plan.groups.get(group)?.get(name)?;
        let (node, state) = (plan.nodes.get(index)?, self.0.get_mut(index)?);
        if !matches!(kind, "NBIRTH" | "DBIRTH" | "NDATA" | "DDATA" | "NDEATH" | "DDEATH") {
            return None;
        }
        let step = Step { plan, link, node, device, topic: rest, message };
        let payload = match Payload::decode(&*message.payload) {
            Ok(payload) => payload,
            Err(error) => {
                let detail = format!("{group}/{name}: a payload at {rest} is no Sparkplug B: {error}; correct what publishes it");
                batch.reject("bad_payload", detail, &message.payload);
                return None;
            }
        };
        let needs = match kind {
            "NBIRTH" => {
                *state = State { is_born: true, birth: birth_number(&payload), seq: payload.seq, ..State::default() };
                step.born(state, texts, &payload, batch);
                false
            }
            "DBIRTH" => {
                let needs = step.count(state, &payload, batch);
                step.born(state, texts, &payload, batch);
                needs
            }
            "NDATA" | "DDATA" => step.count(state, &payload, batch) | step.data(state, texts, &payload, batch),
            "DDEATH" => {
                let needs = step.count(state, &payload, batch);
                step.dead(sparkplug::time(payload.timestamp), batch);
                needs
            }
            _ => {
                // The will of a connection that a younger one replaced says nothing about this one (section 6.4.12).
                let number = birth_number(&payload);
                if state.birth.is_none() || number.is_none() || state.birth == number {
                    *state = State::default();
                    // Its time is when the will was written; it died when we hear of it.
                    step.dead(None, batch);
                }
                false
            }
        };
        needs.then(|| Rebirth { topic: format!("spBv1.0/{group}/NCMD/{name}") })
    }
}

/// `bdSeq`: the number that a birth and the death of the same connection share.
fn birth_number(payload: &Payload) -> Option<u64> {
    payload.metrics.iter().find(|metric| metric.name.as_deref() == Some("bdSeq"))?.count()
}

impl Step<'_> {
    /// Follows the sequence. True: something was lost just now.
    fn count(&self, state: &mut State, payload: &Payload, batch: &mut Batch) -> bool {
        let Some(seq) = payload.seq.filter(|_| !self.message.is_again) else { return false };
        let expected = state.seq.replace(seq).map(|last| last.wrapping_add(1) % 256);
        if expected.is_none_or(|expected| expected == seq) || state.is_torn {
            return false;
        }
        state.is_torn = true;
        let (group, name) = (&self.node.group, &self.node.node);
        let expected = expected.unwrap_or_default();
        let remedy = "values are questionable until its next birth; sparkplug.request_rebirth = true asks for one";
        let detail = format!("{group}/{name}: message {seq} came where {expected} was due, some were lost; {remedy}");
        batch.reject("sequence_gap", detail, self.topic.as_bytes());
        true
    }

    fn born(&self, state: &mut State, texts: &mut Texts, payload: &Payload, batch: &mut Batch) {
        let names = self.node.devices.get(self.device);
        for metric in &payload.metrics {
            let Some(name) = metric.name.as_deref() else { continue };
            let wanted = names.and_then(|names| names.get(name)).copied();
            if let Some(alias) = metric.alias
                && (state.aliases.len() < MOST_ALIASES || state.aliases.contains_key(&alias))
            {
                state.aliases.insert(alias, wanted);
            }
            if let (Some(wanted), Some(datatype)) = (wanted, metric.datatype) {
                state.datatypes.insert(wanted, datatype);
            }
        }
        self.tell(false, sparkplug::time(payload.timestamp), batch);
        // A birth holds the values of the moment too.
        let understood = self.data(state, texts, payload, batch);
        tracing::debug!(topic = self.topic, metrics = payload.metrics.len(), understood = !understood, "birth");
    }

    /// True: there were metrics that only a birth can explain.
    fn data(&self, state: &State, texts: &mut Texts, payload: &Payload, batch: &mut Batch) -> bool {
        let names = self.node.devices.get(self.device);
        let (mut unknown, mut newest) = (0_usize, None);
        for metric in &payload.metrics {
            let wanted = match (&metric.name, metric.alias) {
                (Some(name), _) => names.and_then(|names| names.get(name.as_str())).copied(),
                (None, Some(alias)) => match state.aliases.get(&alias) {
                    Some(wanted) => *wanted,
                    None => {
                        unknown += 1;
                        None
                    }
                },
                (None, None) => None,
            };
            let Some((wanted, place)) = wanted.and_then(|place| Some((self.node.wanted.get(place)?, place))) else { continue };
            let time = sparkplug::time(metric.timestamp).or_else(|| sparkplug::time(payload.timestamp));
            if metric.is_historical != Some(true) {
                newest = newest.max(time);
            }
            let mut sure = metric.quality();
            if state.is_torn && sure.0 == Quality::Good {
                sure = (Quality::Questionable, "sequence_gap");
            }
            let reading = metric.reading(state.datatypes.get(&place).copied());
            for &point in &wanted.points {
                texts.put(self.plan, point, time, reading.clone(), sure, self.topic, self.topic.as_bytes(), batch);
            }
        }
        if let Some(newest) = newest.filter(|_| !self.message.is_again && !self.message.is_retained) {
            self.link.skewed(newest.saturating_sub(self.link.now_micros()));
        }
        if unknown > 0 {
            let (group, name) = (&self.node.group, &self.node.node);
            let cause = if state.is_born { "an alias its birth does not have" } else { "its birth was not seen" };
            let remedy = "restart the node, or set sparkplug.request_rebirth = true, which writes only Node Control/Rebirth";
            let detail = format!("{group}/{name}: {unknown} values at {} cannot be named: {cause}; {remedy}", self.topic);
            batch.reject("unknown_alias", detail, self.topic.as_bytes());
        }
        unknown > 0
    }

    /// Everything of the node or device is missing from now on.
    fn dead(&self, time: Option<i64>, batch: &mut Batch) {
        for wanted in self.mine() {
            for &point in &wanted.points {
                batch.sample(Sample::missing(point, time, "comms_lost"));
            }
        }
        self.tell(true, time, batch);
    }

    fn mine(&self) -> impl Iterator<Item = &super::address::Wanted> {
        self.node.wanted.iter().filter(|wanted| self.device.is_empty() || wanted.device == self.device)
    }

    /// An event on the asset of the first point.
    fn tell(&self, is_active: bool, time: Option<i64>, batch: &mut Batch) {
        let Some(&point) = self.mine().find_map(|wanted| wanted.points.first()) else { return };
        let (group, node, device) = (&self.node.group, &self.node.node, self.device);
        let message = match device {
            "" => format!("Sparkplug node {group}/{node} is offline"),
            device => format!("Sparkplug device {group}/{node}/{device} is offline"),
        };
        batch.notice(Notice { point, time, message: Some(message), is_active });
    }
}
