//! Reading the book: one alert, a page of alerts, their history, and what a listener missed.

use super::Alert;
use super::AlertBook;
use super::AlertChange;
use super::AlertError;
use super::AlertEvent;
use super::State;
use super::rows::EventRow;
use super::rows::alert_from;
use super::rows::event_from;
use super::rows::select_alerts;
use crate::domain::AssetId;
use crate::domain::Timestamp;
use crate::domain::from_micros;
use crate::domain::micros;
use crate::store::ledger::LedgerError;
use std::collections::BTreeMap;

/// Which alerts; empty fields do not restrict.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AlertFilter {
    /// Any of these states.
    pub states: Vec<State>,
    /// Of this asset, also those that are part of another alert.
    pub asset_id: Option<AssetId>,
    /// Part of this alert. Without it and without an asset, those that are part of another alert are left out.
    pub parent_alert_id: Option<String>,
    /// Continue after this page.
    pub cursor: Option<String>,
    /// At most this many, 100 when 0.
    pub limit: usize,
}

/// Some alerts, newest first, and where to go on.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertPage {
    /// Newest `opened_at` first.
    pub alerts: Vec<Alert>,
    /// Hand this back for the next page.
    pub next_cursor: Option<String>,
}

impl AlertBook {
    /// One alert.
    ///
    /// # Errors
    /// [`AlertError::NotFound`], [`AlertError::Ledger`].
    pub async fn get(&self, id: &str) -> Result<Alert, AlertError> {
        let row = sqlx::query(select_alerts!("WHERE id = ?1")).bind(id).fetch_optional(self.ledger.pool()).await;
        let row = row.map_err(LedgerError::sql("reading an alert"))?;
        Ok(alert_from(&row.ok_or_else(|| AlertError::NotFound { id: id.into() })?)?)
    }

    /// The history of one alert, oldest line first; empty for an unknown alert.
    ///
    /// # Errors
    /// [`AlertError::Ledger`].
    pub async fn events(&self, id: &str) -> Result<Vec<AlertEvent>, AlertError> {
        let rows: Vec<EventRow> =
            sqlx::query_as("SELECT id, alert_id, at, kind, by, note FROM alert_events WHERE alert_id = ?1 ORDER BY id")
                .bind(id)
                .fetch_all(self.ledger.pool())
                .await
                .map_err(LedgerError::sql("reading the history of an alert"))?;
        Ok(rows.into_iter().map(event_from).collect())
    }

    /// A page of alerts, newest first.
    ///
    /// # Errors
    /// [`AlertError::Cursor`] for a cursor we did not give, [`AlertError::Ledger`].
    pub async fn list(&self, filter: &AlertFilter) -> Result<AlertPage, AlertError> {
        let limit = if filter.limit == 0 { 100 } else { filter.limit };
        let (before, before_id) = match &filter.cursor {
            Some(text) => parse_cursor(text)?,
            None => (Timestamp::MAX, String::from("~")),
        };
        let states: Vec<&str> = filter.states.iter().map(|s| s.name()).collect();
        let rows = sqlx::query(select_alerts!(
            "WHERE (?1 = '' OR instr(',' || ?1 || ',', ',' || state || ',') > 0) AND (?2 IS NULL OR asset_id = ?2) \
             AND (CASE WHEN ?6 IS NOT NULL THEN parent_alert_id = ?6 WHEN ?2 IS NULL THEN parent_alert_id IS NULL ELSE 1 END) \
             AND (opened_at, id) < (?3, ?4) ORDER BY opened_at DESC, id DESC LIMIT ?5"
        ))
        .bind(states.join(","))
        .bind(filter.asset_id.as_ref().map(AssetId::as_str))
        .bind(micros(before))
        .bind(before_id)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1))
        .bind(&filter.parent_alert_id)
        .fetch_all(self.ledger.pool())
        .await
        .map_err(LedgerError::sql("listing alerts"))?;
        let mut alerts = rows.iter().map(alert_from).collect::<Result<Vec<_>, _>>()?;
        let more = alerts.len() > limit;
        alerts.truncate(limit);
        let next_cursor = alerts.last().filter(|_| more).map(|last| format!("{}_{}", micros(last.opened_at), last.id));
        Ok(AlertPage { alerts, next_cursor })
    }

    /// How many living alerts each asset has.
    ///
    /// # Errors
    /// [`AlertError::Ledger`].
    pub async fn living_by_asset(&self) -> Result<BTreeMap<String, u64>, AlertError> {
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "SELECT asset_id, count(*) FROM alerts WHERE state IN ('open', 'acknowledged', 'assigned') GROUP BY asset_id",
        )
        .fetch_all(self.ledger.pool())
        .await
        .map_err(LedgerError::sql("counting living alerts"))?;
        Ok(rows.into_iter().map(|(asset, n)| (asset, u64::try_from(n).unwrap_or(0))).collect())
    }

    /// What happened after history line `event_id`, oldest first: each alert once, as it is now, under its newest line. At most
    /// `limit` alerts.
    ///
    /// # Errors
    /// [`AlertError::Ledger`].
    pub async fn changes_after(&self, event_id: i64, limit: u32) -> Result<Vec<AlertChange>, AlertError> {
        let lines: Vec<(i64, String)> = sqlx::query_as(
            "SELECT max(id) AS line, alert_id FROM alert_events WHERE id > ?1 GROUP BY alert_id ORDER BY line LIMIT ?2",
        )
        .bind(event_id)
        .bind(limit)
        .fetch_all(self.ledger.pool())
        .await
        .map_err(LedgerError::sql("reading missed changes"))?;
        let mut changes = Vec::with_capacity(lines.len());
        for (line, alert_id) in lines {
            changes.push(Self::change(line, self.get(&alert_id).await?));
        }
        Ok(changes)
    }
}

fn parse_cursor(text: &str) -> Result<(Timestamp, String), AlertError> {
    let bad = || AlertError::Cursor { text: text.into() };
    let (time, id) = text.split_once('_').ok_or_else(bad)?;
    Ok((from_micros(time.parse().map_err(|_| bad())?), id.into()))
}
