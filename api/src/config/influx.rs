//! Connections to InfluxDB 2: `[[influx]]`, with `[influx.read]` and `[influx.write]`. In: settings. Out: what the connector needs, checked.

use super::{Config, ConfigError, Secret};
use connectors::influx::{History, HistorySettings, Target, Writer};
use connectors::line::LinePlan;
use engine::domain::{Quantities, Timestamp, parse_duration};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long a server may take to answer one write.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// One InfluxDB.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InfluxConfig {
    /// Name for `chergui import --influx NAME`, logs and metrics: letters, digits, `-`, `_`.
    pub name: String,
    /// `http://host:8086` or `https://…`.
    pub url: String,
    /// Name of the organisation.
    pub org: String,
    /// Name of the bucket.
    pub bucket: String,
    /// An API token that may read or write the bucket; empty (default): none is sent.
    #[serde(default)]
    pub token: Secret,
    /// Fetches history; absent (default): nothing is read.
    pub read: Option<InfluxRead>,
    /// Sends what we make; absent (default): nothing is written.
    pub write: Option<InfluxWrite>,
}

/// What is fetched. Tags and fields are read by `[[line_protocol]]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InfluxRead {
    /// First instant, RFC 3339.
    pub start: Timestamp,
    /// Measurements; none (default) means all of the bucket.
    #[serde(default)]
    pub measurements: Vec<String>,
    /// How much is asked for at a time, ISO 8601. Default `P1D`.
    #[serde(default = "a_day")]
    pub window: String,
    /// The server puts the fields of one time into one row. Default true; false for servers that cannot.
    #[serde(default = "yes")]
    pub pivot: bool,
    /// Rows stored at a time. Default 10000.
    #[serde(default = "ten_thousand")]
    pub page_rows: usize,
    /// How often a server looks for new points, ISO 8601, for example `PT1M`; absent (default): only `chergui import --influx` reads.
    pub every: Option<String>,
    /// Points younger than this are left for the next time, so that late ones are not missed, ISO 8601. Default `PT1M`.
    #[serde(default = "a_minute")]
    pub settle: String,
}

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InfluxWrite {
    /// Every forecast that is issued, as points of the measurement `forecast`. Default true.
    pub forecasts: bool,
    /// Every change of an alert, as points of the measurement `alert`. Default true.
    pub alerts: bool,
}

impl Default for InfluxWrite {
    fn default() -> Self {
        Self { forecasts: true, alerts: true }
    }
}

fn a_day() -> String {
    "P1D".into()
}

fn a_minute() -> String {
    "PT1M".into()
}

const fn yes() -> bool {
    true
}

const fn ten_thousand() -> usize {
    10_000
}

impl InfluxConfig {
    /// Where it is.
    pub fn target(&self) -> Target {
        let token = self.token.reveal().to_owned();
        Target { url: self.url.clone(), org: self.org.clone(), bucket: self.bucket.clone(), token }
    }

    /// A writer to it. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ConfigError::Influx`] for an address that cannot be used.
    pub fn writer(&self) -> Result<Writer, ConfigError> {
        Writer::new(&self.target(), WRITE_TIMEOUT).map_err(|error| self.wrong(error))
    }

    /// One line for people: what goes which way.
    pub fn summary(&self) -> String {
        let read = self.read.as_ref().map(|read| {
            let every = read.every.as_ref().map_or_else(|| "when asked".into(), |every| format!("every {every}"));
            format!("read from {} {every}", read.start)
        });
        let wants = self.write.as_ref().map(|write| [("forecasts", write.forecasts), ("alerts", write.alerts)]);
        let sent: Vec<&str> = wants.into_iter().flatten().filter_map(|(what, is_sent)| is_sent.then_some(what)).collect();
        let written = (!sent.is_empty()).then(|| format!("{} written", sent.join(" and ")));
        let ways: Vec<String> = read.into_iter().chain(written).collect();
        format!("influx {:?}: bucket {:?} of {:?} at {}: {}", self.name, self.bucket, self.org, self.url, ways.join("; "))
    }

    fn wrong(&self, problem: impl std::fmt::Display) -> ConfigError {
        ConfigError::Influx { name: self.name.clone(), problem: problem.to_string() }
    }

