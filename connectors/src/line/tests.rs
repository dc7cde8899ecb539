//! Conformance of the reader: the cases of the public reference, what must be refused, and comparison with a plain second reader.

mod reference;

use super::*;
use engine::domain::AssetId;
use engine::domain::Quantities;
use engine::domain::from_micros;
use engine::domain::micros;
use engine::source::SourceError;
use proptest::prelude::*;
use reference::Outcome;
use reference::outcome;
use std::collections::BTreeMap;

const NOW: i64 = 1_767_225_600_000_000;

fn plan(text: &str) -> LinePlan {
    try_plan(text).unwrap()
}

fn try_plan(text: &str) -> Result<LinePlan, SourceError> {
    #[derive(serde::Deserialize)]
    struct Held {
        #[serde(default)]
        line_protocol: Vec<LineMapping>,
    }
    let held: Held =
        toml::from_str(text).map_err(|error| SourceError::Mapping { place: "toml".into(), problem: error.to_string() })?;
    LinePlan::new(&held.line_protocol, &Quantities::standard())
}

fn read(plan: &LinePlan, body: impl AsRef<[u8]>) -> Lines {
    let find = |id: &str| match id {
        id if id.starts_with("WT") => Some(AssetKind::WindTurbine),
        id if id.starts_with("PV") => Some(AssetKind::PvInverter),
        _ => None,
    };
    let latest = from_micros(NOW + 3_600_000_000);
    let lines = plan.read(body.as_ref(), Precision::Nanoseconds, from_micros(NOW), latest, find);
    let rows: usize = lines.readings.iter().map(Readings::len).sum();
    assert_eq!(rows as u64 + lines.rejected_total, lines.lines, "every line is a row or refused");
    for readings in &lines.readings {
        assert_eq!(Readings::new(readings.kind(), readings.batch().clone()).as_ref(), Ok(readings), "the slow door agrees");
    }
    lines
}

type Row = (String, i64, BTreeMap<String, u64>);

fn rows(lines: &Lines) -> Vec<Row> {
    let mut rows = Vec::new();
    for readings in &lines.readings {
        for row in 0..readings.len() {
            let values = readings.quantities().into_iter().filter_map(|quantity| {
                let values = readings.values(&quantity)?;
                arrow::array::Array::is_valid(values, row).then(|| (quantity.name().to_owned(), values.value(row).to_bits()))
            });
            rows.push((readings.asset_ids().value(row).into(), readings.times().value(row), values.collect()));
        }
    }
    rows
}

fn row(asset: &str, time: i64, values: &[(&str, f64)]) -> Row {
    (asset.into(), time, values.iter().map(|(name, value)| ((*name).into(), value.to_bits())).collect())
}

fn reasons(lines: &Lines) -> Vec<(u64, &'static str)> {
    lines.rejects.iter().map(|reject| (reject.line.unwrap(), reject.reason)).collect()
}

