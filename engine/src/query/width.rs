//! How many bytes rows hold when each is written out: what a join, an unnest or an answer would copy.
//!
//! In: columns. Out: bytes. Shared buffers and views are counted for every row that refers to them.

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use arrow::datatypes::Schema;
use std::ops::Range;

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
    use super::items;
    use super::rows;
    use super::varies;
    use arrow::array::Array;
    use arrow::array::ArrayRef;
    use arrow::array::Int64Array;
    use arrow::array::ListArray;
    use arrow::array::StringArray;
    use arrow::array::StringViewArray;
    use arrow::datatypes::DataType;
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
}
