//! The accumulators of an aggregate that gathers values, for one group and for many.
//!
//! In: an accumulator of DataFusion. Out: the same one, with a size that foresees its copy, and a limit on what one group gathers.
//! What comes in is measured before it is taken, except with DISTINCT, where only the outcome says how much was new.

use crate::query::error::Excess;
use crate::query::width;
use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::BooleanArray;
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::Accumulator;
use datafusion::logical_expr::AggregateUDF;
use datafusion::logical_expr::EmitTo;
use datafusion::logical_expr::GroupsAccumulator;
use std::sync::Arc;

/// How to measure what one group gathers, and how much that may be.
#[derive(Debug, Clone)]
pub(super) struct Measure {
    pub(super) function: Arc<AggregateUDF>,
    /// Bytes of one list or text.
    pub(super) most: usize,
    /// Columns of a call that are gathered; those after them only say in what order.
    pub(super) arguments: usize,
    /// The texts become one: only their letters stay.
    pub(super) joined: bool,
    pub(super) distinct: bool,
}

impl Measure {
    /// Bytes of each row of the first columns.
    fn rows(&self, columns: &[ArrayRef], first: usize) -> impl Fn(usize) -> usize {
        let columns: Vec<&ArrayRef> = columns.iter().take(first).collect();
        let around: usize = if self.joined { columns.iter().map(|column| around_text(column.data_type())).sum() } else { 0 };
        let bytes = width::each(columns);
        move |row| bytes(row).saturating_sub(around)
    }

    fn check(&self, bytes: usize) -> Result<(), DataFusionError> {
        if bytes <= self.most {
            return Ok(());
        }
        let what = format!("{} gathers {bytes} bytes for one row", self.function.name());
        Err(Excess { what, limit: format!("{} bytes", self.most), remedy: "gather fewer rows or columns" }.into())
    }

    fn check_value(&self, value: &ScalarValue) -> Result<(), DataFusionError> {
        match value {
            ScalarValue::List(list) => {
                let list: ArrayRef = Arc::clone(list) as ArrayRef;
                self.check(width::rows(&list, 0..list.len()))
            }
            ScalarValue::LargeUtf8(Some(text)) => self.check(text.len()),
            _ => Ok(()),
        }
    }
}

/// Bytes that [`width::rows`] counts around the letters of a text.
fn around_text(kind: &DataType) -> usize {
    match kind {
        DataType::Utf8View => 16,
        DataType::LargeUtf8 => 8,
        DataType::Utf8 => 4,
        _ => 0,
    }
}

/// What an accumulator holds together with the copy it will hand on: twice what DataFusion counts, places in the order of groups
/// included, and what was measured, which has the texts behind views in it.
fn foreseen(size: usize, measured: usize) -> usize {
    size.saturating_mul(2).saturating_add(measured)
}

/// The accumulator of one group.
#[derive(Debug)]
pub(super) struct One {
    inner: Box<dyn Accumulator>,
    measure: Option<Measure>,
    held: usize,
}

impl One {
    pub(super) fn new(inner: Box<dyn Accumulator>, measure: Option<Measure>) -> Self {
        Self { inner, measure, held: 0 }
    }

    /// Bytes of values that come in or go out.
    fn measured(&self, values: &[ArrayRef], first: usize) -> usize {
        match &self.measure {
            Some(measure) if !measure.distinct => {
                (0..values.first().map_or(0, |column| column.len())).map(measure.rows(values, first)).sum()
            }
            _ => 0,
        }
    }

    fn take(&mut self, bytes: usize) -> Result<(), DataFusionError> {
        self.held = self.held.saturating_add(bytes);
        self.measure.as_ref().map_or(Ok(()), |measure| measure.check(self.held))
    }

    fn arguments(&self) -> usize {
        self.measure.as_ref().map_or(0, |measure| measure.arguments)
    }

    fn check<'a>(&self, mut values: impl Iterator<Item = &'a ScalarValue>) -> Result<(), DataFusionError> {
        match &self.measure {
            Some(measure) if measure.distinct => values.try_for_each(|value| measure.check_value(value)),
            _ => Ok(()),
        }
    }
}

