//! Weather files through the real program: in once, several sources beside each other, and a planted future that no forecast sees.

use crate::program::{fail, run, succeed};
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../connectors/src/weather/fixtures").join(name)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn weather_of_two_sources_goes_in_once_and_is_asked_for_in_sql() {
    let home = tempfile::tempdir().unwrap();
    let (fleet, data) = (home.path().join("fleet"), home.path().join("data"));
    succeed(["simulate", "--output", text(&fleet), "--days", "3", "--turbines", "2", "--seed", "7"]);
    let (grib, json) = (fixture("small.grib2"), fixture("forecast.json"));
    let (code, said) = fail(["import", "--weather", text(&grib), "--data-dir", text(&data)]);
    assert!(code == 2 && said.contains("import the assets first"), "exit {code}: {said}");
    succeed(["import", text(&fleet), "--data-dir", text(&data)]);
    let import = |more: &[&str]| {
        let arguments = ["import", "--weather", "--asset", "tarfaya*", "--data-dir", text(&data)];
        let output = run(arguments.iter().chain(more));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        said
    };
    let said = import(&[text(&grib)]);
    assert!(said.contains("ecmwf: the run of 2026-11-22T00:00:00Z, known 6 h after its start"), "{said}");
    let nwp = ["--source", "nwp", "--delay", "PT4H", "--init-time", "2026-11-22T05:00:00Z", text(&json)];
    assert!(import(&nwp).contains("nwp_icon_eu: the run of 2026-11-22T05:00:00Z, known 4 h after its start"));
    let csv = |statement: &str| succeed(["sql", statement, "--data-dir", text(&data), "--format", "csv"]);
    let rows = "SELECT source, available_at - init_time AS delay, count(*) AS n, count(wind_u_100m) AS winds FROM weather_forecast \
                WHERE asset_id = 'tarfaya' AND init_time >= '2026-11-22T00:00:00Z' GROUP BY ALL ORDER BY source";
    let before = csv(rows);
    let kept: Vec<&str> = before.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(kept, ["ecmwf", "nwp_gfs_global", "nwp_icon_eu"], "{before}");
    assert!(before.lines().last().unwrap().ends_with(",4,4"), "{before}");
    for again in [vec![text(&grib)], nwp.to_vec()] {
        let said = import(&again);
        assert!(said.contains("new 0, changed 0"), "{said}");
    }
    assert_eq!(before, csv(rows));
    let known = csv(
        "SELECT source, valid_time, last(wind_u_100m, init_time) AS wind_u FROM weather_forecast WHERE asset_id = 'tarfaya' \
         AND available_at <= '2026-11-22T06:00:00Z' AND valid_time >= '2026-11-22T06:00:00Z' GROUP BY source, valid_time ORDER BY valid_time",
    );
    assert!(known.lines().nth(1).unwrap().starts_with("ecmwf,2026-11-22T06:00:00Z,"), "the other run was not known yet: {known}");
    let made = csv("SELECT count(*) AS n FROM forecast('tarfaya', horizon => 'PT2H', quantiles => [0.5])");
    assert_ne!(made, "n\n0\n");
    for (wrong, remedy) in [
        (vec!["--weather", text(&json), "--asset", "tarfay"], "nearest is"),
        (vec!["--weather", text(&json), "--delay", "soon"], "soon"),
        (vec!["--weather", text(&fleet)], "is a directory"),
        (vec!["--weather", "nowhere.grib2"], "no such file"),
        (vec![text(&json), "--source", "nwp"], "--weather"),
    ] {
        let (code, said) = fail(["import", "--data-dir", text(&data)].iter().chain(&wrong));
        assert!(code == 2 && said.contains(remedy), "{wrong:?}: exit {code}: {said}");
    }
}

const NOW: &str = "2025-02-23T00:00:00Z";

/// Rows of a dataset's file that were not known at [`NOW`] are dropped, or made wild; runs of the weather by when they were known.
fn rewrite(from: &Path, to: &Path, wild: bool) {
    let mut old = String::new();
    flate2::read::GzDecoder::new(fs::File::open(from).unwrap()).read_to_string(&mut old).unwrap();
    let mut writer = flate2::write::GzEncoder::new(fs::File::create(to).unwrap(), flate2::Compression::fast());
    let mut lines = old.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    writeln!(writer, "{}", header.join(",")).unwrap();
    let when = header.iter().position(|name| *name == "available_at").or_else(|| header.iter().position(|name| *name == "time"));
    let Some(when) = when else { return };
    for line in lines {
        let mut cells: Vec<String> = line.split(',').map(str::to_owned).collect();
        // A reading of an interval that begins at the issue time is not known then.
        let known = match header[when] {
            "available_at" => cells[when].as_str() <= NOW,
            _ => cells[when].as_str() < NOW,
        };
        if !known && !wild {
            continue;
        }
        if !known {
            for cell in cells.iter_mut().filter(|cell| !cell.is_empty()) {
                if let Ok(value) = cell.parse::<f64>() {
                    *cell = format!("{:.3}", 900.0 - 7.0 * value);
                }
            }
        }
        writeln!(writer, "{}", cells.join(",")).unwrap();
    }
    writer.finish().unwrap();
}

#[test]
fn a_wild_future_in_every_file_changes_no_byte_of_a_backtest() {
    let home = tempfile::tempdir().unwrap();
    let fleet = home.path().join("fleet");
    succeed(["simulate", "--output", text(&fleet), "--days", "55", "--turbines", "2", "--seed", "3"]);
    let copy = |name: &str, wild: bool| {
        let to = home.path().join(name);
        fs::create_dir(&to).unwrap();
        for entry in fs::read_dir(&fleet).unwrap() {
            let path = entry.unwrap().path();
            let target = to.join(path.file_name().unwrap());
            match path.extension().is_some_and(|end| end == "gz") {
                true => rewrite(&path, &target, wild),
                false => fs::copy(&path, &target).map(|_| ()).unwrap(),
            }
        }
        to
    };
    let (cut, wild) = (copy("cut", false), copy("wild", true));
    for (asset, quantity) in [("tarfaya", "active_power"), ("casablanca", "load")] {
        let backtest = |directory: &Path| {
            let output = directory.join(format!("{asset}.csv"));
            let arguments =
                ["--asset", asset, "--quantity", quantity, "--first-origin", "2025-02-22T00:00:00Z", "--last-origin", NOW];
            let more = ["--every", "P1D", "--horizon", "PT24H", "--quantiles", "0.1,0.5,0.9", "--output", text(&output)];
            succeed(["backtest", text(directory)].iter().chain(&arguments).chain(&more));
            fs::read_to_string(output).unwrap()
        };
        let known = backtest(&cut);
        assert!(known.lines().count() > 2 * 144, "{asset}");
        assert!(known == backtest(&wild), "{asset}: the forecast saw what was not known yet");
    }
}
