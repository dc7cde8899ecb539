//! The ASOF join while it runs: the right side sorted in memory by key and time, the left side as a stream past it.
//!
//! In: the node of `asof`. Out: the columns of the left, then those of the newest right row by then, null where there is none. Of
//! right rows at one time the last read counts. The right side is held within the memory limit; it is read once for all partitions.

use super::AsofJoin;
use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::RecordBatch;
use arrow::array::UInt32Array;
use arrow::compute::concat_batches;
use arrow::compute::take;
use arrow::datatypes::SchemaRef;
use arrow::datatypes::TimestampMicrosecondType;
use arrow::row::RowConverter;
use arrow::row::Rows;
use arrow::row::SortField;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::DataFusionError;
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::UserDefinedLogicalNode;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::DisplayAs;
use datafusion::physical_plan::DisplayFormatType;
use datafusion::physical_plan::Distribution;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::ExecutionPlanProperties;
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
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// Plans the node of the ASOF join.
#[derive(Debug)]
pub(in crate::query) struct AsofPlanner;

#[async_trait]
impl ExtensionPlanner for AsofPlanner {
    async fn plan_extension(
        &self,
        planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        logical: &[&LogicalPlan],
        physical: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        context: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>, DataFusionError> {
        let (Some(node), [left, right], [left_input, right_input]) = (node.as_any().downcast_ref::<AsofJoin>(), logical, physical)
        else {
            return Ok(None);
        };
        let side = |keys: &[_], time: &_, plan: &LogicalPlan| -> Result<Side, DataFusionError> {
            let expr = |expr: &_| planner.create_physical_expr(expr, plan.schema(), session, context);
            Ok(Side { keys: keys.iter().map(expr).collect::<Result<_, _>>()?, time: expr(time)? })
        };
        let schema = Arc::new(node.schema.as_arrow().clone());
        Ok(Some(Arc::new(AsofJoinExec {
            left_side: side(&node.left_keys, &node.left_time, left)?,
            right_side: side(&node.right_keys, &node.right_time, right)?,
            strict: node.strict,
            properties: properties(&schema, left_input),
            index: Arc::default(),
            inputs: [Arc::clone(left_input), Arc::clone(right_input)],
        })))
    }
}

fn properties(schema: &SchemaRef, left: &Arc<dyn ExecutionPlan>) -> Arc<PlanProperties> {
    Arc::new(PlanProperties::new(
        EquivalenceProperties::new(Arc::clone(schema)),
        Partitioning::UnknownPartitioning(left.output_partitioning().partition_count()),
        EmissionType::Incremental,
        Boundedness::Bounded,
    ))
}

/// What is compared on one side.
#[derive(Debug, Clone)]
struct Side {
    keys: Vec<Arc<dyn PhysicalExpr>>,
    time: Arc<dyn PhysicalExpr>,
}

impl Side {
    fn keys(&self, batch: &RecordBatch) -> Result<Vec<ArrayRef>, DataFusionError> {
        self.keys.iter().map(|key| key.evaluate(batch)?.into_array(batch.num_rows())).collect()
    }

    fn times(&self, batch: &RecordBatch) -> Result<ArrayRef, DataFusionError> {
        self.time.evaluate(batch)?.into_array(batch.num_rows())
    }
}

#[derive(Debug)]
pub(in crate::query) struct AsofJoinExec {
    inputs: [Arc<dyn ExecutionPlan>; 2],
    left_side: Side,
    right_side: Side,
    strict: bool,
    properties: Arc<PlanProperties>,
    index: Arc<OnceCell<Arc<Index>>>,
}

impl DisplayAs for AsofJoinExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let on: Vec<String> = self.left_side.keys.iter().zip(&self.right_side.keys).map(|(l, r)| format!("{l} = {r}")).collect();
        let sign = if self.strict { ">" } else { ">=" };
        write!(f, "AsofJoinExec: on=[{}], match={} {sign} {}", on.join(", "), self.left_side.time, self.right_side.time)
    }
}

