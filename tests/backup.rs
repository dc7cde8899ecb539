//! Backup, restore and verify as an operator runs them: on a stopped store, and asked of a served one.

use crate::http::{Site, problem};
use crate::program::{fail, run, succeed};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

const COUNT: &str = "SELECT count(*) AS n, sum(load) AS total FROM region";

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_stopped_store_is_copied_restored_and_verified() {
    let home = tempfile::tempdir().unwrap();
    let [fleet, data, copy, back] = ["fleet", "data", "copy", "back"].map(|name| home.path().join(name));
    succeed(["simulate", "--output", text(&fleet), "--days", "2", "--turbines", "2", "--seed", "7"]);
    succeed(["import", text(&fleet), "--data-dir", text(&data)]);
    let key = succeed(["key", "add", "night", "--data-dir", text(&data)]);
    assert!(key.starts_with("chg_"));
    let before = succeed(["sql", COUNT, "--data-dir", text(&data), "--format", "csv"]);
    let said = succeed(["backup", text(&copy), "--data-dir", text(&data)]);
    assert!(said.contains("backed up") && copy.join("manifest.json").exists(), "{said}");
    let (code, said) = fail(["backup", text(&copy), "--data-dir", text(&data)]);
    assert!(code == 1 && said.contains("there already"), "{said}");
    succeed(["restore", text(&copy), "--data-dir", text(&back)]);
    assert_eq!(succeed(["sql", COUNT, "--data-dir", text(&back), "--format", "csv"]), before);
    assert!(succeed(["key", "list", "--data-dir", text(&back)]).contains("night"));
    let (code, said) = fail(["restore", text(&copy), "--data-dir", text(&back)]);
    assert!(code == 1 && said.contains("not empty"), "{said}");
    assert!(succeed(["verify", "--data-dir", text(&back)]).contains("and the ledger"));
    assert!(succeed(["vacuum", "--keep", "PT1S", "--data-dir", text(&back)]).contains("removed"));
    assert_eq!(succeed(["sql", COUNT, "--data-dir", text(&back), "--format", "csv"]), before);

    let table = back.join("tables/region");
    let victim = fs::read_dir(&table).unwrap().map(|e| e.unwrap().path()).find(|p| p.extension().is_some_and(|e| e == "parquet"));
    let victim = victim.unwrap();
    let mut bytes = fs::read(&victim).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&victim, bytes).unwrap();
    let output = run(["verify", "--data-dir", text(&back), "--format", "json"]);
    assert_eq!(output.status.code(), Some(4), "{}", String::from_utf8_lossy(&output.stderr));
    let findings: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let finding = &findings[0];
    assert_eq!((finding["harm"].as_str(), finding["file"].as_str()), (Some("damage"), Some(text(&victim))));
    assert!(finding["covers"].as_str().unwrap().contains("region:"), "{finding}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_served_store_is_asked_over_http() {
    let home = tempfile::tempdir().unwrap();
    let (safe, back) = (home.path().join("safe"), home.path().join("back"));
    fs::create_dir(&safe).unwrap();
    let site = Site::start_with(|config| config.backup.directory = Some(safe.clone()), api::Services::default()).await;
    let row = json!({ "asset_id": "T01", "time": "2026-01-01T00:00:00Z", "active_power": 7.0 });
    assert!(site.send_row(row).await.status().is_success());
    let data = site.state.config.data_dir.clone();
    let held = tokio::task::spawn_blocking({
        let (data, to) = (data.clone(), home.path().join("cli"));
        move || fail(["backup", text(&to), "--data-dir", text(&data)])
    });
    let (code, said) = held.await.unwrap();
    assert!(code == 1 && said.contains("/api/v1/backup"), "{said}");
    let made = site.post("/api/v1/backup", &json!({})).send().await.unwrap();
    assert_eq!(made.status(), 201);
    let made: Value = made.json().await.unwrap();
    let copy = std::path::PathBuf::from(made["path"].as_str().unwrap());
    assert!(copy.starts_with(&safe), "{made}");
    site.stop().await;
    let power = tokio::task::spawn_blocking(move || {
        succeed(["restore", text(&copy), "--data-dir", text(&back)]);
        succeed(["sql", "SELECT active_power FROM wind_turbine", "--data-dir", text(&back), "--format", "csv"])
    });
    assert_eq!(power.await.unwrap(), "active_power\n7.0\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_needs_a_directory() {
    let site = Site::start().await;
    let (status, body) = problem(site.post("/api/v1/backup", &json!({})).send().await.unwrap()).await;
    assert!(status == 400 && body["detail"].as_str().unwrap().contains("[backup]"), "{body}");
}
