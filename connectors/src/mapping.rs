//! Mapping files: which column of a vendor's file is which of our quantities, in which unit, on which clock, for which asset.
//!
//! In: TOML text. Out: a [`Mapping`] checked as far as that is possible without the file; the rest is checked against
//! the file's header before the first row. Every key is documented at [`Spec`]; worked examples are in `datasets/mappings`.

mod spec;

pub use spec::{
    AssetEntry, AssetSpec, ColumnSpec, DuplicatesSpec, FormatSpec, InvalidSpec, JumpSpec, Spec, SumSpec, TimeSpec,
};

use engine::source::SourceError;

/// A mapping whose names, units, zones and patterns have been checked.
#[derive(Debug, Clone)]
pub struct Mapping {
    spec: Spec,
}

impl Mapping {
    /// Reads and checks TOML; `place` (a file name) opens every error.
    ///
    /// # Errors
    /// [`SourceError::Mapping`] naming the key and the nearest valid name.
    pub fn parse(text: &str, place: &str) -> Result<Self, SourceError> {
        let spec = toml::from_str(text)
            .map_err(|error| SourceError::Mapping { place: place.into(), problem: error.to_string() })?;
        Ok(Self { spec })
    }

    /// The mapping as written.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }
}
