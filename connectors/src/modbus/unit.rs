//! One device: its requests of one poll, and what they say.
//!
//! In: items, a connection, the poll's time. Out: samples, changes of events, rejects. Not here: when to poll, which connection.

use super::address::{Host, Spot, Table};
use super::item::{Exponent, Item};
use super::plan::{Bounds, Part, Span, plan};
use super::said::{Found, Out, Said};
use super::shape::{Raw, exponent, scaled};
use super::sunspec;
use super::wire::{Trouble, Wire, reason};
use crate::live::Retry;
use std::time::Duration;
use tokio::time::Instant;

/// After how long something a device did not have is asked for again.
const AGAIN: Duration = Duration::from_secs(10);

/// A device and what is read of it.
#[derive(Debug)]
pub(super) struct Unit {
    /// Unit id.
    pub(super) id: u8,
    host: Host,
    items: Vec<Item>,
    said: Vec<Said>,
    spans: Vec<(Span, Option<Instant>)>,
    bounds: Bounds,
    base: Option<u16>,
    /// When the models are to be looked for; `None`: they are known, or not needed.
    walk_at: Option<Instant>,
    /// When an unanswering unit is asked again.
    rest_until: Option<Instant>,
    retry: Retry,
}

impl Unit {
    /// A device. `base`: where its SunSpec map begins, where that is known.
    pub(super) fn new(host: Host, id: u8, items: Vec<Item>, bounds: Bounds, base: Option<u16>) -> Self {
        let is_model = items.iter().any(|item| matches!(item.spot, Spot::Model { .. }));
        let said = items.iter().map(|item| Said::new(item.point)).collect();
        let walk_at = is_model.then(Instant::now);
        let mut unit =
            Self { id, host, items, said, spans: Vec::new(), bounds, base, walk_at, rest_until: None, retry: Retry::default() };
        unit.replan();
        unit
    }

    fn replan(&mut self) {
        self.spans = plan(&self.items, self.bounds).into_iter().map(|span| (span, None)).collect();
    }

    /// Requests of one poll.
    pub(super) fn requests(&self) -> usize {
        self.spans.len()
    }

    /// What each point said last.
    pub(super) fn said_mut(&mut self) -> &mut [Said] {
        &mut self.said
    }

    /// True when it may be asked now.
    pub(super) fn is_due(&self) -> bool {
        self.rest_until.is_none_or(|until| Instant::now() >= until)
    }

    /// Times in a row it did not answer.
    pub(super) const fn failures(&self) -> u32 {
        self.retry.failures()
    }

    /// The connection is lost: it is tried again as a whole.
    pub(super) fn cut_off(&mut self, tick: i64, out: &mut Out) {
        self.rest_until = None;
        self.lost(tick, "comms_lost", out);
    }

    /// All points have no value, for one reason.
    fn lost(&mut self, tick: i64, reason: &'static str, out: &mut Out) {
        for said in &mut self.said {
            said.missing(tick, reason, out);
        }
    }

    /// Lets it rest before it is asked again.
    fn rest(&mut self) {
        self.rest_until = Some(Instant::now() + self.retry.wait());
    }

    /// Asks for everything once. An error is about the connection; what the device refuses is in `out`.
    pub(super) async fn poll(&mut self, wire: &mut Wire, tick: i64, out: &mut Out) -> Result<(), Trouble> {
        let asked = self.ask(wire, tick, out).await;
        match &asked {
            Ok(()) => {
                self.retry.succeeded();
                self.rest_until = None;
            }
            // The gateway speaks, the device behind it does not.
            Err(Trouble::Exception(code)) => {
                self.lost(tick, reason(*code), out);
                self.rest();
                return Ok(());
            }
            Err(Trouble::Silent) => {
                self.lost(tick, "no_response", out);
                self.rest();
            }
            Err(Trouble::Broken(_)) => {}
        }
        asked
    }

