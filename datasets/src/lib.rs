//! Known data: dataset directories, and the catalogue of public sets with their mappings.
//!
//! In: directories on disk. Out: sources of readings, frames in memory. Not here: vendor files without a mapping.

pub mod catalogue;
pub mod directory;
