//! Grouping rows that come in runs: telemetry lies sorted by asset and time, so rows of one group follow each other.
//!
//! In: a physical plan. Out: the same plan, in which a hash aggregate sees one row of partial state per run instead of every row.
//! Any order of rows gives the right answer; where runs turn out to be short the rest goes to the ordinary hash aggregate.

#[cfg(test)]
mod tests;

use super::bounded::gathers;
use super::width;
use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::RecordBatch;
use arrow::array::UInt32Array;
use arrow::compute::concat;
use arrow::compute::partition;
use arrow::compute::take;
use arrow::datatypes::SchemaRef;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::tree_node::TransformedResult;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::DataFusionError;
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::logical_expr::EmitTo;
use datafusion::logical_expr::GroupsAccumulator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::DisplayAs;
use datafusion::physical_plan::DisplayFormatType;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::InputOrderMode;
use datafusion::physical_plan::PlanProperties;
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::aggregates::AggregateMode;
use datafusion::physical_plan::aggregates::aggregate_expressions;
use datafusion::physical_plan::aggregates::evaluate_group_by;
use datafusion::physical_plan::aggregates::evaluate_many;
use datafusion::physical_plan::execution_plan::ReplaceChildrenOptions;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use datafusion::physical_plan::streaming::StreamingTableExec;
use futures::StreamExt;
use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

/// Groups held before their state is handed on.
const HELD_GROUPS: usize = 8192;
/// Rows a run must have on average to be worth it; a guess between the cost of hashing a row and of copying a state.
const LEAST_RUN: usize = 4;

/// Puts [`RunAggregateExec`] below hash aggregates.
#[derive(Debug)]
pub(super) struct GroupByRuns;

impl PhysicalOptimizerRule for GroupByRuns {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        plan.transform_up(|node| {
            let rewritten = node.downcast_ref::<AggregateExec>().map(split).transpose()?.flatten();
            Ok(rewritten.map_or_else(|| Transformed::no(node), Transformed::yes))
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "group_by_runs"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The aggregate in two steps, `None` where that is not possible.
fn split(whole: &AggregateExec) -> Result<Option<Arc<dyn ExecutionPlan>>, DataFusionError> {
    let last = match whole.mode() {
        AggregateMode::Single => Some(AggregateMode::Final),
        AggregateMode::SinglePartitioned => Some(AggregateMode::FinalPartitioned),
        AggregateMode::Partial => None,
        _ => return Ok(None),
    };
    let group = whole.group_expr();
    let fits = group.is_single()
        && !group.is_empty()
        && whole.limit_options().is_none()
        && whole.dynamic_expressions_produced().is_empty()
        && whole.input_order_mode() == &InputOrderMode::Linear
        && whole.filter_expr().iter().all(Option::is_none)
        && whole.aggr_expr().iter().all(|a| a.groups_accumulator_supported() && a.order_bys().is_empty() && !a.is_distinct())
        // What gathers values grows with every row: handed on in pieces it would pile up, uncounted, in front of the last step.
        && !whole.aggr_expr().iter().any(|a| gathers(a.fun().name()));
    if !fits {
        return Ok(None);
    }
    let (aggregates, filters) = (whole.aggr_expr().to_vec(), whole.filter_expr().to_vec());
    let (input, schema) = (Arc::clone(whole.input()), whole.input_schema());
    let partial = AggregateExec::try_new(
        AggregateMode::Partial,
        group.clone(),
        aggregates.clone(),
        filters.clone(),
        input,
        Arc::clone(&schema),
    )?;
    let runs: Arc<dyn ExecutionPlan> = Arc::new(RunAggregateExec { partial: Arc::new(partial) });
    Ok(Some(match last {
        None => runs,
        Some(mode) => Arc::new(AggregateExec::try_new(mode, group.as_final(), aggregates, filters, runs, schema)?),
    }))
}

/// Folds runs of equal group keys into rows of partial state.
#[derive(Debug, Clone)]
pub(super) struct RunAggregateExec {
    /// The hash aggregate with the same output, which takes over where runs are short.
    partial: Arc<AggregateExec>,
}

impl DisplayAs for RunAggregateExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<String> = self.partial.group_expr().expr().iter().map(|(expr, _)| expr.to_string()).collect();
        let aggregates: Vec<&str> = self.partial.aggr_expr().iter().map(|aggregate| aggregate.name()).collect();
        write!(f, "RunAggregateExec: gby=[{}], aggr=[{}]", keys.join(", "), aggregates.join(", "))
    }
}

impl ExecutionPlan for RunAggregateExec {
    fn name(&self) -> &'static str {
        "RunAggregateExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.partial.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![self.partial.input()]
    }

    fn apply_expressions(
        &self,
        each: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion, DataFusionError>,
    ) -> Result<TreeNodeRecursion, DataFusionError> {
        self.partial.apply_expressions(each)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let replaced = Arc::clone(&self.partial).replace_children(children, options)?;
        let partial = replaced.downcast_ref::<AggregateExec>().cloned();
        let partial = partial.ok_or_else(|| DataFusionError::Internal("an aggregate became something else".to_owned()))?;
        Ok(Arc::new(Self { partial: Arc::new(partial) }))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        self.replace_children(
            children,
            ReplaceChildrenOptions::new(datafusion::physical_plan::execution_plan::ChildrenPropertiesMode::Recompute),
        )
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream, DataFusionError> {
        let input = self.partial.input().execute(partition, Arc::clone(&context))?;
        let folding = Folding {
            arguments: aggregate_expressions(self.partial.aggr_expr(), &AggregateMode::Partial, 0)?,
            accumulators: accumulators(&self.partial)?,
            partial: Arc::clone(&self.partial),
            keys: vec![Vec::new(); self.partial.group_expr().num_group_exprs()],
            input: Some(input),
            rest: None,
            held: MemoryConsumer::new("RunAggregateExec").register(context.memory_pool()),
            context,
            groups: 0,
            rows: 0,
            key_bytes: 0,
        };
        let stream = futures::stream::try_unfold(folding, |mut folding| async move {
            let next = folding.next().await?;
            Ok(next.map(|batch| (batch, folding)))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.partial.schema(), stream)))
    }
}

