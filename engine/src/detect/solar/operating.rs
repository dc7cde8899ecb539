//! What each inverter was doing, row by row.
//!
//! In: a finished [`Scan`]. Out: one [`OperatingState`] a row. At night an inverter waits for the sun; without power while the others
//! produce it is down. Deliberately not here: whether that is a fault.

use super::episode::Kind;
use super::ground::NOTHING;
use super::ground::SUNNY;
use super::scan::Scan;
use crate::detect::OperatingState;

impl Scan<'_> {
    /// The state of an inverter, by its place, in a row. `Derated` is heat that was told by then.
    pub(super) fn operating(&self, inverter: usize, row: usize) -> OperatingState {
        let (plant, normal) = (self.ground.plant, self.ground.normal);
        let own = &plant.inverters[inverter];
        let share = own.power[row] / own.rated;
        let hot = || {
            let of = self.episodes.iter().filter(|e| e.kind == Kind::Derate && e.inverter == Some(inverter));
            of.into_iter().any(|e| e.opened <= row && e.ended.is_none_or(|end| row < end))
        };
        if !own.here[row] || share.is_nan() {
            OperatingState::CommsLost
        } else if normal.inverters[inverter].limited(own.limit[row]) {
            OperatingState::Curtailed
        } else if share >= NOTHING {
            if hot() { OperatingState::Derated } else { OperatingState::Normal }
        } else if self.ground.peers[row] > SUNNY {
            OperatingState::Down
        } else {
            OperatingState::Idle
        }
    }
}
