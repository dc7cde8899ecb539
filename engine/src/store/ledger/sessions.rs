//! Sessions of the page: the hash of a cookie's token, the key it stands for, and until when. They outlive a restart.

use super::Ledger;
use super::LedgerError;
use crate::domain::Timestamp;
use crate::domain::micros;

impl Ledger {
    /// Starts a session and forgets those that have expired.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn start_session(&self, hash: &[u8], key_id: &str, now: Timestamp, expires_at: Timestamp) -> Result<(), LedgerError> {
        let failed = LedgerError::sql("starting a session");
        async {
            let mut writing = self.pool().begin_with("BEGIN IMMEDIATE").await?;
            sqlx::query("DELETE FROM sessions WHERE expires_at <= ?1").bind(micros(now)).execute(&mut *writing).await?;
            sqlx::query("INSERT OR REPLACE INTO sessions (hash, key_id, expires_at) VALUES (?1, ?2, ?3)")
                .bind(hash)
                .bind(key_id)
                .bind(micros(expires_at))
                .execute(&mut *writing)
                .await?;
            writing.commit().await
        }
        .await
        .map_err(failed)
    }

    /// Id of the key a living session stands for.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn session_key(&self, hash: &[u8], now: Timestamp) -> Result<Option<String>, LedgerError> {
        sqlx::query_scalar("SELECT key_id FROM sessions WHERE hash = ?1 AND expires_at > ?2")
            .bind(hash)
            .bind(micros(now))
            .fetch_optional(self.pool())
            .await
            .map_err(LedgerError::sql("reading a session"))
    }

    /// Ends a session; nothing happens when there is none.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn end_session(&self, hash: &[u8]) -> Result<(), LedgerError> {
        sqlx::query("DELETE FROM sessions WHERE hash = ?1")
            .bind(hash)
            .execute(self.pool())
            .await
            .map_err(LedgerError::sql("ending a session"))?;
        Ok(())
    }
}
