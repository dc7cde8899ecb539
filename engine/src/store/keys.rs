//! What makes a row of a table the same row, and which column orders its history. The one place where keys are defined.
//!
//! In: a [`Table`]. Out: key columns (also the sort order of its files) and its clock.

use crate::domain::ASSET_ID;
use crate::domain::AVAILABLE_AT;
use crate::domain::DomainError;
use crate::domain::TIME;
use crate::domain::Table;
use arrow::array::Array;
use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use arrow::datatypes::Field;
use arrow::datatypes::Schema;
use arrow::datatypes::SchemaRef;
use std::sync::Arc;

/// Key columns of a table, in the sort order of its files. A row with a known key fills or overrides the columns that
/// are not in the key; nulls never erase.
pub const fn key_columns(table: Table) -> &'static [&'static str] {
    match table {
        Table::Telemetry(_) => &[ASSET_ID, TIME],
        Table::WeatherForecast => &[ASSET_ID, "source", "init_time", "valid_time"],
        Table::QualityFlags => &[ASSET_ID, TIME, "quantity", "reason"],
        Table::Forecasts => &[ASSET_ID, "quantity", "issue_time", "valid_time", "quantile", "model"],
        Table::ForecastScores => &[ASSET_ID, "quantity", "evaluated_at", "model", "metric"],
        Table::Anomalies => &[ASSET_ID, "component", "mode", "start", "detector"],
        Table::Annotations => &[ASSET_ID, "start", "kind", AVAILABLE_AT],
        Table::Events => &[ASSET_ID, TIME, "message"],
        Table::DeadLetters => &["door", "received_at", "line", "reason"],
    }
}

/// The key column that rises as history goes on; files are pruned by it.
pub(super) const fn clock(table: Table) -> &'static str {
    match table {
        Table::Telemetry(_) | Table::QualityFlags | Table::Events => TIME,
        Table::WeatherForecast => "init_time",
        Table::Forecasts => "issue_time",
        Table::ForecastScores => "evaluated_at",
        Table::Anomalies | Table::Annotations => "start",
        Table::DeadLetters => "received_at",
    }
}

/// True where every quantity may become a column.
pub(super) const fn is_wide(table: Table) -> bool {
    matches!(table, Table::Telemetry(_) | Table::WeatherForecast)
}

/// Brings a batch into the table's own order of columns, base columns first, and checks it.
///
/// # Errors
/// [`DomainError::Column`] for an absent, unknown or wrongly typed column, [`DomainError::NullKey`] for a null that must not be.
pub(super) fn conform(table: Table, batch: &RecordBatch) -> Result<RecordBatch, DomainError> {
    let base = table.base_schema();
    let wrong = |column: &str, expected: String, found: String| DomainError::Column {
        table: table.name().into(),
        column: column.into(),
        expected,
        found,
    };
    let mut fields: Vec<Arc<Field>> = Vec::new();
    let mut columns: Vec<Arc<dyn Array>> = Vec::new();
    for field in base.fields() {
        let Some(column) = batch.column_by_name(field.name()) else {
            return Err(wrong(field.name(), field.data_type().to_string(), "nothing".into()));
        };
        if column.data_type() != field.data_type() {
            return Err(wrong(field.name(), field.data_type().to_string(), column.data_type().to_string()));
        }
        if !field.is_nullable()
            && column.null_count() > 0
            && let Some(row) = (0..column.len()).find(|&row| column.is_null(row))
        {
            return Err(DomainError::NullKey { table: table.name().into(), column: field.name().clone(), row });
        }
        fields.push(Arc::clone(field));
        columns.push(Arc::clone(column));
    }
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        if base.column_with_name(field.name()).is_some() {
            continue;
        }
        if !is_wide(table) || column.data_type() != &DataType::Float64 {
            let expected = if is_wide(table) { "Float64" } else { "absent" };
            return Err(wrong(field.name(), expected.into(), field.data_type().to_string()));
        }
        fields.push(Arc::new(Field::new(field.name(), DataType::Float64, true)));
        columns.push(Arc::clone(column));
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
        .map_err(|error| wrong("all", "columns of one length and distinct names".into(), error.to_string()))
}

/// All columns of `left`, then those only `right` has.
pub(super) fn union(left: &SchemaRef, right: &SchemaRef) -> SchemaRef {
    let mut fields: Vec<Arc<Field>> = left.fields().iter().map(Arc::clone).collect();
    fields.extend(right.fields().iter().filter(|f| left.column_with_name(f.name()).is_none()).map(Arc::clone));
    if fields.len() == left.fields().len() { Arc::clone(left) } else { Arc::new(Schema::new(fields)) }
}

/// The batch with the columns of `schema`, null where it has none.
pub(super) fn widen(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, arrow::error::ArrowError> {
    if batch.schema_ref() == schema {
        return Ok(batch.clone());
    }
    let columns = schema.fields().iter().map(|field| match batch.column_by_name(field.name()) {
        Some(column) => Arc::clone(column),
        None => arrow::array::new_null_array(field.data_type(), batch.num_rows()),
    });
    RecordBatch::try_new(Arc::clone(schema), columns.collect())
}

#[cfg(test)]
mod tests {
    use super::{clock, conform, key_columns};
    use crate::domain::Table;
    use crate::domain::timestamp_type;
    use arrow::array::RecordBatch;
    use std::sync::Arc;

    #[test]
    fn every_key_is_a_base_column_and_holds_its_clock() {
        for table in Table::all() {
            let base = table.base_schema();
            assert!(key_columns(table).iter().all(|key| base.column_with_name(key).is_some()), "{table}");
            assert!(key_columns(table).contains(&clock(table)), "{table}");
            assert_eq!(base.field_with_name(clock(table)).unwrap().data_type(), &timestamp_type(), "{table}");
        }
    }

    #[test]
    fn an_absent_column_is_named() {
        let table = Table::Events;
        let schema = table.base_schema().project(&[0]).unwrap();
        let error = conform(table, &RecordBatch::new_empty(Arc::new(schema))).unwrap_err().to_string();
        assert!(error.contains("events") && error.contains("asset_id"), "{error}");
    }
}
