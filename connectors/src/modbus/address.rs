//! Where a value is: host, unit, and a register or a point of a SunSpec model.
//!
//! In: addresses of a points file. Out: [`Address`]. Offsets are those of the protocol, from 0 (Modbus Application Protocol V1.1b3, 4.4);
//! the notation of manuals, from 1 with a leading table digit, is `4x00101`. Not here: options of a point, SunSpec models.

use std::fmt;

/// One of the four tables of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Table {
    /// Function code 1.
    Coils,
    /// Function code 2.
    Discrete,
    /// Function code 3.
    Holding,
    /// Function code 4.
    Input,
}

impl Table {
    /// As addresses write it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Coils => "co",
            Self::Discrete => "di",
            Self::Holding => "hr",
            Self::Input => "ir",
        }
    }

    /// True where one address is one bit.
    pub(super) const fn is_bits(self) -> bool {
        matches!(self, Self::Coils | Self::Discrete)
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Coils, Self::Discrete, Self::Holding, Self::Input].into_iter().find(|table| table.name() == text)
    }

    /// The table digit of manuals.
    fn by_digit(digit: &str) -> Option<Self> {
        match digit {
            "0" => Some(Self::Coils),
            "1" => Some(Self::Discrete),
            "3" => Some(Self::Input),
            "4" => Some(Self::Holding),
            _ => None,
        }
    }
}

/// What of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Spot {
    /// A register or bit, counted from 0.
    Plain(Table, u16),
    /// A point of a SunSpec model.
    Model {
        /// Number of the model.
        model: u16,
        /// Which of several of the same number, from 1.
        instance: u16,
        /// Name of the point.
        point: String,
        /// Which repetition of the repeating group, from 1.
        index: Option<u16>,
    },
}

/// The whole address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// Another host than the settings': name and port.
    pub(super) host: Option<Host>,
    /// Unit id, 0 to 255.
    pub(super) unit: u8,
    /// What of it.
    pub(super) spot: Spot,
}

/// Who to connect to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Host {
    /// Name or IP address.
    pub(super) name: String,
    /// TCP port.
    pub(super) port: u16,
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.contains(':') { write!(f, "[{}]:{}", self.name, self.port) } else { write!(f, "{}:{}", self.name, self.port) }
    }
}

impl Host {
    /// `name`, `name:port` or `[v6]:port`.
    fn parse(text: &str, port: u16) -> Result<Self, String> {
        let wrong = || format!("host {text:?} is none; write 10.0.0.5, 10.0.0.5:502 or [fd00::5]:502");
        let (name, rest) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((name, rest)) => (name, rest.strip_prefix(':')),
            None => text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port))),
        };
        let port = rest.map_or(Ok(port), |text| text.parse().map_err(|_| wrong()))?;
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(wrong());
        }
        Ok(Self { name: name.into(), port })
    }
}

const FORMS: &str = "write UNIT/TABLE:OFFSET, for example 1/hr:100 (or 1/4x00101), or UNIT/sunspec:MODEL/POINT, for example 1/sunspec:103/W; \
                     HOST:PORT/ may stand before it";

impl Address {
    /// Reads `[host[:port]/]unit/table:offset` and `[host[:port]/]unit/sunspec:model[#instance]/point[\[index\]]`.
    pub(super) fn parse(text: &str, port: u16) -> Result<Self, String> {
        let forms = || format!("{text:?} is no address; {FORMS}");
        let mut rest = text.trim();
        let (mut first, mut after) = rest.split_once('/').ok_or_else(forms)?;
        let mut host = None;
        if first.parse::<u8>().is_err() {
            if first.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(format!("unit {first} does not fit; units are 0 to 255, devices behind a gateway 1 to 247"));
            }
            host = Some(Host::parse(first, port)?);
            rest = after;
            (first, after) = rest.split_once('/').ok_or_else(forms)?;
        }
        let unit = first.parse().map_err(|_| format!("unit {first:?} is not a number of 0 to 255; {FORMS}"))?;
        let spot =
            if let Some(model) = after.strip_prefix("sunspec:") { model_spot(model).ok_or_else(forms)? } else { plain(after)? };
        Ok(Self { host, unit, spot })
    }
}

fn model_spot(text: &str) -> Option<Spot> {
    let (model, point) = text.split_once('/')?;
    let (model, instance) = model.split_once('#').unwrap_or((model, "1"));
    let (point, index) = match point.strip_suffix(']') {
        Some(open) => open.split_once('[').map(|(point, index)| (point, Some(index)))?,
        None => (point, None),
    };
    let index = index.map(str::parse).transpose().ok()?;
    let instance = instance.parse().ok()?;
    (instance > 0 && index != Some(0) && !point.is_empty()).then_some(())?;
    Some(Spot::Model { model: model.parse().ok()?, instance, point: point.into(), index })
}

fn plain(text: &str) -> Result<Spot, String> {
    if let Some((digit, number)) = text.split_once('x').filter(|_| !text.contains(':')) {
        let table = Table::by_digit(digit).ok_or_else(|| format!("{text:?}: tables are 0x, 1x, 3x and 4x"))?;
        let number: u32 = number.parse().map_err(|_| format!("{text:?}: after the x stands a number from 1, as in 4x00101"))?;
        let offset = number.checked_sub(1).and_then(|offset| u16::try_from(offset).ok());
        let offset = offset.ok_or_else(|| format!("{text:?}: this notation counts from 1 to 65536"))?;
        return Ok(Spot::Plain(table, offset));
    }
    let Some((table, offset)) = text.split_once(':') else {
        return Err(match text.parse::<u32>() {
            Ok(number @ 40_001..=49_999) => {
                format!(
                    "{text}: ambiguous; write 4x{:05} (as in the manual) or hr:{} (counted from 0)",
                    number - 40_000,
                    number - 40_001
                )
            }
            Ok(number @ 30_001..=39_999) => {
                format!(
                    "{text}: ambiguous; write 3x{:05} (as in the manual) or ir:{} (counted from 0)",
                    number - 30_000,
                    number - 30_001
                )
            }
            _ => format!("{text:?} is no address; {FORMS}"),
        });
    };
    let known = Table::parse(table).ok_or_else(|| {
        format!(
            "table {table:?} is none; co: coils, di: discrete inputs, hr: holding registers, ir: input registers, sunspec: a model"
        )
    })?;
    let offset = offset.parse().map_err(|_| format!("{text:?}: the offset is a number of 0 to 65535, counted from 0"))?;
    Ok(Spot::Plain(known, offset))
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(table, offset) => write!(f, "{}:{offset}", table.name()),
            Self::Model { model, instance, point, index } => {
                write!(f, "sunspec:{model}")?;
                if *instance > 1 {
                    write!(f, "#{instance}")?;
                }
                write!(f, "/{point}")?;
                index.map_or(Ok(()), |index| write!(f, "[{index}]"))
            }
        }
    }
}
