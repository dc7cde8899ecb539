//! What adds up to what in a fleet: machines in plants, plants and loads in regions, regions in a nation, and net load.
//!
//! In: assets with their parents, which of them have telemetry, what was issued. Out: sums that hold by definition (wind, solar and
//! net load of a region), candidates for sums that meters must confirm (a plant and its turbines, a region and its meters), and
//! a [`Hierarchy`]. An asset without any reading does not exist here. Not here: the arithmetic (`models::reconcile`).

use super::is_forecast_unasked;
use super::main_quantity;
use crate::domain::Asset;
use crate::domain::AssetId;
use crate::domain::AssetKind;
use crate::domain::Quantity;
use crate::evaluate::Issued;
use crate::models::Hierarchy;
use crate::models::Node;
use crate::models::ReconcileError;
use crate::models::Series;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// Most levels of sums; parents that lead round in a circle end there.
const DEEPEST: usize = 16;

/// Parts of a sum with their factors.
pub(super) type Parts = Vec<(Series, f64)>;

/// Assets by parent, and which of them have telemetry.
pub(super) struct Family<'a> {
    assets: &'a [Asset],
    by_id: BTreeMap<&'a AssetId, &'a Asset>,
    children: BTreeMap<&'a AssetId, Vec<&'a Asset>>,
    measured: &'a BTreeSet<AssetId>,
}

fn series(asset: &Asset, quantity: Quantity) -> Series {
    Series { asset_id: asset.id.clone(), quantity }
}

impl<'a> Family<'a> {
    /// Sorts the assets by parent; `measured` names those with telemetry.
    pub(super) fn new(assets: &'a [Asset], measured: &'a BTreeSet<AssetId>) -> Self {
        let mut children: BTreeMap<&AssetId, Vec<&Asset>> = BTreeMap::new();
        for asset in assets {
            if let Some(parent) = &asset.parent_id {
                children.entry(parent).or_default().push(asset);
            }
        }
        Self { assets, by_id: assets.iter().map(|asset| (&asset.id, asset)).collect(), children, measured }
    }

