//! The other shapes: rows with pointers, one address per device, what is current, Open-Meteo.

use super::super::drive::Drive;
use super::historian::{Historian, S, points, rows};
use super::{Link, Protocol, SOON, Timestamp, points_file};
use connectors::live::Points;
use connectors::polled::Settings;
use engine::domain::Quantities;
use serde_json::json;

fn settings(port: u16, path: &str, more: &str) -> Settings {
    toml::from_str(&format!("url = \"http://127.0.0.1:{port}{path}\"\nevery_s = 0.1\ntimeout_s = 2.0\n{more}")).unwrap()
}

const ROWS: &str = r#"
[[assets]]
id = "t1"
kind = "wind_turbine"
[[assets]]
id = "t2"
kind = "wind_turbine"
[[points]]
address = "/m/power"
asset = "t1"
quantity = "active_power"
unit = "MW"
KEY1
[[points]]
address = "/m/power"
asset = "t2"
quantity = "active_power"
unit = "MW"
KEY2
"#;

#[tokio::test]
async fn rows_with_pointers_by_their_own_key_or_by_device() {
    let Some(mut historian) = Historian::start() else { return };
    let (held, expected) = rows(&historian, 600, 30);
    historian.put(held);
    let json = "shape = \"json\"\nrows = \"/data/items\"\ntime = \"/at\"\n";
    let ways = [
        ("/rows?from={from}&to={to}", "when = { \"/turbine\" = \"A\" }", "when = { \"/turbine\" = \"C\" }"),
        ("/rows/{device}?from={from}&to={to}&device={device}", "device = \"A\"", "device = \"C\""),
    ];
    for (path, first, second) in ways {
        let settings = settings(historian.port, path, json);
        let mut drive = Drive::open(&settings, &points(&ROWS.replace("KEY1", first).replace("KEY2", second)));
        assert!(drive.until(SOON, |drive| drive.kept.values == expected).await, "{path}: {:?}", drive.kept.rejects);
        assert_eq!(drive.kept.rejects, []);
    }
    let settings = settings(historian.port, ways[0].0, &json.replace("/data/items", "/data/rows"));
    let mut drive = Drive::open(&settings, &points(&ROWS.replace("KEY1", "").replace("KEY2", "")));
    assert!(drive.until(SOON, |drive| drive.link.status().failures > 0).await);
    let told = drive.link.status().last_error.unwrap();
    assert!(told.contains("rows = \"/data/rows\"") && told.contains("/data"), "{told}");
}

#[tokio::test]
async fn a_device_without_a_row_is_no_error() {
    let Some(mut historian) = Historian::start() else { return };
    let t = historian.ago(60);
    historian.put(json!({"A": {"rows": {t.to_string(): {"Value": 1.5}}}}));
    let json = "shape = \"json\"\nrows = \"/data/items\"\ntime = \"/at\"\n";
    let settings = settings(historian.port, "/rows?from={from}&to={to}", json);
    let text = ROWS.replace("KEY1", "when = { \"/turbine\" = \"A\" }").replace("KEY2", "when = { \"/turbine\" = \"C\" }");
    let mut drive = Drive::open(&settings, &points(&text));
    assert!(drive.until(SOON, |drive| drive.kept.arrivals >= 2).await);
    assert_eq!(drive.kept.rejects, [], "t2 has nothing to tell");
    // A row without what was asked for is one.
    let mut drive = Drive::open(&settings, &points(&text.replacen("/m/power", "/m/watts", 1)));
    assert!(drive.until(SOON, |drive| !drive.kept.rejects.is_empty()).await);
    assert!(drive.kept.rejects[0].detail.contains("/m/watts"), "{:?}", drive.kept.rejects);
}

#[tokio::test]
async fn what_is_current_comes_with_the_time_of_its_arrival() {
    let Some(historian) = Historian::start() else { return };
    let settings = settings(historian.port, "/current", "shape = \"json\"\n");
    let link = Link::new("http", Timestamp::now);
    let found = settings.discover(&link, &|_| {}).await.unwrap();
    let names: Vec<_> = found.iter().map(|thing| thing.address.as_str()).collect();
    assert_eq!(names, ["/power", "/state/ok"]);
    let text = points_file(&settings.peer(), &found);
    let read = std::sync::Arc::new(Points::parse(&text, "found.toml", &Quantities::standard()).unwrap());
    let before = Timestamp::now().as_microsecond();
    let mut drive = Drive::open(&settings, &read);
    assert!(drive.until(SOON, |drive| drive.kept.values.len() >= 3).await);
    assert!(drive.kept.values.iter().all(|(key, value)| *value == 5.5 && key.2 >= before), "{:?}", drive.kept.values);
}

#[tokio::test]
async fn open_meteo_gives_what_was_and_not_what_will_be() {
    let Some(mut historian) = Historian::start() else { return };
    let hour = historian.ago(0) / (3600 * S) * 3600;
    let times: Vec<i64> = (-3..3).map(|number| hour + number * 3600).collect();
    historian.order(&json!({"weather": [
        {"utc_offset_seconds": 0, "hourly": {"time": [], "temperature_2m": []}},
        {
            "latitude": 27.9, "longitude": -12.9, "utc_offset_seconds": 3600, "timezone": "GMT+1",
            "hourly_units": {"time": "unixtime", "temperature_2m": "°C", "shortwave_radiation": "W/m²"},
            "hourly": {"time": times, "temperature_2m": [18.0, 19.0, null, 21.0, 22.0, 23.0], "shortwave_radiation": [1, 2, 3, 4, 5, 6]},
            "current_units": {"time": "unixtime", "wind_speed_10m": "km/h"},
            "current": {"time": hour, "interval": 900, "wind_speed_10m": 36.0},
        },
    ]}));
    let text = r#"
[[assets]]
id = "mast"
kind = "weather_station"
[[points]]
address = "/hourly/temperature_2m"
asset = "mast"
quantity = "temp_air"
unit = "degC"
location = 1
[[points]]
address = "/hourly/shortwave_radiation"
asset = "mast"
quantity = "ghi"
location = 1
shift_s = -3600
[[points]]
address = "/current/wind_speed_10m"
asset = "mast"
quantity = "wind_speed"
unit = "km/h"
location = 1
"#;
    let settings = settings(historian.port, "/v1/forecast?latitude=0,27.9&timeformat=unixtime", "shape = \"open_meteo\"\n");
    let mut drive = Drive::open(&settings, &points(text));
    assert!(drive.until(SOON, |drive| drive.kept.values.len() >= 8).await, "{:?}", drive.kept);
    let series = |quantity: &str| -> Vec<(i64, f64)> {
        drive.kept.series("mast", quantity).iter().map(|(time, value)| ((time / S - hour) / 3600, *value)).collect()
    };
    assert_eq!(series("temp_air"), [(-3, 18.0), (-2, 19.0), (0, 21.0)]);
    assert_eq!(series("ghi"), [(-4, 1.0), (-3, 2.0), (-2, 3.0), (-1, 4.0)], "the mean of the hour before stands at its beginning");
    assert_eq!(series("wind_speed"), [(0, 10.0)]);
    let found = settings.discover(&Link::new("http", Timestamp::now), &|_| {}).await.unwrap();
    assert_eq!(found[0].address, "/hourly/temperature_2m");
}
