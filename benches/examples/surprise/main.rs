//! How early the watch over any series finds what is wrong, on series made here, by the rules of Lavin & Ahmad (2015).
//!
//! `surprise [SEED …]` (1 without): prints the figure per family and over all at the alarm line and at the best threshold, and the
//! time per million rows. `surprise --write DIR [SEED]` writes every series as a dataset directory for `chergui detect`.

mod series;

use engine::detect::Watch;
use engine::detect::WatchOptions;
use engine::domain::Asset;
use engine::domain::AssetId;
use engine::domain::AssetKind;
use engine::domain::Frame;
use engine::domain::Quantity;
use engine::domain::Resolution;
use engine::domain::from_micros;
use engine::evaluate::Windowed;
use engine::evaluate::early;
use engine::evaluate::early_at_best;
use series::Series;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

/// Share of a series that nothing is asked of.
const PROBATION: f64 = 0.15;
/// Share of a series that its windows cover together.
const WINDOWS: f64 = 0.10;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, directory, rest @ ..] = arguments.as_slice()
        && flag == "--write"
    {
        let seed = rest.first().map_or(Ok(1), |seed| seed.parse())?;
        return write(Path::new(directory), seed);
    }
    let seeds: Result<Vec<u64>, _> = arguments.iter().map(|seed| seed.parse()).collect();
    let seeds = Some(seeds?).filter(|seeds| !seeds.is_empty()).unwrap_or_else(|| vec![1]);
    let mut families: BTreeMap<&str, Vec<Windowed>> = BTreeMap::new();
    let (mut rows, began) = (0, Instant::now());
    for one in seeds.iter().flat_map(|seed| series::all(*seed)) {
        rows += one.values.len();
        families.entry(one.family).or_default().push(judged(&one)?);
    }
    let took = began.elapsed().as_secs_f64();
    let all: Vec<Windowed> = families.values().flatten().cloned().collect();
    let line = 0.5;
    for (family, found) in &families {
        let events: usize = found.iter().map(|one| one.scores.iter().skip(one.probation).filter(|s| **s >= line).count()).sum();
        let events = events as f64 / found.len() as f64;
        println!(
            "{family:10} {:6.1} at {line}, best {:6.1} at {:.2}; {events:.1} events a series",
            early(found, line),
            early_at_best(found).0,
            early_at_best(found).1
        );
    }
    let (best, threshold) = early_at_best(&all);
    println!("all        {:6.1} at {line}, best {best:6.1} at {threshold:.2}; {} series", early(&all, line), all.len());
    for step in (30..=80).step_by(5) {
        print!("{:.2}: {:.1}  ", f64::from(step) / 100.0, early(&all, f64::from(step) / 100.0));
    }
    println!("\n{rows} rows in {took:.2} s, {:.2} s per million", took / rows as f64 * 1e6);
    Ok(())
}

fn windows(one: &Series) -> Vec<(usize, usize)> {
    let n = one.values.len();
    let half = (WINDOWS * n as f64 / one.labels.len().max(1) as f64 / 2.0) as usize;
    let mut out: Vec<(usize, usize)> = Vec::new();
    for &at in &one.labels {
        let (first, last) = (at.saturating_sub(half), (at + half).min(n - 1));
        match out.last_mut() {
            Some(before) if before.1 + 1 >= first => before.1 = last,
            _ => out.push((first, last)),
        }
    }
    out
}

fn probation(one: &Series) -> usize {
    (PROBATION * one.values.len() as f64) as usize
}

fn step(one: &Series) -> i64 {
    let mut gaps: Vec<i64> = one.seconds.windows(2).map(|pair| pair[1] - pair[0]).collect();
    gaps.sort_unstable();
    gaps[gaps.len() / 2]
}

fn judged(one: &Series) -> Result<Windowed, Failure> {
    let step = step(one);
    let first = one.seconds[0];
    let row = |second: i64| usize::try_from((second - first) / step).unwrap_or(0);
    let len = row(one.seconds[one.seconds.len() - 1]) + 1;
    let (mut values, mut known) = (vec![f64::NAN; len], vec![i64::MAX; len]);
    for (second, value) in one.seconds.iter().zip(&one.values) {
        values[row(*second)] = *value;
        known[row(*second)] = (second + step) * 1_000_000;
    }
    let asset = Asset::new(AssetId::parse("series")?, AssetKind::Meter);
    let resolution = Resolution::from_seconds(step).ok_or("the rows do not move")?;
    let columns = BTreeMap::from([(Quantity::parse("value")?, values)]);
    let frame = Frame::new(asset, from_micros(first * 1_000_000), resolution, known, columns);
    let until = frame.time(row(one.seconds[probation(one)]));
    let watch = Watch::fit(std::slice::from_ref(&frame), until, &WatchOptions::default())?;
    let by_time: BTreeMap<_, f64> =
        watch.scan(std::slice::from_ref(&frame), until).points.into_iter().map(|point| (point.time, point.score)).collect();
    let scores = one.seconds.iter().map(|second| by_time.get(&frame.time(row(*second))).copied().unwrap_or(0.0)).collect();
    Ok(Windowed { scores, windows: windows(one), probation: probation(one) })
}

fn write(directory: &Path, seed: u64) -> Result<(), Failure> {
    for (at, one) in series::all(seed).iter().enumerate() {
        let place = directory.join(format!("{at:02}_{}", one.family));
        std::fs::create_dir_all(&place)?;
        let minutes = step(one) / 60;
        std::fs::write(
            place.join("dataset.toml"),
            format!(
                "name = \"{}\"\nresolution = \"PT{minutes}M\"\n[units]\nvalue = \"1\"\n[[file]]\npath = \"data.csv\"\ntable = \"meter\"\n",
                one.family
            ),
        )?;
        std::fs::write(place.join("assets.csv"), "asset_id,kind\nseries,meter\n")?;
        let time = |second: i64| from_micros(second * 1_000_000);
        let rows = one.seconds.iter().zip(&one.values).map(|(second, value)| format!("{},series,{value}\n", time(*second)));
        std::fs::write(place.join("data.csv"), format!("time,asset_id,value\n{}", rows.collect::<String>()))?;
        let windows = windows(one).into_iter().map(|(a, b)| format!("{},{}\n", time(one.seconds[a]), time(one.seconds[b])));
        std::fs::write(place.join("windows.csv"), format!("first,last\n{}", windows.collect::<String>()))?;
        std::fs::write(place.join("train_until"), time(one.seconds[probation(one)]).to_string())?;
    }
    Ok(())
}