    fn asset(&self, id: &AssetId) -> Option<&'a Asset> {
        self.by_id.get(id).copied()
    }

    /// The nearest assets below `of` that are wanted: none of them is below another. Parents that lead round in a circle end it.
    fn nearest(&self, of: &AssetId, wanted: &dyn Fn(&Asset) -> bool) -> Vec<&'a Asset> {
        let (mut found, mut seen) = (Vec::new(), BTreeSet::from([of.clone()]));
        let mut open: Vec<&Asset> = self.children.get(of).into_iter().flatten().rev().copied().collect();
        while let Some(asset) = open.pop() {
            if !seen.insert(asset.id.clone()) {
                continue;
            }
            if wanted(asset) {
                found.push(asset);
            } else {
                open.extend(self.children.get(&asset.id).into_iter().flatten().rev());
            }
        }
        found
    }

    /// The parts of a series that is a sum by definition; `None` for what is measured, or is no sum of anything.
    pub(super) fn by_definition(&self, of: &Series) -> Option<Parts> {
        self.defined(of, &mut BTreeSet::new())
    }

    fn defined(&self, of: &Series, above: &mut BTreeSet<Series>) -> Option<Parts> {
        let region = self.asset(&of.asset_id).filter(|asset| asset.kind == AssetKind::Region)?;
        if !above.insert(of.clone()) {
            return None;
        }
        let parts = match &of.quantity {
            q if *q == Quantity::WIND_POWER => self.production(region, AssetKind::WindPlant, q, above),
            q if *q == Quantity::SOLAR_POWER => self.production(region, AssetKind::PvPlant, q, above),
            q if *q == Quantity::LOAD && !self.measured.contains(&region.id) => {
                let below = self.nearest(&region.id, &|asset| asset.kind == AssetKind::Region);
                let load = below.into_iter().map(|part| series(part, Quantity::LOAD));
                load.filter(|part| self.exists(part, above)).map(|part| (part, 1.0)).collect()
            }
            q if *q == Quantity::NET_LOAD => {
                let load = series(region, Quantity::LOAD);
                let taken = [Quantity::WIND_POWER, Quantity::SOLAR_POWER].map(|quantity| series(region, quantity));
                let taken: Vec<Series> = taken.into_iter().filter(|part| self.exists(part, above)).collect();
                match !taken.is_empty() && self.exists(&load, above) {
                    true => [(load, 1.0)].into_iter().chain(taken.into_iter().map(|part| (part, -1.0))).collect(),
                    false => Vec::new(),
                }
            }
            _ => Vec::new(),
        };
        above.remove(of);
        (!parts.is_empty()).then_some(parts)
    }

    /// Plants of a kind right below a region, and what regions below it produce.
    fn production(&self, region: &Asset, kind: AssetKind, quantity: &Quantity, above: &mut BTreeSet<Series>) -> Parts {
        let below = self.nearest(&region.id, &|asset| asset.kind == AssetKind::Region || asset.kind == kind);
        let part = |asset: &Asset| match asset.kind {
            AssetKind::Region => series(asset, quantity.clone()),
            _ => series(asset, Quantity::ACTIVE_POWER),
        };
        below.into_iter().map(part).filter(|part| self.exists(part, above)).map(|part| (part, 1.0)).collect()
    }

    /// Measured, or a sum of something that is.
    fn exists(&self, of: &Series, above: &mut BTreeSet<Series>) -> bool {
        let main = self.asset(&of.asset_id).and_then(|asset| main_quantity(asset.kind));
        let own = self.measured.contains(&of.asset_id) && main.is_some_and(|(quantity, _)| quantity == of.quantity);
        own || self.defined(of, above).is_some()
    }

    /// A sum by definition down to what is measured, with the factors multiplied through; the series itself where it is no sum.
    pub(super) fn leaves(&self, of: &Series) -> Parts {
        let mut sums: BTreeMap<Series, f64> = BTreeMap::new();
        let mut open = vec![(of.clone(), 1.0, 0)];
        while let Some((series, factor, depth)) = open.pop() {
            match self.by_definition(&series).filter(|_| depth < DEEPEST) {
                Some(parts) => open.extend(parts.into_iter().map(|(part, of)| (part, factor * of, depth + 1))),
                None => *sums.entry(series).or_default() += factor,
            }
        }
        sums.into_iter().collect()
    }

    /// What is forecast of this fleet: the main quantity of the assets that are forecast unasked and have telemetry.
    pub(super) fn expected(&self, machines: bool) -> BTreeSet<Series> {
        let usual = self.assets.iter().filter(|asset| is_forecast_unasked(asset, machines) && self.measured.contains(&asset.id));
        usual.filter_map(|asset| Some(series(asset, main_quantity(asset.kind)?.0))).collect()
    }

    /// Series that may be the sum of others of their physics below them, if their meters say so: a plant of its turbines, a region
    /// of its meters. `forecast` are the series there are forecasts of.
    pub(super) fn candidates(&self, forecast: &BTreeSet<Series>) -> Vec<(Series, Vec<Series>)> {
        let physics = |asset: &Asset| main_quantity(asset.kind).map(|(_, kind)| kind);
        let own = |asset: &Asset| main_quantity(asset.kind).map(|(quantity, _)| series(asset, quantity));
        let held = |asset: &Asset| own(asset).filter(|series| forecast.contains(series));
        let mut found = Vec::new();
        for asset in self.assets {
            let Some(sum) = held(asset) else { continue };
            let alike = |other: &Asset| physics(other) == physics(asset) && held(other).is_some();
            let parts: Vec<Series> = self.nearest(&asset.id, &alike).into_iter().filter_map(own).collect();
            if !parts.is_empty() {
                found.push((sum, parts));
            }
        }
        found
    }

    /// The sums that hold: those by definition, and those in `shares` with the share of their parts that arrives. Series that no
    /// sum speaks of are left out. Bounds are those of physics, wide enough for what was issued.
    ///
    /// # Errors
    /// [`ReconcileError`], when parents lead round in a circle.
    pub(super) fn hierarchy(
        &self,
        issued: &[Issued],
        shares: &BTreeMap<Series, (f64, Vec<Series>)>,
    ) -> Result<Hierarchy, ReconcileError> {
        let mut parts: BTreeMap<Series, Parts> = BTreeMap::new();
        for region in self.assets.iter().filter(|asset| asset.kind == AssetKind::Region) {
            for quantity in [Quantity::WIND_POWER, Quantity::SOLAR_POWER, Quantity::LOAD, Quantity::NET_LOAD] {
                let sum = series(region, quantity);
                if let Some(found) = self.by_definition(&sum) {
                    parts.insert(sum, found);
                }
            }
        }
        for (sum, (share, of)) in shares {
            parts.insert(sum.clone(), of.iter().map(|part| (part.clone(), *share)).collect());
        }
        let mentioned: BTreeSet<Series> = parts.values().flatten().map(|(part, _)| part.clone()).collect();
        for series in mentioned {
            parts.entry(series).or_default();
        }
        let nodes = parts.into_iter().map(|(series, parts)| Node { bounds: self.bounds(&series, issued), series, parts });
        Hierarchy::new(nodes.collect())
    }

    fn bounds(&self, series: &Series, issued: &[Issued]) -> (f64, f64) {
        let own = issued.iter().find(|i| i.forecast.asset_id == series.asset_id && i.forecast.quantity == series.quantity);
        let rated = self.asset(&series.asset_id).filter(|asset| asset.kind.is_producer()).and_then(|asset| asset.capacity_kw);
        let Some(own) = own else { return (f64::NEG_INFINITY, f64::INFINITY) };
        let values = || own.forecast.values.iter().flatten().chain(own.mean.iter().flatten()).copied().filter(|v| v.is_finite());
        (values().fold(0.0, f64::min), rated.map_or(f64::INFINITY, |rated| values().fold(rated, f64::max)))
    }
}

#[cfg(test)]
mod tests;
