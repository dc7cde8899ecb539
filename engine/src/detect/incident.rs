//! The record of one incident: whose part, since when, how urgent, what it cost, on what evidence and where it leads.
//!
//! Every detector fills the same record; alerts, SQL and pages read nothing else. Deliberately not here: who decides.

use super::INFORMATION;
use crate::domain::AssetId;
use crate::domain::Quantity;
use crate::domain::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Something wrong with one part of one asset, from opening to closing. `asset_id` and `opened_at` name it: component and mode of
/// an open incident may become clearer.
#[derive(Debug, Clone, PartialEq)]
pub struct Incident {
    /// Whose part.
    pub asset_id: AssetId,
    /// The part, for example `gearbox`.
    pub component: String,
    /// What is wrong with it, for example `bearing_overheat`.
    pub mode: String,
    /// Our best guess of when it began; not after `opened_at`.
    pub started_at: Timestamp,
    /// When it was raised.
    pub opened_at: Timestamp,
    /// When it was over; `None` while open.
    pub closed_at: Option<Timestamp>,
    /// How urgent.
    pub severity: Severity,
    /// Largest score seen; 1 is the alarm line.
    pub score: f64,
    /// Expected minus actual energy from the start on, kWh; 0 for causes that cost none.
    pub energy_lost_kwh: f64,
    /// Who raised it, as in `anomalies.detector`.
    pub detector: &'static str,
    /// The signals that spoke, loudest first.
    pub evidence: Vec<Evidence>,
    /// Where a worsening signal leads; `None` where nothing moves towards a limit.
    pub outlook: Option<Outlook>,
}

/// One signal that spoke in an incident, as of its last row (or its closing).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Name of the signal: the quantity, or the quantity and a remark.
    pub signal: String,
    /// The quantity it is read from.
    pub quantity: Quantity,
    /// Mean of the measured values over the rows that spoke, stored unit; `None` where there is no such figure.
    pub observed: Option<f64>,
    /// Mean of what was expected in the same rows, stored unit.
    pub expected: Option<f64>,
    /// Share of the verdict that is due to it, 0 to 1.
    pub share: f64,
}

/// When a worsening signal reaches a limit, as a band: never one number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outlook {
    /// The quantity that worsens.
    pub quantity: Quantity,
    /// The limit, stored unit.
    pub limit: f64,
    /// The level now, stored unit.
    pub level: f64,
    /// In nine of ten cases not before.
    pub earliest: Timestamp,
    /// As likely before as after; `None` beyond ninety days.
    pub median: Option<Timestamp>,
    /// In nine of ten cases not after; `None` beyond ninety days.
    pub latest: Option<Timestamp>,
}

impl Incident {
    /// An incident that has just been raised: a warning without figures.
    pub fn new(asset_id: AssetId, component: &str, mode: &str, started_at: Timestamp, opened_at: Timestamp) -> Self {
        Self {
            asset_id,
            component: component.to_owned(),
            mode: mode.to_owned(),
            started_at: started_at.min(opened_at),
            opened_at,
            closed_at: None,
            severity: Severity::Warning,
            score: 1.0,
            energy_lost_kwh: 0.0,
            detector: "normal_behaviour",
            evidence: Vec::new(),
            outlook: None,
        }
    }

    /// True for events that inform and ask for no repair (a set-point, a service stop, lost data).
    pub fn is_information(&self) -> bool {
        INFORMATION.contains(&self.mode.as_str())
    }

    /// Names of the signals that spoke, loudest first.
    pub fn top_contributors(&self) -> Vec<String> {
        self.evidence.iter().map(|evidence| evidence.signal.clone()).collect()
    }
}

/// How urgent an incident is, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Plan a look.
    Warning,
    /// Act today.
    Critical,
}

impl Severity {
    /// All, least urgent first.
    pub const ALL: [Self; 3] = [Self::Info, Self::Warning, Self::Critical];

    /// The word people and tables use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == text)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
