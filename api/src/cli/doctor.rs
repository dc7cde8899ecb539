//! `chergui check-config` and `chergui doctor`: what is meant, and what is amiss.

use super::{args, connect, failure::Failure, serve, serve::say};
use crate::config::Config;
use engine::query::SessionOptions;
use std::net::TcpListener;

pub(super) async fn check_config(place: &args::Place, options: args::CheckConfig) -> Result<(), Failure> {
    let file = options.file.or_else(|| place.config.clone());
    let config = Config::load(file.as_deref()).and_then(Config::checked).map_err(|error| Failure::usage(error.to_string()))?;
    say(&toml::to_string_pretty(&config).map_err(Failure::work)?);
    for connection in &config.influx {
        say(&format!("# {}", connection.summary()));
    }
    for connection in &config.connection {
        say(&format!("# {}", connection.summary()));
    }
    say(&format!("# {}: good", file.map_or_else(|| "defaults and environment".into(), |path| path.display().to_string())));
    if options.connect { connect::try_all(&config).await } else { Ok(()) }
}

pub(super) async fn run(place: &args::Place) -> Result<(), Failure> {
    let config = serve::config(place)?;
    let mut amiss = 0;
    let mut check = |what: &str, result: Result<String, String>| match result {
        Ok(fine) => say(&format!("ok    {what}: {fine}")),
        Err(problem) => {
            amiss += 1;
            say(&format!("AMISS {what}: {problem}"));
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    check("processor", Ok(format!("{cores} cores")));
    let casablanca = engine::domain::time_zone("Africa/Casablanca").ok();
    let date = jiff::civil::date(2026, 12, 1).at(12, 0, 0, 0);
    let offset = casablanca.and_then(|zone| date.to_zoned(zone).ok()).map(|zoned| zoned.offset().seconds());
    check(
        "time zones",
        match offset {
            Some(0) => Ok("Morocco is at UTC+00 since 2026-09-20".into()),
            other => Err(format!("Morocco shows an offset of {other:?} s in December 2026; this build has an old tz database")),
        },
    );
    check(
        "address",
        match TcpListener::bind(config.bind) {
            Ok(_) => Ok(format!("{} is free", config.bind)),
            Err(cause) => Err(format!("{}: {cause}; choose another with `bind`, or stop the program that holds it", config.bind)),
        },
    );
    let existed = config.data_dir.exists();
    if existed {
        match serve::open(place, SessionOptions::default()).await {
            Ok(rooms) => {
                let stats = rooms.store.stats();
                let rows: u64 = stats.tables.iter().map(|table| table.rows).sum();
                let files: usize = stats.tables.iter().map(|table| table.files).sum();
                check(
                    "store",
                    Ok(format!(
                        "{} assets, {rows} rows in {files} files, {} log files",
                        rooms.store.assets().len(),
                        stats.log_files
                    )),
                );
            }
            Err(error) => check("store", Err(error.to_string())),
        }
    } else {
        check("store", Ok(format!("{} is not there yet; `chergui import` or `chergui demo` makes it", config.data_dir.display())));
    }
    if amiss == 0 { Ok(()) } else { Err(Failure::Work(format!("{amiss} thing{} amiss", if amiss == 1 { " is" } else { "s are" }))) }
}
