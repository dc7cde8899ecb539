//! A small archive written by hand, with everything that has been met in the wild.

mod golden;

use super::{CareArchive, CareError, read_predictions};
use engine::detect::Role;
use std::fs;
use std::path::Path;

fn write(path: &Path, text: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn archive() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let a = home.path().join("CARE_To_Compare/Wind Farm A");
    write(
        &a.join("event_info.csv"),
        b"asset;event_id;event_label;event_start;event_start_id;event_end;event_end_id;event_description\n\
          2;7;anomaly;x;13;x;15;Gearbox; with a semicolon\n0;9;normal;x;13;x;14;\n",
    );
    write(
        &a.join("feature_description.csv"),
        b"sensor_name;statistics_type;description;unit;is_angle;is_counter\n\
          sensor_0;average;Ambient temperature;\xef\xbf\xbdC;False;False\nsensor_1;average;Nacelle position;\xb0;True;False\n\
          sensor_50;average;Energy;Wh;False;True\nwind_speed_3;maximum,average;Wind;m/s;False;False\n",
    );
    // Rows out of order, a hole (11), an empty cell, an empty status, a value that is no number.
    write(
        &a.join("datasets/7.csv"),
        b"time_stamp;asset_id;id;train_test;status_type_id;sensor_0_avg;sensor_1_avg;wind_speed_3_avg;wind_speed_3_max;power_30_avg;sensor_50_avg;lonely_9_max\n\
          t;2;12;train;0;5.5;10;7;9;500;1;1\nt;2;10;train;0;5;10;7;9;;1;1\nt;2;13;prediction;2;5;10;nan;9;500;1;1\n\
          t;2;14;prediction;;5;10;7;9;oops;1;1\nt;2;15;prediction;4;5;10;7;9;500;1;1\nt;2;16;prediction;0;5;10;7;9;500;1;1\n",
    );
    home
}

#[test]
fn reads_what_has_been_met_in_the_wild() {
    let home = archive();
    let found = CareArchive::open(home.path()).unwrap();
    let farm = &found.farms[0];
    assert_eq!((found.farms.len(), farm.name.as_str(), farm.events.len()), (1, "Wind Farm A", 2));
    assert!(farm.events[0].is_fault && !farm.events[1].is_fault);
    let table = farm.load(&farm.events[0]).unwrap();
    assert_eq!(table.ids, [Some(10), None, Some(12), Some(13), Some(14), Some(15), Some(16)]);
    assert_eq!(table.status, [0, -1, 0, 2, -1, 4, 0]);
    assert_eq!(table.prediction().collect::<Vec<_>>(), [3, 4, 5, 6]);
    assert_eq!(table.event_rows(&farm.events[0]), 0..3, "the last id belongs to the event");
    assert_eq!(table.normal(&[0, 2]), [true, false, true, true, false, false, true]);
    let columns: Vec<(&str, Role)> = table.columns.iter().map(|c| (c.name.as_str(), c.role)).collect();
    let expected = [
        ("sensor_0_avg", Role::Ambient),
        ("sensor_1_avg", Role::Angle),
        ("wind_speed_3_avg", Role::Wind),
        ("power_30_avg", Role::Power),
        ("sensor_50_avg", Role::Counter),
        ("lonely_9_max", Role::Part),
    ];
    assert_eq!(columns, expected);
    assert_eq!(table.columns[0].values[2], 5.5);
    let power = &table.columns[3].values;
    assert!(power[0].is_nan() && power[1].is_nan() && power[4].is_nan() && power[5] == 500.0);
}

#[test]
fn says_what_is_wrong_and_where() {
    let home = archive();
    let found = CareArchive::open(home.path()).unwrap();
    let farm = &found.farms[0];
    let said = farm.load(&farm.events[1]).unwrap_err().to_string();
    assert!(said.contains("9.csv"), "{said}");
    let path = &farm.events[1].path;
    let broken = |text: &[u8]| {
        write(path, text);
        farm.load(&farm.events[1]).unwrap_err().to_string()
    };
    assert!(broken(b"id;train_test\n1;train\n").contains("status_type_id"));
    assert!(broken(b"id;train_test;status_type_id\n1;practice;0\n").contains("line 2"));
    assert!(broken(b"id;train_test;status_type_id\n1.5;train;0\n").contains("`1.5` is not a whole number"));
    assert!(broken(b"id;train_test;status_type_id\n1;train;0\n").contains("rows of both parts"));
    let nowhere = CareArchive::open(&farm.events[0].path.with_file_name("")).unwrap_err();
    assert!(matches!(nowhere, CareError::NoFarm { .. }), "{nowhere}");
}

#[test]
fn predictions_come_with_semicolons_or_commas() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("p.csv");
    write(&path, b"event_id;id;anomaly\n7;13;1\n7;14;0\n9;13;0\n");
    let found = read_predictions(&path).unwrap();
    assert_eq!((found.len(), found[&7].len(), found[&9].len()), (2, 1, 0));
    write(&path, b"event_id,id,anomaly\n7,13,True\n7,14,False\n");
    assert!(read_predictions(&path).unwrap()[&7].contains(&13));
    write(&path, b"event_id;id;anomaly\n7;13;2\n");
    assert!(read_predictions(&path).unwrap_err().to_string().contains("line 2: `2` is not 0 or 1"));
}
