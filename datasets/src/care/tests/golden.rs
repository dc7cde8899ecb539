//! From files to the four scores, against figures of the published package (energy-fault-detector 0.8.1, its `CAREScore`, default settings).
//!
//! One archive is written here, row by row from a rule, so that the arithmetic is checked without any data; the other is the shared small archive.

use super::super::{CareArchive, CareFarm, CareTable, Predictions, read_predictions};
use engine::evaluate::{CareRows, CareScore, EventScore, care_event, care_score};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// One event of the written archive: number, fault, prediction ids, event ids.
type Rule = (i64, bool, std::ops::Range<i64>, (i64, i64));

const RULES: [Rule; 4] =
    [(1, true, 100..400, (180, 320)), (2, false, 50..350, (50, 300)), (3, true, 0..251, (10, 200)), (4, false, 0..200, (0, 150))];

fn flagged(event: i64, id: i64) -> bool {
    match event {
        1 if id < 180 => id * 7 % 11 < 3,
        1 => id >= 190 && id % 5 != 0,
        2 => id % 23 == 0,
        3 => id % 4 == 0,
        _ => (20..=110).contains(&id),
    }
}

fn status(event: i64, id: i64) -> i64 {
    match event {
        1 if id % 29 == 0 => 4,
        1 if id % 3 == 0 => 2,
        2 if (60..80).contains(&id) => 3,
        _ => 0,
    }
}

/// Events 1 and 2 in farm A with a leading `asset` column, 3 and 4 in farm B without; event 1 has a hole in its ids.
fn written(home: &Path) -> PathBuf {
    let mut predictions = String::from("event_id;id;anomaly\n");
    for (farm, rules, lead) in [("Wind Farm A", &RULES[..2], "asset;"), ("Wind Farm B", &RULES[2..], "")] {
        let folder = home.join(farm);
        fs::create_dir_all(folder.join("datasets")).unwrap();
        let mut info = format!("{lead}event_id;event_label;event_start;event_start_id;event_end;event_end_id;event_description\n");
        for (event, fault, ids, (first, last)) in rules {
            let asset = if lead.is_empty() { "" } else { "5;" };
            writeln!(info, "{asset}{event};{};;{first};;{last};", if *fault { "anomaly" } else { "normal" }).unwrap();
            let mut rows = String::from("time_stamp;asset_id;id;train_test;status_type_id;power_30_avg\n");
            writeln!(rows, ";5;{};train;0;100", ids.start - 1).unwrap();
            for id in ids.clone().filter(|id| *event != 1 || !(250..255).contains(id)) {
                writeln!(rows, ";5;{id};prediction;{};{id}", status(*event, id)).unwrap();
                writeln!(predictions, "{event};{id};{}", u8::from(flagged(*event, id))).unwrap();
            }
            fs::write(folder.join(format!("datasets/{event}.csv")), rows).unwrap();
        }
        fs::write(folder.join("event_info.csv"), info).unwrap();
    }
    let path = home.join("predictions.csv");
    fs::write(&path, predictions).unwrap();
    path
}

fn scored(archive: &CareArchive, given: &Predictions, wanted: impl Fn(&CareFarm) -> bool) -> CareScore {
    let judged = |(farm, event): (&CareFarm, &super::super::CareEvent)| -> EventScore {
        let table: CareTable = farm.load(event).unwrap();
        let normal = table.normal(&[0, 2]);
        let anomalous: Vec<bool> = table.prediction().map(|i| given[&event.id].contains(&table.ids[i].unwrap())).collect();
        let normal: Vec<bool> = table.prediction().map(|i| normal[i]).collect();
        care_event(&CareRows { anomalous: &anomalous, normal: &normal, event: table.event_rows(event), is_fault: event.is_fault })
    };
    care_score(&archive.events().filter(|(farm, _)| wanted(farm)).map(judged).collect::<Vec<_>>())
}

fn same(found: CareScore, expected: [f64; 5]) {
    let figures = [found.care, found.coverage, found.accuracy, found.reliability, found.earliness];
    for (found, expected) in figures.iter().zip(expected) {
        assert!((found.unwrap() - expected).abs() < 5.1e-7, "{figures:?} against {expected}");
    }
}

#[test]
fn a_written_archive_scores_as_the_package_says() {
    let home = tempfile::tempdir().unwrap();
    let given = read_predictions(&written(home.path())).unwrap();
    let archive = CareArchive::open(home.path()).unwrap();
    same(scored(&archive, &given, |_| true), [0.606_329, 0.554_233, 0.751_071, 0.5, 0.475_267]);
    same(scored(&archive, &given, |farm| farm.name == "Wind Farm A"), [0.836_516, 0.566_706, 0.957_143, 1.0, 0.701_588]);
    same(scored(&archive, &given, |farm| farm.name == "Wind Farm B"), [0.376_141, 0.541_761, 0.545, 0.0, 0.248_945]);
}

#[test]
fn the_shared_archive_scores_as_the_package_says() {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/care_mini"));
    if !folder.exists() {
        eprintln!("skipped: ../shared/data/care_mini is not here");
        return;
    }
    let given = read_predictions(&folder.join("golden_predictions.csv")).unwrap();
    let archive = CareArchive::open(&folder).unwrap();
    assert_eq!(archive.farms.iter().map(|f| f.name.as_str()).collect::<Vec<_>>(), ["Wind Farm A", "Wind Farm B"]);
    let text = fs::read_to_string(folder.join("golden_score.json")).unwrap();
    let figure = |name: &str| -> f64 {
        let after = text.split(&format!("\"{name}\":")).nth(1).unwrap();
        after.split([',', '}']).next().unwrap().trim().parse().unwrap()
    };
    let expected = ["care", "coverage", "accuracy", "reliability", "earliness"].map(figure);
    same(scored(&archive, &given, |_| true), expected);
}
