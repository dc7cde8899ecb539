//! The way of a layer to Delta: frozen, written by the keeper, settled; and rows that come to Delta by another way meanwhile.
//!
//! In: what the keeper did. Out: a table whose layers and files hold each key once.

use super::Frozen;
use super::TableState;
use crate::store::StoreError;
use crate::store::index::BatchKeys;
use crate::store::keys::clock;
use crate::store::keys::key_columns;
use crate::store::layer::Layer;
use crate::store::merge::merge;
use crate::store::view::View;
use arrow::array::AsArray;
use arrow::array::RecordBatch;
use arrow::array::UInt32Array;
use arrow::compute::take_record_batch;
use arrow::datatypes::TimestampMicrosecondType;
use std::sync::Arc;

impl TableState {
    /// Takes the active layer out of the way of appends; the layer to flush, if there is one. One that is still on its way comes first.
    pub(in crate::store) fn freeze(&mut self) -> Option<Arc<Frozen>> {
        if self.frozen.is_none() && self.active.len() > 0 {
            let layer = std::mem::replace(&mut self.active, Layer::new(self.table));
            let order = layer.in_order(&self.names);
            self.frozen = Some(Arc::new(Frozen { layer, order }));
        }
        self.frozen.clone()
    }

    /// The frozen layer is in Delta now.
    pub(in crate::store) fn settle(&mut self, base: View) {
        if let Some(frozen) = self.frozen.take() {
            self.recent.remember(frozen.layer.index());
        }
        self.replaced.clear();
        self.rebase(base);
    }

    /// Files were rearranged or removed.
    pub(in crate::store) fn rebase(&mut self, base: View) {
        self.newest_base = newest_of(&base);
        self.base = base;
    }

    /// These rows came to Delta by another way while appends went on; an append of the same key counts as later.
    pub(in crate::store) fn absorb(&mut self, imported: &RecordBatch, base: View) -> Result<(), StoreError> {
        self.rebase(base);
        if let Some(newest) = arrow::compute::max(imported[clock(self.table)].as_primitive::<TimestampMicrosecondType>()) {
            self.recent.skip(newest);
        }
        if self.active.len() == 0 {
            return Ok(());
        }
        let keys = BatchKeys::new(self.table, &mut self.names, imported).map_err(self.arrow())?;
        let found = |at: usize| self.active.find(&keys, at).map(|row| (at as u32, row));
        let (below, above): (Vec<u32>, Vec<u32>) = (0..imported.num_rows()).filter_map(found).unzip();
        if below.is_empty() {
            return Ok(());
        }
        let below = take_record_batch(imported, &UInt32Array::from(below)).map_err(self.arrow())?;
        let above = self.active.gather(&above, &self.active.schema(None)).map_err(self.arrow())?;
        let rows = merge(key_columns(self.table), &[below], &above).map_err(self.arrow())?.rows;
        self.active.hide(&rows).map_err(self.arrow())?;
        let keys = BatchKeys::new(self.table, &mut self.names, &rows).map_err(self.arrow())?;
        self.active.push(rows, &keys).map_err(self.arrow())
    }

    /// After a failure of the keeper: these rows are in files of `base` that this table did not know. A layer that is in them is
    /// settled, one that is not goes back among the appends, and then the rows are absorbed.
    pub(in crate::store) fn reconcile(&mut self, strange: &[RecordBatch], base: &View) -> Result<(), StoreError> {
        match self.frozen.take() {
            Some(frozen) if frozen.layer.last() <= base.applied => {
                self.frozen = Some(frozen);
                self.settle(base.clone());
            }
            Some(frozen) => self.thaw(&frozen)?,
            None => {}
        }
        self.rebase(base.clone());
        strange.iter().try_for_each(|rows| self.absorb(rows, base.clone()))
    }

    fn thaw(&mut self, frozen: &Frozen) -> Result<(), StoreError> {
        let newer = std::mem::replace(&mut self.active, Layer::new(self.table));
        let kept: Vec<u32> = frozen.order.iter().copied().filter(|row| !self.replaced.contains(row)).collect();
        let older = frozen.layer.gather(&kept, &frozen.layer.schema(None)).map_err(self.arrow())?;
        let above = newer.gather(&newer.in_order(&self.names), &newer.schema(None)).map_err(self.arrow())?;
        for rows in [older, above].into_iter().filter(|rows| rows.num_rows() > 0) {
            let keys = BatchKeys::new(self.table, &mut self.names, &rows).map_err(self.arrow())?;
            self.active.push(rows, &keys).map_err(self.arrow())?;
        }
        self.active.inherit(&frozen.layer);
        self.active.inherit(&newer);
        self.replaced.clear();
        Ok(())
    }

    /// How far of the log was applied here.
    pub(in crate::store) const fn reached(&self) -> u64 {
        self.reached
    }

    /// How far of the log Delta has all rows of this table, when nothing waits here.
    pub(in crate::store) fn settled(&self) -> Option<u64> {
        (self.active.len() == 0 && self.frozen.is_none()).then_some(self.reached)
    }
}

/// Newest clock of a view's files, `i64::MAX` when one does not say.
pub(super) fn newest_of(view: &View) -> Option<i64> {
    view.files.iter().map(|file| file.clock.map_or(i64::MAX, |(_, high)| high)).max()
}
