//! The three records of the room: what a detector found, the alert it became, and a line of the alert's history.

use super::Severity;
use super::lifecycle::State;
use super::wording::InThreeLanguages;
use crate::domain::AssetId;
use crate::domain::Timestamp;
use serde::{Deserialize, Serialize};

/// One incident as the detector sees it now. The same incident (asset, component, mode, `opened_at`) may be reported again with
/// new figures, any number of times.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Whose incident.
    pub asset_id: AssetId,
    /// Part of the asset, for example `gearbox`.
    pub component: String,
    /// What is wrong with it, for example `bearing_overheat`.
    pub mode: String,
    /// When it began, as far as we can tell afterwards.
    pub started_at: Timestamp,
    /// When it was raised; identifies the incident.
    pub opened_at: Timestamp,
    /// When it ended, if it has.
    pub closed_at: Option<Timestamp>,
    /// How urgent.
    pub severity: Severity,
    /// Detector score, 1.0 at the threshold.
    pub score: f64,
    /// Energy lost so far in kWh.
    pub energy_lost_kwh: f64,
    /// Signals that speak loudest, first the loudest.
    pub top_contributors: Vec<String>,
}

/// What people see: one per asset, component and mode while nobody has decided it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Stable id, sortable by creation.
    pub id: String,
    /// Whose alert.
    pub asset_id: AssetId,
    /// Name of the asset for people.
    pub asset_name: String,
    /// Part of the asset.
    pub component: String,
    /// What is wrong with it.
    pub mode: String,
    /// Highest urgency so far.
    pub severity: Severity,
    /// Where people stand with it.
    pub state: State,
    /// No messages before this time.
    pub shelved_until: Option<Timestamp>,
    /// When the first incident began.
    pub started_at: Timestamp,
    /// When the first incident was raised.
    pub opened_at: Timestamp,
    /// Last change of any field.
    pub updated_at: Timestamp,
    /// When the latest incident ended, if it has.
    pub closed_at: Option<Timestamp>,
    /// Score of the latest incident.
    pub score: f64,
    /// Energy lost over all its incidents in kWh.
    pub energy_lost_kwh: f64,
    /// Signals that speak loudest in the latest incident.
    pub top_contributors: Vec<String>,
    /// Incidents it has taken in.
    pub occurrences: u32,
    /// Who works on it.
    pub assignee: Option<String>,
    /// One line for people.
    pub title: InThreeLanguages,
    /// What to do.
    pub advice: InThreeLanguages,
    /// True while the latest incident lasts.
    pub incident_open: bool,
}

/// A line of an alert's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertEvent {
    /// Rises over all alerts; the id of server-sent events.
    pub id: i64,
    /// Whose history.
    pub alert_id: String,
    /// When.
    pub at: Timestamp,
    /// `opened`, `recurred`, `escalated`, `incident_closed`, `acknowledged`, `assigned`, `resolved`, `false_positive`, `shelved`,
    /// `commented`.
    pub kind: String,
    /// Name of the API key, or `detector`.
    pub by: String,
    /// What was said.
    pub note: Option<String>,
}
