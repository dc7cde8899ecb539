//! Which points of a grid speak for an asset.
//!
//! In: section 3 and the places. Out: indices and weights. On regular latitude/longitude grids (template 3.0) the four points around a
//! place, bilinear; on others the nearest point.

use super::octets::is_missing;
use super::octets::signed;
use super::octets::unsigned;
use crate::weather::points::Place;
use engine::domain::Location;
use grib::GridDefinition;
use grib::GridDefinitionTemplateValues;
use grib::LatLons;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

/// Most points of a grid: 0.04° over the globe has 40 million.
const MOST_POINTS: usize = 64_000_000;

/// Indices of points and their weights, which sum to 1.
pub(super) type Spot = Vec<(usize, f64)>;

/// A grid as seen from the assets.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Located {
    /// One per place; `None`: outside.
    pub(super) spots: Vec<Option<Spot>>,
    /// Points of the grid.
    pub(super) points: usize,
    /// Eastward on this grid is not east.
    pub(super) turned_winds: bool,
    /// Name and corners for people.
    pub(super) kind: &'static str,
    pub(super) extent: String,
}

impl Located {
    pub(super) fn new(section: &[u8], places: &[Place]) -> Result<Self, String> {
        let points = unsigned(section, 7, 4).and_then(|points| usize::try_from(points).ok()).unwrap_or_default();
        let template = unsigned(section, 13, 2).unwrap_or_default();
        if points == 0 || points > MOST_POINTS {
            return Err(format!("its grid has {points} points, 1 to {MOST_POINTS} are read; download a smaller area"));
        }
        if template == 0 {
            let regular = Regular::new(section, points)?;
            let spots = places.iter().map(|place| regular.spot(place.location)).collect();
            return Ok(Self { spots, points, turned_winds: false, kind: "latitude/longitude", extent: regular.extent() });
        }
        let (kind, flags) = match template {
            1 => ("rotated latitude/longitude", 55),
            10 => ("Mercator", 47),
            20 => ("polar stereographic", 47),
            30 => ("Lambert", 47),
            40 => ("Gaussian", 55),
            41 => ("rotated Gaussian", 55),
            _ => {
                return Err(format!(
                    "its grid (template 3.{template}) is not read; make it regular: cdo remapbil,r1440x721 FILE OUT, or wgrib2 -new_grid"
                ));
            }
        };
        // Flag table 3.3, bit 5: components relative to the grid.
        let turned_winds = template != 40 && unsigned(section, flags, 1).unwrap_or_default() & 0x08 != 0;
        let all = positions(section, points).map_err(|problem| {
            format!("its {kind} grid cannot be read: {problem}; make it regular: cdo remapbil,r1440x721 FILE OUT")
        })?;
        let spots = places.iter().map(|place| nearest(&all, place.location)).collect();
        Ok(Self { spots, points, turned_winds, kind, extent: format!("of {points} points") })
    }
}

/// Positions of all points of a grid that the crate `grib` knows.
fn positions(section: &[u8], points: usize) -> Result<Vec<Location>, String> {
    let read = || -> Result<Vec<Location>, String> {
        let definition = GridDefinition::from_payload(section[5..].into()).map_err(|error| error.to_string())?;
        let values = GridDefinitionTemplateValues::try_from(&definition).map_err(|error| error.to_string())?;
        if grib::GridPointIndex::grid_shape(&values).0.checked_mul(grib::GridPointIndex::grid_shape(&values).1) != Some(points) {
            return Err("rows times columns are not its points".into());
        }
        let all = values.latlons().map_err(|error| error.to_string())?;
        Ok(all.map(|(latitude, longitude)| Location { latitude, longitude }).collect())
    };
    // Its arithmetic may panic on numbers that describe no grid.
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err("its numbers describe no grid".into()))
}

/// The nearest point, when it is not farther than one and a half times the way to its neighbour.
fn nearest(all: &[Location], place: Location) -> Option<Spot> {
    let away = |index: &usize| all[*index].distance_km(place);
    let index = (0..all.len()).min_by(|a, b| away(a).total_cmp(&away(b)))?;
    let neighbours = [index.checked_sub(1), Some(index + 1).filter(|next| *next < all.len())];
    let step = neighbours.into_iter().flatten().map(|next| all[index].distance_km(all[next])).fold(f64::INFINITY, f64::min);
    (away(&index) <= 1.5 * step).then(|| vec![(index, 1.0)])
}

/// A grid of template 3.0.
#[derive(Debug, Clone, PartialEq)]
struct Regular {
    columns: usize,
    rows: usize,
    /// Of the first point, degrees.
    first: Location,
    /// Degrees from one row to the next, and from one column to the next; negative where they run south or west.
    step: (f64, f64),
    scanning: u64,
}

