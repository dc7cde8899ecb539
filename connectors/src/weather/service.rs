//! Weather forecasts asked for over HTTP, run by run, where the assets stand.
//!
//! In: the address of a service that answers as Open-Meteo does (its own, or one on the site's own machines), the assets of a points file, a
//! rhythm. Out: pages of `weather_forecast`. Only GET is sent, and nothing unless a connection says so. Not here: the answer's variables
//! (`open_meteo` beside this), measured weather ([`crate::polled`]).
//!
//! # Runs
//! A forecast does not say when its run began. With `run_url` the service is asked that first, and the forecast only when a run is new.
//! Without it a forecast counts as a new run when any of its values changed, known from when it came, begun `delay_s` before.

mod ask;
mod source;

use super::USUAL_DELAY;
use super::vocabulary;
use crate::live::Found;
use crate::live::Link;
use crate::live::Points;
use crate::live::Probe;
use crate::live::Protocol;
use crate::live::Secret;
use crate::live::TlsSpec;
use crate::polled::Access;
use ask::Asker;
use async_trait::async_trait;
use engine::domain::Quantities;
use engine::source::Source;
use engine::source::SourceError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Runs come every six hours or oftener; two may be missed.
const SILENCE: Duration = Duration::from_secs(12 * 3600);

/// Settings: `[connection.from.weather]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The address of the forecast, with its variables. `{latitude}` and `{longitude}` stand for the places of the assets, degrees,
    /// separated by commas; without them the address says the places itself.
    pub url: String,
    /// The address of what the service says of its runs (Open-Meteo: `…/data/MODEL/static/meta.json`): their start exactly, and the
    /// forecast is asked for only when there is a new one. For addresses of one model.
    #[serde(default)]
    pub run_url: Option<String>,
    /// Name of the source in `weather_forecast`; a model's suffix is added. Default `open_meteo`.
    #[serde(default)]
    pub source: Option<String>,
    /// From the start of a run until it can be had, seconds, where nothing says when runs begin. Default 21600.
    #[serde(default = "six_hours")]
    pub delay_s: u64,
    /// Pattern over asset ids, `*` any text; absent (default): turbines, plants, regions and meters.
    #[serde(default)]
    pub only: Option<String>,
    /// Seconds between looks. Default 1800.
    #[serde(default = "half_an_hour")]
    pub every_s: f64,
    /// Seconds to wait after a run is announced: its last parts may lag. Default 600.
    #[serde(default = "ten_minutes")]
    pub settle_s: u64,
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
}

const fn six_hours() -> u64 {
    USUAL_DELAY.as_secs() as u64
}

const fn half_an_hour() -> f64 {
    1800.0
}

const fn ten_minutes() -> u64 {
    600
}

const fn thirty() -> f64 {
    30.0
}

impl Settings {
    fn place(&self) -> String {
        format!("[connection.from.weather] {}", self.peer())
    }

    fn wrong(&self, problem: impl Into<String>) -> SourceError {
        SourceError::Mapping { place: self.place(), problem: problem.into() }
    }

    fn every(&self) -> Duration {
        Duration::try_from_secs_f64(self.every_s).unwrap_or(Duration::from_secs(1800))
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
            is_historian: false,
        }
    }

    fn checked(&self) -> Result<(), SourceError> {
        for (key, value, least) in [("every_s", self.every_s, 0.01), ("timeout_s", self.timeout_s, 0.1)] {
            if !(least..=86_400.0).contains(&value) {
                return Err(self.wrong(format!("{key} = {value} is not between {least} and 86400 seconds")));
            }
        }
        for (key, value) in [("delay_s", self.delay_s), ("settle_s", self.settle_s)] {
            if value > 172_800 {
                return Err(self.wrong(format!("{key} = {value} is more than 172800 seconds, two days")));
            }
        }
        self.access().checked(&self.url)?;
        if let Some(run_url) = &self.run_url {
            self.access().checked(run_url)?;
        }
        if self.url.contains("{latitude}") != self.url.contains("{longitude}") {
            return Err(self.wrong("url has one of {latitude} and {longitude}; write both, or both as numbers"));
        }
        if self.url.contains("{latitude}") && !self.url.contains("hourly=") && !self.url.contains("minutely_15=") {
            return Err(
                self.wrong("url asks for no variable; add for example &hourly=wind_speed_100m,wind_direction_100m,temperature_2m")
            );
        }
        Ok(())
    }
}

#[async_trait]
impl Protocol for Settings {
    fn name(&self) -> &'static str {
        "weather"
    }

    fn peer(&self) -> String {
        crate::polled::origin(&self.url)
    }

    fn usual_silence(&self) -> Duration {
        SILENCE.max(self.every().saturating_mul(3))
    }

    /// Only the assets matter; a plant's own points file serves.
    fn complete(&self, points: Points, quantities: &Quantities) -> Result<Points, SourceError> {
        let mut known = quantities.clone();
        for (name, unit) in points.declared() {
            known.declare(name, *unit).map_err(|cause| SourceError::Domain { place: name.clone(), cause })?;
        }
        Points::brought(points.assets().to_vec(), &vocabulary::declared(&known)?)
    }

    fn check(&self, points: &Points) -> Result<(), SourceError> {
        self.checked()?;
        Asker::new(self, points).map(drop)
    }

    fn open(&self, points: Arc<Points>, link: Link) -> Result<Box<dyn Source>, SourceError> {
        self.checked()?;
        Ok(Box::new(source::Forecasts::new(self, points, link)?))
    }

    async fn probe(&self, points: &Points, link: &Link) -> Result<Probe, SourceError> {
        self.checked()?;
        let asker = Asker::new(self, points)?;
        let answer = asker
            .ask(None, link.now())
            .await
            .map_err(|refusal| SourceError::Mapping { place: refusal.place, problem: refusal.problem })?;
        Ok(Probe { peer: self.peer(), says: source::summary(&asker, &answer, link.now())? })
    }

    async fn discover(&self, _link: &Link, _tell: &(dyn for<'a> Fn(&'a str) + Send + Sync)) -> Result<Vec<Found>, SourceError> {
        Err(self.wrong("a forecast is about assets, not points: give the points file of the plant as points, or one with only [[assets]] and their latitude and longitude"))
    }
}
