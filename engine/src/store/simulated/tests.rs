//! The simulation itself: what was synced is there after every power cut, what was not is lost after some.

use super::Chance;
use super::Fault;
use super::SimulatedDisk;
use crate::store::disk::Disk;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;

const CUTS: u64 = 300;

fn disk() -> SimulatedDisk {
    let disk = SimulatedDisk::default();
    disk.create_directory(Path::new("/d")).unwrap();
    disk.sync(Path::new("/")).unwrap();
    disk
}

/// What `read` finds of these names after many cuts, each finding once.
fn findings<const N: usize>(disk: &SimulatedDisk, names: [&str; N]) -> BTreeSet<[Option<String>; N]> {
    let found = |seed| {
        let after = disk.after_power_cut(&mut Chance::new(seed));
        names.map(|name| after.read(Path::new(name)).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    };
    (0..CUTS).map(found).collect()
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn what_was_synced_is_kept_by_every_cut() {
    let disk = disk();
    disk.write_synced(Path::new("/d/a"), &[b"one", b"two"]).unwrap();
    disk.sync(Path::new("/d")).unwrap();
    assert_eq!(findings(&disk, ["/d/a"]), [[text("onetwo")]].into());
    assert_eq!(disk.read(Path::new("/d/a")).unwrap_err().to_string(), "the power is off");
}

#[test]
fn a_name_without_its_directory_synced_is_lost_by_some() {
    let disk = disk();
    disk.write_synced(Path::new("/d/a"), &[b"one"]).unwrap();
    assert_eq!(findings(&disk, ["/d/a"]), [[None], [text("one")]].into());
    let disk = self::disk();
    disk.create_directory(Path::new("/d/e/f")).unwrap();
    disk.write_synced(Path::new("/d/e/f/a"), &[b"one"]).unwrap();
    disk.sync(Path::new("/d/e/f")).unwrap();
    assert!(findings(&disk, ["/d/e/f/a"]).contains(&[None]), "the directories above were not synced");
}

#[test]
fn a_rename_happens_or_not_and_nothing_between() {
    let disk = disk();
    for (name, bytes) in [("/d/new", b"new"), ("/d/old", b"old")] {
        disk.write_synced(Path::new(name), &[bytes]).unwrap();
    }
    disk.sync(Path::new("/d")).unwrap();
    disk.rename(Path::new("/d/new"), Path::new("/d/old")).unwrap();
    let expected = [[text("new"), text("old")], [None, text("new")]];
    assert_eq!(findings(&disk, ["/d/new", "/d/old"]), expected.into());
}

#[test]
fn names_are_kept_or_lost_by_themselves() {
    let disk = disk();
    disk.write_synced(Path::new("/d/a"), &[b"a"]).unwrap();
    disk.sync(Path::new("/d")).unwrap();
    disk.link(Path::new("/d/a"), Path::new("/d/b")).unwrap();
    disk.remove(Path::new("/d/a")).unwrap();
    assert_eq!(disk.link(Path::new("/d/b"), Path::new("/d/b")).unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(findings(&disk, ["/d/a", "/d/b"]).len(), 4, "removed or not, linked or not");
}

#[test]
fn power_lost_in_a_write_leaves_any_part_of_it() {
    let disk = disk();
    disk.write_synced(Path::new("/d/a"), &[b"before"]).unwrap();
    disk.sync(Path::new("/d")).unwrap();
    disk.cut_after(0);
    let error = disk.write_synced(Path::new("/d/a"), &[&[7; 2000]]).unwrap_err();
    assert_eq!((error.to_string().as_str(), disk.is_off()), ("the power is off", true));
    let lengths: BTreeSet<usize> = (0..CUTS)
        .map(|seed| disk.after_power_cut(&mut Chance::new(seed)).read(Path::new("/d/a")).unwrap())
        .inspect(|bytes| assert!(bytes.as_ref() == b"before" || bytes.iter().all(|byte| matches!(byte, 0 | 7))))
        .map(|bytes| bytes.len())
        .collect();
    assert!(lengths.contains(&0) && lengths.contains(&6) && lengths.contains(&2000) && lengths.len() > 20, "{lengths:?}");
}

#[test]
fn faults_are_answered_and_heal() {
    let (disk, path) = (disk(), Path::new("/d/a"));
    let write = || disk.write_synced(path, &[b"1234"]);
    disk.fail(0..2, Fault::Full);
    assert_eq!(write().unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(disk.read(path).unwrap().as_ref(), b"12", "cut short, and reads go on");
    disk.remove(path).unwrap();
    write().unwrap();
    disk.fail(0..1, Fault::ReadOnly);
    assert_eq!(disk.remove(path).unwrap_err().kind(), ErrorKind::ReadOnlyFilesystem);
    disk.fail(0..u64::MAX, Fault::Eio);
    assert_eq!(disk.read(path).unwrap_err().raw_os_error(), Some(5));
    disk.heal();
    assert_eq!((disk.read(path).unwrap().as_ref(), disk.failed()), (b"1234".as_slice(), 4));
}

#[test]
fn bytes_whose_sync_failed_are_not_saved_by_a_second_sync() {
    let (disk, path) = (disk(), Path::new("/d/a"));
    disk.fail(0..1, Fault::Eio);
    assert!(disk.write_synced(path, &[b"1234"]).is_err());
    disk.sync(path).unwrap();
    disk.sync(Path::new("/d")).unwrap();
    let found = findings(&disk, ["/d/a"]);
    assert!(found.contains(&[text("")]) && found.len() > 3, "{found:?}");
    disk.copy().write_synced(path, &[b"5678"]).unwrap();
}
