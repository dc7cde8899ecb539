//! Rows as an Arrow IPC stream: columns `asset_id` and `time`, and numbers named like quantities. The wide way in.
//!
//! In: the bytes of a body, which the columns then point into. Out: [`Decoded`]. Checks go by column: ids are looked up once each, times by
//! their extremes, values by one pass; rows are touched one by one only where a batch mixes kinds or holds bad rows. A schema that is
//! wrong refuses the body. Units: `active_power[MW]`, the field metadata `unit`, or `?units=`. Times without a zone are UTC.

mod bounds;

use super::Decoded;
use super::Rejected;
use super::letters::clip;
use super::room::Share;
use super::rows::{Checks, Names, future, not_finite};
use super::units::column;
use crate::error::Code;
use crate::error::Problem;
use actix_web::web::Bytes;
use arrow::array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch, TimestampMicrosecondArray, UInt32Array, new_null_array};
use arrow::buffer::Buffer;
use arrow::compute::{cast, concat_batches, max, min, take_record_batch};
use arrow::datatypes::{DataType, Field, Float64Type, Schema, TimeUnit, TimestampMicrosecondType};
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamDecoder;
use engine::domain::ASSET_ID;
use engine::domain::AVAILABLE_AT;
use engine::domain::AssetId;
use engine::domain::AssetKind;
use engine::domain::Quantity;
use engine::domain::Readings;
use engine::domain::TIME;
use engine::domain::Timestamp;
use engine::domain::from_micros;
use engine::domain::micros;
use engine::domain::timestamp_type;
use hashbrown::HashMap;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

/// Code of a row without an asset.
const NOBODY: u32 = 0;

/// Reads a stream; what its compressed buffers unpack to counts against `limit` too.
///
/// # Errors
/// Problems of the stream (`bad_request`, `too_large`) and of its schema: `missing_field`, `unknown_quantity`, `wrong_unit`.
pub(crate) fn read(bytes: Bytes, checks: &Checks, limit: usize, share: &mut Share) -> Result<Decoded, Problem> {
    let unpacked = bounds::unpacked(&bytes, limit)?;
    share.resize_here(bytes.len() + unpacked)?;
    let (mut decoder, mut buffer) = (StreamDecoder::new(), Buffer::from(bytes));
    let mut stream = Stream { checks, ids: Ids::new(checks), plan: None, parts: BTreeMap::new(), decoded: Decoded::default() };
    while !buffer.is_empty() {
        if let Some(batch) = decoder.decode(&mut buffer).map_err(unreadable)? {
            stream.take(&batch)?;
        }
    }
    decoder.finish().map_err(unreadable)?;
    stream.finish()
}

/// Which column is what.
struct Plan {
    time: usize,
    asset_id: usize,
    values: Vec<(usize, Quantity, (f64, f64))>,
}

struct Stream<'a> {
    checks: &'a Checks,
    ids: Ids<'a>,
    plan: Option<Plan>,
    parts: BTreeMap<AssetKind, Vec<RecordBatch>>,
    decoded: Decoded,
}

/// The columns of one batch, in our types.
struct Columns {
    codes: Vec<u32>,
    ids: ArrayRef,
    times: TimestampMicrosecondArray,
    values: Vec<(Quantity, Float64Array)>,
}

impl Stream<'_> {
    fn take(&mut self, batch: &RecordBatch) -> Result<(), Problem> {
        if self.plan.is_none() {
            self.plan = Some(plan(&batch.schema(), self.checks)?);
        }
        let Some(plan) = &self.plan else { return Ok(()) };
        let rows = batch.num_rows();
        if rows == 0 {
            return Ok(());
        }
        let columns = self.ids.columns(batch, plan)?;
        let latest = micros(self.checks.latest);
        let good_times = columns.times.null_count() == 0
            && max(&columns.times).is_some_and(|last| last <= latest)
            && min(&columns.times).is_some_and(|first| first >= micros(Timestamp::MIN));
        let finite = |values: &Float64Array| values.values().iter().fold(true, |all, value| all & value.is_finite());
        let good_values = columns.values.iter().all(|(_, values)| finite(values));
        let whole = columns.batch()?;
        let first = self.ids.kind(columns.codes[0]);
        let start = self.decoded.rows;
        self.decoded.rows += rows;
        if let Some(kind) = first.filter(|_| good_times && good_values)
            && columns.codes.iter().all(|code| self.ids.kind(*code) == first)
        {
            self.parts.entry(kind).or_default().push(whole);
            return Ok(());
        }
        let mut by_kind: BTreeMap<AssetKind, Vec<u32>> = BTreeMap::new();
        for (row, place) in (0..rows).zip(0_u32..) {
            match self.verdict(&columns, row, latest) {
                Ok(kind) => by_kind.entry(kind).or_default().push(place),
                Err(problem) => self.decoded.reject(|| story(&columns, row, start + row, &problem)),
            }
        }
        for (kind, places) in by_kind {
            let part = take_record_batch(&whole, &UInt32Array::from(places)).map_err(unreadable)?;
            self.parts.entry(kind).or_default().push(part);
        }
        Ok(())
    }

    /// The kind of a good row.
    fn verdict(&self, columns: &Columns, row: usize, latest: i64) -> Result<AssetKind, Problem> {
        let (asset, kind) = match &self.ids.verdicts[columns.codes[row] as usize] {
            Ok((asset, kind)) => (asset, *kind),
            Err(problem) => return Err(problem.clone()),
        };
        if columns.times.is_null(row) {
            return Err(Problem::new(Code::BadTime, format!("{asset}: the row has no time, or one we cannot hold")));
        }
        let time = columns.times.value(row);
        if time > latest || time < micros(Timestamp::MIN) {
            return Err(future(asset.as_str(), from_micros(time), from_micros(latest)));
        }
        for (quantity, values) in &columns.values {
            if values.is_valid(row) && !values.value(row).is_finite() {
                return Err(not_finite(asset.as_str(), quantity, from_micros(time), values.value(row)));
            }
        }
        Ok(kind)
    }

    fn finish(mut self) -> Result<Decoded, Problem> {
        for (kind, parts) in self.parts {
            let whole = match parts.as_slice() {
                [one] => one.clone(),
                // One write per kind: a write is one group of the log.
                parts => concat_batches(&parts[0].schema(), parts).map_err(unreadable)?,
            };
            self.decoded.readings.push(Readings::from_checked_ids(kind, complete(&whole, self.checks.now)?)?);
        }
        Ok(self.decoded)
    }
}

