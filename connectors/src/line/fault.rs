//! What can be wrong with a line, as values; the sentence is made only for rejects that are kept.
//!
//! In: pieces of the line. Out: a stable reason and a sentence with the remedy. Not here: which asset and time, the caller knows.

use std::borrow::Cow;

/// Why a line, or a field of it, is not kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fault<'b> {
    NoMeasurement,
    NoFields,
    FieldKey(&'b [u8]),
    FieldEnd(&'b [u8]),
    Number(&'b [u8], &'b [u8]),
    NotFinite(&'b [u8], &'b [u8]),
    /// The field, and where its text begins.
    OpenQuote(&'b [u8], usize),
    Time(&'b [u8]),
    Future(i64),
    TooLong(usize, usize),
    NoKnownField,
    Tags(&'b [u8]),
    NoAsset,
    BadAsset(&'b [u8]),
    UnknownAsset(&'b [u8]),
    UnknownKind(&'b [u8]),
}

/// Bytes for people: at most 200 of them, what is not UTF-8 replaced.
pub(super) fn shown(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(&bytes[..bytes.len().min(200)])
}

impl Fault<'_> {
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::NoMeasurement | Self::NoFields | Self::FieldKey(_) | Self::FieldEnd(_) | Self::Tags(_) => "bad_line",
            Self::Number(..) => "bad_number",
            Self::NotFinite(..) => "not_finite",
            Self::OpenQuote(..) => "open_quote",
            Self::Time(_) => "bad_time",
            Self::Future(_) => "in_future",
            Self::TooLong(..) => "too_long",
            Self::NoKnownField => "no_known_field",
            Self::NoAsset => "no_asset",
            Self::BadAsset(_) => "bad_asset",
            Self::UnknownAsset(_) => "unknown_asset",
            Self::UnknownKind(_) => "unknown_kind",
        }
    }

    pub(super) fn sentence(&self) -> String {
        match self {
            Self::NoMeasurement => "the line does not begin with a measurement; write measurement,tag=value field=1 time".into(),
            Self::NoFields => {
                "there is no field after the tags; write field=1, and a backslash before a space that belongs to a tag".into()
            }
            Self::FieldKey(part) => format!("expected field=value, found {:?}", shown(part)),
            Self::FieldEnd(part) => format!("expected a comma or a space after a value, found {:?}", shown(part)),
            Self::Number(field, value) => {
                format!("{}: {:?} is not a value; write 1.5, 1i, 1u, true, false or \"text\"", shown(field), shown(value))
            }
            Self::NotFinite(field, value) => {
                format!("{}: {} is not a finite number; leave the field out when there is no value", shown(field), shown(value))
            }
            Self::OpenQuote(field, _) => {
                format!("{}: the quote of its text is not closed; write \\\" for a quote inside", shown(field))
            }
            Self::Time(time) => format!(
                "{:?} is not a time; write a whole number between the years 1677 and 2262, and its unit as ?precision=ns|us|ms|s",
                shown(time)
            ),
            Self::Future(time) => {
                format!("{} is too far in the future; check the sender's clock and ?precision=", engine::domain::from_micros(*time))
            }
            Self::TooLong(length, most) => format!("the line has {length} bytes, {most} are the most; split its fields over lines"),
            Self::NoKnownField => {
                "no field of the line is known; map them under [[line_protocol]] fields, or set declare = true".into()
            }
            Self::Tags(part) => format!("expected tag=value, found {:?}; leave empty tags out", shown(part)),
            Self::NoAsset => {
                "no tag names the asset; send a tag asset_id, or name yours as asset_tag under [[line_protocol]]".into()
            }
            Self::BadAsset(id) => {
                format!("asset id {:?} is not valid: use 1 to 64 letters, digits, '_', '-', '.', ':' or '/'", shown(id))
            }
            Self::UnknownAsset(id) => {
                format!("asset {:?} is not known; add it first, or set register = true under [[line_protocol]]", shown(id))
            }
            Self::UnknownKind(kind) => {
                format!("no kind of asset is known for {:?}; add it to kinds under [[line_protocol]]", shown(kind))
            }
        }
    }
}
