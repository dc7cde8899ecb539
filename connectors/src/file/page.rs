//! Columns of a page: rows by asset kind and their quality flags become checked Arrow batches.
//!
//! In: rows in stored units, NaN for missing. Out: [`Rows`] in a fixed order: new assets, readings by kind, flags.
//! Not here: where rows come from and whether they may enter.

use crate::mapping::Lane;
use arrow::array::ArrayRef;
use arrow::array::Float64Array;
use arrow::array::RecordBatch;
use arrow::array::StringArray;
use arrow::array::TimestampMicrosecondArray;
use arrow::buffer::BooleanBuffer;
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;
use arrow::datatypes::Field;
use arrow::datatypes::Schema;
use engine::domain::Asset;
use engine::domain::AssetId;
use engine::domain::AssetKind;
use engine::domain::DomainError;
use engine::domain::Quality;
use engine::domain::Quantity;
use engine::domain::Readings;
use engine::domain::Table;
use engine::source::Rows;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One asset's share of a row.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Row {
    pub(crate) lane: usize,
    pub(crate) asset: u32,
    pub(crate) time: i64,
    /// `None`: the end of the interval.
    pub(crate) available_at: Option<i64>,
    pub(crate) line: u64,
    /// One per quantity of the lane, NaN missing.
    pub(crate) values: Vec<f64>,
    pub(crate) flags: Vec<Flag>,
    pub(crate) moved: bool,
}

/// Something to tell about one value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Flag {
    pub(crate) quantity: Quantity,
    pub(crate) quality: Quality,
    pub(crate) raw: Option<f64>,
    pub(crate) reason: String,
}

impl Row {
    /// Puts the row at another time; a stated `available_at` stays.
    pub(crate) fn move_by(&mut self, micros: i64) {
        self.time += micros;
        self.moved = true;
    }
}

/// The page being filled.
#[derive(Debug, Default)]
pub(crate) struct PageRows {
    fresh: Vec<Asset>,
    kinds: BTreeMap<AssetKind, Columns>,
    flags: Vec<(i64, u32, Flag)>,
}

#[derive(Debug)]
struct Columns {
    times: Vec<i64>,
    assets: Vec<u32>,
    available_at: Vec<i64>,
    quantities: Vec<Quantity>,
    values: Vec<Vec<f64>>,
    /// For each lane, the column of each of its values.
    slots: Vec<Vec<usize>>,
}

impl Columns {
    /// Columns for every lane that may feed this kind.
    fn new(lanes: &[Lane], feeds: impl Fn(&Lane) -> bool) -> Self {
        let mut quantities: Vec<Quantity> = Vec::new();
        let mut slots = Vec::new();
        for lane in lanes {
            let mut places = Vec::new();
            for (quantity, _) in lane.values.iter().filter(|_| feeds(lane)) {
                places.push(quantities.iter().position(|held| held == quantity).unwrap_or_else(|| {
                    quantities.push(quantity.clone());
                    quantities.len() - 1
                }));
            }
            slots.push(places);
        }
        let values = vec![Vec::new(); quantities.len()];
        Self { times: Vec::new(), assets: Vec::new(), available_at: Vec::new(), quantities, values, slots }
    }
}

impl PageRows {
    pub(crate) fn asset(&mut self, asset: Asset) {
        self.fresh.push(asset);
    }

    pub(crate) fn flag(&mut self, time: i64, asset: u32, flag: Flag) {
        self.flags.push((time, asset, flag));
    }

