//! What lies in the directory, and which of it is complete.
//!
//! In: a directory and a pattern. Out: regular files with a stamp, oldest first. A file is complete when it has kept its size and time for
//! a while. Not here: reading them, and remembering those that were read.

use engine::domain::matches;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use std::time::UNIX_EPOCH;
use tokio::time::Instant;

/// Endings that are read without a pattern.
const ENDINGS: &[&str] = &[".csv", ".csv.gz", ".csv.zst", ".parquet"];
/// Endings of programs that copy and are not done.
const UNFINISHED: &[&str] = &[".part", ".tmp", ".filepart", ".crdownload", "~"];

/// One file as it was seen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stamp {
    /// Last change by the clock of the file system, nanoseconds since 1970.
    pub(super) changed: i64,
    /// Name in the directory.
    pub(super) name: String,
    /// Bytes.
    pub(super) size: u64,
}

impl Stamp {
    /// Of one file; `None` where there is none, or no regular one. Links are not followed: who may write here must not choose what we read.
    pub(super) fn of(directory: &Path, name: &str) -> std::io::Result<Option<Self>> {
        let found = match std::fs::symlink_metadata(directory.join(name)) {
            Ok(found) if found.is_file() => found,
            Ok(_) => return Ok(None),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let changed = match found.modified()?.duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos),
        };
        Ok(Some(Self { changed, name: name.into(), size: found.len() }))
    }

    /// The same for the same name, size and time (FNV-1a, 64 bit).
    pub(super) fn key(&self) -> u64 {
        let bytes = self.name.bytes().chain(self.size.to_le_bytes()).chain(self.changed.to_le_bytes());
        bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }
}

/// What one look found.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The files, oldest first, then by name.
    pub(super) files: Vec<Stamp>,
    /// Names that are not UTF-8.
    pub(super) unnamable: u64,
}

/// True for a name this source takes.
pub(super) fn is_wanted(name: &str, pattern: Option<&str>) -> bool {
    let lower = name.to_ascii_lowercase();
    let is_unfinished = name.starts_with('.') || UNFINISHED.iter().any(|ending| lower.ends_with(ending));
    let is_known = || ENDINGS.iter().any(|ending| lower.ends_with(ending));
    !is_unfinished && pattern.map_or_else(is_known, |pattern| matches(pattern, name))
}

/// Looks once.
pub(super) fn look(directory: &Path, pattern: Option<&str>) -> std::io::Result<Seen> {
    let mut seen = Seen::default();
    for entry in std::fs::read_dir(directory)? {
        let Ok(name) = entry?.file_name().into_string() else {
            seen.unnamable += 1;
            continue;
        };
        if is_wanted(&name, pattern) {
            seen.files.extend(Stamp::of(directory, &name)?);
        }
    }
    seen.files.sort_unstable();
    Ok(seen)
}

/// Since when each file has stood as it stands.
#[derive(Debug, Default)]
pub(super) struct Settling(BTreeMap<String, Standing>);

#[derive(Debug)]
struct Standing {
    key: u64,
    since: Instant,
    looks: u32,
    /// Not before this time: it could not be read, and is tried again.
    held: Option<Instant>,
}

impl Settling {
    /// Takes in a look; files that are gone are forgotten.
    pub(super) fn see(&mut self, files: &[Stamp], now: Instant) {
        let mut before = std::mem::take(&mut self.0);
        for file in files {
            let standing = match before.remove(&file.name) {
                Some(held) if held.key == file.key() => Standing { looks: held.looks.saturating_add(1), ..held },
                _ => Standing { key: file.key(), since: now, looks: 1, held: None },
            };
            self.0.insert(file.name.clone(), standing);
        }
    }

    /// True when a file may be read: it stood still for `settle` before our eyes; or its time is older than that and a second look found
    /// it the same, as after a rename into place.
    pub(super) fn is_settled(&self, file: &Stamp, settle: Duration, wall_nanos: i64, now: Instant) -> bool {
        let Some(standing) = self.0.get(&file.name).filter(|standing| standing.key == file.key()) else { return false };
        if standing.held.is_some_and(|held| now < held) {
            return false;
        }
        let settle_nanos = i64::try_from(settle.as_nanos()).unwrap_or(i64::MAX);
        let is_old = wall_nanos.saturating_sub(file.changed) >= settle_nanos;
        self.has_stood(file, settle, now) || (is_old && (standing.looks > 1 || settle.is_zero()))
    }

    /// True when it stood still for `settle` before our eyes.
    pub(super) fn has_stood(&self, file: &Stamp, settle: Duration, now: Instant) -> bool {
        let standing = self.0.get(&file.name).filter(|standing| standing.key == file.key());
        standing.is_some_and(|standing| now.duration_since(standing.since) >= settle)
    }

    /// Leaves a file alone for a while.
    pub(super) fn hold(&mut self, file: &Stamp, until: Instant) {
        if let Some(standing) = self.0.get_mut(&file.name) {
            standing.held = Some(until);
        }
    }
}
