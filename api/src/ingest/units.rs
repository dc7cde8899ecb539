//! Units beside the numbers: `units` of a JSON body, `?units=`, `active_power[MW]` in a header, the field metadata `unit` of Arrow.
//!
//! In: names and units as texts. Out: `stored = scale × value + offset` per quantity, or a problem with the stored unit.

use crate::error::Code;
use crate::error::Problem;
use engine::domain::DomainError;
use engine::domain::Quantities;
use engine::domain::Quantity;
use engine::domain::Unit;
use std::collections::BTreeMap;

/// Scale and offset per quantity.
pub(crate) type Conversions = BTreeMap<Quantity, (f64, f64)>;

/// The conversions of these units.
///
/// # Errors
/// Problems `unknown_quantity` and `wrong_unit`.
pub(crate) fn conversions<'a>(
    units: impl IntoIterator<Item = (&'a str, &'a str)>,
    known: &Quantities,
) -> Result<Conversions, Problem> {
    units.into_iter().map(|(name, unit)| conversion(name, unit, known)).collect()
}

/// `?units=active_power:MW,wind_speed:km/h` as pairs.
///
/// # Errors
/// A problem `bad_request` for an entry without a colon.
pub(crate) fn listed(text: &str) -> Result<Vec<(&str, &str)>, Problem> {
    let entry =
        |entry: &'_ str| Problem::new(Code::BadRequest, format!("units: {entry:?} is not name:unit, for example active_power:MW"));
    let entries = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    entries.map(|part| part.split_once(':').ok_or_else(|| entry(part))).collect()
}

/// A column's quantity and conversion, from a header like `active_power`, `active_power[MW]`, and the unit given beside it.
///
/// # Errors
/// Problems `unknown_quantity` and `wrong_unit`.
pub(crate) fn column(
    header: &str,
    beside: Option<&str>,
    listed: &Conversions,
    known: &Quantities,
) -> Result<(Quantity, (f64, f64)), Problem> {
    let (name, unit) = match header.strip_suffix(']').and_then(|text| text.split_once('[')) {
        Some((name, unit)) => (name.trim(), Some(unit.trim())),
        None => (header.trim(), beside),
    };
    match unit {
        Some(unit) => conversion(name, unit, known),
        None => {
            let quantity = known.get(name)?.0.clone();
            let conversion = listed.get(&quantity).copied().unwrap_or((1.0, 0.0));
            Ok((quantity, conversion))
        }
    }
}

fn conversion(name: &str, text: &str, known: &Quantities) -> Result<(Quantity, (f64, f64)), Problem> {
    let (quantity, info) = known.get(name)?;
    let unit = Unit::parse(text).map_err(|error| {
        Problem::new(Code::WrongUnit, format!("{name} is stored in {}: {error}", info.unit)).with("stored_unit", info.unit.name())
    })?;
    let mismatch = || DomainError::UnitMismatch { quantity: name.into(), stored: info.unit.to_string(), unit: text.into() };
    let conversion = unit.to(info.unit).ok_or_else(|| Problem::from(mismatch()).with("stored_unit", info.unit.name()))?;
    Ok((quantity.clone(), conversion))
}

#[cfg(test)]
mod tests {
    use super::{Code, Conversions, Quantities, Quantity, column, conversions, listed};

    #[test]
    fn a_unit_stands_in_the_header_beside_it_or_in_the_list() {
        let known = Quantities::standard();
        let list = conversions(listed("active_power:MW, wind_speed:km/h").unwrap(), &known).unwrap();
        assert_eq!(column("active_power", None, &list, &known).unwrap(), (Quantity::ACTIVE_POWER, (1000.0, 0.0)));
        assert_eq!(column("active_power[W]", None, &list, &known).unwrap().1, (0.001, 0.0));
        assert_eq!(column("temp_air", Some("degC"), &list, &known).unwrap().1, (1.0, 0.0));
        assert_eq!(column("active_power[degC]", None, &list, &known).unwrap_err().code(), Code::WrongUnit);
        assert_eq!(column("activ_power", None, &Conversions::new(), &known).unwrap_err().code(), Code::UnknownQuantity);
        assert_eq!(listed("active_power").unwrap_err().code(), Code::BadRequest);
    }
}
