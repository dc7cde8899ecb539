//! `chergui bench care`: our detector, or anybody's predictions, on an archive in the layout of CARE to Compare.
//!
//! In: the folder. Out: four scores and CARE per farm and over all, and if wished the predictions and a line per event. One event is in memory at a time.
//! Not here: the score (`engine::evaluate`), the detector (`engine::detect`), the layout (`datasets::care`).

use super::{
    failure::Failure,
    output::{self, Format},
    progress,
};
use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray, UInt64Array};
use clap::{Args, Subcommand};
use datasets::care::{CareArchive, CareEvent, CareFarm, CareTable, Predictions, read_predictions};
use engine::detect::{Evidence, RowVerdict, Scratch, Subspace, SubspaceError, SubspaceOptions};
use engine::evaluate::{CareRows, CareScore, EventScore, care_event, care_score};
use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

/// Sensors named per event.
const NAMED: usize = 3;
/// Hours between rows; the archive knows no other spacing.
const HOURS: f64 = 1.0 / 6.0;

#[derive(Debug, Args)]
pub(super) struct Bench {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Find faults in an archive in the layout of CARE to Compare, and print Coverage, Accuracy, Reliability, Earliness and CARE.
    ///
    /// The archive (Zenodo 10.5281/zenodo.10958774, 5 GB, CC BY-SA 4.0) is not in this program: fetch and unpack it, then name its folder.
    /// For each event the detector learns from the rows of normal status of the training part and judges the prediction part row by row,
    /// with one configuration for all; faults and quiet stretches are then scored as by Gueck et al. (2024) and their package.
    #[command(after_help = CARE_HELP)]
    Care(Care),
}

const CARE_HELP: &str = "What the scores mean, each from 0 to 1:
  coverage     F0.5 of the flagged rows against the rows of the fault, mean over faults; precision weighs more than recall
  accuracy     share of rows left alone in stretches known to be quiet
  reliability  F0.5 over events: an event is detected when flags outnumber quiet rows by 72 (12 hours)
  earliness    share of the fault's rows flagged, the first quarter at full weight
  care         (coverage + earliness + reliability + 2 accuracy) / 5; 0 when nothing is detected, accuracy when that is 0.5 or less

Examples:
  chergui bench care CARE_To_Compare
  chergui bench care CARE_To_Compare --farm 'Wind Farm B' --format json
  chergui bench care CARE_To_Compare --output-dir out       # out/predictions.csv, out/events.csv
  chergui bench care CARE_To_Compare --predictions mine.csv # score another detector: event_id;id;anomaly

Exit codes: 0 scored, 1 a file could not be read or written, 2 no such folder, farm or column, or predictions that leave an event out.";

#[derive(Debug, Args)]
struct Care {
    /// Folder of the archive, or of one farm (it holds event_info.csv).
    directory: PathBuf,
    /// Only this farm, for example 'Wind Farm A'; may be given several times.
    #[arg(long, value_name = "NAME")]
    farm: Vec<String>,
    /// How to print the scores: table, csv, json.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Directory for predictions.csv (event_id;id;anomaly) and events.csv (scores and loudest sensors of each event).
    #[arg(long, value_name = "DIR")]
    output_dir: Option<PathBuf>,
    /// Score these predictions instead of running our detector; a prediction row that is not in the file counts as not flagged.
    #[arg(long, value_name = "FILE")]
    predictions: Option<PathBuf>,
    /// Status codes in which a machine is judged.
    #[arg(long, value_name = "CODES", value_delimiter = ',', default_value = "0,2")]
    normal_status: Vec<i16>,
}

pub(super) async fn run(options: Bench) -> Result<(), Failure> {
    let Action::Care(options) = options.action;
    tokio::task::spawn_blocking(move || care(&options)).await.map_err(Failure::work)?
}

