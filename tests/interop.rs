//! Other programs and ours: `deltalake`, DuckDB and Polars read the same rows and sums as we wrote; InfluxDB's client and pyarrow write to us.
//!
//! Needs a Python with those packages, named by `CHERGUI_PYTHON` (the Makefile sets it up).

use crate::http::Site;
use crate::sql::fill;
use engine::store::Store;
use engine::store::StoreOptions;
use serde_json::json;
use std::ffi::OsString;
use std::process::Command;

fn python() -> Option<OsString> {
    let python = std::env::var_os("CHERGUI_PYTHON");
    if python.is_none() {
        assert!(
            std::env::var_os("CI").is_none(),
            "CHERGUI_PYTHON must name a Python with what tests/interop needs; `make test` sets it"
        );
        eprintln!("skipped: CHERGUI_PYTHON is not set");
    }
    python
}

#[tokio::test(flavor = "multi_thread")]
async fn others_read_what_we_wrote() {
    let Some(python) = python() else { return };
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
    store.flush().await.unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/interop/read_delta.py");
    let output = Command::new(python).arg(script).arg(directory.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let wanted = json!({"rows": 180, "keys": 180, "power": 10_900.0, "wind": 7.5, "assets": 2});
    for program in ["deltalake", "duckdb", "polars"] {
        assert_eq!(read[program], wanted, "{program}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn others_write_to_us() {
    let Some(python) = python() else { return };
    let site = Site::start().await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/interop/write_to_us.py");
    let mut command = tokio::process::Command::new(python);
    let output = command.arg(script).arg(&site.base).arg(&site.key).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let sums = "SELECT asset_id, count(*), sum(wind_speed), sum(active_power), min(time), max(time) FROM wind_turbine GROUP BY 1 ORDER BY 1";
    // 2,000 rows a second apart: half through the batching writer and half through the synchronous one; T02 as an Arrow stream.
    let row = |asset: &str| json!([asset, 2000, 1_999_000.0, 3_998_000.0, "2026-01-01T00:00:00Z", "2026-01-01T00:33:19Z"]);
    assert_eq!(site.rows(sums).await, json!([row("T01"), row("T02")]));
    assert_eq!(site.cell("SELECT count(*) FROM wind_turbine WHERE active_power = 2 * wind_speed").await, 4000);
    site.stop().await;
}
