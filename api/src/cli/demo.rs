//! `chergui demo`: a year of a simulated Moroccan fleet in a store, then playing on, with the dashboard open.
//!
//! The history is brought in like an import; what happens after that arrives through [`crate::ingest::store`], the same
//! door that `POST /api/v1/readings` uses. The fleet's clock starts where its history ends.

use super::failure::Failure;
use super::serve::{address, config, say};
use super::{args, progress};
use crate::ingest::{self, Door};
use crate::jobs::{self, Clock, Schedule};
use crate::state::{AppState, Opened};
use crate::views;
use datasets::simulate::{FleetOptions, SimulatedChunk, Simulator, declared_quantities};
use engine::domain::{Quantities, Table, Timestamp};
use engine::pipeline::ingest::Ingest;
use engine::source::Rows;
use jiff::SignedDuration;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(super) async fn run(place: &args::Place, options: args::Demo) -> Result<(), Failure> {
    if !(options.speed > 0.0 && options.speed <= 100_000.0) {
        return Err(Failure::usage(format!(
            "--speed {} is not between 0 and 100000; 1 is real time, 120 is the default",
            options.speed
        )));
    }
    let place = args::Place { data_dir: Some(place.data_dir.clone().unwrap_or_else(demo_directory)), config: place.config.clone() };
    let mut config = config(&place)?;
    config.bind = address(&options.bind)?;
    if options.fresh {
        clear(&config.data_dir)?;
    }
    let data_dir = config.data_dir.clone();
    let Opened { mut state, pipeline, first_key } = crate::state::open(config).await.map_err(Failure::work)?;
    let key = remember_key(&data_dir, first_key, &state).await?;
    let (simulator, resumed) = fleet(&state, &options).await?;
    let clock = Clock::played(simulator.now(), options.speed);
    state.services = views::services(&pipeline, &clock);
    let server = crate::build(state.clone()).map_err(Failure::work)?;
    welcome(&format!("http://{}", server.address()), &key, &options, simulator.now(), resumed);
    let looking_back = if resumed { Vec::new() } else { last_days(simulator.now()) };
    tokio::spawn(play(state.clone(), simulator, clock.clone()));
    jobs::start(&state, &pipeline, &clock, &Schedule::default(), looking_back);
    if let Some(seconds) = options.stop_after {
        let stopper = server.stopper();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            stopper.stop().await;
        });
    }
    server.run_until_signal().await.map_err(Failure::work)
}

fn demo_directory() -> PathBuf {
    PathBuf::from("chergui-demo")
}

/// Only a directory that a demo made is ever removed.
fn clear(directory: &Path) -> Result<(), Failure> {
    if !directory.exists() {
        return Ok(());
    }
    if !directory.join(KEY_FILE).exists() {
        return Err(Failure::usage(format!("{} was not made by a demo; --fresh does not remove it", directory.display())));
    }
    std::fs::remove_dir_all(directory).map_err(|cause| Failure::io(directory, &cause))
}

/// A demo store holds nothing secret, so its key is kept beside it and shown at every start.
const KEY_FILE: &str = "demo.key";

async fn remember_key(directory: &Path, first: Option<String>, state: &AppState) -> Result<String, Failure> {
    let path = directory.join(KEY_FILE);
    if first.is_none()
        && let Ok(key) = std::fs::read_to_string(&path)
    {
        return Ok(key.trim().to_owned());
    }
    let key = match first {
        Some(key) => key,
        None => {
            state.authority.create("demo", engine::store::ledger::Role::Admin, Timestamp::now()).await.map_err(Failure::work)?
        }
    };
    std::fs::write(&path, &key).map_err(|cause| Failure::io(&path, &cause))?;
    Ok(key)
}

/// The fleet at the end of its history; the store is filled unless it already holds that fleet.
async fn fleet(state: &AppState, options: &args::Demo) -> Result<(Simulator, bool), Failure> {
    let mut wish = FleetOptions::moroccan(options.seed).ending(Timestamp::now(), options.days.max(1));
    if let Some(turbines) = options.turbines {
        wish.turbines = u16::try_from(turbines).unwrap_or(u16::MAX);
    }
    let marker = state.config.data_dir.join("demo.json");
    let held = std::fs::read_to_string(&marker).ok().and_then(|text| serde_json::from_str::<Held>(&text).ok());
    let held = held.filter(|held| held.seed == wish.seed && held.turbines == wish.turbines && held.days == options.days);
    if let Some(held) = &held {
        (wish.start, wish.end) = (held.start, held.end);
    }
    let mut simulator = Simulator::new(wish.clone()).map_err(|error| Failure::usage(error.to_string()))?;
    match held {
        Some(_) => replay(state, &mut simulator).await?,
        None => {
            fill(state, &mut simulator).await?;
            let held = Held { seed: wish.seed, turbines: wish.turbines, days: options.days, start: wish.start, end: wish.end };
            let text = serde_json::to_string(&held).map_err(Failure::work)?;
            std::fs::write(&marker, text).map_err(|cause| Failure::io(&marker, &cause))?;
            return Ok((simulator, false));
        }
    }
    Ok((simulator, true))
}

