//! One association with a controller: connecting, asking with a time limit, and what its refusals mean.
//!
//! In: [`Settings`]. Out: answers, or a [`Trouble`] in words a person can act on. Not here: reports, points.

use super::Settings;
use engine::source::SourceError;
use iec61850_client::{AcseAuth, ClientError, ErrorClass, IedConnection, IsoConnectionParameters};
use std::future::Future;
use std::time::Duration;
use tokio::time::timeout;

/// Why a link ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It may work again later.
    Lost(String),
    /// Settings, points and controller do not fit together: a person must act.
    Wrong(String),
}

impl Trouble {
    /// What it says.
    pub(super) fn text(&self) -> &str {
        let (Self::Lost(text) | Self::Wrong(text)) = self;
        text
    }

    /// As the error of a source.
    pub(super) fn error(self, place: String) -> SourceError {
        match self {
            Self::Lost(text) => SourceError::Io { place, cause: std::io::Error::other(text) },
            Self::Wrong(problem) => SourceError::Mapping { place, problem },
        }
    }
}

/// An association.
pub(super) struct Peer {
    /// The client's end of it.
    pub(super) connection: IedConnection,
    limit: Duration,
    place: String,
}

impl Peer {
    /// Associates: TCP, the OSI layers, MMS initiate.
    pub(super) async fn connect(settings: &Settings) -> Result<Self, Trouble> {
        let mut parameters = IsoConnectionParameters::default();
        if let Some(password) = &settings.password {
            parameters.authentication = AcseAuth::Password(password.reveal().as_bytes().to_vec());
        }
        let connection = IedConnection::with_iso_parameters(parameters);
        let (limit, place) = (settings.patience(), settings.place());
        let peer = Self { connection, limit, place };
        match timeout(limit, peer.connection.connect(&settings.host, settings.port)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(refusal(&peer.place, &error).unwrap_or_else(|| peer.lost("the association", &error))),
            Err(_) => return Err(peer.silent("connecting")),
        }
        Ok(peer)
    }

    /// Waits for an answer, not for ever. The inner result is the controller's own refusal.
    pub(super) async fn ask<T>(
        &self,
        what: &str,
        answer: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<Result<T, ClientError>, Trouble> {
        match timeout(self.limit, answer).await {
            Ok(Err(error)) if is_refusal(&error) => Ok(Err(error)),
            Ok(Err(error)) => Err(self.lost(what, &error)),
            Ok(Ok(answer)) => Ok(Ok(answer)),
            Err(_) => Err(self.silent(what)),
        }
    }

    /// Waits for an answer that must be a good one.
    pub(super) async fn must<T>(&self, what: &str, answer: impl Future<Output = Result<T, ClientError>>) -> Result<T, Trouble> {
        self.ask(what, answer).await?.map_err(|error| self.lost(what, &error))
    }

    /// The link broke.
    pub(super) fn lost(&self, what: &str, error: &ClientError) -> Trouble {
        Trouble::Lost(format!("{}: {what}: {error}", self.place))
    }

    fn silent(&self, what: &str) -> Trouble {
        Trouble::Lost(format!(
            "{}: {what}: no answer within {} s; the controller or the way to it is down, or raise timeout_s",
            self.place,
            self.limit.as_secs_f64()
        ))
    }

    /// Ends the association well; at the latest after the time limit.
    pub(super) async fn leave(&self) {
        if let Ok(Err(error)) = timeout(self.limit, self.connection.disconnect()).await {
            tracing::debug!(place = self.place, %error, "the association ended without a good-bye");
        }
    }
}

/// What an association that was not made says; `None`: nothing of its own.
pub(super) fn refusal(place: &str, error: &ClientError) -> Option<Trouble> {
    Some(match error {
        ClientError::AuthenticationRejected { .. } => Trouble::Wrong(format!(
            "the controller refuses the association ({error}); set password = \"…\" to the one it expects, or leave it out"
        )),
        // Every other refusal of ACSE, a passing one too.
        ClientError::AssociateFailed => Trouble::Lost(format!(
            "{place} refuses the association; another client may hold it, or ours of before is not yet given up"
        )),
        ClientError::Transport(_) | ClientError::ConnectTimeout { .. } => {
            Trouble::Lost(format!("cannot connect: {error}; see that host and port are right and that no firewall stands between"))
        }
        _ => return None,
    })
}

/// A refusal that time may heal, as of a controller that is starting: temporarily-unavailable (ISO 9506-2, DataAccessError 2), or the
/// error classes of the state of the device, of its resources and of services that go before.
pub(super) fn is_passing(error: &ClientError) -> bool {
    match error {
        ClientError::DataAccessError(error) => error.code() == 2,
        ClientError::Service { error_class, .. } => {
            matches!(error_class, ErrorClass::VmdState(_) | ErrorClass::Resource(_) | ErrorClass::ServicePreempt(_))
        }
        _ => false,
    }
}

/// The controller answered, and the answer is no. Everything else says that the link is not what it should be.
fn is_refusal(error: &ClientError) -> bool {
    matches!(
        error,
        ClientError::DataAccessError(_)
            | ClientError::Service { .. }
            | ClientError::Reject { .. }
            | ClientError::TypeMismatch { .. }
            | ClientError::InvalidArgument(_)
            | ClientError::InvalidBinaryTimeLen { .. }
    )
}
