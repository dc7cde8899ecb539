//! Names of Open-Meteo's variables: what each is of ours, and the suffixes a model or an earlier run leaves on it.
//!
//! In: a key of `hourly`, such as `temperature_2m_previous_day1_icon_eu`. Out: variable, days back, model. Names as in the documentation
//! of its forecast, previous-runs and ensemble interfaces, the older spellings included.

use crate::weather::vocabulary::WINDS;

/// What a variable is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Meaning {
    /// A quantity of ours in this unit, at an instant.
    Instant(&'static str, &'static str),
    /// A mean or sum over the interval that ends at the time.
    Interval(&'static str, &'static str),
    /// Speed of the wind at the height with that position in [`WINDS`].
    Speed(usize),
    /// Direction of that wind.
    Direction(usize),
}

use Meaning::Instant;
use Meaning::Interval;

const NAMES: [(&str, Meaning); 25] = [
    ("temperature_2m", Instant("temp_air", "degC")),
    ("relative_humidity_2m", Instant("relative_humidity", "%")),
    ("relativehumidity_2m", Instant("relative_humidity", "%")),
    ("dew_point_2m", Instant("dew_point", "degC")),
    ("dewpoint_2m", Instant("dew_point", "degC")),
    ("surface_pressure", Instant("pressure", "Pa")),
    ("pressure_msl", Instant("pressure_msl", "Pa")),
    ("cloud_cover", Instant("cloud_cover", "%")),
    ("cloudcover", Instant("cloud_cover", "%")),
    ("cloud_cover_low", Instant("cloud_cover_low", "%")),
    ("cloudcover_low", Instant("cloud_cover_low", "%")),
    ("cloud_cover_mid", Instant("cloud_cover_mid", "%")),
    ("cloudcover_mid", Instant("cloud_cover_mid", "%")),
    ("cloud_cover_high", Instant("cloud_cover_high", "%")),
    ("cloudcover_high", Instant("cloud_cover_high", "%")),
    ("shortwave_radiation", Interval("ghi", "W/m2")),
    ("direct_normal_irradiance", Interval("dni", "W/m2")),
    ("diffuse_radiation", Interval("dhi", "W/m2")),
    ("global_tilted_irradiance", Interval("poa_global", "W/m2")),
    ("precipitation", Interval("precipitation", "mm")),
    ("wind_gusts_10m", Interval("wind_gusts_10m", "m/s")),
    ("windgusts_10m", Interval("wind_gusts_10m", "m/s")),
    // Others that begin like one of the above and are something else.
    ("shortwave_radiation_instant", Instant("", "")),
    ("direct_normal_irradiance_instant", Instant("", "")),
    ("precipitation_probability", Instant("", "")),
];

/// A key taken apart.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Key {
    pub(super) meaning: Meaning,
    /// Days between the run and the time, where the key says so.
    pub(super) days_back: Option<i64>,
    /// The model, empty where the key names none.
    pub(super) model: String,
}

/// What a key of `hourly` stands for; `None` for what we have no use for.
pub(super) fn key(name: &str) -> Option<Key> {
    let names = NAMES.iter().map(|(name, meaning)| ((*name).to_owned(), *meaning)).chain(winds());
    let rest = |known: &str| name.strip_prefix(known).filter(|rest| rest.is_empty() || rest.starts_with('_')).map(str::to_owned);
    // The longest name that fits: cloud_cover_low is no cloud_cover of a model called low.
    let (meaning, rest) = names
        .filter_map(|(known, meaning)| Some((known.len(), meaning, rest(&known)?)))
        .max_by_key(|(length, ..)| *length)
        .map(|(_, meaning, rest)| (meaning, rest))?;
    if matches!(meaning, Instant("", _)) {
        return None;
    }
    let (mut days_back, mut model) = (None, Vec::new());
    let mut parts = rest.split('_').filter(|part| !part.is_empty()).peekable();
    while let Some(part) = parts.next() {
        let days = parts.peek().and_then(|next| next.strip_prefix("day")?.parse().ok());
        match days.filter(|days| part == "previous" && (0..=16).contains(days)) {
            Some(days) => {
                days_back = Some(days);
                parts.next();
            }
            None => model.push(part),
        }
    }
    Some(Key { meaning, days_back, model: model.join("_") })
}

fn winds() -> impl Iterator<Item = (String, Meaning)> {
    WINDS.iter().enumerate().flat_map(|(at, (height, ..))| {
        [
            (format!("wind_speed_{height}m"), Meaning::Speed(at)),
            (format!("windspeed_{height}m"), Meaning::Speed(at)),
            (format!("wind_direction_{height}m"), Meaning::Direction(at)),
            (format!("winddirection_{height}m"), Meaning::Direction(at)),
        ]
    })
}

#[cfg(test)]
mod tests {
    use super::Interval;
    use super::Meaning;
    use super::key;

    #[test]
    fn suffixes_are_told_from_names() {
        let parts = |name: &str| key(name).map(|key| (key.meaning, key.days_back, key.model));
        assert_eq!(parts("shortwave_radiation"), Some((Interval("ghi", "W/m2"), None, String::new())));
        let (meaning, days, model) = parts("wind_speed_100m_previous_day2_icon_eu").unwrap();
        assert_eq!((meaning, days, model.as_str()), (Meaning::Speed(2), Some(2), "icon_eu"));
        assert_eq!(parts("temperature_2m_gfs_seamless").unwrap().2, "gfs_seamless");
        assert_eq!(parts("temperature_2m_member07").unwrap().2, "member07");
        assert_eq!(parts("cloud_cover_low").unwrap().2, "");
        assert_eq!(parts("cloud_cover_ecmwf_ifs025").unwrap().2, "ecmwf_ifs025");
        for other in ["weather_code", "precipitation_probability", "shortwave_radiation_instant", "temperature_2mm"] {
            assert_eq!(parts(other), None, "{other}");
        }
    }
}
