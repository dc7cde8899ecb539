//! Why a plant cannot start.
//!
//! Each error names the protocol, the address and what to do.

use crate::simulate::SimulateError;
use std::net::SocketAddr;

/// Why a plant cannot start.
#[derive(Debug, thiserror::Error)]
pub enum PlantError {
    /// The fleet cannot be simulated.
    #[error(transparent)]
    Simulate(#[from] SimulateError),
    /// An option is out of its range.
    #[error("{option} {given} cannot be played; {remedy}")]
    Option {
        /// Its name.
        option: &'static str,
        /// What was given.
        given: f64,
        /// What to give instead.
        remedy: &'static str,
    },
    /// Nothing would be served.
    #[error("no protocol has an address; give at least one of Modbus, OPC UA, IEC 104 and MQTT")]
    Nothing,
    /// An address cannot be listened at.
    #[error("{protocol} cannot listen at {address}: {cause}; give another address, or stop what listens there")]
    Bind {
        /// Its name.
        protocol: &'static str,
        /// Where it should listen.
        address: SocketAddr,
        /// What the system says.
        cause: std::io::Error,
    },
    /// A server could not be built.
    #[error("{protocol} at {address} cannot start: {problem}")]
    Start {
        /// Its name.
        protocol: &'static str,
        /// Where it should listen.
        address: SocketAddr,
        /// What the server says.
        problem: String,
    },
    /// The history before the start was not simulated to its end.
    #[error("the simulation of the history was interrupted: {problem}")]
    Interrupted {
        /// What happened.
        problem: String,
    },
}
