//! Slow overheating planted in a public transformer series: how many of twenty are found, and how many alarms are false.
//!
//! `etth1 [ETTh1.csv]` (default `../shared/data/etth1/ETTh1.csv`). The first year teaches. Each of twenty places, spread evenly over the
//! second year, is a run of its own: there the oil temperature of 240 hours is raised by +2 to +10 °C in a straight line, everything else
//! stays as published. A place is found when an incident of the oil opens within its ten days; any other incident of the run is false, and so
//! is any on the untouched year. Other places (every five days) are counted as well, so that twenty lucky ones would show. The file is read
//! through its mapping, and nothing made from it is written: its licence wants that.

use connectors::file::FileOptions;
use connectors::file::FileSource;
use connectors::mapping::Mapping;
use datasets::catalogue::public_set;
use engine::detect::Watch;
use engine::detect::WatchOptions;
use engine::domain::Frame;
use engine::domain::FrameBuilder;
use engine::domain::Quantities;
use engine::domain::Quantity;
use engine::source::Rows;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

const PLACES: usize = 20;
const YEAR: usize = 8760;
const RAMP: usize = 240;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "../shared/data/etth1/ETTh1.csv".into());
    let frame = read(Path::new(&path))?;
    let until = frame.time(YEAR);
    let began = Instant::now();
    let watch = Watch::fit(std::slice::from_ref(&frame), until, &WatchOptions::default())?;
    let clean = watch.scan(std::slice::from_ref(&frame), until).incidents;
    for one in &clean {
        println!("untouched: {} {} opened {}", one.component, one.mode, one.opened_at);
    }
    println!("untouched second year: {} false", clean.len());
    let room = frame.len - YEAR - RAMP;
    let places: Vec<usize> = (0..PLACES).map(|k| YEAR + room * k / (PLACES - 1)).collect();
    let (mut found, mut false_alarms) = (0, 0);
    for &place in &places {
        let (delay, others) = run(&watch, &frame, place);
        false_alarms += others;
        found += usize::from(delay.is_some());
        let verdict = delay.map_or_else(|| "missed".into(), |hours| format!("found after {:.1} days", hours / 24.0));
        println!("{}: {verdict}, {others} false", frame.time(place));
    }
    println!("twenty places: {found} of {PLACES} found, {false_alarms} false");
    let more: Vec<usize> = (YEAR..=YEAR + room).step_by(120).collect();
    let (mut found, mut false_alarms) = (0, 0);
    for &place in &more {
        let (delay, others) = run(&watch, &frame, place);
        found += usize::from(delay.is_some());
        false_alarms += others;
    }
    println!("every five days: {found} of {} found, {false_alarms} false; {:.1} s", more.len(), began.elapsed().as_secs_f64());
    Ok(())
}

/// Hours from the place to the incident, if there is one within its ten days, and the other incidents.
fn run(watch: &engine::detect::FittedWatch, frame: &Frame, place: usize) -> (Option<f64>, usize) {
    let planted = [planted(frame, place)];
    let incidents = watch.scan(&planted, watch.fitted_until()).incidents;
    let (begin, end) = (frame.time(place), frame.time(place + RAMP));
    let inside = |time| time >= begin && time <= end;
    let hit = incidents.iter().find(|one| one.mode == "oil_overheat" && inside(one.opened_at));
    let delay = hit.map(|one| one.opened_at.duration_since(begin).as_secs_f64() / 3600.0);
    (delay, incidents.iter().filter(|one| !inside(one.opened_at)).count())
}

fn planted(frame: &Frame, place: usize) -> Frame {
    let columns = frame.quantities().filter_map(|quantity| Some((quantity.clone(), frame.column(quantity)?.to_vec())));
    let mut columns: BTreeMap<Quantity, Vec<f64>> = columns.collect();
    if let Some(oil) = columns.get_mut(&Quantity::TOP_OIL_TEMP) {
        for (hour, value) in oil[place..place + RAMP].iter_mut().enumerate() {
            *value += 2.0 + 8.0 * hour as f64 / (RAMP - 1) as f64;
        }
    }
    Frame::new(frame.asset.clone(), frame.start, frame.resolution, frame.available_at.clone(), columns)
}

fn read(path: &Path) -> Result<Frame, Failure> {
    let set = public_set("etth1").ok_or("the catalogue has no etth1")?;
    let mapping = Mapping::parse(set.mapping, "etth1", &Quantities::standard())?;
    let mut source = FileSource::open(path, &mapping, &FileOptions::default())?;
    let mut builder = FrameBuilder::new(mapping.resolution());
    loop {
        let page = source.read_page()?;
        for rows in &page.rows {
            if let Rows::Readings(readings) = rows {
                builder.push(readings);
            }
        }
        if page.done {
            break;
        }
    }
    builder.finish(mapping.assets()).pop().ok_or_else(|| "the file has no rows".into())
}
