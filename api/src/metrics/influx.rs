//! What goes to and comes from the InfluxDBs of the configuration, for `/metrics`. Rows that came in are among `ingest_rows`.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ConnectionLabels {
    connection: String,
}

/// The counters. Clones count into the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct InfluxFigures {
    sent: Family<ConnectionLabels, Counter>,
    dropped: Family<ConnectionLabels, Counter>,
    failed_writes: Family<ConnectionLabels, Counter>,
    failed_reads: Family<ConnectionLabels, Counter>,
}

impl InfluxFigures {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("influx_points_sent", "Points an InfluxDB took", self.sent.clone());
        let help = "Forecasts and changes of alerts that an InfluxDB will not get: too many waited, or it refused them";
        registry.register("influx_dropped", help, self.dropped.clone());
        registry.register("influx_failed_writes", "Tries to write that failed", self.failed_writes.clone());
        registry.register("influx_failed_reads", "Tries to read that failed", self.failed_reads.clone());
    }

    pub(crate) fn sent(&self, connection: &str, points: usize) {
        add(&self.sent, connection, points as u64);
    }

    pub(crate) fn dropped(&self, connection: &str, items: u64) {
        add(&self.dropped, connection, items);
    }

    pub(crate) fn failed_write(&self, connection: &str) {
        add(&self.failed_writes, connection, 1);
    }

    pub(crate) fn failed_read(&self, connection: &str) {
        add(&self.failed_reads, connection, 1);
    }
}

fn add(family: &Family<ConnectionLabels, Counter>, connection: &str, count: u64) {
    family.get_or_create(&ConnectionLabels { connection: connection.into() }).inc_by(count);
}
