//! Many children, one cause: when half of what hangs on a plant, feeder or region goes silent or stops together, that is one incident.
//!
//! In: incidents as detectors report them and the assets they belong to. Out: the same incidents, with those of parents before them and
//! which of them each is part of. Pure and causal: what holds at `t` follows from incidents opened by `t`. Deliberately not here: who
//! is told ([`super::reports`]), keeping (`raise`).

use crate::detect::Incident;
use crate::detect::Severity;
use crate::domain::Asset;
use crate::domain::AssetId;
use crate::domain::AssetKind;
use crate::domain::Resolution;
use crate::domain::Timestamp;
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// Fewer children than this are no outage of their parent.
const FEWEST: usize = 3;
/// Children that open within this time of each other, or within two resolutions, open together.
const TOGETHER: SignedDuration = SignedDuration::from_hours(1);
/// No tree is deeper.
const DEEPEST: usize = 8;
/// Who raises the incidents of parents, as in `anomalies.detector`.
pub const FOLDING: &str = "folding";
/// Mode of a parent whose children stopped together.
pub const PLANT_OUTAGE: &str = "plant_outage";

/// An incident and what it is part of.
#[derive(Debug, Clone, PartialEq)]
pub struct Folded {
    /// As reported, or raised here for a parent.
    pub incident: Incident,
    /// Place of the parent's incident in the same list.
    pub parent: Option<usize>,
}

/// Kinds of incident that a common cause explains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outage {
    Silent,
    Stopped,
}

impl Outage {
    fn of(incident: &Incident) -> Option<Self> {
        match incident.mode.as_str() {
            "comms_loss" => Some(Self::Silent),
            "downtime" | "inverter_trip" | "inverter_outage" | "outage" | PLANT_OUTAGE => Some(Self::Stopped),
            _ => None,
        }
    }

    const fn name(self) -> (&'static str, &'static str) {
        match self {
            Self::Silent => ("communication", "comms_loss"),
            Self::Stopped => ("grid", PLANT_OUTAGE),
        }
    }
}

/// Children that went together.
struct Group {
    opened_at: Timestamp,
    closed_at: Option<Timestamp>,
    members: Vec<usize>,
}

/// Finds the incidents of parents. The answer begins with the given incidents, in their order; those of parents follow.
pub fn fold(incidents: &[Incident], assets: &[Asset]) -> Vec<Folded> {
    let mut out: Vec<Folded> = incidents.iter().map(|incident| Folded { incident: incident.clone(), parent: None }).collect();
    let by_id: BTreeMap<&AssetId, &Asset> = assets.iter().map(|asset| (&asset.id, asset)).collect();
    let mut siblings: BTreeMap<(&AssetId, AssetKind), usize> = BTreeMap::new();
    for asset in assets {
        if let Some(parent) = &asset.parent_id {
            *siblings.entry((parent, asset.kind)).or_default() += 1;
        }
    }
    let mut from = 0;
    for _ in 0..DEEPEST {
        let mut outages: BTreeMap<(&AssetId, AssetKind, Outage), Vec<usize>> = BTreeMap::new();
        for (place, folded) in out.iter().enumerate().skip(from) {
            let asset = by_id.get(&folded.incident.asset_id);
            if let (Some(asset), Some(outage)) = (asset, Outage::of(&folded.incident))
                && let Some(parent) = asset.parent_id.as_ref().filter(|parent| by_id.contains_key(parent))
            {
                outages.entry((parent, asset.kind, outage)).or_default().push(place);
            }
        }
        from = out.len();
        for ((parent, kind, outage), places) in outages {
            let children = siblings.get(&(parent, kind)).copied().unwrap_or(0);
            let resolution = places.iter().find_map(|&place| resolution(by_id.get(&out[place].incident.asset_id)?));
            let together = resolution.map_or(TOGETHER, |step| TOGETHER.max(step * 2));
            for group in groups(&out, places, children.div_ceil(2).max(FEWEST), together) {
                let place = out.len();
                out.push(Folded { incident: of_parent(parent, outage, &group, &out), parent: None });
                for member in group.members {
                    out[member].parent = Some(place);
                }
            }
        }
        if from == out.len() {
            break;
        }
    }
    out
}

