//! A directory as an object store: what it has put is on the disk, bytes and name, when `put` returns.
//!
//! In: objects named by absolute paths below one root. Out: files, through a [`Disk`]. A file appears whole under its name or not
//! at all: it is written beside it, synced, then renamed (or linked, where a file of that name must not be there yet), and the
//! directories are synced. Names with [`UNFINISHED`] in them are such files; listings leave them out.

#[cfg(test)]
mod tests;

use super::disk::Disk;
use super::disk::Entry;
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::TryStreamExt;
use futures::stream::BoxStream;
use object_store::CopyMode;
use object_store::CopyOptions;
use object_store::Error;
use object_store::GetOptions;
use object_store::GetResult;
use object_store::GetResultPayload;
use object_store::ListResult;
use object_store::MultipartUpload;
use object_store::ObjectMeta;
use object_store::ObjectStore;
use object_store::PutMode;
use object_store::PutMultipartOptions;
use object_store::PutOptions;
use object_store::PutPayload;
use object_store::PutResult;
use object_store::Result;
use object_store::UploadPart;
use object_store::path::Path as Location;
use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::UNIX_EPOCH;

/// Stands in the names of files that are not finished.
pub(super) const UNFINISHED: char = '#';

/// Ranges of a file closer than this are read in one go: the bytes between them cost less than another call.
const NEAR: u64 = 32 << 10;

/// Most bytes of an upload in parts; it is held in memory. Only checkpoints of Delta's log come in parts, and one of a million
/// files is smaller.
const PARTS_BYTES: usize = 1 << 30;

/// Objects as files of a [`Disk`].
#[derive(Debug, Clone)]
pub(super) struct DiskStore {
    disk: Arc<dyn Disk>,
    root: Arc<Path>,
    /// Directories whose names are known to be synced.
    settled: Arc<Mutex<BTreeSet<PathBuf>>>,
    next: Arc<AtomicU64>,
}

impl DiskStore {
    /// Objects below `root`, an absolute path.
    pub(super) fn new(root: &Path, disk: Arc<dyn Disk>) -> Self {
        Self { disk, root: root.into(), settled: Arc::default(), next: Arc::default() }
    }

    /// The file of an object; objects outside the root are refused.
    fn path(&self, location: &Location) -> Result<PathBuf> {
        let path = Path::new("/").join(location.as_ref());
        if path.starts_with(&self.root) {
            return Ok(path);
        }
        let source = format!("it is not below {}", self.root.display()).into();
        Err(Error::PermissionDenied { path: path.display().to_string(), source })
    }

