//! Reading one statement: it must only read, and calls of computed tables are taken out before planning.
//!
//! In: text. Out: a statement DataFusion can plan, the tables it names, and the calls it makes. DataFusion 55 plans no named
//! arguments of table functions, so `name(a => 1)` becomes a table that is computed first.

use super::QueryError;
use super::asof;
use super::size;
use datafusion::sql::parser::DFParser;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::ast::FunctionArg;
use datafusion::sql::sqlparser::ast::FunctionArgExpr;
use datafusion::sql::sqlparser::ast::Ident;
use datafusion::sql::sqlparser::ast::ObjectName;
use datafusion::sql::sqlparser::ast::Query;
use datafusion::sql::sqlparser::ast::Select;
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;
use datafusion::sql::sqlparser::ast::TableAlias;
use datafusion::sql::sqlparser::ast::TableFactor;
use datafusion::sql::sqlparser::ast::VisitMut;
use datafusion::sql::sqlparser::ast::VisitorMut;
use std::collections::BTreeSet;
use std::ops::ControlFlow;

/// A call of a computed table.
#[derive(Debug)]
pub(super) struct Call {
    /// Which function.
    pub(super) function: String,
    /// Name of the table that takes the place of the call.
    pub(super) table: String,
    /// Arguments by name or position, each the text of an expression.
    pub(super) arguments: Vec<(Option<String>, String)>,
}

/// A statement ready for planning.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) statement: Statement,
    pub(super) calls: Vec<Call>,
    pub(super) tables: BTreeSet<String>,
    /// It only asks for a plan; nothing runs.
    pub(super) explains: bool,
}

/// Reads, checks and rewrites one statement.
///
/// # Errors
/// [`QueryError::Syntax`], [`QueryError::StatementCount`], [`QueryError::ReadOnly`], [`QueryError::TooLarge`],
/// [`QueryError::Plan`] for odd arguments.
pub(super) fn prepare(text: &str, is_computed: impl Fn(&str) -> bool) -> Result<Prepared, QueryError> {
    size::check_text(text)?;
    let text = if is_show_storage(text) { "SELECT * FROM storage" } else { text };
    let mut statements = DFParser::parse_sql(text).map_err(|error| QueryError::from_engine(error, 0, &[]))?;
    let found = statements.len();
    let (Some(mut statement), 1) = (statements.pop_front(), found) else { return Err(QueryError::StatementCount { found }) };
    if !only_reads(&statement) {
        return Err(QueryError::ReadOnly { statement: first_words(text) });
    }
    let mut rewriting = Rewriting { is_computed, calls: Vec::new(), tables: BTreeSet::new(), read: size::Tables::default() };
    if let Some(inner) = inner(&mut statement)
        && let ControlFlow::Break(refused) = VisitMut::visit(inner, &mut rewriting)
    {
        return Err(refused);
    }
    let explains = matches!(&statement, Statement::Explain(explain) if !explain.options.analyze);
    Ok(Prepared { statement, calls: rewriting.calls, tables: rewriting.tables, explains })
}

fn is_show_storage(text: &str) -> bool {
    let mut words = text.trim().trim_end_matches(';').split_whitespace();
    let mut next = |word: &str| words.next().is_some_and(|found| found.eq_ignore_ascii_case(word));
    next("SHOW") && next("STORAGE") && words.next().is_none()
}

fn only_reads(statement: &Statement) -> bool {
    match statement {
        Statement::Explain(explain) => only_reads(&explain.statement),
        Statement::Statement(statement) => matches!(
            statement.as_ref(),
            SqlStatement::Query(_)
                | SqlStatement::Explain { .. }
                | SqlStatement::ExplainTable { .. }
                | SqlStatement::ShowTables { .. }
                | SqlStatement::ShowColumns { .. }
                | SqlStatement::ShowFunctions { .. }
                | SqlStatement::ShowVariable { .. }
        ),
        _ => false,
    }
}

