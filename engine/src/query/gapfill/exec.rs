//! Filling gaps while it runs: the groups sorted by key and time, the missing buckets added one key at a time.
//!
//! In: the node of `gapfill` and the groups, which are held within the memory limit. Out: batches, one per key, sorted by time.

use super::Fill;
use super::GapFill;
use super::Grid;
use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::Float64Array;
use arrow::array::RecordBatch;
use arrow::array::TimestampMicrosecondArray;
use arrow::array::UInt32Array;
use arrow::compute::SortColumn;
use arrow::compute::cast;
use arrow::compute::concat_batches;
use arrow::compute::lexsort_to_indices;
use arrow::compute::partition;
use arrow::compute::take;
use arrow::compute::take_record_batch;
use arrow::datatypes::DataType;
use arrow::datatypes::Float64Type;
use arrow::datatypes::SchemaRef;
use arrow::datatypes::TimestampMicrosecondType;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::exec_err;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::DataFusionError;
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::UserDefinedLogicalNode;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::DisplayAs;
use datafusion::physical_plan::DisplayFormatType;
use datafusion::physical_plan::Distribution;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::InputDistributionRequirements;
use datafusion::physical_plan::Partitioning;
use datafusion::physical_plan::PlanProperties;
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::physical_plan::execution_plan::Boundedness;
use datafusion::physical_plan::execution_plan::ChildrenPropertiesMode;
use datafusion::physical_plan::execution_plan::EmissionType;
use datafusion::physical_plan::execution_plan::ReplaceChildrenOptions;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_planner::ExtensionPlanner;
use datafusion::physical_planner::PhysicalPlanner;
use futures::StreamExt;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Most buckets of one key: 19 years of minutes.
const MAX_BUCKETS: usize = 10_000_000;

/// Plans the node of gap filling.
#[derive(Debug)]
pub(in crate::query) struct GapFillPlanner;

#[async_trait]
impl ExtensionPlanner for GapFillPlanner {
    async fn plan_extension(
        &self,
        _: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _: &[&LogicalPlan],
        physical: &[Arc<dyn ExecutionPlan>],
        _: &dyn Session,
        _: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>, DataFusionError> {
        let (Some(node), [input]) = (node.as_any().downcast_ref::<GapFill>(), physical) else { return Ok(None) };
        let schema = Arc::new(node.schema.as_arrow().clone());
        let work = Work { keys: node.keys, time: node.time, grid: node.grid, fills: node.fills.clone(), schema };
        Ok(Some(Arc::new(GapFillExec::new(Arc::new(work), Arc::clone(input)))))
    }
}

#[derive(Debug)]
pub(in crate::query) struct GapFillExec {
    work: Arc<Work>,
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl GapFillExec {
    fn new(work: Arc<Work>, input: Arc<dyn ExecutionPlan>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&work.schema)),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Self { work, input, properties: Arc::new(properties) }
    }
}

impl DisplayAs for GapFillExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GapFillExec: {:?}", self.work.grid)
    }
}

impl ExecutionPlan for GapFillExec {
    fn name(&self) -> &'static str {
        "GapFillExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        InputDistributionRequirements::new(vec![Distribution::SinglePartition])
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion, DataFusionError>,
    ) -> Result<TreeNodeRecursion, DataFusionError> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let input = children.pop().ok_or_else(|| DataFusionError::Internal("gap filling has one input".to_owned()))?;
        Ok(Arc::new(Self::new(Arc::clone(&self.work), input)))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream, DataFusionError> {
        let held = MemoryConsumer::new("GapFillExec").register(context.memory_pool());
        let (mut input, work, schema) = (self.input.execute(partition, context)?, Arc::clone(&self.work), self.input.schema());
        let fill = async move {
            let mut batches = Vec::new();
            while let Some(batch) = input.next().await.transpose()? {
                // Once as it comes, once joined and sorted.
                held.try_grow(3 * batch.get_array_memory_size())?;
                batches.push(batch);
            }
            let (sorted, groups) = work.sort(&concat_batches(&schema, &batches)?)?;
            Ok::<_, DataFusionError>(futures::stream::iter(groups).map(move |group| {
                let _until_done = &held;
                work.fill(&sorted, group)
            }))
        };
        let stream = futures::TryStreamExt::try_flatten(futures::stream::once(fill));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), stream)))
    }
}

/// What is to be filled; see [`GapFill`].
#[derive(Debug)]
struct Work {
    keys: usize,
    time: usize,
    grid: Grid,
    fills: Vec<(usize, Fill)>,
    schema: SchemaRef,
}

