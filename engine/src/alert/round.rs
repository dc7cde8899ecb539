//! One round of all detectors: which incidents people hear of, what is part of what, and what nobody reports any more.
//!
//! In: every incident since the watch began, as often as the round comes. Out: alerts. Faults are told, and silence while it lasts; what
//! only informs is not. What ended more than seven days ago is history, not news, unless its alert still thinks it open.

use super::Alert;
use super::AlertBook;
use super::AlertError;
use super::folding::fold;
use super::incidents::Claims;
use super::incidents::claim;
use super::incidents::incident_from;
use super::incidents::select_incidents;
use super::raise::DETECTOR;
use super::raise::Told;
use super::rows::read_again;
use super::rows::save_alert;
use crate::detect::Incident;
use crate::domain::Asset;
use crate::domain::AssetId;
use crate::domain::Timestamp;
use crate::domain::micros;
use crate::store::ledger::LedgerError;
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// Mode of the incident that a connection brings nothing.
pub const LINK_SILENT: &str = "link_silent";

/// What ended longer ago than this is history, not news.
const NEWS: SignedDuration = SignedDuration::from_hours(24 * 7);

/// An incident people should hear of.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// As its detector sees it now.
    pub incident: Incident,
    /// Place, in the same list, of the report it is part of; always an earlier one.
    pub parent: Option<usize>,
}

/// What one round changed.
#[derive(Debug, Default)]
pub struct Round {
    /// Alerts that opened, moved or ended.
    pub changed: Vec<Alert>,
    /// Incidents that were refused; they did not stop the others.
    pub refused: Vec<AlertError>,
}

/// The reports of a round, parents first. `open` are the incidents whose alert thinks them open ([`AlertBook::open_incidents`]).
pub fn reports(incidents: &[Incident], assets: &[Asset], open: &BTreeSet<(AssetId, Timestamp)>, now: Timestamp) -> Vec<Report> {
    let news = now.saturating_sub(NEWS).unwrap_or(Timestamp::MIN);
    let folded = fold(incidents, assets);
    let awaited = |incident: &Incident| open.contains(&(incident.asset_id.clone(), incident.opened_at));
    let fresh = |incident: &Incident| incident.closed_at.is_none_or(|closed| closed >= news) || awaited(incident);
    let speaks = |incident: &Incident| match incident.mode.as_str() {
        "comms_loss" => incident.closed_at.is_none() || awaited(incident),
        _ => !incident.is_information() || awaited(incident),
    };
    // Whether a child is told may depend on its parent, so the highest, which stand last, are asked first.
    let mut told: BTreeSet<usize> = BTreeSet::new();
    for (place, one) in folded.iter().enumerate().rev() {
        let with_parent = one.parent.is_some_and(|parent| told.contains(&parent));
        if fresh(&one.incident) && (speaks(&one.incident) || with_parent) {
            told.insert(place);
        }
    }
    let (children, parents): (Vec<usize>, Vec<usize>) = told.into_iter().partition(|place| *place < incidents.len());
    let mut reports: Vec<Report> = Vec::new();
    let mut places: BTreeMap<usize, usize> = BTreeMap::new();
    for place in parents.into_iter().rev().chain(children) {
        places.insert(place, reports.len());
        let parent = folded[place].parent.and_then(|parent| places.get(&parent).copied());
        reports.push(Report { incident: folded[place].incident.clone(), parent });
    }
    reports
}

