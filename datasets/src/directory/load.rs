//! A directory in memory: frames on their grids and weather by asset, for `backtest` and `detect`.
//!
//! In: an opened directory and what to keep. Out: [`LoadedDataset`]. Only the kept assets and columns are parsed.
//! Not here: leak filters; frames and weather carry `available_at` for that.

use super::DatasetDirectory;
use super::Holds;
use super::source::open;
use arrow::array::Array;
use arrow::array::AsArray;
use arrow::array::RecordBatch;
use arrow::datatypes::Float64Type;
use arrow::datatypes::TimestampMicrosecondType;
use engine::domain::Annotation;
use engine::domain::Asset;
use engine::domain::AssetId;
use engine::domain::Frame;
use engine::domain::FrameBuilder;
use engine::domain::IntervalLabel;
use engine::domain::LogLine;
use engine::domain::Quantities;
use engine::domain::Quantity;
use engine::domain::Readings;
use engine::domain::Resolution;
use engine::domain::Table;
use engine::domain::Timestamp;
use engine::domain::WeatherByAsset;
use engine::domain::WeatherRow;
use engine::domain::from_micros;
use engine::domain::nearest;
use engine::source::Rows;
use engine::source::SourceError;
use std::collections::BTreeMap;

/// What [`DatasetDirectory::load`] keeps.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    /// Globs over asset ids (`zone_*`, `R8073?`); empty keeps all assets.
    pub assets: Vec<String>,
    /// Quantities of the frames; empty keeps all.
    pub quantities: Vec<Quantity>,
    /// Also read `weather_forecast` files, of all assets in them.
    pub weather: bool,
}

/// A dataset in memory.
#[derive(Debug, Clone)]
pub struct LoadedDataset {
    /// Name in the manifest.
    pub name: String,
    /// Spacing of the frames unless their asset says otherwise.
    pub resolution: Resolution,
    /// What the times name.
    pub interval_label: IntervalLabel,
    /// The kept assets and their parents, in the order of `assets.csv`.
    pub assets: Vec<Asset>,
    /// One frame per kept asset that has rows, in the order of `assets`.
    pub frames: Vec<Frame>,
    /// Weather forecasts by asset; empty unless asked for.
    pub weather: WeatherByAsset,
    /// Annotations of a file `annotations`, all revisions.
    pub annotations: Vec<Annotation>,
    /// Lines of controller logs of the kept assets, as the files bring them.
    pub events: Vec<LogLine>,
    /// Every quantity known after reading, standard and declared.
    pub quantities: Quantities,
    stamps: BTreeMap<AssetId, Vec<(Timestamp, Timestamp)>>,
}

impl LoadedDataset {
    /// The times of the rows that a row of a frame stands for: its own, or where an asset reports between grid points those of
    /// the rows that fell on it.
    pub fn times_of(&self, asset: &AssetId, time: Timestamp) -> Vec<Timestamp> {
        let Some(stamps) = self.stamps.get(asset) else { return vec![time] };
        let first = stamps.partition_point(|(grid, _)| *grid < time);
        stamps[first..].iter().take_while(|(grid, _)| *grid == time).map(|(_, stamp)| *stamp).collect()
    }
}

pub(super) fn load(directory: &DatasetDirectory, filter: &Filter) -> Result<LoadedDataset, SourceError> {
    let wanted = |asset: &&Asset| filter.assets.is_empty() || filter.assets.iter().any(|glob| matches(glob, asset.id.as_str()));
    let keep: Vec<AssetId> = directory.assets.iter().filter(wanted).map(|asset| asset.id.clone()).collect();
    if let Some(glob) = filter.assets.iter().find(|glob| !directory.assets.iter().any(|asset| matches(glob, asset.id.as_str()))) {
        let near = nearest(glob, directory.assets.iter().map(|asset| asset.id.as_str()));
        let near = near.map(|near| format!(", nearest is {near:?}")).unwrap_or_default();
        let problem = format!("no asset matches {glob:?}{near}");
        return Err(SourceError::Mapping { place: directory.path.join("assets.csv").display().to_string(), problem });
    }
    let mut builders: BTreeMap<Resolution, FrameBuilder> = BTreeMap::new();
    let mut weather = WeatherByAsset::new();
    let mut annotations = Vec::new();
    let mut stamps: BTreeMap<AssetId, Vec<(Timestamp, Timestamp)>> = BTreeMap::new();
    let mut events = Vec::new();
    for file in &directory.files {
        match file.holds {
            Holds::Telemetry { .. } => {}
            Holds::Table(Table::WeatherForecast) if filter.weather => {}
            Holds::Table(Table::Annotations | Table::Events) => {}
            Holds::Table(_) => continue,
        }
        let Some(mut reader) = open(directory, file, None, &keep, &filter.quantities)? else { continue };
        let builder = builders.entry(file.resolution).or_insert_with(|| FrameBuilder::new(file.resolution));
        loop {
            let page = reader.page()?;
            if let Some(reject) = page.rejects.first() {
                let place = format!("{} line {}", file.path.display(), reject.line.unwrap_or(0));
                return Err(SourceError::Format { place, problem: format!("{}: {}", reject.reason, reject.detail) });
            }
            for rows in &page.rows {
                match rows {
                    Rows::Readings(readings) => {
                        add_stamps(&mut stamps, readings, file.resolution);
                        builder.push(readings);
                    }
                    Rows::Other(Table::WeatherForecast, batch) => add_weather(&mut weather, batch),
                    Rows::Other(Table::Annotations, batch) => annotations.extend(Annotation::from_batch(batch)),
                    Rows::Other(Table::Events, batch) => events.extend(LogLine::from_batch(batch)),
                    Rows::Other(..) | Rows::Assets(_) => {}
                }
            }
            if page.done {
                break;
            }
        }
    }
    events.retain(|line: &LogLine| keep.contains(&line.asset_id));
    let kept: Vec<Asset> = directory.assets.iter().filter(|asset| keep.contains(&asset.id)).cloned().collect();
    let mut frames: Vec<Frame> = builders.into_values().flat_map(|builder| builder.finish(&kept)).collect();
    frames.sort_by_key(|frame| keep.iter().position(|id| *id == frame.asset.id));
    for own in stamps.values_mut() {
        own.sort_unstable();
        own.dedup();
    }
    stamps.retain(|_, own| own.iter().any(|(grid, stamp)| grid != stamp));
    Ok(LoadedDataset {
        stamps,
        name: directory.name().into(),
        resolution: directory.resolution,
        interval_label: directory.interval_label,
        assets: with_parents(directory, &keep),
        frames,
        weather,
        annotations,
        events,
        quantities: directory.quantities.clone(),
    })
}

