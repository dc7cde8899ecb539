//! One table: its log, and every file it needs, page by page.
//!
//! In: the place of the table. Out: findings.

use super::Harm;
use super::RESTORE;
use super::Verified;
use super::commits;
use crate::domain::from_micros;
use crate::store::StoreError;
use crate::store::delta::DeltaFiles;
use crate::store::delta::blocking;
use crate::store::files::FileEntry;
use crate::store::files::sum_in_name;
use crate::store::merge::key_rows;
use crate::store::place::Place;
use arrow::array::AsArray;
use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::compute::kernels::aggregate;
use arrow::datatypes::Schema;
use arrow::datatypes::TimestampMicrosecondType;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::collections::BTreeSet;
use std::collections::HashSet;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// Reads a table.
pub(super) async fn check(
    place: &Place,
    name: &str,
    schema: Schema,
    key: &'static [&'static str],
    clock: &'static str,
    report: &mut Verified,
    each: &(dyn Fn(&str) + Send + Sync),
) -> Result<(), StoreError> {
    let objects = place.list("").await?;
    let replayed = commits::replay(place, &objects, name, report).await;
    let log = place.address("_delta_log");
    let opened = DeltaFiles::at(name, place.clone(), schema, key, clock).await;
    let files: Vec<Arc<FileEntry>> = match &opened {
        Ok(delta) => delta.files().to_vec(),
        Err(error) => {
            report.add(Harm::Damage, &log, format!("the table cannot be opened: {error}"), format!("all of {name}"), RESTORE);
            let entry = |(path, (size, stats)): (&String, &(u64, Option<String>))| {
                Arc::new(FileEntry::new(path.clone(), *size, stats.as_deref(), clock))
            };
            replayed.files.iter().map(entry).collect()
        }
    };
    if let (Ok(delta), true) = (&opened, replayed.whole) {
        let held: BTreeSet<(&str, u64)> = delta.files().iter().map(|file| (file.path.as_str(), file.size)).collect();
        let said: BTreeSet<(&str, u64)> = replayed.files.iter().map(|(path, (size, _))| (path.as_str(), *size)).collect();
        for (path, _) in held.symmetric_difference(&said) {
            let problem = format!("its checkpoint and its commits do not agree about {path}");
            report.add(Harm::Damage, &log, problem, format!("a part of {name}"), RESTORE);
        }
    }
    let columns: Option<HashSet<String>> =
        opened.ok().map(|delta| delta.schema().fields().iter().map(|field| field.name().clone()).collect());
    let mut keys = HashSet::new();
    for (index, file) in files.iter().enumerate() {
        let address = place.address(&file.path);
        let shared = files.iter().enumerate().any(|(other, entry)| other != index && entry.overlaps(file));
        match read(place, file, key, shared).await {
            Ok(rows) => {
                let twice = rows.keys.iter().filter(|key| !keys.insert(**key)).count();
                let problem = if twice > 0 {
                    Some(format!("{twice} of its keys are in another file too"))
                } else {
                    rows.problem(file, clock, columns.as_ref())
                };
                if let Some(problem) = problem {
                    report.add(Harm::Damage, &address, problem, covers(name, file), RESTORE);
                }
                report.rows += rows.rows;
            }
            Err(problem) => report.add(Harm::Damage, &address, problem, covers(name, file), RESTORE),
        }
        report.files += 1;
        report.bytes += file.size;
        each(&address);
    }
    let needed: HashSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    for object in objects.iter().filter(|object| object.path.ends_with(".parquet") && !object.path.contains('/')) {
        if !needed.contains(object.path.as_str()) {
            let remedy = "nothing: an earlier version of the table needs it; `chergui vacuum` removes it";
            report.add(Harm::None, place.address(&object.path), "not in the newest version", String::new(), remedy);
        }
    }
    Ok(())
}

