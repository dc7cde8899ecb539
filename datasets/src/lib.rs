//! Known data.

pub mod simulate;
pub mod writer;
