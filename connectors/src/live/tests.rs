//! What every live source stands on, without a peer: points, pages, waits, guesses.

use super::*;
use engine::domain::Quality;
use engine::domain::Quantities;
use engine::domain::Table;
use engine::domain::Timestamp;
use engine::source::Rows;
use std::time::Duration;

const FILE: &str = r#"
[[assets]]
id = "t01"
kind = "wind_turbine"

[[assets]]
id = "inv/1"
kind = "pv_inverter"

[[points]]
address = "a"
asset = "t01"
quantity = "active_power"
unit = "W"
scale = 10

[[points]]
address = "b"
asset = "t01"
quantity = "temp_air"
unit = "K"

[[points]]
address = "c"
asset = "inv/1"
quantity = "active_power"
word = 3

[[points]]
address = "d"
asset = "t01"
event = "Gearbox oil too hot"
"#;

fn noon() -> Timestamp {
    "2026-06-01T12:00:00Z".parse().unwrap()
}

fn points() -> Points {
    Points::parse(FILE, "plant.toml", &Quantities::standard()).unwrap()
}

fn assembly() -> Assembly {
    Assembly::new(Arc::new(points()), Link::new("plant", noon))
}

const T: i64 = 1_780_315_200_000_000 - 60_000_000;

fn cells(rows: &Rows) -> String {
    match rows {
        Rows::Readings(readings) => arrow::util::pretty::pretty_format_batches(&[readings.batch().clone()]).unwrap().to_string(),
        Rows::Other(_, batch) => arrow::util::pretty::pretty_format_batches(std::slice::from_ref(batch)).unwrap().to_string(),
        Rows::Assets(assets) => assets.iter().map(|asset| asset.id.to_string()).collect::<Vec<_>>().join(" "),
    }
}

#[test]
fn values_of_one_asset_and_time_are_one_row_in_stored_units() {
    let mut assembly = assembly();
    let samples = [
        Sample::good(0, Some(T), 100_000.0),
        Sample::good(2, Some(T), 7.0),
        Sample::good(1, Some(T), 300.0),
        Sample::good(0, Some(T + 1_000_000), 5.0),
        Sample::good(99, Some(T), 5.0),
    ];
    assembly.take(&samples);
    assert_eq!(assembly.len(), 4);
    let (rows, rejects) = assembly.finish().unwrap();
    assert_eq!((rows.len(), rejects.len()), (3, 0));
    assert_eq!(cells(&rows[0]), "t01 inv/1");
    let turbine = cells(&rows[1]);
    assert!(turbine.contains("| 1000.0       | 26.85"), "{turbine}");
    let Rows::Readings(readings) = &rows[1] else { panic!("readings") };
    assert_eq!((readings.len(), readings.times().value(0)), (2, T));
    assert_eq!(readings.available_at().value(1), noon().as_microsecond());
    // The next page has neither the assets nor the rows again.
    assembly.take(&samples[..1]);
    assert_eq!(assembly.finish().unwrap().0.len(), 1);
}

#[test]
fn what_is_no_value_is_null_with_its_reason() {
    let mut assembly = assembly();
    assembly.take(&[
        Sample::missing(0, Some(T), "not_implemented"),
        Sample::missing(0, Some(T + 5), "not_implemented"),
        Sample::good(1, Some(T), 3000.0),
        Sample::of(2, Some(T), 4.0, Quality::Questionable, "old"),
        Sample::good(2, Some(1_000_000), 5.0),
    ]);
    let (rows, _) = assembly.finish().unwrap();
    let flags = rows.iter().find(|rows| matches!(rows, Rows::Other(Table::QualityFlags, _))).map(cells).unwrap();
    for story in ["not_implemented", "out_of_range", "| questionable | 4.0", "clock_not_set"] {
        assert!(flags.contains(story), "{story}: {flags}");
    }
    // One stretch, two values.
    assert_eq!(flags.matches("not_implemented").count(), 1, "{flags}");
    let Rows::Readings(turbine) = &rows[1] else { panic!("readings") };
    assert!(turbine.batch().column_by_name("active_power").is_none(), "a column of nulls is left out");
}

#[test]
fn alarms_are_raised_once_and_reset_once() {
    let mut assembly = assembly();
    for (second, value) in [(0, 0.0), (1, 1.0), (2, 1.0), (3, 0.0), (4, 0.0)] {
        assembly.take(&[Sample::good(3, Some(T + second * 1_000_000), value)]);
    }
    assembly.notice(Notice { point: 0, time: Some(T), message: Some("Grid lost".into()), is_active: true });
    let (rows, _) = assembly.finish().unwrap();
    let events = rows.iter().find(|rows| matches!(rows, Rows::Other(Table::Events, _))).map(cells).unwrap();
    assert_eq!(events.matches("Gearbox oil too hot").count(), 2, "raised, and the same row with its end: {events}");
    assert_eq!(events.matches("Grid lost").count(), 1);
}

