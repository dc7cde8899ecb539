//! Alerts, their history, their incidents and what those rest on as Arrow batches, so that SQL can join them with everything else. A
//! snapshot is as of its call.

use super::AlertBook;
use super::AlertError;
use super::AlertIncident;
use super::incidents::incident_from;
use super::incidents::select_incidents;
use super::rows::EventRow;
use super::rows::alert_from;
use super::rows::select_alerts;
use crate::detect::Evidence;
use crate::domain::AssetKind;
use crate::domain::Timestamp;
use crate::domain::micros;
use crate::domain::timestamp_type;
use crate::store::ledger::LedgerError;
use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use std::sync::Arc;

/// Columns of the SQL table `alerts`.
pub fn alerts_schema() -> SchemaRef {
    let text = |name: &str, nullable| Field::new(name, DataType::Utf8, nullable);
    let time = |name: &str, nullable| Field::new(name, timestamp_type(), nullable);
    let real = |name: &str| Field::new(name, DataType::Float64, false);
    Arc::new(Schema::new(vec![
        text("id", false),
        text("asset_id", false),
        text("asset_name", false),
        text("component", false),
        text("mode", false),
        text("severity", false),
        text("state", false),
        time("shelved_until", true),
        time("started_at", false),
        time("opened_at", false),
        time("updated_at", false),
        time("closed_at", true),
        real("score"),
        real("energy_lost_kwh"),
        text("top_contributors", false),
        Field::new("occurrences", DataType::Int64, false),
        text("assignee", true),
        text("title", false),
        Field::new("incident_open", DataType::Boolean, false),
        text("asset_kind", true),
        Field::new("energy_expected_kwh", DataType::Float64, true),
        real("priority"),
        text("outlook_quantity", true),
        Field::new("outlook_limit", DataType::Float64, true),
        time("outlook_earliest", true),
        time("outlook_median", true),
        time("outlook_latest", true),
        text("parent_alert_id", true),
        Field::new("children", DataType::Int64, false),
    ]))
}

/// Columns of the SQL table `alert_incidents`.
pub fn alert_incidents_schema() -> SchemaRef {
    let text = |name: &str| Field::new(name, DataType::Utf8, false);
    let time = |name: &str, nullable| Field::new(name, timestamp_type(), nullable);
    let real = |name: &str| Field::new(name, DataType::Float64, false);
    Arc::new(Schema::new(vec![
        text("alert_id"),
        text("asset_id"),
        text("component"),
        text("mode"),
        text("detector"),
        time("started_at", false),
        time("opened_at", false),
        time("closed_at", true),
        text("severity"),
        real("score"),
        real("energy_lost_kwh"),
        real("loss_rate_kw"),
    ]))
}

/// Columns of the SQL table `alert_evidence`.
pub fn alert_evidence_schema() -> SchemaRef {
    let text = |name: &str| Field::new(name, DataType::Utf8, false);
    let real = |name: &str, nullable| Field::new(name, DataType::Float64, nullable);
    Arc::new(Schema::new(vec![
        text("alert_id"),
        text("asset_id"),
        Field::new("opened_at", timestamp_type(), false),
        text("signal"),
        text("quantity"),
        real("observed", true),
        real("expected", true),
        real("share", false),
    ]))
}

/// Columns of the SQL table `alert_events`.
pub fn alert_events_schema() -> SchemaRef {
    let text = |name: &str, nullable| Field::new(name, DataType::Utf8, nullable);
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        text("alert_id", false),
        Field::new("at", timestamp_type(), false),
        text("kind", false),
        text("by", false),
        text("note", true),
    ]))
}

impl AlertBook {
    /// All alerts, oldest first, as the table `alerts`; contributors joined by `;`, the title in English.
    ///
    /// # Errors
    /// [`AlertError::Ledger`], [`AlertError::Table`].
    pub async fn alerts_batch(&self) -> Result<RecordBatch, AlertError> {
        let rows = sqlx::query(select_alerts!("ORDER BY opened_at, id")).fetch_all(self.ledger.pool()).await;
        let rows = rows.map_err(LedgerError::sql("reading all alerts"))?;
        let alerts = rows.iter().map(alert_from).collect::<Result<Vec<_>, _>>()?;
        macro_rules! text {
            ($get:expr) => {
                Arc::new(StringArray::from_iter_values(alerts.iter().map($get))) as ArrayRef
            };
        }
        let maybe = |get: fn(&super::Alert) -> Option<Timestamp>| times(alerts.iter().map(|a| get(a).map(micros)));
        let columns = vec![
            text!(|a| a.id.as_str()),
            text!(|a| a.asset_id.as_str()),
            text!(|a| a.asset_name.as_str()),
            text!(|a| a.component.as_str()),
            text!(|a| a.mode.as_str()),
            text!(|a| a.severity.name()),
            text!(|a| a.state.name()),
            maybe(|a| a.shelved_until),
            maybe(|a| Some(a.started_at)),
            maybe(|a| Some(a.opened_at)),
            maybe(|a| Some(a.updated_at)),
            maybe(|a| a.closed_at),
            Arc::new(Float64Array::from_iter_values(alerts.iter().map(|a| a.score))),
            Arc::new(Float64Array::from_iter_values(alerts.iter().map(|a| a.energy_lost_kwh))),
            text!(|a| a.top_contributors.join(";")),
            Arc::new(Int64Array::from_iter_values(alerts.iter().map(|a| i64::from(a.occurrences)))),
            Arc::new(alerts.iter().map(|a| a.assignee.as_deref()).collect::<StringArray>()),
            text!(|a| a.title.en.as_str()),
            Arc::new(BooleanArray::from(alerts.iter().map(|a| a.incident_open).collect::<Vec<_>>())),
            Arc::new(alerts.iter().map(|a| a.asset_kind.map(AssetKind::name)).collect::<StringArray>()),
            Arc::new(alerts.iter().map(|a| a.energy_expected_kwh).collect::<Float64Array>()),
            Arc::new(Float64Array::from_iter_values(alerts.iter().map(|a| a.priority))),
            Arc::new(alerts.iter().map(|a| a.outlook.as_ref().map(|o| o.quantity.name())).collect::<StringArray>()),
            Arc::new(alerts.iter().map(|a| a.outlook.as_ref().map(|o| o.limit)).collect::<Float64Array>()),
            maybe(|a| a.outlook.as_ref().map(|o| o.earliest)),
            maybe(|a| a.outlook.as_ref().and_then(|o| o.median)),
            maybe(|a| a.outlook.as_ref().and_then(|o| o.latest)),
            Arc::new(alerts.iter().map(|a| a.parent_alert_id.as_deref()).collect::<StringArray>()),
            Arc::new(Int64Array::from_iter_values(alerts.iter().map(|a| i64::from(a.children)))),
        ];
        RecordBatch::try_new(alerts_schema(), columns).map_err(|cause| AlertError::Table { table: "alerts", cause })
    }

