//! Who can be sent, when, and what an hour of standing still is worth: `[maintenance]`.
//!
//! In: crews with working hours by their own clock, wind limit, price, days. Out: the engine's request for a plan. The same crews may
//! stand in a request.

use super::{Config, ConfigError};
use engine::domain::Timestamp;
use engine::domain::time_zone;
use engine::pipeline::{CrewHours, MaintenanceRequest, PipelineError};
use engine::planning::{Effort, WorkingHours};
use jiff::civil::Time;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::ToSchema;

/// What the maintenance plan starts from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MaintenanceConfig {
    /// Who can be sent. Default one crew of two, Monday to Saturday from seven to five, by the clock of Casablanca.
    pub crews: Vec<CrewConfig>,
    /// Nobody climbs in more wind than this, m/s. Default 12.
    pub wind_limit: f64,
    /// What a MWh is worth; absent (default): savings are told in kWh only.
    pub price_per_mwh: Option<f64>,
    /// In which money. Default `MAD`.
    pub currency: String,
    /// Days that a plan covers. Default 7, at most 14.
    pub days: usize,
    /// Nodes of the search for a better plan; more may close the gap further. Default 400.
    pub nodes: u64,
    /// Seconds after which the search ends in any case. Default 20.
    pub seconds: u64,
}

impl Default for MaintenanceConfig {
    fn default() -> Self {
        let effort = Effort::default();
        Self {
            crews: vec![CrewConfig::default()],
            wind_limit: 12.0,
            price_per_mwh: None,
            currency: "MAD".into(),
            days: 7,
            nodes: effort.nodes,
            seconds: effort.time.as_secs(),
        }
    }
}

/// People who work together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CrewConfig {
    /// For people. Default `A`.
    pub name: String,
    /// How many they are. Default 2.
    pub people: u32,
    /// When they work.
    pub hours: HoursConfig,
}

impl Default for CrewConfig {
    fn default() -> Self {
        Self { name: "A".into(), people: 2, hours: HoursConfig::default() }
    }
}

/// Working hours, by the clock on the wall.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HoursConfig {
    /// `HH:MM`. Default `07:00`.
    pub start: String,
    /// `HH:MM`; not after `start` means on the next day. Default `17:00`.
    pub end: String,
    /// IANA name. Default `Africa/Casablanca`.
    pub timezone: String,
    /// Days on which a shift begins, Monday is 1 and Sunday 7. Default Monday to Saturday.
    pub weekdays: Vec<i8>,
}

impl Default for HoursConfig {
    fn default() -> Self {
        Self { start: "07:00".into(), end: "17:00".into(), timezone: "Africa/Casablanca".into(), weekdays: (1..=6).collect() }
    }
}

/// The engine's crews.
///
/// # Errors
/// [`PipelineError::PlanRequest`] with the field, the crew and what may stand there.
pub(crate) fn crew_hours(crews: &[CrewConfig]) -> Result<Vec<CrewHours>, PipelineError> {
    crews.iter().map(read).collect()
}

fn read(crew: &CrewConfig) -> Result<CrewHours, PipelineError> {
    let wrong = |field, given: &str, expected| PipelineError::PlanRequest {
        field,
        given: format!("{given:?} for crew {:?}", crew.name),
        expected,
    };
    let clock =
        |field, text: &str| Time::strptime("%H:%M", text).map_err(|_| wrong(field, text, "a time of the day such as 07:00"));
    if crew.people == 0 {
        return Err(wrong("crews.people", "0", "at least 1"));
    }
    let days = &crew.hours.weekdays;
    if days.is_empty() || days.iter().any(|day| !(1..=7).contains(day)) {
        return Err(wrong("crews.hours.weekdays", &format!("{days:?}"), "a list of days from 1 (Monday) to 7 (Sunday)"));
    }
    let zone = &crew.hours.timezone;
    let zone = time_zone(zone).map_err(|_| wrong("crews.hours.timezone", zone, "an IANA name such as Africa/Casablanca or UTC"))?;
    let hours = WorkingHours {
        start: clock("crews.hours.start", &crew.hours.start)?,
        end: clock("crews.hours.end", &crew.hours.end)?,
        weekdays: days.clone(),
        zone,
    };
    Ok(CrewHours { name: crew.name.clone(), people: crew.people, hours })
}

