//! What a controller offers: a look at it for a person, and its values for a points file.
//!
//! In: its name lists, units, descriptions and values. Out: a [`Probe`], [`Found`] things with addresses. Not here: which quantity a name
//! means ([`crate::live::guess`]).

use super::Settings;
use super::address::Address;
use super::peer::{Peer, Trouble};
use super::plan::plan;
use super::reading::{samples, values};
use super::value::number;
use crate::live::{Found, Points, Probe};
use engine::domain::Quality;
use iec61850_client::AcsiClass;
use iec61850_model::{FC, MmsValue};
use std::collections::BTreeSet;

/// Attributes that carry a process value, by their last name (IEC 61850-7-3).
const VALUES: [&str; 6] = ["f", "i", "stVal", "actVal", "general", "posVal"];
/// Data every node has about itself, not about the process (IEC 61850-7-4, common logical node).
const OWN: [&str; 10] = ["Mod", "Beh", "Health", "NamPlt", "PhyNam", "PhyHealth", "Proxy", "Loc", "LocKey", "LocSta"];
/// What nodes of IEC 61400-25 are about, so that `WGEN1.Spd` reads as a generator's speed.
const CLASSES: [(&str, &str); 8] = [
    ("WROT", "rotor"),
    ("WGEN", "generator"),
    ("WNAC", "nacelle"),
    ("WYAW", "yaw"),
    ("WTRM", "transmission"),
    ("WCNV", "converter"),
    ("WTRF", "transformer"),
    ("WTOW", "tower"),
];

/// Connects, asks who is there, reads every point once.
pub(super) async fn probe(settings: &Settings, points: &Points) -> Result<Probe, Trouble> {
    let peer = Peer::connect(settings).await?;
    let who = peer.ask("identity", peer.connection.get_server_identity()).await?;
    let who = who.map_or_else(|_| "a server without a name".into(), |who| format!("{} {} {}", who.vendor, who.model, who.revision));
    let served = plan(&peer, settings, points).await?;
    if let Some(reject) = served.rejects.first() {
        let count = served.rejects.len();
        return Err(Trouble::Wrong(format!(
            "{count} of {} points are not there; the first: {}",
            points.points().len(),
            reject.detail
        )));
    }
    let mut says: Vec<String> = Vec::new();
    for report in &served.reports {
        let state = if report.block.rpt_ena() { "in use by a client" } else { "free" };
        says.push(format!("{} ({} members, {} points, {state})", report.reference, report.size, report.takes.len()));
    }
    // All points once, whoever serves them later.
    let reading = Settings { reports: Vec::new(), ..settings.clone() };
    let every = plan(&peer, &reading, points).await?;
    let read = samples(&peer, &every).await?;
    let good = read.iter().filter(|sample| sample.quality == Quality::Good).count();
    says.insert(0, format!("{} points read, {good} of them good", read.len()));
    peer.leave().await;
    Ok(Probe { peer: who, says: says.join("; ") })
}

/// Walks devices, nodes and data; reads units, descriptions and values. Report control blocks are found too, for the settings.
pub(super) async fn discover<'t>(settings: &Settings, tell: &(dyn Fn(&'t str) + Send + Sync)) -> Result<Vec<Found>, Trouble> {
    let peer = Peer::connect(settings).await?;
    let mut found = Vec::new();
    tell("reading the names of devices, nodes and data");
    for device in peer.must("devices", peer.connection.get_server_directory(false)).await? {
        let nodes = peer.must(&device, peer.connection.get_logical_device_directory(&device)).await?;
        tell("reading units, descriptions and values of a logical device");
        let turbines = nodes.iter().filter(|node| class(node) == "WTUR").count();
        for node in &nodes {
            let place = format!("{device}/{node}");
            // Several turbines in one logical device are told apart by the nodes' instance.
            let instance = node.trim_start_matches(|c: char| !c.is_ascii_digit());
            let owner = if turbines > 1 && !instance.is_empty() { format!("{device}/{instance}") } else { device.clone() };
            for (class, constraint) in [(AcsiClass::Brcb, "BR"), (AcsiClass::Urcb, "RP")] {
                for name in peer.must(&place, peer.connection.get_logical_node_directory(&place, class)).await? {
                    found.push(control_block(&peer, format!("{place}${constraint}${name}"), &device).await?);
                }
            }
            let names = peer.must(&place, peer.connection.get_logical_node_variables(&place)).await?;
            found.extend(node_values(&peer, &device, node, &names, &owner, kind(&nodes)).await?);
        }
    }
    peer.leave().await;
    Ok(found)
}

/// A report control block, which is no point: it is listed among what else is there.
async fn control_block(peer: &Peer, address: String, device: &str) -> Result<Found, Trouble> {
    let block = peer.ask(&address, peer.connection.get_rcb_values(&address)).await?;
    let value = block.ok().map(|block| {
        let state = if block.rpt_ena() { "in use by a client" } else { "free" };
        format!("data set {}, {state}", block.data_set_reference().unwrap_or("none"))
    });
    Ok(Found { address, name: "(for reports = […])".into(), value, device: device.into(), ..Found::default() })
}

