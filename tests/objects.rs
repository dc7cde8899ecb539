//! A store whose tables are in a bucket, against `moto_server`: written, joined, reopened without its log, refused to others, read by
//! others, and what happens when the server is gone.
//!
//! Needs a Python with `moto[server]` and `deltalake`, named by `CHERGUI_PYTHON` (the Makefile sets it up).

use engine::domain::AssetKind;
use engine::domain::Quantity;
use engine::domain::Readings;
use engine::query::Session;
use engine::query::SessionOptions;
use engine::store::S3Options;
use engine::store::Storage;
use engine::store::Store;
use engine::store::StoreError;
use engine::store::StoreOptions;
use engine::store::ledger::Ledger;
use engine::store::{backup, restore, verify};
use std::ffi::OsString;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The server; it ends with the test.
struct Server {
    process: Child,
    url: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn python() -> Option<OsString> {
    let python = std::env::var_os("CHERGUI_PYTHON");
    let works = python.as_ref().is_some_and(|python| {
        Command::new(python).args(["-c", "import moto.server, deltalake"]).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
    });
    if works {
        return python;
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "CHERGUI_PYTHON must name a Python with moto[server] and deltalake; `make test` sets it"
    );
    eprintln!("skipped: CHERGUI_PYTHON names no Python with moto[server] and deltalake");
    None
}

async fn serve(python: &OsString) -> Server {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let process = Command::new(python)
        .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let server = Server { process, url: format!("http://127.0.0.1:{port}") };
    let client = reqwest::Client::new();
    for _ in 0..300 {
        let made = client.put(format!("{}/fleet", server.url)).send().await;
        if made.is_ok_and(|answer| answer.status().is_success()) {
            return server;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("moto_server does not answer at {}", server.url);
}

/// Removes the object that says whose the tables are.
fn forget_owner(python: &OsString, server: &str) {
    let script = "import sys, boto3\n\
        client = boto3.client('s3', endpoint_url=sys.argv[1], aws_access_key_id='testing', aws_secret_access_key='testing',\n\
                              region_name='us-east-1')\n\
        client.delete_object(Bucket='fleet', Key='north/OWNER')\n";
    assert!(Command::new(python).args(["-c", script, server]).status().unwrap().success());
}

fn options(root: &Path, server: &str) -> StoreOptions {
    let storage = Storage::S3(S3Options {
        url: "s3://fleet/north".into(),
        endpoint: Some(server.into()),
        region: "us-east-1".into(),
        access_key_id: "testing".into(),
        secret_access_key: "testing".into(),
    });
    StoreOptions { storage, file_rows: 1000, ..StoreOptions::new(root) }
}

fn rows(asset: &str, from: i64, to: i64) -> Readings {
    let times: Vec<i64> = (from..to).map(|i| i * 600_000_000).collect();
    let n = times.len();
    let power = vec![(Quantity::ACTIVE_POWER, (from..to).map(|i| Some(i as f64)).collect())];
    Readings::from_columns(AssetKind::WindTurbine, times.clone(), vec![asset.into(); n], times, power).unwrap()
}

async fn sum(store: &Store) -> String {
    let session = Session::new(store.clone(), SessionOptions::default()).unwrap();
    let result = session.sql("SELECT count(*) AS n, sum(active_power) AS total FROM wind_turbine").await.unwrap();
    arrow::util::pretty::pretty_format_batches(&result.batches).unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_in_a_bucket() {
    let Some(python) = python() else { return };
    let server = serve(&python).await;
    let home = tempfile::tempdir().unwrap();
    let (root, other) = (home.path().join("data"), home.path().join("other"));
    let store = Store::open(options(&root, &server.url)).await.unwrap();
    for i in 0..20 {
        store.append(rows("T01", i * 100, (i + 1) * 100)).await.unwrap();
        store.flush().await.unwrap();
    }
    store.compact().await.unwrap();
    assert_eq!(store.append(rows("T01", 0, 10)).await.unwrap().unchanged, 10);
    let before = sum(&store).await;
    assert!(before.contains("| 2000 | 1999000.0 |"), "{before}");
    assert!(!root.join("tables").exists(), "nothing of the tables is on this disk");

    // Another data directory is told whose they are.
    let error = Store::open(options(&other, &server.url)).await.unwrap_err();
    assert!(matches!(error, StoreError::Owned { .. }) && error.to_string().contains(root.to_str().unwrap()), "{error}");

    // Should the owner's mark be lost, a second writer's commit is refused, not mixed in.
    forget_owner(&python, &server.url);
    let second = Store::open(options(&other, &server.url)).await.unwrap();
    second.import(rows("T02", 0, 10)).await.unwrap();
    let error = store.import(rows("T03", 0, 10)).await.unwrap_err().to_string();
    assert!(error.contains("no other program writes this table"), "{error}");
    drop((second, store));
    forget_owner(&python, &server.url);

    // The bucket alone has everything that was flushed.
    std::fs::remove_dir_all(root.join("log")).unwrap();
    let store = Store::open(options(&root, &server.url)).await.unwrap();
    let after = sum(&store).await;
    assert!(after.contains("| 2010 | 1999045.0 |"), "{after}");

    let script = "import sys, deltalake\n\
        at = {'AWS_ENDPOINT_URL': sys.argv[1], 'AWS_ACCESS_KEY_ID': 'testing', 'AWS_SECRET_ACCESS_KEY': 'testing',\n\
              'AWS_REGION': 'us-east-1', 'AWS_ALLOW_HTTP': 'true'}\n\
        table = deltalake.DeltaTable('s3://fleet/north/tables/wind_turbine', storage_options=at).to_pyarrow_table()\n\
        print(table.num_rows, sum(table['active_power'].to_pylist()))\n";
    let read = Command::new(&python).args(["-c", script, &server.url]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&read.stdout).trim(), "2010 1999045.0", "{}", String::from_utf8_lossy(&read.stderr));

    // A backup of it is a local store.
    let ledger = Ledger::open(&root).await.unwrap();
    let copy = home.path().join("copy");
    backup(&store, &ledger, &copy, engine::domain::from_micros(0), &|_, _| {}).await.unwrap();
    let back = home.path().join("back");
    restore(&copy, &back, &Storage::Local, &|_, _| {}).await.unwrap();
    assert_eq!(sum(&Store::open(StoreOptions::new(&back)).await.unwrap()).await, after);
    drop(store);
    let report = verify(&options(&root, &server.url), &|_| {}).await.unwrap();
    assert!(!report.is_damaged() && report.rows == 2010, "{:?}", report.findings);

    // Without the server appends go on, acknowledged by the log; moving them says what is wrong.
    let store = Store::open(options(&root, &server.url)).await.unwrap();
    drop(server);
    assert_eq!(store.append(rows("T01", 5000, 5010)).await.unwrap().inserted, 10);
    let error = store.flush().await.unwrap_err().to_string();
    assert!(error.contains("s3://fleet/north/tables/wind_turbine") && error.contains("[storage] endpoint"), "{error}");
    assert_eq!(store.stats().log_files, 1);
}
