//! Days the operator knows better than our calendars: sighted feasts, days of mourning, working days.
//!
//! In: `[[holidays]]` of the configuration. Out: the engine's table of days. Days that come up while the server runs are noted as
//! annotations (`docs/annotations.md`).

use super::{Config, ConfigError};
use engine::features::{DayOverride, OperatorDay};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// Countries whose calendars we have, ISO 3166.
const COUNTRIES: [&str; 2] = ["MA", "US"];

/// One day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HolidayConfig {
    /// The day, for example "2027-03-10"; of a feast the first.
    pub date: Date,
    /// For people.
    #[serde(default)]
    pub name: String,
    /// `holiday` (default), `working_day`, `ramadan`, `eid_al_fitr` or `eid_al_adha`.
    #[serde(default = "holiday")]
    pub kind: String,
    /// Where it holds: `MA` or `US`, by the time zone of an asset. Default everywhere.
    #[serde(default)]
    pub country: Option<String>,
}

fn holiday() -> String {
    "holiday".into()
}

impl Config {
    /// The rows of `[[holidays]]`.
    ///
    /// # Errors
    /// [`ConfigError::Range`] for a kind or a country we do not know.
    pub fn operator_days(&self) -> Result<Vec<OperatorDay>, ConfigError> {
        let read = |row: &HolidayConfig| {
            let wrong =
                |field, value: &str, expected| ConfigError::Range { field, value: format!("{value:?} on {}", row.date), expected };
            let kinds = "holiday, working_day, ramadan, eid_al_fitr or eid_al_adha";
            let day = DayOverride::named(&row.kind, row.date).map_err(|_| wrong("holidays.kind", &row.kind, kinds))?;
            if let Some(code) = row.country.as_deref().filter(|code| !COUNTRIES.contains(code)) {
                return Err(wrong("holidays.country", code, "MA or US, or left out for everywhere"));
            }
            Ok(OperatorDay { country: row.country.clone(), day })
        };
        self.holidays.iter().map(read).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Config, Date, DayOverride, HolidayConfig};
    use std::collections::HashMap;

    fn with(kind: &str, country: Option<&str>) -> Config {
        let row = HolidayConfig {
            date: Date::constant(2027, 3, 10),
            name: "Eid al-Fitr".into(),
            kind: kind.into(),
            country: country.map(str::to_owned),
        };
        Config { holidays: vec![row], ..Config::default() }
    }

    #[test]
    fn a_file_says_it_in_a_few_words() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("chergui.toml");
        let text = "[[holidays]]\ndate = \"2027-03-10\"\nname = \"Eid al-Fitr\"\nkind = \"eid_al_fitr\"\ncountry = \"MA\"\n[[holidays]]\ndate = \"2027-05-04\"\n";
        std::fs::write(&path, text).unwrap();
        let config = Config::load_from(Some(&path), HashMap::new()).unwrap();
        assert_eq!(config.holidays[0], with("eid_al_fitr", Some("MA")).holidays[0]);
        assert_eq!(config.operator_days().unwrap()[1].day, DayOverride::Holiday(Date::constant(2027, 5, 4)));
    }

    #[test]
    fn rows_become_days_and_slips_are_named() {
        let days = with("eid_al_fitr", Some("MA")).operator_days().unwrap();
        assert_eq!(days[0].day, DayOverride::MonthBegins { month: 10, first: Date::constant(2027, 3, 10) });
        let kind = with("eid", None).checked().unwrap_err().to_string();
        assert!(kind.contains("holidays.kind") && kind.contains("2027-03-10") && kind.contains("eid_al_fitr"), "{kind}");
        let country = with("holiday", Some("Morocco")).checked().unwrap_err().to_string();
        assert!(country.contains("\"Morocco\"") && country.contains("MA"), "{country}");
    }
}
