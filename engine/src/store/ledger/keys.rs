//! API keys: who may call us, and as what. Only the SHA-256 of a key's secret is stored; the secret is 256 random bits, so a
//! plain hash is enough. Making, printing and comparing keys is the API's; this file keeps the rows.

use super::Ledger;
use super::LedgerError;
use super::stored_time;
use crate::domain::Timestamp;
use crate::domain::micros;

/// What a key may do; each role may do all that the ones before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads.
    Viewer,
    /// Reads, sends readings, works on alerts.
    Operator,
    /// Everything.
    Admin,
}

impl Role {
    /// The word stored and shown.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// Reads the word; `None` for any other.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Viewer, Self::Operator, Self::Admin].into_iter().find(|role| role.name() == text)
    }
}

/// One key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Public part of the key, used to find it.
    pub id: String,
    /// Who holds it; unique.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// SHA-256 of the whole key text.
    pub hash: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Ledger {
    /// All keys, oldest first.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn api_keys(&self) -> Result<Vec<ApiKey>, LedgerError> {
        let rows: Vec<(String, String, String, Vec<u8>, i64)> =
            sqlx::query_as("SELECT id, name, role, hash, created_at FROM api_keys ORDER BY created_at, id")
                .fetch_all(self.pool())
                .await
                .map_err(LedgerError::sql("reading the API keys"))?;
        rows.into_iter()
            .map(|(id, name, role, hash, created_at)| {
                let role = Role::parse(&role).ok_or(LedgerError::Stored { column: "api_keys.role", text: role })?;
                Ok(ApiKey { id, name, role, hash, created_at: stored_time(created_at) })
            })
            .collect()
    }

    /// Stores a key; a key of the same name is replaced, and its sessions end.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn put_api_key(&self, key: &ApiKey) -> Result<(), LedgerError> {
        let failed = LedgerError::sql("storing an API key");
        async {
            let mut writing = self.pool().begin_with("BEGIN IMMEDIATE").await?;
            sqlx::query("DELETE FROM api_keys WHERE name = ?1").bind(&key.name).execute(&mut *writing).await?;
            sqlx::query("INSERT INTO api_keys (id, name, role, hash, created_at) VALUES (?1, ?2, ?3, ?4, ?5)")
                .bind(&key.id)
                .bind(&key.name)
                .bind(key.role.name())
                .bind(&key.hash)
                .bind(micros(key.created_at))
                .execute(&mut *writing)
                .await?;
            writing.commit().await
        }
        .await
        .map_err(failed)
    }

    /// Removes a key by name; true when there was one.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn remove_api_key(&self, name: &str) -> Result<bool, LedgerError> {
        let done = sqlx::query("DELETE FROM api_keys WHERE name = ?1")
            .bind(name)
            .execute(self.pool())
            .await
            .map_err(LedgerError::sql("removing an API key"))?;
        Ok(done.rows_affected() > 0)
    }
}
