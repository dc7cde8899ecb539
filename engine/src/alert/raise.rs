//! Findings become alerts: one living alert per asset, component and mode takes in every incident of that key.
//!
//! A known incident (same key, same `opened_at`) only moves figures, so a detector may repeat itself and a restart may replay. A
//! new incident joins the living alert as an occurrence, aloud after the hold-off, silently within it. With no living alert a new
//! one opens, except within the hold-off of one that was called a false positive: that one counts it and stays closed.

use super::Alert;
use super::AlertBook;
use super::AlertChange;
use super::AlertError;
use super::Finding;
use super::State;
use super::rows::alert_from;
use super::rows::read_alert;
use super::rows::save_alert;
use super::rows::select_alerts;
use super::wording;
use crate::domain::Timestamp;
use crate::domain::from_micros;
use crate::domain::micros;
use crate::store::ledger::LedgerError;
use sqlx::SqliteConnection;

/// Who writes the history lines of incidents.
const DETECTOR: &str = "detector";

/// An incident as the ledger knows it.
struct Known {
    alert_id: String,
    closed_at: Option<Timestamp>,
}

impl AlertBook {
    /// Takes in what a detector reports about one incident; returns the alert it belongs to and whether anything changed.
    ///
    /// # Errors
    /// [`AlertError::NotFinite`] for a score or energy that is no number, [`AlertError::Ledger`].
    pub async fn raise(&self, finding: &Finding, asset_name: &str, now: Timestamp) -> Result<(Alert, bool), AlertError> {
        check(finding)?;
        let mut writing = self.ledger.write().await?;
        let known = known_incident(&mut writing, finding).await?;
        let (alert, event_id, changed) = match known {
            Some(known) => self.update(&mut writing, finding, &known, now).await?,
            None => {
                let (alert, event) = self.take_in(&mut writing, finding, asset_name, now).await?;
                (alert, Some(event), true)
            }
        };
        writing.commit().await.map_err(LedgerError::sql("committing an incident"))?;
        if changed {
            self.tell(event_id, &alert);
        }
        Ok((alert, changed))
    }

    /// A new incident: opens an alert or joins one.
    async fn take_in(
        &self,
        writing: &mut SqliteConnection,
        finding: &Finding,
        asset_name: &str,
        now: Timestamp,
    ) -> Result<(Alert, i64), AlertError> {
        let Some((mut alert, living)) = self.host(writing, finding).await? else {
            let alert = opened(finding, asset_name, now);
            save_alert(writing, &alert, None).await?;
            save_incident(writing, finding, &alert.id).await?;
            let event = self.record(writing, &alert, "opened", DETECTOR, None, now, true).await?;
            return Ok((alert, event));
        };
        let quiet = !living || alert.incident_open || alert.closed_at.is_some_and(|end| self.is_held_off(end, finding));
        save_incident(writing, finding, &alert.id).await?;
        alert.occurrences = alert.occurrences.saturating_add(1);
        let louder = take_figures(writing, &mut alert, finding, now).await?;
        save_alert(writing, &alert, None).await?;
        let note = Some(format!("occurrence {}, opened {}", alert.occurrences, finding.opened_at));
        let event = self.record(writing, &alert, "recurred", DETECTOR, note, now, !quiet || (living && louder)).await?;
        Ok((alert, event))
    }

    /// More about an incident we know.
    async fn update(
        &self,
        writing: &mut SqliteConnection,
        finding: &Finding,
        known: &Known,
        now: Timestamp,
    ) -> Result<(Alert, Option<i64>, bool), AlertError> {
        let unknown = || AlertError::NotFound { id: known.alert_id.clone() };
        let before = read_alert(writing, &known.alert_id).await?.ok_or_else(unknown)?;
        let mut alert = before.clone();
        save_incident(writing, finding, &alert.id).await?;
        let louder = take_figures(writing, &mut alert, finding, before.updated_at).await?;
        if alert == before {
            return Ok((alert, None, false));
        }
        alert.updated_at = now;
        save_alert(writing, &alert, None).await?;
        let aloud = alert.state.is_living();
        let mut event = None;
        if louder {
            let note = Some(format!("{} → {}", before.severity.name(), alert.severity.name()));
            event = Some(self.record(writing, &alert, "escalated", DETECTOR, note, now, aloud).await?);
        }
        if known.closed_at.is_none() && finding.closed_at.is_some() {
            let note = finding.closed_at.map(|end| format!("the incident ended {end}"));
            event = Some(self.record(writing, &alert, "incident_closed", DETECTOR, note, now, aloud).await?);
        }
        Ok((alert, event, true))
    }

    /// The alert a new incident joins, and whether that alert is living.
    async fn host(&self, from: &mut SqliteConnection, finding: &Finding) -> Result<Option<(Alert, bool)>, AlertError> {
        let rows = sqlx::query(select_alerts!(
            "WHERE asset_id = ?1 AND component = ?2 AND mode = ?3 ORDER BY state IN ('open', 'acknowledged', 'assigned') DESC, \
             opened_at DESC LIMIT 1"
        ))
        .bind(finding.asset_id.as_str())
        .bind(&finding.component)
        .bind(&finding.mode)
        .fetch_optional(from)
        .await;
        let Some(row) = rows.map_err(LedgerError::sql("looking for a living alert"))? else { return Ok(None) };
        let alert = alert_from(&row)?;
        let living = alert.state.is_living();
        let dismissed =
            alert.state == State::FalsePositive && self.is_held_off(alert.closed_at.unwrap_or(alert.updated_at), finding);
        Ok((living || dismissed).then_some((alert, living)))
    }

