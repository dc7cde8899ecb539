//! `chergui simulate` and `chergui datasets`: data from nowhere, and where real data is.

use super::{args, failure::Failure, progress, serve::say};
use datasets::catalogue::{PUBLIC_SETS, public_set};
use datasets::simulate::{FleetOptions, Simulator, write_directory};
use jiff::SignedDuration;

pub(super) async fn run(options: args::Simulate) -> Result<(), Failure> {
    tokio::task::spawn_blocking(move || write(&options)).await.map_err(Failure::work)?
}

fn write(options: &args::Simulate) -> Result<(), Failure> {
    let mut wish = FleetOptions::moroccan(options.seed);
    wish.start = options.start;
    wish.end = options
        .start
        .checked_add(SignedDuration::from_hours(24 * i64::from(options.days)))
        .map_err(|e| Failure::usage(e.to_string()))?;
    wish.faults = !options.no_faults;
    if let Some(turbines) = options.turbines {
        wish.turbines = u16::try_from(turbines).unwrap_or(u16::MAX);
    }
    let simulator = Simulator::new(wish).map_err(|error| Failure::usage(error.to_string()))?;
    let bar = progress::steps(1000, "simulating");
    let rows =
        write_directory(simulator, &options.output, |step| bar.set_position((step.done * 1000.0) as u64)).map_err(Failure::work)?;
    bar.finish_and_clear();
    say(&format!("{}: {rows} rows; faults are in labels.csv, confounders in confounders.csv", options.output.display()));
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
