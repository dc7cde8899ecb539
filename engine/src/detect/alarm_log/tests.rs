//! Logs written by hand: floods, stops, crews, restrictions, budgets, other detectors' incidents, and cuts at any time.

use super::{AlarmLog, AlarmLogOptions, Incident, LogLine, alarm_log};
use crate::domain::{AssetId, Timestamp};
use jiff::SignedDuration;
use std::collections::BTreeMap;

fn at(minutes: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
}

fn line(machine: &str, minutes: i64, message: &str) -> LogLine {
    LogLine { time: at(minutes), asset_id: AssetId::parse(machine).unwrap(), message: message.into(), reset_at: None }
}

/// Two months of two machines: a fan every half hour, a start every day, a set-point without restriction now and then.
fn usual() -> Vec<LogLine> {
    let mut lines = Vec::new();
    for machine in ["T1", "T2"] {
        for step in 0..60 * 48 {
            lines.push(line(machine, 30 * step, &format!("Gen. ext. vent. {}, temp: {}°C", step % 3, 50 + step % 20)));
            if step % 48 == 7 {
                lines.push(line(machine, 30 * step + 1, "Generator 1 in"));
            }
            if step % 5 == 0 {
                lines.push(line(machine, 30 * step + 2, "External power ref.:2000kW"));
            }
        }
    }
    lines
}

fn collapsed(lines: &[LogLine], found: &[Incident]) -> AlarmLog {
    alarm_log(lines, &BTreeMap::from([(AssetId::parse("T1").unwrap(), 2000.0)]), found, &AlarmLogOptions::default())
}

#[test]
fn what_comes_all_the_time_is_one_silent_episode() {
    let log = collapsed(&usual(), &[]);
    assert!(log.incidents.is_empty(), "{:?}", log.incidents);
    assert_eq!(log.episodes.iter().map(|episode| episode.lines).sum::<u64>(), usual().len() as u64);
    assert!(log.episodes.len() <= 4, "{}", log.episodes.len());
}

#[test]
fn a_rare_stop_is_told_once_with_its_flood_beneath() {
    let mut lines = usual();
    let begin = 50 * 1440;
    for n in 0..300 {
        lines.push(line("T1", begin + n, &format!("Hot generator {}°C      0kW", 140 + n % 9)));
    }
    lines.extend([line("T1", begin + 1, "Stop  656.9kW  1444RPM"), line("T1", begin + 1, "Stop  656.9kW  1444RPM")]);
    let log = collapsed(&lines, &[]);
    let [incident] = &log.incidents[..] else { panic!("{:?}", log.incidents) };
    assert_eq!((incident.component.as_str(), incident.mode.as_str()), ("generator", "controller_stop"));
    assert_eq!((incident.opened_at, incident.started_at), (at(begin), at(begin)), "known when it opens");
    assert!(incident.closed_at.is_some());
    let signals: Vec<&str> = incident.evidence.iter().map(|evidence| evidence.signal.as_str()).collect();
    assert_eq!(signals, ["Hot generator#°C#kW", "Stop#kW#RPM"], "both are new: what came first goes first");
    let beneath = log.lines.iter().filter(|filed| filed.incident == Some(at(begin)));
    let beneath: Vec<_> = beneath.collect();
    assert!(beneath.len() >= 301, "{}", beneath.len());
    assert!(beneath.iter().any(|filed| filed.repeats == 2), "the exact repeat is one line that came twice");
    assert!(beneath.iter().all(|filed| filed.line.asset_id.as_str() == "T1"));
}

