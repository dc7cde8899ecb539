//! What to ask a controller for, so that every point is served: by a report where one carries it, else by reading.
//!
//! In: settings, addresses, what the controller says of its control blocks, data sets and types. Out: a [`Plan`]. Points the controller does
//! not have are rejected one by one, with what it has instead; the others are served. Not here: enabling, receiving.

use super::Settings;
use super::address::Address;
use super::peer::{Peer, Trouble, is_passing};
use super::place::{Missing, Take, locate, member};
use crate::live::Points;
use engine::source::Reject;
use iec61850_client::{ClientError, RcbHandle, TypeSpecification};
use std::collections::BTreeMap;

/// Names shown when one is not found.
const SHOWN: usize = 20;

/// One report control block and what is taken from its reports.
#[derive(Debug)]
pub(super) struct Report {
    /// Its reference as MMS writes it.
    pub(super) reference: String,
    /// As the controller has it.
    pub(super) block: RcbHandle,
    /// Number of members of its data set.
    pub(super) size: usize,
    /// The points in it.
    pub(super) takes: Vec<Take>,
}

/// Everything to do on one link.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Reports to enable.
    pub(super) reports: Vec<Report>,
    /// Data objects to read; a [`Take`]'s member is an index into it.
    pub(super) objects: Vec<Address>,
    /// The points in them.
    pub(super) reads: Vec<Take>,
    /// Points nobody serves.
    pub(super) rejects: Vec<Reject>,
}

/// Types as the controller gave or refused them.
type Types = BTreeMap<Address, Result<TypeSpecification, ClientError>>;

/// Asks the controller what it has and divides the points.
pub(super) async fn plan(peer: &Peer, settings: &Settings, points: &Points) -> Result<Plan, Trouble> {
    let mut plan = Plan::default();
    let mut members = Vec::new();
    for reference in &settings.reports {
        let (report, list) = control_block(peer, reference).await?;
        let is_same = |held: &&Report| held.block.rpt_id() == report.block.rpt_id();
        if let Some(other) = plan.reports.iter().find(is_same) {
            return Err(Trouble::Wrong(format!(
                "{reference} and {} carry the same RptID, so their reports cannot be told apart; use one of them",
                other.reference
            )));
        }
        plan.reports.push(report);
        members.push(list);
    }
    let mut types = Types::new();
    let mut served = 0;
    for (index, point) in points.points().iter().enumerate() {
        let address = Address::parse(&point.address).map_err(Trouble::Wrong)?;
        match serve(peer, &mut plan, &members, &mut types, settings, &address, index as u32).await? {
            Ok(()) => served += 1,
            Err(problem) => plan.rejects.push(Reject {
                line: None,
                reason: "unknown_address",
                detail: format!("{}: {}: {problem}", point.place, points.asset_of(index as u32)),
                raw: point.address.clone(),
            }),
        }
    }
    let passing = types.values().filter_map(|answer| answer.as_ref().err()).find(|error| is_passing(error));
    if let Some(error) = passing.filter(|_| served == 0) {
        // A controller that is starting has nothing yet.
        return Err(peer.lost("types of the points", error));
    }
    match plan.rejects.first() {
        Some(reject) if served == 0 => {
            Err(Trouble::Wrong(format!("none of the {} points is there; the first: {}", plan.rejects.len(), reject.detail)))
        }
        _ => Ok(plan),
    }
}

async fn control_block(peer: &Peer, reference: &str) -> Result<(Report, Vec<Option<Address>>), Trouble> {
    let absent = |error: &dyn std::fmt::Display| {
        Trouble::Wrong(format!("{reference}: {error}; `chergui discover` lists the report control blocks of a controller"))
    };
    let refused = |error: ClientError| if is_passing(&error) { peer.lost(reference, &error) } else { absent(&error) };
    let block = peer.ask(reference, peer.connection.get_rcb_values(reference)).await?.map_err(refused)?;
    let set = block.data_set_reference().unwrap_or_default().to_owned();
    if set.is_empty() {
        return Err(absent(&"it has no data set; choose one that has, or have the controller configured"));
    }
    let directory = peer.ask(&set, peer.connection.get_data_set_directory(&set)).await?.map_err(refused)?;
    let members: Vec<_> = directory.members.iter().map(|member| Address::split(&member.reference, member.fc)).collect();
    Ok((Report { reference: reference.into(), block, size: members.len(), takes: Vec::new() }, members))
}

/// Adds one point to the plan; the inner error says why nobody serves it.
async fn serve(
    peer: &Peer,
    plan: &mut Plan,
    members: &[Vec<Option<Address>>],
    types: &mut Types,
    settings: &Settings,
    address: &Address,
    point: u32,
) -> Result<Result<(), String>, Trouble> {
    for (report, list) in plan.reports.iter_mut().zip(members) {
        let Some((index, rest)) = member(list, address) else { continue };
        let Some(Some(upper)) = list.get(index) else { continue };
        return Ok(match steps(peer, types, upper, rest).await? {
            Ok(steps) => {
                report.takes.push(Take::new(point, address, index, steps, list));
                Ok(())
            }
            Err(problem) => Err(problem),
        });
    }
    if settings.every().is_none() {
        let remedy = "name a report that carries it under reports, or set every_s to have it read";
        return Ok(Err(format!("no report of the settings carries it; {remedy}")));
    }
    let object = Address { path: address.path.iter().take(1).cloned().collect(), ..address.clone() };
    let rest = address.path.get(1..).unwrap_or_default();
    Ok(match steps(peer, types, &object, rest).await? {
        Ok(steps) => {
            let place = plan.objects.iter().position(|held| *held == object).unwrap_or_else(|| {
                plan.objects.push(object);
                plan.objects.len() - 1
            });
            plan.reads.push(Take::new(point, address, place, steps, &[]));
            Ok(())
        }
        Err(problem) => Err(problem),
    })
}

async fn steps(
    peer: &Peer,
    types: &mut Types,
    upper: &Address,
    rest: &[String],
) -> Result<Result<super::place::Steps, String>, Trouble> {
    if !types.contains_key(upper) {
        let reference = upper.reference(upper.path.len());
        let answer = peer.ask(&reference, peer.connection.get_variable_specification(&reference, upper.fc)).await?;
        types.insert(upper.clone(), answer);
    }
    let spec = match types.get(upper) {
        Some(Ok(spec)) => spec,
        Some(Err(error)) if is_passing(error) => {
            return Ok(Err(format!(
                "the controller cannot give {upper} now ({error}); it is asked again when the link is made anew"
            )));
        }
        _ => return Ok(Err(format!("the controller has no {upper}; `chergui discover` lists what it has"))),
    };
    let shown = |names: Vec<String>| names.into_iter().take(SHOWN).collect::<Vec<_>>().join(", ");
    Ok(locate(spec, rest).map_err(|missing| match missing {
        Missing::Name(names) if names.is_empty() => format!("{upper} is a value; nothing is below it"),
        Missing::Name(names) => format!("{upper} has no {}; it has {}", rest.join("."), shown(names)),
        Missing::Structure(names) => format!("it is a structure; choose one of its values: {}", shown(names)),
    }))
}
