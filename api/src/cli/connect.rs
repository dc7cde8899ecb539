//! `chergui check-config --connect`: every connection tried once, and a table of what came of it.

use super::{failure::Failure, progress, serve::say};
use crate::config::{Config, ConnectionConfig};
use connectors::live::{Link, Probe};
use engine::domain::{Quantities, Timestamp, Unit};
use engine::source::SourceError;
use std::time::Duration;

/// How long one peer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Tries all connections at the same time.
pub(super) async fn try_all(config: &Config) -> Result<(), Failure> {
    if config.connection.is_empty() {
        say("# no [[connection]] to try; `chergui discover --help` shows how to begin");
        return Ok(());
    }
    let mut quantities = Quantities::standard();
    for (name, unit) in &config.quantities {
        let declared = Unit::parse(unit).and_then(|unit| quantities.declare(name, unit));
        declared.map_err(|error| Failure::usage(format!("quantities.{name}: {error}")))?;
    }
    let bar = progress::waiting(&format!("trying {} connections", config.connection.len()));
    let tries = config.connection.iter().map(|connection| try_one(connection, &quantities));
    let outcomes = futures::future::join_all(tries).await;
    bar.finish_and_clear();
    let width = config.connection.iter().map(|connection| connection.name.len()).max().unwrap_or(0).max(4);
    say(&format!("{:<width$}  {:<8}  {:<7}  {}", "name", "protocol", "state", "what it says"));
    let mut amiss = 0;
    for (connection, outcome) in config.connection.iter().zip(outcomes) {
        let protocol = connection.from.protocol();
        let (state, story) = match outcome {
            Ok(Probe { peer, says }) => ("ok", format!("{peer}: {says}")),
            Err(error) => {
                amiss += 1;
                ("AMISS", error.to_string())
            }
        };
        say(&format!("{:<width$}  {:<8}  {state:<7}  {story}", connection.name, protocol.name()));
    }
    if amiss == 0 {
        Ok(())
    } else {
        Err(Failure::Work(format!("{amiss} of {} connections cannot be used as they are", config.connection.len())))
    }
}

async fn try_one(connection: &ConnectionConfig, quantities: &Quantities) -> Result<Probe, SourceError> {
    let points = connection.read_points(quantities)?;
    let protocol = connection.from.protocol();
    let link = Link::new(&connection.name, Timestamp::now);
    match tokio::time::timeout(PATIENCE, protocol.probe(&points, &link)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(SourceError::Format {
            place: protocol.peer(),
            problem: format!(
                "no end after {} s; is the address right, and does a firewall drop what it should refuse?",
                PATIENCE.as_secs()
            ),
        }),
    }
}
