//! What a device or a gateway offers: every implemented point of every SunSpec model; of others, which registers answer.
//!
//! In: a host. Out: [`Found`] things. A device that answers to every unit id is told once. Not here: guessing quantities.

use super::Settings;
use super::address::{Host, Table};
use super::shape::{Kind, Raw, Shape, exponent, scaled, text};
use super::sunspec::{self, Factor, Model, ModelPoint, Placed};
use super::unit::survey;
use super::wire::{Trouble, Wire};
use crate::live::Found;
use engine::source::SourceError;
use std::collections::BTreeSet;
use std::time::Duration;

/// How long a unit that may not exist is waited for.
const SCAN_PATIENCE: Duration = Duration::from_millis(500);
/// Step of the search in a device without models, and how far it goes.
const STEP: u16 = 100;
const FAR: u16 = 10_000;
/// What is told while units are asked.
const STAGES: [&str; 10] = [
    "asking unit after unit for SunSpec models …",
    "10 % of the units asked",
    "20 %",
    "30 %",
    "40 %",
    "50 %",
    "60 %",
    "70 %",
    "80 %",
    "90 %",
];
/// Registers of the common model: texts at fixed places (model 1).
const COMMON_LENGTH: u16 = 66;

/// Asks every unit.
pub(super) async fn discover<'t>(settings: &Settings, tell: &(dyn Fn(&'t str) + Send + Sync)) -> Result<Vec<Found>, SourceError> {
    if settings.host.is_empty() {
        let problem = "discover needs host=…, the address of the device or gateway".into();
        return Err(SourceError::Mapping { place: "modbus".into(), problem });
    }
    let host = Host { name: settings.host.clone(), port: settings.port };
    let failed = |problem: String| SourceError::Io { place: host.to_string(), cause: std::io::Error::other(problem) };
    let units: Vec<u8> = if settings.sunspec.units.is_empty() { (1..=247).collect() } else { settings.sunspec.units.clone() };
    let mut scan = Scan { settings, host: &host, wire: None, found: Vec::new(), seen: BTreeSet::new() };
    let mut answered = 0;
    for (number, unit) in units.iter().enumerate() {
        let tenth = number * 10 / units.len();
        if number == 0 || tenth != (number - 1) * 10 / units.len() {
            tell(STAGES[tenth.min(9)]);
        }
        let mut asked = scan.unit(*unit).await;
        if let Err(Trouble::Broken(_)) = asked {
            // Once more: the connection may have been used up by the unit before.
            scan.wire = None;
            asked = scan.unit(*unit).await;
        }
        match asked {
            Ok(()) => answered += 1,
            Err(Trouble::Exception(_)) => {}
            Err(Trouble::Silent) => scan.wire = None,
            Err(Trouble::Broken(error)) => return Err(failed(error)),
        }
    }
    if answered == 0 {
        return Err(failed(format!("no unit of {} answers; name them with sunspec.units=[3]", units.len())));
    }
    let found = scan.found;
    if found.is_empty() {
        return Err(failed("units answer, but no register below 10000 does; write points by hand from the device's manual".into()));
    }
    Ok(found)
}

/// Maker, model and serial number; `None`: it does not say.
pub(super) async fn nameplate(wire: &mut Wire, unit: u8, base: Option<u16>) -> Option<String> {
    let map = survey(wire, unit, base).await.ok()??;
    let common = map.find(1, 1)?;
    name_of(wire, unit, common).await.ok().flatten()
}

async fn name_of(wire: &mut Wire, unit: u8, common: Placed) -> Result<Option<String>, Trouble> {
    let Some(start) = common.start.checked_add(2).filter(|_| common.length >= COMMON_LENGTH - 1) else { return Ok(None) };
    let words = match wire.read(unit, Table::Holding, start, COMMON_LENGTH - 2).await {
        Ok(words) => words,
        Err(Trouble::Exception(_)) => return Ok(None),
        Err(trouble) => return Err(trouble),
    };
    let parts = [(0, 16), (16, 32), (48, 64)].map(|(from, to)| text(words.get(from..to).unwrap_or_default()));
    Ok(Some(parts.join(" ").split_whitespace().collect::<Vec<_>>().join(" ")).filter(|name| !name.is_empty()))
}

