//! `chergui simulate` and `chergui datasets`: data from nowhere, and where real data is.

mod options;
mod plant;

use super::{args, failure::Failure, progress, serve::say};
use datasets::catalogue::{PUBLIC_SETS, public_set};
use datasets::simulate::{FleetOptions, Simulator, write_directory};
use engine::domain::parse_time;
use jiff::SignedDuration;
use std::path::Path;

pub(super) use options::Simulate;

/// Where a fleet that is written starts unless told.
const START: &str = "2025-01-01T00:00:00Z";

pub(super) async fn run(options: Simulate) -> Result<(), Failure> {
    let mut wish = FleetOptions::moroccan(options.seed);
    wish.faults = !options.no_faults;
    let count = |count: usize| u16::try_from(count).unwrap_or(u16::MAX);
    wish.turbines = options.turbines.map_or(wish.turbines, count);
    wish.inverters = options.inverters.map_or(wish.inverters, count);
    match options.output.clone() {
        Some(output) => tokio::task::spawn_blocking(move || write(wish, &options, &output)).await.map_err(Failure::work)?,
        None => plant::run(wish, options).await,
    }
}

fn write(mut wish: FleetOptions, options: &Simulate, output: &Path) -> Result<(), Failure> {
    wish.start = match options.start {
        Some(start) => start,
        None => parse_time(START)?,
    };
    wish.end = wish
        .start
        .checked_add(SignedDuration::from_hours(24 * i64::from(options.days)))
        .map_err(|e| Failure::usage(e.to_string()))?;
    let simulator = Simulator::new(wish).map_err(|error| Failure::usage(error.to_string()))?;
    let bar = progress::steps(1000, "simulating");
    let rows = write_directory(simulator, output, |step| bar.set_position((step.done * 1000.0) as u64)).map_err(Failure::work)?;
    bar.finish_and_clear();
    say(&format!("{}: {rows} rows; faults are in labels.csv, confounders in confounders.csv", output.display()));
    Ok(())
}

pub(super) async fn catalogue(options: args::Datasets) -> Result<(), Failure> {
    let Some(name) = options.name else {
        for set in PUBLIC_SETS {
            say(&format!("{:<16} {}\n{:<16} {} · {}", set.name, set.title, "", set.licence, set.address));
        }
        say(
            "\nFetch the file from its address, then: chergui import FILE --mapping NAME. `chergui datasets NAME` shows a mapping.",
        );
        return Ok(());
    };
    let set = public_set(&name).ok_or_else(|| {
        let nearest = engine::domain::nearest(&name, PUBLIC_SETS.iter().map(|set| set.name));
        Failure::usage(format!(
            "no data set is called {name:?}{}",
            nearest.map(|n| format!(", nearest is {n:?}")).unwrap_or_default()
        ))
    })?;
    say(&format!(
        "# {}\n# {} · {}\n# file {} · sha256 {}\n# {}\n\n{}",
        set.title, set.licence, set.address, set.file, set.sha256, set.note, set.mapping
    ));
    Ok(())
}
