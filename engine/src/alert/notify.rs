//! The port through which messages leave: one implementer per protocol, in `connectors`.

use super::Alert;
use crate::domain::Timestamp;
use async_trait::async_trait;
use std::fmt::Debug;

/// One message about an alert, as it was when the message was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Notification {
    /// Stays the same over every attempt; the receiver uses it to drop doubles.
    pub id: String,
    /// `alert.` and the kind of the history line, for example `alert.opened`.
    pub event: String,
    /// When it happened.
    pub at: Timestamp,
    /// The alert at that time.
    pub alert: Alert,
}

/// Why a message did not get through.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// No connection, or no answer in time. Tried again.
    #[error("{target} cannot be reached: {problem}")]
    Unreachable {
        /// Address without secrets.
        target: String,
        /// What the client said.
        problem: String,
    },
    /// The receiver answered with an error. Tried again.
    #[error("{target} answered {status}; it must answer 2xx once it has the message")]
    Refused {
        /// Address without secrets.
        target: String,
        /// HTTP or SMTP status.
        status: u16,
    },
    /// The receiver does not want these messages any more, or the channel cannot work at all. Not tried again.
    #[error("{target} cannot take messages: {problem}")]
    Permanent {
        /// Address without secrets, or the name of the channel.
        target: String,
        /// What is wrong.
        problem: String,
    },
}

/// Somebody who can be told.
#[async_trait]
pub trait Notifier: Debug + Send + Sync {
    /// Sends one message and returns when the receiver has it.
    ///
    /// # Errors
    /// [`NotifyError`]; the outbox decides whether to try again.
    async fn notify(&self, notification: &Notification) -> Result<(), NotifyError>;
}
