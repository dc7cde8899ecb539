//! `last(value, time)` and `first(value, time)`: the value at the greatest or smallest time at which there is one.
//!
//! In: values of any type beside times. Out: one value per group, null where a group has none. Rows without a value or a time do
//! not count; of several rows at one time the first met counts for `first`, the last met for `last`.

use crate::domain::timestamp_type;
use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::BooleanArray;
use arrow::array::TimestampMicrosecondArray;
use arrow::array::UInt32Array;
use arrow::array::new_null_array;
use arrow::compute::interleave;
use arrow::compute::take;
use arrow::datatypes::DataType;
use arrow::datatypes::Field;
use arrow::datatypes::FieldRef;
use arrow::datatypes::TimestampMicrosecondType;
use datafusion::common::ScalarValue;
use datafusion::common::plan_err;
use datafusion::error::DataFusionError;
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::Accumulator;
use datafusion::logical_expr::AggregateUDF;
use datafusion::logical_expr::AggregateUDFImpl;
use datafusion::logical_expr::EmitTo;
use datafusion::logical_expr::GroupsAccumulator;
use datafusion::logical_expr::Signature;
use datafusion::logical_expr::Volatility;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::function::StateFieldsArgs;
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use std::sync::Arc;

/// Batches of winners kept before they are joined into one.
const MAX_PARTS: usize = 64;

