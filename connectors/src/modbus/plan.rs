//! Which registers to ask for together.
//!
//! In: the items of one unit. Out: [`Span`]s: one request each. A value, its scale factor and the head of its model are in one request
//! wherever they fit into one, so that a factor that changes never meets a value from before. Not here: asking.

use super::address::{Spot, Table};
use super::item::{Exponent, Item};

/// Largest reads of the standard (Modbus Application Protocol V1.1b3, 6.1 to 6.4).
pub(super) const MOST_REGISTERS: u16 = 125;
/// Bits of one read per register of one read: 2000 / 125.
const BITS_PER_REGISTER: u32 = 16;

/// What of an item lies in a stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// All it needs.
    All,
    /// Its value; the factor comes in another request of the same poll.
    Value,
    /// Its factor.
    Factor,
}

/// A stretch that must not be torn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Atom {
    start: u32,
    end: u32,
    /// Index into the unit's items.
    pub(super) item: usize,
    /// What of it.
    pub(super) part: Part,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    /// From which table.
    pub(super) table: Table,
    /// First address.
    pub(super) start: u16,
    /// Registers or bits.
    pub(super) count: u16,
    /// Whose.
    pub(super) atoms: Vec<Atom>,
}

/// Bounds of requests.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Registers in one request.
    pub(super) most: u16,
    /// Registers one may read over to save a request.
    pub(super) gap: u16,
}

/// The requests for these items; those without a place are left out.
pub(super) fn plan(items: &[Item], bounds: Bounds) -> Vec<Span> {
    let mut atoms: Vec<(Table, Atom)> = Vec::new();
    for (item, held) in items.iter().enumerate() {
        let Some(place) = held.place else { continue };
        let table = if let Spot::Plain(table, _) = held.spot { table } else { Table::Holding };
        let (start, end) = (u32::from(place.start), u32::from(place.start) + u32::from(held.shape.kind.registers()));
        let factor = match place.exponent {
            Exponent::At(at) => Some(u32::from(at)),
            Exponent::Fixed(_) => None,
        };
        let both = (factor.map_or(start, |at| at.min(start)), factor.map_or(end, |at| (at + 1).max(end)));
        let headed = (place.model.map_or(both.0, |model| u32::from(model.start).min(both.0)), both.1);
        let fits = |range: (u32, u32)| range.1 - range.0 <= u32::from(bounds.most);
        let mut add = |range: (u32, u32), part| atoms.push((table, Atom { start: range.0, end: range.1, item, part }));
        if table.is_bits() || fits(headed) {
            add(headed, Part::All);
        } else if fits(both) {
            add(both, Part::All);
        } else {
            add((start, end), Part::Value);
            factor.into_iter().for_each(|at| add((at, at + 1), Part::Factor));
        }
    }
    atoms.sort_by_key(|(table, atom)| (*table, atom.start, atom.end));
    let mut spans: Vec<Span> = Vec::new();
    let mut rest = atoms.as_slice();
    while let Some((table, _)) = rest.first() {
        let end = rest.iter().position(|(other, _)| other != table).unwrap_or(rest.len());
        let (own, after) = rest.split_at(end);
        let own: Vec<Atom> = own.iter().map(|(_, atom)| *atom).collect();
        spans.extend(pack(*table, &own, bounds));
        rest = after;
    }
    spans
}

/// Sorted stretches of one table, packed greedily: the fewest requests a fixed order allows.
fn pack(table: Table, atoms: &[Atom], bounds: Bounds) -> Vec<Span> {
    let most = if table.is_bits() { u32::from(bounds.most) * BITS_PER_REGISTER } else { u32::from(bounds.most) };
    let gap = if table.is_bits() { u32::from(bounds.gap) * BITS_PER_REGISTER } else { u32::from(bounds.gap) };
    let mut spans: Vec<(u32, u32, Vec<Atom>)> = Vec::new();
    for atom in atoms {
        match spans.last_mut() {
            Some((start, end, held)) if atom.start <= *end + gap && (*end).max(atom.end) - *start <= most => {
                *end = (*end).max(atom.end);
                held.push(*atom);
            }
            _ => spans.push((atom.start, atom.end, vec![*atom])),
        }
    }
    let span = |(start, end, atoms): (u32, u32, Vec<Atom>)| Span { table, start: start as u16, count: (end - start) as u16, atoms };
    spans.into_iter().map(span).collect()
}

impl Span {
    /// The same in two requests, so that an address the device does not have is narrowed down; `None`: it is only one thing.
    pub(super) fn halves(&self) -> Option<[Self; 2]> {
        let first = self.atoms.first()?;
        let is_one = self.atoms.iter().all(|atom| (atom.start, atom.end) == (first.start, first.end));
        if is_one {
            return None;
        }
        let middle = self.atoms.len() / 2;
        let half = |atoms: &[Atom]| {
            let start = atoms.iter().map(|atom| atom.start).min().unwrap_or(0);
            let end = atoms.iter().map(|atom| atom.end).max().unwrap_or(start);
            Self { table: self.table, start: start as u16, count: (end - start) as u16, atoms: atoms.to_vec() }
        };
        Some([half(&self.atoms[..middle]), half(&self.atoms[middle..])])
    }

    /// `count` registers at an address, out of what the request brought.
    pub(super) fn slice<'a>(&self, words: &'a [u16], start: u16, count: u16) -> Option<&'a [u16]> {
        let from = usize::from(start.checked_sub(self.start)?);
        words.get(from..from + usize::from(count))
    }
}