struct Scan<'a> {
    settings: &'a Settings,
    host: &'a Host,
    wire: Option<Wire>,
    found: Vec<Found>,
    seen: BTreeSet<String>,
}

impl Scan<'_> {
    async fn unit(&mut self, unit: u8) -> Result<(), Trouble> {
        let wire = match self.wire.take() {
            Some(wire) => wire,
            None => Wire::dial(self.host, self.settings.patience()).await.map_err(Trouble::Broken)?,
        };
        let wire = self.wire.insert(wire);
        wire.wait_for(SCAN_PATIENCE.min(self.settings.patience()));
        let found = survey(wire, unit, self.settings.sunspec.base).await?;
        wire.wait_for(self.settings.patience());
        let Some(map) = found else { return self.plain(unit).await };
        let mut device = format!("unit {unit}");
        let mut counted: Vec<(u16, u16)> = Vec::new();
        let first = self.found.len();
        for placed in &map.models {
            let wire = self.wire.as_mut().ok_or_else(|| Trouble::Broken("not connected".into()))?;
            if placed.id == 1 {
                device = name_of(wire, unit, *placed).await?.unwrap_or_else(|| format!("unit {unit}"));
                // A serial number seen before: the device does not look at the unit id.
                if !self.seen.insert(format!("{device} #{}", map.models.iter().filter(|other| other.start < placed.start).count()))
                {
                    self.found.truncate(first);
                    return Ok(());
                }
            }
            let instance = match counted.iter_mut().find(|(id, _)| *id == placed.id) {
                Some((_, count)) => {
                    *count += 1;
                    *count
                }
                None => {
                    counted.push((placed.id, 1));
                    1
                }
            };
            let Some(known) = sunspec::model(placed.id).filter(|model| model.id != 1) else { continue };
            let words = all(wire, unit, *placed, self.settings.max_registers).await?;
            let place = Where { unit, device: &device, placed: *placed, instance };
            let capacity = place.capacity(known, &words);
            let start = self.found.len();
            self.found.extend(place.points(known, &words));
            if capacity.is_some() {
                self.found.iter_mut().filter(|thing| thing.device == device).for_each(|thing| thing.capacity_kw = capacity);
            }
            tracing::debug!(unit, model = placed.id, points = self.found.len() - start, "a model was read");
        }
        Ok(())
    }

    /// No models: which registers answer, looked for in steps.
    async fn plain(&mut self, unit: u8) -> Result<(), Trouble> {
        let wire = self.wire.as_mut().ok_or_else(|| Trouble::Broken("not connected".into()))?;
        for table in [Table::Holding, Table::Input] {
            let mut begun: Option<(u16, u16)> = None;
            for at in (0..FAR).step_by(usize::from(STEP)).chain([FAR]) {
                let value = if at == FAR { None } else { one(wire, unit, table, at).await? };
                match (value, begun) {
                    (Some(value), None) => begun = Some((at, value)),
                    (None, Some((from, value))) => {
                        let name = format!(
                            "{} {from} to {} answer, tried every {STEP}",
                            if table == Table::Holding { "holding registers" } else { "input registers" },
                            at - 1
                        );
                        let device = format!("unit {unit}");
                        let address = format!("{unit}/{}:{from}", table.name());
                        self.found.push(Found { address, name, value: Some(value.to_string()), device, ..Found::default() });
                        begun = None;
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

async fn one(wire: &mut Wire, unit: u8, table: Table, at: u16) -> Result<Option<u16>, Trouble> {
    match wire.read(unit, table, at, 1).await {
        Ok(words) => Ok(words.first().copied()),
        Err(Trouble::Exception(1..=9)) => Ok(None),
        Err(trouble) => Err(trouble),
    }
}

/// All registers of a model, ID and L first; shorter where the device refuses some.
async fn all(wire: &mut Wire, unit: u8, placed: Placed, most: u16) -> Result<Vec<u16>, Trouble> {
    let (mut at, mut words) = (u32::from(placed.start), Vec::new());
    let end = at + 2 + u32::from(placed.length);
    while at < end {
        let count = (end - at).min(u32::from(most)) as u16;
        let Ok(start) = u16::try_from(at) else { break };
        match wire.read(unit, Table::Holding, start, count).await {
            Ok(more) => words.extend(more),
            Err(Trouble::Exception(_)) => break,
            Err(trouble) => return Err(trouble),
        }
        at += u32::from(count);
    }
    Ok(words)
}

/// A model of a unit.
struct Where<'a> {
    unit: u8,
    device: &'a str,
    placed: Placed,
    instance: u16,
}

impl Where<'_> {
    fn points(&self, known: &Model, words: &[u16]) -> Vec<Found> {
        let fixed = known.points.iter().filter_map(|point| self.point(known, words, point, None));
        let repeats = (1..=known.repeats(self.placed.length)).flat_map(|index| known.group.iter().map(move |point| (point, index)));
        fixed.chain(repeats.filter_map(|(point, index)| self.point(known, words, point, Some(index)))).collect()
    }

    fn read(&self, known: &Model, words: &[u16], point: &ModelPoint, index: Option<u16>) -> Option<(Raw, f64)> {
        let group = index.map_or(0, |index| usize::from(known.fixed()) + usize::from(index - 1) * usize::from(known.stride()));
        let raw = Shape::sunspec(point.kind).read(words.get(group + usize::from(point.offset)..)?).ok()?;
        let power = match point.factor {
            Factor::One => 0,
            Factor::Fixed(power) => power,
            Factor::Point(name) => {
                let (offset, is_in_group) = known.factor(name, index.is_some())?;
                let at = usize::from(offset) + if is_in_group { group } else { 0 };
                exponent(words.get(at..)?).ok()?
            }
        };
        Some((raw, scaled(raw.value(), power)))
    }

    fn capacity(&self, known: &Model, words: &[u16]) -> Option<f64> {
        let name = match known.id {
            120 => "WRtg",
            702 => "WMaxRtg",
            _ => return None,
        };
        let point = known.point(name, None).ok()?;
        self.read(known, words, point, None).map(|(_, watts)| watts / 1e3).filter(|kilowatts| *kilowatts > 0.0)
    }

    /// A point that is implemented; states and bits become events, of states only faults.
    fn point(&self, known: &Model, words: &[u16], point: &ModelPoint, index: Option<u16>) -> Option<Found> {
        if matches!(point.kind, Kind::Text | Kind::Factor) {
            return None;
        }
        let (raw, value) = self.read(known, words, point, index)?;
        let instance = if self.instance > 1 { format!("#{}", self.instance) } else { String::new() };
        let index = index.map_or_else(String::new, |index| format!("[{index}]"));
        let symbol = |wanted: &str| point.symbols.iter().any(|(_, name)| *name == wanted);
        let is_bits = matches!(point.kind, Kind::Bits16 | Kind::Bits32) && !point.symbols.is_empty();
        let is_fault = point.kind == Kind::Enum16 && symbol("FAULT");
        let mut options = toml::Table::new();
        if is_fault {
            options.insert("when".into(), vec!["FAULT"].into());
        }
        let shown = point.symbols.iter().find(|(number, _)| is_fault && u64::from(*number) == raw.bits());
        Some(Found {
            address: format!("{}/sunspec:{}{instance}/{}{index}", self.unit, known.id, point.name),
            name: format!("{}/{}{index}", known.id, point.name),
            unit: sunspec::unit(point.unit).map(Into::into),
            description: Some(point.label.to_owned()),
            value: Some(shown.map_or_else(|| value.to_string(), |(_, name)| (*name).to_owned())),
            device: self.device.to_owned(),
            kind: sunspec::asset_kind(known.id),
            capacity_kw: None,
            is_event: is_bits || is_fault,
            options,
        })
    }
}
