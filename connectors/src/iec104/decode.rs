//! Objects become samples of our points.
//!
//! In: ASDUs in order, a points file's addresses. Out: samples, refusals, and what the station says about itself. Addresses are
//! `common address/object address`, `13/4001`. Not here: links, pages.

use super::asdu::COUNTERS;
use super::asdu::Head;
use super::asdu::INITIALIZED;
use super::asdu::INTERROGATION;
use super::asdu::Malformed;
use super::asdu::Object;
use super::asdu::Widths;
use super::asdu::cause;
use super::clock::Clock;
use super::clock::Told;
use super::element::Kind;
use super::element::name_of;
use crate::live::Link;
use crate::live::Points;
use crate::live::Sample;
use crate::live::Target;
use engine::domain::Quality;
use engine::source::Reject;
use engine::source::SourceError;
use hashbrown::HashMap;
use serde::Deserialize;
use std::collections::BTreeSet;

/// Keys of a point beside those every protocol has.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    /// The bit of a bitstring, packed points or protection events, 0 the lowest; absent: the whole as a number.
    bit: Option<u8>,
}

/// One point at an address.
#[derive(Debug, Clone, Copy)]
struct Tap {
    point: u32,
    bit: Option<u8>,
}

/// What an ASDU was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// Values, or nothing that matters.
    Values,
    /// The station takes a question of ours.
    Confirmed { code: u8, common: u16 },
    /// The station does not.
    Refused { code: u8, common: u16, why: &'static str },
    /// All that was asked for was sent.
    Ended { code: u8, common: u16 },
    /// The station began anew.
    Initialized { common: u16 },
}

/// Reads the ASDUs of one connection.
#[derive(Debug)]
pub(super) struct Decoder {
    taps: HashMap<(u16, u32), Vec<Tap>>,
    widths: Widths,
    clock: Clock,
}

/// Largest number of `octets` octets.
const fn largest(octets: usize) -> u32 {
    match octets {
        1 => 0xFF,
        2 => 0xFFFF,
        _ => 0xFF_FFFF,
    }
}

fn address(text: &str, widths: Widths) -> Result<(u16, u32), String> {
    let parts = text.split_once('/').and_then(|(common, object)| Some((common.trim().parse().ok()?, object.trim().parse().ok()?)));
    let Some((common, object)): Option<(u16, u32)> = parts else {
        return Err(format!("{text:?} is no address; write common address/object address, for example 13/4001"));
    };
    let (most, furthest) = (largest(widths.common) - 1, largest(widths.object));
    if common == 0 || u32::from(common) > most {
        return Err(format!("common address {common} is outside 1 to {most} (common_address_octets = {})", widths.common));
    }
    if object > furthest {
        return Err(format!("object address {object} is beyond {furthest} (address_octets = {})", widths.object));
    }
    Ok((common, object))
}

impl Decoder {
    /// Reads every point's address and options.
    ///
    /// # Errors
    /// [`SourceError::Mapping`] naming the point, with the remedy.
    pub(super) fn new(points: &Points, widths: Widths, clock: Clock) -> Result<Self, SourceError> {
        let mut taps: HashMap<(u16, u32), Vec<Tap>> = HashMap::new();
        for (index, point) in (0u32..).zip(points.points()) {
            let key = address(&point.address, widths).map_err(|problem| point.wrong(problem))?;
            let bit = point.options::<Options>()?.bit;
            if bit.is_some_and(|bit| bit > 31) {
                return Err(point.wrong("bit is 0 to 31, 0 the lowest"));
            }
            if let (Some(_), Target::Value { range, .. }) = (bit, &point.target)
                && range.1 < 1.0
            {
                return Err(point.wrong("a bit is 0 or 1, which this quantity cannot be"));
            }
            taps.entry(key).or_default().push(Tap { point: index, bit });
        }
        Ok(Self { taps, widths, clock })
    }

    /// The stations the points are of, in order.
    pub(super) fn stations(&self) -> BTreeSet<u16> {
        self.taps.keys().map(|(common, _)| *common).collect()
    }

    /// How many addresses the points name.
    pub(super) fn addresses(&self) -> BTreeSet<(u16, u32)> {
        self.taps.keys().copied().collect()
    }

