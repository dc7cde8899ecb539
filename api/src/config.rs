//! The configuration: a TOML file, then `CHERGUI_*` variables (`__` between levels, e.g. `CHERGUI_LIMITS__SQL_ROWS=1000`).
//!
//! Every field has a default, so an empty file is a valid one. Unknown fields are refused with the nearest known name. What is
//! wrong together (an open port without a key) is refused here too.

mod connections;
mod holidays;
mod influx;
mod ingest;
mod keep;
mod limits;
mod maintenance;
mod playbook;

pub use connections::ConnectionConfig;
pub use holidays::HolidayConfig;
pub use influx::{InfluxConfig, InfluxRead, InfluxWrite};
pub use ingest::IngestConfig;
pub use keep::{BackupConfig, StorageConfig};
pub use limits::Limits;
pub(crate) use maintenance::crew_hours;
pub use maintenance::{CrewConfig, HoursConfig, MaintenanceConfig};
pub use playbook::PlaybookConfig;

use config::Environment;
use config::File;
use config::FileFormat;
use connectors::line::LineMapping;
pub use connectors::live::Secret;
use engine::alert::Severity;
use engine::domain::nearest;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Variables with our prefix that are the command line's, not the configuration's.
const NOT_OURS: &[&str] =
    &["CHERGUI_CONFIG", "CHERGUI_KEY", "CHERGUI_URL", "CHERGUI_LOG", "CHERGUI_PYTHON", "CHERGUI_CACHE", "CHERGUI_VICTORIA_METRICS"];

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read, a value has the wrong type, or a field is unknown.
    #[error("configuration: {problem}{}", nearest.as_ref().map(|n| format!("; nearest is {n:?}")).unwrap_or_default())]
    Read {
        /// What the reader said, with file and field.
        problem: String,
        /// The closest known field.
        nearest: Option<String>,
    },
    /// Reachable from outside and open to everybody.
    #[error(
        "bind = \"{bind}\" is reachable from other machines, so auth.required = false is refused; bind to 127.0.0.1 or require keys"
    )]
    Open {
        /// The address.
        bind: SocketAddr,
    },
    /// A bucket without its key.
    #[error("configuration: storage.url is set, so storage.{field} is needed; set it there or as CHERGUI_STORAGE__{}", field.to_uppercase())]
    Storage {
        /// The field.
        field: &'static str,
    },
    /// A connection to an InfluxDB that cannot work.
    #[error("configuration: influx {name:?}: {problem}")]
    Influx {
        /// Its name.
        name: String,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// A live connection that cannot work.
    #[error("configuration: connection {name:?}: {problem}")]
    Connection {
        /// Its name.
        name: String,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// A maintenance plan that cannot be made.
    #[error("configuration: maintenance: {problem}")]
    Maintenance {
        /// Field, crew, and what may stand there.
        problem: String,
    },
    /// Not a time to keep rows.
    #[error(
        "configuration: retention.{table} is {value:?}; write an ISO 8601 duration above zero, for example \"P5Y\" or \"P90D\""
    )]
    Retention {
        /// The table.
        table: String,
        /// What stands there.
        value: String,
    },
    /// A playbook that cannot be read or followed.
    #[error("configuration: playbook.file: {problem}")]
    Playbook {
        /// What is wrong, with file, line and remedy.
        problem: String,
    },
    /// A value outside its range.
    #[error("configuration: {field} is {value}, it must be {expected}")]
    Range {
        /// The field.
        field: &'static str,
        /// What stands there.
        value: String,
        /// What may stand there.
        expected: &'static str,
    },
}

