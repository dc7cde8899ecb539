//! The records of the room: the alert, one of its incidents as last reported, and a line of the alert's history.
//!
//! In: rows of the ledger. Out: what people and other programs see. Deliberately not here: how an alert comes about (`raise`).

use super::Severity;
use super::lifecycle::State;
use super::wording::InThreeLanguages;
use crate::detect::Evidence;
use crate::detect::Outlook;
use crate::domain::AssetId;
use crate::domain::AssetKind;
use crate::domain::Timestamp;
use serde::{Deserialize, Serialize};

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
    /// What kind of asset; `None` for alerts of a time when it was not kept.
    #[serde(default)]
    pub asset_kind: Option<AssetKind>,
    /// What the latest incident rests on, loudest first.
    #[serde(default)]
    pub evidence: Vec<Evidence>,
    /// Where the latest incident leads.
    #[serde(default)]
    pub outlook: Option<Outlook>,
    /// Loss still to come in the next seven days at the present rate, kWh; `None` when the incident is over.
    #[serde(default)]
    pub energy_expected_kwh: Option<f64>,
    /// Severity, energy and trend as one number, 0 to 1.
    #[serde(default)]
    pub urgency: f64,
    /// Urgency times how often alerts of this pattern turned out true, 0 to 1.
    #[serde(default)]
    pub priority: f64,
    /// The alert this one is part of.
    #[serde(default)]
    pub parent_alert_id: Option<String>,
    /// Alerts folded under this one.
    #[serde(default)]
    pub children: u32,
}

/// One incident of an alert as it was last reported. Asset and `opened_at` name it.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertIncident {
    /// The alert it belongs to.
    pub alert_id: String,
    /// Whose.
    pub asset_id: AssetId,
    /// Part of the asset.
    pub component: String,
    /// What is wrong with it.
    pub mode: String,
    /// Who raised it.
    pub detector: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was raised.
    pub opened_at: Timestamp,
    /// When it ended, if it has.
    pub closed_at: Option<Timestamp>,
    /// How urgent its detector finds it.
    pub severity: Severity,
    /// Detector score, 1.0 at the threshold.
    pub score: f64,
    /// Energy lost so far, kWh.
    pub energy_lost_kwh: f64,
    /// Its smoothed loss when it was last reported, kW.
    pub loss_rate_kw: f64,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
    /// Where it leads.
    pub outlook: Option<Outlook>,
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
    /// `opened`, `recurred`, `escalated`, `clarified` (component or mode became clearer), `folded` (now part of another alert),
    /// `unfolded`, `incident_closed`, `acknowledged`, `assigned`, `resolved`, `false_positive`, `shelved`, `commented`.
    pub kind: String,
    /// Name of the API key, or `detector`.
    pub by: String,
    /// What was said.
    pub note: Option<String>,
}
