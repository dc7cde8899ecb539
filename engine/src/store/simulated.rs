//! A disk in memory that keeps after a power cut only what was synced, and of the rest what a seed says. For tests.
//!
//! In: the calls of [`Disk`], a moment to cut the power, faults to answer with. Out: [`SimulatedDisk::after_power_cut`], the disk
//! as the next start finds it. Harsher than ext4: each unsynced name is kept or lost by itself (a rename is one step), unsynced
//! bytes are kept, lost, torn at any byte, or zero, and bytes whose sync failed once are not saved by a later sync.

mod chance;
mod names;
#[cfg(test)]
mod tests;

pub(super) use chance::Chance;

use super::disk::Disk;
use super::disk::Entry;
use bytes::Bytes;
use names::Change;
use names::Tree;
use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::SystemTime;

/// What a disk answers instead of doing its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Reading or writing fails; bytes that were being synced are lost.
    Eio,
    /// No space: a file being written is cut short. Reading and removing still work.
    Full,
    /// Nothing can be changed. Reading still works.
    ReadOnly,
}

/// The disk.
#[derive(Debug, Default)]
pub(super) struct SimulatedDisk {
    state: Mutex<State>,
}

#[derive(Debug, Default, Clone)]
struct State {
    now: Tree,
    saved: Tree,
    /// Changes of names since their directory was synced, oldest first.
    unsaved: Vec<Change>,
    contents: BTreeMap<u64, Content>,
    files: u64,
    changes: u64,
    cut_at: Option<u64>,
    off: bool,
    faults: Vec<(Range<u64>, Fault)>,
    failed: u64,
}

#[derive(Debug, Clone, Default)]
struct Content {
    cached: Bytes,
    saved: Bytes,
    dirty: bool,
    /// A sync failed: the kernel has dropped its note that these bytes are unsaved.
    forgotten: bool,
    modified: u64,
}

impl SimulatedDisk {
    /// Cuts the power in the middle of the `change`-th change from now (the first is 0).
    pub(super) fn cut_after(&self, change: u64) {
        let mut state = self.lock();
        state.cut_at = Some(state.changes + change);
    }

    /// Answers with `fault` instead of the changes of this stretch, counted from now. For [`Fault::Eio`] reads are changes too.
    pub(super) fn fail(&self, stretch: Range<u64>, fault: Fault) {
        let mut state = self.lock();
        let from = state.changes;
        state.faults.push((from + stretch.start..from.saturating_add(stretch.end), fault));
    }

    /// No more faults from here on.
    pub(super) fn heal(&self) {
        self.lock().faults.clear();
    }

    /// Changes that were asked for so far.
    pub(super) fn changes(&self) -> u64 {
        self.lock().changes
    }

    /// Calls answered with a fault so far.
    pub(super) fn failed(&self) -> u64 {
        self.lock().failed
    }

    /// True when the power is off: every call fails.
    pub(super) fn is_off(&self) -> bool {
        self.lock().off
    }

    /// The disk as found when power returns, one of many ways, chosen by `chance`. This one is off from now on.
    pub(super) fn after_power_cut(&self, chance: &mut Chance) -> Self {
        let mut state = self.lock();
        state.off = true;
        let (mut tree, mut contents) = (state.saved.clone(), BTreeMap::new());
        // From none to all of them: how much the system had written by itself before the cut.
        let written = chance.below(5);
        for change in &state.unsaved {
            if chance.below(4) < written {
                tree.apply(change);
            }
        }
        tree.prune();
        for file in tree.files.values() {
            let Some(content) = state.contents.get(file) else { continue };
            let found = if content.dirty { found(content, chance) } else { content.saved.clone() };
            let content = Content { cached: found.clone(), saved: found, modified: content.modified, ..Content::default() };
            contents.insert(*file, content);
        }
        let state =
            State { now: tree.clone(), saved: tree, contents, files: state.files, changes: state.changes, ..State::default() };
        Self { state: Mutex::new(state) }
    }

