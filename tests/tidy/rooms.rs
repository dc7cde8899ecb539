//! Who may use whom between the rooms of the engine, read from `crate::room` paths, and what outsiders may see of it.
//! A room may use only the rooms before it in `ROOMS`; `models` and `detect` do not know each other.
//! In: engine and connector sources. Out: a fault per path that points upstream. Unit tests obey as well.

use super::SourceFile;
use super::checkout;
use super::code;

/// In data-flow order.
const ROOMS: &[&str] =
    &["domain", "source", "store", "query", "features", "models", "detect", "evaluate", "alert", "planning", "pipeline"];

/// Beyond the order: these two answer different questions, and one must be able to change without the other.
const STRANGERS: &[(&str, &str)] = &[("models", "detect"), ("detect", "models")];

/// Connectors know the shape of the doors, not what is behind them.
const DOORS: &[&str] = &["domain", "source", "alert"];

fn faults(files: &[SourceFile]) -> Vec<String> {
    files.iter().filter(|file| file.is_rust()).flat_map(|file| [engine_faults(file), connector_faults(file)].concat()).collect()
}

fn engine_faults(file: &SourceFile) -> Vec<String> {
    let Some(inside) = file.path.strip_prefix("engine/src/") else { return Vec::new() };
    let Some((room, is_front_door)) = room_of(inside) else {
        return vec![format!("{}: not in a room; the rooms are {}", file.path, ROOMS.join(", "))];
    };
    let code = code::without_prose(&file.text);
    let mut faults = Vec::new();
    for (line, rest) in code::find(&code, "crate::") {
        if rest.starts_with('{') {
            faults.push(format!("{}:{line}: write one `use crate::room::…;` per room; a grouped import hides an arrow", file.path));
        }
        faults.extend(arrow_fault(file, line, room, rest));
    }
    // `super::super::store` is `crate::store` too; from a room's front door one `super::` is enough.
    let climb = if is_front_door { "super::" } else { "super::super::" };
    for (line, rest) in code::find(&code, climb) {
        faults.extend(arrow_fault(file, line, room, rest.trim_start_matches("super::")));
    }
    faults
}

fn connector_faults(file: &SourceFile) -> Vec<String> {
    if !file.path.starts_with("connectors/src/") {
        return Vec::new();
    }
    let code = code::without_tests(&file.text);
    code::find(&code, "engine::")
        .filter(|(_, rest)| rest.starts_with('{') || ROOMS.contains(&word(rest)) && !DOORS.contains(&word(rest)))
        .map(|(line, _)| format!("{}:{line}: connectors use engine::{{{}}} only, one `use` each", file.path, DOORS.join(", ")))
        .collect()
}

/// The room a file of engine/src belongs to ("" for lib.rs), and whether it is the room's front door.
fn room_of(inside: &str) -> Option<(&'static str, bool)> {
    let (name, is_front_door) = match inside.split_once('/') {
        Some((folder, _)) => (folder, false),
        None => (inside.strip_suffix(".rs")?, true),
    };
    if name == "lib" {
        return Some(("", true));
    }
    ROOMS.iter().find(|room| **room == name).map(|room| (*room, is_front_door))
}

fn arrow_fault(file: &SourceFile, line: usize, from: &str, rest: &str) -> Option<String> {
    let to = word(rest);
    let position = |room: &str| ROOMS.iter().position(|known| *known == room);
    let (from_at, to_at) = (position(from)?, position(to)?);
    if to_at > from_at {
        return Some(format!(
            "{}:{line}: `{from}` may not use `{to}`; a room uses only those before it: {}",
            file.path,
            ROOMS.join(" → ")
        ));
    }
    STRANGERS.contains(&(from, to)).then(|| format!("{}:{line}: `{from}` and `{to}` do not know each other", file.path))
}

fn word(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
}

#[test]
fn rooms_use_only_rooms_before_them() {
    super::assert_tidy(&faults(checkout::files()));
}

#[test]
fn planted_arrows_upstream_are_seen() {
    let count = |path: &str, text: &str| faults(&super::planted(path, text)).len();
    assert_eq!(count("engine/src/store/wal.rs", "use crate::domain::Readings;\nuse crate::store::Store; // crate::query"), 0);
    assert_eq!(count("engine/src/store/wal.rs", "use crate::query::Session;"), 1);
    assert_eq!(count("engine/src/store.rs", "fn f(x: crate::pipeline::Plan) {}"), 1);
    assert_eq!(count("engine/src/store.rs", "#[cfg(test)]\nmod tests { use crate::query::Session; }"), 1);
    assert_eq!(count("engine/src/store.rs", "use super::query::Session;"), 1);
    assert_eq!(count("engine/src/store/wal.rs", "use super::super::query::Session;"), 1);
    assert_eq!(count("engine/src/store/wal.rs", "use super::Store; use super::super::domain::Unit;"), 0);
    assert_eq!(count("engine/src/detect.rs", "use crate::models::Ridge;"), 1);
    assert_eq!(count("engine/src/models.rs", "use crate::detect::Limit;"), 1);
    assert_eq!(count("engine/src/evaluate.rs", "use crate::{models::A, domain::B};"), 1);
    assert_eq!(count("engine/src/cellar.rs", ""), 1);
}

#[test]
fn planted_looks_behind_the_door_are_seen() {
    let count = |text: &str| faults(&super::planted("connectors/src/file.rs", text)).len();
    assert_eq!(count("use engine::source::Source;\nuse engine::domain::Quantity;"), 0);
    assert_eq!(count("use engine::store::Store;"), 1);
    assert_eq!(count("use engine::{source::Source, store::Store};"), 1);
}
