//! `chergui serve`: the API and the dashboard on a store, with the jobs that keep it up to date. Opening a store is here too.

use super::{args, failure::Failure};
use crate::config::Config;
use crate::jobs::{self, Clock, Schedule};
use crate::state::{AppState, Opened, Rooms};
use crate::views;
use engine::pipeline::Pipeline;
use engine::query::SessionOptions;

/// Reads the configuration and opens the rooms of its store, without a server.
pub(super) async fn open(place: &args::Place, limits: SessionOptions) -> Result<Rooms, Failure> {
    Rooms::open(config(place)?, limits).await.map_err(Failure::work)
}

/// The configuration, with what the command line overrides.
pub(super) fn config(place: &args::Place) -> Result<Config, Failure> {
    let mut config = Config::load(place.config.as_deref()).map_err(|error| Failure::usage(error.to_string()))?;
    if let Some(data_dir) = &place.data_dir {
        config.data_dir.clone_from(data_dir);
    }
    config.checked().map_err(|error| Failure::usage(error.to_string()))
}

pub(super) async fn run(place: &args::Place, options: args::Serve) -> Result<(), Failure> {
    let mut config = config(place)?;
    if let Some(bind) = &options.bind {
        config.bind = address(bind)?;
        config = config.checked().map_err(|error| Failure::usage(error.to_string()))?;
    }
    let clock = Clock::wall();
    let Opened { mut state, pipeline, first_key } = crate::state::open(config).await.map_err(Failure::work)?;
    state.services = views::services(&pipeline, &clock);
    let server = crate::build(state.clone()).map_err(Failure::work)?;
    welcome(&format!("http://{}", server.address()), first_key.as_deref(), &state, &pipeline);
    jobs::start(&state, &pipeline, &clock, &Schedule::default(), Vec::new());
    server.run_until_signal().await.map_err(Failure::work)
}

/// Reads `host:port`.
pub(super) fn address(text: &str) -> Result<std::net::SocketAddr, Failure> {
    text.parse().map_err(|_| Failure::usage(format!("{text:?} is not an address; write for example 127.0.0.1:8080")))
}

fn welcome(url: &str, first_key: Option<&str>, state: &AppState, pipeline: &Pipeline) {
    say(&format!("chergui serves {} assets of {} on {url}", pipeline.store().assets().len(), state.config.data_dir.display()));
    if let Some(key) = first_key {
        say(&format!("The first API key, shown only now: {key}"));
        say(&format!("  dashboard: {url}/#key={key}"));
        say(&format!("  try:       curl -H 'Authorization: Bearer {key}' {url}/api/v1/assets"));
    }
}

/// A line for the person who started the program.
pub(super) fn say(line: &str) {
    println!("{line}");
}
