//! The shape of the checkout: what lies at the top, how long a file is, how it opens, what it may be called.
//! In: every file. Out: a fault with the remedy. Not here: what stands inside the code (`words`).

use super::SourceFile;
use super::checkout;

/// All that may lie at the top: an empty hall is the first thing a visitor sees.
const TOP: &[&str] = &[
    ".cargo",
    ".ci",
    ".gitattributes",
    ".gitignore",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "Makefile",
    "README.md",
    "api",
    "benches",
    "clippy.toml",
    "connectors",
    "datasets",
    "deny.toml",
    "docs",
    "engine",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "tests",
];

/// Lines in one file, its unit tests included.
const LONGEST: usize = 400;

/// Longer files and why: a table of data is one idea however long it is.
const LONGER: &[(&str, &str)] = &[];

/// Names that say nothing, so that everything ends up behind them.
const EMPTY_NAMES: &[&str] = &["mod", "util", "utils", "common", "helper", "helpers", "types", "misc", "shared"];

fn length_faults(files: &[SourceFile]) -> Vec<String> {
    files
        .iter()
        .filter(|file| [".rs", ".ts", ".tsx", ".css", ".py", ".mjs"].iter().any(|ending| file.path.ends_with(ending)))
        .filter(|file| !file.path.contains("/dist/") && !LONGER.iter().any(|(path, _)| *path == file.path))
        .filter_map(|file| {
            let lines = file.text.lines().count();
            (lines > LONGEST).then(|| format!("{}: {lines} lines; split it at an idea, {LONGEST} is the most", file.path))
        })
        .collect()
}

fn doc_faults(files: &[SourceFile]) -> Vec<String> {
    files
        .iter()
        .filter(|file| file.is_rust() && !file.text.starts_with("//! "))
        .map(|file| format!("{}: open with `//!`: what lives here, in, out, and what is deliberately elsewhere", file.path))
        .collect()
}

fn name_faults(files: &[SourceFile]) -> Vec<String> {
    files
        .iter()
        .filter(|file| [".rs", ".ts", ".tsx", ".py", ".sh", ".mjs"].iter().any(|ending| file.path.ends_with(ending)))
        .filter_map(|file| {
            let part = file.path.split('/').find(|part| EMPTY_NAMES.contains(&part.split('.').next().unwrap_or_default()))?;
            Some(format!("{}: `{part}` says nothing; name the idea (a front door is `foo.rs` beside `foo/`)", file.path))
        })
        .collect()
}

/// Files that Cargo or cargo-fuzz names, so that no `mod` has to.
fn is_root(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    matches!(name, "lib.rs" | "main.rs")
        || path == "benches/hot_paths.rs"
        || path.contains("/examples/")
        || path.starts_with("tests/fuzz/")
}

fn orphan_faults(files: &[SourceFile]) -> Vec<String> {
    let rust = || files.iter().filter(|file| file.is_rust());
    let named = |file: &&SourceFile| {
        let Some((folder, name)) = file.path.strip_suffix(".rs").and_then(|path| path.rsplit_once('/')) else { return false };
        let (doors, line) =
            ([format!("{folder}.rs"), format!("{folder}/lib.rs"), format!("{folder}/main.rs")], format!("mod {name};"));
        rust().any(|door| doors.contains(&door.path) && door.text.lines().any(|text| text.ends_with(&line)))
    };
    rust()
        .filter(|file| !is_root(&file.path) && !named(file))
        .map(|file| format!("{}: no front door has a `mod` for it, so nobody compiles it; name it or delete it", file.path))
        .collect()
}

fn top_faults(files: &[SourceFile]) -> Vec<String> {
    let mut strays: Vec<&str> = files.iter().map(SourceFile::crate_name).filter(|name| !TOP.contains(name)).collect();
    strays.sort_unstable();
    strays.dedup();
    strays.into_iter().map(|name| format!("{name}: not among the agreed entries at the top (tests/tidy/shape.rs)")).collect()
}

#[test]
fn files_are_short() {
    super::assert_tidy(&length_faults(checkout::files()));
}

#[test]
fn exceptions_for_long_files_are_still_needed_and_give_a_reason() {
    for (path, reason) in LONGER {
        let file = checkout::files().iter().find(|file| file.path == *path);
        assert!(
            file.is_some_and(|file| file.text.lines().count() > LONGEST),
            "{path} is not longer than {LONGEST} lines: take it off"
        );
        assert!(reason.len() > 10, "{path}: say why");
    }
}

#[test]
fn files_open_with_their_purpose() {
    super::assert_tidy(&doc_faults(checkout::files()));
}

#[test]
fn names_mean_something() {
    super::assert_tidy(&name_faults(checkout::files()));
}

#[test]
fn every_source_is_compiled() {
    super::assert_tidy(&orphan_faults(checkout::files()));
}

#[test]
fn the_top_holds_only_what_was_agreed() {
    super::assert_tidy(&top_faults(checkout::files()));
}

#[test]
fn planted_misshapes_are_seen() {
    let planted = super::planted;
    assert_eq!(length_faults(&planted("engine/src/a.rs", &"x\n".repeat(LONGEST))).len(), 0);
    assert_eq!(length_faults(&planted("engine/src/a.rs", &"x\n".repeat(LONGEST + 1))).len(), 1);
    assert_eq!(doc_faults(&planted("engine/src/a.rs", "//! Doc.\nuse b;")).len(), 0);
    assert_eq!(doc_faults(&planted("engine/src/a.rs", "use b;\n//! Doc.")).len(), 1);
    assert_eq!(name_faults(&planted("engine/src/store/wal.rs", "")).len(), 0);
    for path in ["engine/src/store/mod.rs", "engine/src/utils.rs", "api/src/common/x.rs", "api/dashboard/src/types.ts"] {
        assert_eq!(name_faults(&planted(path, "")).len(), 1, "{path}");
    }
    let door = |text| [planted("engine/src/lib.rs", text), planted("engine/src/a.rs", "//! A.")].concat();
    assert_eq!(orphan_faults(&door("pub mod a;")).len(), 0);
    assert_eq!(orphan_faults(&door("mod b;")).len(), 1);
    assert_eq!(top_faults(&planted("engine/src/lib.rs", "")).len(), 0);
    assert_eq!(top_faults(&planted("scratch/notes.md", "")).len(), 1);
    assert_eq!(top_faults(&planted("notes.md", "")).len(), 1);
}
