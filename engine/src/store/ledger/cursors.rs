//! Cursors: where each source of readings stands, so that a restart goes on there.
//!
//! In: the name of a source and its cursor, after the rows before it are stored. Out: the same after a restart. Not here: what it means.

use super::Ledger;
use super::LedgerError;
use crate::domain::Timestamp;
use crate::domain::micros;
use crate::source::Cursor;

impl Ledger {
    /// The cursor saved last for `source`; `None` for one that never stored a page.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn cursor(&self, source: &str) -> Result<Option<Cursor>, LedgerError> {
        let found: Option<String> = sqlx::query_scalar("SELECT cursor FROM cursors WHERE source = ?1")
            .bind(source)
            .fetch_optional(self.pool())
            .await
            .map_err(LedgerError::sql("reading a cursor"))?;
        Ok(found.map(Cursor))
    }

    /// Saves where `source` stands; call it after the rows before the cursor are durable.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn save_cursor(&self, source: &str, cursor: &Cursor, now: Timestamp) -> Result<(), LedgerError> {
        sqlx::query("INSERT OR REPLACE INTO cursors (source, cursor, saved_at) VALUES (?1, ?2, ?3)")
            .bind(source)
            .bind(&cursor.0)
            .bind(micros(now))
            .execute(self.pool())
            .await
            .map_err(LedgerError::sql("saving a cursor"))?;
        Ok(())
    }

    /// Forgets where `source` stands: it will be read from its beginning.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn forget_cursor(&self, source: &str) -> Result<(), LedgerError> {
        sqlx::query("DELETE FROM cursors WHERE source = ?1")
            .bind(source)
            .execute(self.pool())
            .await
            .map_err(LedgerError::sql("forgetting a cursor"))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Cursor, Ledger, Timestamp};

    #[tokio::test]
    async fn a_cursor_survives_and_is_of_one_source() {
        let home = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(home.path()).await.unwrap();
        assert_eq!(ledger.cursor("a").await.unwrap(), None);
        for text in ["1", "2"] {
            ledger.save_cursor("a", &Cursor(text.into()), Timestamp::UNIX_EPOCH).await.unwrap();
        }
        ledger.close().await;
        let ledger = Ledger::open(home.path()).await.unwrap();
        assert_eq!(ledger.cursor("a").await.unwrap(), Some(Cursor("2".into())));
        assert_eq!(ledger.cursor("b").await.unwrap(), None);
        ledger.forget_cursor("a").await.unwrap();
        assert_eq!(ledger.cursor("a").await.unwrap(), None);
    }
}
