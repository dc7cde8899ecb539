//! What a turbine makes of wind: speed at the hub, density of the air, power curve.
//!
//! In: m/s, metres, Pa, kelvin. Out: m/s, kg/m³, power in the curve's unit. Equal to windpowerlib 0.2.2 within 1e-6
//! (`tests/golden/physics.csv`).

use serde::{Deserialize, Serialize};

/// Density at which power curves are given, kg/m³.
pub const RATED_DENSITY: f64 = 1.225;

/// Speed at `hub` metres from that at `height`, by the logarithmic profile over ground of that roughness length in metres;
/// obstacles of that height, 0 for none, lift the ground by 70 % of it.
pub fn log_profile(speed: f64, height: f64, hub: f64, roughness: f64, obstacles: f64) -> f64 {
    let lifted = |z: f64| ((z - 0.7 * obstacles) / roughness).ln();
    speed * lifted(hub) / lifted(height)
}

/// Speed at `hub` metres from that at `height`, by Hellmann's power law; 1/7 is usual over open land.
pub fn hellmann(speed: f64, height: f64, hub: f64, exponent: f64) -> f64 {
    speed * (hub / height).powf(exponent)
}

/// Exponent of [`hellmann`] for ground of that roughness length in metres.
pub fn hellmann_exponent(hub: f64, roughness: f64) -> f64 {
    1.0 / (hub / roughness).ln()
}

/// Density at the hub from the pressure at `height`, one hPa less every 8 m; kelvin at the hub.
pub fn density(pressure: f64, height: f64, hub: f64, temperature: f64) -> f64 {
    // Gas constant of dry air, J/(kg·K).
    const DRY_AIR: f64 = 287.058;
    (pressure / 100.0 - (hub - height) / 8.0) * 100.0 / (DRY_AIR * temperature)
}

/// Density at the hub by the barometric equation; as [`density`], from the standard atmosphere at sea level.
pub fn density_barometric(pressure: f64, height: f64, hub: f64, temperature: f64) -> f64 {
    (pressure / 100.0 - (hub - height) / 8.0) * RATED_DENSITY * 288.15 * 100.0 / (101_330.0 * temperature)
}

/// Temperature at the hub, 6.5 K less a kilometre.
pub fn temperature_at(temperature: f64, height: f64, hub: f64) -> f64 {
    temperature - 0.0065 * (hub - height)
}

/// Power by wind speed: linear between points, nothing outside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TurbineCurve {
    speeds: Vec<f64>,
    powers: Vec<f64>,
}

/// Piecewise linear, 0 outside the points.
fn interpolate(x: f64, xs: impl Fn(usize) -> f64, ys: &[f64]) -> f64 {
    let count = ys.len();
    if count == 0 || x < xs(0) || x > xs(count - 1) || x.is_nan() {
        return if x.is_nan() { f64::NAN } else { 0.0 };
    }
    let after = (1..count).find(|&i| xs(i) > x).unwrap_or(count);
    let Some(&next) = ys.get(after) else { return ys[count - 1] };
    let (low, high) = (xs(after - 1), xs(after));
    ys[after - 1] + (x - low) / (high - low) * (next - ys[after - 1])
}

impl TurbineCurve {
    /// Points `(speed, power)` with rising speeds.
    pub fn new(points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let (speeds, powers) = points.into_iter().unzip();
        Self { speeds, powers }
    }

    /// A curve for a machine nothing is known of, in shares of its rating: the cube of the speed between cutting in at 3 m/s and the
    /// rating at 12 m/s, nothing from 25 m/s on (Manwell, McGowan and Rogers 2009, section 2.4), every half m/s.
    pub fn generic() -> Self {
        const CUT_IN: f64 = 3.0;
        const RATED: f64 = 12.0;
        const CUT_OUT: f64 = 25.0;
        let share = |v: f64| match v {
            v if !(CUT_IN..=CUT_OUT).contains(&v) => 0.0,
            v if v >= RATED => 1.0,
            v => (v.powi(3) - CUT_IN.powi(3)) / (RATED.powi(3) - CUT_IN.powi(3)),
        };
        Self::new((0..=50).map(|i| f64::from(i) * 0.5).map(|v| (v, share(v))))
    }

    /// Points of the curve.
    pub fn points(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.speeds.iter().copied().zip(self.powers.iter().copied())
    }

    /// Power at a speed, in air of the rated density.
    pub fn power(&self, speed: f64) -> f64 {
        interpolate(speed, |i| self.speeds[i], &self.powers)
    }

    /// Power at a speed in air of that density: the curve's speeds move with the cube root of the density below 7.5 m/s, with its
    /// square beyond 12.5 m/s (Svenningsen 2010, which refines IEC 61400-12).
    pub fn power_at(&self, speed: f64, density: f64) -> f64 {
        let exponent = |v: f64| (1.0 + ((v - 7.5) / 5.0).clamp(0.0, 1.0)) / 3.0;
        let moved = |i: usize| self.speeds[i] * (RATED_DENSITY / density).powf(exponent(self.speeds[i]));
        interpolate(speed, moved, &self.powers)
    }

    /// The curve of many machines in wind that is not the same for all: each point averaged over a normal distribution of the speed
    /// with deviation `share · speed + floor`. The share is the turbulence intensity; 0.2 with a floor of 0.6 m/s is Staffell and
    /// Pfenninger (2016). Blocks of half a metre per second within 15 m/s, as in windpowerlib.
    pub fn smoothed(&self, share: f64, floor: f64) -> Self {
        const BLOCK: f64 = 0.5;
        const REACH: f64 = 15.0;
        let mut wide = self.clone();
        let step = if self.speeds.len() > 5 { self.speeds[5] - self.speeds[4] } else { BLOCK };
        let Some(&top) = self.speeds.last() else { return wide };
        let mut speed = top;
        while speed < top + REACH {
            speed += step;
            wide.speeds.push(speed);
            wide.powers.push(0.0);
        }
        let blocks = (2.0 * REACH / BLOCK) as usize;
        let average = |v: f64| {
            let deviation = v * share + floor;
            if deviation == 0.0 {
                return 0.0;
            }
            let block = |i: usize| {
                let gap = i as f64 * BLOCK - REACH;
                let weight = (-gap * gap / (2.0 * deviation * deviation)).exp() / (deviation * std::f64::consts::TAU.sqrt());
                BLOCK * wide.power(v + gap) * weight
            };
            (0..=blocks).map(block).sum()
        };
        let powers = wide.speeds.iter().map(|&v| average(v)).collect();
        Self { speeds: wide.speeds.clone(), powers }
    }
}
