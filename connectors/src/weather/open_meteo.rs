//! Open-Meteo's JSON: one location or several, one model or several (a suffix each), a forecast or previous runs.
//!
//! In: a file as the service answered it. Out: cells. A forecast does not say when its run began: that is stated by the caller, else the
//! file's own time is when it was first known, and the run counts as begun the usual delay before. Keys ending in `_previous_dayN`
//! come from runs at least N days before their hour. Hours before the run are left out: they are no forecast.

mod variables;

use super::Reading;
use super::Settings;
use super::cells::Cells;
use super::cells::Run;
use super::vocabulary::WINDS;
use crate::file::input;
use engine::domain::Location;
use engine::domain::Timestamp;
use engine::domain::Unit;
use engine::domain::from_micros;
use engine::domain::micros;
use engine::source::Reject;
use engine::source::SourceError;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Map;
use serde_json::Value;
use std::io::Read;
use std::path::Path;
use variables::Key;
use variables::Meaning;
use variables::key;

/// Largest file: a document is held as a whole.
const LARGEST: u64 = 256 << 20;
/// Farthest an asset may be from its point, km: half the diagonal of a cell of 0.25° is 20.
const FARTHEST: f64 = 30.0;
const HOUR: i64 = 3_600_000_000;
/// Blocks of series, with the microseconds of their step.
const BLOCKS: [(&str, &str, i64); 2] = [("hourly", "hourly_units", HOUR), ("minutely_15", "minutely_15_units", HOUR / 4)];

/// Reads a file whole; when it was written is when it was known.
pub(super) fn open(path: &Path) -> Result<(Value, Option<Timestamp>), SourceError> {
    let format = |problem: String| SourceError::Format { place: path.display().to_string(), problem };
    let mut bytes = Vec::new();
    input::open(path)?.0.take(LARGEST + 1).read_to_end(&mut bytes).map_err(input::io(path))?;
    if bytes.len() as u64 > LARGEST {
        return Err(format(format!("larger than {} MiB; ask for fewer locations or days at a time", LARGEST >> 20)));
    }
    let document = serde_json::from_slice(&bytes).map_err(|error| format(format!("not JSON: {error}; download it again")))?;
    let written = std::fs::metadata(path).and_then(|data| data.modified()).ok().and_then(|time| Timestamp::try_from(time).ok());
    Ok((document, written))
}

/// What a document says, which was known first at `written`; `place` opens errors.
pub(super) fn read(
    document: &Value,
    (place, written): (&str, Option<Timestamp>),
    settings: &Settings,
    reading: &mut Reading,
    cells: &mut Cells,
    rejects: &mut Vec<Reject>,
) -> Result<(), SourceError> {
    let format = |problem: String| SourceError::Format { place: place.into(), problem };
    let objects: Vec<&Value> = match document {
        Value::Array(list) => list.iter().collect(),
        one => vec![one],
    };
    let mut locations = Vec::new();
    for (number, object) in objects.iter().enumerate() {
        let at = |problem: String| format(format!("location {}: {problem}", number + 1));
        locations.push(Point::new(object, written, settings).map_err(at)?);
    }
    let mut found = false;
    for asset in &settings.places {
        let away = |point: &Point| asset.location.distance_km(point.location);
        let Some(point) = locations.iter().min_by(|a, b| away(a).total_cmp(&away(b))) else { continue };
        if away(point) > FARTHEST {
            let detail = format!(
                "{place}: the nearest point, {:.3} N {:.3} E, is {:.0} km from asset {} at {:.3} N {:.3} E; ask Open-Meteo for the \
                 asset's place, or name the assets the file is for with --asset",
                point.location.latitude,
                point.location.longitude,
                away(point),
                asset.id,
                asset.location.latitude,
                asset.location.longitude
            );
            rejects.push(Reject { line: None, reason: "too_far", detail, raw: String::new() });
            continue;
        }
        found = true;
        for series in &point.series {
            let chosen = reading.nearest.entry((series.source.clone(), asset.id.to_string())).or_insert(f64::INFINITY);
            // A file read before has a nearer point of the same model.
            if away(point) > *chosen {
                continue;
            }
            *chosen = away(point);
            for (run, valid, value) in &series.values {
                cells.check_and_put((run, *valid, &asset.id), (series.quantity, *value), &settings.options.quantities, rejects);
            }
        }
    }
    if !found {
        let detail = rejects.last().map_or_else(|| "it has no location".to_owned(), |reject| reject.detail.clone());
        return Err(format(format!("no asset is near any point of it: {detail}")));
    }
    if locations.iter().flat_map(|point| &point.series).all(|series| series.values.is_empty()) {
        return Err(format("no value of a run in it: its hours all lie before the run began; give --init-time, or for history download previous runs (temperature_2m_previous_day1, …)".into()));
    }
    locations.iter().flat_map(|point| &point.passed_over).for_each(|name| reading.summary.pass_over(name));
    Ok(())
}

