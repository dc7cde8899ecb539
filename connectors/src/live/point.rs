//! Points files: which address of a peer is which quantity of which asset, in which unit.
//!
//! In: TOML text, as `chergui discover` writes it and a person confirms it. Out: [`Points`], checked as far as that is possible without
//! the protocol. Not here: what an address means, and the keys of one protocol ([`Point::options`] hands them over).

use engine::domain::Asset;
use engine::domain::AssetId;
use engine::domain::AssetKind;
use engine::domain::Location;
use engine::domain::Quantities;
use engine::domain::Quantity;
use engine::domain::Unit;
use engine::source::SourceError;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// A points file as written.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PointsSpec {
    /// Quantities the site adds: name = unit.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub quantities: BTreeMap<String, String>,
    /// The assets the points belong to.
    #[serde(default)]
    pub assets: Vec<AssetSpec>,
    /// The points.
    #[serde(default)]
    pub points: Vec<PointSpec>,
}

/// One asset.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssetSpec {
    /// Its id.
    pub id: String,
    /// Its kind: `wind_turbine`, `pv_inverter`, ….
    pub kind: String,
    /// Name for people; absent (default): the id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The plant or region it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<String>,
    /// Degrees north; with `longitude` or not at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latitude: Option<f64>,
    /// Degrees east.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longitude: Option<f64>,
    /// Rated power, kW.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity_kw: Option<f64>,
    /// IANA time zone; absent (default): UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
}

/// One point. Exactly one of `quantity` and `event`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PointSpec {
    /// Where the peer keeps it, as the protocol writes addresses.
    pub address: String,
    /// Whose it is.
    pub asset: String,
    /// Our quantity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantity: Option<String>,
    /// Unit of `scale · raw + offset`; absent (default): the stored unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Default 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
    /// Default 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<f64>,
    /// The message of an alarm or status: raised when the value leaves 0, reset when it returns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// How sure the guess was that wrote this, 0 to 1; nothing reads it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// Keys of the protocol.
    #[serde(flatten)]
    pub options: toml::Table,
}

/// What becomes of a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// A column of telemetry: `scale · raw + offset` in the stored unit, null outside `range`.
    Value {
        /// The column.
        quantity: Quantity,
        /// Factor to the stored unit.
        scale: f64,
        /// Offset to the stored unit.
        offset: f64,
        /// What physics allows, stored unit.
        range: (f64, f64),
    },
    /// A row of `events`.
    Event {
        /// What it says.
        message: String,
    },
}

/// One checked point.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Where the peer keeps it.
    pub address: String,
    /// Index into [`Points::assets`].
    pub asset: u32,
    /// What becomes of it.
    pub target: Target,
    /// File and number, for errors.
    pub place: String,
    options: toml::Table,
}

impl Point {
    /// The keys of the protocol, read into its own type (which should deny unknown fields).
    ///
    /// # Errors
    /// [`SourceError::Mapping`] naming the point and the key.
    pub fn options<T: DeserializeOwned>(&self) -> Result<T, SourceError> {
        self.options.clone().try_into().map_err(|error: toml::de::Error| self.wrong(error.message()))
    }

    /// An error about this point.
    pub fn wrong(&self, problem: impl Into<String>) -> SourceError {
        SourceError::Mapping { place: self.place.clone(), problem: problem.into() }
    }
}

/// All points of a connection and their assets.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Points {
    points: Vec<Point>,
    assets: Vec<Asset>,
    declared: Vec<(String, Unit)>,
}