#[test]
fn lines_of_the_reference_are_read() {
    let known = plan("");
    let power = |value| [("active_power", value)];
    let cases: &[(&str, Row)] = &[
        ("m,asset_id=WT1 active_power=1.5 1000", row("WT1", 1, &power(1.5))),
        ("m,asset=WT1 active_power=1", row("WT1", NOW, &power(1.0))),
        ("m,asset=WT2,asset_id=WT1 active_power=1 ", row("WT1", NOW, &power(1.0))),
        ("m,asset_id=WT1 active_power=12i 1999", row("WT1", 1, &power(12.0))),
        ("m,asset_id=WT1 active_power=12u -1", row("WT1", -1, &power(12.0))),
        ("m,asset_id=WT1 active_power=-1.5e-3 -1000", row("WT1", -1, &power(-0.0015))),
        ("m,asset_id=WT1 active_power=t -1001", row("WT1", -2, &power(1.0))),
        ("m,asset_id=WT1 active_power=FALSE 0", row("WT1", 0, &power(0.0))),
        ("  \tm,asset_id=WT1   active_power=1 \t 5000  \t", row("WT1", 5, &power(1.0))),
        ("m,asset_id=WT1 active_power=1 5000\r", row("WT1", 5, &power(1.0))),
        ("m\\ x\\,y=z,ta\\=g=v\\ w,asset_id=WT1 active_power=1 5000", row("WT1", 5, &power(1.0))),
        ("m\\q,asset_id=WT1,dir=C:\\x active_power=1 5000", row("WT1", 5, &power(1.0))),
        ("m,asset_id=WT1,\\ =x\\\\,y active_power=1 5000", row("WT1", 5, &power(1.0))),
        (
            "m,asset_id=WT1 active_power=1,note=\"a, b=c \\\"d\\\" \\\\\",load=2 5000",
            row("WT1", 5, &[("active_power", 1.0), ("load", 2.0)]),
        ),
        ("m,asset_id=WT1 note=\"\",active_power=1 5000", row("WT1", 5, &power(1.0))),
        ("m,asset_id=WT1 active_power=1,active_power=2 5000", row("WT1", 5, &power(2.0))),
        ("m,asset_id=WT1 note=\"over\na line\",active_power=1 5000", row("WT1", 5, &power(1.0))),
        ("m,asset_id=WT1 note=\"over\n\n\\\"\",active_power=1,more=\"\n\"", row("WT1", NOW, &power(1.0))),
        ("é,asset_id=WT1,ça=là active_power=1 5000", row("WT1", 5, &power(1.0))),
    ];
    for (line, expected) in cases {
        let lines = read(&known, line);
        assert_eq!(rows(&lines).as_slice(), std::slice::from_ref(expected), "{line:?}: {:?}", lines.rejects);
        let among = format!("# a comment\n\n{line}\n \t\nm,asset_id=WT9 load=1 0\n");
        assert_eq!(rows(&read(&known, &among)).len(), 2, "{among:?}");
    }
}

#[test]
fn what_cannot_be_read_costs_its_line_only_and_says_why() {
    let known = plan("");
    let cases: &[(&str, &str, &str)] = &[
        ("nonsense", "bad_line", "no field"),
        ("m,asset_id=WT1", "bad_line", "no field"),
        ("m,asset_id=WT1 ", "bad_line", "no field"),
        ("m,asset_id=WT1 active_power", "bad_line", "field=value"),
        ("m,asset_id=WT1 =1", "bad_line", "field=value"),
        ("m,asset_id=WT1 active_power=1,", "bad_line", "field=value"),
        ("m,asset_id=WT1 active_power=1, load=2", "bad_line", "field=value"),
        ("m,asset_id=WT1 note=\"x\"y,active_power=1", "bad_line", "after a value"),
        (",asset_id=WT1 active_power=1", "bad_line", "measurement"),
        ("m,asset_id= active_power=1", "bad_line", "tag=value"),
        ("m,asset_id active_power=1", "bad_line", "tag=value"),
        ("m,asset_id=WT1,a=b=c active_power=1", "bad_line", "tag=value"),
        ("m,,asset_id=WT1 active_power=1", "bad_line", "tag=value"),
        ("m active_power=1", "no_asset", "asset_tag"),
        ("m,asset_id=WT\\ 1 active_power=1", "bad_asset", "letters"),
        ("m,asset_id=XX active_power=1", "unknown_asset", "\"XX\""),
        ("m,asset_id=WT1 active_power=", "bad_number", "active_power"),
        ("m,asset_id=WT1 active_power=1x 5000", "bad_number", "\"1x\""),
        ("m,asset_id=WT1 active_power=9223372036854775808i", "bad_number", "active_power"),
        ("m,asset_id=WT1 active_power=tRUE", "bad_number", "true"),
        ("m,asset_id=WT1 active_power=NaN 5000", "not_finite", "leave the field out"),
        ("m,asset_id=WT1 active_power=-Inf 5000", "not_finite", "1970-01-01T00:00:00.000005Z"),
        ("m,asset_id=WT1 active_power=1e999", "not_finite", "WT1"),
        ("m,asset_id=WT1 note=\"open,active_power=1 5000", "open_quote", "note"),
        ("m,asset_id=WT1 active_power=1 noon", "bad_time", "noon"),
        ("m,asset_id=WT1 active_power=1 1.5", "bad_time", "whole number"),
        ("m,asset_id=WT1 active_power=1 1 2", "bad_time", "1 2"),
        ("m,asset_id=WT1 active_power=1 9223372036854775808", "bad_time", "2262"),
        ("m,asset_id=WT1 active_power=1 1767232800000000000", "in_future", "2026-01-01T02:00:00Z"),
        ("m,asset_id=WT1 note=\"x\" 5000", "no_known_field", "fields"),
    ];
    for (bad, reason, part) in cases {
        let body = format!("m,asset_id=WT1 load=1 1000\n{bad}\nm,asset_id=WT1 load=2 2000\n");
        let lines = read(&known, &body);
        assert_eq!(rows(&lines), [row("WT1", 1, &[("load", 1.0)]), row("WT1", 2, &[("load", 2.0)])], "{bad:?}");
        let reject = lines.rejects.last().unwrap();
        assert_eq!((reject.line, reject.reason, reject.raw.as_str()), (Some(2), *reason, *bad));
        assert!(reject.detail.contains(part), "{bad:?}: {}", reject.detail);
        assert_eq!(lines.rejected_total, 1, "{bad:?}");
    }
}