impl ExecutionPlan for AsofJoinExec {
    fn name(&self) -> &'static str {
        "AsofJoinExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.inputs.iter().collect()
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        InputDistributionRequirements::new(vec![Distribution::UnspecifiedDistribution, Distribution::SinglePartition])
    }

    fn apply_expressions(
        &self,
        each: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion, DataFusionError>,
    ) -> Result<TreeNodeRecursion, DataFusionError> {
        for side in [&self.left_side, &self.right_side] {
            for expr in side.keys.iter().chain([&side.time]) {
                if each(expr)? == TreeNodeRecursion::Stop {
                    return Ok(TreeNodeRecursion::Stop);
                }
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let inputs =
            <[_; 2]>::try_from(children).map_err(|_| DataFusionError::Internal("an ASOF join has two inputs".to_owned()))?;
        Ok(Arc::new(Self {
            properties: properties(&self.schema(), &inputs[0]),
            left_side: self.left_side.clone(),
            right_side: self.right_side.clone(),
            strict: self.strict,
            index: Arc::default(),
            inputs,
        }))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream, DataFusionError> {
        let left = self.inputs[0].execute(partition, Arc::clone(&context))?;
        let (cell, input, strict) = (Arc::clone(&self.index), Arc::clone(&self.inputs[1]), self.strict);
        let (left_side, right_side, schema) = (self.left_side.clone(), self.right_side.clone(), self.schema());
        let build = async move {
            let index = cell.get_or_try_init(|| async { Index::read(&input, &right_side, context).await.map(Arc::new) }).await?;
            let index = Arc::clone(index);
            let converter = RowConverter::new(index.key_fields.clone())?;
            Ok::<_, DataFusionError>(left.map(move |batch| {
                let batch = batch?;
                let keys = left_side.keys(&batch)?;
                let found = index.find(&keys, &converter.convert_columns(&keys)?, &left_side.times(&batch)?, strict);
                let mut columns = batch.columns().to_vec();
                for column in index.rows.columns() {
                    columns.push(take(column, &found, None)?);
                }
                Ok(RecordBatch::try_new(Arc::clone(&schema), columns)?)
            }))
        };
        let stream = futures::TryStreamExt::try_flatten(futures::stream::once(build));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), stream)))
    }
}

/// The right side.
#[derive(Debug)]
struct Index {
    rows: RecordBatch,
    key_fields: Vec<SortField>,
    /// By key: times and rows, sorted by time.
    places: HashMap<Box<[u8]>, Vec<(i64, u32)>>,
    /// Given back when the last partition is done.
    _held: MemoryReservation,
}

impl Index {
    async fn read(input: &Arc<dyn ExecutionPlan>, side: &Side, context: Arc<TaskContext>) -> Result<Self, DataFusionError> {
        let held = MemoryConsumer::new("AsofJoinExec").register(context.memory_pool());
        let mut stream = input.execute(0, context)?;
        let mut batches = Vec::new();
        while let Some(batch) = stream.next().await.transpose()? {
            // Once as it comes, once joined, and its place in the index.
            held.try_grow(2 * batch.get_array_memory_size() + batch.num_rows() * size_of::<(i64, u32)>())?;
            batches.push(batch);
        }
        let rows = concat_batches(&input.schema(), &batches)?;
        let (keys, times) = (side.keys(&rows)?, side.times(&rows)?);
        let key_fields: Vec<SortField> = keys.iter().map(|key| SortField::new(key.data_type().clone())).collect();
        let encoded = RowConverter::new(key_fields.clone())?.convert_columns(&keys)?;
        let times = times.as_primitive::<TimestampMicrosecondType>();
        let mut places: HashMap<Box<[u8]>, Vec<(i64, u32)>> = HashMap::new();
        for row in 0..rows.num_rows() {
            if times.is_null(row) || keys.iter().any(|key| key.is_null(row)) {
                continue;
            }
            let place = (times.value(row), u32::try_from(row).unwrap_or(u32::MAX));
            match places.get_mut(encoded.row(row).data()) {
                Some(of_key) => of_key.push(place),
                None => {
                    places.insert(Box::from(encoded.row(row).data()), vec![place]);
                }
            }
        }
        places.values_mut().filter(|of_key| !of_key.is_sorted()).for_each(|of_key| of_key.sort_unstable());
        Ok(Self { rows, key_fields, places, _held: held })
    }

    /// For each row on the left the row on the right, null where there is none.
    fn find(&self, keys: &[ArrayRef], encoded: &Rows, times: &ArrayRef, strict: bool) -> UInt32Array {
        let times = times.as_primitive::<TimestampMicrosecondType>();
        let mut of_key: &[(i64, u32)] = &[];
        let mut last: Option<&[u8]> = None;
        // The left side mostly comes sorted too: the right row of one is that of the next.
        let mut after = 0;
        let before = |place: &(i64, u32), time: i64| if strict { place.0 < time } else { place.0 <= time };
        let find = |row: usize| {
            let key = encoded.row(row).data();
            if last != Some(key) {
                last = Some(key);
                of_key = self.places.get(key).map_or(&[], Vec::as_slice);
                after = 0;
            }
            if times.is_null(row) || keys.iter().any(|key| key.is_null(row)) {
                return None;
            }
            let time = times.value(row);
            let still = of_key[..after].last().is_none_or(|place| before(place, time))
                && of_key.get(after).is_none_or(|place| !before(place, time));
            if !still {
                after = of_key.partition_point(|place| before(place, time));
            }
            of_key[..after].last().map(|place| place.1)
        };
        (0..encoded.num_rows()).map(find).collect()
    }
}
