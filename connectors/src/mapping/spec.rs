//! The mapping file as written: one field per key, documented here because these docs are the manual.
//!
//! In: TOML. Out: plain values with unknown keys refused. Not here: whether names, units and columns exist (see `plan`).

use engine::domain::{ASSET_ID, AVAILABLE_AT, TIME};
use serde::Deserialize;
use std::collections::BTreeMap;

/// A whole mapping file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Name of the mapping, for logs and errors.
    pub name: String,
    /// One line for people: what the file is and which of its traps this mapping knows.
    #[serde(default)]
    pub note: String,
    /// Kind of the assets (`wind_turbine`, `meter`, …) where a column or sum does not name its own.
    pub kind: Option<String>,
    /// Spacing of the rows, ISO 8601 (`PT10M`); with `interval_label` it says when a row became known.
    pub resolution: String,
    /// Which end of the interval the time names: `beginning` (default), `ending` or `instant`.
    #[serde(default = "beginning")]
    pub interval_label: String,
    /// How the text is laid out. Parquet files ignore it.
    #[serde(default)]
    pub format: FormatSpec,
    /// Where the time of a row is and on which clock.
    pub time: TimeSpec,
    /// When a row became known, if the file says so; else the end of its interval.
    pub available_at: Option<TimeSpec>,
    /// Whose row it is; not needed when every column and sum names its asset.
    pub asset: Option<AssetSpec>,
    /// Quantities of the site beyond the standard table, with the unit they are stored in: `vane_angle = "deg"`.
    #[serde(default)]
    pub quantities: BTreeMap<String, String>,
    /// The columns to take; others are left alone.
    #[serde(default)]
    pub column: Vec<ColumnSpec>,
    /// Further quantities that are the sum of mapped columns.
    #[serde(default)]
    pub sum: Vec<SumSpec>,
    /// What to do with a second row for the same asset and time.
    #[serde(default)]
    pub duplicates: DuplicatesSpec,
    /// What is known about the assets; they are added to `assets` before the first reading.
    #[serde(default)]
    pub assets: Vec<AssetEntry>,
}

fn beginning() -> String {
    "beginning".into()
}

/// `[format]`: the layout of a text file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FormatSpec {
    /// One ASCII character between cells. Default `,`.
    pub delimiter: char,
    /// The first line that is neither skipped nor a comment names the columns. Default true.
    pub header: bool,
    /// Names of the columns, in order, for a file without header.
    pub columns: Vec<String>,
    /// Lines to pass over before anything is read. Default 0.
    pub skip_lines: u64,
    /// Lines that begin with this character are comments. Default none.
    pub comment: Option<char>,
    /// The last comment line before the first row names the columns, as Greenbyte and Bazefield export. Default false.
    pub header_in_comment: bool,
    /// Numbers are written `3,14`. Default false.
    pub decimal_comma: bool,
    /// Spellings of a missing value besides the empty cell, matched exactly. Default `NaN nan NULL null NA`.
    pub null: Vec<String>,
}

impl Default for FormatSpec {
    fn default() -> Self {
        Self {
            delimiter: ',',
            header: true,
            columns: Vec::new(),
            skip_lines: 0,
            comment: None,
            header_in_comment: false,
            decimal_comma: false,
            null: ["NaN", "nan", "NULL", "null", "NA"].map(Into::into).into(),
        }
    }
}

/// `[time]`, `[available_at]`: a time and its clock.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeSpec {
    /// The column with the time.
    pub column: Option<String>,
    /// Instead: several columns, joined by a space before reading (a date and an hour).
    #[serde(default)]
    pub columns: Vec<String>,
    /// `rfc3339`, `epoch_s`, `epoch_ms`, or a pattern such as `%d/%m/%Y %H:%M` (strptime, as in jiff).
    pub format: String,
    /// The clock of times without offset: an IANA zone (`Africa/Casablanca`) or a fixed offset (`+01:00`).
    pub zone: Option<String>,
    /// Ignore the offset in the text and read the wall clock in this zone. For files whose offsets are wrong.
    pub wall_clock: Option<String>,
    /// Which instant a local time means that the clock shows twice in autumn: `earlier`, `later` or `reject` (default).
    /// Local times that the clock jumps over in spring are always rejected.
    #[serde(default = "reject")]
    pub ambiguous: String,
}

fn reject() -> String {
    "reject".into()
}

impl TimeSpec {
    /// A column of RFC 3339 times, which say their offset.
    fn rfc3339(column: &str) -> Self {
        Self {
            column: Some(column.into()),
            columns: Vec::new(),
            format: "rfc3339".into(),
            zone: None,
            wall_clock: None,
            ambiguous: reject(),
        }
    }
}

