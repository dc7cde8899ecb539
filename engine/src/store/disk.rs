//! What the store asks of a disk, and the real one. The seam under every durability promise.
//!
//! In: whole files and names. Out: the same after a power cut, if and only if they were synced: a file's bytes by `write_synced`
//! or `sync`, its name by `sync` of its directory. A simulated disk that forgets what was not synced stands in for it in tests.

use bytes::Bytes;
use std::fmt;
use std::fs;
use std::fs::File;
use std::io;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::io::Write;
use std::ops::Range;
use std::path::Path;
use std::path::PathBuf;
use std::time::SystemTime;

/// An entry of a directory or a file's facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Where.
    pub(super) path: PathBuf,
    /// A directory, not a file.
    pub(super) directory: bool,
    /// Bytes.
    pub(super) size: u64,
    /// When its bytes last changed.
    pub(super) modified: SystemTime,
}

/// A disk. Every call blocks; paths are absolute.
pub(super) trait Disk: fmt::Debug + Send + Sync {
    /// Creates a directory with its parents; nothing happens when it is there.
    fn create_directory(&self, path: &Path) -> io::Result<()>;
    /// What a directory holds, in no order; names that appear or go meanwhile may be missed.
    fn list(&self, directory: &Path) -> io::Result<Vec<Entry>>;
    /// Facts of one file or directory.
    fn entry(&self, path: &Path) -> io::Result<Entry>;
    /// All bytes of a file.
    fn read(&self, path: &Path) -> io::Result<Bytes>;
    /// Some bytes of a file; fewer when it ends before.
    fn read_range(&self, path: &Path, range: Range<u64>) -> io::Result<Bytes>;
    /// Creates or replaces a file with these parts, and syncs its bytes (not its name).
    fn write_synced(&self, path: &Path, parts: &[&[u8]]) -> io::Result<()>;
    /// Makes a file's bytes, or the names in a directory, survive a power cut.
    fn sync(&self, path: &Path) -> io::Result<()>;
    /// Gives a file another name, in place of what had that name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Gives a file a second name; fails with [`io::ErrorKind::AlreadyExists`] when that name is taken.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
}

/// The file system of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RealDisk;

impl Disk for RealDisk {
    fn create_directory(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for found in fs::read_dir(directory)? {
            match self.entry(&found?.path()) {
                Err(gone) if gone.kind() == io::ErrorKind::NotFound => {}
                entry => entries.push(entry?),
            }
        }
        Ok(entries)
    }

    fn entry(&self, path: &Path) -> io::Result<Entry> {
        let meta = fs::metadata(path)?;
        Ok(Entry { path: path.into(), directory: meta.is_dir(), size: meta.len(), modified: meta.modified()? })
    }

    fn read(&self, path: &Path) -> io::Result<Bytes> {
        fs::read(path).map(Bytes::from)
    }

    fn read_range(&self, path: &Path, range: Range<u64>) -> io::Result<Bytes> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(range.start))?;
        let wanted = range.end.saturating_sub(range.start);
        let mut bytes = Vec::with_capacity(usize::try_from(wanted).unwrap_or(0));
        file.take(wanted).read_to_end(&mut bytes)?;
        Ok(bytes.into())
    }

    fn write_synced(&self, path: &Path, parts: &[&[u8]]) -> io::Result<()> {
        let mut file = File::create(path)?;
        for part in parts {
            file.write_all(part)?;
        }
        file.sync_all()
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
}
