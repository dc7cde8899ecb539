//! The node that guards a plan: passes batches on while the statement may run and its duty is kept.
//!
//! In: a stream of batches. Out: the same rows, sometimes in smaller batches, or the reason why not.

use crate::query::error::Excess;
use crate::query::watch::Watch;
use crate::query::width;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use arrow::datatypes::SchemaRef;
use datafusion::common::Statistics;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::DataFusionError;
use datafusion::execution::RecordBatchStream;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::physical_plan::ChildStats;
use datafusion::physical_plan::DisplayAs;
use datafusion::physical_plan::DisplayFormatType;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::PhysicalExpr;
use datafusion::physical_plan::PlanProperties;
use datafusion::physical_plan::StatisticsArgs;
use datafusion::physical_plan::execution_plan::CardinalityEffect;
use futures::Stream;
use futures::StreamExt;
use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

/// Where a guard leaves what it holds for a guard below, which takes it in the same call: starting the one starts the other.
pub(super) type Handed = Arc<Mutex<Option<Arc<MemoryReservation>>>>;

/// What a guard looks after, besides stopping.
#[derive(Debug, Clone)]
pub(super) enum Duty {
    /// Nothing more.
    Stop,
    /// No row is wider than this.
    Narrow { row_bytes: usize },
    /// No batch has more rows than this.
    Slices { rows: usize },
    /// No more rows than this in all.
    Rows { most: usize },
    /// Started no more often than this: what a recursive query does in each round.
    Rounds { taken: Arc<AtomicUsize>, most: usize },
    /// The rows stay in memory and are copied once, which the node above does not count; counted until the guard that is
    /// [`Duty::Holds`] on the other side of it goes.
    Gathered { handed: Handed },
    /// The other side of [`Duty::Gathered`].
    Holds { handed: Handed },
    /// Rows whose lists (column, depth) will be unnested: narrow without them, and not too large with their other columns repeated.
    Unnest { lists: Vec<(usize, usize)>, row_bytes: usize, all_bytes: usize },
}

/// The node.
#[derive(Debug)]
pub(super) struct GuardExec {
    input: Arc<dyn ExecutionPlan>,
    duty: Duty,
    watch: Arc<Watch>,
    properties: Arc<PlanProperties>,
}

impl GuardExec {
    pub(super) fn new(input: Arc<dyn ExecutionPlan>, duty: Duty, watch: Arc<Watch>) -> Self {
        let properties = Arc::clone(input.properties());
        Self { input, duty, watch, properties }
    }
}

impl DisplayAs for GuardExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GuardExec")
    }
}

impl ExecutionPlan for GuardExec {
    fn name(&self) -> &'static str {
        "GuardExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion, DataFusionError>,
    ) -> Result<TreeNodeRecursion, DataFusionError> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        match (children.pop(), children.is_empty()) {
            (Some(input), true) => Ok(Arc::new(Self::new(input, self.duty.clone(), Arc::clone(&self.watch)))),
            _ => Err(DataFusionError::Internal("a guard has one input".to_owned())),
        }
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream, DataFusionError> {
        self.watch.check()?;
        if let Duty::Rounds { taken, most } = &self.duty {
            let round = taken.fetch_add(1, Ordering::Relaxed) + 1;
            if round > *most {
                return Err(endless(&format!("began its round {round}"), format!("{most} rounds")));
            }
        }
        let held = match &self.duty {
            Duty::Holds { handed } => {
                let held = Arc::new(MemoryConsumer::new(self.input.name()).register(context.memory_pool()));
                handed.lock().unwrap_or_else(PoisonError::into_inner).replace(Arc::clone(&held));
                Some(held)
            }
            Duty::Gathered { handed } => handed.lock().unwrap_or_else(PoisonError::into_inner).take(),
            _ => None,
        };
        let input = self.input.execute(partition, context)?;
        let schema = input.schema();
        Ok(Box::pin(Guarded {
            input,
            schema,
            duty: self.duty.clone(),
            watch: Arc::clone(&self.watch),
            cut: VecDeque::new(),
            rows: 0,
            held,
        }))
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::At(partition)]
    }

    fn statistics_from_inputs(&self, inputs: &[Arc<Statistics>], _: &StatisticsArgs) -> Result<Arc<Statistics>, DataFusionError> {
        inputs.first().map(Arc::clone).ok_or_else(|| DataFusionError::Internal("a guard has one input".to_owned()))
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::Equal
    }
}

struct Guarded {
    input: SendableRecordBatchStream,
    schema: SchemaRef,
    duty: Duty,
    watch: Arc<Watch>,
    /// A batch in pieces, those that are still to go.
    cut: VecDeque<RecordBatch>,
    rows: usize,
    held: Option<Arc<MemoryReservation>>,
}