fn with_parents(directory: &DatasetDirectory, keep: &[AssetId]) -> Vec<Asset> {
    let mut wanted = keep.to_vec();
    let mut index = 0;
    while let Some(id) = wanted.get(index) {
        let parent = directory.assets.iter().find(|asset| asset.id == *id).and_then(|asset| asset.parent_id.clone());
        wanted.extend(parent.filter(|parent| !wanted.contains(parent)));
        index += 1;
    }
    directory.assets.iter().filter(|asset| wanted.contains(&asset.id)).cloned().collect()
}

/// Notes the grid point and the time of every row.
fn add_stamps(stamps: &mut BTreeMap<AssetId, Vec<(Timestamp, Timestamp)>>, readings: &Readings, resolution: Resolution) {
    let step = resolution.seconds() * 1_000_000;
    let (times, ids) = (readings.times(), readings.asset_ids());
    let mut last: Option<(AssetId, Vec<(Timestamp, Timestamp)>)> = None;
    for row in 0..readings.len() {
        let time = times.value(row);
        let pair = (from_micros(time.div_euclid(step) * step), from_micros(time));
        match &mut last {
            Some((asset, own)) if asset.as_str() == ids.value(row) => own.push(pair),
            _ => {
                if let Some((asset, own)) = last.take() {
                    stamps.entry(asset).or_default().extend(own);
                }
                last = AssetId::parse(ids.value(row)).ok().map(|asset| (asset, vec![pair]));
            }
        }
    }
    if let Some((asset, own)) = last {
        stamps.entry(asset).or_default().extend(own);
    }
}

/// Shell globs: `*` any text, `?` one character.
fn matches(glob: &str, text: &str) -> bool {
    match (glob.chars().next(), text.chars().next()) {
        (None, None) => true,
        (Some('*'), _) => matches(&glob[1..], text) || text.chars().next().is_some_and(|c| matches(glob, &text[c.len_utf8()..])),
        (Some('?'), Some(c)) => matches(&glob[1..], &text[c.len_utf8()..]),
        (Some(g), Some(c)) if g == c => matches(&glob[g.len_utf8()..], &text[c.len_utf8()..]),
        _ => false,
    }
}

fn add_weather(weather: &mut WeatherByAsset, batch: &RecordBatch) {
    let time = |name: &str| batch[name].as_primitive::<TimestampMicrosecondType>();
    let (init, known, valid) = (time("init_time"), time("available_at"), time("valid_time"));
    let ids = batch["asset_id"].as_string::<i32>();
    let sources = batch["source"].as_string::<i32>();
    let schema = batch.schema();
    let base = Table::WeatherForecast.base_schema().fields().len();
    let columns: Vec<_> = schema
        .fields()
        .iter()
        .enumerate()
        .skip(base)
        .filter_map(|(at, field)| Some((Quantity::parse(field.name()).ok()?, batch.column(at).as_primitive_opt::<Float64Type>()?)))
        .collect();
    for row in 0..batch.num_rows() {
        let Ok(asset) = AssetId::parse(ids.value(row)) else { continue };
        let entry = weather.entry(asset).or_default();
        let mut values = vec![f64::NAN; entry.quantities.len()];
        for (quantity, column) in &columns {
            let value = if column.is_valid(row) { column.value(row) } else { f64::NAN };
            match entry.quantities.iter().position(|held| held == quantity) {
                Some(slot) => values[slot] = value,
                None => {
                    entry.quantities.push(quantity.clone());
                    entry.rows.iter_mut().for_each(|row| row.values.push(f64::NAN));
                    values.push(value);
                }
            }
        }
        let source = entry.source(sources.value(row));
        entry.rows.push(WeatherRow {
            source,
            init_time: from_micros(init.value(row)),
            available_at: from_micros(known.value(row)),
            valid_time: from_micros(valid.value(row)),
            values,
        });
    }
}
