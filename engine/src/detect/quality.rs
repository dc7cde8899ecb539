//! Is the datum good? One verdict per value, with its reason; what each reason means stands in `docs/quality.md`.
//!
//! In: one frame, or several with [`Balance`]. Out: [`QualityFlag`]s for the table `quality_flags`. It looks at the whole frame (a
//! run is flagged from its first row), so it cleans data and judges no machine; that is `watch`. Here the reasons meet; each is found
//! in a file of its own below. [`history_flags`] are the verdicts that need more history than a live cycle reads.

mod balance;
mod bound;
mod clip;
mod clock;
mod column;
mod counter;
mod days;
mod gap;
mod irradiance;
mod level;
mod rest;
mod run;
mod settle;
mod shape;
mod sign;
mod spike;
mod unit;
mod usable;
mod usual;

pub use balance::{Balance, MeterOf, meters};
pub(super) use run::stuck_from;
pub use settle::settle;
pub use usable::{fit_to_learn_from, usable};

use crate::domain::AssetId;
use crate::domain::Frame;
use crate::domain::Quality;
use crate::domain::Quantities;
use crate::domain::Quantity;
use crate::domain::Timestamp;
use bound::Stretch;
use bound::stretches;

/// What is wrong with a value, worst first: a value has the first of the reasons up to [`Reason::Gap`]; those after it stand beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// In another unit than before: W for kW, kelvin for °C.
    UnitJump,
    /// Production of the size of the machine, below zero.
    SignError,
    /// Outside what physics or the asset's capacity allows.
    OutOfRange,
    /// Irradiance beyond what is physically possible (Long and Shi 2008).
    Impossible,
    /// The same non-zero value again and again.
    Stale,
    /// On a straight line between its neighbours: filled in by somebody.
    Interpolated,
    /// A jump there and back.
    Spike,
    /// Held at a ceiling.
    Clipped,
    /// Far from anything seen in the series, or beyond the rating.
    Outlier,
    /// Global, direct and diffuse irradiance do not add up (Long and Shi 2008).
    Closure,
    /// Irradiance beyond what is seen but rarely (Long and Shi 2008).
    Rare,
    /// No value where the grid expects one.
    Gap,
    /// First row of a level that lasts.
    Shift,
    /// Early or late: the logger's clock is off.
    TimeShift,
    /// A register that counts anew from here.
    CounterReset,
    /// A meter that does not agree with what it measures.
    MeterMismatch,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 16] = [
        Self::UnitJump,
        Self::SignError,
        Self::OutOfRange,
        Self::Impossible,
        Self::Stale,
        Self::Interpolated,
        Self::Spike,
        Self::Clipped,
        Self::Outlier,
        Self::Closure,
        Self::Rare,
        Self::Gap,
        Self::Shift,
        Self::TimeShift,
        Self::CounterReset,
        Self::MeterMismatch,
    ];

    /// The word stored in `quality_flags.reason`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnitJump => "unit_jump",
            Self::SignError => "sign_error",
            Self::OutOfRange => "out_of_range",
            Self::Impossible => "irradiance_impossible",
            Self::Stale => "stale",
            Self::Interpolated => "interpolated",
            Self::Spike => "spike",
            Self::Clipped => "clipped",
            Self::Outlier => "outlier",
            Self::Closure => "irradiance_closure",
            Self::Rare => "irradiance_rare",
            Self::Gap => "gap",
            Self::Shift => "shift",
            Self::TimeShift => "time_shift",
            Self::CounterReset => "counter_reset",
            Self::MeterMismatch => "meter_mismatch",
        }
    }

    /// What the value is worth.
    pub const fn quality(self) -> Quality {
        match self {
            Self::UnitJump | Self::SignError | Self::OutOfRange | Self::Impossible | Self::Gap => Quality::Invalid,
            Self::Interpolated => Quality::Estimated,
            _ => Quality::Questionable,
        }
    }

    /// True where the value must not be learnt from. What is clipped or rare is real, and a new level is the truth of tomorrow.
    pub const fn bars_learning(self) -> bool {
        use Reason::{Impossible, Interpolated, OutOfRange, Outlier, SignError, Spike, Stale, TimeShift, UnitJump};
        matches!(self, UnitJump | SignError | OutOfRange | Impossible | Stale | Interpolated | Spike | Outlier | TimeShift)
    }

    /// True for verdicts that may need more history than a live cycle reads.
    pub const fn needs_history(self) -> bool {
        matches!(self, Self::UnitJump | Self::Shift | Self::TimeShift)
    }

    /// True where the verdict is about a stretch of time, which gets one flag with an end.
    const fn is_of_stretches(self) -> bool {
        matches!(self, Self::UnitJump | Self::Gap | Self::TimeShift | Self::MeterMismatch | Self::Closure | Self::Rare)
    }
}

