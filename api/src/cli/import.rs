//! `chergui import`: files and dataset directories into the store, with a bar, a count of refusals by reason, and a rejects file.

mod influx;
mod weather;

use super::{args, failure::Failure, progress, serve};
use crate::ingest::figures::Figures;
use crate::ingest::letters::DeadLetters;
use crate::ingest::{Door, MOST_REJECTED, Rejected};
use crate::state::Rooms;
use connectors::file::{FileOptions, FileSource};
use connectors::mapping::Mapping;
use datasets::catalogue::{PUBLIC_SETS, public_set};
use datasets::directory::DatasetDirectory;
use engine::domain::Quantities;
use engine::pipeline::ingest::{Ingest, Tally, Touched};
use engine::query::SessionOptions;
use engine::source::{Reject, Source};
use engine::store::Store;
use jiff::Timestamp;
use std::{
    fs::{self, File},
    io::BufWriter,
    path::{Path, PathBuf},
    time::Instant,
};

pub(super) async fn run(place: &args::Place, options: args::Import) -> Result<(), Failure> {
    let rooms = serve::open(place, SessionOptions::default()).await?;
    if let Some(name) = &options.influx {
        return influx::run(&rooms, name, &options).await;
    }
    if options.weather {
        return weather::run(&rooms, &options).await;
    }
    let mut refused = 0;
    let mut last_rejects = PathBuf::new();
    for path in &options.paths {
        let now = Timestamp::now();
        let (mut source, opened) = open(path, options.mapping.as_deref(), &rooms.store, now)?;
        let rejects = options.rejects.clone().unwrap_or_else(|| rejects_file(&rooms.config.data_dir, path));
        let tally = one(path, (&mut *source, &opened), &rooms.store, &rejects, options.dry_run).await?;
        refused += tally.rejected();
        if tally.inserted + tally.changed > 0 {
            check(&rooms, &tally.touched).await?;
        }
        last_rejects = rejects;
    }
    if options.strict && refused > 0 {
        return Err(Failure::Refused { refused, place: last_rejects.display().to_string() });
    }
    Ok(())
}

/// Looks over what was imported; the flags are for people and models, the values stay.
async fn check(rooms: &Rooms, touched: &Touched) -> Result<(), Failure> {
    let bar = progress::waiting("checking quality");
    let flags = rooms.pipeline.check_imported(&touched.stretches()).await.map_err(Failure::work)?;
    bar.finish_and_clear();
    say(&format!(
        "  quality: {flags} flags on values and stretches that are stale, missing, out of range and the like, see quality_flags"
    ));
    Ok(())
}

/// What a source that is ready to be read will bring.
struct Opened {
    quantities: Quantities,
    total_bytes: u64,
    notes: Vec<String>,
}

fn open(path: &Path, mapping: Option<&str>, store: &Store, now: Timestamp) -> Result<(Box<dyn Source>, Opened), Failure> {
    let refuse = |error: engine::source::SourceError| Failure::usage(error.to_string());
    if path.is_dir() {
        let directory = DatasetDirectory::open(path).map_err(refuse)?;
        let source = directory.source(Some(now)).map_err(refuse)?;
        let (quantities, notes) = (directory.quantities().clone(), directory.notes().to_vec());
        let total_bytes = source.total_bytes();
        return Ok((Box::new(source), Opened { total_bytes, quantities, notes }));
    }
    if !path.exists() {
        return Err(Failure::usage(format!("{}: no such file or directory", path.display())));
    }
    let Some(mapping) = mapping else {
        let known: Vec<&str> = PUBLIC_SETS.iter().map(|set| set.name).collect();
        return Err(Failure::usage(format!(
            "{}: a file needs --mapping, which says what its columns mean; known mappings: {} (see `chergui datasets`), or write your own",
            path.display(),
            known.join(", ")
        )));
    };
    let mapping = read_mapping(mapping, &store.quantities())?;
    let options = FileOptions { now: Some(now), ..FileOptions::default() };
    let source = FileSource::open(path, &mapping, &options).map_err(refuse)?;
    let opened = Opened { quantities: source.quantities().clone(), total_bytes: source.total_bytes(), notes: Vec::new() };
    Ok((Box::new(source), opened))
}

fn read_mapping(name: &str, known: &Quantities) -> Result<Mapping, Failure> {
    let (text, place) = match public_set(name) {
        Some(set) => (set.mapping.to_owned(), format!("mapping {name}")),
        None => {
            let text = fs::read_to_string(name).map_err(|cause| {
                let nearest = engine::domain::nearest(name, PUBLIC_SETS.iter().map(|set| set.name));
                let hint = nearest.map(|near| format!("; did you mean the known mapping {near:?}?")).unwrap_or_default();
                Failure::usage(format!("mapping {name}: {cause}{hint}"))
            })?;
            (text, name.to_owned())
        }
    };
    Mapping::parse(&text, &place, known).map_err(|error| Failure::usage(error.to_string()))
}