/// Adds when the rows became known, and leaves out quantities this kind has no value of.
fn complete(rows: &RecordBatch, now: Timestamp) -> Result<RecordBatch, Problem> {
    let known = TimestampMicrosecondArray::from(vec![micros(now); rows.num_rows()]).with_timezone("UTC");
    let (mut fields, mut columns): (Vec<Arc<Field>>, Vec<ArrayRef>) = (Vec::new(), Vec::new());
    for (place, (field, column)) in rows.schema_ref().fields().iter().zip(rows.columns()).enumerate() {
        if place == 2 {
            fields.push(Arc::new(Field::new(AVAILABLE_AT, timestamp_type(), false)));
            columns.push(Arc::new(known.clone()));
        }
        if place < 2 || column.null_count() < column.len() {
            fields.push(Arc::clone(field));
            columns.push(Arc::clone(column));
        }
    }
    if rows.num_columns() == 2 {
        fields.push(Arc::new(Field::new(AVAILABLE_AT, timestamp_type(), false)));
        columns.push(Arc::new(known));
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(unreadable)
}

impl Columns {
    fn batch(&self) -> Result<RecordBatch, Problem> {
        // A null time or id is found and left out before anybody reads this as readings.
        let mut fields = vec![Field::new(TIME, timestamp_type(), true), Field::new(ASSET_ID, DataType::Utf8, true)];
        let mut columns: Vec<ArrayRef> = vec![Arc::new(self.times.clone()), Arc::clone(&self.ids)];
        for (quantity, values) in &self.values {
            fields.push(Field::new(quantity.name(), DataType::Float64, true));
            columns.push(Arc::new(values.clone()));
        }
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(unreadable)
    }
}

fn story(columns: &Columns, row: usize, index: usize, problem: &Problem) -> Rejected {
    let ids = columns.ids.as_string::<i32>();
    let asset = ids.is_valid(row).then(|| clip(ids.value(row), 64).to_owned());
    let mut raw = asset.clone().unwrap_or_default();
    if columns.times.is_valid(row) {
        raw.push_str(&format!(" {}", from_micros(columns.times.value(row))));
    }
    for (quantity, values) in columns.values.iter().filter(|(_, values)| values.is_valid(row)) {
        write!(raw, " {quantity}={}", values.value(row)).expect("a text takes what is written to it");
    }
    Rejected { index, line: None, code: problem.code().row().0, detail: problem.detail().into(), asset, raw }
}

fn plan(schema: &Schema, checks: &Checks) -> Result<Plan, Problem> {
    let place = |name: &str| {
        schema.index_of(name).map_err(|_| {
            Problem::new(Code::MissingField, format!("the stream has no column {name:?}; it needs asset_id, time and quantities"))
        })
    };
    let (time, asset_id) = (place(TIME)?, place(ASSET_ID)?);
    let mut values: Vec<(usize, Quantity, (f64, f64))> = Vec::new();
    for (place, field) in schema.fields().iter().enumerate().filter(|(place, _)| ![time, asset_id].contains(place)) {
        let beside = field.metadata().get("unit").map(String::as_str);
        let (quantity, conversion) = column(clip(field.name(), 200), beside, &checks.units, &checks.known)?;
        let number = field.data_type().is_integer() || field.data_type().is_floating();
        if !number && !matches!(field.data_type(), DataType::Boolean | DataType::Null) {
            return Err(wrong_type(field.name(), "a float or an integer", field.data_type()));
        }
        if values.iter().any(|(_, known, _)| *known == quantity) {
            return Err(Problem::new(Code::BadRequest, format!("the stream has {quantity} twice")));
        }
        values.push((place, quantity, conversion));
    }
    Ok(Plan { time, asset_id, values })
}

/// The assets of a stream by code, in the order of their coming.
struct Ids<'a> {
    names: Names<'a>,
    texts: Vec<Box<str>>,
    verdicts: Vec<Result<(AssetId, AssetKind), Problem>>,
    /// Code that followed each code last: streams repeat the order of their assets.
    after: Vec<u32>,
    codes: HashMap<Box<str>, u32>,
}

