//! NATS: messages of a JetStream, kept by the server until they are stored here, or plain subjects, which nobody keeps.
//!
//! In: [`Settings`], points whose addresses are subjects or places in JSON documents, as with MQTT. Out: a live source that acknowledges a
//! message once it is stored, a probe, what is in a stream. Not here: payloads ([`crate::mqtt`]).
//!
//! What is sent to the server: sign-in, subscriptions to replies, the request for our durable consumer, pulls, acknowledgements. No values.

mod dial;
mod explore;
mod filter;
mod listen;
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
use std::path::PathBuf;
use std::sync::Arc;

/// Settings: `[connection.from.nats]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Servers of one cluster, as `host:port`.
    pub servers: Vec<String>,
    /// The JetStream to read; default: none, plain subjects, where what is sent while we are away is lost.
    #[serde(default)]
    pub stream: Option<String>,
    /// Name of our durable consumer, where the server keeps our place; default `chergui-` and the name of the connection.
    #[serde(default)]
    pub consumer: Option<String>,
    /// Where a new consumer begins; default `all`.
    #[serde(default)]
    pub start: Start,
    /// The one filter of the consumer, with `*` and `>`; without a stream: subjects to subscribe to. Default: what covers the points.
    #[serde(default)]
    pub subjects: Vec<String>,
    /// When the server sends a message again that was not acknowledged, s; default 30.
    #[serde(default = "thirty")]
    pub ack_wait_s: u32,
    /// To sign in; default: nobody.
    #[serde(default)]
    pub username: Option<String>,
    /// To sign in.
    #[serde(default)]
    pub password: Option<Secret>,
    /// To sign in, instead of a name.
    #[serde(default)]
    pub token: Option<Secret>,
    /// To sign in, instead of a name: a `.creds` file.
    #[serde(default)]
    pub credentials: Option<PathBuf>,
    /// TLS; default: none. The server's certificate must carry the host of `servers`.
    #[serde(default)]
    pub tls: Option<TlsSpec>,
    /// How long `chergui discover` listens without a stream, s; default 10.
    #[serde(default = "ten")]
    pub discover_s: u32,
    /// Where time and quality are in JSON payloads, for points that do not say it themselves. Without a time the server's counts.
    #[serde(default)]
    pub payload: PayloadSpec,
}

/// Where a consumer begins when it is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// With the oldest message of the stream.
    #[default]
    All,
    /// With what comes from then on.
    New,
}

const fn thirty() -> u32 {
    30
}

const fn ten() -> u32 {
    10
}

impl Settings {
    fn address(&self) -> String {
        let scheme = if self.tls.is_some() { "tls" } else { "nats" };
        format!("{scheme}://{}", self.servers.join(","))
    }

    fn wrong(&self, problem: impl Into<String>) -> SourceError {
        SourceError::Mapping { place: self.address(), problem: problem.into() }
    }

    fn consumer(&self, link: &Link) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '_' };
        self.consumer.clone().unwrap_or_else(|| format!("chergui-{}", link.name().chars().map(plain).collect::<String>()))
    }

    fn examine(&self) -> Result<(), SourceError> {
        let is_name = |name: &String| !name.is_empty() && !name.contains(['.', '*', '>', '/', '\\']) && !has_space(name);
        let ways = [self.username.is_some(), self.token.is_some(), self.credentials.is_some()];
        let complaint = if self.servers.is_empty() {
            "servers is empty; give servers = [\"host:4222\"]"
        } else if self.servers.iter().any(|server| server.contains(['@', '/', ' ']) || server.is_empty()) {
            "servers: write host:port, without `nats://`; tls and signing in have keys of their own"
        } else if self.stream.as_ref().is_some_and(|name| !is_name(name)) {
            "stream is no name of a stream: no dots, spaces, slashes or wildcards"
        } else if self.consumer.as_ref().is_some_and(|name| !is_name(name)) {
            "consumer is no name of a consumer: no dots, spaces, slashes or wildcards"
        } else if self.consumer.is_some() && self.stream.is_none() {
            "consumer without stream: only a stream has consumers; give stream, or leave consumer out"
        } else if self.stream.is_some() && self.subjects.len() > 1 {
            "subjects: a consumer has one filter; give one with wildcards (`plant.>`), or none"
        } else if let Some(bad) = self.subjects.iter().find(|subject| !filter::is_filter(subject)) {
            return Err(self.wrong(format!("subjects: {bad:?} is no subject; `*` is one level, `>` the rest, at the end")));
        } else if self.ack_wait_s == 0 {
            "ack_wait_s is 0: every message would come again at once; give seconds"
        } else if ways.iter().filter(|is_set| **is_set).count() > 1 {
            "username, token and credentials: give one of them"
        } else if self.username.is_some() != self.password.is_some() {
            "username and password: give both, or neither"
        } else if self.tls.as_ref().is_some_and(|tls| tls.server_name.is_some()) {
            "tls.server_name: not possible with NATS; write the name of the certificate in servers"
        } else {
            return Ok(());
        };
        Err(self.wrong(complaint))
    }

    fn subjects(&self, points: &Points) -> Result<(), SourceError> {
        for point in points.points() {
            let subject = point.address.split('#').next().unwrap_or_default();
            if !filter::is_filter(subject) || subject.contains(['*', '>']) {
                let remedy = "write it in full, without `*` and `>`; a place in a JSON payload follows a `#`: plant.t01#/power";
                return Err(point.wrong(format!("{subject:?} is no subject; {remedy}")));
            }
        }
        Ok(())
    }
}

fn has_space(text: &str) -> bool {
    text.contains(|c: char| c.is_whitespace() || c.is_control())
}

#[async_trait]
impl Protocol for Settings {
    fn name(&self) -> &'static str {
        "nats"
    }

    fn peer(&self) -> String {
        self.address()
    }

    fn check(&self, points: &Points) -> Result<(), SourceError> {
        self.examine()?;
        self.subjects(points)?;
        let link = Link::new("check", || engine::domain::Timestamp::UNIX_EPOCH);
        mqtt::Reader::new(&self.payload, points, link).map(drop)
    }

    fn open(&self, points: Arc<Points>, link: Link) -> Result<Box<dyn Source>, SourceError> {
        self.check(&points)?;
        Ok(Box::new(source::NatsSource::new(self.clone(), points, link)))
    }

    async fn probe(&self, points: &Points, link: &Link) -> Result<Probe, SourceError> {
        self.check(points)?;
        explore::probe(self, points, link).await
    }

    async fn discover(&self, link: &Link, tell: &(dyn for<'a> Fn(&'a str) + Send + Sync)) -> Result<Vec<Found>, SourceError> {
        self.examine()?;
        explore::discover(self, link, tell).await
    }
}