#[warn(clippy::missing_trait_methods)]
impl Accumulator for One {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<(), DataFusionError> {
        self.take(self.measured(values, self.arguments()))?;
        self.inner.update_batch(values)
    }

    fn evaluate(&mut self) -> Result<ScalarValue, DataFusionError> {
        let value = self.inner.evaluate()?;
        self.check(std::iter::once(&value))?;
        Ok(value)
    }

    fn size(&self) -> usize {
        foreseen(self.inner.size(), self.held)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>, DataFusionError> {
        let state = self.inner.state()?;
        self.check(state.iter().take(1))?;
        Ok(state)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<(), DataFusionError> {
        self.take(self.measured(states, 1))?;
        self.inner.merge_batch(states)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<(), DataFusionError> {
        self.held = self.held.saturating_sub(self.measured(values, self.arguments()));
        self.inner.retract_batch(values)
    }

    fn supports_retract_batch(&self) -> bool {
        self.inner.supports_retract_batch()
    }
}

/// Bytes that groups hold.
#[derive(Debug, Default)]
struct Held {
    by_group: Vec<usize>,
    all: usize,
}

impl Held {
    fn take(
        &mut self,
        measure: &Measure,
        bytes: impl Fn(usize) -> usize,
        groups: &[usize],
        filter: Option<&BooleanArray>,
        count: usize,
    ) -> Result<(), DataFusionError> {
        self.by_group.resize(count.max(self.by_group.len()), 0);
        for (row, group) in groups.iter().enumerate() {
            if filter.is_some_and(|filter| filter.is_null(row) || !filter.value(row)) {
                continue;
            }
            let bytes = bytes(row);
            let held = &mut self.by_group[*group];
            *held = held.saturating_add(bytes);
            self.all = self.all.saturating_add(bytes);
            measure.check(*held)?;
        }
        Ok(())
    }

    fn let_go(&mut self, emitted: EmitTo) {
        let groups = match emitted {
            EmitTo::All => self.by_group.len(),
            EmitTo::First(groups) => groups.min(self.by_group.len()),
        };
        let gone: usize = self.by_group.drain(..groups).sum();
        self.all = self.all.saturating_sub(gone);
    }
}

/// The accumulator of many groups.
pub(super) struct Groups {
    inner: Box<dyn GroupsAccumulator>,
    measure: Option<Measure>,
    held: Held,
}

impl Groups {
    pub(super) fn new(inner: Box<dyn GroupsAccumulator>, measure: Option<Measure>) -> Self {
        Self { inner, measure, held: Held::default() }
    }
}

#[warn(clippy::missing_trait_methods)]
impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        count: usize,
    ) -> Result<(), DataFusionError> {
        if let Some(measure) = &self.measure {
            self.held.take(measure, measure.rows(values, measure.arguments), groups, filter, count)?;
        }
        self.inner.update_batch(values, groups, filter, count)
    }

    fn evaluate(&mut self, emitted: EmitTo) -> Result<ArrayRef, DataFusionError> {
        self.held.let_go(emitted);
        self.inner.evaluate(emitted)
    }

    fn state(&mut self, emitted: EmitTo) -> Result<Vec<ArrayRef>, DataFusionError> {
        self.held.let_go(emitted);
        self.inner.state(emitted)
    }

    fn merge_batch(&mut self, values: &[ArrayRef], groups: &[usize], count: usize) -> Result<(), DataFusionError> {
        if let Some(measure) = &self.measure {
            self.held.take(measure, measure.rows(values, 1), groups, None, count)?;
        }
        self.inner.merge_batch(values, groups, count)
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>, DataFusionError> {
        self.inner.convert_to_state(values, filter)
    }

    fn size(&self) -> usize {
        foreseen(self.inner.size(), self.held.all.saturating_add(self.held.by_group.capacity() * size_of::<usize>()))
    }
}
