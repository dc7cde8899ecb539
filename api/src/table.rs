//! Record batches as JSON cells, CSV and Arrow streams. Times are RFC 3339 in UTC; what is not finite becomes null in JSON.

use crate::error::Problem;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, Schema};
use arrow::datatypes::{TimeUnit, TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type};
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use engine::domain::from_micros;
use serde_json::Value;

/// The rows as lists of cells, in the order of the columns.
pub(crate) fn json_rows(batches: &[RecordBatch]) -> Result<Vec<Vec<Value>>, Problem> {
    let mut rows = Vec::with_capacity(batches.iter().map(RecordBatch::num_rows).sum());
    for batch in batches {
        let columns = batch.columns().iter().map(|column| json_column(column.as_ref())).collect::<Result<Vec<_>, _>>()?;
        let mut columns: Vec<_> = columns.into_iter().map(Vec::into_iter).collect();
        for _ in 0..batch.num_rows() {
            rows.push(columns.iter_mut().map(|cells| cells.next().unwrap_or(Value::Null)).collect());
        }
    }
    Ok(rows)
}

/// The cells of one column.
pub(crate) fn json_column(array: &dyn Array) -> Result<Vec<Value>, ArrowError> {
    macro_rules! numbers {
        ($kind:ty) => {
            array.as_primitive::<$kind>().iter().map(|v| v.map_or(Value::Null, Value::from)).collect()
        };
    }
    Ok(match array.data_type() {
        DataType::Null => vec![Value::Null; array.len()],
        DataType::Boolean => array.as_boolean().iter().map(Value::from).collect(),
        DataType::Int8 => numbers!(Int8Type),
        DataType::Int16 => numbers!(Int16Type),
        DataType::Int32 => numbers!(Int32Type),
        DataType::Int64 => numbers!(Int64Type),
        DataType::UInt8 => numbers!(UInt8Type),
        DataType::UInt16 => numbers!(UInt16Type),
        DataType::UInt32 => numbers!(UInt32Type),
        DataType::UInt64 => numbers!(UInt64Type),
        DataType::Float32 => numbers!(Float32Type),
        DataType::Float64 => numbers!(Float64Type),
        DataType::Utf8 => array.as_string::<i32>().iter().map(Value::from).collect(),
        DataType::LargeUtf8 => array.as_string::<i64>().iter().map(Value::from).collect(),
        DataType::Utf8View => array.as_string_view().iter().map(Value::from).collect(),
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => {
            let times = array.as_primitive::<TimestampMicrosecondType>().iter();
            times.map(|time| time.map_or(Value::Null, |t| from_micros(t).to_string().into())).collect()
        }
        _ => {
            let shown = ArrayFormatter::try_new(array, &FormatOptions::default().with_null(""))?;
            (0..array.len()).map(|row| if array.is_null(row) { Value::Null } else { shown.value(row).to_string().into() }).collect()
        }
    })
}

/// CSV with a header line.
pub(crate) fn csv(schema: &Schema, batches: &[RecordBatch]) -> Result<Vec<u8>, Problem> {
    let mut writer = arrow::csv::WriterBuilder::new().with_header(true).build(Vec::new());
    writer.write(&RecordBatch::new_empty(schema.clone().into()))?;
    for batch in batches {
        writer.write(batch)?;
    }
    Ok(writer.into_inner())
}

/// An Arrow IPC stream.
pub(crate) fn arrow_stream(schema: &Schema, batches: &[RecordBatch]) -> Result<Vec<u8>, Problem> {
    let mut writer = StreamWriter::try_new(Vec::new(), schema)?;
    for batch in batches {
        writer.write(batch)?;
    }
    Ok(writer.into_inner()?)
}

#[cfg(test)]
mod tests {
    use super::{RecordBatch, Value, arrow_stream, csv, json_rows};
    use arrow::array::{ArrayRef, Float64Array, StringArray, TimestampMicrosecondArray};
    use std::sync::Arc;

    #[test]
    fn cells_are_plain_json_and_csv_has_its_header_even_when_empty() {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("time", Arc::new(TimestampMicrosecondArray::from(vec![0, 1_500_000]).with_timezone("UTC"))),
            ("x", Arc::new(Float64Array::from(vec![Some(f64::NAN), None]))),
            ("name", Arc::new(StringArray::from(vec!["a", "b"]))),
        ];
        let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true))).unwrap();
        let rows = json_rows(std::slice::from_ref(&batch)).unwrap();
        assert_eq!(rows[0], [Value::from("1970-01-01T00:00:00Z"), Value::Null, "a".into()]);
        assert_eq!(rows[1][0], "1970-01-01T00:00:01.5Z");
        let schema = batch.schema();
        assert_eq!(csv(&schema, &[]).unwrap(), b"time,x,name\n");
        assert!(String::from_utf8(csv(&schema, std::slice::from_ref(&batch)).unwrap()).unwrap().contains("1970-01-01T00:00:00Z"));
        let bytes = arrow_stream(&schema, std::slice::from_ref(&batch)).unwrap();
        let back: Vec<_> = arrow::ipc::reader::StreamReader::try_new(bytes.as_slice(), None).unwrap().collect();
        assert_eq!(back.len(), 1);
    }
}