    /// Adds a row; `feeds` tells which lanes may feed its kind.
    #[allow(clippy::too_many_arguments, reason = "the hot path: a struct here would be built per row and taken apart at once")]
    pub(crate) fn push(
        &mut self,
        kind: AssetKind,
        lanes: &[Lane],
        lane: usize,
        asset: u32,
        time: i64,
        available_at: i64,
        values: &[f64],
        feeds: impl Fn(&Lane) -> bool,
    ) {
        let columns = self.kinds.entry(kind).or_insert_with(|| Columns::new(lanes, feeds));
        columns.times.push(time);
        columns.assets.push(asset);
        columns.available_at.push(available_at);
        let Some(slots) = columns.slots.get(lane) else { return };
        if slots.len() == columns.values.len() {
            for (&slot, &value) in slots.iter().zip(values) {
                columns.values[slot].push(value);
            }
        } else {
            for column in &mut columns.values {
                column.push(f64::NAN);
            }
            let last = columns.times.len() - 1;
            for (&slot, &value) in slots.iter().zip(values) {
                columns.values[slot][last] = value;
            }
        }
    }

    /// The page's batches; leaves the page empty.
    pub(crate) fn finish(&mut self, ids: &[AssetId]) -> Result<Vec<Rows>, DomainError> {
        let mut rows = Vec::new();
        if !self.fresh.is_empty() {
            rows.push(Rows::Assets(std::mem::take(&mut self.fresh)));
        }
        for (kind, columns) in std::mem::take(&mut self.kinds) {
            rows.push(Rows::Readings(readings(kind, columns, ids)?));
        }
        if !self.flags.is_empty() {
            rows.push(Rows::Other(Table::QualityFlags, flags(&std::mem::take(&mut self.flags), ids)?));
        }
        Ok(rows)
    }
}

fn name(ids: &[AssetId], index: u32) -> &str {
    ids.get(index as usize).map_or("", AssetId::as_str)
}

fn times(values: Vec<i64>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(values).with_timezone("UTC"))
}

/// NaN becomes null.
pub(crate) fn nullable(values: Vec<f64>) -> Float64Array {
    let valid = BooleanBuffer::collect_bool(values.len(), |row| !values[row].is_nan());
    Float64Array::new(values.into(), Some(NullBuffer::new(valid)).filter(|nulls| nulls.null_count() > 0))
}

fn readings(kind: AssetKind, columns: Columns, ids: &[AssetId]) -> Result<Readings, DomainError> {
    let mut fields: Vec<Field> = Table::Telemetry(kind).base_schema().fields().iter().map(|f| f.as_ref().clone()).collect();
    let names: StringArray = columns.assets.iter().map(|&index| Some(name(ids, index))).collect();
    let mut arrays: Vec<ArrayRef> = vec![times(columns.times), Arc::new(names), times(columns.available_at)];
    for (quantity, values) in columns.quantities.iter().zip(columns.values) {
        fields.push(Field::new(quantity.name(), DataType::Float64, true));
        arrays.push(Arc::new(nullable(values)));
    }
    Readings::new(kind, batch(kind.name(), Schema::new(fields), arrays)?)
}

fn flags(flags: &[(i64, u32, Flag)], ids: &[AssetId]) -> Result<RecordBatch, DomainError> {
    let text = |f: &dyn Fn(&(i64, u32, Flag)) -> String| {
        Arc::new(flags.iter().map(|row| Some(f(row))).collect::<StringArray>()) as ArrayRef
    };
    let arrays: Vec<ArrayRef> = vec![
        times(flags.iter().map(|row| row.0).collect()),
        text(&|row| name(ids, row.1).into()),
        text(&|row| row.2.quantity.name().into()),
        text(&|row| row.2.quality.name().into()),
        Arc::new(flags.iter().map(|row| row.2.raw).collect::<Float64Array>()),
        text(&|row| row.2.reason.clone()),
        Arc::new(TimestampMicrosecondArray::from(vec![None; flags.len()]).with_timezone("UTC")),
    ];
    batch(Table::QualityFlags.name(), Table::QualityFlags.base_schema(), arrays)
}

pub(crate) fn batch(table: &str, schema: Schema, arrays: Vec<ArrayRef>) -> Result<RecordBatch, DomainError> {
    RecordBatch::try_new(Arc::new(schema), arrays).map_err(|error| DomainError::Column {
        table: table.into(),
        column: "all".into(),
        expected: "columns of one length and distinct names".into(),
        found: error.to_string(),
    })
}
