//! Where the assets stand, and how far that is from a point of a forecast.
//!
//! In: the site's assets. Out: a [`Place`] per asset that is to have weather. An asset without coordinates stands where its parent does.

use engine::domain::Asset;
use engine::domain::AssetId;
use engine::domain::AssetKind;
use engine::domain::Location;
use engine::domain::matches;
use engine::domain::nearest;
use engine::source::SourceError;
use std::collections::BTreeMap;

/// Longest chain of parents that is followed.
const GENERATIONS: usize = 16;
/// Kinds that are forecast, and so have weather unless others are named.
const FORECAST: [AssetKind; 5] =
    [AssetKind::WindTurbine, AssetKind::WindPlant, AssetKind::PvPlant, AssetKind::Region, AssetKind::Meter];

/// An asset and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Place {
    pub(super) id: AssetId,
    pub(super) location: Location,
}

/// The places of the wanted assets, by id; `only` is a pattern over ids, without it all kinds that are forecast are wanted.
pub(super) fn places(assets: &[Asset], only: Option<&str>) -> Result<Vec<Place>, SourceError> {
    let refuse = |problem: String| SourceError::Mapping { place: "assets".into(), problem };
    let by_id: BTreeMap<&AssetId, &Asset> = assets.iter().map(|asset| (&asset.id, asset)).collect();
    let wanted: Vec<&Asset> = match only {
        Some(pattern) => by_id.values().filter(|asset| matches(pattern, asset.id.as_str())).copied().collect(),
        None => by_id.values().filter(|asset| FORECAST.contains(&asset.kind)).copied().collect(),
    };
    if wanted.is_empty() {
        let near = only.and_then(|pattern| nearest(pattern, by_id.keys().map(|id| id.as_str())));
        let near = near.map(|near| format!(", nearest is {near:?}")).unwrap_or_default();
        let problem = only.map_or_else(
            || "there is no turbine, plant, region or meter to have weather; import the assets first".to_owned(),
            |pattern| format!("no asset matches {pattern:?}{near}"),
        );
        return Err(refuse(problem));
    }
    let placed = |asset: &&Asset| {
        let mut at = *asset;
        for _ in 0..GENERATIONS {
            if let Some(location) = at.location.filter(on_earth) {
                return Some(Place { id: asset.id.clone(), location });
            }
            at = by_id.get(at.parent_id.as_ref()?)?;
        }
        None
    };
    let places: Vec<Place> = wanted.iter().filter_map(placed).collect();
    if places.is_empty() {
        return Err(refuse(format!(
            "asset {} has no latitude and longitude, nor have its parents and {} others; add them to assets.csv and import that first, or to [[assets]] of the connection's points file",
            wanted[0].id,
            wanted.len() - 1
        )));
    }
    Ok(places)
}

fn on_earth(location: &Location) -> bool {
    location.latitude.abs() <= 90.0 && location.longitude.abs() <= 360.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asset(id: &str, kind: AssetKind, parent: Option<&str>, location: Option<(f64, f64)>) -> Asset {
        let mut asset = Asset::new(AssetId::parse(id).unwrap(), kind);
        asset.parent_id = parent.map(|id| AssetId::parse(id).unwrap());
        asset.location = location.map(|(latitude, longitude)| Location { latitude, longitude });
        asset
    }

    #[test]
    fn assets_stand_where_their_parents_do_unless_they_say_themselves() {
        let assets = [
            asset("plant", AssetKind::WindPlant, None, Some((27.9, -12.9))),
            asset("T1", AssetKind::WindTurbine, Some("plant"), None),
            asset("T2", AssetKind::WindTurbine, Some("plant"), Some((27.8, -12.8))),
            asset("mast", AssetKind::WeatherStation, Some("plant"), None),
            asset("loop", AssetKind::Meter, Some("loop"), None),
        ];
        let found = places(&assets, None).unwrap();
        let ids: Vec<&str> = found.iter().map(|place| place.id.as_str()).collect();
        assert_eq!((ids, found[0].location.latitude, found[1].location.latitude), (vec!["T1", "T2", "plant"], 27.9, 27.8));
        assert_eq!(places(&assets, Some("ma*")).unwrap()[0].id.as_str(), "mast");
        assert!(places(&assets, Some("plan")).unwrap_err().to_string().contains("\"plant\""));
        let nowhere = places(&assets, Some("loop")).unwrap_err().to_string();
        assert!(nowhere.contains("loop") && nowhere.contains("latitude"), "{nowhere}");
    }
}
