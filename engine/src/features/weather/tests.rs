//! The index against the plain reading of its rule, with one source and with several.

use super::{WeatherIndex, WeatherLayout};
use crate::domain::{Quantity, Timestamp, WeatherForecasts, WeatherRow, micros};

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn row(source: usize, init: &str, known: &str, valid: &str, value: f64) -> WeatherRow {
    WeatherRow { source, init_time: time(init), available_at: time(known), valid_time: time(valid), values: vec![value] }
}

fn weather(sources: &[&str], rows: Vec<WeatherRow>) -> WeatherForecasts {
    let sources = sources.iter().map(|name| (*name).to_owned()).collect();
    WeatherForecasts { sources, quantities: vec![Quantity::GHI], rows }
}

fn index(weather: &WeatherForecasts, first: &str) -> WeatherIndex {
    WeatherIndex::new(weather, &WeatherLayout::known_at(weather, time(first)))
}

fn newest(index: &WeatherIndex, valid: &str, issue: &str) -> Option<Vec<f64>> {
    index.newest(micros(time(valid)), micros(time(issue))).map(|found| found.0)
}

/// The rule, read aloud: of the rows known at `issue` about `valid` the one of the newest run.
fn plainly(weather: &WeatherForecasts, valid: &str, issue: &str) -> Option<Vec<f64>> {
    let rows = weather.rows.iter().filter(|row| row.available_at <= time(issue) && row.valid_time == time(valid));
    rows.max_by_key(|row| row.init_time).map(|row| row.values.clone())
}

#[test]
fn the_newest_run_known_then_is_heard_and_hours_are_joined_by_lines() {
    let weather = weather(
        &["model"],
        vec![
            row(0, "2020-01-01T00:00:00Z", "2020-01-01T06:00:00Z", "2020-01-02T00:00:00Z", 1.0),
            row(0, "2020-01-01T12:00:00Z", "2020-01-01T18:00:00Z", "2020-01-02T00:00:00Z", 2.0),
            row(0, "2020-01-01T12:00:00Z", "2020-01-01T18:00:00Z", "2020-01-02T01:00:00Z", 4.0),
        ],
    );
    let index = index(&weather, "2020-01-01T06:00:00Z");
    for issue in ["2020-01-01T05:00:00Z", "2020-01-01T06:00:00Z", "2020-01-01T17:59:59Z", "2020-01-01T18:00:00Z"] {
        for valid in ["2020-01-02T00:00:00Z", "2020-01-02T01:00:00Z"] {
            assert_eq!(newest(&index, valid, issue), plainly(&weather, valid, issue), "{valid} at {issue}");
        }
    }
    let count = |issue: &str| {
        let told = |runs: super::Runs<'_>| Some([runs.count() as f64]).filter(|count| count[0] > 0.0);
        index.runs(micros(time("2020-01-02T00:00:00Z")), micros(time(issue)), told).map(|count| count[0]).sum::<f64>()
    };
    assert_eq!((count("2020-01-01T06:00:00Z"), count("2020-01-01T18:00:00Z")), (1.0, 2.0));
    assert_eq!(newest(&index, "2020-01-02T00:30:00Z", "2020-01-01T18:00:00Z").unwrap(), [3.0]);
}

#[test]
fn a_run_to_come_does_not_show_by_its_hours() {
    let mut weather = weather(
        &["model"],
        vec![
            row(0, "2020-01-01T00:00:00Z", "2020-01-01T06:00:00Z", "2020-01-02T00:00:00Z", 1.0),
            row(0, "2020-01-01T00:00:00Z", "2020-01-01T06:00:00Z", "2020-01-02T01:00:00Z", 3.0),
        ],
    );
    let (valid, issue) = ("2020-01-02T00:30:00Z", "2020-01-01T12:00:00Z");
    assert_eq!(newest(&index(&weather, issue), valid, issue).unwrap(), [2.0]);
    weather.rows.push(row(0, "2020-01-01T12:00:00Z", "2020-01-01T18:00:00Z", valid, 900.0));
    assert_eq!(newest(&index(&weather, issue), valid, issue).unwrap(), [2.0]);
    assert_eq!(newest(&index(&weather, issue), valid, "2020-01-01T18:00:00Z").unwrap(), [900.0]);
}

