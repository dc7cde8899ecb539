//! A client of a cluster, and why there is none.
//!
//! In: the settings. Out: a client; a [`Trouble`] for every error of it. The client's own retries are kept short, so that the state of a link is
//! told in one place. Not here: when to try again.

use super::Mechanism;
use super::Settings;
use engine::source::SourceError;
use rskafka::BackoffConfig;
use rskafka::client::Client;
use rskafka::client::ClientBuilder;
use rskafka::client::Credentials;
use rskafka::client::SaslConfig;
use rskafka::client::error::Error;
use rskafka::client::error::ProtocolError;
use std::time::Duration;
use tokio::time::timeout;

/// How long a request may take, waiting for records not counted.
pub(super) const ANSWERS_WITHIN: Duration = Duration::from_secs(5);
/// Largest answer taken, bytes.
const LARGEST: usize = 64 * 1024 * 1024;

/// Why a link ended, or could not be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// A person must act; the text says how.
    Refused(String),
    /// Trying again may help.
    Lost(String),
    /// The broker does not have this offset.
    OutOfRange,
}

impl Trouble {
    pub(super) fn error(self, settings: &Settings) -> SourceError {
        match self {
            Self::Refused(problem) => settings.wrong(problem),
            Self::Lost(problem) => SourceError::Io { place: settings.address(), cause: std::io::Error::other(problem) },
            Self::OutOfRange => settings.wrong("the offset is not there; the topic may have been made anew"),
        }
    }
}

/// Waits for an answer, not for ever.
pub(super) async fn answer<T>(what: &str, within: Duration, asked: impl Future<Output = Result<T, Error>>) -> Result<T, Trouble> {
    match timeout(within, asked).await {
        Ok(answered) => answered.map_err(|error| trouble(what, &error)),
        Err(_) => Err(Trouble::Lost(format!("{what}: no answer within {} s", within.as_secs()))),
    }
}

fn trouble(what: &str, error: &Error) -> Trouble {
    let text = format!("{what}: {error}");
    match error {
        Error::ServerError { protocol_error, .. } => match protocol_error {
            ProtocolError::OffsetOutOfRange => Trouble::OutOfRange,
            ProtocolError::TopicAuthorizationFailed | ProtocolError::ClusterAuthorizationFailed => {
                Trouble::Refused(format!("{text}; let the account describe and read the topic"))
            }
            _ => Trouble::Lost(text),
        },
        // The client wraps it into its retries' last words.
        _ if text.to_ascii_lowercase().contains("sasl") => {
            Trouble::Refused(format!("{text}; correct sasl.mechanism, sasl.username and sasl.password"))
        }
        _ => Trouble::Lost(text),
    }
}

/// Connects once.
pub(super) async fn dial(settings: &Settings) -> Result<Client, Trouble> {
    let backoff = BackoffConfig {
        init_backoff: Duration::from_millis(50),
        max_backoff: Duration::from_millis(250),
        base: 2.0,
        deadline: Some(Duration::from_secs(1)),
    };
    let mut builder =
        ClientBuilder::new(settings.brokers.clone()).client_id("chergui").max_message_size(LARGEST).backoff_config(backoff);
    if let Some(tls) = &settings.tls {
        let config = tls.client(&settings.address()).map_err(|error| Trouble::Refused(error.to_string()))?;
        builder = builder.tls_config(config);
    }
    if let Some(sasl) = &settings.sasl {
        let who = Credentials::new(sasl.username.clone(), sasl.password.reveal().into());
        builder = builder.sasl_config(match sasl.mechanism {
            Mechanism::Plain => SaslConfig::Plain(who),
            Mechanism::ScramSha256 => SaslConfig::ScramSha256(who),
            Mechanism::ScramSha512 => SaslConfig::ScramSha512(who),
        });
    }
    answer("connecting", ANSWERS_WITHIN * 2, builder.build()).await
}