impl AlertBook {
    /// Takes in one round. `judged` are the assets whose detectors worked in it: an open incident of one of them that nobody reports is
    /// over.
    ///
    /// # Errors
    /// [`AlertError::Ledger`] when the ledger cannot be read at all; a refused incident is in [`Round::refused`].
    pub async fn take_in_round(
        &self,
        incidents: &[Incident],
        assets: &[Asset],
        judged: &BTreeSet<AssetId>,
        now: Timestamp,
    ) -> Result<Round, AlertError> {
        let reports = reports(incidents, assets, &self.open_incidents().await?, now);
        let by_id: BTreeMap<&AssetId, &Asset> = assets.iter().map(|asset| (&asset.id, asset)).collect();
        let claims: Claims = incidents.iter().chain(reports.iter().map(|report| &report.incident)).map(claim).collect();
        let mut round = Round::default();
        let mut ids: Vec<Option<String>> = Vec::with_capacity(reports.len());
        for report in &reports {
            let parent = report.parent.and_then(|place| ids.get(place)?.as_deref());
            let Some(asset) = by_id.get(&report.incident.asset_id).copied() else {
                ids.push(None);
                continue;
            };
            match self.raise_among(Told { incident: &report.incident, asset, parent, now }, &claims).await {
                Ok((alert, changed)) => {
                    ids.push(Some(alert.id.clone()));
                    round.changed.extend(changed.then_some(alert));
                }
                Err(error) => {
                    ids.push(None);
                    round.refused.push(error);
                }
            }
        }
        let named: BTreeSet<(&str, i64)> = claims.iter().map(|(asset, opened, ..)| (asset.as_str(), *opened)).collect();
        self.end_unseen(&named, &judged_with_parents(judged, &by_id), now, &mut round).await?;
        Ok(round)
    }

    /// Ends the open incidents of judged assets that no report names.
    async fn end_unseen(
        &self,
        named: &BTreeSet<(&str, i64)>,
        judged: &BTreeSet<AssetId>,
        now: Timestamp,
        round: &mut Round,
    ) -> Result<(), AlertError> {
        let mut writing = self.ledger.write().await?;
        let rows = sqlx::query(select_incidents!("WHERE closed_at IS NULL ORDER BY rowid")).fetch_all(&mut *writing);
        let rows = rows.await.map_err(LedgerError::sql("reading open incidents"))?;
        let mut heard = Vec::new();
        for row in &rows {
            let incident = incident_from(row)?;
            let opened = micros(incident.opened_at);
            // Whether a connection is silent is judged by the one who runs it, not by the watch.
            let is_ours = incident.mode != LINK_SILENT && judged.contains(&incident.asset_id);
            if !is_ours || named.contains(&(incident.asset_id.as_str(), opened)) {
                continue;
            }
            sqlx::query("UPDATE alert_incidents SET closed_at = ?1 WHERE alert_id = ?2 AND opened_at = ?3 AND closed_at IS NULL")
                .bind(micros(now))
                .bind(&incident.alert_id)
                .bind(opened)
                .execute(&mut *writing)
                .await
                .map_err(LedgerError::sql("ending an incident"))?;
            let mut alert = read_again(&mut writing, &incident.alert_id).await?;
            if !alert.incident_open {
                continue;
            }
            (alert.incident_open, alert.closed_at, alert.updated_at) = (false, Some(now), now);
            (alert.energy_expected_kwh, alert.outlook) = (None, None);
            save_alert(&mut writing, &alert, None).await?;
            let aloud = alert.state.is_living() && alert.parent_alert_id.is_none();
            let note = Some("the detector no longer sees it".to_owned());
            let event = self.record(&mut writing, &alert, "incident_closed", DETECTOR, note, now, aloud).await?;
            heard.push((event, alert));
        }
        writing.commit().await.map_err(LedgerError::sql("committing ended incidents"))?;
        for (event, alert) in heard {
            self.tell(Some(event), &alert);
            round.changed.push(alert);
        }
        Ok(())
    }
}

/// Whoever judged the children would have raised the parent.
fn judged_with_parents(judged: &BTreeSet<AssetId>, assets: &BTreeMap<&AssetId, &Asset>) -> BTreeSet<AssetId> {
    let mut all = judged.clone();
    let mut rising: Vec<AssetId> = judged.iter().cloned().collect();
    while let Some(id) = rising.pop() {
        let parent = assets.get(&id).and_then(|asset| asset.parent_id.clone());
        rising.extend(parent.filter(|parent| all.insert(parent.clone())));
    }
    all
}
