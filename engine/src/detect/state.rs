//! What a machine is doing, row by row: only a machine that produces freely can be judged by its power.
//!
//! In: `turbine_status` (0 normal, 1 derated, 2 idle, 3 service, 4 down), the set-point, the power. Out: one [`State`]
//! per row and stretches of equal state. Deliberately not here: whether the machine does it well.

use crate::domain::Frame;
use crate::domain::Quantity;

/// What the machine is doing in one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Free to produce what the resource allows.
    Free,
    /// Held by a set-point.
    Limited,
    /// Waiting for wind, sun or load.
    Idle,
    /// People are at work on it.
    Service,
    /// Stopped, nobody said why.
    Down,
    /// No usable row.
    NoData,
}

impl State {
    /// True where the machine runs, freely or not.
    pub(crate) const fn runs(self) -> bool {
        matches!(self, Self::Free | Self::Limited)
    }

    /// True where a verdict may stand: a stopped or silent machine is judged by nobody.
    pub(crate) const fn judged(self) -> bool {
        matches!(self, Self::Free | Self::Limited | Self::Idle)
    }
}

/// Share of the free set-point below which a machine counts as held.
const HELD: f64 = 0.995;

/// State of every row. `free` is the set-point that means "not limited".
pub(crate) fn states(frame: &Frame, free: Option<f64>) -> Vec<State> {
    let status = frame.column(&Quantity::TURBINE_STATUS);
    let power = frame.column(&Quantity::ACTIVE_POWER).or_else(|| frame.column(&Quantity::LOAD));
    (0..frame.len)
        .map(|row| {
            let measured = match power {
                Some(power) => power[row].is_finite(),
                None => frame.available_at[row] != i64::MAX,
            };
            let held = held(frame, free, row);
            let code = status.map_or(0.0, |status| status[row]);
            if !measured || code.is_nan() {
                State::NoData
            } else if code >= 3.5 {
                State::Down
            } else if code >= 2.5 {
                State::Service
            } else if code >= 1.5 {
                State::Idle
            } else if code >= 0.5 || held {
                State::Limited
            } else {
                State::Free
            }
        })
        .collect()
}

/// True where the set-point of a row holds the machine back.
pub(crate) fn held(frame: &Frame, free: Option<f64>, row: usize) -> bool {
    let limit = frame.column(&Quantity::ACTIVE_POWER_LIMIT);
    limit.zip(free).is_some_and(|(limit, free)| limit[row] < HELD * free)
}

/// True where the status word is normal and no set-point holds, so that the criticality counter may move; without a status
/// word, where data are.
pub(crate) fn counts(frame: &Frame, states: &[State]) -> Vec<bool> {
    let status = frame.column(&Quantity::TURBINE_STATUS);
    let normal = |row: usize| status.is_none_or(|status| status[row] == 0.0);
    (0..states.len()).map(|row| normal(row) && !matches!(states[row], State::NoData | State::Limited)).collect()
}

/// True in the first row after a service stop of an hour or more.
pub(crate) fn visits(len: usize, states: &[State], hours: f64) -> Vec<bool> {
    let mut out = vec![false; len];
    for (_, end) in stretches(len, ((1.0 / hours) as usize).max(1), |row| states[row] == State::Service) {
        if let Some(after) = out.get_mut(end) {
            *after = true;
        }
    }
    out
}

/// Stretches `[first, last)` of at least `least` rows in which `inside` holds.
pub(crate) fn stretches(len: usize, least: usize, inside: impl Fn(usize) -> bool) -> Vec<(usize, usize)> {
    let mut out = Vec::new();
    let mut first = None;
    for row in 0..=len {
        let holds = row < len && inside(row);
        match (first, holds) {
            (None, true) => first = Some(row),
            (Some(start), false) => {
                if row - start >= least {
                    out.push((start, row));
                }
                first = None;
            }
            _ => {}
        }
    }
    out
}
