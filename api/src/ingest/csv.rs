//! Rows as CSV: a header `time,asset_id,<quantity>[<unit>]…`, then one row per line; an empty cell is a missing value.
//!
//! In: the bytes of a body. Out: [`Decoded`]. A header that is wrong refuses the body; a row that is wrong only itself.

use super::Decoded;
use super::letters::clip;
use super::rows::{Checks, Names, Row, Rows, not_finite, time};
use super::units::column;
use crate::error::Code;
use crate::error::Problem;
use csv::{ByteRecord, ReaderBuilder};
use engine::domain::ASSET_ID;
use engine::domain::Quantity;
use engine::domain::TIME;
use std::collections::BTreeSet;

/// Bytes of a rejected row that are kept.
const RAW_BYTES: usize = 4096;

/// What a column is.
struct Header {
    time: usize,
    asset_id: usize,
    values: Vec<(usize, Quantity, (f64, f64))>,
}

/// Reads a CSV body.
///
/// # Errors
/// Problems of the header: `missing_field`, `unknown_quantity`, `wrong_unit`, `bad_request`.
pub(crate) fn read(bytes: &[u8], checks: &Checks) -> Result<Decoded, Problem> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = ReaderBuilder::new().flexible(true).from_reader(bytes);
    let names = reader.byte_headers().map_err(|error| unreadable(&error))?.clone();
    let header = header(&names, checks)?;
    let (mut rows, mut known, mut record) = (Rows::new(), Names::new(checks), ByteRecord::new());
    loop {
        // Empty lines before a row are skipped by the reader, but counted here.
        let rest = usize::try_from(reader.position().byte()).ok().and_then(|at| bytes.get(at..)).unwrap_or_default();
        let empty = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).filter(|byte| **byte == b'\n').count();
        let line = reader.position().line() + empty as u64;
        match reader.read_byte_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {}
            Err(error) => return Err(unreadable(&error)),
        }
        let row = check(&record, &header, names.len(), &mut known, checks);
        rows.take(row, Some(line), || {
            let cells: Vec<_> = record.iter().map(|cell| String::from_utf8_lossy(cell.get(..RAW_BYTES).unwrap_or(cell))).collect();
            let asset = record.get(header.asset_id).and_then(|id| std::str::from_utf8(id).ok());
            (asset.map(|id| clip(id.trim(), 64).into()), clip(&cells.join(","), RAW_BYTES).into())
        });
    }
    rows.finish(checks.now)
}

fn header(names: &ByteRecord, checks: &Checks) -> Result<Header, Problem> {
    let (mut time, mut asset_id, mut values) = (None, None, Vec::new());
    let mut seen = BTreeSet::new();
    for (place, name) in names.iter().enumerate() {
        let name = std::str::from_utf8(name).map_err(|_| Problem::new(Code::BadRequest, "the header is not UTF-8"))?;
        let name = clip(name.trim(), 200);
        match name {
            TIME => time = Some(place),
            ASSET_ID => asset_id = Some(place),
            other => {
                let (quantity, conversion) = column(other, None, &checks.units, &checks.known)?;
                if !seen.insert(quantity.clone()) {
                    return Err(Problem::new(Code::BadRequest, format!("the header names {quantity} twice")));
                }
                values.push((place, quantity, conversion));
            }
        }
    }
    let missing = |name: &str| {
        let detail =
            format!("the header has no column {name:?}; it must read time,asset_id, then quantities, for example active_power[MW]");
        Problem::new(Code::MissingField, detail)
    };
    Ok(Header { time: time.ok_or_else(|| missing(TIME))?, asset_id: asset_id.ok_or_else(|| missing(ASSET_ID))?, values })
}