    fn check(&self) -> Result<(), ConfigError> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if self.name.is_empty() || !self.name.chars().all(is_name) {
            return Err(self.wrong("name must be letters, digits, - or _, for example \"plant\""));
        }
        if self.url.contains('@') {
            return Err(self.wrong("url must not hold a user or password; put an API token in token"));
        }
        if self.org.is_empty() || self.bucket.is_empty() {
            return Err(self.wrong("org and bucket must be given, as InfluxDB shows them"));
        }
        self.writer()?;
        if let Some(read) = &self.read {
            let plan = LinePlan::new(&[], &Quantities::standard()).map_err(|error| self.wrong(error))?;
            let soon = read.start.saturating_add(SignedDuration::from_secs(1)).unwrap_or(Timestamp::MAX);
            History::new(&self.target(), &read.settings(soon), &plan, &[]).map_err(|error| self.wrong(error))?;
            let every = read.every.as_ref().map(|every| ("every", every, SignedDuration::from_secs(1)));
            let times =
                [("window", &read.window, SignedDuration::from_secs(1)), ("settle", &read.settle, SignedDuration::from_secs(1))];
            for (field, text, least) in times.into_iter().chain(every) {
                if !parse_duration(text).is_ok_and(|duration| duration >= least) {
                    let remedy = format!("at least {} s, for example \"PT1M\"", least.as_secs());
                    return Err(self.wrong(format!("read.{field} is {text:?}; write an ISO 8601 duration of {remedy}")));
                }
            }
            if read.page_rows == 0 {
                return Err(self.wrong("read.page_rows must be at least 1"));
            }
        }
        let is_idle = self.write.as_ref().is_none_or(|write| !write.forecasts && !write.alerts);
        if self.read.is_none() && is_idle {
            return Err(self.wrong("nothing is read or written; add [influx.read] with start, or [influx.write]"));
        }
        Ok(())
    }
}

impl InfluxRead {
    /// What the connector is told to fetch, up to `stop`.
    pub fn settings(&self, stop: Timestamp) -> HistorySettings {
        HistorySettings {
            measurements: self.measurements.clone(),
            start: self.start,
            stop,
            window: self.window.clone(),
            pivot: self.pivot,
            page_rows: self.page_rows,
        }
    }

    /// Up to when points are fetched at `now`, whole seconds.
    pub fn settled(&self, now: Timestamp) -> Timestamp {
        let settle = parse_duration(&self.settle).unwrap_or(SignedDuration::ZERO);
        let until = now.saturating_sub(settle).unwrap_or(Timestamp::MIN);
        Timestamp::from_second(until.as_second()).unwrap_or(until)
    }
}

impl Config {
    /// The connection of this name.
    ///
    /// # Errors
    /// [`ConfigError::Influx`] with the names there are.
    pub fn influx(&self, name: &str) -> Result<&InfluxConfig, ConfigError> {
        self.influx.iter().find(|connection| connection.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.influx.iter().map(|connection| connection.name.as_str()).collect();
            let known = if names.is_empty() { "none; add [[influx]] to the configuration".into() } else { names.join(", ") };
            ConfigError::Influx { name: name.into(), problem: format!("there is no such connection; known: {known}") }
        })
    }

    pub(super) fn check_influx(&self) -> Result<(), ConfigError> {
        for (index, connection) in self.influx.iter().enumerate() {
            connection.check()?;
            if self.influx[..index].iter().any(|other| other.name == connection.name) {
                return Err(connection.wrong("two connections have this name; give each its own"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;

    const WHOLE: &str = "[[influx]]\nname = \"plant\"\nurl = \"http://127.0.0.1:8086\"\norg = \"grid\"\nbucket = \"scada\"\ntoken = \"hidden\"\n\
        [influx.read]\nstart = \"2026-01-01T00:00:00Z\"\nevery = \"PT1M\"\n[influx.write]\nalerts = false\n";

    fn load(text: &str) -> Result<Config, String> {
        let config: Config = toml::from_str(text).map_err(|error| error.to_string())?;
        config.checked().map_err(|error| error.to_string())
    }

    #[test]
    fn a_connection_says_what_it_does_and_hides_its_token() {
        let config = load(WHOLE).unwrap();
        let summary = config.influx("plant").unwrap().summary();
        assert!(summary.ends_with("read from 2026-01-01T00:00:00Z every PT1M; forecasts written"), "{summary}");
        let shown = format!("{config:?} {}", toml::to_string_pretty(&config).unwrap());
        assert!(shown.contains("2026-01-01T00:00:00Z") && !shown.contains("hidden"), "{shown}");
        assert_eq!(config.influx[0].target().token, "hidden");
        assert!(config.influx("plan").unwrap_err().to_string().contains("known: plant"));
    }

    #[test]
    fn slips_are_refused_with_the_remedy() {
        let slips = [
            ("http://127.0.0.1:8086", "ftp://127.0.0.1", "http://host:8086"),
            ("http://127.0.0.1:8086", "http://u:p@127.0.0.1", "API token"),
            ("\"plant\"", "\"a plant\"", "letters, digits"),
            ("PT1M", "PT0S", "read.every"),
            ("every = ", "window = \"1 day ago\"\nevery = ", "window"),
            ("bucket = \"scada\"", "bucket = \"\"", "org and bucket"),
            ("every", "evry", "unknown field"),
        ];
        for (from, to, remedy) in slips {
            let error = load(&WHOLE.replacen(from, to, 1)).unwrap_err();
            assert!(error.contains(remedy), "{to}: {error}");
        }
        let twice = format!("{WHOLE}{WHOLE}");
        assert!(load(&twice).unwrap_err().contains("two connections"), "{twice}");
        let idle = WHOLE.split("[influx.read]").next().unwrap();
        assert!(load(idle).unwrap_err().contains("[influx.read]"));
    }
}
