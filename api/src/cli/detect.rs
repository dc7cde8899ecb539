//! `chergui detect`: learn what is normal until a date, judge every row after it, by the contract of the anomaly bench.

use super::{args, detect_log, failure::Failure, progress};
use datasets::directory::{DatasetDirectory, Filter, LoadedDataset};
use engine::detect::{Detection, DetectionPower, Incident, Watch, WatchOptions};
use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::Path,
};

pub(super) async fn run(options: args::Detect) -> Result<(), Failure> {
    tokio::task::spawn_blocking(move || work(&options)).await.map_err(Failure::work)?
}

fn work(options: &args::Detect) -> Result<(), Failure> {
    let bar = progress::steps(3, "reading");
    let directory = DatasetDirectory::open(&options.directory).map_err(|error| Failure::usage(error.to_string()))?;
    let dataset = directory.load(&Filter { assets: Vec::new(), quantities: Vec::new(), weather: false }).map_err(Failure::work)?;
    bar.inc(1);
    if dataset.frames.is_empty() && !dataset.events.is_empty() {
        let log = detect_log::collapse(&dataset, options.train_until);
        fs::create_dir_all(&options.output_dir).map_err(|cause| Failure::io(&options.output_dir, &cause))?;
        write_incidents(&options.output_dir, &log.incidents)?;
        detect_log::write(&options.output_dir, &dataset, &log, options.train_until)?;
        bar.finish_and_clear();
        return Ok(());
    }
    bar.set_message("learning");
    let watched = WatchOptions { false_alarms_per_asset_year: options.false_alarms_per_asset_year, ..WatchOptions::default() };
    let fitted = Watch::fit(&dataset.frames, options.train_until, &watched).map_err(Failure::work)?;
    bar.inc(1);
    bar.set_message("judging");
    let detection = fitted.scan(&dataset.frames, options.train_until);
    fs::create_dir_all(&options.output_dir).map_err(|cause| Failure::io(&options.output_dir, &cause))?;
    write(&options.output_dir, &dataset, &detection)?;
    delays(&options.output_dir, &fitted.detection_power())?;
    bar.finish_and_clear();
    Ok(())
}

fn write(directory: &Path, dataset: &LoadedDataset, detection: &Detection) -> Result<(), Failure> {
    let mut points = create(&directory.join("points.csv"))?;
    writeln!(points, "time,asset_id,anomaly,score")?;
    for point in &detection.points {
        for time in dataset.times_of(&point.asset, point.time) {
            writeln!(points, "{time},{},{},{:.4}", point.asset, u8::from(point.anomaly), point.score)?;
        }
    }
    points.flush()?;
    write_incidents(directory, &detection.incidents)?;
    soiling(directory, detection)
}

fn write_incidents(directory: &Path, found: &[Incident]) -> Result<(), Failure> {
    let mut incidents = create(&directory.join("incidents.csv"))?;
    writeln!(incidents, "asset_id,component,mode,opened_at,closed_at,severity,energy_lost_kwh,top_contributors")?;
    for i in found {
        let closed = i.closed_at.map(|time| time.to_string()).unwrap_or_default();
        let why = i.top_contributors().join(";");
        let severity = i.severity.name();
        writeln!(
            incidents,
            "{},{},{},{},{closed},{severity},{:.1},{why}",
            i.asset_id, i.component, i.mode, i.opened_at, i.energy_lost_kwh
        )?;
    }
    incidents.flush()?;
    Ok(())
}

/// What the budget buys: hours until a lasting shift of a signal is expected to be found, empty where it is let be. No file where
/// nothing has charts.
fn delays(directory: &Path, found: &[DetectionPower]) -> Result<(), Failure> {
    if found.is_empty() {
        return Ok(());
    }
    let mut out = create(&directory.join("detection_power.csv"))?;
    writeln!(out, "asset_id,component,signal,shift,hours")?;
    for one in found {
        for delay in &one.delays {
            let hours = delay.hours.map(|hours| format!("{hours:.1}")).unwrap_or_default();
            writeln!(out, "{},{},{},{:.3},{hours}", one.asset, one.component, one.signal, delay.shift)?;
        }
    }
    out.flush()?;
    Ok(())
}

/// One row per day, a plant after the other; no file where no plant can tell.
fn soiling(directory: &Path, detection: &Detection) -> Result<(), Failure> {
    if detection.soiling.is_empty() {
        return Ok(());
    }
    let mut out = create(&directory.join("soiling.csv"))?;
    writeln!(out, "date,soiling_ratio,low,high,asset_id")?;
    for day in &detection.soiling {
        writeln!(out, "{},{:.4},{:.4},{:.4},{}", day.date, day.ratio, day.low, day.high, day.asset_id)?;
    }
    out.flush()?;
    Ok(())
}

pub(super) fn create(path: &Path) -> Result<BufWriter<File>, Failure> {
    Ok(BufWriter::new(File::create(path).map_err(|cause| Failure::io(path, &cause))?))
}
