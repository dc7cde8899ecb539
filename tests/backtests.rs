//! The contract of the forecasting bench on real data: rows, order, and no peeking at what came later.

use crate::program::{shared, succeed};
use std::fs;
use std::io::{Read, Write};
use std::path::Path;

const LAST: &str = "2017-10-02T23:00:00Z";

fn backtest(directory: &Path, output: &Path) -> String {
    let arguments = [
        "--asset",
        "tetouan",
        "--quantity",
        "load",
        "--first-origin",
        "2017-09-30T23:00:00Z",
        "--last-origin",
        LAST,
        "--every",
        "P1D",
    ];
    let more = ["--horizon", "PT12H", "--quantiles", "0.1,0.5,0.9", "--output", output.to_str().unwrap()];
    succeed(["backtest", directory.to_str().unwrap()].iter().chain(&arguments).chain(&more));
    fs::read_to_string(output).unwrap()
}

#[test]
fn a_cut_dataset_gives_the_same_bytes() {
    let Some(source) = shared("tetouan") else { return };
    let home = tempfile::tempdir().unwrap();
    let cut = home.path().join("cut");
    fs::create_dir(&cut).unwrap();
    for entry in fs::read_dir(&source).unwrap() {
        let path = entry.unwrap().path();
        let to = cut.join(path.file_name().unwrap());
        if path.extension().is_some_and(|end| end == "gz") {
            cut_rows(&path, &to);
        } else {
            fs::copy(&path, &to).unwrap();
        }
    }
    let whole = backtest(&source, &home.path().join("whole.csv"));
    assert_eq!(whole, backtest(&cut, &home.path().join("cut.csv")));
    let mut lines = whole.lines();
    assert_eq!(lines.next(), Some("asset_id,quantity,issue_time,valid_time,quantile,value"));
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), 3 * 72 * 3);
    assert_eq!(&rows[0][..5], ["tetouan", "load", "2017-09-30T23:00:00Z", "2017-09-30T23:00:00Z", "0.1"]);
    for step in rows.chunks(3) {
        let values: Vec<f64> = step.iter().map(|row| row[5].parse().unwrap()).collect();
        assert!(values.is_sorted() && values[0] > 20_000.0 && values[2] < 200_000.0, "{step:?}");
    }
}

/// Keeps the rows before the last origin; the manifest's row counts then no longer hold, which a backtest does not mind.
fn cut_rows(from: &Path, to: &Path) {
    let mut text = String::new();
    flate2::read::GzDecoder::new(fs::File::open(from).unwrap()).read_to_string(&mut text).unwrap();
    let mut writer = flate2::write::GzEncoder::new(fs::File::create(to).unwrap(), flate2::Compression::fast());
    for line in text.lines().filter(|line| line.starts_with("time") || *line < LAST) {
        writeln!(writer, "{line}").unwrap();
    }
    writer.finish().unwrap();
}
