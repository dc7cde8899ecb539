//! Incidents become alerts: one living alert per asset, component and mode takes in every incident of that name.
//!
//! A known incident (same asset, same `opened_at`) only moves figures, so a detector may repeat itself and a restart may replay; where its
//! component or mode became clearer, its alert follows, or hands it to the one that lives under that name. A new incident joins the
//! living alert as an occurrence, aloud after the hold-off, silently within it. With no living alert a new one opens, except within the
//! hold-off of one that was called a false positive (that one counts it and stays closed) or was over by itself (that one opens again).
//! What is part of another alert says nothing. What only informs, and what is part of another, is resolved when it is over.

use super::Alert;
use super::AlertBook;
use super::AlertChange;
use super::AlertError;
use super::State;
use super::incidents::Claims;
use super::incidents::Known;
use super::incidents::claim;
use super::incidents::known;
use super::incidents::save;
use super::incidents::summed;
use super::rows::alert_from;
use super::rows::read_again;
use super::rows::save_alert;
use super::rows::select_alerts;
use super::urgency::loss_rate;
use super::urgency::stakes;
use super::wording;
use crate::detect::Incident;
use crate::domain::Asset;
use crate::domain::Timestamp;
use crate::store::ledger::LedgerError;
use sqlx::SqliteConnection;

/// Who writes the history lines of incidents.
pub(super) const DETECTOR: &str = "detector";

/// The outcome of what needed nobody.
pub(super) const OVER: &str = "over";

/// What a report is about and how it stands in its round.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told<'a> {
    pub(super) incident: &'a Incident,
    pub(super) asset: &'a Asset,
    /// The alert it is part of.
    pub(super) parent: Option<&'a str>,
    pub(super) now: Timestamp,
}

/// An alert that a new incident may join.
enum Host {
    Living(Alert),
    Dismissed(Alert),
    Over(Alert),
}

impl AlertBook {
    /// Takes in what a detector reports about one incident of `asset`; returns the alert it belongs to and whether anything changed.
    ///
    /// # Errors
    /// [`AlertError::NotFinite`] for a score or energy that is no number, [`AlertError::Ledger`].
    pub async fn raise(&self, incident: &Incident, asset: &Asset, now: Timestamp) -> Result<(Alert, bool), AlertError> {
        let claims = Claims::from([claim(incident)]);
        self.raise_among(Told { incident, asset, parent: None, now }, &claims).await
    }

    /// The same for one of many; `claims` are all incidents of the round.
    pub(super) async fn raise_among(&self, told: Told<'_>, claims: &Claims) -> Result<(Alert, bool), AlertError> {
        check(told.incident)?;
        let mut writing = self.ledger.write().await?;
        let (alert, event_id, changed) = match known(&mut writing, told.incident, claims).await? {
            Some(known) => self.update(&mut writing, told, &known).await?,
            None => {
                let (alert, event) = self.take_in(&mut writing, told, None).await?;
                (alert, Some(event), true)
            }
        };
        writing.commit().await.map_err(LedgerError::sql("committing an incident"))?;
        if changed {
            self.tell(event_id, &alert);
        }
        Ok((alert, changed))
    }

