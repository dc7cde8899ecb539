//! The command line: what can be asked, in the words of `--help`. The work is in one file per command under `cli/`.
//!
//! Exit codes: 0 done · 1 failed while working · 2 the command, mapping, configuration or query was wrong · 3 refused rows under `--strict` · 4 `verify` found damage.

mod args;
mod backtest;
mod backup;
mod bench;
mod connect;
mod demo;
mod detect;
mod detect_log;
mod discover;
mod doctor;
mod failure;
mod forecast;
mod import;
mod key;
mod output;
mod plan;
mod progress;
mod serve;
mod simulate;
mod sql;
mod tail;
mod verify;

pub use args::Arguments;
pub use failure::{Exit, Failure};

use args::Command;

/// Carries out one command.
///
/// # Errors
/// [`Failure`], whose [`Failure::exit`] is the process's exit code.
pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let place = arguments.place;
    match arguments.command {
        Command::Demo(options) => demo::run(&place, options).await,
        Command::Serve(options) => serve::run(&place, options).await,
        Command::Import(options) => import::run(&place, options).await,
        Command::Key(options) => key::run(&place, options).await,
        Command::Sql(options) => sql::run(&place, options).await,
        Command::Forecast(options) => forecast::run(&place, options).await,
        Command::Plan(options) => plan::run(&place, options).await,
        Command::Backtest(options) => backtest::run(options).await,
        Command::Detect(options) => detect::run(options).await,
        Command::Bench(options) => bench::run(options).await,
        Command::Simulate(options) => simulate::run(options).await,
        Command::Datasets(options) => simulate::catalogue(options).await,
        Command::CheckConfig(options) => doctor::check_config(&place, options).await,
        Command::Discover(options) => discover::run(&place, options).await,
        Command::Tail(options) => tail::run(&place, options).await,
        Command::Backup(options) => backup::run(&place, options).await,
        Command::Restore(options) => backup::restore(&place, options).await,
        Command::Verify(options) => verify::run(&place, options).await,
        Command::Vacuum(options) => backup::vacuum(&place, options).await,
        Command::Doctor => doctor::run(&place).await,
    }
}
