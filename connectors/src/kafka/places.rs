//! Where we stand: the next offset of each partition of each topic.
//!
//! In: offsets that were read. Out: a cursor, `{"scada":{"0":1234}}`. Not here: what an offset holds.

use engine::source::Cursor;
use engine::source::SourceError;
use std::collections::BTreeMap;

/// One partition of one topic.
pub(super) type Partition = (String, i32);

/// The next offsets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Places(BTreeMap<String, BTreeMap<i32, i64>>);

impl Places {
    /// # Errors
    /// [`SourceError::Format`] for a cursor that is none of ours.
    pub(super) fn of(cursor: Option<&Cursor>, place: &str) -> Result<Self, SourceError> {
        let Some(Cursor(text)) = cursor else { return Ok(Self::default()) };
        serde_json::from_str(text).map(Self).map_err(|error| SourceError::Format {
            place: place.into(),
            problem: format!("the saved place {text:?} holds no offsets ({error}); give the connection another name to begin anew"),
        })
    }

    pub(super) fn cursor(&self) -> Option<Cursor> {
        (!self.0.is_empty()).then(|| Cursor(serde_json::json!(self.0).to_string()))
    }

    pub(super) fn get(&self, (topic, partition): &Partition) -> Option<i64> {
        self.0.get(topic)?.get(partition).copied()
    }

    /// True when some partition of the topic was read before.
    pub(super) fn knows(&self, topic: &str) -> bool {
        self.0.contains_key(topic)
    }

    pub(super) fn set(&mut self, (topic, partition): Partition, next: i64) {
        self.0.entry(topic).or_default().insert(partition, next);
    }
}