fn accumulators(aggregate: &AggregateExec) -> Result<Vec<Box<dyn GroupsAccumulator>>, DataFusionError> {
    aggregate.aggr_expr().iter().map(|expr| expr.create_groups_accumulator()).collect()
}

/// One partition being folded.
struct Folding {
    partial: Arc<AggregateExec>,
    arguments: Vec<Vec<Arc<dyn PhysicalExpr>>>,
    accumulators: Vec<Box<dyn GroupsAccumulator>>,
    /// By group column: the keys of the held groups, batch by batch.
    keys: Vec<Vec<ArrayRef>>,
    input: Option<SendableRecordBatchStream>,
    /// What the hash aggregate makes of the rows that are left.
    rest: Option<SendableRecordBatchStream>,
    context: Arc<TaskContext>,
    groups: usize,
    rows: usize,
    key_bytes: usize,
    held: MemoryReservation,
}

impl Folding {
    async fn next(&mut self) -> Result<Option<RecordBatch>, DataFusionError> {
        loop {
            if let Some(rest) = &mut self.rest {
                return rest.next().await.transpose();
            }
            let Some(input) = &mut self.input else { return Ok(None) };
            match input.next().await.transpose()? {
                Some(batch) => {
                    self.take(&batch)?;
                    let bytes = self.accumulators.iter().map(|accumulator| accumulator.size()).sum::<usize>() + self.key_bytes;
                    self.held.try_resize(bytes)?;
                    if self.groups >= HELD_GROUPS {
                        if self.rows < LEAST_RUN * self.groups {
                            self.hand_over()?;
                        }
                        return self.emit().map(Some);
                    }
                }
                None => {
                    self.input = None;
                    return if self.groups > 0 { self.emit().map(Some) } else { Ok(None) };
                }
            }
        }
    }

    fn take(&mut self, batch: &RecordBatch) -> Result<(), DataFusionError> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let keys = evaluate_group_by(self.partial.group_expr(), batch)?.swap_remove(0);
        let values = evaluate_many(&self.arguments, batch)?;
        let mut groups = Vec::with_capacity(batch.num_rows());
        let mut starts = Vec::new();
        for run in partition(&keys)?.ranges() {
            let group = self.groups + starts.len();
            starts.push(u32::try_from(run.start).unwrap_or(u32::MAX));
            groups.resize(groups.len() + run.len(), group);
        }
        self.groups += starts.len();
        self.rows += batch.num_rows();
        for (accumulator, values) in self.accumulators.iter_mut().zip(&values) {
            accumulator.update_batch(values, &groups, None, self.groups)?;
        }
        let starts = UInt32Array::from(starts);
        for (held, column) in self.keys.iter_mut().zip(&keys) {
            let column = take(column, &starts, None)?;
            self.key_bytes += width::rows(&column, 0..column.len());
            held.push(column);
        }
        Ok(())
    }

    fn emit(&mut self) -> Result<RecordBatch, DataFusionError> {
        let mut columns = Vec::new();
        for held in &mut self.keys {
            let parts: Vec<&dyn Array> = held.iter().map(AsRef::as_ref).collect();
            columns.push(concat(&parts)?);
            held.clear();
        }
        for accumulator in &mut self.accumulators {
            columns.extend(accumulator.state(EmitTo::All)?);
        }
        (self.groups, self.rows, self.key_bytes) = (0, 0, 0);
        self.held.free();
        Ok(RecordBatch::try_new(self.partial.schema(), columns)?)
    }

    /// Gives the rows that are left to the hash aggregate.
    fn hand_over(&mut self) -> Result<(), DataFusionError> {
        let schema = self.partial.input().schema();
        let left = Left { schema: Arc::clone(&schema), stream: Mutex::new(self.input.take()) };
        let input = StreamingTableExec::try_new(schema, vec![Arc::new(left)], None, Vec::new(), false, None)?;
        let (group, aggregates) = (self.partial.group_expr().clone(), self.partial.aggr_expr().to_vec());
        let filters = self.partial.filter_expr().to_vec();
        let schema = self.partial.input_schema();
        let hashing = AggregateExec::try_new(AggregateMode::Partial, group, aggregates, filters, Arc::new(input), schema)?;
        self.rest = Some(hashing.execute(0, Arc::clone(&self.context))?);
        Ok(())
    }
}

/// The rows of a stream that are left, as a plan can read them: once.
struct Left {
    schema: SchemaRef,
    stream: Mutex<Option<SendableRecordBatchStream>>,
}

impl fmt::Debug for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Left").field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl PartitionStream for Left {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let left = self.stream.lock().unwrap_or_else(PoisonError::into_inner).take();
        left.unwrap_or_else(|| Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), futures::stream::empty())))
    }
}
