//! Beam and diffuse light from global light: the models of Erbs and DISC.
//!
//! In: global horizontal irradiance, W/m², and where the sun stands. Out: [`Irradiance`]. Equal to pvlib 0.16 within 1e-6
//! (`tests/golden/physics.csv`).

use super::clearsky::absolute_airmass;
use super::{Irradiance, extraterrestrial_normal};

/// Least cosine of the zenith that the clearness is divided by (pvlib's default, 86.273°).
const LEAST_COS: f64 = 0.065;
/// Zenith beyond which there is no beam (pvlib's default).
const LOWEST_SUN: f64 = 87.0;

/// Global light over that above the atmosphere on a horizontal plane, within `[0, 1]`.
fn clearness(ghi: f64, zenith: f64, extra: f64) -> f64 {
    (ghi / (extra * zenith.to_radians().cos().max(LEAST_COS))).clamp(0.0, 1.0)
}

/// Erbs, Klein and Duffie (1982): the diffuse share by the clearness; `extra` is the irradiance across the beam above the
/// atmosphere.
pub fn erbs(ghi: f64, zenith: f64, extra: f64) -> Irradiance {
    let kt = clearness(ghi, zenith, extra);
    let share = if kt <= 0.22 {
        1.0 - 0.09 * kt
    } else if kt <= 0.8 {
        0.9511 - 0.1604 * kt + 4.388 * kt.powi(2) - 16.638 * kt.powi(3) + 12.336 * kt.powi(4)
    } else {
        0.165
    };
    let dni = ghi * (1.0 - share) / zenith.to_radians().cos();
    if zenith > LOWEST_SUN || ghi < 0.0 || dni < 0.0 {
        Irradiance { ghi, dni: 0.0, dhi: ghi }
    } else {
        Irradiance { ghi, dni, dhi: share * ghi }
    }
}

/// Maxwell (1987), DISC: beam irradiance from the clearness and the air mass (Kasten 1966, at most 12), W/m²; pressure in Pa.
pub fn disc(ghi: f64, zenith: f64, day_of_year: f64, pressure: f64) -> f64 {
    // The report takes 1370 W/m² for the sun.
    let extra = extraterrestrial_normal(day_of_year, 1370.0);
    let kt = clearness(ghi, zenith, extra);
    if zenith > LOWEST_SUN || ghi < 0.0 {
        return 0.0;
    }
    let relative = 1.0 / (zenith.to_radians().cos() + 0.15 * (93.885 - zenith).powf(-1.253));
    let air = absolute_airmass(relative, pressure).min(12.0);
    let (a, b, c) = if kt <= 0.6 {
        (0.512 + kt * (-1.56 + kt * (2.286 - 2.222 * kt)), 0.37 + 0.962 * kt, -0.28 + kt * (0.932 - 2.048 * kt))
    } else {
        (
            -5.743 + kt * (21.77 + kt * (-27.49 + 11.56 * kt)),
            41.4 + kt * (-118.5 + kt * (66.05 + 31.9 * kt)),
            -47.01 + kt * (184.2 + kt * (-222.0 + 73.81 * kt)),
        )
    };
    let clear = 0.866 + air * (-0.122 + air * (0.0121 + air * (-0.000_653 + 1.4e-5 * air)));
    ((clear - (a + b * (c * air).exp())) * extra).max(0.0)
}
