//! The write-ahead log: one fsynced file per group of appends, acknowledged after its rename.
//!
//! A file is a row of Arrow IPC streams, one per append, each naming its table in the schema's metadata. Its name holds the
//! sequence number and the XXH3 sum of its bytes, so a torn or rotten file is known before a row of it is used.

use super::StoreError;
use super::delta::blocking;
use super::disk::Disk;
use super::keys::conform;
use crate::domain::Table;
use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::root_as_message;
use arrow::ipc::writer::StreamWriter;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io::Cursor;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use xxhash_rust::xxh3::xxh3_64;

const TABLE: &str = "chergui.table";
const TEMPORARY: &str = "next.tmp";
/// Files of small groups are read at a few thousand a second at a start.
const MANY_FILES: usize = 2000;

/// The open log.
#[derive(Debug)]
pub(super) struct Log {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    /// Files on disk: bytes, and the tables that still need them.
    files: BTreeMap<u64, Kept>,
}

#[derive(Debug)]
struct Kept {
    path: PathBuf,
    bytes: u64,
    tables: BTreeSet<Table>,
}

/// One append found in the log at start.
#[derive(Debug)]
pub(super) struct Logged {
    pub(super) sequence: u64,
    pub(super) table: Table,
    pub(super) rows: RecordBatch,
}

impl Log {
    /// Opens the log and reads what it holds, oldest first. A file without its final name was never acknowledged and goes.
    ///
    /// # Errors
    /// [`StoreError::DamagedLog`], [`StoreError::UnknownTable`], [`StoreError::Io`].
    pub(super) async fn open(disk: Arc<dyn Disk>, directory: PathBuf) -> Result<(Self, Vec<Logged>), StoreError> {
        blocking("reading the log", move || {
            disk.create_directory(&directory).map_err(io("create", &directory))?;
            if let Some(parent) = directory.parent() {
                disk.sync(parent).map_err(io("sync", parent))?;
            }
            let found = disk.list(&directory).map_err(io("read", &directory))?;
            let mut names: Vec<PathBuf> = found.into_iter().map(|entry| entry.path).collect();
            names.sort();
            let (mut state, mut logged) = (State { next: 1, ..State::default() }, Vec::new());
            for path in names {
                if path.extension().is_some_and(|e| e == "tmp") {
                    disk.remove(&path).map_err(io("remove", &path))?;
                    continue;
                }
                let Some((sequence, digest)) = parse_name(&path) else { continue };
                let bytes = disk.read(&path).map_err(io("read", &path))?;
                let damaged = |cause| StoreError::DamagedLog { path: path.clone(), cause };
                if digest_of(&bytes) != digest {
                    return Err(damaged(ArrowError::IpcError(format!(
                        "its {} bytes do not match the sum in its name",
                        bytes.len()
                    ))));
                }
                let entries = decode(&bytes).map_err(damaged)?;
                let mut tables = BTreeSet::new();
                for (name, rows) in entries {
                    let table = Table::all().find(|table| table.name() == name);
                    let table = table.ok_or_else(|| StoreError::UnknownTable { path: path.clone(), table: name })?;
                    let rows = conform(table, &rows).map_err(|error| damaged(ArrowError::SchemaError(error.to_string())))?;
                    tables.insert(table);
                    logged.push(Logged { sequence, table, rows });
                }
                state.next = sequence + 1;
                state.files.insert(sequence, Kept { bytes: bytes.len() as u64, path, tables });
            }
            Ok((Self { disk, directory, state: Mutex::new(state) }, logged))
        })
        .await
    }

    /// Numbers continue after `sequence`.
    pub(super) fn continue_after(&self, sequence: u64) {
        let mut state = self.lock();
        state.next = state.next.max(sequence + 1);
    }

    /// Writes one group: temporary file, fsync, rename, fsync of the directory. Returns its sequence number.
    /// Called by one task at a time.
    pub(super) async fn write(&self, group: Vec<(Table, RecordBatch)>) -> Result<u64, StoreError> {
        let (sequence, directory, disk) = (self.lock().next, self.directory.clone(), Arc::clone(&self.disk));
        let tables = group.iter().map(|(table, _)| *table).collect();
        let written = blocking("writing the log", move || {
            let temporary = directory.join(TEMPORARY);
            let bytes = encode(&group)?;
            let path = directory.join(format!("{sequence:020}.{}.arrows", digest_of(&bytes)));
            disk.write_synced(&temporary, &[&bytes]).map_err(io("write", &temporary))?;
            disk.rename(&temporary, &path).map_err(io("rename", &temporary))?;
            disk.sync(&directory).map_err(io("sync", &directory))?;
            Ok((path, bytes.len() as u64))
        })
        .await;
        // Also after an error: the file may be there, and what is written next must come after it when the log is read.
        self.lock().next = sequence + 1;
        let (path, bytes) = written?;
        let mut state = self.lock();
        state.files.insert(sequence, Kept { path, bytes, tables });
        Ok(sequence)
    }

