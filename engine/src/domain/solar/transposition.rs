//! Light on a tilted plane: angle of incidence, sky diffuse (isotropic, Hay–Davies, Perez), ground.
//!
//! In: a [`Surface`], the [`SunPosition`], [`Irradiance`] on the horizontal. Out: W/m² on the plane. Equal to pvlib 0.16 within 1e-6
//! (`tests/golden/physics.csv`).

use super::{Irradiance, SunPosition};
use serde::{Deserialize, Serialize};

/// A plane that catches light.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Surface {
    /// Degrees from the horizontal.
    pub tilt: f64,
    /// Degrees clockwise from north of where it faces.
    pub azimuth: f64,
}

/// What falls on a plane, W/m².
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plane {
    /// Straight from the sun.
    pub direct: f64,
    /// From the sky and the ground.
    pub diffuse: f64,
}

impl Plane {
    /// Both together.
    pub fn global(self) -> f64 {
        self.direct + self.diffuse
    }
}

/// Model of the sky's diffuse light.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sky {
    /// The same from everywhere.
    Isotropic,
    /// Hay and Davies (1980): more from around the sun.
    HayDavies,
    /// Perez et al. (1990): more from around the sun and from the horizon.
    Perez,
}

/// Perez et al. (1990), all sites composite, by bin of clearness: F11, F12, F13, F21, F22, F23.
const PEREZ: [[f64; 6]; 8] = [
    [-0.008, 0.588, -0.062, -0.06, 0.072, -0.022],
    [0.13, 0.683, -0.151, -0.019, 0.066, -0.029],
    [0.33, 0.487, -0.221, 0.055, -0.064, -0.026],
    [0.568, 0.187, -0.295, 0.109, -0.152, -0.014],
    [0.873, -0.392, -0.362, 0.226, -0.462, 0.001],
    [1.132, -1.237, -0.412, 0.288, -0.823, 0.056],
    [1.06, -1.6, -0.359, 0.264, -1.127, 0.131],
    [0.678, -0.327, -0.25, 0.156, -1.377, 0.251],
];

/// Lower edges of the bins of clearness but the first.
const CLEARNESS: [f64; 7] = [1.065, 1.23, 1.5, 1.95, 2.8, 4.5, 6.2];

impl Surface {
    /// Cosine of the angle between the sun and the plane's normal; negative when the sun is behind it.
    pub fn projection(self, sun: SunPosition) -> f64 {
        let ((tilt_sin, tilt_cos), (sin, cos)) = (self.tilt.to_radians().sin_cos(), sun.zenith.to_radians().sin_cos());
        (tilt_cos * cos + tilt_sin * sin * (sun.azimuth - self.azimuth).to_radians().cos()).clamp(-1.0, 1.0)
    }

    /// Angle of incidence in degrees.
    pub fn incidence(self, sun: SunPosition) -> f64 {
        self.projection(sun).acos().to_degrees()
    }

    /// Diffuse light of the sky on the plane. `extra` is the irradiance across the beam above the atmosphere, `airmass` the relative
    /// one, NaN below the horizon, where only Perez needs it.
    pub fn sky_diffuse(self, model: Sky, sun: SunPosition, light: Irradiance, extra: f64, airmass: f64) -> f64 {
        let open = 0.5 * (1.0 + self.tilt.to_radians().cos());
        let facing = self.projection(sun).max(0.0);
        match model {
            Sky::Isotropic => light.dhi * open,
            Sky::HayDavies => {
                let ratio = facing / sun.zenith.to_radians().cos().max(0.01745);
                let anisotropy = light.dni / extra;
                (light.dhi * (1.0 - anisotropy) * open).max(0.0) + (light.dhi * anisotropy * ratio).max(0.0)
            }
            Sky::Perez => {
                let z = sun.zenith.to_radians();
                let brightness = light.dhi * airmass / extra;
                let cube = 1.041 * z.powi(3);
                let clearness = ((light.dhi + light.dni) / light.dhi + cube) / (1.0 + cube);
                if airmass.is_nan() || clearness.is_nan() {
                    return 0.0;
                }
                let row = PEREZ[CLEARNESS.partition_point(|edge| *edge <= clearness)];
                let around = (row[0] + row[1] * brightness + row[2] * z).max(0.0);
                let horizon = row[3] + row[4] * brightness + row[5] * z;
                let low = sun.zenith.to_radians().cos().max(85.0_f64.to_radians().cos());
                let parts = (1.0 - around) * open + around * facing / low + horizon * self.tilt.to_radians().sin();
                (light.dhi * parts).max(0.0)
            }
        }
    }

    /// Light that the ground throws onto the plane; `albedo` about 0.2, 0.25 for grass.
    pub fn ground_diffuse(self, ghi: f64, albedo: f64) -> f64 {
        ghi * albedo * (1.0 - self.tilt.to_radians().cos()) * 0.5
    }

    /// All light on the plane.
    pub fn light(self, model: Sky, sun: SunPosition, light: Irradiance, extra: f64, airmass: f64, albedo: f64) -> Plane {
        let direct = (light.dni * self.projection(sun)).max(0.0);
        let diffuse = self.sky_diffuse(model, sun, light, extra, airmass) + self.ground_diffuse(light.ghi, albedo);
        Plane { direct, diffuse }
    }
}
