//! One solar plant on one grid: inverters, their trackers and the weather station, and its solar days.
//!
//! In: frames of any resolution. Out: [`Plant`]s, columns of equal length, NaN where a slower device has no row. Deliberately not
//! here: any verdict.

use super::statistics::median;
use crate::domain::Asset;
use crate::domain::AssetId;
use crate::domain::AssetKind;
use crate::domain::Frame;
use crate::domain::Location;
use crate::domain::Quantity;
use crate::domain::Timestamp;
use crate::domain::from_micros;
use crate::domain::micros;
use std::ops::Range;

/// Fewest inverters whose median says what the others do.
const LEAST_INVERTERS: usize = 3;
/// Degrees within an hour that only a tracker that moves comes by: the sun takes it 10 to 20 on, its reading wavers by less than one.
const MOVES: f64 = 3.0;

/// Inverters, trackers and station of one plant; every column has `len` rows.
#[derive(Debug)]
pub(super) struct Plant {
    pub(super) id: AssetId,
    pub(super) place: Location,
    pub(super) start: Timestamp,
    /// Seconds between rows.
    pub(super) step: i64,
    pub(super) len: usize,
    /// Seconds from the time of a row to the middle of its interval.
    pub(super) middle: i64,
    pub(super) inverters: Vec<Inverter>,
    pub(super) trackers: Vec<Tracker>,
    pub(super) station: Station,
    /// Rows of every solar day; the last one may be cut short.
    pub(super) days: Vec<Range<usize>>,
}

/// One inverter. Missing columns are all NaN.
#[derive(Debug)]
pub(super) struct Inverter {
    pub(super) asset: Asset,
    pub(super) rated: f64,
    /// Whether DC power is measured.
    pub(super) has_dc: bool,
    /// AC, kW.
    pub(super) power: Vec<f64>,
    /// DC, kW; AC where current and voltage are not measured.
    pub(super) dc: Vec<f64>,
    pub(super) volts: Vec<f64>,
    pub(super) sink: Vec<f64>,
    pub(super) limit: Vec<f64>,
    pub(super) here: Vec<bool>,
    /// Parallel strings, where the asset says so (attribute `strings`).
    pub(super) strings: Option<f64>,
}

/// One tracker.
#[derive(Debug)]
pub(super) struct Tracker {
    pub(super) asset: Asset,
    pub(super) angle: Vec<f64>,
    /// Where it was told to stand; where nobody says, where the others stand.
    pub(super) goal: Vec<f64>,
    /// Its inverter, by parent or by the attribute `inverter`: place in [`Plant::inverters`].
    pub(super) inverter: Option<usize>,
}

/// The weather beside the modules.
#[derive(Debug)]
pub(super) struct Station {
    pub(super) id: AssetId,
    pub(super) ghi: Vec<f64>,
    pub(super) poa: Vec<f64>,
    pub(super) air: Vec<f64>,
    pub(super) module: Vec<f64>,
    pub(super) wind: Vec<f64>,
    pub(super) rain: Vec<f64>,
}

/// Plants whose frames belong to the solar watch: three inverters with power and a station that measures the plane of the modules.
pub(super) fn parents(frames: &[Frame]) -> Vec<AssetId> {
    let mut found: Vec<AssetId> = Vec::new();
    let inverter = |f: &&Frame| f.asset.kind == AssetKind::PvInverter && f.column(&Quantity::ACTIVE_POWER).is_some();
    for parent in frames.iter().filter(inverter).filter_map(|f| f.asset.parent_id.clone()) {
        let of = |f: &&Frame| f.asset.parent_id.as_ref() == Some(&parent);
        let enough = frames.iter().filter(inverter).filter(of).count() >= LEAST_INVERTERS;
        if enough && station(frames, &parent).is_some() && !found.contains(&parent) {
            found.push(parent);
        }
    }
    found.sort();
    found
}

/// True for a frame of such a plant.
pub(super) fn belongs(frame: &Frame, frames: &[Frame], parents: &[AssetId]) -> bool {
    let under = |asset: &Asset| asset.parent_id.as_ref().is_some_and(|p| parents.contains(p));
    match frame.asset.kind {
        AssetKind::PvInverter | AssetKind::WeatherStation => under(&frame.asset),
        AssetKind::PvPlant => parents.contains(&frame.asset.id),
        AssetKind::PvTracker => {
            let above = frame.asset.parent_id.as_ref();
            under(&frame.asset) || frames.iter().any(|f| Some(&f.asset.id) == above && under(&f.asset))
        }
        _ => false,
    }
}

fn station<'a>(frames: &'a [Frame], parent: &AssetId) -> Option<&'a Frame> {
    frames.iter().find(|f| {
        f.asset.kind == AssetKind::WeatherStation
            && f.asset.parent_id.as_ref() == Some(parent)
            && f.column(&Quantity::POA_GLOBAL).is_some()
            && f.column(&Quantity::TEMP_AIR).is_some()
    })
}

/// What the rows before the training end tell of an inverter and later rows must not change.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) asset: Asset,
    pub(super) rated: f64,
    pub(super) has_dc: bool,
}

