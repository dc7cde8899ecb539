//! Alerts: what people hear of an incident, what they did about it, and who else must be told.
//!
//! In: incidents, as often as the detectors like to repeat them, and the [`Action`]s of people. Out: [`Alert`]s with their history,
//! changes for listeners, and messages in a transactional outbox. One alert lives per asset, component and mode, and one cause of many
//! incidents is one alert. What follows from incidents alone is pure ([`lifecycle`], [`fold`], [`stakes`], [`Playbook`]);
//! [`AlertBook`] keeps it in the ledger; [`Outbox`] delivers at least once.
//! Not here: thresholds (`detect`), HTTP (`connectors`, `api`), the clock (`now` is an argument).

mod book;
mod budget;
mod error;
mod event;
mod folding;
mod incidents;
pub mod lifecycle;
mod notify;
mod outbox;
mod playbook;
mod query;
mod raise;
mod round;
mod rows;
mod snapshot;
#[cfg(test)]
mod tests;
mod urgency;
mod wording;

pub use crate::detect::Severity;
pub use book::{AlertBook, AlertChange, AlertRules, Subscription};
pub use budget::{Budget, Pattern};
pub use error::AlertError;
pub use event::{Alert, AlertEvent, AlertIncident};
pub use folding::{FOLDING, Folded, PLANT_OUTAGE, fold};
pub use lifecycle::{Action, Outcome, State};
pub use notify::{Notification, Notifier, NotifyError};
pub use outbox::{DeadLetter, Delivered, Outbox, RetryPolicy};
pub use playbook::{Playbook, Work};
pub use query::{AlertFilter, AlertPage};
pub use round::{LINK_SILENT, Report, Round, reports};
pub use snapshot::{alert_events_schema, alert_evidence_schema, alert_incidents_schema, alerts_schema};
pub use urgency::{AHEAD, Stakes, loss_rate, stakes};
pub use wording::{InThreeLanguages, advice, title};
