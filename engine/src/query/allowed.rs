//! What a statement may call. Everything that is not listed here, and is not ours, is refused with the nearest name that is.
//!
//! In: a plan. Out: the same plan with limits on the functions that can explode or gather (`bounded`). To allow a function of DataFusion
//! add its name to one of the lists; functions registered in `functions` are allowed without being listed. Left out on purpose:
//! what names a time zone DataFusion's own, older table would decide (`to_local_time`, `arrow_cast`), what tells about files
//! (`input_file_name`, `file_row_index`), higher-order functions, and, over a window, aggregates that cost the whole frame for
//! every row (`array_agg`, `median`, anything DISTINCT).

use super::QueryError;
use super::bounded;
use super::bounded::Limits;
use super::error::Excess;
use crate::domain::nearest;
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::Transformed;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::Operator;
use datafusion::logical_expr::WindowFunctionDefinition;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::expr::GroupingSet;
use datafusion::logical_expr::expr::ScalarFunction;
use std::collections::BTreeSet;

/// Functions of a row.
#[rustfmt::skip]
const SCALAR: &[&str] = &[
    // arithmetic
    "abs", "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "ceil", "cos", "cosh", "cot", "degrees", "exp",
    "factorial", "floor", "gcd", "isnan", "iszero", "lcm", "ln", "log", "log10", "log2", "nanvl", "pi", "power", "radians",
    "random", "round", "signum", "sin", "sinh", "sqrt", "tan", "tanh", "trunc",
    // whatever type
    "arrow_typeof", "coalesce", "get_field", "greatest", "least", "named_struct", "nullif", "nvl", "nvl2", "struct", "version",
    // time
    "current_date", "current_time", "date_bin", "date_part", "date_trunc", "from_unixtime", "make_date", "make_time", "now",
    "to_char", "to_date", "to_time", "to_timestamp", "to_timestamp_micros", "to_timestamp_millis", "to_timestamp_nanos",
    "to_timestamp_seconds", "to_unixtime",
    // text
    "ascii", "bit_length", "btrim", "character_length", "chr", "concat", "concat_ws", "contains", "ends_with", "find_in_set",
    "initcap", "left", "levenshtein", "lower", "lpad", "ltrim", "octet_length", "overlay", "regexp_count", "regexp_instr",
    "regexp_like", "regexp_match", "regexp_replace", "repeat", "replace", "reverse", "right", "rpad", "rtrim", "split_part",
    "starts_with", "strpos", "substr", "substr_index", "to_hex", "translate", "upper", "uuid",
    // lists and maps
    "array_any_value", "array_append", "array_compact", "array_concat", "array_dims", "array_distance", "array_distinct",
    "array_element", "array_except", "array_has", "array_has_all", "array_has_any", "array_intersect", "array_length", "array_max",
    "array_min", "array_ndims", "array_pop_back", "array_pop_front", "array_position", "array_positions", "array_prepend",
    "array_remove", "array_remove_all", "array_remove_n", "array_repeat", "array_replace", "array_replace_all", "array_replace_n",
    "array_resize", "array_reverse", "array_slice", "array_sort", "array_to_string", "array_union", "arrays_zip", "cardinality",
    "empty", "flatten", "generate_series", "make_array", "map", "map_entries", "map_extract", "map_keys", "map_values", "range",
    "string_to_array",
];

/// Functions of a group.
#[rustfmt::skip]
const AGGREGATE: &[&str] = &[
    "any_value", "approx_distinct", "approx_median", "approx_percentile_cont", "approx_percentile_cont_with_weight", "array_agg",
    "avg", "bit_and", "bit_or", "bit_xor", "bool_and", "bool_or", "corr", "count", "covar_pop", "covar_samp", "first_value",
    "grouping", "last_value", "max", "median", "min", "nth_value", "percentile_cont", "regr_avgx", "regr_avgy", "regr_count",
    "regr_intercept", "regr_r2", "regr_slope", "regr_sxx", "regr_sxy", "regr_syy", "stddev", "stddev_pop", "string_agg", "sum",
    "var", "var_pop",
];

