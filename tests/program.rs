//! The built binary, run as a person would run it.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Output};

/// Where Cargo put `chergui`: beside the directory of this test binary.
pub(crate) fn chergui() -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    let path = path.join("chergui");
    assert!(path.exists(), "{} is missing: build it with `cargo build --workspace --bin chergui --examples`", path.display());
    path
}

/// Runs a command to its end.
pub(crate) fn run<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Output {
    Command::new(chergui()).args(arguments).env_remove("CHERGUI_DATA_DIR").env_remove("CHERGUI_CONFIG").output().unwrap()
}

/// Runs a command that must succeed; its standard output.
pub(crate) fn succeed<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "exit {:?}: {}", output.status.code(), String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a command that must fail; its exit code and what it says.
pub(crate) fn fail<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> (i32, String) {
    let output = run(arguments);
    assert!(!output.status.success(), "it succeeded: {}", String::from_utf8_lossy(&output.stdout));
    (output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The shared real data, or `None` after saying so.
pub(crate) fn shared(what: &str) -> Option<PathBuf> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")).join(what);
    if !path.exists() {
        eprintln!("skipped: ../shared/data/{what} is not here");
        return None;
    }
    Some(path)
}
