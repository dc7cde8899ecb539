//! Fixtures and bad files through the whole source. What GRIB2 should give is ecCodes' own reading (`fixtures/expected.csv`).

use super::WeatherOptions;
use super::WeatherSource;
use arrow::array::Array;
use arrow::array::AsArray;
use arrow::datatypes::Float64Type;
use arrow::datatypes::TimestampMicrosecondType;
use engine::domain::Asset;
use engine::domain::AssetId;
use engine::domain::AssetKind;
use engine::domain::Location;
use engine::domain::from_micros;
use engine::source::Reject;
use engine::source::Rows;
use engine::source::SourceError;
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

/// `source asset init known valid` and the values that are there.
type Read = BTreeMap<String, BTreeMap<String, f64>>;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/weather/fixtures").join(name)
}

fn options(places: &[(&str, f64, f64)]) -> WeatherOptions {
    let asset = |(id, latitude, longitude): &(&str, f64, f64)| {
        let mut asset = Asset::new(AssetId::parse(id).unwrap(), AssetKind::WindPlant);
        asset.location = Some(Location { latitude: *latitude, longitude: *longitude });
        asset
    };
    WeatherOptions { assets: places.iter().map(asset).collect(), ..WeatherOptions::default() }
}

fn whole(paths: &[PathBuf], options: &WeatherOptions) -> Result<(Read, Vec<Reject>, Vec<String>), SourceError> {
    let mut source = WeatherSource::open(paths, options)?;
    let (mut read, mut rejects) = (Read::new(), Vec::new());
    loop {
        let page = source.read_page()?;
        rejects.extend(page.rejects);
        for rows in page.rows {
            let Rows::Other(_, batch) = rows else { panic!("weather makes rows of one table") };
            let text = |name: &str, row: usize| batch[name].as_string::<i32>().value(row).to_owned();
            let time = |name: &str, row: usize| {
                let text = from_micros(batch[name].as_primitive::<TimestampMicrosecondType>().value(row)).to_string();
                text.trim_start_matches("2026-11-").trim_end_matches(":00Z").to_owned()
            };
            for row in 0..batch.num_rows() {
                let key = [text("source", row), text("asset_id", row), time("init_time", row), time("available_at", row)];
                let values = read.entry(format!("{} {}", key.join(" "), time("valid_time", row))).or_default();
                for (name, column) in batch.schema().fields().iter().map(|field| field.name()).zip(batch.columns()) {
                    let Some(column) = column.as_primitive_opt::<Float64Type>() else { continue };
                    if column.is_valid(row) {
                        values.insert(name.clone(), (column.value(row) * 1e4).round() / 1e4 + 0.0);
                    }
                }
            }
        }
        if page.done {
            return Ok((read, rejects, source.summary().lines()));
        }
    }
}

fn values(pairs: &[(&str, f64)]) -> BTreeMap<String, f64> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
}

fn error(paths: &[PathBuf], options: &WeatherOptions) -> String {
    whole(paths, options).unwrap_err().to_string()
}

#[test]
fn open_meteo_gives_each_asset_its_point_each_model_its_source_and_each_value_its_unit() {
    let mut options = options(&[("tarfaya", 27.94, -12.92), ("noor", 30.99, -6.86), ("casablanca", 33.6, -7.6)]);
    options.init_time = Some("2026-11-22T05:00:00Z".parse().unwrap());
    let (read, rejects, lines) = whole(&[fixture("forecast.json")], &options).unwrap();
    let row = |key: &str| read.get(key).unwrap_or_else(|| panic!("{key} is not in {:#?}", read.keys()));
    // The clock of the file is an hour ahead of UTC; a mean ending at 06:00 UTC is that of 05:00.
    let first = [("ghi", 0.0), ("pressure", 101_250.0), ("temp_air", 15.0), ("wind_u_100m", 0.0), ("wind_v_100m", -5.0)];
    assert_eq!(*row("open_meteo_icon_eu tarfaya 22T05:00 22T11:00 22T05:00"), values(&first));
    let second = [("ghi", 40.5), ("pressure", 101_250.0), ("temp_air", 16.0), ("wind_u_100m", -10.0), ("wind_v_100m", 0.0)];
    assert_eq!(*row("open_meteo_icon_eu tarfaya 22T05:00 22T11:00 22T06:00"), values(&second));
    let last = [("pressure", 101_325.0), ("wind_u_100m", 10.0), ("wind_v_100m", 0.0)];
    assert_eq!(*row("open_meteo_icon_eu tarfaya 22T05:00 22T11:00 22T08:00"), values(&last), "null is nothing, not nought");
    let other = [("temp_air", 14.0), ("wind_speed_10m", 5.1444)];
    assert_eq!(*row("open_meteo_gfs_global tarfaya 22T05:00 22T11:00 22T05:00"), values(&other));
    assert_eq!(*row("open_meteo_icon_eu noor 22T05:00 22T11:00 22T07:00"), values(&[("temp_air", 10.0)]));
    assert_eq!(read.len(), 12, "hours before the run are no forecast: {:#?}", read.keys());
    assert_eq!((rejects.len(), rejects[0].reason), (1, "too_far"));
    assert!(rejects[0].detail.contains("casablanca") && rejects[0].detail.contains(" km"), "{}", rejects[0].detail);
    assert!(lines.iter().any(|line| line.contains("weather_code")), "{lines:?}");
}

