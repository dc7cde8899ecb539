//! Everything that reads bytes from outside, fed with files and seeded changes of them: no panic, and the promises beside it hold.
//!
//! In: `fuzzing/corpus/TARGET/*`. Out: the seed of the first case that fails. `TRUST_FUZZ_CASES` makes it longer, `TRUST_FUZZ_SEED`
//! sets the first seed. `tests/fuzz` hands the same targets to libFuzzer.

#![allow(unreachable_pub, reason = "the targets are also part of the crate tests/fuzz")]

mod annotated_csv;
mod csv_mapping;
mod iec104;
mod line_protocol;
mod log_reader;
mod mqtt;
mod mutation;
mod recorded;
mod sql_guard;

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::path::Path;

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzzing/corpus")).join(target);
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is {text:?}, not a number")))
}

/// Feeds the files, then `cases` changes of them.
fn feed(target: &str, cases: u64, files: &[Vec<u8>], run: impl Fn(&[u8])) {
    assert!(!files.is_empty(), "{target} has no files to begin with");
    let check = |case: &str, bytes: &[u8]| {
        if catch_unwind(AssertUnwindSafe(|| run(bytes))).is_err() {
            panic!("{target}, {case}: the panic above came from these bytes:\n{}", bytes.escape_ascii());
        }
    };
    for (index, bytes) in files.iter().enumerate() {
        check(&format!("file {index} of the corpus"), bytes);
    }
    let first = number("TRUST_FUZZ_SEED").unwrap_or(1);
    for seed in first..first + number("TRUST_FUZZ_CASES").unwrap_or(cases) {
        check(&format!("TRUST_FUZZ_SEED={seed} TRUST_FUZZ_CASES=1"), &mutation::mutated(seed, files));
    }
}

#[test]
fn line_protocol() {
    feed("line_protocol", 1500, &corpus("line_protocol"), line_protocol::line_protocol);
}

#[test]
fn csv_mapping() {
    feed("csv_mapping", 1500, &corpus("csv_mapping"), csv_mapping::csv_mapping);
}

#[test]
fn annotated_csv() {
    feed("annotated_csv", 3000, &corpus("annotated_csv"), annotated_csv::annotated_csv);
}

#[test]
fn iec104() {
    feed("iec104", 1500, &corpus("iec104"), iec104::iec104);
}

#[test]
fn mqtt() {
    feed("mqtt", 1500, &corpus("mqtt"), mqtt::mqtt);
}

#[test]
fn log_reader() {
    let mut files = corpus("log_reader");
    files.push(log_reader::written());
    feed("log_reader", 100, &files, log_reader::log_reader);
}

#[test]
fn sql_guard() {
    let guard = sql_guard::Guard::default();
    feed("sql_guard", 500, &corpus("sql_guard"), |bytes| guard.sql_guard(bytes));
}

#[test]
fn changes_depend_on_the_seed_alone() {
    let files = corpus("line_protocol");
    let changed = |seed| mutation::mutated(seed, &files);
    assert!((1..100).all(|seed| changed(seed) == changed(seed)));
    let unlike = (1..100).filter(|seed| !files.contains(&changed(*seed))).count();
    assert!(unlike > 80, "{unlike} of 99 differ from the files");
}
