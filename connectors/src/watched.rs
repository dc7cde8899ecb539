//! A directory that files are dropped into: by a vendor's export, over SFTP, by a copy.
//!
//! In: CSV (plain, gzip, zstd) and Parquet, complete ones, oldest first, through a mapping file or in our own form. Out: pages; then the file
//! is moved, removed or left. Not here: reading a file ([`crate::file`]), and the server that files are sent to.
//!
//! # What is promised
//! A file is put away only after its last page was stored. A restart goes on in the middle of a file. A file that changes while it is read is
//! read again whole; the same rows twice change nothing. A file that cannot be read goes to `failed/` with the reason beside it, and the
//! others go on.

mod desk;
mod ledger;
mod open;
mod scan;
mod shelve;
mod source;

#[cfg(test)]
mod tests;

use crate::file::columns;
use crate::live::Found;
use crate::live::Link;
use crate::live::Points;
use crate::live::Probe;
use crate::live::Protocol;
use crate::mapping::FormatSpec;
use crate::mapping::Mapping;
use async_trait::async_trait;
use engine::domain::Quantities;
use engine::domain::from_micros;
use engine::source::Source;
use engine::source::SourceError;
use open::Reader;
use scan::Stamp;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// One file a day is usual; an hour more for the one that is late.
const SILENCE: Duration = Duration::from_secs(25 * 3600);

/// What becomes of a file that was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Done {
    /// Into `done/` below the directory, in a folder of the day.
    #[default]
    Move,
    /// Removed.
    Delete,
    /// Left in place and remembered; also one that cannot be read. For directories that may only be read.
    Mark,
}

/// Settings: `[connection.from.files]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The directory. Folders in it are not looked into.
    pub directory: PathBuf,
    /// Names to take, `*` any text and `?` one character; absent (default): `.csv`, `.csv.gz`, `.csv.zst`, `.parquet`. Names that begin
    /// with a dot or end in `.part`, `.tmp`, `.filepart`, `.crdownload` or `~` are always passed over.
    #[serde(default)]
    pub pattern: Option<String>,
    /// The mapping file; absent: the files are in our own form (`time`, `asset_id`, quantities with their unit in brackets), and `kind`
    /// says of what.
    #[serde(default)]
    pub mapping: Option<PathBuf>,
    /// Kind of the assets in files of our own form: `wind_turbine`, `meter`, ….
    #[serde(default)]
    pub kind: Option<String>,
    /// Spacing of the rows in files of our own form, ISO 8601. Default `PT10M`.
    #[serde(default = "ten_minutes")]
    pub resolution: String,
    /// A file is taken when its size and time did not change for this long, in seconds. Default 5.
    #[serde(default = "five")]
    pub settle_s: f64,
    /// Seconds between looks. Default 2.
    #[serde(default = "two")]
    pub every_s: f64,
    /// What becomes of a file that was read: `move` (default), `delete`, `mark`.
    #[serde(default)]
    pub done: Done,
    /// Lines per page, at least 1. Default 50,000.
    #[serde(default = "fifty_thousand")]
    pub page_rows: usize,
}

fn ten_minutes() -> String {
    "PT10M".into()
}

const fn five() -> f64 {
    5.0
}

const fn two() -> f64 {
    2.0
}

const fn fifty_thousand() -> usize {
    50_000
}

impl Settings {
    fn place(&self) -> String {
        self.directory.display().to_string()
    }

    fn settle(&self) -> Duration {
        Duration::try_from_secs_f64(self.settle_s).unwrap_or_default()
    }

    fn every(&self) -> Duration {
        Duration::try_from_secs_f64(self.every_s).unwrap_or_default()
    }

    fn unreachable(&self, error: &std::io::Error) -> String {
        let place = self.place();
        format!("cannot look into {place}: {error}; make the directory, mount its disk, or let this service read it")
    }

