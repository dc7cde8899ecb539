//! The real server on a free port, spoken to as a client would: every promise of the HTTP contract that needs the whole house.

mod alert_evidence;
mod alerts;
mod annotations;
mod auth;
mod bad_input;
mod forecasts;
mod influx;
mod maintenance;
mod models;
mod poison;
mod products;
mod readings;
mod site;
mod verification;

pub(crate) use site::{Site, finding, problem};
