//! Where the sun stands and what a cloudless sky gives, for the simulator.
//!
//! In: seconds since 1970, a place, turbidity. Out: zenith, azimuth, clear-sky irradiance, the angle of a single-axis tracker and
//! the irradiance on it. Good to about 0.02 degrees, which is far below what clouds do; the engine has its own, sharper, almanac.

/// A place on the ground.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) latitude: f64,
    pub(super) longitude: f64,
    /// Metres above the sea.
    pub(super) altitude: f64,
}

/// The sun in the sky of a place.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sun {
    /// Cosine of the zenith angle; negative below the horizon.
    pub(super) up: f64,
    /// Eastward part of the unit vector to the sun.
    pub(super) east: f64,
    /// Irradiance outside the atmosphere on a plane facing the sun, W/m².
    pub(super) extra: f64,
}

impl Sun {
    /// Low-precision almanac (Michalsky 1988, Solar Energy 40(3)), without refraction.
    pub(super) fn at(seconds: i64, place: &Place) -> Self {
        let n = seconds as f64 / 86_400.0 - 10_957.5; // days since J2000
        let mean_longitude = (280.460 + 0.985_647_4 * n).to_radians();
        let anomaly = (357.528 + 0.985_600_3 * n).to_radians();
        let longitude = mean_longitude + (1.915 * anomaly.sin() + 0.020 * (2.0 * anomaly).sin()).to_radians();
        let obliquity = (23.439 - 0.000_000_4 * n).to_radians();
        let ascension = (obliquity.cos() * longitude.sin()).atan2(longitude.cos());
        let sin_declination = obliquity.sin() * longitude.sin();
        let cos_declination = (1.0 - sin_declination * sin_declination).sqrt();
        let sidereal = (280.460_618 + 360.985_647_37 * n + place.longitude).to_radians();
        let hour_angle = sidereal - ascension;
        let (sin_latitude, cos_latitude) = place.latitude.to_radians().sin_cos();
        Self {
            up: sin_latitude * sin_declination + cos_latitude * cos_declination * hour_angle.cos(),
            east: -cos_declination * hour_angle.sin(),
            extra: 1361.0 * (1.0 + 0.0334 * anomaly.cos()),
        }
    }

    /// Hours from local noon to sunset at this declination (upper limb, standard refraction: −0.833 degrees).
    pub(super) fn half_day(seconds: i64, place: &Place) -> f64 {
        let n = seconds as f64 / 86_400.0 - 10_957.5;
        let anomaly = (357.528 + 0.985_600_3 * n).to_radians();
        let longitude = (280.460 + 0.985_647_4 * n).to_radians() + (1.915 * anomaly.sin()).to_radians();
        let declination = (23.439_f64.to_radians().sin() * longitude.sin()).asin();
        let latitude = place.latitude.to_radians();
        let cosine = ((-0.833_f64).to_radians().sin() - latitude.sin() * declination.sin()) / (latitude.cos() * declination.cos());
        cosine.clamp(-1.0, 1.0).acos().to_degrees() / 15.0
    }
}

/// Irradiance at the ground, W/m².
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sky {
    pub(super) ghi: f64,
    pub(super) dni: f64,
    pub(super) dhi: f64,
}

impl Sky {
    /// Cloudless sky (Ineichen and Perez 2002, as in pvlib `clearsky.ineichen`; air mass after Kasten and Young 1989).
    pub(super) fn clear(sun: &Sun, place: &Place, linke: f64, pressure: f64) -> Self {
        if sun.up <= 0.0 {
            return Self::default();
        }
        let zenith = sun.up.min(1.0).acos().to_degrees();
        let air_mass = pressure / 101_325.0 / (sun.up + 0.50572 * (96.07995 - zenith).powf(-1.6364));
        let (near, far) = ((-place.altitude / 8000.0).exp(), (-place.altitude / 1250.0).exp());
        let scale = 5.09e-5 * place.altitude + 0.868;
        let fade = 3.92e-5 * place.altitude + 0.0387;
        let ghi = scale * sun.extra * sun.up * (-fade * air_mass * (near + far * (linke - 1.0))).exp();
        let beam = (0.664 + 0.163 / near) * sun.extra * (-0.09 * air_mass * (linke - 1.0)).exp();
        let bound = ghi * (1.0 - (0.1 - 0.2 * (-linke).exp()) / (0.1 + 0.882 / near)) / sun.up;
        let dni = beam.min(bound).max(0.0);
        Self { ghi, dni, dhi: (ghi - dni * sun.up).max(0.0) }
    }

