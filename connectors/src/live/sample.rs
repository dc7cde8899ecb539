//! What a peer says: values and notices, before they become rows.
//!
//! In: what a protocol decoded. Out: to [`super::Assembly`]. Not here: units and assets, which the points know.

use engine::domain::Quality;
use std::borrow::Cow;

/// One value of one point as the peer sent it, not yet scaled.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Index into [`super::Points`].
    pub point: u32,
    /// When it held by the source's clock, microseconds UTC; `None`: the source gives no time, arrival counts.
    pub time: Option<i64>,
    /// The raw value; NaN: there is none, and `reason` says why.
    pub value: f64,
    /// What the source says it is worth.
    pub quality: Quality,
    /// Short stable word for `quality_flags.reason`; empty when the quality is good.
    pub reason: Cow<'static, str>,
}

impl Sample {
    /// A good value.
    pub const fn good(point: u32, time: Option<i64>, value: f64) -> Self {
        Self { point, time, value, quality: Quality::Good, reason: Cow::Borrowed("") }
    }

    /// No value, and why.
    pub fn missing(point: u32, time: Option<i64>, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { point, time, value: f64::NAN, quality: Quality::Invalid, reason: reason.into() }
    }

    /// A value with a quality.
    pub fn of(point: u32, time: Option<i64>, value: f64, quality: Quality, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { point, time, value, quality, reason: reason.into() }
    }
}

/// An alarm or status message of a machine, for the table `events`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Index into [`super::Points`]: whose message.
    pub point: u32,
    /// When it was raised or reset, microseconds UTC; `None`: arrival counts.
    pub time: Option<i64>,
    /// The message; `None`: the point's own.
    pub message: Option<String>,
    /// True when it begins, false when it is over.
    pub is_active: bool,
}
