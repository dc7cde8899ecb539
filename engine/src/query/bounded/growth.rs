//! How large the answers of a function will be, from its arguments, before it runs.
//!
//! In: a name, arguments. Out: bytes per row, never less than what the function makes.

use super::Argument;
use crate::query::width;
use arrow::array::Array;
use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::datatypes::Int64Type;
use arrow::datatypes::IntervalMonthDayNanoType;
use arrow::datatypes::IntervalUnit;
use arrow::datatypes::TimeUnit;
use datafusion::error::DataFusionError;

/// By what rule an answer grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Growth {
    /// The first argument, so many times.
    Times,
    /// Padded to a length.
    Padded,
    /// Every match becomes another text.
    Replaced,
    /// A time by a pattern.
    Patterned,
    /// A list of a length.
    Resized,
    /// A list from, to, by.
    Series,
    /// A text in pieces.
    Split,
    /// A list with something between its items.
    Joined,
    /// No more than four times the arguments together.
    Together,
    /// Time, not bytes: every character of one with every one of the other.
    Pairs,
}

impl Growth {
    /// The rule of a function; `None` when its answer is not larger than a number or than its argument.
    pub(super) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "repeat" | "array_repeat" => Self::Times,
            "lpad" | "rpad" | "space" => Self::Padded,
            "replace" | "regexp_replace" => Self::Replaced,
            "to_char" => Self::Patterned,
            "array_resize" => Self::Resized,
            "range" | "generate_series" => Self::Series,
            "string_to_array" | "regexp_match" => Self::Split,
            "array_to_string" => Self::Joined,
            "levenshtein" => Self::Pairs,
            "concat" | "concat_ws" | "translate" | "overlay" | "upper" | "lower" | "initcap" | "reverse" | "make_array"
            | "array_append" | "array_prepend" | "array_concat" | "array_union" | "array_replace" | "array_replace_n"
            | "array_replace_all" | "array_sort" | "array_distinct" | "array_except" | "array_intersect" | "array_reverse"
            | "array_remove" | "array_remove_n" | "array_remove_all" | "array_slice" | "array_pop_back" | "array_pop_front"
            | "flatten" | "arrays_zip" | "map" | "map_entries" | "map_keys" | "map_values" | "map_extract" | "named_struct"
            | "struct" | "array_positions" | "array_compact" => Self::Together,
            _ => return None,
        })
    }

    /// Bytes of the answer of a row (for [`Growth::Pairs`]: comparisons).
    pub(super) fn sizes<'a>(
        self,
        name: &str,
        arguments: &'a [Argument],
    ) -> Result<Box<dyn Fn(usize) -> usize + 'a>, DataFusionError> {
        let bytes = move |at: usize, row: usize| {
            arguments.get(at).map_or(0, |argument| {
                let row = argument.row(row);
                width::rows(&argument.values, row..row + 1)
            })
        };
        let all = move |row: usize| (0..arguments.len()).map(|at| bytes(at, row)).fold(0, usize::saturating_add);
        Ok(match self {
            Self::Times => {
                let times = Numbers::read(arguments.get(1))?;
                Box::new(move |row| bytes(0, row).saturating_mul(times.at(row)))
            }
            Self::Padded => {
                // `space(n)`, or a length in characters of up to four bytes.
                let lengths = Numbers::read(arguments.get(usize::from(name != "space")))?;
                Box::new(move |row| lengths.at(row).saturating_mul(4))
            }
            Self::Replaced => {
                Box::new(move |row| replaced(name_is_pattern(arguments), bytes(0, row), bytes(1, row), bytes(2, row)))
            }
            Self::Patterned => Box::new(move |row| bytes(1, row).saturating_mul(16).saturating_add(64)),
            Self::Resized => {
                let lengths = Numbers::read(arguments.get(1))?;
                Box::new(move |row| bytes(0, row).saturating_add(lengths.at(row).saturating_mul(bytes(2, row).saturating_add(8))))
            }
            Self::Series => {
                let series = Series::read(arguments)?;
                Box::new(move |row| series.items(row).saturating_mul(8))
            }
            Self::Split => Box::new(move |row| bytes(0, row).saturating_mul(17).saturating_add(32)),
            Self::Joined => Box::new(move |row| {
                let items = arguments.first().and_then(|list| width::items(&list.values, list.row(row)));
                let between = bytes(1, row).saturating_add(bytes(2, row)).saturating_add(24);
                bytes(0, row).saturating_add(items.map_or(0, |items| items.len()).saturating_mul(between))
            }),
            Self::Together => Box::new(move |row| all(row).saturating_mul(2)),
            Self::Pairs => Box::new(move |row| bytes(0, row).saturating_mul(bytes(1, row))),
        })
    }
}

/// `regexp_replace` has flags as a fourth argument, or a pattern that can match the empty text: any place may match.
fn name_is_pattern(arguments: &[Argument]) -> bool {
    arguments.len() > 3
}

fn replaced(anywhere: bool, text: usize, from: usize, to: usize) -> usize {
    // The lengths hold four bytes of offset, which only makes the answer larger than it will be.
    let matches = if anywhere { text + 1 } else { text / from.saturating_sub(4).max(1) + 1 };
    // A replacement may name a group of the match, two characters for up to the whole text.
    text.saturating_add(matches.saturating_mul(to)).saturating_add((to / 2).saturating_mul(text).min(matches.saturating_mul(text)))
}

