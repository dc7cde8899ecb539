//! Counting what a statement unfolds into: tables through WITH, terms through nested projections, nodes of the plan.
//!
//! In: queries as the parser's visitor meets them; a plan that is not yet optimised. Out: [`Excess`] beyond the limits. The
//! optimiser writes a projection's expressions into the filters above it, so `x + x` nested thirty times is a billion terms.

use crate::query::error::Excess;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast::Query;
use std::collections::BTreeMap;

/// Most tables a statement reads, each use of a WITH query counted as all of its tables.
const TABLES: usize = 200;
/// Most nodes of a plan.
const NODES: usize = 5000;
/// Most terms one column is made of.
const TERMS: usize = 20_000;

/// Tables of the queries that are open at a point of the walk.
#[derive(Debug, Default)]
pub(in crate::query) struct Tables {
    open: Vec<Open>,
}

#[derive(Debug, Default)]
struct Open {
    tables: usize,
    /// Place in memory of each WITH query, to know it again when the walk leaves it.
    names: BTreeMap<usize, String>,
    known: BTreeMap<String, usize>,
}

impl Tables {
    /// The walk enters a query.
    pub(in crate::query) fn enter(&mut self, query: &Query) {
        let with = query.with.iter().flat_map(|with| &with.cte_tables);
        let names = with.map(|cte| (place(&cte.query), cte.alias.name.value.to_ascii_lowercase()));
        self.open.push(Open { names: names.collect(), ..Open::default() });
    }

    /// The walk leaves a query.
    pub(in crate::query) fn leave(&mut self, query: &Query) {
        let Some(Open { tables, .. }) = self.open.pop() else { return };
        let Some(outer) = self.open.last_mut() else { return };
        match outer.names.get(&place(query)) {
            Some(name) => {
                outer.known.insert(name.clone(), tables.max(1));
            }
            None => outer.tables = outer.tables.saturating_add(tables),
        }
    }

    /// The walk meets a table.
    pub(in crate::query) fn table(&mut self, name: &str) -> Result<(), Excess> {
        let name = name.to_ascii_lowercase();
        let tables = self.open.iter().rev().find_map(|open| open.known.get(&name)).copied().unwrap_or(1);
        let Some(open) = self.open.last_mut() else { return Ok(()) };
        open.tables = open.tables.saturating_add(tables);
        if open.tables > TABLES {
            let what = "the statement reads too many tables, each use of a WITH query counted as all of its tables".to_owned();
            return Err(Excess { what, limit: TABLES.to_string(), remedy: "join fewer tables at once" });
        }
        Ok(())
    }
}

fn place(query: &Query) -> usize {
    std::ptr::from_ref(query) as usize
}

/// Checks how much a plan unfolds into.
pub(in crate::query) fn unfolds(plan: &LogicalPlan) -> Result<(), DataFusionError> {
    let mut nodes = 0;
    plan.apply_with_subqueries(|_| {
        nodes += 1;
        if nodes > NODES {
            let what = "the plan of the statement has too many steps".to_owned();
            return Err(Excess { what, limit: NODES.to_string(), remedy: "split it into several statements" }.into());
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    terms(plan).map(|_| ())
}

/// Terms of each column of a plan.
fn terms(plan: &LogicalPlan) -> Result<Vec<usize>, DataFusionError> {
    let nodes = plan.inputs();
    let inputs = nodes.iter().map(|input| terms(input)).collect::<Result<Vec<_>, _>>()?;
    let columns = plan.schema().fields().len();
    let below = inputs.concat();
    let sum = |expression: &Expr| {
        let mut sum = 0_usize;
        expression.apply(|part| {
            let more = match part {
                Expr::Column(column) => {
                    let place = nodes.iter().scan(0, |before, input| {
                        let found = input.schema().maybe_index_of_column(column).map(|at| *before + at);
                        *before += input.schema().fields().len();
                        Some(found)
                    });
                    place.flatten().next().and_then(|at| below.get(at)).copied().unwrap_or(1)
                }
                Expr::ScalarSubquery(inner) => terms(&inner.subquery)?.len(),
                Expr::Exists(inner) => terms(&inner.subquery.subquery)?.len(),
                Expr::InSubquery(inner) => terms(&inner.subquery.subquery)?.len(),
                _ => 1,
            };
            sum = sum.saturating_add(more);
            Ok(TreeNodeRecursion::Continue)
        })?;
        if sum > TERMS {
            let what = "an expression unfolds into too many terms through the queries below it".to_owned();
            return Err(DataFusionError::from(Excess { what, limit: TERMS.to_string(), remedy: "nest fewer computed columns" }));
        }
        Ok(sum)
    };
    match plan {
        LogicalPlan::Projection(projection) => projection.expr.iter().map(sum).collect(),
        LogicalPlan::Aggregate(aggregate) => {
            let mut terms = aggregate.group_expr.iter().map(&sum).collect::<Result<Vec<_>, _>>()?;
            terms.resize(columns, 1);
            Ok(terms)
        }
        other => {
            other.apply_expressions(|expression| sum(expression).map(|_| TreeNodeRecursion::Continue))?;
            let union = matches!(other, LogicalPlan::Union(_));
            let mut terms = if union {
                (0..columns).map(|at| inputs.iter().filter_map(|i| i.get(at)).copied().max().unwrap_or(1)).collect()
            } else {
                below
            };
            terms.resize(columns, 1);
            Ok(terms)
        }
    }
}
