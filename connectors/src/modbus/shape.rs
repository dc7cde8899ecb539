//! Registers become numbers.
//!
//! In: registers and how they are laid out. Out: a [`Raw`] number, or that there is none. "Not implemented" is what the SunSpec Device
//! Information Model Specification V1.1 says per type (5.2): a value that is none never becomes a number. Not here: scale factors.

use serde::{Deserialize, Serialize};

/// Which end comes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// The most significant first, as the standard wants it.
    #[default]
    Big,
    /// The least significant first.
    Little,
}

/// What registers hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// One register, unsigned.
    U16,
    /// One register, two's complement.
    I16,
    /// Two registers.
    U32,
    /// Two registers, two's complement.
    I32,
    /// Four registers.
    U64,
    /// Four registers, two's complement.
    I64,
    /// Two registers, IEEE 754.
    F32,
    /// Four registers, IEEE 754.
    F64,
    /// A counter of one register; 0: never counted.
    Acc16,
    /// A counter of two registers; 0: never counted.
    Acc32,
    /// A counter of four registers; 0: never counted.
    Acc64,
    /// One coil or discrete input, or a register that is 0 or not.
    Bool,
    /// Bits with names, one register.
    #[serde(skip)]
    Bits16,
    /// Bits with names, two registers.
    #[serde(skip)]
    Bits32,
    /// Values with names, one register.
    #[serde(skip)]
    Enum16,
    /// Values with names, two registers.
    #[serde(skip)]
    Enum32,
    /// A scale factor.
    #[serde(skip)]
    Factor,
    /// Text or padding: never a value.
    #[serde(skip)]
    Text,
}

impl Kind {
    /// Registers it takes; text has its own length.
    pub(super) const fn registers(self) -> u16 {
        match self {
            Self::U16 | Self::I16 | Self::Acc16 | Self::Bool | Self::Bits16 | Self::Enum16 | Self::Factor | Self::Text => 1,
            Self::U32 | Self::I32 | Self::F32 | Self::Acc32 | Self::Bits32 | Self::Enum32 => 2,
            Self::U64 | Self::I64 | Self::F64 | Self::Acc64 => 4,
        }
    }

    /// True where single bits can be picked.
    pub(super) const fn is_whole(self) -> bool {
        matches!(self, Self::U16 | Self::I16 | Self::U32 | Self::I32 | Self::U64 | Self::I64)
    }
}

/// How a value is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    /// What it is.
    pub(super) kind: Kind,
    /// Order of registers.
    pub(super) words: Order,
    /// Order of the two bytes of a register.
    pub(super) bytes: Order,
    /// One bit of it, 0 the least.
    pub(super) bit: Option<u8>,
    /// True where the type's "not implemented" value means that.
    pub(super) is_sunspec: bool,
}

/// A number as it came.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Raw {
    /// Unsigned or bits.
    Whole(u64),
    /// Signed.
    Signed(i64),
    /// Floating.
    Float(f64),
}

impl Raw {
    /// As a value.
    pub(super) const fn value(self) -> f64 {
        match self {
            Self::Whole(value) => value as f64,
            Self::Signed(value) => value as f64,
            Self::Float(value) => value,
        }
    }

    /// As bits, for events.
    pub(super) fn bits(self) -> u64 {
        match self {
            Self::Whole(value) => value,
            Self::Signed(value) => value.cast_unsigned(),
            Self::Float(value) => u64::from(value != 0.0),
        }
    }
}

impl Shape {
    /// A SunSpec value: always big-endian.
    pub(super) const fn sunspec(kind: Kind) -> Self {
        Self { kind, words: Order::Big, bytes: Order::Big, bit: None, is_sunspec: true }
    }

    /// Reads the value; too few registers, a value that is none and a float that is no number are a reason.
    pub(super) fn read(&self, registers: &[u16]) -> Result<Raw, &'static str> {
        let wanted = usize::from(self.kind.registers());
        let Some(registers) = registers.get(..wanted) else { return Err("too_few_registers") };
        let mut all = 0_u64;
        for at in 0..wanted {
            let at = if self.words == Order::Big { at } else { wanted - 1 - at };
            let register = if self.bytes == Order::Big { registers[at] } else { registers[at].swap_bytes() };
            all = (all << 16) | u64::from(register);
        }
        let low = all as u32;
        let raw = match self.kind {
            Kind::I16 | Kind::Factor => Raw::Signed(i64::from((all as u16).cast_signed())),
            Kind::I32 => Raw::Signed(i64::from(low.cast_signed())),
            Kind::I64 => Raw::Signed(all.cast_signed()),
            Kind::F32 => Raw::Float(f64::from(f32::from_bits(low))),
            Kind::F64 => Raw::Float(f64::from_bits(all)),
            Kind::Bool => Raw::Whole(u64::from(all != 0)),
            _ => Raw::Whole(all),
        };
        if let Raw::Float(value) = raw
            && !value.is_finite()
        {
            return Err(if self.is_sunspec && value.is_nan() { "not_implemented" } else { "not_a_number" });
        }
        if self.is_none(all) {
            return Err("not_implemented");
        }
        Ok(self.bit.map_or(raw, |bit| Raw::Whole((all >> bit.min(63)) & 1)))
    }

    fn is_none(&self, all: u64) -> bool {
        match self.kind {
            Kind::Acc16 | Kind::Acc32 | Kind::Acc64 => all == 0,
            _ if !self.is_sunspec => false,
            Kind::U16 | Kind::Enum16 => all == 0xFFFF,
            Kind::U32 | Kind::Enum32 => all == 0xFFFF_FFFF,
            Kind::U64 => all == u64::MAX,
            Kind::I16 | Kind::Factor => all == 0x8000,
            Kind::I32 => all == 0x8000_0000,
            Kind::I64 => all == 1 << 63,
            // With the highest bit set the others mean nothing.
            Kind::Bits16 => all & 0x8000 != 0,
            Kind::Bits32 => all & 0x8000_0000 != 0,
            _ => false,
        }
    }
}

/// Text of a SunSpec string: UTF-8, ended by 0.
pub(super) fn text(registers: &[u16]) -> String {
    let bytes: Vec<u8> = registers.iter().flat_map(|register| register.to_be_bytes()).take_while(|byte| *byte != 0).collect();
    String::from_utf8_lossy(&bytes).trim().chars().filter(|c| !c.is_control()).collect()
}

/// A scale factor's register: −10 to 10 (SunSpec Device Information Model Specification V1.1, `sunssf`).
pub(super) fn exponent(registers: &[u16]) -> Result<i8, &'static str> {
    match Shape::sunspec(Kind::Factor).read(registers) {
        Ok(raw) => i8::try_from(raw.bits().cast_signed()).ok().filter(|held| (-10..=10).contains(held)).ok_or("bad_scale_factor"),
        Err(_) => Err("no_scale_factor"),
    }
}

/// `value · 10^exponent`; a division where the exponent is negative, so that 2401 · 10⁻¹ is 240.1.
pub(super) fn scaled(value: f64, exponent: i8) -> f64 {
    let power = 10_f64.powi(i32::from(exponent).abs());
    if exponent < 0 { value / power } else { value * power }
}
