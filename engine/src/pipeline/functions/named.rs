//! Arguments of a table function by name, each read as what it must be.
//!
//! In: the values of a call. Out: texts, times, probabilities, or an error that shows how the function is called.

use crate::domain::Quantile;
use crate::domain::Timestamp;
use crate::domain::from_micros;
use crate::domain::parse_time;
use crate::query::Arguments;
use crate::query::QueryError;
use arrow::array::Array;
use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::datatypes::Float64Type;
use datafusion::scalar::ScalarValue;

/// Most probabilities of one call.
const MOST_QUANTILES: usize = 99;

/// Arguments of a call, by name; positional ones take the names in their order.
pub(super) struct Named<'a> {
    function: &'static str,
    usage: &'static str,
    values: Vec<(&'static str, &'a ScalarValue)>,
}

impl<'a> Named<'a> {
    /// Reads them; a value with another name is refused.
    pub(super) fn read(
        function: &'static str,
        usage: &'static str,
        names: &[&'static str],
        arguments: &'a Arguments,
    ) -> Result<Self, QueryError> {
        let mut read = Self { function, usage, values: Vec::new() };
        for (position, (name, value)) in arguments.iter().enumerate() {
            let slot = match name {
                Some(name) => names.iter().find(|known| known.eq_ignore_ascii_case(name)),
                None => names.get(position),
            };
            match slot {
                Some(slot) => read.values.push((slot, value)),
                None => return Err(read.refuse(&format!("{} is not an argument", name.as_deref().unwrap_or("one more value")))),
            }
        }
        Ok(read)
    }

    /// What is wrong with the call, with its usage.
    pub(super) fn refuse(&self, problem: &str) -> QueryError {
        QueryError::Argument { function: self.function.into(), problem: problem.into(), signature: self.usage.into() }
    }

    fn value(&self, name: &str) -> Option<&'a ScalarValue> {
        self.values.iter().find(|(known, value)| *known == name && !value.is_null()).map(|(_, value)| *value)
    }

    /// A text, if it was given.
    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, QueryError> {
        match self.value(name) {
            None => Ok(None),
            Some(value) => match value.try_as_str() {
                Some(Some(text)) => Ok(Some(text)),
                _ => Err(self.refuse(&format!("{name} must be text"))),
            },
        }
    }

    /// A number, whole or not.
    pub(super) fn number(&self, name: &str) -> Result<Option<f64>, QueryError> {
        let Some(value) = self.value(name) else { return Ok(None) };
        match value.cast_to(&DataType::Float64) {
            Ok(ScalarValue::Float64(Some(number))) if number.is_finite() && value.try_as_str().is_none() => Ok(Some(number)),
            _ => Err(self.refuse(&format!("{name} must be a number"))),
        }
    }

    /// An instant, as text or as a timestamp.
    pub(super) fn time(&self, name: &str) -> Result<Option<Timestamp>, QueryError> {
        match self.value(name) {
            Some(ScalarValue::TimestampMicrosecond(Some(time), _)) => Ok(Some(from_micros(*time))),
            Some(ScalarValue::TimestampNanosecond(Some(time), _)) => Ok(Some(from_micros(*time / 1000))),
            _ => self.text(name)?.map(parse_time).transpose().map_err(|error| self.refuse(&error.to_string())),
        }
    }

    /// Probabilities as a list of numbers, rising and each once.
    pub(super) fn quantiles(&self, name: &str) -> Result<Option<Vec<Quantile>>, QueryError> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let numbers = match value {
            ScalarValue::List(list) if list.len() == 1 => cast(&list.value(0), &DataType::Float64).ok(),
            _ => None,
        };
        let numbers = numbers.ok_or_else(|| self.refuse(&format!("{name} must be a list of numbers such as [0.1, 0.5, 0.9]")))?;
        let read = numbers.as_primitive::<Float64Type>().iter().map(|p| Quantile::new(p.unwrap_or(f64::NAN)));
        let mut read = read.collect::<Result<Vec<_>, _>>().map_err(|error| self.refuse(&error.to_string()))?;
        read.sort_by(|a, b| a.value().total_cmp(&b.value()));
        read.dedup();
        if read.is_empty() || read.len() > MOST_QUANTILES {
            return Err(self.refuse(&format!("{name} must name 1 to {MOST_QUANTILES} probabilities")));
        }
        Ok(Some(read))
    }
}
