//! Forecasts and changes of alerts to the InfluxDBs whose `[influx.write]` asks for them.
//!
//! In: what the hub and the alert book tell. Out: points. Nobody waits for an InfluxDB: what cannot be sent yet waits in a bounded queue
//! whose oldest entry makes room, counted. The queue does not outlive the process; the forecasts and alerts themselves are in the store.

use super::back_off;
use crate::config::InfluxWrite;
use crate::hub::Event;
use crate::state::AppState;
use connectors::influx::InfluxError;
use connectors::influx::Writer;
use engine::alert::Alert;
use engine::alert::AlertChange;
use engine::domain::AssetId;
use engine::domain::Quantity;
use engine::domain::Timestamp;
use engine::store::StoreError;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

/// Most that waits for one InfluxDB. Of a forecast only its name waits; it is read from the store when its turn comes.
const MOST_WAITING: usize = 10_000;
/// How much is taken from the queue at a time.
const AT_ONCE: usize = 32;

#[derive(Debug, Clone, PartialEq)]
enum Item {
    Forecast(AssetId, Quantity, Timestamp),
    Alert(Box<Alert>),
}

#[derive(Debug, Default)]
struct Queue {
    items: Mutex<VecDeque<Item>>,
    more: Notify,
}

impl Queue {
    /// True when the oldest entry had to make room.
    fn put(&self, item: Item) -> bool {
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = items.len() >= MOST_WAITING;
        if is_full {
            items.pop_front();
        }
        items.push_back(item);
        drop(items);
        self.more.notify_one();
        is_full
    }

    /// The oldest entries; waits until there is one.
    async fn take(&self) -> Vec<Item> {
        loop {
            let taken: Vec<Item> = {
                let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
                let count = items.len().min(AT_ONCE);
                items.drain(..count).collect()
            };
            if !taken.is_empty() {
                return taken;
            }
            self.more.notified().await;
        }
    }
}

/// Why points were not written.
#[derive(Debug, thiserror::Error)]
enum WriteError {
    #[error(transparent)]
    Influx(#[from] InfluxError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl WriteError {
    const fn is_passing(&self) -> bool {
        match self {
            Self::Influx(error) => error.is_passing(),
            Self::Store(_) => true,
        }
    }
}

/// Starts two jobs per connection that is written to: one listens, one sends. What happens after this call is heard.
pub(super) fn start(state: &AppState) {
    for connection in &state.config.influx {
        let Some(write) = &connection.write else { continue };
        match connection.writer() {
            Ok(writer) => {
                let queue = Arc::new(Queue::default());
                let ears = (state.hub.subscribe(), state.alerts.subscribe());
                tokio::spawn(listen(state.clone(), connection.name.clone(), write.clone(), ears, queue.clone()));
                tokio::spawn(send(state.clone(), connection.name.clone(), writer, queue));
            }
            Err(error) => tracing::error!(%error, "nothing is written to this InfluxDB"),
        }
    }
}

async fn listen(
    state: AppState,
    name: String,
    write: InfluxWrite,
    (mut events, mut changes): (Receiver<Event>, Receiver<AlertChange>),
    queue: Arc<Queue>,
) {
    loop {
        let heard = tokio::select! {
            () = state.stopping.cancelled() => return,
            event = events.recv(), if write.forecasts => event.map(|event| match event {
                Event::Forecast { asset_id, quantity, issue_time } => Some(Item::Forecast(asset_id, quantity, issue_time)),
                Event::Telemetry { .. } => None,
            }),
            change = changes.recv(), if write.alerts => change.map(|change| Some(Item::Alert(Box::new(change.alert)))),
        };
        match heard {
            Ok(Some(item)) => {
                if queue.put(item) {
                    state.metrics.influx.dropped(&name, 1);
                }
            }
            Ok(None) => {}
            Err(RecvError::Lagged(missed)) => state.metrics.influx.dropped(&name, missed),
            Err(RecvError::Closed) => return,
        }
    }
}

async fn send(state: AppState, name: String, writer: Writer, queue: Arc<Queue>) {
    loop {
        let items = tokio::select! {
            () = state.stopping.cancelled() => return,
            items = queue.take() => items,
        };
        tokio::select! {
            () = state.stopping.cancelled() => return,
            () = send_items(&state, &name, &writer, &items) => {}
        }
    }
}

/// Tries until the server has them or refuses them for good.
async fn send_items(state: &AppState, name: &str, writer: &Writer, items: &[Item]) {
    let figures = &state.metrics.influx;
    for failures in 1_u32.. {
        match write_items(state, writer, items).await {
            Ok(points) => return figures.sent(name, points),
            Err(error) if error.is_passing() => {
                figures.failed_write(name);
                let wait = back_off(failures);
                tracing::warn!(influx = name, %error, ?wait, "points could not be written; they are tried again");
                tokio::time::sleep(wait).await;
            }
            Err(error) => {
                figures.failed_write(name);
                tracing::error!(influx = name, %error, items = items.len(), "points are not written");
                return figures.dropped(name, items.len() as u64);
            }
        }
    }
}

async fn write_items(state: &AppState, writer: &Writer, items: &[Item]) -> Result<usize, WriteError> {
    let (mut forecasts, mut alerts) = (Vec::new(), Vec::new());
    for item in items {
        match item {
            // One that retention took away meanwhile is no longer there.
            Item::Forecast(asset, quantity, at) => forecasts.extend(state.store.forecast_issued(asset, quantity, *at).await?),
            Item::Alert(alert) => alerts.push(Alert::clone(alert)),
        }
    }
    Ok(writer.forecasts(&forecasts).await? + writer.alerts(&alerts).await?)
}

#[cfg(test)]
mod tests {
    use super::{AT_ONCE, AssetId, Item, MOST_WAITING, Quantity, Queue, Timestamp};

    fn item(second: usize) -> Item {
        let at = Timestamp::from_second(i64::try_from(second).unwrap()).unwrap();
        Item::Forecast(AssetId::parse("T01").unwrap(), Quantity::ACTIVE_POWER, at)
    }

    #[tokio::test]
    async fn the_oldest_make_room_and_the_rest_keep_their_order() {
        let queue = Queue::default();
        let dropped = (0..MOST_WAITING + 3).filter(|second| queue.put(item(*second))).count();
        assert_eq!(dropped, 3);
        let mut taken = Vec::new();
        while taken.len() < MOST_WAITING {
            let some = queue.take().await;
            assert!(some.len() <= AT_ONCE);
            taken.extend(some);
        }
        assert_eq!(taken, (3..MOST_WAITING + 3).map(item).collect::<Vec<_>>());
    }
}
