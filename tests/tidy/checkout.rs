//! The files of the checkout, read once: what git tracks or would track, as path and text.
//! Out: `SourceFile`s with paths relative to the top. Not here: binary files and whatever .gitignore leaves out.

use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

/// One text file of the checkout.
#[derive(Debug, Clone)]
pub(super) struct SourceFile {
    /// Relative to the top, with forward slashes: `engine/src/store/wal.rs`.
    pub(super) path: String,
    pub(super) text: String,
}

impl SourceFile {
    pub(super) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The crate or top-level folder it lies in.
    pub(super) fn crate_name(&self) -> &str {
        self.path.split('/').next().unwrap_or_default()
    }

    /// Code that only runs under test: the integration binary, the benches, examples, and `foo/tests.rs` beside `foo.rs`.
    pub(super) fn is_test(&self) -> bool {
        matches!(self.crate_name(), "tests" | "benches")
            || self.path.split('/').any(|part| matches!(part, "tests" | "tests.rs" | "examples"))
    }
}

/// All text files of the checkout.
pub(super) fn files() -> &'static [SourceFile] {
    static FILES: LazyLock<Vec<SourceFile>> = LazyLock::new(|| {
        let top = top();
        let listing = git(&["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        let mut paths: Vec<&str> = listing.split('\0').filter(|path| !path.is_empty()).collect();
        paths.sort_unstable();
        paths.dedup();
        paths
            .into_iter()
            .filter_map(|path| {
                let text = std::fs::read_to_string(top.join(path)).ok()?;
                Some(SourceFile { path: path.to_owned(), text })
            })
            .collect()
    });
    &FILES
}

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests crate lies one folder below the top")
}

fn git(arguments: &[&str]) -> String {
    let output = Command::new("git").arg("-C").arg(top()).args(arguments).output().expect("git is installed");
    assert!(output.status.success(), "the plan is checked in a git checkout: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("paths are UTF-8")
}

#[test]
fn the_checkout_is_seen() {
    let paths: Vec<&str> = files().iter().map(|file| file.path.as_str()).collect();
    for path in ["Cargo.toml", "engine/src/lib.rs", "tests/tidy.rs", "tests/tidy/checkout.rs"] {
        assert!(paths.contains(&path), "{path} is not in the listing of {} files", paths.len());
    }
}
