//! The table of models, read once from its text.
//!
//! In: `models.txt`. Out: [`model`]. The text is part of the program; a line that cannot be read is left out, and a test compares every
//! point with pysunspec2's. Not here: where a device keeps a model.

use super::super::shape::Kind;
use std::sync::LazyLock;

/// Where a point's exponent comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Factor {
    /// There is none.
    One,
    /// Fixed by the model.
    Fixed(i8),
    /// The point of this name, in the fixed part or the same repetition.
    Point(&'static str),
}

/// One point of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct ModelPoint {
    /// Its name.
    pub(in super::super) name: &'static str,
    /// What it holds.
    pub(in super::super) kind: Kind,
    /// Registers from the model's first (ID), or from the repetition's first.
    pub(in super::super) offset: u16,
    /// Registers it takes.
    pub(in super::super) length: u16,
    /// Its exponent.
    pub(in super::super) factor: Factor,
    /// As the model writes it; `-`: none.
    pub(in super::super) unit: &'static str,
    /// What it is, in words.
    pub(in super::super) label: &'static str,
    /// Names of values or bits.
    pub(in super::super) symbols: Vec<(u32, &'static str)>,
}

/// One model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Model {
    /// Its number.
    pub(in super::super) id: u16,
    /// Its title.
    pub(in super::super) title: &'static str,
    /// The fixed part.
    pub(in super::super) points: Vec<ModelPoint>,
    /// What repeats to the end.
    pub(in super::super) group: Vec<ModelPoint>,
}

static MODELS: LazyLock<Vec<Model>> = LazyLock::new(|| read(include_str!("models.txt")));

/// All models, by number.
#[cfg(test)]
pub(in super::super) fn models() -> &'static [Model] {
    &MODELS
}

/// The model of this number, where it is known.
pub(in super::super) fn model(id: u16) -> Option<&'static Model> {
    MODELS.iter().find(|model| model.id == id)
}

impl Model {
    /// Registers of the fixed part, ID and L among them.
    pub(in super::super) fn fixed(&self) -> u16 {
        self.points.last().map_or(2, |point| point.offset + point.length)
    }

    /// Registers of one repetition; 0: nothing repeats.
    pub(in super::super) fn stride(&self) -> u16 {
        self.group.last().map_or(0, |point| point.offset + point.length)
    }

    /// Repetitions in a model of `length` (its register L).
    pub(in super::super) fn repeats(&self, length: u16) -> u16 {
        length.saturating_add(2).saturating_sub(self.fixed()).checked_div(self.stride()).unwrap_or(0)
    }

    /// A point by name: in the fixed part without an index, in the group with one.
    pub(in super::super) fn point(&self, name: &str, index: Option<u16>) -> Result<&ModelPoint, String> {
        let (held, other) = if index.is_some() { (&self.group, &self.points) } else { (&self.points, &self.group) };
        let named = |points: &'_ [ModelPoint]| points.iter().position(|point| point.name == name);
        if let Some(at) = named(held) {
            return Ok(&held[at]);
        }
        if named(other).is_some() {
            return Err(match index {
                None => format!("{name} of model {} repeats; write which: {name}[1]", self.id),
                Some(_) => format!("{name} of model {} does not repeat; write {name} alone", self.id),
            });
        }
        let names = self.points.iter().chain(&self.group).filter(|point| point.kind != Kind::Text).map(|point| point.name);
        let near = engine::domain::nearest(name, names).map_or_else(String::new, |near| format!("; nearest is {near:?}"));
        Err(format!("model {} ({}) has no point {name:?}{near}", self.id, self.title))
    }

    /// Where the exponent of a point lies: its offset, and whether that is within the repetition.
    pub(in super::super) fn factor(&self, name: &str, is_in_group: bool) -> Option<(u16, bool)> {
        let find = |points: &[ModelPoint]| points.iter().find(|point| point.name == name).map(|point| point.offset);
        let own = if is_in_group { find(&self.group).map(|offset| (offset, true)) } else { None };
        own.or_else(|| find(&self.points).map(|offset| (offset, false)))
    }
}

fn read(text: &'static str) -> Vec<Model> {
    let mut models: Vec<Model> = Vec::new();
    let mut is_group = false;
    let mut next = 2;
    for line in text.lines() {
        let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
        match first {
            "#" => {}
            "model" => {
                let (id, title) = rest.split_once(' ').unwrap_or((rest, ""));
                models.push(Model { id: id.parse().unwrap_or(0), title, points: Vec::new(), group: Vec::new() });
                (is_group, next) = (false, 2);
            }
            "group" => (is_group, next) = (true, 0),
            _ => {
                let Some(model) = models.last_mut() else { continue };
                let points = if is_group { &mut model.group } else { &mut model.points };
                if first == "=" {
                    points.last_mut().into_iter().for_each(|point| point.symbols = symbols(rest));
                } else if let Some(point) = point(first, rest, next) {
                    next += point.length;
                    points.push(point);
                }
            }
        }
    }
    models
}

fn symbols(text: &'static str) -> Vec<(u32, &'static str)> {
    let mut words = text.split(' ');
    let mut out = Vec::new();
    while let (Some(number), Some(name)) = (words.next(), words.next()) {
        out.extend(number.parse().ok().map(|number| (number, name)));
    }
    out
}

fn point(name: &'static str, rest: &'static str, offset: u16) -> Option<ModelPoint> {
    let mut parts = rest.splitn(4, ' ');
    let (kind, factor, unit, label) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let (kind, length) = match kind {
        "uint16" | "count" => (Kind::U16, 1),
        "int16" => (Kind::I16, 1),
        "uint32" => (Kind::U32, 2),
        "int32" => (Kind::I32, 2),
        "uint64" => (Kind::U64, 4),
        "int64" => (Kind::I64, 4),
        "float32" => (Kind::F32, 2),
        "float64" => (Kind::F64, 4),
        "acc16" => (Kind::Acc16, 1),
        "acc32" => (Kind::Acc32, 2),
        "acc64" => (Kind::Acc64, 4),
        "enum16" => (Kind::Enum16, 1),
        "enum32" => (Kind::Enum32, 2),
        "bitfield16" => (Kind::Bits16, 1),
        "bitfield32" => (Kind::Bits32, 2),
        "sunssf" => (Kind::Factor, 1),
        text => (Kind::Text, text.strip_prefix("string").or_else(|| text.strip_prefix("pad"))?.parse().ok()?),
    };
    let factor = match factor {
        "-" => Factor::One,
        fixed => fixed.parse().map_or(Factor::Point(fixed), Factor::Fixed),
    };
    Some(ModelPoint { name, kind, offset, length, factor, unit, label, symbols: Vec::new() })
}
