//! The command line: a simulated fleet through import, SQL and forecast; every wrong wish refused with its remedy.

use crate::program::{fail, run, shared, succeed};
use std::fs;
use std::path::Path;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_fleet_goes_in_once_and_answers_sql() {
    let home = tempfile::tempdir().unwrap();
    let (fleet, data) = (home.path().join("fleet"), home.path().join("data"));
    succeed(["simulate", "--output", text(&fleet), "--days", "3", "--turbines", "2", "--seed", "7"]);
    let first = run(["import", text(&fleet), "--data-dir", text(&data), "--strict"]);
    let said = String::from_utf8_lossy(&first.stderr).into_owned();
    assert!(first.status.success() && said.contains("rows/s") && said.contains("unchanged 0"), "{said}");
    let count = "SELECT count(*) AS n, count(DISTINCT asset_id) AS assets FROM wind_turbine";
    let before = succeed(["sql", count, "--data-dir", text(&data), "--format", "csv"]);
    let again = run(["import", text(&fleet), "--data-dir", text(&data)]);
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(said.contains("new 0, changed 0"), "{said}");
    let after = succeed(["sql", count, "--data-dir", text(&data), "--format", "csv"]);
    assert_eq!(before, after);
    assert!(before.lines().nth(1).unwrap().ends_with(",2"), "{before}");
    let json = succeed(["sql", "SELECT id, kind FROM assets WHERE id = 'tarfaya'", "--data-dir", text(&data), "--format", "json"]);
    assert_eq!(json.trim(), r#"[{"id":"tarfaya","kind":"wind_plant"}]"#);
    let file = home.path().join("rows.parquet");
    succeed(["sql", "SELECT * FROM region", "--data-dir", text(&data), "--format", "parquet", "--output", text(&file)]);
    assert_eq!(&fs::read(&file).unwrap()[..4], b"PAR1");
    let zenith = succeed([
        "sql",
        "SELECT solar_zenith(TIMESTAMP '2025-06-21T12:30:00Z', 31.0, -7.0) < 15 AS high",
        "--data-dir",
        text(&data),
        "--format",
        "csv",
    ]);
    assert_eq!(zenith, "high\ntrue\n");
    let tables = succeed(["sql", "SHOW TABLES", "--data-dir", text(&data)]);
    for table in ["alerts", "forecasts", "pv_plant", "quality_flags"] {
        assert!(tables.contains(table), "{table} is not in\n{tables}");
    }
    let rows = succeed([
        "sql",
        "SELECT count(*) AS n FROM forecast(asset => 'casablanca', horizon => 'PT6H')",
        "--data-dir",
        text(&data),
        "--format",
        "csv",
    ]);
    assert_eq!(rows, "n\n324\n", "six hours of ten minutes, nine quantiles");
    let csv = |statement: &str| succeed(["sql", statement, "--data-dir", text(&data), "--format", "csv"]);
    let many = csv(
        "SELECT asset_id, count(*) AS n, count(DISTINCT quantile) AS q FROM forecast('casablanc?', horizon => 'PT1H', quantiles => [0.9, 0.1]) GROUP BY 1",
    );
    assert_eq!(many, "asset_id,n,q\ncasablanca,12,2\n");
    let told = csv("SELECT count(*) AS n, max(abs(usual + recent + weather + calendar - why.value)) < 1e-6 AS adds_up, \
         max(abs(why.value - f.value)) < 1e-6 AS is_the_median FROM forecast_explanation('casablanca', quantity => 'load') AS why \
         JOIN forecast('casablanca') AS f ON why.valid_time = f.valid_time AND f.quantile = 0.5");
    assert_eq!(told, "n,adds_up,is_the_median\n288,true,true\n");
    let end = csv("SELECT max(time) AS t FROM region");
    let end = end.lines().nth(1).unwrap();
    let played = csv(&format!(
        "SELECT count(DISTINCT issue_time) AS issues, count(*) AS n FROM backtest('casablanca', first => '{end}', last => '{end}', \
         every => 'P1D', horizon => 'PT2H', quantiles => [0.5])"
    ));
    assert_eq!(played, "issues,n\n1,12\n");
    assert_eq!(csv("SELECT count(*) AS n FROM forecast_as_of('casablanca', '1999-01-01T00:00:00Z')"), "n\n0\n");
    for (statement, remedy) in [
        ("SELECT * FROM forecast('nowhere*')", "no asset matches"),
        ("SELECT * FROM forecast('casablanca', quantiles => [0.5, 1.5])", "quantile"),
        ("SELECT * FROM forecast('casablanca', quantiles => 'all')", "list of numbers"),
        ("SELECT * FROM forecast_explanation('nowhere*')", "no asset matches"),
        ("SELECT * FROM forecast('casablanca', quantity => 'net_load')", "in the table forecasts"),
        ("SELECT * FROM forecast_explanation('casablanca', horizon => 'PT6H')", "horizon is not an argument"),
        ("SELECT * FROM forecast('casablanca', horizon => 'P9999D')", "ask for fewer"),
        ("SELECT * FROM backtest('casablanca', first => '2026-01-01T00:00:00Z')", "last is missing"),
    ] {
        let (code, said) = fail(["sql", statement, "--data-dir", text(&data)]);
        assert!(code == 2 && said.contains(remedy), "{statement}: exit {code}: {said}");
    }
}

#[test]
fn wrong_wishes_are_refused_with_the_remedy() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let csv = home.path().join("rows.csv");
    fs::write(&csv, "when,who,power\n2026-01-01T00:00:00Z,T1,5\nnever,T1,6\n2026-01-01T00:10:00Z,T1,abc\n").unwrap();
    let mapping = home.path().join("mapping.toml");
    let good = "name = \"test\"\nkind = \"wind_turbine\"\nresolution = \"PT10M\"\n[time]\ncolumn = \"when\"\nformat = \"rfc3339\"\n[asset]\ncolumn = \"who\"\n[[column]]\nname = \"power\"\nquantity = \"active_power\"\nunit = \"MW\"\n";
    let import = |text_of_mapping: &str| {
        fs::write(&mapping, text_of_mapping).unwrap();
        fail(["import", text(&csv), "--mapping", text(&mapping), "--data-dir", text(&data), "--strict"])
    };
    for (from, to, remedy) in [
        ("\"active_power\"", "\"activ_power\"", "active_power"),
        ("\"MW\"", "\"degC\"", "kW"),
        ("\"MW\"", "\"MWatt\"", "MW"),
        ("name = \"power\"", "name = \"powr\"", "power"),
        ("[asset]", "[aset]", "asset"),
    ] {
        let (code, said) = import(&good.replace(from, to));
        assert!(code == 2 && said.contains(remedy), "{to}: exit {code}: {said}");
    }
    let (code, said) = import(good);
    assert!(code == 3 && said.contains("bad_time: 1"), "exit {code}: {said}");
    let rejects = fs::read_to_string(data.join("rejects/rows.csv.csv")).unwrap();
    assert!(rejects.lines().any(|line| line.starts_with("3,bad_time")), "{rejects}");
    let value =
        succeed(["sql", "SELECT active_power FROM wind_turbine ORDER BY time", "--data-dir", text(&data), "--format", "csv"]);
    assert!(value.starts_with("active_power\n5000.0\n"), "megawatts became kilowatts: {value}");
    for (statement, remedy) in [
        ("DELETE FROM assets", "only reads"),
        ("DROP TABLE assets", "only reads"),
        ("SELECT * FROM asset", "assets"),
        ("SELECT * FROM forecast(asset => 'T2')", "nearest is \"T1\""),
        ("SELECT 1; SELECT 2", "one statement"),
    ] {
        let (code, said) = fail(["sql", statement, "--data-dir", text(&data)]);
        assert!(code == 2 && said.contains(remedy), "{statement}: exit {code}: {said}");
    }
    let (code, said) = fail([
        "sql",
        "SELECT count(*) FROM generate_series(1, 100000000) a, generate_series(1, 100000) b",
        "--data-dir",
        text(&data),
        "--timeout",
        "1",
    ]);
    assert!(code == 2 && said.contains("raise the timeout"), "{said}");
    let (code, said) = fail(["import", "nowhere.csv", "--data-dir", text(&data)]);
    assert!(code == 2 && said.contains("no such file"), "{said}");
}

