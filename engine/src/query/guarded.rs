//! Makes a physical plan stoppable and its intermediate results bounded, between the operators and inside joins.
//!
//! In: the plan DataFusion would run. Out: the same plan with a [`GuardExec`] above what reads or multiplies rows: it fails once
//! the statement must stop, and lets the thread go. The condition of a join asks the same for each batch of pairs, because a
//! join that finds none never hands out anything. Rows that a join or an unnest will copy must be narrow. What a window gathers
//! over its whole input is counted here, because DataFusion does not.

mod node;

use super::asof::AsofJoinExec;
use super::bounded::Limits;
use super::gapfill::GapFillExec;
use super::runs::RunAggregateExec;
use super::watch::Running;
use super::watch::Watch;
use super::width;
use arrow::datatypes::Schema;
use datafusion::common::JoinType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::tree_node::TreeNode;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::BinaryExpr;
use datafusion::physical_expr::expressions::CaseExpr;
use datafusion::physical_expr::expressions::InListExpr;
use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::PhysicalExpr;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::joins::CrossJoinExec;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::joins::HashJoinExecBuilder;
use datafusion::physical_plan::joins::NestedLoopJoinExec;
use datafusion::physical_plan::joins::NestedLoopJoinExecBuilder;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::recursive_query::RecursiveQueryExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::unnest::UnnestExec;
use datafusion::physical_plan::windows::BoundedWindowAggExec;
use datafusion::physical_plan::windows::WindowAggExec;
use node::Duty;
use node::GuardExec;
use node::Handed;
use std::sync::Arc;

/// Most rows a recursive query may make.
const RECURSIVE_ROWS: usize = 1_000_000;
/// Most rounds a recursive query may take: a round starts its plan anew, so that few rows a round are dear.
const RECURSIVE_ROUNDS: usize = 100_000;
/// Rows at a time into a NOT IN, whose pairs cannot be asked one by one.
const NOT_IN_ROWS: usize = 32;

/// The rule that puts guards into a plan; the last one, so that no other rule has to look through them.
#[derive(Debug)]
pub(super) struct GuardPlan {
    pub(super) watch: Arc<Watch>,
    pub(super) limits: Limits,
    pub(super) batch_rows: usize,
}

impl PhysicalOptimizerRule for GuardPlan {
    fn name(&self) -> &'static str {
        "guard"
    }

    fn schema_check(&self) -> bool {
        true
    }

    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        plan.transform_up(|node| self.guard(node).map(Transformed::yes)).map(|plan| plan.data)
    }
}

