//! The real server on a free port, spoken to as a client would: every promise of the HTTP contract that needs the whole house.

mod alerts;
mod annotations;
mod auth;
mod bad_input;
mod forecasts;
mod influx;
mod poison;
mod readings;
mod site;

pub(crate) use site::{Site, finding, problem};
