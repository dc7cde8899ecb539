//! `dataset.toml` and `assets.csv`: the two small files that say what the big ones are.
//!
//! In: a directory. Out: the manifest, the assets, the declared units, and notes on keys we do not know. Unknown keys are
//! told, not refused: others write these directories too. Not here: the data files.

use crate::catalogue::PUBLIC_SETS;
use connectors::file;
use connectors::mapping::FormatSpec;
use engine::domain::Asset;
use engine::domain::AssetId;
use engine::domain::AssetKind;
use engine::domain::DomainError;
use engine::domain::Location;
use engine::domain::nearest;
use engine::source::SourceError;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::collections::HashSet;
use std::path::Component;
use std::path::Path;

/// `dataset.toml` as written.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) licence: String,
    #[serde(default)]
    pub(crate) source: String,
    #[serde(default)]
    pub(crate) attribution: String,
    pub(crate) resolution: String,
    #[serde(default = "beginning")]
    pub(crate) interval_label: String,
    #[serde(default = "assets_csv")]
    pub(crate) assets: String,
    #[serde(default)]
    pub(crate) file: Vec<ManifestFile>,
    #[serde(default)]
    pub(crate) units: BTreeMap<String, String>,
    #[serde(flatten)]
    other: BTreeMap<String, toml::Value>,
}

/// One `[[file]]`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ManifestFile {
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) table: String,
    pub(crate) rows: Option<u64>,
    pub(crate) resolution: Option<String>,
    #[serde(flatten)]
    other: BTreeMap<String, toml::Value>,
}

fn beginning() -> String {
    "beginning".into()
}

fn assets_csv() -> String {
    "assets.csv".into()
}

const KEYS: &[&str] = &[
    "name",
    "title",
    "licence",
    "source",
    "attribution",
    "redistributable",
    "resolution",
    "interval_label",
    "assets",
    "note",
    "file",
    "units",
];
const FILE_KEYS: &[&str] = &["path", "table", "rows", "resolution", "note"];

/// Reads the manifest; the second part are notes.
pub(crate) fn read(directory: &Path) -> Result<(Manifest, Vec<String>), SourceError> {
    let path = directory.join("dataset.toml");
    let place = path.display().to_string();
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
            return Err(SourceError::Format { place: directory.display().to_string(), problem: missing(directory) });
        }
        Err(cause) => return Err(SourceError::Io { place, cause }),
    };
    let manifest: Manifest = toml::from_str(&text)
        .map_err(|error| SourceError::Mapping { place: place.clone(), problem: error.to_string().trim_end().into() })?;
    for entry in &manifest.file {
        let inside = Path::new(&entry.path).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !inside || entry.path.is_empty() {
            let problem = format!("file.path {:?} leaves the directory; give a path inside it", entry.path);
            return Err(SourceError::Mapping { place, problem });
        }
    }
    let mut notes = Vec::new();
    let mut unknown = |keys: &BTreeMap<String, toml::Value>, known: &[&str], of: &str| {
        for key in keys.keys().filter(|key| !known.contains(&key.as_str())) {
            let near = nearest(key, known.iter().copied()).map(|near| format!("; did you mean {near:?}?")).unwrap_or_default();
            notes.push(format!("dataset.toml: {of}key {key:?} is not known and was passed over{near}"));
        }
    };
    unknown(&manifest.other, KEYS, "");
    for entry in &manifest.file {
        unknown(&entry.other, FILE_KEYS, &format!("file {}: ", entry.path));
    }
    Ok((manifest, notes))
}

/// What to say where there is no manifest.
fn missing(directory: &Path) -> String {
    if !directory.is_dir() {
        return "there is no such directory".into();
    }
    if directory.join("dataset/dataset.toml").is_file() {
        return format!("there is no dataset.toml here, but one in {}; give that directory", directory.join("dataset").display());
    }
    let mut tables: Vec<String> = std::fs::read_dir(directory)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .filter(|name| name.contains(".csv") || name.ends_with(".parquet"))
        .collect();
    tables.sort();
    let Some(table) = tables.iter().find(|name| *name != "assets.csv") else {
        return "there is no dataset.toml here and no CSV or Parquet file either; is this the right directory?".into();
    };
    if let Some(set) = PUBLIC_SETS.iter().find(|set| table.starts_with(set.file)) {
        return format!(
            "there is no dataset.toml here; {table} is the vendor's file of {0}: import it through the mapping {0}",
            set.name
        );
    }
    let header = file::columns(&directory.join(table), &FormatSpec::default()).unwrap_or_default();
    if !["time", "asset_id"].iter().all(|key| header.iter().any(|column| column == key)) {
        return format!(
            "there is no dataset.toml here, and {table} has a vendor's column names: write a mapping and import the file \
             through it (the keys are described at connectors::mapping::Spec, examples are in datasets/mappings)"
        );
    }
    let kind = table.split('.').next().unwrap_or("meter");
    format!(
        "there is no dataset.toml here. Write one, for example:\n\nname = \"my_site\"\nresolution = \"PT10M\"\n\
         interval_label = \"beginning\"\n\n[[file]]\npath = \"{table}\"\ntable = \"{kind}\"\n\n[units]\nactive_power = \"kW\""
    )
}

