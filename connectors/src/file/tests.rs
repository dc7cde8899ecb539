//! What the file sources promise: the same rows from every container and page size, rejects with their lines, mappings
//! refused with the remedy. The vendors' real files are tested in `datasets`.

use super::FileOptions;
use super::FileSource;
use crate::mapping::Mapping;
use arrow::array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::Float64Type;
use engine::domain::{Asset, AssetId, AssetKind, Quantities, Quantity, Table, from_micros, parse_time};
use engine::source::{Page, Reject, Rows, SourceError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const MAPPING: &str = r##"
name = "test"
kind = "meter"
resolution = "PT10M"
[format]
comment = "#"
[time]
column = "when"
format = "rfc3339"
[asset]
column = "who"
[[column]]
name = "p  W"
quantity = "active_power"
unit = "W"
[[column]]
name = "t"
quantity = "temp_air"
unit = "degC"
invalid = [{ equals = -99.0, reason = "sentinel" }]
"##;

fn mapping(text: &str) -> Result<Mapping, SourceError> {
    Mapping::parse(text, "m.toml", &Quantities::standard())
}

fn write(directory: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn pages(path: &Path, text: &str, options: &FileOptions) -> Vec<Page> {
    let mut source = FileSource::open(path, &mapping(text).unwrap(), options).unwrap();
    let mut pages = Vec::new();
    loop {
        let page = source.read_page().unwrap();
        let done = page.done;
        pages.push(page);
        if done {
            return pages;
        }
    }
}

#[test]
fn a_file_whose_comments_name_its_turbine_and_its_columns() {
    let directory = tempfile::tempdir().unwrap();
    let text = "# Turbine: K 1\n# when,p  W,t\n2026-01-01T00:00:00Z,5000,7\n";
    let path = write(directory.path(), "a.csv", text.as_bytes());
    let own = MAPPING.replace("comment = \"#\"", "comment = \"#\"\nheader_in_comment = true");
    let own = own.replace("column = \"who\"", "comment = \"Turbine\"\nrename = { \"K 1\" = \"k1\" }");
    let read = readings(&pages(&path, &own, &FileOptions::default()));
    let values: Vec<_> = read.iter().map(|row| (row.1.as_str(), row.3.as_str(), row.4)).collect();
    assert_eq!(values, [("k1", "active_power", Some(5.0)), ("k1", "temp_air", Some(7.0))]);
    let path = write(directory.path(), "b.csv", &text.as_bytes()[15..]);
    let error = FileSource::open(&path, &mapping(&own).unwrap(), &FileOptions::default()).unwrap_err().to_string();
    assert!(error.contains("# Turbine: …"), "{error}");
    let error = mapping(&own.replace("comment = \"#\"\n", "")).unwrap_err().to_string();
    assert!(error.contains("header_in_comment"), "{error}");
}

type Reading = (AssetKind, String, String, String, Option<f64>);

fn readings(pages: &[Page]) -> Vec<Reading> {
    let mut out = Vec::new();
    for rows in pages.iter().flat_map(|page| &page.rows) {
        let Rows::Readings(readings) = rows else { continue };
        for row in 0..readings.len() {
            for quantity in readings.quantities() {
                let values = readings.values(&quantity).unwrap();
                let value = values.is_valid(row).then(|| values.value(row));
                let time = from_micros(readings.times().value(row)).to_string();
                out.push((readings.kind(), readings.asset_ids().value(row).to_owned(), time, quantity.name().to_owned(), value));
            }
        }
    }
    out
}

fn rejects(pages: &[Page]) -> Vec<(u64, &'static str)> {
    let place = |reject: &Reject| (reject.line.unwrap(), reject.reason);
    pages.iter().flat_map(|page| page.rejects.iter().map(place)).collect()
}

fn flags(pages: &[Page]) -> Vec<(String, Option<f64>, String)> {
    let mut out = Vec::new();
    for rows in pages.iter().flat_map(|page| &page.rows) {
        let Rows::Other(Table::QualityFlags, batch) = rows else { continue };
        let raw = batch["raw_value"].as_primitive::<Float64Type>();
        for row in 0..batch.num_rows() {
            let text = |name: &str| batch[name].as_string::<i32>().value(row).to_owned();
            out.push((text("quantity"), raw.is_valid(row).then(|| raw.value(row)), text("reason")));
        }
    }
    out
}

fn sample(rows: usize) -> String {
    let mut text = String::from("when,who,p  W,t,ignored\n");
    for i in 0..rows {
        let time = from_micros(i as i64 / 3 * 600_000_000);
        let power = if i % 7 == 0 { String::new() } else { format!("{}.5", i * 10) };
        text.push_str(&format!("{time},M{},{power},{},x\n", i % 3, i % 30));
    }
    text
}

#[test]
fn a_row_becomes_stored_units_and_is_known_at_the_end_of_its_interval() {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "a.csv", b"\xef\xbb\xbfwhen,who,p  W,t\n2024-01-01T00:00:00+01:00,M1,1500,NaN\n");
    let pages = pages(&path, MAPPING, &FileOptions::default());
    let got = readings(&pages);
    let key = |name: &str, value| (AssetKind::Meter, "M1".to_owned(), "2023-12-31T23:00:00Z".to_owned(), name.to_owned(), value);
    assert_eq!(got, [key("active_power", Some(1.5)), key("temp_air", None)]);
    let Rows::Assets(assets) = &pages[0].rows[0] else { panic!("a new asset was not handed on") };
    assert_eq!((assets[0].id.as_str(), assets[0].kind), ("M1", AssetKind::Meter));
    let Rows::Readings(readings) = &pages[0].rows[1] else { panic!("no readings") };
    assert_eq!(from_micros(readings.available_at().value(0)), parse_time("2023-12-31T23:10:00Z").unwrap());
}

#[test]
fn every_container_gives_the_same_rows() {
    let dir = tempfile::tempdir().unwrap();
    let text = sample(500);
    let plain = write(dir.path(), "a.csv", text.as_bytes());
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(text.as_bytes()).unwrap();
    let gz = write(dir.path(), "a.csv.gz", &gz.finish().unwrap());
    let zst = write(dir.path(), "a.csv.zst", &zstd::encode_all(text.as_bytes(), 1).unwrap());
    let cells: Vec<Vec<&str>> = text.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let words = |at: usize| Arc::new(StringArray::from_iter_values(cells.iter().map(|row| row[at]))) as ArrayRef;
    let numbers = |at: usize| Arc::new(cells.iter().map(|row| row[at].parse::<f64>().ok()).collect::<Float64Array>()) as ArrayRef;
    let micros = cells.iter().map(|row| engine::domain::micros(parse_time(row[0]).unwrap()));
    let when = Arc::new(TimestampMicrosecondArray::from_iter_values(micros).with_timezone("Africa/Casablanca")) as ArrayRef;
    let batch = RecordBatch::try_from_iter([("when", when), ("who", words(1)), ("p  W", numbers(2)), ("t", numbers(3))]).unwrap();
    let parquet = dir.path().join("a.parquet");
    let file = std::fs::File::create(&parquet).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let expected = readings(&pages(&plain, MAPPING, &FileOptions::default()));
    assert_eq!(expected.len(), 1000);
    for path in [gz, zst, parquet] {
        assert_eq!(readings(&pages(&path, MAPPING, &FileOptions::default())), expected, "{}", path.display());
    }
}

#[test]
fn pages_of_any_size_hold_the_same_rows_and_restart_at_any_cursor() {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "a.csv", sample(200).as_bytes());
    let sized = |page_rows| FileOptions { page_rows, ..FileOptions::default() };
    let jump = format!(
        "{MAPPING}[duplicates]\npolicy = \"least_jump\"\nshift = \"PT1H\"\njump = [{{ quantity = \"temp_air\", scale = 1.0 }}]\n"
    );
    for text in [MAPPING, &jump] {
        let mut expected = readings(&pages(&path, text, &FileOptions::default()));
        assert_eq!(pages(&path, text, &sized(64)), pages(&path, text, &sized(64)));
        let whole = pages(&path, text, &sized(9));
        for size in [1, 2, 3, 7, 9, 50, 199, 200, 201] {
            let mut got = readings(&pages(&path, text, &sized(size)));
            got.sort_by(|a, b| a.partial_cmp(b).unwrap());
            expected.sort_by(|a, b| a.partial_cmp(b).unwrap());
            assert_eq!(got, expected, "{size}");
        }
        for (index, page) in whole.iter().enumerate().take(whole.len() - 1) {
            let mut source = FileSource::open(&path, &mapping(text).unwrap(), &FileOptions::default()).unwrap();
            let place = super::Place::read(page.cursor.as_ref().unwrap(), "a.csv").unwrap();
            source.go_to(place).unwrap();
            assert_eq!(source.read_page().unwrap(), whole[index + 1], "after page {index}");
        }
    }
}

