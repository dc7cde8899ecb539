//! Light through a clear sky: air mass, and the models of Haurwitz and of Ineichen and Perez.
//!
//! In: degrees, Pa, metres, a Linke turbidity. Out: W/m². Equal to pvlib 0.16 within 1e-6 (`tests/golden/physics.csv`). The
//! turbidity is the caller's: about 2 in dry mountain air, 3 to 4 over land in summer, 6 and more in dust (Ineichen and Perez 2002).

use super::Irradiance;

/// Standard pressure at sea level, Pa.
pub const SEA_LEVEL: f64 = 101_325.0;

/// Haurwitz (1945): `1098 · cos z · exp(−0.059 / cos z)`, W/m²; 0 with the sun at or below the horizon.
pub fn haurwitz(zenith: f64) -> f64 {
    let cos = zenith.to_radians().cos();
    if cos.is_nan() {
        f64::NAN
    } else if cos > 0.0 {
        1098.0 * cos * (-0.059 / cos).exp()
    } else {
        0.0
    }
}

/// Air the light crosses, in units of the air straight above: Kasten and Young (1989) for apparent zeniths in degrees; NaN below
/// the horizon.
pub fn relative_airmass(apparent_zenith: f64) -> f64 {
    if apparent_zenith > 90.0 {
        return f64::NAN;
    }
    1.0 / (apparent_zenith.to_radians().cos() + 0.50572 * (6.07995 + 90.0 - apparent_zenith).powf(-1.6364))
}

/// The relative air mass at a pressure in Pa.
pub fn absolute_airmass(relative: f64, pressure: f64) -> f64 {
    relative * pressure / SEA_LEVEL
}

/// Usual pressure in Pa at an altitude in metres (US standard atmosphere, as pvlib `alt2pres`).
pub fn pressure_at(altitude: f64) -> f64 {
    100.0 * ((44_331.514 - altitude) / 11_880.516).powf(1.0 / 0.190_263_2)
}

/// Ineichen and Perez (2002) with pvlib's correction of the beam, without the Perez enhancement: irradiance under a clear sky from
/// the apparent zenith, the absolute air mass, the Linke turbidity, the altitude in metres and the irradiance across the beam above
/// the atmosphere.
pub fn ineichen(apparent_zenith: f64, airmass: f64, turbidity: f64, altitude: f64, extra: f64) -> Irradiance {
    let cos = apparent_zenith.to_radians().cos().max(0.0);
    let (fh1, fh2) = ((-altitude / 8000.0).exp(), (-altitude / 1250.0).exp());
    let (cg1, cg2) = (5.09e-5 * altitude + 0.868, 3.92e-5 * altitude + 0.0387);
    // Below the horizon the air mass is NaN and the light 0; `f64::max` passes over NaN as numpy's `fmax` does.
    let ghi = cg1 * extra * cos * (-cg2 * airmass * (fh1 + fh2 * (turbidity - 1.0))).exp().max(0.0);
    let beam = extra * ((0.664 + 0.163 / fh1) * (-0.09 * airmass * (turbidity - 1.0)).exp()).max(0.0);
    let limit = (1.0 - (0.1 - 0.2 * (-turbidity).exp()) / (0.1 + 0.882 / fh1)) / cos;
    let dni = beam.min(ghi * limit.clamp(0.0, 1e20));
    Irradiance { ghi, dni, dhi: ghi - dni * cos }
}
