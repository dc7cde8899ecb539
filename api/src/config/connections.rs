//! Live connections: `[[connection]]` with `name`, `points` and `[connection.from.PROTOCOL]`. In: settings. Out: checked ones.

use super::{Config, ConfigError};
use connectors::connection::Connection;
use connectors::live::Points;
use engine::domain::{AssetId, Quantities};
use engine::source::SourceError;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// One live connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectionConfig {
    /// Name for the page, metrics, logs and `chergui tail NAME`: letters, digits, `-`, `_`. Its place in the data is kept under this name.
    pub name: String,
    /// Points file, relative to the configuration file: which address is which quantity of which asset. `chergui discover` writes one. Not for `files`, which has a mapping.
    pub points: Option<PathBuf>,
    /// An alert is raised when nothing has arrived for so long, seconds; 0: never. Default: 600, for what is polled at least three polls, for `files` 90000, for `weather` 43200.
    pub silence_s: Option<u64>,
    /// The asset that alert is about. Default: what all assets of the points file belong to, else the first of them.
    pub asset: Option<String>,
    /// Where the values come from: one table, named as the protocol.
    pub from: Connection,
}

impl ConnectionConfig {
    /// Its points, read and checked against the protocol.
    ///
    /// # Errors
    /// [`SourceError`] naming the file and point.
    pub fn read_points(&self, quantities: &Quantities) -> Result<Points, SourceError> {
        let points = match &self.points {
            Some(path) => self.from.protocol().complete(Points::read(path, quantities)?, quantities)?,
            None => self.from.protocol().brings(quantities)?,
        };
        self.from.protocol().check(&points)?;
        Ok(points)
    }

    /// How long nothing may arrive before an alert is raised, seconds; 0: forever.
    pub fn silence_s(&self) -> u64 {
        self.silence_s.unwrap_or_else(|| self.from.protocol().usual_silence().as_secs())
    }

    /// Reads relative paths from this folder on.
    pub(super) fn beside(&mut self, folder: &Path) {
        if let Some(points) = &mut self.points {
            *points = folder.join(&*points);
        }
        self.from.beside(folder);
    }

    /// One line for people.
    pub fn summary(&self) -> String {
        let protocol = self.from.protocol();
        format!("connection {:?}: {} at {}", self.name, protocol.name(), protocol.peer())
    }

    /// An error about this connection.
    pub(crate) fn wrong(&self, problem: impl std::fmt::Display) -> ConfigError {
        ConfigError::Connection { name: self.name.clone(), problem: problem.to_string() }
    }

    fn check(&self) -> Result<(), ConfigError> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if self.name.is_empty() || !self.name.chars().all(is_name) {
            return Err(self.wrong("name must be letters, digits, - or _, for example \"tarfaya\""));
        }
        let protocol = self.from.protocol();
        match &self.points {
            Some(_) if !protocol.needs_points() => {
                return Err(self.wrong("files are read through a mapping: write it as from.files.mapping, and leave points out"));
            }
            None if protocol.needs_points() => {
                let protocol = protocol.name();
                return Err(
                    self.wrong(format!("points is missing; `chergui discover {protocol} … -o plant.toml` writes such a file"))
                );
            }
            _ => {}
        }
        if let Some(asset) = &self.asset {
            AssetId::parse(asset).map_err(|error| self.wrong(format!("asset: {error}")))?;
        }
        Ok(())
    }
}

impl Config {
    /// The live connection of this name.
    ///
    /// # Errors
    /// [`ConfigError::Connection`] with the names there are.
    pub fn connection(&self, name: &str) -> Result<&ConnectionConfig, ConfigError> {
        self.connection.iter().find(|connection| connection.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.connection.iter().map(|connection| connection.name.as_str()).collect();
            let known = if names.is_empty() { "none; add [[connection]] to the configuration".into() } else { names.join(", ") };
            ConfigError::Connection { name: name.into(), problem: format!("there is no such connection; known: {known}") }
        })
    }

    pub(super) fn check_connections(&self) -> Result<(), ConfigError> {
        for (index, connection) in self.connection.iter().enumerate() {
            connection.check()?;
            if self.connection[..index].iter().any(|other| other.name == connection.name) {
                return Err(connection.wrong("two connections have this name; give each its own"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;

    const WHOLE: &str =
        "[[connection]]\nname = \"tarfaya\"\npoints = \"tarfaya.toml\"\n[connection.from.modbus]\nhost = \"127.0.0.1\"\n";

    fn load(text: &str) -> Result<Config, String> {
        let config: Config = toml::from_str(text).map_err(|error| error.to_string())?;
        config.checked().map_err(|error| error.to_string())
    }

    #[test]
    fn a_connection_names_its_protocol_and_peer() {
        let config = load(WHOLE).unwrap();
        let summary = config.connection("tarfaya").unwrap().summary();
        assert!(summary.contains("modbus at") && summary.contains("127.0.0.1"), "{summary}");
        assert_eq!(config.connection[0].silence_s(), 600);
        assert_eq!(load(&WHOLE.replace("points", "silence_s = 0\npoints")).unwrap().connection[0].silence_s(), 0);
        assert!(config.connection("tarfay").unwrap_err().to_string().contains("known: tarfaya"));
        assert_eq!(load(&toml::to_string(&config).unwrap()).unwrap(), config, "what check-config prints can be read again");
    }

    #[test]
    fn slips_are_refused_with_the_remedy() {
        let slips = [
            ("\"tarfaya\"", "\"tar faya\"", "letters, digits"),
            ("points = \"tarfaya.toml\"\n", "", "chergui discover modbus"),
            ("points = ", "asset = \"a b\"\npoints = ", "asset"),
            ("from.modbus", "from.modbs", "modbus"),
            ("host = ", "hots = ", "host"),
        ];
        for (from, to, remedy) in slips {
            let error = load(&WHOLE.replacen(from, to, 1)).unwrap_err();
            assert!(error.contains(remedy), "{to}: {error}");
        }
        assert!(load(&format!("{WHOLE}{WHOLE}")).unwrap_err().contains("two connections"));
    }
}
