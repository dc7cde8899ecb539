//! The one integration binary of the house; each module says what belongs in it.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the failure message, also in its helpers")]

/// Controller logs through the command line.
mod alarm_logs;
/// The contract of the forecasting bench on real data.
mod backtests;
/// Backup, restore and verify as an operator runs them.
mod backup;
/// The demo in a real browser.
mod browser;
/// A live cycle of forecasts that adds up, from feeders to net load.
mod coherence;
/// The command line, from simulation to SQL, and its refusals.
mod commands;
/// The contract of live sources, against peers of somebody else's making.
mod contracts;
/// Every reader of bytes from outside, fed with seeded changes of small files.
mod fuzzing;
/// Scores that others have published, and what other packages make of small inputs.
mod golden;
/// Statements that want too much, or what is not theirs.
mod hostile;
/// The real server on a free port, spoken to over HTTP.
mod http;
/// InfluxDB as a source and as a receiver.
mod influx;
/// Delta tables as other programs read them.
mod interop;
/// From nothing to values with the commands of docs/connectors.md.
mod newcomer;
/// Tables in a bucket, against `moto_server`.
mod objects;
/// The built binary and the real data, for the modules above.
mod program;
/// The SQL files in `slt/`.
mod sql;
/// The plan as a test: who imports whom, how long a file may be, which words stay out.
mod tidy;
/// What was acknowledged is there after kill -9 and on a full disk.
mod trust;
/// Weather files, several sources, and the future they must not show.
mod weather;
/// The real outbox against a real receiver that fails first.
mod webhook;

/// The allocator of the product, because some tests look at memory.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
