//! Watching any machine by all its columns at once, known or anonymous: operating-point regression, then principal components of what is left.
//!
//! In: columns on a regular grid, the rows to learn from. Out: a [`FittedSubspace`] that scores rows one after the other with a small carried state,
//! so that a new row costs a row and not the history. Three statistics at three paces: the loudest sensor, T² inside and Q off the plane of usual
//! variation (`plane`); limits are the larger of theory and of what models saw in stretches they had not learnt from (`regress`). Causal.
//! Sources: Kresta, MacGregor & Marlin (1991), Can. J. Chem. Eng. 69; Lowry et al. (1992), Technometrics 34, for smoothing before the statistic.
//! Deliberately not here: incidents, and machines for which a domain model exists.

mod channels;
mod limits;
mod plane;
mod regress;
mod run;
mod setting;

pub use run::{RowVerdict, Scratch, SubspaceState};

use self::channels::sort;
use self::limits::Pace;
use self::regress::Design;
use self::regress::Sensor;
use self::setting::Carried;
use self::setting::Setting;

/// Rows worked on at once: features of a block stay in the cache.
const BLOCK: usize = 128;
/// Fewest learning rows per feature.
const ROWS_PER_FEATURE: usize = 20;
/// Residuals beyond this many spreads count as this many.
const CLIP: f64 = 8.0;

/// Hours after which a verdict is let go more slowly: the criticality of CARE.
const LASTING_HOURS: f64 = 12.0;

/// What a column is to the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// What drives it: wind speed, irradiance. The first one is used, others are watched.
    Wind,
    /// What it makes, or the load it carries. The first one says how hard it works.
    Power,
    /// Temperature of its surroundings.
    Ambient,
    /// Degrees that may jump at north.
    Angle,
    /// A meter reading; left out.
    Counter,
    /// Anything else.
    Part,
}

/// One column of a machine, on a regular grid of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Column<'a> {
    /// Its name; a name in the style of a quantity can be quoted as evidence.
    pub name: &'a str,
    /// What it is.
    pub role: Role,
    /// One value per row in any unit, NaN where there is none.
    pub values: &'a [f64],
}

/// Knobs of the subspace detector; the defaults serve every machine we measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SubspaceOptions {
    /// Share of the learning rows a limit may lie below.
    pub beyond: f64,
    /// A limit is this many times the level those rows reach.
    pub margin: f64,
    /// A verdict ends when the score falls below the first; below the second once it has lasted twelve hours.
    pub release: (f64, f64),
    /// Time constants of smoothing, hours, rising; 0 looks at single rows.
    pub hours: [f64; 3],
}

impl Default for SubspaceOptions {
    fn default() -> Self {
        Self { beyond: 0.002, margin: 1.6, release: (0.8, 0.8), hours: [0.0, 3.0, 24.0] }
    }
}

/// Why a machine cannot be watched by its columns.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubspaceError {
    /// Too few rows to learn from.
    #[error("{rows} rows of normal operation to learn from, {needed} are needed; learn from a longer stretch")]
    TooShort {
        /// Usable rows.
        rows: usize,
        /// What is needed.
        needed: usize,
    },
    /// Nothing moves.
    #[error(
        "none of the {columns} columns varies on its own in the rows to learn from; give the columns of sensors, not of settings and counters"
    )]
    NothingToWatch {
        /// Columns given.
        columns: usize,
    },
    /// Other columns than were learnt.
    #[error(
        "columns are not those that were learnt: {expected} was expected in place {place}, found {found}; give the same columns in the same order"
    )]
    Columns {
        /// Position, from 0.
        place: usize,
        /// The learnt name.
        expected: String,
        /// The name given, or `nothing`.
        found: String,
    },
}

/// Learns what is normal from all columns at once.
#[derive(Debug)]
pub struct Subspace;

/// What is normal for one machine.
#[derive(Debug, Clone, PartialEq)]
pub struct FittedSubspace {
    names: Vec<String>,
    setting: Setting,
    sensors: Vec<Sensor>,
    paces: Vec<Pace>,
    release: (f64, f64),
    /// Rows after which a verdict has lasted.
    lasting: u32,
}

impl Subspace {
    /// Learns from the rows in which `learn` holds. `hours` is the spacing of the rows.
    ///
    /// # Errors
    /// [`SubspaceError::TooShort`], [`SubspaceError::NothingToWatch`].
    pub fn fit(
        columns: &[Column<'_>],
        learn: &[bool],
        hours: f64,
        options: &SubspaceOptions,
    ) -> Result<FittedSubspace, SubspaceError> {
        let len = columns.iter().map(|c| c.values.len()).min().unwrap_or(0).min(learn.len());
        let until = learn[..len].iter().rposition(|l| *l).map_or(0, |last| last + 1);
        let wanted: Vec<usize> = (0..until).filter(|&i| learn[i]).collect();
        let setting = Setting::fit(columns, sort(columns, &wanted), &wanted, hours);
        let (rows, used) = design(columns, &setting, learn, until);
        let needed = super::residual::LEAST_ROWS.max(ROWS_PER_FEATURE * setting.width);
        if used.len() < needed {
            return Err(SubspaceError::TooShort { rows: used.len(), needed });
        }
        let nothing = || SubspaceError::NothingToWatch { columns: columns.len() };
        let design = Design::new(rows, setting.width).ok_or_else(nothing)?;
        let (mut sensors, mut residuals) = (Vec::new(), Vec::new());
        for reading in setting.sorted.watched.clone() {
            let column = &columns[reading.column];
            let values: Vec<f64> = used.iter().map(|&i| reading.read(column.values[i])).collect();
            let depends_on = if column.role == Role::Power { setting.without_load } else { setting.width };
            if let Some((sensor, residual)) = design.fit(reading, &values, depends_on) {
                sensors.push(sensor);
                residuals.push(residual);
            }
        }
        drop(design);
        let paces: Vec<Pace> = options.hours.iter().filter_map(|tau| Pace::fit(&residuals, *tau, hours, options)).collect();
        if paces.is_empty() {
            return Err(nothing());
        }
        let names = columns.iter().map(|c| c.name.to_owned()).collect();
        Ok(FittedSubspace {
            names,
            setting,
            sensors,
            paces,
            release: options.release,
            lasting: (LASTING_HOURS / hours).round().max(1.0) as u32,
        })
    }
}

impl FittedSubspace {
    /// Names of the columns that are watched, in the order given.
    pub fn watched(&self) -> impl Iterator<Item = &str> {
        self.sensors.iter().filter_map(|sensor| self.names.get(sensor.reading.column).map(String::as_str))
    }
}

/// Features of the rows that tell something, and which rows those are. State starts with the first row.
fn design(columns: &[Column<'_>], setting: &Setting, learn: &[bool], until: usize) -> (Vec<f64>, Vec<usize>) {
    let mut carried = Carried::default();
    let mut features = vec![0.0; setting.width * BLOCK];
    let mut judged = [false; BLOCK];
    let (mut rows, mut used) = (Vec::new(), Vec::new());
    for from in (0..until).step_by(BLOCK) {
        let count = BLOCK.min(until - from);
        setting.block(columns, from, count, &mut carried, &mut features, &mut judged);
        for i in (0..count).filter(|&i| judged[i] && learn[from + i]) {
            let row = rows.len();
            rows.extend((0..setting.width).map(|f| features[f * BLOCK + i]));
            if rows[row..].iter().all(|v: &f64| v.is_finite()) {
                used.push(from + i);
            } else {
                rows.truncate(row);
            }
        }
    }
    (rows, used)
}

#[cfg(test)]
mod tests;
