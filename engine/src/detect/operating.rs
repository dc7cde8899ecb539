//! What a machine is doing, in words people use: the operating state of every row, for tables and pages.
//!
//! In: a frame, the set-point that means "not limited", and, for ice, what the watch makes of the power. Out: one
//! [`OperatingState`] per row. A set-point outranks the status word, which often says nothing of it. Deliberately not
//! here: faults. None of these states is one.

use super::state::State;
use super::state::held;
use super::state::states;
use crate::domain::AssetId;
use crate::domain::Frame;
use crate::domain::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What the asset was doing in one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperatingState {
    /// Free to produce what the resource allows.
    Normal,
    /// Held back by its own controller, as its status word says.
    Derated,
    /// Held back by a set-point below the free one, whatever the status word says.
    Curtailed,
    /// Waiting for wind, sun or load.
    Idle,
    /// People are at work on it.
    Service,
    /// Stopped, nobody said why.
    Down,
    /// No usable row came.
    CommsLost,
    /// Runs, but makes much less than the wind allows while it is cold.
    Icing,
}

/// The state of one row of one asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatingRow {
    /// Whose row.
    pub asset: AssetId,
    /// Time of the row.
    pub time: Timestamp,
    /// What it was doing.
    pub state: OperatingState,
}

impl OperatingState {
    /// All, in the order of the declaration.
    pub const ALL: [Self; 8] =
        [Self::Normal, Self::Derated, Self::Curtailed, Self::Idle, Self::Service, Self::Down, Self::CommsLost, Self::Icing];

    /// The word tables use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Derated => "derated",
            Self::Curtailed => "curtailed",
            Self::Idle => "idle",
            Self::Service => "service",
            Self::Down => "down",
            Self::CommsLost => "comms_lost",
            Self::Icing => "icing",
        }
    }
}

impl fmt::Display for OperatingState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// State of every row of a frame, from its status word, set-point and power; `free` is the set-point that means "not
/// limited" (kW), `None` where nobody sets one. Never [`OperatingState::Icing`]: that takes a model of the power.
pub fn operating_states(frame: &Frame, free: Option<f64>) -> Vec<OperatingState> {
    let word = |(row, state): (usize, State)| match state {
        State::Free => OperatingState::Normal,
        State::Limited if held(frame, free, row) => OperatingState::Curtailed,
        State::Limited => OperatingState::Derated,
        State::Idle => OperatingState::Idle,
        State::Service => OperatingState::Service,
        State::Down => OperatingState::Down,
        State::NoData => OperatingState::CommsLost,
    };
    states(frame, free).into_iter().enumerate().map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::{OperatingState, operating_states};
    use crate::domain::{Asset, AssetId, AssetKind, Frame, Quantity, Resolution, from_micros};
    use std::collections::BTreeMap;

    #[test]
    fn a_set_point_outranks_the_status_word() {
        let asset = Asset::new(AssetId::parse("T1").unwrap(), AssetKind::WindTurbine);
        let columns = BTreeMap::from([
            (Quantity::ACTIVE_POWER, vec![900.0, 600.0, 600.0, 0.0, -5.0, 0.0, f64::NAN, 500.0]),
            (Quantity::ACTIVE_POWER_LIMIT, vec![2050.0, 600.0, 600.0, 2050.0, 2050.0, 2050.0, f64::NAN, 2050.0]),
            (Quantity::TURBINE_STATUS, vec![0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 0.0, 1.0]),
        ]);
        let frame = Frame::new(asset, from_micros(0), Resolution::parse("PT10M").unwrap(), vec![0; 8], columns);
        let names: Vec<&str> = operating_states(&frame, Some(2050.0)).into_iter().map(OperatingState::name).collect();
        assert_eq!(names, ["normal", "curtailed", "curtailed", "idle", "service", "down", "comms_lost", "derated"]);
    }
}
