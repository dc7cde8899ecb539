//! Addresses of IEC 61850: points as `LD/LN.DO.DA[FC]`, report control blocks as `LD/LN$BR$name`.
//!
//! In: text from a points file or the settings. Out: an [`Address`], or what is wrong with it and how to write it (IEC 61850-7-2, 8-1).
//! Not here: whether the controller has it.

use iec61850_model::FC;
use std::fmt;

/// The longest object reference (IEC 61850-7-2: 129 characters).
const LONGEST: usize = 129;

/// Where a value stands in a controller's model.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Address {
    /// Logical device, as MMS names it: the IED's name and the instance.
    pub(super) device: String,
    /// Logical node with prefix and instance.
    pub(super) node: String,
    /// Data object and what is below it.
    pub(super) path: Vec<String>,
    /// Functional constraint.
    pub(super) fc: FC,
}

impl Address {
    /// Reads `LD/LN.DO.DA[FC]`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let example =
            "write it as WTG1LD0/WTUR1.W.mag.f[MX]: logical device / logical node . data . attribute [functional constraint]";
        let (reference, fc) = text
            .trim()
            .strip_suffix(']')
            .and_then(|text| text.split_once('['))
            .ok_or_else(|| format!("{text:?} ends without a functional constraint such as [MX] or [ST]; {example}"))?;
        let fc = match FC::parse(fc) {
            Ok(fc @ (FC::Mx | FC::St)) => fc,
            _ => return Err(format!("[{fc}] is not read; [MX] (measured values) and [ST] (status) are; {example}")),
        };
        Self::split(reference, fc).ok_or_else(|| format!("{text:?} is no object reference; {example}"))
    }

    /// Reads `LD/LN.DO.DA` where the constraint is known.
    pub(super) fn split(reference: &str, fc: FC) -> Option<Self> {
        let good = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let (device, rest) = reference.split_once('/')?;
        let mut parts = rest.split('.');
        let node = parts.next()?;
        let path: Vec<String> = parts.map(Into::into).collect();
        let is_whole = good(device) && good(node) && !path.is_empty() && path.iter().all(|part| good(part));
        let (device, node) = (device.into(), node.into());
        (is_whole && reference.len() <= LONGEST).then_some(Self { device, node, path, fc })
    }

    /// The reference down to `depth` names below the node, without the constraint.
    pub(super) fn reference(&self, depth: usize) -> String {
        let mut text = format!("{}/{}", self.device, self.node);
        for part in self.path.iter().take(depth) {
            text.push('.');
            text.push_str(part);
        }
        text
    }

    /// What of this address lies below `upper`; `None` if it is elsewhere.
    pub(super) fn below(&self, upper: &Self) -> Option<&[String]> {
        let same = self.device == upper.device && self.node == upper.node && self.fc == upper.fc;
        if same { self.path.strip_prefix(upper.path.as_slice()) } else { None }
    }

    /// The attribute beside the last name: `…mag.f` becomes `…mag.q`, with one name less per step up.
    pub(super) fn beside(&self, depth: usize, name: &str) -> Self {
        let mut path: Vec<String> = self.path.iter().take(depth).cloned().collect();
        path.push(name.into());
        Self { path, ..self.clone() }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.reference(self.path.len()), self.fc)
    }
}

/// A report control block's reference as MMS writes it: `LD/LN$BR$name` or `LD/LN$RP$name`; points for dollars are understood.
pub(super) fn control_block(text: &str) -> Result<String, String> {
    let wrong = || {
        format!(
            "{text:?} is no report control block; write WTG1LD0/LLN0$BR$brcbA01 (buffered) or WTG1LD0/LLN0$RP$urcbA01 (unbuffered); \
             `chergui discover` lists them"
        )
    };
    let (device, rest) = text.trim().split_once('/').ok_or_else(wrong)?;
    let rest = rest.replace('.', "$");
    let parts: Vec<&str> = rest.split('$').collect();
    let good = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    match parts.as_slice() {
        [node, "BR" | "RP", name] if good(device) && good(node) && good(name) && text.len() <= LONGEST => {
            Ok(format!("{device}/{rest}"))
        }
        _ => Err(wrong()),
    }
}
