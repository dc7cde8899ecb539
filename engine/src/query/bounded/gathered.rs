//! Aggregates that gather values: a list, a text, or what a median is found in.
//!
//! In: an aggregate of DataFusion. Out: the same one. Its accumulators tell the pool more than their size, because what they hold is
//! copied once more when it is handed on; and where what is gathered is the answer, they fail when one group gathers too much.
//! Long texts behind views, which DataFusion does not count, are counted here.

mod held;
#[cfg(test)]
mod tests;

use super::Limits;
use arrow::datatypes::DataType;
use arrow::datatypes::FieldRef;
use datafusion::common::ScalarValue;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::Accumulator;
use datafusion::logical_expr::AggregateUDF;
use datafusion::logical_expr::AggregateUDFImpl;
use datafusion::logical_expr::Documentation;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::GroupsAccumulator;
use datafusion::logical_expr::Operator;
use datafusion::logical_expr::ReversedUDAF;
use datafusion::logical_expr::SetMonotonicity;
use datafusion::logical_expr::Signature;
use datafusion::logical_expr::StatisticsArgs;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::expr::AggregateFunctionParams;
use datafusion::logical_expr::expr::WindowFunctionParams;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::function::AggregateFunctionSimplification;
use datafusion::logical_expr::function::StateFieldsArgs;
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use held::Groups;
use held::Measure;
use held::One;
use std::sync::Arc;

/// True for aggregates that [`foreseen`] must wrap.
pub(in crate::query) fn gathers(name: &str) -> bool {
    answers_with_all(name) || matches!(name, "median" | "percentile_cont" | "nth_value" | "approx_distinct" | "forecast_agg")
}

/// True where the answer is everything that was gathered.
fn answers_with_all(name: &str) -> bool {
    matches!(name, "array_agg" | "string_agg")
}

/// The aggregate, its copy foreseen and its answer limited.
pub(in crate::query) fn foreseen(function: Arc<AggregateUDF>, limits: Limits) -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::new_from_impl(Gathered { function, limits }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Gathered {
    function: Arc<AggregateUDF>,
    limits: Limits,
}

impl Gathered {
    /// What to measure of the values of a call; `None` where only the size counts.
    fn measure(&self, args: &AccumulatorArgs<'_>) -> Option<Measure> {
        answers_with_all(self.function.name()).then(|| Measure {
            function: Arc::clone(&self.function),
            most: self.limits.batch_bytes,
            arguments: args.exprs.len(),
            joined: self.function.name() == "string_agg",
            distinct: args.is_distinct,
        })
    }
}

// Everything is handed through: a method that DataFusion adds with a default would otherwise go unseen.
#[warn(clippy::missing_trait_methods)]
impl AggregateUDFImpl for Gathered {
    fn name(&self) -> &str {
        self.function.name()
    }

    fn aliases(&self) -> &[String] {
        self.function.aliases()
    }

    fn schema_name(&self, params: &AggregateFunctionParams) -> Result<String, DataFusionError> {
        self.function.schema_name(params)
    }

    fn human_display(&self, params: &AggregateFunctionParams) -> Result<String, DataFusionError> {
        self.function.human_display(params)
    }

    fn window_function_schema_name(&self, params: &WindowFunctionParams) -> Result<String, DataFusionError> {
        self.function.window_function_schema_name(params)
    }

    fn display_name(&self, params: &AggregateFunctionParams) -> Result<String, DataFusionError> {
        self.function.display_name(params)
    }

    fn window_function_display_name(&self, params: &WindowFunctionParams) -> Result<String, DataFusionError> {
        self.function.window_function_display_name(params)
    }

    fn signature(&self) -> &Signature {
        self.function.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType, DataFusionError> {
        self.function.return_type(types)
    }

    fn return_field(&self, fields: &[FieldRef]) -> Result<FieldRef, DataFusionError> {
        self.function.return_field(fields)
    }

    fn is_nullable(&self) -> bool {
        self.function.is_nullable()
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>, DataFusionError> {
        let measure = self.measure(&args);
        Ok(Box::new(One::new(self.function.accumulator(args)?, measure)))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>, DataFusionError> {
        self.function.state_fields(args)
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        self.function.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>, DataFusionError> {
        let measure = self.measure(&args);
        Ok(Box::new(Groups::new(self.function.create_groups_accumulator(args)?, measure)))
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>, DataFusionError> {
        let measure = self.measure(&args);
        Ok(Box::new(One::new(self.function.create_sliding_accumulator(args)?, measure)))
    }

    fn with_beneficial_ordering(self: Arc<Self>, ordered: bool) -> Result<Option<Arc<dyn AggregateUDFImpl>>, DataFusionError> {
        let function = AggregateUDF::clone(&self.function).with_beneficial_ordering(ordered)?;
        Ok(function.map(|function| Arc::clone(foreseen(Arc::new(function), self.limits).inner())))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.function.order_sensitivity()
    }

    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        self.function.simplify()
    }

    fn simplify_expr_op_literal(
        &self,
        call: &AggregateFunction,
        argument: &Expr,
        operator: Operator,
        literal: &Expr,
        argument_is_left: bool,
    ) -> Result<Option<Expr>, DataFusionError> {
        self.function.simplify_expr_op_literal(call, argument, operator, literal, argument_is_left)
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        match self.function.reverse_udf() {
            ReversedUDAF::Reversed(function) => ReversedUDAF::Reversed(foreseen(function, self.limits)),
            other => other,
        }
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>, DataFusionError> {
        self.function.coerce_types(types)
    }

    fn is_descending(&self) -> Option<bool> {
        self.function.is_descending()
    }

    fn value_from_stats(&self, statistics: &StatisticsArgs<'_>) -> Option<ScalarValue> {
        self.function.value_from_stats(statistics)
    }

    fn default_value(&self, kind: &DataType) -> Result<ScalarValue, DataFusionError> {
        self.function.default_value(kind)
    }

    fn supports_null_handling_clause(&self) -> bool {
        self.function.supports_null_handling_clause()
    }

    fn supports_within_group_clause(&self) -> bool {
        self.function.supports_within_group_clause()
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.function.documentation()
    }

    fn set_monotonicity(&self, kind: &DataType) -> SetMonotonicity {
        self.function.inner().set_monotonicity(kind)
    }
}