fn covers(table: &str, file: &FileEntry) -> String {
    let assets = file.assets.as_ref().map_or_else(|| "unknown assets".to_owned(), |(low, high)| format!("assets {low} to {high}"));
    let time = |micros| from_micros(micros).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let times = file.clock.map_or_else(String::new, |(low, high)| format!(", {} to {}", time(low), time(high)));
    format!("{table}: {} rows, {assets}{times}", file.rows)
}

/// What a file holds.
#[derive(Debug)]
struct Held {
    rows: u64,
    assets: Option<(String, String)>,
    times: Vec<(String, i64, i64)>,
    columns: Vec<String>,
    /// Sums of its keys, where another file may have the same.
    keys: Vec<u64>,
}

impl Held {
    /// What its entry in the table's log says otherwise.
    fn problem(&self, file: &FileEntry, clock: &str, columns: Option<&HashSet<String>>) -> Option<String> {
        if self.rows != file.rows {
            return Some(format!("it holds {} rows, the table's log says {}", self.rows, file.rows));
        }
        if file.assets.is_some() && self.assets.is_some() && file.assets != self.assets {
            return Some(format!("it holds other assets than the table's log says: {:?}", self.assets));
        }
        let bounds = self.times.iter().find(|(name, ..)| name == clock);
        if bounds.zip(file.clock).is_some_and(|((_, low, high), said)| *low < said.0 || *high > said.1) {
            return Some("it holds other times than the table's log says".into());
        }
        let unknown = columns.and_then(|known| self.columns.iter().find(|name| !known.contains(*name)));
        unknown.map(|name| format!("the table's log does not know its column {name}"))
    }
}

async fn read(place: &Place, file: &FileEntry, key: &'static [&'static str], shared: bool) -> Result<Held, String> {
    let bytes = place.get(&file.path).await.map_err(|error| error.to_string())?;
    if bytes.len() as u64 != file.size {
        return Err(format!("it has {} bytes, the table's log says {}", bytes.len(), file.size));
    }
    if sum_in_name(&file.path).is_some_and(|sum| sum != xxh3_64(&bytes)) {
        return Err("its bytes are not those that were written: the sum in its name differs".into());
    }
    let work = blocking("reading a file", move || Ok(decode(bytes, key, shared)));
    work.await.map_err(|error| error.to_string())?
}

fn decode(bytes: Bytes, key: &[&str], shared: bool) -> Result<Held, String> {
    let text = |error: &dyn std::fmt::Display| format!("it cannot be read: {error}");
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(|error| text(&error))?;
    let schema = Arc::clone(reader.schema());
    let batches = reader.build().map_err(|error| text(&error))?.collect::<Result<Vec<_>, _>>().map_err(|error| text(&error))?;
    let rows = concat_batches(&schema, &batches).map_err(|error| text(&error))?;
    let sorted = key_rows(key, &rows).map_err(|error| text(&error))?;
    if let Some(row) = (1..rows.num_rows()).find(|&row| sorted.row(row - 1) >= sorted.row(row)) {
        return Err(format!("its rows are not in order, or a key is there twice, at row {row}"));
    }
    let keys = if shared { sorted.iter().map(|row| xxh3_64(row.data())).collect() } else { Vec::new() };
    let columns = schema.fields().iter().map(|field| field.name().clone()).collect();
    Ok(Held { rows: rows.num_rows() as u64, assets: assets(&rows), times: times(&rows), columns, keys })
}

fn assets(rows: &RecordBatch) -> Option<(String, String)> {
    let ids = rows.column_by_name("asset_id")?.as_string_opt::<i32>()?;
    Some((aggregate::min_string(ids)?.to_owned(), aggregate::max_string(ids)?.to_owned()))
}

fn times(rows: &RecordBatch) -> Vec<(String, i64, i64)> {
    let bounds = |index: usize| {
        let column = rows.column(index).as_primitive_opt::<TimestampMicrosecondType>()?;
        Some((rows.schema().field(index).name().clone(), aggregate::min(column)?, aggregate::max(column)?))
    };
    (0..rows.num_columns()).filter_map(bounds).collect()
}
