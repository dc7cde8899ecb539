//! `time_bucket_gapfill(width, time [, start, finish])` in GROUP BY: every bucket is there, also those without a row.
//!
//! In: a logical plan with such an aggregate. Out: the plan with a node above the aggregate that adds the missing buckets, from `start` until
//! before `finish`, else from the first to the last bucket of the answer. In an added bucket `locf(aggregate)` carries the last value
//! forward and `interpolate(aggregate)` draws a line to the next; other aggregates are null there. Buckets are those of UTC.

mod exec;

use super::bucket::Width;
use crate::domain::timestamp_type;
use arrow::array::RecordBatch;
use arrow::array::RecordBatchOptions;
use arrow::datatypes::DataType;
use arrow::datatypes::Field;
use arrow::datatypes::Schema;
use datafusion::common::Column;
use datafusion::common::DFSchema;
use datafusion::common::DFSchemaRef;
use datafusion::common::ScalarValue;
use datafusion::common::plan_err;
use datafusion::common::tree_node::Transformed;
use datafusion::common::tree_node::TransformedResult;
use datafusion::common::tree_node::TreeNode;
use datafusion::error::DataFusionError;
use datafusion::execution::FunctionRegistry;
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::ColumnarValue;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::Extension;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::ScalarFunctionArgs;
use datafusion::logical_expr::ScalarUDF;
use datafusion::logical_expr::ScalarUDFImpl;
use datafusion::logical_expr::Signature;
use datafusion::logical_expr::UserDefinedLogicalNodeCore;
use datafusion::logical_expr::Volatility;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

pub(super) use exec::GapFillExec;
pub(super) use exec::GapFillPlanner;

const BUCKET: &str = "time_bucket_gapfill";

/// Adds the functions to a context, so that the planner accepts them.
pub(super) fn register(context: &SessionContext) {
    for kind in [Kind::Bucket, Kind::Fill(Fill::Carried), Kind::Fill(Fill::Drawn)] {
        let signature = Signature::user_defined(Volatility::Immutable);
        context.register_udf(ScalarUDF::new_from_impl(Mark { kind, signature }));
    }
}

/// What goes into added buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd)]
enum Fill {
    /// Null.
    Empty,
    /// The value before.
    Carried,
    /// A line from the value before to the value after.
    Drawn,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Bucket,
    Fill(Fill),
}

/// A function that has a meaning only beside the aggregate; it never runs.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Mark {
    kind: Kind,
    signature: Signature,
}

impl Mark {
    const fn usage(&self) -> &'static str {
        match self.kind {
            Kind::Bucket => "time_bucket_gapfill(interval, time [, start, finish]) in SELECT and GROUP BY",
            Kind::Fill(Fill::Drawn) => "interpolate(avg(x)) beside time_bucket_gapfill",
            Kind::Fill(_) => "locf(avg(x)) beside time_bucket_gapfill",
        }
    }
}