    /// An incident without an alert opens one or joins one; `row` is its row where it has one already.
    async fn take_in(&self, writing: &mut SqliteConnection, told: Told<'_>, row: Option<i64>) -> Result<(Alert, i64), AlertError> {
        let Told { incident, now, .. } = told;
        let rate = loss_rate(incident, None, now);
        let (mut alert, living) = match self.host(writing, incident, told.asset).await? {
            None => {
                let mut alert = opened(told);
                // The incident's row names its alert, so the alert is there first.
                save_alert(writing, &alert, None).await?;
                save(writing, incident, row, &alert.id, rate, now).await?;
                take_figures(writing, &mut alert, told, rate).await?;
                let alert = self.settle(writing, alert, told).await?;
                let event = self.record(writing, &alert, "opened", DETECTOR, None, now, told.parent.is_none()).await?;
                return Ok((alert, event));
            }
            Some(Host::Living(alert)) => (alert, true),
            Some(Host::Dismissed(alert)) => (alert, false),
            Some(Host::Over(mut alert)) => {
                alert.state = State::Open;
                (alert, false)
            }
        };
        let quiet = !living || alert.incident_open || alert.closed_at.is_some_and(|end| self.is_held_off(end, incident));
        save(writing, incident, row, &alert.id, rate, now).await?;
        alert.occurrences = alert.occurrences.saturating_add(1);
        let louder = take_figures(writing, &mut alert, told, rate).await?;
        if alert.state.is_living() {
            alert.parent_alert_id = told.parent.map(Into::into);
        }
        let alert = self.settle(writing, alert, told).await?;
        let note = Some(format!("occurrence {}, opened {}", alert.occurrences, incident.opened_at));
        let aloud = told.parent.is_none() && (!quiet || (living && louder));
        let event = self.record(writing, &alert, "recurred", DETECTOR, note, now, aloud).await?;
        Ok((alert, event))
    }

    /// More about an incident we know.
    async fn update(
        &self,
        writing: &mut SqliteConnection,
        told: Told<'_>,
        known: &Known,
    ) -> Result<(Alert, Option<i64>, bool), AlertError> {
        let Told { incident, now, .. } = told;
        let before = read_again(writing, &known.incident.alert_id).await?;
        let moved = before.state.is_living() && before.parent_alert_id.as_deref() != told.parent;
        if known.is_told(incident) && !moved {
            return Ok((before, None, false));
        }
        let clearer = known.incident.component != incident.component || known.incident.mode != incident.mode;
        if clearer && before.state.is_living() && living_under(writing, incident, &before.id).await?.is_some() {
            let (alert, event) = self.hand_over(writing, told, known, before).await?;
            return Ok((alert, Some(event), true));
        }
        let was = (known.incident.energy_lost_kwh, known.incident.loss_rate_kw, known.reported_at);
        let rate = loss_rate(incident, Some(was), now);
        let mut alert = before.clone();
        save(writing, incident, Some(known.row), &alert.id, rate, now).await?;
        let louder = take_figures(writing, &mut alert, told, rate).await?;
        let renamed = clearer && before.state.is_living();
        if renamed {
            (alert.component, alert.mode) = (incident.component.clone(), incident.mode.clone());
            alert.title = wording::title(&alert.component, &alert.mode);
            alert.advice = wording::advice(&alert.component, &alert.mode);
        }
        if moved {
            alert.parent_alert_id = told.parent.map(Into::into);
        }
        let alert = self.settle(writing, alert, told).await?;
        let aloud = before.state.is_living() && told.parent.is_none();
        let mut event = None;
        if moved {
            let kind = if told.parent.is_some() { "folded" } else { "unfolded" };
            let of = told.parent.or(before.parent_alert_id.as_deref()).map(|id| format!("alert {id}"));
            event = Some(self.record(writing, &alert, kind, DETECTOR, of, now, aloud).await?);
        }
        if renamed {
            let note = Some(format!("{}/{} → {}/{}", before.component, before.mode, alert.component, alert.mode));
            event = Some(self.record(writing, &alert, "clarified", DETECTOR, note, now, aloud).await?);
        }
        if louder {
            let note = Some(format!("{} → {}", before.severity.name(), alert.severity.name()));
            event = Some(self.record(writing, &alert, "escalated", DETECTOR, note, now, aloud).await?);
        }
        if known.incident.closed_at.is_none() && incident.closed_at.is_some() {
            let note = incident.closed_at.map(|end| format!("the incident ended {end}"));
            event = Some(self.record(writing, &alert, "incident_closed", DETECTOR, note, now, aloud).await?);
        }
        Ok((alert, event, true))
    }

