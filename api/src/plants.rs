//! The live connections of a running server: what each is, how it stands, what it brought.
//!
//! In: the configuration. Out: handles that the job, the routes and the metrics share. A points file or a setting that is wrong stops the
//! program at its start. Not here: running them (`jobs/plants`).

use crate::config::{Config, ConfigError, ConnectionConfig};
use connectors::live::{Link, Phase, Points, Status};
use engine::domain::{Asset, AssetId, Quantities, Timestamp};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// One connection of the running server.
#[derive(Debug)]
pub struct Plant {
    /// Its settings.
    pub config: ConnectionConfig,
    /// Its points.
    pub points: Arc<Points>,
    /// How it stands.
    pub link: Link,
    stored: AtomicU64,
    is_silent: AtomicBool,
    stopped: Mutex<Option<String>>,
}

/// All connections of the running server. Clones are handles to the same.
#[derive(Debug, Clone, Default)]
pub struct Plants(Arc<Vec<Arc<Plant>>>);

impl Plants {
    /// Reads and checks the points of every connection; nothing is connected.
    ///
    /// # Errors
    /// [`ConfigError::Connection`] naming the connection, file and point.
    pub fn open(config: &Config, quantities: &Quantities) -> Result<Self, ConfigError> {
        let open = |connection: &ConnectionConfig| {
            let points = connection.read_points(quantities).map_err(|error| connection.wrong(error))?;
            Ok(Arc::new(Plant {
                config: connection.clone(),
                points: Arc::new(points),
                link: Link::new(&connection.name, Timestamp::now),
                stored: AtomicU64::new(0),
                is_silent: AtomicBool::new(false),
                stopped: Mutex::new(None),
            }))
        };
        Ok(Self(Arc::new(config.connection.iter().map(open).collect::<Result<_, _>>()?)))
    }

    /// Each of them, in the order of the configuration.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Plant>> {
        self.0.iter()
    }

    /// The one of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<Plant>> {
        self.iter().find(|plant| plant.config.name == name)
    }
}

impl Plant {
    /// Rows and events of it that are in the store, unchanged ones not counted.
    pub fn stored(&self) -> u64 {
        self.stored.load(Ordering::Relaxed)
    }

    pub(crate) fn add_stored(&self, rows: u64) {
        self.stored.fetch_add(rows, Ordering::Relaxed);
    }

    /// True while an alert says that nothing arrives.
    pub fn is_silent(&self) -> bool {
        self.is_silent.load(Ordering::Relaxed)
    }

    pub(crate) fn set_silent(&self, is_silent: bool) {
        self.is_silent.store(is_silent, Ordering::Relaxed);
    }

    /// Why it rests for some minutes until a person saw to it, if so.
    pub fn stopped(&self) -> Option<String> {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn go_on(&self) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(crate) fn stop(&self, why: &str) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.into());
        self.link.enter(Phase::Closed);
    }

    /// Seconds since the newest value's own time; `None` before the first.
    pub fn lag_s(status: &Status, now: Timestamp) -> Option<f64> {
        status.newest.map(|newest| now.duration_since(newest).as_secs_f64())
    }

    /// The asset an alert about this connection is about: the configured one, what all its assets belong to, else the first of them.
    pub(crate) fn asset(&self, known: impl Fn(&AssetId) -> Option<Asset>) -> Option<Asset> {
        let configured = self.config.asset.as_deref().and_then(|id| AssetId::parse(id).ok());
        if let Some(asset) = configured.as_ref().and_then(&known) {
            return Some(asset);
        }
        let parents: BTreeSet<Option<&AssetId>> = self.points.assets().iter().map(|asset| asset.parent_id.as_ref()).collect();
        let common = parents.first().copied().flatten().filter(|_| parents.len() == 1);
        common.and_then(&known).or_else(|| self.points.assets().first().and_then(|asset| known(&asset.id)))
    }
}
