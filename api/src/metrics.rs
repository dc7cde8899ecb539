//! Counts and times of what the API did, in the Prometheus text format at `/metrics`.

mod connections;
mod forecasts;
mod influx;

pub(crate) use connections::ConnectionFigures;
pub(crate) use forecasts::ForecastFigures;
pub(crate) use influx::InfluxFigures;

use crate::error::Problem;
use crate::ingest::figures::Figures;
use crate::state::AppState;
use actix_web::HttpResponse;
use actix_web::web;
use engine::alert::Delivered;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: String,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TableLabels {
    table: String,
}

#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    registry: Arc<Mutex<Registry>>,
    requests: Family<RequestLabels, Counter>,
    seconds: Family<RouteLabels, Histogram>,
    accepted: Counter,
    rejected: Counter,
    sent: Counter,
    failed: Counter,
    alerts: Gauge,
    log_bytes: Gauge,
    retained_rows: Counter,
    vacuumed_files: Counter,
    vacuumed_bytes: Counter,
    table_rows: Family<TableLabels, Gauge>,
    table_buffered: Family<TableLabels, Gauge>,
    table_files: Family<TableLabels, Gauge>,
    /// What the doors count.
    pub(crate) ingest: Figures,
    /// How forecasting goes.
    pub(crate) forecasts: ForecastFigures,
    /// What goes to and comes from InfluxDBs.
    pub(crate) influx: InfluxFigures,
    connections: ConnectionFigures,
}

impl Default for Metrics {
    fn default() -> Self {
        let metrics = Self {
            registry: Arc::new(Mutex::new(Registry::with_prefix("chergui"))),
            requests: Family::default(),
            // 0.25 ms to 8 s.
            seconds: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.000_25, 2.0, 16))),
            accepted: Counter::default(),
            rejected: Counter::default(),
            sent: Counter::default(),
            failed: Counter::default(),
            alerts: Gauge::default(),
            log_bytes: Gauge::default(),
            retained_rows: Counter::default(),
            vacuumed_files: Counter::default(),
            vacuumed_bytes: Counter::default(),
            table_rows: Family::default(),
            table_buffered: Family::default(),
            table_files: Family::default(),
            ingest: Figures::default(),
            forecasts: ForecastFigures::default(),
            influx: InfluxFigures::default(),
            connections: ConnectionFigures::default(),
        };
        let mut registry = metrics.registry.lock().unwrap_or_else(PoisonError::into_inner);
        registry.register("http_requests", "Requests answered", metrics.requests.clone());
        registry.register("http_request_duration_seconds", "Time to answer", metrics.seconds.clone());
        registry.register("readings_accepted_rows", "Rows of readings stored, new or changed", metrics.accepted.clone());
        registry.register("readings_rejected_rows", "Rows of readings rejected", metrics.rejected.clone());
        registry.register("notifications_sent", "Messages receivers have", metrics.sent.clone());
        registry.register("notifications_failed", "Tries that failed", metrics.failed.clone());
        registry.register("alerts_living", "Alerts nobody has decided yet", metrics.alerts.clone());
        registry.register("store_log_bytes", "Bytes of the write-ahead log", metrics.log_bytes.clone());
        registry.register("store_retention_rows", "Rows taken away by retention", metrics.retained_rows.clone());
        registry.register("store_vacuum_files", "Files removed that no table needs", metrics.vacuumed_files.clone());
        registry.register("store_vacuum_bytes", "Their bytes", metrics.vacuumed_bytes.clone());
        registry.register("store_table_rows", "Rows in Delta files", metrics.table_rows.clone());
        registry.register("store_table_buffered_rows", "Rows in the log and buffer only", metrics.table_buffered.clone());
        registry.register("store_table_files", "Files of the newest version", metrics.table_files.clone());
        metrics.ingest.register(&mut registry);
        metrics.forecasts.register(&mut registry);
        metrics.influx.register(&mut registry);
        metrics.connections.register(&mut registry);
        registry.register("build", "What runs here", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        drop(registry);
        metrics
    }
}

impl Metrics {
    pub(crate) fn answered(&self, method: &str, route: &str, status: u16, took: Duration) {
        let labels = RequestLabels { method: method.into(), route: route.into(), status };
        self.requests.get_or_create(&labels).inc();
        self.seconds.get_or_create(&RouteLabels { route: route.into() }).observe(took.as_secs_f64());
    }

    pub(crate) fn readings(&self, accepted: usize, rejected: usize) {
        self.accepted.inc_by(accepted as u64);
        self.rejected.inc_by(rejected as u64);
    }

    pub(crate) fn delivered(&self, done: Delivered) {
        self.sent.inc_by(done.sent as u64);
        self.failed.inc_by((done.postponed + done.dead) as u64);
    }

    pub(crate) fn retained(&self, rows: u64) {
        self.retained_rows.inc_by(rows);
    }

    pub(crate) fn vacuumed(&self, files: usize, bytes: u64) {
        self.vacuumed_files.inc_by(files as u64);
        self.vacuumed_bytes.inc_by(bytes);
    }

    fn refresh(&self, state: &AppState, living: u64) {
        let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        self.alerts.set(whole(living));
        state.ingest.refresh();
        self.forecasts.refresh_ages(state.now());
        self.connections.refresh(&state.plants, engine::domain::Timestamp::now());
        let stats = state.store.stats();
        self.log_bytes.set(whole(stats.log_bytes));
        for table in stats.tables {
            let labels = TableLabels { table: table.name };
            self.table_rows.get_or_create(&labels).set(whole(table.rows));
            self.table_buffered.get_or_create(&labels).set(whole(table.buffered_rows as u64));
            self.table_files.get_or_create(&labels).set(whole(table.files as u64));
        }
    }
}

/// Counters and gauges in the OpenMetrics text format.
#[utoipa::path(get, path = "/metrics", tag = "operations", responses((status = 200, description = "Prometheus / OpenMetrics text", content_type = "application/openmetrics-text", body = String)), security(()))]
pub(crate) async fn scrape(state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let living = state.alerts.living_by_asset().await?.values().sum();
    state.metrics.refresh(&state, living);
    let mut text = String::new();
    let registry = state.metrics.registry.lock().unwrap_or_else(PoisonError::into_inner);
    encode(&mut text, &registry)
        .map_err(|error| Problem::new(crate::error::Code::Internal, format!("cannot write the metrics: {error}")))?;
    Ok(HttpResponse::Ok().content_type("application/openmetrics-text; version=1.0.0; charset=utf-8").body(text))
}
