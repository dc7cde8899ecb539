//! Where the sun stands and what it would give through a clear sky. Pure arithmetic; used by SQL functions, features and detectors.
//!
//! In: instants (UTC), degrees north and east. Out: degrees and W/m². Light through a clear sky, its beam and diffuse parts, and what
//! of it falls on a tilted plane are in the files below; what a panel makes of it is in `domain/pv.rs`. No terrain.

mod clearsky;
mod decomposition;
mod transposition;

pub use clearsky::{SEA_LEVEL, absolute_airmass, haurwitz, ineichen, pressure_at, relative_airmass};
pub use decomposition::{disc, erbs};
pub use transposition::{Plane, Sky, Surface};

use super::{Location, Timestamp, micros};
use solar_positioning::{SolarPositions, delta_t, time::JulianDate};

/// Direction of the sun as seen from a place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SunPosition {
    /// Degrees from straight up; above 90 the sun is below the horizon.
    pub zenith: f64,
    /// Degrees clockwise from north.
    pub azimuth: f64,
}

/// Light at the ground, W/m².
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Irradiance {
    /// Global, on a horizontal plane.
    pub ghi: f64,
    /// Direct, across the beam.
    pub dni: f64,
    /// Diffuse, on a horizontal plane.
    pub dhi: f64,
}

/// Solar constant used for the extraterrestrial irradiance, W/m² (ASTM E490, pvlib's default).
pub const SOLAR_CONSTANT: f64 = 1366.1;

/// Seconds, Julian date of 1970-01-01T00:00:00Z.
const EPOCH_JULIAN: f64 = 2_440_587.5;

/// Position of the sun without refraction.
///
/// Grena (2012) algorithm 3 (±0.01°) for 2010–2110, elsewhere Reda and Andreas (2004) SPA (±0.0003°), both from the crate
/// `solar-positioning`. `None` for coordinates off the earth or years SPA does not cover.
pub fn position(time: Timestamp, place: Location) -> Option<SunPosition> {
    let days = micros(time) as f64 / 86_400e6;
    let year = 1970.0 + days / 365.2425;
    let julian = JulianDate::new(EPOCH_JULIAN + days, delta_t::estimate(year).ok()?).ok()?;
    let model = if (2010.5..2109.5).contains(&year) { SolarPositions::grena3() } else { SolarPositions::new() };
    let place = solar_positioning::Location { latitude: place.latitude, longitude: place.longitude };
    let sun = model.at_from_julian(julian, place, 0.0, None).ok()?;
    Some(SunPosition { zenith: sun.zenith_angle(), azimuth: sun.azimuth() })
}

/// Zenith angle of the sun in degrees; `NaN` where [`position`] is `None`.
pub fn zenith(time: Timestamp, place: Location) -> f64 {
    position(time, place).map_or(f64::NAN, |sun| sun.zenith)
}

/// Global horizontal irradiance under a clear sky, W/m², 0 at night; `NaN` where [`position`] is `None`.
///
/// Haurwitz (1945) as in pvlib `clearsky.haurwitz`; Reno, Hansen and Stein (SAND2012-2389) found it the best model that
/// knows only the zenith angle. [`ineichen`] needs the turbidity of the air.
pub fn clearsky_ghi(time: Timestamp, place: Location) -> f64 {
    haurwitz(zenith(time, place))
}

/// Irradiance on a horizontal plane above the atmosphere, W/m², 0 at night; `NaN` where [`position`] is `None`.
pub fn extraterrestrial_horizontal(time: Timestamp, place: Location) -> f64 {
    let cos = zenith(time, place).to_radians().cos();
    if cos.is_nan() { cos } else { extraterrestrial_normal(day_of_year(time), SOLAR_CONSTANT) * cos.max(0.0) }
}

/// Irradiance across the beam above the atmosphere on a day, W/m², from the solar constant ([`SOLAR_CONSTANT`]).
///
/// Distance to the sun after Spencer (1971), as in pvlib `get_extra_radiation(method='spencer')`.
pub fn extraterrestrial_normal(day_of_year: f64, solar_constant: f64) -> f64 {
    let b = std::f64::consts::TAU * (day_of_year - 1.0) / 365.0;
    let distance = 1.00011 + 0.034221 * b.cos() + 0.00128 * b.sin() + 0.000719 * (2.0 * b).cos() + 0.000077 * (2.0 * b).sin();
    solar_constant * distance
}

/// Day of the year in UTC, 1 to 366.
pub fn day_of_year(time: Timestamp) -> f64 {
    f64::from(time.to_zoned(jiff::tz::TimeZone::UTC).day_of_year())
}

