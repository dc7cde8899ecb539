//! One look at a server: who it is, what security it offers, how many points it has.
//!
//! In: settings and points. Out: a [`Probe`]. Not here: subscriptions.

use super::Settings;
use super::address::Wanted;
use super::decode;
use super::dial::{self, Visit};
use super::subscribe::{attribute, manners, read};
use super::trouble::Trouble;
use crate::live::{Link, Points, Probe};
use opcua::types::{AttributeId, NodeId, StatusCode, VariableId, Variant};

/// Points named in the answer when something is wrong with them.
const NAMED: usize = 5;

pub(super) async fn probe(settings: &Settings, points: &Points, wanted: &[Wanted], link: &Link) -> Result<Probe, Trouble> {
    let endpoints = dial::endpoints(settings).await?;
    let visit = Visit::begin(settings).await?;
    let looked = look(settings, points, wanted, link, &visit).await;
    visit.end().await;
    let (peer, found) = looked?;
    let plain = if settings.username.is_some() && settings.mode() == super::Mode::None {
        " The password may go over the line as it is: choose a security_policy."
    } else {
        ""
    };
    Ok(Probe { peer, says: format!("{found} The server offers: {}.{plain}", dial::listed(&endpoints)) })
}

async fn look(
    settings: &Settings,
    points: &Points,
    wanted: &[Wanted],
    link: &Link,
    visit: &Visit,
) -> Result<(String, String), Trouble> {
    let session = &*visit.session;
    let manners = manners(settings, session, link).await?;
    let about = [
        VariableId::Server_ServerStatus_BuildInfo_ProductName,
        VariableId::Server_ServerStatus_BuildInfo_SoftwareVersion,
        VariableId::Server_ServerStatus_BuildInfo_ManufacturerName,
    ]
    .map(|id| attribute(NodeId::from(id), AttributeId::Value));
    let failed = |error: &opcua::types::Error| Trouble::of(settings, "reading the points", error);
    let about = read(session, &about, about.len()).await.map_err(|error| failed(&error))?;
    let words: Vec<_> = about
        .iter()
        .filter_map(|value| match &value.value {
            Some(Variant::String(text)) => Some(text.to_string()).filter(|text| !text.is_empty()),
            _ => None,
        })
        .collect();
    let server = session.endpoint_info().endpoint.server.application_name.text.to_string();
    let peer = format!("{server}: {}", words.join(", "));
    let what = |wanted: &Wanted| if wanted.options.events { AttributeId::EventNotifier } else { AttributeId::Value };
    let found: Vec<_> = wanted.iter().filter_map(|one| one.node(&manners.namespaces).map(|node| (one, node))).collect();
    let requests: Vec<_> = found.iter().map(|(one, node)| attribute(node.clone(), what(one))).collect();
    let values = read(session, &requests, manners.per_read).await.map_err(|error| failed(&error))?;
    let mut wrong: Vec<String> = wanted
        .iter()
        .filter(|one| one.node(&manners.namespaces).is_none())
        .map(|one| format!("{} (no such namespace)", place(points, one)))
        .collect();
    for ((one, _), value) in found.iter().zip(&values) {
        let status = value.status.unwrap_or(StatusCode::Good);
        let problem = match decode::sample(one.point, value) {
            _ if !status.is_good() => decode::name(status).to_owned(),
            Ok(_) => continue,
            Err(kind) => kind.to_owned(),
        };
        wrong.push(format!("{} ({problem})", place(points, one)));
    }
    let good = wanted.len().saturating_sub(wrong.len());
    let mut says = format!("{good} of {} points are good.", wanted.len());
    if !wrong.is_empty() {
        let named = wrong.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        let more = wrong.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        says.push_str(&format!(" Not good: {named}{more}."));
    }
    Ok((peer, says))
}

fn place<'a>(points: &'a Points, wanted: &Wanted) -> &'a str {
    points.points().get(wanted.point as usize).map_or("", |point| point.address.as_str())
}