    async fn run<T: Send + 'static>(
        &self,
        location: &Location,
        work: impl FnOnce(&Self, &Path) -> io::Result<T> + Send + 'static,
    ) -> Result<T> {
        let (this, path) = (self.clone(), self.path(location)?);
        tokio::task::spawn_blocking(move || work(&this, &path).map_err(|cause| failed(&path, cause))).await?
    }

    fn write(&self, path: &Path, parts: &[Bytes], create: bool) -> io::Result<Entry> {
        let directory = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
        self.settle(directory)?;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut name = path.as_os_str().to_owned();
        name.push(format!("{UNFINISHED}{}.{number}", std::process::id()));
        let temporary = PathBuf::from(name);
        let parts: Vec<&[u8]> = parts.iter().map(Bytes::as_ref).collect();
        let written = self.disk.write_synced(&temporary, &parts).and_then(|()| {
            if !create {
                return self.disk.rename(&temporary, path).and_then(|()| self.disk.sync(directory));
            }
            self.disk.link(&temporary, path)?;
            // A name that may not survive must not stay: the caller is told that nothing was put.
            self.disk.remove(&temporary).and_then(|()| self.disk.sync(directory)).inspect_err(|_| self.clear(path))
        });
        if let Err(cause) = written {
            self.clear(&temporary);
            return Err(cause);
        }
        self.disk.entry(path)
    }

    fn clear(&self, path: &Path) {
        match self.disk.remove(path) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(path = %path.display(), %cause, "cannot remove an unfinished file");
            }
            _ => {}
        }
    }

    /// Makes a directory, and every name on the way to it, survive a power cut.
    fn settle(&self, directory: &Path) -> io::Result<()> {
        let settled = || self.settled.lock().unwrap_or_else(PoisonError::into_inner);
        if settled().contains(directory) {
            return Ok(());
        }
        self.disk.create_directory(directory)?;
        for above in directory.ancestors().take_while(|above| above.starts_with(&self.root)) {
            self.disk.sync(above)?;
        }
        if let Some(holder) = self.root.parent() {
            self.disk.sync(holder)?;
        }
        settled().insert(directory.to_owned());
        Ok(())
    }

    fn ranges(&self, path: &Path, ranges: &[Range<u64>]) -> io::Result<Vec<Bytes>> {
        let mut order: Vec<&Range<u64>> = ranges.iter().collect();
        order.sort_by_key(|range| range.start);
        let mut wide: Vec<Range<u64>> = Vec::new();
        for range in order {
            match wide.last_mut() {
                Some(last) if range.start <= last.end.saturating_add(NEAR) => last.end = last.end.max(range.end),
                _ => wide.push(range.clone()),
            }
        }
        let read = wide.iter().map(|range| self.disk.read_range(path, range.clone())).collect::<io::Result<Vec<_>>>()?;
        let cut = |range: &Range<u64>| {
            let index = wide.partition_point(|one| one.start <= range.start).saturating_sub(1);
            let (from, to) = (range.start - wide[index].start, range.end.max(range.start) - wide[index].start);
            let (from, to) = (usize::try_from(from).unwrap_or(usize::MAX), usize::try_from(to).unwrap_or(usize::MAX));
            let short = || io::Error::new(io::ErrorKind::UnexpectedEof, format!("the file ends before byte {}", range.end));
            if to <= read[index].len() { Ok(read[index].slice(from..to)) } else { Err(short()) }
        };
        ranges.iter().map(cut).collect()
    }

    /// Files of a directory, of those below it too where `deep`, and the directories in it; a directory that is not there is empty.
    fn walk(&self, directory: &Path, deep: bool, files: &mut Vec<Entry>, below: &mut Vec<PathBuf>) -> io::Result<()> {
        let entries = match self.disk.list(directory) {
            Err(cause) if matches!(cause.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            if entry.directory && deep {
                self.walk(&entry.path, deep, files, below)?;
            } else if entry.directory {
                below.push(entry.path);
            } else {
                files.push(entry);
            }
        }
        Ok(())
    }

    /// Files below `prefix` that were never finished, with their bytes, written before `older_than`, microseconds since 1970.
    pub(super) async fn unfinished(&self, prefix: &Location, older_than: i64) -> Result<Vec<(PathBuf, u64)>> {
        let found = self.run(prefix, |this, path| {
            let mut found = Vec::new();
            this.walk(path, true, &mut found, &mut Vec::new())?;
            Ok(found)
        });
        let old = |entry: &Entry| {
            let age = entry.modified.duration_since(UNIX_EPOCH).map_or(0, |age| age.as_micros());
            is_unfinished(&entry.path) && i64::try_from(age).unwrap_or(i64::MAX) < older_than
        };
        Ok(found.await?.into_iter().filter(old).map(|entry| (entry.path, entry.size)).collect())
    }

    async fn listed(&self, prefix: Option<&Location>, deep: bool) -> Result<ListResult> {
        let everything = Location::from_absolute_path(&self.root)?;
        let listed = self.run(prefix.unwrap_or(&everything), move |this, path| {
            let (mut files, mut below) = (Vec::new(), Vec::new());
            this.walk(path, deep, &mut files, &mut below)?;
            Ok((files, below))
        });
        let (mut files, below) = listed.await?;
        files.retain(|entry| !is_unfinished(&entry.path));
        let objects = files.iter().map(|entry| Ok(meta(Location::from_absolute_path(&entry.path)?, entry)));
        let mut objects = objects.collect::<Result<Vec<_>>>()?;
        objects.sort_by(|a, b| a.location.cmp(&b.location));
        let prefixes = below.iter().map(|path| Ok(Location::from_absolute_path(path)?));
        Ok(ListResult { common_prefixes: prefixes.collect::<Result<_>>()?, objects })
    }
}

#[async_trait]
impl ObjectStore for DiskStore {
    async fn put_opts(&self, location: &Location, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let create = match options.mode {
            PutMode::Overwrite => false,
            PutMode::Create => true,
            PutMode::Update(_) => return Err(unsupported("a put that compares versions")),
        };
        let parts: Vec<Bytes> = payload.iter().cloned().collect();
        let entry = self.run(location, move |this, path| this.write(path, &parts, create)).await?;
        Ok(PutResult { e_tag: Some(tag(&entry)), version: None })
    }

    async fn put_multipart_opts(&self, location: &Location, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Ok(Box::new(Upload { store: self.clone(), location: location.clone(), parts: Vec::new(), bytes: 0 }))
    }

