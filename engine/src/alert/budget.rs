//! What feedback teaches: how often alerts of a pattern turned out true, and whether false alarms stay within their budget.
//!
//! A pattern is asset kind, component and mode. Its priority is the mean of a beta distribution: 4 of 5 alerts are taken for true before
//! anybody has judged one, each one called fixed or needing nothing counts as true, each false positive as false (Gelman et al., Bayesian
//! Data Analysis, 3rd ed., section 2.4). What informs, what is part of another alert and what merged counts as nothing.

use super::AlertBook;
use super::AlertError;
use crate::domain::AssetKind;
use crate::domain::Timestamp;
use crate::domain::from_micros;
use crate::domain::micros;
use crate::store::ledger::LedgerError;
use jiff::SignedDuration;
use sqlx::Row;

/// True alerts taken for granted before anybody judged.
const PRIOR_TRUE: f64 = 4.0;
/// False alerts taken for granted before anybody judged.
const PRIOR_FALSE: f64 = 1.0;
/// The budget is that of the last year.
const YEAR: SignedDuration = SignedDuration::from_hours(24 * 365);

/// How alerts of one pattern fared.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern {
    /// What kind of asset; `None` for alerts of a time when it was not kept.
    pub asset_kind: Option<AssetKind>,
    /// Part of the asset.
    pub component: String,
    /// What is wrong with it.
    pub mode: String,
    /// Alerts in the period of the budget.
    pub raised: u64,
    /// Of these, how many were called false.
    pub false_positives: u64,
    /// How likely the next one is true by all that was ever judged, 0 to 1.
    pub priority: f64,
}

/// Alerts and false positives against what was allowed.
#[derive(Debug, Clone, PartialEq)]
pub struct Budget {
    /// Begin of the period: a year ago, or when the ledger began.
    pub since: Timestamp,
    /// False alarms allowed in it.
    pub allowed: f64,
    /// Alerts raised in it.
    pub raised: u64,
    /// Of these, how many were called false.
    pub false_positives: u64,
    /// By pattern, the one with most false positives first.
    pub patterns: Vec<Pattern>,
}

impl AlertBook {
    /// How the alerts since a year ago stand against a budget of `per_asset_year` false alarms, for `assets` watched ones.
    ///
    /// # Errors
    /// [`AlertError::Ledger`].
    pub async fn budget(&self, per_asset_year: f64, assets: usize, now: Timestamp) -> Result<Budget, AlertError> {
        let failed = || LedgerError::sql("counting alerts against the budget");
        let began: Option<i64> = sqlx::query_scalar(
            "SELECT min(t) FROM (SELECT min(at) AS t FROM alert_events UNION ALL SELECT min(created_at) FROM api_keys)",
        )
        .fetch_one(self.ledger.pool())
        .await
        .map_err(failed())?;
        let year_ago = now.saturating_sub(YEAR).unwrap_or(Timestamp::MIN);
        let since = began.map_or(now, from_micros).max(year_ago).min(now);
        let rows = sqlx::query(
            "SELECT asset_kind, component, mode, sum(told >= ?1) AS raised, \
             sum(told >= ?1 AND outcome IS 'false_positive') AS wrong, sum(coalesce(outcome, '') IN ('fixed', 'no_action')) AS right_ever, \
             sum(outcome IS 'false_positive') AS wrong_ever \
             FROM (SELECT alerts.*, coalesce((SELECT min(at) FROM alert_events WHERE alert_id = alerts.id), opened_at) AS told FROM alerts) \
             WHERE severity <> 'info' AND parent_alert_id IS NULL GROUP BY asset_kind, component, mode \
             ORDER BY wrong DESC, raised DESC, component, mode, asset_kind",
        )
        .bind(micros(since))
        .fetch_all(self.ledger.pool())
        .await
        .map_err(failed())?;
        let mut patterns = Vec::with_capacity(rows.len());
        for row in &rows {
            let count = |column| row.try_get::<i64, _>(column).map(|n| u64::try_from(n).unwrap_or(0)).map_err(failed());
            let (right, wrong) = (count("right_ever")? as f64, count("wrong_ever")? as f64);
            let kind: Option<String> = row.try_get("asset_kind").map_err(failed())?;
            patterns.push(Pattern {
                asset_kind: kind.and_then(|kind| AssetKind::parse(&kind).ok()),
                component: row.try_get("component").map_err(failed())?,
                mode: row.try_get("mode").map_err(failed())?,
                raised: count("raised")?,
                false_positives: count("wrong")?,
                priority: (PRIOR_TRUE + right) / (PRIOR_TRUE + PRIOR_FALSE + right + wrong),
            });
        }
        let years = now.duration_since(since).as_secs_f64() / YEAR.as_secs_f64();
        Ok(Budget {
            since,
            allowed: per_asset_year * assets as f64 * years,
            raised: patterns.iter().map(|pattern| pattern.raised).sum(),
            false_positives: patterns.iter().map(|pattern| pattern.false_positives).sum(),
            patterns,
        })
    }
}
