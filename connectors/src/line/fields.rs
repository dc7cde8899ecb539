//! Fields of a measurement as the lines before had them, and where the value of each goes.
//!
//! In: field keys as written, values. Out: values in columns, stored units; what cannot go anywhere is said once per body.
//! Not here: how a value is written.

use super::MOST_DECLARED;
use super::body::Body;
use super::fault::Fault;
use super::fault::shown;
use super::plan::FieldRule;
use super::plan::is_key;
use super::scan;
use engine::domain::AssetKind;
use engine::domain::Quantity;
use engine::domain::Unit;
use engine::domain::nearest;
use hashbrown::HashMap;
use std::collections::BTreeMap;

/// Fields of one measurement and kind of asset, in the order first met.
#[derive(Debug)]
pub(super) struct Layout<'b> {
    measurement: &'b [u8],
    slots: Vec<Slot<'b>>,
    by_name: HashMap<&'b [u8], usize>,
}

#[derive(Debug)]
struct Slot<'b> {
    /// As written, escapes included.
    name: &'b [u8],
    goes: Goes,
}

#[derive(Debug)]
enum Goes {
    /// stored = scale × value + offset.
    Into {
        column: usize,
        scale: f64,
        offset: f64,
        texts: BTreeMap<String, f64>,
    },
    /// To a new quantity, once a number comes.
    Undeclared,
    Nowhere,
}

impl<'b> Layout<'b> {
    pub(super) fn new(measurement: &'b [u8]) -> Self {
        Self { measurement, slots: Vec::new(), by_name: HashMap::new() }
    }

    /// True when `rest` begins with the field of that slot.
    #[inline]
    pub(super) fn is_at(&self, slot: usize, rest: &[u8]) -> bool {
        self.slots.get(slot).is_some_and(|slot| rest.get(slot.name.len()) == Some(&b'=') && rest.starts_with(slot.name))
    }

    #[inline]
    pub(super) fn name(&self, slot: usize) -> &'b [u8] {
        self.slots[slot].name
    }
}

impl<'b, F: FnMut(&str) -> Option<AssetKind>> Body<'_, 'b, F> {
    /// The slot of the field `rest` begins with, made when new.
    pub(super) fn slot(&mut self, layout: usize, table: usize, rest: &'b [u8]) -> Result<usize, Fault<'b>> {
        let end = scan::delimiter(rest, 0).filter(|&end| end > 0 && rest[end] == b'=').ok_or(Fault::FieldKey(rest))?;
        let name = &rest[..end];
        if let Some(&slot) = self.layouts[layout].by_name.get(name) {
            return Ok(slot);
        }
        let measurement = self.layouts[layout].measurement;
        let meant = scan::key(name);
        let entry = self.plan.entry(&scan::key(measurement));
        let goes = match self.plan.field(entry, &meant) {
            Some(FieldRule { quantity, scale, offset, texts }) => {
                Goes::Into { column: self.tables[table].column(&quantity), scale, offset, texts }
            }
            None if entry.declare && declarable(&meant).is_some() => Goes::Undeclared,
            None => {
                let names = self.plan.quantity_names();
                let near = nearest(&shown(&meant), names).map(|near| format!(", nearest is {near:?}")).unwrap_or_default();
                let remedy = if entry.declare {
                    "a new quantity needs a name of lower-case letters, digits and _, at most 64; map it"
                } else {
                    "map it to a quantity"
                };
                let what = format!("is not a quantity of ours{near}; {remedy} under [[line_protocol]] fields");
                self.say("unknown_field", measurement, name, &what);
                Goes::Nowhere
            }
        };
        let layout = &mut self.layouts[layout];
        layout.slots.push(Slot { name, goes });
        layout.by_name.insert(name, layout.slots.len() - 1);
        Ok(layout.slots.len() - 1)
    }

    /// Puts a number where its field goes; false when it goes nowhere.
    #[inline]
    pub(super) fn put(&mut self, layout: usize, table: usize, slot: usize, value: f64, raw: &'b [u8]) -> Result<bool, Fault<'b>> {
        match self.layouts[layout].slots[slot].goes {
            Goes::Into { column, scale, offset, .. } => {
                let stored = scale * value + offset;
                if !stored.is_finite() {
                    return Err(Fault::NotFinite(self.layouts[layout].slots[slot].name, raw));
                }
                self.tables[table].put(column, stored);
                Ok(true)
            }
            _ if !value.is_finite() => Err(Fault::NotFinite(self.layouts[layout].slots[slot].name, raw)),
            Goes::Nowhere => Ok(false),
            Goes::Undeclared => {
                self.declare(layout, table, slot);
                self.put(layout, table, slot, value, raw)
            }
        }
    }

    #[cold]
    fn declare(&mut self, layout: usize, table: usize, slot: usize) {
        let (measurement, name) = (self.layouts[layout].measurement, self.layouts[layout].slots[slot].name);
        let meant = scan::key(name);
        let known = |(held, _): &(String, Unit)| held.as_bytes() == &*meant;
        let is_new = !self.out.declare.iter().any(known);
        let quantity = declarable(&meant).filter(|_| !is_new || self.out.declare.len() < MOST_DECLARED);
        let goes = match (quantity, Unit::parse("1")) {
            (Some(quantity), Ok(unit)) => {
                if is_new {
                    self.out.declare.push((quantity.name().into(), unit));
                }
                let column = self.tables[table].column(&quantity);
                Goes::Into { column, scale: 1.0, offset: 0.0, texts: BTreeMap::new() }
            }
            _ => {
                let what = format!("would be one new quantity too many, {MOST_DECLARED} a body are the most; send fewer at a time");
                self.say("unknown_field", measurement, name, &what);
                Goes::Nowhere
            }
        };
        self.layouts[layout].slots[slot].goes = goes;
    }

    /// Puts a text where its field goes, if the mapping says what it means; `raw` without the quotes.
    #[cold]
    pub(super) fn put_text(&mut self, layout: usize, table: usize, slot: usize, raw: &'b [u8]) -> bool {
        let (measurement, name) = (self.layouts[layout].measurement, self.layouts[layout].slots[slot].name);
        let (reason, what) = match &self.layouts[layout].slots[slot].goes {
            Goes::Into { texts, .. } if texts.is_empty() => {
                ("text_field", "is a text where a number is stored; say what its texts mean under [[line_protocol]] fields".into())
            }
            Goes::Into { column, texts, .. } => {
                let text = scan::text(raw);
                match std::str::from_utf8(&text).ok().and_then(|text| texts.get(text)) {
                    Some(&value) => {
                        self.tables[table].put(*column, value);
                        return true;
                    }
                    None => ("unknown_text", format!("has the text {:?}, which its texts do not explain", shown(&text))),
                }
            }
            Goes::Undeclared => ("text_field", "is a text; only numbers become quantities".into()),
            Goes::Nowhere => return false,
        };
        self.say(reason, measurement, name, &what);
        false
    }

    /// Reports a field, once per body, reason and measurement.
    fn say(&mut self, reason: &'static str, measurement: &'b [u8], name: &'b [u8], what: &str) {
        if self.said.insert((measurement, name, reason)) {
            self.reject(reason, format!("{}: field {:?} {what}", shown(measurement), shown(name)), name);
        }
    }
}

fn declarable(name: &[u8]) -> Option<Quantity> {
    let name = std::str::from_utf8(name).ok().filter(|name| !is_key(name))?;
    Quantity::parse(name).ok()
}
