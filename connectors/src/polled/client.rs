//! One GET and its answer: bounded in bytes and time, JSON or a sentence with the remedy.
//!
//! In: settings and an address. Out: a JSON value, or what went wrong and how long to leave the server alone. Not here: what it means.

use crate::live::Secret;
use crate::live::TlsSpec;
use engine::source::SourceError;
use reqwest::header::HeaderMap;
use reqwest::header::HeaderName;
use reqwest::header::HeaderValue;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// Most bytes of an answer.
const MOST: usize = 64 << 20;
/// Beginning of an answer that an error shows.
const SHOWN: usize = 200;
/// The longest a server may ask us to stay away.
const LONGEST_AWAY: Duration = Duration::from_secs(3600);

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub(crate) struct Refusal {
    /// The address, without secrets.
    pub(crate) place: String,
    /// What went wrong, and the remedy.
    pub(crate) problem: String,
    /// How long the server wants to be left alone.
    pub(crate) away: Option<Duration>,
    /// True when a shorter window may help.
    pub(super) is_too_much: bool,
    /// True when one of several addresses may be to blame.
    pub(super) is_about_one: bool,
}

impl Refusal {
    /// One that says nothing about how to ask next time.
    pub(crate) fn new(place: String, problem: String) -> Self {
        Self { place, problem, away: None, is_too_much: false, is_about_one: false }
    }

    /// An answer that is JSON but not what was expected.
    pub(crate) fn shape(url: &Url, problem: impl Into<String>) -> Self {
        Self::new(shown(url), problem.into())
    }
}

/// How an address is asked: patience, keys, trust.
#[derive(Debug)]
pub(crate) struct Access<'a> {
    /// Opens every error.
    pub(crate) place: String,
    /// Seconds until an answer must have come.
    pub(crate) timeout_s: f64,
    /// Headers to send.
    pub(crate) headers: &'a BTreeMap<String, Secret>,
    /// Bearer token.
    pub(crate) token: Option<&'a Secret>,
    /// User of basic authentication.
    pub(crate) user: Option<&'a str>,
    /// Its password.
    pub(crate) password: Option<&'a Secret>,
    /// Whom to trust, if not the authorities of the system.
    pub(crate) tls: Option<&'a TlsSpec>,
    /// True for PI Web API, whose refusals have causes of their own.
    pub(crate) is_historian: bool,
}

impl Access<'_> {
    /// Looks at an address and the keys; opens nothing.
    ///
    /// # Errors
    /// [`SourceError::Mapping`] with the remedy.
    pub(crate) fn checked(&self, address: &str) -> Result<(), SourceError> {
        let wrong = |problem: String| Err(SourceError::Mapping { place: self.place.clone(), problem });
        match Url::parse(address) {
            Ok(url) if !matches!(url.scheme(), "http" | "https") => {
                return wrong(format!("url {:?} is not HTTP; write http://… or https://…", public(address)));
            }
            Ok(url) if url.password().is_some() => {
                return wrong("url holds a password; write user = \"…\" and password = \"…\" instead".into());
            }
            Ok(_) => {}
            Err(error) => return wrong(format!("url {:?} cannot be read ({error}); write http://… or https://…", public(address))),
        }
        if self.tls.is_some_and(|tls| tls.server_name.is_some()) {
            return wrong(
                "tls.server_name is not for addresses of HTTP: write the name that the certificate has as the host of url".into(),
            );
        }
        if self.token.is_some() && self.user.is_some() || self.user.is_some() != self.password.is_some() {
            return wrong("give token, or user and password, or none".into());
        }
        Ok(())
    }
}

/// Scheme, host and port: no path, no credentials.
pub(crate) fn origin(address: &str) -> String {
    Url::parse(address).map_or_else(|_| public(address), |url| url.origin().ascii_serialization())
}

/// An address that may be none, without its query and whoever signs in with it.
pub(crate) fn public(address: &str) -> String {
    let front = address.split(['?', '#']).next().unwrap_or_default();
    match (front.split_once("//"), front.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}//{rest}"),
        (None, Some((_, rest))) => rest.to_owned(),
        _ => front.to_owned(),
    }
}

/// An HTTP client with what is sent along.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    is_historian: bool,
    has_key: bool,
}