fn rejects_file(data_dir: &Path, path: &Path) -> PathBuf {
    let stem = path.file_name().map_or_else(|| "input".into(), |name| name.to_string_lossy().replace(['/', ' '], "_"));
    data_dir.join("rejects").join(format!("{stem}.csv"))
}

async fn one(
    path: &Path,
    (source, opened): (&mut dyn Source, &Opened),
    store: &Store,
    rejects: &Path,
    dry_run: bool,
) -> Result<Tally, Failure> {
    for note in &opened.notes {
        say(note);
    }
    let bar = progress::bytes(opened.total_bytes);
    let began = Instant::now();
    let mut ingest = if dry_run { Ingest::dry() } else { Ingest::start(store, &opened.quantities).await.map_err(Failure::work)? };
    let mut refusals = Refusals::new(rejects);
    let letters = DeadLetters::new(MOST_REJECTED, MOST_REJECTED, Figures::default());
    let mut cursor = None;
    loop {
        let page = source.next_page(cursor).await.map_err(|error| Failure::usage(error.to_string()))?;
        refusals.write(&page.rejects)?;
        ingest.count(&page.rejects);
        if !dry_run {
            let first = page.rejects.iter().take(MOST_REJECTED).cloned().enumerate();
            let rejected: Vec<Rejected> = first.map(|(index, reject)| Rejected::of_source(index, reject)).collect();
            letters.hold(Door::Import, &rejected, page.rejects.len());
            letters.drain(store).await;
        }
        ingest.store(page.rows).await.map_err(Failure::work)?;
        bar.set_position(page.bytes_read);
        let rate = ingest.tally().rows as f64 / began.elapsed().as_secs_f64().max(1e-9);
        bar.set_message(format!("{} rows, {rate:.0} rows/s", ingest.tally().rows));
        if page.done {
            break;
        }
        cursor = page.cursor;
    }
    refusals.finish()?;
    let tally = ingest.finish().await.map_err(Failure::work)?;
    bar.finish_and_clear();
    report(path, &tally, began.elapsed().as_secs_f64(), rejects, dry_run);
    Ok(tally)
}

fn report(path: &Path, tally: &Tally, seconds: f64, rejects: &Path, dry_run: bool) {
    let rate = tally.rows as f64 / seconds.max(1e-9);
    let what = if dry_run { "checked, nothing stored" } else { "imported" };
    say(&format!("{}: {} rows {what} in {seconds:.1} s ({rate:.0} rows/s)", path.display(), tally.rows));
    say(&format!("  new {}, changed {}, unchanged {}", tally.inserted, tally.changed, tally.unchanged));
    for (table, rows) in &tally.by_table {
        say(&format!("  {table}: {rows} rows"));
    }
    if tally.rejected() > 0 {
        say(&format!("  refused {} rows, kept with line numbers in {}", tally.rejected(), rejects.display()));
        for (reason, count) in &tally.by_reason {
            say(&format!("    {reason}: {count}"));
        }
    }
}

fn say(line: &str) {
    eprintln!("{line}");
}

/// The rejects file; made only when there is something to put in it.
struct Refusals {
    path: PathBuf,
    writer: Option<csv::Writer<BufWriter<File>>>,
}

impl Refusals {
    fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), writer: None }
    }

    fn write(&mut self, rejects: &[Reject]) -> Result<(), Failure> {
        for reject in rejects {
            if self.writer.is_none() {
                self.writer = Some(self.create()?);
            }
            let Some(writer) = &mut self.writer else { continue };
            let line = reject.line.map(|line| line.to_string()).unwrap_or_default();
            writer.write_record([line.as_str(), reject.reason, &reject.detail, &reject.raw]).map_err(Failure::work)?;
        }
        Ok(())
    }

    fn create(&self) -> Result<csv::Writer<BufWriter<File>>, Failure> {
        if let Some(parent) = self.path.parent() {
            fs::create_dir_all(parent).map_err(|cause| Failure::io(parent, &cause))?;
        }
        let file = File::create(&self.path).map_err(|cause| Failure::io(&self.path, &cause))?;
        let mut writer = csv::Writer::from_writer(BufWriter::new(file));
        writer.write_record(["line", "reason", "detail", "raw"]).map_err(Failure::work)?;
        Ok(writer)
    }

    fn finish(self) -> Result<(), Failure> {
        match self.writer {
            Some(mut writer) => writer.flush().map_err(|cause| Failure::io(&self.path, &cause)),
            None => Ok(()),
        }
    }
}
