//! Numbered rows: from its number follow a row's time and values, so that what is read back can be judged without a copy of it.

use super::server;
use reqwest::Client;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// 2026-01-01T00:00:00Z.
const START: i64 = 1_767_225_600;

/// The row of a writer with that number. Within 64 rows, times come in no order; every third row has a second value.
pub(super) fn row(writer: usize, number: u64) -> Value {
    let mut row = json!({ "asset_id": asset(writer), "time": time(number), "active_power": power(writer, number) });
    if number.is_multiple_of(3) {
        row["wind_speed"] = json!((number % 25) as f64);
    }
    row
}

/// The asset a writer writes.
pub(super) fn asset(writer: usize) -> String {
    format!("W{writer}")
}

/// RFC 3339, one second per number, shuffled within 64.
pub(super) fn time(number: u64) -> String {
    let second = START + i64::try_from(number ^ 0x2b).unwrap();
    jiff::Timestamp::from_second(second).unwrap().to_string()
}

fn power(writer: usize, number: u64) -> f64 {
    (number % 1000) as f64 + writer as f64 / 4.0
}

/// Reads the rows of a writer from number `from` (a multiple of 64) on: each number once with its values, or it says what is wrong.
pub(super) async fn read_back(client: &Client, base: &str, key: &str, writer: usize, from: u64) -> Vec<u64> {
    let first = jiff::Timestamp::from_second(START + i64::try_from(from).unwrap()).unwrap();
    let statement = format!(
        "SELECT CAST(EXTRACT(EPOCH FROM time) AS BIGINT), active_power, wind_speed FROM wind_turbine \
         WHERE asset_id = '{}' AND time >= TIMESTAMP '{first}'",
        asset(writer)
    );
    let mut seen: BTreeMap<u64, ()> = BTreeMap::new();
    for cells in server::sql(client, base, key, &statement).await {
        let number = u64::try_from(cells[0].as_i64().unwrap() - START).unwrap() ^ 0x2b;
        assert_eq!(seen.insert(number, ()), None, "writer {writer}: row {number} is there twice");
        let wind = if number.is_multiple_of(3) { json!((number % 25) as f64) } else { Value::Null };
        assert_eq!(cells[1..], [json!(power(writer, number)), wind], "writer {writer}: row {number} has other values");
    }
    seen.into_keys().collect()
}
