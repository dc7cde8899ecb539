//! What is asked for, and what came: addresses with the places of the assets, the newest run, the documents.
//!
//! In: settings, assets. Out: documents and the run they are of, or why there are none. Not here: when, and rows.

use super::Settings;
use crate::live::Points;
use crate::polled::Client;
use crate::polled::Refusal;
use crate::polled::public;
use crate::weather::WeatherOptions;
use crate::weather::points;
use engine::domain::Location;
use engine::domain::Quantities;
use engine::domain::Timestamp;
use engine::domain::from_micros;
use engine::domain::micros;
use engine::source::SourceError;
use jiff::SignedDuration;
use serde_json::Value;
use std::sync::Arc;
use url::Url;

/// Places in one request: addresses stay below two thousand characters.
const PLACES: usize = 50;

/// A run, as the service says it: microseconds UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    /// When it began.
    pub(super) init: i64,
    /// When the service had it.
    pub(super) available: i64,
}

/// What the service said.
#[derive(Debug)]
pub(super) enum Answer {
    /// The run that is known is still the newest.
    NoNewRun,
    /// A new run is announced, but its parts may still be on the way.
    Settling(SignedDuration),
    /// A forecast.
    Forecast {
        /// Its locations.
        document: Value,
        /// Its run, where the service says it.
        run: Option<Run>,
        /// When it came.
        now: Timestamp,
    },
}

/// The requests of a connection.
#[derive(Debug, Clone)]
pub(super) struct Asker {
    client: Client,
    urls: Vec<Url>,
    run_url: Option<Url>,
    settle: SignedDuration,
    pub(super) options: Arc<WeatherOptions>,
    delay: SignedDuration,
}

impl Asker {
    pub(super) fn new(settings: &Settings, given: &Points) -> Result<Self, SourceError> {
        let places = points::places(given.assets(), settings.only.as_deref())?;
        let mut locations: Vec<Location> = places.iter().map(|place| place.location).collect();
        locations
            .sort_by(|a, b| (a.latitude, a.longitude).partial_cmp(&(b.latitude, b.longitude)).unwrap_or(std::cmp::Ordering::Equal));
        locations.dedup_by_key(|location| written(location));
        let read = |text: &str| {
            Url::parse(text).map_err(|error| settings.wrong(format!("url {:?} cannot be read: {error}", public(text))))
        };
        let urls = if settings.url.contains("{latitude}") {
            let filled = |part: &[Location]| {
                let list = |of: fn(&(String, String)) -> &String| {
                    part.iter().map(|location| of(&written(location)).clone()).collect::<Vec<_>>().join(",")
                };
                read(&settings.url.replace("{latitude}", &list(|pair| &pair.0)).replace("{longitude}", &list(|pair| &pair.1)))
            };
            locations.chunks(PLACES).map(filled).collect::<Result<_, _>>()?
        } else {
            vec![read(&settings.url)?]
        };
        let mut quantities = Quantities::standard();
        for (name, unit) in given.declared() {
            quantities.declare(name, *unit).map_err(|cause| SourceError::Domain { place: name.clone(), cause })?;
        }
        let options = WeatherOptions {
            assets: given.assets().to_vec(),
            only: settings.only.clone(),
            source: settings.source.clone(),
            delay: None,
            init_time: None,
            quantities,
        };
        Ok(Self {
            client: Client::new(&settings.access())?,
            urls,
            run_url: settings.run_url.as_deref().map(read).transpose()?,
            settle: seconds(settings.settle_s),
            options: Arc::new(options),
            delay: seconds(settings.delay_s),
        })
    }

    /// The newest forecast, unless its run is the `known` one.
    pub(super) async fn ask(&self, known: Option<i64>, now: Timestamp) -> Result<Answer, Refusal> {
        let run = match &self.run_url {
            None => None,
            Some(url) => Some(newest(url, &self.client.get(url).await?)?),
        };
        if let Some(run) = run {
            if known == Some(run.init) {
                return Ok(Answer::NoNewRun);
            }
            let left = from_micros(run.available)
                .saturating_add(self.settle)
                .map_or(SignedDuration::ZERO, |ready| ready.duration_since(now));
            // Who knows no run yet takes the announced one as it is.
            if known.is_some() && left.is_positive() && left <= self.settle {
                return Ok(Answer::Settling(left));
            }
        }
        let mut places = Vec::new();
        for url in &self.urls {
            match self.client.get(url).await? {
                Value::Array(several) => places.extend(several),
                one => places.push(one),
            }
        }
        // What differs from answer to answer and says nothing.
        places.iter_mut().filter_map(Value::as_object_mut).for_each(|place| drop(place.remove("generationtime_ms")));
        Ok(Answer::Forecast { document: Value::Array(places), run, now })
    }

    /// How the documents are to be read: known from `now` on.
    pub(super) fn options(&self, run: Option<Run>, now: Timestamp) -> WeatherOptions {
        let init_time = run.map(|run| from_micros(run.init));
        let delay = match init_time {
            Some(init) => now.duration_since(init).max(SignedDuration::ZERO),
            None => self.delay,
        };
        WeatherOptions { init_time, delay: Some(delay), ..(*self.options).clone() }
    }

    /// Where it is asked, without what may be secret.
    pub(super) fn place(&self) -> String {
        self.urls.first().map_or_else(String::new, |url| format!("{}{}", url.origin().ascii_serialization(), url.path()))
    }
}

fn seconds(count: u64) -> SignedDuration {
    SignedDuration::from_secs(i64::try_from(count).unwrap_or(i64::MAX))
}

/// A place as an address says it: 11 m apart is the same.
fn written(location: &Location) -> (String, String) {
    (format!("{:.4}", location.latitude), format!("{:.4}", location.longitude))
}

/// What Open-Meteo says of a model's runs: seconds since 1970.
fn newest(url: &Url, value: &Value) -> Result<Run, Refusal> {
    let time = |key: &str| {
        let seconds = value.get(key).and_then(Value::as_i64).filter(|seconds| (946_684_800..=4_102_444_800).contains(seconds));
        seconds.map(|seconds| seconds * 1_000_000).ok_or_else(|| {
            Refusal::shape(
                url,
                format!("{key} is missing or no time; run_url is the address of meta.json, see docs/connectors/weather.md"),
            )
        })
    };
    Ok(Run { init: time("last_run_initialisation_time")?, available: time("last_run_availability_time")? })
}

/// A document as a number (FNV-1a, 64 bit).
pub(super) fn digest(document: &Value) -> u64 {
    document.to_string().bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Microseconds of now, for a run that nobody dates.
pub(super) fn begun(run: Option<Run>, now: Timestamp) -> i64 {
    run.map_or_else(|| micros(now), |run| run.init)
}
