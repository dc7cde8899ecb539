//! From a mapping as written to a checked one: names, units, zones and references, each refusal with the remedy.
//!
//! In: [`Spec`] and the quantities of the site. Out: [`Mapping`] or one sentence that names the key. Not here: the file.

use super::Clock;
use super::plan::{Cell, Duplicates, Invalid, Jump, Lane, Mapping, Value};
use super::spec::{AssetEntry, ColumnSpec, DuplicatesSpec, InvalidSpec, Spec, TimeSpec};
use engine::domain::Asset;
use engine::domain::AssetId;
use engine::domain::AssetKind;
use engine::domain::IntervalLabel;
use engine::domain::Location;
use engine::domain::Quantities;
use engine::domain::Quantity;
use engine::domain::Resolution;
use engine::domain::Unit;
use engine::domain::nearest;
use std::collections::BTreeMap;
use std::fmt::Display;

/// A sentence that opens with the key.
fn at<E: Display>(key: &str) -> impl FnOnce(E) -> String + '_ {
    move |error| format!("{key}: {error}")
}

pub(super) fn check(spec: &Spec, place: &str, quantities: &Quantities) -> Result<Mapping, String> {
    let mut known = quantities.clone();
    for (name, unit) in &spec.quantities {
        let key = format!("quantities.{name}");
        let unit = Unit::parse(unit).map_err(at(&key))?;
        known.declare(name, unit).map_err(at(&key))?;
    }
    let kind = spec.kind.as_deref().map(AssetKind::parse).transpose().map_err(at("kind"))?;
    let resolution = Resolution::parse(&spec.resolution).map_err(at("resolution"))?;
    let label = IntervalLabel::parse(&spec.interval_label).map_err(at("interval_label"))?;
    if !spec.format.delimiter.is_ascii() || spec.format.comment.is_some_and(|c| !c.is_ascii()) {
        return Err("format: delimiter and comment are one ASCII character each".into());
    }
    if spec.format.header != spec.format.columns.is_empty() {
        return Err("format: give columns = [\"…\"] when header = false, and only then".into());
    }
    if spec.format.header_in_comment && (spec.format.comment.is_none() || !spec.format.header) {
        return Err("format: header_in_comment goes with comment = \"#\" and without header = false".into());
    }
    let cells = spec.column.iter().map(|c| cell(c, &known)).collect::<Result<Vec<_>, _>>()?;
    if cells.is_empty() {
        return Err("[[column]] is missing: name at least one column and its quantity".into());
    }
    let lanes = lanes(spec, kind, &cells, &known)?;
    let asset_column = asset_column(spec, &lanes)?;
    let lanes = with_constant(lanes, spec)?;
    let rename = spec.asset.iter().flat_map(|asset| &asset.rename);
    let rename = rename
        .map(|(from, to)| Ok((from.clone(), AssetId::parse(to).map_err(at("asset.rename"))?)))
        .collect::<Result<BTreeMap<_, _>, String>>()?;
    let available_at = match &spec.available_at {
        Some(time) => Some((Clock::new(time).map_err(at("available_at"))?, columns(time, "available_at")?)),
        None => None,
    };
    Ok(Mapping {
        name: spec.name.clone(),
        place: place.into(),
        format: spec.format.clone(),
        resolution,
        label,
        time: Clock::new(&spec.time).map_err(at("time"))?,
        time_columns: columns(&spec.time, "time")?,
        available_at,
        asset_column,
        asset_comment: spec.asset.as_ref().and_then(|asset| asset.comment.clone()),
        rename,
        duplicates: duplicates(&spec.duplicates, &cells, resolution)?,
        assets: spec.assets.iter().map(|entry| asset(entry, kind, spec)).collect::<Result<_, _>>()?,
        cells,
        lanes,
        quantities: known,
    })
}

fn columns(time: &TimeSpec, key: &str) -> Result<Vec<String>, String> {
    match (&time.column, time.columns.as_slice()) {
        (Some(column), []) => Ok(vec![column.clone()]),
        (None, [_, ..]) => Ok(time.columns.clone()),
        _ => Err(format!("{key}: give column = \"…\" or columns = [\"…\", \"…\"]")),
    }
}

