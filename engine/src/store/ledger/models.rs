//! The register of forecast models: every fit with what it was made of and how good it was, and the bytes of those that serve.
//!
//! In: a fitted model's row and bytes. Out: the same after a restart, and all rows as a batch for SQL. Not here: what the bytes mean.

use super::Ledger;
use super::LedgerError;
use crate::domain::AssetId;
use crate::domain::Quantity;
use crate::domain::Timestamp;
use crate::domain::from_micros;
use crate::domain::micros;
use crate::domain::timestamp_type;
use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use std::sync::Arc;

/// Fits of one asset and quantity that the register remembers; older ones go.
const MOST_FITS: i64 = 200;

/// Why a model was fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FitReason {
    /// There was none.
    First,
    /// Its time had come.
    Scheduled,
    /// The errors of the one before had drifted.
    Drift,
    /// Somebody asked for a forecast that is not made by default.
    Asked,
}

impl FitReason {
    /// Every reason.
    pub const ALL: [Self; 4] = [Self::First, Self::Scheduled, Self::Drift, Self::Asked];

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Scheduled => "scheduled",
            Self::Drift => "drift",
            Self::Asked => "asked",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

/// One fit.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelRow {
    /// Digest of all the model knows.
    pub model_id: String,
    /// Whose forecasts it makes.
    pub asset_id: AssetId,
    /// Of what.
    pub quantity: Quantity,
    /// What its forecasts carry as `model_version`.
    pub version: String,
    /// When it was fitted, in the time of the site.
    pub fitted_at: Timestamp,
    /// First row it learnt from.
    pub trained_from: Timestamp,
    /// End of the last.
    pub trained_to: Timestamp,
    /// Rows in between that had a value.
    pub rows: u64,
    /// Features of the trees' rows.
    pub features: u64,
    /// Names of the inputs.
    pub inputs: Vec<String>,
    /// Start of the generator of random numbers.
    pub seed: u64,
    /// Name of what serves: the aggregate or a naive.
    pub model: String,
    /// Mean pinball loss on the past, the quantity's unit.
    pub score: Option<f64>,
    /// The best naive model.
    pub best_naive: Option<String>,
    /// Its mean pinball loss.
    pub best_naive_score: Option<f64>,
    /// Scores per bucket of leads, as JSON.
    pub buckets: String,
    /// Why it was fitted.
    pub reason: FitReason,
    /// True for the one that serves.
    pub served: bool,
}

/// A model that serves, as it was kept.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptModel {
    /// Its row.
    pub row: ModelRow,
    /// Its bytes.
    pub state: Vec<u8>,
    /// What is known of its errors, as text.
    pub watch: Option<String>,
}

macro_rules! select_models {
    ($more:literal, $rest:literal) => {
        concat!(
            "SELECT model_id, asset_id, quantity, version, fitted_at, trained_from, trained_to, rows, features, inputs, seed, model, ",
            "score, best_naive, best_naive_score, buckets, reason, served",
            $more,
            " FROM models ",
            $rest
        )
    };
}

