//! The criticality counter: up by one on an anomalous row, down on a quiet one, never below zero, still while the
//! status is not normal. An incident opens when it reaches the limit and closes when it is back at zero.
//!
//! Source: Gück et al. (2024), CARE to Compare, Data 9(12), algorithm 1.

/// Counter with the memory of one open incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Criticality {
    limit: u32,
    counter: u32,
    open: bool,
}

/// What a row did to the incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    Nothing,
    Opened,
    Closed,
}

impl Criticality {
    /// Opens at `limit`; the counter stops at twice that, so a long fault does not take weeks to forget.
    pub(crate) fn new(limit: u32) -> Self {
        Self { limit: limit.max(1), counter: 0, open: false }
    }

    /// True while nothing is held against the asset.
    pub(crate) fn is_quiet(&self) -> bool {
        self.counter == 0
    }

    /// Takes one row.
    pub(crate) fn step(&mut self, anomalous: bool, normal: bool) -> Turn {
        if !normal {
            return Turn::Nothing;
        }
        self.counter =
            if anomalous { (self.counter + 1).min(self.limit.saturating_mul(2)) } else { self.counter.saturating_sub(1) };
        if !self.open && self.counter >= self.limit {
            self.open = true;
            return Turn::Opened;
        }
        if self.open && self.counter == 0 {
            self.open = false;
            return Turn::Closed;
        }
        Turn::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::{Criticality, Turn};

    #[test]
    fn worked_by_hand() {
        let mut counter = Criticality::new(3);
        let rows = [
            (true, true, Turn::Nothing),   // 1
            (false, true, Turn::Nothing),  // 0
            (false, true, Turn::Nothing),  // floor 0
            (true, true, Turn::Nothing),   // 1
            (true, false, Turn::Nothing),  // still 1
            (true, true, Turn::Nothing),   // 2
            (true, true, Turn::Opened),    // 3
            (false, true, Turn::Nothing),  // 2
            (true, true, Turn::Nothing),   // 3, open already
            (false, true, Turn::Nothing),  // 2
            (false, true, Turn::Nothing),  // 1
            (false, false, Turn::Nothing), // still 1
            (false, true, Turn::Closed),   // 0
        ];
        for (i, (anomalous, normal, expected)) in rows.into_iter().enumerate() {
            assert_eq!(counter.step(anomalous, normal), expected, "row {i}");
        }
        for _ in 0..50 {
            counter.step(true, true);
        }
        let closing = (0..).take_while(|_| counter.step(false, true) != Turn::Closed).count();
        assert_eq!(closing, 5, "capped at twice the limit");
    }
}
