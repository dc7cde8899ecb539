//! What every request can reach, and how it is opened from a configuration.
//!
//! In: a [`Config`]. Out: an [`AppState`] whose clones share everything, and the first API key if one was made. The binary sets
//! [`Services`] before it builds the server.

use crate::auth::Authority;
use crate::config::Config;
use crate::config::ConfigError;
use crate::forecast_cache::ForecastCache;
use crate::hub::Event;
use crate::hub::Hub;
use crate::ingest::Ingest;
use crate::line_plan::CurrentPlan;
use crate::metrics::Metrics;
use crate::plants::Plants;
use crate::services::Services;
use connectors::webhook::Webhook;
use connectors::webhook::WebhookError;
use engine::alert::AlertBook;
use engine::alert::AlertRules;
use engine::alert::Notifier;
use engine::alert::Outbox;
use engine::alert::RetryPolicy;
use engine::alert::Subscription;
use engine::alert::{alert_events_schema, alert_evidence_schema, alert_incidents_schema, alerts_schema};
use engine::domain::AssetId;
use engine::domain::DomainError;
use engine::domain::Quantity;
use engine::domain::Timestamp;
use engine::domain::Unit;
use engine::pipeline::{Pipeline, PipelineOptions, register_functions, register_maintenance};
use engine::query::QueryError;
use engine::query::Session;
use engine::query::SessionOptions;
use engine::source::SourceError;
use engine::store::Store;
use engine::store::StoreError;
use engine::store::ledger::Ledger;
use engine::store::ledger::LedgerError;
use engine::store::ledger::models_schema;
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Everything a request can reach. Clones are handles to the same.
#[derive(Debug, Clone)]
pub struct AppState {
    /// The settings.
    pub config: Arc<Config>,
    /// Telemetry, forecasts, assets.
    pub store: Store,
    /// SQL.
    pub session: Session,
    /// Keys, sessions, idempotency, outbox.
    pub ledger: Ledger,
    /// Alerts.
    pub alerts: AlertBook,
    /// Events that are not alerts.
    pub hub: Hub,
    /// Models, and the record of their forecasts.
    pub pipeline: Pipeline,
    /// What the pipeline knows.
    pub services: Services,
    /// Who may call.
    pub authority: Authority,
    /// Cancelled when the server stops; long answers and jobs end with it.
    pub stopping: CancellationToken,
    pub(crate) forecasts: ForecastCache,
    pub(crate) metrics: Metrics,
    pub(crate) ingest: Ingest,
    pub(crate) lines: CurrentPlan,
    /// Live connections.
    pub plants: Plants,
}

/// The rooms of one configuration, without a server: what commands work with.
#[derive(Debug, Clone)]
pub struct Rooms {
    /// The settings.
    pub config: Arc<Config>,
    /// Telemetry, forecasts, assets.
    pub store: Store,
    /// SQL, with `forecast(...)`, `anomalies(...)` and the alerts.
    pub session: Session,
    /// Keys, sessions, idempotency, outbox.
    pub ledger: Ledger,
    /// Alerts.
    pub alerts: AlertBook,
    /// Models.
    pub pipeline: Pipeline,
}

/// A state and what the person who started it must see once.
#[derive(Debug)]
pub struct Opened {
    /// Ready to be built into a server.
    pub state: AppState,
    /// The models behind it.
    pub pipeline: Pipeline,
    /// Text of the first API key, if it was made now; print it, it is kept nowhere.
    pub first_key: Option<String>,
}

/// Why a configuration could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The settings of the store.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The SQL session.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// A webhook of the configuration.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    /// The mapping of the line protocol.
    #[error("configuration: {0}")]
    LineProtocol(#[from] SourceError),
    /// A declared quantity.
    #[error("configuration: quantities.{name}: {cause}")]
    Quantity {
        /// Its name.
        name: String,
        /// What is wrong.
        cause: DomainError,
    },
}

impl Rooms {
    /// Opens the store, the ledger and a SQL session with these limits; alerts become SQL tables, models table functions.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(config: Config, limits: SessionOptions) -> Result<Self, OpenError> {
        let store = Store::open(config.store_options()?).await?;
        for (name, unit) in &config.quantities {
            let unit = Unit::parse(unit).map_err(|cause| OpenError::Quantity { name: name.clone(), cause })?;
            store.declare(name, unit).await?;
        }
        let ledger = Ledger::open(&config.data_dir).await?;
        let session = Session::new(store.clone(), limits)?;
        let alerts = AlertBook::new(ledger.clone(), alert_rules(&config)?);
        register_alerts(&session, &alerts);
        let options = PipelineOptions {
            machines: config.forecasts.machines,
            days: config.operator_days()?,
            false_alarms_per_asset_year: config.alerts.false_alarms_per_asset_year,
            ..PipelineOptions::default()
        };
        register_models(&session, &ledger);
        let pipeline = Pipeline::new(store.clone(), options).registered(ledger.clone());
        register_functions(&session, &pipeline, Timestamp::now);
        let usual = config.maintenance_request(Timestamp::UNIX_EPOCH)?;
        register_maintenance(&session, &pipeline, &alerts, usual, Timestamp::now);
        Ok(Self { config: Arc::new(config), store, session, ledger, alerts, pipeline })
    }
}

