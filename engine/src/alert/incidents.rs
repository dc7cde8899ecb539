//! Incidents as rows of the ledger: finding the one a report is about, writing it, reading those of an alert.
//!
//! Asset and opening time name an incident. Where several of one asset opened at the same instant, component and mode tell them apart
//! as long as each keeps its name; one that was renamed is the one nobody else claims. A detector that was fitted anew may move the
//! opening: an open incident of the same asset, component and mode that nobody reports any more is then the same.

use super::Alert;
use super::AlertBook;
use super::AlertError;
use super::AlertIncident;
use super::Severity;
use crate::detect::Incident;
use crate::domain::AssetId;
use crate::domain::Timestamp;
use crate::domain::from_micros;
use crate::domain::micros;
use crate::store::ledger::LedgerError;
use sqlx::Row;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;
use std::collections::BTreeSet;

/// What else one round of a detector reports: asset, opening, component and mode of every incident.
pub(super) type Claims = BTreeSet<(String, i64, String, String)>;

/// An incident as the ledger knows it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Known {
    pub(super) row: i64,
    pub(super) incident: AlertIncident,
    /// When it was last reported with other figures.
    pub(super) reported_at: Timestamp,
}

impl Known {
    /// True where the report says nothing new.
    pub(super) fn is_told(&self, incident: &Incident) -> bool {
        let known = &self.incident;
        known.component == incident.component
            && known.mode == incident.mode
            && known.opened_at == incident.opened_at
            && known.started_at == incident.started_at
            && known.closed_at == incident.closed_at
            && known.severity == incident.severity
            && known.score == incident.score
            && known.energy_lost_kwh == incident.energy_lost_kwh
            && known.evidence == incident.evidence
            && known.outlook == incident.outlook
    }
}

/// All columns of `alert_incidents`.
macro_rules! select_incidents {
    ($rest:literal) => {
        concat!(
            "SELECT rowid AS line, alert_id, asset_id, component, mode, detector, started_at, opened_at, closed_at, severity, score, ",
            "energy_lost_kwh, loss_rate_kw, evidence, outlook, reported_at FROM alert_incidents ",
            $rest
        )
    };
}
pub(super) use select_incidents;

/// A name for [`Claims`].
pub(super) fn claim(incident: &Incident) -> (String, i64, String, String) {
    (incident.asset_id.to_string(), micros(incident.opened_at), incident.component.clone(), incident.mode.clone())
}

/// The row a report is about; `claims` are all reports of the round.
pub(super) async fn known(from: &mut SqliteConnection, incident: &Incident, claims: &Claims) -> Result<Option<Known>, AlertError> {
    let rows = sqlx::query(select_incidents!("WHERE asset_id = ?1 AND opened_at = ?2 ORDER BY rowid"))
        .bind(incident.asset_id.as_str())
        .bind(micros(incident.opened_at))
        .fetch_all(&mut *from)
        .await
        .map_err(LedgerError::sql("looking for an incident"))?;
    let rows = rows.iter().map(known_from).collect::<Result<Vec<_>, _>>()?;
    let same = |known: &&Known| known.incident.component == incident.component && known.incident.mode == incident.mode;
    if let Some(known) = rows.iter().find(same) {
        return Ok(Some(known.clone()));
    }
    let name = |known: &Known| {
        let row = &known.incident;
        (row.asset_id.to_string(), micros(row.opened_at), row.component.clone(), row.mode.clone())
    };
    if let Some(known) =
        rows.into_iter().find(|known| known.incident.detector == incident.detector && !claims.contains(&name(known)))
    {
        return Ok(Some(known));
    }
    let moved = sqlx::query(select_incidents!(
        "WHERE asset_id = ?1 AND component = ?2 AND mode = ?3 AND detector = ?4 AND closed_at IS NULL ORDER BY opened_at DESC"
    ))
    .bind(incident.asset_id.as_str())
    .bind(&incident.component)
    .bind(&incident.mode)
    .bind(incident.detector)
    .fetch_all(&mut *from)
    .await
    .map_err(LedgerError::sql("looking for an incident"))?;
    let moved = moved.iter().map(known_from).collect::<Result<Vec<_>, _>>()?;
    let overlaps = |known: &Known| incident.closed_at.is_none_or(|closed| closed > known.incident.started_at);
    Ok(moved.into_iter().find(|known| overlaps(known) && !claims.contains(&name(known))))
}

/// Writes a report into `row`, or as a new row.
pub(super) async fn save(
    to: &mut SqliteConnection,
    incident: &Incident,
    row: Option<i64>,
    alert_id: &str,
    rate_kw: f64,
    now: Timestamp,
) -> Result<(), AlertError> {
    let failed = |cause| AlertError::Json { id: alert_id.into(), cause };
    let evidence = serde_json::to_string(&incident.evidence).map_err(failed)?;
    let outlook = incident.outlook.as_ref().map(serde_json::to_string).transpose().map_err(failed)?;
    sqlx::query(
        "INSERT INTO alert_incidents (rowid, asset_id, component, mode, opened_at, closed_at, energy_lost_kwh, alert_id, started_at, \
         severity, score, detector, evidence, outlook, loss_rate_kw, reported_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16) \
         ON CONFLICT (rowid) DO UPDATE SET component = ?3, mode = ?4, opened_at = ?5, closed_at = ?6, energy_lost_kwh = ?7, alert_id = ?8, \
         started_at = ?9, severity = ?10, score = ?11, detector = ?12, evidence = ?13, outlook = ?14, loss_rate_kw = ?15, reported_at = ?16",
    )
    .bind(row)
    .bind(incident.asset_id.as_str())
    .bind(&incident.component)
    .bind(&incident.mode)
    .bind(micros(incident.opened_at))
    .bind(incident.closed_at.map(micros))
    .bind(incident.energy_lost_kwh)
    .bind(alert_id)
    .bind(micros(incident.started_at))
    .bind(incident.severity.name())
    .bind(incident.score)
    .bind(incident.detector)
    .bind(evidence)
    .bind(outlook)
    .bind(rate_kw)
    .bind(micros(now))
    .execute(to)
    .await
    .map_err(LedgerError::sql("writing an incident"))?;
    Ok(())
}