async fn node_values(
    peer: &Peer,
    device: &str,
    node: &str,
    names: &[String],
    owner: &str,
    kind: Option<&'static str>,
) -> Result<Vec<Found>, Trouble> {
    let has: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    let addresses: Vec<Address> = names.iter().filter_map(|name| value_address(device, node, name, &has)).collect();
    let seen = values(peer, &addresses).await?;
    let mut found = Vec::new();
    for (address, seen) in addresses.into_iter().zip(seen) {
        let beside = |constraint: FC, name: &str| {
            let depths = (1..address.path.len()).rev().map(|depth| address.beside(depth, name));
            let mut known = depths.filter(|wanted| has.contains(format!("{constraint}${}", wanted.path.join("$")).as_str()));
            known.next().map(|wanted| Address { fc: constraint, ..wanted })
        };
        let asked: Vec<Address> = [beside(FC::Cf, "units"), beside(FC::Dc, "d")].into_iter().flatten().collect();
        let told = if asked.is_empty() { Vec::new() } else { values(peer, &asked).await? };
        let unit = told.iter().flatten().find_map(unit);
        let text = told.into_iter().flatten().find_map(|value| match value {
            MmsValue::VisibleString(text) | MmsValue::MmsString(text) if !text.trim().is_empty() => Some(text),
            _ => None,
        });
        let short: Vec<&str> = address.path.iter().map(String::as_str).take_while(|part| !is_attribute(part)).collect();
        let is_event = matches!(seen, Some(MmsValue::Boolean(_)));
        let about = CLASSES.iter().find(|(held, _)| *held == class(node)).map(|(_, about)| format!("{about} {}", short.join(" ")));
        found.push(Found {
            address: address.to_string(),
            name: format!("{node}.{}", short.join(".")),
            unit,
            description: text.or(about.filter(|_| !is_event)),
            value: seen.as_ref().and_then(number).map(|number| number.to_string()),
            device: owner.into(),
            kind,
            is_event,
            ..Found::default()
        });
    }
    Ok(found)
}

/// The address of `FC$DO$…` if it is a process value: a leaf, measured or status, of the process.
fn value_address(device: &str, node: &str, name: &str, all: &BTreeSet<&str>) -> Option<Address> {
    let mut parts = name.split('$');
    let fc = match parts.next()? {
        "MX" => FC::Mx,
        "ST" => FC::St,
        _ => return None,
    };
    let path: Vec<String> = parts.map(Into::into).collect();
    let is_value = path.last().is_some_and(|last| VALUES.contains(&last.as_str()));
    let is_own = path.first().is_some_and(|first| OWN.contains(&first.as_str()));
    // The value as it is, beside the one that passed the dead band; angles of phasors.
    let is_side = path.iter().any(|part| matches!(part.as_str(), "instMag" | "instCVal" | "ang"));
    let above = format!("{name}$");
    let is_leaf = all.range(above.as_str()..).next().is_none_or(|next| !next.starts_with(&above));
    (is_value && !is_own && !is_side && is_leaf && class(node) != "LPHD").then(|| Address {
        device: device.into(),
        node: node.into(),
        path,
        fc,
    })
}

fn is_attribute(part: &str) -> bool {
    VALUES.contains(&part) || matches!(part, "mag" | "cVal" | "valWTr")
}

/// The class of a node: four capitals before its instance, after its prefix.
fn class(node: &str) -> &str {
    let name = node.trim_end_matches(|c: char| c.is_ascii_digit());
    name.get(name.len().saturating_sub(4)..).unwrap_or(name)
}

fn kind(nodes: &[String]) -> Option<&'static str> {
    let has = |classes: &[&str]| nodes.iter().any(|node| classes.contains(&class(node)));
    if has(&["WTUR", "WROT", "WGEN"]) {
        Some("wind_turbine")
    } else if has(&["ZINV", "DINV"]) {
        Some("pv_inverter")
    } else {
        None
    }
}

/// A unit from `units`: an SI unit's number and a power of ten (IEC 61850-7-3, annex A).
fn unit(value: &MmsValue) -> Option<String> {
    let MmsValue::Structure(parts) = value else { return None };
    let code = parts.first().and_then(number)?;
    let power = parts.get(1).and_then(number).unwrap_or(0.0);
    const UNITS: [(f64, &str); 13] = [
        (5.0, "A"),
        (9.0, "deg"),
        (23.0, "degC"),
        (29.0, "V"),
        (33.0, "Hz"),
        (38.0, "W"),
        (39.0, "Pa"),
        (43.0, "m/s"),
        (55.0, "W/m2"),
        (61.0, "VA"),
        (62.0, "W"),
        (63.0, "var"),
        (72.0, "Wh"),
    ];
    let name = UNITS.iter().find(|(held, _)| *held == code).map(|(_, name)| *name)?;
    let prefix = [(0.0, ""), (2.0, "h"), (3.0, "k"), (6.0, "M"), (9.0, "G")].into_iter().find(|(held, _)| *held == power)?.1;
    Some(format!("{prefix}{name}"))
}
