//! Watching over assets: is the datum good, is the machine well, since when not, which part, and what did it cost.
//!
//! In: frames of one fleet on a regular grid ([`crate::domain::Frame`], NaN = missing). Out: [`QualityFlag`]s, one verdict per row
//! ([`Point`]) and [`Incident`]s. Pure: no disk, no clock, no randomness. Causal: a verdict at `t` uses rows up to `t`,
//! thresholds come from the training part. Deliberately not here: alerts and their lifecycle (`alert`), storage.

mod alarm_log;
mod attribution;
mod budget;
mod criticality;
mod curve;
mod curve_scan;
mod delay;
mod evidence;
mod fleet;
mod frozen;
mod grid;
mod heading;
mod health;
mod incident;
mod incidents;
mod machine;
mod neighbours;
mod operating;
mod pitch;
mod power;
mod quality;
mod regression;
mod rehearsal;
mod relief;
mod residual;
mod shortfall;
mod solar;
mod specialist;
mod state;
mod stream;
mod subspace;
mod temperature;
mod transformer;
mod trend;
mod watch;

pub use alarm_log::{ALARM_LOG, AlarmLog, AlarmLogOptions, BEFORE, FiledLine, LogEpisode, alarm_log};
pub use curve_scan::CurveScan;
pub use delay::{DetectionDelay, DetectionPower};
pub use health::{CurveBin, CurvePoint, Health, HealthSignal};
pub use incident::{Evidence, Incident, Outlook, Severity};
pub use operating::{OperatingRow, OperatingState, operating_states};
pub use quality::{
    Balance, MeterOf, QualityFlag, QualityOptions, Reason, fit_to_learn_from, history_flags, meters, quality_flags, settle, usable,
};
pub use solar::{Degradation, SoilingDay};
pub use subspace::{Column, FittedSubspace, Role, RowVerdict, Scratch, Subspace, SubspaceError, SubspaceOptions, SubspaceState};
pub use watch::{FittedWatch, Watch, WatchOptions};

use crate::domain::AssetId;
use crate::domain::Timestamp;

/// What `detect` says about some rows of a fleet.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Detection {
    /// One per row present at or after `from`, by asset, then time.
    pub points: Vec<Point>,
    /// Incidents that were open at or after `from`, by opening time, then asset.
    pub incidents: Vec<Incident>,
    /// Dust per solar plant and day from `from` on, by plant, then date; empty without a plant that can tell.
    pub soiling: Vec<SoilingDay>,
    /// Ageing per solar plant, as of the last row.
    pub degradation: Vec<Degradation>,
}

/// The verdict on one row.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Whose row.
    pub asset: AssetId,
    /// Time of the row.
    pub time: Timestamp,
    /// True when something is wrong with the asset, by all we know up to this row.
    pub anomaly: bool,
    /// Largest evidence over its limit; 1 is the alarm line. Finite, not negative. Of an asset without a model: its surprise, 0 to 1.
    pub score: f64,
}

/// Modes that inform: a person needs to know, nobody needs to climb.
pub const INFORMATION: [&str; 12] = [
    "curtailment",
    "maintenance",
    "comms_loss",
    "link_silent",
    "downtime",
    "northing_step",
    "unusual_value",
    "clipping",
    "soiling",
    "dust_storm",
    "rain",
    "washing",
];

/// Why nothing can be watched.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DetectError {
    /// No frames at all.
    #[error("there is no telemetry to learn from; import readings first")]
    NoFrames,
    /// Frames of different resolutions.
    #[error("{asset} comes every {found}, the others every {expected}; resample before watching them together")]
    Resolution {
        /// The odd one.
        asset: AssetId,
        /// Its resolution.
        found: String,
        /// That of the first frame.
        expected: String,
    },
    /// Too few usable rows before the training end.
    #[error("{asset} has {rows} usable rows before {until}, {needed} are needed; train on a longer stretch")]
    TooShort {
        /// The asset with the most rows.
        asset: AssetId,
        /// Its usable rows.
        rows: usize,
        /// End of the training part.
        until: Timestamp,
        /// What is needed.
        needed: usize,
    },
    /// Nobody was fitted under that id.
    #[error("{asset} is not watched: it had too few usable rows before {until}; fit again on more data")]
    NotWatched {
        /// The asset asked for.
        asset: AssetId,
        /// End of the training part.
        until: Timestamp,
    },
}

#[cfg(test)]
mod tests;