#[test]
fn a_vendor_file_goes_through_its_known_mapping() {
    let Some(raw) = shared("raw/tetouan/Tetuan City power consumption.csv") else { return };
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    succeed(["import", text(&raw), "--mapping", "tetouan", "--data-dir", text(&data), "--strict"]);
    let canonical = shared("tetouan").unwrap();
    let again = run(["import", text(&canonical), "--data-dir", text(&data)]);
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(
        again.status.success() && said.contains("new 0,"),
        "the vendor's file and the canonical set hold the same keys: {said}"
    );
}

#[test]
fn keys_come_and_go() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    fs::create_dir(&data).unwrap();
    let made = succeed(["key", "add", "night-shift", "--role", "operator", "--data-dir", text(&data)]);
    assert!(made.starts_with("chg_"), "{made}");
    let list = succeed(["key", "list", "--data-dir", text(&data)]);
    assert!(list.contains("night-shift") && list.contains("operator"), "{list}");
    succeed(["key", "remove", "night-shift", "--data-dir", text(&data)]);
    let (code, said) = fail(["key", "remove", "night-shift", "--data-dir", text(&data)]);
    assert!(code == 2 && said.contains("key list"), "{said}");
    let (code, said) = fail(["key", "add", "guest", "--role", "boss", "--data-dir", text(&data)]);
    assert!(code == 2 && said.contains("viewer"), "{said}");
}
