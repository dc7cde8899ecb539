//! The one table of measured quantities: name, stored unit, plausible range. Sites may declare more.

use super::{DomainError, Unit, nearest};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, collections::BTreeMap, fmt};

/// Name of a measured quantity, and of its column. Compare and clone freely.
///
/// Sign: producers positive when producing; loads, feeders and transformers positive when taking power in.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Quantity(Cow<'static, str>);

macro_rules! quantities {
    ($($constant:ident $name:literal $unit:literal $low:literal $high:literal $meaning:literal),+ $(,)?) => {
        impl Quantity {
            $(#[doc = concat!($meaning, ", in ", $unit, ".")] pub const $constant: Quantity = Quantity(Cow::Borrowed($name));)+
        }
        const STANDARD: &[(Quantity, &str, f64, f64, &str)] = &[$((Quantity::$constant, $unit, $low, $high, $meaning)),+];
    };
}

// Ranges are physical limits for any plant on earth, wide on purpose; per-asset limits come from capacity (see `detect`).
quantities! {
    ACTIVE_POWER "active_power" "kW" -1e7 1e7 "Active power",
    REACTIVE_POWER "reactive_power" "kvar" -1e7 1e7 "Reactive power",
    LOAD "load" "kW" -1e8 1e8 "Power taken by consumers",
    NET_LOAD "net_load" "kW" -1e8 1e8 "Load minus wind and solar production",
    WIND_POWER "wind_power" "kW" -1e8 1e8 "Production of the wind plants of a region",
    SOLAR_POWER "solar_power" "kW" -1e8 1e8 "Production of the solar plants of a region",
    AVAILABLE_POWER "available_power" "kW" -1e7 1e7 "Power the weather would allow",
    ACTIVE_POWER_LIMIT "active_power_limit" "kW" 0.0 1e7 "Set-point given by the operator",
    ACTIVE_ENERGY "active_energy" "kWh" -1e12 1e12 "Energy of the interval or register",
    VOLTAGE "voltage" "V" 0.0 1.2e6 "Voltage",
    CURRENT "current" "A" -1e6 1e6 "Current",
    FREQUENCY "frequency" "Hz" 40.0 70.0 "Grid frequency",
    WIND_SPEED "wind_speed" "m/s" 0.0 75.0 "Wind speed (nacelle or mast)",
    WIND_DIRECTION "wind_direction" "deg" -360.0 720.0 "Direction the wind comes from, clockwise from north",
    NACELLE_DIRECTION "nacelle_direction" "deg" -360.0 720.0 "Direction the nacelle faces, clockwise from north",
    ROTOR_SPEED "rotor_speed" "rpm" -5.0 60.0 "Rotor speed",
    GENERATOR_SPEED "generator_speed" "rpm" -50.0 4000.0 "Generator speed",
    BLADE_PITCH_ANGLE "blade_pitch_angle" "deg" -200.0 380.0 "Blade pitch angle",
    TURBINE_STATUS "turbine_status" "code" -1e9 1e9 "Status code: 0 normal, 1 derated, 2 idle, 3 service, 4 down",
    GHI "ghi" "W/m2" -20.0 2000.0 "Global horizontal irradiance",
    DNI "dni" "W/m2" -20.0 1500.0 "Direct normal irradiance",
    DHI "dhi" "W/m2" -20.0 1500.0 "Diffuse horizontal irradiance",
    POA_GLOBAL "poa_global" "W/m2" -20.0 2200.0 "Global irradiance in the plane of the modules",
    TEMP_AIR "temp_air" "degC" -50.0 65.0 "Air temperature",
    TEMP_MODULE "temp_module" "degC" -50.0 120.0 "Module back temperature",
    TEMP_CELL "temp_cell" "degC" -50.0 130.0 "Cell temperature",
    GEARBOX_BEARING_TEMP "gearbox_bearing_temp" "degC" -50.0 180.0 "Gearbox bearing temperature",
    GEARBOX_OIL_TEMP "gearbox_oil_temp" "degC" -50.0 180.0 "Gearbox oil temperature",
    GENERATOR_WINDING_TEMP "generator_winding_temp" "degC" -50.0 250.0 "Generator winding temperature",
    GENERATOR_BEARING_TEMP "generator_bearing_temp" "degC" -50.0 180.0 "Generator bearing temperature",
    TOP_OIL_TEMP "top_oil_temp" "degC" -50.0 180.0 "Transformer top oil temperature",
    PRESSURE "pressure" "Pa" 45000.0 110000.0 "Air pressure",
    RELATIVE_HUMIDITY "relative_humidity" "%" 0.0 110.0 "Relative humidity",
    PRECIPITATION "precipitation" "mm" -1.0 500.0 "Precipitation of the interval",
    TRACKER_ANGLE "tracker_angle" "deg" -95.0 95.0 "Tracker rotation, 0 flat, positive to the west",
    SOILING_RATIO "soiling_ratio" "1" 0.0 1.2 "Share of irradiance that passes the dust",
    AMBIENT_TEMP "ambient_temp" "degC" -50.0 65.0 "Ambient temperature at a transformer",
}

impl Quantity {
    /// Takes a name of lower-case letters, digits and `_`, starting with a letter, at most 64 long.
    ///
    /// # Errors
    /// [`DomainError::Quantity`] for any other text. Whether the quantity is *declared* is asked of [`Quantities`].
    pub fn parse(name: &str) -> Result<Self, DomainError> {
        let good = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.len() <= 64
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if !good {
            let candidates = STANDARD.iter().map(|row| row.0.name());
            return Err(DomainError::Quantity { name: name.into(), nearest: nearest(name, candidates).map(Into::into) });
        }
        Ok(Self(Cow::Owned(name.into())))
    }

    /// The name, which is also the column's.
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is known about a quantity.
#[derive(Debug, Clone, PartialEq)]
pub struct QuantityInfo {
    /// Unit in the store.
    pub unit: Unit,
    /// Smallest and largest value physics allows, in the stored unit.
    pub range: (f64, f64),
    /// One line for people.
    pub meaning: String,
}

/// The quantities a site knows: the standard ones and those it declared.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantities(BTreeMap<Quantity, QuantityInfo>);

impl Default for Quantities {
    fn default() -> Self {
        Self::standard()
    }
}

impl Quantities {
    /// The table of DESIGN.
    pub fn standard() -> Self {
        let rows = STANDARD.iter().map(|(quantity, unit, low, high, meaning)| {
            let unit = Unit::parse(unit).expect("the standard table names known units; a test reads it");
            (quantity.clone(), QuantityInfo { unit, range: (*low, *high), meaning: (*meaning).into() })
        });
        Self(rows.collect())
    }

    /// Adds a quantity of the site; declaring a known one again in a convertible unit is fine and keeps the stored unit.
    ///
    /// # Errors
    /// [`DomainError::Quantity`] for a bad name, [`DomainError::QuantityUnit`] when the name is taken by another dimension.
    pub fn declare(&mut self, name: &str, unit: Unit) -> Result<Quantity, DomainError> {
        let quantity = Quantity::parse(name)?;
        if let Some(known) = self.0.get(&quantity) {
            if unit.to(known.unit).is_none() {
                return Err(DomainError::QuantityUnit {
                    name: name.into(),
                    stored: known.unit.to_string(),
                    declared: unit.to_string(),
                });
            }
            return Ok(quantity);
        }
        let info =
            QuantityInfo { unit, range: (f64::NEG_INFINITY, f64::INFINITY), meaning: format!("declared by the site, in {unit}") };
        self.0.insert(quantity.clone(), info);
        Ok(quantity)
    }

    /// Looks a quantity up by name.
    ///
    /// # Errors
    /// [`DomainError::Quantity`] with the nearest known name.
    pub fn get(&self, name: &str) -> Result<(&Quantity, &QuantityInfo), DomainError> {
        let unknown = || DomainError::Quantity { name: name.into(), nearest: nearest(name, self.names()).map(Into::into) };
        let quantity = Quantity::parse(name).map_err(|_| unknown())?;
        self.0.get_key_value(&quantity).ok_or_else(unknown)
    }

    /// All names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(Quantity::name)
    }

    /// All quantities with what is known about them, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&Quantity, &QuantityInfo)> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::{Quantities, Quantity, Unit};

    #[test]
    fn the_standard_table_reads_and_takes_additions() {
        let mut known = Quantities::standard();
        assert_eq!(known.get("active_power").unwrap().1.unit.name(), "kW");
        let error = known.get("wind_sped").unwrap_err().to_string();
        assert!(error.contains("wind_speed"), "{error}");
        known.declare("vane_angle", Unit::parse("deg").unwrap()).unwrap();
        assert!(known.get("vane_angle").is_ok());
        assert!(known.declare("active_power", Unit::parse("degC").unwrap()).is_err());
        assert_eq!(known.declare("pressure", Unit::parse("hPa").unwrap()).unwrap(), Quantity::PRESSURE);
    }
}
