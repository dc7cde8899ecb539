//! What can be refused or fail when an alert is raised, worked on or read.

use crate::store::ledger::LedgerError;

/// A refusal or failure of the alert room.
#[derive(Debug, thiserror::Error)]
pub enum AlertError {
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Nobody knows this alert.
    #[error("there is no alert {id:?}; list the alerts to see which there are")]
    NotFound {
        /// The id asked for.
        id: String,
    },
    /// The action does not fit the state.
    #[error("alert {id} of {asset_id} is {state}; {action} is possible only while it is {possible}")]
    Illegal {
        /// The alert.
        id: String,
        /// Its asset.
        asset_id: String,
        /// Where it stands.
        state: &'static str,
        /// What was asked.
        action: &'static str,
        /// States in which it would be right.
        possible: &'static str,
    },
    /// A needed text is missing or empty.
    #[error("{action} needs {field}: say it in a few words")]
    Missing {
        /// What was asked.
        action: &'static str,
        /// The missing field.
        field: &'static str,
    },
    /// An alert cannot be shelved into the past.
    #[error("alert {id} cannot be shelved until {until}, which is not after now ({now})")]
    ShelveInPast {
        /// The alert.
        id: String,
        /// The time asked for.
        until: String,
        /// The time it is.
        now: String,
    },
    /// A page cursor that we did not give.
    #[error("cursor {text:?} is not one of ours; start again without a cursor")]
    Cursor {
        /// The text as it came.
        text: String,
    },
    /// A number of the incident is not finite.
    #[error("incident of {asset_id}, {component}/{mode}, opened {opened_at}: {field} is not a finite number")]
    NotFinite {
        /// The asset.
        asset_id: String,
        /// Component of the incident.
        component: String,
        /// Mode of the incident.
        mode: String,
        /// When it opened.
        opened_at: String,
        /// Field at fault.
        field: &'static str,
    },
    /// Alerts could not be laid out as an Arrow batch.
    #[error("cannot lay out {table} as a table: {cause}")]
    Table {
        /// Which table.
        table: &'static str,
        /// What Arrow said.
        cause: arrow::error::ArrowError,
    },
    /// A playbook that cannot be followed.
    #[error("{place} line {line}: {problem}")]
    Playbook {
        /// The file, or that it is the built-in one.
        place: String,
        /// Line of the fault, counted from 1.
        line: usize,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// An alert could not be written as JSON.
    #[error("cannot write alert {id} as JSON: {cause}")]
    Json {
        /// The alert.
        id: String,
        /// What the writer said.
        cause: serde_json::Error,
    },
}