/// Adds `last` and `first` to a context.
pub(super) fn register(context: &SessionContext) {
    for newest in [true, false] {
        let signature = Signature::user_defined(Volatility::Immutable);
        context.register_udaf(AggregateUDF::new_from_impl(Extreme { newest, signature }));
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Extreme {
    newest: bool,
    signature: Signature,
}

impl AggregateUDFImpl for Extreme {
    fn name(&self) -> &str {
        if self.newest { "last" } else { "first" }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType, DataFusionError> {
        match given {
            [value, _] => Ok(value.clone()),
            _ => plan_err!("{0} takes other arguments; write {0}(value, time)", self.name()),
        }
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>, DataFusionError> {
        match given {
            [value, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64] => Ok(vec![value.clone(), timestamp_type()]),
            _ => plan_err!("{0} takes other arguments; write {0}(value, time)", self.name()),
        }
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn state_fields(&self, arguments: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>, DataFusionError> {
        let field = |part: &str, kind| Arc::new(Field::new(format!("{}[{part}]", arguments.name), kind, true));
        Ok(vec![field("value", arguments.return_field.data_type().clone()), field("time", timestamp_type())])
    }

    fn accumulator(&self, arguments: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>, DataFusionError> {
        Ok(Box::new(Alone(Winners::new(self.newest, arguments.return_type()))))
    }

    fn groups_accumulator_supported(&self, _: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(&self, arguments: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>, DataFusionError> {
        Ok(Box::new(Winners::new(self.newest, arguments.return_type())))
    }
}

/// Where the best row of a group is, if it has one.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Best {
    time: i64,
    part: u32,
    row: u32,
}

/// In place of `part` while a batch is read.
const ARRIVING: u32 = u32::MAX;

/// The best row of each group; values stay in the batches of winners they came in.
#[derive(Debug)]
struct Winners {
    newest: bool,
    best: Vec<Best>,
    /// The first is one null.
    parts: Vec<ArrayRef>,
}

impl Winners {
    fn new(newest: bool, kind: &DataType) -> Self {
        Self { newest, best: Vec::new(), parts: vec![new_null_array(kind, 1)] }
    }

    fn grow(&mut self, groups: usize) {
        let time = if self.newest { i64::MIN } else { i64::MAX };
        self.best.resize(groups.max(self.best.len()), Best { time, part: 0, row: 0 });
    }

    fn fold(&mut self, columns: &[ArrayRef], groups: &[usize], filter: Option<&BooleanArray>) -> Result<(), DataFusionError> {
        let [values, times] = columns else {
            return Err(DataFusionError::Internal("last and first take two columns".to_owned()));
        };
        let times = times.as_primitive::<TimestampMicrosecondType>();
        let mut winners = Vec::new();
        let nulls = arrow::buffer::NullBuffer::union(values.logical_nulls().as_ref(), times.nulls());
        for (row, (&group, &time)) in groups.iter().zip(times.values()).enumerate() {
            let best = &mut self.best[group];
            let wins = if self.newest { time >= best.time } else { time < best.time || best.part == 0 };
            if wins
                && nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row))
                && filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row))
            {
                if best.part != ARRIVING {
                    winners.push(group);
                }
                *best = Best { time, part: ARRIVING, row: u32::try_from(row).unwrap_or(u32::MAX) };
            }
        }
        if winners.is_empty() {
            return Ok(());
        }
        let rows: UInt32Array = winners.iter().map(|&group| Some(self.best[group].row)).collect();
        let part = u32::try_from(self.parts.len()).unwrap_or(ARRIVING);
        self.parts.push(take(values, &rows, None)?);
        for (row, group) in (0..).zip(winners) {
            (self.best[group].part, self.best[group].row) = (part, row);
        }
        if self.parts.len() > MAX_PARTS {
            let joined = self.values(self.best.len())?;
            self.parts.truncate(1);
            self.parts.push(joined);
            for (row, best) in (0..).zip(&mut self.best) {
                if best.part != 0 {
                    (best.part, best.row) = (1, row);
                }
            }
        }
        Ok(())
    }

    fn values(&self, groups: usize) -> Result<ArrayRef, DataFusionError> {
        let parts: Vec<&dyn Array> = self.parts.iter().map(AsRef::as_ref).collect();
        let places: Vec<(usize, usize)> = self.best[..groups].iter().map(|best| (best.part as usize, best.row as usize)).collect();
        Ok(interleave(&parts, &places)?)
    }

    fn times(&self, groups: usize) -> ArrayRef {
        let times = self.best[..groups].iter().map(|best| (best.part != 0).then_some(best.time));
        Arc::new(times.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
    }

    fn drop_first(&mut self, groups: usize) {
        self.best.drain(..groups);
        if self.best.is_empty() {
            self.parts.truncate(1);
        }
    }

    fn bytes(&self) -> usize {
        self.best.capacity() * size_of::<Best>() + self.parts.iter().map(|part| part.get_array_memory_size()).sum::<usize>()
    }
}

impl GroupsAccumulator for Winners {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<(), DataFusionError> {
        self.grow(total);
        self.fold(values, groups, filter)
    }

    fn merge_batch(&mut self, values: &[ArrayRef], groups: &[usize], total: usize) -> Result<(), DataFusionError> {
        self.grow(total);
        self.fold(values, groups, None)
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef, DataFusionError> {
        Ok(self.state(emit)?.swap_remove(0))
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>, DataFusionError> {
        let groups = match emit {
            EmitTo::All => self.best.len(),
            EmitTo::First(groups) => groups,
        };
        let state = vec![self.values(groups)?, self.times(groups)];
        self.drop_first(groups);
        Ok(state)
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>, DataFusionError> {
        let Some(filter) = filter else { return Ok(values.to_vec()) };
        let drop = arrow::compute::not(&arrow::compute::prep_null_mask_filter(filter))?;
        Ok(values.iter().map(|column| arrow::compute::nullif(column, &drop)).collect::<Result<_, _>>()?)
    }

    fn size(&self) -> usize {
        self.bytes()
    }
}

/// One group only, for statements without GROUP BY.
#[derive(Debug)]
struct Alone(Winners);

impl Accumulator for Alone {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<(), DataFusionError> {
        let rows = values.first().map_or(0, |column| column.len());
        self.0.grow(1);
        self.0.fold(values, &vec![0; rows], None)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<(), DataFusionError> {
        self.update_batch(states)
    }

    fn evaluate(&mut self) -> Result<ScalarValue, DataFusionError> {
        Ok(self.state()?.swap_remove(0))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>, DataFusionError> {
        self.0.grow(1);
        [self.0.values(1)?, self.0.times(1)].iter().map(|column| ScalarValue::try_from_array(column, 0)).collect()
    }

    fn size(&self) -> usize {
        self.0.bytes()
    }
}
