//! What judging rows costs: the power-curve residual and the subspace of all columns, one JSON line each, with the peers' fields.
//!
//! `detect_speed DIRECTORY [ROWS] [PASSES] [MODEL ...]`: the directory holds scada.parquet of the peers' generator. The first half of the wind rows is learnt
//! from, the second half judged, as the peers do; PASSES times, so that CPU time can be read. One thread. Learning is timed apart.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Float64Type, Int32Type};
use engine::detect::{Column, CurveScan, Role, RowVerdict, Scratch, Subspace, SubspaceOptions};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::error::Error;
use std::fs::File;
use std::path::Path;
use std::time::Instant;

/// Width of a wind bin, m/s.
const BIN: f64 = 0.5;
/// Hours between rows of one machine in that file.
const HOURS: f64 = 1.0 / 60.0;

/// Wind rows that run or have a faulty sensor.
#[derive(Default)]
struct Rows {
    power: Vec<f64>,
    wind: Vec<f64>,
    temperature: Vec<f64>,
    fault: Vec<bool>,
}

/// Scores rows into a buffer.
type Judge<'a> = Box<dyn Fn(&mut [f64]) -> Result<(), Box<dyn Error>> + 'a>;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [directory, rest @ ..] = arguments.as_slice() else {
        eprintln!("usage: detect_speed DIRECTORY [ROWS] [PASSES] [MODEL ...]");
        return Ok(());
    };
    let wanted = rest.first().map_or(Ok(1_000_000), |text| text.parse::<usize>())?;
    let passes = rest.get(1).map_or(Ok(20), |text| text.parse::<usize>())?.max(1);
    let models: Vec<&str> = match rest.get(2..) {
        Some(models) if !models.is_empty() => models.iter().map(String::as_str).collect(),
        _ => vec!["power_curve", "subspace"],
    };
    let rows = read(&Path::new(directory).join("scada.parquet"), wanted)?;
    let half = rows.power.len() / 2;
    for model in models {
        let mut score = vec![0.0; rows.power.len() - half];
        let (began, cpu) = (Instant::now(), benches::cpu_seconds());
        let judge: Judge<'_> = match model {
            "power_curve" => {
                let scan =
                    CurveScan::fit(&rows.wind[..half], &rows.power[..half], BIN, |_| true).ok_or("too few rows for a curve")?;
                let rows = &rows;
                Box::new(move |out| {
                    scan.score(&rows.wind[half..], &rows.power[half..], out);
                    Ok(())
                })
            }
            "subspace" => {
                let learnt = columns(&rows, 0, half);
                let fitted = Subspace::fit(&learnt, &vec![true; half], HOURS, &SubspaceOptions::default())?;
                let judged = columns(&rows, half, rows.power.len());
                let counts = vec![true; rows.power.len() - half];
                Box::new(move |out| {
                    let mut verdicts = [RowVerdict::default(); 4096];
                    let (mut state, mut scratch) = (fitted.begin(), Scratch::default());
                    for (block, out) in out.chunks_mut(verdicts.len()).enumerate() {
                        let from = block * verdicts.len();
                        fitted.advance(&mut state, &mut scratch, &judged, from..from + out.len(), &counts, &mut verdicts)?;
                        for (slot, verdict) in out.iter_mut().zip(&verdicts) {
                            *slot = verdict.score;
                        }
                    }
                    Ok(())
                })
            }
            other => return Err(format!("there is no model `{other}`; there are power_curve and subspace").into()),
        };
        let (fit_wall, fit_cpu) = (began.elapsed().as_secs_f64(), benches::cpu_seconds() - cpu);
        judge(&mut score)?;
        let (began, cpu) = (Instant::now(), benches::cpu_seconds());
        for _ in 0..passes {
            judge(&mut score)?;
        }
        let (wall, spent) = (began.elapsed().as_secs_f64(), benches::cpu_seconds() - cpu);
        let sizes: Vec<f64> = score.iter().map(|s| s.abs()).collect();
        let n = score.len() * passes;
        let line = serde_json::json!({
            "job": "anomaly", "peer": "chergui", "tool": model, "n": n, "unit": "rows", "wall_s": wall, "cpu_s": spent,
            "per_s": n as f64 / wall, "per_cpu_s": n as f64 / spent, "fit_rows": half, "fit_wall_s": fit_wall, "fit_cpu_s": fit_cpu,
            "auc": auc(&sizes, &rows.fault[half..]), "faults": rows.fault[half..].iter().filter(|f| **f).count(), "passes": passes, "jobs": 1,
        });
        println!("{line}");
    }
    Ok(())
}

fn columns(rows: &Rows, from: usize, to: usize) -> Vec<Column<'_>> {
    let columns =
        [("power_kw", Role::Power, &rows.power), ("wind_speed", Role::Wind, &rows.wind), ("temp_c", Role::Part, &rows.temperature)];
    columns.into_iter().map(|(name, role, values)| Column { name, role, values: &values[from..to] }).collect()
}

/// The first `wanted` wind rows with a power that run (status 0) or whose sensor is at fault (status 3).
fn read(path: &Path, wanted: usize) -> Result<Rows, Box<dyn Error>> {
    let mut rows = Rows::default();
    for batch in ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?.build()? {
        let batch = batch?;
        let column = |name: &str| batch.column_by_name(name).ok_or_else(|| format!("{} has no column {name}", path.display()));
        let (kind, status, power) = (column("kind")?, column("status")?, column("power_kw")?);
        let (kind, status, power) =
            (kind.as_string::<i32>(), status.as_primitive::<Int32Type>(), power.as_primitive::<Float64Type>());
        let (wind, temperature) = (column("wind_speed")?, column("temp_c")?);
        let (wind, temperature) = (wind.as_primitive::<Float64Type>(), temperature.as_primitive::<Float64Type>());
        for i in (0..batch.num_rows()).filter(|&i| kind.value(i) == "wind" && power.is_valid(i) && matches!(status.value(i), 0 | 3))
        {
            rows.power.push(power.value(i));
            rows.wind.push(wind.value(i));
            rows.temperature.push(temperature.value(i));
            rows.fault.push(status.value(i) == 3);
        }
        if rows.power.len() >= wanted {
            break;
        }
    }
    for column in [&mut rows.power, &mut rows.wind, &mut rows.temperature] {
        column.truncate(wanted);
    }
    rows.fault.truncate(wanted);
    Ok(rows)
}

/// Area under the receiver's curve, by ranks; ties keep the order of the rows, as the peers' script has it.
fn auc(score: &[f64], fault: &[bool]) -> f64 {
    let mut order: Vec<usize> = (0..score.len()).collect();
    order.sort_by(|&a, &b| score[a].total_cmp(&score[b]));
    let ranks: f64 = order.iter().zip(1_u64..).filter(|(i, _)| fault[**i]).map(|(_, rank)| rank as f64).sum();
    let faults = fault.iter().filter(|f| **f).count() as f64;
    (ranks - faults * (faults + 1.0) / 2.0) / (faults * (score.len() as f64 - faults))
}
