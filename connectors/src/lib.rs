//! Adapters to the outside world: vendor files and line protocol in, webhooks out. Foreign tags and units become ours here, once.
//!
//! In: files, mapping files, bodies of line protocol, notifications. Out: pages behind [`engine::source::Source`], requests to others.
//! Not here: where readings are kept, and who is to be told.

pub mod file;
pub mod line;
pub mod mapping;
pub mod webhook;