    async fn ask(&mut self, wire: &mut Wire, tick: i64, out: &mut Out) -> Result<(), Trouble> {
        if self.walk_at.is_some_and(|at| Instant::now() >= at) {
            self.locate(wire, tick, out).await?;
        }
        let mut halves: Vec<Halves> = vec![(None, None); self.items.len()];
        let mut index = 0;
        while let Some((span, dead_until)) = self.spans.get(index) {
            if dead_until.is_some_and(|until| Instant::now() < until) {
                index += 1;
                continue;
            }
            match wire.read(self.id, span.table, span.start, span.count).await {
                Ok(words) => {
                    let span = span.clone();
                    self.take(&span, &words, tick, &mut halves, out);
                    self.spans[index].1 = None;
                }
                Err(Trouble::Exception(code @ (0x0A | 0x0B))) => return Err(Trouble::Exception(code)),
                Err(Trouble::Exception(code @ (2 | 3))) if span.halves().is_some() => {
                    let two = span.halves().into_iter().flatten().map(|half| (half, None));
                    self.spans.splice(index..=index, two);
                    tracing::debug!(unit = self.id, code, "a request is split to find the address the device does not have");
                    continue;
                }
                Err(Trouble::Exception(code)) => self.refused(index, code, tick, out),
                Err(trouble) => return Err(trouble),
            }
            index += 1;
        }
        for (item, (value, factor)) in halves.into_iter().enumerate() {
            if let (Some(value), Some(factor)) = (value, factor) {
                self.say(item, combine(value, factor), tick, out);
            }
        }
        Ok(())
    }

    /// A request came back with an exception that no splitting helps against.
    fn refused(&mut self, index: usize, code: u8, tick: i64, out: &mut Out) {
        let Some((span, dead_until)) = self.spans.get_mut(index) else { return };
        *dead_until = matches!(code, 1..=3).then(|| Instant::now() + AGAIN);
        let remedy = match code {
            1 => "the device has no such table; registers may be in the other one (hr or ir)",
            2 | 3 => "check the address in the device's manual: offsets count from 0, its 4x00101 is hr:100",
            _ => "the device says it failed; look at the device",
        };
        for atom in &span.atoms {
            let (Some(item), Some(said)) = (self.items.get(atom.item), self.said.get_mut(atom.item)) else { continue };
            let what = if span.table.is_bits() { "bits" } else { "registers" };
            let first = span.start;
            // Busy now, well at the next poll: nothing for a person to do.
            if code > 4 {
                said.missing(tick, reason(code), out);
                continue;
            }
            said.wrong(tick, reason(code), out, || {
                format!(
                    "{}: {} unit {}: {} ({} {what} from {first}): exception {code}, {}; {remedy}",
                    item.place_in_file,
                    self.host,
                    self.id,
                    item.spot,
                    span.count,
                    reason(code).replace('_', " "),
                )
            });
        }
    }

    /// Looks for the models and plans the requests anew.
    async fn locate(&mut self, wire: &mut Wire, tick: i64, out: &mut Out) -> Result<(), Trouble> {
        let found = survey(wire, self.id, self.base).await?;
        let mut is_whole = true;
        for (item, said) in self.items.iter_mut().zip(&mut self.said) {
            if !matches!(item.spot, Spot::Model { .. }) {
                continue;
            }
            let (located, why) = match &found {
                Some(map) => (item.locate(map), "no_such_model"),
                None => {
                    item.place = None;
                    (
                        Err("it does not speak SunSpec at 40000, 0 or 50000; set sunspec = { base = … }, or read registers".into()),
                        "not_sunspec",
                    )
                }
            };
            if let Err(problem) = located {
                is_whole = false;
                said.wrong(tick, why, out, || format!("{}: {} unit {}: {problem}", item.place_in_file, self.host, self.id));
            }
        }
        self.walk_at = (!is_whole).then(|| Instant::now() + AGAIN);
        self.replan();
        Ok(())
    }