#[test]
fn an_alarm_that_an_earlier_run_raised_is_not_raised_again_but_reset() {
    let link = Link::new("plant", noon);
    link.remember_raised([("t01".parse().unwrap(), "Gearbox oil too hot".into(), T - 5_000_000)]);
    let mut assembly = Assembly::new(Arc::new(points()), link);
    assembly.take(&[Sample::good(3, Some(T), 1.0)]);
    assert_eq!(assembly.finish().unwrap().0.len(), 1, "only the assets");
    assembly.take(&[Sample::good(3, Some(T + 1_000_000), 0.0)]);
    let (rows, _) = assembly.finish().unwrap();
    let events = cells(&rows[0]);
    assert!(events.contains("2026-06-01T11:58:55Z | t01      | 2026-06-01T11:59:01Z"), "{events}");
}

#[test]
fn what_is_told_again_changes_nothing() {
    // On, off and on again were stored; the peer never heard so, and tells them again.
    let link = Link::new("plant", noon);
    link.remember_raised([("t01".parse().unwrap(), "Gearbox oil too hot".into(), T + 2_000_000)]);
    let mut assembly = Assembly::new(Arc::new(points()), link);
    for (second, value) in [(0, 1.0), (1, 0.0), (2, 1.0)] {
        assembly.take(&[Sample::good(3, Some(T + second * 1_000_000), value)]);
    }
    assert_eq!(assembly.finish().unwrap().0.len(), 1, "only the assets: the alarm is up");
    assembly.take(&[Sample::good(3, Some(T + 3_000_000), 0.0)]);
    let events = cells(&assembly.finish().unwrap().0[0]);
    assert!(events.contains("2026-06-01T11:59:02Z | t01      | 2026-06-01T11:59:03Z"), "{events}");
}

#[test]
fn a_good_value_ends_a_stretch_of_bad_ones() {
    let mut assembly = assembly();
    let bad = |second: i64| Sample::missing(0, Some(T + second * 1_000_000), "not_implemented");
    assembly.take(&[bad(0), bad(1), Sample::good(0, Some(T + 2_000_000), 5.0), bad(3), bad(4)]);
    let (rows, _) = assembly.finish().unwrap();
    let flags = rows.iter().find(|rows| matches!(rows, Rows::Other(Table::QualityFlags, _))).map(cells).unwrap();
    assert_eq!(flags.matches("not_implemented").count(), 2, "{flags}");
    assert!(flags.contains("11:59:01Z") && flags.contains("11:59:04Z") && !flags.contains("11:59:02Z"), "{flags}");
}

#[test]
fn who_was_not_reached_was_not_heard() {
    let link = Link::new("plant", noon);
    let mut assembly = Assembly::new(Arc::new(points()), link.clone());
    assembly.take(&[Sample::missing(0, Some(T), "comms_lost")]);
    assembly.restore(3, T, None);
    assert_eq!((link.status().last_received, link.status().bad), (None, 1));
    assembly.take(&[Sample::missing(0, Some(T), "not_implemented")]);
    assert_eq!(link.status().last_received, Some(noon()), "a device that says it has no value was heard");
}

#[test]
fn rejects_of_a_page_are_bounded() {
    let mut assembly = assembly();
    for _ in 0..3000 {
        let (detail, raw) = ("é".repeat(10_000), "x".repeat(10_000));
        assembly.reject(engine::source::Reject { line: None, reason: "bad_number", detail, raw });
    }
    let (_, rejects) = assembly.finish().unwrap();
    assert_eq!(rejects.len(), 1001);
    assert!(rejects[0].detail.len() < 1010 && rejects[0].raw.len() < 4110);
    assert!(rejects[1000].detail.contains("2000 more"), "{}", rejects[1000].detail);
}

#[test]
fn a_clock_far_ahead_is_refused_with_the_remedy() {
    let mut assembly = assembly();
    assembly.take(&[Sample::good(0, Some(T + 3_600_000_000), 1.0)]);
    let (_, rejects) = assembly.finish().unwrap();
    assert_eq!(rejects[0].reason, "in_future");
    for part in ["t01", "2026-06-01T12:59:00Z", "set the clock"] {
        assert!(rejects[0].detail.contains(part), "{part}: {}", rejects[0].detail);
    }
}

#[test]
fn slips_in_a_points_file_are_refused_with_the_remedy() {
    let slips = [
        ("asset = \"t01\"\nquantity = \"active_power\"", "asset = \"t1\"\nquantity = \"active_power\"", "nearest is \"t01\""),
        ("\"temp_air\"", "\"temp_aire\"", "temp_air"),
        ("unit = \"K\"", "unit = \"kW\"", "measures something else"),
        ("scale = 10", "scale = 0", "other than 0"),
        ("quantity = \"temp_air\"\nunit = \"K\"", "quantity = \"active_power\"", "already read from a"),
        ("event = \"Gearbox oil too hot\"", "", "one of them"),
        ("kind = \"pv_inverter\"", "kind = \"pv_invertor\"", "pv_inverter"),
    ];
    for (from, to, remedy) in slips {
        let text = FILE.replacen(from, to, 1);
        let error = Points::parse(&text, "plant.toml", &Quantities::standard()).unwrap_err().to_string();
        assert!(error.contains(remedy) && error.contains("plant.toml"), "{to}: {error}");
    }
    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Own {
        #[allow(dead_code, reason = "only that it is read matters")]
        word: u8,
    }
    let points = points();
    assert!(points.points()[2].options::<Own>().is_ok());
    let error = points.points()[0].options::<Own>().unwrap_err().to_string();
    assert!(error.contains("point 1 (a)") && error.contains("word"), "{error}");
}

