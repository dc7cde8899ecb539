//! What messages offer: numbers in JSON documents, plain numbers, metrics of Sparkplug births.
//!
//! In: messages of a look. Out: [`Found`] things, each with an address that reads it, and the places of time and quality beside it. Not here:
//! what they mean in our quantities ([`crate::live::guess`]).

use super::broker::Message;
use super::clock::{Clock, Reader};
use super::payload::{self, Reading};
use super::sparkplug::{self, Payload, PropertyValue};
use crate::live::Found;
use prost::Message as _;
use serde_json::Value;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// Things listed at most: a broker of a whole town must not fill the memory.
const MOST: usize = 20_000;
/// Levels of a JSON document looked at.
const DEEP: usize = 16;
const TIMES: &[&str] = &["time", "timestamp", "ts", "t", "datetime", "date_time", "date", "utc"];
const QUALITIES: &[&str] = &["quality", "q", "qual"];
const VALUES: &[&str] = &["value", "val", "v"];
const UNITS: &[&str] = &["unit", "units", "uom", "u"];
/// Last levels of topics that name the kind of message, not the device.
const KINDS: &[&str] =
    &["data", "telemetry", "state", "status", "values", "measurements", "json", "scada", "sensor", "readings", "live"];

/// What was seen so far.
#[derive(Debug)]
pub(super) struct Offers {
    is_sparkplug: bool,
    messages: u64,
    found: BTreeMap<String, Found>,
    /// Nodes heard without a birth.
    unborn: BTreeSet<String>,
    born: BTreeSet<String>,
    /// Topics whose payload could not be read.
    unread: BTreeSet<String>,
}

impl Offers {
    pub(super) fn new(is_sparkplug: bool) -> Self {
        let (found, unborn, born, unread) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        Self { is_sparkplug, messages: 0, found, unborn, born, unread }
    }

    /// One message. Returns the command topic of a Sparkplug node whose birth was not seen.
    pub(super) fn see(&mut self, message: &Message) -> Option<String> {
        let topic = std::str::from_utf8(&message.topic).ok().filter(|topic| !topic.starts_with("$SYS/"))?;
        self.messages += 1;
        if let Some(rest) = topic.strip_prefix("spBv1.0/") {
            return if self.is_sparkplug { self.sparkplug(rest, message) } else { None };
        }
        if let Ok(document @ (Value::Object(_) | Value::Array(_))) = serde_json::from_slice::<Value>(&message.payload) {
            let (parent, last) = topic.rsplit_once('/').unwrap_or(("", topic));
            let is_kind = KINDS.iter().any(|kind| kind.eq_ignore_ascii_case(last)) && !parent.is_empty();
            let device = if is_kind { parent } else { topic };
            let options = toml::Table::new();
            self.walk(&Place { topic, device }, &document, &mut Vec::new(), &options);
        } else {
            self.plain(topic, &String::from_utf8_lossy(&message.payload));
        }
        None
    }

    fn plain(&mut self, topic: &str, text: &str) {
        let (device, name) = topic.rsplit_once('/').unwrap_or((topic, topic));
        let is_event = match payload::of_text(text) {
            Reading::Number(_) => text.trim().parse::<f64>().is_err(),
            Reading::Missing("no_value") => false,
            _ => {
                self.unread.insert(topic.into());
                return;
            }
        };
        let value = Some(text.trim().to_owned());
        let (address, name, device) = (topic.to_owned(), name.to_owned(), device.to_owned());
        self.add(Found { address, name, device, value, is_event, ..Found::default() });
    }

