//! Values asked for over HTTP, as JSON: a historian with PI Web API, Open-Meteo, or an interface of somebody's own.
//!
//! In: an address, points, a rhythm. Out: pages; history first, window by window, then what is new and what was corrected since. Only GET is
//! ever sent. Not here: forecasts of the weather from files ([`crate::weather`]), InfluxDB ([`crate::influx`]).
//!
//! # What is looked at again
//! Historians get values late and correct old ones. So every poll looks back `overlap_s`, every fourth four times as far, every sixteenth
//! sixteen times, up to `late_s`. Each of these costs the same over time; rows that come twice change nothing.

mod ask;
mod client;
mod json;
mod leaf;
mod offer;
mod pi;
mod rounds;
mod source;

#[cfg(test)]
mod tests;

pub(crate) use client::Access;
pub(crate) use client::Client;
pub(crate) use client::Refusal;
pub(crate) use client::origin;
pub(crate) use client::public;

use crate::live::Found;
use crate::live::Link;
use crate::live::Points;
use crate::live::Probe;
use crate::live::Protocol;
use crate::live::Secret;
use crate::live::TlsSpec;
use ask::Asker;
use async_trait::async_trait;
use engine::domain::Timestamp;
use engine::source::Source;
use engine::source::SourceError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What the answers look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// AVEVA (OSIsoft) PI Web API: `streamsets/recorded`. An address is a WebId, or a path (`\\server\tag`, `\\server\db\element|attribute`).
    PiWebApi,
    /// Open-Meteo: an address is a pointer to an array beside its `time`, such as `/hourly/temperature_2m`, or a value of `current`.
    OpenMeteo,
    /// Anything else: `rows` and `time` say where rows and their times are, an address is a pointer (RFC 6901) within a row.
    Json,
}

/// Settings: `[connection.from.http]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The address. For `pi_web_api` its root (`https://pi.example/piwebapi`). Otherwise `{from}` and `{to}` stand for the ends of a window
    /// (RFC 3339, UTC) and `{device}` for what a point says under `device`; without `{from}` only what is current is asked for.
    pub url: String,
    /// What the answers look like: `pi_web_api`, `open_meteo`, `json`.
    pub shape: Shape,
    /// Seconds between polls. Default 60.
    #[serde(default = "sixty")]
    pub every_s: f64,
    /// Longest stretch of time asked for at once, seconds. Default 3600.
    #[serde(default = "an_hour")]
    pub window_s: u64,
    /// How far each poll looks back, seconds. Default 600.
    #[serde(default = "ten_minutes")]
    pub overlap_s: u64,
    /// How far the rarest look goes back, seconds: how late a value may come or be corrected. Default 86400.
    #[serde(default = "a_day")]
    pub late_s: u64,
    /// Where history begins, RFC 3339; absent (default): one window before the first poll.
    #[serde(default)]
    pub start: Option<Timestamp>,
    /// Seconds until an answer must have come. Default 30.
    #[serde(default = "thirty")]
    pub timeout_s: f64,
    /// Headers to send, name = value; shown nowhere.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// Sent as `Authorization: Bearer …`.
    #[serde(default)]
    pub token: Option<Secret>,
    /// User of basic authentication, with `password`.
    #[serde(default)]
    pub user: Option<String>,
    /// Its password.
    #[serde(default)]
    pub password: Option<Secret>,
    /// Whom to trust; absent: the authorities the system trusts.
    #[serde(default)]
    pub tls: Option<Box<TlsSpec>>,
    /// `json`: pointer to the array of rows. Default `""`, the whole answer; what is no array is one row.
    #[serde(default)]
    pub rows: String,
    /// `json`: pointer to the time within a row (RFC 3339, or seconds, milliseconds or microseconds since 1970); absent: arrival counts.
    #[serde(default)]
    pub time: Option<String>,
    /// `pi_web_api`: values asked for per stream and request; the server may allow fewer. Default 10000.
    #[serde(default = "ten_thousand")]
    pub max_count: usize,
    /// `pi_web_api`: names `chergui discover` lists, `*` any text. Default `*`.
    #[serde(default = "all")]
    pub find: String,
}

