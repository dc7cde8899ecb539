//! How many bytes rows hold when each is written out: what a join, an unnest or an answer would copy.
//!
//! In: columns. Out: bytes. Shared buffers and views are counted for every row that refers to them. [`bound`] is the quick way to
//! see that no row is too wide: it looks at a column as a whole.

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use arrow::datatypes::Schema;
use std::ops::Range;
use std::ops::Sub;

/// True when rows of this type differ in size.
pub(super) fn varies(kind: &DataType) -> bool {
    !matches!(kind, DataType::Null | DataType::Boolean) && kind.primitive_width().is_none() && fixed(kind).is_none()
}

/// True when a column of the schema has rows of different size.
pub(super) fn any_varies(schema: &Schema) -> bool {
    schema.fields().iter().any(|field| varies(field.data_type()))
}

fn fixed(kind: &DataType) -> Option<usize> {
    match kind {
        DataType::Null => Some(0),
        DataType::Boolean => Some(1),
        DataType::FixedSizeBinary(width) => usize::try_from(*width).ok(),
        DataType::Struct(fields) => fields.iter().map(|field| fixed(field.data_type())).sum(),
        DataType::FixedSizeList(item, length) => Some(fixed(item.data_type())? * usize::try_from(*length).ok()?),
        other => other.primitive_width(),
    }
}

/// Bytes of these rows of a column.
pub(super) fn rows(column: &ArrayRef, range: Range<usize>) -> usize {
    let count = range.len();
    if count == 0 {
        return 0;
    }
    if let Some(width) = fixed(column.data_type()) {
        return width * count;
    }
    match column.data_type() {
        DataType::Utf8 => ends(column.as_string::<i32>().value_offsets(), &range).len() + 4 * count,
        DataType::LargeUtf8 => ends(column.as_string::<i64>().value_offsets(), &range).len() + 8 * count,
        DataType::Binary => ends(column.as_binary::<i32>().value_offsets(), &range).len() + 4 * count,
        DataType::LargeBinary => ends(column.as_binary::<i64>().value_offsets(), &range).len() + 8 * count,
        // The low half of a view is its length.
        DataType::Utf8View => range.map(|row| column.as_string_view().views()[row] as u32 as usize + 16).sum(),
        DataType::BinaryView => range.map(|row| column.as_binary_view().views()[row] as u32 as usize + 16).sum(),
        DataType::List(_) => {
            let list = column.as_list::<i32>();
            rows(list.values(), ends(list.value_offsets(), &range)) + 4 * count
        }
        DataType::LargeList(_) => {
            let list = column.as_list::<i64>();
            rows(list.values(), ends(list.value_offsets(), &range)) + 8 * count
        }
        DataType::FixedSizeList(_, length) => {
            let length = usize::try_from(*length).unwrap_or_default();
            rows(column.as_fixed_size_list().values(), range.start * length..range.end * length)
        }
        DataType::Map(_, _) => {
            let map = column.as_map();
            let entries: ArrayRef = std::sync::Arc::new(map.entries().clone());
            rows(&entries, ends(map.value_offsets(), &range)) + 4 * count
        }
        DataType::Struct(_) => column.as_struct().columns().iter().map(|part| rows(part, range.clone())).sum(),
        _ => column.slice(range.start, count).to_data().get_slice_memory_size().unwrap_or_default(),
    }
}

/// Bytes of each row of some columns.
pub(super) fn each(columns: Vec<&ArrayRef>) -> impl Fn(usize) -> usize {
    let (mut all, mut varied) = (0_usize, Vec::new());
    for column in columns {
        match fixed(column.data_type()) {
            Some(width) => all += width,
            None => varied.push(column),
        }
    }
    move |row| varied.iter().map(|column| rows(column, row..row + 1)).fold(all, usize::saturating_add)
}

