//! `chergui backtest`: forecasts of the past, by the contract of the forecasting bench.

use super::{args, failure::Failure, progress};
use datasets::directory::{DatasetDirectory, Filter, LoadedDataset};
use engine::domain::{Asset, AssetId, Frame, Quantile, Quantity, Timestamp, matches, parse_duration};
use engine::evaluate::{BacktestRequest, Issued, backtest};
use engine::features::{Circumstances, Target, relatives};
use engine::pipeline::target_kind;
use flate2::{Compression, write::GzEncoder};
use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
};

pub(super) async fn run(options: args::Backtest) -> Result<(), Failure> {
    // Hours of arithmetic do not belong on the threads that serve; a command has nothing else to do, so it may block one.
    tokio::task::spawn_blocking(move || work(&options)).await.map_err(Failure::work)?
}

fn work(options: &args::Backtest) -> Result<(), Failure> {
    let directory = DatasetDirectory::open(&options.directory).map_err(|error| Failure::usage(error.to_string()))?;
    let quantity = Quantity::parse(&options.quantity)?;
    let origins = origins(options)?;
    let quantiles = options.quantiles.iter().map(|&q| Quantile::new(q)).collect::<Result<Vec<_>, _>>()?;
    let horizon = parse_duration(&options.horizon)?;
    let filter = Filter { assets: Vec::new(), quantities: Vec::new(), weather: true };
    let dataset = directory.load(&filter).map_err(Failure::work)?;
    let targets = targets(&dataset, &options.asset, &quantity)?;
    let total = (targets.len() * origins.len()) as u64;
    let bar = progress::steps(total, "origins");
    let mut sink = open(&options.output)?;
    writeln!(sink, "asset_id,quantity,issue_time,valid_time,quantile,value")?;
    let mut verdicts = Vec::new();
    for (done, target) in targets.iter().enumerate() {
        let before = (done * origins.len()) as u64;
        let advance = |step: usize, _total: usize| bar.set_position(before + step as u64);
        let request = BacktestRequest { origins: origins.clone(), horizon, quantiles: quantiles.clone(), progress: &advance };
        let result = backtest(target, &request).map_err(Failure::work)?;
        for issued in &result.forecasts {
            write_rows(&mut sink, issued)?;
        }
        verdicts.extend(result.verdicts);
    }
    sink.flush()?;
    bar.finish_and_clear();
    if let Some(path) = &options.verdicts {
        let text = serde_json::to_string_pretty(&verdicts).map_err(Failure::work)?;
        std::fs::write(path, text).map_err(|cause| Failure::io(path, &cause))?;
    }
    Ok(())
}

/// First origin, then every step, up to and including the last.
fn origins(options: &args::Backtest) -> Result<Vec<Timestamp>, Failure> {
    let every = parse_duration(&options.every)?;
    let mut origins = Vec::new();
    let mut next = options.first_origin;
    while next <= options.last_origin {
        origins.push(next);
        next = next.checked_add(every).map_err(|error| Failure::usage(error.to_string()))?;
    }
    if origins.is_empty() {
        return Err(Failure::usage(format!(
            "the last origin {} is before the first {}",
            options.last_origin, options.first_origin
        )));
    }
    Ok(origins)
}

/// One target per matching asset; a pattern that matches nothing is an error that lists what there is.
fn targets(dataset: &LoadedDataset, patterns: &[String], quantity: &Quantity) -> Result<Vec<Target>, Failure> {
    let chosen: Vec<_> = dataset
        .frames
        .iter()
        .filter(|frame| patterns.iter().any(|pattern| matches(pattern, frame.asset.id.as_str())))
        .filter(|frame| frame.column(quantity).is_some())
        .collect();
    if chosen.is_empty() {
        let known: Vec<&str> =
            dataset.frames.iter().filter(|f| f.column(quantity).is_some()).map(|f| f.asset.id.as_str()).collect();
        return Err(Failure::usage(format!(
            "no asset matching {patterns:?} has {quantity} in {}; assets that have it: {}",
            dataset.name,
            known.join(", ")
        )));
    }
    Ok(chosen.into_iter().map(|frame| target(dataset, frame, quantity)).collect())
}

fn target(dataset: &LoadedDataset, frame: &Frame, quantity: &Quantity) -> Target {
    let weather = dataset.weather.get(&frame.asset.id).cloned().unwrap_or_default();
    let assets: Vec<Asset> = dataset.frames.iter().map(|other| other.asset.clone()).collect();
    let near: Vec<AssetId> = relatives(&frame.asset, &assets).into_iter().map(|other| other.id).collect();
    let others = dataset.frames.iter().filter(|other| near.contains(&other.asset.id));
    // Quality flags are the live store's own judgement of its data; a directory is taken as it is, so that scores can be compared.
    let said = Circumstances { annotations: dataset.annotations.clone(), ..Circumstances::of(&frame.asset, &dataset.assets) };
    Target {
        kind: target_kind(frame.asset.kind),
        frame: frame.clone(),
        quantity: quantity.clone(),
        interval_label: dataset.interval_label,
        weather,
        observations: others.cloned().collect(),
        circumstances: said,
    }
}

fn open(path: &Path) -> Result<Box<dyn Write>, Failure> {
    let file = BufWriter::new(File::create(path).map_err(|cause| Failure::io(path, &cause))?);
    let gzip = path.extension().is_some_and(|end| end == "gz");
    Ok(if gzip { Box::new(GzEncoder::new(file, Compression::fast())) } else { Box::new(file) })
}

/// Quantile rows, then the optional rows of the mean, which some scores prefer.
fn write_rows(sink: &mut dyn Write, issued: &Issued) -> Result<(), Failure> {
    let forecast = &issued.forecast;
    let (asset, quantity, issue) = (&forecast.asset_id, &forecast.quantity, forecast.issue_time);
    for row in forecast.rows() {
        writeln!(sink, "{asset},{quantity},{issue},{},{},{}", row.valid_time, row.quantile.value(), row.value)?;
    }
    for (valid_time, mean) in forecast.valid_times.iter().zip(issued.mean.iter().flatten()) {
        writeln!(sink, "{asset},{quantity},{issue},{valid_time},mean,{mean}")?;
    }
    Ok(())
}
