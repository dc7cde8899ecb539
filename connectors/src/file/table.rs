//! Canonical tables with a schema of their own: `weather_forecast`, `quality_flags`, `annotations`, `events`.
//!
//! In: a CSV (plain, gz, zst) whose columns are named as the table's. Out: pages of that table. `weather_forecast` takes
//! quantities too, in declared units. Not here: telemetry, which needs an asset's kind (see [`super::FileSource`]).

use super::input;
use super::input::Progress;
use super::page::batch;
use super::page::nullable;
use super::record::Number;
use super::record::Numbers;
use super::record::Record;
use super::text::Step;
use super::text::TextRows;
use crate::mapping::FormatSpec;
use arrow::array::ArrayRef;
use arrow::array::Float64Array;
use arrow::array::StringArray;
use arrow::array::TimestampMicrosecondArray;
use arrow::datatypes::DataType;
use arrow::datatypes::Field;
use arrow::datatypes::Schema;
use engine::domain::ASSET_ID;
use engine::domain::AVAILABLE_AT;
use engine::domain::Asset;
use engine::domain::AssetId;
use engine::domain::Quantities;
use engine::domain::Table;
use engine::domain::Unit;
use engine::domain::micros;
use engine::domain::nearest;
use engine::domain::parse_time;
use engine::source::Page;
use engine::source::Reject;
use engine::source::Rows;
use engine::source::SourceError;
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// One file of a canonical table being read.
#[derive(Debug)]
pub struct TableSource {
    table: Table,
    place: String,
    rows: TextRows,
    progress: Progress,
    fields: Vec<Column>,
    numbers: Numbers,
    /// Not empty: rows of others are rejected.
    known: Vec<AssetId>,
    done: bool,
}

#[derive(Debug)]
struct Column {
    field: Field,
    /// Position in the file; `None`: a column the file does not have.
    at: Option<usize>,
    /// What stands in its place, unless it may be empty.
    fill: Option<Fill>,
    scale: f64,
    offset: f64,
}

/// What a key column holds that the file does not have.
#[derive(Debug, Clone)]
enum Fill {
    Text(String),
    /// Microseconds after the time in the column before.
    After(i64),
}

enum Cells {
    Time(Vec<Option<i64>>),
    Text(Vec<Option<String>>),
    Number(Vec<f64>),
}

impl TableSource {
    /// Opens a file; `units` are those of the file's quantities, the stored unit where a quantity has none.
    ///
    /// # Errors
    /// [`SourceError::Mapping`] for a missing or unknown column and for a unit of another dimension.
    pub fn open(path: &Path, table: Table, quantities: &Quantities, units: &BTreeMap<String, Unit>) -> Result<Self, SourceError> {
        Self::filled(path, table, quantities, units, |_| None)
    }

    /// As [`TableSource::open`] for `weather_forecast`, in stored units: `source`, if any, comes before that of the file, and a file without
    /// `available_at` is known `delay` after each `init_time`. With `assets` rows of others are rejected.
    ///
    /// # Errors
    /// As [`TableSource::open`].
    pub fn open_weather(
        path: &Path,
        quantities: &Quantities,
        (source, delay): (Option<&str>, SignedDuration),
        assets: &[Asset],
    ) -> Result<Self, SourceError> {
        let delay = i64::try_from(delay.as_micros()).unwrap_or(i64::MAX);
        let fill = |name: &str| match name {
            "source" => source.map(|name| (true, Fill::Text(name.to_owned()))),
            AVAILABLE_AT => Some((false, Fill::After(delay))),
            _ => None,
        };
        let mut rows = Self::filled(path, Table::WeatherForecast, quantities, &BTreeMap::new(), fill)?;
        rows.known = assets.iter().map(|asset| asset.id.clone()).collect();
        rows.known.sort_unstable();
        Ok(rows)
    }

    /// `fill` says what a column holds, and whether that comes before what the file has.
    fn filled(
        path: &Path,
        table: Table,
        quantities: &Quantities,
        units: &BTreeMap<String, Unit>,
        fill: impl Fn(&str) -> Option<(bool, Fill)>,
    ) -> Result<Self, SourceError> {
        let place = path.display().to_string();
        let (reader, progress) = input::open(path)?;
        let (rows, header) = TextRows::new(reader, &place, &FormatSpec::default())?;
        let refuse = |problem: String| SourceError::Mapping { place: place.clone(), problem };
        let (mut fields, mut taken) = (Vec::new(), Vec::new());
        for field in table.base_schema().fields() {
            let at = header.iter().position(|name| name == field.name());
            taken.extend(at);
            let filled = fill(field.name()).filter(|(first, _)| *first || at.is_none()).map(|(_, fill)| fill);
            if at.is_none() && filled.is_none() && !field.is_nullable() {
                let near = nearest(field.name(), header.iter().map(String::as_str)).unwrap_or("none");
                return Err(refuse(format!("column {:?} of table {table} is missing; nearest is {near:?}", field.name())));
            }
            let at = at.filter(|_| filled.is_none());
            fields.push(Column { field: field.as_ref().clone(), at, fill: filled, scale: 1.0, offset: 0.0 });
        }
        let others = header.iter().enumerate().filter(|(at, _)| table == Table::WeatherForecast && !taken.contains(at));
        for (at, name) in others {
            let (quantity, info) = quantities.get(name).map_err(|cause| SourceError::Domain { place: place.clone(), cause })?;
            let unit = units.get(name).copied().unwrap_or(info.unit);
            let (scale, offset) = unit
                .to(info.unit)
                .ok_or_else(|| refuse(format!("{quantity} is stored in {}; {unit} measures something else", info.unit)))?;
            fields.push(Column {
                field: Field::new(quantity.name(), DataType::Float64, true),
                at: Some(at),
                fill: None,
                scale,
                offset,
            });
        }
        Ok(Self {
            table,
            place,
            rows,
            progress,
            fields,
            numbers: Numbers::new(&FormatSpec::default()),
            known: Vec::new(),
            done: false,
        })
    }

