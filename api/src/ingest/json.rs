//! Rows as JSON: `{"units": {…}, "readings": [{…}, …]}`, or NDJSON with one row per line.
//!
//! In: the bytes of a body. Out: [`Decoded`]. JSON has no NaN; a body that writes one anyway is refused with the asset and time of the row
//! it stands in, where they can be read. A body is read twice, for its units and for its rows, so that no tree of it is held.

use super::Decoded;
use super::letters::clip;
use super::rows::{Checks, Names, Row, Rows, not_finite, time};
use super::units::conversions;
use crate::error::Code;
use crate::error::Problem;
use crate::request::parse_json;
use engine::domain::AssetId;
use engine::domain::DomainError;
use engine::domain::Quantity;
use engine::domain::Timestamp;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;

/// A body of rows is three levels deep; more is a mistake or an attack.
const DEEPEST: usize = 16;
/// Bytes of a rejected row that are kept.
const RAW_BYTES: usize = 4096;

/// The body but for its rows.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    #[serde(default)]
    units: BTreeMap<String, String>,
    #[serde(rename = "readings")]
    _readings: IgnoredAny,
}

/// Reads a JSON body.
///
/// # Errors
/// Problems `bad_json`, `not_finite` for a literal NaN, and those of wrong units.
pub(crate) fn read(bytes: &[u8], mut checks: Checks) -> Result<Decoded, Problem> {
    shallow(bytes)?;
    let explain = |problem| not_finite_in(bytes, &problem).unwrap_or(problem);
    let head: Head = parse_json(bytes).map_err(explain)?;
    checks.units.extend(conversions(head.units.iter().map(|(name, unit)| (name.as_str(), unit.as_str())), &checks.known)?);
    let mut rows = Rows::new();
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let seed = BodyRows { names: Names::new(&checks), checks: &checks, rows: &mut rows, inside: false };
    seed.deserialize(&mut json).map_err(|error| explain(bad_json(&error)))?;
    rows.finish(checks.now)
}

/// Reads rows that stand one per line; a line that is no JSON costs only its row.
///
/// # Errors
/// None but what [`Rows::finish`] says.
pub(crate) fn read_lines(bytes: &[u8], checks: &Checks) -> Result<Decoded, Problem> {
    let (mut rows, mut names) = (Rows::new(), Names::new(checks));
    for (line, text) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        let text = text.trim_ascii();
        if text.is_empty() {
            continue;
        }
        let parsed = shallow(text).and_then(|()| {
            parse_json::<Map<String, Value>>(text).map_err(|problem| not_finite_in(text, &problem).unwrap_or(problem))
        });
        let asset = parsed.as_ref().ok().and_then(|row| row.get("asset_id")?.as_str()).map(|id| clip(id, 64).to_owned());
        let row = parsed.and_then(|row| check(&row, &mut names, checks));
        rows.take(row, Some(line), || {
            let start = text.get(..RAW_BYTES).unwrap_or(text);
            (asset, String::from_utf8_lossy(start).into_owned())
        });
    }
    rows.finish(checks.now)
}

struct BodyRows<'a> {
    names: Names<'a>,
    checks: &'a Checks,
    rows: &'a mut Rows,
    /// The list of `readings` is read, not the map around it.
    inside: bool,
}

impl<'de> DeserializeSeed<'de> for BodyRows<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// The body is a map; its `readings` are a list of rows, each checked as soon as it was read.
impl<'de> Visitor<'de> for BodyRows<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("readings: a list of rows, each with asset_id, time and numbers")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        if self.inside {
            return Err(A::Error::invalid_type(Unexpected::Map, &self));
        }
        while let Some(key) = map.next_key::<String>()? {
            if key != "readings" {
                map.next_value::<IgnoredAny>()?;
            } else if self.rows.seen() > 0 {
                return Err(A::Error::duplicate_field("readings"));
            } else {
                let (names, checks) = (Names::new(self.checks), self.checks);
                let names = std::mem::replace(&mut self.names, names);
                map.next_value_seed(BodyRows { names, checks, rows: &mut *self.rows, inside: true })?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        if !self.inside {
            return Err(A::Error::invalid_type(Unexpected::Seq, &self));
        }
        while let Some(row) = list.next_element::<Map<String, Value>>()? {
            let checked = check(&row, &mut self.names, self.checks);
            self.rows.take(checked, None, || {
                let asset = row.get("asset_id").and_then(Value::as_str).map(|id| clip(id, 64).to_owned());
                (asset, clip(&Value::Object(row).to_string(), RAW_BYTES).into())
            });
        }
        Ok(())
    }
}