impl ScalarUDFImpl for Mark {
    fn name(&self) -> &str {
        self.usage().split('(').next().unwrap_or_default()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType, DataFusionError> {
        match (self.kind, given) {
            (Kind::Bucket, _) => Ok(timestamp_type()),
            (Kind::Fill(Fill::Drawn), _) => Ok(DataType::Float64),
            (Kind::Fill(_), [kind]) => Ok(kind.clone()),
            (Kind::Fill(_), _) => plan_err!("write {}", self.usage()),
        }
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>, DataFusionError> {
        match (self.kind, given) {
            (Kind::Bucket, [width, _]) => Ok(vec![width.clone(), timestamp_type()]),
            (Kind::Bucket, [width, _, _, _]) => Ok(vec![width.clone(), timestamp_type(), timestamp_type(), timestamp_type()]),
            (Kind::Fill(Fill::Drawn), [kind]) if kind.is_numeric() => Ok(vec![DataType::Float64]),
            (Kind::Fill(Fill::Carried), [kind]) => Ok(vec![kind.clone()]),
            _ => plan_err!("{} takes other arguments; write {}", self.name(), self.usage()),
        }
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
        plan_err!("{} stands alone here; write {}", self.name(), self.usage())
    }
}

/// Puts the node into a plan that was not optimised yet.
///
/// # Errors
/// [`DataFusionError::Plan`] for a width, start or finish that is no constant, or a fill of something else than an aggregate.
pub(super) fn plan(plan: LogicalPlan, context: &SessionContext) -> Result<LogicalPlan, DataFusionError> {
    let mut found = false;
    let changed = plan.transform_up_with_subqueries(|node| {
        let node = if found { node.recompute_schema()? } else { node };
        match node {
            LogicalPlan::Aggregate(mut aggregate) => {
                let Some(at) = aggregate.group_expr.iter().position(|expr| call(expr).is_some()) else {
                    return Ok(Transformed::no(LogicalPlan::Aggregate(aggregate)));
                };
                let name = aggregate.schema.qualified_field(at);
                let Some(arguments) = call(&aggregate.group_expr[at]).map(<[Expr]>::to_vec) else {
                    return Ok(Transformed::no(LogicalPlan::Aggregate(aggregate)));
                };
                let name = Column::from(name).name;
                let (keys, grid) = (aggregate.group_expr.len(), Grid::new(&arguments, context)?);
                let bucket = context.udf("time_bucket")?.call(arguments[..2].to_vec());
                aggregate.group_expr[at] = bucket.alias(name);
                let input = LogicalPlan::Aggregate(aggregate).recompute_schema()?;
                let fills = vec![Fill::Empty; input.schema().fields().len() - keys];
                found = true;
                Ok(Transformed::yes(extension(GapFill::new(input, keys, at, grid, fills)?)))
            }
            LogicalPlan::Projection(projection) if found => {
                let LogicalPlan::Extension(Extension { node }) = projection.input.as_ref() else {
                    return Ok(Transformed::no(LogicalPlan::Projection(projection)));
                };
                let Some(fill) = node.as_any().downcast_ref::<GapFill>() else {
                    return Ok(Transformed::no(LogicalPlan::Projection(projection)));
                };
                let (exprs, fill) = fill.take_marks(&projection.expr)?;
                let above = datafusion::logical_expr::Projection::try_new(exprs, Arc::new(extension(fill)))?;
                Ok(Transformed::yes(LogicalPlan::Projection(above)))
            }
            other => Ok(Transformed::no(other)),
        }
    });
    changed.data()
}

fn extension(node: GapFill) -> LogicalPlan {
    LogicalPlan::Extension(Extension { node: Arc::new(node) })
}

/// Arguments of the bucket function, if the expression is a call of it.
fn call(expr: &Expr) -> Option<&[Expr]> {
    match expr {
        Expr::Alias(alias) => call(&alias.expr),
        Expr::ScalarFunction(call) if call.func.name() == BUCKET => Some(&call.args),
        _ => None,
    }
}

/// Where the buckets lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Grid {
    width: Width,
    start: Option<i64>,
    finish: Option<i64>,
}

impl Grid {
    fn new(arguments: &[Expr], context: &SessionContext) -> Result<Self, DataFusionError> {
        let value = |expr: &Expr| -> Result<ScalarValue, DataFusionError> {
            if expr.any_column_refs() {
                return plan_err!("{BUCKET}: {expr} changes from row to row; write a constant");
            }
            let one = RecordBatchOptions::new().with_row_count(Some(1));
            let nothing = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &one)?;
            let array = context.create_physical_expr(expr.clone(), &DFSchema::empty())?.evaluate(&nothing)?.into_array(1)?;
            ScalarValue::try_from_array(&array, 0)
        };
        let time = |expr: Option<&Expr>| -> Result<Option<i64>, DataFusionError> {
            let Some(expr) = expr else { return Ok(None) };
            match value(expr)?.cast_to(&timestamp_type())? {
                ScalarValue::TimestampMicrosecond(micros, _) => Ok(micros),
                other => plan_err!("{BUCKET}: {other} is no time"),
            }
        };
        let width = match value(&arguments[0])? {
            ScalarValue::IntervalMonthDayNano(Some(span)) => {
                Width::new(span.months.into(), span.days.into(), span.nanoseconds / 1000)
            }
            ScalarValue::IntervalDayTime(Some(span)) => Width::new(0, span.days.into(), i64::from(span.milliseconds) * 1000),
            ScalarValue::IntervalYearMonth(Some(months)) => Width::new(months.into(), 0, 0),
            other => Width::parse(other.try_as_str().flatten().unwrap_or_default()),
        };
        let width = width.map_err(|problem| DataFusionError::Plan(format!("{BUCKET}: {problem}")))?;
        Ok(Self { width, start: time(arguments.get(2))?, finish: time(arguments.get(3))? })
    }
}

