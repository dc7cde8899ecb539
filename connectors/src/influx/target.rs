//! An InfluxDB 2 API: where it is, and what can go wrong on the way there.
//!
//! In: the configuration. Out: checked addresses, errors with the remedy. Not here: what is sent.

use serde::Deserialize;
use std::fmt;
use url::Url;

/// `[influx]` keys that name a bucket of a server.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// `http://…` or `https://…`, without a path.
    pub url: String,
    /// Name of the organisation.
    pub org: String,
    /// Name of the bucket.
    pub bucket: String,
    /// An API token that may read (history) or write (points) the bucket. Empty: none is sent.
    #[serde(default)]
    pub token: String,
}

impl fmt::Debug for Target {
    /// The token stays out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("url", &self.url)
            .field("org", &self.org)
            .field("bucket", &self.bucket)
            .finish_non_exhaustive()
    }
}

/// Why an InfluxDB 2 API did not take or give what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum InfluxError {
    /// Not an http or https address.
    #[error("InfluxDB address {url:?} is not usable: {problem}; write http://host:8086 or https://…")]
    Address {
        /// The address.
        url: String,
        /// What is wrong.
        problem: String,
    },
    /// The HTTP client could not be made.
    #[error("cannot make an HTTP client for {place}: {problem}")]
    Client {
        /// The address.
        place: String,
        /// What the client said.
        problem: String,
    },
    /// Nobody answers, or not in time. Trying again may help.
    #[error("{place} cannot be reached: {problem}; check the address and that the server runs")]
    Unreachable {
        /// The address.
        place: String,
        /// What the system said.
        problem: String,
    },
    /// The token is missing, wrong, or may not do this.
    #[error("{place} refuses the token ({status}) for bucket {bucket:?} of {org:?}; give one that may use this bucket: {text}")]
    Unauthorized {
        /// The address.
        place: String,
        /// Organisation asked for.
        org: String,
        /// Bucket asked for.
        bucket: String,
        /// HTTP status, 401 or 403.
        status: u16,
        /// What the server said.
        text: String,
    },
    /// There is no such bucket or organisation.
    #[error("{place} has no bucket {bucket:?} in organisation {org:?}; create it or correct the names: {text}")]
    NotFound {
        /// The address.
        place: String,
        /// Organisation asked for.
        org: String,
        /// Bucket asked for.
        bucket: String,
        /// What the server said.
        text: String,
    },
    /// The server is overloaded or broken. Trying again may help.
    #[error("{place} cannot do it now ({status}); try again later: {text}")]
    Busy {
        /// The address.
        place: String,
        /// HTTP status, 429 or 5xx.
        status: u16,
        /// What the server said.
        text: String,
    },
    /// A point that cannot be written as line protocol.
    #[error("{asset}: cannot be written as a point: {problem}")]
    Point {
        /// Asset of the point.
        asset: String,
        /// What is wrong.
        problem: String,
    },
    /// The server refuses what was sent. Trying again will not help.
    #[error("{place} refuses the request ({status}): {text}")]
    Refused {
        /// The address.
        place: String,
        /// HTTP status.
        status: u16,
        /// What the server said.
        text: String,
    },
}

impl InfluxError {
    /// True where the same request may succeed later.
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Busy { .. })
    }
}

impl Target {
    /// The address, checked.
    pub(super) fn address(&self) -> Result<Url, InfluxError> {
        let bad = |problem: String| InfluxError::Address { url: self.url.clone(), problem };
        let url = Url::parse(&self.url).map_err(|error| bad(error.to_string()))?;
        match url.scheme() {
            "http" | "https" => Ok(url),
            scheme => Err(bad(format!("scheme {scheme:?} is not HTTP"))),
        }
    }

    /// The address for people: no path, no credentials.
    pub(super) fn place(url: &Url) -> String {
        url.origin().ascii_serialization()
    }

    /// What an answer that is no success means; `text` is the beginning of its body.
    pub(super) fn refusal(&self, place: &str, status: u16, text: &str) -> InfluxError {
        let (place, org, bucket) = (place.into(), self.org.clone(), self.bucket.clone());
        let text = text.chars().take(300).collect();
        match status {
            401 | 403 => InfluxError::Unauthorized { place, org, bucket, status, text },
            404 => InfluxError::NotFound { place, org, bucket, text },
            429 | 500.. => InfluxError::Busy { place, status, text },
            _ => InfluxError::Refused { place, status, text },
        }
    }
}
