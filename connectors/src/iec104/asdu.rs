//! ASDUs (IEC 60870-5-101, 7): the head, the objects behind it, and the two questions we ask.
//!
//! In: octets, the widths of the addresses. Out: one call per object; questions to send. Nothing here panics on octets, and an ASDU whose
//! length does not fit its head is refused whole. Not here: which object is which point ([`super::decode`]).

use super::clock::Clock;
use super::clock::Told;
use super::element::Element;
use super::element::Kind;
use super::element::Tag;
use super::element::kind_of;
use super::element::name_of;

/// Octets of the parts whose width a station chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Widths {
    /// Cause of transmission: 1, or 2 with the originator.
    pub(super) cause: usize,
    /// Common address: 1 or 2.
    pub(super) common: usize,
    /// Information object address: 1 to 3.
    pub(super) object: usize,
}

/// C_IC_NA_1, interrogation.
pub(super) const INTERROGATION: u8 = 100;
/// C_CI_NA_1, counter interrogation.
pub(super) const COUNTERS: u8 = 101;
/// M_EI_NA_1, end of initialization.
pub(super) const INITIALIZED: u8 = 70;

/// Causes of transmission (7.2.3) that need a name here.
pub(super) mod cause {
    pub(in super::super) const SPONTANEOUS: u8 = 3;
    pub(in super::super) const ACTIVATION: u8 = 6;
    pub(in super::super) const CONFIRMED: u8 = 7;
    pub(in super::super) const TERMINATED: u8 = 10;
    pub(in super::super) const INTERROGATED: u8 = 20;
    pub(in super::super) const UNKNOWN_TYPE: u8 = 44;

    /// A value may come with it.
    pub(in super::super) const fn is_of_values(cause: u8) -> bool {
        matches!(cause, 1..=5 | 11 | 12 | 20..=41)
    }

    /// An answer to an interrogation of ours.
    pub(in super::super) const fn is_answer(cause: u8) -> bool {
        matches!(cause, 20..=41)
    }

    /// What the refusals say.
    pub(in super::super) const fn refusal(cause: u8) -> &'static str {
        match cause {
            44 => "it does not know the type",
            45 => "it does not know the cause",
            46 => "it does not know the common address",
            47 => "it does not know the object address",
            _ => "it refuses; it may not know the common address",
        }
    }
}

/// The head of an ASDU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) code: u8,
    pub(super) count: u8,
    pub(super) is_sequence: bool,
    pub(super) cause: u8,
    pub(super) is_negative: bool,
    pub(super) is_test: bool,
    pub(super) common: u16,
}

/// One object as the station sent it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Object {
    pub(super) address: u32,
    pub(super) element: Element,
    pub(super) told: Told,
}

/// Why an ASDU was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    #[error("an ASDU of {length} octets has no whole head; are cause_octets and common_address_octets those of the station?")]
    Head { length: usize },
    #[error(
        "{name} (type {code}) with {count} objects should have {expected} octets behind its head, it has {length}; are cause_octets, \
         common_address_octets and address_octets those of the station?"
    )]
    Length { code: u8, name: &'static str, count: u8, expected: usize, length: usize },
    #[error("type {code} ({name}) is not spoken; take it out of what the station sends us")]
    Type { code: u8, name: &'static str },
    #[error("{name} (type {code}) came with cause {cause}, which no value has")]
    Cause { code: u8, name: &'static str, cause: u8 },
}

/// A number of up to four octets, the lowest first.
fn number(octets: &[u8]) -> u32 {
    octets.iter().take(4).rev().fold(0, |sum, octet| sum << 8 | u32::from(*octet))
}

impl Head {
    /// Reads the head; what follows is handed back.
    pub(super) fn read(widths: Widths, asdu: &[u8]) -> Result<(Self, &[u8]), Malformed> {
        let whole = || {
            let (&[code, qualifier, cause], rest) = asdu.split_first_chunk::<3>()?;
            let (common, rest) = rest.split_at_checked(widths.cause.saturating_sub(1))?.1.split_at_checked(widths.common)?;
            let common = u16::try_from(number(common)).ok()?;
            let head = Self {
                code,
                count: qualifier & 0x7F,
                is_sequence: qualifier & 0x80 != 0,
                cause: cause & 0x3F,
                is_negative: cause & 0x40 != 0,
                is_test: cause & 0x80 != 0,
                common,
            };
            Some((head, rest))
        };
        whole().ok_or(Malformed::Head { length: asdu.len() })
    }

    /// Calls `each` for every object of an ASDU with values.
    pub(super) fn objects(
        &self,
        widths: Widths,
        clock: &Clock,
        arrival: i64,
        body: &[u8],
        mut each: impl FnMut(&'static Kind, Object),
    ) -> Result<(), Malformed> {
        let (code, name) = (self.code, name_of(self.code));
        let Some(kind) = kind_of(code) else { return Err(Malformed::Type { code, name }) };
        if !cause::is_of_values(self.cause) {
            return Err(Malformed::Cause { code, name, cause: self.cause });
        }
        let (size, count) = (kind.shape.octets() + kind.tag.octets(), usize::from(self.count));
        let expected = if self.is_sequence { widths.object + count * size } else { count * (widths.object + size) };
        let refused = Malformed::Length { code, name, count: self.count, expected, length: body.len() };
        if body.len() != expected {
            return Err(refused);
        }
        let (first, elements) = if self.is_sequence { body.split_at(widths.object) } else { (&body[..0], body) };
        let stride = if self.is_sequence { size } else { widths.object + size };
        for (index, octets) in (0u32..).zip(elements.chunks_exact(stride)) {
            let (own, octets) = octets.split_at(stride - size);
            let address = if self.is_sequence { number(first).wrapping_add(index) } else { number(own) };
            let (element, tag) = octets.split_at(kind.shape.octets());
            let element = kind.shape.read(element).ok_or(refused)?;
            let told = match (kind.tag, tag) {
                (Tag::Short, &[a, b, c]) => clock.short([a, b, c], arrival),
                (Tag::Long, &[a, b, c, d, e, f, g]) => clock.long([a, b, c, d, e, f, g]),
                _ => Told::Nothing,
            };
            each(kind, Object { address, element, told });
        }
        Ok(())
    }
}

/// One of the two questions a monitoring master asks: `code` is [`INTERROGATION`] or [`COUNTERS`].
pub(super) fn question(widths: Widths, originator: u8, code: u8, common: u16, qualifier: u8) -> Vec<u8> {
    let mut asdu = vec![code, 1, cause::ACTIVATION];
    if widths.cause > 1 {
        asdu.push(originator);
    }
    asdu.extend(common.to_le_bytes().iter().take(widths.common));
    asdu.extend([0; 3].iter().take(widths.object));
    asdu.push(qualifier);
    asdu
}
