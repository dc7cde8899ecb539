//! Controller logs through the command line: a directory of nothing but lines becomes a few incidents and the episodes beneath them.

use crate::program::{fail, run, shared};
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// Runs `detect` on a directory; incidents, rows of `episodes.csv`, and what it said.
fn detect(directory: &Path, until: &str, output: &Path) -> (Vec<String>, Vec<csv::StringRecord>, String) {
    let arguments = ["detect", directory.to_str().unwrap(), "--train-until", until, "--output-dir", output.to_str().unwrap()];
    let ran = run(arguments);
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(ran.status.success(), "{said}");
    let incidents = fs::read_to_string(output.join("incidents.csv")).unwrap();
    let episodes = csv::Reader::from_path(output.join("episodes.csv")).unwrap().into_records().map(Result::unwrap).collect();
    (incidents.lines().skip(1).map(str::to_owned).collect(), episodes, said)
}

#[test]
fn a_directory_of_lines_is_judged_without_telemetry() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("log");
    fs::create_dir(&directory).unwrap();
    let manifest = "name = \"log\"\nresolution = \"PT1S\"\ninterval_label = \"instant\"\nassets = \"assets.csv\"\n\
                    [[file]]\npath = \"events.csv\"\ntable = \"events\"\n";
    fs::write(directory.join("dataset.toml"), manifest).unwrap();
    let assets = "asset_id,kind,parent_id,name,latitude,longitude,capacity_kw,timezone\n\
                  T1,wind_turbine,,T1,,,2000,UTC\nT2,wind_turbine,,T2,,,2000,UTC\n";
    fs::write(directory.join("assets.csv"), assets).unwrap();
    let mut events = String::from("time,asset_id,reset_at,message\n");
    let begin: jiff::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let mut line = |minutes: i64, machine: &str, message: &str| {
        let time = begin + jiff::SignedDuration::from_mins(minutes);
        writeln!(events, "{time},{machine},,\"{message}\"").unwrap();
    };
    for half_hour in 0..60 * 48 {
        for machine in ["T1", "T2"] {
            line(30 * half_hour, machine, &format!("Gen. ext. vent. 2, temp: {}°C", 50 + half_hour % 9));
            line(30 * half_hour + 3, machine, "External power ref.:2000kW");
        }
        if half_hour == 50 * 48 {
            for n in 0..90 {
                line(30 * half_hour + 4 + n, "T1", &format!("Hot generator {}°C      0kW", 140 + n % 5));
            }
            line(30 * half_hour + 4, "T1", "Stop  656.9kW  1444RPM");
        }
    }
    fs::write(directory.join("events.csv"), events).unwrap();
    let (incidents, episodes, said) = detect(&directory, "2026-02-01T00:00:00Z", &home.path().join("out"));
    let [incident] = &incidents[..] else { panic!("{incidents:?}") };
    assert!(incident.starts_with("T1,generator,controller_stop,2026-02-20T00:04:00Z,"), "{incident}");
    let told: Vec<_> = episodes.iter().filter(|row| &row[8] == "1").collect();
    assert_eq!((told.len(), &told[0][0], &told[0][9]), (1, "T1", "2026-02-20T00:04:00Z"));
    assert!(told[0][5].parse::<u32>().unwrap() >= 91, "the flood is beneath it: {:?}", told[0]);
    let lines: usize = episodes.iter().map(|row| row[5].parse::<usize>().unwrap()).sum();
    assert_eq!(lines, 60 * 48 * 4 + 91, "every line is in an episode");
    assert!(said.contains("2 machines") && said.contains("notified incidents"), "{said}");
    let nothing = home.path().join("nothing");
    let (code, said) = fail(["detect", nothing.to_str().unwrap(), "--train-until", "2026-02-01T00:00:00Z", "--output-dir", "x"]);
    assert_eq!(code, 2, "{said}");
}

#[test]
fn the_flood_of_a_real_farm_becomes_half_a_notice_a_day_at_most() {
    let Some(directory) = shared("edp_alarm_log") else { return };
    let home = tempfile::tempdir().unwrap();
    for until in ["2017-09-01T00:00:00Z", "2017-10-01T00:00:00Z"] {
        let (incidents, episodes, said) = detect(&directory, until, &home.path().join("out"));
        let days = 5.0 * if until.contains("09-01") { 122.0 } else { 92.0 };
        let rate = incidents.len() as f64 / days;
        assert!(rate > 0.0 && rate <= 0.5, "{rate}: {said}");
        let lines: usize = episodes.iter().map(|row| row[5].parse::<usize>().unwrap()).sum();
        assert_eq!(lines, 62_604, "everything is kept");
        assert!(incidents.iter().all(|row| !row.contains("External power ref.#kW (no restriction)")));
    }
}
