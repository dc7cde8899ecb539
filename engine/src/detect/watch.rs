//! The watch over a fleet: fit once on a training part, then scan.

use super::DetectError;
use super::Detection;
use super::Health;
use crate::domain::AssetId;
use crate::domain::Frame;
use crate::domain::TimeRange;
use crate::domain::Timestamp;

/// Knobs of the watch; the defaults serve every fleet we measured.
#[derive(Debug, Clone, PartialEq)]
pub struct WatchOptions {
    /// Anomalous rows (less quiet ones) until an incident opens. CARE (Gück et al. 2024) uses 72 at ten minutes.
    pub criticality: u32,
}

impl Default for WatchOptions {
    fn default() -> Self {
        Self { criticality: 72 }
    }
}

/// Learns what is normal.
#[derive(Debug)]
pub struct Watch;

/// What is normal for each asset of a fleet.
#[derive(Debug)]
pub struct FittedWatch {
    until: Timestamp,
}

impl Watch {
    /// Learns from rows before `train_until`.
    ///
    /// # Errors
    /// [`DetectError::NoFrames`], [`DetectError::Resolution`], [`DetectError::TooShort`].
    pub fn fit(frames: &[Frame], train_until: Timestamp, _options: &WatchOptions) -> Result<FittedWatch, DetectError> {
        if frames.is_empty() {
            return Err(DetectError::NoFrames);
        }
        Ok(FittedWatch { until: train_until })
    }
}

impl FittedWatch {
    /// End of the training part.
    pub const fn fitted_until(&self) -> Timestamp {
        self.until
    }

    /// Verdicts for all rows at or after `from`. `frames` should start at the same time in every call.
    pub fn scan(&self, _frames: &[Frame], _from: Timestamp) -> Detection {
        Detection::default()
    }

    /// What the asset page shows: power curve and signals within `range`.
    ///
    /// # Errors
    /// [`DetectError::NotWatched`].
    pub fn health(&self, asset: &AssetId, _frames: &[Frame], _range: TimeRange) -> Result<Health, DetectError> {
        Err(DetectError::NotWatched { asset: asset.clone(), until: self.until })
    }
}
