//! Known data: dataset directories in and out, the catalogue of public sets with their mappings, and a simulated fleet.
//!
//! In: directories on disk, or a seed. Out: sources of readings, frames in memory, dataset directories. Not here: vendor files
//! without a mapping (`connectors`), downloading.

pub mod catalogue;
pub mod directory;
pub mod simulate;
pub mod writer;
