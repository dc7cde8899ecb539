//! A line of a machine's controller log: what it said and when.
//!
//! In: rows of `events`. Out: [`LogLine`]s. What a line means is asked in `detect`.

use super::{ASSET_ID, AssetId, TIME, Timestamp, from_micros};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::TimestampMicrosecondType;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogLine {
    /// When it was written.
    pub time: Timestamp,
    /// Whose controller.
    pub asset_id: AssetId,
    /// As it was written; empty where the controller sent none.
    pub message: String,
    /// When it was reset, if it was.
    pub reset_at: Option<Timestamp>,
}

impl LogLine {
    /// Reads rows of `events`; a row whose asset has no valid name is passed over.
    pub fn from_batch(batch: &RecordBatch) -> Vec<Self> {
        let columns = [TIME, ASSET_ID, "reset_at", "message"].map(|name| batch.column_by_name(name));
        let [Some(times), Some(assets), Some(resets), Some(messages)] = columns else { return Vec::new() };
        let (times, resets) = (times.as_primitive::<TimestampMicrosecondType>(), resets.as_primitive::<TimestampMicrosecondType>());
        let (assets, messages) = (assets.as_string::<i32>(), messages.as_string::<i32>());
        let read = |row: usize| {
            Some(Self {
                time: from_micros(times.value(row)),
                asset_id: AssetId::parse(assets.value(row)).ok()?,
                message: if messages.is_valid(row) { messages.value(row).trim().to_owned() } else { String::new() },
                reset_at: resets.is_valid(row).then(|| from_micros(resets.value(row))),
            })
        };
        (0..batch.num_rows()).filter_map(read).collect()
    }
}