/// Functions of a row among its neighbours.
#[rustfmt::skip]
const WINDOW: &[&str] = &[
    "cume_dist", "dense_rank", "first_value", "lag", "last_value", "lead", "nth_value", "ntile", "percent_rank", "rank", "row_number",
];

/// Aggregates that remember every value, or sort them anew, for each row of a window.
#[rustfmt::skip]
const NOT_OVER_A_WINDOW: &[&str] = &[
    "approx_distinct", "approx_median", "approx_percentile_cont", "approx_percentile_cont_with_weight", "array_agg", "median",
    "nth_value", "percentile_cont", "string_agg",
];

/// Most grouping sets of one statement.
const SETS: usize = 256;
/// Longest text in a statement, bytes: it is written into every row of a batch.
const TEXT: usize = 4 << 10;
/// Longest pattern of a regular expression, bytes, and most repetitions its braces may ask for together.
const PATTERN: usize = 1024;
const REPETITIONS: u64 = 1000;

/// Names a statement may call: those above and those of the house.
#[derive(Debug, Clone)]
pub(super) struct Allowed {
    scalar: BTreeSet<String>,
    aggregate: BTreeSet<String>,
    window: BTreeSet<String>,
}

impl Allowed {
    /// The lists and `ours`, the functions the house registers (scalar, aggregate, window).
    pub(super) fn new(ours: [Vec<String>; 3]) -> Self {
        let with = |listed: &[&str], ours: Vec<String>| listed.iter().map(|name| (*name).to_owned()).chain(ours).collect();
        let [scalar, aggregate, window] = ours;
        Self { scalar: with(SCALAR, scalar), aggregate: with(AGGREGATE, aggregate), window: with(WINDOW, window) }
    }

    /// One more function of a group may be called.
    pub(super) fn add_aggregate(&mut self, name: &str) {
        self.aggregate.insert(name.to_owned());
    }

    pub(super) fn scalar(&self, name: &str) -> bool {
        self.scalar.contains(name)
    }

    pub(super) fn aggregate(&self, name: &str) -> bool {
        self.aggregate.contains(name)
    }

    pub(super) fn window(&self, name: &str) -> bool {
        self.window.contains(name)
    }

    /// Closest name that may be called.
    pub(super) fn nearest(&self, name: &str) -> Option<String> {
        let all = self.scalar.iter().chain(&self.aggregate).chain(&self.window);
        nearest(name, all.map(String::as_str)).map(str::to_owned)
    }

    /// Refuses what is not allowed, bounds what can explode. Nothing the planner put in by itself escapes.
    pub(super) fn apply(&self, plan: LogicalPlan, limits: Limits) -> Result<LogicalPlan, DataFusionError> {
        plan.apply_with_subqueries(|node| {
            for field in node.schema().fields() {
                clock(field.data_type())?;
            }
            node.apply_expressions(|expression| {
                expression.apply(|part| {
                    self.check(part)?;
                    Ok(TreeNodeRecursion::Continue)
                })
            })
        })?;
        let bounded = |part: Expr| match part {
            Expr::ScalarFunction(call) if bounded::grows(call.func.name()) => {
                let func = bounded::bound(call.func, limits);
                Ok(Transformed::yes(Expr::ScalarFunction(ScalarFunction { func, args: call.args })))
            }
            Expr::AggregateFunction(call) if bounded::gathers(call.func.name()) => {
                let func = bounded::foreseen(call.func, limits);
                Ok(Transformed::yes(Expr::AggregateFunction(AggregateFunction { func, params: call.params })))
            }
            Expr::BinaryExpr(ref sides) if sides.op == Operator::StringConcat => {
                let func = bounded::concatenation(limits);
                Ok(Transformed::yes(Expr::ScalarFunction(ScalarFunction { func, args: vec![part] })))
            }
            other => Ok(Transformed::no(other)),
        };
        let plan = plan.transform_up_with_subqueries(|node| node.map_expressions(|expression| expression.transform_up(bounded)));
        plan.map(|plan| plan.data)
    }

