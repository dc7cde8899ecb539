//! IEC 61850 over MMS: reports and readings of wind, solar and grid controllers (IEC 61850-8-1, names of IEC 61400-25).
//!
//! In: [`Settings`] and points addressed `LD/LN.DO.DA[FC]`. Out: a source, a probe, what a controller offers. Buffered reports are taken up
//! after the last entry that was stored. Nothing is commanded and no value is written: only the attributes of the report control blocks
//! named in the settings are. Not here: the coding of MMS, which a crate does.

mod address;
mod browse;
mod peer;
mod place;
mod plan;
mod reading;
mod sequence;
mod session;
mod source;
mod subscribe;
mod value;

#[cfg(test)]
mod tests;

use crate::live::Found;
use crate::live::Link;
use crate::live::Points;
use crate::live::Probe;
use crate::live::Protocol;
use crate::live::Secret;
use async_trait::async_trait;
use engine::source::Source;
use engine::source::SourceError;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// How often points without a report are read when nothing else is said, seconds.
const EVERY_S: f64 = 10.0;

/// Settings: `[connection.from.mms]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Host name or address of the controller.
    pub host: String,
    /// TCP port; default 102.
    #[serde(default = "default_port")]
    pub port: u16,
    /// Report control blocks to enable, `LD/LLN0$BR$name` (buffered) or `LD/LLN0$RP$name` (unbuffered); default none. Each must be free:
    /// a control block serves one client.
    #[serde(default)]
    pub reports: Vec<String>,
    /// How often points that no report carries are read, seconds, 0.1 to 86400; default: 10 without reports, never with reports.
    pub every_s: Option<f64>,
    /// Integrity period to set in the control blocks, seconds, 0.1 to 86400: all values are sent this often though nothing changed. Default:
    /// as the controller has it.
    pub integrity_s: Option<f64>,
    /// Silence after which the controller is asked whether it is there, seconds; default 10.
    #[serde(default = "default_keepalive")]
    pub keepalive_s: f64,
    /// How long an answer may take, seconds; default 5.
    #[serde(default = "default_timeout")]
    pub timeout_s: f64,
    /// Password of the association (ACSE); default none.
    pub password: Option<Secret>,
}

const fn default_port() -> u16 {
    102
}

const fn default_keepalive() -> f64 {
    10.0
}

const fn default_timeout() -> f64 {
    5.0
}

impl Settings {
    fn place(&self) -> String {
        format!("mms://{}:{}", self.host, self.port)
    }

    fn every(&self) -> Option<Duration> {
        let seconds = self.every_s.or_else(|| self.reports.is_empty().then_some(EVERY_S))?;
        Some(Duration::from_secs_f64(seconds.clamp(0.1, 86_400.0)))
    }

    fn keepalive(&self) -> Duration {
        Duration::from_secs_f64(self.keepalive_s.clamp(0.1, 86_400.0))
    }

    fn patience(&self) -> Duration {
        Duration::from_secs_f64(self.timeout_s.clamp(0.1, 86_400.0))
    }

    /// The settings with control blocks written as MMS does.
    fn checked(&self) -> Result<Self, SourceError> {
        let wrong = |problem: String| SourceError::Mapping { place: self.place(), problem };
        if self.host.trim().is_empty() {
            return Err(wrong("host is empty; give the controller's name or address".into()));
        }
        let times = [
            ("every_s", self.every_s),
            ("integrity_s", self.integrity_s),
            ("keepalive_s", Some(self.keepalive_s)),
            ("timeout_s", Some(self.timeout_s)),
        ];
        for (key, seconds) in times {
            if seconds.is_some_and(|seconds| !(0.1..=86_400.0).contains(&seconds)) {
                return Err(wrong(format!("{key} must be seconds, 0.1 to 86400")));
            }
        }
        let mut reports = Vec::new();
        for text in &self.reports {
            let reference = address::control_block(text).map_err(|problem| wrong(format!("reports: {problem}")))?;
            if reports.contains(&reference) {
                return Err(wrong(format!("reports: {reference} is named twice; keep one")));
            }
            reports.push(reference);
        }
        Ok(Self { reports, ..self.clone() })
    }
}

/// Points have no keys of this protocol.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {}

#[async_trait]
impl Protocol for Settings {
    fn name(&self) -> &'static str {
        "mms"
    }

    fn peer(&self) -> String {
        self.place()
    }

    fn usual_silence(&self) -> Duration {
        crate::live::three_polls(self.every().unwrap_or_default())
    }

    fn check(&self, points: &Points) -> Result<(), SourceError> {
        self.checked()?;
        for point in points.points() {
            point.options::<Options>()?;
            address::Address::parse(&point.address).map_err(|problem| point.wrong(problem))?;
        }
        Ok(())
    }

    fn open(&self, points: Arc<Points>, link: Link) -> Result<Box<dyn Source>, SourceError> {
        self.check(&points)?;
        Ok(Box::new(source::Reader::new(self.checked()?, points, link)))
    }

    async fn probe(&self, points: &Points, _link: &Link) -> Result<Probe, SourceError> {
        self.check(points)?;
        browse::probe(&self.checked()?, points).await.map_err(|trouble| trouble.error(self.place()))
    }

    async fn discover(&self, _link: &Link, tell: &(dyn for<'a> Fn(&'a str) + Send + Sync)) -> Result<Vec<Found>, SourceError> {
        browse::discover(&self.checked()?, tell).await.map_err(|trouble| trouble.error(self.place()))
    }
}
