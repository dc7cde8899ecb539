//! Events and alarms of a server become notices.
//!
//! In: fields of events (IEC 62541-5, 6.4.2; alarms: IEC 62541-9, 5.8). Out: [`Notice`]s. An alarm is raised when its ActiveState becomes
//! true and over when it becomes false; an event without a state begins and ends at its time. Not here: acknowledging alarms and asking for
//! those that were active before we came, which are method calls, and we make none.

use super::decode;
use crate::live::Notice;
use hashbrown::HashMap;
use opcua::types::{
    AttributeId, EventFilter, ExtensionObject, NodeId, NumericRange, ObjectTypeId, QualifiedName, SimpleAttributeOperand, Variant,
};

/// Alarms remembered as active, at most; beyond it the message at the end may differ from that at the beginning.
const MOST_ACTIVE: usize = 100_000;
/// Notices of one event, at most: it begins and ends.
pub(super) const MOST_NOTICES: usize = 2;
/// A message is cut beyond this.
const LONGEST_MESSAGE: usize = 500;

/// What we ask of every event, in this order.
const FIELDS: [(ObjectTypeId, &[&str]); 6] = [
    (ObjectTypeId::BaseEventType, &["Time"]),
    (ObjectTypeId::BaseEventType, &["SourceName"]),
    (ObjectTypeId::BaseEventType, &["Message"]),
    (ObjectTypeId::BaseEventType, &["Severity"]),
    (ObjectTypeId::ConditionType, &["ConditionName"]),
    (ObjectTypeId::AlarmConditionType, &["ActiveState", "Id"]),
];

/// The filter of an event subscription: the fields above, then the condition's node. A server without alarms refuses the last three; then
/// `is_plain` leaves them out.
pub(super) fn filter(is_plain: bool) -> ExtensionObject {
    let wanted = if is_plain { FIELDS.split_at(4).0 } else { &FIELDS[..] };
    let mut clauses: Vec<_> = wanted.iter().map(|(kind, path)| clause(*kind, path, AttributeId::Value)).collect();
    if !is_plain {
        // The condition itself: no path, its NodeId (IEC 62541-9, 5.5.2).
        clauses.push(clause(ObjectTypeId::ConditionType, &[], AttributeId::NodeId));
    }
    ExtensionObject::from_message(EventFilter { select_clauses: Some(clauses), where_clause: Default::default() })
}

fn clause(kind: ObjectTypeId, path: &[&str], attribute: AttributeId) -> SimpleAttributeOperand {
    SimpleAttributeOperand {
        type_definition_id: NodeId::from(kind),
        browse_path: Some(path.iter().map(|name| QualifiedName::new(0, *name)).collect()),
        attribute_id: attribute as u32,
        index_range: NumericRange::None,
    }
}

/// Alarms that are active, with the message they were raised with.
#[derive(Debug, Default)]
pub(super) struct Alarms(HashMap<(u32, String), String>);

impl Alarms {
    /// Notices of one event, at most [`MOST_NOTICES`].
    pub(super) fn notices(&mut self, point: u32, fields: &[Variant]) -> Vec<Notice> {
        let field = |index: usize| fields.get(index).unwrap_or(&Variant::Empty);
        let time = match field(0) {
            Variant::DateTime(time) => decode::micros(time),
            _ => None,
        };
        let (source, condition) = (text(field(1)), text(field(4)));
        let mut message = text(field(2)).unwrap_or_default();
        if message.is_empty() {
            message = condition.clone().unwrap_or_else(|| "event without a message".into());
        }
        let mut message = match source {
            Some(source) if !message.contains(&source) => format!("{source}: {message}"),
            _ => message,
        };
        if let Some((cut, _)) = message.char_indices().nth(LONGEST_MESSAGE) {
            message.truncate(cut);
        }
        let notice = |message: &str, is_active| Notice { point, time, message: Some(message.to_owned()), is_active };
        let Variant::Boolean(is_active) = field(5) else {
            return vec![notice(&message, true), notice(&message, false)];
        };
        let id = match field(6) {
            Variant::NodeId(node) => node.to_string(),
            _ => condition.unwrap_or_else(|| message.clone()),
        };
        let key = (point, id);
        if !is_active {
            let raised = self.0.remove(&key).unwrap_or(message);
            return vec![notice(&raised, false)];
        }
        if self.0.contains_key(&key) {
            return Vec::new();
        }
        if self.0.len() < MOST_ACTIVE {
            self.0.insert(key, message.clone());
        }
        vec![notice(&message, true)]
    }
}

fn text(value: &Variant) -> Option<String> {
    let text = match value {
        Variant::String(text) => text.to_string(),
        Variant::LocalizedText(text) => text.text.to_string(),
        _ => return None,
    };
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}
