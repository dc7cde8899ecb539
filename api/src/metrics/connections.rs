//! How the live connections stand, for `/metrics`, as of the scrape. Rows that came in are among `ingest_rows`.

use crate::plants::{Plant, Plants};
use engine::domain::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::sync::atomic::AtomicU64;

type Real = Gauge<f64, AtomicU64>;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    connection: String,
    protocol: &'static str,
}

/// The gauges. Clones show the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct ConnectionFigures {
    live: Family<Labels, Gauge>,
    silent: Family<Labels, Gauge>,
    values: Family<Labels, Gauge>,
    bad: Family<Labels, Gauge>,
    rejects: Family<Labels, Gauge>,
    stored: Family<Labels, Gauge>,
    connects: Family<Labels, Gauge>,
    failures: Family<Labels, Gauge>,
    lag: Family<Labels, Real>,
    skew: Family<Labels, Real>,
}

impl ConnectionFigures {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("connection_live", "1 while the link holds", self.live.clone());
        registry.register("connection_silent", "1 while nothing has arrived for longer than silence_s", self.silent.clone());
        registry.register("connection_values", "Values and events received since the start", self.values.clone());
        registry.register("connection_bad_values", "Of these not of good quality", self.bad.clone());
        registry.register("connection_rejects", "What could not be read", self.rejects.clone());
        registry.register("connection_stored_rows", "Rows stored, new or changed", self.stored.clone());
        registry.register("connection_links", "Times the link was made", self.connects.clone());
        registry.register("connection_failures", "Times it was lost or could not be made", self.failures.clone());
        registry.register("connection_lag_seconds", "Since the newest value's own time", self.lag.clone());
        registry.register(
            "connection_skew_seconds",
            "Clock of the source minus ours; positive: theirs is ahead",
            self.skew.clone(),
        );
    }

    pub(super) fn refresh(&self, plants: &Plants, now: Timestamp) {
        let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        for plant in plants.iter() {
            let labels = Labels { connection: plant.config.name.clone(), protocol: plant.config.from.protocol().name() };
            let status = plant.link.status();
            let is_live = matches!(status.phase, connectors::live::Phase::Live | connectors::live::Phase::Backfilling);
            let counts = [
                (&self.live, u64::from(is_live)),
                (&self.silent, u64::from(plant.is_silent())),
                (&self.values, status.values),
                (&self.bad, status.bad),
                (&self.rejects, status.rejects),
                (&self.stored, plant.stored()),
                (&self.connects, status.connects),
                (&self.failures, status.failures),
            ];
            for (family, count) in counts {
                family.get_or_create(&labels).set(whole(count));
            }
            for (family, seconds) in [(&self.lag, Plant::lag_s(&status, now)), (&self.skew, status.skew_s)] {
                if let Some(seconds) = seconds {
                    family.get_or_create(&labels).set(seconds);
                }
            }
        }
    }
}