/// Bytes that no row of some columns exceeds, found without measuring row by row; `None` where that is not possible.
pub(super) fn bound<'a>(columns: impl IntoIterator<Item = &'a ArrayRef>) -> Option<usize> {
    columns.into_iter().try_fold(0_usize, |sum, column| Some(sum.saturating_add(widest(column)?)))
}

fn widest(column: &ArrayRef) -> Option<usize> {
    if let Some(width) = fixed(column.data_type()) {
        return Some(width);
    }
    match column.data_type() {
        DataType::Utf8 => Some(longest(column.as_string::<i32>().value_offsets()) + 4),
        DataType::LargeUtf8 => Some(longest(column.as_string::<i64>().value_offsets()) + 8),
        DataType::Binary => Some(longest(column.as_binary::<i32>().value_offsets()) + 4),
        DataType::LargeBinary => Some(longest(column.as_binary::<i64>().value_offsets()) + 8),
        DataType::Utf8View => {
            let texts = column.as_string_view();
            Some(longest_view(texts.views(), texts.data_buffers().is_empty()) + 16)
        }
        DataType::BinaryView => {
            let values = column.as_binary_view();
            Some(longest_view(values.views(), values.data_buffers().is_empty()) + 16)
        }
        DataType::List(item) => {
            Some(longest(column.as_list::<i32>().value_offsets()).saturating_mul(fixed(item.data_type())?).saturating_add(4))
        }
        DataType::LargeList(item) => {
            Some(longest(column.as_list::<i64>().value_offsets()).saturating_mul(fixed(item.data_type())?).saturating_add(8))
        }
        DataType::Struct(_) => bound(column.as_struct().columns()),
        _ => None,
    }
}

/// Largest distance of two offsets that follow each other.
fn longest<O: Copy + Ord + Default + Sub<Output = O> + TryInto<usize>>(offsets: &[O]) -> usize {
    let distances = offsets.iter().zip(offsets.iter().skip(1)).map(|(from, to)| *to - *from);
    distances.fold(O::default(), O::max).try_into().unwrap_or_default()
}

/// Longest value behind views; without buffers all of them are inside, twelve bytes at most.
fn longest_view(views: &[u128], inlined: bool) -> usize {
    if inlined { 12 } else { views.iter().fold(0, |longest, view| longest.max(*view as u32)) as usize }
}

/// Bytes of all rows of a batch.
pub(super) fn batch(batch: &RecordBatch) -> usize {
    batch.columns().iter().map(|column| rows(column, 0..batch.num_rows())).sum()
}

/// Items of a list in one row; `None` for what is not a list.
pub(super) fn items(column: &ArrayRef, row: usize) -> Option<Range<usize>> {
    let range = row..row + 1;
    match column.data_type() {
        DataType::List(_) => Some(ends(column.as_list::<i32>().value_offsets(), &range)),
        DataType::LargeList(_) => Some(ends(column.as_list::<i64>().value_offsets(), &range)),
        DataType::FixedSizeList(_, length) => {
            let length = usize::try_from(*length).unwrap_or_default();
            Some(row * length..(row + 1) * length)
        }
        _ => None,
    }
}

fn ends<O: Copy + TryInto<usize>>(offsets: &[O], range: &Range<usize>) -> Range<usize> {
    let at = |row: usize| offsets.get(row).and_then(|offset| (*offset).try_into().ok()).unwrap_or_default();
    at(range.start)..at(range.end)
}

#[cfg(test)]
mod tests {
    use super::bound;
    use super::each;
    use super::items;
    use super::rows;
    use super::varies;
    use arrow::array::Array;
    use arrow::array::ArrayRef;
    use arrow::array::Int64Array;
    use arrow::array::ListArray;
    use arrow::array::StringArray;
    use arrow::array::StringViewArray;
    use arrow::array::StructArray;
    use arrow::compute::cast;
    use arrow::datatypes::DataType;
    use arrow::datatypes::Field;
    use arrow::datatypes::Int64Type;
    use std::sync::Arc;

