//! `ASOF JOIN … MATCH_CONDITION (l.time >= r.time) ON l.key = r.key`: each row on the left with the newest row on the right by then.
//!
//! In: a statement, later its logical plan. Out: the same with a node of our own, planned in `asof/exec.rs`. DataFusion 55 reads the syntax
//! (Snowflake's) but plans no such join, so it goes through its planner as a left join with a mark on the condition. Rows on the
//! left without a match stay, with nulls.

mod exec;

use datafusion::common::DFSchemaRef;
use datafusion::common::JoinType;
use datafusion::common::plan_err;
use datafusion::common::tree_node::Transformed;
use datafusion::common::tree_node::TransformedResult;
use datafusion::error::DataFusionError;
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::BinaryExpr;
use datafusion::logical_expr::ColumnarValue;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::ExprSchemable;
use datafusion::logical_expr::Extension;
use datafusion::logical_expr::Filter;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::Operator;
use datafusion::logical_expr::UserDefinedLogicalNodeCore;
use datafusion::logical_expr::Volatility;
use datafusion::logical_expr::create_udf;
use datafusion::logical_expr::expr_fn::cast;
use datafusion::logical_expr::logical_plan::Join as JoinPlan;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::utils::find_valid_equijoin_key_pair;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::sql::sqlparser::ast::BinaryOperator;
use datafusion::sql::sqlparser::ast::Expr as SqlExpr;
use datafusion::sql::sqlparser::ast::Function;
use datafusion::sql::sqlparser::ast::FunctionArg;
use datafusion::sql::sqlparser::ast::FunctionArgExpr;
use datafusion::sql::sqlparser::ast::FunctionArgumentList;
use datafusion::sql::sqlparser::ast::FunctionArguments;
use datafusion::sql::sqlparser::ast::Ident;
use datafusion::sql::sqlparser::ast::Join;
use datafusion::sql::sqlparser::ast::JoinConstraint;
use datafusion::sql::sqlparser::ast::JoinOperator;
use datafusion::sql::sqlparser::ast::ObjectName;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

pub(super) use exec::AsofJoinExec;
pub(super) use exec::AsofPlanner;

/// The mark; never runs.
const MARK: &str = "asof_match";

/// How the join is written; shown when it is written otherwise.
const USAGE: &str = "ASOF JOIN prices AS r MATCH_CONDITION (l.time >= r.time) ON l.asset_id = r.asset_id";

/// Adds the mark to a context, so that the planner accepts it.
pub(super) fn register(context: &SessionContext) {
    let never = |_: &[ColumnarValue]| plan_err!("{MARK} is no function to call; write {USAGE}");
    let boolean = arrow::datatypes::DataType::Boolean;
    context.register_udf(create_udf(MARK, vec![boolean.clone()], boolean, Volatility::Immutable, Arc::new(never)));
}

/// Turns an `ASOF JOIN` into the marked left join.
///
/// # Errors
/// What is wrong with the join, with the way to write it.
pub(super) fn rewrite(join: &mut Join) -> Result<(), String> {
    let JoinOperator::AsOf { match_condition, constraint } = &join.join_operator else { return Ok(()) };
    let JoinConstraint::On(equal) = constraint else {
        return Err(format!("an ASOF JOIN names its equal columns with ON; write {USAGE}"));
    };
    let mark = SqlExpr::Function(Function {
        name: ObjectName::from(vec![Ident::new(MARK)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(match_condition.clone()))],
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    });
    let both = SqlExpr::BinaryOp { left: Box::new(equal.clone()), op: BinaryOperator::And, right: Box::new(mark) };
    join.join_operator = JoinOperator::Left(JoinConstraint::On(both));
    Ok(())
}

/// Replaces marked left joins in a plan that was not optimised yet.
///
/// # Errors
/// [`DataFusionError::Plan`] when the condition is not `left time >= right time`, or no columns are equal.
pub(super) fn plan(plan: LogicalPlan) -> Result<LogicalPlan, DataFusionError> {
    plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Join(join) if join.filter.as_ref().is_some_and(is_marked) => {
            Ok(Transformed::yes(LogicalPlan::Extension(Extension { node: Arc::new(AsofJoin::new(&join)?) })))
        }
        LogicalPlan::Filter(filter) => push_left(filter),
        other => Ok(Transformed::no(other)),
    })
    .data()
}

/// Conditions of WHERE on the left side alone go below the join. Those on the right must not change which row is the newest; the
/// optimizer leaves them above.
fn push_left(filter: Filter) -> Result<Transformed<LogicalPlan>, DataFusionError> {
    let LogicalPlan::Extension(Extension { node }) = filter.input.as_ref() else {
        return Ok(Transformed::no(LogicalPlan::Filter(filter)));
    };
    let Some(join) = node.as_any().downcast_ref::<AsofJoin>() else { return Ok(Transformed::no(LogicalPlan::Filter(filter))) };
    let known = join.left.schema();
    let (below, above): (Vec<Expr>, Vec<Expr>) = split_conjunction(&filter.predicate)
        .into_iter()
        .cloned()
        .partition(|part| !part.is_volatile() && part.column_refs().iter().all(|column| known.has_column(column)));
    let Some(below) = conjunction(below) else { return Ok(Transformed::no(LogicalPlan::Filter(filter))) };
    let left = LogicalPlan::Filter(Filter::try_new(below, Arc::new(join.left.clone()))?);
    let pushed = LogicalPlan::Extension(Extension { node: Arc::new(AsofJoin { left, ..join.clone() }) });
    Ok(Transformed::yes(match conjunction(above) {
        Some(above) => LogicalPlan::Filter(Filter::try_new(above, Arc::new(pushed))?),
        None => pushed,
    }))
}

