//! One row of a file, whatever the file: text by column, numbers by column, and its place for people.
//!
//! In: nothing. Out: the two-implementer trait behind CSV and Parquet, and the reading of a number. Not here: meaning.

use crate::mapping::FormatSpec;

/// A cell of a time column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum TimeCell<'a> {
    /// To be read by the clock.
    Text(&'a str),
    /// Already an instant: microseconds UTC.
    Instant(i64),
    /// A wall clock without zone: microseconds since 1970-01-01T00:00 there.
    Wall(i64),
}

/// A cell of a value column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    Missing,
    /// The file says "not a number".
    Nan,
    Value(f64),
    /// Neither missing nor a finite number.
    Bad,
}

/// One row, addressed by position of the column.
pub(crate) trait Record {
    fn time(&self, column: usize) -> TimeCell<'_>;
    fn text(&self, column: usize) -> &str;
    fn number(&self, column: usize, numbers: &Numbers) -> Number;
    /// The row as text, for the rejects.
    fn raw(&self) -> String;
    /// Line (text) or row (Parquet) in the file, counted from 1.
    fn line(&self) -> u64;
}

/// How numbers and their absence are spelled.
#[derive(Debug, Clone)]
pub(crate) struct Numbers {
    comma: bool,
    words: Vec<String>,
    digits: Vec<String>,
}

impl Numbers {
    pub(crate) fn new(format: &FormatSpec) -> Self {
        let (digits, words) = format.null.iter().cloned().partition(|null| like_a_number(null));
        Self { comma: format.decimal_comma, words, digits }
    }

    pub(crate) fn read(&self, text: &str) -> Number {
        let text = text.trim_ascii();
        if text.is_empty() {
            return Number::Missing;
        }
        let nulls = if like_a_number(text) { &self.digits } else { &self.words };
        if nulls.iter().any(|null| null == text) {
            return if text.eq_ignore_ascii_case("nan") { Number::Nan } else { Number::Missing };
        }
        let parsed = if self.comma && text.contains(',') { text.replace(',', ".").parse() } else { text.parse() };
        match parsed {
            Ok(value) => Self::finite(value),
            Err(_) => Number::Bad,
        }
    }

    pub(crate) fn finite(value: f64) -> Number {
        match value {
            v if v.is_finite() => Number::Value(v),
            v if v.is_nan() => Number::Nan,
            _ => Number::Bad,
        }
    }
}

fn like_a_number(text: &str) -> bool {
    text.bytes().next().is_some_and(|b| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::{FormatSpec, Number, Numbers};

    #[test]
    fn numbers_nulls_and_the_rest() {
        let numbers = Numbers::new(&FormatSpec { null: vec!["-999".into(), "NaN".into(), "n/a".into()], ..FormatSpec::default() });
        assert_eq!(numbers.read(" 3.5 "), Number::Value(3.5));
        assert_eq!(numbers.read("-999"), Number::Missing);
        assert_eq!(numbers.read("n/a"), Number::Missing);
        assert_eq!(numbers.read(""), Number::Missing);
        assert_eq!(numbers.read("NaN"), Number::Nan);
        assert_eq!(numbers.read("-inf"), Number::Bad);
        assert_eq!(numbers.read("1e999"), Number::Bad);
        assert_eq!(numbers.read("3,5"), Number::Bad);
        let comma = Numbers::new(&FormatSpec { decimal_comma: true, ..FormatSpec::default() });
        assert_eq!(comma.read("3,5"), Number::Value(3.5));
    }
}
