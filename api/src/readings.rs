//! The one door for live telemetry: stored durably, counted, and told to whoever listens.
//!
//! In: checked readings, from `POST /api/v1/readings` or from the demo's fleet. Out: the store's receipt.

use crate::hub::Event;
use crate::state::AppState;
use engine::domain::Readings;
use engine::store::{Receipt, StoreError};

/// Takes live telemetry; durable on return and visible to the next query.
///
/// # Errors
/// [`StoreError`]; the same rows may be sent again.
pub(crate) async fn accept(state: &AppState, readings: Readings) -> Result<Receipt, StoreError> {
    let receipt = state.store.append(readings).await?;
    let taken = receipt.inserted + receipt.changed;
    state.metrics.readings(taken, 0);
    if taken > 0 {
        state.hub.publish(Event::Telemetry { now: state.now() });
    }
    Ok(receipt)
}