/// One location, its series in stored units.
struct Point {
    location: Location,
    series: Vec<Series>,
    passed_over: Vec<String>,
}

/// One quantity of one source: run, valid time, value.
struct Series {
    source: String,
    quantity: &'static str,
    values: Vec<(Run, i64, f64)>,
}

/// Values on the clock of a block, as they stand in the file.
struct Column<'a> {
    key: Key,
    name: &'a str,
    values: Vec<Option<f64>>,
}

impl Point {
    fn new(object: &Value, written: Option<Timestamp>, settings: &Settings) -> Result<Self, String> {
        if object.get("error").and_then(Value::as_bool) == Some(true) {
            let reason = object.get("reason").and_then(Value::as_str).unwrap_or("no reason given");
            return Err(format!("Open-Meteo refused the request: {reason}; correct it and download again"));
        }
        let number = |name: &str| {
            object.get(name).and_then(Value::as_f64).ok_or_else(|| format!("{name} is missing; is this a file of Open-Meteo?"))
        };
        let location = Location { latitude: number("latitude")?, longitude: number("longitude")? };
        let offset = object.get("utc_offset_seconds").and_then(Value::as_i64).unwrap_or(0);
        let mut point = Self { location, series: Vec::new(), passed_over: Vec::new() };
        let mut blocks = 0;
        for (block, units, step) in BLOCKS {
            let Some(hourly) = object.get(block).and_then(Value::as_object) else { continue };
            let empty = Map::new();
            let units = object.get(units).and_then(Value::as_object).unwrap_or(&empty);
            point.block((block, hourly), units, (offset, step), written, settings)?;
            blocks += 1;
        }
        if blocks == 0 {
            return Err(
                "it has no \"hourly\"; ask for hourly variables, for example &hourly=temperature_2m,shortwave_radiation".into()
            );
        }
        Ok(point)
    }

    fn block(
        &mut self,
        (block, series): (&str, &Map<String, Value>),
        units: &Map<String, Value>,
        (offset, step): (i64, i64),
        written: Option<Timestamp>,
        settings: &Settings,
    ) -> Result<(), String> {
        let times = series.get("time").and_then(Value::as_array).ok_or_else(|| format!("{block}.time is missing"))?;
        let times: Vec<i64> = times
            .iter()
            .map(|time| instant(time, offset).ok_or_else(|| format!("{block}.time: {time} is no time; ask for timeformat=iso8601")))
            .collect::<Result<_, _>>()?;
        let mut columns = Vec::new();
        for (name, values) in series.iter().filter(|(name, _)| *name != "time") {
            let Some(key) = key(name) else {
                self.passed_over.push(name.clone());
                continue;
            };
            let values = values
                .as_array()
                .filter(|values| values.len() == times.len())
                .ok_or_else(|| format!("{block}.{name} has not one value per time ({} times); download it again", times.len()))?;
            let to = match key.meaning {
                Meaning::Instant(_, unit) | Meaning::Interval(_, unit) => unit,
                Meaning::Speed(_) => "m/s",
                Meaning::Direction(_) => "deg",
            };
            let (scale, shift) = conversion(units.get(name), to).map_err(|problem| format!("{block}.{name}: {problem}"))?;
            let one = |(value, time): (&Value, &i64)| match value {
                Value::Null => Ok(None),
                value => value
                    .as_f64()
                    .map(|value| Some(scale * value + shift))
                    .ok_or_else(|| format!("{block}.{name} at {}: {value} is no number", from_micros(*time))),
            };
            let values = values.iter().zip(&times).map(one).collect::<Result<_, String>>()?;
            columns.push(Column { key, name, values });
        }
        let earlier = columns.iter().any(|column| column.key.days_back.is_some());
        let clock = Clock { times: &times, step, earlier, written, settings };
        for column in &columns {
            self.series.extend(clock.series(column, &columns)?);
        }
        Ok(())
    }
}

