//! Is the datum good? Flags for values that are out of range, frozen, jumping, made up or missing.

use crate::domain::AssetId;
use crate::domain::Frame;
use crate::domain::Quality;
use crate::domain::Quantities;
use crate::domain::Quantity;
use crate::domain::Timestamp;

/// What is wrong with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Outside what physics or the asset's capacity allows.
    OutOfRange,
    /// The same non-zero value again and again.
    Stale,
    /// No value where the grid expects one.
    Gap,
    /// A jump there and back.
    Spike,
    /// On a straight line between its neighbours: filled in by somebody.
    Interpolated,
    /// Held at a ceiling.
    Clipped,
    /// Far from anything seen in the series.
    Outlier,
}

impl Reason {
    /// The word stored in `quality_flags.reason`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OutOfRange => "out_of_range",
            Self::Stale => "stale",
            Self::Gap => "gap",
            Self::Spike => "spike",
            Self::Interpolated => "interpolated",
            Self::Clipped => "clipped",
            Self::Outlier => "outlier",
        }
    }
}

/// One row of `quality_flags`.
#[derive(Debug, Clone, PartialEq)]
pub struct QualityFlag {
    /// Whose value.
    pub asset: AssetId,
    /// Which column.
    pub quantity: Quantity,
    /// Time of the row.
    pub time: Timestamp,
    /// `Invalid` for what cannot be true, `Estimated` for filled values, else `Questionable`.
    pub quality: Quality,
    /// What is wrong.
    pub reason: Reason,
    /// The value as it came, NaN for a gap.
    pub raw_value: f64,
}

/// Knobs of the quality checks.
#[derive(Debug, Clone, PartialEq)]
pub struct QualityOptions {
    /// Equal non-zero values in a row that count as stale.
    pub stale_run: usize,
}

impl Default for QualityOptions {
    fn default() -> Self {
        Self { stale_run: 6 }
    }
}

/// Flags of one frame, by quantity, then time.
pub fn quality_flags(_frame: &Frame, _known: &Quantities, _options: &QualityOptions) -> Vec<QualityFlag> {
    Vec::new()
}
