//! What a source hands out becomes rows in the store, page by page.
//!
//! In: pages of any [`engine::source::Source`] and the cursor the ledger holds. Out: rows in the store, then the cursor in the ledger. In that
//! order, so that a crash between the two reads a page again, which changes nothing, and never passes one over. Not here: when a page is
//! asked for, and when to try again.

use engine::domain::{Asset, Readings, Timestamp, Unit};
use engine::pipeline::ingest::Touched;
use engine::source::{Cursor, Page, Reject, Rows, SourceError};
use engine::store::ledger::{Ledger, LedgerError};
use engine::store::{Receipt, Store, StoreError};
use std::time::Duration;

/// The shortest wait for a store that is busy.
const SHORTEST_WAIT: Duration = Duration::from_millis(100);

/// Why pages stopped. The source may be opened again and goes on after the last page that was stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PullError {
    /// The peer, its answer, or the settings.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The rows could not be stored.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The cursor could not be read or saved.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// What one page brought, durable.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    /// What the store made of its rows.
    pub(crate) receipt: Receipt,
    /// When its readings were taken.
    pub(crate) touched: Touched,
    /// What could not be read.
    pub(crate) rejects: Vec<Reject>,
    /// True when the site has new quantities.
    pub(crate) is_declared: bool,
    /// True when nothing is left for now.
    pub(crate) done: bool,
}

/// Where the pages of one source go.
#[derive(Debug)]
pub(crate) struct Shelf {
    key: String,
    cursor: Option<Cursor>,
    store: Store,
    ledger: Ledger,
}

impl Shelf {
    /// The place of the source whose cursor has this name.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub(crate) async fn open(store: &Store, ledger: &Ledger, key: String) -> Result<Self, LedgerError> {
        let cursor = ledger.cursor(&key).await?;
        Ok(Self { key, cursor, store: store.clone(), ledger: ledger.clone() })
    }

    /// Where the source goes on.
    pub(crate) fn cursor(&self) -> Option<Cursor> {
        self.cursor.clone()
    }

    /// Stores a page, then its cursor. Waits while the store is busy. `declared` are quantities the site may not have yet.
    ///
    /// # Errors
    /// [`PullError`]; the cursor is that of the page before.
    pub(crate) async fn put(&mut self, page: Page, declared: &[(String, Unit)]) -> Result<Stored, PullError> {
        let Page { rows, rejects, cursor, done, .. } = page;
        let mut stored = Stored { rejects, done, is_declared: self.declare(declared).await?, ..Stored::default() };
        for part in rows {
            match part {
                Rows::Assets(assets) => self.register(assets).await?,
                Rows::Readings(readings) => {
                    stored.touched.see(&readings);
                    super::add(&mut stored.receipt, self.append(&readings).await?);
                }
                Rows::Other(table, batch) => super::add(&mut stored.receipt, self.store.append_table(table, batch).await?),
            }
        }
        if let Some(cursor) = cursor
            && self.cursor.as_ref() != Some(&cursor)
        {
            self.ledger.save_cursor(&self.key, &cursor, Timestamp::now()).await?;
            self.cursor = Some(cursor);
        }
        Ok(stored)
    }

    /// Quantities of the page that the site does not have yet.
    async fn declare(&self, declared: &[(String, Unit)]) -> Result<bool, StoreError> {
        if declared.is_empty() {
            return Ok(false);
        }
        let known = self.store.quantities();
        let new: Vec<_> = declared.iter().filter(|(name, _)| known.get(name).is_err()).collect();
        for (name, unit) in &new {
            self.store.declare(name, *unit).await?;
        }
        Ok(!new.is_empty())
    }

    /// Another door may have brought the same assets meanwhile, or a person more about them.
    async fn register(&self, assets: Vec<Asset>) -> Result<(), StoreError> {
        let new: Vec<Asset> = assets.into_iter().filter(|asset| self.store.asset(&asset.id).is_none()).collect();
        if !new.is_empty() {
            tracing::info!(source = self.key, assets = new.len(), first = %new[0].id, "assets registered");
            self.store.upsert_assets(new).await?;
        }
        Ok(())
    }

    async fn append(&self, readings: &Readings) -> Result<Receipt, StoreError> {
        loop {
            match self.store.append(readings.clone()).await {
                Err(StoreError::Busy { retry_after, .. }) => tokio::time::sleep(retry_after.max(SHORTEST_WAIT)).await,
                answer => return answer,
            }
        }
    }
}