fn check(row: &Map<String, Value>, names: &mut Names<'_>, checks: &Checks) -> Result<Row, Problem> {
    let text = |field: &str| {
        let missing =
            || Problem::new(Code::BadRequest, format!("the row has no {field}; every row needs asset_id and time as texts"));
        row.get(field).and_then(Value::as_str).ok_or_else(missing)
    };
    let (asset, kind) = names.asset(text("asset_id")?)?;
    let time = time(&asset, text("time")?, checks.latest)?;
    let mut values = Vec::with_capacity(row.len());
    for (name, value) in row.iter().filter(|(name, _)| !matches!(name.as_str(), "asset_id" | "time")) {
        let quantity = names.quantity(name)?;
        let Some(number) = number(&asset, &quantity, time, value)? else { continue };
        let (scale, offset) = checks.units.get(&quantity).copied().unwrap_or((1.0, 0.0));
        let stored = scale * number + offset;
        if !stored.is_finite() {
            return Err(not_finite(asset.as_str(), &quantity, time, stored));
        }
        values.push((quantity, stored));
    }
    Ok(Row { asset, kind, time, values })
}

/// A finite number, or nothing for null.
fn number(asset: &AssetId, quantity: &Quantity, time: Timestamp, value: &Value) -> Result<Option<f64>, Problem> {
    let endless = |value: &dyn fmt::Display| not_finite(asset.as_str(), quantity, time, value);
    match value {
        Value::Null => Ok(None),
        Value::Number(number) => number.as_f64().filter(|n| n.is_finite()).map(Some).ok_or_else(|| endless(number)),
        Value::String(text) if text.trim().parse::<f64>().is_ok_and(|n| !n.is_finite()) => Err(endless(text)),
        other => {
            let shown = other.to_string();
            let shown = clip(&shown, 100);
            let detail = format!("{asset}: {quantity} at {time} is {shown}; send a JSON number, or null for a missing value");
            Err(Problem::new(Code::BadRequest, detail))
        }
    }
}

/// Refuses brackets within brackets within brackets.
fn shallow(bytes: &[u8]) -> Result<(), Problem> {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => depth += 1,
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST {
            return Err(Problem::new(Code::BadJson, format!("the JSON is more than {DEEPEST} levels deep; rows are flat")));
        }
    }
    Ok(())
}

fn bad_json(error: &serde_json::Error) -> Problem {
    Problem::new(Code::BadJson, error.to_string()).with("line", error.line()).with("column", error.column())
}

/// If the fault of the JSON is a NaN, an infinity or a number beyond all doubles: the problem that says so, with asset and time.
fn not_finite_in(bytes: &[u8], problem: &Problem) -> Option<Problem> {
    let body = problem.body();
    let (line, column) = (usize::try_from(body["line"].as_u64()?).ok()?, usize::try_from(body["column"].as_u64()?).ok()?);
    let before_line: usize = bytes.split_inclusive(|b| *b == b'\n').take(line.checked_sub(1)?).map(<[u8]>::len).sum();
    let fault = (before_line + column).min(bytes.len());
    let start = bytes.get(..fault)?.iter().rposition(|b| *b == b'{')?;
    let end = fault + bytes.get(fault..)?.iter().position(|b| *b == b'}')?;
    let row = std::str::from_utf8(bytes.get(start..=end)?).ok()?;
    let value_at = row.get(..fault - start)?.rfind(':')? + 1;
    let value = row.get(value_at..)?.split([',', '}']).next()?.trim();
    let number = value.parse::<f64>().is_ok_and(|n| !n.is_finite());
    if !number {
        return None;
    }
    let repaired: Map<String, Value> =
        serde_json::from_str(&format!("{}null{}", row.get(..value_at)?, row.get(value_at..)?.trim_start().strip_prefix(value)?))
            .ok()?;
    let said = |field: &str| repaired.get(field).and_then(Value::as_str).unwrap_or("(not readable)").to_owned();
    let quantity = row.get(..value_at - 1)?.trim_end().trim_end_matches('"').rsplit('"').next()?.to_owned();
    let error = DomainError::NotFinite { asset: said("asset_id"), quantity, time: said("time"), value: value.into() };
    Some(Problem::from(error).with("line", line).with("column", column))
}

#[cfg(test)]
mod tests {
    use super::{Checks, Code, Decoded, Problem, Quantity, Timestamp, read, read_lines};
    use crate::ingest::units::Conversions;
    use engine::domain::{AssetId, AssetKind, Quantities};
    use std::sync::Arc;

    fn checks() -> Checks {
        let find = |id: &str, _: bool| match id {
            "T01" => Ok((AssetId::parse(id).unwrap(), AssetKind::WindTurbine)),
            _ => Err(Problem::new(Code::UnknownAsset, "who?")),
        };
        let latest = Timestamp::from_second(1_000_000_000).unwrap();
        Checks { known: Quantities::standard(), units: Conversions::new(), find: Arc::new(find), now: latest, latest }
    }

    fn check(body: &str) -> Result<Decoded, Problem> {
        read(body.as_bytes(), checks())
    }

