//! Expectations worked by hand: forecasts, usual hours, wind and its allowance, outages.

use super::*;
use crate::domain::AssetId;
use crate::domain::AssetKind;
use crate::domain::Quantile;
use crate::domain::Quantity;
use crate::domain::from_micros;
use crate::domain::parse_time;

fn time(text: &str) -> Timestamp {
    parse_time(text).unwrap()
}

fn from() -> Timestamp {
    time("2026-11-23T00:00:00Z")
}

fn hour(offset: i64) -> Timestamp {
    from_micros(micros(from()) + offset * HOUR)
}

#[test]
fn a_forecast_counts_where_it_reaches_and_the_usual_hour_beyond() {
    let quantiles = [0.1, 0.5, 0.9].map(|p| Quantile::new(p).unwrap()).to_vec();
    let forecast = Forecast {
        asset_id: AssetId::parse("tarfaya").unwrap(),
        quantity: Quantity::ACTIVE_POWER,
        issue_time: from(),
        // Two steps in the first hour, one in the second, which holds no number.
        valid_times: vec![hour(0), from_micros(micros(from()) + HOUR / 2), hour(1)],
        quantiles,
        values: vec![vec![0.0, 300.0, 600.0], vec![300.0, 500.0, 1000.0], vec![0.0, f64::NAN, 1.0]],
        model: "m".into(),
        model_version: "1".into(),
        notes: vec![],
    };
    // Two days: 10 and 30 kW in the hour after midnight, nothing at two.
    let usual = Series::new(vec![(micros(hour(-23)), 10.0), (micros(hour(-47)), 30.0), (micros(hour(-47)) + HOUR / 2, 30.0)]);
    let found = production(Some((&forecast, 0.5)), &usual, from(), 3);
    assert_eq!(found.mean, [225.0, 20.0, 0.0]);
    assert_eq!(found.high, [400.0, 28.0, 0.0]);
    assert_eq!(found.usual, [false, true, true]);
    assert!(found.wind.iter().all(|wind| wind.is_nan()) && found.wind.len() == 3);
}

#[test]
fn a_machine_is_its_part_of_the_plant() {
    let asset = |id: &str, kind, capacity| {
        let mut asset = Asset::new(AssetId::parse(id).unwrap(), kind);
        asset.capacity_kw = capacity;
        asset.parent_id = (kind == AssetKind::WindTurbine).then(|| AssetId::parse("P").unwrap());
        asset
    };
    let plant = asset("P", AssetKind::WindPlant, Some(9000.0));
    let two = [asset("P/1", AssetKind::WindTurbine, Some(2000.0)), asset("P/2", AssetKind::WindTurbine, Some(3000.0))];
    assert_eq!(part(&two[0], &plant, &two), 0.4);
    let unrated = [asset("P/1", AssetKind::WindTurbine, None), asset("P/2", AssetKind::WindTurbine, Some(3000.0))];
    assert_eq!(part(&unrated[0], &plant, &unrated), 0.5);
    assert!((part(&unrated[1], &plant, &unrated) - 1.0 / 3.0).abs() < 1e-12, "of what the plant is rated for");
    assert_eq!(part(&plant, &plant, &[]), 1.0);
}

fn run(init: i64, valid: i64, source: usize, speed: f64) -> WeatherRow {
    WeatherRow {
        source,
        init_time: hour(init),
        available_at: hour(init + 4),
        valid_time: hour(valid),
        values: vec![f64::NAN, speed],
    }
}

fn weather(rows: Vec<WeatherRow>) -> WeatherForecasts {
    let quantities = ["temp_air", "wind_speed_100m"].map(|name| Quantity::parse(name).unwrap()).to_vec();
    WeatherForecasts { sources: vec!["a".into(), "b".into()], quantities, rows }
}

#[test]
fn the_newest_run_counts_and_what_comes_later_does_not() {
    let rows = vec![run(-24, 0, 0, 5.0), run(-12, 0, 0, 7.0), run(-2, 0, 0, 30.0), run(-12, 0, 1, 9.0), run(-12, 1, 0, 4.0)];
    let (found, pairs) = wind(&weather(rows), &Series::default(), from(), 3, from());
    assert_eq!((found[0], found[1], pairs), (8.0, 4.0, 0));
    assert!(found[2].is_nan());
    let names = ["wind_u_10m", "wind_v_10m"].map(|name| Quantity::parse(name).unwrap());
    let both = WeatherRow { values: vec![3.0, 4.0], ..run(-12, 0, 0, 0.0) };
    let components = WeatherForecasts { quantities: names.to_vec(), sources: vec!["a".into()], rows: vec![both] };
    assert_eq!(wind(&components, &Series::default(), from(), 1, from()).0, [5.0]);
    let none = WeatherForecasts::default();
    assert!(wind(&none, &Series::default(), from(), 2, from()).0.iter().all(|wind| wind.is_nan()));
}

#[test]
fn past_errors_become_an_allowance_once_there_are_enough() {
    // Measured is one to ten m/s above the forecast of ten hours before: nine of ten are at most nine above, plus interpolation.
    let past = |n: i64| {
        let mut rows: Vec<WeatherRow> = (1..=n).map(|back| run(-back - 14, -back, 0, 5.0)).collect();
        rows.push(run(-12, 0, 0, 5.0));
        let measured = (1..=n).map(|back| (micros(hour(-back)), 6.0 + (back % 10) as f64)).collect();
        wind(&weather(rows), &Series::new(measured), from(), 1, from())
    };
    let (found, pairs) = past(100);
    assert!((found[0] - 14.1).abs() < 1e-9 && pairs == 100, "{found:?}");
    assert_eq!(past(71), (vec![5.0], 71));
}

#[test]
fn an_outage_leaves_what_it_leaves() {
    let mut found = production(None, &Series::new((0..24).map(|back| (micros(hour(-back)), 100.0)).collect()), from(), 4);
    let mut note = Annotation {
        asset: None,
        kind: AnnotationKind::PlannedOutage,
        start: hour(1),
        end: Some(hour(2)),
        capacity_kw: None,
        text: String::new(),
        available_at: from(),
        withdrawn: false,
        author: None,
    };
    hold_down(&mut found, &note, 1.0, from());
    assert_eq!((found.mean.clone(), found.outage.clone()), (vec![100.0, 0.0, 100.0, 100.0], vec![false, true, false, false]));
    note = Annotation { kind: AnnotationKind::Curtailment, capacity_kw: Some(80.0), start: hour(2), end: None, ..note };
    hold_down(&mut found, &note, 0.5, from());
    assert_eq!((found.mean, found.high[3], found.outage[3]), (vec![100.0, 0.0, 40.0, 40.0], 40.0, false));
}
