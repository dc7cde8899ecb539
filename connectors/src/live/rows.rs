//! Rows of a page on their way to record batches.
//!
//! In: cells of readings, stretches of flags, events, by index of point and asset. Out: batches of their tables. Not here: which value becomes
//! which.

use super::Points;
use super::Target;
use crate::file::batch;
use crate::file::nullable;
use arrow::array::ArrayRef;
use arrow::array::Float64Array;
use arrow::array::RecordBatch;
use arrow::array::StringArray;
use arrow::array::TimestampMicrosecondArray;
use arrow::datatypes::DataType;
use arrow::datatypes::Field;
use arrow::datatypes::Schema;
use engine::domain::AssetKind;
use engine::domain::DomainError;
use engine::domain::Quality;
use engine::domain::Quantity;
use engine::domain::Readings;
use engine::domain::Table;
use hashbrown::HashMap;
use std::borrow::Cow;
use std::sync::Arc;

/// Readings of the assets of one kind.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) kind: AssetKind,
    pub(super) quantities: Vec<Quantity>,
    pub(super) rows: HashMap<(u32, i64), usize>,
    pub(super) times: Vec<i64>,
    pub(super) assets: Vec<u32>,
    pub(super) columns: Vec<Vec<f64>>,
    pub(super) last: (u32, i64, usize),
}

/// A stretch of doubtful or missing values.
#[derive(Debug)]
pub(super) struct FlagRow {
    pub(super) time: i64,
    pub(super) until: Option<i64>,
    pub(super) point: u32,
    pub(super) quality: Quality,
    pub(super) raw: f64,
    pub(super) reason: Cow<'static, str>,
}

/// An event, raised or reset.
#[derive(Debug)]
pub(super) struct EventRow {
    pub(super) time: i64,
    pub(super) asset: u32,
    pub(super) reset_at: Option<i64>,
    pub(super) message: String,
}

impl Kind {
    /// No rows yet.
    pub(super) fn new(kind: AssetKind) -> Self {
        let (quantities, rows, last) = (Vec::new(), HashMap::new(), (u32::MAX, 0, usize::MAX));
        Self { kind, quantities, rows, times: Vec::new(), assets: Vec::new(), columns: Vec::new(), last }
    }

    /// The row of an asset and time.
    pub(super) fn row(&mut self, asset: u32, time: i64) -> usize {
        if self.last.0 == asset && self.last.1 == time && self.last.2 < self.times.len() {
            return self.last.2;
        }
        let next = self.times.len();
        let row = *self.rows.entry((asset, time)).or_insert(next);
        if row == next {
            self.times.push(time);
            self.assets.push(asset);
            for column in &mut self.columns {
                column.push(f64::NAN);
            }
        }
        self.last = (asset, time, row);
        row
    }
}

/// The flags as a batch.
pub(super) fn flags(rows: &[FlagRow], points: &Points) -> Result<RecordBatch, DomainError> {
    let quantity = |point: u32| match &points.points()[point as usize].target {
        Target::Value { quantity, .. } => quantity.name(),
        Target::Event { .. } => "",
    };
    let arrays: Vec<ArrayRef> = vec![
        times(rows.iter().map(|row| Some(row.time)).collect()),
        Arc::new(rows.iter().map(|row| Some(points.asset_of(row.point).as_str())).collect::<StringArray>()),
        Arc::new(rows.iter().map(|row| Some(quantity(row.point))).collect::<StringArray>()),
        Arc::new(rows.iter().map(|row| Some(row.quality.name())).collect::<StringArray>()),
        Arc::new(rows.iter().map(|row| Some(row.raw).filter(|raw| raw.is_finite())).collect::<Float64Array>()),
        Arc::new(rows.iter().map(|row| Some(row.reason.as_ref())).collect::<StringArray>()),
        times(rows.iter().map(|row| row.until).collect()),
    ];
    batch(Table::QualityFlags.name(), Table::QualityFlags.base_schema(), arrays)
}

/// The events as a batch.
pub(super) fn events(rows: &[EventRow], points: &Points) -> Result<RecordBatch, DomainError> {
    let name = |asset: u32| points.assets()[asset as usize].id.as_str();
    let arrays: Vec<ArrayRef> = vec![
        times(rows.iter().map(|row| Some(row.time)).collect()),
        Arc::new(rows.iter().map(|row| Some(name(row.asset))).collect::<StringArray>()),
        times(rows.iter().map(|row| row.reset_at).collect()),
        Arc::new(rows.iter().map(|row| Some(row.message.as_str())).collect::<StringArray>()),
    ];
    batch(Table::Events.name(), Table::Events.base_schema(), arrays)
}

fn times(values: Vec<Option<i64>>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(values).with_timezone("UTC"))
}

/// The readings of a kind, which begins anew.
pub(super) fn readings(kind: &mut Kind, points: &Points, now: i64) -> Result<Readings, DomainError> {
    let mut fields: Vec<Field> = Table::Telemetry(kind.kind).base_schema().fields().iter().map(|f| f.as_ref().clone()).collect();
    let names: StringArray = kind.assets.iter().map(|&asset| Some(points.assets()[asset as usize].id.as_str())).collect();
    let available_at = vec![Some(now); kind.times.len()];
    let stamps = std::mem::take(&mut kind.times).into_iter().map(Some).collect();
    let mut arrays: Vec<ArrayRef> = vec![times(stamps), Arc::new(names), times(available_at)];
    for (quantity, column) in kind.quantities.iter().zip(&mut kind.columns) {
        let values = std::mem::take(column);
        if values.iter().any(|value| !value.is_nan()) {
            fields.push(Field::new(quantity.name(), DataType::Float64, true));
            arrays.push(Arc::new(nullable(values)));
        }
    }
    kind.assets.clear();
    kind.rows.clear();
    kind.last = (u32::MAX, 0, usize::MAX);
    Readings::from_checked_ids(kind.kind, batch(kind.kind.name(), Schema::new(fields), arrays)?)
}