    #[test]
    fn good_rows_become_columns_and_bad_ones_come_back() {
        let decoded = check(
            r#"{"readings":[
            {"asset_id":"T01","time":"2001-01-01T00:00:00Z","active_power":1.5},
            {"asset_id":"T99","time":"2001-01-01T00:00:00Z","active_power":1},
            {"asset_id":"T01","time":"2001-01-01T00:10:00Z","wind_speed":7,"active_power":null},
            {"asset_id":"T01","time":"2001-01-01T00:10:00Z","wind_sped":7},
            {"asset_id":"T01","time":"yesterday","wind_speed":7},
            {"asset_id":"T01","time":"2101-01-01T00:00:00Z","wind_speed":7},
            {"asset_id":"T01","time":"2001-01-01T00:20:00Z","wind_speed":"NaN"},
            {"asset_id":"T01","time":"2001-01-01T00:20:00Z","wind_speed":"fast"},
            {"time":"2001-01-01T00:20:00Z","wind_speed":1}],"units":{"active_power":"MW"}}"#,
        )
        .unwrap();
        let [readings] = decoded.readings.as_slice() else { panic!("one kind") };
        let values = |quantity| readings.values(&quantity).unwrap().iter().collect::<Vec<_>>();
        assert_eq!(values(Quantity::ACTIVE_POWER), [Some(1500.0), None], "units may stand after the rows");
        assert_eq!(values(Quantity::WIND_SPEED), [None, Some(7.0)]);
        let rejected: Vec<_> = decoded.rejected.iter().map(|row| (row.index, row.code)).collect();
        let expected = [
            (1, "unknown_asset"),
            (3, "unknown_quantity"),
            (4, "bad_time"),
            (5, "bad_time"),
            (6, "not_finite"),
            (7, "bad_request"),
            (8, "bad_request"),
        ];
        assert_eq!((rejected.as_slice(), decoded.rejected_total, decoded.rows), (expected.as_slice(), 7, 9));
        assert!(decoded.rejected[1].detail.contains("wind_speed"));
        assert!(decoded.rejected[3].detail.contains("clock"));
        assert_eq!(decoded.rejected[0].asset.as_deref(), Some("T99"));
        assert!(decoded.rejected[5].raw.contains("fast"));
    }

    #[test]
    fn a_literal_nan_is_named_with_asset_and_time() {
        for value in ["NaN", "Infinity", "-Infinity", "1e999"] {
            let body =
                format!("{{\"readings\":[\n{{\"asset_id\":\"T01\",\"time\":\"2001-01-01T00:00:00Z\",\"wind_speed\": {value}}}]}}");
            let problem = check(&body).unwrap_err();
            assert_eq!(problem.code(), Code::NotFinite, "{value}: {problem}");
            let detail = problem.detail();
            assert!(detail.contains("T01") && detail.contains("2001-01-01T00:00:00Z") && detail.contains("wind_speed"), "{detail}");
        }
        let problem = check("{\"readings\": [\n  {\"asset_id\": }]}").unwrap_err();
        assert_eq!((problem.code(), problem.body()["line"].as_u64()), (Code::BadJson, Some(2)));
    }

    #[test]
    fn a_wrong_unit_names_the_stored_one() {
        for unit in ["degC", "kilowatt", "mW"] {
            let problem = check(&format!(r#"{{"units":{{"active_power":"{unit}"}},"readings":[]}}"#)).unwrap_err();
            assert_eq!(problem.code(), Code::WrongUnit);
            assert!(problem.detail().contains("stored in kW"), "{problem}");
            assert_eq!(problem.body()["stored_unit"], "kW");
        }
    }

    #[test]
    fn other_shapes_are_refused_and_deep_ones_at_once() {
        for body in [
            "[]",
            "{}",
            "3",
            "{\"readings\":3}",
            "{\"readings\":[3]}",
            "[{},[]]",
            "{\"readings\":{\"readings\":[]}}",
            "{\"readings\":[],\"unit\":{}}",
            "{\"readings\":[]} x",
        ] {
            assert_eq!(check(body).unwrap_err().code(), Code::BadJson, "{body}");
        }
        let deep = format!("{{\"readings\":[{{\"asset_id\":{}1{}}}]}}", "[".repeat(100), "]".repeat(100));
        assert!(check(&deep).unwrap_err().detail().contains("deep"));
        let brackets_in_text = format!("{{\"readings\":[{{\"asset_id\":\"{}\\\"\"}}]}}", "[".repeat(100));
        assert_eq!(check(&brackets_in_text).unwrap().rejected_total, 1);
    }

    #[test]
    fn a_bad_line_costs_its_row() {
        let good = r#"{"asset_id":"T01","time":"2001-01-01T00:00:00Z","wind_speed":7}"#;
        let body = format!("{good}\r\n\n{{oops\n{}\n{good}", good.replace('7', "NaN"));
        let decoded = read_lines(body.as_bytes(), &checks()).unwrap();
        let rejected: Vec<_> = decoded.rejected.iter().map(|row| (row.index, row.line, row.code)).collect();
        assert_eq!(rejected, [(1, Some(3), "bad_json"), (2, Some(4), "not_finite")]);
        assert_eq!((decoded.readings[0].len(), decoded.rows), (2, 4));
    }
}
