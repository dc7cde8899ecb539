//! What the store keeps in memory as its files grow in number: rows of a fleet straight into the store, the newest hour asked for in between.
//!
//! `growth [MILLIONS OF ROWS]` (default 100); prints one JSON line per ten million rows: files, bytes the program holds (allocated, as
//! jemalloc counts them, after a flush), then a line with the slope over the second half. No HTTP, no parsing, no pauses: the same files as
//! `benches/peers/mixed.py` makes in ten seconds per million rows.

use engine::domain::AssetKind;
use engine::domain::Quantity;
use engine::domain::Readings;
use engine::query::Session;
use engine::query::SessionOptions;
use engine::store::Store;
use engine::store::StoreOptions;
use tikv_jemalloc_ctl::epoch;
use tikv_jemalloc_ctl::stats;

/// The allocator of the product.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const ASSETS: usize = 5000;
const START: i64 = 1_767_225_600_000_000;

/// One second of the fleet.
fn second(at: usize) -> Readings {
    let times = vec![START + at as i64 * 1_000_000; ASSETS];
    let ids = (0..ASSETS).map(|asset| format!("L{asset:05}")).collect();
    let value = |scale: f64, shift: usize| {
        let wander = |asset: usize| (((at * ASSETS + asset) * 2_654_435_761 + shift * 97) % 1_000_003) as f64 / 1_000_003.0;
        (0..ASSETS).map(|asset| Some((scale * wander(asset) * 1000.0).round() / 1000.0)).collect::<Vec<_>>()
    };
    let columns = vec![
        (Quantity::ACTIVE_POWER, value(2000.0, 1)),
        (Quantity::WIND_SPEED, value(25.0, 2)),
        (Quantity::TEMP_AIR, value(40.0, 3)),
    ];
    Readings::from_columns(AssetKind::WindTurbine, times.clone(), ids, times, columns).expect("a good batch")
}

fn held() -> Result<usize, Box<dyn std::error::Error>> {
    epoch::advance().map_err(|error| error.to_string())?;
    Ok(stats::allocated::read().map_err(|error| error.to_string())?)
}

/// Least squares of bytes on rows.
fn slope(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0 / n, y + point.1 / n));
    points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum::<f64>() / points.iter().map(|p| (p.0 - x).powi(2)).sum::<f64>()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let millions = std::env::args().nth(1).map_or(Ok(100), |text| text.parse::<usize>())?;
    let directory = tempfile::tempdir()?;
    let store = Store::open(StoreOptions::new(directory.path())).await?;
    let session = Session::new(store.clone(), SessionOptions::default())?;
    let mut points = Vec::new();
    for at in 0..millions * 1_000_000 / ASSETS {
        store.append(second(at)).await?;
        let rows = (at + 1) * ASSETS;
        if rows.is_multiple_of(1_000_000) {
            let since = engine::domain::from_micros(START + (at as i64 - 3600).max(0) * 1_000_000);
            for text in [
                format!("SELECT count(*), avg(active_power) FROM wind_turbine WHERE asset_id = 'L00017' AND time >= '{since}'"),
                format!(
                    "SELECT asset_id, max(wind_speed) FROM wind_turbine WHERE asset_id BETWEEN 'L00100' AND 'L00110' AND time >= '{since}' GROUP BY 1"
                ),
            ] {
                session.sql(&text).await?;
            }
        }
        if rows.is_multiple_of(10_000_000) {
            store.flush().await?;
            let bytes = held()?;
            points.push((rows as f64, bytes as f64));
            let files: usize = store.stats().tables.iter().map(|table| table.files).sum();
            println!("{{\"rows\":{rows},\"files\":{files},\"allocated_mb\":{:.2}}}", bytes as f64 / 1e6);
        }
    }
    let late = &points[points.len() / 2..];
    if late.len() > 2 {
        let per_row = slope(late);
        println!("{{\"bytes_per_row\":{per_row:.4},\"mb_per_hour_at_100k_rows_s\":{:.2}}}", per_row * 360.0);
    }
    Ok(())
}
