//! The newest forecast of each asset and quantity, rendered once and kept in memory, so that asking costs a look-up.
//!
//! [`crate::AppState::forecast_stored`] forgets an entry. A reader that loaded before a `forget` and comes back after it must not put
//! the old forecast in again: it carries the generation it started from.

use engine::domain::AssetId;
use engine::domain::Forecast;
use engine::domain::Quantity;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::services::Verdict;

/// One forecast, ready to be sent.
#[derive(Debug)]
pub(crate) struct Rendered {
    pub(crate) forecast: Forecast,
    pub(crate) verdict: Option<Verdict>,
    /// Body with all quantiles.
    pub(crate) json: actix_web::web::Bytes,
    /// Its strong tag, quoted.
    pub(crate) etag: String,
}

#[derive(Debug, Default)]
struct Inner {
    entries: HashMap<(AssetId, Quantity), Arc<Rendered>>,
    generation: u64,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct ForecastCache(Arc<RwLock<Inner>>);

impl ForecastCache {
    /// The entry, or the generation to hand to [`ForecastCache::put`].
    pub(crate) fn get(&self, asset: &AssetId, quantity: &Quantity) -> Result<Arc<Rendered>, u64> {
        let inner = self.0.read().unwrap_or_else(PoisonError::into_inner);
        inner.entries.get(&(asset.clone(), quantity.clone())).cloned().ok_or(inner.generation)
    }

    /// Keeps an entry unless anything was forgotten since `generation`.
    pub(crate) fn put(&self, asset: &AssetId, quantity: &Quantity, generation: u64, rendered: &Arc<Rendered>) {
        let mut inner = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if inner.generation == generation {
            inner.entries.insert((asset.clone(), quantity.clone()), rendered.clone());
        }
    }

    pub(crate) fn forget(&self, asset: &AssetId, quantity: &Quantity) {
        let mut inner = self.0.write().unwrap_or_else(PoisonError::into_inner);
        inner.generation = inner.generation.wrapping_add(1);
        inner.entries.remove(&(asset.clone(), quantity.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::{Arc, AssetId, Forecast, ForecastCache, Quantity, Rendered};
    use engine::domain::Timestamp;

    #[test]
    fn a_late_reader_does_not_bring_back_a_forgotten_forecast() {
        let (asset, quantity) = (AssetId::parse("A").unwrap(), Quantity::LOAD);
        let forecast = Forecast {
            asset_id: asset.clone(),
            quantity: quantity.clone(),
            issue_time: Timestamp::UNIX_EPOCH,
            valid_times: vec![],
            quantiles: vec![],
            values: vec![],
            model: "m".into(),
            model_version: "1".into(),
            notes: Vec::new(),
        };
        let rendered = Arc::new(Rendered { forecast, verdict: None, json: "{}".into(), etag: "\"x\"".into() });
        let cache = ForecastCache::default();
        let before = cache.get(&asset, &quantity).unwrap_err();
        cache.forget(&asset, &quantity);
        cache.put(&asset, &quantity, before, &rendered);
        let after = cache.get(&asset, &quantity).unwrap_err();
        cache.put(&asset, &quantity, after, &rendered);
        assert!(cache.get(&asset, &quantity).is_ok());
    }
}
