//! Which protocols there are: one enum for the configuration, one door to all of them.
//!
//! In: the `from` table of a `[[connection]]`. Out: its [`Protocol`]. Not here: anything of one protocol.

use crate::iec104;
use crate::live::Protocol;
use crate::mms;
use crate::modbus;
use crate::mqtt;
use crate::opcua;
use crate::polled;
use crate::watched;
use serde::{Deserialize, Serialize};

/// Where a connection's values come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Connection {
    /// A broker: `[connection.from.mqtt]`.
    Mqtt(mqtt::Settings),
    /// A device or gateway: `[connection.from.modbus]`.
    Modbus(modbus::Settings),
    /// A server: `[connection.from.opcua]`.
    Opcua(opcua::Settings),
    /// A controlled station, or a pair of links to it: `[connection.from.iec104]`.
    Iec104(iec104::Settings),
    /// A server of IEC 61850: `[connection.from.mms]`.
    Mms(mms::Settings),
    /// A directory: `[connection.from.files]`.
    Files(watched::Settings),
    /// An address: `[connection.from.http]`.
    Http(polled::Settings),
}

impl Connection {
    /// Names of all protocols, as the configuration and `chergui discover` write them.
    pub const NAMES: &'static [&'static str] = &["mqtt", "modbus", "opcua", "iec104", "mms", "files", "http"];

    /// The protocol's door.
    pub fn protocol(&self) -> &dyn Protocol {
        match self {
            Self::Mqtt(settings) => settings,
            Self::Modbus(settings) => settings,
            Self::Opcua(settings) => settings,
            Self::Iec104(settings) => settings,
            Self::Mms(settings) => settings,
            Self::Files(settings) => settings,
            Self::Http(settings) => settings,
        }
    }
}
