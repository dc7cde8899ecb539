//! The contract of live sources, against the peers a plant would have: real brokers, servers and stations, started here on loopback.
//!
//! In: a protocol's settings, a points file, a peer of somebody else's making (Python packages, Debian's mosquitto). Out: a failure when a
//! value, a time or a quality differs, is lost or is doubled. A peer is stopped by its process id when its test ends. `CHERGUI_LONG=1` runs
//! the long forms: more disconnects, longer silences. Not here: the server around the sources (`newcomer.rs` has that).

mod drive;
mod far;
mod iec104;
#[cfg(feature = "bus")]
mod kafka;
mod mms;
mod modbus;
mod mqtt;
#[cfg(feature = "bus")]
mod nats;
mod opcua;
mod peer;
mod plant;
mod polled;
mod watched;
mod weather;
mod wire;
