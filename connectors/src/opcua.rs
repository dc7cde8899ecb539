//! OPC UA: a client that subscribes to a server's variables and events, and reads its history for what was missed.
//!
//! In: `[connection.from.opcua]` and points whose addresses are node ids. Out: a [`Source`] of values and events, what a server offers, and
//! who answers. Parts of the standard (IEC 62541) are named where they rule. Not here: values written, methods called; nothing does that.

mod address;
mod browse;
mod decode;
mod dial;
mod events;
mod history;
mod listen;
mod pki;
mod probe;
mod source;
mod subscribe;
mod task;
mod trouble;

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
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How messages are secured (IEC 62541-7, security policies).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Policy {
    /// Not at all: whoever is on the line reads and changes everything, passwords too.
    #[default]
    None,
    /// AES 256 CBC, RSA with SHA-1 padding; spoken by nearly all servers.
    Basic256Sha256,
    /// AES 128 CBC, RSA OAEP.
    Aes128Sha256RsaOaep,
    /// AES 256 CBC, RSA OAEP with SHA-256, RSA PSS.
    Aes256Sha256RsaPss,
}

/// What is done with a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// Nothing.
    None,
    /// Messages are signed and can be read by anybody.
    Sign,
    /// Messages are signed and encrypted.
    SignAndEncrypt,
}

/// Settings: `[connection.from.opcua]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Address of the server: `opc.tcp://host:4840/path`.
    pub url: String,
    /// `None` (default), `Basic256Sha256`, `Aes128Sha256RsaOaep`, `Aes256Sha256RsaPss`.
    #[serde(default)]
    pub security_policy: Policy,
    /// `None`, `Sign`, `SignAndEncrypt`; absent (default): `SignAndEncrypt` with a policy, `None` without.
    pub security_mode: Option<Mode>,
    /// Folder of certificates: ours in `own` and `private` (made at first use), servers we trust in `trusted`. Default `pki`.
    #[serde(default = "pki_dir")]
    pub pki_dir: PathBuf,
    /// DER or PEM file with our certificate; absent (default): made in `pki_dir` at first use.
    pub certificate: Option<PathBuf>,
    /// PEM file with its private key.
    pub key: Option<PathBuf>,
    /// DER or PEM files with certificates of servers we trust, besides those in `pki_dir/trusted`. Default none.
    #[serde(default)]
    pub trusted: Vec<PathBuf>,
    /// Our application's URI; must stand in our certificate. Default `urn:chergui:client`.
    #[serde(default = "application_uri")]
    pub application_uri: String,
    /// User; absent (default): anonymous.
    pub username: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
    /// DER or PEM file with a user's certificate, instead of a username.
    pub user_certificate: Option<PathBuf>,
    /// PEM file with its private key.
    pub user_key: Option<PathBuf>,
    /// How often the server sends what changed, ms. Default 1000.
    #[serde(default = "publishing_interval_ms")]
    pub publishing_interval_ms: u32,
    /// How often the server looks at a variable, ms; 0: as fast as it can; absent (default): as often as it sends.
    pub sampling_interval_ms: Option<f64>,
    /// Values the server keeps per variable between two sendings, and while the line is cut; absent (default): `overlap_s` of them,
    /// 10 to 10,000.
    pub queue_size: Option<u32>,
    /// Variables per request, at most; the server may ask for fewer. Default 1000.
    #[serde(default = "items_per_call")]
    pub items_per_call: usize,
    /// History is read from this long before the last value kept, s: covers clocks and sensors that lag. Default 60.
    #[serde(default = "overlap_s")]
    pub overlap_s: u64,
    /// A subscription that sent neither data nor a sign of life for this long is dead and made anew, s. Default 30.
    #[serde(default = "watchdog_s")]
    pub watchdog_s: u64,
    /// Longest wait for an answer, s. Default 10.
    #[serde(default = "timeout_s")]
    pub timeout_s: u64,
    /// Read what was missed from the server's history, where it keeps one. Default true.
    #[serde(default = "history")]
    pub history: bool,
}

fn pki_dir() -> PathBuf {
    "pki".into()
}

fn application_uri() -> String {
    "urn:chergui:client".into()
}

const fn publishing_interval_ms() -> u32 {
    1000
}

const fn items_per_call() -> usize {
    1000
}

const fn overlap_s() -> u64 {
    60
}

const fn watchdog_s() -> u64 {
    30
}

const fn timeout_s() -> u64 {
    10
}

const fn history() -> bool {
    true
}

