//! The mapping compiled against the quantities of a site: every name, kind and unit resolved once, not per line.
//!
//! In: [`LineMapping`]s. Out: a [`LinePlan`], or one sentence that names the key and the nearest valid name. Not here: lines.

use super::LONGEST_LINE;
use super::spec::LineMapping;
use engine::domain::ASSET_ID;
use engine::domain::AVAILABLE_AT;
use engine::domain::AssetKind;
use engine::domain::Quantities;
use engine::domain::Quantity;
use engine::domain::TIME;
use engine::domain::Unit;
use engine::source::SourceError;
use hashbrown::HashMap;
use std::collections::BTreeMap;
use std::fmt::Display;

/// How to read lines, compiled. Cheap to share; make a new one when the mapping or the site's quantities change.
#[derive(Debug, Clone)]
pub struct LinePlan {
    entries: Vec<Entry>,
    by_measurement: HashMap<Vec<u8>, usize>,
    /// Entry of the other measurements.
    other: usize,
    quantities: HashMap<Vec<u8>, Quantity>,
    longest_line: usize,
    /// Rows became known at their own time, not when read.
    known_when_measured: bool,
}

/// The rules of one measurement.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// Tags that may name the asset; the first a line has counts.
    pub(super) asset_tags: Vec<String>,
    pub(super) kind: Option<AssetKind>,
    pub(super) kind_tag: Option<String>,
    pub(super) kinds: BTreeMap<String, AssetKind>,
    pub(super) parent_tag: Option<String>,
    pub(super) register: bool,
    pub(super) declare: bool,
    fields: HashMap<Vec<u8>, FieldRule>,
}

/// What becomes of a field: stored = scale × value + offset.
#[derive(Debug, Clone)]
pub(super) struct FieldRule {
    pub(super) quantity: Quantity,
    pub(super) scale: f64,
    pub(super) offset: f64,
    pub(super) texts: BTreeMap<String, f64>,
}

impl LinePlan {
    /// Checks the entries of `[[line_protocol]]`; none is fine. `quantities` are those of the site.
    ///
    /// # Errors
    /// [`SourceError::Mapping`] naming the entry, the key and the nearest valid name.
    pub fn new(mappings: &[LineMapping], quantities: &Quantities) -> Result<Self, SourceError> {
        let mut plan = Self {
            entries: Vec::new(),
            by_measurement: HashMap::new(),
            other: 0,
            quantities: quantities.iter().map(|(quantity, _)| (quantity.name().as_bytes().to_vec(), quantity.clone())).collect(),
            longest_line: LONGEST_LINE,
            known_when_measured: false,
        };
        let mut other = None;
        for mapping in mappings {
            let refuse = |problem: String| SourceError::Mapping {
                place: format!("[[line_protocol]] measurement = {:?}", mapping.measurement),
                problem,
            };
            let entry = entry(mapping, quantities).map_err(refuse)?;
            let held = match mapping.measurement.as_str() {
                "*" => other.replace(plan.entries.len()),
                name => plan.by_measurement.insert(name.into(), plan.entries.len()),
            };
            if held.is_some() {
                return Err(refuse("this measurement has two entries; join them".into()));
            }
            plan.entries.push(entry);
        }
        plan.other = match other {
            Some(index) => index,
            None => {
                let place = "[[line_protocol]] defaults".into();
                let defaults =
                    entry(&LineMapping::default(), quantities).map_err(|problem| SourceError::Mapping { place, problem })?;
                plan.entries.push(defaults);
                plan.entries.len() - 1
            }
        };
        Ok(plan)
    }

    /// The same plan with another limit for a line, in bytes.
    #[must_use]
    pub fn with_longest_line(mut self, bytes: usize) -> Self {
        self.longest_line = bytes;
        self
    }

    /// The same plan for history: each row became known at its own time, not when it was read.
    #[must_use]
    pub fn known_when_measured(mut self) -> Self {
        self.known_when_measured = true;
        self
    }

    pub(super) fn is_known_when_measured(&self) -> bool {
        self.known_when_measured
    }

