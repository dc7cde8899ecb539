//! Weather forecasts as a source: Open-Meteo JSON, GRIB2 and the canonical CSV, told apart by their first bytes.
//!
//! In: files (also gzip or zstd) and [`WeatherOptions`]. Out: pages of `weather_forecast`: one row per source, run, valid time and
//! asset, in stored units. Each asset gets the point of the file where it stands (or its parent does). Not here: fetching, and what
//! models make of the rows.
//!
//! # Times
//! `valid_time` is the hour of an instant and the **beginning** of the interval of a mean or a sum (irradiance, precipitation), as
//! everywhere in the house. `available_at` is `init_time` plus the delay; where a file does not say when its run began it is the
//! time of the file, so that no row claims to have been known earlier than it was.
//!
//! # Reject reasons
//! `outside_grid`, `too_far` (an asset no point of the file is near), `out_of_range`, `long_interval`, `grid_winds`; those of
//! [`TableSource`] for CSV.

mod cells;
mod grib2;
mod open_meteo;
mod points;
pub mod service;
mod summary;
#[cfg(test)]
mod tests;
mod vocabulary;

pub use summary::WeatherSummary;

use crate::file::TableSource;
use crate::file::input;
use async_trait::async_trait;
use cells::Cells;
use engine::domain::Asset;
use engine::domain::Quantities;
use engine::domain::Table;
use engine::domain::Timestamp;
use engine::source::Cursor;
use engine::source::Page;
use engine::source::Reject;
use engine::source::Rows;
use engine::source::Source;
use engine::source::SourceError;
use grib2::Fluxes;
use grib2::GribFile;
use jiff::SignedDuration;
use points::Place;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

/// Time from a run's start to its first use where nothing else is stated: what the large centres need for a global run.
pub const USUAL_DELAY: SignedDuration = SignedDuration::from_hours(6);
/// Lines of CSV, and messages of GRIB2, in a page.
const PAGE_LINES: usize = 65_536;
const PAGE_MESSAGES: usize = 256;

/// What the caller knows beyond the files.
#[derive(Debug, Clone, Default)]
pub struct WeatherOptions {
    /// The assets of the site, with their places.
    pub assets: Vec<Asset>,
    /// Pattern over asset ids; `None`: all that are forecast (turbines, plants, regions, meters).
    pub only: Option<String>,
    /// Name of the source; `None`: the file's own, the centre that made it, or `open_meteo`.
    pub source: Option<String>,
    /// From the start of a run to its first use; `None`: [`USUAL_DELAY`], and what a CSV says itself.
    pub delay: Option<SignedDuration>,
    /// Start of the run, for Open-Meteo files, which do not say.
    pub init_time: Option<Timestamp>,
    /// The quantities of the site.
    pub quantities: Quantities,
}

/// Options after the first look at them.
#[derive(Debug)]
struct Settings {
    options: WeatherOptions,
    places: Vec<Place>,
    delay: SignedDuration,
}

/// Weather files being read, one after the other; totals of radiation are taken apart over all of them.
#[derive(Debug)]
pub struct WeatherSource {
    name: String,
    paths: Vec<PathBuf>,
    sizes: Vec<u64>,
    settings: Settings,
    quantities: Quantities,
    reading: Reading,
}

/// How far the reading is.
#[derive(Debug, Default)]
struct Reading {
    file: usize,
    reader: Option<Reader>,
    fluxes: Fluxes,
    /// Kilometres from an asset to the point its rows of a source came from.
    nearest: BTreeMap<(String, String), f64>,
    pages: u64,
    done: bool,
    summary: WeatherSummary,
}

#[derive(Debug)]
enum Reader {
    Csv(Box<TableSource>),
    Grib(Box<GribFile>),
    OpenMeteo,
}

