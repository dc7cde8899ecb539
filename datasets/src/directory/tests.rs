//! The public data under `../shared/data`: canonical directories hold what they promise, and the vendors' raw files, read
//! through their mappings, become the canonical rows one by one. A set that is not here is skipped, and says so.

use super::DatasetDirectory;
use super::Filter;
use crate::catalogue::public_set;
use arrow::array::Array;
use connectors::file::{FileOptions, FileSource};
use connectors::mapping::Mapping;
use engine::domain::{AssetKind, Quantities, Quantity, Table, parse_time};
use engine::source::{Page, Rows};
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")).join(name);
    if !path.exists() {
        eprintln!("skipped: ../shared/data/{name} is not here");
        return None;
    }
    Some(path)
}

fn all(mut next: impl FnMut() -> Page) -> Vec<Page> {
    let mut pages = Vec::new();
    loop {
        pages.push(next());
        if pages.last().is_some_and(|page| page.done) {
            return pages;
        }
    }
}

type Key = (AssetKind, String, i64);

/// Every row by key, its values by name; panics on a key that comes twice.
fn rows(pages: &[Page]) -> BTreeMap<Key, BTreeMap<String, Option<f64>>> {
    let mut out = BTreeMap::new();
    for rows in pages.iter().flat_map(|page| &page.rows) {
        let Rows::Readings(readings) = rows else { continue };
        let columns: Vec<_> =
            readings.quantities().into_iter().map(|q| (q.name().to_owned(), readings.values(&q).unwrap().clone())).collect();
        for row in 0..readings.len() {
            let key = (readings.kind(), readings.asset_ids().value(row).to_owned(), readings.times().value(row));
            let values = columns.iter().map(|(name, values)| (name.clone(), values.is_valid(row).then(|| values.value(row))));
            assert!(out.insert(key.clone(), values.collect()).is_none(), "{key:?} comes twice");
        }
    }
    out
}

fn count(pages: &[Page]) -> u64 {
    let rows = pages.iter().flat_map(|page| &page.rows).map(|rows| match rows {
        Rows::Readings(readings) => readings.len(),
        Rows::Other(Table::QualityFlags, _) | Rows::Assets(_) => 0,
        Rows::Other(_, batch) => batch.num_rows(),
    });
    rows.sum::<usize>() as u64
}

/// Seven significant digits, as the canonical files are written.
fn seven(value: f64) -> f64 {
    format!("{value:.6e}").parse().unwrap()
}

/// Raw file through its mapping against the canonical directory, kinds of the raw file only.
fn compare(set: &str, raw: &str, flags: usize) {
    let (Some(raw), Some(canonical)) = (shared(raw), shared(set)) else { return };
    let mapping = Mapping::parse(public_set(set).unwrap().mapping, set, &Quantities::standard()).unwrap();
    let mut source = FileSource::open(&raw, &mapping, &FileOptions::default()).unwrap();
    let pages = all(|| source.read_page().unwrap());
    assert!(pages.iter().all(|page| page.rejects.is_empty()));
    assert_eq!(pages.last().unwrap().bytes_read, source.total_bytes());
    let told: usize = pages
        .iter()
        .flat_map(|page| &page.rows)
        .map(|rows| match rows {
            Rows::Other(Table::QualityFlags, batch) => batch.num_rows(),
            _ => 0,
        })
        .sum();
    assert_eq!(told, flags, "quality flags");
    let got = rows(&pages);
    let kinds: BTreeSet<AssetKind> = got.keys().map(|key| key.0).collect();
    let mut source = DatasetDirectory::open(&canonical).unwrap().source(None).unwrap();
    let mut expected = rows(&all(|| source.read_page().unwrap()));
    expected.retain(|key, _| kinds.contains(&key.0) && !key.1.starts_with("era5") && key.1 != "la_haute_borne");
    assert_eq!(got.len(), expected.len());
    for (key, values) in &expected {
        let mine = got.get(key).unwrap_or_else(|| panic!("{key:?} is missing"));
        let rounded: BTreeMap<String, Option<f64>> = mine.iter().map(|(name, value)| (name.clone(), value.map(seven))).collect();
        assert_eq!(rounded, *values, "{key:?}");
    }
}

