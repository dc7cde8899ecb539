//! Adapters to the outside world: vendor files, weather forecasts, line protocol and InfluxDB in; webhooks and InfluxDB out. Foreign tags
//! and units become ours here, once.
//!
//! In: files, mapping files, bodies of line protocol, answers of InfluxDB, notifications. Out: pages behind [`engine::source::Source`],
//! readings, requests to others. Not here: where readings are kept, and who is to be told.

#[cfg(any(feature = "nats", feature = "kafka"))]
mod bus;
pub mod connection;
pub mod file;
pub mod iec104;
pub mod influx;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod line;
pub mod live;
pub mod mapping;
pub mod mms;
pub mod modbus;
pub mod mqtt;
#[cfg(feature = "nats")]
pub mod nats;
pub mod opcua;
pub mod polled;
pub mod watched;
pub mod weather;
pub mod webhook;
