//! Hostile statements that are long or deep, made by repeating a piece.

/// All of them.
pub(super) fn all() -> Vec<String> {
    let mut all = Vec::new();
    for n in [60, 1000, 10_000, 100_000] {
        all.push(format!("SELECT {}1{}", "(".repeat(n), ")".repeat(n)));
        all.push(format!("SELECT {}1", "(".repeat(n)));
        all.push(format!("SELECT {}1", "- ".repeat(n)));
        all.push(format!("SELECT {}true", "NOT ".repeat(n)));
        all.push(format!("SELECT 1{}", "+1".repeat(n)));
        all.push(format!("SELECT 'x'{}", "||'x'".repeat(n)));
        all.push(format!("SELECT 1{}", "::INT".repeat(n)));
        all.push(format!("SELECT 1{}", " IS NULL".repeat(n)));
        all.push(format!("SELECT time FROM t WHERE {}true", "wind_speed = 1 OR ".repeat(n)));
        all.push(format!("SELECT time FROM t WHERE {}true", "wind_speed = 1 AND ".repeat(n)));
        all.push(format!("SELECT {}1{}", "CASE WHEN true THEN ".repeat(n), " END".repeat(n)));
        all.push(format!("SELECT {}1{}", "abs(".repeat(n), ")".repeat(n)));
        all.push(format!("SELECT {}1{}", "[".repeat(n), "]".repeat(n)));
        all.push(format!("SELECT [1]{}", "[1]".repeat(n)));
        all.push(format!("SELECT * FROM {}(SELECT 1) {}", "(SELECT * FROM ".repeat(n), ") x".repeat(n)));
        all.push(format!("{}SELECT 1{}", "(".repeat(n), ")".repeat(n)));
        all.push(format!("{}SELECT 1", "EXPLAIN ".repeat(n)));
        all.push(format!("SELECT 1{}", " UNION ALL SELECT 1".repeat(n)));
        all.push(format!("SELECT 1{}", " UNION SELECT 1".repeat(n)));
        all.push(format!("SELECT count(*) FROM t{}", ", t".repeat(n)));
        all.push(format!("SELECT count(*) FROM t{}", (0..n.min(9000)).map(|i| format!(", t AS x{i}")).collect::<String>()));
        all.push(format!("SELECT count(*) FROM t{}", " NATURAL JOIN t".repeat(n)));
        all.push(format!("SELECT * FROM t WHERE {} 1 {}", "EXISTS (SELECT 1 WHERE ".repeat(n), ")".repeat(n)));
        all.push(format!("SELECT count(*) FROM t WHERE wind_speed IN ({})", list(n)));
        all.push(format!("SELECT count(*) FROM t WHERE wind_speed NOT IN ({}) AND wind_speed IN ({})", list(n), list(n)));
        all.push(format!(
            "SELECT CASE {} END FROM t",
            (0..n.min(9000)).map(|i| format!("WHEN wind_speed = {i} THEN {i} ")).collect::<String>()
        ));
        all.push(format!("SELECT {}", list(n)));
        all.push(format!("VALUES {}", vec!["(1)"; n].join(",")));
        all.push(format!("SELECT '{}' FROM t", "x".repeat(n)));
        all.push(format!("SELECT {} FROM t", vec![format!("'{}'", "x".repeat(n / 10)); 10].join(" a, ").replacen(" a,", " b,", 1)));
        all.push(format!(
            "WITH {} SELECT * FROM a0",
            (0..n.min(9000)).map(|i| format!("a{i} AS (SELECT 1)")).collect::<Vec<_>>().join(",")
        ));
        all.push(format!("SELECT concat({})", vec!["'x'"; n].join(",")));
        all.push(format!("SELECT time FROM t ORDER BY {}", vec!["time"; n].join(",")));
        all.push(format!("SELECT count(*) FROM t GROUP BY GROUPING SETS ({})", vec!["(time)"; n].join(",")));
        all.push(format!("SELECT /*{}*/ 1", "/*".repeat(n)));
        all.push(";".repeat(n));
        all.push("\u{0}".repeat(n));
        all.push("SELECT ".repeat(n));
    }
    for piece in [
        "SELECT l.x FROM @ l, @ r",
        "SELECT x FROM @ UNION ALL SELECT x FROM @",
        "SELECT x + x AS x FROM @ WHERE x > 1",
        "SELECT x || x AS x FROM @",
        "SELECT * FROM @ WHERE x IN (SELECT x FROM @)",
    ] {
        let mut text = "WITH a0 AS (SELECT wind_speed AS x FROM t)".to_owned();
        for n in 1..40 {
            text += &format!(", a{n} AS ({})", piece.replace('@', &format!("a{}", n - 1)));
        }
        all.push(format!("{text} SELECT * FROM a39 WHERE x > 1"));
    }
    all
}

fn list(n: usize) -> String {
    (0..n).map(|i| i.to_string()).collect::<Vec<_>>().join(",")
}