impl WeatherSource {
    /// Looks at the options and the sizes of the files; nothing is read yet.
    ///
    /// # Errors
    /// [`SourceError::Io`], [`SourceError::Mapping`] when no asset has a place, [`SourceError::Domain`] when a quantity of the weather is
    /// declared in another unit.
    pub fn open(paths: &[PathBuf], options: &WeatherOptions) -> Result<Self, SourceError> {
        let size = |path: &PathBuf| Ok(std::fs::metadata(path).map_err(input::io(path))?.len());
        let places = points::places(&options.assets, options.only.as_deref())?;
        let name = paths.first().map_or_else(|| "weather".into(), |path| path.display().to_string());
        Ok(Self {
            name,
            paths: paths.to_vec(),
            sizes: paths.iter().map(size).collect::<Result<_, SourceError>>()?,
            quantities: vocabulary::declared(&options.quantities)?,
            settings: Settings { delay: options.delay.unwrap_or(USUAL_DELAY), places, options: options.clone() },
            reading: Reading::default(),
        })
    }

    /// Size of the files on disk: `Page::bytes_read` runs up to it.
    pub fn total_bytes(&self) -> u64 {
        self.sizes.iter().sum()
    }

    /// The quantities of the site and those of the weather.
    pub fn quantities(&self) -> &Quantities {
        &self.quantities
    }

    /// What was read so far.
    pub fn summary(&self) -> &WeatherSummary {
        &self.reading.summary
    }

    /// The next page, without waiting on anything but the disk.
    ///
    /// # Errors
    /// As [`Source::next_page`].
    pub fn read_page(&mut self) -> Result<Page, SourceError> {
        let (mut cells, mut rejects, mut rows) = (Cells::default(), Vec::new(), Vec::new());
        match self.paths.get(self.reading.file) {
            Some(path) => {
                let reader = match self.reading.reader.take() {
                    Some(reader) => reader,
                    None => open(path, &self.settings, &self.quantities)?,
                };
                let ended = self.reading.read(path, reader, &self.settings, &mut cells, &mut rejects, &mut rows)?;
                self.reading.file += usize::from(ended);
            }
            None => {
                self.reading.fluxes.empty_into(&mut cells, &mut rejects);
                self.reading.done = true;
            }
        }
        self.reading.summary.add(&cells);
        let batch = cells.into_batch().map_err(|cause| SourceError::Domain { place: self.name.clone(), cause })?;
        rows.extend(batch.map(|batch| Rows::Other(Table::WeatherForecast, batch)));
        self.reading.pages += 1;
        let bytes_read = self.sizes.iter().take(self.reading.file).sum();
        Ok(Page { rows, rejects, cursor: Some(self.cursor()), bytes_read, done: self.reading.done })
    }

    fn cursor(&self) -> Cursor {
        Cursor(format!("{} pages of weather", self.reading.pages))
    }

    /// Pages are a function of the files, so a restart counts them again.
    fn go_to(&mut self, cursor: &Cursor) -> Result<(), SourceError> {
        let Some(pages) = cursor.0.strip_suffix(" pages of weather").and_then(|text| text.parse::<u64>().ok()) else {
            let problem = format!("{:?} is not a cursor of weather files", cursor.0);
            return Err(SourceError::Format { place: self.name.clone(), problem });
        };
        if pages == self.reading.pages {
            return Ok(());
        }
        self.reading = Reading::default();
        while self.reading.pages < pages && !self.reading.done {
            self.read_page()?;
        }
        Ok(())
    }
}

/// What an answer of Open-Meteo holds.
#[derive(Debug)]
pub(crate) struct Heard {
    /// Rows of `weather_forecast`.
    pub(crate) rows: Option<Rows>,
    /// What could not be used.
    pub(crate) rejects: Vec<Reject>,
    /// Values in the rows.
    pub(crate) values: u64,
    summary: WeatherSummary,
}

impl Heard {
    /// One line for people.
    pub(crate) fn says(&self) -> String {
        format!("{} values; {}", self.values, self.summary.lines().join("; "))
    }
}