/// Zenith as seen through the air: less than the true one, as the air bends the light. Degrees, pressure in Pa, °C.
///
/// Reda and Andreas (2004), equation 42; no correction for a sun that stays below the horizon.
pub fn apparent_zenith(zenith: f64, pressure: f64, temp_air: f64) -> f64 {
    // Refraction at the horizon and half of the sun's disc, in degrees.
    const AT_HORIZON: f64 = 0.5667;
    const RADIUS: f64 = 0.26667;
    let elevation = 90.0 - zenith;
    if elevation < -(AT_HORIZON + RADIUS) {
        return zenith;
    }
    let bent = (elevation + 10.3 / (elevation + 5.11)).to_radians().tan();
    zenith - pressure / 101_000.0 * (283.0 / (273.0 + temp_air)) * 1.02 / (60.0 * bent)
}

/// Density of moist air in kg/m³ from pressure in Pa, temperature in °C and relative humidity in %.
///
/// Ideal gases, saturation pressure after Magnus with the constants of WMO-No. 8 (2018), annex 4.B; the
/// formula of IEC 61400-12-1:2017 annex B agrees within 0.1 % between −10 and 40 °C.
pub fn air_density(pressure: f64, temp_air: f64, relative_humidity: f64) -> f64 {
    const DRY_AIR: f64 = 287.05;
    const WATER_VAPOUR: f64 = 461.5;
    let kelvin = temp_air + 273.15;
    let vapour = relative_humidity / 100.0 * 611.2 * (17.62 * temp_air / (243.12 + temp_air)).exp();
    ((pressure - vapour) / DRY_AIR + vapour / WATER_VAPOUR) / kelvin
}

#[cfg(test)]
mod golden;

#[cfg(test)]
mod tests {
    use super::{Location, air_density, clearsky_ghi, extraterrestrial_horizontal, haurwitz, position, zenith};

    const GOLDEN: Location = Location { latitude: 39.742476, longitude: -105.1786 };

    #[test]
    fn agrees_with_the_example_of_the_spa_paper() {
        // Reda and Andreas (2004), table A5.1: e0 = 39.872046°, azimuth 194.340241°, at 1830 m; we stand at sea level.
        let sun = position("2003-10-17T12:30:30-07:00".parse().unwrap(), GOLDEN).unwrap();
        assert!((sun.zenith - (90.0 - 39.872046)).abs() < 1e-3, "{sun:?}");
        assert!((sun.azimuth - 194.340241).abs() < 1e-3, "{sun:?}");
    }

    #[test]
    fn the_fast_algorithm_continues_the_exact_one() {
        // The same place and minute, thirty minutes either side of the switch of algorithms in mid 2010.
        for (before, after) in [("2010-07-02T13:00:00Z", "2010-07-02T18:00:00Z"), ("2010-07-03T13:00:00Z", "2010-07-03T18:00:00Z")]
        {
            let angle = |t: &str| zenith(t.parse().unwrap(), GOLDEN);
            assert!(angle(before) > angle(after));
        }
        let (a, b) = ("2010-07-02T17:59:59Z", "2010-07-03T17:59:59Z");
        assert!((zenith(a.parse().unwrap(), GOLDEN) - zenith(b.parse().unwrap(), GOLDEN)).abs() < 0.15);
    }

    #[test]
    fn clear_sky_is_dark_at_night_and_bounded_at_noon() {
        let place = Location { latitude: 30.93, longitude: -6.9 };
        let noon = clearsky_ghi("2026-06-21T12:30:00Z".parse().unwrap(), place);
        assert!((1000.0..1060.0).contains(&noon), "{noon}");
        assert_eq!(clearsky_ghi("2026-06-21T00:30:00Z".parse().unwrap(), place), 0.0);
        assert!(extraterrestrial_horizontal("2026-06-21T12:30:00Z".parse().unwrap(), place) > noon);
        // pvlib's documented formula at a zenith of 60°.
        assert!((haurwitz(60.0) - 549.0 * (-0.118_f64).exp()).abs() < 1e-9);
        assert!(haurwitz(f64::NAN).is_nan());
        assert!(zenith("2026-06-21T00:30:00Z".parse().unwrap(), Location { latitude: 91.0, longitude: 0.0 }).is_nan());
    }

    #[test]
    fn air_gets_lighter_with_heat_and_moisture() {
        // ISO 2533 standard atmosphere: 1.225 kg/m³ at 101 325 Pa and 15 °C, dry.
        assert!((air_density(101_325.0, 15.0, 0.0) - 1.225).abs() < 1e-3);
        // CIPM-2007 for 20 °C, 101 325 Pa, 50 %: 1.1989 kg/m³.
        assert!((air_density(101_325.0, 20.0, 50.0) - 1.1992).abs() < 1e-3);
    }
}