/// Energy lost over all incidents of an alert, kWh, and when the latest opened; `None` when it has none.
pub(super) async fn summed(from: &mut SqliteConnection, alert: &Alert) -> Result<Option<(f64, Timestamp, u32)>, AlertError> {
    let (energy, latest, count): (Option<f64>, Option<i64>, u32) =
        sqlx::query_as("SELECT sum(energy_lost_kwh), max(opened_at), count(*) FROM alert_incidents WHERE alert_id = ?1")
            .bind(&alert.id)
            .fetch_one(from)
            .await
            .map_err(LedgerError::sql("summing the incidents of an alert"))?;
    Ok(energy.zip(latest).map(|(energy, latest)| (energy, from_micros(latest), count)))
}

fn known_from(row: &SqliteRow) -> Result<Known, LedgerError> {
    let failed = || LedgerError::sql("reading an incident");
    let reported: Option<i64> = row.try_get("reported_at").map_err(failed())?;
    let incident = incident_from(row)?;
    Ok(Known {
        row: row.try_get("line").map_err(failed())?,
        reported_at: reported.map_or(incident.opened_at, from_micros),
        incident,
    })
}

pub(super) fn incident_from(row: &SqliteRow) -> Result<AlertIncident, LedgerError> {
    let failed = || LedgerError::sql("reading an incident");
    let text = |column| row.try_get::<String, _>(column).map_err(failed());
    let time = |column| row.try_get::<Option<i64>, _>(column).map(|t| t.map(from_micros)).map_err(failed());
    let stored = |column, text: String| LedgerError::Stored { column, text };
    let (asset, severity, evidence) = (text("asset_id")?, text("severity")?, text("evidence")?);
    let outlook: Option<String> = row.try_get("outlook").map_err(failed())?;
    let opened_at = time("opened_at")?.unwrap_or(Timestamp::UNIX_EPOCH);
    Ok(AlertIncident {
        alert_id: text("alert_id")?,
        asset_id: AssetId::parse(&asset).map_err(|_| stored("alert_incidents.asset_id", asset))?,
        component: text("component")?,
        mode: text("mode")?,
        detector: text("detector")?,
        started_at: time("started_at")?.unwrap_or(opened_at),
        opened_at,
        closed_at: time("closed_at")?,
        severity: Severity::parse(&severity).ok_or_else(|| stored("alert_incidents.severity", severity))?,
        score: row.try_get("score").map_err(failed())?,
        energy_lost_kwh: row.try_get("energy_lost_kwh").map_err(failed())?,
        loss_rate_kw: row.try_get("loss_rate_kw").map_err(failed())?,
        evidence: serde_json::from_str(&evidence).map_err(|_| stored("alert_incidents.evidence", evidence))?,
        outlook: outlook
            .map(|text| serde_json::from_str(&text).map_err(|_| stored("alert_incidents.outlook", text)))
            .transpose()?,
    })
}

impl AlertBook {
    /// The incidents an alert has taken in, oldest first.
    ///
    /// # Errors
    /// [`AlertError::Ledger`].
    pub async fn incidents_of(&self, id: &str) -> Result<Vec<AlertIncident>, AlertError> {
        let rows =
            sqlx::query(select_incidents!("WHERE alert_id = ?1 ORDER BY opened_at, rowid")).bind(id).fetch_all(self.ledger.pool());
        let rows = rows.await.map_err(LedgerError::sql("reading the incidents of an alert"))?;
        Ok(rows.iter().map(incident_from).collect::<Result<_, _>>()?)
    }

    /// Asset and opening of every incident that was open when it was last reported.
    ///
    /// # Errors
    /// [`AlertError::Ledger`].
    pub async fn open_incidents(&self) -> Result<BTreeSet<(AssetId, Timestamp)>, AlertError> {
        let rows = sqlx::query(select_incidents!("WHERE closed_at IS NULL")).fetch_all(self.ledger.pool());
        let rows = rows.await.map_err(LedgerError::sql("reading open incidents"))?;
        let open = rows.iter().map(incident_from).collect::<Result<Vec<_>, _>>()?;
        Ok(open.into_iter().map(|incident| (incident.asset_id, incident.opened_at)).collect())
    }

    /// The open incidents of one mode.
    ///
    /// # Errors
    /// [`AlertError::Ledger`].
    pub async fn open_of_mode(&self, mode: &str) -> Result<Vec<AlertIncident>, AlertError> {
        let rows = sqlx::query(select_incidents!("WHERE closed_at IS NULL AND mode = ?1")).bind(mode).fetch_all(self.ledger.pool());
        let rows = rows.await.map_err(LedgerError::sql("reading open incidents"))?;
        Ok(rows.iter().map(incident_from).collect::<Result<Vec<_>, _>>()?)
    }
}
