//! Where a point is: node ids as people write them, and the index a namespace has at this server today.
//!
//! In: addresses such as `ns=2;s=WTG01.Power` or `nsu=urn:plant;s=WTG01.Power` (IEC 62541-6, 5.3.1.10), keys of a point. Out: node ids of
//! one session. Not here: whether the node exists.

use crate::live::Target;
use crate::live::{Point, Points};
use engine::source::SourceError;
use opcua::types::NodeId;
use serde::Deserialize;
use std::str::FromStr;

/// Keys of a point beside those every protocol has.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Options {
    /// The address is an object; its OPC UA events are read, not a value. Default false.
    #[serde(default)]
    pub(super) events: bool,
    /// As the connection's, for this variable, ms.
    pub(super) sampling_interval_ms: Option<f64>,
    /// As the connection's, for this variable.
    pub(super) history: Option<bool>,
}

/// A point and where it is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wanted {
    pub(super) point: u32,
    pub(super) options: Options,
    uri: Option<String>,
    node: NodeId,
}

impl Wanted {
    /// The node at a server with these namespaces; `None`: it has no such namespace.
    pub(super) fn node(&self, namespaces: &[String]) -> Option<NodeId> {
        let Some(uri) = &self.uri else { return Some(self.node.clone()) };
        let index = namespaces.iter().position(|known| known == uri)?;
        Some(NodeId { namespace: u16::try_from(index).ok()?, identifier: self.node.identifier.clone() })
    }
}

/// All points with their addresses read.
///
/// # Errors
/// [`SourceError::Mapping`] naming the point and how an address is written.
pub(super) fn wanted(points: &Points) -> Result<Vec<Wanted>, SourceError> {
    points.points().iter().enumerate().map(|(index, point)| one(index, point)).collect()
}

fn one(index: usize, point: &Point) -> Result<Wanted, SourceError> {
    let options: Options = point.options()?;
    let text = point.address.trim();
    let (uri, rest) = match text.strip_prefix("nsu=") {
        Some(rest) => {
            let (uri, rest) = rest.split_once(';').ok_or_else(|| unreadable(point))?;
            // A URI with these two letters has them escaped (IEC 62541-6, 5.3.1.11).
            (Some(uri.replace("%3B", ";").replace("%25", "%")), rest)
        }
        None => (None, text),
    };
    let node = NodeId::from_str(rest).map_err(|_| unreadable(point))?;
    if uri.is_some() && node.namespace != 0 {
        return Err(unreadable(point));
    }
    if options.events && matches!(point.target, Target::Value { .. }) {
        return Err(point.wrong("events = true goes with event = \"…\", not with a quantity"));
    }
    if options.sampling_interval_ms.is_some_and(|interval| !interval.is_finite() || interval < 0.0) {
        return Err(point.wrong("sampling_interval_ms must be 0 or more"));
    }
    let point = u32::try_from(index).map_err(|_| point.wrong("too many points"))?;
    Ok(Wanted { point, options, uri, node })
}

fn unreadable(point: &Point) -> SourceError {
    point.wrong(format!(
        "{:?} is no node id; write ns=2;s=Name, ns=2;i=1234, or nsu=urn:the:namespace;s=Name, as the server's browser shows it",
        point.address
    ))
}

/// The address as a points file writes it: by the namespace's name where it has one, since its index may change.
pub(super) fn written(node: &NodeId, namespaces: &[String]) -> String {
    match namespaces.get(usize::from(node.namespace)) {
        Some(uri) if node.namespace > 0 && !uri.is_empty() => {
            format!("nsu={};{}", uri.replace('%', "%25").replace(';', "%3B"), node.identifier)
        }
        _ => node.to_string(),
    }
}