    /// An incident turned out to be what another living alert is about: it goes there, and an alert left without incidents ends.
    async fn hand_over(
        &self,
        writing: &mut SqliteConnection,
        told: Told<'_>,
        known: &Known,
        mut left: Alert,
    ) -> Result<(Alert, i64), AlertError> {
        let (alert, event) = self.take_in(writing, told, Some(known.row)).await?;
        let note = Some(format!("{}/{} → {}/{}, see alert {}", left.component, left.mode, alert.component, alert.mode, alert.id));
        left.updated_at = told.now;
        match summed(writing, &left).await? {
            Some((energy, _, count)) => {
                left.energy_lost_kwh = energy;
                left.occurrences = count;
                save_alert(writing, &left, None).await?;
            }
            None => {
                left.state = State::Resolved;
                left.incident_open = false;
                left.energy_expected_kwh = None;
                left.closed_at = Some(told.incident.closed_at.unwrap_or(told.now));
                left.parent_alert_id = Some(alert.id.clone());
                save_alert(writing, &left, Some((told.now, "merged"))).await?;
            }
        }
        self.record(writing, &left, "clarified", DETECTOR, note, told.now, false).await?;
        Ok((read_again(writing, &alert.id).await?, event))
    }

    /// Writes an alert whose figures moved, resolves what is over by itself, and reads it back.
    async fn settle(&self, writing: &mut SqliteConnection, mut alert: Alert, told: Told<'_>) -> Result<Alert, AlertError> {
        let needs_nobody = told.incident.is_information() || alert.parent_alert_id.is_some();
        let over = alert.state.is_living() && !alert.incident_open && needs_nobody;
        if over {
            alert.state = State::Resolved;
            alert.shelved_until = None;
        }
        save_alert(writing, &alert, over.then_some((told.now, OVER))).await?;
        if over {
            let note = Some("over by itself".to_owned());
            self.record(writing, &alert, "resolved", DETECTOR, note, told.now, false).await?;
        }
        read_again(writing, &alert.id).await
    }

    /// The alert a new incident joins.
    async fn host(&self, from: &mut SqliteConnection, incident: &Incident, asset: &Asset) -> Result<Option<Host>, AlertError> {
        let row = sqlx::query(select_alerts!(
            "WHERE asset_id = ?1 AND component = ?2 AND mode = ?3 ORDER BY state IN ('open', 'acknowledged', 'assigned') DESC, \
             coalesce(outcome = 'merged', 0), opened_at DESC LIMIT 1"
        ))
        .bind(asset.id.as_str())
        .bind(&incident.component)
        .bind(&incident.mode)
        .fetch_optional(&mut *from)
        .await;
        let Some(row) = row.map_err(LedgerError::sql("looking for a living alert"))? else { return Ok(None) };
        let alert = alert_from(&row)?;
        if alert.state.is_living() {
            return Ok(Some(Host::Living(alert)));
        }
        let lately = self.is_held_off(alert.closed_at.unwrap_or(alert.updated_at), incident);
        if lately && alert.state == State::FalsePositive {
            return Ok(Some(Host::Dismissed(alert)));
        }
        let outcome: Option<String> = sqlx::query_scalar("SELECT outcome FROM alerts WHERE id = ?1")
            .bind(&alert.id)
            .fetch_one(from)
            .await
            .map_err(LedgerError::sql("reading how an alert ended"))?;
        Ok((lately && outcome.as_deref() == Some(OVER)).then_some(Host::Over(alert)))
    }

    fn is_held_off(&self, end: Timestamp, incident: &Incident) -> bool {
        incident.opened_at.duration_since(end) <= self.rules.hold_off
    }

    /// A change as a listener would hear it, for replay: the alert as it is now under the id of that history line.
    pub(super) const fn change(event_id: i64, alert: Alert) -> AlertChange {
        AlertChange { event_id: Some(event_id), alert }
    }
}

