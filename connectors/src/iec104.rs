//! IEC 60870-5-104, controlling station, monitoring only: the link layer, the ASDUs, a redundancy group as one source.
//!
//! In: settings, a points file with addresses like `13/4001`. Out: a [`Source`] that acknowledges a frame only after its values were stored.
//! The only ASDUs it sends are interrogations (C_IC_NA_1, C_CI_NA_1), which read. Not here: commands, setpoints, clock synchronization,
//! file transfer; they cannot be written with what is here. Parts: `apci` frames, `flow` windows and timers, `asdu`, `element` and `clock`
//! what is in them, `decode` points, `questions` interrogations, `session` a connection, `group` redundancy, `look` probe and discovery,
//! `replay` recordings.

mod apci;
mod asdu;
mod clock;
mod decode;
mod element;
mod flow;
mod group;
mod look;
mod questions;
mod replay;
mod session;
mod source;

#[cfg(test)]
mod tests;

use crate::live::Found;
use crate::live::Link;
use crate::live::Points;
use crate::live::Probe;
use crate::live::Protocol;
use crate::live::TlsSpec;
use asdu::Widths;
use async_trait::async_trait;
use clock::Clock;
use decode::Decoder;
use engine::source::Source;
use engine::source::SourceError;
use flow::Timing;
use group::Group;
use questions::Plan;
use serde::{Deserialize, Serialize};
use session::Place;
use std::sync::Arc;
use std::time::Duration;

/// Port of IEC 60870-5-104.
const PORT: u16 = 2404;
/// Port of the same over TLS (IEC 62351-3, IANA `iec-104-sec`).
const TLS_PORT: u16 = 19998;

/// Settings: `[connection.from.iec104]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `host:port` of every link to the station: one, or those of a redundancy group. Port 2404 unless said, 19998 with `tls`.
    pub links: Vec<String>,
    /// TLS; absent (default): none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Box<TlsSpec>>,
    /// IANA time zone the station's clock shows; default `UTC`.
    #[serde(default = "utc")]
    pub zone: String,
    /// Originator address we send; default 0: none.
    #[serde(default)]
    pub originator: u8,
    /// Octets of the cause of transmission, 1 or 2; default 2.
    #[serde(default = "two")]
    pub cause_octets: u8,
    /// Octets of the common address, 1 or 2; default 2.
    #[serde(default = "two")]
    pub common_address_octets: u8,
    /// Octets of the information object address, 1 to 3; default 3.
    #[serde(default = "three")]
    pub address_octets: u8,
    /// Group to interrogate, 1 to 16; default 0: the whole station.
    #[serde(default)]
    pub group: u8,
    /// Seconds between interrogations; default 0: only when the link is started.
    #[serde(default)]
    pub interrogate_s: f64,
    /// Seconds between counter interrogations (they read, they neither freeze nor reset); default 0: none.
    #[serde(default)]
    pub counters_s: f64,
    /// Seconds `discover` listens; default 10.
    #[serde(default = "ten")]
    pub discover_s: f64,
    /// Common addresses `discover` asks; default none: it asks all with the broadcast address.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stations: Vec<u16>,
    /// Frames one side may have unacknowledged, 1 to 32767; default 12. Must be what the station has.
    #[serde(default = "twelve")]
    pub k: u16,
    /// Frames after which values are stored and acknowledged at once, at most k; default 8.
    #[serde(default = "eight")]
    pub w: u16,
    /// Seconds to connect; default 30.
    #[serde(default = "t0")]
    pub t0_s: f64,
    /// Seconds the station may take to answer before the link is given up; default 15.
    #[serde(default = "t1")]
    pub t1_s: f64,
    /// Seconds within which what came is to be stored and acknowledged; default 10, less than `t1_s`. A slower store is told of.
    #[serde(default = "ten")]
    pub t2_s: f64,
    /// Seconds of silence after which the link is tested; default 20.
    #[serde(default = "t3")]
    pub t3_s: f64,
}

fn utc() -> String {
    "UTC".into()
}

const fn two() -> u8 {
    2
}

const fn three() -> u8 {
    3
}

const fn eight() -> u16 {
    8
}

const fn twelve() -> u16 {
    12
}

const fn t0() -> f64 {
    30.0
}

const fn t1() -> f64 {
    15.0
}

const fn ten() -> f64 {
    10.0
}

const fn t3() -> f64 {
    20.0
}

/// Settings after they were checked.
#[derive(Debug, Clone)]
struct Checked {
    places: Vec<Place>,
    timing: Timing,
    widths: Widths,
    clock: Clock,
    qualifier: u8,
    every: Option<Duration>,
    counters_every: Option<Duration>,
    discover: Duration,
}

impl Settings {
    fn wrong(&self, problem: impl Into<String>) -> SourceError {
        SourceError::Mapping { place: format!("[connection.from.iec104] {}", self.peer()), problem: problem.into() }
    }

    fn seconds(&self, key: &str, value: f64, range: (f64, f64)) -> Result<Duration, SourceError> {
        let (least, most) = range;
        let wrong = || self.wrong(format!("{key} = {value} is outside {least} to {most} seconds"));
        if !(least..=most).contains(&value) {
            return Err(wrong());
        }
        Duration::try_from_secs_f64(value).map_err(|_| wrong())
    }

