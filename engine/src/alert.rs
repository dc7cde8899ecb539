//! Alerts: what people hear of an incident, what they did about it, and who else must be told.
//!
//! In: a [`Finding`] per incident, as often as the detector likes to repeat it, and the [`Action`]s of people. Out: [`Alert`]s with
//! their history, changes for listeners, and messages in a transactional outbox. One alert lives per asset, component and mode.
//! Rules of the lifecycle are pure ([`lifecycle`]); [`AlertBook`] keeps them in the ledger; [`Outbox`] delivers at least once.
//! Not here: thresholds (`detect`), HTTP (`connectors`, `api`), the clock (`now` is an argument).

mod book;
mod error;
mod event;
pub mod lifecycle;
mod notify;
mod outbox;
mod query;
mod raise;
mod rows;
mod snapshot;
#[cfg(test)]
mod tests;
mod wording;

pub use crate::detect::Severity;
pub use book::{AlertBook, AlertChange, AlertRules, Subscription};
pub use error::AlertError;
pub use event::{Alert, AlertEvent, Finding};
pub use lifecycle::{Action, Outcome, State};
pub use notify::{Notification, Notifier, NotifyError};
pub use outbox::{DeadLetter, Delivered, Outbox, RetryPolicy};
pub use query::{AlertFilter, AlertPage};
pub use snapshot::{alert_events_schema, alerts_schema};
pub use wording::{InThreeLanguages, advice, title};
