//! Rows of an answer as lines of line protocol, so that one set of rules (`line_protocol`) reads what is sent and what is fetched.
//!
//! In: batches with `_time`, `_measurement`, tags (grouped text columns) and either one column per field or `_field` and `_value`.
//! Out: lines, times in nanoseconds. Not here: which asset or quantity they are about.

use super::annotated::GROUP;
use arrow::array::Array;
use arrow::array::AsArray;
use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use arrow::datatypes::Float64Type;
use arrow::datatypes::Int64Type;
use arrow::datatypes::TimestampNanosecondType;
use arrow::datatypes::UInt64Type;
use std::io::Write;

/// One line per row, each ended by `\n`, handed to `each` without it. Rows without a time, a measurement or any value are passed over,
/// and counted.
///
/// # Errors
/// A sentence when the batch has no time or measurement.
pub(super) fn lines(batch: &RecordBatch, mut each: impl FnMut(&[u8])) -> Result<u64, String> {
    let column = |name: &str| batch.column_by_name(name).map(AsRef::as_ref);
    let times = column("_time").and_then(|c| c.as_primitive_opt::<TimestampNanosecondType>());
    let measurements = column("_measurement").and_then(|c| c.as_string_opt::<i32>());
    let (Some(times), Some(measurements)) = (times, measurements) else {
        return Err("the answer has no _time or no _measurement; do not drop or rename them in the query".into());
    };
    let long = column("_field").and_then(|c| c.as_string_opt::<i32>()).zip(column("_value"));
    let schema = batch.schema();
    let is_ours = |name: &str| !name.starts_with('_') && !matches!(name, "result" | "table");
    let (mut tags, mut fields) = (Vec::new(), Vec::new());
    for (field, column) in schema.fields().iter().zip(batch.columns()).filter(|(field, _)| is_ours(field.name())) {
        match column.as_string_opt::<i32>() {
            Some(texts) if field.metadata().get(GROUP).is_some_and(|group| group == "true") => tags.push((field.name(), texts)),
            _ => fields.push((field.name(), column.as_ref())),
        }
    }
    let (mut line, mut passed) = (Vec::new(), 0);
    for row in 0..batch.num_rows() {
        line.clear();
        if times.is_null(row) || measurements.is_null(row) {
            passed += 1;
            continue;
        }
        key(&mut line, measurements.value(row), b", ");
        for (name, texts) in tags.iter().filter(|(_, texts)| texts.is_valid(row)) {
            line.push(b',');
            key(&mut line, name, b",= ");
            line.push(b'=');
            key(&mut line, texts.value(row), b",= ");
        }
        line.push(b' ');
        let start = line.len();
        match long {
            Some((names, values)) if names.is_valid(row) => field(&mut line, start, names.value(row), values, row),
            Some(_) => {}
            None => fields.iter().for_each(|(name, values)| field(&mut line, start, name, *values, row)),
        }
        if line.len() == start {
            passed += 1;
            continue;
        }
        // Writing to a Vec does not fail.
        write!(line, " {}", times.value(row)).ok();
        each(&line);
    }
    Ok(passed)
}

/// Text of a measurement, a tag or a field key. Line ends cannot be written there and become spaces; a backslash at the end would hide
/// what follows and is left out.
fn key(line: &mut Vec<u8>, text: &str, special: &[u8]) {
    for &byte in text.trim_end_matches('\\').as_bytes() {
        let byte = if matches!(byte, b'\n' | b'\r') { b' ' } else { byte };
        if special.contains(&byte) {
            line.push(b'\\');
        }
        line.push(byte);
    }
}

fn field(line: &mut Vec<u8>, start: usize, name: &str, values: &dyn Array, row: usize) {
    if values.is_null(row) {
        return;
    }
    let mut put = |value: std::fmt::Arguments<'_>| {
        if line.len() > start {
            line.push(b',');
        }
        key(line, name, b",= ");
        // Writing to a Vec does not fail.
        write!(line, "={value}").ok();
    };
    match values.data_type() {
        DataType::Float64 => put(format_args!("{}", values.as_primitive::<Float64Type>().value(row))),
        DataType::Int64 => put(format_args!("{}i", values.as_primitive::<Int64Type>().value(row))),
        DataType::UInt64 => put(format_args!("{}u", values.as_primitive::<UInt64Type>().value(row))),
        DataType::Boolean => put(format_args!("{}", values.as_boolean().value(row))),
        DataType::Utf8 => {
            let text = values.as_string::<i32>().value(row).replace('\\', "\\\\").replace('"', "\\\"");
            put(format_args!("\"{text}\""));
        }
        // Times, durations and binary are no measured quantities.
        _ => {}
    }
}