fn is_marked(filter: &Expr) -> bool {
    split_conjunction(filter).iter().any(|part| marked(part).is_some())
}

fn marked(part: &Expr) -> Option<&Expr> {
    match part {
        Expr::ScalarFunction(call) if call.func.name() == MARK => call.args.first(),
        _ => None,
    }
}

/// An ASOF join. Its expressions are, in this order: left keys, right keys, left time, right time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct AsofJoin {
    left: LogicalPlan,
    right: LogicalPlan,
    left_keys: Vec<Expr>,
    right_keys: Vec<Expr>,
    left_time: Expr,
    right_time: Expr,
    /// `>` and not `>=`.
    strict: bool,
    schema: DFSchemaRef,
}

impl AsofJoin {
    fn new(join: &JoinPlan) -> Result<Self, DataFusionError> {
        let (left, right) = (join.left.schema(), join.right.schema());
        let wrong = |problem: &str| DataFusionError::Plan(format!("{problem}; write {USAGE}"));
        let (mut times, mut pairs) = (None, join.on.clone());
        for part in join.filter.iter().flat_map(split_conjunction) {
            let (condition, operators) = match marked(part) {
                Some(condition) => (condition, true),
                None => (part, false),
            };
            let Expr::BinaryExpr(BinaryExpr { left: a, op, right: b }) = condition else {
                return Err(wrong("an ASOF JOIN takes comparisons of columns only"));
            };
            if !operators {
                let pair = if *op == Operator::Eq { find_valid_equijoin_key_pair(a, b, left, right)? } else { None };
                pairs.push(pair.ok_or_else(|| wrong("the ON of an ASOF JOIN compares columns of both sides with ="))?);
                continue;
            }
            let pair = find_valid_equijoin_key_pair(a, b, left, right)?;
            let (l, r) = pair.ok_or_else(|| wrong("the MATCH_CONDITION compares a time of each side"))?;
            let op = if l == **a { Some(*op) } else { op.swap() };
            times = match op {
                Some(Operator::GtEq) => Some((l, r, false)),
                Some(Operator::Gt) => Some((l, r, true)),
                _ => return Err(wrong("the MATCH_CONDITION asks for the newest earlier row: left time >= or > right time")),
            };
        }
        let Some((left_time, right_time, strict)) = times else { return Err(wrong("the MATCH_CONDITION is missing")) };
        if pairs.is_empty() || join.join_type != JoinType::Left {
            return Err(wrong("an ASOF JOIN needs equal columns"));
        }
        let mut node = Self {
            left: join.left.as_ref().clone(),
            right: join.right.as_ref().clone(),
            left_keys: Vec::new(),
            right_keys: Vec::new(),
            left_time: cast(left_time, crate::domain::timestamp_type()),
            right_time: cast(right_time, crate::domain::timestamp_type()),
            strict,
            schema: Arc::clone(&join.schema),
        };
        for (l, r) in pairs {
            let kind = l.get_type(left)?;
            node.right_keys.push(if r.get_type(right)? == kind { r } else { cast(r, kind) });
            node.left_keys.push(l);
        }
        Ok(node)
    }

    fn columns_of(exprs: &[&Expr], plan: &LogicalPlan) -> Vec<usize> {
        let columns = exprs.iter().flat_map(|expr| expr.column_refs());
        columns.filter_map(|column| plan.schema().index_of_column(column).ok()).collect()
    }
}

impl PartialOrd for AsofJoin {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        let order = |node: &Self| (node.left_time.to_string(), node.right_time.to_string(), node.strict);
        if self == other { Some(Ordering::Equal) } else { order(self).partial_cmp(&order(other)).filter(|o| o.is_ne()) }
    }
}

impl UserDefinedLogicalNodeCore for AsofJoin {
    fn name(&self) -> &'static str {
        "AsofJoin"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.left, &self.right]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        let times = [self.left_time.clone(), self.right_time.clone()];
        self.left_keys.iter().chain(&self.right_keys).cloned().chain(times).collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let on: Vec<String> = self.left_keys.iter().zip(&self.right_keys).map(|(l, r)| format!("{l} = {r}")).collect();
        let sign = if self.strict { ">" } else { ">=" };
        write!(f, "AsofJoin: {}, {} {sign} {}", on.join(", "), self.left_time, self.right_time)
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self, DataFusionError> {
        let keys = self.left_keys.len();
        let (Ok([left, right]), Some([left_time, right_time])) =
            (<[LogicalPlan; 2]>::try_from(inputs), exprs.get(2 * keys..).and_then(|times| times.first_chunk::<2>()))
        else {
            return plan_err!("an ASOF JOIN has two inputs and two times");
        };
        let schema = datafusion::logical_expr::build_join_schema(left.schema(), right.schema(), &JoinType::Left)?;
        Ok(Self {
            left_keys: exprs[..keys].to_vec(),
            right_keys: exprs[keys..2 * keys].to_vec(),
            left_time: left_time.clone(),
            right_time: right_time.clone(),
            strict: self.strict,
            schema: Arc::new(schema),
            left,
            right,
        })
    }

    fn necessary_children_exprs(&self, output: &[usize]) -> Option<Vec<Vec<usize>>> {
        let width = self.left.schema().fields().len();
        let left_used: Vec<&Expr> = self.left_keys.iter().chain([&self.left_time]).collect();
        let right_used: Vec<&Expr> = self.right_keys.iter().chain([&self.right_time]).collect();
        let mut left: Vec<usize> = output.iter().copied().filter(|&column| column < width).collect();
        let mut right: Vec<usize> = output.iter().filter_map(|column| column.checked_sub(width)).collect();
        left.extend(Self::columns_of(&left_used, &self.left));
        right.extend(Self::columns_of(&right_used, &self.right));
        Some(vec![left, right])
    }
}
