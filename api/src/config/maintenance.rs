//! What lost energy costs: `[maintenance]`. In: settings. Out: a price.

use super::{Config, ConfigError};
use serde::{Deserialize, Serialize};

/// What lost energy costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MaintenanceConfig {
    /// Worth of one MWh that is not produced; absent (default): losses are shown as energy only.
    pub price_per_mwh: Option<f64>,
    /// In which currency, ISO 4217. Default `MAD`.
    pub currency: String,
}

impl Default for MaintenanceConfig {
    fn default() -> Self {
        Self { price_per_mwh: None, currency: "MAD".into() }
    }
}

impl Config {
    /// Refuses a price that is none.
    ///
    /// # Errors
    /// [`ConfigError::Range`].
    pub(super) fn check_maintenance(&self) -> Result<(), ConfigError> {
        let MaintenanceConfig { price_per_mwh, currency } = &self.maintenance;
        if let Some(price) = price_per_mwh.filter(|price| !(price.is_finite() && *price >= 0.0)) {
            let value = price.to_string();
            return Err(ConfigError::Range { field: "maintenance.price_per_mwh", value, expected: "0 or more, per MWh" });
        }
        let sound = currency.len() == 3 && currency.bytes().all(|b| b.is_ascii_uppercase());
        let wrong = || ConfigError::Range {
            field: "maintenance.currency",
            value: currency.clone(),
            expected: "three letters, for example MAD",
        };
        if sound { Ok(()) } else { Err(wrong()) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Config, MaintenanceConfig};

    #[test]
    fn a_price_is_a_number_in_a_currency() {
        let with = |price: f64, currency: &str| {
            let maintenance = MaintenanceConfig { price_per_mwh: Some(price), currency: currency.into() };
            Config { maintenance, ..Config::default() }.checked().map_err(|error| error.to_string())
        };
        assert!(with(650.0, "MAD").is_ok());
        assert!(with(-1.0, "MAD").unwrap_err().contains("maintenance.price_per_mwh"));
        assert!(with(650.0, "dirham").unwrap_err().contains("three letters"));
    }
}
