//! The book of alerts over the ledger: people's actions, changes for listeners, and the rules by which messages are written.
//!
//! Every change writes the alert, its history and its outbox rows in one transaction, then tells the listeners. Incidents come in
//! through `raise` (in [`super::raise`]), readers ask through [`super::query`].

use super::Action;
use super::Alert;
use super::AlertError;
use super::AlertEvent;
use super::Playbook;
use super::Severity;
use super::lifecycle::next_state;
use super::rows::alert_from;
use super::rows::insert_event;
use super::rows::read_again;
use super::rows::read_alert;
use super::rows::save_alert;
use super::rows::select_alerts;
use crate::domain::Timestamp;
use crate::store::ledger::Ledger;
use crate::store::ledger::LedgerError;
use jiff::SignedDuration;
use sqlx::SqliteConnection;
use tokio::sync::broadcast;

/// Which messages a channel wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Name of the channel; its notifier is handed to the outbox under the same name.
    pub channel: String,
    /// Events wanted, for example `alert.opened`; empty means all.
    pub events: Vec<String>,
    /// Nothing below this urgency.
    pub min_severity: Severity,
}

/// How alerts behave.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertRules {
    /// An incident that opens again within this time of the last one's end counts an occurrence without a new message; after a
    /// false positive it does not raise a new alert.
    pub hold_off: SignedDuration,
    /// Who is told.
    pub subscriptions: Vec<Subscription>,
    /// What to do about what.
    pub playbook: Playbook,
}

impl Default for AlertRules {
    fn default() -> Self {
        Self { hold_off: SignedDuration::from_hours(24), subscriptions: Vec::new(), playbook: Playbook::default() }
    }
}

/// Something happened to an alert.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertChange {
    /// Id of the history line; `None` when only figures moved.
    pub event_id: Option<i64>,
    /// The alert after it.
    pub alert: Alert,
}

/// The alerts of a site. Cheap to clone; clones share the ledger and the listeners.
#[derive(Debug, Clone)]
pub struct AlertBook {
    pub(super) ledger: Ledger,
    pub(super) rules: AlertRules,
    pub(super) changes: broadcast::Sender<AlertChange>,
}

impl AlertBook {
    /// The book of a ledger.
    pub fn new(ledger: Ledger, rules: AlertRules) -> Self {
        Self { ledger, rules, changes: broadcast::channel(1024).0 }
    }

    /// How its alerts behave.
    pub const fn rules(&self) -> &AlertRules {
        &self.rules
    }

    /// Hears of every change from now on. A listener that falls 1024 changes behind is told that it lagged.
    pub fn subscribe(&self) -> broadcast::Receiver<AlertChange> {
        self.changes.subscribe()
    }

    /// Does what a person asks; `by` is who asks.
    ///
    /// # Errors
    /// [`AlertError::NotFound`], [`AlertError::Illegal`], [`AlertError::Missing`], [`AlertError::ShelveInPast`],
    /// [`AlertError::Ledger`].
    pub async fn act(&self, id: &str, action: &Action, by: &str, now: Timestamp) -> Result<Alert, AlertError> {
        let mut writing = self.ledger.write().await?;
        let mut alert = read_alert(&mut writing, id).await?.ok_or_else(|| AlertError::NotFound { id: id.into() })?;
        alert.state = next_state(id, alert.asset_id.as_str(), alert.state, action, now)?;
        alert.updated_at = now;
        match action {
            Action::Assign { assignee, .. } => alert.assignee = Some(assignee.trim().into()),
            Action::Shelve { until, .. } => alert.shelved_until = Some(*until),
            Action::Resolve { .. } => alert.shelved_until = None,
            Action::Acknowledge { .. } | Action::Comment { .. } => {}
        }
        let outcome = match action {
            Action::Resolve { outcome, .. } => Some((now, outcome.name())),
            _ => None,
        };
        save_alert(&mut writing, &alert, outcome).await?;
        if outcome.is_some() {
            self.resolve_children(&mut writing, &alert, now, by).await?;
        }
        let alert = read_again(&mut writing, id).await?;
        let event_id = self.record(&mut writing, &alert, action.event(), by, action.note(), now, true).await?;
        writing.commit().await.map_err(LedgerError::sql("committing an action on an alert"))?;
        self.tell(Some(event_id), &alert);
        Ok(alert)
    }

    /// What is part of a decided alert is decided with it, silently.
    async fn resolve_children(
        &self,
        writing: &mut SqliteConnection,
        parent: &Alert,
        now: Timestamp,
        by: &str,
    ) -> Result<(), AlertError> {
        let mut above = vec![parent.id.clone()];
        while let Some(id) = above.pop() {
            let rows = sqlx::query(select_alerts!(
                "WHERE parent_alert_id = ?1 AND state IN ('open', 'acknowledged', 'assigned') ORDER BY id"
            ))
            .bind(&id)
            .fetch_all(&mut *writing)
            .await
            .map_err(LedgerError::sql("reading the alerts under another"))?;
            for row in &rows {
                let mut child = alert_from(row)?;
                (child.state, child.updated_at, child.shelved_until) = (parent.state, now, None);
                // Nobody judged the child: it says nothing about its pattern.
                save_alert(writing, &child, Some((now, "with_parent"))).await?;
                let note = Some(format!("with alert {}", parent.id));
                self.record(writing, &child, parent.state.name(), by, note, now, false).await?;
                above.push(child.id);
            }
        }
        Ok(())
    }

    /// Writes a history line and, unless the alert is shelved, the messages about it; returns the line's id.
    #[allow(clippy::too_many_arguments, reason = "one call per line of history; each argument is a column")]
    pub(super) async fn record(
        &self,
        writing: &mut SqliteConnection,
        alert: &Alert,
        kind: &str,
        by: &str,
        note: Option<String>,
        now: Timestamp,
        aloud: bool,
    ) -> Result<i64, AlertError> {
        let event = AlertEvent { id: 0, alert_id: alert.id.clone(), at: now, kind: kind.into(), by: by.into(), note };
        let id = insert_event(writing, &event).await?;
        let shelved = alert.shelved_until.is_some_and(|until| until > now);
        if aloud && !shelved {
            super::outbox::enqueue(writing, &self.rules.subscriptions, alert, &format!("alert.{kind}"), now).await?;
        }
        Ok(id)
    }

    pub(super) fn tell(&self, event_id: Option<i64>, alert: &Alert) {
        // An error here only says that nobody listens.
        drop(self.changes.send(AlertChange { event_id, alert: alert.clone() }));
    }
}
