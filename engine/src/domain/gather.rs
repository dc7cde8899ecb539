//! Readings put together from parts that are already checked, for doors that take many rows a second.
//!
//! In: asset ids (checked by their type), which of them each row is about, one array per quantity. Out: [`Readings`], without
//! looking at each row's id again. Not here: batches of unknown origin (`Readings::new`).

use super::{AssetId, AssetKind, DomainError, Quantity, Readings, Table, from_micros};
use arrow::{
    array::{Array, ArrayRef, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray},
    buffer::{Buffer, OffsetBuffer, ScalarBuffer},
    datatypes::{DataType, Field, Schema},
};
use std::sync::Arc;

impl Readings {
    /// One row per element of `rows`, which holds positions in `ids`; `times` and `available_at` in microseconds UTC; `values` in
    /// stored units, each as long as `rows`.
    ///
    /// # Errors
    /// [`DomainError::Column`] for a position outside `ids`, differing lengths, a quantity given twice or named like a key column,
    /// more than 2 GiB of ids; [`DomainError::NotFinite`].
    pub fn gather(
        kind: AssetKind,
        times: Vec<i64>,
        (ids, rows): (&[AssetId], &[u32]),
        available_at: Vec<i64>,
        values: Vec<(Quantity, Float64Array)>,
    ) -> Result<Self, DomainError> {
        let bad = |column: &str, expected: &str, found: String| DomainError::Column {
            table: kind.name().into(),
            column: column.into(),
            expected: expected.into(),
            found,
        };
        let outside = || bad(super::ASSET_ID, "a position among the ids, 2 GiB of text at most", "another".into());
        let mut offsets = Vec::with_capacity(rows.len() + 1);
        let mut text = Vec::with_capacity(rows.len() * ids.first().map_or(0, |id| id.as_str().len() + 2));
        offsets.push(0);
        for &row in rows {
            text.extend_from_slice(ids.get(row as usize).ok_or_else(outside)?.as_str().as_bytes());
            offsets.push(i32::try_from(text.len()).map_err(|_| outside())?);
        }
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        let names = StringArray::try_new(offsets, Buffer::from_vec(text), None)
            .map_err(|error| bad(super::ASSET_ID, "text", error.to_string()))?;
        let base = Table::Telemetry(kind).base_schema();
        let mut fields: Vec<Field> = base.fields().iter().map(|f| f.as_ref().clone()).collect();
        for (index, (quantity, column)) in values.iter().enumerate() {
            if base.field_with_name(quantity.name()).is_ok() || values[..index].iter().any(|(other, _)| other == quantity) {
                return Err(bad(quantity.name(), "a quantity, once", "it again".into()));
            }
            let finite = match column.null_count() {
                0 => column.values().iter().all(|value| value.is_finite()),
                _ => column.iter().flatten().all(f64::is_finite),
            };
            if !finite {
                let row = (0..column.len()).find(|&row| column.is_valid(row) && !column.value(row).is_finite()).unwrap_or(0);
                return Err(DomainError::NotFinite {
                    asset: rows.get(row).and_then(|&row| ids.get(row as usize)).map_or("", AssetId::as_str).into(),
                    quantity: quantity.name().into(),
                    time: times.get(row).map_or_else(String::new, |&time| from_micros(time).to_string()),
                    value: column.value(row).to_string(),
                });
            }
            fields.push(Field::new(quantity.name(), DataType::Float64, true));
        }
        let instants = |values: Vec<i64>| Arc::new(TimestampMicrosecondArray::from(values).with_timezone("UTC")) as ArrayRef;
        let mut columns = vec![instants(times), Arc::new(names) as ArrayRef, instants(available_at)];
        columns.extend(values.into_iter().map(|(_, column)| Arc::new(column) as ArrayRef));
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
            .map_err(|error| bad("all", "columns of one length", error.to_string()))?;
        Ok(Self { kind, batch })
    }
}

#[cfg(test)]
mod tests {
    use super::{AssetId, AssetKind, DomainError, Float64Array, Quantity, Readings};

    fn gather(rows: &[u32], values: Vec<(Quantity, Float64Array)>) -> Result<Readings, DomainError> {
        let ids = [AssetId::parse("T01").unwrap(), AssetId::parse("T02").unwrap()];
        Readings::gather(AssetKind::WindTurbine, vec![0, 1], (&ids, rows), vec![5, 5], values)
    }

    #[test]
    fn gathers_what_the_slow_door_would_have_taken_and_refuses_what_it_refuses() {
        let power = |values: Vec<Option<f64>>| vec![(Quantity::ACTIVE_POWER, Float64Array::from(values))];
        let fast = gather(&[1, 0], power(vec![Some(3.0), None])).unwrap();
        let slow = Readings::new(AssetKind::WindTurbine, fast.batch().clone()).unwrap();
        assert_eq!(fast, slow);
        assert_eq!((fast.asset_ids().value(0), fast.asset_ids().value(1)), ("T02", "T01"));
        let error = gather(&[0, 1], power(vec![None, Some(f64::INFINITY)])).unwrap_err().to_string();
        assert!(error.contains("T02") && error.contains("active_power"), "{error}");
        assert!(matches!(gather(&[0, 2], vec![]), Err(DomainError::Column { .. })));
        assert!(matches!(gather(&[0], vec![]), Err(DomainError::Column { .. })));
        assert!(matches!(gather(&[0, 1], power(vec![None])), Err(DomainError::Column { .. })));
        let twice = [power(vec![None, None]), power(vec![None, None])].concat();
        assert!(matches!(gather(&[0, 1], twice), Err(DomainError::Column { .. })));
        let key = vec![(Quantity::parse("time").unwrap(), Float64Array::from(vec![1.0, 2.0]))];
        assert!(matches!(gather(&[0, 1], key), Err(DomainError::Column { .. })));
    }
}
