//! What an anonymous column is to its machine, from the farm's `feature_description.csv` and from its name.
//!
//! In: the description (its absence is no error), a column name. Out: a [`Role`]. Names carry the statistic (`sensor_5_avg`), descriptions do not.
//! Units are matched without their first characters, because the degree sign is lost in some copies.

use super::CareError;
use super::fields::Fields;
use engine::detect::Role;
use std::collections::BTreeMap;
use std::path::Path;

/// Words for the air around a machine.
const AIR: [&str; 4] = ["ambient", "outside", "outdoor", "external temp"];

/// Sensors of a farm by name.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Sensors(BTreeMap<String, Described>);

#[derive(Debug, Clone, PartialEq)]
struct Described {
    is_angle: bool,
    is_counter: bool,
    is_air: bool,
}

impl Sensors {
    pub(super) fn read(path: &Path) -> Result<Self, CareError> {
        if !path.is_file() {
            return Ok(Self::default());
        }
        let mut rows = Fields::open(path)?;
        let name = rows.column("sensor_name")?;
        let (description, unit) = (rows.optional("description"), rows.optional("unit"));
        let (angle, counter) = (rows.optional("is_angle"), rows.optional("is_counter"));
        let mut sensors = BTreeMap::new();
        while rows.next()? {
            let text = |at: Option<usize>| at.map(|at| rows.text(at).to_lowercase()).unwrap_or_default();
            let yes = |at: Option<usize>| matches!(text(at).as_str(), "true" | "1" | "yes");
            let (said, unit) = (text(description), text(unit));
            let described = Described {
                is_angle: yes(angle),
                is_counter: yes(counter),
                is_air: unit.ends_with('c') && AIR.iter().any(|word| said.contains(word)),
            };
            sensors.insert(rows.text(name), described);
        }
        Ok(Self(sensors))
    }

    /// The role of a column.
    pub(super) fn role(&self, column: &str) -> Role {
        let (name, _) = split(column);
        match self.0.get(name).or_else(|| self.0.get(column)) {
            Some(sensor) if sensor.is_counter => Role::Counter,
            Some(sensor) if sensor.is_angle => Role::Angle,
            Some(sensor) if sensor.is_air => Role::Ambient,
            _ if name.starts_with("wind_speed") => Role::Wind,
            _ if name.starts_with("power") => Role::Power,
            _ => Role::Part,
        }
    }
}

/// A column's sensor and statistic; none stands for the average.
pub(super) fn split(column: &str) -> (&str, &str) {
    let parts = column.rsplit_once('_');
    parts.filter(|(_, end)| matches!(*end, "avg" | "max" | "min" | "std")).unwrap_or((column, "avg"))
}
