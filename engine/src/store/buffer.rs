//! Rows that are in the log but not yet in Delta, each key once, where every query sees them.
//!
//! In: rows whose keys are in Delta nowhere. Out: batches for queries and for the next flush.

use super::Receipt;
use super::merge::key_rows;
use super::merge::merge;
use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use arrow::row::Rows;
use std::collections::HashSet;

/// Above this many batches they are joined into one.
const MAX_BATCHES: usize = 32;

/// The buffer of one table.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    batches: Vec<RecordBatch>,
    keys: HashSet<Box<[u8]>>,
    last: u64,
}

impl Buffer {
    /// Takes rows in; `sequence` is where the log holds them.
    pub(super) fn apply(&mut self, key: &[&str], rows: &RecordBatch, sequence: u64) -> Result<Receipt, ArrowError> {
        let arriving = key_rows(key, rows)?;
        let known = arriving.iter().any(|row| self.keys.contains(row.data()));
        let held = if known || self.batches.len() >= MAX_BATCHES { std::mem::take(&mut self.batches) } else { Vec::new() };
        let merged = match merge(key, &held, rows) {
            Ok(merged) => merged,
            Err(error) => {
                self.batches.extend(held);
                return Err(error);
            }
        };
        self.batches.push(merged.rows);
        self.keys.extend(arriving.iter().map(|row| Box::from(row.data())));
        self.last = self.last.max(sequence);
        Ok(merged.receipt)
    }

    /// Which of these keys are held here.
    pub(super) fn holds(&self, keys: &Rows, row: usize) -> bool {
        self.keys.contains(keys.row(row).data())
    }

    /// The rows.
    pub(super) fn batches(&self) -> &[RecordBatch] {
        &self.batches
    }

    /// Number of rows.
    pub(super) fn rows(&self) -> usize {
        self.keys.len()
    }

    /// How far of the log is in here.
    pub(super) const fn last(&self) -> u64 {
        self.last
    }

    /// Empties the buffer after a flush.
    pub(super) fn clear(&mut self) {
        self.batches.clear();
        self.keys.clear();
    }
}
