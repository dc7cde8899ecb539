//! Information elements of IEC 60870-5-101, 7.2.6: what kinds of ASDU there are, and what one element of each says.
//!
//! In: a type identification, the octets of one element. Out: a number, its bits where it has any, its quality. Not here: addresses, times.

use engine::domain::Quality;

/// The form of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Single,
    Double,
    Step,
    Bits,
    Normalized,
    Scaled,
    Float,
    Counter,
    Packed,
    NormalizedBare,
    /// Event of protection equipment, with the time it took.
    Protection,
    /// Start events or output circuits of protection equipment, with the time it took.
    ProtectionBits,
}

/// The time tag behind an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    None,
    /// CP24Time2a.
    Short,
    /// CP56Time2a.
    Long,
}

impl Tag {
    pub(super) const fn octets(self) -> usize {
        match self {
            Self::None => 0,
            Self::Short => 3,
            Self::Long => 7,
        }
    }
}

/// One type identification of the monitoring direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) code: u8,
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    pub(super) tag: Tag,
}

const fn kind(code: u8, name: &'static str, shape: Shape, tag: Tag) -> Kind {
    Kind { code, name, shape, tag }
}

/// IEC 60870-5-101, table 8, and IEC 60870-5-104, 6.
const KINDS: [Kind; 32] = [
    kind(1, "M_SP_NA_1", Shape::Single, Tag::None),
    kind(2, "M_SP_TA_1", Shape::Single, Tag::Short),
    kind(3, "M_DP_NA_1", Shape::Double, Tag::None),
    kind(4, "M_DP_TA_1", Shape::Double, Tag::Short),
    kind(5, "M_ST_NA_1", Shape::Step, Tag::None),
    kind(6, "M_ST_TA_1", Shape::Step, Tag::Short),
    kind(7, "M_BO_NA_1", Shape::Bits, Tag::None),
    kind(8, "M_BO_TA_1", Shape::Bits, Tag::Short),
    kind(9, "M_ME_NA_1", Shape::Normalized, Tag::None),
    kind(10, "M_ME_TA_1", Shape::Normalized, Tag::Short),
    kind(11, "M_ME_NB_1", Shape::Scaled, Tag::None),
    kind(12, "M_ME_TB_1", Shape::Scaled, Tag::Short),
    kind(13, "M_ME_NC_1", Shape::Float, Tag::None),
    kind(14, "M_ME_TC_1", Shape::Float, Tag::Short),
    kind(15, "M_IT_NA_1", Shape::Counter, Tag::None),
    kind(16, "M_IT_TA_1", Shape::Counter, Tag::Short),
    kind(17, "M_EP_TA_1", Shape::Protection, Tag::Short),
    kind(18, "M_EP_TB_1", Shape::ProtectionBits, Tag::Short),
    kind(19, "M_EP_TC_1", Shape::ProtectionBits, Tag::Short),
    kind(20, "M_PS_NA_1", Shape::Packed, Tag::None),
    kind(21, "M_ME_ND_1", Shape::NormalizedBare, Tag::None),
    kind(30, "M_SP_TB_1", Shape::Single, Tag::Long),
    kind(31, "M_DP_TB_1", Shape::Double, Tag::Long),
    kind(32, "M_ST_TB_1", Shape::Step, Tag::Long),
    kind(33, "M_BO_TB_1", Shape::Bits, Tag::Long),
    kind(34, "M_ME_TD_1", Shape::Normalized, Tag::Long),
    kind(35, "M_ME_TE_1", Shape::Scaled, Tag::Long),
    kind(36, "M_ME_TF_1", Shape::Float, Tag::Long),
    kind(37, "M_IT_TB_1", Shape::Counter, Tag::Long),
    kind(38, "M_EP_TD_1", Shape::Protection, Tag::Long),
    kind(39, "M_EP_TE_1", Shape::ProtectionBits, Tag::Long),
    kind(40, "M_EP_TF_1", Shape::ProtectionBits, Tag::Long),
];

/// Types that carry no value for us, by name, for people.
const OTHERS: [(u8, &str); 33] = [
    (45, "C_SC_NA_1"),
    (46, "C_DC_NA_1"),
    (47, "C_RC_NA_1"),
    (48, "C_SE_NA_1"),
    (49, "C_SE_NB_1"),
    (50, "C_SE_NC_1"),
    (51, "C_BO_NA_1"),
    (58, "C_SC_TA_1"),
    (59, "C_DC_TA_1"),
    (60, "C_RC_TA_1"),
    (61, "C_SE_TA_1"),
    (62, "C_SE_TB_1"),
    (63, "C_SE_TC_1"),
    (64, "C_BO_TA_1"),
    (70, "M_EI_NA_1"),
    (100, "C_IC_NA_1"),
    (101, "C_CI_NA_1"),
    (102, "C_RD_NA_1"),
    (103, "C_CS_NA_1"),
    (104, "C_TS_NA_1"),
    (105, "C_RP_NA_1"),
    (106, "C_CD_NA_1"),
    (107, "C_TS_TA_1"),
    (110, "P_ME_NA_1"),
    (111, "P_ME_NB_1"),
    (112, "P_ME_NC_1"),
    (113, "P_AC_NA_1"),
    (120, "F_FR_NA_1"),
    (121, "F_SR_NA_1"),
    (122, "F_SC_NA_1"),
    (123, "F_LS_NA_1"),
    (124, "F_AF_NA_1"),
    (125, "F_SG_NA_1"),
];