#[test]
fn what_cannot_be_read_is_told_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let text = b"# by hand\nwhen,who,p  W,t\n2024-01-01T00:00:00Z,M1,1,2\nyesterday,M1,1,2\n2024-01-01T00:10:00Z,,1,2\n\
        2024-01-01T00:10:00Z,M1,1\n2024-01-01T00:20:00Z,M1,1,\xff\n2024-01-01T00:30:00Z,M1,one,2\n2030-01-01T00:00:00Z,M1,1,2\n\
        2024-01-01T00:40:00Z,M 1,1,2\n2024-01-01T00:50:00Z,M1,1,-99\n2024-01-01T01:00:00Z,M1,1,200\n";
    let path = write(dir.path(), "a.csv", text);
    let options = FileOptions { now: Some(parse_time("2025-01-01T00:00:00Z").unwrap()), ..FileOptions::default() };
    let pages = pages(&path, MAPPING, &options);
    let expected =
        [(4, "bad_time"), (5, "no_asset"), (6, "ragged"), (7, "not_utf8"), (8, "bad_number"), (9, "in_future"), (10, "bad_asset")];
    assert_eq!(rejects(&pages), expected);
    assert_eq!(readings(&pages).len(), 8, "rows of lines 3, 8, 11 and 12");
    let flag = |quantity: &str, raw, reason: &str| (quantity.to_owned(), raw, reason.to_owned());
    let expected = [
        flag("active_power", None, "bad_number"),
        flag("temp_air", Some(-99.0), "sentinel"),
        flag("temp_air", Some(200.0), "out_of_range"),
    ];
    assert_eq!(flags(&pages), expected);
    let bad = &pages[0].rejects[4];
    assert!(bad.detail.contains("M1 at 2024-01-01T00:30:00Z") && bad.raw.contains("one"), "{bad:?}");
    let site = FileOptions { assets: vec![Asset::new(AssetId::parse("M2").unwrap(), AssetKind::Region)], ..options };
    let unknown = self::pages(&path, MAPPING, &site);
    assert!(unknown[0].rejects.iter().any(|r| r.reason == "unknown_asset" && r.detail.contains("M2")), "{:?}", unknown[0].rejects);
}