    fn check(&self, part: &Expr) -> Result<(), DataFusionError> {
        match part {
            Expr::ScalarFunction(call) if !self.scalar(call.func.name()) => return self.refuse(call.func.name()),
            Expr::ScalarFunction(call) if call.func.name().starts_with("regexp_") => {
                if let Some(pattern) = call.args.get(1) {
                    constant_pattern(call.func.name(), pattern)?;
                }
            }
            Expr::AggregateFunction(call) if !self.aggregate(call.func.name()) => return self.refuse(call.func.name()),
            Expr::WindowFunction(call) => match &call.fun {
                WindowFunctionDefinition::WindowUDF(function) if !self.window(function.name()) => {
                    return self.refuse(function.name());
                }
                WindowFunctionDefinition::AggregateUDF(function) => {
                    let name = function.name();
                    if !self.aggregate(name) {
                        return self.refuse(name);
                    }
                    if call.params.distinct || NOT_OVER_A_WINDOW.contains(&name) {
                        let what = format!("{name} over a window{}", if call.params.distinct { " with DISTINCT" } else { "" });
                        return refused(&what, "group first and join the result");
                    }
                }
                WindowFunctionDefinition::WindowUDF(_) => {}
            },
            Expr::HigherOrderFunction(call) => return self.refuse(call.func.name()),
            Expr::Like(like) | Expr::SimilarTo(like) => constant_pattern("LIKE", &like.pattern)?,
            Expr::BinaryExpr(sides)
                if matches!(
                    sides.op,
                    Operator::RegexMatch
                        | Operator::RegexIMatch
                        | Operator::RegexNotMatch
                        | Operator::RegexNotIMatch
                        | Operator::LikeMatch
                        | Operator::ILikeMatch
                        | Operator::NotLikeMatch
                        | Operator::NotILikeMatch
                ) =>
            {
                constant_pattern("~", &sides.right)?;
            }
            Expr::GroupingSet(GroupingSet::Cube(columns)) if columns.len() > SETS.ilog2() as usize => return many_sets(),
            Expr::GroupingSet(GroupingSet::GroupingSets(sets)) if sets.len() > SETS => return many_sets(),
            Expr::Cast(cast) => clock(cast.field.data_type())?,
            Expr::TryCast(cast) => clock(cast.field.data_type())?,
            Expr::Literal(ScalarValue::Utf8(Some(text)), _) if text.len() > TEXT => {
                let what = format!("a text of the statement has {} bytes", text.len());
                return Err(Excess { what, limit: format!("{TEXT} bytes"), remedy: "write a shorter text" }.into());
            }
            Expr::Literal(ScalarValue::Utf8(Some(text)), _) if names_a_zone(text) => {
                return refused(
                    &format!("the time zone in {text:?}"),
                    "write the offset, for example +01:00, or use time_bucket with a zone",
                );
            }
            _ => {}
        }
        Ok(())
    }

    fn refuse(&self, name: &str) -> Result<(), DataFusionError> {
        let unknown = QueryError::Unknown { what: "function", name: name.to_owned(), nearest: self.nearest(name) };
        Err(DataFusionError::Plan(unknown.to_string()))
    }
}

fn refused(what: &str, remedy: &'static str) -> Result<(), DataFusionError> {
    Err(DataFusionError::Plan(format!("{what} is refused; {remedy}")))
}

fn many_sets() -> Result<(), DataFusionError> {
    Err(Excess {
        what: "the statement has too many grouping sets".into(),
        limit: SETS.to_string(),
        remedy: "name the sets you need",
    }
    .into())
}

