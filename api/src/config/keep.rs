//! What is kept where and for how long: `[storage]`, `[retention]`, `[backup]`. In: settings. Out: options of the store, times to cut at.

use super::{Config, ConfigError, Secret};
use engine::domain::{Table, Timestamp, nearest};
use engine::store::{S3Options, Storage, StoreOptions};
use jiff::{Span, tz::TimeZone};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Where the tables are. The write-ahead log and the ledger are always in `data_dir`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StorageConfig {
    /// `s3://bucket/prefix` of an S3-compatible server; absent (default): in `data_dir`.
    pub url: Option<String>,
    /// Its address, for example `https://minio.plant.example:9000`; absent: Amazon's.
    pub endpoint: Option<String>,
    /// Its region. Default `us-east-1`, which servers without regions take.
    pub region: String,
    /// Name of the key.
    pub access_key_id: Option<String>,
    /// The key; better as `CHERGUI_STORAGE__SECRET_ACCESS_KEY` than in a file.
    pub secret_access_key: Option<Secret>,
}

impl Default for StorageConfig {
    fn default() -> Self {
        Self { url: None, endpoint: None, region: "us-east-1".into(), access_key_id: None, secret_access_key: None }
    }
}

/// Where a served store puts backups.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BackupConfig {
    /// Directory for `POST /api/v1/backup`; absent (default): that is refused. Best another disk.
    pub directory: Option<PathBuf>,
}

impl Config {
    /// How to open the store.
    ///
    /// # Errors
    /// [`ConfigError::Storage`] when a key is absent.
    pub fn store_options(&self) -> Result<StoreOptions, ConfigError> {
        let storage = match &self.storage.url {
            None => Storage::Local,
            Some(url) => Storage::S3(S3Options {
                url: url.clone(),
                endpoint: self.storage.endpoint.clone(),
                region: self.storage.region.clone(),
                access_key_id: self.storage.access_key_id.clone().ok_or(ConfigError::Storage { field: "access_key_id" })?,
                secret_access_key: match &self.storage.secret_access_key {
                    Some(secret) => secret.reveal().to_owned(),
                    None => return Err(ConfigError::Storage { field: "secret_access_key" }),
                },
            }),
        };
        Ok(StoreOptions { storage, ..StoreOptions::new(&self.data_dir) })
    }

    /// Up to when the tables with a retention are cut at `now`.
    ///
    /// # Errors
    /// [`ConfigError::Read`] for an unknown table, [`ConfigError::Retention`] for what is no duration above zero.
    pub fn retention_cuts(&self, now: Timestamp) -> Result<Vec<(Table, Timestamp)>, ConfigError> {
        let cut = |(name, text): (&String, &String)| {
            let table = Table::all().find(|table| table.name() == name.as_str()).ok_or_else(|| {
                let names: Vec<&str> = Table::all().map(Table::name).collect();
                let problem = format!("retention.{name}: there is no such table");
                ConfigError::Read { problem, nearest: nearest(name, names).map(Into::into) }
            })?;
            let refused = || ConfigError::Retention { table: name.clone(), value: text.clone() };
            let span: Span = text.parse().map_err(|_| refused())?;
            let cut = now.to_zoned(TimeZone::UTC).checked_sub(span).map_err(|_| refused())?.timestamp();
            if cut < now { Ok((table, cut)) } else { Err(refused()) }
        };
        self.retention.iter().map(cut).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Config, Storage};
    use engine::domain::parse_time;

    fn config(text: &str) -> Config {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn retention_is_calendar_time_and_slips_are_named() {
        let now = parse_time("2026-11-22T00:00:00Z").unwrap();
        let cuts = config("[retention]\nwind_turbine = \"P5Y\"\ndead_letters = \"P90D\"").retention_cuts(now).unwrap();
        let cuts: Vec<(&str, String)> = cuts.iter().map(|(table, cut)| (table.name(), cut.to_string())).collect();
        assert_eq!(cuts, [("dead_letters", "2026-08-24T00:00:00Z".into()), ("wind_turbine", "2021-11-22T00:00:00Z".into())]);
        let error = config("[retention]\nwind_turbin = \"P5Y\"").checked().unwrap_err().to_string();
        assert!(error.contains("nearest is \"wind_turbine\""), "{error}");
        for text in ["5 years ago", "P0D", "-P1D"] {
            let error = config(&format!("[retention]\nmeter = \"{text}\"")).checked().unwrap_err().to_string();
            assert!(error.contains("P5Y"), "{error}");
        }
    }

    #[test]
    fn a_bucket_needs_its_key_and_hides_it() {
        assert_eq!(Config::default().store_options().unwrap().storage, Storage::Local);
        let error = config("[storage]\nurl = \"s3://b/p\"\naccess_key_id = \"k\"").checked().unwrap_err().to_string();
        assert!(error.contains("CHERGUI_STORAGE__SECRET_ACCESS_KEY"), "{error}");
        let whole =
            config("[storage]\nurl = \"s3://b/p\"\naccess_key_id = \"k\"\nsecret_access_key = \"hidden\"").checked().unwrap();
        assert!(!format!("{whole:?} {:?}", whole.store_options().unwrap()).contains("hidden"));
    }
}