/// The kind of a type identification; `None`: it carries no values, or is not spoken.
pub(super) fn kind_of(code: u8) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.code == code)
}

/// Its name, where the standard has one.
pub(super) fn name_of(code: u8) -> &'static str {
    let other = || OTHERS.iter().find(|(known, _)| *known == code).map_or("not in the standard", |(_, name)| name);
    kind_of(code).map_or_else(other, |kind| kind.name)
}

/// What an element says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Element {
    /// NaN: none.
    pub(super) value: f64,
    /// The bits of a string of them.
    pub(super) bits: Option<u32>,
    pub(super) quality: Quality,
    /// Empty when the quality is good.
    pub(super) reason: &'static str,
}

const GOOD: (Quality, &str) = (Quality::Good, "");

/// QDS, SIQ, DIQ, QDP: IV NT SB BL, and OV or a reserved bit. The gravest counts.
const fn described(octet: u8, has_overflow: bool) -> (Quality, &'static str) {
    if octet & 0x80 != 0 {
        (Quality::Invalid, "invalid")
    } else if octet & 0x40 != 0 {
        (Quality::Questionable, "not_topical")
    } else if octet & 0x10 != 0 {
        (Quality::Questionable, "blocked")
    } else if has_overflow && octet & 0x01 != 0 {
        (Quality::Questionable, "overflow")
    } else if octet & 0x20 != 0 {
        (Quality::Estimated, "substituted")
    } else {
        GOOD
    }
}

const fn element(value: f64, (quality, reason): (Quality, &'static str)) -> Element {
    Element { value, bits: None, quality, reason }
}

fn bits(bits: u32, worth: (Quality, &'static str)) -> Element {
    Element { bits: Some(bits), ..element(f64::from(bits), worth) }
}

/// Off and on; a position between them, or none, is no value.
const fn two(state: u8, worth: (Quality, &'static str)) -> Element {
    match state & 3 {
        1 => element(0.0, worth),
        2 => element(1.0, worth),
        0 => element(f64::NAN, (Quality::Invalid, "intermediate")),
        _ => element(f64::NAN, (Quality::Invalid, "indeterminate")),
    }
}

fn normalized(low: u8, high: u8) -> f64 {
    f64::from(i16::from_le_bytes([low, high])) / 32768.0
}

impl Shape {
    /// Octets of one element without its time tag.
    pub(super) const fn octets(self) -> usize {
        match self {
            Self::Single | Self::Double => 1,
            Self::Step | Self::NormalizedBare => 2,
            Self::Normalized | Self::Scaled | Self::Protection => 3,
            Self::ProtectionBits => 4,
            Self::Bits | Self::Float | Self::Counter | Self::Packed => 5,
        }
    }

    /// True for what is on or off.
    pub(super) const fn is_state(self) -> bool {
        matches!(self, Self::Single | Self::Double | Self::Protection)
    }

    /// How many bits there are to choose one from.
    pub(super) const fn width(self) -> Option<u8> {
        match self {
            Self::Bits => Some(32),
            Self::Packed => Some(16),
            Self::ProtectionBits => Some(8),
            _ => None,
        }
    }

    /// Reads one element; `None` when `octets` has not [`Shape::octets`] of them.
    pub(super) fn read(self, octets: &[u8]) -> Option<Element> {
        Some(match (self, octets) {
            (Self::Single, &[siq]) => element(f64::from(siq & 1), described(siq, false)),
            (Self::Double, &[diq]) => two(diq, described(diq, false)),
            (Self::Step, &[vti, qds]) => {
                // Seven bits with a sign, and the bit that says the tap changer is moving.
                let position = ((vti << 1) as i8) >> 1;
                let worth = match described(qds, true) {
                    GOOD if vti & 0x80 != 0 => (Quality::Questionable, "in_transit"),
                    worth => worth,
                };
                element(f64::from(position), worth)
            }
            (Self::Bits, &[a, b, c, d, qds]) => bits(u32::from_le_bytes([a, b, c, d]), described(qds, true)),
            (Self::Normalized, &[low, high, qds]) => element(normalized(low, high), described(qds, true)),
            (Self::NormalizedBare, &[low, high]) => element(normalized(low, high), GOOD),
            (Self::Scaled, &[low, high, qds]) => element(f64::from(i16::from_le_bytes([low, high])), described(qds, true)),
            (Self::Float, &[a, b, c, d, qds]) => {
                let value = f64::from(f32::from_le_bytes([a, b, c, d]));
                if value.is_finite() {
                    element(value, described(qds, true))
                } else {
                    element(f64::NAN, (Quality::Invalid, "not_a_number"))
                }
            }
            (Self::Counter, &[a, b, c, d, sequence]) => {
                let worth = match sequence {
                    octet if octet & 0x80 != 0 => (Quality::Invalid, "invalid"),
                    octet if octet & 0x40 != 0 => (Quality::Questionable, "counter_adjusted"),
                    octet if octet & 0x20 != 0 => (Quality::Questionable, "counter_carried"),
                    _ => GOOD,
                };
                element(f64::from(i32::from_le_bytes([a, b, c, d])), worth)
            }
            // The second pair of octets says which of the sixteen changed since.
            (Self::Packed, &[low, high, _, _, qds]) => bits(u32::from(u16::from_le_bytes([low, high])), described(qds, true)),
            (Self::Protection, &[sep, _, _]) => two(sep, described(sep, false)),
            (Self::ProtectionBits, &[events, qdp, _, _]) => bits(u32::from(events), described(qdp, false)),
            _ => return None,
        })
    }
}