    fn is_held_off(&self, end: Timestamp, finding: &Finding) -> bool {
        finding.opened_at.duration_since(end) <= self.rules.hold_off
    }

    /// Takes in many findings; a refused one does not stop the others. Returns the changed alerts and the refusals.
    pub async fn raise_all<'a>(
        &self,
        findings: impl IntoIterator<Item = (&'a Finding, &'a str)>,
        now: Timestamp,
    ) -> (Vec<Alert>, Vec<AlertError>) {
        let (mut changed, mut refused) = (Vec::new(), Vec::new());
        for (finding, asset_name) in findings {
            match self.raise(finding, asset_name, now).await {
                Ok((alert, true)) => changed.push(alert),
                Ok((_, false)) => {}
                Err(error) => refused.push(error),
            }
        }
        (changed, refused)
    }

    /// A change as a listener would hear it, for replay: the alert as it is now under the id of that history line.
    pub(super) const fn change(event_id: i64, alert: Alert) -> AlertChange {
        AlertChange { event_id: Some(event_id), alert }
    }
}

fn check(finding: &Finding) -> Result<(), AlertError> {
    let bad = [("score", finding.score), ("energy_lost_kwh", finding.energy_lost_kwh)].into_iter().find(|(_, v)| !v.is_finite());
    bad.map_or(Ok(()), |(field, _)| {
        Err(AlertError::NotFinite {
            asset_id: finding.asset_id.to_string(),
            component: finding.component.clone(),
            mode: finding.mode.clone(),
            opened_at: finding.opened_at.to_string(),
            field,
        })
    })
}

fn opened(finding: &Finding, asset_name: &str, now: Timestamp) -> Alert {
    Alert {
        id: new_id(now),
        asset_id: finding.asset_id.clone(),
        asset_name: asset_name.into(),
        component: finding.component.clone(),
        mode: finding.mode.clone(),
        severity: finding.severity,
        state: State::Open,
        shelved_until: None,
        started_at: finding.started_at,
        opened_at: finding.opened_at,
        updated_at: now,
        closed_at: finding.closed_at,
        score: finding.score,
        energy_lost_kwh: finding.energy_lost_kwh,
        top_contributors: finding.top_contributors.clone(),
        occurrences: 1,
        assignee: None,
        title: wording::title(&finding.component, &finding.mode),
        advice: wording::advice(&finding.component, &finding.mode),
        incident_open: finding.closed_at.is_none(),
    }
}

/// A version-7 UUID at `now`: ids sort by creation.
pub(super) fn new_id(now: Timestamp) -> String {
    let seconds = u64::try_from(now.as_second()).unwrap_or(0);
    let nanos = u32::try_from(now.subsec_nanosecond()).unwrap_or(0);
    uuid::Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanos)).to_string()
}

/// Moves the figures of the alert; those of the moment follow only the latest incident. True when the urgency rose.
async fn take_figures(
    from: &mut SqliteConnection,
    alert: &mut Alert,
    finding: &Finding,
    now: Timestamp,
) -> Result<bool, AlertError> {
    let (energy, latest): (f64, i64) =
        sqlx::query_as("SELECT sum(energy_lost_kwh), max(opened_at) FROM alert_incidents WHERE alert_id = ?1")
            .bind(&alert.id)
            .fetch_one(from)
            .await
            .map_err(LedgerError::sql("summing the incidents of an alert"))?;
    alert.energy_lost_kwh = energy;
    alert.updated_at = now;
    alert.started_at = alert.started_at.min(finding.started_at);
    if micros(finding.opened_at) >= latest {
        alert.closed_at = finding.closed_at;
        alert.incident_open = finding.closed_at.is_none();
        alert.score = finding.score;
        alert.top_contributors.clone_from(&finding.top_contributors);
    }
    let louder = finding.severity > alert.severity;
    alert.severity = alert.severity.max(finding.severity);
    Ok(louder)
}

async fn known_incident(from: &mut SqliteConnection, finding: &Finding) -> Result<Option<Known>, AlertError> {
    let row: Option<(String, Option<i64>)> = sqlx::query_as(
        "SELECT alert_id, closed_at FROM alert_incidents WHERE asset_id = ?1 AND component = ?2 AND mode = ?3 AND opened_at = ?4",
    )
    .bind(finding.asset_id.as_str())
    .bind(&finding.component)
    .bind(&finding.mode)
    .bind(micros(finding.opened_at))
    .fetch_optional(from)
    .await
    .map_err(LedgerError::sql("looking for an incident"))?;
    Ok(row.map(|(alert_id, closed_at)| Known { alert_id, closed_at: closed_at.map(from_micros) }))
}

async fn save_incident(to: &mut SqliteConnection, finding: &Finding, alert_id: &str) -> Result<(), AlertError> {
    sqlx::query(
        "INSERT INTO alert_incidents (asset_id, component, mode, opened_at, closed_at, energy_lost_kwh, alert_id) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
         ON CONFLICT (asset_id, component, mode, opened_at) DO UPDATE SET closed_at = ?5, energy_lost_kwh = ?6",
    )
    .bind(finding.asset_id.as_str())
    .bind(&finding.component)
    .bind(&finding.mode)
    .bind(micros(finding.opened_at))
    .bind(finding.closed_at.map(micros))
    .bind(finding.energy_lost_kwh)
    .bind(alert_id)
    .execute(to)
    .await
    .map_err(LedgerError::sql("writing an incident"))?;
    Ok(())
}