impl Spec {
    /// The mapping of a table in our own form: `time` and `asset_id`, and `available_at` where the table says when each row was known.
    /// Kind: that of each asset; labels: the beginning of the interval.
    pub fn canonical(name: &str, resolution: String, column: Vec<ColumnSpec>, has_available_at: bool) -> Self {
        Self {
            name: name.into(),
            note: String::new(),
            kind: None,
            resolution,
            interval_label: "beginning".into(),
            format: FormatSpec::default(),
            time: TimeSpec::rfc3339(TIME),
            available_at: has_available_at.then(|| TimeSpec::rfc3339(AVAILABLE_AT)),
            asset: Some(AssetSpec { column: Some(ASSET_ID.into()), constant: None, comment: None, rename: BTreeMap::new() }),
            quantities: BTreeMap::new(),
            column,
            sum: Vec::new(),
            duplicates: DuplicatesSpec::default(),
            assets: Vec::new(),
        }
    }
}

/// `[asset]`: a column with ids, or one id for the whole file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssetSpec {
    /// The column with the vendor's name of the asset.
    pub column: Option<String>,
    /// One asset for the whole file.
    pub constant: Option<String>,
    /// One asset per file, named in a comment line before the header: `Turbine` for `# Turbine: Kelmarsh 1`.
    pub comment: Option<String>,
    /// Vendor's name → our id, where they differ.
    #[serde(default)]
    pub rename: BTreeMap<String, String>,
}

/// `[[column]]`: one column of the file becomes one quantity.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnSpec {
    /// Name in the file, matched exactly, double spaces included.
    pub name: String,
    /// Our quantity: standard, or declared in `[quantities]`.
    pub quantity: String,
    /// Unit in the file; converted to the stored unit.
    pub unit: String,
    /// The asset of this column, in wide files where one row speaks of several assets.
    pub asset: Option<String>,
    /// Kind of that asset; default is the mapping's `kind`.
    pub kind: Option<String>,
    /// Values that mean "no value": null in the table, kept in `quality_flags` with the reason.
    #[serde(default)]
    pub invalid: Vec<InvalidSpec>,
}

/// One entry of `invalid`; exactly one of `equals`, `below`, `above`, in the unit of the file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InvalidSpec {
    /// This value, within one part in a million.
    pub equals: Option<f64>,
    /// Everything under this value.
    pub below: Option<f64>,
    /// Everything over this value.
    pub above: Option<f64>,
    /// Why, in a word: `sentinel`, `sensor_limit`, ….
    pub reason: String,
}

/// `[[sum]]`: a quantity that is the sum of mapped columns of the same row; missing when one of them is.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SumSpec {
    /// Our quantity.
    pub quantity: String,
    /// Names of mapped columns; all measure what `quantity` measures.
    pub of: Vec<String>,
    /// The asset of the sum; default is the row's.
    pub asset: Option<String>,
    /// Kind of that asset; default is the mapping's `kind`.
    pub kind: Option<String>,
}

/// `[duplicates]`: a second row for the same asset and time.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DuplicatesSpec {
    /// `last` (default): the later row fills and overrides, nulls never erase. `first`: the later row is rejected.
    /// `error`: the import stops. `least_jump`: of twin rows one belongs `shift` earlier, see [`crate::mapping`].
    pub policy: String,
    /// With `least_jump`: how much earlier the other twin belongs, ISO 8601 (`PT1H`).
    pub shift: Option<String>,
    /// With `least_jump`: the quantities whose jumps are compared.
    pub jump: Vec<JumpSpec>,
}

impl Default for DuplicatesSpec {
    fn default() -> Self {
        Self { policy: "last".into(), shift: None, jump: Vec::new() }
    }
}

/// One entry of `duplicates.jump`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JumpSpec {
    /// A mapped quantity.
    pub quantity: String,
    /// A step of this size, in the stored unit, counts 1.
    pub scale: f64,
}

/// `[[assets]]`: what is known about one asset.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssetEntry {
    /// Our id.
    pub id: String,
    /// Kind; default is the mapping's.
    pub kind: Option<String>,
    /// The plant or region it belongs to.
    pub parent_id: Option<String>,
    /// Name for people; default is the id.
    pub name: Option<String>,
    /// Degrees north.
    pub latitude: Option<f64>,
    /// Degrees east.
    pub longitude: Option<f64>,
    /// Rated power, kW.
    pub capacity_kw: Option<f64>,
    /// IANA zone of the people who work there; default UTC.
    pub timezone: Option<String>,
}
