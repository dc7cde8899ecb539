//! A point of the points file as this protocol reads it, and what became of it last.
//!
//! In: an address and its options. Out: [`Item`]: checked, with its place in the device once that is known. Not here: requests.

use super::Order;
use super::Settings;
use super::address::{Address, Host, Spot};
use super::shape::{Kind, Shape};
use super::sunspec;
use crate::live::{Point, Points, Target};
use engine::domain::Quantities;
use engine::domain::Unit;
use engine::source::SourceError;
use serde::Deserialize;

/// Keys of a point.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Own {
    /// `u16` (default of registers), `i16`, `u32`, `i32`, `u64`, `i64`, `f32`, `f64`, `acc16`, `acc32`, `acc64`, `bool` (of coils).
    #[serde(rename = "type")]
    kind: Option<Kind>,
    word_order: Option<Order>,
    byte_order: Option<Order>,
    /// One bit of a whole number.
    bit: Option<u8>,
    /// Raw values that mean none.
    invalid: Vec<f64>,
    /// For events of named values and bits: the names that count.
    when: Vec<String>,
}

/// The exponent of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exponent {
    /// Known.
    Fixed(i8),
    /// In the register at this address.
    At(u16),
}

/// Where an item lies in its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Address of its first register or bit.
    pub(super) start: u16,
    /// Its exponent.
    pub(super) exponent: Exponent,
    /// The model's own first registers, which say that it still is where it was.
    pub(super) model: Option<sunspec::Placed>,
}

/// One point.
#[derive(Debug, Clone)]
pub(super) struct Item {
    /// Index into the points.
    pub(super) point: u32,
    /// Where it is said to be.
    pub(super) spot: Spot,
    /// How it is laid out.
    pub(super) shape: Shape,
    /// Raw values that mean none.
    pub(super) invalid: Vec<f64>,
    /// True for `event = …`.
    pub(super) is_event: bool,
    /// Names that count, with their value or bit.
    pub(super) symbols: Vec<(u32, String)>,
    /// The event's own words.
    pub(super) message: String,
    /// File and number, for errors.
    pub(super) place_in_file: String,
    /// Where it lies; `None`: not found, or not looked for yet.
    pub(super) place: Option<Place>,
}

/// Everything of one host and unit.
#[derive(Debug, Clone)]
pub(super) struct Addressed {
    /// Whom to ask.
    pub(super) host: Host,
    /// Unit id.
    pub(super) unit: u8,
    /// The item.
    pub(super) item: Item,
}

/// Reads every point.
///
/// # Errors
/// [`SourceError::Mapping`] naming the point and the remedy.
pub(super) fn read(settings: &Settings, points: &Points) -> Result<Vec<Addressed>, SourceError> {
    points.points().iter().enumerate().map(|(index, point)| one(settings, points, index as u32, point)).collect()
}

fn one(settings: &Settings, points: &Points, index: u32, point: &Point) -> Result<Addressed, SourceError> {
    let wrong = |problem: String| point.wrong(problem);
    let address = Address::parse(&point.address, settings.port).map_err(wrong)?;
    let own: Own = point.options()?;
    let host = match address.host {
        Some(host) => host,
        None if settings.host.is_empty() => {
            return Err(wrong(
                "the settings name no host; write host = \"…\" under [connection.from.modbus], or before this address".into(),
            ));
        }
        None => Host { name: settings.host.clone(), port: settings.port },
    };
    let (shape, symbols, place) = match &address.spot {
        Spot::Plain(table, offset) => {
            let kind = own.kind.unwrap_or(if table.is_bits() { Kind::Bool } else { Kind::U16 });
            if table.is_bits() && (kind != Kind::Bool || own.bit.is_some()) {
                return Err(wrong("a coil or discrete input is one bit; leave out type and bit".into()));
            }
            if offset.checked_add(kind.registers() - 1).is_none() {
                return Err(wrong(format!("{} registers from here pass the last one, 65535", kind.registers())));
            }
            if let Some(bit) = own.bit
                && (!kind.is_whole() || u16::from(bit) >= kind.registers() * 16)
            {
                return Err(wrong(format!(
                    "bit = {bit} needs a whole number with that many bits; a u16 has 0 to 15, a u32 0 to 31"
                )));
            }
            let (words, bytes) = (own.word_order.unwrap_or(settings.word_order), own.byte_order.unwrap_or(settings.byte_order));
            let shape = Shape { kind, words, bytes, bit: own.bit, is_sunspec: false };
            (shape, Vec::new(), Some(Place { start: *offset, exponent: Exponent::Fixed(0), model: None }))
        }
        Spot::Model { model, point: name, index, .. } => {
            if own.kind.is_some() || own.word_order.is_some() || own.byte_order.is_some() || own.bit.is_some() {
                return Err(wrong(
                    "a SunSpec model says type and order itself; leave out type, word_order, byte_order and bit".into(),
                ));
            }
            let known = sunspec::model(*model).ok_or_else(|| {
                wrong(format!("model {model} is not among those read by name; write the registers as 1/hr:OFFSET with their type"))
            })?;
            let held = known.point(name, *index).map_err(wrong)?;
            if held.kind == Kind::Text {
                return Err(wrong(format!("{name} is text; only numbers, states and bits become values")));
            }
            if let Some(problem) = unit_slip(points, point, held.unit) {
                return Err(wrong(problem));
            }
            let symbols = held.symbols.iter().map(|(number, name)| (*number, (*name).to_owned())).collect();
            (Shape::sunspec(held.kind), symbols, None)
        }
    };
    let (is_event, message) = match &point.target {
        Target::Event { message } => (true, message.clone()),
        Target::Value { .. } => (false, String::new()),
    };
    let symbols = picked(&own.when, symbols, shape.kind, is_event).map_err(wrong)?;
    let place_in_file = point.place.clone();
    let item =
        Item { point: index, spot: address.spot, shape, invalid: own.invalid, is_event, symbols, message, place_in_file, place };
    Ok(Addressed { host, unit: address.unit, item })
}

