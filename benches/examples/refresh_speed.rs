//! How long the forecasts of the demo's fleet take: the first round, which fits every model, and the refreshes after it.
//!
//! `refresh_speed [DAYS] [REFRESHES] [SLOW] [MACHINES]`; prints one JSON line. Between refreshes an hour of telemetry (and the weather runs that came) is
//! stored, as it would be by the door. With `SLOW` = 1 nothing is kept between refreshes: what it would cost to read and prepare everything.
//! With `MACHINES` = 1 turbines and inverters are forecast, too.

use datasets::simulate::{FleetOptions, SimulatedChunk, Simulator, declared_quantities};
use engine::domain::{Quantities, Table, Timestamp};
use engine::pipeline::ingest::Ingest;
use engine::pipeline::{Pipeline, PipelineOptions};
use engine::source::Rows;
use engine::store::{Store, StoreOptions};
use jiff::SignedDuration;
use std::time::Instant;

/// User and system seconds of this process.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<f64> =
        stat.rsplit(')').next().into_iter().flat_map(str::split_whitespace).map(|f| f.parse().unwrap_or(0.0)).collect();
    (fields.get(11).unwrap_or(&0.0) + fields.get(12).unwrap_or(&0.0)) / 100.0
}

/// Memory this process holds, MB.
fn resident_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches("kB").trim().parse::<f64>().map_or(f64::NAN, |kb| kb / 1000.0)
}

fn rows(chunk: SimulatedChunk) -> Vec<Rows> {
    let weather = chunk.weather.map(|batch| Rows::Other(Table::WeatherForecast, batch));
    chunk.readings.into_iter().map(Rows::Readings).chain(weather).collect()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u32>());
    let mut next = |default| arguments.next().unwrap_or(Ok(default));
    let (days, refreshes, slow, machines) = (next(365)?, next(6)?, next(0)? == 1, next(0)? == 1);
    let directory = tempfile::tempdir()?;
    let store = Store::open(StoreOptions::new(directory.path())).await?;
    let end: Timestamp = "2026-11-01T00:00:00Z".parse()?;
    let mut simulator = Simulator::new(FleetOptions::moroccan(1).ending(end, days))?;
    let mut quantities = Quantities::standard();
    for (name, unit) in declared_quantities() {
        quantities.declare(name, unit)?;
        store.declare(name, unit).await?;
    }
    let mut ingest = Ingest::start(&store, &quantities).await?;
    ingest.store(vec![Rows::Assets(simulator.assets().to_vec())]).await?;
    ingest.store(rows(simulator.next_chunk(end)?)).await?;
    ingest.finish().await?;
    let kept = Pipeline::new(store.clone(), PipelineOptions { machines, ..PipelineOptions::default() });
    let (cpu, began) = (cpu_seconds(), Instant::now());
    let first = kept.forecast_cycle(end).await;
    let (fit_seconds, fit_cpu) = (began.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    let (mut times, mut cpus) = (Vec::new(), Vec::new());
    for hour in 1..=i64::from(refreshes) {
        let now = end.checked_add(SignedDuration::from_hours(hour))?;
        for rows in rows(simulator.next_chunk(now)?) {
            match rows {
                Rows::Readings(readings) => drop(store.append(readings).await?),
                Rows::Other(table, batch) => drop(store.append_table(table, batch).await?),
                _ => {}
            }
        }
        if slow {
            kept.forget_prepared();
        }
        let (cpu, began) = (cpu_seconds(), Instant::now());
        let cycle = kept.forecast_cycle(now).await;
        times.push(began.elapsed().as_secs_f64());
        cpus.push(cpu_seconds() - cpu);
        for (asset, error) in cycle.failures {
            eprintln!("{asset}: {error}");
        }
    }
    times.sort_by(f64::total_cmp);
    cpus.sort_by(f64::total_cmp);
    let middle = |all: &[f64]| all.get(all.len() / 2).copied().unwrap_or(f64::NAN);
    println!(
        "{}",
        serde_json::json!({
            "days": days,
            "assets": first.issued.len(),
            "failures": first.failures.len(),
            "fit_seconds": fit_seconds,
            "fit_cpu_seconds": fit_cpu,
            "refresh_seconds": middle(&times),
            "refresh_seconds_most": times.last(),
            "refresh_cpu_seconds": middle(&cpus),
            "slow": slow,
            "resident_mb": resident_mb(),
        })
    );
    Ok(())
}
