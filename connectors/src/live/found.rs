//! What a peer offers becomes a points file for a person to read, correct and use.
//!
//! In: [`Found`] things of one peer. Out: TOML with our quantities guessed. Things without a guess are kept as comments, so that nothing
//! the peer has is hidden. Not here: guessing ([`super::guess`]).

use super::guess;
use super::{AssetSpec, PointSpec, PointsSpec};
use std::collections::BTreeMap;

/// Guesses below this are written as comments.
const SURE_ENOUGH: f64 = 0.5;

/// One thing a peer offers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// Where it is, as the protocol's points write it.
    pub address: String,
    /// Its name as the peer gives it: a browse path, a topic, a model's point.
    pub name: String,
    /// Its unit as the peer gives it.
    pub unit: Option<String>,
    /// What the peer says about it.
    pub description: Option<String>,
    /// A value seen, for the reader.
    pub value: Option<String>,
    /// The device it seems to belong to; becomes the asset.
    pub device: String,
    /// Kind of the device where the protocol knows it: `pv_inverter`, `meter`, ….
    pub kind: Option<&'static str>,
    /// Rated power where the device says it, kW.
    pub capacity_kw: Option<f64>,
    /// True for alarms and status bits.
    pub is_event: bool,
    /// Keys of the protocol to write beside it.
    pub options: toml::Table,
}

/// The text of a points file. `peer` stands in its head. One asset per device; one point per quantity of an asset, the surest guess wins.
pub fn points_file(peer: &str, found: &[Found]) -> String {
    let mut assets: BTreeMap<String, AssetSpec> = BTreeMap::new();
    let mut surest: BTreeMap<(String, &'static str), (usize, f64)> = BTreeMap::new();
    let guesses: Vec<_> = found.iter().map(guess).collect();
    for (index, (thing, guessed)) in found.iter().zip(&guesses).enumerate() {
        let id = asset_id(&thing.device);
        let hint = guessed.as_ref().and_then(|guessed| guessed.kind);
        let asset = assets.entry(id.clone()).or_insert_with(|| AssetSpec { id: id.clone(), ..AssetSpec::default() });
        if asset.kind.is_empty() {
            asset.kind = thing.kind.or(hint).unwrap_or_default().into();
        }
        asset.capacity_kw = asset.capacity_kw.or(thing.capacity_kw);
        if let Some(guessed) = guessed.as_ref().filter(|guessed| guessed.confidence >= SURE_ENOUGH && !thing.is_event) {
            let held = surest.entry((id, guessed.quantity)).or_insert((index, guessed.confidence));
            if guessed.confidence > held.1 {
                *held = (index, guessed.confidence);
            }
        }
    }
    let mut spec = PointsSpec::default();
    let mut rest = Vec::new();
    for (index, (thing, guessed)) in found.iter().zip(guesses).enumerate() {
        let id = asset_id(&thing.device);
        let guessed = guessed.filter(|guessed| surest.get(&(id.clone(), guessed.quantity)).is_some_and(|held| held.0 == index));
        let point = PointSpec { address: thing.address.clone(), asset: id, options: thing.options.clone(), ..PointSpec::default() };
        match guessed {
            _ if thing.is_event => {
                let event = thing.description.clone().unwrap_or_else(|| thing.name.clone());
                spec.points.push(PointSpec { event: Some(event), ..point });
            }
            Some(guessed) => spec.points.push(PointSpec {
                quantity: Some(guessed.quantity.into()),
                unit: Some(guessed.unit.into()),
                confidence: Some(guessed.confidence),
                ..point
            }),
            None => rest.push(thing),
        }
    }
    spec.assets = assets.into_values().collect();
    for asset in &mut spec.assets {
        if asset.kind.is_empty() {
            "meter".clone_into(&mut asset.kind);
        }
    }
    write(peer, &spec, &rest)
}

fn write(peer: &str, spec: &PointsSpec, rest: &[&Found]) -> String {
    let mut out = format!(
        "# Points of {peer}, as `chergui discover` found them.\n\
         # Quantities and units are guessed from names; `confidence` says how surely (1 = certain). Read every line, correct it,\n\
         # delete what you do not want. Ids, names, places and capacities of [[assets]] are yours to fill in.\n\n"
    );
    let body = toml::to_string(spec).unwrap_or_else(|error| format!("# could not be written: {error}\n"));
    out.push_str(&body);
    if !rest.is_empty() {
        out.push_str("\n# Also there; no quantity was guessed. Copy what you need into a [[points]] and give it one.\n");
        for thing in rest {
            let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".into()).replace(['\n', '\r'], " ");
            let (unit, value) = (text(&thing.unit), text(&thing.value));
            let name = text(&Some(thing.name.clone()));
            out.push_str(&format!("#   {}   {name}   unit {unit}   value {value}\n", thing.address));
        }
    }
    out
}

/// An id from a device's name: letters an id may not have become `_`.
pub(super) fn asset_id(device: &str) -> String {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    let id: String = device.chars().take(64).map(|c| if good(c) { c } else { '_' }).collect();
    let id = id.trim_matches(['_', '/', '.']).to_owned();
    if id.is_empty() { "device".into() } else { id }
}
