//! The tables and their Arrow schemas, and telemetry that was checked against them.

use super::{AssetId, AssetKind, DomainError, Quantity, from_micros};
use arrow::{
    array::{Array, AsArray, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray},
    datatypes::{DataType, Field, Float64Type, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType},
};
use std::{fmt, sync::Arc};

/// Key column of telemetry: when a reading holds.
pub const TIME: &str = "time";
/// Key column of telemetry: whose reading it is.
pub const ASSET_ID: &str = "asset_id";
/// When a row became known to us.
pub const AVAILABLE_AT: &str = "available_at";

/// Sums of `verification_sums`: steps, Σ|truth|, Σ|error|, Σ error², Σ error² of the mean, Σ error, pinball; then of the central
/// half and of the central 80 % how many steps have them, how many of these hold the truth, and the widths together.
pub const VERIFICATION_SUMS: [&str; 13] = [
    "steps",
    "absolute_truth",
    "absolute_error",
    "squared_error",
    "squared_error_of_mean",
    "error",
    "pinball",
    "steps_50",
    "inside_50",
    "width_50",
    "steps_80",
    "inside_80",
    "width_80",
];
/// Naive forecasts beside them. Each has two sums: Σ|error| of the forecast at the steps where the naive spoke, Σ|error| of the naive.
pub const VERIFICATION_NAIVES: [[&str; 2]; 5] = [
    ["beside_persistence", "persistence"],
    ["beside_damped", "damped"],
    ["beside_daily", "daily"],
    ["beside_weekly", "weekly"],
    ["beside_blend", "blend"],
];

/// The one type of a time column: microseconds, UTC (what Delta stores).
pub fn timestamp_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// A table of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "each variant is the table of that name")]
pub enum Table {
    /// Wide telemetry of one asset kind; key `(asset_id, time)`.
    Telemetry(AssetKind),
    /// Weather model runs, wide; key `(asset_id, source, init_time, valid_time)`.
    WeatherForecast,
    QualityFlags,
    Forecasts,
    ForecastScores,
    /// What became of issued forecasts; key `(asset_id, quantity, issue_time, model, lead_to)`, `lead_to` in minutes.
    VerificationSums,
    Anomalies,
    Annotations,
    Events,
    /// What arrived at a door and could not be read.
    DeadLetters,
}

impl Table {
    /// Every table of the store.
    pub fn all() -> impl Iterator<Item = Self> {
        let others = [
            Self::WeatherForecast,
            Self::QualityFlags,
            Self::Forecasts,
            Self::ForecastScores,
            Self::VerificationSums,
            Self::Anomalies,
            Self::Annotations,
            Self::Events,
            Self::DeadLetters,
        ];
        AssetKind::ALL.into_iter().map(Self::Telemetry).chain(others)
    }

