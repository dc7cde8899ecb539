//! One look: every request once, and who is there.
//!
//! In: settings and points. Out: [`Probe`], or the first thing that is wrong. Not here: polling for ever.

use super::Settings;
use super::discover;
use super::reader::lanes;
use super::said::Out;
use super::wire::{Trouble, Wire};
use crate::live::{Link, Points, Probe};
use engine::source::SourceError;
use std::collections::BTreeSet;

/// Connects to every host and reads everything once.
pub(super) async fn probe(settings: &Settings, points: &Points, link: &Link) -> Result<Probe, SourceError> {
    let mut out = Out::default();
    let (mut requests, mut units, mut hosts, mut names) = (0, 0, BTreeSet::new(), BTreeSet::new());
    let tick = link.now_micros();
    let mut problem = None;
    for mut lane in lanes(settings, points, link)? {
        hosts.insert(lane.host.clone());
        let mut wire = None;
        for unit in &mut lane.units {
            units += 1;
            let held = match wire.as_mut() {
                Some(held) => held,
                None => wire.insert(Wire::dial(&lane.host, lane.patience).await.map_err(|error| wrong(&lane.host, error))?),
            };
            let asked = unit.poll(held, tick, &mut out).await;
            requests += unit.requests();
            if asked.is_ok() && names.len() < 3 {
                names.extend(discover::nameplate(held, unit.id, settings.sunspec.base).await);
            }
            if let Err(trouble) = asked {
                wire = None;
                let error = match trouble {
                    Trouble::Silent => {
                        format!("unit {} does not answer within {} s; check its unit id", unit.id, settings.timeout_s)
                    }
                    Trouble::Broken(error) => format!("unit {}: {error}", unit.id),
                    Trouble::Exception(code) => format!("unit {}: exception {code}", unit.id),
                };
                problem.get_or_insert_with(|| wrong(&lane.host, error));
            }
        }
    }
    let missing = out.samples.iter().filter(|sample| sample.value.is_nan());
    let reasons: BTreeSet<&str> = missing.clone().map(|sample| &*sample.reason).collect();
    let (all, missing) = (points.points().len(), missing.count());
    // Nothing at all came: say why, not how many.
    if missing == all
        && let Some(problem) = problem
    {
        return Err(problem);
    }
    let mut says = format!("{} of {all} points answer, {requests} requests per poll to {units} units", all - missing.min(all));
    if missing > 0 {
        says.push_str(&format!("; without a value: {}", reasons.into_iter().collect::<Vec<_>>().join(", ")));
    }
    out.rejects.first().into_iter().for_each(|reject| says.push_str(&format!("; {}", reject.detail)));
    let hosts: Vec<String> = hosts.iter().take(3).map(ToString::to_string).collect();
    let names: Vec<String> = names.into_iter().collect();
    let peer = if names.is_empty() { format!("Modbus TCP at {}", hosts.join(", ")) } else { names.join(", ") };
    Ok(Probe { peer, says })
}

fn wrong(host: &super::address::Host, problem: String) -> SourceError {
    SourceError::Io { place: host.to_string(), cause: std::io::Error::other(problem) }
}