/// Stretches in which at least `needed` children were in the same outage, having opened `together`.
fn groups(all: &[Folded], mut places: Vec<usize>, needed: usize, together: SignedDuration) -> Vec<Group> {
    let incident = |place: usize| &all[place].incident;
    places.sort_by(|&a, &b| (incident(a).opened_at, &incident(a).asset_id).cmp(&(incident(b).opened_at, &incident(b).asset_id)));
    let open_at = |place: usize, time: Timestamp| incident(place).closed_at.is_none_or(|closed| closed > time);
    let mut groups: Vec<Group> = Vec::new();
    for (n, &place) in places.iter().enumerate() {
        let now = incident(place).opened_at;
        if let Some(group) = groups.last_mut().filter(|group| group.closed_at.is_none_or(|closed| closed > now)) {
            group.members.push(place);
            group.closed_at = end(all, &group.members, needed);
            continue;
        }
        let since = now.saturating_sub(together).unwrap_or(Timestamp::MIN);
        let taken = groups.last().map(|group| group.members.clone()).unwrap_or_default();
        let near = |&other: &usize| incident(other).opened_at >= since && open_at(other, now) && !taken.contains(&other);
        let members: Vec<usize> = places[..=n].iter().copied().filter(near).collect();
        let children: BTreeSet<&AssetId> = members.iter().map(|&member| &incident(member).asset_id).collect();
        if children.len() >= needed {
            let closed_at = end(all, &members, needed);
            groups.push(Group { opened_at: now, closed_at, members });
        }
    }
    // Who stays away long after the others came back has a cause of its own.
    for group in &mut groups {
        let Some(closed) = group.closed_at else { continue };
        let late = closed.saturating_add(together).unwrap_or(Timestamp::MAX);
        group.members.retain(|&place| incident(place).closed_at.is_some_and(|own| own <= late));
    }
    groups
}

/// When fewer than half of what it took were left.
fn end(all: &[Folded], members: &[usize], needed: usize) -> Option<Timestamp> {
    let mut ends: Vec<Timestamp> = members.iter().filter_map(|&place| all[place].incident.closed_at).collect();
    ends.sort_unstable();
    let enough = members.len().saturating_sub(needed.div_ceil(2));
    ends.get(enough).copied()
}

fn of_parent(parent: &AssetId, outage: Outage, group: &Group, all: &[Folded]) -> Incident {
    let members = || group.members.iter().map(|&place| &all[place].incident);
    let started_at = members().map(|incident| incident.started_at).min().unwrap_or(group.opened_at);
    let (component, mode) = outage.name();
    Incident {
        closed_at: group.closed_at,
        severity: members().map(|incident| incident.severity).max().unwrap_or(Severity::Warning).max(Severity::Warning),
        score: members().map(|incident| incident.score).fold(1.0, f64::max),
        energy_lost_kwh: members().map(|incident| incident.energy_lost_kwh).sum(),
        detector: FOLDING,
        ..Incident::new(parent.clone(), component, mode, started_at, group.opened_at)
    }
}

fn resolution(asset: &Asset) -> Option<SignedDuration> {
    let stated = asset.attributes.get("resolution").and_then(|text| Resolution::parse(text).ok());
    stated.map(|step| SignedDuration::from_secs(step.seconds()))
}

