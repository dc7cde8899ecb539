//! Bodies of line protocol: every line is a row or a reject, the slow door agrees, and good lines around any bytes stay.
//!
//! In: any bytes. Out: a panic when a promise of `connectors::line` does not hold.

use arrow::array::Array;
use connectors::line::LineMapping;
use connectors::line::LinePlan;
use connectors::line::Lines;
use connectors::line::Precision;
use engine::domain::AssetKind;
use engine::domain::Quantities;
use engine::domain::Readings;
use engine::domain::from_micros;
use std::sync::LazyLock;

const NOW: i64 = 1_767_225_600_000_000;
const BEFORE: &[u8] = b"m,asset_id=GOOD-1,host=GOOD-1 active_power=1 1000\n";
const AFTER: &[u8] = b"\nm,asset_id=GOOD-2,host=GOOD-2 active_power=2 2000\n";
const MAPPING: &str = r#"
measurement = "*"
asset_tag = "host"
kind = "wind_turbine"
register = true
declare = true
[fields]
p = { quantity = "active_power", unit = "MW" }
s = { quantity = "load", texts = { on = 1.0, off = 0.0 } }
"#;

static PLANS: LazyLock<[LinePlan; 2]> = LazyLock::new(|| {
    let mapping: LineMapping = toml::from_str(MAPPING).expect("the mapping is TOML");
    let plan = |mappings: &[LineMapping]| LinePlan::new(mappings, &Quantities::standard()).expect("the mapping is valid");
    [plan(&[]), plan(&[mapping])]
});

type Row = (AssetKind, String, i64, Vec<(String, u64)>);

/// Reads `data` as a body, by a plain plan and by one that registers and declares.
pub fn line_protocol(data: &[u8]) {
    for plan in PLANS.iter() {
        for precision in [Precision::Nanoseconds, Precision::Hours] {
            let alone = read(plan, data, precision);
            assert_eq!(read(plan, data, precision), alone, "the same bytes read twice");
        }
        among_good_lines(plan, data);
    }
}

/// A string may run over line ends, but neither good line has a quote, so nothing in between can reach into them.
fn among_good_lines(plan: &LinePlan, data: &[u8]) {
    let (before, alone, after) = (ordered(plan, BEFORE), ordered(plan, data), ordered(plan, AFTER));
    let body = [BEFORE, data, AFTER].concat();
    let mut expected = [before, alone, after].concat();
    expected.sort();
    assert_eq!(ordered(plan, &body), expected, "rows beside good lines");
    let shifted = read(plan, &body, Precision::Nanoseconds).rejects;
    let rejects = read(plan, data, Precision::Nanoseconds).rejects;
    let places = |rejects: &[engine::source::Reject], by: u64| -> Vec<_> {
        rejects.iter().map(|reject| (reject.line.map(|line| line + by), reject.reason)).collect()
    };
    assert_eq!(places(&shifted, 0), places(&rejects, 1), "rejects beside good lines");
}

fn read(plan: &LinePlan, body: &[u8], precision: Precision) -> Lines {
    let find = |id: &str| match id {
        id if id.starts_with("WT") || id.starts_with("GOOD") => Some(AssetKind::WindTurbine),
        id if id.starts_with("PV") => Some(AssetKind::PvInverter),
        _ => None,
    };
    let lines = plan.read(body, precision, from_micros(NOW), from_micros(NOW + 3_600_000_000), find);
    let rows: usize = lines.readings.iter().map(Readings::len).sum();
    assert_eq!(rows as u64 + lines.rejected_total, lines.lines, "every line is a row or refused");
    for readings in &lines.readings {
        assert_eq!(Readings::new(readings.kind(), readings.batch().clone()).as_ref(), Ok(readings), "the slow door agrees");
        assert!(readings.times().values().iter().all(|time| *time <= NOW + 3_600_000_000), "no row lies in the future");
    }
    assert!(lines.rejects.iter().all(|reject| !reject.detail.is_empty()), "a reject says why");
    lines
}

/// All rows with their values, in one order.
fn ordered(plan: &LinePlan, body: &[u8]) -> Vec<Row> {
    let mut rows = Vec::new();
    for readings in &read(plan, body, Precision::Nanoseconds).readings {
        for row in 0..readings.len() {
            let values = readings.quantities().into_iter().filter_map(|quantity| {
                let values = readings.values(&quantity)?;
                values.is_valid(row).then(|| (quantity.name().to_owned(), values.value(row).to_bits()))
            });
            let mut values: Vec<_> = values.collect();
            values.sort();
            rows.push((readings.kind(), readings.asset_ids().value(row).to_owned(), readings.times().value(row), values));
        }
    }
    rows.sort();
    rows
}