    /// The same disk once more, as the running system sees it: a copy after a clean stop.
    pub(super) fn copy(&self) -> Self {
        let mut state = self.lock().clone();
        (state.off, state.cut_at) = (false, None);
        state.faults.clear();
        Self { state: Mutex::new(state) }
    }

    /// Puts these bytes in a file's place, saved: rot, or somebody's hand.
    pub(super) fn overwrite(&self, path: &Path, bytes: impl Into<Bytes>) {
        let mut state = self.lock();
        let bytes = bytes.into();
        if let Some(content) = state.now.files.get(path).copied().and_then(|file| state.contents.get_mut(&file)) {
            (content.cached, content.saved, content.dirty) = (bytes.clone(), bytes, false);
        }
    }

    /// All files below a directory.
    pub(super) fn files_below(&self, directory: &Path) -> Vec<PathBuf> {
        self.lock().now.files.keys().filter(|path| path.starts_with(directory)).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the platter holds of a file with unsaved bytes.
fn found(content: &Content, chance: &mut Chance) -> Bytes {
    let new = &content.cached;
    let cut = chance.below(new.len() as u64 + 1) as usize;
    match chance.below(6) {
        0 => content.saved.clone(),
        1 => Bytes::new(),
        2 => new.slice(..cut),
        3 => [&new[..cut], &vec![0; new.len() - cut]].concat().into(),
        4 => {
            let mut torn = new.to_vec();
            for block in torn.chunks_mut(512) {
                if chance.one_in(2) {
                    block.fill(0);
                }
            }
            torn.into()
        }
        _ => new.clone(),
    }
}

impl State {
    /// Before a change: counts it, and says whether the power goes or a fault is answered in its middle.
    fn begin(&mut self) -> Result<Option<Fault>, io::Error> {
        if self.off {
            return Err(power());
        }
        let number = self.changes;
        self.changes += 1;
        self.off = self.cut_at.is_some_and(|cut| number >= cut);
        let fault = self.faults.iter().find(|(stretch, _)| stretch.contains(&number)).map(|(_, fault)| *fault);
        self.failed += u64::from(fault.is_some());
        Ok(fault)
    }

    /// After a change whose effect is in the cache.
    fn end(&self) -> io::Result<()> {
        if self.off { Err(power()) } else { Ok(()) }
    }

    /// Reads fail only while every call does.
    fn readable(&mut self) -> io::Result<()> {
        if self.off {
            return Err(power());
        }
        if self.faults.iter().any(|(stretch, fault)| *fault == Fault::Eio && stretch.contains(&self.changes)) {
            self.changes += 1;
            self.failed += 1;
            return Err(error(Fault::Eio));
        }
        Ok(())
    }

    fn change(&mut self, change: Change) {
        self.now.apply(&change);
        self.unsaved.push(change);
    }

    fn file(&self, path: &Path) -> io::Result<u64> {
        self.now.files.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn content(&self, path: &Path) -> io::Result<&Content> {
        self.contents.get(&self.file(path)?).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn entry(&self, path: &Path) -> io::Result<Entry> {
        let at = |changes| SystemTime::UNIX_EPOCH + Duration::from_secs(changes);
        if path.parent().is_none() || self.now.directories.contains(path) {
            return Ok(Entry { path: path.into(), directory: true, size: 0, modified: at(0) });
        }
        let content = self.content(path)?;
        Ok(Entry { path: path.into(), directory: false, size: content.cached.len() as u64, modified: at(content.modified) })
    }

    fn in_directory(&self, path: &Path) -> io::Result<()> {
        if self.now.holds(path.parent()) { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
    }
}

fn power() -> io::Error {
    io::Error::other("the power is off")
}

/// The fault as the operating system words it.
fn error(fault: Fault) -> io::Error {
    // Linux errno numbers: EIO 5, ENOSPC 28, EROFS 30 (asm-generic/errno-base.h).
    io::Error::from_raw_os_error(match fault {
        Fault::Eio => 5,
        Fault::Full => 28,
        Fault::ReadOnly => 30,
    })
}

impl Disk for SimulatedDisk {
    fn create_directory(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock();
        if state.entry(path).is_ok_and(|entry| entry.directory) {
            return if state.off { Err(power()) } else { Ok(()) };
        }
        if let Some(fault) = state.begin()? {
            return Err(error(fault));
        }
        let mut missing: Vec<&Path> = path.ancestors().take_while(|path| state.entry(path).is_err()).collect();
        missing.reverse();
        for directory in missing {
            state.change(Change::Directory(directory.into()));
        }
        state.end()
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<Entry>> {
        let mut state = self.lock();
        state.readable()?;
        if !state.entry(directory)?.directory {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        let paths = state.now.files.keys().chain(&state.now.directories);
        paths.filter(|path| path.parent() == Some(directory)).map(|path| state.entry(path)).collect()
    }

    fn entry(&self, path: &Path) -> io::Result<Entry> {
        let mut state = self.lock();
        state.readable()?;
        state.entry(path)
    }

    fn read(&self, path: &Path) -> io::Result<Bytes> {
        let mut state = self.lock();
        state.readable()?;
        Ok(state.content(path)?.cached.clone())
    }

    fn read_range(&self, path: &Path, range: Range<u64>) -> io::Result<Bytes> {
        let bytes = self.read(path)?;
        let within = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
        Ok(bytes.slice(within(range.start)..within(range.end).max(within(range.start))))
    }

    fn write_synced(&self, path: &Path, parts: &[&[u8]]) -> io::Result<()> {
        let mut state = self.lock();
        let fault = state.begin()?;
        state.in_directory(path)?;
        if fault == Some(Fault::ReadOnly) {
            return Err(error(Fault::ReadOnly));
        }
        let file = state.file(path).unwrap_or_else(|_| {
            state.files += 1;
            let file = state.files;
            state.change(Change::Name(path.into(), file));
            file
        });
        let mut bytes = parts.concat();
        if fault == Some(Fault::Full) {
            bytes.truncate(bytes.len() / 2);
        }
        let (off, modified) = (state.off, state.changes);
        let content = state.contents.entry(file).or_default();
        (content.cached, content.modified) = (bytes.into(), modified);
        (content.dirty, content.forgotten) = (true, fault == Some(Fault::Eio));
        if let Some(fault) = fault {
            return Err(error(fault));
        }
        if !off {
            (content.saved, content.dirty) = (content.cached.clone(), false);
        }
        state.end()
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock();
        let fault = state.begin()?;
        let directory = state.entry(path)?.directory;
        let file = if directory { None } else { Some(state.file(path)?) };
        let off = state.off;
        let content = file.and_then(|file| state.contents.get_mut(&file));
        if let Some(fault) = fault {
            if let Some(content) = content {
                content.forgotten |= content.dirty;
            }
            return Err(error(fault));
        }
        if let (Some(content), false) = (content, off)
            && !content.forgotten
        {
            (content.saved, content.dirty) = (content.cached.clone(), false);
        }
        if directory && !off {
            let (saved, unsaved) = std::mem::take(&mut state.unsaved).into_iter().partition(|change| change.touches(path));
            state.unsaved = unsaved;
            let saved: Vec<Change> = saved;
            saved.iter().for_each(|change| state.saved.apply(change));
        }
        state.end()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.lock();
        let fault = state.begin()?;
        let file = state.file(from)?;
        state.in_directory(to)?;
        if let Some(fault) = fault {
            return Err(error(fault));
        }
        state.change(Change::Rename(from.into(), to.into(), file));
        state.end()
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.lock();
        let fault = state.begin()?;
        let file = state.file(from)?;
        state.in_directory(to)?;
        if state.entry(to).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if let Some(fault) = fault {
            return Err(error(fault));
        }
        state.change(Change::Name(to.into(), file));
        state.end()
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock();
        let fault = state.begin()?;
        state.file(path)?;
        if let Some(fault) = fault.filter(|fault| *fault != Fault::Full) {
            return Err(error(fault));
        }
        state.change(Change::Remove(path.into()));
        state.end()
    }
}
