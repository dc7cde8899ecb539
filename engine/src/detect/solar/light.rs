//! What the modules of a plant should see: where the sun stands, where the trackers point, and light as power per rated power.
//!
//! In: a [`Plant`]. Out: [`Light`], row by row from that row alone. Sources: Erbs, Klein and Duffie (1982), Hay and Davies (1980),
//! Faiman (2008), King et al. (2004) through `domain/solar` and `domain/pv`. Deliberately not here: what one inverter makes of it.

use super::plant::Plant;
use super::statistics::median;
use crate::domain::Timestamp;
use crate::domain::from_micros;
use crate::domain::micros;
use crate::domain::pv::faiman;
use crate::domain::solar::Irradiance;
use crate::domain::solar::SOLAR_CONSTANT;
use crate::domain::solar::Sky;
use crate::domain::solar::SunPosition;
use crate::domain::solar::Surface;
use crate::domain::solar::day_of_year;
use crate::domain::solar::erbs;
use crate::domain::solar::extraterrestrial_normal;
use crate::domain::solar::position;

/// Degrees a cell is warmer than the module's back at 1000 W/m² (King et al. 2004, open racks).
const CELL_ABOVE_BACK: f64 = 3.0;

/// What the ground throws back.
const ALBEDO: f64 = 0.25;

/// Sun and light per row.
#[derive(Debug)]
pub(super) struct Light {
    pub(super) sun: Vec<SunPosition>,
    /// Median set-point of the trackers, positive to the west; NaN without.
    pub(super) angle: Vec<f64>,
    /// Cell temperature minus 25 °C.
    pub(super) warmth: Vec<f64>,
    /// Measured light in the plane over what the horizontal sensor says of it, where the trackers lie nearly flat; else NaN.
    pub(super) ratio: Vec<f64>,
}

/// Trackers flatter than this see what a horizontal sensor sees, whatever the sky: the two can be compared without a sky model.
const FLAT: f64 = 15.0;

impl Light {
    pub(super) fn new(plant: &Plant) -> Self {
        let night = SunPosition { zenith: 120.0, azimuth: 0.0 };
        let at = |row: usize| middle(plant, row);
        let sun: Vec<SunPosition> = (0..plant.len).map(|row| position(at(row), plant.place).unwrap_or(night)).collect();
        let angle = angles(plant);
        let s = &plant.station;
        let warmth: Vec<f64> = (0..plant.len)
            .map(|i| {
                let above = CELL_ABOVE_BACK * s.poa[i] / 1000.0;
                let wind = if s.wind[i].is_finite() { s.wind[i] } else { 1.0 };
                let cell = if s.module[i].is_finite() { s.module[i] + above } else { faiman(s.poa[i], s.air[i], wind, 25.0, 6.84) };
                cell - 25.0
            })
            .collect();
        let mut light = Self { sun, angle, warmth, ratio: Vec::new() };
        light.ratio = (0..plant.len)
            .map(|i| {
                let usable = light.angle[i].abs() < FLAT && light.sun[i].zenith < 70.0 && s.ghi[i] > 200.0;
                if usable { s.poa[i] / light.plane(plant, i, light.angle[i]) } else { f64::NAN }
            })
            .collect();
        light
    }

    /// Light on an axis turned by `angle`, from the horizontal sensor alone, W/m².
    pub(super) fn plane(&self, plant: &Plant, row: usize, angle: f64) -> f64 {
        let sky = RowSky::new(plant, self.sun[row], row);
        sky.on(angle, sky.beam())
    }

    /// Light on an axis stuck at `angle` while the station's sensor follows the sun and reads `poa`, W/m². The two sensors stand at
    /// different angles and so tell the beam from the rest; where they do not, the sky model does.
    pub(super) fn stuck(&self, plant: &Plant, row: usize, angle: f64, poa: f64) -> f64 {
        let (sky, follows) = (RowSky::new(plant, self.sun[row], row), self.angle[row]);
        let mut beam = sky.beam();
        let most = sky.most();
        for _ in 0..4 {
            let (seen, more) = (sky.on(follows, beam), sky.on(follows, beam + 10.0));
            let slope = (more - seen) / 10.0;
            if slope.abs() < 0.15 {
                break;
            }
            beam = (beam + (poa - seen) / slope).clamp(0.0, most);
        }
        let (usual, stuck) = (sky.on(follows, beam), sky.on(angle, beam));
        if usual > 1.0 { poa * stuck / usual } else { poa }
    }

    /// Degrees above the horizon.
    pub(super) fn elevation(&self, row: usize) -> f64 {
        90.0 - self.sun[row].zenith
    }

    /// Power per rated DC power of clean modules: light over 1000 W/m² times the temperature term.
    pub(super) fn yield_of(&self, plant: &Plant, row: usize, gamma: f64) -> f64 {
        plant.station.poa[row].max(0.0) / 1000.0 * (1.0 + gamma * self.warmth[row])
    }

    /// Median of the comparison of the two sensors over rows, with how many there were.
    pub(super) fn day_ratio(&self, rows: std::ops::Range<usize>) -> Option<f64> {
        let values: Vec<f64> = self.ratio[rows].iter().copied().filter(|v| v.is_finite()).collect();
        (values.len() >= 6).then(|| median(values))
    }
}

/// The sky of one row.
struct RowSky {
    sun: SunPosition,
    extra: f64,
    ghi: f64,
}

impl RowSky {
    fn new(plant: &Plant, sun: SunPosition, row: usize) -> Self {
        let extra = extraterrestrial_normal(day_of_year(middle(plant, row)), SOLAR_CONSTANT);
        Self { sun, extra, ghi: plant.station.ghi[row].max(0.0) }
    }

    /// Beam by the clearness (Erbs).
    fn beam(&self) -> f64 {
        erbs(self.ghi, self.sun.zenith, self.extra).dni
    }

    /// Largest beam that the horizontal sensor and the air allow.
    fn most(&self) -> f64 {
        let cos = self.sun.zenith.to_radians().cos();
        if cos > 0.02 { (self.ghi / cos).min(0.85 * self.extra) } else { 0.0 }
    }

    /// Light on an axis turned by `angle` under that beam.
    fn on(&self, angle: f64, dni: f64) -> f64 {
        let dhi = (self.ghi - dni * self.sun.zenith.to_radians().cos().max(0.0)).max(0.0);
        let surface = Surface { tilt: angle.abs(), azimuth: if angle >= 0.0 { 270.0 } else { 90.0 } };
        let light = Irradiance { ghi: self.ghi, dni, dhi };
        surface.light(Sky::HayDavies, self.sun, light, self.extra, f64::NAN, ALBEDO).global()
    }
}

fn middle(plant: &Plant, row: usize) -> Timestamp {
    from_micros(micros(plant.time(row)) + plant.middle * 1_000_000)
}

/// Median set-point per row; between rows of a slower controller on the line from the last change.
fn angles(plant: &Plant) -> Vec<f64> {
    let mut out = vec![f64::NAN; plant.len];
    let (mut last, mut slope) = (None::<(usize, f64)>, 0.0);
    for (row, slot) in out.iter_mut().enumerate() {
        let seen: Vec<f64> = plant.trackers.iter().map(|t| t.goal[row]).filter(|v| v.is_finite()).collect();
        if !seen.is_empty() {
            let now = median(seen);
            if let Some((before, angle)) = last {
                slope = (now - angle) / (row - before).max(1) as f64;
            }
            last = Some((row, now));
        }
        if let Some((before, angle)) = last.filter(|(before, _)| row - before <= plant.rows(60)) {
            *slot = angle + slope * (row - before) as f64;
        }
    }
    out
}