impl Plant {
    /// The plant `id` as rows before `until` know it; `None` without station or place.
    pub(super) fn learn(frames: &[Frame], id: &AssetId, until: Timestamp) -> Option<Self> {
        let inverters = frames.iter().filter(|f| f.asset.kind == AssetKind::PvInverter && f.asset.parent_id.as_ref() == Some(id));
        let known: Vec<Known> =
            inverters.filter(|f| f.column(&Quantity::ACTIVE_POWER).is_some()).map(|f| known(f, until)).collect();
        Self::new(frames, id, &known)
    }

    /// The plant `id` with the inverters `known`; one that has no frame is silent. `None` without station or place.
    pub(super) fn new(frames: &[Frame], id: &AssetId, known: &[Known]) -> Option<Self> {
        let weather = station(frames, id)?;
        let found: Vec<Option<&Frame>> = known.iter().map(|k| frames.iter().find(|f| f.asset.id == k.asset.id)).collect();
        let inverters: Vec<&Frame> = found.iter().flatten().copied().collect();
        let step = inverters.iter().map(|f| f.resolution.seconds()).min()?.max(1);
        let start = inverters.iter().map(|f| f.start).min()?;
        let end = inverters.iter().map(|f| f.time(f.len)).max()?;
        let len = usize::try_from((micros(end) - micros(start)) / (step * 1_000_000)).ok()?;
        let place = inverters.iter().find_map(|f| f.asset.location).or(weather.asset.location)?;
        let lay = |f: &Frame, q: &str| laid(f, q, start, step, len);
        let label = inverters.first()?.asset.attributes.get("interval_label").map(String::as_str);
        let middle = match label {
            Some("ending") => -step / 2,
            Some("instant") => 0,
            _ => step / 2,
        };
        let station = Station {
            id: weather.asset.id.clone(),
            ghi: lay(weather, "ghi"),
            poa: lay(weather, "poa_global"),
            air: lay(weather, "temp_air"),
            module: lay(weather, "temp_module"),
            wind: lay(weather, "wind_speed"),
            rain: lay(weather, "precipitation"),
        };
        let columns = |frame: &Option<&Frame>, name: &str| frame.map_or_else(|| vec![f64::NAN; len], |f| lay(f, name));
        let made: Vec<Inverter> = known.iter().zip(&found).map(|(k, frame)| inverter(k, &|name| columns(frame, name))).collect();
        let trackers = frames.iter().filter(|f| f.asset.kind == AssetKind::PvTracker).filter_map(|f| {
            let above = f.asset.parent_id.as_ref()?;
            let named = f.asset.attributes.get("inverter").map_or(above.as_str(), String::as_str);
            let inverter = made.iter().position(|i| i.asset.id.as_str() == named);
            (inverter.is_some() || above == id).then(|| Tracker {
                asset: f.asset.clone(),
                angle: lay(f, "tracker_angle"),
                goal: lay(f, "tracker_setpoint"),
                inverter,
            })
        });
        let mut trackers: Vec<Tracker> = trackers.collect();
        let hour = usize::try_from((3600 / step).max(1)).unwrap_or(1);
        for row in 0..len {
            let told = trackers.iter().any(|t| t.goal[row].is_finite());
            let usual = if told { None } else { usual_angle(&trackers, row, hour) };
            if let Some(usual) = usual {
                trackers.iter_mut().for_each(|t| t.goal[row] = usual);
            }
        }
        let mut plant =
            Self { id: id.clone(), place, start, step, len, middle, inverters: made, trackers, station, days: Vec::new() };
        let mut day = None;
        for row in 0..len {
            let own = plant.solar_day(row);
            match plant.days.last_mut() {
                Some(range) if day == Some(own) => range.end = row + 1,
                _ => plant.days.push(row..row + 1),
            }
            day = Some(own);
        }
        Some(plant)
    }

    /// Time of a row.
    pub(super) fn time(&self, row: usize) -> Timestamp {
        from_micros(micros(self.start) + self.step * 1_000_000 * row as i64)
    }

    /// First row at or after `time`.
    pub(super) fn row(&self, time: Timestamp) -> usize {
        let step = self.step * 1_000_000;
        let gap = micros(time) - micros(self.start);
        usize::try_from(gap.div_euclid(step) + i64::from(gap.rem_euclid(step) != 0)).unwrap_or(0).min(self.len)
    }

    /// Days since 1970 by the sun: midnight is when the sun is lowest.
    fn solar_day(&self, row: usize) -> i64 {
        let seconds = micros(self.time(row)) / 1_000_000 + self.middle;
        (seconds + (self.place.longitude * 240.0) as i64).div_euclid(86_400)
    }

    /// UTC date of the noon of a day.
    pub(super) fn date(&self, day: usize) -> jiff::civil::Date {
        let solar = self.days.get(day).map_or(0, |range| self.solar_day(range.start));
        let noon = solar * 86_400 + 43_200 - (self.place.longitude * 240.0) as i64;
        from_micros(noon * 1_000_000).to_zoned(jiff::tz::TimeZone::UTC).date()
    }

