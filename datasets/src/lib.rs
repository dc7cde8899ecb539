//! Known data: dataset directories read and written, a simulated fleet, a plant that speaks it over real protocols, and the catalogue of
//! public sets with their mappings.
//!
//! In: directories on disk, or a seed. Out: sources of readings, frames in memory, directories, servers. Not here: vendor files
//! without a mapping (`connectors`), downloading.

pub mod care;
pub mod catalogue;
pub mod directory;
pub mod plant;
pub mod simulate;
pub mod writer;