fn asset_column(spec: &Spec, lanes: &[Lane]) -> Result<Option<String>, String> {
    let open = lanes.iter().any(|lane| lane.asset.is_none());
    match spec.asset.as_ref().map(|a| (&a.column, &a.constant, &a.comment)) {
        Some((Some(column), None, None)) => Ok(Some(column.clone())),
        Some((None, Some(_), None)) => Ok(None),
        Some((None, None, Some(_))) if spec.format.comment.is_some() => Ok(None),
        Some((None, None, Some(_))) => Err("asset.comment needs format.comment, for example \"#\"".into()),
        Some(_) => Err("asset: give column = \"…\", constant = \"…\" or comment = \"…\", one of them".into()),
        None if open => {
            Err("[asset] is missing: name the column with the asset, or give every [[column]] and [[sum]] its asset".into())
        }
        None => Ok(None),
    }
}

fn with_constant(mut lanes: Vec<Lane>, spec: &Spec) -> Result<Vec<Lane>, String> {
    if let Some(constant) = spec.asset.as_ref().and_then(|a| a.constant.as_ref()) {
        let id = AssetId::parse(constant).map_err(at("asset.constant"))?;
        for lane in lanes.iter_mut().filter(|lane| lane.asset.is_none()) {
            lane.asset = Some(id.clone());
        }
    }
    Ok(lanes)
}

fn cell(column: &ColumnSpec, known: &Quantities) -> Result<Cell, String> {
    let key = format!("column {:?}", column.name);
    let (quantity, info) = known.get(&column.quantity).map_err(at(&key))?;
    let unit = Unit::parse(&column.unit).map_err(at(&key))?;
    let (scale, offset) = unit.to(info.unit).ok_or_else(|| {
        format!("{key}: {quantity} is stored in {}; {unit} measures something else and cannot be converted", info.unit)
    })?;
    let invalid = column.invalid.iter().map(|entry| invalid(entry, &key)).collect::<Result<_, _>>()?;
    Ok(Cell { column: column.name.clone(), quantity: quantity.clone(), scale, offset, range: info.range, invalid })
}

fn invalid(entry: &InvalidSpec, key: &str) -> Result<Invalid, String> {
    let (low, high) = match (entry.equals, entry.below, entry.above) {
        (Some(value), None, None) => {
            let slack = 1e-6 * value.abs().max(1.0);
            (value - slack, value + slack)
        }
        (None, Some(value), None) => (f64::NEG_INFINITY, value.next_down()),
        (None, None, Some(value)) => (value.next_up(), f64::INFINITY),
        _ => return Err(format!("{key}: an entry of invalid has exactly one of equals, below, above")),
    };
    Ok(Invalid { low, high, reason: entry.reason.clone() })
}

fn lanes(spec: &Spec, default: Option<AssetKind>, cells: &[Cell], known: &Quantities) -> Result<Vec<Lane>, String> {
    let mut lanes: Vec<Lane> = Vec::new();
    let mut add = |key: &str, asset: &Option<String>, kind: &Option<String>, quantity: Quantity, value: Value| {
        let asset = asset.as_deref().map(AssetId::parse).transpose().map_err(at(key))?;
        let kind = kind.as_deref().map(AssetKind::parse).transpose().map_err(at(key))?.or(default);
        let lane = match lanes.iter_mut().position(|lane| lane.asset == asset && lane.kind == kind) {
            Some(index) => &mut lanes[index],
            None => {
                lanes.push(Lane { asset, kind, values: Vec::new() });
                let last = lanes.len() - 1;
                &mut lanes[last]
            }
        };
        if lane.values.iter().any(|(held, _)| *held == quantity) {
            return Err(format!("{key}: {quantity} is already taken from another column for the same asset"));
        }
        lane.values.push((quantity, value));
        Ok(())
    };
    for (index, (column, cell)) in spec.column.iter().zip(cells).enumerate() {
        add(&format!("column {:?}", column.name), &column.asset, &column.kind, cell.quantity.clone(), Value::Cell(index))?;
    }
    for sum in &spec.sum {
        let key = format!("sum of {}", sum.quantity);
        let (quantity, info) = known.get(&sum.quantity).map_err(at(&key))?;
        let terms = sum.of.iter().map(|name| {
            let index = cells.iter().position(|cell| cell.column == *name).ok_or_else(|| {
                let near = nearest(name, cells.iter().map(|cell| cell.column.as_str())).unwrap_or("none");
                format!("{key}: {name:?} is not a mapped column, nearest is {near:?}")
            })?;
            let stored = known.get(cells[index].quantity.name()).map_err(at(&key))?.1.unit;
            match stored.to(info.unit) {
                Some(_) => Ok(index),
                None => Err(format!("{key}: {name:?} is in {stored}, which does not measure {quantity}")),
            }
        });
        add(&key, &sum.asset, &sum.kind, quantity.clone(), Value::Sum(terms.collect::<Result<_, _>>()?))?;
    }
    Ok(lanes)
}