    fn walk(&mut self, place: &Place<'_>, value: &Value, path: &mut Vec<String>, above: &toml::Table) {
        if path.len() > DEEP {
            return;
        }
        match value {
            Value::Object(members) => {
                let mut options = above.clone();
                let one_of =
                    |names: &[&str]| members.iter().find(|(key, _)| names.iter().any(|name| name.eq_ignore_ascii_case(key)));
                let reader = Reader::new(Clock::Auto, None);
                let time = one_of(TIMES).filter(|(_, value)| reader.as_ref().is_ok_and(|reader| is_time(reader, value)));
                let quality = one_of(QUALITIES).filter(|(_, value)| !value.is_object() && !value.is_array());
                for (option, held) in [("time", time), ("quality", quality)] {
                    if let Some((key, _)) = held {
                        options.insert(option.into(), pointer(path, Some(key)).into());
                    }
                }
                let unit = one_of(UNITS).and_then(|(_, unit)| unit.as_str()).filter(|_| one_of(VALUES).is_some());
                for (key, value) in members {
                    let is_beside = [time, quality].iter().flatten().any(|(known, _)| *known == key);
                    if is_beside || (unit.is_some() && value.as_str() == unit) {
                        continue;
                    }
                    path.push(key.clone());
                    match value {
                        Value::Object(_) | Value::Array(_) => self.walk(place, value, path, &options),
                        _ => self.leaf(place, value, path, &options, unit),
                    }
                    path.pop();
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate().take(256) {
                    path.push(index.to_string());
                    match item {
                        Value::Object(_) | Value::Array(_) => self.walk(place, item, path, above),
                        _ => self.leaf(place, item, path, above, None),
                    }
                    path.pop();
                }
            }
            _ => {}
        }
    }

    fn leaf(&mut self, place: &Place<'_>, value: &Value, path: &[String], options: &toml::Table, unit: Option<&str>) {
        let is_event = value.is_boolean();
        if !matches!(payload::of_json(value), Reading::Number(_)) {
            return;
        }
        // `{"ActivePower": {"value": 1}}`: the name is one level up; at the top it is the topic's.
        let is_value = path.last().is_some_and(|last| VALUES.iter().any(|name| name.eq_ignore_ascii_case(last)));
        let named = if is_value { path.get(..path.len() - 1).unwrap_or_default() } else { path };
        let (name, device) = if named.is_empty() {
            let (parent, last) = place.topic.rsplit_once('/').unwrap_or((place.topic, place.topic));
            (last.to_owned(), parent)
        } else {
            (named.join("."), place.device)
        };
        self.add(Found {
            address: format!("{}#{}", place.topic, pointer(path, None)),
            name,
            unit: unit.map(Into::into),
            value: Some(value.to_string()),
            device: device.into(),
            is_event,
            options: options.clone(),
            ..Found::default()
        });
    }

    fn sparkplug(&mut self, rest: &str, message: &Message) -> Option<String> {
        let levels: Vec<&str> = rest.split('/').collect();
        let [group, kind, node, device @ ..] = levels.as_slice() else { return None };
        let origin =
            std::iter::once(format!("{group}/{node}")).chain(device.iter().map(ToString::to_string)).collect::<Vec<_>>().join("/");
        let Ok(payload) = Payload::decode(&*message.payload) else {
            self.unread.insert(rest.into());
            return None;
        };
        let whole = format!("{group}/{node}");
        match *kind {
            "NBIRTH" | "DBIRTH" => {
                self.unborn.remove(&whole);
                self.born.insert(whole);
                for metric in &payload.metrics {
                    self.metric(&origin, device.first().unwrap_or(node), metric);
                }
                None
            }
            "NDATA" | "DDATA" if !self.born.contains(&whole) => {
                self.unborn.insert(whole);
                Some(format!("spBv1.0/{group}/NCMD/{node}"))
            }
            _ => None,
        }
    }

    fn metric(&mut self, origin: &str, device: &str, metric: &sparkplug::Metric) {
        let Some(name) = metric.name.as_deref().filter(|name| *name != "bdSeq" && !name.starts_with("Node Control/")) else {
            return;
        };
        let text = |key: &str| match metric.property(key) {
            Some(PropertyValue::Text(text)) => Some(text.clone()),
            _ => None,
        };
        let value = match metric.reading(None) {
            Reading::Number(number) => Some(number.to_string()),
            Reading::Text(text) => Some(text),
            Reading::Missing(_) | Reading::Unreadable => None,
        };
        self.add(Found {
            address: format!("{origin}:{name}"),
            name: name.into(),
            unit: ["engUnit", "Engineering Unit", "unit", "units"].iter().find_map(|key| text(key)),
            description: ["documentation", "Documentation", "description"].iter().find_map(|key| text(key)),
            value,
            device: device.into(),
            is_event: metric.datatype == Some(sparkplug::BOOLEAN),
            ..Found::default()
        });
    }

    fn add(&mut self, found: Found) {
        if self.found.len() < MOST || self.found.contains_key(&found.address) {
            self.found.insert(found.address.clone(), found);
        }
    }

    /// What could not be listed, and why.
    pub(super) fn complaints(&self) -> Vec<&'static str> {
        let unborn = "Sparkplug nodes were heard whose birth was not, so their metrics have no names: restart them, or set \
                      sparkplug.request_rebirth = true";
        let told = [
            (self.messages == 0, "no message came; listen longer (discover_s), or look at other topics"),
            (!self.unborn.is_empty(), unborn),
            (!self.unread.is_empty(), "some topics have neither numbers nor JSON; they are left out"),
            (self.found.len() >= MOST, "more than 20000 values; set topics to look at fewer"),
        ];
        told.into_iter().filter_map(|(is_so, line)| is_so.then_some(line)).collect()
    }

    pub(super) fn found(self) -> Vec<Found> {
        self.found.into_values().collect()
    }
}

struct Place<'a> {
    topic: &'a str,
    device: &'a str,
}

/// A JSON pointer (RFC 6901).
fn pointer(path: &[String], last: Option<&String>) -> String {
    path.iter().chain(last).map(|key| format!("/{}", key.replace('~', "~0").replace('/', "~1"))).collect()
}

/// A time between 2000 and 2100, not a small number that happens to have the name.
fn is_time(reader: &Reader, value: &Value) -> bool {
    reader.read(value).is_ok_and(|time| (946_684_800_000_000..4_102_444_800_000_000).contains(&time))
}
