//! Kafka: records of topics, read partition by partition from the offsets that were saved with the rows.
//!
//! In: [`Settings`], points whose addresses are topics or places in JSON documents, as with MQTT. Out: a live source that resumes exactly, a
//! probe, what topics hold. Not here: payloads ([`crate::mqtt`]).
//!
//! Only metadata, offsets and records are asked for. No consumer group is joined, no offset is committed to the broker: the cursor has them.

mod dial;
mod explore;
mod listen;
mod places;
mod source;

#[cfg(test)]
mod tests;

use crate::live::Found;
use crate::live::Link;
use crate::live::Points;
use crate::live::Probe;
use crate::live::Protocol;
use crate::live::Secret;
use crate::live::TlsSpec;
use crate::mqtt;
use crate::mqtt::PayloadSpec;
use async_trait::async_trait;
use engine::source::Source;
use engine::source::SourceError;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Settings: `[connection.from.kafka]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Brokers to begin with, as `host:port`; they say which others there are.
    pub brokers: Vec<String>,
    /// Where a topic begins that was not read before; default `earliest`.
    #[serde(default)]
    pub start: Start,
    /// To sign in; default: nobody.
    #[serde(default)]
    pub sasl: Option<SaslSpec>,
    /// TLS; default: none. The brokers' certificates must carry the hosts they go by.
    #[serde(default)]
    pub tls: Option<TlsSpec>,
    /// Topics `chergui discover` looks at; default: all.
    #[serde(default)]
    pub topics: Vec<String>,
    /// Bytes asked for at once and partition; default 1048576.
    #[serde(default = "one_mib")]
    pub fetch_bytes: u32,
    /// Where time and quality are in JSON payloads, for points that do not say it themselves. Without a time the record's counts.
    #[serde(default)]
    pub payload: PayloadSpec,
}

/// Where a topic begins that was not read before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// With the oldest record that is kept.
    #[default]
    Earliest,
    /// With what comes from then on.
    Latest,
}

/// `[connection.from.kafka.sasl]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SaslSpec {
    /// `plain`, `scram-sha-256` or `scram-sha-512`.
    pub mechanism: Mechanism,
    /// To sign in.
    pub username: String,
    /// To sign in.
    pub password: Secret,
}

/// How to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mechanism {
    /// RFC 4616; the password is readable on the way without TLS.
    #[serde(rename = "plain")]
    Plain,
    /// RFC 7677.
    #[serde(rename = "scram-sha-256")]
    ScramSha256,
    /// As RFC 7677, with SHA-512.
    #[serde(rename = "scram-sha-512")]
    ScramSha512,
}

const fn one_mib() -> u32 {
    1_048_576
}

impl Settings {
    fn address(&self) -> String {
        let scheme = if self.tls.is_some() { "kafka+tls" } else { "kafka" };
        format!("{scheme}://{}", self.brokers.join(","))
    }

    fn wrong(&self, problem: impl Into<String>) -> SourceError {
        SourceError::Mapping { place: self.address(), problem: problem.into() }
    }

    fn examine(&self) -> Result<(), SourceError> {
        let is_broker = |broker: &String| {
            let port = broker.rsplit_once(':').and_then(|(host, port)| (!host.is_empty()).then(|| port.parse::<u16>().ok())?);
            port.is_some_and(|port| port > 0) && !broker.contains(['/', '@', ' '])
        };
        let complaint = if self.brokers.is_empty() {
            "brokers is empty; give brokers = [\"host:9092\"]"
        } else if !self.brokers.iter().all(is_broker) {
            "brokers: write host:port; tls and signing in have keys of their own"
        } else if !(1024..=1_073_741_824).contains(&self.fetch_bytes) {
            "fetch_bytes is 1024 to 1073741824"
        } else if let Some(bad) = self.topics.iter().find(|topic| !is_topic(topic)) {
            return Err(self.wrong(format!("topics: {bad:?} is no topic; letters, digits, `.`, `_` and `-`, at most 249")));
        } else if self.tls.as_ref().is_some_and(|tls| tls.server_name.is_some()) {
            "tls.server_name: not possible with Kafka; the brokers' certificates carry the hosts they advertise"
        } else {
            return Ok(());
        };
        Err(self.wrong(complaint))
    }
}

/// As Kafka checks it (`org.apache.kafka.common.internals.Topic`).
fn is_topic(topic: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=249).contains(&topic.len()) && topic.chars().all(good) && topic != "." && topic != ".."
}

/// `topic` or `topic[key]`, the address up to `#`: the topic and the key.
fn parts(address: &str) -> Option<(&str, Option<&str>)> {
    let (topic, key) = match address.split_once('[') {
        Some((topic, key)) => (topic, Some(key.strip_suffix(']').filter(|key| !key.is_empty())?)),
        None => (address, None),
    };
    is_topic(topic).then_some((topic, key))
}

/// The topics of the points, each once.
fn topics(points: &Points) -> std::collections::BTreeSet<String> {
    mqtt::topics(points).into_iter().filter_map(parts).map(|(topic, _)| topic.to_owned()).collect()
}

#[async_trait]
impl Protocol for Settings {
    fn name(&self) -> &'static str {
        "kafka"
    }

    fn peer(&self) -> String {
        self.address()
    }

    fn check(&self, points: &Points) -> Result<(), SourceError> {
        self.examine()?;
        for point in points.points() {
            let before = point.address.split('#').next().unwrap_or_default();
            if parts(before).is_none() {
                let remedy = "write topic#/json/pointer, or topic[key]#/json/pointer for records with one key only";
                return Err(point.wrong(format!("{before:?} is no topic; {remedy}")));
            }
        }
        let link = Link::new("check", || engine::domain::Timestamp::UNIX_EPOCH);
        mqtt::Reader::new(&self.payload, points, link).map(drop)
    }

    fn open(&self, points: Arc<Points>, link: Link) -> Result<Box<dyn Source>, SourceError> {
        self.check(&points)?;
        Ok(Box::new(source::KafkaSource::new(self.clone(), points, link)))
    }

    async fn probe(&self, points: &Points, _link: &Link) -> Result<Probe, SourceError> {
        self.check(points)?;
        explore::probe(self, points).await
    }

    async fn discover(&self, _link: &Link, tell: &(dyn for<'a> Fn(&'a str) + Send + Sync)) -> Result<Vec<Found>, SourceError> {
        self.examine()?;
        explore::discover(self, tell).await
    }
}
