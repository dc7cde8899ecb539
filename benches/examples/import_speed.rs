//! Rows per second of the file source on one core.
//!
//! `cargo run -p benches --example import_speed -- FILE MAPPING [REPEATS]`: reads the file through the mapping and prints
//! rows, seconds and rows/s of each run. Compare with DuckDB: `SET threads=1; SELECT … FROM read_csv('FILE')`.

use connectors::file::FileOptions;
use connectors::file::FileSource;
use connectors::mapping::Mapping;
use engine::domain::Quantities;
use engine::source::Rows;
use std::path::Path;
use std::time::Instant;

fn main() -> Result<(), engine::source::SourceError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, mapping, rest @ ..] = arguments.as_slice() else {
        eprintln!("usage: import_speed FILE MAPPING [REPEATS]");
        return Ok(());
    };
    let mapping = Mapping::read(Path::new(mapping), &Quantities::standard())?;
    let repeats = rest.first().and_then(|text| text.parse().ok()).unwrap_or(5);
    for _ in 0..repeats {
        let start = Instant::now();
        let mut source = FileSource::open(Path::new(file), &mapping, &FileOptions::default())?;
        let (mut rows, mut rejects) = (0, 0);
        loop {
            let page = source.read_page()?;
            rejects += page.rejects.len();
            rows +=
                page.rows.iter().map(|rows| if let Rows::Readings(readings) = rows { readings.len() } else { 0 }).sum::<usize>();
            if page.done {
                break;
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        println!("{rows} rows, {rejects} rejects, {seconds:.3} s, {:.0} rows/s", rows as f64 / seconds);
    }
    Ok(())
}