fn care(options: &Care) -> Result<(), Failure> {
    let mut archive = CareArchive::open(&options.directory).map_err(|error| Failure::usage(error.to_string()))?;
    choose(&mut archive, &options.farm)?;
    let given = match &options.predictions {
        Some(path) => Some(predictions(path, &archive)?),
        None => None,
    };
    let mut files = options.output_dir.as_deref().map(Files::create).transpose()?;
    let bar = progress::steps(archive.events().count() as u64, "events");
    let mut scores: Vec<(String, EventScore)> = Vec::new();
    for (farm, event) in archive.events() {
        bar.set_message(format!("{} event {}", farm.name, event.id));
        let table = farm.load(event).map_err(Failure::work)?;
        let normal = table.normal(&options.normal_status);
        let verdict = match &given {
            Some(given) => quoted(&table, event, given),
            None => judge(&table, event, &normal).unwrap_or_else(|error| {
                bar.suspend(|| eprintln!("{} event {}: nothing is flagged: {error}", farm.name, event.id));
                Verdict { flagged: vec![false; table.prediction().count()], evidence: Vec::new() }
            }),
        };
        let normal: Vec<bool> = table.prediction().map(|i| normal[i]).collect();
        let rows = table.event_rows(event);
        if rows.is_empty() {
            return Err(Failure::work(format!(
                "{}: no prediction row has an id from {} to {}, where the event lies",
                event.path.display(),
                event.first_id,
                event.last_id
            )));
        }
        let score = care_event(&CareRows { anomalous: &verdict.flagged, normal: &normal, event: rows, is_fault: event.is_fault });
        if let Some(files) = &mut files {
            files.add(farm, event, &table, &verdict, &score)?;
        }
        scores.push((farm.name.clone(), score));
        bar.inc(1);
    }
    bar.finish_and_clear();
    if let Some(files) = files {
        files.finish()?;
    }
    let batch = summary(&archive, &scores)?;
    output::write(&batch.schema(), &[batch], options.format, None)
}

/// Leaves the farms that were asked for.
fn choose(archive: &mut CareArchive, wanted: &[String]) -> Result<(), Failure> {
    let known: Vec<String> = archive.farms.iter().map(|farm| farm.name.clone()).collect();
    if let Some(unknown) = wanted.iter().find(|name| !known.contains(name)) {
        return Err(Failure::usage(format!("there is no farm {unknown:?}; there are: {}", known.join(", "))));
    }
    archive.farms.retain(|farm| wanted.is_empty() || wanted.contains(&farm.name));
    Ok(())
}

fn predictions(path: &Path, archive: &CareArchive) -> Result<Predictions, Failure> {
    let given = read_predictions(path).map_err(|error| Failure::usage(error.to_string()))?;
    match archive.events().find(|(_, event)| !given.contains_key(&event.id)) {
        None => Ok(given),
        Some((farm, event)) => Err(Failure::usage(format!(
            "{} has no row for event {} of {}; every event needs its rows, or choose farms with --farm",
            path.display(),
            event.id,
            farm.name
        ))),
    }
}

/// What a detector says about the prediction rows of one event.
struct Verdict {
    flagged: Vec<bool>,
    evidence: Vec<Evidence>,
}

fn quoted(table: &CareTable, event: &CareEvent, given: &Predictions) -> Verdict {
    let flags = given.get(&event.id);
    let flagged = |i: usize| table.ids[i].is_some_and(|id| flags.is_some_and(|flags| flags.contains(&id)));
    Verdict { flagged: table.prediction().map(flagged).collect(), evidence: Vec::new() }
}

/// Learns from the training rows of normal status; the sensors are those that speak loudest at the end of the event.
fn judge(table: &CareTable, event: &CareEvent, normal: &[bool]) -> Result<Verdict, SubspaceError> {
    let learn: Vec<bool> = normal.iter().zip(&table.train).map(|(normal, train)| *normal && *train).collect();
    let sensors = table.sensors();
    let fitted = Subspace::fit(&sensors, &learn, HOURS, &SubspaceOptions::default())?;
    let mut out = vec![RowVerdict::default(); normal.len()];
    let end = table.ids.iter().rposition(|id| id.is_some_and(|id| id <= event.last_id)).map_or(0, |last| last + 1);
    let (mut state, mut scratch) = (fitted.begin(), Scratch::default());
    fitted.advance(&mut state, &mut scratch, &sensors, 0..end, normal, &mut out)?;
    let evidence = fitted.evidence(&state, NAMED);
    fitted.advance(&mut state, &mut scratch, &sensors, end..normal.len(), normal, &mut out[end..])?;
    Ok(Verdict { flagged: table.prediction().map(|i| out[i].anomaly).collect(), evidence })
}

