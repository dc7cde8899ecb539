//! Dataset directories: `dataset.toml`, `assets.csv` and data files, the exchange format of DESIGN.
//!
//! In: a path. Out: checked assets, one source over all files, or frames in memory for `backtest` and `detect`.
//! Telemetry goes to the table of its asset's kind whatever the file is called; files that hold neither telemetry nor a
//! table of ours (labels, logbooks) are passed over with a note. Not here: vendor files (see `connectors::mapping`).

mod load;
mod manifest;
mod source;

#[cfg(test)]
mod tests;

pub use load::{Filter, LoadedDataset};
pub use source::DatasetSource;

use connectors::file;
use connectors::mapping::FormatSpec;
use engine::domain::Asset;
use engine::domain::AssetKind;
use engine::domain::IntervalLabel;
use engine::domain::Quantities;
use engine::domain::Resolution;
use engine::domain::Table;
use engine::domain::Timestamp;
use engine::domain::Unit;
use engine::source::SourceError;
use manifest::Manifest;
use manifest::ManifestFile;
use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

/// An opened dataset directory: manifest, assets and the headers of the files are checked, no row is read yet.
#[derive(Debug, Clone)]
pub struct DatasetDirectory {
    path: PathBuf,
    manifest: Manifest,
    resolution: Resolution,
    interval_label: IntervalLabel,
    assets: Vec<Asset>,
    quantities: Quantities,
    units: BTreeMap<String, Unit>,
    files: Vec<DataFile>,
    notes: Vec<String>,
}

/// A file worth reading.
#[derive(Debug, Clone)]
pub(crate) struct DataFile {
    pub(crate) path: PathBuf,
    pub(crate) holds: Holds,
    pub(crate) rows: Option<u64>,
    pub(crate) resolution: Resolution,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Holds {
    /// Rows of assets: the quantities that have a column, and whether `available_at` has one.
    Telemetry { quantities: Vec<String>, available_at: bool },
    /// A table of ours with a schema of its own.
    Table(Table),
}

impl DatasetDirectory {
    /// Reads `dataset.toml` and `assets.csv`, and the header of every file.
    ///
    /// # Errors
    /// [`SourceError`] naming the file and the key or line, with the remedy.
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        let (manifest, mut notes) = manifest::read(path)?;
        let place = path.join("dataset.toml").display().to_string();
        let refuse = |cause| SourceError::Domain { place: place.clone(), cause };
        let resolution = Resolution::parse(&manifest.resolution).map_err(refuse)?;
        let interval_label = IntervalLabel::parse(&manifest.interval_label).map_err(refuse)?;
        let mut quantities = Quantities::standard();
        let mut units = BTreeMap::new();
        for (name, unit) in &manifest.units {
            let unit = Unit::parse(unit).map_err(refuse)?;
            quantities.declare(name, unit).map_err(refuse)?;
            units.insert(name.clone(), unit);
        }
        let mut assets = manifest::assets(path, &manifest)?;
        let mut files = Vec::new();
        for file in &manifest.file {
            let own = file.resolution.as_deref().map(Resolution::parse).transpose().map_err(refuse)?;
            if let (Some(own), Ok(kind)) = (own, AssetKind::parse(&file.table)) {
                for asset in assets.iter_mut().filter(|asset| asset.kind == kind) {
                    asset.attributes.insert("resolution".into(), own.to_string());
                }
            }
            let full = path.join(&file.path);
            match holds(&full, file, &quantities)? {
                Ok(holds) => files.push(DataFile { path: full, holds, rows: file.rows, resolution: own.unwrap_or(resolution) }),
                Err(note) => notes.push(note),
            }
        }
        Ok(Self { path: path.into(), manifest, resolution, interval_label, assets, quantities, units, files, notes })
    }

    /// Name in the manifest.
    pub fn name(&self) -> &str {
        &self.manifest.name
    }

    /// Title, licence, source and attribution in the manifest, empty where not given.
    pub fn credits(&self) -> [(&'static str, &str); 4] {
        let m = &self.manifest;
        [("title", &m.title), ("licence", &m.licence), ("source", &m.source), ("attribution", &m.attribution)]
    }

    /// Spacing of the rows; an asset whose file differs carries its own in the attribute `resolution`.
    pub fn resolution(&self) -> Resolution {
        self.resolution
    }

    /// What the times name.
    pub fn interval_label(&self) -> IntervalLabel {
        self.interval_label
    }

    /// The assets, in the order of the file, each with the attributes `resolution` and `interval_label`.
    pub fn assets(&self) -> &[Asset] {
        &self.assets
    }

    /// Standard quantities and those declared under `[units]`.
    pub fn quantities(&self) -> &Quantities {
        &self.quantities
    }

    /// What was passed over or looked odd, one sentence each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Rows that the manifest promises in the files to be read, if it says so for all of them.
    pub fn expected_rows(&self) -> Option<u64> {
        self.files.iter().map(|file| file.rows).sum()
    }

    /// One source over all files worth reading, in the order of the manifest; the first page brings the assets. Rows after
    /// `now` are rejected.
    ///
    /// # Errors
    /// [`SourceError::Io`] when a file is gone.
    pub fn source(&self, now: Option<Timestamp>) -> Result<DatasetSource, SourceError> {
        DatasetSource::new(self, now)
    }

    /// Reads what the filter keeps into memory.
    ///
    /// # Errors
    /// [`SourceError`]; a row that cannot be read is an error here, because nobody would see a reject.
    pub fn load(&self, filter: &Filter) -> Result<LoadedDataset, SourceError> {
        load::load(self, filter)
    }
}

/// What a file holds, or a note why it is passed over.
fn holds(path: &Path, file: &ManifestFile, quantities: &Quantities) -> Result<Result<Holds, String>, SourceError> {
    let fixed = [Table::WeatherForecast, Table::QualityFlags, Table::Annotations, Table::Events];
    if let Some(table) = fixed.into_iter().find(|table| table.name() == file.table) {
        std::fs::metadata(path).map_err(|cause| SourceError::Io { place: path.display().to_string(), cause })?;
        return Ok(Ok(Holds::Table(table)));
    }
    let header = file::columns(path, &FormatSpec::default())?;
    let keyed = ["time", "asset_id"].iter().all(|key| header.iter().any(|column| column == key));
    let others: Vec<&String> =
        header.iter().filter(|name| !matches!(name.as_str(), "time" | "asset_id" | "available_at")).collect();
    let (known, unknown): (Vec<&String>, Vec<&String>) = others.into_iter().partition(|name| quantities.get(name).is_ok());
    let telemetry = AssetKind::parse(&file.table).is_ok();
    if !telemetry && (!keyed || known.is_empty()) {
        return Ok(Err(format!("{}: table {:?} is not one of ours and was passed over", file.path, file.table)));
    }
    let place = path.display().to_string();
    if !keyed {
        let problem = format!("telemetry needs the columns \"time\" and \"asset_id\"; the header is {header:?}");
        return Err(SourceError::Mapping { place, problem });
    }
    if let Some(name) = unknown.first() {
        return match quantities.get(name) {
            Err(cause) => Err(SourceError::Mapping {
                place,
                problem: format!("column {name:?}: {cause} (dataset.toml, [units]: {name} = \"…\")"),
            }),
            Ok(_) => Ok(Err(String::new())),
        };
    }
    let available_at = header.iter().any(|column| column == "available_at");
    Ok(Ok(Holds::Telemetry { quantities: known.into_iter().cloned().collect(), available_at }))
}
