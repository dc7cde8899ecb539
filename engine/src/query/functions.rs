//! Scalar functions of the house in SQL: `time_bucket`, `solar_zenith`, `clearsky_ghi`, `air_density`, `capacity_factor`.
//!
//! In: columns. Out: a column; null in, null out. The arithmetic is in `domain::solar` and `bucket`; here are only types.

use super::asof;
use super::bucket::Width;
use super::gapfill;
use super::newest;
use crate::domain::Location;
use crate::domain::from_micros;
use crate::domain::solar;
use crate::domain::time_zone;
use crate::domain::timestamp_type;
use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::Float64Array;
use arrow::array::TimestampMicrosecondArray;
use arrow::datatypes::DataType;
use arrow::datatypes::Float64Type;
use arrow::datatypes::IntervalMonthDayNanoType;
use arrow::datatypes::IntervalUnit;
use arrow::datatypes::TimestampMicrosecondType;
use datafusion::common::ScalarValue;
use datafusion::common::exec_datafusion_err;
use datafusion::common::plan_err;
use datafusion::error::DataFusionError;
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::ColumnarValue;
use datafusion::logical_expr::ScalarFunctionArgs;
use datafusion::logical_expr::ScalarUDF;
use datafusion::logical_expr::ScalarUDFImpl;
use datafusion::logical_expr::Signature;
use datafusion::logical_expr::Volatility;
use datafusion::logical_expr::sort_properties::ExprProperties;
use datafusion::logical_expr::sort_properties::SortProperties;
use jiff::tz::TimeZone;
use std::sync::Arc;

/// Adds all functions of the house to a context; the sandbox allows them without being told.
pub(super) fn register(context: &SessionContext) {
    for function in FUNCTIONS {
        let signature = Signature::user_defined(Volatility::Immutable);
        context.register_udf(ScalarUDF::new_from_impl(Function { function: *function, signature }));
    }
    newest::register(context);
    asof::register(context);
    gapfill::register(context);
}

const FUNCTIONS: &[Kind] = &[Kind::TimeBucket, Kind::SolarZenith, Kind::ClearskyGhi, Kind::AirDensity, Kind::CapacityFactor];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    TimeBucket,
    SolarZenith,
    ClearskyGhi,
    AirDensity,
    CapacityFactor,
}

