//! The quantities of the weather: names, stored units and what is possible.
//!
//! In: the quantities of a site. Out: the same with those of the weather that are not standard. Winds of importers are stored as
//! components, because those of several sources can be averaged; the speed is `sqrt(u² + v²)`.

use engine::domain::Quantities;
use engine::domain::Unit;
use engine::source::SourceError;

/// Heights in m at which winds are known by a name, and the names of the eastward and northward component and of the speed.
pub(super) const WINDS: [(u32, &str, &str, &str); 4] = [
    (10, "wind_u_10m", "wind_v_10m", "wind_speed_10m"),
    (80, "wind_u_80m", "wind_v_80m", "wind_speed_80m"),
    (100, "wind_u_100m", "wind_v_100m", "wind_speed_100m"),
    (120, "wind_u_120m", "wind_v_120m", "wind_speed_120m"),
];

/// Name, unit and possible values of what is imported and not in the house's standard list (which has ranges of its own).
const DECLARED: [(&str, &str, f64, f64); 23] = [
    ("wind_u_10m", "m/s", -110.0, 110.0),
    ("wind_v_10m", "m/s", -110.0, 110.0),
    ("wind_u_80m", "m/s", -110.0, 110.0),
    ("wind_v_80m", "m/s", -110.0, 110.0),
    ("wind_u_100m", "m/s", -110.0, 110.0),
    ("wind_v_100m", "m/s", -110.0, 110.0),
    ("wind_u_120m", "m/s", -110.0, 110.0),
    ("wind_v_120m", "m/s", -110.0, 110.0),
    ("wind_speed_10m", "m/s", 0.0, 110.0),
    ("wind_speed_80m", "m/s", 0.0, 110.0),
    ("wind_speed_100m", "m/s", 0.0, 110.0),
    ("wind_speed_120m", "m/s", 0.0, 110.0),
    ("wind_direction_10m", "deg", -360.0, 720.0),
    ("wind_direction_80m", "deg", -360.0, 720.0),
    ("wind_direction_100m", "deg", -360.0, 720.0),
    ("wind_direction_120m", "deg", -360.0, 720.0),
    ("wind_gusts_10m", "m/s", 0.0, 150.0),
    ("cloud_cover", "%", -1.0, 101.0),
    ("cloud_cover_low", "%", -1.0, 101.0),
    ("cloud_cover_mid", "%", -1.0, 101.0),
    ("cloud_cover_high", "%", -1.0, 101.0),
    ("dew_point", "degC", -95.0, 50.0),
    ("pressure_msl", "Pa", 85_000.0, 110_000.0),
];

/// The site's quantities and those of the weather.
pub(super) fn declared(known: &Quantities) -> Result<Quantities, SourceError> {
    let refuse = |name: &str, cause| SourceError::Domain { place: format!("quantity {name}"), cause };
    let mut all = known.clone();
    for (name, unit, ..) in DECLARED {
        let unit = Unit::parse(unit).map_err(|cause| refuse(name, cause))?;
        all.declare(name, unit).map_err(|cause| refuse(name, cause))?;
        let stored = all.get(name).map_err(|cause| refuse(name, cause))?.1.unit;
        if stored != unit {
            let problem =
                format!("the site stores it in {stored}, weather comes in {unit}; declare it in {unit}, or import as CSV");
            return Err(SourceError::Mapping { place: format!("quantity {name}"), problem });
        }
    }
    Ok(all)
}

/// Smallest and largest value that can be.
pub(super) fn range(name: &str, quantities: &Quantities) -> (f64, f64) {
    match DECLARED.iter().find(|row| row.0 == name) {
        Some((.., low, high)) => (*low, *high),
        None => quantities.get(name).map_or((f64::NEG_INFINITY, f64::INFINITY), |(_, info)| info.range),
    }
}
