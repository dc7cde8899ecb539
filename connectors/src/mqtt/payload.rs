//! Values, times and qualities in JSON and plain payloads.
//!
//! In: a payload, where a point's value is in it. Out: what the point's value is and what it is worth. Not here: which topic has which
//! points, and how a time is written.

use super::Clock;
use engine::domain::Quality;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where time and quality are in a JSON payload. Each key also stands in a `[[points]]`, and goes before these there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PayloadSpec {
    /// JSON pointer (RFC 6901) of the time; default: none, arrival counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// How the time is written; default `auto`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<Clock>,
    /// Zone of times without an offset; default: such times are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// JSON pointer of the quality; default: none, all is good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<String>,
    /// What stands there when the value is good; default: `true`, `"good"`, `"ok"`, and numbers as in OPC (192 and above good, 64 to 191
    /// uncertain). With it everything else is bad.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub good: Option<Vec<Good>>,
}

impl PayloadSpec {
    /// These, and where they say nothing, the others.
    pub(super) fn over(self, others: &Self) -> Self {
        Self {
            time: self.time.or_else(|| others.time.clone()),
            clock: self.clock.or(others.clock),
            timezone: self.timezone.or_else(|| others.timezone.clone()),
            quality: self.quality.or_else(|| others.quality.clone()),
            good: self.good.or_else(|| others.good.clone()),
        }
    }
}

/// A quality that means good.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Good {
    /// `true` or `false`.
    Flag(bool),
    /// A code.
    Code(f64),
    /// A word, in any case.
    Word(String),
}

impl Good {
    fn is(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Flag(own), Value::Bool(given)) => own == given,
            (Self::Code(own), Value::Number(given)) => given.as_f64() == Some(*own),
            (Self::Word(own), Value::String(given)) => own.eq_ignore_ascii_case(given.trim()),
            _ => false,
        }
    }
}

/// A place in a JSON document (RFC 6901), taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Pointer(Vec<(String, Option<usize>)>);

impl Pointer {
    /// # Errors
    /// What is wrong, with the remedy.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let Some(rest) = text.strip_prefix('/') else {
            return Err(format!("{text:?} is no JSON pointer; it begins with `/`, as in /values/power (RFC 6901)"));
        };
        let token = |part: &str| {
            let index = part.parse().ok().filter(|_| part == "0" || !part.starts_with(['0', '+']));
            (part.replace("~1", "/").replace("~0", "~"), index)
        };
        Ok(Self(rest.split('/').map(token).collect()))
    }

    /// What is there.
    pub(super) fn find<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(document, |value, (key, index)| match value {
            Value::Object(members) => members.get(key),
            Value::Array(items) => items.get((*index)?),
            _ => None,
        })
    }
}

/// A value as a payload has it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Reading {
    /// A number, or a truth as 1 and 0.
    Number(f64),
    /// A text that is neither.
    Text(String),
    /// There is none, and why.
    Missing(&'static str),
    /// Something a value cannot be.
    Unreadable,
}

/// A value in JSON.
pub(super) fn of_json(value: &Value) -> Reading {
    match value {
        Value::Null => Reading::Missing("null_value"),
        Value::Bool(truth) => Reading::Number(f64::from(u8::from(*truth))),
        Value::Number(number) => number.as_f64().map_or(Reading::Unreadable, Reading::Number),
        Value::String(text) => of_text(text),
        Value::Array(_) | Value::Object(_) => Reading::Unreadable,
    }
}

/// A value in plain text.
pub(super) fn of_text(text: &str) -> Reading {
    let text = text.trim();
    let is = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Reading::Number(number),
        Ok(_) => Reading::Missing("not_a_number"),
        Err(_) if text.is_empty() => Reading::Missing("empty"),
        Err(_) if is(&["true", "on"]) => Reading::Number(1.0),
        Err(_) if is(&["false", "off"]) => Reading::Number(0.0),
        Err(_) if is(&["null", "nan", "bad", "none", "unavailable", "unknown"]) => Reading::Missing("no_value"),
        Err(_) => Reading::Text(text.into()),
    }
}

/// What a quality in JSON says.
pub(super) fn quality(value: &Value, good: Option<&[Good]>) -> (Quality, &'static str) {
    const BAD: (Quality, &str) = (Quality::Invalid, "bad_quality");
    const UNCERTAIN: (Quality, &str) = (Quality::Questionable, "uncertain");
    const GOOD: (Quality, &str) = (Quality::Good, "");
    if let Some(good) = good {
        return if good.iter().any(|good| good.is(value)) { GOOD } else { BAD };
    }
    match value {
        Value::Bool(true) => GOOD,
        Value::Number(code) => of_opc(code.as_f64().unwrap_or(0.0)),
        Value::String(word) => {
            let word = word.trim().to_ascii_lowercase();
            match word.parse::<f64>() {
                Ok(code) => of_opc(code),
                Err(_) if word.starts_with("good") || word == "ok" || word == "valid" => GOOD,
                Err(_) if word.starts_with("uncertain") || word.starts_with("question") => UNCERTAIN,
                Err(_) if word == "stale" => (Quality::Questionable, "stale"),
                Err(_) => BAD,
            }
        }
        _ => BAD,
    }
}

/// OPC DA quality: the two highest bits of its low byte (OPC Data Access 3.0, 6.8).
fn of_opc(code: f64) -> (Quality, &'static str) {
    if code >= 192.0 {
        (Quality::Good, "")
    } else if code >= 64.0 {
        (Quality::Questionable, "uncertain")
    } else {
        (Quality::Invalid, "bad_quality")
    }
}
