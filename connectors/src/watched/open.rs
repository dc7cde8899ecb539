//! Which mapping a file is read with: the connection's, or one made from the header of a file in our own form.
//!
//! In: a path and the settings. Out: a [`FileSource`] that stands before its first row. Not here: pages.

use super::Settings;
use crate::file::FileOptions;
use crate::file::FileSource;
use crate::file::columns;
use crate::mapping::ColumnSpec;
use crate::mapping::FormatSpec;
use crate::mapping::Mapping;
use crate::mapping::Spec;
use engine::domain::ASSET_ID;
use engine::domain::AVAILABLE_AT;
use engine::domain::AssetKind;
use engine::domain::Quantities;
use engine::domain::TIME;
use engine::domain::Timestamp;
use engine::source::SourceError;
use std::path::Path;

/// How files of this connection are read.
#[derive(Debug, Clone)]
pub(super) enum Reader {
    /// Through the mapping file.
    Mapped(Box<Mapping>),
    /// `time, asset_id, [available_at], quantity[unit], …`.
    Canonical { kind: AssetKind, resolution: String, quantities: Box<Quantities> },
}

impl Reader {
    pub(super) fn new(settings: &Settings, quantities: &Quantities) -> Result<Self, SourceError> {
        let wrong = |problem: String| SourceError::Mapping { place: settings.place(), problem };
        match (&settings.mapping, &settings.kind) {
            (Some(path), None) => Ok(Self::Mapped(Box::new(Mapping::read(path, quantities)?))),
            (None, Some(kind)) => {
                let kind = AssetKind::parse(kind).map_err(|error| wrong(format!("kind: {error}")))?;
                let resolution = settings.resolution.clone();
                engine::domain::Resolution::parse(&resolution).map_err(|error| wrong(format!("resolution: {error}")))?;
                Ok(Self::Canonical { kind, resolution, quantities: Box::new(quantities.clone()) })
            }
            _ => Err(wrong(
                "give mapping = \"vendor.toml\" for files of a vendor, or kind = \"wind_turbine\" (or another) for files with the \
                 columns time, asset_id and our quantities; one of them"
                    .into(),
            )),
        }
    }

    /// All quantities it knows.
    pub(super) fn quantities(&self) -> &Quantities {
        match self {
            Self::Mapped(mapping) => mapping.quantities(),
            Self::Canonical { quantities, .. } => quantities,
        }
    }

    /// Opens a file and checks its header.
    pub(super) fn open(&self, path: &Path, now: Timestamp, page_rows: usize) -> Result<FileSource, SourceError> {
        let options = FileOptions { now: Some(now), page_rows, ..FileOptions::default() };
        match self {
            Self::Mapped(mapping) => FileSource::open(path, mapping, &options),
            Self::Canonical { kind, resolution, quantities } => {
                let header = columns(path, &FormatSpec::default())?;
                let spec = canonical(&header, *kind, resolution, quantities);
                FileSource::open(path, &Mapping::new(&spec, &path.display().to_string(), quantities)?, &options)
            }
        }
    }
}

/// The mapping of a file in our own form.
fn canonical(header: &[String], kind: AssetKind, resolution: &str, quantities: &Quantities) -> Spec {
    let column = |name: &String| {
        let (quantity, unit) = split(name);
        let stored = || quantities.get(&quantity).map_or("1", |(_, info)| info.unit.name()).to_owned();
        let unit = unit.unwrap_or_else(stored);
        ColumnSpec { name: name.clone(), quantity, unit, asset: None, kind: None, invalid: Vec::new() }
    };
    let columns = header.iter().filter(|name| ![TIME, ASSET_ID, AVAILABLE_AT].contains(&name.as_str())).map(column).collect();
    let has_available_at = header.iter().any(|name| name == AVAILABLE_AT);
    Spec { kind: Some(kind.name().into()), ..Spec::canonical("our own form", resolution.into(), columns, has_available_at) }
}

/// `active_power[MW]`, `Wind speed (m/s)` → name and unit.
pub(super) fn split(column: &str) -> (String, Option<String>) {
    for (open, close) in [('[', ']'), ('(', ')')] {
        if let Some((name, unit)) = column.trim().strip_suffix(close).and_then(|rest| rest.rsplit_once(open)) {
            return (name.trim().into(), Some(unit.trim().into()).filter(|unit: &String| !unit.is_empty()));
        }
    }
    (column.trim().into(), None)
}
