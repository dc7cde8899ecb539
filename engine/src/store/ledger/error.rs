//! What can go wrong with the ledger file. In: SQLite's own errors. Out: one line an operator can act on.

/// A failure of the ledger.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The data directory cannot be made or entered.
    #[error("cannot use the data directory {path}: {cause}; check that it exists and that this user may write there")]
    Directory {
        /// The directory.
        path: String,
        /// What the system said.
        cause: std::io::Error,
    },
    /// SQLite refused; the disk may be full or the file locked by another program.
    #[error("the ledger failed while {doing}: {cause}; check free space and that no other program holds ledger.sqlite")]
    Sql {
        /// What was being done.
        doing: &'static str,
        /// What SQLite said.
        cause: sqlx::Error,
    },
    /// The file was written by a later version.
    #[error(
        "{path}/ledger.sqlite has version {found}, this program knows up to {known}; run the version that wrote it, or a later one"
    )]
    Newer {
        /// Data directory.
        path: String,
        /// Version in the file.
        found: i64,
        /// Last version known here.
        known: i64,
    },
    /// A row holds a value this version cannot read.
    #[error("the ledger holds {text:?} in {column}, which this version cannot read; restore the file from a backup")]
    Stored {
        /// Table and column.
        column: &'static str,
        /// The text found.
        text: String,
    },
}

impl LedgerError {
    /// For `map_err`: names what was being done.
    pub(crate) fn sql(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |cause| Self::Sql { doing, cause }
    }
}
