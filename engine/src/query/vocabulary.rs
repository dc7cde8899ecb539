//! The functions a statement finds: those of DataFusion that are allowed and those of the house.
//!
//! In: DataFusion's defaults, `functions`. Out: a state to plan and run one statement in. No file formats and no table factories
//! are in it, so no name of a table can lead to a file.

use super::allowed::Allowed;
use super::error::Excess;
use super::functions;
use datafusion::catalog::TableFunction;
use datafusion::catalog::TableFunctionArgs;
use datafusion::catalog::TableFunctionImpl;
use datafusion::catalog::TableProvider;
use datafusion::common::ScalarValue;
use datafusion::error::DataFusionError;
use datafusion::execution::SessionStateDefaults;
use datafusion::execution::context::SessionContext;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::AggregateUDF;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::ScalarUDF;
use datafusion::logical_expr::WindowUDF;
use datafusion::logical_expr::planner::ExprPlanner;
use std::fmt;
use std::sync::Arc;

/// Most rows of `generate_series(…)` and `range(…)` in FROM.
const SERIES_ROWS: i128 = 100_000_000;

/// The functions.
#[derive(Clone)]
pub(super) struct Vocabulary {
    /// What may be planned.
    pub(super) allowed: Allowed,
    scalar: Vec<Arc<ScalarUDF>>,
    aggregate: Vec<Arc<AggregateUDF>>,
    window: Vec<Arc<WindowUDF>>,
    tables: Vec<Arc<TableFunction>>,
    planners: Vec<Arc<dyn ExprPlanner>>,
}

impl fmt::Debug for Vocabulary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vocabulary").field("allowed", &self.allowed).finish_non_exhaustive()
    }
}

impl Vocabulary {
    pub(super) fn new() -> Self {
        let ours = SessionContext::new_with_state(SessionStateBuilder::new().build());
        functions::register(&ours);
        let ours = ours.state();
        let allowed = Allowed::new([
            ours.scalar_functions().values().map(|function| function.name().to_owned()).collect(),
            ours.aggregate_functions().values().map(|function| function.name().to_owned()).collect(),
            ours.window_functions().values().map(|function| function.name().to_owned()).collect(),
        ]);
        let (mut scalar, mut aggregate) =
            (SessionStateDefaults::default_scalar_functions(), SessionStateDefaults::default_aggregate_functions());
        let mut window = SessionStateDefaults::default_window_functions();
        scalar.retain(|function| allowed.scalar(function.name()));
        aggregate.retain(|function| allowed.aggregate(function.name()));
        window.retain(|function| allowed.window(function.name()));
        let series =
            |function: Arc<TableFunction>| Arc::new(TableFunction::new(function.name().to_owned(), Arc::new(Series(function))));
        let tables = SessionStateDefaults::default_table_functions().into_iter();
        let tables = tables.filter(|function| matches!(function.name(), "generate_series" | "range")).map(series).collect();
        Self { allowed, scalar, aggregate, window, tables, planners: SessionStateDefaults::default_expr_planners() }
    }

    /// The same functions and one more of a group.
    pub(super) fn with_aggregate(&self, function: AggregateUDF) -> Self {
        let mut wider = self.clone();
        wider.allowed.add_aggregate(function.name());
        wider.aggregate.retain(|known| known.name() != function.name());
        wider.aggregate.push(Arc::new(function));
        wider
    }

    /// A state that knows these functions; configuration and rules are the caller's.
    pub(super) fn state(&self) -> SessionStateBuilder {
        SessionStateBuilder::new()
            .with_expr_planners(self.planners.clone())
            .with_scalar_functions(self.scalar.clone())
            .with_aggregate_functions(self.aggregate.clone())
            .with_window_functions(self.window.clone())
            .with_table_function_list(self.tables.clone())
    }
}

/// `generate_series` or `range` in FROM, with a limit. Its rows are made as they are read, so this is about time.
#[derive(Debug)]
struct Series(Arc<TableFunction>);

impl TableFunctionImpl for Series {
    fn call_with_args(&self, args: TableFunctionArgs<'_, '_>) -> Result<Arc<dyn TableProvider>, DataFusionError> {
        let whole = |value: &Expr| match value {
            Expr::Literal(ScalarValue::Int64(Some(whole)), _) => Some(i128::from(*whole)),
            _ => None,
        };
        let numbers: Vec<i128> = args.exprs().iter().filter_map(whole).collect();
        let (start, stop, step) = match numbers.as_slice() {
            [stop] => (0, *stop, 1),
            [start, stop] => (*start, *stop, 1),
            [start, stop, step] => (*start, *stop, *step),
            _ => (0, 0, 1),
        };
        if step != 0 && (stop - start) / step > SERIES_ROWS {
            let what = format!("{} would make {} rows", self.0.name(), (stop - start) / step);
            return Err(Excess { what, limit: format!("{SERIES_ROWS} rows"), remedy: "ask for a shorter series" }.into());
        }
        self.0.function().call_with_args(args)
    }
}