#[test]
fn la_haute_borne_raw_equals_canonical() {
    // 34 temperatures, and seven values of each of the 48 moved twins.
    compare("la_haute_borne", "raw/la_haute_borne/la-haute-borne-data-2014-2015.csv.gz", 34 + 48 * 7);
}

#[test]
fn tetouan_raw_equals_canonical() {
    compare("tetouan", "raw/tetouan/Tetuan City power consumption.csv", 0);
}

#[test]
fn etth1_is_read_in_place() {
    let Some(path) = shared("etth1/ETTh1.csv") else { return };
    let mapping = Mapping::parse(public_set("etth1").unwrap().mapping, "etth1", &Quantities::standard()).unwrap();
    let mut source = FileSource::open(&path, &mapping, &FileOptions::default()).unwrap();
    let pages = all(|| source.read_page().unwrap());
    assert_eq!((count(&pages), pages[0].rejects.len()), (17_420, 0));
}

#[test]
fn every_canonical_directory_holds_the_rows_it_promises() {
    let sets = [
        "edp_alarm_log",
        "gefcom2012_wind",
        "gefcom2014_load_golden",
        "gefcom2014_solar",
        "la_haute_borne",
        "pjm",
        "pvanalytics",
        "tetouan",
    ];
    for set in sets {
        let Some(path) = shared(set) else { continue };
        let directory = DatasetDirectory::open(&path).unwrap();
        let mut source = directory.source(None).unwrap();
        let total = source.total_bytes();
        let pages = all(|| source.read_page().unwrap());
        let rejects: Vec<_> = pages.iter().flat_map(|page| &page.rejects).take(3).collect();
        assert!(rejects.is_empty(), "{set}: {rejects:?}");
        assert_eq!(Some(count(&pages)), directory.expected_rows(), "{set}");
        assert_eq!(pages.last().unwrap().bytes_read, total, "{set}");
        assert!(matches!(&pages[0].rows[0], Rows::Assets(assets) if assets.len() == directory.assets().len()));
    }
}

#[test]
fn a_cursor_goes_on_where_the_page_ended() {
    let Some(path) = shared("tetouan") else { return };
    let directory = DatasetDirectory::open(&path).unwrap();
    let mut source = directory.source(None).unwrap();
    let pages = all(|| source.read_page().unwrap());
    for index in [0, 2, pages.len() - 2] {
        let mut again = directory.source(None).unwrap();
        again.go_to(pages[index].cursor.as_ref().unwrap()).unwrap();
        assert_eq!(again.read_page().unwrap(), pages[index + 1], "after page {index}");
    }
}

#[test]
fn loading_keeps_what_was_asked_for() {
    let Some(path) = shared("tetouan") else { return };
    let directory = DatasetDirectory::open(&path).unwrap();
    let filter = Filter { assets: vec!["zone_*".into()], quantities: vec![Quantity::LOAD], weather: true };
    let loaded = directory.load(&filter).unwrap();
    let ids: Vec<&str> = loaded.frames.iter().map(|frame| frame.asset.id.as_str()).collect();
    assert_eq!(ids, ["zone_1", "zone_2", "zone_3"]);
    assert_eq!(loaded.assets.len(), 4, "three zones and their parent");
    let frame = &loaded.frames[0];
    assert_eq!((frame.len, frame.start), (52_416, parse_time("2016-12-31T23:00:00Z").unwrap()));
    assert_eq!(frame.column(&Quantity::LOAD).unwrap()[0], 34_055.7);
    assert!(frame.column(&Quantity::TEMP_AIR).is_none());
    let error = directory.load(&Filter { assets: vec!["zone1".into()], ..Filter::default() }).unwrap_err().to_string();
    assert!(error.contains("zone_1"), "{error}");
}

