//! Adapters to the outside world: vendor files in, webhooks out. Foreign tags and units become ours here, once.
//!
//! In: files, mapping files, notifications. Out: pages behind [`engine::source::Source`], requests to others.
//! Not here: where readings are kept, and who is to be told.

pub mod file;
pub mod mapping;
pub mod webhook;