#[test]
fn precisions() {
    let known = plan("");
    let at = |name: &str, time: &str| {
        let body = format!("m,asset_id=WT1 load=1 {time}");
        let precision = Precision::parse(name).unwrap();
        let lines = known.read(body.as_bytes(), precision, from_micros(NOW), from_micros(NOW), |_| Some(AssetKind::Meter));
        lines.readings.first().map(|readings| readings.times().value(0))
    };
    for name in ["ns", "n"] {
        assert_eq!(at(name, "-1"), Some(-1));
        assert_eq!(at(name, "1999"), Some(1));
    }
    assert_eq!((at("us", "7"), at("u", "-7"), at("ms", "7"), at("s", "7")), (Some(7), Some(-7), Some(7000), Some(7_000_000)));
    assert_eq!((at("m", "7"), at("h", "7")), (Some(420_000_000), Some(25_200_000_000)));
    assert_eq!(
        (at("h", "9223372036854775807"), at("us", "-9223372036854775807"), at("ms", "-9300000000000000")),
        (None, None, None)
    );
    assert!(Precision::parse("ps").is_err());
}

const MAPPED: &str = r#"
[[line_protocol]]
measurement = "scada"
register = true
kind_tag = "kind"
kinds = { wind = "wind_turbine", solar = "pv_inverter" }
parent_tag = "site"
[line_protocol.fields]
power_mw = { quantity = "active_power", unit = "MW" }
state = { quantity = "turbine_status", texts = { RUN = 0, "STOP \"now\"" = 4 } }
"#;

#[test]
fn a_mapping_converts_names_units_and_texts_and_registers_assets() {
    let mapped = plan(MAPPED);
    let body = "scada,asset_id=N1,kind=wind,site=S01 power_mw=1.5,state=\"RUN\",wind_speed=7,other=1 1000\n\
        scada,asset_id=N1,kind=wind,site=S01 state=\"STOP \\\"now\\\"\",other=2 2000\n\
        scada,asset_id=N2,kind=solar power_mw=1 1000\n\
        scada,asset_id=N3,kind=steam power_mw=1 1000\n\
        scada,asset_id=N4 power_mw=1 1000\n\
        scada,asset_id=N5,kind=meter power_mw=x 1000\n\
        scada,asset_id=WT1,kind=meter state=\"???\",power_mw=1 1000\n\
        other,asset_id=N2 load=1 1000\n";
    let lines = read(&mapped, body);
    assert_eq!(
        rows(&lines),
        [
            row("N1", 1, &[("active_power", 1500.0), ("turbine_status", 0.0), ("wind_speed", 7.0)]),
            row("N1", 2, &[("turbine_status", 4.0)]),
            row("WT1", 1, &[("active_power", 1000.0)]),
            row("N2", 1, &[("active_power", 1000.0)]),
        ]
    );
    let expected = [
        (1, "unknown_field"),
        (4, "unknown_kind"),
        (5, "unknown_kind"),
        (6, "bad_number"),
        (7, "unknown_text"),
        (8, "unknown_asset"),
    ];
    assert_eq!(reasons(&lines), expected);
    let mut turbine = Asset::new(AssetId::parse("N1").unwrap(), AssetKind::WindTurbine);
    turbine.parent_id = Some(AssetId::parse("S01").unwrap());
    assert_eq!(lines.register, [turbine, Asset::new(AssetId::parse("N2").unwrap(), AssetKind::PvInverter)]);
}