/// What a demo store was filled with.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Held {
    seed: u64,
    turbines: u16,
    days: u32,
    start: Timestamp,
    end: Timestamp,
}

/// Runs the simulation, which is quick, up to the newest stored reading; nothing is stored again.
async fn replay(state: &AppState, simulator: &mut Simulator) -> Result<(), Failure> {
    let mut until = simulator.options().end;
    for kind in engine::domain::AssetKind::ALL {
        let latest = state.store.latest(kind).await.map_err(Failure::work)?;
        let step = SignedDuration::from_secs(simulator.options().resolution.seconds());
        let newest = latest.values().filter_map(|row| row.time.checked_add(step).ok()).max();
        until = until.max(newest.unwrap_or(until));
    }
    simulator.next_chunk(until).map_err(Failure::work)?;
    Ok(())
}

async fn fill(state: &AppState, simulator: &mut Simulator) -> Result<(), Failure> {
    let (start, end) = (simulator.options().start, simulator.options().end);
    let month = SignedDuration::from_hours(24 * 30);
    let days = (end.duration_since(start).as_hours() / 24).unsigned_abs();
    say(&format!("filling {} with {days} days of a simulated Moroccan fleet", state.config.data_dir.display()));
    let bar = progress::steps(days, "days");
    let mut quantities = Quantities::standard();
    for (name, unit) in declared_quantities() {
        quantities.declare(name, unit)?;
    }
    let mut ingest = Ingest::start(&state.store, &quantities).await.map_err(Failure::work)?;
    ingest.store(vec![Rows::Assets(simulator.assets().to_vec())]).await.map_err(Failure::work)?;
    while simulator.now() < end {
        let until = simulator.now().saturating_add(month).unwrap_or(end).min(end);
        let chunk = simulator.next_chunk(until).map_err(Failure::work)?;
        ingest.store(rows(chunk)).await.map_err(Failure::work)?;
        bar.set_position((until.duration_since(start).as_hours() / 24).unsigned_abs());
    }
    let tally = ingest.finish().await.map_err(Failure::work)?;
    bar.finish_and_clear();
    say(&format!("  {} rows stored", tally.rows));
    Ok(())
}

fn rows(chunk: SimulatedChunk) -> Vec<Rows> {
    let weather = chunk.weather.map(|batch| Rows::Other(Table::WeatherForecast, batch));
    chunk.readings.into_iter().map(Rows::Readings).chain(weather).collect()
}

/// Issue times of the last two days, so that the page has forecasts to compare with what came.
fn last_days(end: Timestamp) -> Vec<Timestamp> {
    let ago = |hours: i64| end.saturating_sub(SignedDuration::from_hours(hours)).unwrap_or(end);
    [48, 36, 24, 18, 12, 6].map(ago).to_vec()
}

/// Plays on: what the fleet has measured since the last step goes through the door of the API.
async fn play(state: AppState, mut simulator: Simulator, clock: Clock) {
    let mut tick = tokio::time::interval(Duration::from_millis(500));
    loop {
        tokio::select! {
            () = state.stopping.cancelled() => return,
            _ = tick.tick() => {}
        }
        let chunk = match simulator.next_chunk(clock.now()) {
            Ok(chunk) => chunk,
            Err(error) => return tracing::error!(%error, "the simulated fleet stopped"),
        };
        if let Some(batch) = chunk.weather
            && let Err(error) = state.store.append_table(Table::WeatherForecast, batch).await
        {
            tracing::error!(%error, "a weather run was not stored");
        }
        for batch in chunk.readings {
            if let Err(error) = ingest::store(&state, Door::Demo, vec![batch]).await {
                tracing::error!(%error, "telemetry was not stored");
            }
        }
    }
}

fn welcome(url: &str, key: &str, options: &args::Demo, from: Timestamp, resumed: bool) {
    let how = if resumed { "resumes" } else { "starts" };
    say("");
    say(&format!("The demo {how} at {from} and plays {} s of it every second. Open", options.speed));
    say(&format!("  {url}/#key={key}"));
    say("or ask");
    say(&format!("  curl -H 'Authorization: Bearer {key}' '{url}/api/v1/forecasts?asset_id=tarfaya&quantity=active_power'"));
    say("Models are being fitted; the first forecasts and alerts appear within a minute or two. Ctrl-C stops.");
    say("");
}
