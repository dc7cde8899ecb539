//! What can go wrong with the disk, and what the operator can do about it.

use crate::domain::DomainError;
use crate::domain::Table;
use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use deltalake::DeltaTableError;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why the store could not do it. Nothing was acknowledged; the same call may be made again.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system refused a file operation.
    #[error("cannot {action} {}: {cause}; {}", path.display(), remedy(cause))]
    Io {
        /// What was tried: "create", "write", ….
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The object store refused, or could not be reached.
    #[error("cannot {action} {url}: {cause}; {}", storage_remedy(cause))]
    Storage {
        /// What was tried: "read", "write", ….
        action: &'static str,
        /// The object.
        url: String,
        /// What the object store said.
        cause: Box<object_store::Error>,
    },
    /// Another process has the store open.
    #[error("{} is in use by another process ({holder}); ask that process over HTTP (POST /api/v1/sql), stop it, or choose another data directory", root.display())]
    Locked {
        /// The data directory.
        root: PathBuf,
        /// What the lock file says about the holder, "pid 4711".
        holder: String,
    },
    /// The tables on the server are another store's.
    #[error(
        "{url} says these tables belong to {owner}; choose another [storage] url, or, if that data directory is gone for good with its log, remove that object"
    )]
    Owned {
        /// The object that says so.
        url: String,
        /// What it says.
        owner: String,
    },
    /// A setting cannot be used.
    #[error("{field} is {value:?}: {problem}")]
    Setting {
        /// The setting.
        field: &'static str,
        /// What stands there.
        value: String,
        /// What is wrong with it, and what may stand there.
        problem: String,
    },
    /// A backup cannot be made or used.
    #[error("{}: {problem}", path.display())]
    Backup {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// A file of the write-ahead log cannot be read although it was acknowledged.
    #[error(
        "the log file {} is damaged: {cause}; its rows were acknowledged, so restore it from a backup, or move it away to go on without them",
        path.display()
    )]
    DamagedLog {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        cause: ArrowError,
    },
    /// The write-ahead log holds rows of a table this version does not know.
    #[error("the log file {} holds rows of table {table:?}, which this version does not know; open the store with a newer version", path.display())]
    UnknownTable {
        /// The file.
        path: PathBuf,
        /// The table.
        table: String,
    },
    /// Delta Lake refused to open, read or commit a table.
    #[error("table {table}: cannot {action}: {cause}; {}", delta_remedy(cause))]
    Delta {
        /// The table.
        table: String,
        /// What was tried.
        action: &'static str,
        /// What Delta said.
        cause: Box<DeltaTableError>,
    },
    /// A table was changed by another program in a way this version cannot read.
    #[error(
        "table {table} was rewritten by another program with {feature}, which this version cannot read; restore the table to an older version with that program"
    )]
    Foreign {
        /// The table.
        table: String,
        /// The Delta feature.
        feature: &'static str,
    },
    /// Rows could not be put into their columns.
    #[error("table {table}: {cause}")]
    Arrow {
        /// The table.
        table: String,
        /// What Arrow said.
        cause: ArrowError,
    },
    /// A file could not be read.
    #[error("table {table}: cannot read: {cause}; if a file is named as missing or corrupt, restore it from a backup")]
    Read {
        /// The table.
        table: String,
        /// What the reader said.
        cause: Box<DataFusionError>,
    },
    /// More rows came than the disk takes; nothing of this write was kept.
    #[error(
        "the store is busy: {buffered_bytes} bytes wait for the disk and {limit} are allowed; send the rows again in {retry_after:?}"
    )]
    Busy {
        /// Bytes that wait in memory.
        buffered_bytes: usize,
        /// Bytes that may.
        limit: usize,
        /// When to try again.
        retry_after: Duration,
    },
    /// A name, unit or batch that is not valid.
    #[error(transparent)]
    Domain(#[from] DomainError),
    /// A task of the store was stopped before it could finish, because the process is shutting down or the task panicked.
    #[error("the store stopped in the middle of {action} ({cause}); nothing was acknowledged, send the rows again")]
    Stopped {
        /// What was going on.
        action: &'static str,
        /// What the runtime said.
        cause: String,
    },
}

/// Names the table in an error of Arrow.
pub(super) fn arrow_error(table: Table) -> impl Fn(ArrowError) -> StoreError + 'static {
    move |cause| StoreError::Arrow { table: table.name().into(), cause }
}

/// Names the table in an error of a read.
pub(super) fn read_error(table: Table) -> impl Fn(DataFusionError) -> StoreError + 'static {
    move |cause| StoreError::Read { table: table.name().into(), cause: Box::new(cause) }
}

fn remedy(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "the disk is full: free some space, then try again",
        io::ErrorKind::PermissionDenied => "give the user who runs chergui the right to write there",
        io::ErrorKind::ReadOnlyFilesystem => "the file system is mounted read-only: remount it for writing",
        io::ErrorKind::NotFound => "check that the directory exists and is mounted",
        _ => "check the disk and the system log",
    }
}

fn storage_remedy(cause: &object_store::Error) -> &'static str {
    match cause {
        object_store::Error::NotFound { .. } => "check [storage] url; if an object is gone, restore it from a backup",
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
            "check access_key_id, secret_access_key and the rights of that key in [storage]"
        }
        _ => "check [storage] endpoint and that the server answers; acknowledged rows are safe in the log on this machine",
    }
}

fn delta_remedy(cause: &DeltaTableError) -> &'static str {
    let text = cause.to_string();
    if text.contains("No space left") {
        "the disk is full: free some space, then try again"
    } else if text.contains("Read-only file system") {
        "the file system is mounted read-only: remount it for writing"
    } else if text.contains("Permission denied") {
        "give the user who runs chergui the right to write there"
    } else {
        "check the disk, and that no other program writes this table"
    }
}