    /// What one request brought.
    fn take(&mut self, span: &Span, words: &[u16], tick: i64, halves: &mut [Halves], out: &mut Out) {
        for atom in &span.atoms {
            let Some(item) = self.items.get(atom.item) else { continue };
            let Some(place) = item.place else { continue };
            if let Some(model) = place.model.filter(|_| atom.part == Part::All)
                && let Some(head) = span.slice(words, model.start, 2)
                && head != [model.id, model.length]
            {
                // New firmware, another device: nothing here means what it did.
                self.walk_at = Some(Instant::now());
                if let Some(said) = self.said.get_mut(atom.item) {
                    said.missing(tick, "map_changed", out);
                }
                continue;
            }
            let value = || span.slice(words, place.start, item.shape.kind.registers()).map(|words| item.shape.read(words));
            let factor = |at: u16| span.slice(words, at, 1).map(exponent);
            match (atom.part, place.exponent) {
                (Part::All, Exponent::Fixed(exponent)) => {
                    if let Some(value) = value() {
                        self.say(atom.item, combine(value, Ok(exponent)), tick, out);
                    }
                }
                (Part::All, Exponent::At(at)) => {
                    if let (Some(value), Some(factor)) = (value(), factor(at)) {
                        self.say(atom.item, combine(value, factor), tick, out);
                    }
                }
                (Part::Value, exponent) => {
                    let fixed = if let Exponent::Fixed(exponent) = exponent { Some(Ok(exponent)) } else { None };
                    halves[atom.item] = (value(), fixed.or(halves[atom.item].1));
                }
                (Part::Factor, Exponent::At(at)) => halves[atom.item].1 = factor(at),
                (Part::Factor, Exponent::Fixed(_)) => {}
            }
        }
    }

    fn say(&mut self, index: usize, read: Result<(Raw, f64), &'static str>, tick: i64, out: &mut Out) {
        let (Some(item), Some(said)) = (self.items.get(index), self.said.get_mut(index)) else { return };
        match read {
            Ok((raw, _)) if item.invalid.contains(&raw.value()) => said.missing(tick, "invalid_value", out),
            Ok((raw, _)) if item.is_event => said.event(tick, raw.bits(), |bits| item.messages(bits), out),
            Ok((_, value)) => said.value(tick, value, out),
            Err(reason) => said.missing(tick, reason, out),
        }
    }
}

type Halves = (Option<Result<Raw, &'static str>>, Option<Result<i8, &'static str>>);

/// The raw number and the scaled one. A value that is none says so before its factor does.
fn combine(value: Result<Raw, &'static str>, factor: Result<i8, &'static str>) -> Result<(Raw, f64), &'static str> {
    let raw = value?;
    Ok((raw, scaled(raw.value(), factor?)))
}

/// The models of a unit; `None`: it does not speak SunSpec.
pub(super) async fn survey(wire: &mut Wire, unit: u8, base: Option<u16>) -> Found<sunspec::Map> {
    let bases = base.map_or_else(|| sunspec::BASES.to_vec(), |base| vec![base]);
    for base in bases {
        match wire.read(unit, Table::Holding, base, 2).await {
            Ok(words) if words == sunspec::MARK => {}
            Ok(_) | Err(Trouble::Exception(1..=9)) => continue,
            Err(trouble) => return Err(trouble),
        }
        let mut walk = sunspec::Walk::new(base);
        while let Some(at) = walk.wants() {
            match wire.read(unit, Table::Holding, at, 2).await {
                Ok(words) => match words.as_slice() {
                    [id, length, ..] => walk.take(*id, *length),
                    _ => break,
                },
                // Some maps just end.
                Err(Trouble::Exception(1..=9)) => break,
                Err(trouble) => return Err(trouble),
            }
        }
        return Ok(Some(walk.map()));
    }
    Ok(None)
}