fn duplicates(spec: &DuplicatesSpec, cells: &[Cell], resolution: Resolution) -> Result<Duplicates, String> {
    if spec.policy != "least_jump" && (spec.shift.is_some() || !spec.jump.is_empty()) {
        return Err("duplicates: shift and jump go with policy = \"least_jump\"".into());
    }
    match spec.policy.as_str() {
        "last" => Ok(Duplicates::Last),
        "first" => Ok(Duplicates::First),
        "error" => Ok(Duplicates::Error),
        "least_jump" => {
            let shift = spec.shift.as_deref().ok_or("duplicates.shift is missing, for example \"PT1H\"")?;
            let shift = Resolution::parse(shift).map_err(at("duplicates.shift"))?.seconds();
            if shift % resolution.seconds() != 0 || shift > 6 * 3600 {
                return Err("duplicates.shift must be a multiple of the resolution, at most PT6H".into());
            }
            let jump = spec.jump.iter().map(|jump| {
                let names = || cells.iter().map(|cell| cell.quantity.name());
                let Some(cell) = cells.iter().find(|cell| cell.quantity.name() == jump.quantity) else {
                    let near = nearest(&jump.quantity, names()).unwrap_or("none");
                    return Err(format!("duplicates.jump: {:?} is not a mapped quantity, nearest is {near:?}", jump.quantity));
                };
                if jump.scale.is_finite() && jump.scale > 0.0 {
                    Ok(Jump { quantity: cell.quantity.clone(), scale: jump.scale })
                } else {
                    Err(format!("duplicates.jump: the scale of {} must be positive", jump.quantity))
                }
            });
            let jump: Vec<Jump> = jump.collect::<Result<_, _>>()?;
            if jump.is_empty() {
                return Err("duplicates.jump is missing: name the quantities whose jumps decide".into());
            }
            Ok(Duplicates::LeastJump { shift: shift * 1_000_000, jump })
        }
        other => {
            let near = nearest(other, ["last", "first", "error", "least_jump"]).unwrap_or("last");
            Err(format!("duplicates.policy {other:?} is not known, nearest is {near:?}"))
        }
    }
}

fn asset(entry: &AssetEntry, default: Option<AssetKind>, spec: &Spec) -> Result<Asset, String> {
    let key = format!("assets {:?}", entry.id);
    let kind = entry.kind.as_deref().map(AssetKind::parse).transpose().map_err(at(&key))?.or(default);
    let kind = kind.ok_or_else(|| format!("{key}: kind is missing"))?;
    let mut asset = Asset::new(AssetId::parse(&entry.id).map_err(at(&key))?, kind);
    asset.parent_id = entry.parent_id.as_deref().map(AssetId::parse).transpose().map_err(at(&key))?;
    if let Some(name) = &entry.name {
        asset.name.clone_from(name);
    }
    asset.location = match (entry.latitude, entry.longitude) {
        (Some(latitude), Some(longitude)) if latitude.abs() <= 90.0 && longitude.abs() <= 180.0 => {
            Some(Location { latitude, longitude })
        }
        (None, None) => None,
        _ => return Err(format!("{key}: give latitude (-90 to 90) and longitude (-180 to 180), or neither")),
    };
    asset.capacity_kw = entry.capacity_kw;
    if let Some(zone) = &entry.timezone {
        engine::domain::time_zone(zone).map_err(at(&key))?;
        asset.timezone.clone_from(zone);
    }
    asset.attributes.insert("resolution".into(), spec.resolution.clone());
    asset.attributes.insert("interval_label".into(), spec.interval_label.clone());
    Ok(asset)
}