/// An address for people: a query may hold a key.
fn shown(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

impl Client {
    /// One for these keys.
    ///
    /// # Errors
    /// [`SourceError::Mapping`] naming the header or file.
    pub(crate) fn new(access: &Access<'_>) -> Result<Self, SourceError> {
        let wrong = |problem: String| SourceError::Mapping { place: access.place.clone(), problem };
        let mut headers = HeaderMap::new();
        let mut put = |name: &str, text: String| {
            let bad = |_| wrong(format!("header {name:?} is not one: a name is letters and -, a value one line"));
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad(()))?;
            let mut value = HeaderValue::from_str(&text).map_err(|_| bad(()))?;
            value.set_sensitive(true);
            headers.insert(name, value);
            Ok(())
        };
        put("accept", "application/json".into())?;
        for (name, value) in access.headers {
            put(name, value.reveal().to_owned())?;
        }
        if let Some(token) = access.token {
            put("authorization", format!("Bearer {}", token.reveal()))?;
        }
        if let (Some(user), Some(password)) = (access.user, access.password) {
            let pair = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, format!("{user}:{}", password.reveal()));
            put("authorization", format!("Basic {pair}"))?;
        }
        let timeout = Duration::try_from_secs_f64(access.timeout_s).unwrap_or(Duration::from_secs(30));
        let builder = reqwest::Client::builder()
            .connect_timeout(timeout.min(Duration::from_secs(10)))
            .timeout(timeout)
            .redirect(reqwest::redirect::Policy::none())
            .default_headers(headers)
            .user_agent(concat!("chergui/", env!("CARGO_PKG_VERSION")));
        let builder = match access.tls.map(|tls| trust(tls, &access.place)).transpose()? {
            Some(config) => builder.tls_backend_preconfigured(config),
            None => builder,
        };
        let has_key = access.token.is_some() || access.user.is_some() || !access.headers.is_empty();
        let http = builder.build().map_err(|error| wrong(error.to_string()))?;
        Ok(Self { http, is_historian: access.is_historian, has_key })
    }

    /// Asks once.
    pub(crate) async fn get(&self, url: &Url) -> Result<Value, Refusal> {
        let refusal = |problem: String| Refusal::new(shown(url), problem);
        let sent = self.http.get(url.clone()).send().await;
        let mut answer = sent.map_err(|error| refusal(unreachable(&error)))?;
        let status = answer.status().as_u16();
        let away = answer.headers().get("retry-after").and_then(|value| retry_after(value.to_str().ok()?));
        let kind = answer.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or("").to_ascii_lowercase();
        let is_success = status == 200;
        let most = if is_success { MOST } else { 16 * 1024 };
        let mut body = Vec::new();
        let mut is_whole = answer.content_length().is_none_or(|length| length <= most as u64);
        while is_whole {
            match answer.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() <= most => body.extend_from_slice(&chunk),
                Ok(Some(_)) => is_whole = false,
                Ok(None) => break,
                Err(_) if !is_success => break,
                Err(error) => {
                    return Err(refusal(format!("the answer broke off after {} bytes: {}", body.len(), unreachable(&error))));
                }
            }
        }
        if !is_success {
            let problem = self.refused(status, &text(&body));
            let is_about_one = matches!(status, 400 | 404 | 502);
            return Err(Refusal { away, is_too_much: status == 413, is_about_one, ..refusal(problem) });
        }
        if !is_whole {
            let problem = "the answer is longer than 64 MiB; less is asked for next time; set a shorter window_s".into();
            return Err(Refusal { is_too_much: true, ..refusal(problem) });
        }
        if !(kind.contains("json") || kind.is_empty()) {
            let hint = if kind.contains("html") { "a page for people, perhaps one to sign in; check url" } else { "check url" };
            return Err(refusal(format!("the answer is {kind:?}, not JSON: {hint}")));
        }
        serde_json::from_slice(&body)
            .map_err(|error| refusal(format!("the answer is not JSON: {error}; it begins {:?}", text(&body))))
    }

    fn refused(&self, status: u16, text: &str) -> String {
        let remedy = match (status, self.is_historian) {
            (401, _) if self.has_key => "it does not know the key: check token, or user and password",
            (401, _) => "it wants a key: give token, or user and password",
            (403, _) => "the key may not read this: have it allowed there",
            (404, true) => "there is no such thing: check url, and the addresses (WebId or path) of the points",
            (404, _) => "there is no such address: check url",
            (429 | 503, _) => "it is busy; it is asked again later",
            (300..=399, _) => "it sends us elsewhere: write that address as url",
            (400 | 502, true) => "PI refuses one of the addresses, or a number above its limit: check the points and max_count",
            (500.., _) => "it is broken there; it is asked again later",
            _ => "it does not understand us: check url",
        };
        format!("{status}: {remedy}: {text}")
    }
}

/// Only the authority that is named.
fn trust(tls: &TlsSpec, place: &str) -> Result<tokio_rustls::rustls::ClientConfig, SourceError> {
    Ok(Arc::unwrap_or_clone(tls.client(place)?))
}

fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(body).chars().take(SHOWN).collect()
}

fn unreachable(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    let remedy = if error.is_timeout() {
        "it did not answer in time; raise timeout_s or shorten window_s"
    } else {
        "check url and the network"
    };
    format!("{cause}; {remedy}")
}

/// Seconds, or a date (RFC 9110, section 10.2.3); a date is taken as a minute, since its clock is not ours.
fn retry_after(value: &str) -> Option<Duration> {
    let value = value.trim();
    match value.parse::<u64>() {
        Ok(seconds) => Some(Duration::from_secs(seconds).min(LONGEST_AWAY)),
        Err(_) => value.ends_with("GMT").then_some(Duration::from_secs(60)),
    }
}