/// One row per farm, then one over all when there are several.
fn summary(archive: &CareArchive, scores: &[(String, EventScore)]) -> Result<RecordBatch, Failure> {
    let of = |name: Option<&str>| {
        let events: Vec<EventScore> =
            scores.iter().filter(|(farm, _)| name.is_none_or(|n| n == farm)).map(|(_, score)| score.clone()).collect();
        care_score(&events)
    };
    let mut rows: Vec<(String, CareScore)> = archive.farms.iter().map(|farm| (farm.name.clone(), of(Some(&farm.name)))).collect();
    if rows.len() > 1 {
        rows.push(("all".to_owned(), of(None)));
    }
    let figure = |value: fn(&CareScore) -> Option<f64>| {
        let six = |v: f64| (v * 1e6).round() / 1e6;
        Arc::new(rows.iter().map(|(_, score)| value(score).map(six)).collect::<Float64Array>()) as ArrayRef
    };
    let count = |value: fn(&CareScore) -> usize| {
        Arc::new(rows.iter().map(|(_, score)| Some(value(score) as u64)).collect::<UInt64Array>()) as ArrayRef
    };
    Ok(RecordBatch::try_from_iter_with_nullable([
        ("farm", Arc::new(StringArray::from_iter_values(rows.iter().map(|(name, _)| name))) as ArrayRef, false),
        ("faults", count(|s| s.faults), false),
        ("detected", count(|s| s.detected), false),
        ("quiet", count(|s| s.quiet), false),
        ("alarmed", count(|s| s.alarmed), false),
        ("coverage", figure(|s| s.coverage), true),
        ("accuracy", figure(|s| s.accuracy), true),
        ("reliability", figure(|s| s.reliability), true),
        ("earliness", figure(|s| s.earliness), true),
        ("care", figure(|s| s.care), true),
    ])?)
}

/// The two files of `--output-dir`.
struct Files {
    rows: BufWriter<File>,
    events: BufWriter<File>,
}

impl Files {
    fn create(directory: &Path) -> Result<Self, Failure> {
        fs::create_dir_all(directory).map_err(|cause| Failure::io(directory, &cause))?;
        let open = |name: &str| {
            let path = directory.join(name);
            Ok::<_, Failure>(BufWriter::new(File::create(&path).map_err(|cause| Failure::io(&path, &cause))?))
        };
        let (mut rows, mut events) = (open("predictions.csv")?, open("events.csv")?);
        writeln!(rows, "event_id;id;anomaly")?;
        writeln!(
            events,
            "farm;event_id;asset_id;label;detected;coverage;accuracy;earliness;criticality;lead_rows;sensors;description"
        )?;
        Ok(Self { rows, events })
    }

    fn add(
        &mut self,
        farm: &CareFarm,
        event: &CareEvent,
        table: &CareTable,
        verdict: &Verdict,
        score: &EventScore,
    ) -> Result<(), Failure> {
        for (i, flagged) in table.prediction().zip(&verdict.flagged) {
            if let Some(id) = table.ids[i] {
                writeln!(self.rows, "{};{id};{}", event.id, u8::from(*flagged))?;
            }
        }
        let figure = |value: Option<f64>| value.map(|v| format!("{v:.6}")).unwrap_or_default();
        let sensors: Vec<String> = verdict.evidence.iter().map(|e| format!("{} {:.2}", e.signal, e.share)).collect();
        writeln!(
            self.events,
            "{};{};{};{};{};{};{};{};{};{};{};{}",
            farm.name,
            event.id,
            table.asset,
            if event.is_fault { "anomaly" } else { "normal" },
            u8::from(score.detected()),
            figure(score.coverage),
            figure(score.accuracy),
            figure(score.earliness),
            score.criticality,
            score.lead.map(|rows| rows.to_string()).unwrap_or_default(),
            sensors.join(", "),
            event.description.replace([';', '\n', '\r'], " ")
        )?;
        Ok(())
    }

    fn finish(mut self) -> Result<(), Failure> {
        self.rows.flush()?;
        self.events.flush()?;
        Ok(())
    }
}
