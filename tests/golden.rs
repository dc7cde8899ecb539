//! Scores that others have published, reproduced by ours on the same files.
//!
//! In: `gefcom2014_load_golden`, forecasts of the organisers' benchmark with the load of the same months and the scores of the leaderboard,
//! skipped where the data is not here. `golden/` holds what other packages make of small inputs, read by the unit tests beside the
//! code, and the scripts that wrote it.

use crate::program::shared;
use datasets::directory::DatasetDirectory;
use datasets::directory::Filter;
use engine::domain::AssetId;
use engine::domain::Quantile;
use engine::domain::Quantity;
use engine::domain::Timestamp;
use engine::evaluate::Verification;
use engine::evaluate::VerifiedStep;
use engine::evaluate::pinball;
use jiff::SignedDuration;
use std::fs;
use std::io::Read;
use std::path::Path;

/// A forecast in the form of the bench: all quantiles of one month, step by step.
struct Month {
    times: Vec<Timestamp>,
    quantiles: Vec<Quantile>,
    rows: Vec<Vec<f64>>,
}

fn month(path: &Path) -> Month {
    let mut text = String::new();
    flate2::read::GzDecoder::new(fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("asset_id,quantity,issue_time,valid_time,quantile,value"));
    let mut month = Month { times: Vec::new(), quantiles: Vec::new(), rows: Vec::new() };
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let time: Timestamp = cells[3].parse().unwrap();
        if month.times.last() != Some(&time) {
            month.times.push(time);
            month.rows.push(Vec::new());
        }
        if month.times.len() == 1 {
            month.quantiles.push(Quantile::new(cells[4].parse().unwrap()).unwrap());
        }
        month.rows.last_mut().unwrap().push(cells[5].parse().unwrap());
    }
    month
}

/// kW as the leaderboard prints MW: cut, not rounded, after the fifth digit. The exact mean of task 8 is 10.916196…, printed 10.91619.
fn printed(pinball: f64) -> String {
    format!("{:.5}", (pinball * 100.0).floor() / 1e5)
}

#[test]
fn pinball_is_that_of_the_gefcom2014_leaderboard() {
    let Some(home) = shared("gefcom2014_load_golden") else { return };
    let filter = Filter { assets: Vec::new(), quantities: Vec::new(), weather: false };
    let data = DatasetDirectory::open(&home).unwrap().load(&filter).unwrap();
    let utility = AssetId::parse("utility").unwrap();
    let frame = data.frames.iter().find(|frame| frame.asset.id == utility).unwrap();
    let load = frame.column(&Quantity::LOAD).unwrap();
    let golden: toml::Table = fs::read_to_string(home.join("golden.toml")).unwrap().parse().unwrap();
    let tasks = golden["golden"].as_array().unwrap();
    assert_eq!(tasks.len(), 4);
    for task in tasks {
        let month = month(&home.join(task["forecast"].as_str().unwrap()));
        assert_eq!(month.times.len() as i64, task["hours"].as_integer().unwrap());
        assert_eq!(month.quantiles.len(), 99);
        let truth: Vec<f64> = month.times.iter().map(|time| load[frame.index_at(*time)]).collect();
        assert!(truth.iter().all(|value| value.is_finite()) && frame.time(frame.index_at(month.times[0])) == month.times[0]);
        let official = format!("{:.5}", task["official_pinball_mw"].as_float().unwrap());
        let ours = pinball(&truth, &month.rows, &month.quantiles).unwrap();
        assert_eq!(printed(ours), official, "task {}", task["task"]);
        let mut sums = Verification::new(&[], &month.quantiles).unwrap();
        for (k, (truth, row)) in truth.iter().zip(&month.rows).enumerate() {
            let lead_end = SignedDuration::from_hours(k as i64 + 1);
            let step = VerifiedStep { lead_end, truth: *truth, row, mean: None, persistence: None, naive: None };
            sums.push(&step).unwrap();
        }
        assert_eq!(printed(sums.scores()[0].pinball), official, "task {}, as sums", task["task"]);
    }
}
