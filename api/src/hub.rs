//! The hub of events that are not alerts: a new forecast, new telemetry. Alerts have their own channel in the alert book.
//!
//! In: the pipeline and the readings route publish. Out: the event stream and the forecast cache listen.

use engine::domain::AssetId;
use engine::domain::Quantity;
use engine::domain::Timestamp;
use tokio::sync::broadcast;

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A forecast was stored.
    Forecast {
        /// Whose.
        asset_id: AssetId,
        /// Of what.
        quantity: Quantity,
        /// When it was issued.
        issue_time: Timestamp,
    },
    /// Telemetry arrived.
    Telemetry {
        /// The time it is for the site: the wall clock, or the demo's.
        now: Timestamp,
    },
}

/// Broadcasts events; clones are handles to the same hub.
#[derive(Debug, Clone)]
pub struct Hub {
    events: broadcast::Sender<Event>,
}

impl Default for Hub {
    fn default() -> Self {
        Self { events: broadcast::channel(1024).0 }
    }
}

impl Hub {
    /// Tells everybody who listens.
    pub fn publish(&self, event: Event) {
        // An error here only says that nobody listens.
        drop(self.events.send(event));
    }

    /// Hears events from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }
}
