//! The ledger as one whole file: a copy while it is in use, and a check of every page. In: where. Out: a file, or what is wrong.

use super::LEDGER_FILE;
use super::Ledger;
use super::LedgerError;
use sqlx::Connection;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use std::path::Path;

impl Ledger {
    /// Writes the ledger as it is now into a new file, which must not be there; others go on writing.
    ///
    /// # Errors
    /// [`LedgerError::Sql`].
    pub async fn copy_to(&self, path: &Path) -> Result<(), LedgerError> {
        let copy = sqlx::query("VACUUM INTO ?").bind(path.display().to_string()).execute(self.pool()).await;
        copy.map(|_| ()).map_err(LedgerError::sql("copying the ledger"))
    }
}

/// What SQLite finds wrong with the ledger of a data directory; nothing where there is none.
///
/// # Errors
/// [`LedgerError::Sql`] when the file is no database at all.
pub async fn check(data_dir: &Path) -> Result<Vec<String>, LedgerError> {
    let path = data_dir.join(LEDGER_FILE);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let failed = || LedgerError::sql("checking the ledger");
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(false);
    let mut connection = SqliteConnection::connect_with(&options).await.map_err(failed())?;
    let rows = sqlx::query("PRAGMA integrity_check").fetch_all(&mut connection).await.map_err(failed())?;
    connection.close().await.map_err(failed())?;
    let said = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>().map_err(failed())?;
    Ok(said.into_iter().filter(|line| line != "ok").collect())
}