impl Regular {
    fn new(section: &[u8], points: usize) -> Result<Self, String> {
        let broken = || "its latitude/longitude grid is not sound; download the file again".to_owned();
        let size = |octet: usize| unsigned(section, octet, 4).and_then(|size| usize::try_from(size).ok()).ok_or_else(broken);
        let (columns, rows) = (size(31)?, size(35)?);
        if is_missing(section, 31, 4) || is_missing(section, 35, 4) {
            return Err("its grid is reduced (rows of different length); make it regular: cdo setgridtype,regular FILE OUT".into());
        }
        if columns.checked_mul(rows) != Some(points) || columns < 2 || rows < 2 {
            return Err(broken());
        }
        let (basic, parts) = (unsigned(section, 39, 4).unwrap_or_default(), unsigned(section, 43, 4).unwrap_or_default());
        let unit = if basic == 0 || is_missing(section, 39, 4) || parts == 0 { 1e-6 } else { basic as f64 / parts as f64 };
        let degrees = |octet: usize| signed(section, octet, 4).map(|value| value as f64 * unit).ok_or_else(broken);
        let (first, last) = ((degrees(47)?, degrees(51)?), (degrees(56)?, degrees(60)?));
        let scanning = unsigned(section, 72, 1).ok_or_else(broken)?;
        let sign = if scanning & 0x80 == 0 { 1.0 } else { -1.0 };
        let around = ((last.1 - first.1) * sign).rem_euclid(360.0);
        let around = if around == 0.0 { 360.0 } else { around };
        let step = ((last.0 - first.0) / (rows - 1) as f64, sign * around / (columns - 1) as f64);
        if !(first.0.abs() <= 90.0 && last.0.abs() <= 90.0) || step.0 == 0.0 {
            return Err(broken());
        }
        Ok(Self { columns, rows, first: Location { latitude: first.0, longitude: first.1 }, step, scanning })
    }

    /// The points around a place.
    fn spot(&self, place: Location) -> Option<Spot> {
        // A millionth of a step is the precision of the file.
        const SLACK: f64 = 1e-4;
        let row = (place.latitude - self.first.latitude) / self.step.0;
        if !(-SLACK..=(self.rows - 1) as f64 + SLACK).contains(&row) {
            return None;
        }
        let row = row.clamp(0.0, (self.rows - 1) as f64);
        let width = self.step.1.abs();
        let column = ((place.longitude - self.first.longitude) * self.step.1.signum()).rem_euclid(360.0) / width;
        // A place a hair before the first column is almost a full turn behind it.
        let column = if 360.0 / width - column < SLACK { 0.0 } else { column };
        let last = (self.columns - 1) as f64;
        let closes = (self.columns as f64 * width - 360.0).abs() < width / 2.0;
        if column > last + SLACK && !closes {
            return None;
        }
        let column = if closes { column } else { column.min(last) };
        let (j, i) = (row.floor().min((self.rows - 2) as f64), column.floor());
        let (south, east) = (row - j, column - i);
        let (j, i) = (j as usize, i as usize);
        let (i, next) = (i.min(self.columns - 1), if i + 1 < self.columns { i + 1 } else { 0 });
        let corners = [
            (i, j, 1.0 - east, 1.0 - south),
            (next, j, east, 1.0 - south),
            (i, j + 1, 1.0 - east, south),
            (next, j + 1, east, south),
        ];
        Some(corners.into_iter().map(|(i, j, x, y)| (self.index(i, j), x * y)).filter(|(_, weight)| *weight > 0.0).collect())
    }

    /// Place of a point among the values: flag table 3.4.
    fn index(&self, i: usize, j: usize) -> usize {
        let alternating = self.scanning & 0x10 != 0;
        if self.scanning & 0x20 == 0 {
            j * self.columns + if alternating && j % 2 == 1 { self.columns - 1 - i } else { i }
        } else {
            i * self.rows + if alternating && i % 2 == 1 { self.rows - 1 - j } else { j }
        }
    }

    fn extent(&self) -> String {
        let last = |first: f64, step: f64, count: usize| first + step * (count - 1) as f64;
        let (latitude, longitude) = (self.first.latitude, self.first.longitude);
        format!(
            "from {latitude:.3} N {longitude:.3} E to {:.3} N {:.3} E",
            last(latitude, self.step.0, self.rows),
            last(longitude, self.step.1, self.columns)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Location;
    use super::Regular;

    fn at(latitude: f64, longitude: f64) -> Location {
        Location { latitude, longitude }
    }

    #[test]
    fn places_between_points_are_weighted_and_the_globe_closes() {
        let globe = Regular { columns: 1440, rows: 721, first: at(90.0, 0.0), step: (-0.25, 0.25), scanning: 0 };
        let spot = globe.spot(at(89.9375, 359.9375)).unwrap();
        let expected = [(1439, 0.1875), (0, 0.5625), (2879, 0.0625), (1440, 0.1875)];
        assert_eq!(spot.len(), 4);
        for ((index, weight), wanted) in spot.iter().zip(expected) {
            assert!(*index == wanted.0 && (weight - wanted.1).abs() < 1e-9, "{spot:?}");
        }
        assert_eq!(globe.spot(at(-90.0, -180.0)).unwrap(), [(720 * 1440 + 720, 1.0)]);
        assert!(globe.spot(at(33.6, -7.6)).unwrap().iter().map(|(_, weight)| weight).sum::<f64>() > 0.999_999);
    }

    #[test]
    fn a_part_of_the_earth_ends_and_scans_its_own_way() {
        let mut area = Regular { columns: 3, rows: 2, first: at(27.0, -14.0), step: (1.0, 1.0), scanning: 0x40 };
        assert_eq!(area.spot(at(28.0, -12.0)).unwrap(), [(5, 1.0)]);
        assert_eq!(area.spot(at(27.0, 346.5)).unwrap(), [(0, 0.5), (1, 0.5)]);
        assert!(
            area.spot(at(27.0, -11.9)).is_none() && area.spot(at(26.9, -13.0)).is_none() && area.spot(at(27.5, -14.1)).is_none()
        );
        area.scanning = 0x40 | 0x10;
        assert_eq!(area.spot(at(28.0, -12.0)).unwrap(), [(3, 1.0)]);
        area.scanning = 0x40 | 0x20;
        assert_eq!(area.spot(at(28.0, -13.0)).unwrap(), [(3, 1.0)]);
    }
}
