//! A copy of a store at one moment, and a store from such a copy.
//!
//! In: an open store and a directory that is not there yet; or such a directory and a place for a store. Out: all of it or nothing:
//! the copy gets its name when every file was written, synced and read back. Rows acknowledged before it began are in it. A backup
//! is a data directory (tables, ledger, no log: its rows are in the tables) with [`MANIFEST`], so other programs read it too.

use super::Snapshot;
use super::Storage;
use super::Store;
use super::StoreError;
use super::bucket;
use super::delta::blocking;
use super::disk::Disk;
use super::disk::RealDisk;
use super::ledger::LEDGER_FILE;
use super::ledger::Ledger;
use super::place::Place;
use crate::domain::Timestamp;
use bytes::Bytes;
use serde::Deserialize;
use serde::Serialize;
use sha2::Digest;
use sha2::Sha256;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

/// The file that lists all others.
const MANIFEST: &str = "manifest.json";

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the program that made it.
    pub version: String,
    /// When it was begun.
    pub created_at: Timestamp,
    /// Versions of the tables.
    pub tables: Vec<SavedTable>,
    /// All files but this list, by path.
    pub files: Vec<SavedFile>,
}

/// A table in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedTable {
    /// Its name.
    pub name: String,
    /// Delta version.
    pub version: u64,
    /// Rows.
    pub rows: u64,
}

/// A file in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedFile {
    /// Below the backup, with slashes.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of them, in hexadecimal.
    pub sha256: String,
}

/// Hears of progress: bytes done and bytes in all.
pub type Progress<'a> = &'a (dyn Fn(u64, u64) + Send + Sync);

impl Manifest {
    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }
}

/// Copies a store into the new directory `to`.
///
/// # Errors
/// [`StoreError::Backup`] when `to` is there already or a copy does not read back as written; [`StoreError`]. After an error there is
/// no `to`; what was written is in `to` with `.partial` behind it.
pub async fn backup(
    store: &Store,
    ledger: &Ledger,
    to: &Path,
    now: Timestamp,
    progress: Progress<'_>,
) -> Result<Manifest, StoreError> {
    let (partial, parent) = (beside(to)?, parent(to));
    for path in [to, &partial] {
        if path.exists() {
            return Err(refused(path, "it is there already; choose another name or remove it"));
        }
    }
    create(&partial)?;
    // Before the tables: a cursor in the ledger must not be ahead of the rows it stands for.
    let copy = partial.join(LEDGER_FILE);
    ledger.copy_to(&copy).await.map_err(|cause| refused(&copy, &cause.to_string()))?;
    // What was acknowledged until now is in the tables after this; their versions are held by the snapshot.
    store.flush().await?;
    let snapshot = store.snapshot();
    let mut manifest =
        Manifest { version: env!("CARGO_PKG_VERSION").into(), created_at: now, tables: Vec::new(), files: Vec::new() };
    let wanted = wanted(store, &snapshot, &mut manifest).await?;
    let held = read(&copy).await?;
    let total = wanted.iter().map(|(_, _, size)| size).sum::<u64>() + held.len() as u64;
    RealDisk.sync(&copy).map_err(io("sync", &copy))?;
    manifest.files.push(saved(LEDGER_FILE, &held));
    let mut done = held.len() as u64;
    progress(done, total);
    for (place, path, size) in wanted {
        let bytes = place.get(&path).await?;
        let name = format!("tables/{}/{path}", place.name());
        manifest.files.push(saved(&name, &bytes));
        write(partial.join(&name), bytes).await?;
        done += size;
        progress(done, total);
    }
    manifest.files.sort_by(|a, b| a.path.cmp(&b.path));
    let list = serde_json::to_vec_pretty(&manifest).map_err(|cause| refused(&partial, &cause.to_string()))?;
    write(partial.join(MANIFEST), list.into()).await?;
    check(&partial, &manifest, &|_, _| {}).await?;
    settle(&partial)?;
    RealDisk.rename(&partial, to).map_err(io("rename", &partial))?;
    RealDisk.sync(&parent).map_err(io("sync", &parent))?;
    Ok(manifest)
}

