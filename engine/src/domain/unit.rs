//! Units and the one place where they are converted: `stored = scale × value + offset`.

use super::{DomainError, nearest};
use std::fmt;

/// A unit of measure: its canonical name, what it measures, and how to reach the stored unit of that dimension.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unit {
    name: &'static str,
    dimension: &'static str,
    scale: f64,
    offset: f64,
}

const fn unit(name: &'static str, dimension: &'static str, scale: f64, offset: f64) -> Unit {
    Unit { name, dimension, scale, offset }
}

/// Factors are exact by definition (SI brochure, 9th edition; 1 kn = 1852 m/h, 1 psi per NIST SP 811).
const UNITS: &[Unit] = &[
    unit("kW", "power", 1.0, 0.0),
    unit("W", "power", 1e-3, 0.0),
    unit("MW", "power", 1e3, 0.0),
    unit("GW", "power", 1e6, 0.0),
    unit("kvar", "reactive_power", 1.0, 0.0),
    unit("var", "reactive_power", 1e-3, 0.0),
    unit("Mvar", "reactive_power", 1e3, 0.0),
    unit("kVA", "apparent_power", 1.0, 0.0),
    unit("MVA", "apparent_power", 1e3, 0.0),
    unit("kWh", "energy", 1.0, 0.0),
    unit("Wh", "energy", 1e-3, 0.0),
    unit("MWh", "energy", 1e3, 0.0),
    unit("GWh", "energy", 1e6, 0.0),
    unit("V", "voltage", 1.0, 0.0),
    unit("kV", "voltage", 1e3, 0.0),
    unit("A", "current", 1.0, 0.0),
    unit("kA", "current", 1e3, 0.0),
    unit("Hz", "frequency", 1.0, 0.0),
    unit("mHz", "frequency", 1e-3, 0.0),
    unit("m/s", "speed", 1.0, 0.0),
    unit("km/h", "speed", 1.0 / 3.6, 0.0),
    unit("kn", "speed", 1852.0 / 3600.0, 0.0),
    unit("mph", "speed", 0.44704, 0.0),
    unit("deg", "angle", 1.0, 0.0),
    unit("rad", "angle", 180.0 / std::f64::consts::PI, 0.0),
    unit("rpm", "rotation", 1.0, 0.0),
    unit("rad/s", "rotation", 30.0 / std::f64::consts::PI, 0.0),
    unit("W/m2", "irradiance", 1.0, 0.0),
    unit("kW/m2", "irradiance", 1e3, 0.0),
    unit("degC", "temperature", 1.0, 0.0),
    unit("K", "temperature", 1.0, -273.15),
    unit("degF", "temperature", 5.0 / 9.0, -160.0 / 9.0),
    unit("Pa", "pressure", 1.0, 0.0),
    unit("hPa", "pressure", 100.0, 0.0),
    unit("kPa", "pressure", 1e3, 0.0),
    unit("bar", "pressure", 1e5, 0.0),
    unit("%", "percent", 1.0, 0.0),
    unit("1", "ratio", 1.0, 0.0),
    unit("mm", "depth", 1.0, 0.0),
    unit("m", "length", 1.0, 0.0),
    unit("km", "length", 1e3, 0.0),
    unit("kg/m3", "density", 1.0, 0.0),
    unit("kg/m2", "column_mass", 1.0, 0.0),
    unit("mm/s", "vibration", 1.0, 0.0),
    unit("m/s2", "acceleration", 1.0, 0.0),
    unit("ppm", "concentration", 1.0, 0.0),
    unit("s", "duration", 1.0, 0.0),
    unit("ms", "duration", 1e-3, 0.0),
    unit("min", "duration", 60.0, 0.0),
    unit("h", "duration", 3600.0, 0.0),
    unit("code", "code", 1.0, 0.0),
    unit("count", "count", 1.0, 0.0),
    unit("1/s", "rate", 1.0, 0.0),
    unit("B", "bytes", 1.0, 0.0),
    unit("B/s", "throughput", 1.0, 0.0),
    unit("MAD", "money_mad", 1.0, 0.0),
    unit("EUR", "money_eur", 1.0, 0.0),
    unit("USD", "money_usd", 1.0, 0.0),
];

/// Spellings met in the field, left, and ours, right.
const ALIASES: &[(&str, &str)] = &[
    ("°C", "degC"),
    ("C", "degC"),
    ("celsius", "degC"),
    ("deg_C", "degC"),
    ("°F", "degF"),
    ("kelvin", "K"),
    ("°", "deg"),
    ("degree", "deg"),
    ("degrees", "deg"),
    ("W/m²", "W/m2"),
    ("W/m^2", "W/m2"),
    ("kVAr", "kvar"),
    ("MVAr", "Mvar"),
    ("m s-1", "m/s"),
    ("mbar", "hPa"),
    ("percent", "%"),
    ("min-1", "rpm"),
    ("1/min", "rpm"),
    ("knots", "kn"),
    ("kg/m³", "kg/m3"),
    ("", "1"),
];

impl Unit {
    /// Reads a unit; exact spelling first, then known aliases.
    ///
    /// # Errors
    /// [`DomainError::Unit`] with the nearest known unit. Case counts: `mW` is not `MW`.
    pub fn parse(text: &str) -> Result<Self, DomainError> {
        let name = ALIASES.iter().find(|(from, _)| *from == text).map_or(text, |(_, to)| to);
        UNITS.iter().find(|u| u.name == name).copied().ok_or_else(|| DomainError::Unit {
            unit: text.into(),
            nearest: nearest(text, UNITS.iter().map(|u| u.name)).unwrap_or("1").into(),
        })
    }

    /// Canonical spelling.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// `(scale, offset)` such that `in target = scale × in self + offset`, or `None` across dimensions.
    pub fn to(self, target: Self) -> Option<(f64, f64)> {
        (self.dimension == target.dimension).then(|| (self.scale / target.scale, (self.offset - target.offset) / target.scale))
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::Unit;

    fn convert(value: f64, from: &str, to: &str) -> f64 {
        let (scale, offset) = Unit::parse(from).unwrap().to(Unit::parse(to).unwrap()).unwrap();
        scale * value + offset
    }

    #[test]
    fn converts_within_a_dimension_only() {
        assert_eq!(convert(1013.25, "hPa", "Pa"), 101_325.0);
        assert_eq!(convert(2.5, "MW", "kW"), 2500.0);
        assert!((convert(300.0, "K", "degC") - 26.85).abs() < 1e-12);
        assert!((convert(212.0, "°F", "degC") - 100.0).abs() < 1e-12);
        assert!((convert(100.0, "degC", "degF") - 212.0).abs() < 1e-12);
        assert!(Unit::parse("kW").unwrap().to(Unit::parse("kWh").unwrap()).is_none());
        assert!(Unit::parse("mw").unwrap_err().to_string().contains("MW"));
    }
}
