//! The plan of the house as a test: what ARCHITECTURE.md and CONTRIBUTING.md promise about the code is checked here.
//! In: every file git knows or would add. Out: one line per fault, with the file, the line and the remedy.
//! A rule is a function from files to faults, and each one is also run on planted text, so that a rule that has gone
//! blind fails too. Not here: what rustc, Clippy and cargo-deny already refuse.

mod checkout;
mod code;
mod crates;
mod rooms;
mod shape;
mod words;

use checkout::SourceFile;

/// Prints all faults of a rule at once, so that one run is enough to mend them.
#[track_caller]
fn assert_tidy(faults: &[String]) {
    assert!(faults.is_empty(), "{} fault(s):\n{}", faults.len(), faults.join("\n"));
}

/// A planted file for the rules' own tests.
fn planted(path: &str, text: &str) -> Vec<SourceFile> {
    vec![SourceFile { path: path.to_owned(), text: text.to_owned() }]
}