#[test]
fn several_sources_are_heard_together_each_on_its_own_hours() {
    let weather = weather(
        &["fine", "coarse", "late"],
        vec![
            row(0, "2020-01-01T00:00:00Z", "2020-01-01T06:00:00Z", "2020-01-02T00:00:00Z", 100.0),
            row(0, "2020-01-01T00:00:00Z", "2020-01-01T06:00:00Z", "2020-01-02T01:00:00Z", 120.0),
            row(0, "2020-01-01T06:00:00Z", "2020-01-01T12:00:00Z", "2020-01-02T01:00:00Z", 140.0),
            row(1, "2020-01-01T03:00:00Z", "2020-01-01T09:00:00Z", "2020-01-02T00:00:00Z", 200.0),
            row(1, "2020-01-01T03:00:00Z", "2020-01-01T09:00:00Z", "2020-01-02T03:00:00Z", 260.0),
            row(2, "2020-01-01T18:00:00Z", "2020-01-02T00:00:00Z", "2020-01-02T01:00:00Z", 900.0),
        ],
    );
    let index = index(&weather, "2020-01-01T09:00:00Z");
    assert_eq!((index.layout().sources(), index.width()), (["coarse".to_owned(), "fine".to_owned()].as_slice(), 3));
    // The coarse source is between two of its own hours; the newest is the run of 03 at first, that of 06 later.
    assert_eq!(newest(&index, "2020-01-02T01:00:00Z", "2020-01-01T09:00:00Z").unwrap(), [170.0, 50.0, 220.0]);
    assert_eq!(newest(&index, "2020-01-02T01:00:00Z", "2020-01-01T12:00:00Z").unwrap(), [180.0, 40.0, 140.0]);
    let alone = newest(&index, "2020-01-02T02:00:00Z", "2020-01-01T12:00:00Z").unwrap();
    assert!(alone[0] == 240.0 && alone[1].is_nan() && alone[2] == 240.0, "{alone:?}");
    let means = |runs: super::Runs<'_>| {
        let all: Vec<f64> = runs.map(|(_, values)| values[0]).collect();
        (!all.is_empty()).then(|| [all.iter().sum::<f64>() / all.len() as f64])
    };
    let (valid, issue) = (micros(time("2020-01-02T01:00:00Z")), micros(time("2020-01-01T12:00:00Z")));
    assert_eq!(index.runs(valid, issue, means).collect::<Vec<_>>(), [[220.0], [130.0]]);
}

#[test]
fn what_starts_later_waits_for_the_next_fit() {
    let mut weather = weather(
        &["b", "a"],
        vec![
            row(0, "2020-01-01T00:00:00Z", "2020-01-01T06:00:00Z", "2020-01-02T00:00:00Z", 1.0),
            row(1, "2020-02-01T00:00:00Z", "2020-02-01T06:00:00Z", "2020-02-02T00:00:00Z", 2.0),
        ],
    );
    weather.quantities.push(Quantity::DNI);
    weather.rows[0].values.push(f64::NAN);
    weather.rows[1].values.push(5.0);
    let early = WeatherLayout::known_at(&weather, time("2020-01-05T00:00:00Z"));
    assert_eq!((early.sources(), early.quantities()), (["b".to_owned()].as_slice(), [Quantity::GHI].as_slice()));
    let late = WeatherLayout::known_at(&weather, time("2020-03-05T00:00:00Z"));
    assert_eq!((late.sources().len(), late.quantities().len(), late.is_several()), (2, 2, true));
    // Before anything was known there is nothing to choose by.
    assert_eq!(WeatherLayout::known_at(&weather, time("2019-01-01T00:00:00Z")), late);
    assert!(WeatherIndex::new(&weather, &early).newest(micros(time("2020-02-02T00:00:00Z")), i64::MAX).is_none());
}