/// All settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where everything is kept. Default `chergui-data`, below the working directory.
    pub data_dir: PathBuf,
    /// Address and port to listen at. Default `127.0.0.1:8080`: this machine only. Port 0 takes a free one.
    pub bind: SocketAddr,
    /// Threads that answer requests; 0 (default) is one per core.
    pub workers: usize,
    /// Who may call.
    pub auth: AuthConfig,
    /// Sizes and times that keep one caller from starving the others.
    pub limits: Limits,
    /// How alerts behave.
    pub alerts: AlertConfig,
    /// What to do about which alert.
    pub playbook: PlaybookConfig,
    /// What is forecast.
    pub forecasts: ForecastConfig,
    /// Crews and limits of the maintenance plan.
    pub maintenance: MaintenanceConfig,
    /// Who is told about alerts. Default nobody.
    pub webhooks: Vec<WebhookConfig>,
    /// Further quantities of the site: name → unit, for example `vane_angle = "deg"`.
    pub quantities: BTreeMap<String, String>,
    /// Where the tables are. Default in `data_dir`.
    pub storage: StorageConfig,
    /// How long rows are kept: table → ISO 8601 duration, for example `dead_letters = "P90D"`. Default everything, for good.
    pub retention: BTreeMap<String, String>,
    /// Where backups of a served store go.
    pub backup: BackupConfig,
    /// How telemetry comes in.
    pub ingest: IngestConfig,
    /// InfluxDBs to read history from and to write forecasts and alerts to. Default none.
    pub influx: Vec<InfluxConfig>,
    /// Live connections to plants (docs/connectors.md). Default none.
    pub connection: Vec<ConnectionConfig>,
    /// Days the operator knows better than our calendars.
    pub holidays: Vec<HolidayConfig>,
    /// How lines of the Influx line protocol become readings; one entry per measurement, `*` (or no name) for all others.
    #[serde(skip_serializing)]
    pub line_protocol: Vec<LineMapping>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: "chergui-data".into(),
            bind: SocketAddr::from(([127, 0, 0, 1], 8080)),
            workers: 0,
            auth: AuthConfig::default(),
            limits: Limits::default(),
            alerts: AlertConfig::default(),
            playbook: PlaybookConfig::default(),
            forecasts: ForecastConfig::default(),
            maintenance: MaintenanceConfig::default(),
            webhooks: Vec::new(),
            quantities: BTreeMap::new(),
            storage: StorageConfig::default(),
            retention: BTreeMap::new(),
            backup: BackupConfig::default(),
            ingest: IngestConfig::default(),
            influx: Vec::new(),
            connection: Vec::new(),
            holidays: Vec::new(),
            line_protocol: Vec::new(),
        }
    }
}

/// Who may call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthConfig {
    /// Whether callers need an API key. Default true; false only on a loopback address.
    pub required: bool,
    /// How long a session of the page lasts, hours. Default 12.
    pub session_hours: u32,
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self { required: true, session_hours: 12 }
    }
}

/// What is forecast.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ForecastConfig {
    /// Whether turbines and inverters are forecast every cycle as plants, regions and meters are. Default false: a model each takes
    /// some eight seconds of a core to fit, and 70 MB.
    pub machines: bool,
}

/// How alerts behave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlertConfig {
    /// An incident that comes again within this time joins its alert without a new message, hours. Default 24.
    pub hold_off_hours: u32,
    /// False alarms that are allowed per watched asset and year: sets the limits of the watch from the next start on, and
    /// `GET /alerts/budget` compares. Fewer mean later ones: SQL `detection_power(...)` says how much later. Default 0.5.
    pub false_alarms_per_asset_year: f64,
}

impl Default for AlertConfig {
    fn default() -> Self {
        Self { hold_off_hours: 24, false_alarms_per_asset_year: 0.5 }
    }
}

/// One receiver of messages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// Where to send them, http or https.
    pub url: String,
    /// Signing secret, `whsec_` and base64 of 24 bytes or more (Standard Webhooks).
    pub secret: Secret,
    /// Events wanted, for example `["alert.opened", "alert.escalated"]`; empty (default) means all.
    #[serde(default)]
    pub events: Vec<String>,
    /// Nothing below this urgency: `info` (default), `warning` or `critical`.
    #[serde(default = "everything")]
    pub min_severity: Severity,
}

const fn everything() -> Severity {
    Severity::Info
}

