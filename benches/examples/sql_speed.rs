//! What statements cost on a store: JSON lines `{"query": …, "sql": …}` in, JSON lines with wall and CPU seconds out.
//!
//! `cargo run -p benches --example sql_speed -- STORE [REPEATS] < statements`: each statement runs REPEATS times (3) on one thread; printed
//! are the medians, the rows and the sum of the column `p`. `peers/sql.py` compares them with other engines.

use arrow::array::AsArray;
use arrow::compute::sum;
use arrow::datatypes::Float64Type;
use engine::query::{Session, SessionOptions};
use engine::store::{Store, StoreOptions};
use std::error::Error;
use std::io::BufRead;
use std::time::{Duration, Instant};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [root, rest @ ..] = arguments.as_slice() else {
        eprintln!("usage: sql_speed STORE [REPEATS] < statements");
        return Ok(());
    };
    let repeats = rest.first().map_or(Ok(3), |text| text.parse::<usize>())?.max(1);
    let store = Store::open(StoreOptions::new(root)).await?;
    let options = SessionOptions {
        max_rows: usize::MAX,
        timeout: Duration::from_secs(300),
        memory_limit_bytes: 8 << 30,
        partitions: Some(1),
        ..SessionOptions::default()
    };
    let session = Session::new(store, options)?;
    for line in std::io::stdin().lock().lines() {
        let asked: serde_json::Value = serde_json::from_str(&line?)?;
        let text = asked["sql"].as_str().ok_or("a line without sql")?;
        let (mut walls, mut cpus, mut rows, mut total) = (Vec::new(), Vec::new(), 0, 0.0);
        for _ in 0..repeats {
            let (began, cpu) = (Instant::now(), benches::cpu_seconds());
            let answer = session.sql(text).await?;
            walls.push(began.elapsed().as_secs_f64());
            cpus.push(benches::cpu_seconds() - cpu);
            rows = answer.rows();
            let column = |batch: &arrow::array::RecordBatch| {
                batch.column_by_name("p").and_then(|p| sum(p.as_primitive_opt::<Float64Type>()?)).unwrap_or(0.0)
            };
            total = answer.batches.iter().map(column).sum();
        }
        walls.sort_by(f64::total_cmp);
        cpus.sort_by(f64::total_cmp);
        let line = serde_json::json!({
            "job": "sql", "peer": "chergui", "query": asked["query"], "out_rows": rows, "sum_p": (total * 10.0).round() / 10.0,
            "wall_s": walls[repeats / 2], "cpu_s": cpus[repeats / 2], "reps": repeats,
        });
        println!("{line}");
    }
    Ok(())
}
