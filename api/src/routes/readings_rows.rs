//! The rows of `POST /readings`, pure: JSON in, columns per asset kind and rejected rows out.
//!
//! JSON has no NaN; a body that writes one anyway is refused with the asset and time of the row it stands in, where they can be read.

use crate::error::Code;
use crate::error::Problem;
use crate::request::parse_json;
use crate::routes::readings_in::{ReadingsBody, RejectedRow};
use engine::domain::Asset;
use engine::domain::AssetKind;
use engine::domain::DomainError;
use engine::domain::Quantities;
use engine::domain::Quantity;
use engine::domain::Timestamp;
use engine::domain::Unit;
use engine::domain::micros;
use engine::domain::parse_time;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Rows of one asset kind, as columns of one length.
#[derive(Debug, Default)]
pub(super) struct Columns {
    pub(super) times: Vec<i64>,
    pub(super) asset_ids: Vec<String>,
    pub(super) values: BTreeMap<Quantity, Vec<Option<f64>>>,
}

/// Good rows by kind, and the others.
#[derive(Debug, Default)]
pub(super) struct Checked {
    pub(super) by_kind: BTreeMap<AssetKind, Columns>,
    pub(super) rejected: Vec<RejectedRow>,
}

/// Reads the body; a NaN or infinity in it is named with its row.
pub(super) fn parse_body(bytes: &[u8]) -> Result<ReadingsBody, Problem> {
    parse_json(bytes).map_err(|problem| not_finite(bytes, &problem).unwrap_or(problem))
}

/// Checks every row; only a wrong unit refuses them all.
pub(super) fn check_rows(
    body: ReadingsBody,
    known: &Quantities,
    find: impl Fn(&str) -> Result<Asset, Problem>,
    latest: Timestamp,
) -> Result<Checked, Problem> {
    let units = conversions(&body.units, known)?;
    let mut checked = Checked::default();
    let mut found: BTreeMap<String, Result<Asset, Problem>> = BTreeMap::new();
    for (index, row) in body.readings.into_iter().enumerate() {
        match check_row(&row, known, &units, |id| found.entry(id.into()).or_insert_with(|| find(id)).clone(), latest) {
            Ok((asset, time, values)) => checked.by_kind.entry(asset.kind).or_default().push(&asset, time, values),
            Err(problem) => {
                checked.rejected.push(RejectedRow { index, code: problem.code().row().0, detail: problem.detail().into() });
            }
        }
    }
    Ok(checked)
}

type Row = (Asset, Timestamp, Vec<(Quantity, f64)>);

fn check_row(
    row: &Map<String, Value>,
    known: &Quantities,
    units: &BTreeMap<Quantity, (f64, f64)>,
    find: impl FnOnce(&str) -> Result<Asset, Problem>,
    latest: Timestamp,
) -> Result<Row, Problem> {
    let text = |field: &str| {
        let missing =
            || Problem::new(Code::BadRequest, format!("the row has no {field}; every row needs asset_id and time as texts"));
        row.get(field).and_then(Value::as_str).ok_or_else(missing)
    };
    let asset = find(text("asset_id")?)?;
    let time = parse_time(text("time")?)?;
    if time > latest {
        let remedy = "check the sender's clock and time zone, and send readings, not forecasts";
        return Err(Problem::new(
            Code::BadTime,
            format!("{}: {time} is in the future (now is taken until {latest}); {remedy}", asset.id),
        ));
    }
    let mut values = Vec::with_capacity(row.len());
    for (name, value) in row.iter().filter(|(name, _)| !matches!(name.as_str(), "asset_id" | "time")) {
        let quantity = known.get(name)?.0;
        let Some(number) = number(&asset, quantity, time, value)? else { continue };
        let (scale, offset) = units.get(quantity).copied().unwrap_or((1.0, 0.0));
        values.push((quantity.clone(), scale * number + offset));
    }
    Ok((asset, time, values))
}

/// A finite number, or nothing for null.
fn number(asset: &Asset, quantity: &Quantity, time: Timestamp, value: &Value) -> Result<Option<f64>, Problem> {
    let not_finite = |value: String| DomainError::NotFinite {
        asset: asset.id.to_string(),
        quantity: quantity.name().into(),
        time: time.to_string(),
        value,
    };
    match value {
        Value::Null => Ok(None),
        Value::Number(number) => {
            number.as_f64().filter(|n| n.is_finite()).map(Some).ok_or_else(|| not_finite(number.to_string()).into())
        }
        Value::String(text) if text.trim().parse::<f64>().is_ok_and(|n| !n.is_finite()) => Err(not_finite(text.clone()).into()),
        other => {
            let detail = format!("{}: {quantity} at {time} is {other}; send a JSON number, or null for a missing value", asset.id);
            Err(Problem::new(Code::BadRequest, detail))
        }
    }
}

