//! IEC 60870-5-104: c104 (lib60870-C) for values and manners, a scripted station for what must not be lost.
//!
//! In: nothing. Out: failures. Not here: frames octet by octet, which the connector's own tests have.

mod faults;
mod links;
mod rtu;
mod values;

use super::drive::{Drive, Values, points};
use connectors::iec104::Settings;
use connectors::live::Points;
use engine::domain::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// Enough for anything here.
const SOON: Duration = Duration::from_secs(30);

const POINTS: &str = r#"
[[assets]]
id = "t01"
kind = "wind_turbine"

[[points]]
address = "13/4001"
asset = "t01"
quantity = "active_power"
unit = "MW"

[[points]]
address = "13/4002"
asset = "t01"
quantity = "wind_speed"

[[points]]
address = "13/4003"
asset = "t01"
event = "Gearbox oil too hot"
"#;

/// Keys that make a dead link be seen within a second and a half.
const HASTY: &str = "t1_s = 1\nt2_s = 0.5\nt3_s = 0.5";

/// Settings as they are, and a short time to discover.
fn settings(ports: &[u16], extra: &str) -> Settings {
    let links: Vec<String> = ports.iter().map(|port| format!("\"127.0.0.1:{port}\"")).collect();
    let text = format!("links = [{}]\ndiscover_s = 2\n{extra}", links.join(", "));
    toml::from_str(&text).unwrap()
}

fn plant() -> Arc<Points> {
    points(POINTS)
}

/// A whole second an hour ago, µs.
fn an_hour_ago() -> i64 {
    Timestamp::now().as_second() * 1_000_000 - 3_600_000_000
}

/// CP56Time2a, UTC.
fn tag(micros: i64) -> [u8; 7] {
    let time = Timestamp::from_microsecond(micros).unwrap().to_zoned(jiff::tz::TimeZone::UTC);
    let [low, high] = (time.second() as u16 * 1000 + time.millisecond() as u16).to_le_bytes();
    [low, high, time.minute() as u8, time.hour() as u8, time.day() as u8, time.month() as u8, (time.year() - 2000) as u8]
}

/// M_ME_TF_1 of station 13, spontaneous: object, value, time.
fn floats(objects: &[(u16, f32, i64)]) -> Vec<u8> {
    let mut asdu = vec![36, objects.len() as u8, 3, 0, 13, 0];
    for (object, value, time) in objects {
        asdu.extend(object.to_le_bytes());
        asdu.push(0);
        asdu.extend(value.to_le_bytes());
        asdu.push(0);
        asdu.extend(tag(*time));
    }
    asdu
}

/// Frames `range` of a story, one power and one wind speed each, a second apart, and what is to be kept of them.
fn story(base: i64, range: std::ops::Range<u32>) -> (Vec<Vec<u8>>, Values) {
    let (mut asdus, mut values) = (Vec::new(), Values::new());
    for index in range {
        let time = base + i64::from(index) * 1_000_000;
        let (power, wind) = (index as f32 / 256.0, (index % 20) as f32);
        asdus.push(floats(&[(4001, power, time), (4002, wind, time)]));
        values.insert(("t01".into(), "active_power".into(), time), f64::from(power) * 1000.0);
        values.insert(("t01".into(), "wind_speed".into(), time), f64::from(wind));
    }
    (asdus, values)
}

/// Pages until as many values are kept as expected, then compares them.
async fn complete(drive: &mut Drive, expected: &Values) {
    let count = expected.len();
    let is_whole = soon(drive, |drive| drive.kept.values.len() >= count).await;
    assert!(is_whole, "{} of {count} values after {SOON:?}; {:?}", drive.kept.values.len(), drive.link.status());
    assert!(drive.kept.values == *expected, "values differ");
    assert_eq!(drive.kept.rejects, []);
}

/// Pages until `enough`, which is asked also while nothing comes. False when [`SOON`] is over.
async fn soon(drive: &mut Drive, enough: impl Fn(&Drive) -> bool) -> bool {
    let end = tokio::time::Instant::now() + SOON;
    while tokio::time::Instant::now() < end {
        if drive.until(Duration::from_millis(50), &enough).await {
            return true;
        }
    }
    false
}