#[test]
fn the_site_decides_the_kind_and_second_rows_follow_the_policy() {
    let dir = tempfile::tempdir().unwrap();
    let row = "2024-01-01T00:00:00Z,M1,1,2\n";
    let path = write(dir.path(), "a.csv", format!("when,who,p  W,t\n{row}{row}").as_bytes());
    let site = FileOptions { assets: vec![Asset::new(AssetId::parse("M1").unwrap(), AssetKind::Region)], ..FileOptions::default() };
    assert!(readings(&pages(&path, MAPPING, &site)).iter().all(|reading| reading.0 == AssetKind::Region));
    let policy = |policy: &str| format!("{MAPPING}[duplicates]\npolicy = \"{policy}\"\n");
    assert_eq!(readings(&pages(&path, &policy("last"), &site)).len(), 4);
    let first = pages(&path, &policy("first"), &site);
    assert_eq!((readings(&first).len(), rejects(&first)), (2, vec![(3, "duplicate_key")]));
    let mut source = FileSource::open(&path, &mapping(&policy("error")).unwrap(), &site).unwrap();
    let error = source.read_page().unwrap_err().to_string();
    assert!(error.contains("line 3") && error.contains("M1"), "{error}");
}

#[test]
fn layouts_of_all_sorts_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "a.csv", b"report of today\n31/01/2024;23:50;3,5;-\n");
    let text = r#"
name = "german"
kind = "weather_station"
resolution = "PT10M"
[format]
delimiter = ";"
header = false
columns = ["day", "hour", "t", "h"]
skip_lines = 1
decimal_comma = true
null = ["-"]
[time]
columns = ["day", "hour"]
format = "%d/%m/%Y %H:%M"
zone = "Europe/Berlin"
[asset]
constant = "WS"
[quantities]
fog = "%"
[[column]]
name = "t"
quantity = "temp_air"
unit = "degC"
[[column]]
name = "h"
quantity = "fog"
unit = "%"
"#;
    let got = readings(&pages(&path, text, &FileOptions::default()));
    assert_eq!(got[0].2, "2024-01-31T22:50:00Z");
    assert_eq!((got[0].4, got[1].4), (Some(3.5), None));
    assert_eq!(got[1].3, Quantity::parse("fog").unwrap().name());
}

#[test]
fn wrong_mappings_are_refused_before_any_row_with_the_nearest_name() {
    let refused = |from: &str, to: &str, hint: &str| {
        assert!(MAPPING.contains(from), "{from}");
        let error = mapping(&MAPPING.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.contains("m.toml") && error.contains(hint), "{to}: {error}");
    };
    refused("\"active_power\"", "\"activ_power\"", "active_power");
    refused("unit = \"W\"", "unit = \"w\"", "\"W\"");
    refused("unit = \"W\"", "unit = \"degC\"", "cannot be converted");
    refused("comment =", "coment =", "comment");
    refused("kind = \"meter\"", "kind = \"metr\"", "meter");
    refused("format = \"rfc3339\"", "format = \"rfc3339\"\nwall_clock = \"Europe/Pariss\"", "Europe/Paris");
    refused("column = \"who\"", "column = \"who\"\nconstant = \"M\"", "constant");
    refused("-99.0,", "-99.0, below = 3.0,", "exactly one");
    let dir = tempfile::tempdir().unwrap();
    let open = |name: &str, header: &str| {
        let path = write(dir.path(), name, format!("{header}\n").as_bytes());
        FileSource::open(&path, &mapping(MAPPING).unwrap(), &FileOptions::default()).unwrap_err().to_string()
    };
    let error = open("a.csv", "when,who,p W,t");
    assert!(error.contains("\"p  W\"") && error.contains("nearest is \"p W\""), "{error}");
    let error = open("b.csv", "when;who;p  W;t");
    assert!(error.contains("separated by ';'"), "{error}");
    let error = open("c.csv", "when,who,t,t,p  W");
    assert!(error.contains("more than once"), "{error}");
}