/// Makes a store of a backup. `root` must be empty or absent, and so must the bucket be where the tables go to one.
///
/// # Errors
/// [`StoreError::Backup`] when a file of the backup is missing or not as it was, or the target is not empty; nothing is in place then.
pub async fn restore(from: &Path, root: &Path, storage: &Storage, progress: Progress<'_>) -> Result<Manifest, StoreError> {
    let list = from.join(MANIFEST);
    let manifest: Manifest =
        serde_json::from_slice(&read(&list).await?).map_err(|cause| refused(&list, &format!("it cannot be read: {cause}")))?;
    if fs::read_dir(root).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(refused(root, "it is not empty; restore into a new directory"));
    }
    let partial = beside(root)?;
    if partial.exists() {
        return Err(refused(&partial, "an earlier restore was not finished; remove it"));
    }
    let total = manifest.bytes() * 2;
    check(from, &manifest, &|done, _| progress(done, total)).await?;
    create(&partial)?;
    let partial = fs::canonicalize(&partial).map_err(io("open", &partial))?;
    let tables = match storage {
        Storage::Local => Place::local(&partial.join("tables"), Arc::new(RealDisk))?,
        Storage::S3(options) => {
            let place = bucket::connect(options)?;
            if place.holds("").await? {
                return Err(refused(Path::new(&options.url), "it is not empty; restore into another prefix"));
            }
            bucket::claim(&place, &partial, root).await?;
            place.below("tables")
        }
    };
    let mut done = manifest.bytes();
    // A table is there when its log is: data first.
    let (log, data): (Vec<_>, Vec<_>) = manifest.files.iter().partition(|file| file.path.contains("/_delta_log/"));
    for file in data.into_iter().chain(log) {
        let bytes = read(&from.join(&file.path)).await?;
        match file.path.strip_prefix("tables/") {
            Some(path) => tables.put_new(path, bytes).await?,
            None => write(partial.join(&file.path), bytes).await?,
        }
        done += file.size;
        progress(done, total);
    }
    settle(&partial)?;
    if root.exists() {
        fs::remove_dir(root).map_err(io("replace", root))?;
    }
    RealDisk.rename(&partial, root).map_err(io("rename", &partial))?;
    let parent = parent(root);
    RealDisk.sync(&parent).map_err(io("sync", &parent))?;
    Ok(manifest)
}

/// Every object the tables need at their versions: its place, path and bytes.
async fn wanted(store: &Store, snapshot: &Snapshot, manifest: &mut Manifest) -> Result<Vec<(Place, String, u64)>, StoreError> {
    let mut wanted = Vec::new();
    let registries = store.inner.registries.lock().await;
    let small = [registries.assets.delta(), registries.quantities.delta()];
    let small = small.map(|delta| (delta.place().clone(), delta.version(), Arc::clone(delta.files())));
    drop(registries);
    let large = snapshot.views.values().map(|view| (view.place.clone(), view.version, Arc::clone(&view.files)));
    for (place, version, files) in small.into_iter().chain(large) {
        let Some(version) = version else { continue };
        for object in place.list("_delta_log").await? {
            if version_of(&object.path).is_some_and(|of| of <= version) {
                wanted.push((place.clone(), object.path, object.size));
            }
        }
        wanted.extend(files.iter().map(|file| (place.clone(), file.path.clone(), file.size)));
        let rows = files.iter().map(|file| file.rows).sum();
        manifest.tables.push(SavedTable { name: place.name(), version, rows });
    }
    Ok(wanted)
}

/// The version a file of Delta's log is of; the pointer to the last checkpoint only saves a listing and stays behind.
fn version_of(path: &str) -> Option<u64> {
    path.strip_prefix("_delta_log/")?.split('.').next()?.parse().ok()
}

/// Reads every file back and compares it with the list.
async fn check(directory: &Path, manifest: &Manifest, progress: Progress<'_>) -> Result<(), StoreError> {
    let (mut done, total) = (0, manifest.bytes());
    for file in &manifest.files {
        let path = directory.join(&file.path);
        let bytes = read(&path).await?;
        if saved(&file.path, &bytes) != *file {
            return Err(refused(&path, "its bytes are not those the manifest lists; the backup is damaged, use another one"));
        }
        done += file.size;
        progress(done, total);
    }
    Ok(())
}

fn saved(path: &str, bytes: &[u8]) -> SavedFile {
    let sha256 = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    SavedFile { path: path.into(), size: bytes.len() as u64, sha256 }
}

async fn read(path: &Path) -> Result<Bytes, StoreError> {
    let path = path.to_owned();
    blocking("reading a backup", move || RealDisk.read(&path).map_err(io("read", &path))).await
}

async fn write(path: PathBuf, bytes: Bytes) -> Result<(), StoreError> {
    let write = move || {
        create(&parent(&path))?;
        RealDisk.write_synced(&path, &[&bytes]).map_err(io("write", &path))
    };
    blocking("writing a backup", write).await
}

fn create(directory: &Path) -> Result<(), StoreError> {
    RealDisk.create_directory(directory).map_err(io("create", directory))
}

/// Makes the names below a directory, and its own, survive a power cut.
fn settle(directory: &Path) -> Result<(), StoreError> {
    for entry in RealDisk.list(directory).map_err(io("read", directory))? {
        if entry.directory {
            settle(&entry.path)?;
        }
    }
    RealDisk.sync(directory).map_err(io("sync", directory))
}

fn parent(path: &Path) -> PathBuf {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

fn beside(path: &Path) -> Result<PathBuf, StoreError> {
    let name = path.file_name().ok_or_else(|| refused(path, "a backup needs a name of its own"))?;
    let mut name = name.to_owned();
    name.push(".partial");
    Ok(parent(path).join(name))
}

fn refused(path: &Path, problem: &str) -> StoreError {
    StoreError::Backup { path: path.into(), problem: problem.into() }
}

fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError + use<> {
    let path = path.to_owned();
    move |cause| StoreError::Io { action, path, cause }
}
