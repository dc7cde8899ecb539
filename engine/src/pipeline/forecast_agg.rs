//! `forecast_agg(time, value [, horizon [, quantiles]])`: a forecast of each group of any table.
//!
//! In: times and values in any order, on any number of threads. Out: a list of `{valid_time, quantile, value}` per group, null for a
//! group without a value. The state is one column of bytes, so a plan can be split, merged and sent ([`codec`]). The forecasting
//! is in `models::panel`; the calendar of a place is not known here, `forecast(…)` is the better choice for an asset.

mod codec;
#[cfg(test)]
mod tests;

pub use codec::PlanCodec;

use crate::domain::DomainError;
use crate::domain::Quantile;
use crate::domain::parse_duration;
use crate::domain::timestamp_type;
use crate::models::panel::AggregateModel;
use crate::models::panel::AggregateOptions;
use crate::models::panel::AggregatePlans;
use crate::models::panel::SeriesState;
use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::BinaryArray;
use arrow::array::BooleanArray;
use arrow::array::Float64Array;
use arrow::array::ListArray;
use arrow::array::StructArray;
use arrow::array::TimestampMicrosecondArray;
use arrow::buffer::NullBuffer;
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::DataType;
use arrow::datatypes::Field;
use arrow::datatypes::FieldRef;
use arrow::datatypes::Fields;
use arrow::datatypes::Float64Type;
use arrow::datatypes::TimestampMicrosecondType;
use datafusion::common::ScalarValue;
use datafusion::common::exec_datafusion_err;
use datafusion::common::plan_datafusion_err;
use datafusion::common::plan_err;
use datafusion::error::DataFusionError;
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
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Literal;
use std::sync::Arc;

/// Name in SQL.
const NAME: &str = "forecast_agg";
/// How it is called.
const USAGE: &str = "forecast_agg(time, value [, 'PT48H' [, [0.1, 0.5, 0.9]]])";
/// Horizon unless said otherwise.
const HORIZON: &str = "PT48H";

