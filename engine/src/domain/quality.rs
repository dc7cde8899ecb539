//! How good a value is, in the words of IEC 61850-7-3.

use super::{DomainError, Timestamp};
use serde::{Deserialize, Serialize};

/// Quality of one value. `Invalid` values are null in the wide tables and keep their story in `quality_flags`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// Nothing speaks against it.
    Good,
    /// Kept, but something is odd.
    Questionable,
    /// Kept, but not measured (61850: substituted).
    Estimated,
    /// Not usable: null in the table, the raw value in `quality_flags`.
    Invalid,
}

impl Quality {
    /// The word stored in `quality_flags.quality`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Questionable => "questionable",
            Self::Estimated => "estimated",
            Self::Invalid => "invalid",
        }
    }

    /// Reads the word.
    ///
    /// # Errors
    /// [`DomainError::Choice`].
    pub fn parse(text: &str) -> Result<Self, DomainError> {
        [Self::Good, Self::Questionable, Self::Estimated, Self::Invalid].into_iter().find(|q| q.name() == text).ok_or_else(|| {
            DomainError::Choice { field: "quality", text: text.into(), known: "good, questionable, estimated, invalid" }
        })
    }
}

/// What the quality check says about a stored value, or a stretch of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlaggedValue {
    /// Time of the (first) row.
    pub time: Timestamp,
    /// Time of the last row where the flag is about a stretch of rows.
    pub until: Option<Timestamp>,
    /// What the value is worth.
    pub quality: Quality,
    /// The word in `quality_flags.reason`.
    pub reason: String,
}