/// Reads `assets.csv`.
pub(crate) fn assets(directory: &Path, manifest: &Manifest) -> Result<Vec<Asset>, SourceError> {
    let path = directory.join(&manifest.assets);
    let place = path.display().to_string();
    let bad = |line: usize, problem: String| SourceError::Format { place: format!("{place} line {line}"), problem };
    let text = std::fs::read_to_string(&path).map_err(|cause| SourceError::Io { place: place.clone(), cause })?;
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let header = reader.headers().map_err(|error| bad(1, error.to_string()))?.clone();
    let column = |name: &str| header.iter().position(|held| held == name);
    for needed in ["asset_id", "kind"] {
        if column(needed).is_none() {
            return Err(bad(
                1,
                format!(
                    "column {needed:?} is missing; the header is asset_id,kind,parent_id,name,latitude,longitude,capacity_kw,timezone"
                ),
            ));
        }
    }
    const KNOWN: [&str; 8] = ["asset_id", "kind", "parent_id", "name", "latitude", "longitude", "capacity_kw", "timezone"];
    let mut assets = Vec::new();
    let mut seen = HashSet::new();
    for (index, record) in reader.records().enumerate() {
        let line = index + 2;
        let record = record.map_err(|error| bad(line, error.to_string()))?;
        let text = |name: &str| column(name).and_then(|at| record.get(at)).filter(|text| !text.is_empty());
        let refuse = |error: DomainError| bad(line, error.to_string());
        let number = |name: &str| match text(name).map(str::parse::<f64>) {
            None => Ok(None),
            Some(Ok(value)) if value.is_finite() => Ok(Some(value)),
            Some(_) => Err(bad(line, format!("{name} {:?} is not a number", text(name).unwrap_or_default()))),
        };
        let id = AssetId::parse(text("asset_id").unwrap_or_default()).map_err(refuse)?;
        let mut asset = Asset::new(id.clone(), AssetKind::parse(text("kind").unwrap_or_default()).map_err(refuse)?);
        if !seen.insert(id.clone()) {
            return Err(bad(line, format!("asset {id} is listed twice")));
        }
        asset.parent_id = text("parent_id").map(AssetId::parse).transpose().map_err(refuse)?;
        if let Some(name) = text("name") {
            asset.name = name.into();
        }
        asset.location = match (number("latitude")?, number("longitude")?) {
            (Some(latitude), Some(longitude)) if latitude.abs() <= 90.0 && longitude.abs() <= 180.0 => {
                Some(Location { latitude, longitude })
            }
            (None, None) => None,
            _ => return Err(bad(line, format!("asset {id}: give latitude (-90 to 90) and longitude (-180 to 180), or neither"))),
        };
        asset.capacity_kw = number("capacity_kw")?;
        if let Some(zone) = text("timezone") {
            engine::domain::time_zone(zone).map_err(|error| bad(line, format!("asset {id}: {error}")))?;
            asset.timezone = zone.into();
        }
        for (name, value) in header.iter().zip(&record).filter(|(name, value)| !KNOWN.contains(name) && !value.is_empty()) {
            asset.attributes.insert(name.into(), value.into());
        }
        asset.attributes.insert("resolution".into(), manifest.resolution.clone());
        asset.attributes.insert("interval_label".into(), manifest.interval_label.clone());
        assets.push(asset);
    }
    for asset in &assets {
        if let Some(parent) = asset.parent_id.as_ref().filter(|parent| !seen.contains(*parent)) {
            let problem = format!("asset {}: its parent {parent} is not in the file", asset.id);
            return Err(SourceError::Format { place, problem });
        }
    }
    Ok(assets)
}
