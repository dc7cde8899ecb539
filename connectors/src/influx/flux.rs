//! The Flux that asks for one window of history.
//!
//! In: names and times. Out: a query. Not here: sending it.

use engine::domain::Timestamp;
use std::fmt::Write;

/// All points of `measurements` (none: of any) of `bucket` in `[start, stop)`; with `pivot` one row per time, a column per field.
pub(super) fn window(bucket: &str, measurements: &[String], start: Timestamp, stop: Timestamp, pivot: bool) -> String {
    let mut flux = format!("from(bucket: {})\n  |> range(start: {start}, stop: {stop})\n", literal(bucket));
    if !measurements.is_empty() {
        let any: Vec<String> = measurements.iter().map(|name| format!("r._measurement == {}", literal(name))).collect();
        // Writing to a String does not fail.
        writeln!(flux, "  |> filter(fn: (r) => {})", any.join(" or ")).ok();
    }
    if pivot {
        flux.push_str("  |> pivot(rowKey: [\"_time\"], columnKey: [\"_field\"], valueColumn: \"_value\")\n");
    }
    flux
}

/// A string of Flux; `${` would begin an expression.
fn literal(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace("${", "\\${").replace('\n', "\\n").replace('\r', "\\r");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::{Timestamp, window};

    #[test]
    fn names_cannot_leave_their_quotes() {
        let (start, stop): (Timestamp, Timestamp) =
            ("2026-01-01T00:00:00Z".parse().unwrap(), "2026-01-02T00:00:00Z".parse().unwrap());
        let flux = window("b\"\\ ${x}", &["sca\nda".into(), "m".into()], start, stop, true);
        let expected = "from(bucket: \"b\\\"\\\\ \\${x}\")\n  |> range(start: 2026-01-01T00:00:00Z, stop: 2026-01-02T00:00:00Z)\n  \
            |> filter(fn: (r) => r._measurement == \"sca\\nda\" or r._measurement == \"m\")\n  \
            |> pivot(rowKey: [\"_time\"], columnKey: [\"_field\"], valueColumn: \"_value\")\n";
        assert_eq!(flux, expected);
        assert!(!window("b", &[], start, stop, false).contains("filter"));
    }
}