    /// Every incident of every alert, oldest first.
    async fn all_incidents(&self) -> Result<Vec<AlertIncident>, AlertError> {
        let rows = sqlx::query(select_incidents!("ORDER BY opened_at, asset_id, rowid")).fetch_all(self.ledger.pool()).await;
        let rows = rows.map_err(LedgerError::sql("reading all incidents"))?;
        Ok(rows.iter().map(incident_from).collect::<Result<_, _>>()?)
    }

    /// The incidents of all alerts, oldest first, as the table `alert_incidents`.
    ///
    /// # Errors
    /// [`AlertError::Ledger`], [`AlertError::Table`].
    pub async fn alert_incidents_batch(&self) -> Result<RecordBatch, AlertError> {
        let rows = self.all_incidents().await?;
        macro_rules! text {
            ($get:expr) => {
                Arc::new(StringArray::from_iter_values(rows.iter().map($get))) as ArrayRef
            };
        }
        let real = |get: fn(&AlertIncident) -> f64| Arc::new(Float64Array::from_iter_values(rows.iter().map(get))) as ArrayRef;
        let columns = vec![
            text!(|i| i.alert_id.as_str()),
            text!(|i| i.asset_id.as_str()),
            text!(|i| i.component.as_str()),
            text!(|i| i.mode.as_str()),
            text!(|i| i.detector.as_str()),
            times(rows.iter().map(|i| Some(micros(i.started_at)))),
            times(rows.iter().map(|i| Some(micros(i.opened_at)))),
            times(rows.iter().map(|i| i.closed_at.map(micros))),
            text!(|i| i.severity.name()),
            real(|i| i.score),
            real(|i| i.energy_lost_kwh),
            real(|i| i.loss_rate_kw),
        ];
        RecordBatch::try_new(alert_incidents_schema(), columns)
            .map_err(|cause| AlertError::Table { table: "alert_incidents", cause })
    }

    /// What the incidents of all alerts rest on, loudest signal of each first, as the table `alert_evidence`.
    ///
    /// # Errors
    /// [`AlertError::Ledger`], [`AlertError::Table`].
    pub async fn alert_evidence_batch(&self) -> Result<RecordBatch, AlertError> {
        let incidents = self.all_incidents().await?;
        let rows: Vec<(&AlertIncident, &Evidence)> =
            incidents.iter().flat_map(|incident| incident.evidence.iter().map(move |one| (incident, one))).collect();
        let text = |get: fn(&(&AlertIncident, &Evidence)) -> String| {
            Arc::new(StringArray::from_iter_values(rows.iter().map(get))) as ArrayRef
        };
        let real =
            |get: fn(&Evidence) -> Option<f64>| Arc::new(rows.iter().map(|row| get(row.1)).collect::<Float64Array>()) as ArrayRef;
        let columns = vec![
            text(|row| row.0.alert_id.clone()),
            text(|row| row.0.asset_id.to_string()),
            times(rows.iter().map(|row| Some(micros(row.0.opened_at)))),
            text(|row| row.1.signal.clone()),
            text(|row| row.1.quantity.to_string()),
            real(|evidence| evidence.observed),
            real(|evidence| evidence.expected),
            real(|evidence| Some(evidence.share)),
        ];
        RecordBatch::try_new(alert_evidence_schema(), columns).map_err(|cause| AlertError::Table { table: "alert_evidence", cause })
    }

    /// The whole history, oldest first, as the table `alert_events`.
    ///
    /// # Errors
    /// [`AlertError::Ledger`], [`AlertError::Table`].
    pub async fn alert_events_batch(&self) -> Result<RecordBatch, AlertError> {
        let rows: Vec<EventRow> = sqlx::query_as("SELECT id, alert_id, at, kind, by, note FROM alert_events ORDER BY id")
            .fetch_all(self.ledger.pool())
            .await
            .map_err(LedgerError::sql("reading all history"))?;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.0))),
            Arc::new(StringArray::from_iter_values(rows.iter().map(|r| &r.1))),
            times(rows.iter().map(|r| Some(r.2))),
            Arc::new(StringArray::from_iter_values(rows.iter().map(|r| &r.3))),
            Arc::new(StringArray::from_iter_values(rows.iter().map(|r| &r.4))),
            Arc::new(rows.iter().map(|r| r.5.as_deref()).collect::<StringArray>()),
        ];
        RecordBatch::try_new(alert_events_schema(), columns).map_err(|cause| AlertError::Table { table: "alert_events", cause })
    }
}

fn times(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
}