impl Ledger {
    /// Keeps a fit and lets it serve, in one transaction; the bytes of the one before it go.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn keep_model(&self, row: &ModelRow, state: &[u8]) -> Result<(), LedgerError> {
        let failed = LedgerError::sql("keeping a model");
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        async {
            let mut writing = self.pool().begin_with("BEGIN IMMEDIATE").await?;
            sqlx::query("UPDATE models SET served = 0, state = NULL, watch = NULL WHERE asset_id = ?1 AND quantity = ?2 AND served = 1")
                .bind(row.asset_id.as_str())
                .bind(row.quantity.name())
                .execute(&mut *writing)
                .await?;
            sqlx::query(
                "INSERT OR REPLACE INTO models (model_id, asset_id, quantity, version, fitted_at, trained_from, trained_to, rows, features, \
                 inputs, seed, model, score, best_naive, best_naive_score, buckets, reason, served, state) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, 1, ?18)",
            )
            .bind(&row.model_id)
            .bind(row.asset_id.as_str())
            .bind(row.quantity.name())
            .bind(&row.version)
            .bind(micros(row.fitted_at))
            .bind(micros(row.trained_from))
            .bind(micros(row.trained_to))
            .bind(whole(row.rows))
            .bind(whole(row.features))
            .bind(row.inputs.join(" "))
            .bind(whole(row.seed))
            .bind(&row.model)
            .bind(row.score)
            .bind(&row.best_naive)
            .bind(row.best_naive_score)
            .bind(&row.buckets)
            .bind(row.reason.name())
            .bind(state)
            .execute(&mut *writing)
            .await?;
            sqlx::query(
                "DELETE FROM models WHERE asset_id = ?1 AND quantity = ?2 AND model_id NOT IN \
                 (SELECT model_id FROM models WHERE asset_id = ?1 AND quantity = ?2 ORDER BY served DESC, fitted_at DESC LIMIT ?3)",
            )
            .bind(row.asset_id.as_str())
            .bind(row.quantity.name())
            .bind(MOST_FITS)
            .execute(&mut *writing)
            .await?;
            writing.commit().await
        }
        .await
        .map_err(failed)
    }

    /// The model that serves, if one was kept.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn served_model(&self, asset: &AssetId, quantity: &Quantity) -> Result<Option<KeptModel>, LedgerError> {
        let failed = || LedgerError::sql("reading a model");
        let found = sqlx::query(select_models!(", state, watch", "WHERE asset_id = ?1 AND quantity = ?2 AND served = 1"))
            .bind(asset.as_str())
            .bind(quantity.name())
            .fetch_optional(self.pool())
            .await
            .map_err(failed())?;
        let Some(found) = found else { return Ok(None) };
        let state: Option<Vec<u8>> = found.try_get("state").map_err(failed())?;
        let watch = found.try_get("watch").map_err(failed())?;
        let row = model_from(&found)?;
        Ok(state.map(|state| KeptModel { row, state, watch }))
    }

    /// Keeps what is known of the errors of a model that serves.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn keep_watch(&self, model_id: &str, watch: &str) -> Result<(), LedgerError> {
        sqlx::query("UPDATE models SET watch = ?2 WHERE model_id = ?1 AND served = 1")
            .bind(model_id)
            .bind(watch)
            .execute(self.pool())
            .await
            .map_err(LedgerError::sql("keeping the watch over a model"))?;
        Ok(())
    }

    /// All fits, or those of an asset, of a quantity, of both: by asset and quantity, newest first.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn models(&self, asset: Option<&AssetId>, quantity: Option<&Quantity>) -> Result<Vec<ModelRow>, LedgerError> {
        let rows = sqlx::query(select_models!(
            "",
            "WHERE (?1 IS NULL OR asset_id = ?1) AND (?2 IS NULL OR quantity = ?2) ORDER BY asset_id, quantity, fitted_at DESC, model_id"
        ))
        .bind(asset.map(AssetId::as_str))
        .bind(quantity.map(Quantity::name))
        .fetch_all(self.pool())
        .await
        .map_err(LedgerError::sql("reading the models"))?;
        rows.iter().map(model_from).collect()
    }

    /// All fits as the table `models`.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn models_batch(&self) -> Result<RecordBatch, LedgerError> {
        let rows = self.models(None, None).await?;
        let text = |get: fn(&ModelRow) -> &str| Arc::new(StringArray::from_iter_values(rows.iter().map(get))) as ArrayRef;
        let whole = |get: fn(&ModelRow) -> u64| {
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| i64::try_from(get(row)).unwrap_or(i64::MAX)))) as ArrayRef
        };
        let real = |get: fn(&ModelRow) -> Option<f64>| Arc::new(rows.iter().map(get).collect::<Float64Array>()) as ArrayRef;
        let time = |get: fn(&ModelRow) -> Timestamp| {
            Arc::new(TimestampMicrosecondArray::from_iter_values(rows.iter().map(|row| micros(get(row)))).with_timezone("UTC"))
                as ArrayRef
        };
        let columns = vec![
            text(|row| &row.model_id),
            text(|row| row.asset_id.as_str()),
            text(|row| row.quantity.name()),
            text(|row| &row.version),
            time(|row| row.fitted_at),
            time(|row| row.trained_from),
            time(|row| row.trained_to),
            whole(|row| row.rows),
            whole(|row| row.features),
            Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.inputs.join(" ")))),
            whole(|row| row.seed),
            text(|row| &row.model),
            real(|row| row.score),
            Arc::new(rows.iter().map(|row| row.best_naive.as_deref()).collect::<StringArray>()),
            real(|row| row.best_naive_score),
            text(|row| &row.buckets),
            text(|row| row.reason.name()),
            Arc::new(BooleanArray::from(rows.iter().map(|row| row.served).collect::<Vec<_>>())),
        ];
        RecordBatch::try_new(models_schema(), columns)
            .map_err(|cause| LedgerError::Stored { column: "models", text: cause.to_string() })
    }
}

/// Columns of the SQL table `models`.
pub fn models_schema() -> SchemaRef {
    let text = |name: &str, nullable| Field::new(name, DataType::Utf8, nullable);
    let time = |name: &str| Field::new(name, timestamp_type(), false);
    let whole = |name: &str| Field::new(name, DataType::Int64, false);
    let real = |name: &str| Field::new(name, DataType::Float64, true);
    Arc::new(Schema::new(vec![
        text("model_id", false),
        text("asset_id", false),
        text("quantity", false),
        text("version", false),
        time("fitted_at"),
        time("trained_from"),
        time("trained_to"),
        whole("rows"),
        whole("features"),
        text("inputs", false),
        whole("seed"),
        text("model", false),
        real("score"),
        text("best_naive", true),
        real("best_naive_score"),
        text("buckets", false),
        text("reason", false),
        Field::new("served", DataType::Boolean, false),
    ]))
}

