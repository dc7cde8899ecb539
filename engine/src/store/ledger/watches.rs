//! What the watch of each plant was learnt from, so that a restart learns the same and judges as before.
//!
//! In: the period a watch was fitted on. Out: the same after a restart. Not here: when another period is due (`pipeline`).

use super::Ledger;
use super::LedgerError;
use crate::domain::Timestamp;
use crate::domain::from_micros;
use crate::domain::micros;
use sqlx::Row;

/// The period a watch was learnt from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LearntPeriod {
    /// The first row.
    pub from: Timestamp,
    /// The end, not included: from here on it judges.
    pub until: Timestamp,
    /// When it was learnt.
    pub at: Timestamp,
}

impl Ledger {
    /// What the watch of `plant` was learnt from; `None` when it never was.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn learnt_period(&self, plant: &str) -> Result<Option<LearntPeriod>, LedgerError> {
        let failed = || LedgerError::sql("reading what a watch was learnt from");
        let row = sqlx::query("SELECT learnt_from, learnt_until, saved_at FROM watches WHERE plant = ?1").bind(plant);
        let Some(row) = row.fetch_optional(self.pool()).await.map_err(failed())? else { return Ok(None) };
        let time = |column| row.try_get::<i64, _>(column).map(from_micros).map_err(failed());
        Ok(Some(LearntPeriod { from: time("learnt_from")?, until: time("learnt_until")?, at: time("saved_at")? }))
    }

    /// Notes what the watch of `plant` was learnt from.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn save_learnt_period(&self, plant: &str, period: &LearntPeriod) -> Result<(), LedgerError> {
        sqlx::query("INSERT OR REPLACE INTO watches (plant, learnt_from, learnt_until, saved_at) VALUES (?1, ?2, ?3, ?4)")
            .bind(plant)
            .bind(micros(period.from))
            .bind(micros(period.until))
            .bind(micros(period.at))
            .execute(self.pool())
            .await
            .map_err(LedgerError::sql("noting what a watch was learnt from"))?;
        Ok(())
    }
}