    async fn get_opts(&self, location: &Location, options: GetOptions) -> Result<GetResult> {
        let entry = self.run(location, |this, path| this.disk.entry(path)).await?;
        if entry.directory {
            return Err(failed(&entry.path, io::ErrorKind::NotFound.into()));
        }
        let meta = meta(location.clone(), &entry);
        options.check_preconditions(&meta)?;
        let range = match options.range {
            Some(range) => range.as_range(meta.size).map_err(|cause| generic(Box::new(cause)))?,
            None => 0..meta.size,
        };
        let (wanted, head) = (range.clone(), options.head);
        let read = move |this: &Self, path: &Path| {
            if head { Ok(vec![Bytes::new()]) } else { this.ranges(path, std::slice::from_ref(&wanted)) }
        };
        let bytes = self.run(location, read).await?;
        let bytes = futures::stream::iter(bytes.into_iter().map(Ok)).boxed();
        Ok(GetResult { payload: GetResultPayload::Stream(bytes), meta, range, attributes: Default::default() })
    }

    async fn get_ranges(&self, location: &Location, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let ranges = ranges.to_vec();
        self.run(location, move |this, path| this.ranges(path, &ranges)).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Location>>) -> BoxStream<'static, Result<Location>> {
        let this = self.clone();
        let each = move |location: Result<Location>| {
            let this = this.clone();
            async move {
                let location = location?;
                this.run(&location, |this, path| this.disk.remove(path)).await?;
                Ok(location)
            }
        };
        locations.then(each).boxed()
    }

    fn list(&self, prefix: Option<&Location>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (this, prefix) = (self.clone(), prefix.cloned());
        let listed = async move { this.listed(prefix.as_ref(), true).await };
        let objects = futures::stream::once(listed).map_ok(|listed| futures::stream::iter(listed.objects.into_iter().map(Ok)));
        objects.try_flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Location>) -> Result<ListResult> {
        self.listed(prefix, false).await
    }

    async fn copy_opts(&self, from: &Location, to: &Location, options: CopyOptions) -> Result<()> {
        let (source, create) = (self.path(from)?, matches!(options.mode, CopyMode::Create));
        let copied = self.run(to, move |this, path| {
            let bytes = this.disk.read(&source)?;
            this.write(path, &[bytes], create)
        });
        copied.await.map(|_| ())
    }
}

impl fmt::Display for DiskStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the directory {}", self.root.display())
    }
}

/// An upload in parts, held in memory until it is complete.
#[derive(Debug)]
struct Upload {
    store: DiskStore,
    location: Location,
    parts: Vec<Bytes>,
    bytes: usize,
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.bytes += data.content_length();
        let fits = self.bytes <= PARTS_BYTES;
        if fits {
            self.parts.extend(data.iter().cloned());
        }
        Box::pin(async move { if fits { Ok(()) } else { Err(unsupported("an upload of more than 1 GiB")) } })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let parts = std::mem::take(&mut self.parts);
        let entry = self.store.run(&self.location, move |store, path| store.write(path, &parts, false)).await?;
        Ok(PutResult { e_tag: Some(tag(&entry)), version: None })
    }

    async fn abort(&mut self) -> Result<()> {
        self.parts.clear();
        Ok(())
    }
}

fn meta(location: Location, entry: &Entry) -> ObjectMeta {
    ObjectMeta { location, last_modified: entry.modified.into(), size: entry.size, e_tag: Some(tag(entry)), version: None }
}

fn is_unfinished(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().contains(UNFINISHED))
}

fn tag(entry: &Entry) -> String {
    let age = entry.modified.duration_since(UNIX_EPOCH).map_or(0, |age| age.as_nanos());
    format!("{age:x}-{:x}", entry.size)
}

fn failed(path: &Path, cause: io::Error) -> Error {
    let (kind, path, source) = (cause.kind(), path.display().to_string(), Box::new(cause));
    match kind {
        io::ErrorKind::NotFound => Error::NotFound { path, source },
        io::ErrorKind::AlreadyExists => Error::AlreadyExists { path, source },
        io::ErrorKind::PermissionDenied => Error::PermissionDenied { path, source },
        _ => generic(source),
    }
}

fn generic(source: Box<dyn std::error::Error + Send + Sync>) -> Error {
    Error::Generic { store: "disk", source }
}

fn unsupported(what: &str) -> Error {
    Error::NotSupported { source: format!("a directory does not take {what}").into() }
}