/// Reads an answer of Open-Meteo that came at `now`: a location or a list of them. `place` opens errors.
///
/// # Errors
/// [`SourceError::Format`] when it cannot be used, [`SourceError::Mapping`] when no asset has a place.
pub(crate) fn read_answer(document: &Value, place: &str, now: Timestamp, options: &WeatherOptions) -> Result<Heard, SourceError> {
    let places = points::places(&options.assets, options.only.as_deref())?;
    let settings = Settings { delay: options.delay.unwrap_or(USUAL_DELAY), places, options: options.clone() };
    let (mut cells, mut rejects, mut reading) = (Cells::default(), Vec::new(), Reading::default());
    open_meteo::read(document, (place, Some(now)), &settings, &mut reading, &mut cells, &mut rejects)?;
    reading.summary.add(&cells);
    let values = cells.values();
    let batch = cells.into_batch().map_err(|cause| SourceError::Domain { place: place.into(), cause })?;
    let rows = batch.map(|batch| Rows::Other(Table::WeatherForecast, batch));
    Ok(Heard { rows, rejects, values, summary: reading.summary })
}

fn open(path: &Path, settings: &Settings, quantities: &Quantities) -> Result<Reader, SourceError> {
    let place = path.display().to_string();
    let (mut stream, _) = input::open(path)?;
    let start = stream.fill_buf().map_err(input::io(path))?;
    let first = start.iter().find(|byte| !byte.is_ascii_whitespace()).copied();
    let problem = match first {
        Some(b'{' | b'[') => return Ok(Reader::OpenMeteo),
        _ if grib_at(start).is_some_and(|at| !start[..at].contains(&b',')) => {
            return Ok(Reader::Grib(Box::new(GribFile::new(stream, &place))));
        }
        None => "the file is empty; Open-Meteo JSON, GRIB2 or CSV was expected",
        _ if start.starts_with(b"BZh") => "the file is packed with bzip2; unpack it first: bunzip2 FILE",
        _ if start.starts_with(b"\x89HDF") || start.starts_with(b"CDF") => {
            "the file is NetCDF; convert it first: cdo -f grb2 copy FILE FILE.grib2"
        }
        _ => {
            let source = settings.options.source.as_deref();
            let table = TableSource::open_weather(path, quantities, (source, settings.delay), &settings.options.assets)?;
            return Ok(Reader::Csv(Box::new(table)));
        }
    };
    Err(SourceError::Format { place, problem: problem.into() })
}

/// Where the first message begins; a bulletin may have a heading before it.
fn grib_at(start: &[u8]) -> Option<usize> {
    start.windows(4).take(128).position(|bytes| bytes == b"GRIB")
}

impl Reading {
    /// Reads a page's worth; true when the file has ended.
    fn read(
        &mut self,
        path: &Path,
        reader: Reader,
        settings: &Settings,
        cells: &mut Cells,
        rejects: &mut Vec<Reject>,
        rows: &mut Vec<Rows>,
    ) -> Result<bool, SourceError> {
        match reader {
            Reader::OpenMeteo => {
                let (document, written) = open_meteo::open(path)?;
                open_meteo::read(&document, (&path.display().to_string(), written), settings, self, cells, rejects)?;
                Ok(true)
            }
            Reader::Grib(mut file) => {
                for _ in 0..PAGE_MESSAGES {
                    if !file.next(settings, &mut self.fluxes, &mut self.summary, cells, rejects)? {
                        return Ok(true);
                    }
                }
                self.reader = Some(Reader::Grib(file));
                Ok(false)
            }
            Reader::Csv(mut table) => {
                let page = table.read_page(PAGE_LINES)?;
                for batch in page.rows.iter().filter_map(|rows| if let Rows::Other(_, batch) = rows { Some(batch) } else { None }) {
                    self.summary.add_batch(batch);
                }
                rows.extend(page.rows);
                rejects.extend(page.rejects);
                if !page.done {
                    self.reader = Some(Reader::Csv(table));
                }
                Ok(page.done)
            }
        }
    }
}

#[async_trait]
impl Source for WeatherSource {
    fn name(&self) -> &str {
        &self.name
    }

    async fn next_page(&mut self, after: Option<Cursor>) -> Result<Page, SourceError> {
        if let Some(cursor) = after {
            self.go_to(&cursor)?;
        }
        self.read_page()
    }
}
