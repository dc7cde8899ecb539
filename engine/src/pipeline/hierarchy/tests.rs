//! Sums of small fleets: by definition, by meters, with gaps and with parents that make no sense.

use super::Family;
use crate::domain::{Asset, AssetId, AssetKind, Quantity};
use crate::models::Series;
use std::collections::{BTreeMap, BTreeSet};

fn asset(id: &str, kind: AssetKind, parent: &str) -> Asset {
    let mut asset = Asset::new(AssetId::parse(id).unwrap(), kind);
    asset.parent_id = (!parent.is_empty()).then(|| AssetId::parse(parent).unwrap());
    asset
}

fn series(id: &str, quantity: Quantity) -> Series {
    Series { asset_id: AssetId::parse(id).unwrap(), quantity }
}

/// A nation without a meter of its own, two regions, one of them with plants.
fn nation() -> Vec<Asset> {
    vec![
        asset("morocco", AssetKind::Region, ""),
        asset("north", AssetKind::Region, "morocco"),
        asset("south", AssetKind::Region, "morocco"),
        asset("tarfaya", AssetKind::WindPlant, "south"),
        asset("tarfaya/T01", AssetKind::WindTurbine, "tarfaya"),
        asset("tarfaya/T02", AssetKind::WindTurbine, "tarfaya"),
        asset("noor", AssetKind::PvPlant, "south"),
        asset("planned", AssetKind::WindPlant, "south"),
        asset("tr", AssetKind::Transformer, "north"),
        asset("north/F1", AssetKind::Meter, "tr"),
    ]
}

fn measured(assets: &[Asset], without: &[&str]) -> BTreeSet<AssetId> {
    assets.iter().map(|asset| asset.id.clone()).filter(|id| !without.contains(&id.as_str())).collect()
}

#[test]
fn net_load_reaches_from_plants_to_the_nation() {
    let assets = nation();
    let measured = measured(&assets, &["morocco", "planned"]);
    let family = Family::new(&assets, &measured);
    let leaves = family.leaves(&series("morocco", Quantity::NET_LOAD));
    let expected = [
        (series("noor", Quantity::ACTIVE_POWER), -1.0),
        (series("north", Quantity::LOAD), 1.0),
        (series("south", Quantity::LOAD), 1.0),
        (series("tarfaya", Quantity::ACTIVE_POWER), -1.0),
    ];
    assert_eq!(leaves, expected, "what has no reading is no part");
    assert_eq!(family.by_definition(&series("north", Quantity::NET_LOAD)), None, "nothing is produced there");
    assert_eq!(family.by_definition(&series("south", Quantity::LOAD)), None, "it is measured");
    assert_eq!(family.leaves(&series("south", Quantity::LOAD)), [(series("south", Quantity::LOAD), 1.0)]);
    let hierarchy = family.hierarchy(&[], &BTreeMap::new()).unwrap();
    let names: Vec<String> = hierarchy.nodes().iter().map(|node| node.series.to_string()).collect();
    let wanted = [
        "load of morocco",
        "net_load of morocco",
        "solar_power of morocco",
        "wind_power of morocco",
        "active_power of noor",
        "load of north",
        "load of south",
        "net_load of south",
        "solar_power of south",
        "wind_power of south",
        "active_power of tarfaya",
    ];
    assert_eq!(names, wanted);
}

#[test]
fn meters_propose_the_nearest_of_the_same_physics() {
    let assets = nation();
    let measured = measured(&assets, &["morocco", "planned"]);
    let family = Family::new(&assets, &measured);
    let mut forecast = family.expected(false);
    assert_eq!(forecast.len(), 5, "{forecast:?}");
    assert_eq!(
        family.candidates(&forecast),
        [(series("north", Quantity::LOAD), vec![series("north/F1", Quantity::LOAD)])],
        "turbines without a forecast are no parts"
    );
    let turbines = ["tarfaya/T01", "tarfaya/T02"].map(|id| series(id, Quantity::ACTIVE_POWER));
    forecast.extend(turbines.clone());
    let (sum, parts) = &family.candidates(&forecast)[1];
    assert_eq!((sum, parts.as_slice()), (&series("tarfaya", Quantity::ACTIVE_POWER), turbines.as_slice()));
    let shares = BTreeMap::from([(sum.clone(), (0.98, parts.clone()))]);
    let hierarchy = family.hierarchy(&[], &shares).unwrap();
    let plant = &hierarchy.nodes()[hierarchy.position(sum).unwrap()];
    assert_eq!(plant.parts, turbines.map(|part| (part, 0.98)));
}

#[test]
fn parents_in_a_circle_end() {
    let assets = vec![
        asset("a", AssetKind::Region, "b"),
        asset("b", AssetKind::Region, "a"),
        asset("w", AssetKind::WindPlant, "a"),
        asset("v", AssetKind::WindPlant, "b"),
    ];
    let measured = measured(&assets, &["a", "b"]);
    let family = Family::new(&assets, &measured);
    assert!(!family.leaves(&series("a", Quantity::WIND_POWER)).is_empty());
    assert!(family.by_definition(&series("a", Quantity::NET_LOAD)).is_none());
    let sums = family.hierarchy(&[], &BTreeMap::new());
    assert!(sums.is_err_and(|error| error.to_string().contains("a part of itself")));
}