impl Work {
    /// The rows by key, then by time, and where each key is.
    fn sort(&self, rows: &RecordBatch) -> Result<(RecordBatch, Vec<Range<usize>>), DataFusionError> {
        if rows.num_rows() == 0 {
            return Ok((rows.clone(), Vec::new()));
        }
        let order: Vec<usize> = (0..self.keys).filter(|&key| key != self.time).chain([self.time]).collect();
        let columns = order.iter().map(|&column| SortColumn { values: Arc::clone(rows.column(column)), options: None });
        let sorted = take_record_batch(rows, &lexsort_to_indices(&columns.collect::<Vec<_>>(), None)?)?;
        let others: Vec<ArrayRef> = order[..order.len() - 1].iter().map(|&key| Arc::clone(sorted.column(key))).collect();
        let all = 0..sorted.num_rows();
        let groups = if others.is_empty() { vec![all] } else { partition(&others)?.ranges() };
        Ok((sorted, groups))
    }

    /// First bucket, and the instant before which the last one starts.
    fn bounds(&self, times: &TimestampMicrosecondArray) -> Option<(i64, i64)> {
        let (low, high) = (arrow::compute::min(times), arrow::compute::max(times));
        let start = match self.grid.start {
            Some(start) => self.grid.width.start(start, &jiff::tz::TimeZone::UTC)?,
            None => low?,
        };
        let end = match self.grid.finish {
            Some(finish) => finish,
            None => high?.checked_add(1)?,
        };
        Some((start, end))
    }

    fn fill(&self, rows: &RecordBatch, group: Range<usize>) -> Result<RecordBatch, DataFusionError> {
        let all = rows.column(self.time).as_primitive::<TimestampMicrosecondType>();
        let at = |row: usize| all.is_valid(row).then(|| all.value(row));
        let first = u32::try_from(group.start).unwrap_or(u32::MAX);
        // Each row of the answer: its bucket, and the row it comes from.
        let mut answer: Vec<(Option<i64>, Option<u32>)> = Vec::new();
        let mut left = (first..).zip(group).peekable();
        if let Some((start, end)) = self.bounds(all) {
            let mut bucket = Some(start);
            while let Some(now) = bucket.filter(|&now| now < end) {
                while let Some((row, _)) = left.next_if(|&(_, row)| at(row) < Some(now)) {
                    answer.push((at(row as usize), Some(row)));
                }
                let found = left.next_if(|&(_, row)| at(row) == Some(now));
                answer.push((Some(now), found.map(|(row, _)| row)));
                if answer.len() > MAX_BUCKETS {
                    return exec_err!(
                        "time_bucket_gapfill: more than {MAX_BUCKETS} buckets; take a wider bucket, or a start and a finish"
                    );
                }
                bucket = self.grid.width.next(now);
            }
        }
        answer.extend(left.map(|(row, index)| (at(index), Some(row))));
        let times: TimestampMicrosecondArray = answer.iter().map(|(time, _)| *time).collect();
        let sources: UInt32Array = answer.iter().map(|(_, row)| *row).collect();
        let key = UInt32Array::from(vec![first; answer.len()]);
        let mut columns: Vec<ArrayRef> = Vec::new();
        for column in 0..self.keys {
            columns.push(match column == self.time {
                true => Arc::new(times.clone().with_timezone("UTC")),
                false => take(rows.column(column), &key, None)?,
            });
        }
        for (source, fill) in &self.fills {
            let given = rows.column(*source);
            columns.push(match fill {
                Fill::Empty => take(given, &sources, None)?,
                Fill::Carried => take(given, &carried(given, &sources), None)?,
                Fill::Drawn => {
                    let values = take(&cast(given, &DataType::Float64)?, &sources, None)?;
                    Arc::new(drawn(values.as_primitive::<Float64Type>(), &times))
                }
            });
        }
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }
}

/// For each row the last one with a value.
fn carried(given: &ArrayRef, sources: &UInt32Array) -> UInt32Array {
    let nulls = given.logical_nulls();
    let mut last = None;
    let here = sources.iter().map(|source| {
        last = source.filter(|&row| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row as usize))).or(last);
        last
    });
    here.collect()
}

/// A line over each gap; null before the first value and after the last.
fn drawn(values: &Float64Array, times: &TimestampMicrosecondArray) -> Float64Array {
    let mut filled: Vec<Option<f64>> = values.iter().collect();
    let mut before: Option<usize> = None;
    for row in (0..values.len()).filter(|&row| values.is_valid(row) && times.is_valid(row)) {
        if let Some(from) = before {
            let (x0, x1) = (times.value(from), times.value(row));
            let (y0, y1) = (values.value(from), values.value(row));
            for (value, time) in filled[from + 1..row].iter_mut().zip(&times.values()[from + 1..row]) {
                *value = Some(y0 + (y1 - y0) * ((time - x0) as f64 / (x1 - x0) as f64));
            }
        }
        before = Some(row);
    }
    filled.into()
}
