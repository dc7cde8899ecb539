//! MQTT 3.1.1 and 5 with JSON or plain payloads, and Sparkplug B.
//!
//! In: [`Settings`], points whose addresses are topics, places in JSON documents, or Sparkplug metrics. Out: a live source that acknowledges a
//! message once it is stored, a probe, what a broker's clients publish. Not here: topics of Home Assistant, Tasmota and the like by name; they
//! are JSON.
//!
//! Nothing is published, but for the one thing Sparkplug needs and only if [`SparkplugSpec::request_rebirth`] is set.

mod address;
mod batch;
mod broker;
mod clock;
mod decode;
mod explore;
#[cfg(any(feature = "nats", feature = "kafka"))]
mod lend;
mod listen;
mod memory;
mod nodes;
mod offer;
mod payload;
mod refusal;
mod replay;
mod source;
mod sparkplug;

#[cfg(test)]
mod tests;

pub use clock::Clock;
#[cfg(any(feature = "nats", feature = "kafka"))]
pub(crate) use lend::{Reader, Sight, topics};
pub use payload::{Good, PayloadSpec};

use crate::live::Found;
use crate::live::Link;
use crate::live::Points;
use crate::live::Probe;
use crate::live::Protocol;
use crate::live::Secret;
use crate::live::TlsSpec;
use async_trait::async_trait;
use engine::source::Source;
use engine::source::SourceError;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Settings: `[connection.from.mqtt]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Name or address of the broker.
    pub host: String,
    /// Its port; default 1883, with `tls` 8883.
    #[serde(default)]
    pub port: Option<u16>,
    /// TLS; default: none.
    #[serde(default)]
    pub tls: Option<TlsSpec>,
    /// Who we are to the broker, which keeps our session under this name; default `chergui-` and the name of the connection.
    #[serde(default)]
    pub client_id: Option<String>,
    /// To sign in; default: nobody.
    #[serde(default)]
    pub username: Option<String>,
    /// To sign in.
    #[serde(default)]
    pub password: Option<Secret>,
    /// `"5"` (default) or `"3.1.1"`.
    #[serde(default)]
    pub version: Version,
    /// Topic filters to subscribe to; default: those the points need.
    #[serde(default)]
    pub topics: Vec<String>,
    /// 1 (default): messages are acknowledged once stored. 0: what is lost on the way is lost.
    #[serde(default = "one")]
    pub qos: u8,
    /// How long the broker keeps messages while we are away, s; default 604800, a week. With 3.1.1 the broker decides.
    #[serde(default = "week")]
    pub session_expiry_s: u32,
    /// A silent line is noticed after twice this, s; default 20.
    #[serde(default = "twenty")]
    pub keep_alive_s: u16,
    /// Largest message taken, bytes; default 8388608.
    #[serde(default = "eight_mib")]
    pub max_packet_bytes: u32,
    /// How long `chergui discover` listens, s; default 10.
    #[serde(default = "ten")]
    pub discover_s: u32,
    /// Where time and quality are in JSON payloads, for points that do not say it themselves.
    #[serde(default)]
    pub payload: PayloadSpec,
    /// Sparkplug B; default: none, and addresses are topics.
    #[serde(default)]
    pub sparkplug: Option<SparkplugSpec>,
}

/// `[connection.from.mqtt.sparkplug]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SparkplugSpec {
    /// The group `chergui discover` looks at; default `"+"`, all.
    #[serde(default = "plus")]
    pub group: String,
    /// Ask a node for its birth certificate when its values cannot be understood without, by writing its metric `Node Control/Rebirth` and
    /// nothing else; default false: wait until it is born again.
    #[serde(default)]
    pub request_rebirth: bool,
}

/// Version of the protocol.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Version {
    /// MQTT 3.1.1 (OASIS, 2014).
    #[serde(rename = "3.1.1")]
    V311,
    /// MQTT 5 (OASIS, 2019).
    #[default]
    #[serde(rename = "5")]
    V5,
}

const fn one() -> u8 {
    1
}

const fn week() -> u32 {
    604_800
}

const fn twenty() -> u16 {
    20
}

const fn eight_mib() -> u32 {
    8_388_608
}

const fn ten() -> u32 {
    10
}

fn plus() -> String {
    "+".into()
}

impl Settings {
    fn port(&self) -> u16 {
        self.port.unwrap_or(if self.tls.is_some() { 8883 } else { 1883 })
    }

    fn address(&self) -> String {
        let scheme = if self.tls.is_some() { "mqtts" } else { "mqtt" };
        format!("{scheme}://{}:{}", self.host, self.port())
    }

    fn wrong(&self, problem: impl Into<String>) -> SourceError {
        SourceError::Mapping { place: self.address(), problem: problem.into() }
    }

    fn examine(&self) -> Result<(), SourceError> {
        let complaint = if self.host.trim().is_empty() {
            "host is empty; give the broker's name or address"
        } else if self.host.contains("://") {
            "host is a name or address without `mqtt://`; port and tls have keys of their own"
        } else if self.qos > 1 {
            "qos is 0 or 1; a row stored twice changes nothing, so 1 is as good as 2"
        } else if self.qos == 1 && self.session_expiry_s == 0 {
            "session_expiry_s is 0: the broker would keep nothing; give seconds, or qos = 0"
        } else if self.keep_alive_s == 0 {
            "keep_alive_s is 0: a silent line would never be noticed; give seconds"
        } else if self.max_packet_bytes < 1024 || self.max_packet_bytes > 268_435_455 {
            "max_packet_bytes is 1024 to 268435455 (MQTT 5, 2.1.4)"
        } else if self.client_id.as_ref().is_some_and(String::is_empty) {
            "client_id is empty: the broker could not keep a session; leave it out or give a name"
        } else if self.password.is_some() && self.username.is_none() {
            "password without username; give both"
        } else {
            if let Some(filter) = self.topics.iter().find(|filter| !rumqttc_v5::valid_filter(filter)) {
                return Err(
                    self.wrong(format!("topics: {filter:?} is no topic filter; `+` is one level, `#` the rest, at the end"))
                );
            }
            return Ok(());
        };
        Err(self.wrong(complaint))
    }
}

#[async_trait]
impl Protocol for Settings {
    fn name(&self) -> &'static str {
        "mqtt"
    }

    fn peer(&self) -> String {
        self.address()
    }

    fn check(&self, points: &Points) -> Result<(), SourceError> {
        self.examine()?;
        address::Plan::new(self, points).map(drop)
    }

    fn open(&self, points: Arc<Points>, link: Link) -> Result<Box<dyn Source>, SourceError> {
        self.examine()?;
        let plan = Arc::new(address::Plan::new(self, &points)?);
        Ok(Box::new(source::MqttSource::new(self.clone(), plan, points, link)))
    }

    async fn probe(&self, points: &Points, link: &Link) -> Result<Probe, SourceError> {
        self.examine()?;
        explore::probe(self, &address::Plan::new(self, points)?, link).await
    }

    async fn discover(&self, link: &Link, tell: &(dyn for<'a> Fn(&'a str) + Send + Sync)) -> Result<Vec<Found>, SourceError> {
        self.examine()?;
        explore::discover(self, link, tell).await
    }
}
