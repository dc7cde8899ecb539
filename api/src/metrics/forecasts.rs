//! How forecasting goes, for `/metrics`: how long a refresh takes, why models were fitted, what was amiss, how old the forecasts are.

use engine::domain::Forecast;
use engine::domain::NoteCode;
use engine::domain::Timestamp;
use engine::store::ledger::FitReason;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CodeLabels {
    code: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TargetLabels {
    asset_id: String,
    quantity: String,
}

/// The counters. Clones count into the same.
#[derive(Debug, Clone)]
pub(crate) struct ForecastFigures {
    refresh: Histogram,
    issued: Counter,
    made_up: Counter,
    failed: Counter,
    fits: Family<ReasonLabels, Counter>,
    notes: Family<CodeLabels, Gauge>,
    age: Family<TargetLabels, Gauge>,
    newest: Arc<Mutex<BTreeMap<(String, String), Timestamp>>>,
}

impl Default for ForecastFigures {
    fn default() -> Self {
        Self {
            // 50 ms to 100 s.
            refresh: Histogram::new(exponential_buckets(0.05, 2.0, 12)),
            issued: Counter::default(),
            made_up: Counter::default(),
            failed: Counter::default(),
            fits: Family::default(),
            notes: Family::default(),
            age: Family::default(),
            newest: Arc::default(),
        }
    }
}

impl ForecastFigures {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("forecast_refresh_seconds", "Time of a round of forecasts", self.refresh.clone());
        registry.register("forecasts_issued", "Forecasts issued", self.issued.clone());
        registry.register("forecasts_made_up", "Of these, for times at which the program was down", self.made_up.clone());
        registry.register("forecasts_failed", "Forecasts or fits that failed", self.failed.clone());
        registry.register("forecast_fits", "Models fitted, by reason", self.fits.clone());
        registry.register("forecast_notes", "Forecasts of the newest round with that note", self.notes.clone());
        registry.register("forecast_age_seconds", "Time since the newest forecast was issued", self.age.clone());
    }

    pub(crate) fn refreshed(&self, took: Duration) {
        self.refresh.observe(took.as_secs_f64());
    }

    /// The notes of a round.
    pub(crate) fn noted(&self, issued: &[Forecast]) {
        for code in NoteCode::ALL {
            let with = issued.iter().filter(|forecast| forecast.notes.iter().any(|note| note.code == code)).count();
            self.notes.get_or_create(&CodeLabels { code: code.name().into() }).set(i64::try_from(with).unwrap_or(i64::MAX));
        }
    }

    pub(crate) fn issued(&self, forecast: &Forecast) {
        self.issued.inc();
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let held = newest.entry((forecast.asset_id.to_string(), forecast.quantity.to_string())).or_insert(forecast.issue_time);
        *held = forecast.issue_time.max(*held);
    }

    pub(crate) fn made_up(&self, forecasts: usize) {
        self.made_up.inc_by(forecasts as u64);
    }

    pub(crate) fn failed(&self) {
        self.failed.inc();
    }

    pub(crate) fn fitted(&self, reason: FitReason) {
        self.fits.get_or_create(&ReasonLabels { reason: reason.name().into() }).inc();
    }

    pub(super) fn refresh_ages(&self, now: Timestamp) {
        for ((asset_id, quantity), issued) in self.newest.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let labels = TargetLabels { asset_id: asset_id.clone(), quantity: quantity.clone() };
            self.age.get_or_create(&labels).set(now.duration_since(*issued).as_secs());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ForecastFigures, Registry, Timestamp};
    use engine::domain::{AssetId, Forecast, Note, NoteCode, Quantity};
    use engine::store::ledger::FitReason;
    use std::time::Duration;

    #[test]
    fn a_round_is_counted_with_its_notes_and_ages() {
        let figures = ForecastFigures::default();
        let mut registry = Registry::default();
        figures.register(&mut registry);
        let mut forecast = Forecast {
            asset_id: AssetId::parse("tarfaya").unwrap(),
            quantity: Quantity::ACTIVE_POWER,
            issue_time: Timestamp::from_second(7200).unwrap(),
            valid_times: vec![],
            quantiles: vec![],
            values: vec![],
            model: "m".into(),
            model_version: "1".into(),
            notes: vec![Note::new(NoteCode::WeatherMissing)],
        };
        figures.refreshed(Duration::from_millis(900));
        figures.noted(std::slice::from_ref(&forecast));
        figures.issued(&forecast);
        forecast.issue_time = Timestamp::from_second(3600).unwrap();
        figures.issued(&forecast);
        figures.fitted(FitReason::Drift);
        figures.refresh_ages(Timestamp::from_second(7260).unwrap());
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for line in [
            "forecast_age_seconds{asset_id=\"tarfaya\",quantity=\"active_power\"} 60",
            "forecast_notes{code=\"weather_missing\"} 1",
            "forecast_notes{code=\"telemetry_stale\"} 0",
            "forecast_fits_total{reason=\"drift\"} 1",
            "forecasts_issued_total 2",
            "forecast_refresh_seconds_count 1",
        ] {
            assert!(text.lines().any(|held| held == line), "{line} is not in\n{text}");
        }
    }
}