    /// Rows that make `minutes`, at least one.
    pub(super) fn rows(&self, minutes: i64) -> usize {
        usize::try_from((minutes * 60 / self.step).max(1)).unwrap_or(1)
    }

    /// Hours of one row.
    pub(super) fn hours(&self) -> f64 {
        self.step as f64 / 3600.0
    }

    /// The days that were over before row `until`.
    pub(super) fn days_before(&self, until: usize) -> &[Range<usize>] {
        let over = |day: &usize| self.days[*day].end <= until && self.complete(*day);
        &self.days[..(0..self.days.len()).take_while(over).count()]
    }

    /// True when all rows of the day are there.
    pub(super) fn complete(&self, day: usize) -> bool {
        self.days.get(day).is_some_and(|range| range.end < self.len || (range.len() as i64 + 1) * self.step > 86_400)
    }
}

fn known(frame: &Frame, until: Timestamp) -> Known {
    let rows = ..frame.index_at(until);
    let column = |quantity: &Quantity| frame.column(quantity).map_or(&[][..], |values| &values[rows]);
    let top = column(&Quantity::ACTIVE_POWER).iter().copied().filter(|v| v.is_finite()).fold(1.0, f64::max);
    let (volts, amps) = (column(&Quantity::VOLTAGE), column(&Quantity::CURRENT));
    Known {
        rated: frame.asset.capacity_kw.filter(|kw| *kw > 0.0).unwrap_or(top),
        has_dc: volts.iter().zip(amps).any(|(v, a)| (v * a).is_finite()),
        asset: frame.asset.clone(),
    }
}

fn inverter(known: &Known, lay: &impl Fn(&str) -> Vec<f64>) -> Inverter {
    let power = lay("active_power");
    let (volts, amps) = (lay("voltage"), lay("current"));
    let dc: Vec<f64> = volts.iter().zip(&amps).map(|(v, a)| v * a / 1000.0).collect();
    let strings = known.asset.attributes.get("strings").and_then(|text| text.parse().ok()).filter(|n: &f64| *n >= 2.0);
    Inverter {
        rated: known.rated,
        has_dc: known.has_dc,
        here: power.iter().map(|p| p.is_finite()).collect(),
        dc: if known.has_dc { dc } else { power.clone() },
        power,
        volts,
        sink: lay("heat_sink_temp"),
        limit: lay("active_power_limit"),
        strings,
        asset: known.asset.clone(),
    }
}

fn laid(frame: &Frame, name: &str, start: Timestamp, step: i64, len: usize) -> Vec<f64> {
    let mut out = vec![f64::NAN; len];
    let quantity = Quantity::parse(name).ok();
    let Some(values) = quantity.and_then(|q| frame.column(&q).map(<[f64]>::to_vec)) else { return out };
    for (i, value) in values.iter().enumerate().filter(|(_, v)| v.is_finite()) {
        let gap = (micros(frame.time(i)) - micros(start)).div_euclid(step * 1_000_000);
        if let Some(slot) = usize::try_from(gap).ok().and_then(|row| out.get_mut(row)) {
            *slot = *value;
        }
    }
    out
}

/// The angle where trackers should be at a row when nobody says it: the middle of those that moved within the last `hour` rows, of all
/// when fewer than two did (at night, at the end stops). Half of the trackers may stand still and move nothing.
fn usual_angle(trackers: &[Tracker], row: usize, hour: usize) -> Option<f64> {
    let seen: Vec<f64> = trackers.iter().map(|t| t.angle[row]).filter(|v| v.is_finite()).collect();
    if seen.len() < LEAST_INVERTERS {
        return None;
    }
    let moves = |t: &&Tracker| row >= hour && (t.angle[row] - t.angle[row - hour]).abs() >= MOVES;
    let moving: Vec<f64> = trackers.iter().filter(moves).map(|t| t.angle[row]).collect();
    Some(median(if moving.len() >= 2 { moving } else { seen }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_trackers_may_be_stuck() {
        let tracker = |number: usize, angle: Vec<f64>| {
            let asset = Asset::new(AssetId::parse(&format!("TRK{number}")).unwrap(), AssetKind::PvTracker);
            Tracker { asset, goal: vec![f64::NAN; angle.len()], angle, inverter: None }
        };
        let follows = |wavers: f64| (0..12).map(|row| -60.0 + 3.0 * row as f64 + wavers).collect::<Vec<f64>>();
        let trackers =
            [tracker(1, vec![-34.0; 12]), tracker(2, vec![-60.0; 12]), tracker(3, follows(0.2)), tracker(4, follows(-0.2))];
        assert_eq!(usual_angle(&trackers, 11, 6), Some(-27.0));
        let asleep: Vec<Tracker> = [-60.0, -59.9, -60.1].into_iter().enumerate().map(|(n, at)| tracker(n, vec![at; 12])).collect();
        assert_eq!(usual_angle(&asleep, 11, 6), Some(-60.0));
        assert_eq!(usual_angle(&asleep[..2], 11, 6), None, "two say nothing about each other");
    }
}
