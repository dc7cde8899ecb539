//! Cells of annotated CSV: a record cut into texts, and texts read as the annotated type into Arrow columns.
//!
//! In: one record. Out: cells, columns. Not here: which record is what.

use arrow::array::ArrayRef;
use arrow::array::BinaryBuilder;
use arrow::array::BooleanBuilder;
use arrow::array::DurationNanosecondBuilder;
use arrow::array::Float64Builder;
use arrow::array::Int64Builder;
use arrow::array::StringBuilder;
use arrow::array::TimestampNanosecondBuilder;
use arrow::array::UInt64Builder;
use arrow::datatypes::DataType;
use arrow::datatypes::TimeUnit;
use base64::Engine;
use engine::domain::Timestamp;
use std::borrow::Cow;
use std::sync::Arc;

/// The cells of a record, quotes taken off.
#[derive(Debug)]
pub(super) struct Cells<'a>(Vec<Cow<'a, str>>);

impl<'a> Cells<'a> {
    /// `None` where text follows a closing quote, or a quote is not closed.
    pub(super) fn split(record: &'a str) -> Option<Self> {
        let mut cells = Vec::new();
        let mut rest = record;
        loop {
            let (cell, after) = match rest.strip_prefix('"') {
                Some(quoted) => {
                    let end = closing(quoted)?;
                    let inner = &quoted[..end];
                    let cell = if inner.contains('"') { Cow::Owned(inner.replace("\"\"", "\"")) } else { Cow::Borrowed(inner) };
                    (cell, &quoted[end + 1..])
                }
                None => {
                    let end = rest.find(',').unwrap_or(rest.len());
                    (Cow::Borrowed(&rest[..end]), &rest[end..])
                }
            };
            cells.push(cell);
            match after.strip_prefix(',') {
                Some(next) => rest = next,
                None if after.is_empty() => return Some(Self(cells)),
                None => return None,
            }
        }
    }

    pub(super) fn get(&self, index: usize) -> &str {
        self.0.get(index).map_or("", |cell| cell)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|cell| &**cell)
    }
}

/// The first quote that is not doubled.
fn closing(text: &str) -> Option<usize> {
    let mut at = 0;
    loop {
        at += text[at..].find('"')?;
        if !text[at + 1..].starts_with('"') {
            return Some(at);
        }
        at += 2;
    }
}

/// A type of annotated CSV.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Double,
    Long,
    UnsignedLong,
    Boolean,
    Text,
    Instant,
    Duration,
    Base64,
}

impl Kind {
    pub(super) fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "double" => Self::Double,
            "long" => Self::Long,
            "unsignedLong" => Self::UnsignedLong,
            "boolean" => Self::Boolean,
            "string" | "" => Self::Text,
            "dateTime:RFC3339" | "dateTime:RFC3339Nano" | "dateTime" => Self::Instant,
            "duration" => Self::Duration,
            "base64Binary" => Self::Base64,
            _ => return None,
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Double => "double",
            Self::Long => "long",
            Self::UnsignedLong => "unsignedLong",
            Self::Boolean => "boolean (true or false)",
            Self::Text => "string",
            Self::Instant => "dateTime (RFC 3339, years 1677 to 2262)",
            Self::Duration => "duration (for example 1h30m)",
            Self::Base64 => "base64Binary",
        }
    }

    pub(super) fn arrow(self) -> DataType {
        match self {
            Self::Double => DataType::Float64,
            Self::Long => DataType::Int64,
            Self::UnsignedLong => DataType::UInt64,
            Self::Boolean => DataType::Boolean,
            Self::Text => DataType::Utf8,
            Self::Instant => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
            Self::Duration => DataType::Duration(TimeUnit::Nanosecond),
            Self::Base64 => DataType::Binary,
        }
    }
}

