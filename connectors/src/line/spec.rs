//! `[[line_protocol]]` as written in the configuration: one field per key, documented here because these docs are the manual.
//!
//! In: TOML. Out: plain values with unknown keys refused. Not here: whether names, kinds and units exist (see `plan`).

use serde::Deserialize;
use std::collections::BTreeMap;

/// How lines of one measurement become readings. A measurement that no entry names is read with the defaults.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LineMapping {
    /// The measurement these rules are for, or `*` (default): any that no other entry names.
    pub measurement: String,
    /// The tag that names the asset. Default: `asset_id`, and where a line has none, `asset`.
    pub asset_tag: Option<String>,
    /// With `register`: the kind of an asset we do not know (`wind_turbine`, `meter`, …). Known assets keep their kind.
    pub kind: Option<String>,
    /// With `register`: the tag that tells the kind; lines without it are of `kind`.
    pub kind_tag: Option<String>,
    /// What the values of `kind_tag` mean: `{ wind = "wind_turbine", solar = "pv_inverter" }`. Our own kind names need no entry.
    pub kinds: BTreeMap<String, String>,
    /// With `register`: the tag that names the plant or region an asset belongs to.
    pub parent_tag: Option<String>,
    /// An asset we do not know is added instead of refused. Default false.
    pub register: bool,
    /// Field → quantity, for fields whose name is not a quantity of ours in its stored unit.
    pub fields: BTreeMap<String, LineField>,
    /// A numeric field that is neither mapped nor a quantity becomes a quantity of the site, without a unit. Default false: it is
    /// reported and left out.
    pub declare: bool,
}

impl Default for LineMapping {
    fn default() -> Self {
        Self {
            measurement: "*".into(),
            asset_tag: None,
            kind: None,
            kind_tag: None,
            kinds: BTreeMap::new(),
            parent_tag: None,
            register: false,
            fields: BTreeMap::new(),
            declare: false,
        }
    }
}

/// One entry of `fields`: `power_kw = { quantity = "active_power", unit = "kW" }`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineField {
    /// Our quantity: standard, or declared by the site.
    pub quantity: String,
    /// Unit of the numbers in the lines; converted to the stored unit. Default: the stored unit.
    pub unit: Option<String>,
    /// What the texts of a string field mean, in the stored unit: `{ RUN = 0, STOP = 4 }`.
    #[serde(default)]
    pub texts: BTreeMap<String, f64>,
}
