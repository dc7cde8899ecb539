//! How many values a second a live source takes in, and what a core does: one connection against a plant that sends as fast as asked.
//!
//! `live_speed CONFIG NAME [SECONDS]`: the connection NAME of a configuration, driven for that long (default 30) as the server drives it,
//! without a store. Prints one JSON line: values, values per second of the wall and of our processor time, failures, megabytes held.
//! The plant is a process of its own, for example:
//!
//! ```text
//! chergui simulate --serve --turbines 100 --rate 100 --points /tmp/plant
//! live_speed /tmp/plant/chergui.toml iec104
//! ```

use connectors::connection::Connection;
use connectors::live::{Link, Points};
use engine::domain::{Quantities, Timestamp};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tikv_jemalloc_ctl::{epoch, stats};

/// The allocator of the product.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

type Failure = Box<dyn std::error::Error>;

/// Processor time of this process, seconds: fields 14 and 15 of `/proc/self/stat`, in hundredths.
fn processor() -> Result<f64, Failure> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    Ok((ticks(11) + ticks(12)) / 100.0)
}

fn held() -> Result<f64, Failure> {
    epoch::advance().map_err(|error| error.to_string())?;
    Ok(stats::allocated::read().map_err(|error| error.to_string())? as f64 / 1e6)
}

/// The settings and the points of one connection; paths are those of the configuration's directory.
fn read(config: &Path, name: &str) -> Result<(Connection, Points), Failure> {
    let table: toml::Table = toml::from_str(&std::fs::read_to_string(config)?)?;
    let list = table.get("connection").and_then(toml::Value::as_array).ok_or("no [[connection]]")?;
    let found = list.iter().find(|entry| entry.get("name").and_then(toml::Value::as_str) == Some(name));
    let found = found.ok_or_else(|| format!("no connection {name:?}"))?;
    let from = found.get("from").cloned().ok_or("no from")?.try_into()?;
    let points: PathBuf = found.get("points").cloned().ok_or("no points")?.try_into()?;
    let path = config.parent().unwrap_or(Path::new(".")).join(points);
    Ok((from, Points::read(&path, &Quantities::standard())?))
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let (Some(config), Some(name)) = (arguments.next(), arguments.next()) else {
        return Err("live_speed CONFIG NAME [SECONDS]".into());
    };
    let seconds: u64 = arguments.next().map_or(Ok(30), |text| text.parse())?;
    let (connection, points) = read(Path::new(&config), &name)?;
    let points = Arc::new(points);
    let link = Link::new(&name, Timestamp::now);
    let mut source = connection.protocol().open(points.clone(), link.clone())?;
    let mut cursor = None;
    // Connecting, browsing and the first interrogation are not part of it.
    while link.status().values == 0 {
        cursor = source.next_page(cursor.clone()).await?.cursor.or(cursor);
    }
    let (before, worked, began) = (link.status(), processor()?, Instant::now());
    let mut megabytes = Vec::new();
    while began.elapsed() < Duration::from_secs(seconds) {
        cursor = source.next_page(cursor.clone()).await?.cursor.or(cursor);
        if began.elapsed().as_secs() >= megabytes.len() as u64 {
            megabytes.push(held()?);
        }
    }
    let (after, worked, took) = (link.status(), processor()? - worked, began.elapsed().as_secs_f64());
    source.close().await;
    let values = (after.values - before.values) as f64;
    let half = megabytes.get(megabytes.len() / 2).copied().unwrap_or(0.0);
    println!(
        "{}",
        serde_json::json!({
            "protocol": connection.protocol().name(), "points": points.points().len(), "seconds": took.round(), "values": values,
            "values_per_second": (values / took).round(), "values_per_cpu_second": (values / worked.max(0.01)).round(),
            "cpu_share": (worked / took * 100.0).round() / 100.0, "failures": after.failures - before.failures, "bad": after.bad - before.bad,
            "mb_at_half": half, "mb_at_end": megabytes.last(),
        })
    );
    Ok(())
}
