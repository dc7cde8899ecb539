//! Archives in the layout of CARE to Compare: wind farms, each a folder with `event_info.csv`, `feature_description.csv` and `datasets/<event>.csv`.
//!
//! In: the folder of the archive, or of one farm. Out: [`CareArchive`] with farms and events, and one event at a time as a [`CareTable`], so that memory
//! is that of the largest event. Source of the layout: Gück et al. (2024), Data 9(12) 138, and the archive's versions. What they differ in is taken as it
//! comes: a leading `asset` column, absent farms, units that lost a character. Deliberately not here: scores and detectors.

mod fields;
mod predictions;
mod sensor;
mod table;

pub use predictions::{Predictions, read_predictions};
pub use table::{CareColumn, CareTable};

use self::fields::Fields;
use self::sensor::Sensors;
use std::path::{Path, PathBuf};

/// The largest archive there is has 95 events; a farm with more is something else.
const MOST_EVENTS: usize = 100_000;

/// Why an archive, or a file of it, cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CareError {
    /// A file or folder cannot be opened.
    #[error("{path}: {cause}")]
    Io {
        /// Which.
        path: String,
        /// Why.
        cause: std::io::Error,
    },
    /// No farm was found.
    #[error("{path} holds no farm: a folder with event_info.csv was expected in it, such as `Wind Farm A`")]
    NoFarm {
        /// Where it was looked for.
        path: String,
    },
    /// A column is missing.
    #[error("{path}: there is no column `{column}`; the file has {found}")]
    Column {
        /// The file.
        path: String,
        /// What is needed.
        column: &'static str,
        /// The header.
        found: String,
    },
    /// A cell cannot be read.
    #[error("{path}, line {line}: `{text}` is not {wanted}")]
    Cell {
        /// The file.
        path: String,
        /// Line, from 1.
        line: u64,
        /// What stands there.
        text: String,
        /// What should.
        wanted: &'static str,
    },
    /// A line is broken.
    #[error("{path}: {cause}")]
    Csv {
        /// The file.
        path: String,
        /// Why.
        cause: csv::Error,
    },
    /// A file without what it is for.
    #[error("{path}: {what}")]
    Empty {
        /// The file.
        path: String,
        /// What is missing and what to do.
        what: &'static str,
    },
}

/// A found archive.
#[derive(Debug, Clone, PartialEq)]
pub struct CareArchive {
    /// Farms by name.
    pub farms: Vec<CareFarm>,
}

/// One farm.
#[derive(Debug, Clone, PartialEq)]
pub struct CareFarm {
    /// Name of its folder, for example `Wind Farm A`.
    pub name: String,
    /// Events in the order of the file.
    pub events: Vec<CareEvent>,
    sensors: Sensors,
}

/// One event: a stretch that led to a fault, or one known to be quiet, after a training part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CareEvent {
    /// Its number in the archive, which is also the name of its file.
    pub id: i64,
    /// True where it led to a fault.
    pub is_fault: bool,
    /// First row of the event, by `id`.
    pub first_id: i64,
    /// Last row of the event, by `id`; included.
    pub last_id: i64,
    /// What the operator wrote about it.
    pub description: String,
    /// Its data.
    pub path: PathBuf,
}

impl CareArchive {
    /// Finds the farms in a folder: every folder with an `event_info.csv`, at most two levels down.
    ///
    /// # Errors
    /// [`CareError`]; [`CareError::NoFarm`] where there is none.
    pub fn open(directory: &Path) -> Result<Self, CareError> {
        let mut folders = Vec::new();
        collect(directory, 2, &mut folders)?;
        folders.sort();
        if folders.is_empty() {
            return Err(CareError::NoFarm { path: directory.display().to_string() });
        }
        Ok(Self { farms: folders.iter().map(|folder| CareFarm::open(folder)).collect::<Result<_, _>>()? })
    }

    /// All events, farm by farm.
    pub fn events(&self) -> impl Iterator<Item = (&CareFarm, &CareEvent)> {
        self.farms.iter().flat_map(|farm| farm.events.iter().map(move |event| (farm, event)))
    }
}

impl CareFarm {
    fn open(folder: &Path) -> Result<Self, CareError> {
        let name = folder.file_name().map_or_else(|| folder.display().to_string(), |name| name.to_string_lossy().into_owned());
        let path = folder.join("event_info.csv");
        let mut rows = Fields::open(&path)?;
        let id = rows.column("event_id")?;
        let label = rows.column("event_label")?;
        let first = rows.column("event_start_id")?;
        let last = rows.column("event_end_id")?;
        let description = rows.optional("event_description");
        let mut events = Vec::new();
        while rows.next()? {
            let number = rows.integer(id)?;
            let is_fault = match rows.text(label).to_ascii_lowercase().as_str() {
                "anomaly" => true,
                "normal" => false,
                _ => return Err(rows.fault(label, "`anomaly` or `normal`")),
            };
            events.push(CareEvent {
                id: number,
                is_fault,
                first_id: rows.integer(first)?,
                last_id: rows.integer(last)?,
                description: description.map(|at| rows.text(at)).unwrap_or_default(),
                path: folder.join("datasets").join(format!("{number}.csv")),
            });
            if events.len() > MOST_EVENTS {
                return Err(rows.fault(id, "one of at most 100,000 events"));
            }
        }
        if events.is_empty() {
            return Err(CareError::Empty {
                path: path.display().to_string(),
                what: "it lists no event; is the download complete?",
            });
        }
        Ok(Self { name, events, sensors: Sensors::read(&folder.join("feature_description.csv"))? })
    }
}

/// Folders with an event list, without looking into those found.
fn collect(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), CareError> {
    if folder.join("event_info.csv").is_file() {
        found.push(folder.to_path_buf());
        return Ok(());
    }
    if depth == 0 {
        return Ok(());
    }
    let fail = |cause| CareError::Io { path: folder.display().to_string(), cause };
    for entry in std::fs::read_dir(folder).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        if path.is_dir() {
            collect(&path, depth - 1, found)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