/// Types with the clock of a place: DataFusion reads them with an older time-zone table than ours.
fn clock(kind: &DataType) -> Result<(), DataFusionError> {
    match kind {
        DataType::Timestamp(_, Some(zone))
            if zone.chars().any(|c| c.is_ascii_alphabetic()) && !matches!(zone.as_ref(), "UTC" | "Z") =>
        {
            refused(&format!("the time zone {zone:?} here"), "use time_bucket(width, time, zone), or shift by an interval")
        }
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => clock(item.data_type()),
        DataType::Struct(fields) => fields.iter().try_for_each(|field| clock(field.data_type())),
        _ => Ok(()),
    }
}

/// True for a time with the name of a zone after it: `2026-06-01 12:00 Africa/Casablanca`.
fn names_a_zone(text: &str) -> bool {
    let last = text.rsplit(' ').next().unwrap_or_default();
    let zone = text.contains(' ') && last.starts_with(|c: char| c.is_ascii_uppercase()) && last.len() > 1;
    zone && last != "UTC"
        && text.len() < 64
        && text.as_bytes().iter().take(4).all(u8::is_ascii_digit)
        && text.as_bytes().get(4) == Some(&b'-')
}

/// A pattern that changes from row to row is compiled for each of them, which nothing could stop.
fn constant_pattern(function: &str, pattern: &Expr) -> Result<(), DataFusionError> {
    let varies =
        pattern.exists(|part| Ok(matches!(part, Expr::Column(_) | Expr::OuterReferenceColumn(..) | Expr::ScalarSubquery(_))))?;
    if varies {
        return refused(&format!("a pattern of {function} that is not constant"), "write the pattern as a text");
    }
    let Expr::Literal(value, _) = pattern else { return Ok(()) };
    let Some(Some(text)) = value.try_as_str() else { return Ok(()) };
    if text.len() > PATTERN {
        let what = format!("the pattern of {function} has {} bytes", text.len());
        return Err(Excess { what, limit: format!("{PATTERN} bytes"), remedy: "write a shorter pattern" }.into());
    }
    let counts =
        text.split('{').skip(1).filter_map(|rest| rest.split([',', '}']).filter_map(|n| n.trim().parse::<u64>().ok()).max());
    if counts.fold(1, u64::saturating_mul) > REPETITIONS {
        let what = format!("the pattern of {function} repeats too often");
        return Err(Excess { what, limit: REPETITIONS.to_string(), remedy: "ask for fewer repetitions" }.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::AGGREGATE;
    use super::Allowed;
    use super::SCALAR;
    use super::WINDOW;
    use super::names_a_zone;
    use datafusion::execution::context::SessionContext;

    #[test]
    fn every_listed_name_is_a_function() {
        let state = SessionContext::new().state();
        let missing = |listed: &[&str], known: &dyn Fn(&str) -> bool| {
            listed.iter().filter(|name| !known(name)).map(|name| (*name).to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(missing(SCALAR, &|name| state.scalar_functions().get(name).is_some_and(|f| f.name() == name)), [""; 0]);
        assert_eq!(missing(AGGREGATE, &|name| state.aggregate_functions().get(name).is_some_and(|f| f.name() == name)), [""; 0]);
        assert_eq!(missing(WINDOW, &|name| state.window_functions().get(name).is_some_and(|f| f.name() == name)), [""; 0]);
        let allowed = Allowed::new([vec!["ours".to_owned()], Vec::new(), Vec::new()]);
        assert!(allowed.scalar("ours") && !allowed.scalar("to_local_time") && !allowed.scalar("arrow_cast"));
        assert_eq!(allowed.nearest("repeet").as_deref(), Some("repeat"));
    }

    #[test]
    fn a_zone_in_a_text_is_seen() {
        assert!(names_a_zone("2026-06-01 12:00:00 Africa/Casablanca") && names_a_zone("2026-06-01T12:00 CET"));
        assert!(
            !names_a_zone("2026-06-01T12:00:00Z") && !names_a_zone("2026-06-01 12:00:00 +01:00") && !names_a_zone("T01 Nordex")
        );
    }
}
