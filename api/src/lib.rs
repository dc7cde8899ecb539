//! Front of house: HTTP, configuration, auth, the event stream, metrics, and the dashboard's files.
//!
//! [`open`] opens what a configuration names and gives an [`AppState`]; [`build`] binds a [`Server`] to it. Business lives in
//! `engine`; here requests are checked, answered and counted; [`cli`] is the command line and [`jobs`] holds the only clock.

pub mod auth;
mod calendar;
pub mod cli;
pub mod config;
pub mod delivery;
pub mod error;
mod forecast_cache;
mod guard;
pub mod hub;
mod ingest;
pub mod jobs;
mod line_plan;
pub mod logging;
mod metrics;
mod negotiate;
mod openapi;
pub mod plants;
mod request;
mod routes;
mod server;
pub mod services;
mod sql_limits;
mod state;
mod stream;
mod table;
mod views;

pub use config::Config;
pub use hub::Hub;
pub use openapi::document as openapi_document;
pub use server::{Server, ServerError, Stopper, build};
pub use services::Services;
pub use state::{AppState, OpenError, Opened, Rooms, open};