fn model_from(row: &SqliteRow) -> Result<ModelRow, LedgerError> {
    let failed = || LedgerError::sql("reading a model");
    let text = |column| row.try_get::<String, _>(column).map_err(failed());
    let time = |column| row.try_get::<i64, _>(column).map(from_micros).map_err(failed());
    let whole = |column| row.try_get::<i64, _>(column).map(i64::unsigned_abs).map_err(failed());
    let real = |column| row.try_get::<Option<f64>, _>(column).map_err(failed());
    let stored = |column, text: String| LedgerError::Stored { column, text };
    let (asset, quantity, reason) = (text("asset_id")?, text("quantity")?, text("reason")?);
    Ok(ModelRow {
        model_id: text("model_id")?,
        asset_id: AssetId::parse(&asset).map_err(|_| stored("models.asset_id", asset))?,
        quantity: Quantity::parse(&quantity).map_err(|_| stored("models.quantity", quantity))?,
        version: text("version")?,
        fitted_at: time("fitted_at")?,
        trained_from: time("trained_from")?,
        trained_to: time("trained_to")?,
        rows: whole("rows")?,
        features: whole("features")?,
        inputs: text("inputs")?.split_whitespace().map(str::to_owned).collect(),
        seed: whole("seed")?,
        model: text("model")?,
        score: real("score")?,
        best_naive: row.try_get("best_naive").map_err(failed())?,
        best_naive_score: real("best_naive_score")?,
        buckets: text("buckets")?,
        reason: FitReason::parse(&reason).ok_or_else(|| stored("models.reason", reason))?,
        served: row.try_get("served").map_err(failed())?,
    })
}

#[cfg(test)]
mod tests {
    use super::{AssetId, FitReason, Ledger, ModelRow, Quantity, from_micros};

    fn fit(id: &str, day: i64, reason: FitReason) -> ModelRow {
        let at = |day: i64| from_micros(day * 86_400_000_000);
        ModelRow {
            model_id: id.into(),
            asset_id: AssetId::parse("tarfaya").unwrap(),
            quantity: Quantity::ACTIVE_POWER,
            version: format!("0.1.0+1.{id}"),
            fitted_at: at(day),
            trained_from: at(0),
            trained_to: at(day),
            rows: 144 * day.unsigned_abs(),
            features: 61,
            inputs: vec!["active_power".into(), "weather.ghi".into()],
            seed: 0x2545_F491,
            model: "aggregate".into(),
            score: Some(12.5),
            best_naive: Some("damped".into()),
            best_naive_score: Some(14.0),
            buckets: "[]".into(),
            reason,
            served: true,
        }
    }

    #[tokio::test]
    async fn one_model_serves_and_outlives_a_restart() {
        let home = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(home.path()).await.unwrap();
        let (first, second) = (fit("a", 100, FitReason::First), fit("b", 107, FitReason::Drift));
        ledger.keep_model(&first, b"one").await.unwrap();
        ledger.keep_watch("a", "{}").await.unwrap();
        let kept = ledger.served_model(&first.asset_id, &first.quantity).await.unwrap().unwrap();
        assert_eq!((&kept.row, kept.state.as_slice(), kept.watch.as_deref()), (&first, b"one".as_slice(), Some("{}")));
        ledger.keep_model(&second, b"two").await.unwrap();
        ledger.keep_model(&second, b"two").await.unwrap();
        ledger.close().await;
        let ledger = Ledger::open(home.path()).await.unwrap();
        let kept = ledger.served_model(&first.asset_id, &first.quantity).await.unwrap().unwrap();
        assert_eq!((&kept.row, kept.state.as_slice(), kept.watch), (&second, b"two".as_slice(), None));
        let all = ledger.models(Some(&first.asset_id), None).await.unwrap();
        assert_eq!(all.iter().map(|row| (row.model_id.as_str(), row.served)).collect::<Vec<_>>(), [("b", true), ("a", false)]);
        assert!(ledger.models(None, Some(&Quantity::LOAD)).await.unwrap().is_empty());
        let batch = ledger.models_batch().await.unwrap();
        assert_eq!((batch.num_rows(), batch.num_columns()), (2, 18));
    }

    #[tokio::test]
    async fn old_fits_are_forgotten_and_the_served_one_never() {
        let home = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(home.path()).await.unwrap();
        for day in 0..super::MOST_FITS + 5 {
            ledger.keep_model(&fit(&format!("m{day}"), 500 - day, FitReason::Scheduled), b"x").await.unwrap();
        }
        let all = ledger.models(None, None).await.unwrap();
        assert_eq!(all.len(), 200);
        assert!(all.iter().any(|row| row.served && row.model_id == "m204"));
    }
}
