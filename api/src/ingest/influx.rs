//! History of an InfluxDB into the store, page by page.
//!
//! In: a connection and the cursor the ledger holds. Out: rows in the store, then the cursor in the ledger. In that order, so that a crash
//! between the two reads a page again, which changes nothing, and never passes one over. Not here: when, and when to try again.

use crate::config::{InfluxConfig, InfluxRead};
use connectors::influx::History;
use connectors::line::LinePlan;
use engine::domain::{Asset, Readings, Timestamp};
use engine::pipeline::ingest::Touched;
use engine::source::{Cursor, Page, Reject, Rows, Source, SourceError};
use engine::store::ledger::{Ledger, LedgerError};
use engine::store::{Receipt, Store, StoreError};
use std::time::Duration;

/// The shortest wait for a store that is busy.
const SHORTEST_WAIT: Duration = Duration::from_millis(100);

/// Why a pull stopped. It may be opened again and goes on after the last page that was stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PullError {
    /// The server, its answer, or the settings.
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
    /// True when nothing is left before the stop.
    pub(crate) done: bool,
}

/// One connection being read. After an error it must be opened again.
#[derive(Debug)]
pub(crate) struct Pull {
    source: History,
    key: String,
    cursor: Option<Cursor>,
    store: Store,
    ledger: Ledger,
}

impl Pull {
    /// Opens a connection where the last pull ended, to read up to `stop`. `None` when there is nothing before `stop`.
    ///
    /// # Errors
    /// [`PullError`].
    pub(crate) async fn open(
        connection: &InfluxConfig,
        read: &InfluxRead,
        plan: &LinePlan,
        (store, ledger): (&Store, &Ledger),
        stop: Timestamp,
    ) -> Result<Option<Self>, PullError> {
        if stop <= read.start {
            return Ok(None);
        }
        let source = History::new(&connection.target(), &read.settings(stop), plan, &store.assets())?;
        let key = key(connection, read);
        let cursor = ledger.cursor(&key).await?;
        Ok(Some(Self { source, key, cursor, store: store.clone(), ledger: ledger.clone() }))
    }

    /// Start of the window being read.
    pub(crate) const fn reached(&self) -> Timestamp {
        self.source.reached()
    }

    /// Fetches a page, stores it, then saves the cursor. Waits while the store is busy.
    ///
    /// # Errors
    /// [`PullError`]; the cursor is that of the page before.
    pub(crate) async fn step(&mut self) -> Result<Stored, PullError> {
        let Page { rows, rejects, cursor, done, .. } = self.source.next_page(self.cursor.clone()).await?;
        let mut stored = Stored { rejects, done, is_declared: self.declare().await?, ..Stored::default() };
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
        if let Some(cursor) = cursor {
            self.ledger.save_cursor(&self.key, &cursor, Timestamp::now()).await?;
            self.cursor = Some(cursor);
        }
        Ok(stored)
    }

    /// Quantities of the page that the site does not have yet.
    async fn declare(&self) -> Result<bool, StoreError> {
        let known = self.store.quantities();
        let new: Vec<_> = self.source.declared().iter().filter(|(name, _)| known.get(name).is_err()).collect();
        for (name, unit) in &new {
            self.store.declare(name, *unit).await?;
        }
        Ok(!new.is_empty())
    }

    /// Another door may have brought the same assets meanwhile, or a person more about them.
    async fn register(&self, assets: Vec<Asset>) -> Result<(), StoreError> {
        let new: Vec<Asset> = assets.into_iter().filter(|asset| self.store.asset(&asset.id).is_none()).collect();
        if !new.is_empty() {
            tracing::info!(source = self.source.name(), assets = new.len(), first = %new[0].id, "assets registered");
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

/// Forgets how far a connection was read.
///
/// # Errors
/// [`LedgerError`].
pub(crate) async fn forget(ledger: &Ledger, connection: &InfluxConfig, read: &InfluxRead) -> Result<(), LedgerError> {
    ledger.forget_cursor(&key(connection, read)).await
}

/// The name of the cursor: another bucket, start or choice of measurements is another history.
fn key(connection: &InfluxConfig, read: &InfluxRead) -> String {
    let InfluxConfig { name, url, org, bucket, .. } = connection;
    format!("influx {name} {url} {org:?} {bucket:?} {:?} from {}", read.measurements, read.start)
}

#[cfg(test)]
mod tests {
    use super::key;
    use crate::config::InfluxConfig;

    #[test]
    fn another_history_has_another_cursor_and_no_key_holds_the_token() {
        let text = "name = \"plant\"\nurl = \"http://h:8086\"\norg = \"o\"\nbucket = \"b\"\ntoken = \"hidden\"\n[read]\nstart = \"2026-01-01T00:00:00Z\"\n";
        let of = |text: &str| {
            let connection: InfluxConfig = toml::from_str(text).unwrap();
            key(&connection, connection.read.as_ref().unwrap())
        };
        let own = of(text);
        assert!(!own.contains("hidden"), "{own}");
        assert_eq!(own, of(&text.replace("hidden", "other").replace("[read]", "[read]\nevery = \"PT1M\"")));
        for (from, to) in [("h:8086", "i:8086"), ("\"b\"", "\"c\""), ("2026", "2025"), ("[read]", "[read]\nmeasurements = [\"m\"]")]
        {
            assert_ne!(own, of(&text.replace(from, to)), "{to}");
        }
    }
}
