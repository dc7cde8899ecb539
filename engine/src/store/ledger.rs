//! The ledger: one SQLite file in the data directory for what people and machines must not lose or do twice.
//!
//! Alerts and their history, the outbox, API keys (hashes only), page sessions, idempotency keys, cursors of sources and the register of
//! forecast models live here; telemetry does not. WAL mode with `synchronous = FULL`: a committed transaction survives power loss. Migrations are embedded and run at
//! opening. In: a directory. Out: [`Ledger`], which the `alert` room and the API write through. No clock: `now` is given.

mod copy;
mod cursors;
mod error;
mod idempotency;
mod keys;
mod migrate;
mod models;
mod sessions;
mod watches;

pub use copy::check;
pub use error::LedgerError;
pub use idempotency::{Claim, StoredAnswer};
pub use keys::{ApiKey, Role};
pub use models::{FitReason, KeptModel, ModelRow, models_schema};
pub use watches::LearntPeriod;

use crate::domain::Timestamp;
use crate::domain::from_micros;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite, Transaction};
use std::path::Path;
use std::time::Duration;

/// Name of the file in the data directory.
pub const LEDGER_FILE: &str = "ledger.sqlite";

/// An open ledger; cheap to clone, all clones share one pool of connections.
#[derive(Debug, Clone)]
pub struct Ledger {
    pool: SqlitePool,
}

impl Ledger {
    /// Opens or creates `ledger.sqlite` in `data_dir` and brings its tables up to date.
    ///
    /// # Errors
    /// [`LedgerError::Directory`] when the directory cannot be made, [`LedgerError::Sql`] when SQLite refuses the file,
    /// [`LedgerError::Newer`] when a later version of Chergui wrote it.
    pub async fn open(data_dir: &Path) -> Result<Self, LedgerError> {
        tokio::fs::create_dir_all(data_dir)
            .await
            .map_err(|cause| LedgerError::Directory { path: data_dir.display().to_string(), cause })?;
        let options = SqliteConnectOptions::new()
            .filename(data_dir.join(LEDGER_FILE))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10));
        let pool = SqlitePoolOptions::new()
            .max_connections(4)
            .connect_with(options)
            .await
            .map_err(LedgerError::sql("opening the ledger"))?;
        migrate::run(&pool, data_dir).await?;
        Ok(Self { pool })
    }

    /// Connections for reading.
    pub(crate) const fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// A transaction that takes the write lock at once, so that what it reads cannot change before it writes.
    pub(crate) async fn write(&self) -> Result<Transaction<'static, Sqlite>, LedgerError> {
        self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(LedgerError::sql("taking the write lock of the ledger"))
    }

    /// Writes what is in memory to the file and closes the connections; later calls fail.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// A stored time; times are kept as microseconds since 1970 UTC, as in the Delta tables.
pub(crate) fn stored_time(micros: i64) -> Timestamp {
    from_micros(micros)
}
