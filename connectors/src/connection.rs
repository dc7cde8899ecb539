//! Which protocols there are: one enum for the configuration, one door to all of them.
//!
//! In: the `from` table of a `[[connection]]`. Out: its [`Protocol`]. Not here: anything of one protocol.

use crate::iec104;
#[cfg(feature = "kafka")]
use crate::kafka;
use crate::live::Protocol;
use crate::live::TlsSpec;
use crate::mms;
use crate::modbus;
use crate::mqtt;
#[cfg(feature = "nats")]
use crate::nats;
use crate::opcua;
use crate::polled;
use crate::watched;
use crate::weather;
use serde::{Deserialize, Serialize};
#[cfg(not(all(feature = "nats", feature = "kafka")))]
use serde::{Deserializer, de::Error};
use std::path::{Path, PathBuf};

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
    /// Forecasts of the weather: `[connection.from.weather]`.
    Weather(weather::service::Settings),
    /// A bus: `[connection.from.nats]`.
    #[cfg(feature = "nats")]
    Nats(nats::Settings),
    /// A bus: `[connection.from.nats]`.
    #[cfg(not(feature = "nats"))]
    #[serde(deserialize_with = "without_nats")]
    Nats(LeftOut),
    /// A bus: `[connection.from.kafka]`.
    #[cfg(feature = "kafka")]
    Kafka(kafka::Settings),
    /// A bus: `[connection.from.kafka]`.
    #[cfg(not(feature = "kafka"))]
    #[serde(deserialize_with = "without_kafka")]
    Kafka(LeftOut),
}

/// Settings of a protocol that this build leaves out: there are none, and who gives some hears how to build it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum LeftOut {}

#[cfg(not(feature = "nats"))]
fn without_nats<'de, D: Deserializer<'de>>(_: D) -> Result<LeftOut, D::Error> {
    Err(D::Error::custom("this build leaves NATS out; build it with `cargo build --release --bin chergui --features nats`"))
}

#[cfg(not(feature = "kafka"))]
fn without_kafka<'de, D: Deserializer<'de>>(_: D) -> Result<LeftOut, D::Error> {
    Err(D::Error::custom("this build leaves Kafka out; build it with `cargo build --release --bin chergui --features kafka`"))
}

impl Connection {
    /// Names of all protocols, as the configuration and `chergui discover` write them.
    pub const NAMES: &'static [&'static str] =
        &["mqtt", "modbus", "opcua", "iec104", "mms", "files", "http", "weather", "nats", "kafka"];

    /// Reads relative paths of the settings (certificates, keys, mappings, directories) from this folder on: the configuration file's.
    pub fn beside(&mut self, folder: &Path) {
        let (tls, paths): (Option<&mut TlsSpec>, Vec<&mut PathBuf>) = match self {
            Self::Mqtt(settings) => (settings.tls.as_mut(), Vec::new()),
            Self::Modbus(_) | Self::Mms(_) => (None, Vec::new()),
            Self::Opcua(settings) => {
                let optional =
                    [&mut settings.certificate, &mut settings.key, &mut settings.user_certificate, &mut settings.user_key];
                let paths = optional.into_iter().flatten().chain(&mut settings.trusted).chain([&mut settings.pki_dir]);
                (None, paths.collect())
            }
            Self::Iec104(settings) => (settings.tls.as_deref_mut(), Vec::new()),
            Self::Files(settings) => (None, settings.mapping.as_mut().into_iter().chain([&mut settings.directory]).collect()),
            Self::Http(settings) => (settings.tls.as_deref_mut(), Vec::new()),
            Self::Weather(settings) => (settings.tls.as_deref_mut(), Vec::new()),
            #[cfg(feature = "nats")]
            Self::Nats(settings) => (settings.tls.as_mut(), settings.credentials.as_mut().into_iter().collect()),
            #[cfg(feature = "kafka")]
            Self::Kafka(settings) => (settings.tls.as_mut(), Vec::new()),
            #[cfg(not(feature = "nats"))]
            Self::Nats(none) => match *none {},
            #[cfg(not(feature = "kafka"))]
            Self::Kafka(none) => match *none {},
        };
        if let Some(tls) = tls {
            tls.beside(folder);
        }
        for path in paths {
            *path = folder.join(&*path);
        }
    }

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
            Self::Weather(settings) => settings,
            #[cfg(feature = "nats")]
            Self::Nats(settings) => settings,
            #[cfg(feature = "kafka")]
            Self::Kafka(settings) => settings,
            #[cfg(not(feature = "nats"))]
            Self::Nats(none) => match *none {},
            #[cfg(not(feature = "kafka"))]
            Self::Kafka(none) => match *none {},
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Connection;
    use std::path::Path;

    #[test]
    fn paths_count_from_the_folder_of_the_configuration() {
        let folders = [
            ("[mqtt]\nhost = \"h\"\ntls = { ca = \"ca.pem\" }\n", "/etc/chergui/ca.pem"),
            ("[opcua]\nurl = \"opc.tcp://h:4840\"\ntrusted = [\"plant.der\"]\n", "/etc/chergui/plant.der"),
            ("[opcua]\nurl = \"opc.tcp://h:4840\"\n", "/etc/chergui/pki"),
            ("[files]\ndirectory = \"in\"\nmapping = \"vendor.toml\"\n", "/etc/chergui/vendor.toml"),
            ("[files]\ndirectory = \"/srv/in\"\nkind = \"meter\"\n", "\"/srv/in\""),
        ];
        for (text, path) in folders {
            let mut connection: Connection = toml::from_str(text).unwrap();
            connection.beside(Path::new("/etc/chergui"));
            let told = toml::to_string(&connection).unwrap();
            assert!(told.contains(path), "{told}");
        }
    }

    #[test]
    fn a_bus_that_was_not_built_says_how_to_build_it() {
        for (name, is_built) in [("nats", cfg!(feature = "nats")), ("kafka", cfg!(feature = "kafka"))] {
            let key = if name == "nats" { "servers" } else { "brokers" };
            let read = toml::from_str::<Connection>(&format!("[{name}]\n{key} = [\"127.0.0.1:1\"]\n"));
            match read {
                Ok(connection) => assert!(is_built && connection.protocol().name() == name, "{name}"),
                Err(error) => assert!(!is_built && error.message().contains(&format!("--features {name}")), "{name}: {error}"),
            }
        }
    }
}