/// A column being filled.
#[derive(Debug)]
pub(super) enum Column {
    Double(Float64Builder),
    Long(Int64Builder),
    UnsignedLong(UInt64Builder),
    Boolean(BooleanBuilder),
    Text(StringBuilder),
    Instant(TimestampNanosecondBuilder),
    Duration(DurationNanosecondBuilder),
    Base64(BinaryBuilder),
}

impl Column {
    pub(super) fn new(kind: Kind) -> Self {
        match kind {
            Kind::Double => Self::Double(Float64Builder::new()),
            Kind::Long => Self::Long(Int64Builder::new()),
            Kind::UnsignedLong => Self::UnsignedLong(UInt64Builder::new()),
            Kind::Boolean => Self::Boolean(BooleanBuilder::new()),
            Kind::Text => Self::Text(StringBuilder::new()),
            Kind::Instant => Self::Instant(TimestampNanosecondBuilder::new().with_timezone("UTC")),
            Kind::Duration => Self::Duration(DurationNanosecondBuilder::new()),
            Kind::Base64 => Self::Base64(BinaryBuilder::new()),
        }
    }

    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Double(_) => Kind::Double,
            Self::Long(_) => Kind::Long,
            Self::UnsignedLong(_) => Kind::UnsignedLong,
            Self::Boolean(_) => Kind::Boolean,
            Self::Text(_) => Kind::Text,
            Self::Instant(_) => Kind::Instant,
            Self::Duration(_) => Kind::Duration,
            Self::Base64(_) => Kind::Base64,
        }
    }

    /// Adds a cell, null for an empty one. False, and nothing added, where it is not of the column's type.
    pub(super) fn push(&mut self, text: &str) -> bool {
        macro_rules! read {
            ($builder:expr, $value:expr) => {
                match text {
                    "" => $builder.append_null(),
                    _ => match $value {
                        Some(value) => $builder.append_value(value),
                        None => return false,
                    },
                }
            };
        }
        match self {
            Self::Double(builder) => read!(builder, text.parse::<f64>().ok()),
            Self::Long(builder) => read!(builder, text.parse::<i64>().ok()),
            Self::UnsignedLong(builder) => read!(builder, text.parse::<u64>().ok()),
            Self::Boolean(builder) => read!(builder, boolean(text)),
            Self::Text(builder) => read!(builder, Some(text)),
            Self::Instant(builder) => read!(builder, nanoseconds(text)),
            Self::Duration(builder) => read!(builder, duration(text)),
            Self::Base64(builder) => read!(builder, base64::engine::general_purpose::STANDARD.decode(text).ok()),
        }
        true
    }

    pub(super) fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Double(builder) => Arc::new(builder.finish()),
            Self::Long(builder) => Arc::new(builder.finish()),
            Self::UnsignedLong(builder) => Arc::new(builder.finish()),
            Self::Boolean(builder) => Arc::new(builder.finish()),
            Self::Text(builder) => Arc::new(builder.finish()),
            Self::Instant(builder) => Arc::new(builder.finish()),
            Self::Duration(builder) => Arc::new(builder.finish()),
            Self::Base64(builder) => Arc::new(builder.finish()),
        }
    }
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

fn nanoseconds(text: &str) -> Option<i64> {
    i64::try_from(text.parse::<Timestamp>().ok()?.as_nanosecond()).ok()
}

/// A Flux duration of fixed units (`-1h30m`, `2w`, `15ms`) in nanoseconds; months and years have no fixed length.
fn duration(text: &str) -> Option<i64> {
    let negative = text.starts_with('-');
    let mut rest = text.strip_prefix('-').unwrap_or(text);
    let mut total = 0_i64;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let count: i64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.len() - rest.trim_start_matches(char::is_alphabetic).len();
        let unit = match &rest[..letters] {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            "d" => 86_400_000_000_000,
            "w" => 604_800_000_000_000,
            _ => return None,
        };
        total = total.checked_add(count.checked_mul(unit)?)?;
        rest = &rest[letters..];
    }
    (text.len() > usize::from(negative)).then_some(if negative { -total } else { total })
}
