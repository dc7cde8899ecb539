//! Alerts and history lines as rows of the ledger. Title and advice are not stored: they follow from component and mode. Priority is not
//! either: it follows from the urgency and what people decided about alerts of the same pattern (`budget`).

use super::Alert;
use super::AlertError;
use super::AlertEvent;
use super::Severity;
use super::State;
use super::wording;
use crate::domain::AssetId;
use crate::domain::AssetKind;
use crate::domain::Timestamp;
use crate::domain::from_micros;
use crate::domain::micros;
use crate::store::ledger::LedgerError;
use sqlx::Row;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

/// All columns of `alerts` that make an [`Alert`]. The precision of a pattern is the mean of a beta distribution that begins at 4 of 5.
macro_rules! select_alerts {
    ($rest:literal) => {
        concat!(
            "SELECT id, asset_id, asset_name, component, mode, severity, state, shelved_until, started_at, opened_at, updated_at, ",
            "closed_at, score, energy_lost_kwh, top_contributors, occurrences, assignee, incident_open, asset_kind, evidence, outlook, ",
            "energy_expected_kwh, urgency, parent_alert_id, ",
            "(SELECT count(*) FROM alerts AS child WHERE child.parent_alert_id = alerts.id) AS children, ",
            "urgency * (4.0 + (SELECT count(*) FROM alerts AS a WHERE a.asset_kind IS alerts.asset_kind AND a.component = alerts.component ",
            "AND a.mode = alerts.mode AND a.outcome IN ('fixed', 'no_action'))) / (5.0 + (SELECT count(*) FROM alerts AS a ",
            "WHERE a.asset_kind IS alerts.asset_kind AND a.component = alerts.component AND a.mode = alerts.mode ",
            "AND a.outcome IN ('fixed', 'no_action', 'false_positive'))) AS priority FROM alerts ",
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
    let words = |column| row.try_get::<Option<String>, _>(column).map_err(failed());
    let (kind, evidence, outlook) = (words("asset_kind")?, text("evidence")?, words("outlook")?);
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
        asset_kind: kind.map(|kind| AssetKind::parse(&kind).map_err(|_| stored("alerts.asset_kind", kind))).transpose()?,
        evidence: serde_json::from_str(&evidence).map_err(|_| stored("alerts.evidence", evidence))?,
        outlook: outlook.map(|text| serde_json::from_str(&text).map_err(|_| stored("alerts.outlook", text))).transpose()?,
        energy_expected_kwh: row.try_get("energy_expected_kwh").map_err(failed())?,
        urgency: row.try_get("urgency").map_err(failed())?,
        priority: row.try_get("priority").map_err(failed())?,
        parent_alert_id: words("parent_alert_id")?,
        children: row.try_get("children").map_err(failed())?,
        component,
        mode,
    })
}

pub(super) async fn read_alert(from: &mut SqliteConnection, id: &str) -> Result<Option<Alert>, AlertError> {
    let row = sqlx::query(select_alerts!("WHERE id = ?1")).bind(id).fetch_optional(from).await;
    let row = row.map_err(LedgerError::sql("reading an alert"))?;
    Ok(row.as_ref().map(alert_from).transpose()?)
}

/// Reads what is known to be there.
pub(super) async fn read_again(from: &mut SqliteConnection, id: &str) -> Result<Alert, AlertError> {
    read_alert(from, id).await?.ok_or_else(|| AlertError::NotFound { id: id.into() })
}

/// Inserts or replaces the row; when and how it was decided is kept when `decided` is `None`.
pub(super) async fn save_alert(
    to: &mut SqliteConnection,
    alert: &Alert,
    decided: Option<(Timestamp, &str)>,
) -> Result<(), AlertError> {
    let failed = |cause| AlertError::Json { id: alert.id.clone(), cause };
    let top = serde_json::to_string(&alert.top_contributors).map_err(failed)?;
    let evidence = serde_json::to_string(&alert.evidence).map_err(failed)?;
    let outlook = alert.outlook.as_ref().map(serde_json::to_string).transpose().map_err(failed)?;
    sqlx::query(
        "INSERT INTO alerts (id, asset_id, asset_name, component, mode, severity, state, shelved_until, started_at, opened_at, \
         updated_at, closed_at, score, energy_lost_kwh, top_contributors, occurrences, assignee, incident_open, decided_at, asset_kind, \
         evidence, outlook, energy_expected_kwh, urgency, parent_alert_id, outcome) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26) \
         ON CONFLICT (id) DO UPDATE SET asset_name = ?3, component = ?4, mode = ?5, severity = ?6, state = ?7, shelved_until = ?8, \
         started_at = ?9, updated_at = ?11, closed_at = ?12, score = ?13, energy_lost_kwh = ?14, top_contributors = ?15, \
         occurrences = ?16, assignee = ?17, incident_open = ?18, decided_at = coalesce(?19, decided_at), asset_kind = ?20, evidence = ?21, \
         outlook = ?22, energy_expected_kwh = ?23, urgency = ?24, parent_alert_id = ?25, outcome = coalesce(?26, outcome)",
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
    .bind(decided.map(|(at, _)| micros(at)))
    .bind(alert.asset_kind.map(AssetKind::name))
    .bind(evidence)
    .bind(outlook)
    .bind(alert.energy_expected_kwh)
    .bind(alert.urgency)
    .bind(&alert.parent_alert_id)
    .bind(decided.map(|(_, outcome)| outcome))
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
