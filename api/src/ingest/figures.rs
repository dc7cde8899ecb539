//! What the doors count, for `/metrics`.

use super::Door;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RowLabels {
    door: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DoorLabels {
    door: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

/// The counters. Clones count into the same.
#[derive(Debug, Clone)]
pub(crate) struct Figures {
    rows: Family<RowLabels, Counter>,
    bytes: Family<DoorLabels, Counter>,
    in_flight: Gauge,
    refused: Family<ReasonLabels, Counter>,
    wait: Histogram,
    letters: Family<ReasonLabels, Counter>,
    dropped: Counter,
}

impl Default for Figures {
    fn default() -> Self {
        Self {
            rows: Family::default(),
            bytes: Family::default(),
            in_flight: Gauge::default(),
            refused: Family::default(),
            // 1 ms to 2 s.
            wait: Histogram::new(exponential_buckets(0.001, 2.0, 12)),
            letters: Family::default(),
            dropped: Counter::default(),
        }
    }
}

impl Figures {
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register("ingest_rows", "Rows by door and what became of them", self.rows.clone());
        registry.register("ingest_body_bytes", "Bytes of bodies as they were sent", self.bytes.clone());
        registry.register("ingest_in_flight_bytes", "Bytes of bodies and batches on their way in", self.in_flight.clone());
        registry.register("ingest_refused_requests", "Requests told to come again", self.refused.clone());
        registry.register_with_unit("ingest_wait", "Time spent waiting for room", Unit::Seconds, self.wait.clone());
        registry.register("dead_letters", "Dead letters kept, by reason", self.letters.clone());
        registry.register("dead_letters_dropped", "Dead letters not kept because there were too many", self.dropped.clone());
    }

    pub(crate) fn rows(&self, door: Door, accepted: usize, unchanged: usize, rejected: usize) {
        for (outcome, count) in [("accepted", accepted), ("unchanged", unchanged), ("rejected", rejected)] {
            if count > 0 {
                self.rows.get_or_create(&RowLabels { door: door.name(), outcome }).inc_by(count as u64);
            }
        }
    }

    pub(crate) fn body(&self, door: Door, bytes: usize) {
        self.bytes.get_or_create(&DoorLabels { door: door.name() }).inc_by(bytes as u64);
    }

    pub(crate) fn in_flight(&self, bytes: usize) {
        self.in_flight.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    pub(crate) fn refused(&self, reason: &'static str) {
        self.refused.get_or_create(&ReasonLabels { reason }).inc();
    }

    pub(crate) fn waited(&self, took: Duration) {
        self.wait.observe(took.as_secs_f64());
    }

    pub(crate) fn letter(&self, reason: &'static str) {
        self.letters.get_or_create(&ReasonLabels { reason }).inc();
    }

    pub(crate) fn dropped(&self, letters: usize) {
        self.dropped.inc_by(letters as u64);
    }
}
