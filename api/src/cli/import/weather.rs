//! `chergui import --weather`: weather forecasts into `weather_forecast`, all files of a command as one source.

use super::super::{args, failure::Failure};
use super::{Opened, one, rejects_file, say};
use crate::state::Rooms;
use connectors::weather::{WeatherOptions, WeatherSource};
use engine::domain::{parse_duration, parse_time};
use engine::pipeline::ingest::Tally;
use std::path::{Path, PathBuf};

pub(super) async fn run(rooms: &Rooms, options: &args::Import) -> Result<(), Failure> {
    if let Some(path) = options.paths.iter().find(|path| !path.is_file()) {
        let problem = if path.is_dir() { "is a directory; name its files" } else { "no such file" };
        return Err(Failure::usage(format!("{}: {problem}", path.display())));
    }
    let refuse = |cause: &dyn std::fmt::Display| Failure::usage(cause.to_string());
    let source_name = options.source.as_deref().map(str::trim);
    if source_name == Some("") {
        return Err(Failure::usage("--source is empty; give a name such as icon_eu"));
    }
    let weather = WeatherOptions {
        assets: rooms.store.assets(),
        only: options.asset.clone(),
        source: source_name.map(str::to_owned),
        delay: options.delay.as_deref().map(parse_duration).transpose().map_err(|error| refuse(&error))?,
        init_time: options.init_time.as_deref().map(parse_time).transpose().map_err(|error| refuse(&error))?,
        quantities: rooms.store.quantities(),
    };
    let mut source = WeatherSource::open(&options.paths, &weather).map_err(|error| refuse(&error))?;
    let opened = Opened { quantities: source.quantities().clone(), total_bytes: source.total_bytes(), notes: Vec::new() };
    let label = label(&options.paths);
    let rejects = options.rejects.clone().unwrap_or_else(|| rejects_file(&rooms.config.data_dir, &label));
    let tally: Tally = one(&label, (&mut source, &opened), &rooms.store, &rejects, options.dry_run).await?;
    for line in source.summary().lines() {
        say(&format!("  {line}"));
    }
    if source.summary().is_empty() {
        return Err(Failure::usage(format!("{}: no row of weather in it; see {}", label.display(), rejects.display())));
    }
    if options.strict && tally.rejected() > 0 {
        return Err(Failure::Refused { refused: tally.rejected(), place: rejects.display().to_string() });
    }
    Ok(())
}

/// The only file, or the first and how many follow.
fn label(paths: &[PathBuf]) -> PathBuf {
    match paths {
        [only] => only.clone(),
        [first, others @ ..] => PathBuf::from(format!("{} and {} more", first.display(), others.len())),
        [] => Path::new("weather").to_owned(),
    }
}