impl Config {
    /// Reads a file, if one is named, then the environment of this process.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        Self::load_from(path, std::env::vars().collect())
    }

    /// Reads a file, if one is named, then these variables.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn load_from(path: Option<&Path>, variables: HashMap<String, String>) -> Result<Self, ConfigError> {
        let ours = variables.into_iter().filter(|(name, _)| !NOT_OURS.contains(&name.as_str())).collect();
        let environment =
            Environment::with_prefix("CHERGUI").prefix_separator("_").separator("__").try_parsing(true).source(Some(ours));
        let mut builder = config::Config::builder();
        if let Some(path) = path {
            builder = builder.add_source(File::from(path).format(FileFormat::Toml).required(true));
        }
        let read = builder.add_source(environment).build().and_then(config::Config::try_deserialize::<Self>);
        let mut config = read.map_err(|error| unreadable(&error.to_string()))?;
        if let Some(folder) = path.and_then(Path::parent) {
            config.connection.iter_mut().for_each(|connection| connection.beside(folder));
        }
        config.checked()
    }

    /// Refuses what is wrong together.
    ///
    /// # Errors
    /// [`ConfigError::Open`], [`ConfigError::Range`], [`ConfigError::Influx`] and those of the store.
    pub fn checked(self) -> Result<Self, ConfigError> {
        if !self.auth.required && !self.bind.ip().is_loopback() {
            return Err(ConfigError::Open { bind: self.bind });
        }
        let positive = [
            ("limits.readings_body_mib", self.limits.readings_body_mib),
            ("limits.body_mib", self.limits.body_mib),
            ("limits.page_rows", self.limits.page_rows),
            ("limits.sql_memory_mib", self.limits.sql_memory_mib),
            ("limits.sql_rows", self.limits.sql_rows),
            ("ingest.in_flight_mib", self.ingest.in_flight_mib),
            ("limits.sql_answer_mib", self.limits.sql_answer_mib),
            ("limits.sql_concurrency", self.limits.sql_concurrency),
            ("auth.session_hours", self.auth.session_hours as usize),
        ];
        if let Some((field, value)) = positive.into_iter().find(|(_, value)| *value == 0) {
            return Err(ConfigError::Range { field, value: value.to_string(), expected: "at least 1" });
        }
        if self.limits.max_page_rows < self.limits.page_rows {
            let value = self.limits.max_page_rows.to_string();
            return Err(ConfigError::Range { field: "limits.max_page_rows", value, expected: "at least limits.page_rows" });
        }
        self.store_options()?;
        self.retention_cuts(engine::domain::Timestamp::UNIX_EPOCH)?;
        self.check_influx()?;
        self.check_connections()?;
        self.operator_days()?;
        self.alert_playbook()?;
        self.check_maintenance()?;
        let budget = self.alerts.false_alarms_per_asset_year;
        if !(budget > 0.0 && budget.is_finite()) {
            let (field, value) = ("alerts.false_alarms_per_asset_year", budget.to_string());
            return Err(ConfigError::Range { field, value, expected: "above 0" });
        }
        if self.ingest.in_flight_mib < self.limits.readings_body_mib.saturating_mul(2) {
            let value = self.ingest.in_flight_mib.to_string();
            let expected = "at least twice limits.readings_body_mib, so that a packed body has room to be unpacked";
            return Err(ConfigError::Range { field: "ingest.in_flight_mib", value, expected });
        }
        Ok(self)
    }
}

/// serde says "unknown field `x`, expected one of `a`, `b`"; we add which of them was probably meant.
fn unreadable(problem: &str) -> ConfigError {
    let mut named = problem.split('`').skip(1).step_by(2);
    let wrong = named.next().filter(|_| problem.contains("unknown field"));
    let nearest = wrong.and_then(|wrong| nearest(wrong, named)).map(Into::into);
    ConfigError::Read { problem: problem.into(), nearest }
}

#[cfg(test)]
mod tests {
    use super::{Config, ConfigError, HashMap, Path};

    fn load(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("chergui.toml");
        std::fs::write(&path, text).unwrap();
        let variables: HashMap<String, String> = variables.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        Config::load_from(Some(&path), variables)
    }

    #[test]
    fn an_empty_file_is_the_default_and_variables_win() {
        assert_eq!(load("", &[]).unwrap(), Config::default());
        let variables = [("CHERGUI_LIMITS__SQL_ROWS", "7"), ("CHERGUI_DATA_DIR", "/tmp/x"), ("CHERGUI_KEY", "k"), ("HOME", "/")];
        let config = load("bind = \"127.0.0.1:9000\"\n[limits]\nsql_rows = 5\n", &variables).unwrap();
        assert_eq!((config.bind.port(), config.limits.sql_rows), (9000, 7));
        assert_eq!(config.data_dir, Path::new("/tmp/x"));
    }

    #[test]
    fn slips_are_named_with_the_remedy() {
        let error = load("[limits]\nsql_row = 5\n", &[]).unwrap_err().to_string();
        assert!(error.contains("sql_row") && error.contains("nearest is \"sql_rows\""), "{error}");
        let error = load("[[webhooks]]\nurl = \"http://x\"\nsecret = \"whsec_x\"\nseverity = \"info\"\n", &[]).unwrap_err();
        assert!(error.to_string().contains("min_severity"), "{error}");
        assert!(matches!(load("[limits]\nbody_mib = 0\n", &[]), Err(ConfigError::Range { field: "limits.body_mib", .. })));
        assert!(load("bind = 5", &[]).is_err());
    }

    #[test]
    fn an_open_port_needs_keys_and_secrets_stay_hidden() {
        let open = "bind = \"0.0.0.0:8080\"\n[auth]\nrequired = false\n";
        assert!(matches!(load(open, &[]), Err(ConfigError::Open { .. })));
        assert!(load("bind = \"0.0.0.0:8080\"\n", &[]).is_ok());
        let config = load("[[webhooks]]\nurl = \"http://x\"\nsecret = \"whsec_hidden\"\n", &[]).unwrap();
        assert!(!format!("{config:?}").contains("hidden"));
        assert_eq!(config.webhooks[0].secret.reveal(), "whsec_hidden");
    }
}
