//! `chergui detect` on a directory of controller logs: a few incidents, and the episodes everything else was folded into.

use super::{detect::create, failure::Failure};
use datasets::directory::LoadedDataset;
use engine::detect::{AlarmLog, AlarmLogOptions, alarm_log};
use engine::domain::{Timestamp, micros};
use std::{collections::BTreeSet, path::Path};

/// Rarity is learnt from the first line on; nothing is told before `train_until`.
pub(super) fn collapse(dataset: &LoadedDataset, train_until: Timestamp) -> AlarmLog {
    let rated = dataset.assets.iter().filter_map(|asset| Some((asset.id.clone(), asset.capacity_kw?))).collect();
    alarm_log(&dataset.events, &rated, &[], &AlarmLogOptions { tell_from: train_until, ..AlarmLogOptions::default() })
}

/// Writes `episodes.csv`, one row per episode, and says on stderr what became of how many lines.
pub(super) fn write(directory: &Path, dataset: &LoadedDataset, log: &AlarmLog, train_until: Timestamp) -> Result<(), Failure> {
    let mut rows = csv::Writer::from_writer(create(&directory.join("episodes.csv"))?);
    rows.write_record([
        "asset_id",
        "template",
        "message",
        "opened_at",
        "closed_at",
        "lines",
        "stopped",
        "rank",
        "notified",
        "incident",
    ])
    .map_err(Failure::work)?;
    for episode in &log.episodes {
        let time = |time: Option<Timestamp>| time.map(|time| time.to_string()).unwrap_or_default();
        let flag = |on: bool| u8::from(on).to_string();
        rows.write_record([
            episode.asset_id.as_str(),
            &episode.template,
            &episode.message,
            &episode.opened_at.to_string(),
            &time(episode.closed_at),
            &episode.lines.to_string(),
            &flag(episode.stopped),
            &format!("{:.2}", episode.rank),
            &flag(episode.notified),
            &time(episode.incident),
        ])
        .map_err(Failure::work)?;
    }
    rows.flush()?;
    let machines = dataset.events.iter().map(|line| &line.asset_id).collect::<BTreeSet<_>>().len();
    let judged: Vec<_> = dataset.events.iter().filter(|line| line.time >= train_until).collect();
    let span = |lines: &[&engine::domain::LogLine]| {
        let (first, last) = (lines.iter().map(|line| micros(line.time)).min(), lines.iter().map(|line| micros(line.time)).max());
        first.zip(last).map_or(0.0, |(first, last)| (last - first) as f64 / 86_400e6)
    };
    let days = span(&judged) * machines as f64;
    let rate = |count: usize| if days > 0.0 { count as f64 / days } else { 0.0 };
    let since = |time: Timestamp| time >= train_until;
    let episodes = log.episodes.iter().filter(|episode| since(episode.opened_at));
    let notable = episodes.clone().filter(|episode| episode.notable).count();
    let (folded, repeats) = (judged.len(), dataset.events.len() - log.lines.len());
    eprintln!(
        "{machines} machines, {} lines, {repeats} of them exact repeats, {days:.1} machine-days since {train_until}:",
        dataset.events.len()
    );
    eprintln!("  lines              {folded:7}  {:8.2} per machine-day", rate(folded));
    eprintln!("  episodes           {:7}  {:8.2}", episodes.clone().count(), rate(episodes.count()));
    eprintln!("  with a rare line   {notable:7}  {:8.2}", rate(notable));
    eprintln!("  notified incidents {:7}  {:8.2}", log.incidents.len(), rate(log.incidents.len()));
    Ok(())
}