/// A model's watts read as if they were the stored kilowatts are the likeliest slip of all.
fn unit_slip(points: &Points, point: &Point, unit: &str) -> Option<String> {
    let Target::Value { quantity, scale, offset, .. } = &point.target else { return None };
    let own = Unit::parse(sunspec::unit(unit)?).ok()?;
    let declared = points.declared().iter().find(|(name, _)| name == quantity.name()).map(|(_, unit)| *unit);
    let stored = declared.or_else(|| Quantities::standard().get(quantity.name()).ok().map(|(_, info)| info.unit))?;
    match own.to(stored) {
        None => {
            Some(format!("the model says {own}, which is no unit of {quantity} ({stored}); another point, or another quantity"))
        }
        Some((factor, shift)) if (*scale, *offset) == (1.0, 0.0) && (factor, shift) != (1.0, 0.0) => {
            Some(format!("the model says {own}, {quantity} is stored in {stored}; write unit = \"{own}\""))
        }
        Some(_) => None,
    }
}

/// The names that count: all, or those of `when`.
fn picked(when: &[String], symbols: Vec<(u32, String)>, kind: Kind, is_event: bool) -> Result<Vec<(u32, String)>, String> {
    let is_named = matches!(kind, Kind::Bits16 | Kind::Bits32 | Kind::Enum16 | Kind::Enum32);
    if when.is_empty() {
        return Ok(symbols);
    }
    if !is_event || !is_named {
        return Err("when picks among the states or bits of a SunSpec point with event = \"…\"; leave it out here".into());
    }
    when.iter()
        .map(|name| {
            if let Some(held) = symbols.iter().find(|(_, symbol)| symbol == name) {
                return Ok(held.clone());
            }
            if let Ok(number) = name.parse() {
                return Ok((number, name.clone()));
            }
            let near = engine::domain::nearest(name, symbols.iter().map(|(_, symbol)| symbol.as_str()));
            let near = near.map_or_else(|| "write its number".into(), |near| format!("nearest is {near:?}"));
            Err(format!("when: there is no {name:?} here; {near}"))
        })
        .collect()
}

impl Item {
    /// Finds a model's point in a device's map.
    pub(super) fn locate(&mut self, map: &sunspec::Map) -> Result<(), String> {
        let Spot::Model { model, instance, point, index } = &self.spot else { return Ok(()) };
        self.place = None;
        let absent = || {
            let held: Vec<String> = map.models.iter().map(|placed| placed.id.to_string()).collect();
            format!("it has no model {model} (number {instance} of that kind); it has {}", held.join(", "))
        };
        let placed = map.find(*model, *instance).ok_or_else(absent)?;
        let known = sunspec::model(*model).ok_or_else(absent)?;
        let held = known.point(point, *index)?;
        let repeats = known.repeats(placed.length);
        let group = match index {
            Some(index) if *index > repeats => {
                return Err(format!("its model {model} has {repeats} repetitions; {point}[{index}] is not among them"));
            }
            Some(index) => u32::from(known.fixed()) + u32::from(index - 1) * u32::from(known.stride()),
            None => 0,
        };
        // An older, shorter edition of the model may end before the point.
        let within = |offset: u32, length: u16| {
            let end = offset + u32::from(length);
            let is_inside = end <= u32::from(placed.length) + 2;
            is_inside.then(|| u16::try_from(u32::from(placed.start) + offset).ok()).flatten()
        };
        let short = || format!("its model {model} is {} registers long and ends before {point}", placed.length);
        let start = within(group + u32::from(held.offset), held.length).ok_or_else(short)?;
        let exponent = match held.factor {
            sunspec::Factor::One => Exponent::Fixed(0),
            sunspec::Factor::Fixed(exponent) => Exponent::Fixed(exponent),
            sunspec::Factor::Point(name) => {
                let (offset, is_in_group) = known.factor(name, index.is_some()).ok_or_else(short)?;
                let base = if is_in_group { group } else { 0 };
                Exponent::At(within(base + u32::from(offset), 1).ok_or_else(short)?)
            }
        };
        self.place = Some(Place { start, exponent, model: Some(placed) });
        Ok(())
    }

    /// The messages that hold now, for events: the point's own, or one per named state or bit. `None` stands for the point's own.
    pub(super) fn messages(&self, bits: u64) -> Vec<Option<String>> {
        let named = |name: &str| Some(format!("{}: {name}", self.message));
        match self.shape.kind {
            Kind::Bits16 | Kind::Bits32 if self.symbols.is_empty() => {
                (0..31_u32).filter(|bit| bits >> bit & 1 == 1).map(|bit| named(&format!("bit {bit}"))).collect()
            }
            Kind::Bits16 | Kind::Bits32 => {
                self.symbols.iter().filter(|(bit, _)| *bit < 64 && bits >> bit & 1 == 1).map(|(_, name)| named(name)).collect()
            }
            Kind::Enum16 | Kind::Enum32 if self.symbols.is_empty() => vec![named(&bits.to_string())],
            Kind::Enum16 | Kind::Enum32 => {
                self.symbols.iter().filter(|(number, _)| u64::from(*number) == bits).map(|(_, name)| named(name)).collect()
            }
            _ if bits != 0 => vec![None],
            _ => Vec::new(),
        }
    }
}