fn conversions(units: &BTreeMap<String, String>, known: &Quantities) -> Result<BTreeMap<Quantity, (f64, f64)>, Problem> {
    let mut conversions = BTreeMap::new();
    for (name, text) in units {
        let (quantity, info) = known.get(name)?;
        let mismatch = || DomainError::UnitMismatch { quantity: name.clone(), stored: info.unit.to_string(), unit: text.clone() };
        let unit = Unit::parse(text).map_err(|error| {
            Problem::new(Code::WrongUnit, format!("{name} is stored in {}: {error}", info.unit))
                .with("stored_unit", info.unit.name())
        })?;
        let conversion = unit.to(info.unit).ok_or_else(|| Problem::from(mismatch()).with("stored_unit", info.unit.name()))?;
        conversions.insert(quantity.clone(), conversion);
    }
    Ok(conversions)
}

impl Columns {
    fn push(&mut self, asset: &Asset, time: Timestamp, values: Vec<(Quantity, f64)>) {
        let rows = self.times.len();
        self.times.push(micros(time));
        self.asset_ids.push(asset.id.to_string());
        for (quantity, value) in values {
            let column = self.values.entry(quantity).or_default();
            column.resize(rows, None);
            column.push(Some(value));
        }
        for column in self.values.values_mut() {
            column.resize(rows + 1, None);
        }
    }
}

/// If the fault of the JSON is a NaN, an infinity or a number beyond all doubles: the problem that says so, with asset and time.
fn not_finite(bytes: &[u8], problem: &Problem) -> Option<Problem> {
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
    use super::{Asset, AssetKind, Code, Problem, Quantities, Quantity, Timestamp, check_rows, parse_body};
    use engine::domain::AssetId;

    fn check(body: &str) -> Result<super::Checked, Problem> {
        let find = |id: &str| match id {
            "T01" => Ok(Asset::new(AssetId::parse(id).unwrap(), AssetKind::WindTurbine)),
            _ => Err(Problem::new(Code::UnknownAsset, "who?")),
        };
        check_rows(parse_body(body.as_bytes())?, &Quantities::standard(), find, Timestamp::from_second(1_000_000_000).unwrap())
    }

    #[test]
    fn good_rows_become_columns_and_bad_ones_come_back() {
        let checked = check(
            r#"{"units":{"active_power":"MW"},"readings":[
            {"asset_id":"T01","time":"2001-01-01T00:00:00Z","active_power":1.5},
            {"asset_id":"T99","time":"2001-01-01T00:00:00Z","active_power":1},
            {"asset_id":"T01","time":"2001-01-01T00:10:00Z","wind_speed":7,"active_power":null},
            {"asset_id":"T01","time":"2001-01-01T00:10:00Z","wind_sped":7},
            {"asset_id":"T01","time":"yesterday","wind_speed":7},
            {"asset_id":"T01","time":"2101-01-01T00:00:00Z","wind_speed":7},
            {"asset_id":"T01","time":"2001-01-01T00:20:00Z","wind_speed":"NaN"},
            {"asset_id":"T01","time":"2001-01-01T00:20:00Z","wind_speed":"fast"},
            {"time":"2001-01-01T00:20:00Z","wind_speed":1}]}"#,
        )
        .unwrap();
        let columns = &checked.by_kind[&AssetKind::WindTurbine];
        assert_eq!(columns.values[&Quantity::ACTIVE_POWER], [Some(1500.0), None]);
        assert_eq!(columns.values[&Quantity::WIND_SPEED], [None, Some(7.0)]);
        let rejected: Vec<_> = checked.rejected.iter().map(|row| (row.index, row.code)).collect();
        let expected = [
            (1, "unknown_asset"),
            (3, "unknown_quantity"),
            (4, "bad_time"),
            (5, "bad_time"),
            (6, "not_finite"),
            (7, "bad_request"),
            (8, "bad_request"),
        ];
        assert_eq!(rejected, expected);
        assert!(checked.rejected[1].detail.contains("wind_speed"));
        assert!(checked.rejected[3].detail.contains("clock"));
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
}