impl<'a> Ids<'a> {
    fn new(checks: &'a Checks) -> Self {
        let nobody = Problem::new(Code::BadRequest, "the row has no asset_id; every row needs one");
        let names = Names::new(checks);
        Self { names, texts: vec!["".into()], verdicts: vec![Err(nobody)], after: vec![NOBODY], codes: HashMap::new() }
    }

    fn kind(&self, code: u32) -> Option<AssetKind> {
        self.verdicts[code as usize].as_ref().ok().map(|(_, kind)| *kind)
    }

    fn columns(&mut self, batch: &RecordBatch, plan: &Plan) -> Result<Columns, Problem> {
        let ids = batch.column(plan.asset_id);
        let codes = match ids.data_type() {
            DataType::Utf8 => self.code_all(ids.as_string::<i32>().iter()),
            DataType::LargeUtf8 => self.code_all(ids.as_string::<i64>().iter()),
            DataType::Utf8View => self.code_all(ids.as_string_view().iter()),
            DataType::Dictionary(_, values) if matches!(**values, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View) => {
                let dictionary = ids.as_any_dictionary();
                let texts = cast(dictionary.values(), &DataType::Utf8).map_err(unreadable)?;
                let own = self.code_all(texts.as_string::<i32>().iter());
                if own.is_empty() {
                    vec![NOBODY; ids.len()]
                } else {
                    let keys = dictionary.normalized_keys();
                    let keys = keys.iter().enumerate();
                    keys.map(|(row, &key)| if ids.is_null(row) { NOBODY } else { own[key] }).collect()
                }
            }
            other => return Err(wrong_type(ASSET_ID, "Utf8, LargeUtf8, Utf8View or a dictionary of those", other)),
        };
        let times = batch.column(plan.time);
        let DataType::Timestamp(_, zone) = times.data_type() else {
            return Err(wrong_type(TIME, "a timestamp", times.data_type()));
        };
        let times = cast(times, &DataType::Timestamp(TimeUnit::Microsecond, zone.clone())).map_err(unreadable)?;
        let times = times.as_primitive::<TimestampMicrosecondType>().clone().with_timezone("UTC");
        let mut values = Vec::with_capacity(plan.values.len());
        for (place, quantity, (scale, offset)) in &plan.values {
            let column = match batch.column(*place) {
                nothing if nothing.data_type() == &DataType::Null => new_null_array(&DataType::Float64, nothing.len()),
                column => cast(column, &DataType::Float64).map_err(unreadable)?,
            };
            let numbers = column.as_primitive::<Float64Type>();
            let stored =
                if (*scale, *offset) == (1.0, 0.0) { numbers.clone() } else { numbers.unary(|value| scale * value + offset) };
            values.push((quantity.clone(), stored));
        }
        Ok(Columns { codes, ids: cast(ids, &DataType::Utf8).map_err(unreadable)?, times, values })
    }

    fn code_all<'t>(&mut self, ids: impl Iterator<Item = Option<&'t str>>) -> Vec<u32> {
        let mut last = NOBODY;
        ids.map(|id| {
            let Some(id) = id else { return NOBODY };
            let guess = self.after[last as usize];
            let code = if guess != NOBODY && *self.texts[guess as usize] == *id { guess } else { self.code(id) };
            self.after[last as usize] = code;
            last = code;
            code
        })
        .collect()
    }

    fn code(&mut self, id: &str) -> u32 {
        let id = clip(id, 100);
        if let Some(code) = self.codes.get(id) {
            return *code;
        }
        let code = u32::try_from(self.texts.len()).unwrap_or(NOBODY);
        self.texts.push(id.into());
        self.verdicts.push(self.names.asset(id));
        self.after.push(NOBODY);
        self.codes.insert(id.into(), code);
        code
    }
}

fn wrong_type(column: &str, expected: &str, found: &DataType) -> Problem {
    let found = found.to_string();
    Problem::new(Code::BadRequest, format!("column {column:?} must be {expected}, found {}", clip(&found, 200)))
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err hands over")]
fn unreadable(error: ArrowError) -> Problem {
    Problem::new(Code::BadRequest, format!("the Arrow stream cannot be read: {error}"))
}

#[cfg(test)]
mod tests;