    /// The same sky behind clouds that let the share `index` of the global irradiance through.
    pub(super) fn clouded(self, sun: &Sun, index: f64) -> Self {
        let beam = ((index - 0.25) / 0.75).clamp(0.0, 1.0).powf(1.2);
        let (ghi, dni) = (self.ghi * index, self.dni * beam);
        let dhi = (ghi - dni * sun.up).max(0.04 * ghi);
        Self { ghi: dni * sun.up.max(0.0) + dhi, dni, dhi }
    }

    /// Irradiance on a plane turned by `angle` degrees about a horizontal north-south axis, positive to the west
    /// (isotropic sky, Liu and Jordan 1963; ground reflects a quarter: desert).
    pub(super) fn on_tracker(&self, sun: &Sun, angle: f64) -> f64 {
        let (sin, cos) = angle.to_radians().sin_cos();
        let incidence = (sun.up * cos - sun.east * sin).max(0.0);
        self.dni * incidence + self.dhi * (1.0 + cos) / 2.0 + self.ghi * 0.25 * (1.0 - cos) / 2.0
    }
}

/// Angle of a single-axis tracker with backtracking (Anderson and Mikofski 2020, NREL/TP-5K00-76626); flat at night.
///
/// Rows cover the share `COVER` of the ground; the drive stops at ±60 degrees.
pub(super) fn tracker_angle(sun: &Sun) -> f64 {
    const COVER: f64 = 0.4;
    if sun.up <= 0.0 {
        return 0.0;
    }
    let ideal = (-sun.east).atan2(sun.up);
    let free = ideal.cos().abs() / COVER;
    let turned = if free < 1.0 { ideal - ideal.signum() * free.acos() } else { ideal };
    turned.to_degrees().clamp(-60.0, 60.0)
}

#[cfg(test)]
mod tests {
    use super::{Place, Sky, Sun, tracker_angle};

    const OUARZAZATE: Place = Place { latitude: 30.99, longitude: -6.86, altitude: 1250.0 };

    #[test]
    fn the_sun_stands_where_the_almanac_says() {
        // 21 June 2026, solar noon at 6.86 W is about 12:29 UTC; zenith = latitude - declination = 30.99 - 23.44.
        let noon = 1_782_044_940;
        let sun = Sun::at(noon, &OUARZAZATE);
        assert!((sun.up.acos().to_degrees() - 7.55).abs() < 0.1, "{sun:?}");
        assert!(Sun::at(noon + 43_200, &OUARZAZATE).up < -0.5);
        let sky = Sky::clear(&sun, &OUARZAZATE, 3.0, 87_000.0);
        assert!((950.0..1150.0).contains(&sky.ghi) && (850.0..1050.0).contains(&sky.dni), "{sky:?}");
        assert!((Sun::half_day(noon, &OUARZAZATE) - 7.08).abs() < 0.1);
    }

    #[test]
    fn trackers_follow_and_lie_flat_at_the_edges_of_the_day() {
        let morning = Sun::at(1_782_044_940 - 4 * 3600, &OUARZAZATE);
        assert!((-60.0..-45.0).contains(&tracker_angle(&morning)), "{}", tracker_angle(&morning));
        let dawn = Sun { up: 0.02, east: 0.99, extra: 1361.0 };
        assert!(tracker_angle(&dawn).abs() < 10.0);
        let sky = Sky::clear(&morning, &OUARZAZATE, 3.0, 87_000.0);
        assert!(sky.on_tracker(&morning, tracker_angle(&morning)) > 1.2 * sky.on_tracker(&morning, 0.0));
    }
}