#[test]
fn crews_and_set_points_are_not_told() {
    let mut lines = usual();
    let begin = 50 * 1440;
    lines.push(line("T1", begin, "Key switch: Local control"));
    lines.push(line("T1", begin + 20, "Emergency    -4.4kW     0RPM"));
    lines.push(line("T2", begin, "External power ref.: 500kW"));
    assert!(collapsed(&lines, &[]).incidents.is_empty());
    lines.push(line("T2", begin + 5, "Emergency    -4.4kW     0RPM"));
    let log = collapsed(&lines, &[]);
    let [incident] = &log.incidents[..] else { panic!("{:?}", log.incidents) };
    let told = (incident.asset_id.as_str(), incident.opened_at);
    assert_eq!(told, ("T2", at(begin + 5)), "the same on a machine where nobody is");
    lines.push(line("T1", begin + 300, "Emergency    -4.4kW     0RPM"));
    let log = collapsed(&lines, &[]);
    let told: Vec<_> = log.incidents.iter().map(|i| (i.asset_id.as_str(), i.opened_at, i.started_at)).collect();
    let again = ("T1", at(begin + 300), at(begin + 20));
    assert_eq!(told, [("T2", at(begin + 5), at(begin + 5)), again], "it comes again when they have left");
}

#[test]
fn under_an_incident_of_another_detector_nothing_is_told_again() {
    let mut lines = usual();
    let begin = 50 * 1440;
    lines.push(line("T1", begin, "Stop  656.9kW  1444RPM"));
    let own = AssetId::parse("T1").unwrap();
    let hot = Incident::new(own, "gearbox", "bearing_overheat", at(begin - 600), at(begin - 60));
    let log = collapsed(&lines, std::slice::from_ref(&hot));
    assert!(log.incidents.is_empty());
    let stop = log.lines.iter().find(|filed| filed.template.starts_with("Stop")).unwrap();
    assert_eq!(stop.incident, Some(hot.opened_at));
    let day_before = log.lines.iter().filter(|filed| filed.incident.is_some()).map(|filed| filed.line.time).min().unwrap();
    assert!(day_before >= at(begin - 600 - 1440) && day_before < at(begin - 600 - 1380), "{day_before}");
}

#[test]
fn the_budget_holds_whatever_the_log_says() {
    // A word of its own for each: digits would go.
    let word = |n: u8| String::from_utf8(vec![b'a' + n % 26, b'a' + n / 26, b'x']).unwrap();
    let told = |apart: i64| {
        let mut lines = usual();
        let few = u8::try_from(40 * 1440 / apart).unwrap_or(u8::MAX);
        lines.extend((0..few).map(|n| line("T1", 20 * 1440 + apart * i64::from(n), &format!("Emergency {}", word(n)))));
        let log = collapsed(&lines, &[]);
        (log.episodes.iter().filter(|episode| episode.notable).count(), log.incidents.len())
    };
    // Two saved up and 0.3 a day from day 20 to the last of the 137, 39.7 days later: 13.9 notices, all for the rarest there is.
    assert_eq!(told(420), (137, 13), "seven hours apart each is an episode of its own");
    assert_eq!(told(130), (1, 1), "closer than the gap all are one");
}

#[test]
fn lines_that_come_later_change_nothing_before() {
    let mut lines = usual();
    for (day, message) in
        [(40, "Oil leakage in Hub"), (45, "Stop  656.9kW  1444RPM"), (46, "Low Battery Hub"), (52, "Hot HV trafo 270°C 0kW")]
    {
        lines.extend((0..40).map(|n| line("T1", day * 1440 + 9 * n, message)));
    }
    let whole = collapsed(&lines, &[]);
    assert!(whole.incidents.len() >= 2, "{:?}", whole.incidents);
    for cut in [30 * 1440, 40 * 1440 + 100, 45 * 1440 + 1, 50 * 1440] {
        let known: Vec<LogLine> = lines.iter().filter(|line| line.time <= at(cut)).cloned().collect();
        let then = collapsed(&known, &[]);
        let before = |log: &AlarmLog| -> Vec<(Timestamp, Timestamp)> {
            log.incidents.iter().filter(|i| i.opened_at <= at(cut)).map(|i| (i.opened_at, i.started_at)).collect()
        };
        assert_eq!(before(&then), before(&whole), "cut at {cut}");
        let episodes = then.episodes.iter().zip(&whole.episodes);
        assert!(episodes.into_iter().all(|(a, b)| (a.opened_at, &a.message) == (b.opened_at, &b.message)));
    }
}