impl Kind {
    const fn usage(self) -> &'static str {
        match self {
            Self::TimeBucket => "time_bucket(interval, time [, zone])",
            Self::SolarZenith => "solar_zenith(time, latitude, longitude)",
            Self::ClearskyGhi => "clearsky_ghi(time, latitude, longitude)",
            Self::AirDensity => "air_density(pressure, temp_air, relative_humidity)",
            Self::CapacityFactor => "capacity_factor(active_power, capacity_kw)",
        }
    }

    /// Types the arguments are turned into.
    fn arguments(self, given: &[DataType]) -> Option<Vec<DataType>> {
        let interval = match given.first()? {
            DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
            _ => DataType::Interval(IntervalUnit::MonthDayNano),
        };
        let types = match self {
            Self::TimeBucket if given.len() == 2 => vec![interval, timestamp_type()],
            Self::TimeBucket => vec![interval, timestamp_type(), DataType::Utf8],
            Self::SolarZenith | Self::ClearskyGhi => vec![timestamp_type(), DataType::Float64, DataType::Float64],
            Self::AirDensity => vec![DataType::Float64; 3],
            Self::CapacityFactor => vec![DataType::Float64; 2],
        };
        (types.len() == given.len()).then_some(types)
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Function {
    function: Kind,
    signature: Signature,
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        self.function.usage().split('(').next().unwrap_or_default()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(if self.function == Kind::TimeBucket { timestamp_type() } else { DataType::Float64 })
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>, DataFusionError> {
        match self.function.arguments(given) {
            Some(types) => Ok(types),
            None => plan_err!("{} takes other arguments; write {}", self.name(), self.function.usage()),
        }
    }

    /// Buckets rise with the time, except where a clock is put back.
    fn output_ordering(&self, inputs: &[ExprProperties]) -> Result<SortProperties, DataFusionError> {
        Ok(match (self.function, inputs) {
            (Kind::TimeBucket, [width, time]) if width.sort_properties == SortProperties::Singleton => time.sort_properties,
            _ => SortProperties::Unordered,
        })
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
        if self.function == Kind::TimeBucket
            && let Some(starts) = plain_bucket(&arguments.args)?
        {
            return Ok(ColumnarValue::Array(starts));
        }
        let columns = ColumnarValue::values_to_arrays(&arguments.args)?;
        let place = |row, latitude: usize| {
            Some(Location { latitude: real(&columns, latitude, row)?, longitude: real(&columns, latitude + 1, row)? })
        };
        let rows = columns.first().map_or(0, |column| column.len());
        let each = |value: &dyn Fn(usize) -> Option<f64>| -> ArrayRef {
            Arc::new((0..rows).map(|row| value(row).filter(|v| v.is_finite())).collect::<Float64Array>())
        };
        let result: ArrayRef = match self.function {
            Kind::TimeBucket => time_bucket(&columns)?,
            Kind::SolarZenith => each(&|row| Some(solar::zenith(from_micros(time(&columns, 0, row)?), place(row, 1)?))),
            Kind::ClearskyGhi => each(&|row| Some(solar::clearsky_ghi(from_micros(time(&columns, 0, row)?), place(row, 1)?))),
            Kind::AirDensity => {
                each(&|row| Some(solar::air_density(real(&columns, 0, row)?, real(&columns, 1, row)?, real(&columns, 2, row)?)))
            }
            Kind::CapacityFactor => each(&|row| Some(real(&columns, 0, row)? / real(&columns, 1, row).filter(|c| *c > 0.0)?)),
        };
        Ok(ColumnarValue::Array(result))
    }
}

fn real(columns: &[ArrayRef], column: usize, row: usize) -> Option<f64> {
    let values = columns.get(column)?.as_primitive::<Float64Type>();
    values.is_valid(row).then(|| values.value(row))
}

fn time(columns: &[ArrayRef], column: usize, row: usize) -> Option<i64> {
    let values = columns.get(column)?.as_primitive::<TimestampMicrosecondType>();
    values.is_valid(row).then(|| values.value(row))
}

/// The common case of one width and at most one zone for all rows.
fn plain_bucket(arguments: &[ColumnarValue]) -> Result<Option<ArrayRef>, DataFusionError> {
    let refused = |problem: String| exec_datafusion_err!("time_bucket: {problem}");
    let [ColumnarValue::Scalar(width), ColumnarValue::Array(times), zones @ ..] = arguments else { return Ok(None) };
    let zone = match zones {
        [] => TimeZone::UTC,
        [ColumnarValue::Scalar(ScalarValue::Utf8(Some(name)))] => time_zone(name).map_err(|error| refused(error.to_string()))?,
        _ => return Ok(None),
    };
    let width = match width {
        ScalarValue::Utf8(Some(text)) => Raw::Text(text).read(),
        ScalarValue::IntervalMonthDayNano(Some(span)) => Raw::Interval(*span).read(),
        _ => return Ok(None),
    };
    let starts = width.map_err(refused)?.starts(times.as_primitive::<TimestampMicrosecondType>(), &zone);
    Ok(Some(Arc::new(starts)))
}

fn time_bucket(columns: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let refused = |problem: String| exec_datafusion_err!("time_bucket: {problem}");
    let [widths, times, zones @ ..] = columns else { return Err(refused(Kind::TimeBucket.usage().to_owned())) };
    let (mut zone_name, mut zone) = (String::from("UTC"), TimeZone::UTC);
    let mut width = None;
    let mut starts = Vec::with_capacity(times.len());
    for row in 0..times.len() {
        let Some(micros) = time(columns, 1, row) else {
            starts.push(None);
            continue;
        };
        if widths.is_null(row) || zones.iter().any(|zone| zone.is_null(row)) {
            starts.push(None);
            continue;
        }
        if let Some(names) = zones.first().map(|zones| zones.as_string::<i32>())
            && names.value(row) != zone_name
        {
            zone_name = names.value(row).to_owned();
            zone = time_zone(&zone_name).map_err(|error| refused(error.to_string()))?;
        }
        let now = match widths.data_type() {
            DataType::Utf8 => Raw::Text(widths.as_string::<i32>().value(row)),
            _ => Raw::Interval(widths.as_primitive::<IntervalMonthDayNanoType>().value(row)),
        };
        let width = match width {
            Some((raw, width)) if raw == now => width,
            _ => {
                let read = now.read().map_err(refused)?;
                width = Some((now, read));
                read
            }
        };
        starts.push(width.start(micros, &zone));
    }
    Ok(Arc::new(TimestampMicrosecondArray::from(starts).with_timezone("UTC")))
}

/// A width as written, to read it only when it changes.
#[derive(Clone, Copy, PartialEq)]
enum Raw<'a> {
    Text(&'a str),
    Interval(arrow::datatypes::IntervalMonthDayNano),
}

impl Raw<'_> {
    fn read(self) -> Result<Width, String> {
        match self {
            Self::Text(text) => Width::parse(text),
            Self::Interval(span) => Width::new(span.months.into(), span.days.into(), span.nanoseconds / 1000),
        }
    }
}