    /// A table has everything up to `sequence` in Delta; files nobody needs any more go. One that cannot be removed is harmless: at the
    /// next start the table knows that it has it.
    pub(super) async fn done(&self, table: Table, sequence: u64) -> Result<(), StoreError> {
        let unneeded: Vec<PathBuf> = {
            let mut state = self.lock();
            for kept in state.files.range_mut(..=sequence).map(|(_, kept)| kept) {
                kept.tables.remove(&table);
            }
            state.files.extract_if(..=sequence, |_, kept| kept.tables.is_empty()).map(|(_, kept)| kept.path).collect()
        };
        if unneeded.is_empty() {
            return Ok(());
        }
        let disk = Arc::clone(&self.disk);
        blocking("shortening the log", move || unneeded.iter().try_for_each(|path| disk.remove(path).map_err(io("remove", path))))
            .await
    }

    /// Number of the newest group.
    pub(super) fn newest(&self) -> u64 {
        self.lock().next.saturating_sub(1)
    }

    /// Number of files and their bytes.
    pub(super) fn length(&self) -> (usize, u64) {
        let state = self.lock();
        (state.files.len(), state.files.values().map(|kept| kept.bytes).sum())
    }

    /// The tables that keep the oldest file, when the next start would have many to read.
    pub(super) fn overdue(&self) -> Vec<Table> {
        let state = self.lock();
        let oldest = state.files.first_key_value().filter(|_| state.files.len() > MANY_FILES);
        oldest.map_or_else(Vec::new, |(_, kept)| kept.tables.iter().copied().collect())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    let path = path.to_owned();
    move |cause| StoreError::Io { action, path, cause }
}

fn digest_of(bytes: &[u8]) -> String {
    format!("{:016x}", xxh3_64(bytes))
}

fn parse_name(path: &Path) -> Option<(u64, String)> {
    let mut parts = path.file_name()?.to_str()?.split('.');
    let (sequence, digest) = (parts.next()?.parse().ok()?, parts.next()?);
    (parts.next() == Some("arrows")).then(|| (sequence, digest.to_owned()))
}

fn encode(group: &[(Table, RecordBatch)]) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    for (table, rows) in group {
        let arrow = |cause| StoreError::Arrow { table: table.name().into(), cause };
        let metadata = [(TABLE.to_owned(), table.name().to_owned())].into();
        let schema = Schema::new(rows.schema().fields().clone()).with_metadata(metadata);
        let mut writer = StreamWriter::try_new(&mut bytes, &schema).map_err(arrow)?;
        let rows = rows.clone().with_schema(Arc::new(schema)).map_err(arrow)?;
        writer.write(&rows).and_then(|()| writer.finish()).map_err(arrow)?;
    }
    Ok(bytes)
}

fn decode(bytes: &[u8]) -> Result<Vec<(String, RecordBatch)>, ArrowError> {
    check_messages(bytes)?;
    // Arrow's reader panics on schemas that no writer makes; a sum that is right over wrong bytes must not hide the file's name.
    std::panic::catch_unwind(|| read(bytes))
        .unwrap_or_else(|_| Err(ArrowError::IpcError("its schema or rows are none that Arrow writes".into())))
}

/// Each message lies within the file and is not compressed: Arrow's reader takes memory for what a message says before it looks.
fn check_messages(bytes: &[u8]) -> Result<(), ArrowError> {
    let odd = |problem: &str| ArrowError::IpcError(format!("{problem} within its {} bytes", bytes.len()));
    let cut = || odd("a message does not end");
    let mut rest = bytes;
    while !rest.is_empty() {
        let (mut word, mut after) = rest.split_first_chunk().ok_or_else(cut)?;
        if *word == [0xff; 4] {
            (word, after) = after.split_first_chunk().ok_or_else(cut)?;
        }
        let length = u32::from_le_bytes(*word) as usize;
        if length == 0 {
            rest = after;
            continue;
        }
        let (message, after) = after.split_at_checked(length).ok_or_else(cut)?;
        // A copy, so that it is aligned as the reader's own.
        let message = message.to_vec();
        let message = root_as_message(&message).map_err(|error| ArrowError::ParseError(error.to_string()))?;
        if message.header_as_record_batch().is_some_and(|rows| rows.compression().is_some()) {
            return Err(odd("rows are compressed"));
        }
        let body = usize::try_from(message.bodyLength()).map_err(|_| cut())?;
        rest = after.get(body..).ok_or_else(cut)?;
    }
    Ok(())
}

fn read(bytes: &[u8]) -> Result<Vec<(String, RecordBatch)>, ArrowError> {
    let mut cursor = Cursor::new(bytes);
    let mut entries = Vec::new();
    while (cursor.position() as usize) < bytes.len() {
        let reader = StreamReader::try_new(&mut cursor, None)?;
        let table = reader.schema().metadata().get(TABLE).cloned().unwrap_or_default();
        for batch in reader {
            let batch = batch?;
            let plain = Arc::new(Schema::new(batch.schema().fields().clone()));
            entries.push((table.clone(), RecordBatch::try_new(plain, batch.columns().to_vec())?));
        }
    }
    Ok(entries)
}

/// Reads one file as a start would and forgets it. False: it was never finished, so never acknowledged. Blocks.
pub(super) fn check(path: &Path) -> Result<bool, StoreError> {
    let Some((_, digest)) = parse_name(path) else { return Ok(false) };
    let bytes = std::fs::read(path).map_err(io("read", path))?;
    let damaged = |cause| StoreError::DamagedLog { path: path.into(), cause };
    if digest_of(&bytes) != digest {
        return Err(damaged(ArrowError::IpcError(format!("its {} bytes do not match the sum in its name", bytes.len()))));
    }
    decode(&bytes).map(|_| true).map_err(damaged)
}
