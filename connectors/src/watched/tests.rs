//! What is complete, what is remembered, and where files go, without a source.

use super::ledger::{Ledger, Open, Outcome, ROOM};
use super::scan::{Settling, Stamp, is_wanted, look};
use super::shelve;
use std::time::Duration;
use tokio::time::Instant;

fn stamp(name: &str, changed: i64, size: u64) -> Stamp {
    Stamp { changed, name: name.into(), size }
}

#[test]
fn names_of_files_that_are_under_way_are_passed_over() {
    for name in ["a.csv", "A.CSV", "a.csv.gz", "a.csv.zst", "a.parquet"] {
        assert!(is_wanted(name, None), "{name}");
    }
    for name in [".a.csv", "a.csv.part", "a.csv.tmp", "a.csv.filepart", "a.txt", "a.csv~", "a.csv.sha256"] {
        assert!(!is_wanted(name, None), "{name}");
    }
    assert!(is_wanted("scada_1.txt", Some("scada_*.txt")) && !is_wanted("a.csv", Some("scada_*.txt")));
    assert!(!is_wanted(".x", Some("*")) && !is_wanted("x.part", Some("*")));
}

#[test]
fn a_look_sees_regular_files_oldest_first_and_follows_no_link() {
    let directory = tempfile::tempdir().unwrap();
    for (name, seconds) in [("b.csv", 5), ("a.csv", 5), ("c.csv", 1)] {
        let file = std::fs::File::create(directory.path().join(name)).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
    }
    std::fs::create_dir(directory.path().join("d.csv")).unwrap();
    std::os::unix::fs::symlink("/etc/hosts", directory.path().join("e.csv")).unwrap();
    let names: Vec<_> = look(directory.path(), None).unwrap().files.into_iter().map(|file| file.name).collect();
    assert_eq!(names, ["c.csv", "a.csv", "b.csv"]);
    assert_eq!(Stamp::of(directory.path(), "e.csv").unwrap(), None);
}

#[test]
fn a_file_settles_when_it_stands_still() {
    let (settle, start) = (Duration::from_secs(5), Instant::now());
    let mut settling = Settling::default();
    let second = |seconds: u64| start + Duration::from_secs(seconds);
    let wall = 1_000_000_000_000;
    let fresh = stamp("a.csv", wall, 10);
    settling.see(std::slice::from_ref(&fresh), start);
    settling.see(std::slice::from_ref(&fresh), second(4));
    assert!(!settling.is_settled(&fresh, settle, wall + 4_000_000_000, second(4)));
    assert!(settling.is_settled(&fresh, settle, wall, second(5)), "by our eyes, whatever its clock says");
    // It grew.
    let grown = stamp("a.csv", wall + 5_000_000_000, 20);
    settling.see(std::slice::from_ref(&grown), second(6));
    assert!(!settling.is_settled(&grown, settle, wall + 6_000_000_000, second(6)));
    assert!(!settling.is_settled(&fresh, settle, wall + 60_000_000_000, second(60)), "what it was is gone");
    // Renamed into place: old at once, taken at the second look.
    let old = stamp("b.csv", 0, 10);
    settling.see(std::slice::from_ref(&old), second(7));
    assert!(!settling.is_settled(&old, settle, wall, second(7)));
    settling.see(std::slice::from_ref(&old), second(8));
    assert!(settling.is_settled(&old, settle, wall, second(8)) && !settling.has_stood(&old, settle, second(8)));
    settling.hold(&old, second(20));
    assert!(!settling.is_settled(&old, settle, wall, second(19)) && settling.is_settled(&old, settle, wall, second(20)));
}

#[test]
fn the_ledger_is_bounded_and_reads_back() {
    let mut ledger = Ledger::default();
    for number in 0..ROOM as i64 {
        assert!(!ledger.enter(&stamp(&format!("{number}.csv"), number, 1), Outcome::Read));
    }
    assert!(ledger.enter(&stamp("z.csv", 1_000_000, 1), Outcome::Refused));
    // The oldest was let go; it still counts as read, for it is old.
    assert_eq!(ledger.outcome(&stamp("0.csv", 0, 1)), Some(Outcome::Read));
    assert_eq!(ledger.outcome(&stamp("1.csv", 1, 2)), None, "another size is another file");
    let open = Open { name: "y.csv".into(), key: 7, at: "3 pages of 10".into(), rows: 30 };
    let cursor = ledger.cursor(Some(&open));
    assert!(cursor.0.len() < 50 * ROOM, "{}", cursor.0.len());
    assert_eq!(Ledger::read(&cursor, "d").unwrap(), (ledger.clone(), Some(open)));
    ledger.keep_only(&[stamp("z.csv", 1_000_000, 1)]);
    assert_eq!(ledger.outcome(&stamp("z.csv", 1_000_000, 1)), Some(Outcome::Refused));
    assert_eq!(ledger.outcome(&stamp("5.csv", 5, 1)), None);
    let error = Ledger::read(&engine::source::Cursor("3 pages of 10".into()), "d").unwrap_err().to_string();
    assert!(error.contains("remove it"), "{error}");
}

#[test]
fn no_file_is_written_over_and_no_link_is_followed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    for text in ["one", "two"] {
        std::fs::write(path.join("a.csv"), text).unwrap();
        shelve::put(path, "a.csv", &["done", "2026-06-01"]).unwrap();
    }
    let read = |name: &str| std::fs::read_to_string(path.join(name)).unwrap();
    assert_eq!((read("done/2026-06-01/a.csv"), read("done/2026-06-01/2-a.csv")), ("one".into(), "two".into()));
    std::fs::write(path.join("b.csv"), "bad").unwrap();
    shelve::refuse(path, "b.csv", "line 3: no time").unwrap();
    assert_eq!((read("failed/b.csv"), read("failed/b.csv.reason.txt")), ("bad".into(), "line 3: no time\n".into()));
    let elsewhere = tempfile::tempdir().unwrap();
    // A link where the reason would be, and the reason of an earlier try: neither is written to, file and reason stay a pair.
    let precious = elsewhere.path().join("precious");
    std::fs::write(&precious, "ours").unwrap();
    std::os::unix::fs::symlink(&precious, path.join("failed/d.csv.reason.txt")).unwrap();
    for name in ["d.csv", "b.csv"] {
        std::fs::write(path.join(name), "bad").unwrap();
        shelve::refuse(path, name, "line 7: no time").unwrap();
        assert_eq!(read(&format!("failed/2-{name}")), "bad");
        assert_eq!(read(&format!("failed/2-{name}.reason.txt")), "line 7: no time\n");
    }
    assert_eq!(std::fs::read_to_string(&precious).unwrap(), "ours");
    assert_eq!(read("failed/b.csv.reason.txt"), "line 3: no time\n");
    std::fs::remove_dir_all(path.join("failed")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), path.join("failed")).unwrap();
    std::fs::write(path.join("c.csv"), "bad").unwrap();
    let error = shelve::refuse(path, "c.csv", "why").unwrap_err().to_string();
    assert!(error.contains("no folder") && path.join("c.csv").exists(), "{error}");
}