/// The function, to be registered with a session.
pub fn forecast_agg() -> AggregateUDF {
    AggregateUDF::new_from_impl(ForecastAgg { signature: Signature::user_defined(Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ForecastAgg {
    signature: Signature,
}

/// One value of an answer.
fn point_fields() -> Fields {
    let field = |name, kind| Field::new(name, kind, false);
    Fields::from(vec![
        field("valid_time", timestamp_type()),
        field("quantile", DataType::Float64),
        field("value", DataType::Float64),
    ])
}

fn point_field() -> FieldRef {
    Arc::new(Field::new_list_field(DataType::Struct(point_fields()), false))
}

impl AggregateUDFImpl for ForecastAgg {
    fn name(&self) -> &'static str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(DataType::List(point_field()))
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>, DataFusionError> {
        let is_time = |kind: &DataType| matches!(kind, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64);
        let list = DataType::List(Arc::new(Field::new_list_field(DataType::Float64, true)));
        let wanted = [timestamp_type(), DataType::Float64, DataType::Utf8, list];
        match given {
            [time, value, rest @ ..] if is_time(time) && value.is_numeric() && rest.len() <= 2 => {
                Ok(wanted[..given.len()].to_vec())
            }
            _ => plan_err!("{NAME} takes other arguments; write {USAGE}"),
        }
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn state_fields(&self, arguments: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>, DataFusionError> {
        Ok(vec![Arc::new(Field::new(format!("{}[series]", arguments.name), DataType::Binary, true))])
    }

    fn accumulator(&self, arguments: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>, DataFusionError> {
        Ok(Box::new(Alone(Series::new(&arguments)?)))
    }

    fn groups_accumulator_supported(&self, _: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(&self, arguments: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>, DataFusionError> {
        Ok(Box::new(Series::new(&arguments)?))
    }
}

/// What is wanted, from the constant arguments of a call.
fn options(arguments: &[Arc<dyn PhysicalExpr>]) -> Result<AggregateOptions, DataFusionError> {
    let constant = |at: usize| match arguments.get(at).map(|argument| argument.downcast_ref::<Literal>()) {
        None => Ok(None),
        Some(Some(literal)) => Ok(Some(literal.value().clone()).filter(|value| !value.is_null())),
        Some(None) => plan_err!("the horizon and the quantiles of {NAME} must be constant; write {USAGE}"),
    };
    let wrong = |error: DomainError| plan_datafusion_err!("{error}; write {USAGE}");
    let horizon = constant(2)?;
    let horizon = horizon.as_ref().and_then(|value| value.try_as_str().flatten()).unwrap_or(HORIZON);
    let horizon = parse_duration(horizon).map_err(wrong)?;
    let quantiles = match constant(3)? {
        Some(ScalarValue::List(list)) => {
            let numbers = list.value(0);
            let numbers =
                numbers.as_primitive_opt::<Float64Type>().cloned().unwrap_or_else(|| Float64Array::from(Vec::<f64>::new()));
            let read = numbers.iter().map(|p| Quantile::new(p.unwrap_or(f64::NAN)));
            read.collect::<Result<Vec<_>, _>>().map_err(wrong)?
        }
        _ => Quantile::deciles(),
    };
    if quantiles.is_empty() {
        return plan_err!("{NAME} needs at least one quantile; write {USAGE}");
    }
    let horizon = i64::try_from(horizon.as_micros()).unwrap_or(i64::MAX);
    Ok(AggregateOptions { horizon, quantiles, resolution: None, seasons: None, model: AggregateModel::default() })
}

/// The series of each group.
#[derive(Debug)]
struct Series {
    options: AggregateOptions,
    states: Vec<SeriesState>,
    plans: AggregatePlans,
    /// Bytes of the states, kept along because asking each of them after every batch would cost more than the batch.
    bytes: usize,
}

impl Series {
    fn new(arguments: &AccumulatorArgs<'_>) -> Result<Self, DataFusionError> {
        Ok(Self { options: options(arguments.exprs)?, states: Vec::new(), plans: AggregatePlans::default(), bytes: 0 })
    }

    fn grow(&mut self, groups: usize) {
        let empty = SeriesState::default();
        self.bytes += groups.saturating_sub(self.states.len()) * empty.size();
        self.states.resize(groups.max(self.states.len()), empty);
    }

    fn change(&mut self, group: usize, change: impl FnOnce(&mut SeriesState)) {
        let state = &mut self.states[group];
        let before = state.size();
        change(state);
        self.bytes = (self.bytes + state.size()).saturating_sub(before);
    }

    fn push(&mut self, columns: &[ArrayRef], groups: &[usize], filter: Option<&BooleanArray>) -> Result<(), DataFusionError> {
        let [times, values, ..] = columns else {
            return Err(DataFusionError::Internal(format!("{NAME} takes two columns")));
        };
        let (times, values) = (times.as_primitive::<TimestampMicrosecondType>(), values.as_primitive::<Float64Type>());
        let counts = |row| filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
        let mut at = 0;
        for run in groups.chunk_by(|a, b| a == b) {
            let rows = at..at + run.len();
            at = rows.end;
            self.change(run[0], |state| {
                for row in rows.filter(|&row| times.is_valid(row) && values.is_valid(row) && counts(row)) {
                    state.push(times.value(row), values.value(row));
                }
            });
        }
        Ok(())
    }

    fn merge(&mut self, columns: &[ArrayRef], groups: &[usize]) -> Result<(), DataFusionError> {
        let states = columns.first().map(|column| column.as_binary::<i32>());
        let states = states.ok_or_else(|| DataFusionError::Internal(format!("{NAME} merges one column")))?;
        for (row, &group) in groups.iter().enumerate().filter(|(row, _)| states.is_valid(*row)) {
            let state = SeriesState::from_bytes(states.value(row)).map_err(|error| exec_datafusion_err!("{NAME}: {error}"))?;
            self.change(group, |held| held.merge(&state));
        }
        Ok(())
    }

    fn take(&mut self, emit: EmitTo) -> Vec<SeriesState> {
        let count = match emit {
            EmitTo::All => self.states.len(),
            EmitTo::First(groups) => groups,
        };
        let taken: Vec<SeriesState> = self.states.drain(..count).collect();
        self.bytes = self.bytes.saturating_sub(taken.iter().map(SeriesState::size).sum());
        taken
    }

    fn forecast(&mut self, states: Vec<SeriesState>) -> Result<ArrayRef, DataFusionError> {
        let (mut times, mut quantiles, mut values) = (Vec::new(), Vec::new(), Vec::new());
        let (mut lengths, mut known) = (Vec::with_capacity(states.len()), Vec::with_capacity(states.len()));
        for mut state in states {
            let failed = |error| exec_datafusion_err!("{NAME}: {error}");
            let empty = state.points().map_err(failed)?.is_empty();
            let points = if empty { Vec::new() } else { state.finish(&self.options, &mut self.plans).map_err(failed)? };
            times.extend(points.iter().map(|point| point.time));
            quantiles.extend(points.iter().map(|point| point.quantile.value()));
            values.extend(points.iter().map(|point| point.value));
            lengths.push(points.len());
            known.push(!empty);
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC")),
            Arc::new(Float64Array::from(quantiles)),
            Arc::new(Float64Array::from(values)),
        ];
        let points = StructArray::try_new(point_fields(), columns, None)?;
        let offsets = OffsetBuffer::from_lengths(lengths);
        Ok(Arc::new(ListArray::try_new(point_field(), offsets, Arc::new(points), Some(NullBuffer::from(known)))?))
    }
}

fn states_column(states: Vec<SeriesState>) -> ArrayRef {
    Arc::new(BinaryArray::from_iter_values(states.into_iter().map(|mut state| state.to_bytes())))
}

impl GroupsAccumulator for Series {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<(), DataFusionError> {
        self.grow(total);
        self.push(values, groups, filter)
    }

    fn merge_batch(&mut self, values: &[ArrayRef], groups: &[usize], total: usize) -> Result<(), DataFusionError> {
        self.grow(total);
        self.merge(values, groups)
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef, DataFusionError> {
        let states = self.take(emit);
        self.forecast(states)
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>, DataFusionError> {
        Ok(vec![states_column(self.take(emit))])
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>, DataFusionError> {
        let rows = values.first().map_or(0, |column| column.len());
        let mut each = Self { options: self.options.clone(), states: Vec::new(), plans: AggregatePlans::default(), bytes: 0 };
        each.grow(rows);
        each.push(values, &(0..rows).collect::<Vec<_>>(), filter)?;
        each.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        self.bytes + self.plans.bytes()
    }
}

/// One group only, for statements without GROUP BY.
#[derive(Debug)]
struct Alone(Series);

impl Accumulator for Alone {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<(), DataFusionError> {
        let rows = values.first().map_or(0, |column| column.len());
        self.0.grow(1);
        self.0.push(values, &vec![0; rows], None)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<(), DataFusionError> {
        let rows = states.first().map_or(0, |column| column.len());
        self.0.grow(1);
        self.0.merge(states, &vec![0; rows])
    }

    fn evaluate(&mut self) -> Result<ScalarValue, DataFusionError> {
        self.0.grow(1);
        let states = self.0.take(EmitTo::All);
        ScalarValue::try_from_array(&self.0.forecast(states)?, 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>, DataFusionError> {
        self.0.grow(1);
        Ok(vec![ScalarValue::try_from_array(&states_column(self.0.take(EmitTo::All)), 0)?])
    }

    fn size(&self) -> usize {
        GroupsAccumulator::size(&self.0)
    }
}
