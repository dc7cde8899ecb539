//! Messages about alerts over HTTP, signed as Standard Webhooks says.
//!
//! In: an address and a secret (`whsec_…`). Out: a [`Notifier`]. The body is `{"type","timestamp","data": alert}`; headers are
//! `webhook-id` (the same for every attempt), `webhook-timestamp` and `webhook-signature`. Retries are the outbox's, not ours.
//! Source: <https://www.standardwebhooks.com>, crate `standardwebhooks`.

use async_trait::async_trait;
use engine::alert::Notification;
use engine::alert::Notifier;
use engine::alert::NotifyError;
use engine::domain::Timestamp;
use serde_json::json;
use std::fmt;
use std::time::Duration;
use url::Url;

/// Why a webhook cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// Not an http or https address.
    #[error("webhook address {url:?} is not usable: {problem}; write http://… or https://…")]
    Address {
        /// The address without its query.
        url: String,
        /// What is wrong.
        problem: String,
    },
    /// Not a base64 secret of 24 bytes or more.
    #[error(
        "the secret of webhook {target} is not usable: {problem}; make one with `openssl rand -base64 32` and put whsec_ before it"
    )]
    Secret {
        /// The address without its query.
        target: String,
        /// What is wrong.
        problem: String,
    },
    /// The HTTP client could not be made.
    #[error("cannot make an HTTP client for webhook {target}: {cause}")]
    Client {
        /// The address without its query.
        target: String,
        /// What the client said.
        cause: reqwest::Error,
    },
}

/// One receiver.
pub struct Webhook {
    url: Url,
    target: String,
    signer: standardwebhooks::Webhook,
    client: reqwest::Client,
    clock: fn() -> Timestamp,
}

impl fmt::Debug for Webhook {
    /// The secret stays out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("target", &self.target).finish_non_exhaustive()
    }
}

impl Webhook {
    /// A receiver at `url`; a try that takes longer than `timeout` has failed. Redirects are not followed.
    /// `clock` dates each attempt: receivers refuse signatures that are more than minutes old.
    ///
    /// # Errors
    /// [`WebhookError`].
    pub fn new(url: &str, secret: &str, timeout: Duration, clock: fn() -> Timestamp) -> Result<Self, WebhookError> {
        let bad = |problem: String| WebhookError::Address { url: url.split('?').next().unwrap_or_default().into(), problem };
        let url = Url::parse(url).map_err(|error| bad(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(bad(format!("scheme {:?} is not HTTP", url.scheme())));
        }
        let target = format!("{}{}", url.origin().ascii_serialization(), url.path());
        let signer = standardwebhooks::Webhook::new(secret)
            .map_err(|error| WebhookError::Secret { target: target.clone(), problem: error.to_string() })?;
        if secret.trim_start_matches("whsec_").len() < 32 {
            return Err(WebhookError::Secret { target, problem: "it is shorter than 24 bytes".into() });
        }
        let client = reqwest::Client::builder()
            .timeout(timeout)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("chergui/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|cause| WebhookError::Client { target: target.clone(), cause })?;
        Ok(Self { url, target, signer, client, clock })
    }
}

#[async_trait]
impl Notifier for Webhook {
    async fn notify(&self, notification: &Notification) -> Result<(), NotifyError> {
        let permanent = |problem: String| NotifyError::Permanent { target: self.target.clone(), problem };
        let body = json!({ "type": notification.event, "timestamp": notification.at, "data": notification.alert }).to_string();
        let sent_at = (self.clock)().as_second();
        let signature =
            self.signer.sign(&notification.id, sent_at, body.as_bytes()).map_err(|error| permanent(error.to_string()))?;
        let answer = self
            .client
            .post(self.url.clone())
            .header("content-type", "application/json")
            .header(standardwebhooks::HEADER_WEBHOOK_ID, &notification.id)
            .header(standardwebhooks::HEADER_WEBHOOK_TIMESTAMP, sent_at)
            .header(standardwebhooks::HEADER_WEBHOOK_SIGNATURE, signature)
            .body(body)
            .send()
            .await
            .map_err(|error| NotifyError::Unreachable { target: self.target.clone(), problem: error.without_url().to_string() })?;
        match answer.status().as_u16() {
            200..=299 => Ok(()),
            410 => Err(permanent("it answered 410 Gone and wants no more messages; remove it from the configuration".into())),
            status => Err(NotifyError::Refused { target: self.target.clone(), status }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Webhook, WebhookError};

    #[test]
    fn bad_addresses_and_secrets_are_refused_and_secrets_stay_hidden() {
        let good = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYq=";
        let make = |url: &str, secret: &str| Webhook::new(url, secret, Duration::from_secs(1), || super::Timestamp::UNIX_EPOCH);
        assert!(matches!(make("ftp://x/y", good), Err(WebhookError::Address { .. })));
        assert!(matches!(make("not an address", good), Err(WebhookError::Address { .. })));
        assert!(matches!(make("http://x/y", "whsec_!!"), Err(WebhookError::Secret { .. })));
        assert!(matches!(make("http://x/y", "whsec_c2hvcnQ="), Err(WebhookError::Secret { .. })));
        let shown = format!("{:?}", make("http://x/y?token=hidden", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD").unwrap());
        assert!(!shown.contains("hidden") && !shown.contains("C2FV"), "{shown}");
    }
}