#[test]
fn new_fields_are_declared_when_told_so() {
    let declaring = plan("[[line_protocol]]\ndeclare = true\n");
    let body = "m,asset_id=WT1 vane_angle=1,Bad-Name=1,time=5,word=\"x\",load=2 1000\nm,asset_id=WT1 never=1,load=x\nm,asset_id=PV1 vane_angle=2i 1000";
    let lines = read(&declaring, body);
    assert_eq!(lines.declare, [("vane_angle".to_owned(), Unit::parse("1").unwrap())]);
    assert_eq!(rows(&lines), [row("WT1", 1, &[("load", 2.0), ("vane_angle", 1.0)]), row("PV1", 1, &[("vane_angle", 2.0)])]);
    assert_eq!(reasons(&lines), [(1, "unknown_field"), (1, "unknown_field"), (1, "text_field"), (2, "bad_number")]);
    let many: Vec<String> = (0..MOST_DECLARED + 1).map(|n| format!("q{n}=1")).collect();
    let lines = read(&declaring, format!("m,asset_id=WT1 {}", many.join(",")));
    assert_eq!((lines.declare.len(), reasons(&lines)), (MOST_DECLARED, vec![(1, "unknown_field")]));
}

#[test]
fn slips_in_a_mapping_are_answered_with_the_nearest_name() {
    let cases = [
        ("fields = { p = { quantity = \"activ_power\" } }", "active_power"),
        ("fields = { p = { quantity = \"active_power\", unit = \"kWh\" } }", "stored in kW"),
        ("fields = { p = { quantity = \"active_power\", unit = \"MWW\" } }", "\"MW\""),
        ("register = true\nkind = \"wind_turbin\"", "wind_turbine"),
        ("register = true", "kind_tag"),
        ("kind = \"meter\"", "register = true"),
        ("asset_tg = \"x\"", "asset_tag"),
        ("[[line_protocol]]", "two entries"),
    ];
    for (text, part) in cases {
        let error = try_plan(&format!("[[line_protocol]]\n{text}")).unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn long_lines_and_floods_are_bounded() {
    let known = plan("");
    let long = format!("m,asset_id=WT1 load=1,note=\"{}\" 1000\nm,asset_id=WT1 load=2 2000", "x".repeat(1 << 20));
    let lines = read(&known, &long);
    assert_eq!((rows(&lines), reasons(&lines)), (vec![row("WT1", 2, &[("load", 2.0)])], vec![(1, "too_long")]));
    assert!(lines.rejects[0].raw.len() <= 1024);
    assert_eq!(rows(&read(&known.clone().with_longest_line(2 << 20), &long)).len(), 2);
    let flood = read(&known, "x\n".repeat(3 * MOST_REJECTS));
    assert_eq!((flood.rejects.len(), flood.rejected_total), (MOST_REJECTS, 3 * MOST_REJECTS as u64));
}

#[test]
fn one_bad_line_in_ten_thousand_costs_one_row() {
    let body: String = (0..10_000)
        .map(|n| match n {
            4_321 => "m,asset_id=WT1 load=bad 4321000\n".to_owned(),
            n => format!("m,asset_id=WT{},site=S load={n} {n}000\n", n % 700),
        })
        .collect();
    let lines = read(&plan(""), &body);
    assert_eq!((reasons(&lines), lines.lines), (vec![(4_322, "bad_number")], 10_000));
    let rows = rows(&lines);
    assert!(rows.iter().all(|(asset, time, values)| {
        *asset == format!("WT{}", time % 700) && values["load"] == f64::from(i32::try_from(*time).unwrap()).to_bits()
    }));
    assert_eq!(rows.len(), 9_999);
}

#[test]
fn large_bodies_are_split_and_gaps_stay_gaps() {
    let body: String =
        (0..150_000).map(|n| format!("m,asset_id=WT1 {}={n} {n}000\n", if n % 3 == 0 { "load" } else { "ghi" })).collect();
    let lines = read(&plan(""), &body);
    assert_eq!(lines.readings.iter().map(Readings::len).collect::<Vec<_>>(), [65_536, 65_536, 18_928]);
    for (time, (_, found, values)) in rows(&lines).into_iter().enumerate() {
        assert_eq!((found as usize, values.contains_key("load"), values.len()), (time, time % 3 == 0, 1));
    }
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "[a-z_]{1,4}",
        1 => "[a-c\\\\,= \"é]{1,5}".prop_map(|text| text.replace(',', "\\,").replace('=', "\\=").replace(' ', "\\ ")),
        1 => Just("asset_id".to_owned()),
        1 => Just("time".to_owned()),
    ]
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        "-?[0-9]{1,3}(\\.[0-9]{1,3})?",
        "-?[0-9]{1,20}[iu]?",
        "[0-9]\\.[0-9]e-?[0-9]{1,3}",
        "\"[a-c\\\\,= ]{0,4}\"",
        prop_oneof!["t", "false", "T", "NaN", "-inf", "tru"],
    ]
}

