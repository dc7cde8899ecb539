//! What forecasts of very many series cost and how far off they are: one JSON line per model, with the peers' fields.
//!
//! `forecast_speed DIRECTORY [SERIES] [MODEL ...]`: the directory holds series_hist.parquet and series_test.parquet of the peers'
//! generator (30 days of quarter hours, 48 hours held out). One thread. Series beyond those of the file are its series again, handed over
//! in blocks of 1,000, so that any number runs in the same memory; a first pass, not timed, is scored. `path` in a model's name means without quantiles.

use arrow::array::AsArray;
use arrow::datatypes::Float64Type;
use engine::domain::Quantile;
use engine::models::panel::{BoostedOptions, BoostedPanel, Grid, LinearPanel, MstlPanel, PanelForecaster, SeasonalPanel};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::error::Error;
use std::fs::File;
use std::path::Path;
use std::time::Instant;

/// A day and a week of quarter hours.
const SEASONS: [usize; 2] = [96, 672];
/// 48 hours.
const HORIZON: usize = 192;
/// Series handed over at once.
const BLOCK: usize = 1000;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [directory, rest @ ..] = arguments.as_slice() else {
        eprintln!("usage: forecast_speed DIRECTORY [SERIES] [MODEL ...]");
        return Ok(());
    };
    let (history, series) = values(&Path::new(directory).join("series_hist.parquet"))?;
    let (truth, _) = values(&Path::new(directory).join("series_test.parquet"))?;
    let wanted = rest.first().map_or(Ok(series), |text| text.parse::<usize>())?;
    let grid = Grid { length: history.len() / series, horizon: HORIZON, seasons: SEASONS.to_vec(), phase: 0 };
    let models: Vec<&str> = match rest.get(1..) {
        Some(models) if !models.is_empty() => models.iter().map(String::as_str).collect(),
        _ => vec!["seasonal_naive_path", "seasonal_naive", "mstl_path", "mstl", "linear", "boosted"],
    };
    let deciles = Quantile::deciles();
    for model in models {
        let quantiles = if model.ends_with("_path") { &[][..] } else { &deciles };
        let learning = benches::cpu_seconds();
        let mut forecaster: Box<dyn PanelForecaster> = match model.trim_end_matches("_path") {
            "seasonal_naive" => Box::new(SeasonalPanel::new(&grid, SEASONS[0], quantiles)?),
            "mstl" => Box::new(MstlPanel::new(&grid, quantiles)?),
            "linear" => Box::new(LinearPanel::new(&grid, quantiles)?),
            "boosted" => Box::new(BoostedPanel::fit(&grid, quantiles, &history, &BoostedOptions::default())?),
            other => return Err(format!("there is no model `{other}`").into()),
        };
        let learning = benches::cpu_seconds() - learning;
        let mut path = vec![0.0; BLOCK * HORIZON];
        let mut bands = vec![0.0; BLOCK * HORIZON * quantiles.len()];
        let mut score = Score::default();
        let mut pass = |wanted: usize, mut score: Option<&mut Score>| -> Result<(), Box<dyn Error>> {
            let mut from = 0;
            while from < wanted {
                let first = from % series;
                let count = BLOCK.min(wanted - from).min(series - first);
                let block = &history[first * grid.length..(first + count) * grid.length];
                let (path, bands) = (&mut path[..count * HORIZON], &mut bands[..count * HORIZON * quantiles.len()]);
                forecaster.forecast_all(block, path, bands)?;
                if let Some(score) = &mut score {
                    score.add(block, &truth[first * HORIZON..(first + count) * HORIZON], path, bands, &grid);
                }
                from += count;
            }
            Ok(())
        };
        pass(series.min(wanted), Some(&mut score))?;
        let (began, cpu) = (Instant::now(), benches::cpu_seconds());
        pass(wanted, None)?;
        // Plans and fits are part of the work.
        let (wall, spent) = (began.elapsed().as_secs_f64(), learning + benches::cpu_seconds() - cpu);
        let line = serde_json::json!({
            "job": "forecast", "peer": "chergui", "model": model, "n": wanted, "unit": "series", "wall_s": wall, "cpu_s": spent,
            "per_s": wanted as f64 / wall, "per_cpu_s": wanted as f64 / spent,
            "history_rows": wanted * grid.length, "horizon": HORIZON, "jobs": 1, "mase_daily": rounded(score.mase()),
            "coverage_80": score.coverage().map(rounded), "pinball_scaled": score.pinball().map(rounded),
            "learn_cpu_s": learning, "quantiles": quantiles.len(), "plan_bytes": forecaster.bytes(), "rss_peak_mib": peak_mib(),
        });
        println!("{line}");
    }
    Ok(())
}

/// Errors of the first pass over the file's series.
#[derive(Default)]
struct Score {
    series: f64,
    mase: f64,
    steps: f64,
    inside: f64,
    pinball: f64,
}

impl Score {
    fn add(&mut self, history: &[f64], truth: &[f64], path: &[f64], bands: &[f64], grid: &Grid) {
        let width = bands.len() / path.len();
        for (i, history) in history.chunks_exact(grid.length).enumerate() {
            let day = SEASONS[0];
            let apart: f64 = history[day..].iter().zip(history).map(|(now, before)| (now - before).abs()).sum();
            let scale = apart / (grid.length - day) as f64;
            let steps = i * HORIZON..(i + 1) * HORIZON;
            let error: f64 = truth[steps.clone()].iter().zip(&path[steps.clone()]).map(|(t, p)| (t - p).abs()).sum();
            self.series += 1.0;
            self.mase += error / HORIZON as f64 / scale;
            for at in steps.take_while(|_| width > 0) {
                let row = &bands[at * width..(at + 1) * width];
                self.steps += 1.0;
                self.inside += f64::from(u8::from(row[0] <= truth[at] && truth[at] <= row[width - 1]));
                for (k, value) in row.iter().enumerate() {
                    let (tau, gap) = ((k + 1) as f64 / (width + 1) as f64, truth[at] - value);
                    self.pinball += (tau * gap).max((tau - 1.0) * gap) / scale / width as f64;
                }
            }
        }
    }

    fn mase(&self) -> f64 {
        self.mase / self.series
    }

    fn coverage(&self) -> Option<f64> {
        (self.steps > 0.0).then(|| self.inside / self.steps)
    }

    fn pinball(&self) -> Option<f64> {
        (self.steps > 0.0).then(|| self.pinball / self.steps)
    }
}

fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

/// The column `y`, series after series, and how many series there are.
fn values(path: &Path) -> Result<(Vec<f64>, usize), Box<dyn Error>> {
    let (mut all, mut series, mut last) = (Vec::new(), 0, String::new());
    for batch in ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?.build()? {
        let batch = batch?;
        let names = batch.column_by_name("unique_id").ok_or("a file without unique_id")?.as_string::<i32>();
        for name in names.iter().flatten() {
            if name != last {
                series += 1;
                name.clone_into(&mut last);
            }
        }
        let column = batch.column_by_name("y").ok_or("a file without y")?;
        all.extend_from_slice(column.as_primitive::<Float64Type>().values());
    }
    Ok((all, series))
}

/// Most memory this process has had resident, MiB; 0 where `/proc` is absent.
fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|text| text.trim().trim_end_matches(" kB").parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}
