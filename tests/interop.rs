//! The written tables open in other programs: `deltalake`, DuckDB and Polars read the same rows and sums as we wrote.
//!
//! Needs a Python with those packages, named by `CHERGUI_PYTHON` (the Makefile sets it up).

use crate::sql::fill;
use engine::store::Store;
use engine::store::StoreOptions;
use serde_json::json;
use std::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn others_read_what_we_wrote() {
    let Some(python) = std::env::var_os("CHERGUI_PYTHON") else {
        assert!(
            std::env::var_os("CI").is_none(),
            "CHERGUI_PYTHON must name a Python with deltalake, duckdb and polars; `make test` sets it"
        );
        eprintln!("skipped: CHERGUI_PYTHON is not set");
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(StoreOptions::new(directory.path())).await.unwrap();
    fill(&store).await;
    store.flush().await.unwrap();
    // A change in the middle of a file and a new column: readers must see each key once, merged.
    let late = engine::domain::Readings::from_columns(
        engine::domain::AssetKind::WindTurbine,
        vec![1_782_000_000_000_000],
        vec!["T01".into()],
        vec![1_782_000_600_000_000],
        vec![(engine::domain::Quantity::ACTIVE_POWER, vec![Some(101.0)]), (engine::domain::Quantity::WIND_SPEED, vec![Some(7.5)])],
    );
    assert_eq!(store.append(late.unwrap()).await.unwrap().changed, 1);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/interop/read_delta.py");
    let output = Command::new(python).arg(script).arg(directory.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let wanted = json!({"rows": 180, "keys": 180, "power": 10_900.0, "wind": 7.5, "assets": 2});
    for program in ["deltalake", "duckdb", "polars"] {
        assert_eq!(read[program], wanted, "{program}");
    }
}
