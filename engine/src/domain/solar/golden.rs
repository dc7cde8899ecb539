//! Sun, light, panels and turbines against pvlib 0.16 and windpowerlib 0.2.2: `tests/golden/physics.csv`, made by `physics.py` there.

use super::{Irradiance, Location, SOLAR_CONSTANT, Sky, SunPosition, Surface};
use crate::domain::{pv, solar, wind};

/// Angles of the sun, degrees; everything else is relative.
const ANGLE: f64 = 0.01;
const FORMULA: f64 = 1e-6;

/// Least value that differences are relative to: a billionth of a kilowatt is nothing.
const TINY: f64 = 1e-6;

/// Our angle and how much of a difference in it is seen as one of direction: round the pole an azimuth says little.
fn angle(name: &str, text: &[&str]) -> Option<(f64, f64)> {
    let place = Location { latitude: text.first()?.parse().ok()?, longitude: text.get(1)?.parse().ok()? };
    let sun = solar::position(text.get(2)?.parse().ok()?, place)?;
    match name {
        "zenith" => Some((sun.zenith, 1.0)),
        "azimuth" => Some((sun.azimuth, sun.zenith.to_radians().sin())),
        "apparent_zenith_at" => Some((solar::apparent_zenith(sun.zenith, solar::SEA_LEVEL, 12.0), 1.0)),
        _ => None,
    }
}

fn plane(name: &str, a: &[f64]) -> Option<f64> {
    let &[tilt, azimuth, zenith, sun_azimuth, ref rest @ ..] = a else { return None };
    let (surface, sun) = (Surface { tilt, azimuth }, SunPosition { zenith, azimuth: sun_azimuth });
    let light = |dni: f64, dhi: f64| Irradiance { ghi: dhi + dni * zenith.to_radians().cos(), dni, dhi };
    match (name, rest) {
        ("incidence", []) => Some(surface.incidence(sun)),
        ("hay_davies", &[dni, dhi, extra]) => Some(surface.sky_diffuse(Sky::HayDavies, sun, light(dni, dhi), extra, f64::NAN)),
        ("perez", &[dni, dhi, extra, airmass]) => Some(surface.sky_diffuse(Sky::Perez, sun, light(dni, dhi), extra, airmass)),
        ("poa_perez", &[dni, dhi, extra, airmass]) => {
            Some(surface.light(Sky::Perez, sun, light(dni, dhi), extra, airmass, 0.2).global())
        }
        _ => None,
    }
}

fn light(name: &str, a: &[f64]) -> Option<f64> {
    let flat = |tilt: f64| Surface { tilt, azimuth: 0.0 };
    Some(match (name, a) {
        ("apparent_zenith", &[zenith, pressure, warmth]) => solar::apparent_zenith(zenith, pressure, warmth),
        ("extraterrestrial_normal", &[day]) => solar::extraterrestrial_normal(day, SOLAR_CONSTANT),
        ("haurwitz", &[zenith]) => solar::haurwitz(zenith),
        ("relative_airmass", &[zenith]) => solar::relative_airmass(zenith),
        ("pressure_at", &[altitude]) => solar::pressure_at(altitude),
        ("ineichen_ghi", &[z, air, turbidity, altitude, extra]) => solar::ineichen(z, air, turbidity, altitude, extra).ghi,
        ("ineichen_dni", &[z, air, turbidity, altitude, extra]) => solar::ineichen(z, air, turbidity, altitude, extra).dni,
        ("ineichen_dhi", &[z, air, turbidity, altitude, extra]) => solar::ineichen(z, air, turbidity, altitude, extra).dhi,
        ("erbs_dni", &[ghi, zenith, extra]) => solar::erbs(ghi, zenith, extra).dni,
        ("erbs_dhi", &[ghi, zenith, extra]) => solar::erbs(ghi, zenith, extra).dhi,
        ("disc", &[ghi, zenith, day, pressure]) => solar::disc(ghi, zenith, day, pressure),
        ("isotropic", &[tilt, dhi]) => {
            let (sun, light) = (SunPosition { zenith: 0.0, azimuth: 0.0 }, Irradiance { ghi: dhi, dni: 0.0, dhi });
            flat(tilt).sky_diffuse(Sky::Isotropic, sun, light, SOLAR_CONSTANT, 1.0)
        }
        ("ground", &[tilt, ghi, albedo]) => flat(tilt).ground_diffuse(ghi, albedo),
        _ => return plane(name, a),
    })
}

fn machine(name: &str, a: &[f64]) -> Option<f64> {
    use pv::Mount;
    let mounts = [
        Mount::OPEN_RACK_GLASS_GLASS,
        Mount::OPEN_RACK_GLASS_POLYMER,
        Mount::CLOSE_MOUNT_GLASS_GLASS,
        Mount::INSULATED_BACK_GLASS_POLYMER,
    ];
    let curve = wind::TurbineCurve::generic();
    Some(match (name, a) {
        ("glass", &[incidence]) => pv::glass(incidence),
        ("faiman", &[light, warmth, speed]) => pv::faiman(light, warmth, speed, 25.0, 6.84),
        ("sapm_cell", &[light, warmth, speed, mount]) => pv::sapm_cell(light, warmth, speed, mounts[mount as usize]),
        ("pvwatts_dc", &[light, cell, rated, gamma]) => pv::pvwatts_dc(light, cell, rated, gamma),
        ("pvwatts_ac", &[direct, rated]) => pv::pvwatts_ac(direct, rated, 0.96),
        ("log_profile", &[speed, height, hub, rough, obstacles]) => wind::log_profile(speed, height, hub, rough, obstacles),
        ("hellmann", &[speed, height, hub]) => wind::hellmann(speed, height, hub, 1.0 / 7.0),
        ("hellmann_rough", &[speed, height, hub, rough]) => wind::hellmann(speed, height, hub, wind::hellmann_exponent(hub, rough)),
        ("density", &[pressure, height, hub, warmth]) => wind::density(pressure, height, hub, warmth),
        ("density_barometric", &[pressure, height, hub, warmth]) => wind::density_barometric(pressure, height, hub, warmth),
        ("temperature_at", &[warmth, height, hub]) => wind::temperature_at(warmth, height, hub),
        ("power", &[speed]) => curve.power(speed),
        ("power_at", &[speed, density]) => curve.power_at(speed, density),
        ("smoothed", &[share, floor, speed]) => curve.smoothed(share, floor).power(speed),
        _ => return light(name, a),
    })
}

#[test]
fn the_chain_agrees_with_pvlib_and_windpowerlib() {
    let golden = include_str!("../../../../tests/golden/physics.csv");
    let (mut angles, mut formulas) = (0, 0);
    for line in golden.lines().filter(|line| !line.starts_with('#')) {
        let cells: Vec<&str> = line.split(',').collect();
        let (name, expected): (&str, f64) = (cells[0], cells[1].parse().expect("the golden file is whole"));
        if let Some((ours, share)) = angle(name, &cells[2..]) {
            let gap = (ours - expected).abs();
            assert!(share * gap.min(360.0 - gap) < ANGLE, "{line}: {ours}");
            angles += 1;
            continue;
        }
        let arguments: Vec<f64> = cells[2..].iter().map(|cell| cell.parse().expect("the golden file is whole")).collect();
        let ours = machine(name, &arguments).unwrap_or_else(|| panic!("nothing answers {line}"));
        assert!((ours - expected).abs() <= FORMULA * expected.abs().max(TINY), "{line}: {ours}");
        formulas += 1;
    }
    assert!(angles > 100 && formulas > 1000, "{angles} angles, {formulas} formulas");
}