fn check(incident: &Incident) -> Result<(), AlertError> {
    let bad = [("score", incident.score), ("energy_lost_kwh", incident.energy_lost_kwh)].into_iter().find(|(_, v)| !v.is_finite());
    bad.map_or(Ok(()), |(field, _)| {
        Err(AlertError::NotFinite {
            asset_id: incident.asset_id.to_string(),
            component: incident.component.clone(),
            mode: incident.mode.clone(),
            opened_at: incident.opened_at.to_string(),
            field,
        })
    })
}

/// Another living alert under the incident's name.
async fn living_under(from: &mut SqliteConnection, incident: &Incident, except: &str) -> Result<Option<String>, AlertError> {
    let found = sqlx::query_scalar(
        "SELECT id FROM alerts WHERE asset_id = ?1 AND component = ?2 AND mode = ?3 AND id <> ?4 \
         AND state IN ('open', 'acknowledged', 'assigned')",
    )
    .bind(incident.asset_id.as_str())
    .bind(&incident.component)
    .bind(&incident.mode)
    .bind(except)
    .fetch_optional(from)
    .await;
    Ok(found.map_err(LedgerError::sql("looking for a living alert"))?)
}

fn opened(told: Told<'_>) -> Alert {
    let Told { incident, asset, parent, now } = told;
    Alert {
        id: new_id(now),
        asset_id: asset.id.clone(),
        asset_name: asset.name.clone(),
        component: incident.component.clone(),
        mode: incident.mode.clone(),
        severity: incident.severity,
        state: State::Open,
        shelved_until: None,
        started_at: incident.started_at,
        opened_at: incident.opened_at,
        updated_at: now,
        closed_at: incident.closed_at,
        score: incident.score,
        energy_lost_kwh: incident.energy_lost_kwh,
        top_contributors: incident.top_contributors(),
        occurrences: 1,
        assignee: None,
        title: wording::title(&incident.component, &incident.mode),
        advice: wording::advice(&incident.component, &incident.mode),
        incident_open: incident.closed_at.is_none(),
        asset_kind: Some(asset.kind),
        evidence: incident.evidence.clone(),
        outlook: incident.outlook.clone(),
        energy_expected_kwh: None,
        urgency: 0.0,
        priority: 0.0,
        parent_alert_id: parent.map(Into::into),
        children: 0,
    }
}

/// A version-7 UUID at `now`: ids sort by creation.
pub(super) fn new_id(now: Timestamp) -> String {
    let seconds = u64::try_from(now.as_second()).unwrap_or(0);
    let nanos = u32::try_from(now.subsec_nanosecond()).unwrap_or(0);
    uuid::Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanos)).to_string()
}

/// Moves the figures of the alert; those of the moment follow only the latest incident. True when the urgency rose.
async fn take_figures(from: &mut SqliteConnection, alert: &mut Alert, told: Told<'_>, rate_kw: f64) -> Result<bool, AlertError> {
    let Told { incident, asset, now, .. } = told;
    let (energy, latest, _) = summed(from, alert).await?.unwrap_or((incident.energy_lost_kwh, incident.opened_at, 1));
    let stakes = stakes(incident, asset.capacity_kw, rate_kw, now);
    alert.energy_lost_kwh = energy;
    alert.updated_at = now;
    alert.started_at = alert.started_at.min(incident.started_at);
    alert.asset_kind = Some(asset.kind);
    if incident.opened_at >= latest {
        alert.closed_at = incident.closed_at;
        alert.incident_open = incident.closed_at.is_none();
        alert.score = incident.score;
        alert.top_contributors = incident.top_contributors();
        alert.evidence.clone_from(&incident.evidence);
        alert.outlook.clone_from(&incident.outlook);
        alert.energy_expected_kwh = stakes.energy_expected_kwh;
        alert.urgency = stakes.urgency;
    }
    let louder = stakes.severity > alert.severity;
    alert.severity = alert.severity.max(stakes.severity);
    Ok(louder)
}
