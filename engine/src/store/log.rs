//! The write-ahead log: one fsynced file per group of appends, acknowledged after its rename.
//!
//! A file is a row of Arrow IPC streams, one per append, each naming its table in the schema's metadata. Its name holds the
//! sequence number and the first 64 bits of its SHA-256, so a torn or rotten file is known before a row of it is used.

use super::StoreError;
use super::delta::blocking;
use super::files;
use crate::domain::Table;
use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use sha2::Digest;
use sha2::Sha256;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::fs::File;
use std::io::Cursor;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

const TABLE: &str = "chergui.table";
const TEMPORARY: &str = "next.tmp";

/// The open log.
#[derive(Debug)]
pub(super) struct Log {
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
    pub(super) async fn open(directory: PathBuf) -> Result<(Self, Vec<Logged>), StoreError> {
        blocking("reading the log", move || {
            fs::create_dir_all(&directory).map_err(io("create", &directory))?;
            let mut names: Vec<PathBuf> = Vec::new();
            for entry in fs::read_dir(&directory).map_err(io("read", &directory))? {
                names.push(entry.map_err(io("read", &directory))?.path());
            }
            names.sort();
            let (mut state, mut logged) = (State { next: 1, ..State::default() }, Vec::new());
            for path in names {
                if path.extension().is_some_and(|e| e == "tmp") {
                    fs::remove_file(&path).map_err(io("remove", &path))?;
                    continue;
                }
                let Some((sequence, digest)) = parse_name(&path) else { continue };
                let bytes = fs::read(&path).map_err(io("read", &path))?;
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
                    tables.insert(table);
                    logged.push(Logged { sequence, table, rows });
                }
                state.next = sequence + 1;
                state.files.insert(sequence, Kept { bytes: bytes.len() as u64, path, tables });
            }
            Ok((Self { directory, state: Mutex::new(state) }, logged))
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
        let (sequence, directory) = (self.lock().next, self.directory.clone());
        let tables = group.iter().map(|(table, _)| *table).collect();
        let (path, bytes) = blocking("writing the log", move || {
            let temporary = directory.join(TEMPORARY);
            let bytes = encode(&group)?;
            let path = directory.join(format!("{sequence:020}.{}.arrows", digest_of(&bytes)));
            let mut file = File::create(&temporary).map_err(io("create", &temporary))?;
            file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(io("write", &temporary))?;
            fs::rename(&temporary, &path).map_err(io("rename", &temporary))?;
            files::sync(&directory)?;
            Ok((path, bytes.len() as u64))
        })
        .await?;
        let mut state = self.lock();
        state.next = sequence + 1;
        state.files.insert(sequence, Kept { path, bytes, tables });
        Ok(sequence)
    }

    /// A table has everything up to `sequence` in Delta; files nobody needs any more go.
    pub(super) fn done(&self, table: Table, sequence: u64) -> Result<(), StoreError> {
        let mut state = self.lock();
        let mut unneeded = Vec::new();
        for (&number, kept) in state.files.range_mut(..=sequence) {
            kept.tables.remove(&table);
            if kept.tables.is_empty() {
                unneeded.push(number);
            }
        }
        for number in unneeded {
            if let Some(kept) = state.files.get(&number) {
                fs::remove_file(&kept.path).map_err(io("remove", &kept.path))?;
            }
            state.files.remove(&number);
        }
        Ok(())
    }

    /// Number of files and their bytes.
    pub(super) fn length(&self) -> (usize, u64) {
        let state = self.lock();
        (state.files.len(), state.files.values().map(|kept| kept.bytes).sum())
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
    Sha256::digest(bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
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
