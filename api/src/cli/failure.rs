//! How a command ends when it does not end well: one text for the person, one code for the script.

use std::{io, path::Path};

/// Exit code of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Something broke while working.
    Failed = 1,
    /// What was asked cannot be done as asked.
    Usage = 2,
    /// Rows were refused and `--strict` was given.
    Refused = 3,
    /// The store is damaged.
    Damaged = 4,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The arguments, mapping, configuration or query are wrong; the text says what would be right.
    #[error("{0}")]
    Usage(String),
    /// Work could not be finished.
    #[error("{0}")]
    Work(String),
    /// Rows were refused under `--strict`.
    #[error("{refused} rows were refused; they are in {place}")]
    Refused {
        /// How many.
        refused: u64,
        /// The rejects file.
        place: String,
    },
    /// Rows of the store are lost or wrong.
    #[error("{findings} finding{} of damage; each says what to do", if *findings == 1 { "" } else { "s" })]
    Damaged {
        /// How many.
        findings: usize,
    },
    /// The reader of our output went away.
    #[error("the output was closed")]
    Pipe,
}

impl Failure {
    pub(super) fn usage(text: impl Into<String>) -> Self {
        Self::Usage(text.into())
    }

    pub(super) fn work(cause: impl std::fmt::Display) -> Self {
        Self::Work(cause.to_string())
    }

    pub(super) fn io(path: &Path, cause: &io::Error) -> Self {
        Self::Work(format!("{}: {cause}", path.display()))
    }

    /// The exit code that goes with it.
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Refused { .. } => Exit::Refused,
            Self::Damaged { .. } => Exit::Damaged,
            Self::Work(_) | Self::Pipe => Exit::Failed,
        }
    }
}

impl From<io::Error> for Failure {
    fn from(cause: io::Error) -> Self {
        if cause.kind() == io::ErrorKind::BrokenPipe { Self::Pipe } else { Self::Work(cause.to_string()) }
    }
}

impl From<arrow::error::ArrowError> for Failure {
    fn from(cause: arrow::error::ArrowError) -> Self {
        match cause {
            arrow::error::ArrowError::IoError(_, cause) => cause.into(),
            other => Self::Work(other.to_string()),
        }
    }
}

impl From<parquet::errors::ParquetError> for Failure {
    fn from(cause: parquet::errors::ParquetError) -> Self {
        Self::Work(cause.to_string())
    }
}

impl From<engine::domain::DomainError> for Failure {
    fn from(cause: engine::domain::DomainError) -> Self {
        Self::Usage(cause.to_string())
    }
}