prop_compose! {
    fn line()(
        measurement in word(),
        asset in "[A-C ]{1,2}",
        tags in proptest::collection::vec((word(), word()), 0..3),
        fields in proptest::collection::vec((word(), value()), 0..5),
        time in prop_oneof![Just(String::new()), "[ \t]{1,2}-?[0-9]{1,19}[ \t]{0,2}"],
        cut in proptest::option::weighted(0.3, (any::<prop::sample::Index>(), "[,= \\\\\"#\r1ae.-]{0,1}")),
    ) -> Vec<u8> {
        let tags: String = tags.iter().map(|(tag, value)| format!(",{tag}={value}")).collect();
        let fields: Vec<String> = fields.iter().map(|(field, value)| format!("{field}={value}")).collect();
        let mut line = format!("{measurement}{tags},asset_id={asset} {}{time}", fields.join(",")).into_bytes();
        if let Some((at, byte)) = cut {
            let at = at.index(line.len());
            line.splice(at..=at, byte.bytes());
        }
        line
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn equals_the_plain_reader(body in proptest::collection::vec(prop_oneof![8 => line(), 1 => "[ab,= \\\\\"#1]{0,12}".prop_map(String::into_bytes)], 1..8)) {
        let taking = plan("[[line_protocol]]\nregister = true\nkind = \"meter\"\ndeclare = true\n");
        let latest = NOW + 3_600_000_000;
        // Strings that run over line ends are not the plain reader's: each line is a body of its own, and the good ones are one together.
        let mut good = Vec::new();
        let mut expected = Vec::new();
        for line in &body {
            let found = taking.read(line, Precision::Nanoseconds, from_micros(NOW), from_micros(latest), |_| None);
            match outcome(line, NOW, latest) {
                Outcome::Nothing => prop_assert_eq!(found.lines, 0),
                Outcome::Bad => prop_assert_eq!((found.lines, found.rejected_total, rows(&found)), (1, 1, vec![]), "{:?}", String::from_utf8_lossy(line)),
                Outcome::Row { asset, micros, fields } => {
                    prop_assert_eq!(rows(&found), vec![(asset.clone(), micros, fields.clone())], "{:?}", String::from_utf8_lossy(line));
                    expected.push((asset, micros, fields));
                    good.extend_from_slice(line);
                    good.push(b'\n');
                }
            }
        }
        let together = taking.read(&good, Precision::Nanoseconds, from_micros(NOW), from_micros(latest), |_| None);
        prop_assert_eq!(rows(&together), expected);
    }

    #[test]
    fn any_bytes_leave_the_lines_around_them(junk in prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..200),
        "([a-b,= \\\\\"#1\n]|WT1|asset_id=| load=){0,40}".prop_map(String::into_bytes),
    ]) {
        let known = plan("");
        let body = [b"m,asset_id=WT7 load=1 1000\n".as_slice(), &junk, b"\nm,asset_id=WT8 load=2 2000"].concat();
        let rows = rows(&read(&known, &body));
        prop_assert!(rows.contains(&row("WT7", 1, &[("load", 1.0)])));
        prop_assert!(rows.contains(&row("WT8", 2, &[("load", 2.0)])));
        read(&known, &junk);
    }
}

#[test]
fn the_time_of_knowing_is_now() {
    let lines = read(&plan(""), "m,asset_id=WT1 load=1 1000");
    assert_eq!(lines.readings[0].available_at().value(0), micros(from_micros(NOW)));
}