#[cfg(test)]
mod tests {
    use super::{Folded, PLANT_OUTAGE, fold};
    use crate::detect::Incident;
    use crate::domain::{Asset, AssetId, AssetKind, Timestamp};
    use jiff::SignedDuration;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
    }

    fn id(text: &str) -> AssetId {
        AssetId::parse(text).unwrap()
    }

    fn farm(turbines: usize) -> Vec<Asset> {
        let mut assets = vec![Asset::new(id("farm"), AssetKind::WindPlant)];
        for n in 0..turbines {
            let mut turbine = Asset::new(id(&format!("T{n:02}")), AssetKind::WindTurbine);
            turbine.parent_id = Some(id("farm"));
            assets.push(turbine);
        }
        assets
    }

    fn incident(turbine: usize, mode: &str, opened: i64, closed: Option<i64>) -> Incident {
        let new = Incident::new(id(&format!("T{turbine:02}")), "asset", mode, at(opened - 50), at(opened));
        Incident { closed_at: closed.map(at), energy_lost_kwh: 10.0, ..new }
    }

    fn parents(folded: &[Folded]) -> Vec<(&str, &str, Timestamp, Option<Timestamp>)> {
        let raised = folded.iter().filter(|one| one.incident.detector == super::FOLDING);
        raised
            .map(|one| (one.incident.asset_id.as_str(), one.incident.mode.as_str(), one.incident.opened_at, one.incident.closed_at))
            .collect()
    }

    #[test]
    fn forty_silent_turbines_are_one_incident() {
        let all: Vec<Incident> = (0..40).map(|n| incident(n, "comms_loss", i64::from(n as u8) % 20, Some(300))).collect();
        let folded = fold(&all, &farm(40));
        assert_eq!(folded.len(), 41);
        assert_eq!(parents(&folded), [("farm", "comms_loss", at(9), Some(at(300)))], "raised when the twentieth fell silent");
        assert!(folded[..40].iter().all(|one| one.parent == Some(40)));
        assert_eq!(folded[40].incident.energy_lost_kwh, 400.0);
    }

    #[test]
    fn two_of_five_or_other_hours_or_other_faults_stay_their_own() {
        let two = [incident(0, "downtime", 0, None), incident(1, "downtime", 5, None)];
        let scattered = [0, 1, 2, 3].map(|n| incident(n, "downtime", 90 * n as i64, Some(90 * n as i64 + 80)));
        let faults = [0, 1, 2, 3].map(|n| incident(n, "bearing_overheat", 0, None));
        for incidents in [&two[..], &scattered[..], &faults[..]] {
            let folded = fold(incidents, &farm(5));
            assert!(parents(&folded).is_empty() && folded.iter().all(|one| one.parent.is_none()));
        }
        let mixed = [incident(0, "downtime", 0, None), incident(1, "inverter_trip", 5, None), incident(2, "comms_loss", 6, None)];
        assert!(parents(&fold(&mixed, &farm(5))).is_empty());
    }

    #[test]
    fn who_stays_away_has_a_cause_of_its_own_and_the_future_changes_nothing() {
        let mut all: Vec<Incident> = (0..4).map(|n| incident(n, "downtime", 10 * n as i64, Some(200))).collect();
        all[3].closed_at = Some(at(900));
        all.push(incident(0, "downtime", 2000, Some(2100)));
        let folded = fold(&all, &farm(5));
        assert_eq!(parents(&folded), [("farm", PLANT_OUTAGE, at(20), Some(at(200)))]);
        let of: Vec<bool> = folded[..5].iter().map(|one| one.parent.is_some()).collect();
        assert_eq!(of, [true, true, true, false, false]);
        let then: Vec<Incident> = all
            .iter()
            .filter(|one| one.opened_at <= at(100))
            .map(|one| Incident { closed_at: one.closed_at.filter(|closed| *closed <= at(100)), ..one.clone() })
            .collect();
        assert_eq!(parents(&fold(&then, &farm(5))), [("farm", PLANT_OUTAGE, at(20), None)], "known the same while it lasts");
    }

    #[test]
    fn feeders_fold_into_their_plant() {
        let mut assets = vec![Asset::new(id("plant"), AssetKind::PvPlant)];
        let mut incidents = Vec::new();
        for feeder in 0..4 {
            let mut bus = Asset::new(id(&format!("F{feeder}")), AssetKind::Bus);
            bus.parent_id = Some(id("plant"));
            for n in 0..3 {
                let mut inverter = Asset::new(id(&format!("F{feeder}/I{n}")), AssetKind::PvInverter);
                inverter.parent_id = Some(bus.id.clone());
                if feeder < 3 {
                    incidents.push(Incident::new(inverter.id.clone(), "inverter", "inverter_trip", at(0), at(i64::from(feeder))));
                }
                assets.push(inverter);
            }
            assets.push(bus);
        }
        let folded = fold(&incidents, &assets);
        assert_eq!(parents(&folded).len(), 4, "three feeders and their plant");
        let plant = folded.iter().position(|one| one.incident.asset_id.as_str() == "plant").unwrap();
        let feeders = folded.iter().filter(|one| one.parent == Some(plant));
        assert_eq!(feeders.filter(|one| one.incident.mode == PLANT_OUTAGE).count(), 3);
    }
}