/// The node: group keys first, one of them the bucket, then aggregates.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct GapFill {
    input: LogicalPlan,
    keys: usize,
    time: usize,
    grid: Grid,
    /// One per output column after the keys, and the input column it fills.
    fills: Vec<(usize, Fill)>,
    schema: DFSchemaRef,
}

impl GapFill {
    fn new(input: LogicalPlan, keys: usize, time: usize, grid: Grid, fills: Vec<Fill>) -> Result<Self, DataFusionError> {
        let fills = fills.into_iter().enumerate().map(|(column, fill)| (keys + column, fill)).collect();
        Self::with_fills(input, keys, time, grid, fills)
    }

    fn with_fills(
        input: LogicalPlan,
        keys: usize,
        time: usize,
        grid: Grid,
        fills: Vec<(usize, Fill)>,
    ) -> Result<Self, DataFusionError> {
        let field = |column: usize| {
            let (qualifier, field) = input.schema().qualified_field(column);
            (qualifier.cloned(), field)
        };
        let mut fields: Vec<_> = (0..keys).map(|key| (field(key).0, Arc::clone(field(key).1))).collect();
        for (column, fill) in &fills {
            let (qualifier, given) = field(*column);
            fields.push(match fill {
                Fill::Empty => (qualifier, Arc::new(given.as_ref().clone().with_nullable(true))),
                Fill::Carried => (None, Arc::new(Field::new(format!("locf({})", given.name()), given.data_type().clone(), true))),
                Fill::Drawn => (None, Arc::new(Field::new(format!("interpolate({})", given.name()), DataType::Float64, true))),
            });
        }
        let schema = Arc::new(DFSchema::new_with_metadata(fields, input.schema().metadata().clone())?);
        Ok(Self { input, keys, time, grid, fills, schema })
    }

    /// Turns `locf(aggregate)` in a projection into a column of this node.
    fn take_marks(&self, exprs: &[Expr]) -> Result<(Vec<Expr>, Self), DataFusionError> {
        let mut fills = self.fills.clone();
        let mut rewritten = Vec::new();
        for expr in exprs {
            let name = expr.schema_name().to_string();
            let new = expr.clone().transform_up(|part| {
                let Expr::ScalarFunction(call) = &part else { return Ok(Transformed::no(part)) };
                let fill = match call.func.name() {
                    "locf" => Fill::Carried,
                    "interpolate" => Fill::Drawn,
                    _ => return Ok(Transformed::no(part)),
                };
                let [Expr::Column(column)] = call.args.as_slice() else {
                    return plan_err!(
                        "{0} takes one aggregate; write {0}(avg(x)), and what is reckoned with it outside",
                        call.func.name()
                    );
                };
                let at = self.schema.index_of_column(column)?;
                let Some((source, _)) = at.checked_sub(self.keys).and_then(|value| self.fills.get(value)) else {
                    return plan_err!("{0} takes an aggregate, not a key; write {0}(avg(x))", call.func.name());
                };
                if !fills.contains(&(*source, fill)) {
                    fills.push((*source, fill));
                }
                let given = self.input.schema().field(*source).name();
                let name = if fill == Fill::Carried { format!("locf({given})") } else { format!("interpolate({given})") };
                Ok(Transformed::yes(Expr::Column(Column::new_unqualified(name))))
            })?;
            rewritten.push(if new.transformed { new.data.alias_if_changed(name)? } else { new.data });
        }
        Ok((rewritten, Self::with_fills(self.input.clone(), self.keys, self.time, self.grid, fills)?))
    }
}

impl PartialOrd for GapFill {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        if self == other {
            Some(Ordering::Equal)
        } else {
            (self.keys, &self.fills).partial_cmp(&(other.keys, &other.fills)).filter(|o| o.is_ne())
        }
    }
}

impl UserDefinedLogicalNodeCore for GapFill {
    fn name(&self) -> &'static str {
        "GapFill"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GapFill: {} by {:?}", self.input.schema().field(self.time).name(), self.grid.width)
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Self, DataFusionError> {
        let Some(input) = inputs.pop() else { return plan_err!("{BUCKET} has one input") };
        Self::with_fills(input, self.keys, self.time, self.grid, self.fills.clone())
    }
}