impl Settings {
    /// Mode in force.
    fn mode(&self) -> Mode {
        self.security_mode.unwrap_or(if self.security_policy == Policy::None { Mode::None } else { Mode::SignAndEncrypt })
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_s.max(1))
    }

    fn publishing(&self) -> Duration {
        Duration::from_millis(u64::from(self.publishing_interval_ms.max(1)))
    }

    fn sampling_ms(&self) -> f64 {
        self.sampling_interval_ms.unwrap_or(f64::from(self.publishing_interval_ms))
    }

    /// Values a server keeps of a variable sampled this often.
    fn queue(&self, sampling_ms: f64) -> u32 {
        self.queue_size.unwrap_or_else(|| {
            let wanted = self.overlap_s as f64 * 1000.0 / sampling_ms.max(1.0);
            wanted.clamp(10.0, 10_000.0) as u32
        })
    }

    fn wrong(&self, problem: impl Into<String>) -> SourceError {
        SourceError::Mapping { place: "connection.from.opcua".into(), problem: problem.into() }
    }

    fn check_settings(&self) -> Result<(), SourceError> {
        let url = url::Url::parse(&self.url).ok().filter(|url| url.scheme() == "opc.tcp" && url.host_str().is_some());
        if url.is_none() {
            return Err(self.wrong(format!("url {:?} is no OPC UA address; write opc.tcp://host:4840", shown(&self.url))));
        }
        if (self.security_policy == Policy::None) != (self.mode() == Mode::None) {
            return Err(self.wrong("security_policy and security_mode contradict each other; with one None the other must be None"));
        }
        for (one, other, names) in [
            (self.certificate.is_some(), self.key.is_some(), "certificate and key"),
            (self.username.is_some(), self.password.is_some(), "username and password"),
            (self.user_certificate.is_some(), self.user_key.is_some(), "user_certificate and user_key"),
        ] {
            if one != other {
                return Err(self.wrong(format!("give both {names}, or neither")));
            }
        }
        if self.username.is_some() && self.user_certificate.is_some() {
            return Err(self.wrong("give a username or a user_certificate, not both"));
        }
        if self.publishing_interval_ms == 0 || self.items_per_call == 0 || self.watchdog_s == 0 || self.timeout_s == 0 {
            return Err(self.wrong("publishing_interval_ms, items_per_call, watchdog_s and timeout_s must be 1 or more"));
        }
        if self.sampling_interval_ms.is_some_and(|interval| !interval.is_finite() || interval < 0.0) {
            return Err(self.wrong("sampling_interval_ms must be 0 or more"));
        }
        Ok(())
    }
}

/// An address that cannot be read, for people: without who signs in, his password, and what follows a `?`. All before the last `@` goes, since
/// a password may hold any sign.
fn shown(url: &str) -> String {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    let is_scheme = scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    let rest = url.rsplit_once('@').map(|(_, host)| match is_scheme && !scheme.is_empty() {
        true => format!("{scheme}://{host}"),
        false => host.into(),
    });
    let whole = rest.unwrap_or_else(|| url.into());
    whole.split('?').next().unwrap_or_default().into()
}

#[async_trait]
impl Protocol for Settings {
    fn name(&self) -> &'static str {
        "opcua"
    }

    fn peer(&self) -> String {
        match url::Url::parse(&self.url) {
            Ok(mut url) => {
                let is_cleared = url.set_username("").is_ok() && url.set_password(None).is_ok();
                url.set_query(None);
                if is_cleared { url.into() } else { shown(&self.url) }
            }
            Err(_) => shown(&self.url),
        }
    }

    fn check(&self, points: &Points) -> Result<(), SourceError> {
        self.check_settings()?;
        address::wanted(points).map(drop)
    }

    fn open(&self, points: Arc<Points>, link: Link) -> Result<Box<dyn Source>, SourceError> {
        self.check_settings()?;
        let wanted = address::wanted(&points)?;
        Ok(Box::new(source::OpcUa::new(self.clone(), points, wanted, link)))
    }

    async fn probe(&self, points: &Points, link: &Link) -> Result<Probe, SourceError> {
        self.check_settings()?;
        let wanted = address::wanted(points)?;
        probe::probe(self, points, &wanted, link).await.map_err(|trouble| trouble.error(&self.peer()))
    }

    async fn discover(&self, link: &Link, tell: &(dyn for<'a> Fn(&'a str) + Send + Sync)) -> Result<Vec<Found>, SourceError> {
        self.check_settings()?;
        // Lines that live long enough for any listener.
        let tell = |line: &'static str| tell(line);
        browse::discover(self, link, &tell).await.map_err(|trouble| trouble.error(&self.peer()))
    }
}