/// Times of a block, and what is needed to say which run speaks of them.
struct Clock<'a> {
    times: &'a [i64],
    step: i64,
    /// Previous runs: each hour is of a run of its own.
    earlier: bool,
    written: Option<Timestamp>,
    settings: &'a Settings,
}

impl Clock<'_> {
    /// The quantities a column makes; a direction goes with its speed.
    fn series(&self, column: &Column<'_>, all: &[Column<'_>]) -> Result<Vec<Series>, String> {
        let Key { meaning, days_back, model } = &column.key;
        let days = days_back.unwrap_or(0);
        let source = self.settings.options.source.as_deref().unwrap_or("open_meteo");
        let source = if model.is_empty() { source.to_owned() } else { format!("{source}_{model}") };
        let shift = if matches!(meaning, Meaning::Interval(..)) { self.step } else { 0 };
        let make = |quantity: &'static str, value: &dyn Fn(usize) -> Option<f64>| -> Result<Series, String> {
            let mut values = Vec::new();
            for (at, time) in self.times.iter().enumerate() {
                if let (Some(value), Some(run)) = (value(at), self.run(&source, time - shift, days, column.name)?) {
                    values.push((run, time - shift, value));
                }
            }
            Ok(Series { source: source.clone(), quantity, values })
        };
        let own = |at: usize| column.values[at];
        Ok(match *meaning {
            Meaning::Instant(quantity, _) | Meaning::Interval(quantity, _) => vec![make(quantity, &own)?],
            Meaning::Direction(_) => Vec::new(),
            Meaning::Speed(height) => {
                let (_, eastward, northward, speed) = WINDS[height];
                let wanted = Key { meaning: Meaning::Direction(height), ..column.key.clone() };
                match all.iter().find(|other| other.key == wanted) {
                    None => vec![make(speed, &own)?],
                    Some(from) => {
                        // Where the wind comes from, clockwise from north.
                        let part = |at: usize, of: fn(f64) -> f64| Some(-own(at)? * of(from.values[at]?.to_radians()));
                        vec![make(eastward, &|at| part(at, f64::sin))?, make(northward, &|at| part(at, f64::cos))?]
                    }
                }
            }
        })
    }

    /// The run that speaks of `valid`; `None` for hours before it began.
    fn run(&self, source: &str, valid: i64, days: i64, name: &str) -> Result<Option<Run>, String> {
        let delay = i64::try_from(self.settings.delay.as_micros()).unwrap_or(i64::MAX / 4);
        if self.earlier {
            // The run is at least so many days older than the end of the interval: it may have begun a step after this.
            let init = valid - days * 24 * HOUR;
            return Ok(Some(Run { source: source.to_owned(), init, known: init + self.step + delay }));
        }
        let (init, known) = match (self.settings.options.init_time, self.written) {
            (Some(init), _) => (micros(init), micros(init) + delay),
            (None, Some(written)) => ((micros(written) - delay).div_euclid(HOUR) * HOUR, micros(written)),
            (None, None) => {
                return Err(format!("{name}: nothing says when the run began; give --init-time, for example 2026-11-22T06:00:00Z"));
            }
        };
        Ok((valid >= init).then(|| Run { source: source.to_owned(), init, known }))
    }
}

/// Microseconds of a cell of `time`: seconds since 1970, or a wall clock that is `offset` seconds ahead of UTC.
fn instant(cell: &Value, offset: i64) -> Option<i64> {
    match cell {
        Value::Number(seconds) => seconds.as_i64()?.checked_mul(1_000_000),
        Value::String(text) => {
            let wall: DateTime = text.parse().ok()?;
            let seconds = TimeZone::UTC.to_timestamp(wall).ok()?.as_second().checked_sub(offset)?;
            seconds.checked_mul(1_000_000)
        }
        _ => None,
    }
}

/// Scale and shift from the unit in the file.
fn conversion(unit: Option<&Value>, to: &str) -> Result<(f64, f64), String> {
    let given = unit.and_then(Value::as_str).ok_or("its unit is missing in the block of units; download it again")?;
    let given = if given == "mp/h" { "mph" } else { given };
    let (from, target) = (Unit::parse(given), Unit::parse(to));
    let (from, target) = (from.map_err(|error| error.to_string())?, target.map_err(|error| error.to_string())?);
    from.to(target).ok_or_else(|| format!("{given} is no unit of it; ask for one of {target}"))
}
