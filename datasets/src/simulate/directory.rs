//! The simulated history as a dataset directory, with the truth beside it.
//!
//! In: a simulator and a folder. Out: the directory of the exchange format plus `labels.csv` and `confounders.csv`, which are not
//! listed in `dataset.toml`, so that an import never reads the answers. Columns are those of the anomaly bench.

use super::Confounder;
use super::FaultLabel;
use super::SimulateError;
use super::Simulator;
use super::declared_quantities;
use crate::writer::DatasetWriter;
use crate::writer::Description;
use crate::writer::write_sheet;
use engine::domain::IntervalLabel;
use engine::domain::Quantities;
use engine::domain::Table;
use engine::domain::Timestamp;
use jiff::SignedDuration;
use std::path::Path;

/// How far the writing is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Share of the history, 0 to 1.
    pub done: f64,
    /// Rows so far, weather runs included.
    pub rows: u64,
}

/// Plays the simulator to the end of its history and writes all of it; returns the number of rows.
///
/// # Errors
/// [`SimulateError::Write`] when the folder cannot be written or is not empty.
pub fn write_directory(mut simulator: Simulator, path: &Path, mut progress: impl FnMut(Progress)) -> Result<u64, SimulateError> {
    let (start, end) = (simulator.options().start, simulator.options().end);
    let mut quantities = Quantities::standard();
    for (name, unit) in declared_quantities() {
        quantities.declare(name, unit)?;
    }
    let mut writer = DatasetWriter::create(path, describe(&simulator), quantities, simulator.assets())?;
    let (mut labels, mut confounders, mut rows) = (Vec::new(), Vec::new(), 0);
    let mut until = start;
    while until < end {
        until = until.saturating_add(SignedDuration::from_hours(15 * 24)).map_or(end, |next| next.min(end));
        let chunk = simulator.next_chunk(until)?;
        for readings in &chunk.readings {
            writer.append(readings)?;
            rows += readings.len() as u64;
        }
        if let Some(weather) = &chunk.weather {
            writer.append_batch(Table::WeatherForecast, weather)?;
            rows += weather.num_rows() as u64;
        }
        labels.extend(chunk.labels);
        confounders.extend(chunk.confounders);
        let done = (until.as_second() - start.as_second()) as f64 / (end.as_second() - start.as_second()) as f64;
        progress(Progress { done, rows });
    }
    let (open_labels, open_confounders) = simulator.open_events();
    labels.extend(open_labels);
    confounders.extend(open_confounders);
    let rows = writer.finish()?;
    write_labels(path, labels, end)?;
    write_confounders(path, confounders, end)?;
    Ok(rows)
}

fn write_labels(path: &Path, mut labels: Vec<FaultLabel>, history_end: Timestamp) -> Result<(), SimulateError> {
    labels.sort_by(|a, b| (a.start, &a.asset_id).cmp(&(b.start, &b.asset_id)));
    let head = ["asset_id", "component", "mode", "onset", "end", "magnitude", "energy_lost_kwh"];
    let rows = labels.into_iter().map(|label| {
        vec![
            label.asset_id.to_string(),
            label.component.into(),
            label.mode.into(),
            label.start.to_string(),
            label.end.min(history_end).to_string(),
            format!("{:.3}", label.magnitude),
            format!("{:.1}", label.energy_lost_kwh + 0.0),
        ]
    });
    Ok(write_sheet(&path.join("labels.csv"), &head, rows)?)
}

fn write_confounders(path: &Path, mut events: Vec<Confounder>, history_end: Timestamp) -> Result<(), SimulateError> {
    events.sort_by(|a, b| (a.start, &a.asset_id, a.kind).cmp(&(b.start, &b.asset_id, b.kind)));
    let rows = events.into_iter().map(|event| {
        vec![event.asset_id.to_string(), event.kind.into(), event.start.to_string(), event.end.min(history_end).to_string()]
    });
    Ok(write_sheet(&path.join("confounders.csv"), &["asset_id", "kind", "start", "end"], rows)?)
}

fn describe(simulator: &Simulator) -> Description {
    let options = simulator.options();
    Description {
        name: "moroccan_fleet".into(),
        title: format!("Simulated Moroccan fleet, seed {}, {} to {}", options.seed, options.start, options.end),
        licence: "CC0-1.0".into(),
        source: format!("chergui simulate {}", env!("CARGO_PKG_VERSION")),
        attribution: "none needed; the data are simulated".into(),
        redistributable: true,
        resolution: options.resolution,
        interval_label: IntervalLabel::Beginning,
        note: "simulated; labels.csv and confounders.csv hold the truth and are for scoring only".into(),
    }
}
