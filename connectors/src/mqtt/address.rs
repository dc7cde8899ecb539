//! What the points' addresses mean: topics, places in JSON documents, metrics of Sparkplug nodes.
//!
//! In: the settings and the points. Out: a [`Plan`] that finds a message's points by its topic. Not here: reading payloads.

use super::Settings;
use super::clock::Reader;
use super::payload::{Good, PayloadSpec, Pointer};
use crate::live::Point;
use crate::live::Points;
use crate::live::Target;
use engine::source::SourceError;
use hashbrown::HashMap;
use std::collections::BTreeSet;

/// Where messages go.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// By topic.
    pub(super) routes: HashMap<String, Route>,
    /// By group, then node: index into `nodes`.
    pub(super) groups: HashMap<String, HashMap<String, usize>>,
    pub(super) nodes: Vec<Node>,
    /// What to subscribe to.
    pub(super) filters: Vec<String>,
    /// Per point: its address, what it says if it is an event.
    pub(super) points: Vec<Known>,
}

/// What must be known about a point beside where it is.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) address: String,
    /// Asset, for errors.
    pub(super) asset: String,
    /// The message, if it is an event.
    pub(super) event: Option<String>,
}

/// The points of one topic.
#[derive(Debug, Default)]
pub(super) struct Route {
    /// Points whose value is the whole payload.
    pub(super) whole: Vec<u32>,
    /// Points whose value is somewhere in a JSON document.
    pub(super) inner: Vec<Inner>,
    /// Where the times are, each once.
    pub(super) times: Vec<(Pointer, Reader)>,
}

/// A point in a JSON document.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) point: u32,
    pub(super) value: Pointer,
    /// Index into [`Route::times`].
    pub(super) time: Option<usize>,
    pub(super) quality: Option<Pointer>,
    pub(super) good: Option<Vec<Good>>,
}

/// An edge node of Sparkplug with what we want of it.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) group: String,
    pub(super) node: String,
    /// The node's own metrics under "", its devices' under their names: index into `wanted`.
    pub(super) devices: HashMap<String, HashMap<String, usize>>,
    pub(super) wanted: Vec<Wanted>,
}

/// A metric that feeds points.
#[derive(Debug)]
pub(super) struct Wanted {
    /// "": the node itself.
    pub(super) device: String,
    pub(super) points: Vec<u32>,
}

impl Plan {
    /// Reads every address and its options.
    ///
    /// # Errors
    /// [`SourceError::Mapping`] naming the point, with the remedy.
    pub(super) fn new(settings: &Settings, points: &Points) -> Result<Self, SourceError> {
        let mut plan = Self::of(&settings.payload, settings.sparkplug.is_some(), points)?;
        if !settings.topics.is_empty() {
            plan.filters.clone_from(&settings.topics);
        }
        Ok(plan)
    }

    /// As [`Plan::new`], with the filters that the points need.
    pub(super) fn of(payload: &PayloadSpec, has_sparkplug: bool, points: &Points) -> Result<Self, SourceError> {
        let mut plan = Self::default();
        let mut filters = BTreeSet::new();
        for (index, point) in points.points().iter().enumerate() {
            let number = index as u32;
            let event = match &point.target {
                Target::Event { message } => Some(message.clone()),
                Target::Value { .. } => None,
            };
            let asset = points.asset_of(number).to_string();
            plan.points.push(Known { address: point.address.clone(), asset, event });
            let filter = match metric(&point.address).filter(|_| has_sparkplug) {
                Some(metric) => plan.metric(number, point, metric)?,
                None => plan.topic(number, point, payload)?,
            };
            filters.insert(filter);
        }
        plan.filters = filters.into_iter().collect();
        Ok(plan)
    }

    fn topic(&mut self, number: u32, point: &Point, defaults: &PayloadSpec) -> Result<String, SourceError> {
        let own: PayloadSpec = point.options()?;
        let (topic, place) = match point.address.split_once('#') {
            Some((topic, place)) => (topic, Some(place)),
            None => (point.address.as_str(), None),
        };
        if topic.is_empty() || topic.contains(['+', '\0']) || topic.len() > 65_535 {
            let remedy = "write the topic in full, without `+`; a place in a JSON payload follows a `#`: plant/t01#/power";
            return Err(point.wrong(format!("{topic:?} is no topic; {remedy}")));
        }
        let route = self.routes.entry(topic.into()).or_default();
        let Some(place) = place else {
            if own != PayloadSpec::default() {
                let remedy = "a plain payload has only its value; add `#/…` to the address if it is JSON";
                return Err(point.wrong(format!("time, clock, timezone, quality, good: {remedy}")));
            }
            route.whole.push(number);
            return Ok(topic.into());
        };
        let pointer = |text: &str| Pointer::parse(text).map_err(|problem| point.wrong(problem));
        let spec = own.over(defaults);
        let time = match &spec.time {
            None => None,
            Some(time) => {
                let reader = Reader::new(spec.clock.unwrap_or_default(), spec.timezone.as_deref());
                let found = (pointer(time)?, reader.map_err(|problem| point.wrong(problem))?);
                Some(route.times.iter().position(|known| *known == found).unwrap_or_else(|| {
                    route.times.push(found);
                    route.times.len() - 1
                }))
            }
        };
        let quality = spec.quality.as_deref().map(pointer).transpose()?;
        route.inner.push(Inner { point: number, value: pointer(place)?, time, quality, good: spec.good });
        Ok(topic.into())
    }

    fn metric(&mut self, number: u32, point: &Point, found: Metric<'_>) -> Result<String, SourceError> {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Nothing {}
        let Nothing {} = point.options()?;
        let Metric { group, node, device, name } = found;
        if [group, node, device.unwrap_or("d"), name].contains(&"") || [group, node].iter().any(|id| id.contains(['+', '#'])) {
            return Err(point.wrong("a Sparkplug metric is written group/node:metric or group/node/device:metric"));
        }
        let index = *self.groups.entry(group.into()).or_default().entry(node.into()).or_insert_with(|| {
            let (devices, wanted) = (HashMap::new(), Vec::new());
            self.nodes.push(Node { group: group.into(), node: node.into(), devices, wanted });
            self.nodes.len() - 1
        });
        let Node { devices, wanted, .. } = &mut self.nodes[index];
        let device = device.unwrap_or_default();
        let place = *devices.entry(device.into()).or_default().entry(name.into()).or_insert_with(|| {
            wanted.push(Wanted { device: device.into(), points: Vec::new() });
            wanted.len() - 1
        });
        wanted[place].points.push(number);
        // Births, data and deaths of the node and of its devices; `#` is also the level above it (MQTT 5, 4.7.1.2).
        Ok(format!("spBv1.0/{group}/+/{node}/#"))
    }
}

/// An address of Sparkplug, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Metric<'a> {
    pub(super) group: &'a str,
    pub(super) node: &'a str,
    pub(super) device: Option<&'a str>,
    pub(super) name: &'a str,
}

/// `group/node:metric` or `group/node/device:metric`; the metric's name may have slashes and colons.
pub(super) fn metric(address: &str) -> Option<Metric<'_>> {
    let (origin, name) = address.split_once(':')?;
    let mut levels = origin.split('/');
    let (group, node, device) = (levels.next()?, levels.next()?, levels.next());
    (levels.next().is_none() && !origin.contains('#')).then_some(Metric { group, node, device, name })
}