    /// Reads an ASDU; `each` is called for every object with a value.
    pub(super) fn read(
        &self,
        asdu: &[u8],
        arrival: i64,
        mut each: impl FnMut(&Head, &'static Kind, Object),
    ) -> Result<Said, Malformed> {
        let (head, body) = Head::read(self.widths, asdu)?;
        let (code, common) = (head.code, head.common);
        match code {
            INTERROGATION | COUNTERS => Ok(match head.cause {
                cause @ cause::UNKNOWN_TYPE..=47 => Said::Refused { code, common, why: cause::refusal(cause) },
                cause if head.is_negative => Said::Refused { code, common, why: cause::refusal(cause) },
                cause::CONFIRMED => Said::Confirmed { code, common },
                cause::TERMINATED => Said::Ended { code, common },
                _ => Said::Values,
            }),
            INITIALIZED => Ok(Said::Initialized { common }),
            _ => {
                head.objects(self.widths, &self.clock, arrival, body, |kind, object| each(&head, kind, object))?;
                Ok(Said::Values)
            }
        }
    }

    /// Reads an ASDU into samples.
    pub(super) fn samples(&self, asdu: &[u8], link: &Link, samples: &mut Vec<Sample>) -> Result<Said, Reject> {
        let arrival = link.now_micros();
        let is_watched = link.is_watched();
        // What was sent at once: the freshest of the ASDU tells how the clocks differ.
        let mut ahead: Option<i64> = None;
        let said = self.read(asdu, arrival, |head, kind, object| {
            if let (cause::SPONTANEOUS, Told::At(time)) = (head.cause, object.told) {
                ahead = ahead.max(Some(time - arrival));
            }
            let taps = self.taps.get(&(head.common, object.address));
            match taps {
                Some(taps) => samples.extend(taps.iter().map(|tap| sample(*tap, head, kind, object))),
                None if is_watched => link.tell(|| line(head, kind, object)),
                None => {}
            }
        });
        if let Some(ahead) = ahead {
            link.skewed(ahead);
        }
        said.map_err(|cause| self.reject(cause, asdu, link))
    }

    fn reject(&self, cause: Malformed, asdu: &[u8], link: &Link) -> Reject {
        let reason = match cause {
            Malformed::Head { .. } | Malformed::Length { .. } => "bad_frame",
            Malformed::Type { .. } => "unknown_type",
            Malformed::Cause { .. } => "bad_cause",
        };
        let station =
            Head::read(self.widths, asdu).map_or_else(|_| String::new(), |(head, _)| format!(" station {}:", head.common));
        let raw = asdu.iter().map(|octet| format!("{octet:02x}")).collect();
        Reject { line: None, reason, detail: format!("{}:{station} {cause}", link.name()), raw }
    }
}

fn sample(tap: Tap, head: &Head, kind: &Kind, object: Object) -> Sample {
    let element = object.element;
    let (mut value, mut quality, mut reason) = (element.value, element.quality, element.reason);
    match (tap.bit, element.bits) {
        (Some(bit), Some(bits)) if kind.shape.width().is_some_and(|width| bit < width) => value = f64::from(bits >> bit & 1),
        (Some(_), _) => (value, quality, reason) = (f64::NAN, Quality::Invalid, "no_such_bit"),
        (None, _) => {}
    }
    let time = match object.told {
        Told::At(time) => Some(time),
        Told::Nothing => None,
        Told::Unusable => {
            if quality == Quality::Good {
                (quality, reason) = (Quality::Questionable, "time_invalid");
            }
            None
        }
    };
    if head.is_test {
        // Of no process: kept beside the flag, never in the column.
        (quality, reason) = (Quality::Invalid, "test");
    }
    Sample::of(tap.point, time, value, quality, reason)
}

/// A line for who watches: something is sent that no point takes.
fn line(head: &Head, kind: &Kind, object: Object) -> String {
    let Head { common, cause, .. } = head;
    format!("no point takes {common}/{} = {} ({}, cause {cause})", object.address, object.element.value, kind.name)
}

/// What a refusal of a question of ours means for a person.
pub(super) fn refused(link: &Link, code: u8, common: u16, why: &str) -> Reject {
    let name = name_of(code);
    let detail = format!(
        "{}: station {common} does not answer {name}: {why}; check the common address in the points file, and what the station lets a \
         master ask",
        link.name()
    );
    Reject { line: None, reason: "refused", detail, raw: format!("{common}/{name}") }
}
