//! Values by source, run, valid time and asset on their way to rows of `weather_forecast`.
//!
//! In: one value at a time, any order. Out: a batch sorted by key, one nullable column per quantity met. Values that cannot be are
//! refused here, whatever file they come from.

use super::vocabulary;
use arrow::array::ArrayRef;
use arrow::array::Float64Array;
use arrow::array::RecordBatch;
use arrow::array::StringArray;
use arrow::array::TimestampMicrosecondArray;
use arrow::datatypes::DataType;
use arrow::datatypes::Field;
use arrow::datatypes::Schema;
use engine::domain::AssetId;
use engine::domain::DomainError;
use engine::domain::Quantities;
use engine::domain::Table;
use engine::domain::from_micros;
use engine::source::Reject;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// One run of one source: microseconds UTC.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Run {
    pub(super) source: String,
    /// When it began.
    pub(super) init: i64,
    /// When it could first be used.
    pub(super) known: i64,
}

/// Rows in the making.
#[derive(Debug, Default)]
pub(super) struct Cells {
    rows: BTreeMap<(Run, i64, AssetId), BTreeMap<&'static str, f64>>,
}

impl Cells {
    /// Puts one value, in the stored unit, about `valid`; a later one for the same place stands.
    pub(super) fn put(&mut self, run: &Run, valid: i64, asset: &AssetId, quantity: &'static str, value: f64) {
        self.rows.entry((run.clone(), valid, asset.clone())).or_default().insert(quantity, value);
    }

    /// As [`Cells::put`] for a value from outside: what cannot be is rejected.
    pub(super) fn check_and_put(
        &mut self,
        (run, valid, asset): (&Run, i64, &AssetId),
        (quantity, value): (&'static str, f64),
        quantities: &Quantities,
        rejects: &mut Vec<Reject>,
    ) {
        let (low, high) = vocabulary::range(quantity, quantities);
        if (low..=high).contains(&value) {
            return self.put(run, valid, asset, quantity, value);
        }
        let detail = format!(
            "{quantity} of {value} for {asset} at {} in the run of {} is outside {low} to {high}; look at the unit in the file",
            from_micros(valid),
            from_micros(run.init)
        );
        rejects.push(Reject { line: None, reason: "out_of_range", detail, raw: value.to_string() });
    }

    /// How many values there are.
    pub(super) fn values(&self) -> u64 {
        self.rows.values().map(|row| row.len() as u64).sum()
    }

    pub(super) fn runs(&self) -> impl Iterator<Item = (&Run, i64, &AssetId)> {
        self.rows.keys().map(|(run, valid, asset)| (run, *valid, asset))
    }

    /// The rows, if any.
    pub(super) fn into_batch(self) -> Result<Option<RecordBatch>, DomainError> {
        if self.rows.is_empty() {
            return Ok(None);
        }
        let names: BTreeSet<&'static str> = self.rows.values().flat_map(|row| row.keys().copied()).collect();
        let time = |of: &dyn Fn(&Run, i64) -> i64| {
            let micros: Vec<i64> = self.rows.keys().map(|(run, valid, _)| of(run, *valid)).collect();
            Arc::new(TimestampMicrosecondArray::from(micros).with_timezone("UTC")) as ArrayRef
        };
        let sources: StringArray = self.rows.keys().map(|(run, ..)| Some(run.source.as_str())).collect();
        let assets: StringArray = self.rows.keys().map(|(.., asset)| Some(asset.as_str())).collect();
        let mut fields: Vec<Field> = Table::WeatherForecast.base_schema().fields().iter().map(|f| f.as_ref().clone()).collect();
        let mut columns: Vec<ArrayRef> =
            vec![Arc::new(sources), time(&|run, _| run.init), time(&|run, _| run.known), time(&|_, valid| valid), Arc::new(assets)];
        for name in names {
            fields.push(Field::new(name, DataType::Float64, true));
            columns.push(Arc::new(self.rows.values().map(|row| row.get(name).copied()).collect::<Float64Array>()));
        }
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(|error| DomainError::Column {
            table: Table::WeatherForecast.name().into(),
            column: "all".into(),
            expected: "columns of one length".into(),
            found: error.to_string(),
        })?;
        Ok(Some(batch))
    }
}
