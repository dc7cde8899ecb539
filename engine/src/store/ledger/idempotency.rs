//! Idempotency keys: a request sent twice under one key is done once and answered twice.
//!
//! A caller claims the key before the work and stores the answer after it. A claim without an answer belongs to a request that is
//! still running, or died; after a minute it may be claimed again. Answers are kept for a day.

use super::Ledger;
use super::LedgerError;
use super::stored_time;
use crate::domain::Timestamp;
use crate::domain::micros;
use jiff::SignedDuration;

/// A claim without an answer for longer than this died with its process.
pub(super) const ABANDONED_AFTER: SignedDuration = SignedDuration::from_secs(60);
/// How long an answer is remembered.
pub(super) const KEPT_FOR: SignedDuration = SignedDuration::from_hours(24);

/// An answer given before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// HTTP status.
    pub status: u16,
    /// Media type of the body.
    pub content_type: String,
    /// The body as it was sent.
    pub body: Vec<u8>,
}

/// What a claim found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// The key is ours: do the work, then call [`Ledger::answer_idempotent`].
    Mine,
    /// The work was done before; give this answer again.
    Done(StoredAnswer),
    /// Another request with this key is running.
    Running,
    /// The key was used for another request.
    Other,
}

type Row = (Vec<u8>, i64, Option<i64>, Option<String>, Option<Vec<u8>>);

impl Ledger {
    /// Claims `key` of `owner` for a request whose content hashes to `request_hash`.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn claim_idempotent(
        &self,
        owner: &str,
        key: &str,
        request_hash: &[u8],
        now: Timestamp,
    ) -> Result<Claim, LedgerError> {
        let failed = LedgerError::sql("claiming an idempotency key");
        async {
            let mut writing = self.pool().begin_with("BEGIN IMMEDIATE").await?;
            let oldest = now.saturating_sub(KEPT_FOR).unwrap_or(Timestamp::MIN);
            sqlx::query("DELETE FROM idempotency_keys WHERE claimed_at < ?1").bind(micros(oldest)).execute(&mut *writing).await?;
            let found: Option<Row> = sqlx::query_as(
                "SELECT request_hash, claimed_at, status, content_type, body FROM idempotency_keys WHERE owner = ?1 AND key = ?2",
            )
            .bind(owner)
            .bind(key)
            .fetch_optional(&mut *writing)
            .await?;
            let claim = match found {
                None => Claim::Mine,
                Some((hash, ..)) if hash != request_hash => Claim::Other,
                Some((_, _, Some(status), Some(content_type), Some(body))) => {
                    Claim::Done(StoredAnswer { status: u16::try_from(status).unwrap_or(200), content_type, body })
                }
                Some((_, at, ..)) if now.duration_since(stored_time(at)) < ABANDONED_AFTER => Claim::Running,
                Some(_) => Claim::Mine,
            };
            if claim == Claim::Mine {
                sqlx::query(
                    "INSERT OR REPLACE INTO idempotency_keys (owner, key, request_hash, claimed_at) VALUES (?1, ?2, ?3, ?4)",
                )
                .bind(owner)
                .bind(key)
                .bind(request_hash)
                .bind(micros(now))
                .execute(&mut *writing)
                .await?;
            }
            writing.commit().await?;
            Ok(claim)
        }
        .await
        .map_err(failed)
    }

    /// Stores the answer of a claimed key, or gives the claim back when there is none to remember.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn answer_idempotent(&self, owner: &str, key: &str, answer: Option<&StoredAnswer>) -> Result<(), LedgerError> {
        let Some(answer) = answer else {
            sqlx::query("DELETE FROM idempotency_keys WHERE owner = ?1 AND key = ?2 AND status IS NULL")
                .bind(owner)
                .bind(key)
                .execute(self.pool())
                .await
                .map_err(LedgerError::sql("giving back an idempotency key"))?;
            return Ok(());
        };
        sqlx::query("UPDATE idempotency_keys SET status = ?3, content_type = ?4, body = ?5 WHERE owner = ?1 AND key = ?2")
            .bind(owner)
            .bind(key)
            .bind(i64::from(answer.status))
            .bind(&answer.content_type)
            .bind(&answer.body)
            .execute(self.pool())
            .await
            .map_err(LedgerError::sql("storing an idempotent answer"))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Claim, Ledger, StoredAnswer, Timestamp};
    use jiff::SignedDuration;

    #[tokio::test]
    async fn a_key_works_once_and_answers_twice() {
        let home = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(home.path()).await.unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let claim = |hash: &'static [u8], now| {
            let ledger = ledger.clone();
            async move { ledger.claim_idempotent("me", "k1", hash, now).await.unwrap() }
        };
        assert_eq!(claim(b"a", now).await, Claim::Mine);
        assert_eq!(claim(b"a", now).await, Claim::Running);
        assert_eq!(claim(b"b", now).await, Claim::Other);
        let later = now + SignedDuration::from_secs(61);
        assert_eq!(claim(b"a", later).await, Claim::Mine, "the first one died");
        let answer = StoredAnswer { status: 200, content_type: "application/json".into(), body: b"{}".to_vec() };
        ledger.answer_idempotent("me", "k1", Some(&answer)).await.unwrap();
        assert_eq!(claim(b"a", later).await, Claim::Done(answer));
        assert_eq!(claim(b"a", later + SignedDuration::from_hours(25)).await, Claim::Mine, "forgotten");
    }
}
