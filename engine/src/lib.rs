//! The house: telemetry of wind, solar and load in, forecasts and alerts out.
//!
//! ```text
//! source ─▶ readings (Arrow) ─▶ store ─▶ query ─▶ features ─▶ models ─▶ forecasts ─┐
//! (port)    checked at the door  (Delta)  (SQL)    (pure)      detect ─▶ anomalies ─┴▶ alert ─▶ planning ─▶ pipeline
//! ```
//!
//! A room may use only the rooms above it in this list; `models` and `detect` do not know each other.
//! This crate opens no socket and reads no clock: `now`, seeds and paths are arguments. Only [`store`] touches a disk.

pub mod alert;
pub mod detect;
pub mod domain;
pub mod evaluate;
pub mod features;
pub mod models;
pub mod pipeline;
pub mod planning;
pub mod query;
pub mod source;
pub mod store;
