//! Known data: dataset directories, and the catalogue of public sets with their mappings.

pub mod catalogue;
pub mod directory;