    #[test]
    fn rows_count_what_they_refer_to() {
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
        assert_eq!(rows(&numbers, 1..3), 16);
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["a", "bcd", ""]));
        assert_eq!((rows(&texts, 0..3), rows(&texts, 1..2), rows(&texts.slice(1, 1), 0..1)), (4 + 12, 3 + 4, 3 + 4));
        let views: ArrayRef = Arc::new(StringViewArray::from(vec!["a", "a text that is longer than twelve bytes"]));
        assert_eq!(rows(&views, 1..2), 39 + 16);
        let lists: ArrayRef =
            Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(vec![Some(vec![Some(1), Some(2)]), Some(vec![])]));
        assert_eq!((rows(&lists, 0..2), rows(&lists, 1..2)), (16 + 8, 4));
        assert_eq!((items(&lists, 0), items(&lists, 1), items(&numbers, 0)), (Some(0..2), Some(2..2), None));
        assert!(varies(lists.data_type()) && varies(&DataType::Utf8) && !varies(&DataType::Int64) && !varies(&DataType::Boolean));
    }
    /// Columns of many types over the same random lengths, some of them null.
    fn columns(rows: usize, longest: u64, seed: u64) -> Vec<ArrayRef> {
        let mut state = seed;
        let mut next = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let lengths: Vec<Option<u64>> = (0..rows).map(|_| (next(5) > 0).then(|| next(longest + 1))).collect();
        let texts: ArrayRef = Arc::new(StringArray::from_iter(lengths.iter().map(|length| Some("x".repeat((*length)? as usize)))));
        let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(
            lengths.iter().map(|length| Some((0..(*length)? as i64).map(Some).collect::<Vec<_>>())),
        ));
        let mut all: Vec<ArrayRef> = [
            DataType::Utf8,
            DataType::LargeUtf8,
            DataType::Utf8View,
            DataType::Binary,
            DataType::LargeBinary,
            DataType::BinaryView,
        ]
        .iter()
        .map(|kind| cast(&texts, kind).unwrap())
        .collect();
        all.push(cast(&lists, &DataType::new_large_list(DataType::Int64, true)).unwrap());
        let field = |name: &str, column: &ArrayRef| Arc::new(Field::new(name, column.data_type().clone(), true));
        all.push(Arc::new(StructArray::from(vec![
            (field("a", &texts), Arc::clone(&texts)),
            (field("b", &lists), Arc::clone(&lists)),
        ])));
        all.push(lists);
        all.push(Arc::new(Int64Array::from_iter(lengths.iter().map(|length| length.map(u64::cast_signed)))));
        all
    }

    #[test]
    fn a_bound_is_never_below_the_widest_row() {
        for seed in 0..40 {
            let (rows, longest) = ([1, 7, 64, 501][seed as usize % 4], [0, 3, 12, 13, 900][seed as usize % 5]);
            let all = columns(rows, longest, seed);
            let cut = seed as usize % rows;
            let sliced: Vec<ArrayRef> = all.iter().map(|column| column.slice(cut, rows - cut)).collect();
            let empty: Vec<ArrayRef> = all.iter().map(|column| column.slice(cut, 0)).collect();
            for batch in [&all, &sliced, &empty] {
                for column in batch {
                    let widest = (0..column.len()).map(each(vec![column])).max().unwrap_or_default();
                    let found = bound([column]).unwrap();
                    assert!(found >= widest, "{} < {widest} of {}", found, column.data_type());
                    assert!(found <= 2 * widest.max(32), "{found} is far above {widest} of {}", column.data_type());
                }
                let widest = (0..batch[0].len()).map(each(batch.iter().collect())).max().unwrap_or_default();
                assert!(bound(batch).unwrap() >= widest);
            }
        }
    }

    #[test]
    fn lists_of_texts_have_no_bound() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
        let lists = cast(&texts, &DataType::new_list(DataType::Utf8, true)).unwrap();
        assert_eq!(bound([&texts, &lists]), None);
        assert_eq!(bound([&texts]), Some(5));
    }
}