    pub(super) fn longest_line(&self) -> usize {
        self.longest_line
    }

    /// The rules of a measurement, as it was meant.
    pub(super) fn entry(&self, measurement: &[u8]) -> &Entry {
        &self.entries[self.by_measurement.get(measurement).copied().unwrap_or(self.other)]
    }

    /// The rule of a field, as its name was meant: the entry's, else the quantity of that name.
    pub(super) fn field(&self, entry: &Entry, name: &[u8]) -> Option<FieldRule> {
        if let Some(rule) = entry.fields.get(name) {
            return Some(rule.clone());
        }
        self.quantities.get(name).cloned().map(FieldRule::plain)
    }

    /// Names of all quantities, for suggestions.
    pub(super) fn quantity_names(&self) -> impl Iterator<Item = &str> {
        self.quantities.values().map(Quantity::name)
    }
}

impl FieldRule {
    /// Values as they are.
    pub(super) fn plain(quantity: Quantity) -> Self {
        Self { quantity, scale: 1.0, offset: 0.0, texts: BTreeMap::new() }
    }
}

/// True for names that are columns of every telemetry table and hence no quantities.
pub(super) fn is_key(name: &str) -> bool {
    matches!(name, TIME | ASSET_ID | AVAILABLE_AT)
}

fn at<E: Display>(key: &str) -> impl FnOnce(E) -> String + '_ {
    move |error| format!("{key}: {error}")
}

fn entry(mapping: &LineMapping, quantities: &Quantities) -> Result<Entry, String> {
    let kind = mapping.kind.as_deref().map(AssetKind::parse).transpose().map_err(at("kind"))?;
    let kinds = mapping.kinds.iter().map(|(value, kind)| {
        let key = format!("kinds.{value}");
        Ok((value.clone(), AssetKind::parse(kind).map_err(at(&key))?))
    });
    let kinds = kinds.collect::<Result<BTreeMap<_, _>, String>>()?;
    if mapping.register && kind.is_none() && mapping.kind_tag.is_none() {
        return Err("register = true needs kind = \"…\", or kind_tag = \"…\": an asset we do not know must be of some kind".into());
    }
    if !mapping.register && (kind.is_some() || mapping.kind_tag.is_some() || mapping.parent_tag.is_some() || !kinds.is_empty()) {
        return Err("kind, kind_tag, kinds and parent_tag go with register = true; a known asset keeps its kind".into());
    }
    if mapping.kind_tag.is_none() && !kinds.is_empty() {
        return Err("kinds goes with kind_tag = \"…\"".into());
    }
    let mut fields = HashMap::new();
    for (name, field) in &mapping.fields {
        let key = format!("fields.{name}");
        let (quantity, info) = quantities.get(&field.quantity).map_err(at(&key))?;
        if is_key(quantity.name()) {
            return Err(format!("{key}: {quantity:?} is a column of every table, not a quantity"));
        }
        let unit = field.unit.as_deref().map(Unit::parse).transpose().map_err(at(&key))?.unwrap_or(info.unit);
        let (scale, offset) = unit.to(info.unit).ok_or_else(|| {
            format!("{key}: {quantity} is stored in {}; {unit} measures something else and cannot be converted", info.unit)
        })?;
        if let Some((text, _)) = field.texts.iter().find(|(_, value)| !value.is_finite()) {
            return Err(format!("{key}: the value of text {text:?} must be a finite number"));
        }
        let rule = FieldRule { quantity: quantity.clone(), scale, offset, texts: field.texts.clone() };
        fields.insert(name.as_bytes().to_vec(), rule);
    }
    Ok(Entry {
        asset_tags: mapping.asset_tag.as_ref().map_or_else(|| vec!["asset_id".into(), "asset".into()], |tag| vec![tag.clone()]),
        kind,
        kind_tag: mapping.kind_tag.clone(),
        kinds,
        parent_tag: mapping.parent_tag.clone(),
        register: mapping.register,
        declare: mapping.declare,
        fields,
    })
}