#[test]
fn a_file_that_does_not_say_its_run_was_known_when_it_was_written() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("now.json");
    std::fs::copy(fixture("forecast.json"), &path).unwrap();
    let written: jiff::Timestamp = "2026-11-22T11:17:30Z".parse().unwrap();
    std::fs::File::options().write(true).open(&path).unwrap().set_modified(written.into()).unwrap();
    let mut options = options(&[("tarfaya", 27.94, -12.92)]);
    options.source = Some("nwp".into());
    let (read, ..) = whole(std::slice::from_ref(&path), &options).unwrap();
    assert!(read.keys().all(|key| key.contains(" 22T05:00 ")), "six hours before, on the hour: {:#?}", read.keys());
    assert!(read.keys().all(|key| key.starts_with("nwp_") && key.contains(" 22T11:17:30Z ")), "{:#?}", read.keys());
    options.delay = Some(SignedDuration::from_hours(1));
    assert!(error(&[path], &options).contains("--init-time"), "the run of 10:00 says nothing about 05:00 to 08:00");
}

#[test]
fn previous_runs_are_runs_of_their_own_and_never_known_too_early() {
    let options = options(&[("tarfaya", 27.94, -12.92)]);
    let (read, ..) = whole(&[fixture("previous_runs.json")], &options).unwrap();
    let row = |key: &str| read.get(&format!("open_meteo tarfaya {key}")).cloned();
    assert_eq!(row("21T12:00 21T19:00 22T12:00"), Some(values(&[("ghi", 510.0), ("temp_air", 20.0)])));
    assert_eq!(row("20T13:00 20T20:00 22T13:00"), Some(values(&[("temp_air", 19.5)])));
    assert_eq!(row("22T12:00 22T19:00 22T12:00"), Some(values(&[("temp_air", 21.0)])), "the newest run is known after its hour");
    assert_eq!(row("21T11:00 21T18:00 22T11:00"), Some(values(&[("ghi", 500.0)])));
}

#[test]
fn grib2_says_what_eccodes_reads() {
    let places = [("tarfaya", 27.94, -12.92), ("edge", 26.0, -15.0), ("corner", 29.0, -11.25), ("paris", 48.9, 2.3)];
    let (read, rejects, lines) = whole(&[fixture("small.grib2")], &options(&places)).unwrap();
    let expected = std::fs::read_to_string(fixture("expected.csv")).unwrap();
    let mut wanted = 0;
    for line in expected.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let valid = cells[1].trim_start_matches("2026-11-").trim_end_matches(":00Z");
        let row = &read[&format!("ecmwf {} 22T00:00 22T06:00 {valid}", cells[0])];
        let (got, value) = (row[cells[2]], cells[3].parse::<f64>().unwrap());
        // Values are 32-bit floats on the way.
        assert!((got - value).abs() <= 2e-6 * value.abs() + 2e-3, "{line}: {got}");
        wanted += 1;
    }
    assert_eq!(wanted, read.values().map(BTreeMap::len).sum::<usize>(), "nothing else came");
    assert_eq!((wanted, rejects.len(), rejects[0].reason), (3 * 18, 1, "outside_grid"));
    assert!(rejects[0].detail.contains("paris"), "{}", rejects[0].detail);
    assert!(lines[0].starts_with("ecmwf: the run of 2026-11-22T00:00:00Z, known 6 h after"), "{lines:?}");
    assert!(lines[1].contains("0.0.0 on surface 106"), "{lines:?}");
    assert!(error(&[fixture("small.grib2")], &options(&places[3..])).contains("no asset lies in its grid"));
}

