//! Adapters to the outside world: vendor files in, webhooks out. Foreign tags and units become ours here, once.

pub mod file;
pub mod mapping;