fn inner(statement: &mut Statement) -> Option<&mut SqlStatement> {
    match statement {
        Statement::Explain(explain) => inner(&mut explain.statement),
        Statement::Statement(statement) => Some(statement),
        _ => None,
    }
}

/// The verb of a refused statement and the word after it, for the error.
fn first_words(text: &str) -> String {
    let words = text.split_whitespace().take_while(|word| word.chars().all(|c| c.is_ascii_alphabetic() || c == ';'));
    words.take(2).map(|word| word.trim_end_matches(';').to_ascii_uppercase()).collect::<Vec<_>>().join(" ")
}

struct Rewriting<F> {
    is_computed: F,
    calls: Vec<Call>,
    tables: BTreeSet<String>,
    read: size::Tables,
}

impl<F: Fn(&str) -> bool> VisitorMut for Rewriting<F> {
    type Break = QueryError;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<QueryError> {
        if let Err(excess) = size::check_parts(query.with.as_ref().map_or(0, |with| with.cte_tables.len())) {
            return ControlFlow::Break(excess.into());
        }
        self.read.enter(query);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<QueryError> {
        self.read.leave(query);
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<QueryError> {
        if let Err(excess) = size::check_columns(select.projection.len()) {
            return ControlFlow::Break(excess.into());
        }
        for join in select.from.iter_mut().flat_map(|from| &mut from.joins) {
            if let Err(problem) = asof::rewrite(join) {
                return ControlFlow::Break(QueryError::Plan { problem });
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<QueryError> {
        let TableFactor::Table { name, alias, args, .. } = factor else { return ControlFlow::Continue(()) };
        let Some(last) = name.0.last().and_then(|part| part.as_ident()) else { return ControlFlow::Continue(()) };
        let function = if last.quote_style.is_some() { last.value.clone() } else { last.value.to_ascii_lowercase() };
        if let Err(excess) = self.read.table(&function) {
            return ControlFlow::Break(excess.into());
        }
        self.tables.insert(function.clone());
        if args.is_none() || !(self.is_computed)(&function) {
            return ControlFlow::Continue(());
        }
        let mut arguments = Vec::new();
        for argument in args.take().into_iter().flat_map(|args| args.args) {
            match argument {
                FunctionArg::Named { name, arg: FunctionArgExpr::Expr(value), .. } => {
                    arguments.push((Some(name.value.to_ascii_lowercase()), value.to_string()));
                }
                FunctionArg::ExprNamed { name: Expr::Identifier(name), arg: FunctionArgExpr::Expr(value), .. } => {
                    arguments.push((Some(name.value.to_ascii_lowercase()), value.to_string()));
                }
                FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => arguments.push((None, value.to_string())),
                other => {
                    let problem = format!("{function}: the argument {other} is not a value");
                    return ControlFlow::Break(QueryError::Plan { problem });
                }
            }
        }
        let table = format!("{function}_call_{}", self.calls.len() + 1);
        alias.get_or_insert_with(|| TableAlias {
            explicit: true,
            name: Ident::new(function.clone()),
            columns: Vec::new(),
            at: None,
        });
        *name = ObjectName::from(vec![Ident::with_quote('"', table.clone())]);
        self.calls.push(Call { function, table, arguments });
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::prepare;

    fn error(text: &str) -> String {
        prepare(text, |_| false).unwrap_err().to_string()
    }

    #[test]
    fn only_one_reading_statement_passes() {
        for text in [
            "SELECT 1",
            "WITH a AS (SELECT 1) SELECT * FROM a",
            "VALUES (1)",
            "EXPLAIN SELECT 1",
            "SHOW TABLES",
            "DESCRIBE assets",
            "SELECT 1;",
            "show  storage;",
        ] {
            assert!(prepare(text, |_| false).is_ok(), "{text}");
        }
        assert!(error("DROP TABLE assets").contains("DROP TABLE is refused"));
        assert!(error("delete from assets").contains("DELETE FROM is refused"));
        for text in [
            "INSERT INTO assets VALUES (1)",
            "CREATE VIEW v AS SELECT 1",
            "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
            "COPY assets TO '/tmp/x.csv'",
            "EXPLAIN ANALYZE INSERT INTO assets VALUES (1)",
            "SET datafusion.execution.batch_size = 1",
            "RESET datafusion.execution.batch_size",
        ] {
            assert!(prepare(text, |_| false).is_err(), "{text}");
        }
        assert!(error("SELECT 1; SELECT 2").contains("found 2"));
        assert!(error("  ").contains("found 0"));
        assert!(error("SELEKT 1").contains("cannot read"));
    }

    #[test]
    fn queries_that_unfold_are_counted() {
        let mut text = "WITH a0 AS (SELECT 1 AS x FROM t)".to_owned();
        for n in 1..40 {
            text += &format!(", a{n} AS (SELECT l.x FROM a{} l, a{} r)", n - 1, n - 1);
        }
        assert!(error(&format!("{text} SELECT * FROM a39")).contains("too many tables"));
        assert!(error(&format!("SELECT * FROM t{}", ", t".repeat(1000))).contains("too many tables"));
        assert!(prepare("WITH a AS (SELECT 1), b AS (SELECT * FROM a, a AS c) SELECT * FROM b, b AS d", |_| false).is_ok());
    }

    proptest::proptest! {
        #[test]
        fn any_words_are_answered(words in proptest::collection::vec(proptest::sample::select(WORDS), 0..60)) {
            drop(prepare(&words.join(" "), |name| name == "forecast"));
        }

        #[test]
        fn any_text_is_answered(text in ".{0,200}") {
            drop(prepare(&text, |_| true));
        }
    }

    const WORDS: &[&str] = &[
        "SELECT",
        "FROM",
        "WHERE",
        "WITH",
        "RECURSIVE",
        "AS",
        "(",
        ")",
        ",",
        "*",
        "t",
        "a",
        "forecast",
        "=>",
        "1",
        "'x'",
        "\"q",
        ".",
        ";",
        "UNION",
        "ALL",
        "CASE",
        "WHEN",
        "THEN",
        "END",
        "NOT",
        "AND",
        "+",
        "-",
        "||",
        "[",
        "]",
        "{",
        "}",
        "::",
        "INT",
        "JOIN",
        "LATERAL",
        "ON",
        "IN",
        "EXISTS",
        "OVER",
        "PARTITION",
        "BY",
        "GROUP",
        "CUBE",
        "ORDER",
        "LIMIT",
        "VALUES",
        "EXPLAIN",
        "ANALYZE",
        "SHOW",
        "STORAGE",
        "DESCRIBE",
        "INTERVAL",
        "/*",
        "--",
        "$1",
        "@",
        "NULL",
        "DROP",
        "TABLE",
        "INSERT",
        "INTO",
        "COPY",
        "é",
        "\u{0}",
        "0x",
        "1e999",
        "'",
        "E'\\x'",
        "U&'\\00'",
    ];

    #[test]
    fn calls_of_computed_tables_are_taken_out() {
        let prepared = prepare(
            "SELECT f.value FROM forecast('T01', quantity => 'load', horizon => 2 * 24) AS f JOIN assets ON true",
            |name| name == "forecast",
        )
        .unwrap();
        let call = &prepared.calls[0];
        assert_eq!(call.function, "forecast");
        let expected = [(None, "'T01'"), (Some("quantity"), "'load'"), (Some("horizon"), "2 * 24")];
        assert_eq!(call.arguments, expected.map(|(name, value)| (name.map(str::to_owned), value.to_owned())));
        assert!(prepared.statement.to_string().contains("\"forecast_call_1\" AS f"), "{}", prepared.statement);
        assert!(prepared.tables.contains("assets"));
    }
}
