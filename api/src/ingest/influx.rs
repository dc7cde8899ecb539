//! History of an InfluxDB into the store, page by page.
//!
//! In: a connection and the cursor the ledger holds. Out: pages on their [`Shelf`]. Not here: when, and when to try again.

use super::pages::{PullError, Shelf, Stored};
use crate::config::{InfluxConfig, InfluxRead};
use connectors::influx::History;
use connectors::line::LinePlan;
use engine::domain::Timestamp;
use engine::source::Source;
use engine::store::Store;
use engine::store::ledger::{Ledger, LedgerError};

/// One connection being read. After an error it must be opened again.
#[derive(Debug)]
pub(crate) struct Pull {
    source: History,
    shelf: Shelf,
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
        let shelf = Shelf::open(store, ledger, key(connection, read)).await?;
        Ok(Some(Self { source, shelf }))
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
        let page = self.source.next_page(self.shelf.cursor()).await?;
        let declared: Vec<_> = self.source.declared().iter().map(|(name, unit)| (name.clone(), *unit)).collect();
        self.shelf.put(page, &declared).await
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
