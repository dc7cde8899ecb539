//! `chergui import --influx NAME`: the history of an InfluxDB, from where the last one ended, with a bar over its time.

use super::super::{args, failure::Failure, progress};
use super::{Refusals, check, rejects_file, say};
use crate::config::{InfluxConfig, InfluxRead};
use crate::ingest::figures::Figures;
use crate::ingest::influx::{self, Pull};
use crate::ingest::letters::DeadLetters;
use crate::ingest::pages::{PullError, Stored};
use crate::ingest::{Door, MOST_REJECTED, Rejected};
use crate::state::Rooms;
use connectors::line::LinePlan;
use engine::pipeline::ingest::Touched;
use engine::source::{Reject, SourceError};
use engine::store::Receipt;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

pub(super) async fn run(rooms: &Rooms, name: &str, options: &args::Import) -> Result<(), Failure> {
    let connection = rooms.config.influx(name).map_err(|error| Failure::usage(error.to_string()))?;
    let Some(read) = &connection.read else {
        return Err(Failure::usage(format!("influx {name:?} has no [influx.read]; add it with start, the first instant to fetch")));
    };
    if options.again {
        influx::forget(&rooms.ledger, connection, read).await.map_err(Failure::work)?;
    }
    let rejects =
        options.rejects.clone().unwrap_or_else(|| rejects_file(&rooms.config.data_dir, &PathBuf::from(format!("influx-{name}"))));
    let total = pull(rooms, connection, read, &rejects).await?;
    if total.receipt.inserted + total.receipt.changed > 0 {
        check(rooms, &total.touched).await?;
    }
    let refused = total.by_reason.values().sum();
    if options.strict && refused > 0 {
        return Err(Failure::Refused { refused, place: rejects.display().to_string() });
    }
    Ok(())
}

/// What all pages brought.
#[derive(Debug, Default)]
struct Total {
    receipt: Receipt,
    touched: Touched,
    by_reason: BTreeMap<&'static str, u64>,
}

impl Total {
    fn add(&mut self, page: &Stored) {
        crate::ingest::add(&mut self.receipt, page.receipt);
        self.touched.extend(&page.touched);
        for reject in &page.rejects {
            *self.by_reason.entry(reject.reason).or_default() += 1;
        }
    }
}

async fn pull(rooms: &Rooms, connection: &InfluxConfig, read: &InfluxRead, rejects: &Path) -> Result<Total, Failure> {
    let stop = read.settled(Timestamp::now());
    let plan =
        LinePlan::new(&rooms.config.line_protocol, &rooms.store.quantities()).map_err(|error| Failure::usage(error.to_string()))?;
    let opened = Pull::open(connection, read, &plan, (&rooms.store, &rooms.ledger), stop)
        .await
        .map_err(|error| failed(&connection.name, &error))?;
    let mut total = Total::default();
    let Some(mut pull) = opened else {
        say(&format!("influx {}: nothing to read before {stop}; its start is {}", connection.name, read.start));
        return Ok(total);
    };
    let seconds = |until: Timestamp| u64::try_from(until.duration_since(read.start).as_secs()).unwrap_or(0);
    let bar = progress::steps(seconds(stop), "");
    let began = Instant::now();
    let mut refusals = Refusals::new(rejects);
    let letters = DeadLetters::new(MOST_REJECTED, MOST_REJECTED, Figures::default());
    loop {
        let page = pull.step().await.map_err(|error| failed(&connection.name, &error))?;
        refusals.write(&page.rejects)?;
        keep(&letters, rooms, &page.rejects).await;
        total.add(&page);
        bar.set_position(seconds(pull.reached()));
        let rate = total.receipt.rows as f64 / began.elapsed().as_secs_f64().max(1e-9);
        bar.set_message(format!("{} · {} rows, {rate:.0} rows/s", pull.reached(), total.receipt.rows));
        if page.done {
            break;
        }
    }
    refusals.finish()?;
    rooms.store.flush().await.map_err(Failure::work)?;
    bar.finish_and_clear();
    report(&connection.name, &total, began.elapsed().as_secs_f64(), stop, rejects);
    Ok(total)
}

async fn keep(letters: &DeadLetters, rooms: &Rooms, rejects: &[Reject]) {
    let first = rejects.iter().take(MOST_REJECTED).cloned().enumerate();
    let rejected: Vec<Rejected> = first.map(|(index, reject)| Rejected::of_source(index, reject)).collect();
    letters.hold(Door::Influx, &rejected, rejects.len());
    letters.drain(&rooms.store).await;
}

fn failed(name: &str, error: &PullError) -> Failure {
    let again = format!("chergui import --influx {name} goes on after the last page that was stored");
    match error {
        PullError::Source(SourceError::Mapping { .. } | SourceError::Domain { .. }) => {
            Failure::usage(format!("influx {name}: {error}; {again}"))
        }
        _ => Failure::Work(format!("influx {name}: {error}; {again}")),
    }
}

fn report(name: &str, total: &Total, seconds: f64, stop: Timestamp, rejects: &Path) {
    let Receipt { rows, inserted, changed, unchanged, .. } = &total.receipt;
    say(&format!(
        "influx {name}: {rows} rows imported up to {stop} in {seconds:.1} s ({:.0} rows/s)",
        *rows as f64 / seconds.max(1e-9)
    ));
    say(&format!("  new {inserted}, changed {changed}, unchanged {unchanged}"));
    if !total.by_reason.is_empty() {
        say(&format!("  refused {} lines, kept in {}", total.by_reason.values().sum::<u64>(), rejects.display()));
        for (reason, count) in &total.by_reason {
            say(&format!("    {reason}: {count}"));
        }
    }
}