/// Opens the rooms and what a server needs beside them.
///
/// # Errors
/// [`OpenError`].
pub async fn open(config: Config) -> Result<Opened, OpenError> {
    let limits = crate::sql_limits::of_server(&config.limits);
    let (required, hours) = (config.auth.required, config.auth.session_hours);
    let rooms = Rooms::open(config, limits).await?;
    let (authority, first_key) = Authority::open(rooms.ledger.clone(), required, hours, Timestamp::now()).await?;
    let metrics = Metrics::default();
    let ingest = Ingest::new(&rooms.config, metrics.ingest.clone());
    let lines = CurrentPlan::compile(&rooms.config.line_protocol, &rooms.store.quantities())?;
    let plants = Plants::open(&rooms.config, &rooms.store.quantities())?;
    let state = AppState {
        config: rooms.config,
        store: rooms.store,
        session: rooms.session,
        ledger: rooms.ledger,
        alerts: rooms.alerts,
        hub: Hub::default(),
        pipeline: rooms.pipeline.clone(),
        services: Services::default(),
        authority,
        stopping: CancellationToken::new(),
        forecasts: ForecastCache::default(),
        metrics,
        ingest,
        lines,
        plants,
    };
    Ok(Opened { state, pipeline: rooms.pipeline, first_key })
}

impl AppState {
    /// The time it is for the site.
    pub fn now(&self) -> Timestamp {
        (self.services.now)()
    }

    /// To be called after a forecast was stored: forgets the cached one and tells listeners.
    pub fn forecast_stored(&self, asset_id: AssetId, quantity: Quantity, issue_time: Timestamp) {
        self.forecasts.forget(&asset_id, &quantity);
        self.hub.publish(Event::Forecast { asset_id, quantity, issue_time });
    }

    /// The outbox of this state: one webhook per entry of the configuration.
    ///
    /// # Errors
    /// [`WebhookError`] for an address or secret that cannot be used.
    pub fn outbox(&self) -> Result<Outbox, WebhookError> {
        let mut notifiers: BTreeMap<String, Arc<dyn Notifier>> = BTreeMap::new();
        for (index, webhook) in self.config.webhooks.iter().enumerate() {
            let notifier = Webhook::new(&webhook.url, webhook.secret.reveal(), Duration::from_secs(15), Timestamp::now)?;
            notifiers.insert(channel(index, &webhook.url), Arc::new(notifier));
        }
        Ok(Outbox::new(self.ledger.clone(), notifiers, RetryPolicy::default()))
    }
}

fn alert_rules(config: &Config) -> Result<AlertRules, ConfigError> {
    let subscription = |(index, webhook): (usize, &crate::config::WebhookConfig)| Subscription {
        channel: channel(index, &webhook.url),
        events: webhook.events.clone(),
        min_severity: webhook.min_severity,
    };
    Ok(AlertRules {
        hold_off: SignedDuration::from_hours(i64::from(config.alerts.hold_off_hours)),
        subscriptions: config.webhooks.iter().enumerate().map(subscription).collect(),
        playbook: config.alert_playbook()?,
    })
}

/// Name of a webhook's channel: its place in the configuration and its address without the query.
fn channel(index: usize, url: &str) -> String {
    format!("webhook {index} {}", url.split('?').next().unwrap_or_default())
}

fn register_models(session: &Session, ledger: &Ledger) {
    let ledger = ledger.clone();
    let failed = |error: LedgerError| QueryError::Computed { function: "models".into(), problem: error.to_string() };
    let read = move || {
        let ledger = ledger.clone();
        Box::pin(async move { ledger.models_batch().await.map_err(failed) }) as futures::future::BoxFuture<'static, _>
    };
    session.register_snapshot("models", models_schema(), Arc::new(read));
}

fn register_alerts(session: &Session, alerts: &AlertBook) {
    let computed = |function: &'static str| {
        move |error: engine::alert::AlertError| QueryError::Computed { function: function.into(), problem: error.to_string() }
    };
    macro_rules! table {
        ($name:literal, $schema:expr, $read:ident) => {
            let book = alerts.clone();
            let read = move || {
                let book = book.clone();
                Box::pin(async move { book.$read().await.map_err(computed($name)) }) as futures::future::BoxFuture<'static, _>
            };
            session.register_snapshot($name, $schema, Arc::new(read));
        };
    }
    table!("alerts", alerts_schema(), alerts_batch);
    table!("alert_events", alert_events_schema(), alert_events_batch);
    table!("alert_incidents", alert_incidents_schema(), alert_incidents_batch);
    table!("alert_evidence", alert_evidence_schema(), alert_evidence_batch);
}
