//! Dataset directories: `dataset.toml`, `assets.csv` and data files, the exchange format of DESIGN.
//!
//! In: a path. Out: checked assets, one source over all files, or frames in memory for `backtest` and `detect`.
//! Not here: vendor files (see `connectors::mapping`) and writing directories.

use engine::domain::Asset;
use engine::domain::Frame;
use engine::domain::IntervalLabel;
use engine::domain::Quantities;
use engine::domain::Quantity;
use engine::domain::Resolution;
use engine::domain::Timestamp;
use engine::domain::WeatherByAsset;
use engine::source::Cursor;
use engine::source::Page;
use engine::source::Source;
use engine::source::SourceError;
use std::path::Path;

/// An opened dataset directory: the manifest and the assets are read and checked, the data are not touched yet.
#[derive(Debug, Clone)]
pub struct DatasetDirectory {
    name: String,
    resolution: Resolution,
    interval_label: IntervalLabel,
    assets: Vec<Asset>,
    quantities: Quantities,
    notes: Vec<String>,
}

/// What [`DatasetDirectory::load`] keeps.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    /// Globs over asset ids (`zone_*`); empty keeps all assets.
    pub assets: Vec<String>,
    /// Quantities of the frames; empty keeps all.
    pub quantities: Vec<Quantity>,
    /// Also read `weather_forecast` files, of all assets in them.
    pub weather: bool,
}

/// A dataset in memory.
#[derive(Debug, Clone)]
pub struct LoadedDataset {
    /// Name in the manifest.
    pub name: String,
    /// Spacing of the frames unless their asset says otherwise.
    pub resolution: Resolution,
    /// What the times name.
    pub interval_label: IntervalLabel,
    /// The kept assets and their parents, in the order of `assets.csv`.
    pub assets: Vec<Asset>,
    /// One frame per kept asset that has rows.
    pub frames: Vec<Frame>,
    /// Weather forecasts by asset; empty unless asked for.
    pub weather: WeatherByAsset,
    /// Every quantity known after reading, standard and declared.
    pub quantities: Quantities,
}

/// What is done with a file of the directory.
#[derive(Debug)]
pub struct DatasetSource {
    name: String,
    total_bytes: u64,
}

impl DatasetDirectory {
    /// Reads `dataset.toml` and `assets.csv`, checks that the files are there.
    ///
    /// # Errors
    /// [`SourceError`] naming the file and the key, with the remedy.
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        Err(SourceError::Format { place: path.display().to_string(), problem: "reading directories is not finished".into() })
    }

    /// Name in the manifest.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Spacing of the rows; an asset whose file differs carries its own in the attribute `resolution`.
    pub fn resolution(&self) -> Resolution {
        self.resolution
    }

    /// What the times name.
    pub fn interval_label(&self) -> IntervalLabel {
        self.interval_label
    }

    /// The assets, in the order of the file.
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

    /// One source over all importable files, in the order of the manifest; the first page brings the assets.
    ///
    /// # Errors
    /// [`SourceError`] when a file cannot be opened or has unknown columns.
    pub fn source(&self, now: Option<Timestamp>) -> Result<DatasetSource, SourceError> {
        let _ = now;
        Ok(DatasetSource { name: self.name.clone(), total_bytes: 0 })
    }

    /// Reads what the filter keeps into memory.
    ///
    /// # Errors
    /// [`SourceError`]; a row that cannot be read is an error here, because nobody would see a reject.
    pub fn load(&self, filter: &Filter) -> Result<LoadedDataset, SourceError> {
        let _ = filter;
        Err(SourceError::Format { place: self.name.clone(), problem: "loading is not finished".into() })
    }
}

impl DatasetSource {
    /// Size of the files on disk: `Page::bytes_read` runs up to it.
    pub fn total_bytes(&self) -> u64 {
        self.total_bytes
    }
}

#[async_trait::async_trait]
impl Source for DatasetSource {
    fn name(&self) -> &str {
        &self.name
    }

    async fn next_page(&mut self, _after: Option<Cursor>) -> Result<Page, SourceError> {
        Ok(Page { rows: Vec::new(), rejects: Vec::new(), cursor: None, bytes_read: 0, done: true })
    }
}
