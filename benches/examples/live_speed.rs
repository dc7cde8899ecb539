//! How many values a second a live source takes in, and what a core does: one connection against a plant that sends as fast as asked.
//!
//! `live_speed SECONDS CONFIG NAME [CONFIG NAME …]`: each connection NAME of a configuration, driven for that long as the server drives it,
//! all in this process, without a store. Prints one JSON line: values, values per second of the wall and of our processor time, failures,
//! megabytes held. The plant is a process of its own: `benches/peers/live.py` starts it, and reads it with the usual Python clients too.

use connectors::connection::Connection;
use connectors::live::{Link, Points};
use engine::domain::{Quantities, Timestamp};
use engine::source::{Cursor, Source};
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

/// One connection being driven.
struct Driven {
    link: Link,
    source: Box<dyn Source>,
    cursor: Option<Cursor>,
    points: usize,
    protocol: &'static str,
}

impl Driven {
    fn open(config: &str, name: &str) -> Result<Self, Failure> {
        let (connection, points) = read(Path::new(config), name)?;
        let (count, link) = (points.points().len(), Link::new(name, Timestamp::now));
        let source = connection.protocol().open(Arc::new(points), link.clone())?;
        Ok(Self { link, source, cursor: None, points: count, protocol: connection.protocol().name() })
    }

    async fn until(&mut self, enough: impl Fn(&Link) -> bool) -> Result<(), Failure> {
        while !enough(&self.link) {
            let page = self.source.next_page(self.cursor.clone()).await?;
            self.cursor = page.cursor.or(self.cursor.take());
        }
        Ok(())
    }
}

/// Runs every connection until each has `enough`.
async fn all(driven: &mut [Driven], enough: impl Fn(&Link) -> bool) -> Result<(), Failure> {
    futures::future::try_join_all(driven.iter_mut().map(|one| one.until(&enough))).await.map(drop)
}

/// Values taken in, of them bad, and failures.
fn taken(driven: &[Driven]) -> (u64, u64, u64) {
    let all = driven.iter().map(|one| one.link.status());
    all.fold((0, 0, 0), |sum, status| (sum.0 + status.values, sum.1 + status.bad, sum.2 + status.failures))
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let usage = "live_speed SECONDS CONFIG NAME [CONFIG NAME …]";
    let (seconds, pairs) = arguments.split_first().ok_or(usage)?;
    let seconds: u64 = seconds.parse().map_err(|_| usage)?;
    if pairs.is_empty() || pairs.len() % 2 != 0 {
        return Err(usage.into());
    }
    let mut driven: Vec<Driven> = pairs.chunks_exact(2).map(|pair| Driven::open(&pair[0], &pair[1])).collect::<Result<_, _>>()?;
    // Connecting, browsing and the first interrogation are not part of it.
    all(&mut driven, |link| link.status().values > 0).await?;
    let (before, worked, began) = (taken(&driven), processor()?, Instant::now());
    let mut megabytes = Vec::new();
    for second in 1..=seconds {
        all(&mut driven, |_| began.elapsed() >= Duration::from_secs(second)).await?;
        megabytes.push(held()?);
    }
    let (after, worked, took) = (taken(&driven), processor()? - worked, began.elapsed().as_secs_f64());
    let protocols: std::collections::BTreeSet<&str> = driven.iter().map(|one| one.protocol).collect();
    let points: usize = driven.iter().map(|one| one.points).sum();
    for one in &mut driven {
        one.source.close().await;
    }
    let values = (after.0 - before.0) as f64;
    println!(
        "{}",
        serde_json::json!({
            "protocol": protocols, "connections": driven.len(), "points": points, "seconds": took.round(), "values": values,
            "values_per_second": (values / took).round(), "values_per_cpu_second": (values / worked.max(0.01)).round(),
            "cpu_share": (worked / took * 100.0).round() / 100.0, "bad": after.1 - before.1, "failures": after.2 - before.2,
            "mb_at_half": megabytes.get(megabytes.len() / 2), "mb_at_end": megabytes.last(),
        })
    );
    Ok(())
}