impl Points {
    /// Reads and checks a points file.
    ///
    /// # Errors
    /// [`SourceError::Io`], and as [`Points::parse`].
    pub fn read(path: &Path, quantities: &Quantities) -> Result<Self, SourceError> {
        let place = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|cause| SourceError::Io { place: place.clone(), cause })?;
        Self::parse(&text, &place, quantities)
    }

    /// Reads and checks TOML; `place` opens every error.
    ///
    /// # Errors
    /// [`SourceError::Mapping`] naming the point and the nearest valid name.
    pub fn parse(text: &str, place: &str, quantities: &Quantities) -> Result<Self, SourceError> {
        let wrong = |problem: String| SourceError::Mapping { place: place.into(), problem };
        let spec: PointsSpec = toml::from_str(text).map_err(|error| wrong(error.to_string().trim_end().into()))?;
        Self::new(&spec, place, quantities)
    }

    /// Checks a points file as written.
    ///
    /// # Errors
    /// As [`Points::parse`].
    pub fn new(spec: &PointsSpec, place: &str, quantities: &Quantities) -> Result<Self, SourceError> {
        let wrong = |problem: String| SourceError::Mapping { place: place.into(), problem };
        let mut known = quantities.clone();
        let mut declared = Vec::new();
        for (name, unit) in &spec.quantities {
            let unit = Unit::parse(unit).map_err(|error| wrong(format!("quantities.{name}: {error}")))?;
            known.declare(name, unit).map_err(|error| wrong(format!("quantities.{name}: {error}")))?;
            declared.push((name.clone(), unit));
        }
        let mut assets = Vec::new();
        let mut index = BTreeMap::new();
        for entry in &spec.assets {
            let asset = asset(entry).map_err(|problem| wrong(format!("assets {:?}: {problem}", entry.id)))?;
            if index.insert(entry.id.clone(), assets.len() as u32).is_some() {
                return Err(wrong(format!("assets {:?}: named twice; keep one", entry.id)));
            }
            assets.push(asset);
        }
        let mut points = Vec::new();
        let mut fed: BTreeMap<(u32, &str), &str> = BTreeMap::new();
        for (number, point) in spec.points.iter().enumerate() {
            let place = format!("{place}: point {} ({})", number + 1, point.address);
            let wrong = |problem: String| SourceError::Mapping { place: place.clone(), problem };
            let Some(&asset) = index.get(&point.asset) else {
                let near = engine::domain::nearest(&point.asset, index.keys().map(String::as_str));
                let near = near.map_or_else(|| "add it under [[assets]]".into(), |near| format!("nearest is {near:?}"));
                return Err(wrong(format!("asset {:?} is not under [[assets]]; {near}", point.asset)));
            };
            let target = target(point, &known).map_err(wrong)?;
            if let Some(quantity) = &point.quantity
                && let Some(other) = fed.insert((asset, quantity), &point.address)
            {
                let twice = format!("{quantity} of {:?} is already read from {other}; one point feeds one column", point.asset);
                return Err(wrong(twice));
            }
            points.push(Point { address: point.address.clone(), asset, target, place, options: point.options.clone() });
        }
        Ok(Self { points, assets, declared })
    }

    /// No points: what a protocol with a mapping of its own brings. `quantities` are all it knows; those beyond the standard are declared.
    ///
    /// # Errors
    /// [`SourceError::Domain`] for a quantity without a unit; never with checked ones.
    pub fn brought(assets: Vec<Asset>, quantities: &Quantities) -> Result<Self, SourceError> {
        let standard = Quantities::standard();
        let beyond = quantities.names().filter(|name| standard.get(name).is_err());
        let unit = |name: &str| {
            let found = quantities.get(name).map_err(|cause| SourceError::Domain { place: name.into(), cause })?;
            Ok((name.to_owned(), found.1.unit))
        };
        Ok(Self { points: Vec::new(), assets, declared: beyond.map(unit).collect::<Result<_, _>>()? })
    }

    /// The points, in the order of the file.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// Their assets.
    pub fn assets(&self) -> &[Asset] {
        &self.assets
    }

    /// Quantities the file adds to the site's, with the unit it wants them stored in.
    pub fn declared(&self) -> &[(String, Unit)] {
        &self.declared
    }

    /// The id of a point's asset.
    pub fn asset_of(&self, point: u32) -> &AssetId {
        &self.assets[self.points[point as usize].asset as usize].id
    }
}

fn target(point: &PointSpec, known: &Quantities) -> Result<Target, String> {
    let (quantity, message) = (point.quantity.as_deref(), point.event.as_deref());
    let (quantity, info) = match (quantity, message) {
        (Some(quantity), None) => known.get(quantity).map_err(|error| error.to_string())?,
        (None, Some(message)) if message.trim().is_empty() => return Err("event is empty; write what the alarm says".into()),
        (None, Some(message)) => return Ok(Target::Event { message: message.trim().into() }),
        _ => return Err("give quantity = \"…\" (a measured value) or event = \"…\" (an alarm), one of them".into()),
    };
    let unit = point.unit.as_deref().map_or(Ok(info.unit), Unit::parse).map_err(|error| error.to_string())?;
    let (scale, offset) = unit
        .to(info.unit)
        .ok_or_else(|| format!("{quantity} is stored in {}; {unit} measures something else and cannot be converted", info.unit))?;
    let (own_scale, own_offset) = (point.scale.unwrap_or(1.0), point.offset.unwrap_or(0.0));
    if !own_scale.is_finite() || own_scale == 0.0 || !own_offset.is_finite() {
        return Err("scale must be a number other than 0, and offset a number".into());
    }
    Ok(Target::Value {
        quantity: quantity.clone(),
        scale: scale * own_scale,
        offset: scale * own_offset + offset,
        range: info.range,
    })
}

fn asset(entry: &AssetSpec) -> Result<Asset, String> {
    let kind = AssetKind::parse(&entry.kind).map_err(|error| error.to_string())?;
    let id = |text: &str| AssetId::parse(text).map_err(|error| error.to_string());
    let mut asset = Asset::new(id(&entry.id)?, kind);
    asset.parent_id = entry.parent_id.as_deref().map(id).transpose()?;
    if let Some(name) = &entry.name {
        asset.name.clone_from(name);
    }
    asset.location = match (entry.latitude, entry.longitude) {
        (Some(latitude), Some(longitude)) if latitude.abs() <= 90.0 && longitude.abs() <= 180.0 => {
            Some(Location { latitude, longitude })
        }
        (None, None) => None,
        _ => return Err("give latitude (-90 to 90) and longitude (-180 to 180), or neither".into()),
    };
    asset.capacity_kw = entry.capacity_kw;
    if let Some(zone) = &entry.timezone {
        engine::domain::time_zone(zone).map_err(|error| error.to_string())?;
        asset.timezone.clone_from(zone);
    }
    Ok(asset)
}