    /// The next `lines` lines as one page; rows with a bad key are rejected, bad numbers are missing and told.
    ///
    /// # Errors
    /// [`SourceError::Io`] and [`SourceError::Domain`].
    pub fn read_page(&mut self, lines: usize) -> Result<Page, SourceError> {
        let mut cells: Vec<Cells> = self
            .fields
            .iter()
            .map(|column| match column.field.data_type() {
                DataType::Timestamp(..) => Cells::Time(Vec::new()),
                DataType::Float64 => Cells::Number(Vec::new()),
                _ => Cells::Text(Vec::new()),
            })
            .collect();
        let mut rejects = Vec::new();
        for _ in 0..lines.max(1) {
            match self.rows.next()? {
                Step::End => {
                    self.done = true;
                    break;
                }
                Step::Bad { line, reason, detail, raw } => rejects.push(Reject { line: Some(line), reason, detail, raw }),
                Step::Row => self.take(&mut cells, &mut rejects),
            }
        }
        let arrays = cells.into_iter().map(|column| -> ArrayRef {
            match column {
                Cells::Time(values) => Arc::new(TimestampMicrosecondArray::from(values).with_timezone("UTC")),
                Cells::Text(values) => Arc::new(StringArray::from(values)),
                Cells::Number(values) => Arc::new(nullable(values)) as Arc<Float64Array>,
            }
        });
        let schema = Schema::new(self.fields.iter().map(|column| column.field.clone()).collect::<Vec<_>>());
        let batch = batch(self.table.name(), schema, arrays.collect())
            .map_err(|cause| SourceError::Domain { place: self.place.clone(), cause })?;
        let rows = if batch.num_rows() == 0 { Vec::new() } else { vec![Rows::Other(self.table, batch)] };
        Ok(Page { rows, rejects, cursor: None, bytes_read: self.progress.bytes(), done: self.done })
    }

    fn take(&self, cells: &mut [Cells], rejects: &mut Vec<Reject>) {
        let mut reject = |reason, detail| {
            rejects.push(Reject { line: Some(self.rows.line()), reason, detail, raw: self.rows.raw() });
        };
        // First everything that can cost the row, then the row.
        let mut times: Vec<Option<i64>> = Vec::new();
        for column in &self.fields {
            let text = column.at.map_or("", |at| self.rows.text(at)).trim_ascii();
            let name = column.field.name();
            match (&column.fill, column.field.data_type()) {
                (Some(Fill::Text(_)), _) => {}
                (Some(Fill::After(micros)), _) => {
                    times.push(times.last().copied().flatten().map(|time| time.saturating_add(*micros)))
                }
                (None, DataType::Timestamp(..)) if text.is_empty() && column.field.is_nullable() => times.push(None),
                (None, DataType::Timestamp(..)) => match parse_time(text) {
                    Ok(time) => times.push(Some(micros(time))),
                    Err(error) => return reject("bad_time", format!("{name}: {error}")),
                },
                (None, DataType::Utf8) if text.is_empty() && !column.field.is_nullable() => {
                    return reject("no_value", format!("{name} is empty; every row of {} needs one", self.table));
                }
                (None, DataType::Utf8) if name == ASSET_ID && !text.is_empty() => match AssetId::parse(text) {
                    Ok(id) if !self.known.is_empty() && self.known.binary_search(&id).is_err() => {
                        let near = nearest(text, self.known.iter().map(AssetId::as_str));
                        let near = near.map(|near| format!(", nearest is {near:?}")).unwrap_or_default();
                        return reject("unknown_asset", format!("asset {id} is not known{near}; add it to the assets"));
                    }
                    Ok(_) => {}
                    Err(error) => return reject("bad_asset", error.to_string()),
                },
                _ => {}
            }
        }
        let mut times = times.into_iter();
        for (column, cells) in self.fields.iter().zip(cells) {
            let text = column.at.map_or("", |at| self.rows.text(at));
            match cells {
                Cells::Time(values) => values.push(times.next().flatten()),
                Cells::Text(values) => values.push(match &column.fill {
                    Some(Fill::Text(text)) => Some(text.clone()),
                    _ => (!text.is_empty()).then(|| text.to_owned()),
                }),
                Cells::Number(values) => values.push(match self.numbers.read(text) {
                    Number::Value(value) => column.scale * value + column.offset,
                    Number::Missing | Number::Nan => f64::NAN,
                    Number::Bad => {
                        reject("bad_number", format!("{text:?} in column {:?} is not a number", column.field.name()));
                        f64::NAN
                    }
                }),
            }
        }
    }
}
