//! Names on the simulated disk, and the changes of them that a power cut may undo one by one.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;

/// Names of files and directories.
#[derive(Debug, Default, Clone)]
pub(super) struct Tree {
    pub(super) files: BTreeMap<PathBuf, u64>,
    pub(super) directories: BTreeSet<PathBuf>,
}

/// One change of a name. A rename is one step.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Directory(PathBuf),
    Name(PathBuf, u64),
    Rename(PathBuf, PathBuf, u64),
    Remove(PathBuf),
}

impl Tree {
    pub(super) fn apply(&mut self, change: &Change) {
        match change {
            Change::Directory(path) => {
                self.directories.insert(path.clone());
            }
            Change::Name(path, file) => {
                self.files.insert(path.clone(), *file);
            }
            Change::Rename(from, to, file) => {
                self.files.remove(from);
                self.files.insert(to.clone(), *file);
            }
            Change::Remove(path) => {
                self.files.remove(path);
            }
        }
    }

    /// What lies in a directory that is not there is not there either.
    pub(super) fn prune(&mut self) {
        let all = std::mem::take(&mut self.directories);
        for path in all {
            if self.holds(path.parent()) {
                self.directories.insert(path);
            }
        }
        let mut files = std::mem::take(&mut self.files);
        files.retain(|path, _| self.holds(path.parent()));
        self.files = files;
    }

    pub(super) fn holds(&self, directory: Option<&Path>) -> bool {
        directory.is_none_or(|path| path.parent().is_none() || self.directories.contains(path))
    }
}

impl Change {
    pub(super) fn touches(&self, directory: &Path) -> bool {
        let within = |path: &Path| path.parent() == Some(directory);
        match self {
            Self::Directory(path) | Self::Name(path, _) | Self::Remove(path) => within(path),
            Self::Rename(from, to, _) => within(from) || within(to),
        }
    }
}
