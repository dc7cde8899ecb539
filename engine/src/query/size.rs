//! How large a statement may be, checked before it can cost anything: its text, how deep it nests, how many tables and
//! expressions it unfolds into.
//!
//! In: text, a syntax tree, a plan. Out: nothing, or [`Excess`]. A tree of syntax is walked by recursion here, in the parser and
//! in the planner; a text that passes is shallow enough for the stack of our threads. A statement of a few lines can unfold
//! without bound (`a AS (…), b AS (SELECT … FROM a, a), …`), which is why tables and terms are counted as if written out.

mod unfold;

use super::error::Excess;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::Token;
use datafusion::sql::sqlparser::tokenizer::Tokenizer;

pub(super) use unfold::Tables;
pub(super) use unfold::unfolds;

/// Longest statement, bytes.
const TEXT: usize = 256 << 10;
/// Deepest nesting of brackets; the parser itself stops at 50 levels of expressions or queries.
const BRACKETS: usize = 100;
/// Longest chain of operators without a comma, brackets around it counted in. DataFusion names every step of a chain anew while
/// it plans, so time grows with the third power: 1000 operators take longer than 20 s.
const OPERATORS: usize = 200;
/// Most UNION, INTERSECT and EXCEPT, and most JOIN.
const SETS: usize = 200;
const JOINS: usize = 64;

/// Most columns a SELECT names; planning takes the square of them.
const COLUMNS: usize = 1000;

/// Checks how many columns a SELECT names.
pub(super) fn check_columns(columns: usize) -> Result<(), Excess> {
    if columns <= COLUMNS {
        return Ok(());
    }
    let what = format!("a SELECT names {columns} columns");
    Err(Excess { what, limit: COLUMNS.to_string(), remedy: "ask for fewer at once, or use VALUES (…)" })
}

/// Most parts of a WITH; planning takes the square of them, too.
const PARTS: usize = 200;

/// Checks how many parts a WITH has.
pub(super) fn check_parts(parts: usize) -> Result<(), Excess> {
    if parts <= PARTS {
        return Ok(());
    }
    Err(Excess { what: format!("a WITH has {parts} parts"), limit: PARTS.to_string(), remedy: "ask in several statements" })
}

/// Checks the text before it is parsed.
pub(super) fn check_text(text: &str) -> Result<(), Excess> {
    let excess = |what: String, limit: usize, remedy| Excess { what, limit: limit.to_string(), remedy };
    if text.len() > TEXT {
        let what = format!("the statement has {} bytes", text.len());
        return Err(excess(what, TEXT, "send the values as rows of a table, or several statements"));
    }
    // What cannot be read is the parser's to explain.
    let Ok(tokens) = Tokenizer::new(&GenericDialect {}, text).tokenize() else { return Ok(()) };
    let (mut chains, mut sum, mut sets, mut joins) = (vec![0_usize], 0_usize, 0, 0);
    for token in &tokens {
        match token {
            Token::LParen | Token::LBracket | Token::LBrace => chains.push(0),
            Token::RParen | Token::RBracket | Token::RBrace if chains.len() > 1 => sum -= chains.pop().unwrap_or_default(),
            Token::Comma | Token::SemiColon => sum -= chains.last_mut().map(std::mem::take).unwrap_or_default(),
            Token::Word(word) if matches!(word.keyword, Keyword::WHEN | Keyword::THEN | Keyword::ELSE) => {
                sum -= chains.last_mut().map(std::mem::take).unwrap_or_default();
            }
            Token::Word(word) => match word.keyword {
                Keyword::UNION | Keyword::INTERSECT | Keyword::EXCEPT => sets += 1,
                Keyword::JOIN => joins += 1,
                keyword if is_operator(keyword) => {
                    chains.last_mut().map(|chain| *chain += 1).unwrap_or_default();
                    sum += 1;
                }
                _ => {}
            },
            Token::Whitespace(_) | Token::Number(..) | Token::SingleQuotedString(_) | Token::Period | Token::EOF => {}
            _ => {
                chains.last_mut().map(|chain| *chain += 1).unwrap_or_default();
                sum += 1;
            }
        }
        if chains.len() > BRACKETS {
            return Err(excess("the statement nests too deep".to_owned(), BRACKETS, "use WITH for the inner parts"));
        }
        if sum > OPERATORS {
            let what = "an expression has too many operators".to_owned();
            return Err(excess(what, OPERATORS, "use IN (…), or join with VALUES (…)"));
        }
        if sets > SETS {
            return Err(excess("the statement has too many UNION, INTERSECT and EXCEPT".to_owned(), SETS, "use VALUES (…)"));
        }
        if joins > JOINS {
            return Err(excess("the statement has too many JOIN".to_owned(), JOINS, "join fewer tables at once"));
        }
    }
    Ok(())
}

const fn is_operator(keyword: Keyword) -> bool {
    matches!(
        keyword,
        Keyword::AND
            | Keyword::OR
            | Keyword::NOT
            | Keyword::XOR
            | Keyword::IS
            | Keyword::IN
            | Keyword::LIKE
            | Keyword::ILIKE
            | Keyword::RLIKE
            | Keyword::REGEXP
            | Keyword::SIMILAR
            | Keyword::BETWEEN
            | Keyword::DIV
            | Keyword::COLLATE
            | Keyword::AT
            | Keyword::OVERLAPS
            | Keyword::CASE
            | Keyword::INTERVAL
    )
}

#[cfg(test)]
mod tests {
    use super::check_text;

    fn refused(text: &str) -> String {
        check_text(text).unwrap_err().to_string()
    }

    #[test]
    fn large_texts_are_refused_before_parsing() {
        assert!(refused(&format!("SELECT '{}'", "x".repeat(300_000))).contains("bytes"));
        assert!(refused(&format!("SELECT {}1{}", "(".repeat(10_000), ")".repeat(10_000))).contains("nests too deep"));
        assert!(refused(&format!("SELECT 1{}", "+1".repeat(10_000))).contains("operators"));
        assert!(refused(&format!("SELECT {} true", "NOT ".repeat(10_000))).contains("operators"));
        assert!(refused(&format!("SELECT 1 WHERE {} true", "a=1 OR ".repeat(10_000))).contains("operators"));
        assert!(refused(&format!("SELECT 1{}", " UNION SELECT 1".repeat(1000))).contains("UNION"));
        assert!(refused(&format!("SELECT 1 FROM t{}", " JOIN t ON true".repeat(1000))).contains("JOIN"));
        let nested = format!("SELECT {}1{}", "(1+1+1+1+1+1+1+1+1+1+1+1+".repeat(90), ")".repeat(90));
        assert!(refused(&nested).contains("operators"), "chains in brackets add up");
    }

    #[test]
    fn long_lists_are_not_deep() {
        let numbers: Vec<String> = (0..20_000).map(|n| format!("-{n}")).collect();
        check_text(&format!("SELECT * FROM t WHERE a IN ({})", numbers.join(","))).unwrap();
        let cases: String = (0..2000).map(|n| format!(" WHEN a = {n} THEN {n} + 1")).collect();
        check_text(&format!("SELECT CASE{cases} END FROM t")).unwrap();
        check_text("SELECT ((((1))))) -- ' unbalanced").unwrap();
    }
}
