//! Words that stay out of the code, and where the few exceptions are at home.
//! In: every file. Out: a fault with file, line and remedy. Comments and strings do not count, except for addresses.
//! Clippy refuses some of these too; here they hold for every crate, also under `allow`.

use super::SourceFile;
use super::checkout;
use super::code;

/// A word, where it is allowed, and what to do instead.
struct Rule {
    words: &'static [&'static str],
    allowed: fn(&SourceFile) -> bool,
    remedy: &'static str,
}

/// On Rust code without comments, strings and unit tests.
const RULES: &[Rule] = &[
    Rule { words: &["unsafe"], allowed: |_| false, remedy: "no unsafe code in this house" },
    Rule {
        words: &[".unwrap()", ".unwrap_err()"],
        allowed: SourceFile::is_test,
        remedy: "return an error that names asset, time and remedy, or `expect` with the reason it holds",
    },
    Rule { words: &["todo!", "unimplemented!", "dbg!"], allowed: |_| false, remedy: "finish it or leave it out" },
    Rule {
        words: &["std::fs", "tokio::fs"],
        allowed: |file| file.crate_name() != "engine" || file.path.starts_with("engine/src/store") || file.is_test(),
        remedy: "in the engine only `store` touches the disk",
    },
    Rule {
        words: &["Timestamp::now", "SystemTime::now", "Zoned::now", "Utc::now", "Local::now"],
        allowed: |file| file.crate_name() == "api" || file.is_test(),
        remedy: "take `now` as an argument; `api` has the only clock",
    },
];

/// Anywhere in any text file: registries have mirrors, and a path of one machine is wrong on the next.
const ADDRESSES: &[&str] = &[
    concat!("crates", ".io"),
    concat!("pypi", ".org"),
    concat!("files.python", "hosted.org"),
    concat!("registry.npm", "js.org"),
    concat!("deb.deb", "ian.org"),
    concat!("/ro", "ot/"),
    concat!("/wo", "rk/"),
];

fn word_faults(files: &[SourceFile]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files.iter().filter(|file| file.is_rust()) {
        let code = code::without_tests(&file.text);
        for rule in RULES.iter().filter(|rule| !(rule.allowed)(file)) {
            for word in rule.words {
                faults.extend(code::find(&code, word).map(|(line, _)| format!("{}:{line}: `{word}`: {}", file.path, rule.remedy)));
            }
        }
    }
    faults
}

fn address_faults(files: &[SourceFile]) -> Vec<String> {
    let mut faults = Vec::new();
    // Cargo writes the registry's name into its lock file; nobody else may.
    for file in files.iter().filter(|file| file.path != "Cargo.lock") {
        for (text, line) in file.text.lines().zip(1..) {
            for address in ADDRESSES.iter().filter(|address| text.contains(**address)) {
                faults.push(format!("{}:{line}: `{address}`: name no registry host and no machine's path", file.path));
            }
        }
    }
    faults
}

#[test]
fn code_keeps_its_words() {
    super::assert_tidy(&word_faults(checkout::files()));
}

#[test]
fn no_registry_and_no_machine_is_named() {
    super::assert_tidy(&address_faults(checkout::files()));
}

#[test]
fn planted_words_are_seen() {
    let count = |path: &str, text: &str| word_faults(&super::planted(path, text)).len();
    assert_eq!(count("api/src/a.rs", "fn f() { unsafe { g() } }"), 1);
    assert_eq!(count("api/src/a.rs", "#![forbid(unsafe_code)] // unsafe"), 0);
    assert_eq!(count("api/src/a.rs", "let a = b.unwrap();"), 1);
    assert_eq!(count("api/src/a.rs", "#[cfg(test)]\nmod tests { fn f() { b.unwrap(); } }"), 0);
    assert_eq!(count("engine/src/store/tests.rs", "let a = b.unwrap();"), 0);
    assert_eq!(count("api/src/a.rs", "fn f() { todo!() }"), 1);
    assert_eq!(count("engine/src/query.rs", "use std::fs::File;"), 1);
    assert_eq!(count("engine/src/store/wal.rs", "use std::fs::File;"), 0);
    assert_eq!(count("datasets/src/simulate.rs", "use std::fs::File;"), 0);
    assert_eq!(count("connectors/src/webhook.rs", "let now = Timestamp::now();"), 1);
    assert_eq!(count("api/src/clock.rs", "let now = Timestamp::now();"), 0);
}

#[test]
fn planted_addresses_are_seen() {
    let count = |path: &str, text: &str| address_faults(&super::planted(path, text)).len();
    assert_eq!(count("docs/why.md", "from the default registry"), 0);
    assert_eq!(count("docs/why.md", &format!("see https://{}/crates/x", ADDRESSES[0])), 1);
    assert_eq!(count("Makefile", &format!("cp {}cache", ADDRESSES[5])), 1);
    assert_eq!(count("Cargo.lock", ADDRESSES[0]), 0);
}
