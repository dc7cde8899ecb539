//! Where a file goes that was read: `done/` with the date, `failed/` with the reason beside it, or away.
//!
//! In: a directory and a name. Out: the new place. A file is never written over, and never lost between two file systems. Not here: when.

use std::fs::DirBuilder;
use std::fs::File;
use std::io;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

/// Names tried before giving up: the same name again and again on one day.
const TWINS: u32 = 10_000;

/// What the name of a reason ends in, after that of its file.
const REASON: &str = ".reason.txt";

/// Moves a file into a folder below the directory, under its name or one with a number before it.
pub(super) fn put(directory: &Path, name: &str, folders: &[&str]) -> io::Result<PathBuf> {
    stow(directory, name, folders, &[""])
}

/// The same; what ends in one of `endings` must be free too.
fn stow(directory: &Path, name: &str, folders: &[&str], endings: &[&str]) -> io::Result<PathBuf> {
    let mut to = directory.to_owned();
    for folder in folders {
        to.push(folder);
        real_folder(&to)?;
    }
    let to = free(&to, name, endings)?;
    let from = directory.join(name);
    match std::fs::rename(&from, &to) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => carry(&from, &to)?,
        moved => moved?,
    }
    Ok(to)
}

/// Moves a file to `failed/` and writes why beside it.
pub(super) fn refuse(directory: &Path, name: &str, reason: &str) -> io::Result<PathBuf> {
    let to = stow(directory, name, &["failed"], &["", REASON])?;
    let mut beside = to.as_os_str().to_owned();
    beside.push(REASON);
    // New, never an old one: who may write here may have left a link to any file of ours.
    let mut file = File::options().write(true).create_new(true).open(beside)?;
    file.write_all(format!("{reason}\n").as_bytes())?;
    Ok(to)
}

/// Makes a folder. One that is a link is refused: who may write here must not choose where files go.
fn real_folder(path: &Path) -> io::Result<()> {
    match DirBuilder::new().create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => return made,
    }
    match std::fs::symlink_metadata(path)?.is_dir() {
        true => Ok(()),
        false => Err(io::Error::new(io::ErrorKind::NotADirectory, format!("{} is no folder; remove it", path.display()))),
    }
}

fn free(folder: &Path, name: &str, endings: &[&str]) -> io::Result<PathBuf> {
    for number in 1..TWINS {
        let name = if number == 1 { name.to_owned() } else { format!("{number}-{name}") };
        let is_taken = |ending: &&str| match std::fs::symlink_metadata(folder.join(format!("{name}{ending}"))) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => Some(Err(error)),
            Ok(_) => Some(Ok(())),
        };
        match endings.iter().find_map(is_taken) {
            None => return Ok(folder.join(name)),
            Some(taken) => taken?,
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{} holds {TWINS} files of that name", folder.display())))
}

/// A copy on another file system: whole and on disk before the first one goes.
fn carry(from: &Path, to: &Path) -> io::Result<()> {
    let copied = std::fs::copy(from, to).and_then(|_| File::open(to)?.sync_all());
    if let Err(error) = copied {
        // What is there is half a copy; the first error tells more than this one.
        drop(std::fs::remove_file(to));
        return Err(error);
    }
    std::fs::remove_file(from)
}