#[test]
fn csv_takes_the_source_and_the_delay_it_does_not_say() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("mine.csv");
    let options = WeatherOptions { delay: Some(SignedDuration::from_hours(3)), ..options(&[("tarfaya", 27.94, -12.92)]) };
    let rows = "init_time,valid_time,asset_id,wind_speed_100m\n2026-11-22T00:00:00Z,2026-11-22T05:00:00Z,tarfaya,8.5\n";
    std::fs::write(&path, format!("{rows}2026-11-22T00:00:00Z,2026-11-22T06:00:00Z,tarfay,9\n")).unwrap();
    let paths = [path.clone()];
    assert!(error(&paths, &options).contains("\"source\""));
    let named = WeatherOptions { source: Some("mine".into()), ..options.clone() };
    let (read, rejects, _) = whole(&paths, &named).unwrap();
    assert_eq!(read["mine tarfaya 22T00:00 22T03:00 22T05:00"], values(&[("wind_speed_100m", 8.5)]));
    assert_eq!((read.len(), rejects[0].line, rejects[0].reason), (1, Some(3), "unknown_asset"));
    assert!(rejects[0].detail.contains("\"tarfaya\""), "{}", rejects[0].detail);
    let said = "source,init_time,available_at,valid_time,asset_id,ghi\nx,2026-11-22T00:00:00Z,2026-11-22T04:30:00Z,2026-11-22T05:00:00Z,tarfaya,8\n";
    std::fs::write(&path, said).unwrap();
    assert_eq!(whole(&paths, &options).unwrap().0.keys().collect::<Vec<_>>(), ["x tarfaya 22T00:00 22T04:30 22T05:00"]);
}

#[test]
fn bad_files_are_told_with_place_and_remedy() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("bad");
    let mut options = options(&[("tarfaya", 27.94, -12.92)]);
    options.init_time = Some("2026-11-22T05:00:00Z".parse().unwrap());
    let fault = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        error(std::slice::from_ref(&path), &options)
    };
    let json = std::fs::read_to_string(fixture("forecast.json")).unwrap();
    for (from, to, remedy) in [
        ("59.0, 60.8", "\"warm\", 60.8", "temperature_2m_icon_eu at 2026-11-22T05:00:00Z"),
        ("59.0, 60.8", "59.0", "one value per time"),
        ("\"W/m²\"", "\"K\"", "shortwave_radiation_icon_eu: K is no unit"),
        ("2026-11-22T06:00\"", "yesterday\"", "hourly.time"),
        ("\"latitude\"", "\"lat\"", "location 1: latitude is missing"),
        ("\"hourly\"", "\"daily\"", "&hourly="),
        ("27.9375", "47.9375", "km from asset tarfaya"),
    ] {
        let said = fault(json.replacen(from, to, 1).as_bytes());
        assert!(said.contains(remedy) && said.contains("bad"), "{to}: {said}");
    }
    assert!(fault(b"{\"error\": true, \"reason\": \"no such model\"}").contains("no such model"));
    assert!(fault(b"{\"latitude\": 1").contains("not JSON"));
    assert!(fault(b"").contains("empty") && fault(b"BZh91AY").contains("bunzip2") && fault(b"CDF\x01").contains("cdo"));
    let grib = std::fs::read(fixture("small.grib2")).unwrap();
    assert!(fault(&grib[..grib.len() - 9]).contains("download the file again"));
    let mut first = grib.clone();
    first[7] = 1;
    let said = fault(&first);
    assert!(said.contains("message 1 at byte 0") && said.contains("edition=2"), "{said}");
    assert!(fault(b"GRIB, he said").contains("message 1"));
    assert!(WeatherSource::open(&[home.path().join("none")], &options).unwrap_err().to_string().contains("none"));
    let wild = json.replacen("59.0, 60.8", "590.0, 60.8", 1);
    std::fs::write(&path, wild).unwrap();
    let (_, rejects, _) = whole(std::slice::from_ref(&path), &options).unwrap();
    assert!(rejects[0].reason == "out_of_range" && rejects[0].detail.contains("temp_air"), "{rejects:?}");
}

#[test]
fn no_damage_to_a_message_is_more_than_an_error() {
    let grib = std::fs::read(fixture("small.grib2")).unwrap();
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("damaged.grib2");
    let options = options(&[("tarfaya", 27.94, -12.92)]);
    let (mut good, mut bad) = (0, 0);
    for round in 0..400_usize {
        let mut bytes = grib.clone();
        for change in 0..3_usize {
            let at = (round * 7919 + change * 104_729) % bytes.len();
            bytes[at] = (round * 31 + change * 17) as u8;
        }
        std::fs::write(&path, bytes).unwrap();
        match whole(std::slice::from_ref(&path), &options) {
            Ok(_) => good += 1,
            Err(error) => {
                assert!(error.to_string().contains("damaged.grib2"), "{error}");
                bad += 1;
            }
        }
    }
    assert!(good > 0 && bad > 0, "{good} read, {bad} refused");
}
