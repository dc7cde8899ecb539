//! What the grid is made of: turbines, plants, meters, and where they stand.

use super::{DomainError, nearest};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, str::FromStr, sync::Arc};

/// Name of one asset, unique in the store. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AssetId(Arc<str>);

impl AssetId {
    /// Checks the characters and the length.
    ///
    /// # Errors
    /// [`DomainError::AssetId`] when the text is empty, longer than 64 bytes or holds other characters.
    pub fn parse(id: &str) -> Result<Self, DomainError> {
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '/');
        if id.is_empty() || id.len() > 64 || !id.chars().all(good) {
            return Err(DomainError::AssetId { id: id.into() });
        }
        Ok(Self(id.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AssetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for AssetId {
    type Err = DomainError;
    fn from_str(text: &str) -> Result<Self, DomainError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for AssetId {
    type Error = DomainError;
    fn try_from(text: String) -> Result<Self, DomainError> {
        Self::parse(&text)
    }
}

impl From<AssetId> for String {
    fn from(id: AssetId) -> String {
        id.0.as_ref().to_owned()
    }
}

/// Kind of an asset; each kind has its own wide telemetry table of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "each variant is the field's own word")]
pub enum AssetKind {
    WindTurbine,
    WindPlant,
    PvInverter,
    PvTracker,
    PvPlant,
    WeatherStation,
    Meter,
    Region,
    Transformer,
    Bus,
}

impl AssetKind {
    /// Every kind, in the order of DESIGN.
    pub const ALL: [Self; 10] = [
        Self::WindTurbine,
        Self::WindPlant,
        Self::PvInverter,
        Self::PvTracker,
        Self::PvPlant,
        Self::WeatherStation,
        Self::Meter,
        Self::Region,
        Self::Transformer,
        Self::Bus,
    ];

    /// Name of the kind and of its table.
    pub const fn name(self) -> &'static str {
        match self {
            Self::WindTurbine => "wind_turbine",
            Self::WindPlant => "wind_plant",
            Self::PvInverter => "pv_inverter",
            Self::PvTracker => "pv_tracker",
            Self::PvPlant => "pv_plant",
            Self::WeatherStation => "weather_station",
            Self::Meter => "meter",
            Self::Region => "region",
            Self::Transformer => "transformer",
            Self::Bus => "bus",
        }
    }

    /// Reads a kind by name; `wind_farm` and `pv_farm` are taken as the plants they are.
    ///
    /// # Errors
    /// [`DomainError::AssetKind`] with the nearest known kind.
    pub fn parse(name: &str) -> Result<Self, DomainError> {
        let name = match name {
            "wind_farm" => "wind_plant",
            "pv_farm" | "solar_plant" => "pv_plant",
            other => other,
        };
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| DomainError::AssetKind {
            kind: name.into(),
            nearest: nearest(name, Self::ALL.map(Self::name)).unwrap_or("meter").into(),
        })
    }

    /// True where positive `active_power` means production; elsewhere power taken in is positive.
    pub const fn is_producer(self) -> bool {
        matches!(self, Self::WindTurbine | Self::WindPlant | Self::PvInverter | Self::PvTracker | Self::PvPlant)
    }
}

impl fmt::Display for AssetKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for AssetKind {
    type Err = DomainError;
    fn from_str(text: &str) -> Result<Self, DomainError> {
        Self::parse(text)
    }
}

/// Mean radius of the earth, km (IUGG).
const EARTH_KM: f64 = 6371.0088;

/// A point on the earth, WGS 84.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Location {
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
}

impl Location {
    /// Length of the great circle to another point in km (haversine, mean radius 6371.0088 km).
    pub fn distance_km(self, other: Self) -> f64 {
        let half = |degrees: f64| (degrees.to_radians() / 2.0).sin().powi(2);
        let cosines = self.latitude.to_radians().cos() * other.latitude.to_radians().cos();
        let chord = half(self.latitude - other.latitude) + cosines * half(self.longitude - other.longitude);
        2.0 * EARTH_KM * chord.clamp(0.0, 1.0).sqrt().asin()
    }
}

/// One row of `assets`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asset {
    /// Unique name.
    pub id: AssetId,
    /// What it is; decides the telemetry table.
    pub kind: AssetKind,
    /// The plant, region or substation it belongs to.
    pub parent_id: Option<AssetId>,
    /// Name for people.
    pub name: String,
    /// Where it stands.
    pub location: Option<Location>,
    /// Rated power in kW; forecasts stay within `[0, capacity]` where it is known.
    pub capacity_kw: Option<f64>,
    /// IANA time zone of the people who work there; calendar features follow it.
    pub timezone: String,
    /// Anything else worth keeping, for example `interval_label`, `resolution`, hub height.
    pub attributes: BTreeMap<String, String>,
}

impl Asset {
    /// An asset with nothing known but its id and kind; name = id, zone = UTC.
    pub fn new(id: AssetId, kind: AssetKind) -> Self {
        Self {
            name: id.to_string(),
            id,
            kind,
            parent_id: None,
            location: None,
            capacity_kw: None,
            timezone: "UTC".into(),
            attributes: BTreeMap::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{AssetId, AssetKind, Location};

    #[test]
    fn ids_are_checked_and_kinds_suggested() {
        assert!(AssetId::parse("R80711").is_ok());
        assert!(AssetId::parse("tarfaya/T01").is_ok());
        assert!(AssetId::parse("").is_err());
        assert!(AssetId::parse("a b").is_err());
        let error = AssetKind::parse("wind_turbin").unwrap_err().to_string();
        assert!(error.contains("wind_turbine"), "{error}");
        assert_eq!(AssetKind::parse("wind_farm").unwrap(), AssetKind::WindPlant);
    }

    #[test]
    fn a_degree_of_latitude_is_111_km() {
        let at = |latitude, longitude| Location { latitude, longitude };
        assert!((at(0.0, 0.0).distance_km(at(1.0, 0.0)) - 111.195).abs() < 0.01);
        assert!((at(60.0, 179.5).distance_km(at(60.0, -179.5)) - 55.597).abs() < 0.01);
    }
}
