//! How many rows a CPU-second buys in the store alone: log with fsync, layers, background flush to Parquet; no HTTP, no parsing.
//!
//! `append_speed [ROWS] [BATCH] [SENDERS]`; prints one JSON line. CPU is of the whole process, the last flush included.

use engine::domain::AssetKind;
use engine::domain::Quantity;
use engine::domain::Readings;
use engine::store::Store;
use engine::store::StoreOptions;
use std::time::Instant;

const ASSETS: usize = 1000;

/// Rows `from..from + count` of a fleet that reports every minute, asset by asset.
fn batch(from: usize, count: usize) -> Readings {
    let rows = from..from + count;
    let times: Vec<i64> = rows.clone().map(|row| 1_767_225_600_000_000 + (row / ASSETS) as i64 * 60_000_000).collect();
    let ids = rows.clone().map(|row| format!("WT{:04}", row % ASSETS)).collect();
    // Three decimals of something that wanders, as SCADA exports have.
    let value = |scale: f64, shift: usize| {
        let wander = |row: usize| ((row * 2_654_435_761 + shift * 97) % 1_000_003) as f64 / 1_000_003.0;
        rows.clone().map(|row| Some((scale * wander(row) * 1000.0).round() / 1000.0)).collect::<Vec<_>>()
    };
    let columns = vec![
        (Quantity::ACTIVE_POWER, value(2000.0, 1)),
        (Quantity::WIND_SPEED, value(25.0, 2)),
        (Quantity::TEMP_AIR, value(40.0, 3)),
        (Quantity::TURBINE_STATUS, vec![Some(0.0); count]),
    ];
    Readings::from_columns(AssetKind::WindTurbine, times.clone(), ids, times, columns).expect("a good batch")
}

/// User and system seconds of this process.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<f64> =
        stat.rsplit(')').next().into_iter().flat_map(str::split_whitespace).map(|f| f.parse().unwrap_or(0.0)).collect();
    (fields.get(11).unwrap_or(&0.0) + fields.get(12).unwrap_or(&0.0)) / 100.0
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<usize>());
    let mut next = |default| arguments.next().unwrap_or(Ok(default));
    let (rows, size, senders) = (next(2_000_000)?, next(5000)?, next(2)?);
    let directory = tempfile::tempdir()?;
    let store = Store::open(StoreOptions::new(directory.path())).await?;
    let batches: Vec<Readings> = (0..rows / size).map(|i| batch(i * size, size)).collect();
    let (cpu, began) = (cpu_seconds(), Instant::now());
    let mut tasks = Vec::new();
    for sender in 0..senders {
        let mine: Vec<Readings> = batches.iter().skip(sender).step_by(senders).cloned().collect();
        let store = store.clone();
        tasks.push(tokio::spawn(async move {
            let mut waits = Vec::with_capacity(mine.len());
            for readings in mine {
                let sent = Instant::now();
                store.append(readings).await?;
                waits.push(sent.elapsed());
            }
            Ok::<_, engine::store::StoreError>(waits)
        }));
    }
    let mut waits = Vec::new();
    for task in tasks {
        waits.extend(task.await??);
    }
    let wall = began.elapsed().as_secs_f64();
    let acknowledged = cpu_seconds() - cpu;
    store.flush().await?;
    let all = cpu_seconds() - cpu;
    waits.sort();
    let at = |share: f64| waits.get((waits.len() as f64 * share) as usize).map_or(0.0, |wait| wait.as_secs_f64() * 1e3);
    let sent = (rows / size * size) as f64;
    println!(
        "{{\"rows\":{sent},\"wall_s\":{wall:.2},\"rows_per_s\":{:.0},\"cpu_s\":{all:.2},\"cpu_s_until_acknowledged\":{acknowledged:.2},\"rows_per_cpu_s\":{:.0},\"p50_ms\":{:.2},\"p99_ms\":{:.2}}}",
        sent / wall,
        sent / all,
        at(0.5),
        at(0.99)
    );
    Ok(())
}
