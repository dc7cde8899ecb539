//! Known data: dataset directories read and written, a simulated fleet, and the catalogue of public sets with their mappings.
//!
//! In: directories on disk, or a seed. Out: sources of readings, frames in memory, directories. Not here: vendor files
//! without a mapping (`connectors`), downloading.

pub mod care;
pub mod catalogue;
pub mod directory;
pub mod simulate;
pub mod writer;