#[tokio::test]
async fn a_page_closes_when_a_mark_waits_and_a_dropped_call_loses_nothing() {
    let (sender, mut inlet) = Inlet::new(assembly(), 8);
    sender.send(Piece::Samples(vec![Sample::good(0, Some(T), 1.0)])).await.unwrap();
    sender.send(Piece::Mark(7)).await.unwrap();
    // Cut off before the page is complete.
    let cut = tokio::time::timeout(Duration::from_millis(1), inlet.gather()).await;
    assert!(cut.is_err());
    let page = inlet.gather().await.unwrap();
    assert_eq!((page.marks, page.rows.len()), (vec![7], 2));
    sender.send(Piece::Samples(vec![Sample::good(0, Some(T), 1.0)])).await.unwrap();
    let problem = "the key is wrong".into();
    sender.send(Piece::Failed(SourceError::Format { place: "p".into(), problem })).await.unwrap();
    assert_eq!(inlet.gather().await.unwrap().rows.len(), 1, "what came before the failure is handed out");
    assert!(inlet.gather().await.is_err());
}

#[test]
fn waits_grow_with_jitter_and_are_bounded() {
    let mut retry = Retry::default();
    let waits: Vec<f64> = (0..12).map(|_| retry.wait().as_secs_f64()).collect();
    for (index, wait) in waits.iter().enumerate() {
        let whole = (0.5 * f64::from(1 << index.min(16))).min(30.0);
        assert!((whole / 2.0..=whole).contains(wait), "{index}: {wait}");
    }
    retry.succeeded();
    assert!(retry.wait() <= Duration::from_millis(500));
}

#[test]
fn names_of_the_field_are_understood() {
    let cases = [
        ("WTG01/ActivePower", None, Some("active_power")),
        ("WTG01.Wind speed", Some("m/s"), Some("wind_speed")),
        ("T1_Gearbox_Bearing_Temperature", Some("°C"), Some("gearbox_bearing_temp")),
        ("WGEN1.Spd", None, None),
        ("WTUR1.W", Some("kW"), Some("active_power")),
        ("inverter.W", None, Some("active_power")),
        ("inverter.WRtg", None, None),
        ("meteo/GHI", Some("W/m²"), Some("ghi")),
        ("Vitesse du vent", Some("m/s"), Some("wind_speed")),
        ("Puissance réactive", Some("kvar"), Some("reactive_power")),
        ("MMXU1.TotVAr", None, Some("reactive_power")),
        ("Hz", Some("Hz"), Some("frequency")),
        ("Frequency", Some("kW"), None),
        ("door open", None, None),
    ];
    for (name, unit, expected) in cases {
        let found = Found { name: name.into(), unit: unit.map(Into::into), ..Found::default() };
        let guessed = guess(&found).filter(|guess| guess.confidence >= 0.5).map(|guess| guess.quantity);
        assert_eq!(guessed, expected, "{name}: {:?}", guess(&found));
    }
}

#[test]
fn a_discovered_file_reads_back() {
    let found = |address: &str, name: &str, device: &str| Found {
        address: address.into(),
        name: name.into(),
        device: device.into(),
        ..Found::default()
    };
    let mut options = toml::Table::new();
    options.insert("unit_id".into(), 3.into());
    let things = [
        Found { options, ..found("1", "Active power", "WTG 01") },
        found("2", "Wind speed", "WTG 01"),
        found("3", "Power", "WTG 01"),
        found("4", "Serial number", "WTG 01"),
        Found { is_event: true, ..found("5", "Door open", "WTG 01") },
    ];
    let text = points_file("tcp://plant", &things);
    let points = Points::parse(&text, "found.toml", &Quantities::standard()).unwrap();
    assert_eq!(points.points().len(), 3, "{text}");
    assert_eq!((points.assets()[0].id.as_str(), points.assets()[0].kind.name()), ("WTG_01", "wind_turbine"));
    assert!(text.contains("#   3   Power") && text.contains("#   4   Serial number"), "{text}");
    assert!(text.contains("unit_id = 3") && text.contains("confidence = "), "{text}");
}

#[test]
fn the_state_counts_links_and_takes_the_least_delay_for_the_skew() {
    let link = Link::new("plant", noon);
    let mut tail = link.listen();
    for phase in [Phase::Connecting, Phase::Live, Phase::Live] {
        link.enter(phase);
    }
    link.lost("cable cut");
    link.skewed(-300_000);
    link.skewed(-100_000);
    let status = link.status();
    assert_eq!((status.connects, status.failures, status.phase), (1, 1, Phase::Waiting));
    assert_eq!((status.skew_s, status.last_error.as_deref()), (Some(-0.1), Some("cable cut")));
    assert_eq!(&*tail.try_recv().unwrap(), "connecting");
}