impl Config {
    /// A plan from `from` on with the crews and limits of `[maintenance]`.
    ///
    /// # Errors
    /// [`ConfigError::Maintenance`].
    pub fn maintenance_request(&self, from: Timestamp) -> Result<MaintenanceRequest, ConfigError> {
        let own = &self.maintenance;
        let effort = Effort { nodes: own.nodes, time: Duration::from_secs(own.seconds) };
        let asked = crew_hours(&own.crews)
            .and_then(|crews| MaintenanceRequest { from, days: own.days, crews, wind_limit: own.wind_limit, effort }.checked());
        asked.map_err(|cause| ConfigError::Maintenance { problem: cause.to_string() })
    }

    pub(super) fn check_maintenance(&self) -> Result<(), ConfigError> {
        self.maintenance_request(Timestamp::UNIX_EPOCH)?;
        let currency = &self.maintenance.currency;
        if currency.len() != 3 || !currency.bytes().all(|b| b.is_ascii_uppercase()) {
            let problem = format!("currency is {currency:?}, it must be three letters, for example MAD");
            return Err(ConfigError::Maintenance { problem });
        }
        match self.maintenance.price_per_mwh {
            Some(price) if !(price.is_finite() && price >= 0.0) => {
                let problem = format!("price_per_mwh is {price}, it must be 0 or more, in {} per MWh", self.maintenance.currency);
                Err(ConfigError::Maintenance { problem })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Config, CrewConfig, HoursConfig, MaintenanceConfig, crew_hours};
    use std::collections::HashMap;

    #[test]
    fn a_file_names_its_crews() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("chergui.toml");
        let text = "[maintenance]\nwind_limit = 10.0\nprice_per_mwh = 600.0\n[[maintenance.crews]]\nname = \"Tarfaya\"\npeople = 3\n\
                    hours = { start = \"08:00\", end = \"16:00\", weekdays = [1, 2] }\n";
        std::fs::write(&path, text).unwrap();
        let config = Config::load_from(Some(&path), HashMap::new()).unwrap();
        let crews = crew_hours(&config.maintenance.crews).unwrap();
        assert_eq!((crews.len(), crews[0].people, crews[0].hours.weekdays.as_slice()), (1, 3, &[1, 2][..]));
        assert_eq!(
            (config.maintenance.wind_limit, config.maintenance.price_per_mwh, config.maintenance.days),
            (10.0, Some(600.0), 7)
        );
    }

    #[test]
    fn slips_name_the_field_the_crew_and_the_remedy() {
        let hours = HoursConfig::default();
        let with = |crew: CrewConfig| Config {
            maintenance: MaintenanceConfig { crews: vec![crew], ..MaintenanceConfig::default() },
            ..Config::default()
        };
        let cases = [
            (CrewConfig { people: 0, ..CrewConfig::default() }, "crews.people", "at least 1"),
            (
                CrewConfig { hours: HoursConfig { start: "7".into(), ..hours.clone() }, ..CrewConfig::default() },
                "hours.start",
                "07:00",
            ),
            (
                CrewConfig { hours: HoursConfig { end: "25:00".into(), ..hours.clone() }, ..CrewConfig::default() },
                "hours.end",
                "07:00",
            ),
            (
                CrewConfig { hours: HoursConfig { weekdays: vec![0], ..hours.clone() }, ..CrewConfig::default() },
                "weekdays",
                "Monday",
            ),
            (
                CrewConfig { hours: HoursConfig { timezone: "Morocco/Rabat".into(), ..hours }, ..CrewConfig::default() },
                "timezone",
                "Casablanca",
            ),
        ];
        for (crew, field, remedy) in cases {
            let told = with(crew).checked().unwrap_err().to_string();
            assert!(
                told.contains(field) && told.contains(remedy) && told.contains("\"A\"") && told.contains("maintenance"),
                "{told}"
            );
        }
        let none = Config { maintenance: MaintenanceConfig { crews: vec![], ..MaintenanceConfig::default() }, ..Config::default() };
        assert!(none.checked().unwrap_err().to_string().contains("crews"));
        let price = MaintenanceConfig { price_per_mwh: Some(-1.0), ..MaintenanceConfig::default() };
        assert!(Config { maintenance: price, ..Config::default() }.checked().unwrap_err().to_string().contains("price_per_mwh"));
        let long = MaintenanceConfig { days: 15, ..MaintenanceConfig::default() };
        assert!(Config { maintenance: long, ..Config::default() }.checked().unwrap_err().to_string().contains("1 to 14"));
    }
}
