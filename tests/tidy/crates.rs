//! Who may use whom between crates, read from their Cargo.toml; DESIGN of the house: data flows one way.
//! In: the manifests. Out: a fault for an arrow that points upstream, a dependency with its own version, missing lints.
//! Not here: licences and sources (deny.toml), rooms inside the engine (`rooms`).

use super::SourceFile;
use super::checkout;

/// Each crate of the house, the crates of the house it may use, and foreign crates it may not.
const PLAN: &[(&str, &[&str], &[&str])] = &[
    ("engine", &[], &["actix-web", "axum", "clap", "config", "hyper", "indicatif", "influxdb2", "rand", "reqwest"]),
    ("connectors", &["engine"], &["actix-web", "clap", "datafusion", "deltalake", "sqlx"]),
    ("datasets", &["engine", "connectors"], &["actix-web", "datafusion", "deltalake", "reqwest", "sqlx"]),
    ("api", &["engine", "connectors", "datasets"], &["deltalake", "sqlx"]),
    ("benches", &["engine", "connectors", "datasets", "api"], &[]),
    ("tests", &["engine", "connectors", "datasets", "api"], &[]),
];

/// Refused everywhere: errors that cannot be branched on, and a second clock.
const NOWHERE: &[&str] = &["anyhow", "eyre", "snafu", "chrono-tz", "lazy_static", "once_cell"];

/// The fuzz targets: cargo-fuzz wants a workspace of its own, which cannot take versions or lints from the top.
const APART: &str = "tests/fuzz/Cargo.toml";

fn faults(files: &[SourceFile]) -> Vec<String> {
    let held = files.iter().filter(|file| file.path != APART);
    held.filter_map(|file| Some((file, file.path.strip_suffix("/Cargo.toml")?))).flat_map(manifest_faults).collect()
}

fn manifest_faults((file, name): (&SourceFile, &str)) -> Vec<String> {
    let path = &file.path;
    let Some((_, may_use, may_not_use)) = PLAN.iter().find(|(planned, ..)| *planned == name) else {
        return vec![format!("{path}: the house has the crates engine, connectors, datasets, api, benches, tests, and no other")];
    };
    let manifest: toml::Table = match file.text.parse() {
        Ok(manifest) => manifest,
        Err(error) => return vec![format!("{path}: {error}")],
    };
    let mut faults = Vec::new();
    if manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool) != Some(true) {
        faults.push(format!("{path}: add `[lints] workspace = true`; every crate is held to the same lints"));
    }
    for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
        for (dependency, entry) in manifest.get(section).and_then(toml::Value::as_table).into_iter().flatten() {
            let ours = PLAN.iter().any(|(planned, ..)| planned == dependency);
            if ours && !may_use.contains(&dependency.as_str()) {
                faults
                    .push(format!("{path}: `{name}` may not use `{dependency}`; data flows engine → connectors → datasets → api"));
            }
            if may_not_use.contains(&dependency.as_str()) || NOWHERE.contains(&dependency.as_str()) {
                faults.push(format!("{path}: `{name}` may not use `{dependency}`; see tests/tidy/crates.rs and docs/why.md"));
            }
            if entry.get("workspace").and_then(toml::Value::as_bool) != Some(true) {
                faults.push(format!("{path}: write `{dependency}.workspace = true`; versions stand once, in the top Cargo.toml"));
            }
        }
    }
    faults
}

#[test]
fn crates_use_only_what_the_plan_allows() {
    super::assert_tidy(&faults(checkout::files()));
}

#[test]
fn every_planned_crate_is_there() {
    for (name, ..) in PLAN {
        let manifest = format!("{name}/Cargo.toml");
        assert!(checkout::files().iter().any(|file| file.path == manifest), "{manifest} is missing");
    }
}

#[test]
fn a_planted_arrow_upstream_is_seen() {
    let lints = "[lints]\nworkspace = true\n";
    let check = |path: &str, text: &str| faults(&super::planted(path, text));
    assert_eq!(check("engine/Cargo.toml", lints), Vec::<String>::new());
    assert_eq!(check("engine/Cargo.toml", &format!("{lints}[dev-dependencies]\napi.workspace = true\n")).len(), 1);
    assert_eq!(check("engine/Cargo.toml", &format!("{lints}[dependencies]\nactix-web = {{ workspace = true }}\n")).len(), 1);
    assert_eq!(check("api/Cargo.toml", &format!("{lints}[dependencies]\nserde = \"1\"\n")).len(), 1);
    assert_eq!(check("api/Cargo.toml", "[package]\nname = \"api\"\n").len(), 1);
    assert_eq!(check("shed/Cargo.toml", lints).len(), 1);
}
