//! What a panel and its inverter make of light: cell temperature, losses at the glass, direct and alternating power.
//!
//! In: W/m², °C, m/s, ratings. Out: °C and power in the rating's unit. Equal to pvlib 0.16 within 1e-6
//! (`tests/golden/physics.csv`). Where the light comes from is in `domain/solar.rs`.

/// Light at which modules are rated, W/m².
const REFERENCE_LIGHT: f64 = 1000.0;
/// Cell temperature at which modules are rated, °C.
const REFERENCE_TEMPERATURE: f64 = 25.0;

/// Module temperature after Faiman (2008), IEC 61853-3: `u0` 25 W/(m²·K) and `u1` 6.84 W·s/(m³·K) are his means of seven modules.
pub fn faiman(light: f64, temp_air: f64, wind_speed: f64, u0: f64, u1: f64) -> f64 {
    temp_air + light / (u0 + u1 * wind_speed)
}

/// How a module is mounted, for [`sapm_cell`]: King, Boyson and Kratochvil (2004), SAND2004-3535, table 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mount {
    /// Warming by light in still air, exponent.
    pub a: f64,
    /// Cooling by wind, exponent per m/s.
    pub b: f64,
    /// Degrees the cell is warmer than the module's back at 1000 W/m².
    pub warmer: f64,
}

impl Mount {
    /// Glass on both sides, open rack.
    pub const OPEN_RACK_GLASS_GLASS: Self = Self { a: -3.47, b: -0.0594, warmer: 3.0 };
    /// Glass and polymer, open rack.
    pub const OPEN_RACK_GLASS_POLYMER: Self = Self { a: -3.56, b: -0.075, warmer: 3.0 };
    /// Glass on both sides, close to the roof.
    pub const CLOSE_MOUNT_GLASS_GLASS: Self = Self { a: -2.98, b: -0.0471, warmer: 1.0 };
    /// Glass and polymer, insulated back.
    pub const INSULATED_BACK_GLASS_POLYMER: Self = Self { a: -2.81, b: -0.0455, warmer: 0.0 };
}

/// Cell temperature after the Sandia array performance model.
pub fn sapm_cell(light: f64, temp_air: f64, wind_speed: f64, mount: Mount) -> f64 {
    let module = light * (mount.a + mount.b * wind_speed).exp() + temp_air;
    module + light / REFERENCE_LIGHT * mount.warmer
}

/// Share of the beam that passes plain glass (index 1.526, 2 mm, 4 per metre) at an angle of incidence in degrees, over that at right
/// angles: De Soto, Klein and Beckman (2006).
pub fn glass(incidence: f64) -> f64 {
    const INDEX: f64 = 1.526;
    const ABSORBED: f64 = 4.0 * 0.002;
    let cos = incidence.to_radians().cos().max(0.0);
    if cos <= 0.0 {
        return 0.0;
    }
    let inside = (1.0 - (1.0 - cos * cos) / (INDEX * INDEX)).sqrt();
    let across = ((cos - INDEX * inside) / (cos + INDEX * inside)).powi(2);
    let along = ((inside - INDEX * cos) / (inside + INDEX * cos)).powi(2);
    let straight = ((1.0 - INDEX) / (1.0 + INDEX)).powi(2);
    let through = 0.5 * ((1.0 - across) + (1.0 - along)) * (-ABSORBED / inside).exp();
    through / ((1.0 - straight) * (-ABSORBED).exp())
}

/// PVWatts (Dobos 2014): direct power from light on the cells, their temperature, the rating and the change of power per °C (about
/// −0.004).
pub fn pvwatts_dc(light: f64, temp_cell: f64, rated: f64, gamma: f64) -> f64 {
    light / REFERENCE_LIGHT * rated * (1.0 + gamma * (temp_cell - REFERENCE_TEMPERATURE))
}

/// PVWatts (Dobos 2014): alternating power from direct power and the inverter's direct rating; `nominal` efficiency 0.96, clipped at
/// `nominal × rated`.
pub fn pvwatts_ac(direct: f64, rated: f64, nominal: f64) -> f64 {
    const REFERENCE_EFFICIENCY: f64 = 0.9637;
    let load = direct / rated;
    if load == 0.0 {
        return 0.0;
    }
    let efficiency = nominal / REFERENCE_EFFICIENCY * (-0.0162 * load - 0.0059 / load + 0.9858);
    (efficiency * direct).min(nominal * rated).max(0.0)
}
