//! Embedded migrations: numbered SQL texts, applied once each, in order, in one transaction. The number of the last one is kept
//! in SQLite's `user_version`. A text that has been released is never edited; a change is a new text.

use super::LedgerError;
use sqlx::sqlite::SqlitePool;
use std::path::Path;

const MIGRATIONS: &[&str] = &[
    include_str!("migrations/1.sql"),
    include_str!("migrations/2.sql"),
    include_str!("migrations/3.sql"),
    include_str!("migrations/4.sql"),
    include_str!("migrations/5.sql"),
];

pub(super) async fn run(pool: &SqlitePool, data_dir: &Path) -> Result<(), LedgerError> {
    let failed = LedgerError::sql("migrating the ledger");
    apply(pool).await.map_err(failed)?.map_or(Ok(()), |found| {
        let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
        Err(LedgerError::Newer { path: data_dir.display().to_string(), found, known })
    })
}

/// The version found, if it is newer than any we know.
async fn apply(pool: &SqlitePool) -> Result<Option<i64>, sqlx::Error> {
    let mut writing = pool.begin_with("BEGIN IMMEDIATE").await?;
    let found: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *writing).await?;
    let done = usize::try_from(found).unwrap_or(0);
    if done > MIGRATIONS.len() {
        return Ok(Some(found));
    }
    for (index, sql) in MIGRATIONS.iter().enumerate().skip(done) {
        sqlx::raw_sql(*sql).execute(&mut *writing).await?;
        let version = sqlx::AssertSqlSafe(format!("PRAGMA user_version = {}", index + 1));
        sqlx::raw_sql(version).execute(&mut *writing).await?;
    }
    writing.commit().await?;
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::super::Ledger;
    use super::super::LedgerError;

    #[tokio::test]
    async fn opens_twice_and_refuses_a_later_version() {
        let home = tempfile::tempdir().unwrap();
        Ledger::open(home.path()).await.unwrap().close().await;
        let ledger = Ledger::open(home.path()).await.unwrap();
        let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(ledger.pool()).await.unwrap();
        let sync: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(ledger.pool()).await.unwrap();
        assert_eq!((mode.as_str(), sync), ("wal", 2));
        sqlx::raw_sql("PRAGMA user_version = 99").execute(ledger.pool()).await.unwrap();
        ledger.close().await;
        let error = Ledger::open(home.path()).await.unwrap_err();
        assert!(matches!(error, LedgerError::Newer { found: 99, .. }), "{error}");
    }
}