const fn sixty() -> f64 {
    60.0
}

const fn an_hour() -> u64 {
    3600
}

const fn ten_minutes() -> u64 {
    600
}

const fn a_day() -> u64 {
    86_400
}

const fn thirty() -> f64 {
    30.0
}

const fn ten_thousand() -> usize {
    10_000
}

fn all() -> String {
    "*".into()
}

impl Settings {
    /// Scheme, host and port: no path, no credentials.
    fn origin(&self) -> String {
        origin(&self.url)
    }

    fn access(&self) -> Access<'_> {
        Access {
            place: self.place(),
            timeout_s: self.timeout_s,
            headers: &self.headers,
            token: self.token.as_ref(),
            user: self.user.as_deref(),
            password: self.password.as_ref(),
            tls: self.tls.as_deref(),
            is_historian: self.shape == Shape::PiWebApi,
        }
    }

    fn place(&self) -> String {
        format!("[connection.from.http] {}", self.origin())
    }

    fn every(&self) -> Duration {
        Duration::try_from_secs_f64(self.every_s).unwrap_or_default()
    }

    /// True when a stretch of time can be asked for.
    fn has_window(&self) -> bool {
        self.shape == Shape::PiWebApi || self.url.contains("{from}")
    }

    fn checked(&self) -> Result<(), SourceError> {
        let wrong = |problem: String| Err(SourceError::Mapping { place: self.place(), problem });
        self.access().checked(&self.url)?;
        if self.shape == Shape::PiWebApi && self.url.contains('{') {
            return wrong("url is the root of PI Web API, as https://pi.example/piwebapi, without {…}".into());
        }
        if self.url.contains("{from}") != self.url.contains("{to}") {
            return wrong("url has one of {from} and {to}; write both, or neither for current values".into());
        }
        for (key, value, least) in [("every_s", self.every_s, 0.01), ("timeout_s", self.timeout_s, 0.1)] {
            if !(least..=86_400.0).contains(&value) {
                return wrong(format!("{key} = {value} is not between {least} and 86400 seconds"));
            }
        }
        for (key, value) in [("window_s", self.window_s), ("overlap_s", self.overlap_s), ("late_s", self.late_s)] {
            if !(1..=31_536_000).contains(&value) {
                return wrong(format!("{key} = {value} is not between 1 and 31536000 seconds"));
            }
        }
        if self.max_count < 2 {
            return wrong("max_count must be at least 2".into());
        }
        let pointers = [("rows", Some(&self.rows)), ("time", self.time.as_ref())];
        for (key, pointer) in pointers.into_iter().filter_map(|(key, pointer)| Some((key, pointer?))) {
            if !(pointer.is_empty() || pointer.starts_with('/')) {
                return wrong(format!("{key} = {pointer:?} is no pointer; write \"/data/items\", or \"\" for the whole"));
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Protocol for Settings {
    fn name(&self) -> &'static str {
        "http"
    }

    fn peer(&self) -> String {
        self.origin()
    }

    fn usual_silence(&self) -> Duration {
        crate::live::three_polls(self.every())
    }

    fn check(&self, points: &Points) -> Result<(), SourceError> {
        self.checked()?;
        Client::new(&self.access())?;
        Asker::new(self, points).map(drop)
    }

    fn open(&self, points: Arc<Points>, link: Link) -> Result<Box<dyn Source>, SourceError> {
        self.checked()?;
        Ok(Box::new(source::Polled::new(self, points, link)?))
    }

    async fn probe(&self, points: &Points, link: &Link) -> Result<Probe, SourceError> {
        self.checked()?;
        offer::probe(self, points, link).await
    }

    async fn discover(&self, link: &Link, tell: &(dyn for<'a> Fn(&'a str) + Send + Sync)) -> Result<Vec<Found>, SourceError> {
        self.checked()?;
        offer::discover(self, link, tell).await
    }
}