    fn checked(&self, quantities: &Quantities) -> Result<Reader, SourceError> {
        let wrong =
            |problem: String| Err(SourceError::Mapping { place: format!("[connection.from.files] {}", self.place()), problem });
        if self.directory.as_os_str().is_empty() {
            return wrong("directory is empty; name the directory that files are dropped into".into());
        }
        for (key, value, least) in [("settle_s", self.settle_s, 0.0), ("every_s", self.every_s, 0.01)] {
            if !(least..=86_400.0).contains(&value) {
                return wrong(format!("{key} = {value} is not between {least} and 86400 seconds"));
            }
        }
        if self.page_rows == 0 {
            return wrong("page_rows must be at least 1".into());
        }
        if self.pattern.as_deref().is_some_and(|pattern| pattern.trim().is_empty() || pattern.contains('/')) {
            return wrong("pattern is one for names, as \"*.csv\"; leave it out for all known endings".into());
        }
        Reader::new(self, quantities)
    }

    fn newest(&self) -> Result<(usize, Option<Stamp>), SourceError> {
        let seen = scan::look(&self.directory, self.pattern.as_deref());
        let seen = seen.map_err(|error| SourceError::Mapping { place: "files".into(), problem: self.unreachable(&error) })?;
        let count = seen.files.len();
        Ok((count, seen.files.into_iter().next_back()))
    }
}

/// The standard quantities and those the connection declares.
fn quantities(points: &Points) -> Result<Quantities, SourceError> {
    let mut known = Quantities::standard();
    for (name, unit) in points.declared() {
        known.declare(name, *unit).map_err(|cause| SourceError::Domain { place: name.clone(), cause })?;
    }
    Ok(known)
}

#[async_trait]
impl Protocol for Settings {
    fn name(&self) -> &'static str {
        "files"
    }

    fn peer(&self) -> String {
        self.place()
    }

    fn needs_points(&self) -> bool {
        false
    }

    fn usual_silence(&self) -> Duration {
        SILENCE
    }

    fn brings(&self, quantities: &Quantities) -> Result<Points, SourceError> {
        let reader = self.checked(quantities)?;
        let assets = match &reader {
            Reader::Mapped(mapping) => mapping.assets().to_vec(),
            Reader::Canonical { .. } => Vec::new(),
        };
        Points::brought(assets, reader.quantities())
    }

    fn check(&self, points: &Points) -> Result<(), SourceError> {
        self.checked(&quantities(points)?).map(drop)
    }

    fn open(&self, points: Arc<Points>, link: Link) -> Result<Box<dyn Source>, SourceError> {
        let reader = self.checked(&quantities(&points)?)?;
        Ok(Box::new(source::Watched::new(self, reader, link)))
    }

    async fn probe(&self, points: &Points, link: &Link) -> Result<Probe, SourceError> {
        let reader = self.checked(&quantities(points)?)?;
        let (count, newest) = self.newest()?;
        let says = match newest {
            None => "no file waits".into(),
            Some(file) => {
                reader.open(&self.directory.join(&file.name), link.now(), self.page_rows)?;
                let changed = from_micros(file.changed / 1000);
                format!("{count} files wait; the newest, {} of {changed}, has the columns that are needed", file.name)
            }
        };
        Ok(Probe { peer: self.peer(), says })
    }

    async fn discover(&self, _link: &Link, tell: &(dyn for<'a> Fn(&'a str) + Send + Sync)) -> Result<Vec<Found>, SourceError> {
        let Some(file) = self.newest()?.1 else {
            let problem = "no file to look at; drop one with a known ending, or correct pattern".into();
            return Err(SourceError::Mapping { place: self.place(), problem });
        };
        tell("the columns of the newest file; write a mapping file for them, as docs/connectors/files.md shows");
        let path = self.directory.join(&file.name);
        let format = match &self.mapping {
            Some(path) => Mapping::read(path, &Quantities::standard())?.format,
            None => FormatSpec::default(),
        };
        let found = |column: String| {
            let (name, unit) = open::split(&column);
            Found { address: column, name, unit, device: file.name.clone(), ..Found::default() }
        };
        Ok(columns(&path, &format)?.into_iter().map(found).collect())
    }
}