/// Whole numbers; what is negative, null or absent counts as none.
struct Numbers {
    values: Option<arrow::array::Int64Array>,
    scalar: bool,
}

impl Numbers {
    fn read(argument: Option<&Argument>) -> Result<Self, DataFusionError> {
        let Some(argument) = argument else { return Ok(Self { values: None, scalar: true }) };
        let values = cast(&argument.values, &DataType::Int64)?.as_primitive::<Int64Type>().clone();
        Ok(Self { values: Some(values), scalar: argument.scalar })
    }

    fn whole(&self, row: usize) -> Option<i64> {
        let values = self.values.as_ref()?;
        let row = if self.scalar { 0 } else { row };
        (row < values.len() && values.is_valid(row)).then(|| values.value(row))
    }

    fn at(&self, row: usize) -> usize {
        self.whole(row).and_then(|value| usize::try_from(value).ok()).unwrap_or_default()
    }
}

/// Bounds of a series as whole numbers: of integers, or of nanoseconds.
struct Series {
    start: Numbers,
    stop: Numbers,
    step: Numbers,
    default_step: i64,
}

impl Series {
    fn read(arguments: &[Argument]) -> Result<Self, DataFusionError> {
        let none = || Numbers { values: None, scalar: true };
        let (start, stop) = match arguments {
            [stop] => (none(), nanoseconds(stop)?),
            [start, stop, ..] => (nanoseconds(start)?, nanoseconds(stop)?),
            [] => (none(), none()),
        };
        let step = arguments.get(2).map(nanoseconds).transpose()?.unwrap_or_else(none);
        let times = arguments.first().is_some_and(|first| first.values.data_type().is_temporal());
        Ok(Self { start, stop, step, default_step: if times { 86_400_000_000_000 } else { 1 } })
    }

    fn items(&self, row: usize) -> usize {
        let Some(stop) = self.stop.whole(row) else { return 0 };
        let start = self.start.whole(row).unwrap_or_default();
        let step = i128::from(self.step.whole(row).unwrap_or(self.default_step));
        let distance = i128::from(stop) - i128::from(start);
        let items = if step == 0 { 0 } else { distance / step + 1 };
        usize::try_from(items.max(0)).unwrap_or(usize::MAX)
    }
}

fn nanoseconds(argument: &Argument) -> Result<Numbers, DataFusionError> {
    let read = |values| Argument { values, scalar: argument.scalar };
    match argument.values.data_type() {
        DataType::Interval(_) => {
            let spans = cast(&argument.values, &DataType::Interval(IntervalUnit::MonthDayNano))?;
            let spans = spans.as_primitive::<IntervalMonthDayNanoType>();
            // A month is at least 28 days long.
            let length = |span: arrow::datatypes::IntervalMonthDayNano| {
                let days = i64::from(span.months) * 28 + i64::from(span.days);
                days.saturating_mul(86_400_000_000_000).saturating_add(span.nanoseconds)
            };
            let values = spans.iter().map(|span| span.map(length)).collect();
            Ok(Numbers { values: Some(values), scalar: argument.scalar })
        }
        kind if kind.is_temporal() => {
            let times = cast(&argument.values, &DataType::Timestamp(TimeUnit::Nanosecond, None))?;
            Numbers::read(Some(&read(times)))
        }
        _ => Numbers::read(Some(argument)),
    }
}

#[cfg(test)]
mod tests {
    use super::Argument;
    use super::Growth;
    use arrow::array::ArrayRef;
    use arrow::array::Int64Array;
    use arrow::array::StringArray;
    use std::sync::Arc;

    fn size(name: &str, arguments: Vec<ArrayRef>) -> usize {
        let arguments: Vec<Argument> = arguments.into_iter().map(|values| Argument { values, scalar: true }).collect();
        Growth::of(name).unwrap().sizes(name, &arguments).unwrap()(0)
    }

    fn text(value: &str) -> ArrayRef {
        Arc::new(StringArray::from(vec![value]))
    }

    fn number(value: i64) -> ArrayRef {
        Arc::new(Int64Array::from(vec![value]))
    }

    #[test]
    fn sizes_are_never_too_small() {
        assert!(size("repeat", vec![text("ab"), number(1000)]) >= 2000);
        assert_eq!(size("repeat", vec![text("ab"), number(-1)]), 0);
        assert!(size("repeat", vec![text("ab"), number(i64::MAX)]) > 1 << 60);
        assert!(size("lpad", vec![text("a"), number(500), text("é")]) >= 1000);
        assert!(size("replace", vec![text("aaaa"), text("a"), text("bbbb")]) >= 16);
        assert!(size("regexp_replace", vec![text("aaaa"), text(""), text("bbbb"), text("g")]) >= 24);
        assert!(size("regexp_replace", vec![text("aaaa"), text("(.*)"), text("$1$1$1$1")]) >= 16);
        assert_eq!(size("range", vec![number(0), number(1_000_000), number(10)]), 8 * 100_001);
        assert_eq!(size("range", vec![number(5), number(1)]), 0);
        assert_eq!(size("generate_series", vec![number(i64::MIN), number(i64::MAX)]), usize::MAX);
        assert!(Growth::of("sqrt").is_none());
    }
}