fn check(record: &ByteRecord, header: &Header, width: usize, names: &mut Names<'_>, checks: &Checks) -> Result<Row, Problem> {
    if record.len() != width {
        let detail = format!("the row has {} cells, the header {width}", record.len());
        return Err(Problem::new(Code::BadRequest, detail));
    }
    let text = |place: usize| {
        let cell = record.get(place).unwrap_or_default();
        std::str::from_utf8(cell).map(str::trim).map_err(|_| Problem::new(Code::BadRequest, "the row is not UTF-8"))
    };
    let (asset, kind) = names.asset(text(header.asset_id)?)?;
    let time = time(&asset, text(header.time)?, checks.latest)?;
    let mut values = Vec::with_capacity(header.values.len());
    for (place, quantity, (scale, offset)) in &header.values {
        let cell = text(*place)?;
        if cell.is_empty() {
            continue;
        }
        let number: f64 = cell.parse().map_err(|_| {
            let shown = clip(cell, 100);
            let detail = format!("{asset}: {quantity} at {time} is {shown:?}; write a number, or nothing for a missing value");
            Problem::new(Code::BadRequest, detail)
        })?;
        let stored = scale * number + offset;
        if !stored.is_finite() {
            return Err(not_finite(asset.as_str(), quantity, time, clip(cell, 100)));
        }
        values.push((quantity.clone(), stored));
    }
    Ok(Row { asset, kind, time, values })
}

fn unreadable(error: &csv::Error) -> Problem {
    Problem::new(Code::BadRequest, format!("the CSV cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::{Checks, Code, Decoded, Problem, Quantity, read};
    use crate::ingest::units::Conversions;
    use engine::domain::{AssetId, AssetKind, Quantities, Timestamp};
    use std::sync::Arc;

    fn check(body: &[u8]) -> Result<Decoded, Problem> {
        let find = |id: &str, _: bool| match id {
            "T01" => Ok((AssetId::parse(id).unwrap(), AssetKind::WindTurbine)),
            _ => Err(Problem::new(Code::UnknownAsset, "who?")),
        };
        let latest = Timestamp::from_second(1_000_000_000).unwrap();
        let known = Quantities::standard();
        read(body, &Checks { known, units: Conversions::new(), find: Arc::new(find), now: latest, latest })
    }

    #[test]
    fn rows_are_read_with_their_units_and_bad_ones_named_by_line() {
        let body = b"\xef\xbb\xbftime, asset_id,active_power[MW],wind_speed\r\n2001-01-01T00:00:00Z,T01,1.5,\r\n\r\n\
            2001-01-01T00:10:00Z,T01,,7\r\n\r\n2001-01-01T00:10:00Z,T01,1\r\n2001-01-01T00:10:00Z,T\xff1,1,2\r\n2001-01-01T00:10:00Z,T01,inf,2\n\
            2001-01-01T00:10:00Z,T01,\"a lot\",2\n";
        let decoded = check(body).unwrap();
        let values = |quantity| decoded.readings[0].values(&quantity).unwrap().iter().collect::<Vec<_>>();
        assert_eq!(values(Quantity::ACTIVE_POWER), [Some(1500.0), None]);
        assert_eq!(values(Quantity::WIND_SPEED), [None, Some(7.0)]);
        let rejected: Vec<_> = decoded.rejected.iter().map(|row| (row.index, row.line, row.code)).collect();
        let bad = "bad_request";
        assert_eq!(rejected, [(2, Some(6), bad), (3, Some(7), bad), (4, Some(8), "not_finite"), (5, Some(9), bad)]);
        assert!(decoded.rejected[3].raw.contains("a lot"));
    }

    #[test]
    fn a_wrong_header_refuses_the_body() {
        let code = |body: &str| check(body.as_bytes()).unwrap_err().code();
        assert_eq!(code("time,wind_speed\n"), Code::MissingField);
        assert_eq!(code(""), Code::MissingField);
        assert_eq!(code("time,asset_id,wind_sped\n"), Code::UnknownQuantity);
        assert_eq!(code("time,asset_id,wind_speed[kW]\n"), Code::WrongUnit);
        assert_eq!(code("time,asset_id,wind_speed,wind_speed[kn]\n"), Code::BadRequest);
    }
}