/// One row of `quality_flags`.
#[derive(Debug, Clone, PartialEq)]
pub struct QualityFlag {
    /// Whose value.
    pub asset: AssetId,
    /// Which column.
    pub quantity: Quantity,
    /// Time of the (first) row.
    pub time: Timestamp,
    /// Time of the last row where the flag is about a stretch of rows; `None` for one value.
    pub until: Option<Timestamp>,
    /// `Invalid` for what cannot be true, `Estimated` for filled values, else `Questionable`.
    pub quality: Quality,
    /// What is wrong.
    pub reason: Reason,
    /// The (first) value as it came, NaN for a gap.
    pub raw_value: f64,
}

/// Knobs of the quality checks.
#[derive(Debug, Clone, PartialEq)]
pub struct QualityOptions {
    /// Equal non-zero values in a row that count as stale, where chance gives no more.
    pub stale_run: usize,
    /// Equal non-zero increments in a row that count as interpolated, where chance gives no more.
    pub linear_run: usize,
    /// Robust deviations of an increment, there and back, that count as a spike.
    pub spike: f64,
    /// Standard deviations from the mean that count as an outlier.
    pub outlier: f64,
    /// Power beyond this many times the capacity, or as far below zero as this is above one, is an outlier.
    pub over_rating: f64,
    /// A stretch of power beyond this many times the capacity is out of range, on either side of zero; a single value is an outlier.
    pub over_capacity: f64,
}

impl Default for QualityOptions {
    fn default() -> Self {
        Self { stale_run: 6, linear_run: 5, spike: 12.0, outlier: 6.0, over_rating: 1.1, over_capacity: 1.5 }
    }
}

/// Flags of one frame, by quantity, then time.
pub fn quality_flags(frame: &Frame, known: &Quantities, options: &QualityOptions) -> Vec<QualityFlag> {
    let look = |quantity: &Quantity, values: &[f64]| {
        let mut found = stretches(&column::marks(frame, quantity, values, known, options), frame.resolution.steps_per_day());
        found.extend(column::beside(frame, quantity, values));
        found.extend(column::from_history(frame, quantity, values));
        found
    };
    flags(frame, look)
}

/// Only the flags that need a long history (`shift`, `time_shift`, `unit_jump`): a frame of a few days has none.
pub fn history_flags(frame: &Frame) -> Vec<QualityFlag> {
    flags(frame, |quantity, values| {
        let mut found = column::from_history(frame, quantity, values);
        found.extend(column::units(frame, quantity, values));
        found
    })
}

fn flags(frame: &Frame, look: impl Fn(&Quantity, &[f64]) -> Vec<Stretch>) -> Vec<QualityFlag> {
    let mut out = Vec::new();
    for quantity in frame.quantities() {
        let Some(values) = frame.column(quantity) else { continue };
        let mut found = look(quantity, values);
        found.sort_unstable();
        out.extend(found.into_iter().map(|stretch| QualityFlag {
            asset: frame.asset.id.clone(),
            quantity: quantity.clone(),
            time: frame.time(stretch.first),
            until: (stretch.last > stretch.first).then(|| frame.time(stretch.last)),
            quality: stretch.reason.quality(),
            reason: stretch.reason,
            raw_value: values[stretch.first],
        }));
    }
    out
}

#[cfg(test)]
mod tests;