impl GuardPlan {
    fn guard(&self, node: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        if let Some(join) = node.downcast_ref::<HashJoinExec>() {
            let narrow = self.narrow_inputs(&node)?;
            let Some(narrowed) = narrow.downcast_ref::<HashJoinExec>() else { return Ok(self.stop(narrow)) };
            let pairs_leave = matches!(join.join_type(), JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full);
            if join.null_aware {
                let mut children: Vec<_> = narrow.children().into_iter().map(Arc::clone).collect();
                if let Some(probe) = children.pop() {
                    children.push(self.with(probe, Duty::Slices { rows: NOT_IN_ROWS }));
                }
                return Ok(self.stop(replaced(&narrow, children)?));
            }
            if join.filter().is_none() && pairs_leave {
                return Ok(self.stop(narrow));
            }
            let filter = Some(self.asked(join.filter()));
            let asked = HashJoinExecBuilder::from(narrowed).with_filter(filter).build()?;
            return Ok(self.stop(Arc::new(asked)));
        }
        if let Some(join) = node.downcast_ref::<NestedLoopJoinExec>() {
            let filter = Some(self.asked(join.filter()));
            let narrow = self.narrow_inputs(&node)?;
            let Some(narrowed) = narrow.downcast_ref::<NestedLoopJoinExec>() else { return Ok(self.stop(narrow)) };
            let asked = NestedLoopJoinExecBuilder::from(narrowed).with_filter(filter).build()?;
            return Ok(self.stop(Arc::new(asked)));
        }
        if node.is::<CrossJoinExec>() {
            return self.narrow_inputs(&node).map(|join| self.stop(join));
        }
        if let Some(unnest) = node.downcast_ref::<UnnestExec>() {
            let lists = unnest.list_column_indices().iter().map(|list| (list.index_in_input_schema, list.depth)).collect();
            let duty = Duty::Unnest { lists, row_bytes: self.limits.row_bytes, all_bytes: self.limits.batch_bytes };
            let input = self.with(Arc::clone(unnest.input()), duty);
            return Ok(self.stop(replaced(&node, vec![input])?));
        }
        if let Some(projection) = node.downcast_ref::<ProjectionExec>() {
            let constant: usize = projection.expr().iter().map(|column| constants(&column.expr)).sum();
            let rows = self.limits.batch_bytes / constant.max(1);
            if rows < self.batch_rows {
                let input = self.with(Arc::clone(projection.input()), Duty::Slices { rows: rows.max(1) });
                return replaced(&node, vec![input]);
            }
            return Ok(node);
        }
        if let Some(window) = node.downcast_ref::<WindowAggExec>() {
            let handed = Handed::default();
            let input = self.with(Arc::clone(window.input()), Duty::Gathered { handed: Arc::clone(&handed) });
            return Ok(self.with(replaced(&node, vec![input])?, Duty::Holds { handed }));
        }
        if let Some(recursion) = node.downcast_ref::<RecursiveQueryExec>() {
            let again = Duty::Rounds { taken: Arc::default(), most: RECURSIVE_ROUNDS };
            let inputs = vec![Arc::clone(recursion.static_term()), self.with(Arc::clone(recursion.recursive_term()), again)];
            return Ok(self.with(replaced(&node, inputs)?, Duty::Rows { most: RECURSIVE_ROWS }));
        }
        let guarded = node.children().is_empty()
            || node.is::<AggregateExec>()
            || node.is::<SortExec>()
            || node.is::<SortPreservingMergeExec>()
            || node.is::<BoundedWindowAggExec>()
            || node.is::<AsofJoinExec>()
            || node.is::<GapFillExec>()
            || node.is::<RunAggregateExec>();
        Ok(if guarded { self.stop(node) } else { node })
    }

    fn stop(&self, node: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
        self.with(node, Duty::Stop)
    }

    fn with(&self, node: Arc<dyn ExecutionPlan>, duty: Duty) -> Arc<dyn ExecutionPlan> {
        Arc::new(GuardExec::new(node, duty, Arc::clone(&self.watch)))
    }

    /// A join whose inputs have narrow rows only.
    fn narrow_inputs(&self, join: &Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        if !join.children().iter().any(|input| width::any_varies(&input.schema())) {
            return Ok(Arc::clone(join));
        }
        let narrow = |input: &Arc<dyn ExecutionPlan>| match width::any_varies(&input.schema()) {
            true => self.with(Arc::clone(input), Duty::Narrow { row_bytes: self.limits.row_bytes }),
            false => Arc::clone(input),
        };
        let inputs = join.children().into_iter().map(narrow).collect();
        replaced(join, inputs)
    }

    /// The condition of a join, asked only while the statement may run.
    fn asked(&self, filter: Option<&JoinFilter>) -> JoinFilter {
        let running: Arc<dyn PhysicalExpr> = Arc::new(Running(Arc::clone(&self.watch)));
        match filter {
            None => JoinFilter::new(running, Vec::new(), Arc::new(Schema::empty())),
            Some(filter) => {
                let both = BinaryExpr::new(running, Operator::And, Arc::clone(filter.expression()));
                JoinFilter::new(Arc::new(both), filter.column_indices().to_vec(), Arc::clone(filter.schema()))
            }
        }
    }
}

/// The node with other inputs.
fn replaced(node: &Arc<dyn ExecutionPlan>, inputs: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
    replace_children_if_necessary(Arc::clone(node), inputs)
}

/// Bytes of the texts an expression writes into every row.
fn constants(expression: &Arc<dyn PhysicalExpr>) -> usize {
    if let Some(literal) = expression.downcast_ref::<Literal>() {
        return literal.value().to_array().map_or(0, |value| width::rows(&value, 0..1));
    }
    if let Some(list) = expression.downcast_ref::<InListExpr>() {
        return constants(list.expr());
    }
    let children = expression.children().into_iter().map(constants);
    if expression.is::<CaseExpr>() { children.max().unwrap_or_default() } else { children.sum() }
}
