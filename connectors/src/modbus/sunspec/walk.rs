//! The walk over a device's models: marker, then number and length, to the end.
//!
//! In: two registers at a time (SunSpec Device Information Model Specification V1.1, 5.1). Out: a [`Map`]. Whatever the registers say, the
//! walk ends: every step goes up, and there are at most [`MOST`]. Not here: reading.

/// Where a map may begin, likeliest first.
pub(in super::super) const BASES: [u16; 3] = [40_000, 0, 50_000];
/// `SunS`.
pub(in super::super) const MARK: [u16; 2] = [0x5375, 0x6e53];
/// Models of one device we follow.
const MOST: usize = 256;

/// A model in a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Placed {
    /// Number of the model.
    pub(in super::super) id: u16,
    /// Registers after ID and L.
    pub(in super::super) length: u16,
    /// Address of its ID.
    pub(in super::super) start: u16,
}

/// A device's models, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in super::super) struct Map {
    /// The models.
    pub(in super::super) models: Vec<Placed>,
}

impl Map {
    /// The `instance`th model of this number, from 1.
    pub(in super::super) fn find(&self, id: u16, instance: u16) -> Option<Placed> {
        self.models.iter().filter(|placed| placed.id == id).nth(usize::from(instance).checked_sub(1)?).copied()
    }
}

/// A walk under way.
#[derive(Debug)]
pub(in super::super) struct Walk {
    map: Map,
    /// Address of the next ID; `None`: at the end.
    next: Option<u16>,
}

impl Walk {
    /// Begins after the marker at `base`.
    pub(in super::super) fn new(base: u16) -> Self {
        Self { map: Map::default(), next: base.checked_add(2) }
    }

    /// Address of the two registers wanted next; `None`: done.
    pub(in super::super) const fn wants(&self) -> Option<u16> {
        self.next
    }

    /// Takes them.
    pub(in super::super) fn take(&mut self, id: u16, length: u16) {
        let Some(start) = self.next.take() else { return };
        if id == 0xFFFF {
            return;
        }
        // A model that would pass the last register is none.
        let Some(end) = start.checked_add(2).and_then(|at| at.checked_add(length)) else { return };
        self.map.models.push(Placed { id, length, start });
        self.next = Some(end).filter(|_| self.map.models.len() < MOST);
    }

    /// The map so far.
    pub(in super::super) fn map(self) -> Map {
        self.map
    }
}
