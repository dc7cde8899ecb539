//! Alerts and their history as Arrow batches, so that SQL can join them with everything else. A snapshot is as of its call.

use super::AlertBook;
use super::AlertError;
use super::rows::EventRow;
use super::rows::alert_from;
use super::rows::select_alerts;
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
        ];
        RecordBatch::try_new(alerts_schema(), columns).map_err(|cause| AlertError::Table { table: "alerts", cause })
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