    fn checked(&self) -> Result<Checked, SourceError> {
        let port = if self.tls.is_some() { TLS_PORT } else { PORT };
        let tls = self.tls.as_ref().map(|spec| Ok((spec, spec.client(&self.peer())?))).transpose()?;
        let mut places = Vec::new();
        for text in &self.links {
            let wrong = || self.wrong(format!("links: {text:?} is no address; write host:port, for example \"10.0.0.5:{port}\""));
            let (host, port) = host_port(text, port).ok_or_else(wrong)?;
            let tls = match &tls {
                Some((spec, config)) => Some((config.clone(), spec.name(&host, &self.peer())?)),
                None => None,
            };
            places.push(Place { host, port, tls });
        }
        if places.is_empty() {
            return Err(self.wrong("links is empty; name the station, for example links = [\"10.0.0.5:2404\"]"));
        }
        let octets = [
            ("cause_octets", self.cause_octets, 2),
            ("common_address_octets", self.common_address_octets, 2),
            ("address_octets", self.address_octets, 3),
        ];
        for (key, value, most) in octets {
            if !(1..=most).contains(&value) {
                return Err(self.wrong(format!("{key} = {value} is outside 1 to {most}")));
            }
        }
        if self.group > 16 {
            return Err(self.wrong(format!("group = {} is outside 0 (all) to 16", self.group)));
        }
        if !(1..=32_767).contains(&self.k) || self.w == 0 || self.w > self.k {
            return Err(self.wrong(format!("k = {} and w = {}: k is 1 to 32767 and w is 1 to k", self.k, self.w)));
        }
        const TIMER: (f64, f64) = (0.05, 172_800.0);
        const DAY: f64 = 86_400.0;
        let timing = Timing {
            k: self.k,
            w: self.w,
            t0: self.seconds("t0_s", self.t0_s, TIMER)?,
            t1: self.seconds("t1_s", self.t1_s, TIMER)?,
            t2: self.seconds("t2_s", self.t2_s, TIMER)?,
            t3: self.seconds("t3_s", self.t3_s, TIMER)?,
        };
        if timing.t2 >= timing.t1 {
            return Err(self.wrong(format!("t2_s = {} must be less than t1_s = {}", self.t2_s, self.t1_s)));
        }
        let zone = engine::domain::time_zone(&self.zone).map_err(|error| self.wrong(error.to_string()))?;
        let every = self.seconds("interrogate_s", self.interrogate_s, (0.0, 30.0 * DAY))?;
        let counters = self.seconds("counters_s", self.counters_s, (0.0, 30.0 * DAY))?;
        Ok(Checked {
            places,
            timing,
            widths: Widths {
                cause: self.cause_octets.into(),
                common: self.common_address_octets.into(),
                object: self.address_octets.into(),
            },
            clock: Clock::new(zone),
            qualifier: asdu::cause::INTERROGATED + self.group,
            every: Some(every).filter(|every| !every.is_zero()),
            counters_every: Some(counters).filter(|every| !every.is_zero()),
            discover: self.seconds("discover_s", self.discover_s, (0.0, DAY))?,
        })
    }

    fn decoder(&self, checked: &Checked, points: &Points) -> Result<Decoder, SourceError> {
        Decoder::new(points, checked.widths, checked.clock.clone())
    }
}

impl Checked {
    const fn broadcast(&self) -> u16 {
        if self.widths.common == 1 { 0xFF } else { 0xFFFF }
    }

    fn plan(&self, stations: Vec<u16>) -> Plan {
        let Self { qualifier, every, counters_every, .. } = *self;
        Plan { stations, broadcast: self.broadcast(), qualifier, every, counters_every }
    }
}

/// `host`, `host:port`, `[v6]:port`.
fn host_port(text: &str, port: u16) -> Option<(String, u16)> {
    let text = text.trim();
    let (host, port) = match text.rsplit_once(':') {
        Some((host, own)) if !host.contains(':') || host.ends_with(']') => (host, own.parse().ok()?),
        _ => (text, port),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let is_host = !host.is_empty() && port != 0 && !host.contains(|c: char| c.is_whitespace() || c == '/');
    is_host.then(|| (host.into(), port))
}

#[async_trait]
impl Protocol for Settings {
    fn name(&self) -> &'static str {
        "iec104"
    }

    fn peer(&self) -> String {
        self.links.join(", ")
    }

    fn check(&self, points: &Points) -> Result<(), SourceError> {
        self.decoder(&self.checked()?, points).map(drop)
    }

    fn open(&self, points: Arc<Points>, link: Link) -> Result<Box<dyn Source>, SourceError> {
        let checked = self.checked()?;
        let decoder = self.decoder(&checked, &points)?;
        let plan = checked.plan(decoder.stations().into_iter().collect());
        let group = Group::new(checked.places, checked.timing, (checked.widths, self.originator), decoder, plan, link.clone());
        Ok(Box::new(source::Station::new(group, points, link)))
    }

    async fn probe(&self, points: &Points, link: &Link) -> Result<Probe, SourceError> {
        let checked = self.checked()?;
        let decoder = self.decoder(&checked, points)?;
        look::probe(self, &checked, &decoder, link).await
    }

    async fn discover(&self, link: &Link, tell: &(dyn for<'a> Fn(&'a str) + Send + Sync)) -> Result<Vec<Found>, SourceError> {
        look::discover(self, &self.checked()?, link, tell).await
    }
}
