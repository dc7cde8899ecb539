//! Settings of the doors: how much may be on its way in, how long a sender waits, how many dead letters are kept.

use serde::{Deserialize, Serialize};

/// How telemetry comes in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IngestConfig {
    /// Room for bodies and what was read from them, over all requests, MiB; at least twice `limits.readings_body_mib`. Default 64.
    pub in_flight_mib: usize,
    /// How long one request waits for room before it is told to come again (429), milliseconds. Default 2000.
    pub wait_ms: u64,
    /// How long a sender may take over one body, seconds. Default 30.
    pub body_seconds: u64,
    /// Most dead letters kept of one request; the rest is counted. Default 100.
    pub dead_letters_per_request: usize,
    /// Most dead letters kept per second over all doors; the rest is counted. Default 1000.
    pub dead_letters_per_second: usize,
}

impl Default for IngestConfig {
    fn default() -> Self {
        Self { in_flight_mib: 64, wait_ms: 2000, body_seconds: 30, dead_letters_per_request: 100, dead_letters_per_second: 1000 }
    }
}
