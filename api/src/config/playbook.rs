//! What to do about which alert: `[playbook]`. In: the name of a TOML file. Out: the engine's playbook.

use super::{Config, ConfigError};
use engine::alert::Playbook;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What to do about which alert.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlaybookConfig {
    /// File with entries of the site, beside and instead of the built-in ones (docs/alerts.md). Default: the built-in ones alone.
    pub file: Option<PathBuf>,
}

impl Config {
    /// The built-in playbook with the entries of the site.
    ///
    /// # Errors
    /// [`ConfigError::Playbook`] with file, line and remedy.
    pub fn alert_playbook(&self) -> Result<Playbook, ConfigError> {
        let Some(file) = &self.playbook.file else { return Ok(Playbook::default()) };
        let place = file.display().to_string();
        let text = std::fs::read_to_string(file).map_err(|cause| ConfigError::Playbook {
            problem: format!("{place}: {cause}; name a file that is there, or leave it out for the built-in playbook"),
        })?;
        Playbook::edited(&text, &place).map_err(|error| ConfigError::Playbook { problem: error.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::{Config, PlaybookConfig};

    #[test]
    fn a_site_changes_what_to_do_and_slips_are_named() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("site.toml");
        let config = Config { playbook: PlaybookConfig { file: Some(file.clone()) }, ..Config::default() };
        assert!(config.clone().checked().unwrap_err().to_string().contains("built-in"), "the file is not there");
        let entry = |hours: &str| {
            format!(
                "[[work]]\nmode = \"icing\"\nhours = {hours}\npeople = 3\nsteps = [{{ en = \"Wait\", fr = \"Attendre\", ar = \"انتظروا\" }}]\n"
            )
        };
        std::fs::write(&file, entry("2")).unwrap();
        assert_eq!(config.clone().checked().unwrap().alert_playbook().unwrap().work("rotor", "icing").people, 3);
        std::fs::write(&file, entry("-2")).unwrap();
        let error = config.checked().unwrap_err().to_string();
        assert!(error.contains("site.toml line 3") && error.contains("above 0"), "{error}");
    }
}