#[test]
fn weather_forecasts_are_loaded_by_asset() {
    let Some(path) = shared("gefcom2012_wind") else { return };
    let filter = Filter { assets: vec!["wf1".into()], quantities: Vec::new(), weather: true };
    let loaded = DatasetDirectory::open(&path).unwrap().load(&filter).unwrap();
    let weather = loaded.weather.values().next().unwrap();
    assert_eq!((loaded.weather.len(), loaded.frames.len()), (3, 1));
    assert_eq!(weather.quantities.len(), 4);
    assert_eq!(weather.rows[0].values, [2.34, -0.79, 2.47, 288.68]);
}

#[test]
fn mistakes_in_a_directory_are_named_with_the_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    let error = || DatasetDirectory::open(dir.path()).unwrap_err().to_string();
    assert!(error().contains("no CSV"), "{}", error());
    put("export.csv", "Zeit;Leistung\n");
    assert!(error().contains("mapping"), "{}", error());
    std::fs::remove_file(dir.path().join("export.csv")).unwrap();
    put("meter.csv", "time,asset_id,load,heat\n2024-01-01T00:00:00Z,M,2,3\n");
    assert!(error().contains("path = \"meter.csv\""), "{}", error());
    let manifest = "name = \"x\"\nresolution = \"PT1H\"\nlicense = \"MIT\"\n[[file]]\npath = \"meter.csv\"\ntable = \"meter\"\n";
    put("dataset.toml", manifest);
    put("assets.csv", "asset_id,kind\nM,metre\n");
    assert!(error().contains("line 2") && error().contains("\"meter\""), "{}", error());
    put("assets.csv", "asset_id,kind\nM,region\n");
    assert!(error().contains("[units]: heat"), "{}", error());
    put("dataset.toml", &format!("{manifest}[units]\nheat = \"MW\"\nload = \"MW\"\n"));
    let directory = DatasetDirectory::open(dir.path()).unwrap();
    assert!(directory.notes()[0].contains("\"licence\""), "{:?}", directory.notes());
    let mut source = directory.source(None).unwrap();
    let got = rows(&all(|| source.read_page().unwrap()));
    let (key, values) = got.first_key_value().unwrap();
    assert_eq!(key.0, AssetKind::Region, "the asset's kind decides the table, not the file");
    assert_eq!((values["load"], values["heat"]), (Some(2000.0), Some(3.0)));
}

#[test]
fn annotations_are_loaded_with_what_their_file_says_and_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    let files = ["meter.csv\"\ntable = \"meter", "notes.csv\"\ntable = \"annotations"];
    let files: String = files.iter().map(|file| format!("[[file]]\npath = \"{file}\"\n")).collect();
    put("dataset.toml", &format!("name = \"x\"\nresolution = \"PT1H\"\n{files}"));
    put("assets.csv", "asset_id,kind\nM,meter\n");
    put("meter.csv", "time,asset_id,load\n2024-01-01T00:00:00Z,M,2\n");
    put(
        "notes.csv",
        "asset_id,start,end,kind,capacity_kw,available_at\n\
         M,2024-01-01T00:00:00Z,2024-01-02T00:00:00Z,curtailment,5,2023-12-31T00:00:00Z\n\
         ,2024-01-03T00:00:00Z,2024-01-04T00:00:00Z,holiday,,\n",
    );
    let loaded = DatasetDirectory::open(dir.path()).unwrap().load(&Filter::default()).unwrap();
    let told: Vec<_> = loaded.annotations.iter().map(|a| (a.kind.name(), a.capacity_kw, a.available_at.to_string())).collect();
    let expected =
        [("curtailment", Some(5.0), "2023-12-31T00:00:00Z".to_owned()), ("holiday", None, "2024-01-04T00:00:00Z".to_owned())];
    assert_eq!(told, expected);
    assert_eq!((loaded.frames.len(), loaded.annotations[1].asset.as_ref()), (1, None));
}
