//! Payloads of Sparkplug B (Eclipse Sparkplug 3.0.0, section 6), read and, for one command, written.
//!
//! In: bytes of protocol buffers. Out: metrics with value, time and quality. Templates, data sets and extensions are left out. Not here: which
//! metric is which point, sequence numbers.

use super::payload::Reading;
use engine::domain::Quality;
use prost::Message;

/// `org.eclipse.tahu.protobuf.Payload`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Payload {
    /// When it was sent, ms.
    #[prost(uint64, optional, tag = "1")]
    pub(super) timestamp: Option<u64>,
    #[prost(message, repeated, tag = "2")]
    pub(super) metrics: Vec<Metric>,
    /// 0 to 255.
    #[prost(uint64, optional, tag = "3")]
    pub(super) seq: Option<u64>,
}

/// One metric.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Metric {
    #[prost(string, optional, tag = "1")]
    pub(super) name: Option<String>,
    #[prost(uint64, optional, tag = "2")]
    pub(super) alias: Option<u64>,
    /// When it held, ms.
    #[prost(uint64, optional, tag = "3")]
    pub(super) timestamp: Option<u64>,
    #[prost(uint32, optional, tag = "4")]
    pub(super) datatype: Option<u32>,
    #[prost(bool, optional, tag = "5")]
    pub(super) is_historical: Option<bool>,
    #[prost(bool, optional, tag = "7")]
    pub(super) is_null: Option<bool>,
    #[prost(message, optional, tag = "9")]
    pub(super) properties: Option<PropertySet>,
    #[prost(oneof = "Value", tags = "10, 11, 12, 13, 14, 15")]
    pub(super) value: Option<Value>,
}

/// A value on the wire.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum Value {
    #[prost(uint32, tag = "10")]
    Int(u32),
    #[prost(uint64, tag = "11")]
    Long(u64),
    #[prost(float, tag = "12")]
    Float(f32),
    #[prost(double, tag = "13")]
    Double(f64),
    #[prost(bool, tag = "14")]
    Boolean(bool),
    #[prost(string, tag = "15")]
    Text(String),
}

/// Properties of a metric: names and values in the same order.
#[derive(Clone, PartialEq, Message)]
pub(super) struct PropertySet {
    #[prost(string, repeated, tag = "1")]
    pub(super) keys: Vec<String>,
    #[prost(message, repeated, tag = "2")]
    pub(super) values: Vec<Property>,
}

/// The value of a property.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Property {
    #[prost(uint32, optional, tag = "1")]
    pub(super) datatype: Option<u32>,
    #[prost(bool, optional, tag = "2")]
    pub(super) is_null: Option<bool>,
    #[prost(oneof = "PropertyValue", tags = "3, 4, 5, 6, 7, 8")]
    pub(super) value: Option<PropertyValue>,
}

/// The same on the wire; other tags than a metric's.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum PropertyValue {
    #[prost(uint32, tag = "3")]
    Int(u32),
    #[prost(uint64, tag = "4")]
    Long(u64),
    #[prost(float, tag = "5")]
    Float(f32),
    #[prost(double, tag = "6")]
    Double(f64),
    #[prost(bool, tag = "7")]
    Boolean(bool),
    #[prost(string, tag = "8")]
    Text(String),
}

/// Data types that must be known to read a value (section 6.4.16).
const INT8: u32 = 1;
const INT16: u32 = 2;
const INT32: u32 = 3;
const INT64: u32 = 4;
/// A truth.
pub(super) const BOOLEAN: u32 = 11;

impl Metric {
    /// Its value. `declared` is the data type of its birth, for messages that leave it out.
    pub(super) fn reading(&self, declared: Option<u32>) -> Reading {
        if self.is_null == Some(true) {
            return Reading::Missing("null_value");
        }
        let datatype = self.datatype.filter(|datatype| *datatype != 0).or(declared).unwrap_or(0);
        match &self.value {
            // Signed integers are their two's complement, in more bits or in just enough.
            Some(Value::Int(bits)) => Reading::Number(match datatype {
                INT8 => f64::from(*bits as u8 as i8),
                INT16 => f64::from(*bits as u16 as i16),
                INT32 => f64::from(*bits as i32),
                _ => f64::from(*bits),
            }),
            Some(Value::Long(bits)) => Reading::Number(match datatype {
                INT8 | INT16 | INT32 | INT64 => *bits as i64 as f64,
                _ => *bits as f64,
            }),
            Some(Value::Float(number)) if number.is_finite() => Reading::Number(f64::from(*number)),
            Some(Value::Double(number)) if number.is_finite() => Reading::Number(*number),
            Some(Value::Float(_) | Value::Double(_)) => Reading::Missing("not_a_number"),
            Some(Value::Boolean(truth)) => Reading::Number(f64::from(u8::from(*truth))),
            Some(Value::Text(text)) => super::payload::of_text(text),
            None => Reading::Missing("no_value"),
        }
    }

    /// The property `Quality` (section 6.4.20): 192 good, 500 stale, 0 bad.
    pub(super) fn quality(&self) -> (Quality, &'static str) {
        let code = match self.property("Quality") {
            Some(PropertyValue::Int(code)) => i64::from(*code as i32),
            Some(PropertyValue::Long(code)) => *code as i64,
            _ => return (Quality::Good, ""),
        };
        match code {
            500 => (Quality::Questionable, "stale"),
            192..=255 => (Quality::Good, ""),
            64..=191 => (Quality::Questionable, "uncertain"),
            _ => (Quality::Invalid, "bad_quality"),
        }
    }

    /// A property by its name.
    pub(super) fn property(&self, name: &str) -> Option<&PropertyValue> {
        let set = self.properties.as_ref()?;
        let place = set.keys.iter().position(|key| key == name)?;
        set.values.get(place)?.value.as_ref()
    }

    /// A whole number that is not negative.
    pub(super) fn count(&self) -> Option<u64> {
        match self.value {
            Some(Value::Int(count)) => Some(u64::from(count)),
            Some(Value::Long(count)) => Some(count),
            _ => None,
        }
    }
}

/// Milliseconds to microseconds; 0 is no time.
pub(super) fn time(millis: Option<u64>) -> Option<i64> {
    i64::try_from(millis?).ok()?.checked_mul(1000).filter(|time| *time > 0)
}

/// The command "be born again": a payload whose one metric is `Node Control/Rebirth` (section 6.4.21). Nothing else is ever written.
pub(super) fn rebirth(now_millis: u64) -> Vec<u8> {
    let metric = Metric {
        name: Some("Node Control/Rebirth".into()),
        timestamp: Some(now_millis),
        datatype: Some(BOOLEAN),
        value: Some(Value::Boolean(true)),
        ..Metric::default()
    };
    Payload { timestamp: Some(now_millis), metrics: vec![metric], seq: None }.encode_to_vec()
}
