//! Modbus TCP and SunSpec: registers polled at whole seconds, devices that say themselves what they have.
//!
//! In: settings, points with addresses such as `1/hr:100` and `1/sunspec:103/W`. Out: a [`Source`], a probe, what there is. Only function codes
//! 1 to 4 (reads) are ever sent. Not here: RTU on a serial line (a gateway has that), Modbus/TCP Security.

mod address;
mod discover;
mod item;
mod lane;
mod plan;
mod probe;
mod reader;
mod said;
mod shape;
mod sunspec;
mod unit;
mod wire;

#[cfg(test)]
mod tests;

pub use shape::Order;

use crate::live::Found;
use crate::live::Link;
use crate::live::Points;
use crate::live::Probe;
use crate::live::Protocol;
use async_trait::async_trait;
use engine::source::Source;
use engine::source::SourceError;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// Settings: `[connection.from.modbus]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Name or address of the device or gateway. May be left out where every point names its own.
    pub host: String,
    /// TCP port; default 502.
    pub port: u16,
    /// Seconds between polls, at whole multiples of it in UTC; default 1, at least 0.05.
    pub every_s: f64,
    /// Seconds an answer may take; default 3.
    pub timeout_s: f64,
    /// Registers in one request, at most (and default) 125. Some devices take fewer.
    pub max_registers: u16,
    /// Registers that may be read over to save a request; default 8. 0 for devices that refuse addresses between theirs.
    pub gap: u16,
    /// TCP connections to each host, its units dealt out among them; default 1, at most 16. Many devices allow one only.
    pub connections: u8,
    /// Order of the registers of a number of several; default `big`.
    pub word_order: Order,
    /// Order of the bytes of a register; default `big`, as the standard has it.
    pub byte_order: Order,
    /// What is known about SunSpec devices.
    pub sunspec: SunSpec,
}

/// `sunspec = { units = [1, 2], base = 40000 }`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SunSpec {
    /// Units that `discover` asks; default: 1 to 247.
    pub units: Vec<u8>,
    /// Address of the marker `SunS`; default: looked for at 40000, 0 and 50000.
    pub base: Option<u16>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            host: String::new(),
            port: 502,
            every_s: 1.0,
            timeout_s: 3.0,
            max_registers: plan::MOST_REGISTERS,
            gap: 8,
            connections: 1,
            word_order: Order::Big,
            byte_order: Order::Big,
            sunspec: SunSpec::default(),
        }
    }
}

impl Settings {
    fn every(&self) -> i64 {
        (self.every_s * 1e6).round() as i64
    }

    fn patience(&self) -> Duration {
        Duration::from_secs_f64(self.timeout_s)
    }

    fn checked(&self) -> Result<(), SourceError> {
        let wrong = |problem: String| Err(SourceError::Mapping { place: "connection.from.modbus".into(), problem });
        if !(0.05..=86_400.0).contains(&self.every_s) {
            return wrong(format!("every_s = {} does not fit; seconds from 0.05 to 86400", self.every_s));
        }
        if !(0.01..=600.0).contains(&self.timeout_s) {
            return wrong(format!("timeout_s = {} does not fit; seconds from 0.01 to 600", self.timeout_s));
        }
        // A value of four registers must fit.
        if !(4..=plan::MOST_REGISTERS).contains(&self.max_registers) {
            return wrong(format!(
                "max_registers = {} does not fit; 4 to 125, which is the most one answer holds",
                self.max_registers
            ));
        }
        if self.gap > plan::MOST_REGISTERS {
            return wrong(format!("gap = {} does not fit; 0 to 125 registers", self.gap));
        }
        if !(1..=16).contains(&self.connections) {
            return wrong(format!("connections = {} does not fit; 1 to 16", self.connections));
        }
        Ok(())
    }
}

#[async_trait]
impl Protocol for Settings {
    fn name(&self) -> &'static str {
        "modbus"
    }

    fn peer(&self) -> String {
        let host = address::Host { name: self.host.clone(), port: self.port };
        if self.host.is_empty() { "hosts of the points".into() } else { host.to_string() }
    }

    fn usual_silence(&self) -> Duration {
        crate::live::three_polls(Duration::try_from_secs_f64(self.every_s).unwrap_or_default())
    }

    fn check(&self, points: &Points) -> Result<(), SourceError> {
        self.checked()?;
        item::read(self, points).map(drop)
    }

    fn open(&self, points: Arc<Points>, link: Link) -> Result<Box<dyn Source>, SourceError> {
        self.check(&points)?;
        Ok(Box::new(reader::Reader::new(self.clone(), points, link)))
    }

    async fn probe(&self, points: &Points, link: &Link) -> Result<Probe, SourceError> {
        self.check(points)?;
        probe::probe(self, points, link).await
    }

    async fn discover(&self, _link: &Link, tell: &(dyn for<'a> Fn(&'a str) + Send + Sync)) -> Result<Vec<Found>, SourceError> {
        self.checked()?;
        discover::discover(self, tell).await
    }
}