impl Guarded {
    fn keep(&mut self, batch: RecordBatch) -> Result<RecordBatch, DataFusionError> {
        match &self.duty {
            Duty::Stop | Duty::Holds { .. } | Duty::Rounds { .. } => {}
            Duty::Gathered { .. } => {
                if let Some(held) = &self.held {
                    held.try_grow(width::batch(&batch).saturating_mul(2))?;
                }
            }
            Duty::Narrow { row_bytes } => narrow(&batch, &[], *row_bytes)?,
            Duty::Slices { rows } => return Ok(self.slices(&batch, *rows)),
            Duty::Rows { most } => {
                self.rows += batch.num_rows();
                if self.rows > *most {
                    return Err(endless(&format!("made {} rows", self.rows), format!("{most} rows")));
                }
            }
            Duty::Unnest { lists, row_bytes, all_bytes } => {
                unnested(&batch, lists, *row_bytes, *all_bytes)?;
                // The lengths of nested lists are not foreseen by the node above: one row at a time.
                if lists.iter().any(|(_, depth)| *depth > 1) {
                    return Ok(self.slices(&batch, 1));
                }
            }
        }
        Ok(batch)
    }

    /// Keeps the batch in pieces and returns the first.
    fn slices(&mut self, batch: &RecordBatch, rows: usize) -> RecordBatch {
        if batch.num_rows() <= rows {
            return batch.clone();
        }
        self.cut = (0..batch.num_rows()).step_by(rows).map(|at| batch.slice(at, rows.min(batch.num_rows() - at))).collect();
        self.cut.pop_front().unwrap_or_else(|| batch.clone())
    }
}

impl Stream for Guarded {
    type Item = Result<RecordBatch, DataFusionError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Err(stopped) = self.watch.check() {
            return Poll::Ready(Some(Err(stopped)));
        }
        let coop = ready!(tokio::task::coop::poll_proceed(context));
        if let Some(piece) = self.cut.pop_front() {
            coop.made_progress();
            return Poll::Ready(Some(Ok(piece)));
        }
        let next = self.input.poll_next_unpin(context);
        if next.is_ready() {
            coop.made_progress();
        }
        next.map(|next| next.map(|batch| batch.and_then(|batch| self.keep(batch))))
    }
}

impl RecordBatchStream for Guarded {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

/// A recursive query that makes or takes too much.
fn endless(what: &str, limit: String) -> DataFusionError {
    Excess { what: format!("a recursive query {what}"), limit, remedy: "give the recursion a condition to end" }.into()
}

/// The columns of a batch without some.
fn kept<'a>(batch: &'a RecordBatch, without: &[usize]) -> Vec<&'a ArrayRef> {
    batch.columns().iter().enumerate().filter(|(at, _)| !without.contains(at)).map(|(_, column)| column).collect()
}

fn narrow(batch: &RecordBatch, without: &[usize], row_bytes: usize) -> Result<(), DataFusionError> {
    let columns = kept(batch, without);
    // The widest values of all columns being in one row, and that row narrow enough, is the usual case, and cheap to see.
    if width::bound(columns.iter().copied()).is_some_and(|widest| widest <= row_bytes) {
        return Ok(());
    }
    match (0..batch.num_rows()).map(width::each(columns)).find(|bytes| *bytes > row_bytes) {
        None => Ok(()),
        Some(bytes) => {
            let what = format!("a row of {bytes} bytes would be copied by a join or an unnest");
            Err(Excess { what, limit: format!("{row_bytes} bytes"), remedy: "select fewer columns or shorter values" }.into())
        }
    }
}

fn unnested(batch: &RecordBatch, lists: &[(usize, usize)], row_bytes: usize, all_bytes: usize) -> Result<(), DataFusionError> {
    let columns: Vec<usize> = lists.iter().map(|(column, _)| *column).collect();
    narrow(batch, &columns, row_bytes)?;
    let bytes = width::each(kept(batch, &columns));
    for row in 0..batch.num_rows() {
        let items =
            lists.iter().map(|(column, depth)| leaves(batch.column(*column), row..row + 1, *depth)).max().unwrap_or_default();
        let all = items.saturating_mul(bytes(row).saturating_add(8 * lists.len()));
        if all > all_bytes {
            let what = format!("unnest would make {items} rows and {all} bytes of one row");
            return Err(Excess { what, limit: format!("{all_bytes} bytes"), remedy: "unnest shorter lists" }.into());
        }
    }
    Ok(())
}

/// Items of lists, `depth` lists deep.
fn leaves(column: &ArrayRef, rows: Range<usize>, depth: usize) -> usize {
    let values = match column.data_type() {
        DataType::List(_) => column.as_list::<i32>().values(),
        DataType::LargeList(_) => column.as_list::<i64>().values(),
        DataType::FixedSizeList(_, _) => column.as_fixed_size_list().values(),
        _ => return rows.len(),
    };
    let first = width::items(column, rows.start).map_or(0, |items| items.start);
    let last = rows.end.checked_sub(1).and_then(|row| width::items(column, row)).map_or(first, |items| items.end);
    if depth <= 1 { last.saturating_sub(first) } else { leaves(values, first..last, depth - 1) }
}
