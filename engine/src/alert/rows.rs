//! Alerts and history lines as rows of the ledger. Title and advice are not stored: they follow from component and mode.

use super::Alert;
use super::AlertError;
use super::AlertEvent;
use super::Severity;
use super::State;
use super::wording;
use crate::domain::AssetId;
use crate::domain::Timestamp;
use crate::domain::from_micros;
use crate::domain::micros;
use crate::store::ledger::LedgerError;
use sqlx::Row;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

/// All columns of `alerts` that make an [`Alert`].
macro_rules! select_alerts {
    ($rest:literal) => {
        concat!(
            "SELECT id, asset_id, asset_name, component, mode, severity, state, shelved_until, started_at, opened_at, updated_at, ",
            "closed_at, score, energy_lost_kwh, top_contributors, occurrences, assignee, incident_open FROM alerts ",
            $rest
        )
    };
}
pub(super) use select_alerts;

pub(super) fn alert_from(row: &SqliteRow) -> Result<Alert, LedgerError> {
    let failed = || LedgerError::sql("reading an alert");
    let text = |column| row.try_get::<String, _>(column).map_err(failed());
    let time = |column| row.try_get::<i64, _>(column).map(from_micros).map_err(failed());
    let maybe = |column| row.try_get::<Option<i64>, _>(column).map(|t| t.map(from_micros)).map_err(failed());
    let stored = |column, text: String| LedgerError::Stored { column, text };
    let (asset, severity, state) = (text("asset_id")?, text("severity")?, text("state")?);
    let (component, mode, top) = (text("component")?, text("mode")?, text("top_contributors")?);
    Ok(Alert {
        id: text("id")?,
        asset_id: AssetId::parse(&asset).map_err(|_| stored("alerts.asset_id", asset))?,
        asset_name: text("asset_name")?,
        severity: Severity::parse(&severity).ok_or_else(|| stored("alerts.severity", severity))?,
        state: State::parse(&state).ok_or_else(|| stored("alerts.state", state))?,
        shelved_until: maybe("shelved_until")?,
        started_at: time("started_at")?,
        opened_at: time("opened_at")?,
        updated_at: time("updated_at")?,
        closed_at: maybe("closed_at")?,
        score: row.try_get("score").map_err(failed())?,
        energy_lost_kwh: row.try_get("energy_lost_kwh").map_err(failed())?,
        top_contributors: serde_json::from_str(&top).map_err(|_| stored("alerts.top_contributors", top))?,
        occurrences: row.try_get("occurrences").map_err(failed())?,
        assignee: row.try_get("assignee").map_err(failed())?,
        title: wording::title(&component, &mode),
        advice: wording::advice(&component, &mode),
        incident_open: row.try_get("incident_open").map_err(failed())?,
        component,
        mode,
    })
}

pub(super) async fn read_alert(from: &mut SqliteConnection, id: &str) -> Result<Option<Alert>, AlertError> {
    let row = sqlx::query(select_alerts!("WHERE id = ?1")).bind(id).fetch_optional(from).await;
    let row = row.map_err(LedgerError::sql("reading an alert"))?;
    Ok(row.as_ref().map(alert_from).transpose()?)
}

/// Inserts or replaces the row; `decided_at` is kept when `None`.
pub(super) async fn save_alert(to: &mut SqliteConnection, alert: &Alert, decided_at: Option<Timestamp>) -> Result<(), AlertError> {
    let top = serde_json::to_string(&alert.top_contributors).map_err(|cause| AlertError::Json { id: alert.id.clone(), cause })?;
    sqlx::query(
        "INSERT INTO alerts (id, asset_id, asset_name, component, mode, severity, state, shelved_until, started_at, opened_at, \
         updated_at, closed_at, score, energy_lost_kwh, top_contributors, occurrences, assignee, incident_open, decided_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19) \
         ON CONFLICT (id) DO UPDATE SET asset_name = ?3, severity = ?6, state = ?7, shelved_until = ?8, started_at = ?9, \
         updated_at = ?11, closed_at = ?12, score = ?13, energy_lost_kwh = ?14, top_contributors = ?15, occurrences = ?16, \
         assignee = ?17, incident_open = ?18, decided_at = coalesce(?19, decided_at)",
    )
    .bind(&alert.id)
    .bind(alert.asset_id.as_str())
    .bind(&alert.asset_name)
    .bind(&alert.component)
    .bind(&alert.mode)
    .bind(alert.severity.name())
    .bind(alert.state.name())
    .bind(alert.shelved_until.map(micros))
    .bind(micros(alert.started_at))
    .bind(micros(alert.opened_at))
    .bind(micros(alert.updated_at))
    .bind(alert.closed_at.map(micros))
    .bind(alert.score)
    .bind(alert.energy_lost_kwh)
    .bind(top)
    .bind(alert.occurrences)
    .bind(&alert.assignee)
    .bind(alert.incident_open)
    .bind(decided_at.map(micros))
    .execute(to)
    .await
    .map_err(LedgerError::sql("writing an alert"))?;
    Ok(())
}

pub(super) async fn insert_event(to: &mut SqliteConnection, event: &AlertEvent) -> Result<i64, AlertError> {
    let done = sqlx::query("INSERT INTO alert_events (alert_id, at, kind, by, note) VALUES (?1, ?2, ?3, ?4, ?5)")
        .bind(&event.alert_id)
        .bind(micros(event.at))
        .bind(&event.kind)
        .bind(&event.by)
        .bind(&event.note)
        .execute(to)
        .await
        .map_err(LedgerError::sql("writing the history of an alert"))?;
    Ok(done.last_insert_rowid())
}

pub(super) type EventRow = (i64, String, i64, String, String, Option<String>);

pub(super) fn event_from((id, alert_id, at, kind, by, note): EventRow) -> AlertEvent {
    AlertEvent { id, alert_id, at: from_micros(at), kind, by, note }
}
