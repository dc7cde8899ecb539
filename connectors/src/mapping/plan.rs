//! A checked mapping: what a row of the file becomes, with every name, unit, zone and pattern resolved.
//!
//! In: a [`Spec`] through `check`. Out: cells to read and lanes to fill. A lane is one asset's share of a row: its id
//! (or the row's), its kind, its values. Not here: positions in the file, which the header decides.

use super::Clock;
use super::spec::FormatSpec;
use super::spec::Spec;
use engine::domain::Asset;
use engine::domain::AssetId;
use engine::domain::AssetKind;
use engine::domain::IntervalLabel;
use engine::domain::Quantities;
use engine::domain::Quantity;
use engine::domain::Resolution;
use engine::source::SourceError;
use std::collections::BTreeMap;
use std::path::Path;

/// A mapping whose names, units, zones and patterns have been checked.
#[derive(Debug, Clone)]
pub struct Mapping {
    pub(crate) name: String,
    pub(crate) place: String,
    pub(crate) format: FormatSpec,
    pub(crate) resolution: Resolution,
    pub(crate) label: IntervalLabel,
    pub(crate) time: Clock,
    pub(crate) time_columns: Vec<String>,
    pub(crate) available_at: Option<(Clock, Vec<String>)>,
    pub(crate) asset_column: Option<String>,
    /// The comment before the header that names the asset of the file.
    pub(crate) asset_comment: Option<String>,
    pub(crate) rename: BTreeMap<String, AssetId>,
    pub(crate) cells: Vec<Cell>,
    pub(crate) lanes: Vec<Lane>,
    pub(crate) duplicates: Duplicates,
    pub(crate) assets: Vec<Asset>,
    pub(crate) quantities: Quantities,
}

/// One column to read.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    pub(crate) column: String,
    pub(crate) quantity: Quantity,
    /// stored = scale × value + offset.
    pub(crate) scale: f64,
    pub(crate) offset: f64,
    /// What physics allows, stored unit.
    pub(crate) range: (f64, f64),
    pub(crate) invalid: Vec<Invalid>,
}

/// Values of the file that mean "no value".
#[derive(Debug, Clone)]
pub(crate) struct Invalid {
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) reason: String,
}

/// One asset's share of a row.
#[derive(Debug, Clone)]
pub(crate) struct Lane {
    /// `None`: the asset of the row's asset column.
    pub(crate) asset: Option<AssetId>,
    /// `None`: only an asset list can tell.
    pub(crate) kind: Option<AssetKind>,
    pub(crate) values: Vec<(Quantity, Value)>,
}

/// Where a value of a lane comes from.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// Index into the cells.
    Cell(usize),
    /// Sum of cells.
    Sum(Vec<usize>),
}

/// What happens to a second row for a key.
#[derive(Debug, Clone)]
pub(crate) enum Duplicates {
    Last,
    First,
    Error,
    LeastJump { shift: i64, jump: Vec<Jump> },
}

/// A quantity whose steps are compared.
#[derive(Debug, Clone)]
pub(crate) struct Jump {
    pub(crate) quantity: Quantity,
    pub(crate) scale: f64,
}

impl Mapping {
    /// Reads and checks TOML; `place` (a file name) opens every error, `quantities` are those of the site.
    ///
    /// # Errors
    /// [`SourceError::Mapping`] naming the key and the nearest valid name; [`SourceError::Domain`] never.
    pub fn parse(text: &str, place: &str, quantities: &Quantities) -> Result<Self, SourceError> {
        let spec = toml::from_str(text)
            .map_err(|error| SourceError::Mapping { place: place.into(), problem: error.to_string().trim_end().into() })?;
        Self::new(&spec, place, quantities)
    }

    /// Reads and checks a mapping file.
    ///
    /// # Errors
    /// [`SourceError::Io`], and as [`Mapping::parse`].
    pub fn read(path: &Path, quantities: &Quantities) -> Result<Self, SourceError> {
        let place = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|cause| SourceError::Io { place: place.clone(), cause })?;
        Self::parse(&text, &place, quantities)
    }

    /// Checks a mapping made in code.
    ///
    /// # Errors
    /// As [`Mapping::parse`].
    pub fn new(spec: &Spec, place: &str, quantities: &Quantities) -> Result<Self, SourceError> {
        super::check::check(spec, place, quantities).map_err(|problem| SourceError::Mapping { place: place.into(), problem })
    }

    /// Name of the mapping.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Spacing of the rows.
    pub fn resolution(&self) -> Resolution {
        self.resolution
    }

    /// Which end of the interval a time names.
    pub fn interval_label(&self) -> IntervalLabel {
        self.label
    }

    /// The assets the mapping describes.
    pub fn assets(&self) -> &[Asset] {
        &self.assets
    }

    /// The quantities of the site and those the mapping declared.
    pub fn quantities(&self) -> &Quantities {
        &self.quantities
    }
}