    /// Name in SQL and on disk.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Telemetry(kind) => kind.name(),
            Self::WeatherForecast => "weather_forecast",
            Self::QualityFlags => "quality_flags",
            Self::Forecasts => "forecasts",
            Self::ForecastScores => "forecast_scores",
            Self::VerificationSums => "verification_sums",
            Self::Anomalies => "anomalies",
            Self::Annotations => "annotations",
            Self::Events => "events",
            Self::DeadLetters => "dead_letters",
        }
    }

    /// Columns every row has; wide tables add one nullable `Float64` column per quantity.
    pub fn base_schema(self) -> Schema {
        let time = |name: &str, nullable| Field::new(name, timestamp_type(), nullable);
        let text = |name: &str, nullable| Field::new(name, DataType::Utf8, nullable);
        let real = |name: &str, nullable| Field::new(name, DataType::Float64, nullable);
        Schema::new(match self {
            Self::Telemetry(_) => vec![time(TIME, false), text(ASSET_ID, false), time(AVAILABLE_AT, false)],
            Self::WeatherForecast => vec![
                text("source", false),
                time("init_time", false),
                time(AVAILABLE_AT, false),
                time("valid_time", false),
                text(ASSET_ID, false),
            ],
            Self::QualityFlags => vec![
                time(TIME, false),
                text(ASSET_ID, false),
                text("quantity", false),
                text("quality", false),
                real("raw_value", true),
                text("reason", false),
                time("until", true),
            ],
            Self::Forecasts => vec![
                text(ASSET_ID, false),
                text("quantity", false),
                time("issue_time", false),
                time("valid_time", false),
                real("quantile", false),
                real("value", false),
                text("model", false),
                text("model_version", false),
                text("notes", true),
            ],
            Self::ForecastScores => vec![
                text(ASSET_ID, false),
                text("quantity", false),
                time("evaluated_at", false),
                text("model", false),
                text("metric", false),
                real("value", false),
                text("verdict", false),
            ],
            Self::VerificationSums => {
                let key = vec![text(ASSET_ID, false), text("quantity", false), time("issue_time", false), text("model", false)];
                let sums = VERIFICATION_SUMS.into_iter().chain(VERIFICATION_NAIVES.into_iter().flatten());
                key.into_iter().chain(["lead_to"].into_iter().chain(sums).map(|name| real(name, false))).collect()
            }
            Self::Anomalies => vec![
                text(ASSET_ID, false),
                text("component", false),
                text("mode", false),
                time("start", false),
                time("end", true),
                real("score", false),
                text("detector", false),
                real("energy_lost_kwh", true),
                text("top_contributors", true),
            ],
            Self::Annotations => vec![
                text(ASSET_ID, true),
                time("start", false),
                time("end", true),
                text("kind", false),
                text("note", true),
                time(AVAILABLE_AT, true),
                real("capacity_kw", true),
                text("state", true),
                text("author", true),
            ],
            Self::Events => vec![time(TIME, false), text(ASSET_ID, false), time("reset_at", true), text("message", true)],
            Self::DeadLetters => vec![
                time("received_at", false),
                text(ASSET_ID, true),
                text("door", false),
                real("line", false),
                text("reason", false),
                text("detail", false),
                text("raw", true),
            ],
        })
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Telemetry of one asset kind that has passed the door: key columns without nulls, finite values.
///
/// # Shape
/// `time timestamptz(us, UTC), asset_id utf8, available_at timestamptz`, then one nullable `Float64` column per quantity,
/// in stored units. Any row order; a key may occur more than once (the later row overrides, nulls never erase).
#[derive(Debug, Clone, PartialEq)]
pub struct Readings {
    pub(super) kind: AssetKind,
    pub(super) batch: RecordBatch,
}

impl Readings {
    /// Checks a batch once; everything downstream trusts it.
    ///
    /// # Errors
    /// [`DomainError::Column`], [`DomainError::NullKey`], [`DomainError::AssetId`], [`DomainError::Quantity`] for a column
    /// that is no quantity's name, [`DomainError::NotFinite`] naming asset, quantity and time.
    pub fn new(kind: AssetKind, batch: RecordBatch) -> Result<Self, DomainError> {
        let readings = Self::from_checked_ids(kind, batch)?;
        let mut checked = "";
        for id in readings.asset_ids().iter().flatten() {
            if id == checked {
                continue;
            }
            AssetId::parse(id)?;
            checked = id;
        }
        Ok(readings)
    }

    /// As [`Readings::new`] for ids of assets that were looked up, which are not parsed again.
    ///
    /// # Errors
    /// As [`Readings::new`] but for [`DomainError::AssetId`].
    pub fn from_checked_ids(kind: AssetKind, batch: RecordBatch) -> Result<Self, DomainError> {
        let table = kind.name();
        let schema = batch.schema();
        for field in Table::Telemetry(kind).base_schema().fields() {
            let found = schema.column_with_name(field.name()).map(|(_, f)| f.data_type().clone());
            if found.as_ref() != Some(field.data_type()) {
                let found = found.map_or("nothing".into(), |f| f.to_string());
                let (column, expected) = (field.name().clone(), field.data_type().to_string());
                return Err(DomainError::Column { table: table.into(), column, expected, found });
            }
            let column = &batch[field.name().as_str()];
            if column.null_count() > 0
                && let Some(row) = (0..column.len()).find(|&row| column.is_null(row))
            {
                return Err(DomainError::NullKey { table: table.into(), column: field.name().clone(), row });
            }
        }
        let readings = Self { kind, batch };
        let ids = readings.asset_ids();
        for field in schema.fields().iter().filter(|f| !is_key(f.name())) {
            Quantity::parse(field.name())?;
            if field.data_type() != &DataType::Float64 {
                let (column, found) = (field.name().clone(), field.data_type().to_string());
                return Err(DomainError::Column { table: table.into(), column, expected: DataType::Float64.to_string(), found });
            }
            let values = readings.batch[field.name().as_str()].as_primitive::<Float64Type>();
            // One pass without branches finds nearly always that all is well.
            let finite = values.values().iter().fold(true, |all, value| all & value.is_finite());
            if !finite && let Some(row) = (0..values.len()).find(|&row| values.is_valid(row) && !values.value(row).is_finite()) {
                return Err(DomainError::NotFinite {
                    asset: ids.value(row).into(),
                    quantity: field.name().clone(),
                    time: from_micros(readings.times().value(row)).to_string(),
                    value: values.value(row).to_string(),
                });
            }
        }
        Ok(readings)
    }

    /// Builds a batch from columns; `values` pairs a quantity with one optional value per row.
    ///
    /// # Errors
    /// As [`Readings::new`], and [`DomainError::Column`] when lengths differ.
    pub fn from_columns(
        kind: AssetKind,
        times: Vec<i64>,
        asset_ids: Vec<String>,
        available_at: Vec<i64>,
        values: Vec<(Quantity, Vec<Option<f64>>)>,
    ) -> Result<Self, DomainError> {
        let mut fields: Vec<Field> = Table::Telemetry(kind).base_schema().fields().iter().map(|f| f.as_ref().clone()).collect();
        let mut columns: Vec<Arc<dyn Array>> = vec![
            Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC")),
            Arc::new(StringArray::from(asset_ids)),
            Arc::new(TimestampMicrosecondArray::from(available_at).with_timezone("UTC")),
        ];
        for (quantity, column) in values {
            fields.push(Field::new(quantity.name(), DataType::Float64, true));
            columns.push(Arc::new(Float64Array::from(column)));
        }
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let batch = RecordBatch::try_new(schema, columns).map_err(|error| DomainError::Column {
            table: kind.name().into(),
            column: "all".into(),
            expected: "columns of one length and distinct names".into(),
            found: error.to_string(),
        })?;
        Self::new(kind, batch)
    }

    /// Kind of all assets in the batch, hence the table.
    pub const fn kind(&self) -> AssetKind {
        self.kind
    }

    /// The checked batch.
    pub const fn batch(&self) -> &RecordBatch {
        &self.batch
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.batch.num_rows()
    }

    /// True when there are no rows.
    pub fn is_empty(&self) -> bool {
        self.batch.num_rows() == 0
    }

    /// Times of the rows, microseconds UTC.
    pub fn times(&self) -> &TimestampMicrosecondArray {
        self.batch[TIME].as_primitive::<TimestampMicrosecondType>()
    }

    /// When each row became known, microseconds UTC.
    pub fn available_at(&self) -> &TimestampMicrosecondArray {
        self.batch[AVAILABLE_AT].as_primitive::<TimestampMicrosecondType>()
    }

    /// Assets of the rows.
    pub fn asset_ids(&self) -> &StringArray {
        self.batch[ASSET_ID].as_string::<i32>()
    }

    /// Quantities that have a column here.
    pub fn quantities(&self) -> Vec<Quantity> {
        let schema = self.batch.schema();
        schema.fields().iter().filter(|f| !is_key(f.name())).filter_map(|f| Quantity::parse(f.name()).ok()).collect()
    }

    /// Values of one quantity, null where missing.
    pub fn values(&self, quantity: &Quantity) -> Option<&Float64Array> {
        Some(self.batch.column_by_name(quantity.name())?.as_primitive::<Float64Type>())
    }
}

fn is_key(column: &str) -> bool {
    matches!(column, TIME | ASSET_ID | AVAILABLE_AT)
}

#[cfg(test)]
mod tests {
    use super::{AssetKind, Quantity, Readings};

    fn check(value: f64) -> Result<Readings, String> {
        let column = vec![(Quantity::ACTIVE_POWER, vec![Some(value), None])];
        let ids = vec!["T01".into(), "T01".into()];
        Readings::from_columns(AssetKind::WindTurbine, vec![0, 600_000_000], ids, vec![0, 0], column).map_err(|e| e.to_string())
    }

    #[test]
    fn a_checked_batch_holds_finite_values_and_names_the_culprit() {
        assert_eq!(check(5.0).unwrap().len(), 2);
        let error = check(f64::NAN).unwrap_err();
        assert!(error.contains("T01") && error.contains("1970-01-01T00:00:00Z") && error.contains("null"), "{error}");
    }
}
