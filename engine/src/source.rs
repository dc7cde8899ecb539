//! The port through which readings come in: pages and a cursor that is saved only after the page was stored.

use crate::domain::{Asset, DomainError, Readings};
use arrow::array::RecordBatch;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;

/// Where a source stands; opaque to the house, saved after each stored page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor(pub String);

/// What a page carries.
#[derive(Debug, Clone, PartialEq)]
pub enum Rows {
    /// Telemetry of one asset kind.
    Readings(Readings),
    /// Rows of a table with a fixed or wide schema: `weather_forecast`, `quality_flags`, `annotations`, `events`.
    Other(crate::domain::Table, RecordBatch),
    /// Assets to add or update.
    Assets(Vec<Asset>),
}

/// A line that could not become a reading, kept for the rejects file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// Line in the source, counted from 1, where the source has lines.
    pub line: Option<u64>,
    /// Short stable reason, for counting: `bad_time`, `bad_number`, `unknown_asset`, `out_of_range`, ….
    pub reason: &'static str,
    /// The whole story, with asset, time and remedy where known.
    pub detail: String,
    /// The raw text.
    pub raw: String,
}

/// Some rows and where to go on.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// What arrived, in order.
    pub rows: Vec<Rows>,
    /// What arrived and could not be read.
    pub rejects: Vec<Reject>,
    /// Save this after the rows were stored; `None` when the source keeps no place.
    pub cursor: Option<Cursor>,
    /// Bytes of the source consumed so far, for a progress bar.
    pub bytes_read: u64,
    /// No more pages will come now.
    pub done: bool,
}

/// Why a source could not go on.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A file or connection failed; trying again may help.
    #[error("cannot read {place}: {cause}")]
    Io {
        /// File or address.
        place: String,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The configuration or mapping is wrong; trying again will not help.
    #[error("{place}: {problem}")]
    Mapping {
        /// File and key, or column.
        place: String,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// The data have a shape we cannot read at all.
    #[error("{place}: {problem}")]
    Format {
        /// File and line where known.
        place: String,
        /// What was found and expected.
        problem: String,
    },
    /// A name, unit or batch was refused by the vocabulary.
    #[error("{place}: {cause}")]
    Domain {
        /// File and key, or line.
        place: String,
        /// The refusal.
        cause: DomainError,
    },
}

/// A place readings come from. Pull pages; restarting from a cursor loses and doubles nothing.
#[async_trait]
pub trait Source: Debug + Send {
    /// Name for logs and metrics.
    fn name(&self) -> &str;

    /// The next page after `after` (`None`: from the beginning, or from where this object stands).
    ///
    /// # Errors
    /// [`SourceError`]; after an error the source may be asked again with the same cursor.
    async fn next_page(&mut self, after: Option<Cursor>) -> Result<Page, SourceError>;

    /// Leaves the peer in good order: what was stored is acknowledged, sessions are ended. Nothing is asked afterwards.
    async fn close(&mut self) {}
}
